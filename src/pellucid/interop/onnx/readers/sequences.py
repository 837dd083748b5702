"""Readers of tensor sequences whose length is known on import."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic as P
from pellucid.graph.expr import Expr, constant
from pellucid.interop.onnx.reader import OnnxNode, TensorSequence, reads


@reads("SequenceEmpty", "SequenceConstruct")
def construct(n: OnnxNode, *items: Expr) -> Any:
    return TensorSequence(items)


@reads("SequenceAt")
def at(n: OnnxNode, row: TensorSequence, place: Expr) -> Any:
    return row[int(n.get_constant(1).ravel()[0])]


@reads("SequenceLength")
def length(n: OnnxNode, row: TensorSequence) -> Any:
    return constant(np.int64(len(row)))


@reads("SequenceInsert")
def insert(n: OnnxNode, row: TensorSequence, item: Expr, place: Expr | None = None) -> Any:
    at = int(n.get_constant(2, len(row)).ravel()[0])
    return TensorSequence((*row[:at], item, *row[at:]))


@reads("SequenceErase")
def erase(n: OnnxNode, row: TensorSequence, place: Expr | None = None) -> Any:
    at = int(n.get_constant(1, -1).ravel()[0]) % len(row)
    return TensorSequence((*row[:at], *row[at + 1 :]))


@reads("SplitToSequence")
def split(n: OnnxNode, x: Expr, sizes: Expr | None = None) -> Any:
    """Split into parts of one element, of one size, or of given sizes."""
    axis = int(n.get("axis", 0)) % x.ndim
    size = x.shape[axis]
    if not isinstance(size, int):
        raise n.error(f"cannot split an axis of unknown size {size}")
    lengths = n.get_constant(1, 1)
    each = int(lengths.ravel()[0])
    if lengths.ndim == 0 and each < 1:
        raise n.error(f"expected a split size of at least 1. Received: {each}")
    widths = [min(each, size - i) for i in range(0, size, each)] if lengths.ndim == 0 else [int(t) for t in lengths]
    ends, whole = np.cumsum(widths), (slice(None),) * axis
    parts = [x[(*whole, slice(int(end) - w, int(end)))] for end, w in zip(ends, widths, strict=True)]
    squeezed = sizes is None and not n.get("keepdims", 1)
    return TensorSequence(P.squeeze(p, axis=axis) for p in parts) if squeezed else TensorSequence(parts)


@reads("ConcatFromSequence")
def concat(n: OnnxNode, row: TensorSequence) -> Any:
    axis = int(n.require("axis"))
    return P.stack(list(row), axis=axis) if n.get("new_axis", 0) else P.concatenate(list(row), axis=axis)
