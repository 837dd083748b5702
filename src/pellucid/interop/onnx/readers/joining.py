"""Readers of joining, splitting, padding and reversing operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic as P
from pellucid.graph.expr import Expr, constant
from pellucid.interop.onnx.reader import OnnxNode, reads


@reads("Concat")
def concat(n: OnnxNode, *parts: Expr) -> Any:
    axis = int(n.get("axis", 1)) % parts[0].ndim
    return P.concatenate(list(parts), axis=axis) if len(parts) > 1 else parts[0]


@reads("Split")
def split(n: OnnxNode, x: Expr, sizes: Expr | None = None) -> Any:
    """Split into parts of given sizes, or into equal parts of which the last may be shorter."""
    axis, size = int(n.get("axis", 0)) % x.ndim, x.shape[int(n.get("axis", 0)) % x.ndim]
    widths = n.get("split") if "split" in n.attributes else None if sizes is None else n.get_constant(1)
    if widths is None:
        count = int(n.get("num_outputs", len(n.outputs)))
        if not 1 <= count <= len(n.outputs):
            raise n.error(f"it is split into {count} parts but has {len(n.outputs)} outputs")
        if not isinstance(size, int):
            raise n.error(f"cannot split an axis of unknown size {size} into {count} equal parts")
        length = -(-size // count)
        widths = [min(length, max(size - i * length, 0)) for i in range(count)]
    ends = np.cumsum([int(t) for t in widths])
    whole = (slice(None),) * axis
    return [x[(*whole, slice(int(end - t), int(end)))] for end, t in zip(ends, widths, strict=True)]


MODES = ("constant", "reflect", "edge", "wrap")


@reads("Pad")
def pad(n: OnnxNode, x: Expr, pads: Expr | None = None, value: Expr | None = None, axes: Expr | None = None) -> Any:
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


@reads("Compress")
def compress(n: OnnxNode, x: Expr, condition: Expr) -> Any:
    """Select elements by a constant condition."""
    kept = np.flatnonzero(n.get_constant(1))
    axis = n.get("axis")
    flat = x if axis is not None else P.reshape(x, (-1,))
    return P.take(flat, constant(kept.astype(np.int64)), axis=0 if axis is None else int(axis) % x.ndim)


@reads("ReverseSequence")
def reverse_sequence(n: OnnxNode, x: Expr, lengths: Expr) -> Any:
    """Reverse the first elements of each sequence, up to its length."""
    time, batch = int(n.get("time_axis", 0)) % x.ndim, int(n.get("batch_axis", 1)) % x.ndim
    steps = P.arange_like(x, axis=time, dtype="int64")
    rows = P.cast(lengths, "int64")
    time_first = time < batch
    position, length = (steps[:, None], rows[None]) if time_first else (steps[None], rows[:, None])
    one = constant(np.int64(1))
    places = P.where(position < length, length - one - position, position)
    others = tuple(a for a in range(x.ndim) if a not in (time, batch))
    return P.take_along_axis(x, P.expand_dims(places, axis=others) if others else places, axis=time)
