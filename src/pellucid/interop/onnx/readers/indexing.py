"""Readers of indexing, selection and sorting operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic as P
from pellucid.graph.expr import Constant, Expr, constant
from pellucid.graph.ops.index_spec import ARRAY, FULL_SLICE
from pellucid.graph.ops.indexing import gather as gather_op
from pellucid.interop.onnx.reader import OnnxNode, reads


@reads("Slice")
def slice_(n: OnnxNode, x: Expr, *ends: Expr | None) -> Any:
    if n.opset < 10:
        starts, stops = n.require("starts"), n.require("ends")
        axes, steps = np.asarray(n.get("axes", range(len(starts)))), np.ones(len(starts), int)
    else:
        starts, stops = n.get_constant(1).ravel(), n.get_constant(2).ravel()
        axes = n.get_constant(3, np.arange(len(starts))).ravel()
        steps = n.get_constant(4, np.ones(len(starts), int)).ravel()
    index: list[Any] = [slice(None)] * x.ndim
    for start, stop, axis, step in zip(starts, stops, axes, steps, strict=True):
        index[int(axis) % x.ndim] = to_slice(int(start), int(stop), int(step), x.shape[int(axis) % x.ndim])
    return x[tuple(index)]


def to_slice(start: int, stop: int, step: int, size: Any) -> slice:
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
def gather(n: OnnxNode, x: Expr, indices: Expr) -> Any:
    axis = int(n.get("axis", 0)) % x.ndim
    if isinstance(indices, Constant) and indices.ndim == 0:
        return x[(*(slice(None),) * axis, int(indices.value))]
    return P.take(x, indices, axis=axis)


@reads("GatherElements")
def gather_elements(n: OnnxNode, x: Expr, indices: Expr) -> Any:
    """Elements at indices along an axis; the other axes of the indices may be shorter."""
    axis = int(n.get("axis", 0)) % x.ndim
    return P.take_along_axis(crop_to_indices(x, indices, axis), indices, axis=axis)


def crop_to_indices(x: Expr, indices: Expr, axis: int) -> Any:
    """Crop the other axes to the sizes of the indices."""
    index: list[Any] = [slice(None)] * x.ndim
    for a, (m, k) in enumerate(zip(x.shape, indices.shape, strict=True)):
        if a != axis and isinstance(m, int) and isinstance(k, int) and k < m:
            index[a] = slice(0, k)
    return x[tuple(index)]


@reads("GatherND")
def gather_nd(n: OnnxNode, x: Expr, indices: Expr) -> Any:
    """Slices at rows of indices, per element of the batch axes."""
    batch = int(n.get("batch_dims", 0))
    depth = indices.shape[-1]
    if not isinstance(depth, int):
        raise n.error(f"the last axis of the indices must have a known size. Received: {indices.type}")
    columns = [indices[..., i] for i in range(depth)]
    # Batch axes are indexed by their own position.
    own = []
    for axis in range(batch):
        numbers = P.arange_like(x, axis=axis, dtype="int64")
        own.append(P.expand_dims(numbers, axis=tuple(a for a in range(indices.ndim - 1) if a != axis)))
    rest = (FULL_SLICE,) * (x.ndim - batch - depth)
    return gather_op(x, *own, *columns, index=(ARRAY,) * (batch + depth) + rest)


@reads("TopK")
def top_k(n: OnnxNode, x: Expr, k: Expr | None = None) -> Any:
    """Largest or smallest elements in order, and their indices."""
    count = int(n.require("k")) if n.opset < 10 else int(n.get_constant(1).ravel()[0])
    axis = int(n.get("axis", -1)) % x.ndim
    order = P.argsort(x, axis=axis, descending=bool(n.get("largest", 1)))
    places = order[(*(slice(None),) * axis, slice(0, count))]
    return [P.take_along_axis(x, places, axis=axis), places]


@reads("NonZero")
def non_zero(n: OnnxNode, x: Expr) -> Any:
    """Indices of nonzero elements of a constant, whose number must be known."""
    return constant(np.array(np.nonzero(n.get_constant(0)), np.int64))


@reads("Unique")
def unique(n: OnnxNode, x: Expr) -> Any:
    """Unique elements of a constant."""
    values, axis = n.get_constant(0), n.get("axis")
    found = np.unique(values, return_index=True, return_inverse=True, return_counts=True, axis=axis)
    kept, first, back, counts = found
    back = back.ravel()
    if not n.get("sorted", 1):
        order = np.argsort(first)
        kept = np.take(kept, order, axis=axis or 0)
        first, counts = first[order], counts[order]
        back = np.argsort(order)[back]
    return [constant(kept), *(constant(a.astype(np.int64)) for a in (first, back, counts))]
