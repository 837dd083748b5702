"""What only moves the numbers of a sample: the same numbers, in another arrangement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pellucid.run.native.batch_axis_analysis import Elements
from pellucid.run.native.equations import Equation

if TYPE_CHECKING:
    from pellucid.run.native.simd_batch import Lanes


def moved(lanes: Lanes, e: Equation) -> Elements:
    """Return the numbers of a sample in what only moves them; there is one of each along the axis of samples."""
    axis = lanes.axes.of[e.result]
    shape = tuple(1 if a == axis else n for a, n in enumerate(e.result.shape))
    x = lanes.of(e.inputs[0])
    if e.name == "broadcast_in_dim":
        wide = [1] * e.result.ndim
        for n, d in zip(x.shape, e.params["broadcast_dimensions"], strict=True):
            wide[d] = n
        return np.broadcast_to(x.reshape(wide), shape)
    if e.name in ("reshape", "squeeze"):
        return x.reshape(shape)
    if e.name == "transpose":
        return x.transpose(e.params["permutation"])
    if e.name == "rev":
        return np.flip(x, e.params["dimensions"])
    if e.name == "slice":
        return part(x, e, axis)
    if e.name == "pad":
        return padded(x, e, shape, lanes.of(e.inputs[1]).item())
    parts = []
    for v in e.inputs:
        elements = lanes.of(v, axis)
        parts.append(np.broadcast_to(elements, tuple(1 if a == axis else n for a, n in enumerate(v.shape))))
    return np.concatenate(parts, axis=e.params["dimension"])


def part(x: Elements, e: Equation, axis: int) -> Elements:
    """Return a slice, which has all samples."""
    strides = e.params["strides"] or (1,) * x.ndim
    ends = zip(e.params["start_indices"], e.params["limit_indices"], strides, strict=True)
    return x[tuple(slice(0, 1) if a == axis else slice(*span) for a, span in enumerate(ends))]


def padded(x: Elements, e: Equation, shape: tuple[int, ...], filler: str) -> Elements:
    """Return an array with more around it, and between its elements."""
    found = np.full(shape, filler, object)
    places = []
    for n, (low, _, between) in zip(x.shape, e.params["padding_config"], strict=True):
        places.append(slice(low, low + (n - 1) * (between + 1) + 1, between + 1))
    found[tuple(places)] = x
    return found
