"""Sequences of arrays, as far as it is known while a file is read how long they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic as P
from pellucid.graph.expr import Expr, constant
from pellucid.interop.onnx.reader import Node, Row, reads


@reads("SequenceEmpty", "SequenceConstruct")
def construct(n: Node, *items: Expr) -> Any:
    """Arrays one after the other."""
    return Row(items)


@reads("SequenceAt")
def at(n: Node, row: Row, place: Expr) -> Any:
    """One of them."""
    return row[int(n.known(1).ravel()[0])]


@reads("SequenceLength")
def length(n: Node, row: Row) -> Any:
    """How many there are."""
    return constant(np.int64(len(row)))


@reads("SequenceInsert")
def insert(n: Node, row: Row, item: Expr, place: Expr | None = None) -> Any:
    """One more of them, at a place or at the end."""
    at = int(n.known(2, len(row)).ravel()[0])
    return Row((*row[:at], item, *row[at:]))


@reads("SequenceErase")
def erase(n: Node, row: Row, place: Expr | None = None) -> Any:
    """One less of them, that at a place or the last."""
    at = int(n.known(1, -1).ravel()[0]) % len(row)
    return Row((*row[:at], *row[at + 1 :]))


@reads("SplitToSequence")
def split(n: Node, x: Expr, sizes: Expr | None = None) -> Any:
    """Parts of an array: of one element each, of one size, or of told sizes."""
    axis = int(n.get("axis", 0)) % x.ndim
    size = x.shape[axis]
    if not isinstance(size, int):
        raise n.error(f"it is split along an axis of size {size}, which is not known")
    told = n.known(1, 1)
    each = int(told.ravel()[0])
    if told.ndim == 0 and each < 1:
        raise n.error(f"expected parts of 1 element or more. Received: {each}")
    widths = [min(each, size - i) for i in range(0, size, each)] if told.ndim == 0 else [int(t) for t in told]
    ends, whole = np.cumsum(widths), (slice(None),) * axis
    parts = [x[(*whole, slice(int(end) - w, int(end)))] for end, w in zip(ends, widths, strict=True)]
    alone = sizes is None and not n.get("keepdims", 1)
    return Row(P.squeeze(p, axis=axis) for p in parts) if alone else Row(parts)


@reads("ConcatFromSequence")
def concat(n: Node, row: Row) -> Any:
    """All of them in one array, along an axis that they have or along a new one."""
    axis = int(n.needs("axis"))
    return P.stack(list(row), axis=axis) if n.get("new_axis", 0) else P.concatenate(list(row), axis=axis)
