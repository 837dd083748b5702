"""Readers of reductions, ArgMax, ArgMin and cumulative operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic as P
from pellucid.graph.expr import Expr, constant
from pellucid.interop.onnx.reader import OnnxNode, reads
from pellucid.interop.onnx.readers.elementwise import like


def l1(x: Expr, **over: Any) -> Any:
    return P.sum(abs(x), **over)


def l2(x: Expr, **over: Any) -> Any:
    return P.sqrt(P.sum(x * x, **over))


def log_sum(x: Expr, **over: Any) -> Any:
    return P.log(P.sum(x, **over))


def sum_square(x: Expr, **over: Any) -> Any:
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


EMPTY_VALUES = {"ReduceMax": -np.inf, "ReduceMin": np.inf, "ReduceLogSumExp": -np.inf}
"""Values of reductions over no elements."""


def get_empty_value(kind: str, x: Expr) -> Any:
    """Return the value of a reduction over no elements, or the closest one that the dtype has."""
    if x.dtype.kind in "iu":
        limits = np.iinfo(x.dtype)
        return constant(np.asarray(limits.min if EMPTY_VALUES[kind] < 0 else limits.max, x.dtype))
    return like(x, EMPTY_VALUES[kind] > 0 if x.dtype.kind == "b" else EMPTY_VALUES[kind])


@reads(*REDUCTIONS)
def reduce(n: OnnxNode, x: Expr, axes: Expr | None = None) -> Any:
    """Reduce over the given axes; without axes over all, or over none with ``noop_with_empty_axes``."""
    over = n.get_axes()
    if not over:
        over = () if n.get("noop_with_empty_axes", 0) else tuple(range(x.ndim))
    if n.kind in EMPTY_VALUES and any(x.shape[a] == 0 for a in over):
        shape = P.sum(
            P.cast(x, "int32"), axis=tuple(a % x.ndim for a in over), keepdims=bool(n.get("keepdims", 1))
        ).shape
        return P.broadcast_to(get_empty_value(n.kind, x), shape)
    is_bool = x.dtype.kind == "b"
    number = P.cast(x, "int32") if is_bool else x
    found = REDUCTIONS[n.kind](number, axis=tuple(a % x.ndim for a in over), keepdims=bool(n.get("keepdims", 1)))
    return found if found.dtype == x.dtype else P.cast(found, x.dtype)


@reads("ArgMax", "ArgMin")
def arg_reduce(n: OnnxNode, x: Expr) -> Any:
    """Index of the first maximum or minimum, or of the last."""
    function, axis = (P.argmax if n.kind == "ArgMax" else P.argmin), int(n.get("axis", 0)) % x.ndim
    keepdims = bool(n.get("keepdims", 1))
    if not n.get("select_last_index", 0):
        return function(x, axis=axis, keepdims=keepdims)
    from_end = function(P.flip(x, axis=axis), axis=axis, keepdims=keepdims)
    last = P.size(x, axis=axis)
    return last - P.ones_like(last) - from_end


@reads("CumSum", "CumProd")
def cumulative(n: OnnxNode, x: Expr, axis: Expr) -> Any:
    """Cumulative sum or product, optionally exclusive or reversed."""
    over = int(n.get_constant(1).ravel()[0]) % x.ndim
    reverse = bool(n.get("reverse", 0))
    x = P.flip(x, axis=over) if reverse else x
    sums = n.kind == "CumSum"
    found = P.cumsum(x, axis=over) if sums else P.cumprod(x, axis=over)
    found = found if found.dtype == x.dtype else P.cast(found, x.dtype)
    if n.get("exclusive", 0):
        found = P.shift(found, axis=over, steps=1, fill=0 if sums else 1)
    return P.flip(found, axis=over) if reverse else found
