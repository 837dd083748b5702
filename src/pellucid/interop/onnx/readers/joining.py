"""Readers of concatenation, splitting and padding, and of tensor sequences whose length is known on import."""

from __future__ import annotations

import itertools

import numpy as np

from pellucid.graph.expr import Expr, constant
from pellucid.interop.onnx.reader import OnnxNode, TensorSequence, reads
from pellucid.interop.onnx.symbolic import P


@reads("Concat")
def concat(n: OnnxNode, *parts: Expr) -> Expr:
    axis = int(n.get("axis", 1)) % parts[0].ndim
    return P.concatenate(list(parts), axis=axis) if len(parts) > 1 else parts[0]


@reads("Split")
def split(n: OnnxNode, x: Expr, sizes: Expr | None = None) -> list[Expr]:
    """Split into parts of given sizes, or into equal parts of which the last may be shorter."""
    axis = int(n.get("axis", 0)) % x.ndim
    widths = n.get("split") if "split" in n.attributes else None if sizes is None else n.get_constant(1)
    if widths is None:
        count = int(n.get("num_outputs", len(n.outputs)))
        if not 1 <= count <= len(n.outputs):
            raise n.error(f"it is split into {count} parts but has {len(n.outputs)} outputs")
        (size,) = n.require_known([x.shape[axis]], f"the size of axis {axis}, which is split,")
        length = -(-size // count)
        widths = [min(length, max(size - i * length, 0)) for i in range(count)]
    return split_axis(x, axis, [int(w) for w in widths])


def split_axis(x: Expr, axis: int, widths: list[int]) -> list[Expr]:
    whole = (slice(None),) * axis
    return [x[(*whole, slice(end - w, end))] for end, w in zip(itertools.accumulate(widths), widths, strict=True)]


MODES = ("constant", "reflect", "edge", "wrap")


@reads("Pad")
def pad(n: OnnxNode, x: Expr, pads: Expr | None = None, value: Expr | None = None, axes: Expr | None = None) -> Expr:
    """Pad; negative pads crop."""
    ends = n.get("pads", n.get("paddings")) if n.opset < 11 else n.get_constant(1).ravel()
    over = [int(a) % x.ndim for a in n.get_constant(3).ravel()] if n.input(3) is not None else list(range(x.ndim))
    widths = [(0, 0)] * x.ndim
    for place, axis in enumerate(over):
        widths[axis] = int(ends[place]), int(ends[place + len(over)])
    mode = n.get("mode", "constant")
    if mode not in MODES:
        raise n.error(f"expected a mode from {', '.join(MODES)}. Received: mode={mode!r}")
    if any(b < 0 or a < 0 for a, b in widths):
        cut = [slice(max(-a, 0), None if b >= 0 else b) for a, b in widths]
        x = x[tuple(cut)]
        widths = [(max(a, 0), max(b, 0)) for a, b in widths]
    if mode != "constant":
        return P.pad(x, widths, mode=mode)
    number = n.get("value", 0.0) if n.opset < 11 else n.get_constant(2, 0).ravel()[0] if value is not None else 0
    filled = np.asarray(number).astype(x.dtype)
    if x.dtype.kind == "b":
        return P.cast(P.pad(P.cast(x, "int32"), widths, constant_values=int(filled)), "bool")
    return P.pad(x, widths, constant_values=filled.item())


@reads("SequenceEmpty", "SequenceConstruct")
def sequence_construct(n: OnnxNode, *items: Expr) -> TensorSequence:
    return TensorSequence(items)


@reads("SequenceAt")
def sequence_at(n: OnnxNode, sequence: TensorSequence, place: Expr) -> Expr:
    result: Expr = sequence[int(n.get_constant(1).ravel()[0])]
    return result


@reads("SequenceLength")
def sequence_length(n: OnnxNode, sequence: TensorSequence) -> Expr:
    return constant(np.int64(len(sequence)))


@reads("SequenceInsert")
def sequence_insert(n: OnnxNode, sequence: TensorSequence, item: Expr, place: Expr | None = None) -> TensorSequence:
    at = int(n.get_constant(2, len(sequence)).ravel()[0])
    return TensorSequence((*sequence[:at], item, *sequence[at:]))


@reads("SequenceErase")
def sequence_erase(n: OnnxNode, sequence: TensorSequence, place: Expr | None = None) -> TensorSequence:
    at = int(n.get_constant(1, -1).ravel()[0]) % len(sequence)
    return TensorSequence((*sequence[:at], *sequence[at + 1 :]))


@reads("SplitToSequence")
def split_to_sequence(n: OnnxNode, x: Expr, sizes: Expr | None = None) -> TensorSequence:
    """Split into parts of one element, of one size, or of given sizes."""
    axis = int(n.get("axis", 0)) % x.ndim
    (size,) = n.require_known([x.shape[axis]], f"the size of axis {axis}, which is split,")
    lengths = n.get_constant(1, 1)
    each = int(lengths.ravel()[0])
    if lengths.ndim == 0 and each < 1:
        raise n.error(f"expected a split size of at least 1. Received: {each}")
    widths = [min(each, size - i) for i in range(0, size, each)] if lengths.ndim == 0 else [int(t) for t in lengths]
    parts = split_axis(x, axis, widths)
    squeezed = sizes is None and not n.get("keepdims", 1)
    return TensorSequence(P.squeeze(p, axis=axis) for p in parts) if squeezed else TensorSequence(parts)


@reads("ConcatFromSequence")
def concat_from_sequence(n: OnnxNode, sequence: TensorSequence) -> Expr:
    axis = int(n.require("axis"))
    return P.stack(list(sequence), axis=axis) if n.get("new_axis", 0) else P.concatenate(list(sequence), axis=axis)
