"""Readers of reductions, ArgMax, ArgMin and cumulative operators."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pellucid.graph.expr import Expr, constant
from pellucid.interop.onnx.reader import OnnxNode, reads
from pellucid.interop.onnx.readers.elementwise import like
from pellucid.interop.onnx.symbolic import P

REDUCTIONS: dict[str, Callable[..., Expr]] = {
    "ReduceSum": P.sum,
    "ReduceMean": P.mean,
    "ReduceMax": P.max,
    "ReduceMin": P.min,
    "ReduceProd": P.prod,
    "ReduceLogSumExp": P.logsumexp,
    "ReduceL1": lambda x, **over: P.sum(abs(x), **over),
    "ReduceL2": lambda x, **over: P.sqrt(P.sum(x * x, **over)),
    "ReduceLogSum": lambda x, **over: P.log(P.sum(x, **over)),
    "ReduceSumSquare": lambda x, **over: P.sum(x * x, **over),
}

EMPTY_VALUES = {"ReduceMax": -np.inf, "ReduceMin": np.inf, "ReduceLogSumExp": -np.inf}
"""Values of reductions over no elements."""


def get_empty_value(kind: str, x: Expr) -> Expr:
    """Return the value of a reduction over no elements, or the closest one that the dtype has."""
    if x.dtype.kind in "iu":
        limits = np.iinfo(x.dtype)
        return constant(np.asarray(limits.min if EMPTY_VALUES[kind] < 0 else limits.max, x.dtype))
    return like(x, EMPTY_VALUES[kind] > 0 if x.dtype.kind == "b" else EMPTY_VALUES[kind])


@reads(*REDUCTIONS)
def reduce(n: OnnxNode, x: Expr, axes: Expr | None = None) -> Expr:
    """Reduce over the given axes; without axes over all, or over none with ``noop_with_empty_axes``."""
    axis = tuple(a % x.ndim for a in n.get_axes() or ())
    if not axis and not n.get("noop_with_empty_axes", 0):
        axis = tuple(range(x.ndim))
    over = {"axis": axis, "keepdims": bool(n.get("keepdims", 1))}
    if n.kind in EMPTY_VALUES and any(x.shape[a] == 0 for a in axis):
        return P.broadcast_to(get_empty_value(n.kind, x), P.sum(P.cast(x, "int32"), **over).shape)
    result = REDUCTIONS[n.kind](P.cast(x, "int32") if x.dtype.kind == "b" else x, **over)
    return result if result.dtype == x.dtype else P.cast(result, x.dtype)


@reads("ArgMax", "ArgMin")
def arg_reduce(n: OnnxNode, x: Expr) -> Expr:
    """Index of the first maximum or minimum, or of the last."""
    function, axis = (P.argmax if n.kind == "ArgMax" else P.argmin), int(n.get("axis", 0)) % x.ndim
    keepdims = bool(n.get("keepdims", 1))
    if not n.get("select_last_index", 0):
        return function(x, axis=axis, keepdims=keepdims)
    from_end = function(P.flip(x, axis=axis), axis=axis, keepdims=keepdims)
    last = P.size(x, axis=axis)
    return last - P.ones_like(last) - from_end


@reads("CumSum", "CumProd")
def cumulative(n: OnnxNode, x: Expr, axis: Expr) -> Expr:
    """Cumulative sum or product, optionally exclusive or reversed."""
    over, is_sum = int(n.get_constant(1).ravel()[0]) % x.ndim, n.kind == "CumSum"
    x = P.flip(x, axis=over) if n.get("reverse", 0) else x
    result = P.cumsum(x, axis=over) if is_sum else P.cumprod(x, axis=over)
    result = result if result.dtype == x.dtype else P.cast(result, x.dtype)
    if n.get("exclusive", 0):
        result = P.shift(result, axis=over, steps=1, fill=0 if is_sum else 1)
    return P.flip(result, axis=over) if n.get("reverse", 0) else result
