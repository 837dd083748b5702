"""Writers of elementwise ops."""

from __future__ import annotations

import math

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.types import is_float
from pellucid.interop.onnx.op_table import BINARY, SAME_OPERATOR
from pellucid.interop.onnx.writer import OnnxWriter, unsupported_error, writes
from pellucid.typing import ArrayLike


def scalar(w: OnnxWriter, e: Expr, value: ArrayLike) -> str:
    """Return a constant of the dtype of ``e``."""
    return w.constant(value, e.dtype)


def to_bool(w: OnnxWriter, e: Expr, x: str) -> str:
    """Return a value as bool, which logical operators need."""
    return x if e.dtype == bool else w.cast(x, "bool")


@writes(*SAME_OPERATOR)
def same_operator(w: OnnxWriter, e: Expr, *operands: str) -> str:
    assert e.op is not None
    if e.op.name == "logical_not":
        operands = (to_bool(w, e.inputs[0], operands[0]),)
    return w.node(SAME_OPERATOR[e.op.name], *operands)


@writes(*BINARY)
def binary(w: OnnxWriter, e: Expr, x: str, y: str) -> str:
    """Binary node; bool operands use the logical operators."""
    assert e.op is not None
    kind = BINARY[e.op.name]
    if e.op.name.startswith("logical"):
        x, y = to_bool(w, e.inputs[0], x), to_bool(w, e.inputs[1], y)
    elif e.inputs[0].dtype == bool:
        kind = LOGICAL.get(e.op.name, kind)
    return w.node(kind, x, y)


LOGICAL = {
    "bitwise_and": "And",
    "bitwise_or": "Or",
    "bitwise_xor": "Xor",
    "multiply": "And",
    "add": "Or",
}
"""Operators of ops whose operands are bool."""


@writes("fmax", "fmin")
def fmax_or_fmin(w: OnnxWriter, e: Expr, x: str, y: str) -> str:
    """Maximum or minimum that ignores NaN."""
    assert e.op is not None
    best = w.node("Max" if e.op.name == "fmax" else "Min", x, y)
    if not is_float(e.dtype):
        return best
    return w.node("Where", w.node("IsNaN", x), y, w.node("Where", w.node("IsNaN", y), x, best))


@writes("clip")
def clip(w: OnnxWriter, e: Expr, x: str, low: str, high: str) -> str:
    """Clip takes scalar bounds; array bounds need Max and Min."""
    if e.inputs[1].ndim == 0 and e.inputs[2].ndim == 0 and e.shape == e.inputs[0].shape:
        return w.node("Clip", x, low, high)
    return w.node("Min", w.node("Max", x, low), high)


@writes("nan_to_num")
def nan_to_num(w: OnnxWriter, e: Expr, x: str) -> str:
    if not is_float(e.dtype):
        return x
    limits = np.finfo(e.dtype) if e.dtype.kind == "f" else np.finfo(np.float32)
    settings = e.settings
    high = limits.max if settings["posinf"] is None else settings["posinf"]
    low = limits.min if settings["neginf"] is None else settings["neginf"]
    result = w.node("Where", w.node("IsNaN", x), scalar(w, e, settings["nan"]), x)
    result = w.node("Where", w.node("IsInf", x, detect_negative=0), scalar(w, e, high), result)
    return w.node("Where", w.node("IsInf", x, detect_positive=0), scalar(w, e, low), result)


@writes("isinf")
def isinf(w: OnnxWriter, e: Expr, x: str) -> str:
    if not is_float(e.inputs[0].dtype):
        return w.node("Not", w.node("Equal", x, x))  # integers are never infinite
    return w.node("IsInf", x)


@writes("isfinite")
def isfinite(w: OnnxWriter, e: Expr, x: str) -> str:
    if not is_float(e.inputs[0].dtype):
        return w.node("Equal", x, x)
    return w.node("Not", w.node("Or", w.node("IsInf", x), w.node("IsNaN", x)))


@writes("not_equal")
def not_equal(w: OnnxWriter, e: Expr, x: str, y: str) -> str:
    return w.node("Not", w.node("Equal", x, y))


@writes("square")
def square(w: OnnxWriter, e: Expr, x: str) -> str:
    return w.node("Mul", x, x)


@writes("cbrt")
def cbrt(w: OnnxWriter, e: Expr, x: str) -> str:
    """Cube root of the absolute value, with the sign of the operand."""
    root = w.node("Pow", w.node("Abs", x), scalar(w, e, 1 / 3))
    return w.node("Mul", w.node("Sign", x), root)


@writes("cast")
def cast(w: OnnxWriter, e: Expr, x: str) -> str:
    return w.cast(x, e.dtype)


@writes("exp2")
def exp2(w: OnnxWriter, e: Expr, x: str) -> str:
    return w.node("Pow", scalar(w, e, 2), x)


@writes("log2", "log10")
def log2_or_log10(w: OnnxWriter, e: Expr, x: str) -> str:
    assert e.op is not None
    return w.node("Div", w.node("Log", x), scalar(w, e, math.log(2 if e.op.name == "log2" else 10)))


@writes("log1p")
def log1p(w: OnnxWriter, e: Expr, x: str) -> str:
    """W. Kahan's formula x log(u) / (u - 1) for u = 1 + x, accurate for small x."""
    one = scalar(w, e, 1)
    u = w.node("Add", x, one)
    special = w.node("Or", w.node("Equal", u, one), w.node("IsInf", u))
    result = w.node("Div", w.node("Mul", w.node("Log", u), x), w.node("Sub", u, one))
    return w.node("Where", special, x, result)


@writes("expm1")
def expm1(w: OnnxWriter, e: Expr, x: str) -> str:
    """W. Kahan's formula (u - 1) x / log(u) for u = e^x, accurate for small x."""
    one = scalar(w, e, 1)
    u = w.node("Exp", x)
    difference = w.node("Sub", u, one)
    quotient = w.node("Div", w.node("Mul", difference, x), w.node("Log", u))
    extreme = w.node("Or", w.node("IsInf", u), w.node("Equal", difference, scalar(w, e, -1)))
    return w.node("Where", w.node("Equal", u, one), x, w.node("Where", extreme, difference, quotient))


@writes("logaddexp", "logaddexp2")
def logaddexp(w: OnnxWriter, e: Expr, x: str, y: str) -> str:
    """Maximum plus the softplus of minus the distance; equal operands (also infinities) are a separate case."""
    assert e.op is not None
    distance = w.node("Neg", w.node("Abs", w.node("Sub", x, y)))
    two = scalar(w, e, math.log(2))
    base2 = e.op.name == "logaddexp2"
    soft = w.node("Softplus", w.node("Mul", distance, two) if base2 else distance)
    total = w.node("Add", w.node("Max", x, y), w.node("Div", soft, two) if base2 else soft)
    return w.node("Where", w.node("Equal", x, y), w.node("Add", x, scalar(w, e, 1 if base2 else math.log(2))), total)


@writes("erfc")
def erfc(w: OnnxWriter, e: Expr, x: str) -> str:
    return w.node("Sub", scalar(w, e, 1), w.node("Erf", x))


@writes("divide_no_nan")
def divide_no_nan(w: OnnxWriter, e: Expr, x: str, y: str) -> str:
    """Quotient; 0 where the divisor is 0."""
    is_zero = w.node("Equal", y, scalar(w, e, 0))
    return w.node("Where", is_zero, scalar(w, e, 0), w.node("Div", x, w.node("Where", is_zero, scalar(w, e, 1), y)))


@writes("floor_divide")
def floor_divide(w: OnnxWriter, e: Expr, x: str, y: str) -> str:
    """Quotient rounded down; ONNX's integer division rounds toward zero."""
    if is_float(e.dtype):
        return w.node("Floor", w.node("Div", x, y))
    return w.node("Div", w.node("Sub", x, w.node("Mod", x, y)), y)


@writes("remainder")
def remainder(w: OnnxWriter, e: Expr, x: str, y: str) -> str:
    """Remainder with the sign of the divisor."""
    if not is_float(e.dtype):
        return w.node("Mod", x, y)
    rest = w.node("Mod", x, y, fmod=1)
    zero = scalar(w, e, 0)
    signs_differ = w.node("Xor", w.node("Less", rest, zero), w.node("Less", y, zero))
    is_shifted = w.node("And", signs_differ, w.node("Not", w.node("Equal", rest, zero)))
    return w.node("Where", is_shifted, w.node("Add", rest, y), rest)


@writes("fmod")
def fmod(w: OnnxWriter, e: Expr, x: str, y: str) -> str:
    return w.node("Mod", x, y, fmod=1)


@writes("trunc")
def trunc(w: OnnxWriter, e: Expr, x: str) -> str:
    return w.node("Mul", w.node("Sign", x), w.node("Floor", w.node("Abs", x))) if is_float(e.dtype) else x


@writes("round")
def round_(w: OnnxWriter, e: Expr, x: str) -> str:
    if not is_float(e.dtype):
        raise unsupported_error(e, "ONNX rounds floating-point numbers only")
    decimals = e.settings["decimals"]
    if not decimals:
        return w.node("Round", x)
    factor = scalar(w, e, 10.0 ** abs(decimals))
    scale, unscale = ("Mul", "Div") if decimals > 0 else ("Div", "Mul")
    return w.node(unscale, w.node("Round", w.node(scale, x, factor)), factor)


@writes("signbit")
def signbit(w: OnnxWriter, e: Expr, x: str) -> str:
    (operand,) = e.inputs
    if not is_float(operand.dtype):
        return w.node("Less", x, scalar(w, operand, 0))
    return write_signbit(w, operand, x)


@writes("copysign")
def copysign(w: OnnxWriter, e: Expr, x: str, y: str) -> str:
    size = w.node("Abs", x)
    return w.node("Where", write_signbit(w, e, y), w.node("Neg", size), size)


def write_signbit(w: OnnxWriter, e: Expr, y: str) -> str:
    """Write whether a value is negative or -0.0, whose reciprocal is negative."""
    zero = scalar(w, e, 0)
    return w.node("Or", w.node("Less", y, zero), w.node("Less", w.node("Reciprocal", y), zero))


@writes("heaviside")
def heaviside(w: OnnxWriter, e: Expr, x: str, y: str) -> str:
    zero = scalar(w, e, 0)
    step = w.node("Where", w.node("Less", x, zero), zero, scalar(w, e, 1))
    step = w.node("Where", w.node("Equal", x, zero), y, step)
    return w.node("Where", w.node("IsNaN", x), x, step) if is_float(e.dtype) else step


@writes("arctan2")
def arctan2(w: OnnxWriter, e: Expr, y: str, x: str) -> str:
    """Arctangent of the quotient, shifted by pi in the left half-plane."""
    zero, pi = scalar(w, e, 0), scalar(w, e, math.pi)
    half = w.node("Where", write_signbit(w, e, y), w.node("Neg", pi), pi)
    angle = w.node("Atan", w.node("Div", y, x))
    shifted = w.node("Where", w.node("Less", x, zero), w.node("Add", angle, half), angle)
    vertical = w.node("Where", w.node("Equal", y, zero), y, w.node("Div", half, scalar(w, e, 2)))
    return w.node("Where", w.node("Equal", x, zero), vertical, shifted)


@writes("hypot")
def hypot(w: OnnxWriter, e: Expr, x: str, y: str) -> str:
    """Scaled by the larger operand, so that squares do not overflow."""
    a, b = w.node("Abs", x), w.node("Abs", y)
    larger, smaller = w.node("Max", a, b), w.node("Min", a, b)
    is_zero = w.node("Equal", larger, scalar(w, e, 0))
    part = w.node("Div", smaller, w.node("Where", is_zero, scalar(w, e, 1), larger))
    return w.node("Mul", larger, w.node("Sqrt", w.node("Add", w.node("Mul", part, part), scalar(w, e, 1))))


@writes("sinc")
def sinc(w: OnnxWriter, e: Expr, x: str) -> str:
    """sin(pi x) / (pi x), and 1 at 0."""
    angle = w.node("Mul", x, scalar(w, e, math.pi))
    is_zero = w.node("Equal", angle, scalar(w, e, 0))
    quotient = w.node("Div", w.node("Sin", angle), w.node("Where", is_zero, scalar(w, e, 1), angle))
    return w.node("Where", is_zero, scalar(w, e, 1), quotient)


@writes("invert")
def invert(w: OnnxWriter, e: Expr, x: str) -> str:
    return w.node("Not" if e.dtype == bool else "BitwiseNot", x)


@writes("left_shift", "right_shift")
def shift(w: OnnxWriter, e: Expr, x: str, y: str) -> str:
    """BitShift is unsigned only; signed shifts are written as products and quotients."""
    assert e.op is not None
    left = e.op.name == "left_shift"
    if e.dtype.kind == "u":
        return w.node("BitShift", x, y, direction="LEFT" if left else "RIGHT")
    power = w.node("Pow", scalar(w, e, 2), y)
    if left:
        return w.node("Mul", x, power)
    return w.node("Div", w.node("Sub", x, w.node("Mod", x, power)), power)


@writes("leaky_relu")
def leaky_relu(w: OnnxWriter, e: Expr, x: str) -> str:
    return w.node("LeakyRelu", x, alpha=float(e.settings["negative_slope"]))


@writes("attach_mask")
def attach_mask(w: OnnxWriter, e: Expr, x: str, mask: str) -> str:
    return x
