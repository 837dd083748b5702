"""Arrays of which a part that is known beforehand is written: what the gradient of a slice is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pellucid.run.native.equations import Value, Writer


def region(writer: Writer, name: str, params: Any, x: Value, where: Value, new: Value) -> Value | None:
    """Return what a scatter to one known place makes, without looking the place up; None for any other scatter.

    The part is padded to the whole array, and added to it, or taken in its place. Padding, unlike a scatter, goes along
    with samples.
    """
    d, place = params["dimension_numbers"], known(where)
    if name not in ("scatter", "scatter-add") or place is None or place.ndim != 1 or d.operand_batching_dims:
        return None
    first = [0] * x.ndim
    for axis, start in zip(d.scatter_dims_to_operand_dims, place, strict=True):
        first[axis] = int(start)
    sizes = iter(new.shape)
    window = tuple(1 if a in d.inserted_window_dims else next(sizes) for a in range(x.ndim))
    spans = [(low, n - low - size, 0) for low, n, size in zip(first, x.shape, window, strict=True)]
    if min((0, *(end for low, high, _ in spans for end in (low, high)))) < 0:
        return None
    part = new if window == new.shape else writer.reshaped(new, window)
    ground = uniform(x) if name == "scatter" else None
    around = writer.reader.number(np.zeros((), x.dtype) if ground is None else ground)
    wide = writer.padded(part, around, spans)
    if name == "scatter-add":
        return writer.binary("add", x, wide)
    if ground is not None:
        return wide
    inside = np.ones([1 if size == n else size for n, size in zip(x.shape, window, strict=True)], bool)
    ends = [(0, 0) if size == n else span[:2] for n, size, span in zip(x.shape, window, spans, strict=True)]
    return writer.chosen(writer.reader.number(np.pad(inside, ends)), x, wide)


def known(v: Value) -> np.ndarray[Any, Any] | None:
    """Return the elements of a value that is made of constants, as indices are."""
    if v.constant is not None:
        return np.asarray(v.constant)
    e = v.maker
    if e is None or e.name not in ("broadcast_in_dim", "concatenate"):
        return None
    parts = [known(x) for x in e.inputs]
    found = [p for p in parts if p is not None]
    if len(found) < len(parts):
        return None
    if e.name == "concatenate":
        return np.concatenate(found, e.params["dimension"])
    return np.broadcast_to(found[0], v.shape) if found[0].ndim == 0 else None


def uniform(x: Value) -> np.ndarray[Any, Any] | None:
    """Return the number that all elements of an array are, if that is known."""
    while x.maker is not None and x.maker.name in ("broadcast_in_dim", "reshape", "squeeze"):
        x = x.maker.inputs[0]
    return np.asarray(x.constant) if x.constant is not None and x.ndim == 0 else None
