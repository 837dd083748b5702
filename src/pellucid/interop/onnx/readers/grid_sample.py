"""Readers of operators that sample images between pixels: GridSample, DeformConv, RoiAlign, Col2Im."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np

from pellucid.graph.expr import Expr, constant
from pellucid.graph.operators import call_op
from pellucid.interop.onnx.layout import channels_first
from pellucid.interop.onnx.reader import OnnxNode, reads
from pellucid.interop.onnx.readers.convolution import get_ints, get_pads
from pellucid.interop.onnx.readers.elementwise import like
from pellucid.interop.onnx.symbolic import P

CUBIC = -0.75
"""Coefficient of the cubic kernel, fixed by ONNX."""


def to_pixels(x: Expr, size: int, corners: bool) -> Expr:
    """Convert coordinates from [-1, 1] to pixels."""
    if corners:
        return (x + like(x, 1)) * like(x, 0.5) * like(x, size - 1)
    return ((x + like(x, 1)) * like(x, size) - like(x, 1)) * like(x, 0.5)


def reflect(x: Expr, size: int, corners: bool) -> Expr:
    """Reflect coordinates at the borders, repeatedly if necessary."""
    low, high = (0.0, size - 1.0) if corners else (-0.5, size - 0.5)
    span = high - low
    if span == 0:
        return P.zeros_like(x)
    away = abs(x - like(x, low))
    turns, rest = P.floor(away / like(x, span)), P.fmod(away, like(x, span))
    even = P.equal(P.remainder(turns, like(x, 2)), like(x, 0))
    return P.where(even, rest + like(x, low), like(x, high) - rest)


def clip_to_image(x: Expr, size: int) -> Expr:
    return P.clip(x, like(x, 0), like(x, size - 1))


def gather_pixels(images: Expr, places: list[Expr], sizes: list[int], mode: str, corners: bool) -> Expr:
    """Return pixels at integer coordinates, (batch, ..., channels), padded as ``mode`` says."""
    if mode == "reflection":
        places = [P.rint(reflect(place, size, corners)) for place, size in zip(places, sizes, strict=True)]
    indices = [P.cast(clip_to_image(place, size), "int64") for place, size in zip(places, sizes, strict=True)]
    rows = P.expand_dims(P.arange_like(images, axis=0, dtype="int64"), axis=tuple(range(1, indices[0].ndim)))
    pixels = call_op("gather", images, rows, *indices)
    if mode != "zeros":
        result: Expr = pixels
        return result
    inside = [(p >= like(p, 0)) & (p <= like(p, size - 1)) for p, size in zip(places, sizes, strict=True)]
    return P.where(functools.reduce(P.logical_and, inside)[..., None], pixels, like(pixels, 0))


def kernel(mode: str, d: Expr) -> Expr:
    """Return the interpolation weight of a pixel at a distance."""
    d = abs(d)
    if mode == "linear":
        return like(d, 1) - d
    near = (like(d, CUBIC + 2) * d - like(d, CUBIC + 3)) * d * d + like(d, 1)
    far = ((d - like(d, 5)) * d + like(d, 8)) * d - like(d, 4)
    return P.where(d <= like(d, 1), near, like(d, CUBIC) * far)


@reads("GridSample")
def grid_sample(n: OnnxNode, x: Expr, grid: Expr) -> Expr:
    sizes = n.require_known(x.shape[2:], "the spatial sizes")
    corners, mode = bool(n.get("align_corners", 0)), n.get("mode", "linear")
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    border = n.get("padding_mode", "zeros")
    images = P.moveaxis(x, 1, -1)
    # The last axis comes first in a grid.
    places = [to_pixels(grid[..., len(sizes) - 1 - i], size, corners) for i, size in enumerate(sizes)]
    if mode != "cubic" and border != "zeros":
        if border == "reflection":
            places = [reflect(p, s, corners) for p, s in zip(places, sizes, strict=True)]
        places = [clip_to_image(p, s) for p, s in zip(places, sizes, strict=True)]
    if mode == "nearest":
        result = gather_pixels(images, [P.rint(p) for p in places], sizes, border, corners)
        return P.moveaxis(result, -1, 1)
    first = [P.floor(p) for p in places]
    reach = (0, 1) if mode == "linear" else (-1, 0, 1, 2)
    parts = []
    for steps in itertools.product(reach, repeat=len(sizes)):
        near = [f + like(f, s) for f, s in zip(first, steps, strict=True)]
        weights = [kernel(mode, place - pixel) for place, pixel in zip(places, near, strict=True)]
        pixels = gather_pixels(images, near, sizes, border, corners)
        parts.append(functools.reduce(P.multiply, weights)[..., None] * pixels)
    return P.moveaxis(functools.reduce(P.add, parts), -1, 1)


@reads("Col2Im")
def col2im(n: OnnxNode, x: Expr, image: Expr, block: Expr) -> Expr:
    """Overlap-add of patches."""
    sizes, window = [int(d) for d in n.get_constant(1)], [int(d) for d in n.get_constant(2)]
    axes = len(sizes)
    strides, dilations = n.get("strides", [1] * axes), n.get("dilations", [1] * axes)
    pads = n.get("pads", [0] * 2 * axes)
    (rows,), places = n.require_known(x.shape[1:2], "the second size"), math.prod(window)
    batch, channels = x.shape[0], rows // places
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
    return P.moveaxis(call_op("overlap_patches", patches, image_like, padding=padding, **settings), -1, 1)


def interpolate_bilinear(images: Expr, y: Expr, x: Expr, use_max: bool = False) -> Expr:
    """Interpolate images (batch, rows, columns, channels) bilinearly, with zero padding.

    With ``use_max``, the maximum of the four weighted pixels replaces their sum, as in ONNX's RoiAlign.
    """
    sizes = [int(d) for d in images.shape[1:-1]]
    low = [P.floor(y), P.floor(x)]
    parts = []
    for steps in itertools.product((0, 1), repeat=2):
        near = [f + like(f, s) for f, s in zip(low, steps, strict=True)]
        weight = kernel("linear", y - near[0]) * kernel("linear", x - near[1])
        parts.append(weight[..., None] * gather_pixels(images, near, sizes, "zeros", False))
    return functools.reduce(P.maximum if use_max else P.add, parts)


@reads("DeformConv")
def deform_conv(
    n: OnnxNode, x: Expr, w: Expr, offset: Expr, bias: Expr | None = None, mask: Expr | None = None
) -> Expr:
    """Deformable convolution: every tap has an offset per position and an optional mask."""
    window = [int(d) for d in w.shape[2:]]
    strides, dilations = get_ints(n, "strides", 2), get_ints(n, "dilations", 2)
    (top, _), (left, _) = get_pads(n, x, window, strides, dilations)
    groups, parts = int(n.get("group", 1)), int(n.get("offset_group", 1))
    rows, columns = n.require_known(offset.shape[2:], "the spatial sizes")
    n.require_known(x.shape[2:], "the spatial sizes")
    taps = window[0] * window[1]
    n.spend(rows + columns, "the positions")
    n.spend(taps, "the taps", 100_000)
    pieces = P.split(P.moveaxis(x, 1, -1), parts, axis=-1)
    base_y = constant((np.arange(rows) * strides[0] - top)[:, None].astype(x.dtype))
    base_x = constant((np.arange(columns) * strides[1] - left)[None].astype(x.dtype))
    tap_columns = []
    for tap, (i, j) in enumerate(itertools.product(*map(range, window))):
        read = []
        for part, images in enumerate(pieces):
            at = part * taps + tap
            y = offset[:, 2 * at] + base_y + like(x, i * dilations[0])
            found = interpolate_bilinear(images, y, offset[:, 2 * at + 1] + base_x + like(x, j * dilations[1]))
            read.append(found if mask is None else found * mask[:, at][..., None])
        tap_columns.append(P.concatenate(read, axis=-1))
    patches = P.stack(tap_columns, axis=-2)
    result = []
    for inner, own in zip(P.split(patches, groups, axis=-1), P.split(w, groups, axis=0), strict=True):
        flat = P.reshape(own, (int(own.shape[0]), int(own.shape[1]), taps))
        result.append(P.einsum("nrctk,okt->nrco", inner, flat))
    total = P.concatenate(result, axis=-1)
    return channels_first(total if bias is None else total + bias)


@reads("RoiAlign")
def roi_align(n: OnnxNode, x: Expr, rois: Expr, batch_indices: Expr) -> Expr:
    """Region pooling: the mean or maximum of sampling points in each bin."""
    size = int(n.get("output_height", 1)), int(n.get("output_width", 1))
    ratio, scale = int(n.get("sampling_ratio", 0)), float(n.get("spatial_scale", 1.0))
    if ratio < 1:
        raise n.error("sampling_ratio=0 is not supported: the number of sampling points would depend on the regions")
    transform = n.get("coordinate_transformation_mode", "half_pixel" if n.opset >= 16 else "output_half_pixel")
    shift = 0.5 if transform == "half_pixel" else 0.0
    channels, *limits = n.require_known(x.shape[1:], "the number of channels and the spatial sizes")
    places = []
    for axis, count in enumerate(size):
        start, end = (rois[:, k] * like(x, scale) - like(x, shift) for k in (1 - axis, 3 - axis))
        length = end - start
        length = length if shift else P.maximum(length, like(x, 1))
        n.spend(count * ratio, "the sampling points")
        steps = constant(((np.arange(count * ratio) + 0.5) / ratio).astype(x.dtype))
        places.append(start[:, None] + (length / like(x, count))[:, None] * steps[None])
    y, c = places[0][:, :, None], places[1][:, None, :]
    outside = (y < like(x, -1)) | (y > like(x, limits[0])) | (c < like(x, -1)) | (c > like(x, limits[1]))
    images = P.take(P.moveaxis(x, 1, -1), batch_indices, axis=0)
    inner = [clip_to_image(p, s) for p, s in zip((y, c), limits, strict=True)]
    wide = P.zeros_like(y + c)
    use_max = n.get("mode", "avg") == "max"
    read = interpolate_bilinear(images, inner[0] + wide, inner[1] + wide, use_max)
    found = P.where(outside[..., None], like(x, 0), read)
    bins = P.reshape(found, (found.shape[0], size[0], ratio, size[1], ratio, channels))
    return channels_first(P.max(bins, axis=(2, 4)) if use_max else P.mean(bins, axis=(2, 4)))
