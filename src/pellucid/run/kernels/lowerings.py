"""Lowerings of ops to pellucid's own CPU kernels, which `XlaProgram` uses while it traces a program."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pellucid.graph.errors import brief
from pellucid.graph.evaluate import Lowering, LoweringContext
from pellucid.graph.expr import Expr
from pellucid.run.environment import is_enabled
from pellucid.run.jax_runtime import jax, runs_on_cpu
from pellucid.run.kernels import ffi, matmul_dispatch
from pellucid.run.kernels.convolution_programs import ConvolutionSpec, split_evenly
from pellucid.run.kernels.pooling_programs import PoolingSpec
from pellucid.run.kernels.source_assembly import ITEM_SIZES
from pellucid.run.native.compiler import find_compiler
from pellucid.run.native.errors import NotNative

MIN_CONV_MULTIPLICATIONS = 2**20
"""XLA computes smaller convolutions: compiling a kernel would take longer than it saves."""

MIN_POOLED_ELEMENTS = 2**16
"""XLA pools smaller images."""

MAX_POOL_WINDOW = 64
"""XLA pools larger windows."""

MAX_TILE_CALLS = 2000
"""XLA computes convolutions for which a kernel would call more tiles than this and take too long to compile."""


def get_lowerings() -> Mapping[str, Lowering]:
    """Return the lowerings for this machine: none with ``PELLUCID_KERNELS=0``, an accelerator, or no C compiler."""
    enabled = is_enabled("PELLUCID_KERNELS") and runs_on_cpu() and find_compiler() is not None
    return LOWERINGS if enabled else NO_LOWERINGS


def conv(x: Any, kernel: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    if groups > 1 or not 3 <= x.ndim <= 4:
        return None
    images, window = as_images(x), as_2d_kernel(kernel)
    spec = make_conv_spec(images, window, as_pair(strides, 1), as_pair(padding, (0, 0)), as_pair(dilation, 1))
    if not is_worthwhile(spec, x):
        return None
    output: Any = ffi.conv_forward(spec, images, window)
    return output.reshape(x.shape[0], *spec.output_size[4 - x.ndim :], spec.filters)


def conv_input_gradient(g: Any, kernel: Any, like: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """Return the gradient of a convolution with respect to its input, computed by convolutions with the flipped kernel.

    With stride s, input places with the same remainder modulo s meet every s-th row of the kernel. Each remainder is a
    convolution with a correspondingly smaller kernel.
    """
    steps, dilations = as_pair(strides, 1), as_pair(dilation, 1)
    if groups > 1 or not 3 <= g.ndim <= 4 or any(s > 1 and d > 1 for s, d in zip(steps, dilations, strict=True)):
        return None
    xp = jax().numpy
    gradient, window, pads = as_images(g), as_2d_kernel(kernel), as_pair(padding, (0, 0))
    h, w = as_images(like).shape[1:3]
    if not is_worthwhile(make_conv_spec(as_images(like), window, steps, pads, dilations), g):
        return None
    sizes = -(-h // steps[0]), -(-w // steps[1])
    rows = [
        xp.stack(
            [gradient_of_remainder(gradient, window, sizes, (y, x), steps, pads, dilations) for x in range(steps[1])],
            axis=3,
        )
        for y in range(steps[0])
    ]
    whole = xp.stack(rows, axis=2).reshape(g.shape[0], sizes[0] * steps[0], sizes[1] * steps[1], -1)
    return whole[:, :h, :w].reshape(like.shape)


def gradient_of_remainder(
    gradient: Any, window: Any, sizes: Any, remainder: Any, strides: Any, padding: Any, dilation: Any
) -> Any:
    """Return the gradient of the input places with one remainder modulo the strides."""
    xp, taps, border = jax().numpy, [], []
    for r, n, m, k, s, (low, _), d in zip(
        remainder, sizes, gradient.shape[1:3], window.shape[:2], strides, padding, dilation, strict=True
    ):
        first = (r + low) % s
        count = len(range(first, k, s))
        before = (count - 1) * d - (r + low - first) // s
        taps.append(slice(first, None, s))
        border.append((before, n - m - before + (count - 1) * d))
    flipped = xp.swapaxes(xp.flip(window[tuple(taps)], axis=(0, 1)), -1, -2)
    if 0 in flipped.shape:
        return xp.zeros((gradient.shape[0], *sizes, flipped.shape[-1]), gradient.dtype)
    return ffi.conv_forward(make_conv_spec(gradient, flipped, (1, 1), tuple(border), dilation), gradient, flipped)


def conv_kernel_gradient(x: Any, g: Any, like: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """Return the gradient of a convolution with respect to its kernel, or None to leave it to XLA."""
    if groups > 1 or not 3 <= x.ndim <= 4:
        return None
    images, window = as_images(x), as_2d_kernel(like)
    spec = make_conv_spec(images, window, as_pair(strides, 1), as_pair(padding, (0, 0)), as_pair(dilation, 1))
    if not is_worthwhile(spec, x):
        return None
    gradient: Any = ffi.conv_kernel_gradient(spec, images, as_images(g))
    return gradient.reshape(like.shape)


def max_pool(x: Any, pool_size: Any, strides: Any, padding: Any) -> Any:
    spec = make_pooling_spec(x, pool_size, strides, padding)
    if spec is None:
        return None
    output: Any = ffi.max_pool(spec, as_images(x))
    return output.reshape(x.shape[0], *spec.output_size[4 - x.ndim :], spec.channels)


def max_pool_gradient(g: Any, y: Any, x: Any, pool_size: Any, strides: Any, padding: Any) -> Any:
    """Return the gradient of max pooling with respect to its input, or None to leave it to XLA."""
    spec = make_pooling_spec(x, pool_size, strides, padding)
    if spec is None or not g.dtype == y.dtype == x.dtype:
        return None
    gradient: Any = ffi.max_pool_gradient(spec, as_images(g), as_images(y), as_images(x))
    return gradient.reshape(x.shape)


def lower_operands(lowering: Callable[..., Any]) -> Lowering:
    """Make a lowering from a function of the operands' values and the op's settings."""

    def lowered(node: Expr, context: LoweringContext) -> Any:
        return lowering(*(context.values[i] for i in node.inputs), **node.settings)

    return lowered


def with_fallback(lowering: Lowering) -> Lowering:
    """Make a lowering that warns and leaves an expression to XLA if the C compiler fails."""

    def lowered(node: Expr, context: LoweringContext) -> Any:
        try:
            return lowering(node, context)
        except NotNative as error:
            warnings.warn(
                f"{brief(node)}: compiling the CPU kernel failed, so XLA computes it, more slowly: {error}",
                RuntimeWarning,
                stacklevel=2,
            )
            return None

    return lowered


NO_LOWERINGS: Mapping[str, Lowering] = MappingProxyType({})
OPERAND_LOWERINGS = (conv, conv_input_gradient, conv_kernel_gradient, max_pool, max_pool_gradient)

LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {f.__name__: with_fallback(lower_operands(f)) for f in OPERAND_LOWERINGS}
    | {"matmul": with_fallback(matmul_dispatch.matmul), "subtract": with_fallback(matmul_dispatch.subtract)}
)


def as_images(x: Any) -> Any:
    """Reshape one-dimensional inputs to images with one row."""
    return x if x.ndim == 4 else x.reshape(x.shape[0], 1, *x.shape[1:])


def as_2d_kernel(kernel: Any) -> Any:
    """Reshape a one-dimensional kernel to a two-dimensional one with one row."""
    return kernel if kernel.ndim == 4 else kernel.reshape(1, *kernel.shape)


def as_pair(setting: Any, row: Any) -> Any:
    """Return a setting for two axes; ``row`` is the first if there is only one axis."""
    return tuple(setting) if len(setting) == 2 else (row, *setting)


def make_conv_spec(x: Any, kernel: Any, strides: Any, padding: Any, dilation: Any) -> ConvolutionSpec:
    output_size = tuple(
        (n + low + high - (k - 1) * d - 1) // s + 1
        for n, (low, high), k, d, s in zip(x.shape[1:3], padding, kernel.shape[:2], dilation, strides, strict=True)
    )
    return ConvolutionSpec(
        input_size=x.shape[1:3],
        window=kernel.shape[:2],
        output_size=output_size,
        channels=x.shape[3],
        filters=kernel.shape[3],
        strides=strides,
        dilation=dilation,
        padding=(padding[0][0], padding[1][0]),
        dtype=str(x.dtype),
    )


def make_pooling_spec(x: Any, pool_size: Any, strides: Any, padding: Any) -> PoolingSpec | None:
    """Return the sizes of a max pooling, or None to leave it to XLA."""
    if not 3 <= x.ndim <= 4 or str(x.dtype) not in ITEM_SIZES or x.size < MIN_POOLED_ELEMENTS:
        return None
    images, window, steps = as_images(x), as_pair(pool_size, 1), as_pair(strides, 1)
    pads = as_pair(padding, (0, 0))
    output_size = tuple(
        (n + low + high - k) // s + 1
        for n, (low, high), k, s in zip(images.shape[1:3], pads, window, steps, strict=True)
    )
    if math.prod(window) > MAX_POOL_WINDOW or min(output_size) < 1:
        return None
    top_left = (pads[0][0], pads[1][0])
    return PoolingSpec(images.shape[1:3], window, output_size, images.shape[3], steps, top_left, str(x.dtype))


def is_worthwhile(spec: ConvolutionSpec, x: Any) -> bool:
    """Whether a kernel supports a convolution and is faster, its compilation included."""
    if spec.dtype not in ITEM_SIZES or min(x.size, spec.channels, spec.filters, *spec.output_size) < 1:
        return False
    per_image = math.prod(spec.window) * math.prod(spec.output_size) * spec.channels * spec.filters
    tile_calls = len(split_evenly(spec.run, spec.max_tile)) * math.prod(spec.window)
    return x.shape[0] * per_image >= MIN_CONV_MULTIPLICATIONS and tile_calls <= MAX_TILE_CALLS
