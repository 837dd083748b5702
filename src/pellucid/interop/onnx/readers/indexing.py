"""Readers of indexing, selection, scatter and sorting operators."""

from __future__ import annotations

import numpy as np

from pellucid.graph.expr import Constant, Expr, constant
from pellucid.graph.operators import call_op
from pellucid.graph.ops.index_spec import ARRAY, FULL_SLICE, Index
from pellucid.graph.types import Dim
from pellucid.interop.onnx.reader import OnnxNode, reads
from pellucid.interop.onnx.readers.elementwise import add_axes
from pellucid.interop.onnx.symbolic import P


@reads("Slice")
def slice_(n: OnnxNode, x: Expr, *ends: Expr | None) -> Expr:
    if n.opset < 10:
        starts, stops = n.require("starts"), n.require("ends")
        axes, steps = np.asarray(n.get("axes", range(len(starts)))), np.ones(len(starts), int)
    else:
        starts, stops = n.get_constant(1).ravel(), n.get_constant(2).ravel()
        axes = n.get_constant(3, np.arange(len(starts))).ravel()
        steps = n.get_constant(4, np.ones(len(starts), int)).ravel()
    index: list[slice | int | Expr] = [slice(None)] * x.ndim
    for start, stop, axis, step in zip(starts, stops, axes, steps, strict=True):
        index[int(axis) % x.ndim] = to_slice(int(start), int(stop), int(step), x.shape[int(axis) % x.ndim])
    return x[tuple(index)]


def to_slice(start: int, stop: int, step: int, size: Dim) -> slice:
    """Return a Python slice; in ONNX, bounds beyond an axis are clamped."""
    far = 2**31 - 1
    if isinstance(size, int):
        found = slice(start, None if step < 0 and stop < -size else stop, step).indices(size)
        if step == 1:
            return slice(found[0] or None, None if found[1] == size else found[1])
        return slice(found[0], None if found[1] < 0 else found[1], step)
    first = None if (step > 0 and start == 0) or (step < 0 and start >= far) else start
    last = None if (step > 0 and stop >= far) or (step < 0 and stop <= -far) else stop
    return slice(first, last, None if step == 1 else step)


@reads("Gather")
def gather(n: OnnxNode, x: Expr, indices: Expr) -> Expr:
    axis = int(n.get("axis", 0)) % x.ndim
    if isinstance(indices, Constant) and indices.ndim == 0:
        return x[(*(slice(None),) * axis, int(indices.value))]
    return P.take(x, indices, axis=axis)


@reads("GatherElements")
def gather_elements(n: OnnxNode, x: Expr, indices: Expr) -> Expr:
    """Elements at indices along an axis; the other axes of the indices may be shorter."""
    axis = int(n.get("axis", 0)) % x.ndim
    return P.take_along_axis(crop_to_indices(x, indices, axis), indices, axis=axis)


def crop_to_indices(x: Expr, indices: Expr, axis: int) -> Expr:
    """Crop the other axes to the sizes of the indices."""
    index: list[slice | int | Expr] = [slice(None)] * x.ndim
    for a, (m, k) in enumerate(zip(x.shape, indices.shape, strict=True)):
        if a != axis and isinstance(m, int) and isinstance(k, int) and k < m:
            index[a] = slice(0, k)
    return x[tuple(index)]


@reads("GatherND")
def gather_nd(n: OnnxNode, x: Expr, indices: Expr) -> Expr:
    """Slices at rows of indices, per element of the batch axes."""
    batch = int(n.get("batch_dims", 0))
    (depth,) = n.require_known(indices.shape[-1:], "the size of the last axis of the indices")
    columns = [indices[..., i] for i in range(depth)]
    # Batch axes are indexed by their own position.
    own = [make_positions(x, axis, indices.ndim - 1) for axis in range(batch)]
    rest = (FULL_SLICE,) * (x.ndim - batch - depth)
    result: Expr = call_op("gather", x, *own, *columns, index=(ARRAY,) * (batch + depth) + rest)
    return result


def make_positions(x: Expr, axis: int, ndim: int) -> Expr:
    """Return the positions along an axis, with axes of size 1 for broadcasting to ``ndim`` axes."""
    return add_axes(P.arange_like(x, axis=axis, dtype="int64"), [a for a in range(ndim) if a != axis])


@reads("TopK")
def top_k(n: OnnxNode, x: Expr, k: Expr | None = None) -> list[Expr]:
    """Largest or smallest elements in order, and their indices."""
    count = int(n.require("k")) if n.opset < 10 else int(n.get_constant(1).ravel()[0])
    axis = int(n.get("axis", -1)) % x.ndim
    order = P.argsort(x, axis=axis, descending=bool(n.get("largest", 1)))
    places = order[(*(slice(None),) * axis, slice(0, count))]
    return [P.take_along_axis(x, places, axis=axis), places]


@reads("NonZero")
def non_zero(n: OnnxNode, x: Expr) -> Expr:
    """Indices of nonzero elements of a constant, whose number must be known."""
    return constant(np.array(np.nonzero(n.get_constant(0)), np.int64))


@reads("Unique")
def unique(n: OnnxNode, x: Expr) -> list[Constant]:
    """Unique elements of a constant."""
    values, axis = n.get_constant(0), n.get("axis")
    found = np.unique(values, return_index=True, return_inverse=True, return_counts=True, axis=axis)
    kept, first, inverse, counts = found
    inverse = inverse.ravel()
    if not n.get("sorted", 1):
        order = np.argsort(first)
        kept = np.take(kept, order, axis=axis or 0)
        first, counts = first[order], counts[order]
        inverse = np.argsort(order)[inverse]
    return [constant(kept), *(constant(a.astype(np.int64)) for a in (first, inverse, counts))]


@reads("Compress")
def compress(n: OnnxNode, x: Expr, condition: Expr) -> Expr:
    """Select elements by a constant condition."""
    kept = np.flatnonzero(n.get_constant(1))
    axis = n.get("axis")
    flat = x if axis is not None else P.reshape(x, (-1,))
    return P.take(flat, constant(kept.astype(np.int64)), axis=0 if axis is None else int(axis) % x.ndim)


@reads("ReverseSequence")
def reverse_sequence(n: OnnxNode, x: Expr, lengths: Expr) -> Expr:
    """Reverse the first elements of each sequence, up to its length."""
    time, batch = int(n.get("time_axis", 0)) % x.ndim, int(n.get("batch_axis", 1)) % x.ndim
    steps = P.arange_like(x, axis=time, dtype="int64")
    rows = P.cast(lengths, "int64")
    position, length = (steps[:, None], rows[None]) if time < batch else (steps[None], rows[:, None])
    one = constant(np.int64(1))
    places = P.where(position < length, length - one - position, position)
    others = [a for a in range(x.ndim) if a not in (time, batch)]
    return P.take_along_axis(x, add_axes(places, others), axis=time)


SCATTER_OPS = {"none": "set_at", "add": "add_at", "mul": "multiply_at", "max": "max_at", "min": "min_at"}


def scatter(n: OnnxNode, x: Expr, values: Expr, indices: list[Expr], index: Index) -> Expr:
    """Scatter values with the reduction of the node."""
    reduction = n.get("reduction", "none")
    if reduction not in SCATTER_OPS:
        raise n.error(f"expected a reduction from {', '.join(SCATTER_OPS)}. Received: {reduction!r}")
    result: Expr = call_op(SCATTER_OPS[reduction], x, values, *indices, index=index)
    return result


@reads("ScatterElements", "Scatter")
def scatter_elements(n: OnnxNode, x: Expr, indices: Expr, updates: Expr) -> Expr:
    axis = int(n.get("axis", 0)) % x.ndim
    places = [indices if a == axis else make_positions(indices, a, x.ndim) for a in range(x.ndim)]
    return scatter(n, x, updates, places, (ARRAY,) * x.ndim)


@reads("ScatterND")
def scatter_nd(n: OnnxNode, x: Expr, indices: Expr, updates: Expr) -> Expr:
    (depth,) = n.require_known(indices.shape[-1:], "the size of the last axis of the indices")
    columns = [indices[..., i] for i in range(depth)]
    return scatter(n, x, updates, columns, (ARRAY,) * depth + (FULL_SLICE,) * (x.ndim - depth))


@reads("TensorScatter")
def tensor_scatter(n: OnnxNode, cache: Expr, update: Expr, begins: Expr | None = None) -> Expr:
    """Write a slice into each sequence of a cache, starting at its index; circular mode wraps around."""
    axis = int(n.get("axis", -2)) % cache.ndim
    steps = P.arange_like(update, axis=axis, dtype="int64")
    first = P.zeros_like(update[(slice(None), *(0,) * (update.ndim - 1))], "int64") if begins is None else begins
    places = P.cast(first, "int64")[:, None] + steps[None]
    if n.get("mode", "linear") == "circular":
        places = P.remainder(places, P.size(cache, axis=axis))
    rows = P.arange_like(update, axis=0, dtype="int64")[:, None]
    moved, new = P.moveaxis(cache, axis, 1), P.moveaxis(update, axis, 1)
    result = call_op("set_at", moved, new, rows, places, index=(ARRAY, ARRAY) + (FULL_SLICE,) * (cache.ndim - 2))
    return P.moveaxis(result, 1, axis)
