"""Selection of the convolutions and of their gradients that kernels compute."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pellucid.run.jax_runtime import jax
from pellucid.run.kernels import ffi
from pellucid.run.kernels.convolution_programs import ConvolutionSpec, split_evenly
from pellucid.run.kernels.grouped_programs import GroupedSpec, make_grouped_spec, make_transposed_spec
from pellucid.run.kernels.source_assembly import ITEM_SIZES, Pair
from pellucid.run.kernels.window_shapes import Padding, as_2d_kernel, as_images, as_pair, describe_windows

if TYPE_CHECKING:
    from jax import Array as JaxArray

MIN_CONV_MULTIPLICATIONS = 2**20
"""XLA computes smaller convolutions: compiling a kernel would take longer than it saves."""

MAX_BUFFER_BYTES = 2**22
"""XLA computes grouped convolutions for which a task would keep more of the input."""

MAX_TILE_CALLS = 2000
"""XLA computes convolutions for which a kernel would call more tiles than this and take too long to compile."""


def conv(
    x: JaxArray, kernel: JaxArray, strides: Sequence[int], padding: Padding, dilation: Sequence[int], groups: int
) -> JaxArray | None:
    spec = make_conv_spec(x, kernel, strides, padding, dilation, groups)
    if spec is None:
        return None
    images, window = as_images(x), as_2d_kernel(kernel)
    if groups == 1:
        output: JaxArray = ffi.conv_forward(spec, images, window)
    else:
        grouped = make_grouped_spec(spec, groups, spec.filters)
        if not fits_in_cache(grouped):
            return None
        output = ffi.grouped_conv(grouped, images, window)
    return output.reshape(x.shape[0], *spec.output_size[4 - x.ndim :], spec.filters)


def conv_input_gradient(
    g: JaxArray,
    kernel: JaxArray,
    like: JaxArray,
    strides: Sequence[int],
    padding: Padding,
    dilation: Sequence[int],
    groups: int,
) -> JaxArray | None:
    """Return the gradient of a convolution with respect to its input, or None to leave it to XLA."""
    spec = make_conv_spec(like, kernel, strides, padding, dilation, groups)
    if spec is None:
        return None
    if groups > 1:
        grouped = make_transposed_spec(spec, groups, spec.filters)
        result: JaxArray | None = (
            ffi.grouped_conv(grouped, as_images(g), as_2d_kernel(kernel)) if fits_in_cache(grouped) else None
        )
    else:
        result = transpose_conv(spec, as_images(g), as_2d_kernel(kernel))
    return None if result is None else result.reshape(g.shape[0], *like.shape[1:])


def transpose_conv(spec: ConvolutionSpec, gradient: JaxArray, window: JaxArray) -> JaxArray | None:
    """Return the gradient of a convolution with respect to its input, computed by convolutions with the flipped kernel.

    With stride s, input places with the same remainder modulo s meet every s-th row of the kernel. Each remainder is a
    convolution with a correspondingly smaller kernel.
    """
    if any(s > 1 and d > 1 for s, d in zip(spec.strides, spec.dilation, strict=True)):
        return None
    xp = jax().numpy
    (h, w), (step_y, step_x) = spec.input_size, spec.strides
    sizes = -(-h // step_y), -(-w // step_x)
    rows = [
        xp.stack([gradient_of_remainder(spec, gradient, window, sizes, (y, x)) for x in range(step_x)], axis=3)
        for y in range(step_y)
    ]
    whole = xp.stack(rows, axis=2).reshape(gradient.shape[0], sizes[0] * step_y, sizes[1] * step_x, -1)
    result: JaxArray = whole[:, :h, :w]
    return result


def gradient_of_remainder(
    spec: ConvolutionSpec, gradient: JaxArray, window: JaxArray, sizes: Pair, remainder: Pair
) -> JaxArray:
    """Return the gradient of the input places with one remainder modulo the strides."""
    xp, taps, border = jax().numpy, [], []
    for r, n, m, k, s, low, d in zip(
        remainder, sizes, gradient.shape[1:3], spec.window, spec.strides, spec.padding, spec.dilation, strict=True
    ):
        first = (r + low) % s
        count = len(range(first, k, s))
        before = (count - 1) * d - (r + low - first) // s
        taps.append(slice(first, None, s))
        border.append((before, n - m - before + (count - 1) * d))
    flipped = xp.swapaxes(xp.flip(window[tuple(taps)], axis=(0, 1)), -1, -2)
    if 0 in flipped.shape:
        result: JaxArray = xp.zeros((gradient.shape[0], *sizes, flipped.shape[-1]), gradient.dtype)
        return result
    inner = describe_windows(gradient, flipped.shape[:2], (1, 1), border, spec.dilation)
    return ffi.conv_forward(ConvolutionSpec(filters=flipped.shape[3], **inner), gradient, flipped)


def conv_kernel_gradient(
    x: JaxArray,
    g: JaxArray,
    like: JaxArray,
    strides: Sequence[int],
    padding: Padding,
    dilation: Sequence[int],
    groups: int,
) -> JaxArray | None:
    """Return the gradient of a convolution with respect to its kernel, or None to leave it to XLA."""
    spec = make_conv_spec(x, like, strides, padding, dilation, groups)
    if spec is None:
        return None
    if groups == 1:
        gradient: JaxArray = ffi.conv_kernel_gradient(spec, as_images(x), as_images(g))
    else:
        grouped = make_grouped_spec(spec, groups, spec.filters)
        if not fits_in_cache(grouped):
            return None
        gradient = ffi.grouped_kernel_gradient(grouped, as_images(x), as_images(g))
    return gradient.reshape(like.shape)


def make_conv_spec(
    x: JaxArray, kernel: JaxArray, strides: Sequence[int], padding: Padding, dilation: Sequence[int], groups: int
) -> ConvolutionSpec | None:
    """Return the sizes of a convolution, or None to leave it to XLA."""
    if not 3 <= x.ndim <= 4:
        return None
    images, window = as_images(x), as_2d_kernel(kernel)
    pairs = as_pair(strides, 1), as_pair(padding, (0, 0)), as_pair(dilation, 1)
    spec = ConvolutionSpec(filters=window.shape[3], **describe_windows(images, window.shape[:2], *pairs))
    return spec if is_worthwhile(spec, x, groups) else None


def is_worthwhile(spec: ConvolutionSpec, x: JaxArray, groups: int) -> bool:
    """Whether a kernel supports a convolution and is faster, its compilation included."""
    if spec.dtype not in ITEM_SIZES or min(x.size, spec.channels, spec.filters, *spec.output_size) < 1:
        return False
    per_image = math.prod(spec.window) * math.prod(spec.output_size) * spec.channels // groups * spec.filters
    tile_calls = len(split_evenly(spec.run, spec.max_tile)) * math.prod(spec.window)
    return x.shape[0] * per_image >= MIN_CONV_MULTIPLICATIONS and (groups > 1 or tile_calls <= MAX_TILE_CALLS)


def fits_in_cache(spec: GroupedSpec) -> bool:
    """Whether the rows that a task keeps fit into the cache."""
    return spec.buffer_bytes <= MAX_BUFFER_BYTES
