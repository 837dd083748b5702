"""Images read at places between their pixels."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, constant
from pellucid.graph.opening import symbolic as P
from pellucid.graph.operators import call
from pellucid.interop.onnx.reader import Node, reads
from pellucid.interop.onnx.readers.elementwise import like

CUBIC = -0.75
"""The coefficient of the cubic kernel that ONNX fixes."""


def pixel(x: Any, size: int, corners: bool) -> Any:
    """Return a place from -1 to 1 in pixels."""
    half = like(x, 0.5)
    return (
        (x + like(x, 1)) * half * like(x, size - 1)
        if corners
        else ((x + like(x, 1)) * like(x, size) - like(x, 1)) * half
    )


def reflected(x: Any, size: int, corners: bool) -> Any:
    """Mirror places at the borders, as often as it takes."""
    low, high = (0.0, size - 1.0) if corners else (-0.5, size - 0.5)
    span = high - low
    if span == 0:
        return P.zeros_like(x)
    away = abs(x - like(x, low))
    turns, rest = P.floor(away / like(x, span)), P.fmod(away, like(x, span))
    even = P.equal(P.remainder(turns, like(x, 2)), like(x, 0))
    return P.where(even, rest + like(x, low), like(x, high) - rest)


def taken(images: Expr, places: list[Any], sizes: list[int], mode: str, corners: bool) -> Any:
    """Return pixels at whole places, (batch, ..., channels); zeros or the nearest pixel where there is none."""
    inside: Any = None
    chosen = []
    for place, size in zip(places, sizes, strict=True):
        if mode == "reflection":
            place = P.rint(reflected(place, size, corners))
        here = (place >= like(place, 0)) & (place <= like(place, size - 1))
        inside = here if inside is None else inside & here
        chosen.append(P.cast(P.clip(place, like(place, 0), like(place, size - 1)), "int64"))
    ndim = chosen[0].ndim
    rows = P.expand_dims(P.arange_like(images, axis=0, dtype="int64"), axis=tuple(range(1, ndim)))
    found = call("gather", images, rows, *chosen)
    return found if mode != "zeros" else P.where(inside[..., None], found, like(found, 0))


def kernel(mode: str, d: Any) -> Any:
    """Return the weight of a pixel at a distance."""
    d = abs(d)
    if mode == "linear":
        return like(d, 1) - d
    near = (like(d, CUBIC + 2) * d - like(d, CUBIC + 3)) * d * d + like(d, 1)
    far = ((d - like(d, 5)) * d + like(d, 8)) * d - like(d, 4)
    return P.where(d <= like(d, 1), near, like(d, CUBIC) * far)


@reads("GridSample")
def grid_sample(n: Node, x: Expr, grid: Expr) -> Any:
    """An image read at the places of a grid."""
    sizes = [int(d) for d in x.shape[2:]]
    corners, mode = bool(n.get("align_corners", 0)), n.get("mode", "linear")
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    border = n.get("padding_mode", "zeros")
    images = P.moveaxis(x, 1, -1)
    # A grid names the last axis first.
    places = [pixel(grid[..., len(sizes) - 1 - i], size, corners) for i, size in enumerate(sizes)]
    if mode != "cubic":
        if border == "border":
            places = [P.clip(p, like(p, 0), like(p, s - 1)) for p, s in zip(places, sizes, strict=True)]
        elif border == "reflection":
            places = [reflected(p, s, corners) for p, s in zip(places, sizes, strict=True)]
            places = [P.clip(p, like(p, 0), like(p, s - 1)) for p, s in zip(places, sizes, strict=True)]
    if mode == "nearest":
        made = taken(images, [P.rint(p) for p in places], sizes, border, corners)
        return P.moveaxis(made, -1, 1)
    first = [P.floor(p) for p in places]
    reach = (0, 1) if mode == "linear" else (-1, 0, 1, 2)
    total: Any = None
    for steps in itertools.product(reach, repeat=len(sizes)):
        near = [f + like(f, s) for f, s in zip(first, steps, strict=True)]
        weight: Any = None
        for place, pixel_place in zip(places, near, strict=True):
            own = kernel(mode, place - pixel_place)
            weight = own if weight is None else weight * own
        part = weight[..., None] * taken(images, near, sizes, border, corners)
        total = part if total is None else total + part
    return P.moveaxis(total, -1, 1)


@reads("Col2Im")
def col2im(n: Node, x: Expr, image: Expr, block: Expr) -> Any:
    """Patches put back where they came from, and added where they overlap."""
    sizes, window = [int(d) for d in n.known(1)], [int(d) for d in n.known(2)]
    axes = len(sizes)
    strides, dilations = n.get("strides", [1] * axes), n.get("dilations", [1] * axes)
    pads = n.get("pads", [0] * 2 * axes)
    batch, rows, _ = x.shape
    places = int(np.prod(window))
    channels = int(rows) // places
    counts = [
        (size + pads[a] + pads[a + axes] - (window[a] - 1) * dilations[a] - 1) // strides[a] + 1
        for a, size in enumerate(sizes)
    ]
    wide = P.reshape(x, (batch, channels, places, *counts))
    order = [0, *range(3, 3 + axes), 2, 1]
    patches = P.reshape(P.transpose(wide, order), (batch, *counts, places * channels))
    image_like = P.broadcast_to(constant(np.zeros((), x.dtype)), (batch, *sizes, channels))
    settings = {"size": tuple(window), "strides": tuple(strides), "dilation": tuple(dilations)}
    padding = tuple((pads[a], pads[a + axes]) for a in range(axes))
    return P.moveaxis(call("overlap_patches", patches, image_like, padding=padding, **settings), -1, 1)
