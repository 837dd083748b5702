"""Readers of scatter operators."""

from __future__ import annotations

from typing import Any

from pellucid.graph.decomposition import symbolic as P
from pellucid.graph.expr import Expr
from pellucid.graph.operators import call_op
from pellucid.graph.ops.index_spec import ARRAY, FULL_SLICE
from pellucid.interop.onnx.reader import OnnxNode, reads

SCATTER_OPS = {"none": "set_at", "add": "add_at", "mul": "multiply_at", "max": "max_at", "min": "min_at"}


def scatter(n: OnnxNode, x: Expr, values: Expr, indices: list[Any], index: Any) -> Any:
    """Scatter values with the reduction of the node."""
    reduction = n.get("reduction", "none")
    if reduction not in SCATTER_OPS:
        raise n.error(f"expected a reduction from {', '.join(SCATTER_OPS)}. Received: {reduction!r}")
    return call_op(SCATTER_OPS[reduction], x, values, *indices, index=index)


@reads("ScatterElements", "Scatter")
def scatter_elements(n: OnnxNode, x: Expr, indices: Expr, updates: Expr) -> Any:
    axis = int(n.get("axis", 0)) % x.ndim
    places = []
    for a in range(x.ndim):
        if a == axis:
            places.append(indices)
            continue
        numbers = P.arange_like(indices, axis=a, dtype="int64")
        places.append(P.expand_dims(numbers, axis=tuple(b for b in range(x.ndim) if b != a)) if x.ndim > 1 else numbers)
    return scatter(n, x, updates, places, (ARRAY,) * x.ndim)


@reads("ScatterND")
def scatter_nd(n: OnnxNode, x: Expr, indices: Expr, updates: Expr) -> Any:
    depth = indices.shape[-1]
    if not isinstance(depth, int):
        raise n.error(f"the last axis of the indices must have a known size. Received: {indices.type}")
    columns = [indices[..., i] for i in range(depth)]
    return scatter(n, x, updates, columns, (ARRAY,) * depth + (FULL_SLICE,) * (x.ndim - depth))


@reads("TensorScatter")
def tensor_scatter(n: OnnxNode, cache: Expr, update: Expr, begins: Expr | None = None) -> Any:
    """Write a slice into each sequence of a cache, starting at its index; circular mode wraps around."""
    axis = int(n.get("axis", -2)) % cache.ndim
    steps = P.arange_like(update, axis=axis, dtype="int64")
    first = P.zeros_like(update[(slice(None), *(0,) * (update.ndim - 1))], "int64") if begins is None else begins
    places = P.cast(first, "int64")[:, None] + steps[None]
    if n.get("mode", "linear") == "circular":
        places = P.remainder(places, P.size(cache, axis=axis))
    rows = P.arange_like(update, axis=0, dtype="int64")[:, None]
    turned, new = P.moveaxis(cache, axis, 1), P.moveaxis(update, axis, 1)
    result = call_op("set_at", turned, new, rows, places, index=(ARRAY, ARRAY) + (FULL_SLICE,) * (cache.ndim - 2))
    return P.moveaxis(result, 1, axis)
