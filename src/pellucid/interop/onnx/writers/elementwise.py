"""Functions of elements."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.types import is_float
from pellucid.interop.onnx.op_table import BINARY, UNARY
from pellucid.interop.onnx.writer import Writer, not_in_onnx, writes


def scalar(w: Writer, e: Expr, value: Any) -> str:
    """Return a number of the dtype of an expression."""
    return w.constant(value, e.dtype)


def truth(w: Writer, e: Expr, x: str) -> str:
    """Return what logic takes: whether a number is other than 0."""
    return x if e.dtype == bool else w.cast(x, "bool")


@writes(*UNARY)
def unary(w: Writer, e: Expr, x: str) -> Any:
    """One node of one operand."""
    assert e.op is not None
    if e.op.name == "logical_not":
        x = truth(w, e.inputs[0], x)
    return w.node(UNARY[e.op.name], x)


@writes(*BINARY)
def binary(w: Writer, e: Expr, x: str, y: str) -> Any:
    """One node of two operands; of booleans, the operators of logic."""
    assert e.op is not None
    kind = BINARY[e.op.name]
    if e.op.name.startswith("logical"):
        x, y = truth(w, e.inputs[0], x), truth(w, e.inputs[1], y)
    elif e.inputs[0].dtype == bool:
        kind = LOGIC.get(e.op.name, kind)
    return w.node(kind, x, y)


LOGIC = {
    "bitwise_and": "And",
    "bitwise_or": "Or",
    "bitwise_xor": "Xor",
    "multiply": "And",
    "add": "Or",
}
"""What is logic where the operands are booleans."""


@writes("maximum")
def maximum(w: Writer, e: Expr, x: str, y: str) -> Any:
    """Max."""
    return w.node("Max", x, y)


@writes("minimum")
def minimum(w: Writer, e: Expr, x: str, y: str) -> Any:
    """Min."""
    return w.node("Min", x, y)


@writes("fmax", "fmin")
def without_nan(w: Writer, e: Expr, x: str, y: str) -> Any:
    """The greater, or the other where one is no number."""
    assert e.op is not None
    best = w.node("Max" if e.op.name == "fmax" else "Min", x, y)
    if not is_float(e.dtype):
        return best
    return w.node("Where", w.node("IsNaN", x), y, w.node("Where", w.node("IsNaN", y), x, best))


@writes("clip")
def clip(w: Writer, e: Expr, x: str, low: str, high: str) -> Any:
    """Clip takes two numbers; arrays are two comparisons."""
    if e.inputs[1].ndim == 0 and e.inputs[2].ndim == 0 and e.shape == e.inputs[0].shape:
        return w.node("Clip", x, low, high)
    return w.node("Min", w.node("Max", x, low), high)


@writes("where")
def where(w: Writer, e: Expr, condition: str, x: str, y: str) -> Any:
    """Where."""
    return w.node("Where", condition, x, y)


@writes("nan_to_num")
def nan_to_num(w: Writer, e: Expr, x: str) -> Any:
    """Numbers for what is none."""
    if not is_float(e.dtype):
        return x
    limits = np.finfo(e.dtype) if e.dtype.kind == "f" else np.finfo(np.float32)
    settings = e.settings
    high = limits.max if settings["posinf"] is None else settings["posinf"]
    low = limits.min if settings["neginf"] is None else settings["neginf"]
    clear = w.node("Where", w.node("IsNaN", x), scalar(w, e, settings["nan"]), x)
    clear = w.node("Where", w.node("IsInf", x, detect_negative=0), scalar(w, e, high), clear)
    return w.node("Where", w.node("IsInf", x, detect_positive=0), scalar(w, e, low), clear)


@writes("isinf")
def isinf(w: Writer, e: Expr, x: str) -> Any:
    """IsInf, for real numbers."""
    if not is_float(e.inputs[0].dtype):
        return never(w, e, x)
    return w.node("IsInf", x)


def never(w: Writer, e: Expr, x: str) -> Any:
    """False everywhere."""
    return w.node("Not", w.node("Equal", x, x))


@writes("isfinite")
def isfinite(w: Writer, e: Expr, x: str) -> Any:
    """Neither infinite nor no number."""
    if not is_float(e.inputs[0].dtype):
        return w.node("Equal", x, x)
    return w.node("Not", w.node("Or", w.node("IsInf", x), w.node("IsNaN", x)))


@writes("not_equal")
def not_equal(w: Writer, e: Expr, x: str, y: str) -> Any:
    """Not equal."""
    return w.node("Not", w.node("Equal", x, y))


@writes("square")
def square(w: Writer, e: Expr, x: str) -> Any:
    """A product with itself."""
    return w.node("Mul", x, x)


@writes("cbrt")
def cbrt(w: Writer, e: Expr, x: str) -> Any:
    """The root of the size, with the sign."""
    root = w.node("Pow", w.node("Abs", x), scalar(w, e, 1 / 3))
    return w.node("Mul", w.node("Sign", x), root)


@writes("cast")
def cast(w: Writer, e: Expr, x: str) -> Any:
    """Cast."""
    return w.cast(x, e.dtype)


@writes("exp2")
def exp2(w: Writer, e: Expr, x: str) -> Any:
    """A power of two."""
    return w.node("Pow", scalar(w, e, 2), x)


@writes("log2", "log10")
def other_logarithms(w: Writer, e: Expr, x: str) -> Any:
    """A multiple of the natural logarithm."""
    assert e.op is not None
    return w.node("Div", w.node("Log", x), scalar(w, e, math.log(2 if e.op.name == "log2" else 10)))


@writes("log1p")
def log1p(w: Writer, e: Expr, x: str) -> Any:
    """W. Kahan's form, which keeps the digits of small numbers: x log(u) / (u - 1) for u = 1 + x."""
    one = scalar(w, e, 1)
    u = w.node("Add", x, one)
    plain = w.node("Or", w.node("Equal", u, one), w.node("IsInf", u))
    part = w.node("Div", w.node("Mul", w.node("Log", u), x), w.node("Sub", u, one))
    small = w.node("Where", w.node("Equal", u, one), x, part)
    return w.node("Where", w.node("IsInf", u), x, w.node("Where", plain, x, small))


@writes("expm1")
def expm1(w: Writer, e: Expr, x: str) -> Any:
    """W. Kahan's form: (u - 1) x / log(u) for u = e^x."""
    one = scalar(w, e, 1)
    u = w.node("Exp", x)
    less = w.node("Sub", u, one)
    part = w.node("Div", w.node("Mul", less, x), w.node("Log", u))
    far = w.node("Or", w.node("IsInf", u), w.node("Equal", less, scalar(w, e, -1)))
    return w.node("Where", w.node("Equal", u, one), x, w.node("Where", far, less, part))


@writes("logaddexp", "logaddexp2")
def logaddexp(w: Writer, e: Expr, x: str, y: str) -> Any:
    """The greater, and a softplus of minus the distance; of equal infinities, either."""
    assert e.op is not None
    distance = w.node("Neg", w.node("Abs", w.node("Sub", x, y)))
    two = scalar(w, e, math.log(2))
    base2 = e.op.name == "logaddexp2"
    soft = w.node("Softplus", w.node("Mul", distance, two) if base2 else distance)
    total = w.node("Add", w.node("Max", x, y), w.node("Div", soft, two) if base2 else soft)
    return w.node("Where", w.node("Equal", x, y), w.node("Add", x, scalar(w, e, 1 if base2 else math.log(2))), total)


@writes("erfc")
def erfc(w: Writer, e: Expr, x: str) -> Any:
    """The rest of erf to 1."""
    return w.node("Sub", scalar(w, e, 1), w.node("Erf", x))


@writes("divide_no_nan")
def divide_no_nan(w: Writer, e: Expr, x: str, y: str) -> Any:
    """Zero where there is nothing to divide by."""
    nothing = w.node("Equal", y, scalar(w, e, 0))
    return w.node("Where", nothing, scalar(w, e, 0), w.node("Div", x, w.node("Where", nothing, scalar(w, e, 1), y)))


@writes("floor_divide")
def floor_divide(w: Writer, e: Expr, x: str, y: str) -> Any:
    """The whole part; ONNX's own division of integers goes towards zero."""
    if is_float(e.dtype):
        return w.node("Floor", w.node("Div", x, y))
    return w.node("Div", w.node("Sub", x, w.node("Mod", x, y)), y)


@writes("remainder")
def remainder(w: Writer, e: Expr, x: str, y: str) -> Any:
    """What is left, with the sign of the divisor."""
    if not is_float(e.dtype):
        return w.node("Mod", x, y)
    left = w.node("Mod", x, y, fmod=1)
    zero = scalar(w, e, 0)
    other = w.node("Xor", w.node("Less", left, zero), w.node("Less", y, zero))
    turned = w.node("And", other, w.node("Not", w.node("Equal", left, zero)))
    return w.node("Where", turned, w.node("Add", left, y), left)


@writes("fmod")
def fmod(w: Writer, e: Expr, x: str, y: str) -> Any:
    """What is left, with the sign of what was divided."""
    return w.node("Mod", x, y, fmod=1)


@writes("trunc")
def trunc(w: Writer, e: Expr, x: str) -> Any:
    """Rounded towards zero."""
    return w.node("Mul", w.node("Sign", x), w.node("Floor", w.node("Abs", x))) if is_float(e.dtype) else x


@writes("round")
def round_(w: Writer, e: Expr, x: str) -> Any:
    """Rounded to so many digits, halves to even."""
    if not is_float(e.dtype):
        raise not_in_onnx(e, "ONNX rounds real numbers only")
    decimals = e.settings["decimals"]
    if not decimals:
        return w.node("Round", x)
    factor = scalar(w, e, 10.0 ** abs(decimals))
    there, back = ("Mul", "Div") if decimals > 0 else ("Div", "Mul")
    return w.node(back, w.node("Round", w.node(there, x, factor)), factor)


@writes("signbit")
def signbit(w: Writer, e: Expr, x: str) -> Any:
    """Below zero, or the zero whose reciprocal is."""
    (operand,) = e.inputs
    zero = scalar(w, operand, 0)
    below = w.node("Less", x, zero)
    if not is_float(operand.dtype):
        return below
    return w.node("Or", below, w.node("Less", w.node("Reciprocal", x), zero))


@writes("copysign")
def copysign(w: Writer, e: Expr, x: str, y: str) -> Any:
    """The size of one, the sign of the other."""
    size = w.node("Abs", x)
    return w.node("Where", signbit_of(w, e, y), w.node("Neg", size), size)


def signbit_of(w: Writer, e: Expr, y: str) -> Any:
    """Tell where a value is negative, minus zero included."""
    zero = scalar(w, e, 0)
    return w.node("Or", w.node("Less", y, zero), w.node("Less", w.node("Reciprocal", y), zero))


@writes("heaviside")
def heaviside(w: Writer, e: Expr, x: str, y: str) -> Any:
    """A step, with a value of its own at zero."""
    zero = scalar(w, e, 0)
    step = w.node("Where", w.node("Less", x, zero), zero, scalar(w, e, 1))
    here = w.node("Where", w.node("Equal", x, zero), y, step)
    return w.node("Where", w.node("IsNaN", x), x, here) if is_float(e.dtype) else here


@writes("arctan2")
def arctan2(w: Writer, e: Expr, y: str, x: str) -> Any:
    """The arctangent of the quotient, turned by half a circle on the left."""
    zero, pi = scalar(w, e, 0), scalar(w, e, math.pi)
    half = w.node("Where", signbit_of(w, e, y), w.node("Neg", pi), pi)
    angle = w.node("Atan", w.node("Div", y, x))
    turned = w.node("Where", w.node("Less", x, zero), w.node("Add", angle, half), angle)
    upright = w.node("Where", w.node("Equal", y, zero), y, w.node("Div", half, scalar(w, e, 2)))
    return w.node("Where", w.node("Equal", x, zero), upright, turned)


@writes("hypot")
def hypot(w: Writer, e: Expr, x: str, y: str) -> Any:
    """The length of both together, scaled by the longer, so that no square overflows."""
    a, b = w.node("Abs", x), w.node("Abs", y)
    most, least = w.node("Max", a, b), w.node("Min", a, b)
    nothing = w.node("Equal", most, scalar(w, e, 0))
    part = w.node("Div", least, w.node("Where", nothing, scalar(w, e, 1), most))
    return w.node("Mul", most, w.node("Sqrt", w.node("Add", w.node("Mul", part, part), scalar(w, e, 1))))


@writes("sinc")
def sinc(w: Writer, e: Expr, x: str) -> Any:
    """sin(pi x) / (pi x), and 1 at zero."""
    angle = w.node("Mul", x, scalar(w, e, math.pi))
    nothing = w.node("Equal", angle, scalar(w, e, 0))
    quotient = w.node("Div", w.node("Sin", angle), w.node("Where", nothing, scalar(w, e, 1), angle))
    return w.node("Where", nothing, scalar(w, e, 1), quotient)


@writes("invert")
def invert(w: Writer, e: Expr, x: str) -> Any:
    """The other bits."""
    return w.node("Not" if e.dtype == bool else "BitwiseNot", x)


@writes("left_shift", "right_shift")
def shifts(w: Writer, e: Expr, x: str, y: str) -> Any:
    """Bits moved; ONNX moves those of integers without a sign, for others it is a product or a quotient."""
    assert e.op is not None
    left = e.op.name == "left_shift"
    if e.dtype.kind == "u":
        return w.node("BitShift", x, y, direction="LEFT" if left else "RIGHT")
    power = w.node("Pow", scalar(w, e, 2), y)
    if left:
        return w.node("Mul", x, power)
    return w.node("Div", w.node("Sub", x, w.node("Mod", x, power)), power)


@writes("leaky_relu")
def leaky_relu(w: Writer, e: Expr, x: str) -> Any:
    """LeakyRelu."""
    return w.node("LeakyRelu", x, alpha=float(e.settings["negative_slope"]))


@writes("masked")
def masked(w: Writer, e: Expr, x: str, mask: str) -> Any:
    """The value itself."""
    return x
