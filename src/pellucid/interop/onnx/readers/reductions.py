"""Functions that take axes together, and those that go along one."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic as P
from pellucid.graph.expr import Expr, constant
from pellucid.interop.onnx.reader import Node, reads
from pellucid.interop.onnx.readers.elementwise import like


def l1(x: Expr, **over: Any) -> Any:
    """The sum of sizes."""
    return P.sum(abs(x), **over)


def l2(x: Expr, **over: Any) -> Any:
    """The root of the sum of squares."""
    return P.sqrt(P.sum(x * x, **over))


def log_sum(x: Expr, **over: Any) -> Any:
    """The logarithm of a sum."""
    return P.log(P.sum(x, **over))


def sum_square(x: Expr, **over: Any) -> Any:
    """The sum of squares."""
    return P.sum(x * x, **over)


REDUCTIONS = {
    "ReduceSum": P.sum,
    "ReduceMean": P.mean,
    "ReduceMax": P.max,
    "ReduceMin": P.min,
    "ReduceProd": P.prod,
    "ReduceLogSumExp": P.logsumexp,
    "ReduceL1": l1,
    "ReduceL2": l2,
    "ReduceLogSum": log_sum,
    "ReduceSumSquare": sum_square,
}


OF_NOTHING = {"ReduceMax": -np.inf, "ReduceMin": np.inf, "ReduceLogSumExp": -np.inf}
"""What these are of no elements."""


def of_nothing(kind: str, x: Expr) -> Any:
    """Return what a function of no elements is, as far as a dtype can hold it."""
    if x.dtype.kind in "iu":
        limits = np.iinfo(x.dtype)
        return constant(np.asarray(limits.min if OF_NOTHING[kind] < 0 else limits.max, x.dtype))
    return like(x, OF_NOTHING[kind] > 0 if x.dtype.kind == "b" else OF_NOTHING[kind])


@reads(*REDUCTIONS)
def reduced(n: Node, x: Expr, axes: Expr | None = None) -> Any:
    """Over some axes, or all of them where none is named, unless the file says that none means none."""
    over = n.axes()
    if not over:
        over = () if n.get("noop_with_empty_axes", 0) else tuple(range(x.ndim))
    if n.kind in OF_NOTHING and any(x.shape[a] == 0 for a in over):
        shape = P.sum(
            P.cast(x, "int32"), axis=tuple(a % x.ndim for a in over), keepdims=bool(n.get("keepdims", 1))
        ).shape
        return P.broadcast_to(of_nothing(n.kind, x), shape)
    truths = x.dtype.kind == "b"
    number = P.cast(x, "int32") if truths else x
    found = REDUCTIONS[n.kind](number, axis=tuple(a % x.ndim for a in over), keepdims=bool(n.get("keepdims", 1)))
    return found if found.dtype == x.dtype else P.cast(found, x.dtype)


@reads("ArgMax", "ArgMin")
def place(n: Node, x: Expr) -> Any:
    """Where the greatest or the least is, the first or the last of them."""
    function, axis = (P.argmax if n.kind == "ArgMax" else P.argmin), int(n.get("axis", 0)) % x.ndim
    keepdims = bool(n.get("keepdims", 1))
    if not n.get("select_last_index", 0):
        return function(x, axis=axis, keepdims=keepdims)
    from_the_end = function(P.flip(x, axis=axis), axis=axis, keepdims=keepdims)
    last = P.size(x, axis=axis)
    return last - P.ones_like(last) - from_the_end


@reads("CumSum", "CumProd")
def along(n: Node, x: Expr, axis: Expr) -> Any:
    """Sums or products up to each element, with or without it, from either end."""
    over = int(n.known(1).ravel()[0]) % x.ndim
    backwards = bool(n.get("reverse", 0))
    x = P.flip(x, axis=over) if backwards else x
    sums = n.kind == "CumSum"
    found = P.cumsum(x, axis=over) if sums else P.cumprod(x, axis=over)
    found = found if found.dtype == x.dtype else P.cast(found, x.dtype)
    if n.get("exclusive", 0):
        found = P.shift(found, axis=over, steps=1, fill=0 if sums else 1)
    return P.flip(found, axis=over) if backwards else found
