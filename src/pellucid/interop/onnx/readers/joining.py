"""Arrays put together and taken apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic as P
from pellucid.graph.expr import Expr, constant
from pellucid.interop.onnx.reader import Node, reads


@reads("Concat")
def concat(n: Node, *parts: Expr) -> Any:
    """One behind the other."""
    axis = int(n.get("axis", 1)) % parts[0].ndim
    return P.concatenate(list(parts), axis=axis) if len(parts) > 1 else parts[0]


@reads("Split")
def split(n: Node, x: Expr, sizes: Expr | None = None) -> Any:
    """Parts of told sizes, or as many equal ones as there are outputs, the last of them shorter if need be."""
    axis, size = int(n.get("axis", 0)) % x.ndim, x.shape[int(n.get("axis", 0)) % x.ndim]
    told = n.get("split") if "split" in n.attributes else None if sizes is None else n.known(1)
    if told is None:
        count = int(n.get("num_outputs", len(n.outputs)))
        if not 1 <= count <= len(n.outputs):
            raise n.error(f"it is split into {count} parts, and has {len(n.outputs)} outputs")
        if not isinstance(size, int):
            raise n.error(f"it is split into {count} equal parts along an axis of size {size}, which is not known")
        length = -(-size // count)
        told = [min(length, max(size - i * length, 0)) for i in range(count)]
    ends = np.cumsum([int(t) for t in told])
    whole = (slice(None),) * axis
    return [x[(*whole, slice(int(end - t), int(end)))] for end, t in zip(ends, told, strict=True)]


MODES = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}


@reads("Pad")
def pad(n: Node, x: Expr, pads: Expr | None = None, value: Expr | None = None, axes: Expr | None = None) -> Any:
    """A border; a negative width takes elements away."""
    told = n.get("pads", n.get("paddings")) if n.opset < 11 else n.known(1).ravel()
    over = [int(a) % x.ndim for a in n.known(3).ravel()] if n.input(3) is not None else list(range(x.ndim))
    widths = [(0, 0)] * x.ndim
    for place, axis in enumerate(over):
        widths[axis] = int(told[place]), int(told[place + len(over)])
    mode = n.get("mode", "constant")
    if mode not in MODES:
        raise n.error(f"expected a mode out of {', '.join(MODES)}. Received: mode={mode!r}")
    if any(b < 0 or a < 0 for a, b in widths):
        cut = [slice(max(-a, 0), None if b >= 0 else b) for a, b in widths]
        x = x[tuple(cut)]
        widths = [(max(a, 0), max(b, 0)) for a, b in widths]
    if mode != "constant":
        return P.pad(x, widths, mode=MODES[mode])
    number = n.get("value", 0.0) if n.opset < 11 else n.known(2, 0).ravel()[0] if value is not None else 0
    filled = np.asarray(number).astype(x.dtype)
    if x.dtype.kind == "b":
        return P.cast(P.pad(P.cast(x, "int32"), widths, constant_values=int(filled)), "bool")
    return P.pad(x, widths, constant_values=filled.item())


@reads("Compress")
def compress(n: Node, x: Expr, condition: Expr) -> Any:
    """The elements for which a condition holds that is known."""
    kept = np.flatnonzero(n.known(1))
    axis = n.get("axis")
    flat = x if axis is not None else P.reshape(x, (-1,))
    return P.take(flat, constant(kept.astype(np.int64)), axis=0 if axis is None else int(axis) % x.ndim)


@reads("ReverseSequence")
def reverse_sequence(n: Node, x: Expr, lengths: Expr) -> Any:
    """The beginning of each sequence turned around, as far as it is said to go."""
    time, batch = int(n.get("time_axis", 0)) % x.ndim, int(n.get("batch_axis", 1)) % x.ndim
    steps = P.arange_like(x, axis=time, dtype="int64")
    rows = P.cast(lengths, "int64")
    ahead = time < batch
    own, each = (steps[:, None], rows[None]) if ahead else (steps[None], rows[:, None])
    one = constant(np.int64(1))
    places = P.where(own < each, each - one - own, own)
    others = tuple(a for a in range(x.ndim) if a not in (time, batch))
    return P.take_along_axis(x, P.expand_dims(places, axis=others) if others else places, axis=time)
