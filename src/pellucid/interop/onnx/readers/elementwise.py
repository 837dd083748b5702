"""Readers of elementwise operators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.graph.expr import Expr, constant
from pellucid.graph.operators import call_op
from pellucid.graph.types import is_float
from pellucid.interop.onnx.op_table import BINARY, SAME_OPERATOR
from pellucid.interop.onnx.reader import OnnxNode, reads
from pellucid.interop.onnx.symbolic import P
from pellucid.interop.onnx.tensors import to_dtype
from pellucid.typing import ArrayLike


def like(x: Expr, value: ArrayLike) -> Expr:
    """Return a constant of the dtype of ``x``."""
    return constant(np.asarray(value).astype(x.dtype))


def add_axes(x: Expr, axes: Sequence[int]) -> Expr:
    """Insert axes of size 1, if any."""
    return P.expand_dims(x, axis=tuple(axes)) if axes else x


def number(n: OnnxNode, x: Expr, key: str, default: float) -> Expr:
    """Return an attribute, rounded to float32 as in the file, as a constant of the dtype of ``x``."""
    return like(x, np.float32(n.get(key, default)))


NAMES = {kind: name for table in (SAME_OPERATOR, BINARY) for name, kind in table.items()}


@reads(*(kind for kind in NAMES if kind not in ("Div", "Pow", "Max", "Min")))
def same_operator(n: OnnxNode, *inputs: Expr) -> Expr:
    if len(inputs) == 2 and n.opset < 7:
        inputs = inputs[0], align_by_axis(n, *inputs)
    result: Expr = call_op(NAMES[n.kind], *inputs)
    return result


def align_by_axis(n: OnnxNode, x: Expr, y: Expr) -> Expr:
    """Align the second operand by the attribute ``axis`` (opset < 7)."""
    axis = n.get("axis")
    if axis is None or not n.get("broadcast", 0):
        return y
    return add_axes(y, range(y.ndim, x.ndim - int(axis) % x.ndim))


@reads("Div")
def div(n: OnnxNode, x: Expr, y: Expr) -> Expr:
    """Division; integers are rounded toward zero."""
    y = align_by_axis(n, x, y) if n.opset < 7 else y
    if is_float(x.dtype):
        return x / y
    if x.dtype.kind == "u":
        return x // y
    return P.sign(x) * P.sign(y) * (abs(x) // abs(y))


@reads("Mod")
def mod(n: OnnxNode, x: Expr, y: Expr) -> Expr:
    """Remainder with the sign of the divisor, or with ``fmod=1`` that of the dividend."""
    return P.fmod(x, y) if n.get("fmod", 0) else P.remainder(x, y)


@reads("Pow")
def power(n: OnnxNode, x: Expr, y: Expr) -> Expr:
    """Power in the dtype of the base."""
    y = align_by_axis(n, x, y) if n.opset < 7 else y
    if x.dtype == y.dtype:
        return x**y
    if is_float(x.dtype):
        return x ** P.cast(y, x.dtype)
    wide = "float64" if is_float(y.dtype) else "int64"
    return P.cast(P.cast(x, wide) ** P.cast(y, wide), x.dtype)


@reads("Max", "Min", "Sum", "Mean")
def variadic(n: OnnxNode, *inputs: Expr) -> Expr:
    function = {"Max": P.maximum, "Min": P.minimum}.get(n.kind, P.add)
    total = inputs[0]
    for x in inputs[1:]:
        total = function(total, x)
    return total / like(total, len(inputs)) if n.kind == "Mean" else total


@reads("BitShift")
def bit_shift(n: OnnxNode, x: Expr, y: Expr) -> Expr:
    return P.left_shift(x, y) if n.require("direction") == "LEFT" else P.right_shift(x, y)


@reads("BitwiseNot")
def bitwise_not(n: OnnxNode, x: Expr) -> Expr:
    return ~x


@reads("Reciprocal")
def reciprocal(n: OnnxNode, x: Expr) -> Expr:
    return like(x, 1) / x


@reads("IsInf")
def isinf(n: OnnxNode, x: Expr) -> Expr:
    infinite = P.isinf(x)
    if not n.get("detect_negative", 1):
        infinite = infinite & (x > like(x, 0))
    return infinite if n.get("detect_positive", 1) else infinite & (x < like(x, 0))


@reads("Clip")
def clip(n: OnnxNode, x: Expr, low: Expr | None = None, high: Expr | None = None) -> Expr:
    low = like(x, n.get("min")) if "min" in n.attributes else low
    high = like(x, n.get("max")) if "max" in n.attributes else high
    if low is not None and high is not None:
        return P.minimum(P.maximum(x, low), high) if n.opset >= 11 else P.clip(x, low, high)
    return P.maximum(x, low) if low is not None else x if high is None else P.minimum(x, high)


@reads("Cast")
def cast(n: OnnxNode, x: Expr) -> Expr:
    return saturating_cast(n, x, to_dtype(n.require("to"), f"{n.reader.file}: {n}"))


def saturating_cast(n: OnnxNode, x: Expr, dtype: np.dtype[np.generic]) -> Expr:
    """Cast; conversions to float8 saturate at the largest finite value unless ``saturate=0``."""
    if not dtype.name.startswith("float8") or not n.get("saturate", 1) or x.dtype.name.startswith("float8"):
        return P.cast(x, dtype)
    import ml_dtypes

    largest = float(ml_dtypes.finfo(dtype).max)  # type: ignore[no-untyped-call]
    return P.cast(P.clip(x, like(x, -largest), like(x, largest)), dtype)


@reads("CastLike")
def cast_like(n: OnnxNode, x: Expr, other: Expr) -> Expr:
    return saturating_cast(n, x, other.dtype)


@reads("Identity", "Dropout")
def identity(n: OnnxNode, x: Expr, *others: Expr) -> Expr | list[Expr | None]:
    """Identity; dropout in inference mode, with its mask."""
    training = n.input(2) if n.kind == "Dropout" and n.opset >= 12 else None
    if training is not None and bool(n.get_constant(2)) and n.get_constant(1, 0.5).ravel()[0] != 0:
        raise n.error("dropout in training mode is random and cannot be imported. Export the model for inference")
    mask = P.broadcast_like(constant(np.array(True)), x) if n.opset >= 12 or n.opset < 10 else None
    return [x, mask if n.opset >= 10 else P.ones_like(x)] if len(n.outputs) > 1 else x
