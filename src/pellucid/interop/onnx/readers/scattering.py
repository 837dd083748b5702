"""Arrays with some of their elements replaced."""

from __future__ import annotations

from typing import Any

from pellucid.graph.decomposition import symbolic as P
from pellucid.graph.expr import Expr
from pellucid.graph.operators import call
from pellucid.graph.ops.index_spec import ARRAY, WHOLE
from pellucid.interop.onnx.reader import Node, reads

PLACED = {"none": "set_at", "add": "add_at", "mul": "multiply_at", "max": "max_at", "min": "min_at"}


def placed(n: Node, x: Expr, values: Expr, indices: list[Any], index: Any) -> Any:
    """Put values where indices say, in the way the file says."""
    way = n.get("reduction", "none")
    if way not in PLACED:
        raise n.error(f"expected a reduction out of {', '.join(PLACED)}. Received: {way!r}")
    return call(PLACED[way], x, values, *indices, index=index)


@reads("ScatterElements", "Scatter")
def scatter_elements(n: Node, x: Expr, indices: Expr, updates: Expr) -> Any:
    """One value at each index along an axis; the other axes go together."""
    axis = int(n.get("axis", 0)) % x.ndim
    places = []
    for a in range(x.ndim):
        if a == axis:
            places.append(indices)
            continue
        numbers = P.arange_like(indices, axis=a, dtype="int64")
        places.append(P.expand_dims(numbers, axis=tuple(b for b in range(x.ndim) if b != a)) if x.ndim > 1 else numbers)
    return placed(n, x, updates, places, (ARRAY,) * x.ndim)


@reads("ScatterND")
def scatter_nd(n: Node, x: Expr, indices: Expr, updates: Expr) -> Any:
    """Parts at rows of indices."""
    depth = indices.shape[-1]
    if not isinstance(depth, int):
        raise n.error(f"how many indices a part has is not known: {indices.type}")
    columns = [indices[..., i] for i in range(depth)]
    return placed(n, x, updates, columns, (ARRAY,) * depth + (WHOLE,) * (x.ndim - depth))


@reads("TensorScatter")
def tensor_scatter(n: Node, cache: Expr, update: Expr, begins: Expr | None = None) -> Any:
    """A part of each sequence of a cache replaced, from where it is said to begin, around its end if so told."""
    axis = int(n.get("axis", -2)) % cache.ndim
    steps = P.arange_like(update, axis=axis, dtype="int64")
    first = P.zeros_like(update[(slice(None), *(0,) * (update.ndim - 1))], "int64") if begins is None else begins
    places = P.cast(first, "int64")[:, None] + steps[None]
    if n.get("mode", "linear") == "circular":
        places = P.remainder(places, P.size(cache, axis=axis))
    rows = P.arange_like(update, axis=0, dtype="int64")[:, None]
    turned, new = P.moveaxis(cache, axis, 1), P.moveaxis(update, axis, 1)
    made = call("set_at", turned, new, rows, places, index=(ARRAY, ARRAY) + (WHOLE,) * (cache.ndim - 2))
    return P.moveaxis(made, 1, axis)
