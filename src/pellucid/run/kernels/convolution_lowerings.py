"""Selection of the convolutions and of their gradients that kernels compute."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from pellucid.graph.ops.conv_transpose import compute_transposed_size
from pellucid.run.kernels import ffi
from pellucid.run.kernels.convolution_programs import ConvolutionSpec, split_evenly
from pellucid.run.kernels.grouped_shapes import GroupedSpec, make_grouped_spec, make_transposed_spec
from pellucid.run.kernels.source_assembly import ITEM_SIZES, has_wide_vectors
from pellucid.run.kernels.transposed_shapes import transpose_spec
from pellucid.run.kernels.window_shapes import Padding, Placeholder, as_2d_kernel, as_images, as_pair, describe_windows

if TYPE_CHECKING:
    from jax import Array as JaxArray

MIN_CONV_MULTIPLICATIONS = 2**20
"""XLA computes smaller convolutions: compiling a kernel would take longer than it saves."""

MAX_SHORT_VECTOR_CHANNELS = 2**12
"""Channels times filters of a group, above which XLA convolves unless vectors are long. With few channels,
the copies of windows that XLA makes take longer than the multiplications."""

MAX_BUFFER_BYTES = 2**22
"""How much of the input, as planes, a task of a grouped convolution may keep."""

MAX_TILE_CALLS = 2000
"""XLA computes convolutions for which a kernel would call more tiles than this and take too long to compile."""


def conv(
    x: JaxArray,
    kernel: JaxArray,
    strides: Sequence[int],
    padding: Padding,
    dilation: Sequence[int],
    groups: int,
    bias: JaxArray | None = None,
) -> JaxArray | None:
    """Return a convolution, or None to leave it to XLA. With a bias, return the rectified sum of both."""
    spec = make_conv_spec(x, kernel, strides, padding, dilation, groups)
    if spec is None:
        return None
    operands = [as_images(x), as_2d_kernel(kernel), *([] if bias is None else [bias])]
    if uses_planes(grouped := make_grouped_spec(spec, rectified=bias is not None)):
        output: JaxArray = ffi.grouped_conv(grouped, *operands)
    else:
        output = ffi.conv_forward(spec, *operands)
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
    return None if spec is None else transpose_conv(spec, g, kernel)


def conv_transpose(
    x: JaxArray,
    kernel: JaxArray,
    strides: Sequence[int],
    padding: Padding,
    output_padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> JaxArray | None:
    """Return a transposed convolution, or None to leave it to XLA."""
    per_axis = zip(x.shape[1:-1], kernel.shape[:-2], strides, padding, output_padding, dilation, strict=True)
    sizes = (compute_transposed_size(*each) for each in per_axis)
    like = Placeholder((x.shape[0], *sizes, kernel.shape[-2] * groups), str(x.dtype))
    spec = make_conv_spec(cast("JaxArray", like), kernel, strides, padding, dilation, groups)
    return None if spec is None else transpose_conv(spec, x, kernel)


def transpose_conv(spec: ConvolutionSpec, g: JaxArray, kernel: JaxArray) -> JaxArray | None:
    """Return the gradient of a convolution with respect to its input, or None to leave it to XLA.

    With stride s, input places with the same remainder modulo s meet every s-th row of the kernel. They are a
    convolution with a correspondingly smaller kernel, mirrored.
    """
    gradient, window = as_images(g), as_2d_kernel(kernel)
    if uses_planes(grouped := make_transposed_spec(spec)):
        result: JaxArray = ffi.grouped_conv(grouped, gradient, window)
    elif any(s > 1 and d > 1 for s, d in zip(spec.strides, spec.dilation, strict=True)):
        return None
    else:
        result = ffi.conv_forward(transpose_spec(spec), gradient, window, transposed=True)
    return result.reshape(g.shape[0], *spec.input_size[4 - g.ndim :], spec.channels)


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
    if uses_planes(grouped := make_grouped_spec(spec)):
        gradient: JaxArray = ffi.grouped_kernel_gradient(grouped, as_images(x), as_images(g))
    else:
        gradient = ffi.conv_kernel_gradient(spec, as_images(x), as_images(g))
    return gradient.reshape(like.shape)


def make_conv_spec(
    x: JaxArray, kernel: JaxArray, strides: Sequence[int], padding: Padding, dilation: Sequence[int], groups: int
) -> ConvolutionSpec | None:
    """Return the sizes of a convolution, or None to leave it to XLA."""
    if not 3 <= x.ndim <= 4:
        return None
    images, window = as_images(x), as_2d_kernel(kernel)
    pairs = as_pair(strides, 1), as_pair(padding, (0, 0)), as_pair(dilation, 1)
    spec = ConvolutionSpec(filters=window.shape[3], groups=groups, **describe_windows(images, window.shape[:2], *pairs))
    return spec if is_worthwhile(spec, x) else None


def is_worthwhile(spec: ConvolutionSpec, x: JaxArray) -> bool:
    """Whether a kernel supports a convolution and is faster, its compilation included."""
    if spec.dtype not in ITEM_SIZES or min(x.size, spec.channels, spec.filters, *spec.output_size) < 1:
        return False
    per_image = math.prod(spec.window) * math.prod(spec.output_size) * spec.channels // spec.groups * spec.filters
    is_large = spec.channels // spec.groups * spec.group_filters > MAX_SHORT_VECTOR_CHANNELS
    if is_large and not has_wide_vectors():
        return False
    tile_calls = len(split_evenly(spec.run, spec.max_tile)) * math.prod(spec.window)
    return x.shape[0] * per_image >= MIN_CONV_MULTIPLICATIONS and tile_calls <= MAX_TILE_CALLS


def uses_planes(spec: GroupedSpec) -> bool:
    """Whether a vector of output channels has several groups. Otherwise groups are convolved one after the other.

    That leaves lanes empty, but needs no planes: it is faster if the filters of a group fill half of a vector.
    """
    fills_vectors = spec.filters >= (spec.lanes if spec.channels == 1 else spec.lanes // 2)
    return spec.groups > 1 and not fills_vectors and spec.buffer_bytes <= MAX_BUFFER_BYTES
