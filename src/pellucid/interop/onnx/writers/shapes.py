"""The same elements in another shape or order, and arrays put together."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.ops.reshape import Kept
from pellucid.interop.onnx.writer import Writer, not_in_onnx, writes

END = 2**62
"""A place beyond the end of every array."""


@writes("reshape")
def reshape(w: Writer, e: Expr, x: str) -> Any:
    """Reshape: of one open size -1, of an axis that stays where it is 0, and else the sizes themselves."""
    shape = e.settings["shape"]
    open_ = [a for a, d in enumerate(shape) if isinstance(d, str)]
    if len(open_) <= 1:
        return w.node("Reshape", x, w.ints([-1 if isinstance(d, str) else int(d) for d in shape]))
    stays = [a for a in open_ if isinstance(shape[a], Kept) and shape[a].axis == a]
    if len(open_) - len(stays) <= 1 and 0 not in shape:
        told = [0 if a in stays else -1 if a in open_ else d for a, d in enumerate(shape)]
        return w.node("Reshape", x, w.ints(told))
    parts = []
    for d in shape:
        if isinstance(d, Kept):
            parts.append(w.node("Shape", x, start=d.axis, end=d.axis + 1))
        else:
            parts.append(w.ints([-1 if isinstance(d, str) else int(d)]))
    return w.node("Reshape", x, w.node("Concat", *parts, axis=0))


@writes("reshape_like")
def reshape_like(w: Writer, e: Expr, x: str, like: str) -> Any:
    """Reshape to the shape of another array."""
    return w.node("Reshape", x, shape_of(w, e.inputs[1], like), allowzero=1)


def shape_of(w: Writer, e: Expr, name: str) -> str:
    """Return the shape of an array, as numbers where they are known."""
    known = all(isinstance(d, int) for d in e.shape)
    found: str = w.shape(e.shape) if known else w.node("Shape", name)
    return found


@writes("expand_dims")
def expand_dims(w: Writer, e: Expr, x: str) -> Any:
    """Unsqueeze."""
    axes = e.settings["axis"]
    return w.node("Unsqueeze", x, w.ints(axes)) if axes else x


@writes("squeeze")
def squeeze(w: Writer, e: Expr, x: str) -> Any:
    """Squeeze."""
    axes = e.settings["axis"]
    return w.node("Squeeze", x, w.ints(axes)) if axes else x


@writes("broadcast_like")
def broadcast_like(w: Writer, e: Expr, x: str, like: str) -> Any:
    """Expand to the shape of another array."""
    return w.node("Expand", x, shape_of(w, e.inputs[1], like))


@writes("broadcast_to")
def broadcast_to(w: Writer, e: Expr, x: str) -> Any:
    """Expand to a shape, in which a size of 1 leaves an axis as it is."""
    return w.node("Expand", x, w.ints([1 if isinstance(d, Kept) else int(d) for d in e.settings["shape"]]))


@writes("size")
def size(w: Writer, e: Expr, x: str) -> Any:
    """A product of sizes."""
    axes, (operand,) = e.settings["axis"], e.inputs
    if len(axes) == operand.ndim:
        count = w.node("Size", x)
    else:
        sizes = [w.node("Shape", x, start=a, end=a + 1) for a in axes]
        count = w.node("ReduceProd", w.node("Concat", *sizes, axis=0), keepdims=0) if sizes else w.constant(1, "int64")
    return count if e.dtype == "int64" else w.cast(count, e.dtype)


@writes("transpose")
def transpose(w: Writer, e: Expr, x: str) -> Any:
    """Transpose."""
    return w.node("Transpose", x, perm=list(e.settings["axes"]))


@writes("flip")
def flip(w: Writer, e: Expr, x: str) -> Any:
    """A slice that goes backwards."""
    axes = list(e.settings["axis"])
    backwards = (w.ints([-1] * len(axes)), w.ints([-END] * len(axes)), w.ints(axes), w.ints([-1] * len(axes)))
    return w.node("Slice", x, *backwards) if axes else x


@writes("join")
def join(w: Writer, e: Expr, *parts: str) -> Any:
    """Concat."""
    return w.node("Concat", *parts, axis=e.settings["axis"])


@writes("part_like")
def part_like(w: Writer, e: Expr, x: str, *parts: str) -> Any:
    """A slice that begins where the parts before it end."""
    axis, position = e.settings["axis"], e.settings["position"]
    sizes = [w.node("Shape", p, start=axis, end=axis + 1) for p in parts[: position + 1]]
    start = w.node("ReduceSum", w.node("Concat", *sizes[:-1], axis=0), keepdims=1) if position else w.ints([0])
    end = w.node("Add", start, sizes[-1])
    return w.node("Slice", x, start, end, w.ints([axis]))


@writes("tile")
def tile(w: Writer, e: Expr, x: str) -> Any:
    """Tile, after axes of length 1 in front."""
    lead = e.ndim - e.inputs[0].ndim
    x = w.node("Unsqueeze", x, w.ints(range(lead))) if lead else x
    return w.node("Tile", x, w.ints(e.settings["reps"]))


@writes("repeat_each")
def repeat_each(w: Writer, e: Expr, x: str) -> Any:
    """A new axis, tiled and taken into the one before it."""
    axis, repeats, ndim = e.settings["axis"], e.settings["repeats"], e.ndim
    wide = w.node("Unsqueeze", x, w.ints([axis + 1]))
    tiled = w.node("Tile", wide, w.ints([repeats if a == axis + 1 else 1 for a in range(ndim + 1)]))
    # 0 keeps the sizes in front; those behind are told, or asked for.
    behind = e.shape[axis + 1 :]
    if all(isinstance(d, int) for d in behind):
        return w.node("Reshape", tiled, w.ints([0] * axis + [-1] + [int(d) for d in behind]))
    rest = w.node("Shape", x, start=axis + 1)
    return w.node("Reshape", tiled, w.node("Concat", w.ints([0] * axis + [-1]), rest, axis=0))


@writes("pad")
def pad(w: Writer, e: Expr, x: str) -> Any:
    """Pad; ONNX has no mode "symmetric", mirrors once, and has one number for all of the border."""
    widths, mode = e.settings["pad_width"], e.settings["mode"]
    ends = w.ints([*(a for a, _ in widths), *(b for _, b in widths)])
    if mode == "constant":
        values = e.settings["constant_values"]
        return bordered(w, e, x) if isinstance(values, tuple) else w.node("Pad", x, ends, w.constant(values, e.dtype))
    sizes = e.inputs[0].shape
    if mode == "edge" or (
        mode == "reflect" and not any(isinstance(n, int) and n <= max(*p) for n, p in zip(sizes, widths, strict=True))
    ):
        return w.node("Pad", x, ends, mode=mode)
    return copied(w, e, x)


def bordered(w: Writer, e: Expr, x: str) -> str:
    """Put a border of different numbers around, axis by axis."""
    for axis, (width, value) in enumerate(zip(e.settings["pad_width"], e.settings["constant_values"], strict=True)):
        for before, (count, number) in enumerate(zip(width, value, strict=True)):
            ends = [0, 0]
            ends[before] = count
            x = w.node("Pad", x, w.ints(ends), w.constant(number, e.dtype), w.ints([axis]))
    return x


def copied(w: Writer, e: Expr, x: str) -> str:
    """Take for each element of a padded axis the one it is a copy of."""
    for axis, (size, width) in enumerate(zip(e.inputs[0].shape, e.settings["pad_width"], strict=True)):
        if width == (0, 0):
            continue
        if not isinstance(size, int):
            raise not_in_onnx(e, f"A border of mode {e.settings['mode']!r} is exported along axes of known sizes")
        sources = np.pad(np.arange(size), width, mode=e.settings["mode"])
        x = w.node("Gather", x, w.ints(sources), axis=axis)
    return x


@writes("arange_like")
def arange_like(w: Writer, e: Expr, x: str) -> Any:
    """Range, up to the length of an axis."""
    axis = e.settings["axis"]
    length = w.node("Squeeze", w.node("Shape", x, start=axis, end=axis + 1), w.ints([0]))
    numbers = w.node("Range", w.constant(0, "int64"), length, w.constant(1, "int64"))
    return numbers if e.dtype == "int64" else w.cast(numbers, e.dtype)


@writes("sum_like")
def sum_like(w: Writer, e: Expr, x: str, like: str) -> Any:
    """A sum over the axes that the other array has not, or has as 1."""
    operand, target = e.inputs
    lead = operand.ndim - target.ndim
    axes = [a for a in range(operand.ndim) if a < lead or (target.shape[a - lead] == 1 and operand.shape[a] != 1)]
    kept = w.node("ReduceSum", x, w.ints(axes), keepdims=1) if axes else x
    return w.node("Reshape", kept, shape_of(w, target, like), allowzero=1) if lead else kept


@writes("tril", "triu")
def triangle(w: Writer, e: Expr, x: str) -> Any:
    """Trilu."""
    assert e.op is not None
    number = w.cast(x, "int64") if e.dtype == bool else x
    made = w.node("Trilu", number, w.constant(e.settings["k"], "int64"), upper=int(e.op.name == "triu"))
    return w.cast(made, "bool") if e.dtype == bool else made
