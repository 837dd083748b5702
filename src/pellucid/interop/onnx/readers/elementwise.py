"""Functions of elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic as np_like
from pellucid.graph.expr import Expr, constant
from pellucid.graph.operators import call
from pellucid.graph.types import is_float
from pellucid.interop.onnx.dtypes import dtype_of
from pellucid.interop.onnx.op_table import BINARY, UNARY
from pellucid.interop.onnx.reader import Node, reads

P: Any = np_like


def like(x: Expr, value: Any) -> Any:
    """Return a number of the dtype of an expression."""
    return constant(np.asarray(value).astype(x.dtype))


NAMES = {kind: name for table in (UNARY, BINARY) for name, kind in table.items()}


@reads(*(kind for kind in NAMES if kind not in ("Div", "Pow", "Round", "Neg")))
def pair(n: Node, *inputs: Expr) -> Any:
    """What both sides have under two names."""
    x, *more = inputs
    if more and n.opset < 7:
        more = [old_broadcast(n, x, more[0])]
    return call(NAMES[n.kind], x, *more)


def old_broadcast(n: Node, x: Expr, y: Expr) -> Any:
    """Put the second operand where old files say that it belongs."""
    axis = n.get("axis")
    if axis is None or not n.get("broadcast", 0):
        return y
    behind = x.ndim - int(axis) % x.ndim - y.ndim
    return P.expand_dims(y, axis=tuple(range(y.ndim, y.ndim + behind))) if behind else y


@reads("Neg")
def neg(n: Node, x: Expr) -> Any:
    """Minus."""
    return -x


@reads("Round")
def round_(n: Node, x: Expr) -> Any:
    """To the nearest integer, halves to even."""
    return P.rint(x)


@reads("Div")
def div(n: Node, x: Expr, y: Expr) -> Any:
    """A quotient; that of integers is rounded towards zero."""
    y = old_broadcast(n, x, y) if n.opset < 7 else y
    if is_float(x.dtype):
        return x / y
    if x.dtype.kind == "u":
        return x // y
    return P.sign(x) * P.sign(y) * (abs(x) // abs(y))


@reads("Mod")
def mod(n: Node, x: Expr, y: Expr) -> Any:
    """What is left of a division, with the sign of the divisor, or with ``fmod`` that of what is divided."""
    return P.fmod(x, y) if n.get("fmod", 0) else P.remainder(x, y)


@reads("Pow")
def power(n: Node, x: Expr, y: Expr) -> Any:
    """A power, of the dtype of its base."""
    y = old_broadcast(n, x, y) if n.opset < 7 else y
    if x.dtype == y.dtype:
        return x**y
    if is_float(x.dtype):
        return x ** P.cast(y, x.dtype)
    wide = "float64" if is_float(y.dtype) else "int64"
    return P.cast(P.cast(x, wide) ** P.cast(y, wide), x.dtype)


@reads("Max", "Min", "Sum", "Mean")
def of_many(n: Node, *inputs: Expr) -> Any:
    """The greatest, the least, the sum or the mean of any number of arrays."""
    function = {"Max": P.maximum, "Min": P.minimum}.get(n.kind, P.add)
    total = inputs[0]
    for x in inputs[1:]:
        total = function(total, x)
    return total / like(total, len(inputs)) if n.kind == "Mean" else total


@reads("BitShift")
def bit_shift(n: Node, x: Expr, y: Expr) -> Any:
    """Bits moved."""
    return P.left_shift(x, y) if n.needs("direction") == "LEFT" else P.right_shift(x, y)


@reads("BitwiseNot")
def bitwise_not(n: Node, x: Expr) -> Any:
    """The other bits."""
    return ~x


@reads("Reciprocal")
def reciprocal(n: Node, x: Expr) -> Any:
    """One divided by it."""
    return like(x, 1) / x


@reads("IsInf")
def isinf(n: Node, x: Expr) -> Any:
    """Infinite, on one side or both."""
    infinite = P.isinf(x)
    if not n.get("detect_negative", 1):
        infinite = infinite & (x > like(x, 0))
    return infinite if n.get("detect_positive", 1) else infinite & (x < like(x, 0))


@reads("Where")
def where(n: Node, condition: Expr, x: Expr, y: Expr) -> Any:
    """A choice."""
    return P.where(condition, x, y)


@reads("Clip")
def clip(n: Node, x: Expr, low: Expr | None = None, high: Expr | None = None) -> Any:
    """What lies between two numbers."""
    low = like(x, n.get("min")) if "min" in n.attributes else low
    high = like(x, n.get("max")) if "max" in n.attributes else high
    if low is not None and high is not None:
        return P.minimum(P.maximum(x, low), high) if n.opset >= 11 else P.clip(x, low, high)
    return P.maximum(x, low) if low is not None else x if high is None else P.minimum(x, high)


@reads("Cast")
def cast(n: Node, x: Expr) -> Any:
    """Another dtype."""
    return narrowed(n, x, dtype_of(n.needs("to"), f"{n.reader.file}: {n}"))


def narrowed(n: Node, x: Expr, dtype: np.dtype[Any]) -> Any:
    """Cast; numbers of one byte take what is too large for them for their greatest, unless the file says otherwise."""
    if not dtype.name.startswith("float8") or not n.get("saturate", 1) or x.dtype.name.startswith("float8"):
        return P.cast(x, dtype)
    import ml_dtypes

    most = float(ml_dtypes.finfo(dtype).max)  # type: ignore[no-untyped-call]
    return P.cast(P.clip(x, like(x, -most), like(x, most)), dtype)


@reads("CastLike")
def cast_like(n: Node, x: Expr, other: Expr) -> Any:
    """The dtype of another array."""
    return narrowed(n, x, other.dtype)


@reads("Identity", "Dropout")
def itself(n: Node, x: Expr, *others: Any) -> Any:
    """The same; dropout, which is over, drops nothing, and its mask says so."""
    training = n.input(2) if n.kind == "Dropout" and n.opset >= 12 else None
    if training is not None and bool(n.known(2)) and n.known(1, 0.5).ravel()[0] != 0:
        raise n.error("dropout in training draws numbers that no file tells of. Export the model for inference")
    mask = P.broadcast_like(constant(np.array(True)), x) if n.opset >= 12 or n.opset < 10 else None
    return [x, mask if n.opset >= 10 else P.ones_like(x)] if len(n.outputs) > 1 else x
