"""What is computed by kernels of our own, on a CPU with a C compiler: what is large enough of a few kinds of op."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pellucid.graph.errors import brief
from pellucid.graph.evaluate import Around, Lowering
from pellucid.graph.expr import Expr
from pellucid.run.jax_runtime import jax, runs_on_cpu
from pellucid.run.kernels import ffi, matmul_dispatch
from pellucid.run.kernels.convolution_programs import Convolution, parts
from pellucid.run.kernels.pooling_programs import Pooling
from pellucid.run.kernels.source_assembly import SIZES
from pellucid.run.native.compiler import compiler
from pellucid.run.native.errors import NotNative

LEAST_OPERATIONS = 2**20
"""A convolution of fewer multiplications is left to XLA: compiling a kernel would not come back."""

LEAST_POOLED = 2**16
"""Fewer numbers are pooled by XLA."""

MOST_PLACES = 64
"""Windows of more places are pooled by XLA."""

MOST_CALLS = 2000
"""A kernel whose text holds more calls of tiles than this would take too long to compile."""


def own_kernels() -> Mapping[str, Lowering]:
    """Return the lowerings for this machine: none where there is an accelerator or no compiler."""
    return OURS if runs_on_cpu() and compiler() is not None else NONE


def conv(x: Any, kernel: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """Convolve, or return None where there is no kernel for it."""
    if groups > 1 or not 3 <= x.ndim <= 4:
        return None
    images, window = as_images(x), as_window(kernel)
    shape = convolution(images, window, two(strides, 1), two(padding, (0, 0)), two(dilation, 1))
    if not worth_it(shape, x):
        return None
    made: Any = ffi.forward(shape, images, window)
    return made.reshape(x.shape[0], *shape.made[4 - x.ndim :], shape.filters)


def conv_input_gradient(g: Any, kernel: Any, like: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """Return the gradient of a convolution with respect to its input: convolutions with the kernel turned around.

    Where the window makes steps of `s`, the numbers of the input whose places leave the same remainder by `s` meet
    every `s`-th row of the kernel: they are a convolution of their own, with a kernel that much smaller.
    """
    steps, inside = two(strides, 1), two(dilation, 1)
    if groups > 1 or not 3 <= g.ndim <= 4 or any(s > 1 and d > 1 for s, d in zip(steps, inside, strict=True)):
        return None
    xp = jax().numpy
    slopes, window, pads = as_images(g), as_window(kernel), two(padding, (0, 0))
    h, w = as_images(like).shape[1:3]
    if not worth_it(convolution(as_images(like), window, steps, pads, inside), g):
        return None
    sizes = -(-h // steps[0]), -(-w // steps[1])
    rows = [
        xp.stack([input_part(slopes, window, sizes, (y, x), steps, pads, inside) for x in range(steps[1])], axis=3)
        for y in range(steps[0])
    ]
    whole = xp.stack(rows, axis=2).reshape(g.shape[0], sizes[0] * steps[0], sizes[1] * steps[1], -1)
    return whole[:, :h, :w].reshape(like.shape)


def input_part(slopes: Any, window: Any, sizes: Any, remainder: Any, strides: Any, padding: Any, dilation: Any) -> Any:
    """Return the gradient with respect to those numbers of the input whose places leave a remainder by the strides."""
    xp, taps, border = jax().numpy, [], []
    for r, n, m, k, s, (low, _), d in zip(
        remainder, sizes, slopes.shape[1:3], window.shape[:2], strides, padding, dilation, strict=True
    ):
        first = (r + low) % s
        count = len(range(first, k, s))
        before = (count - 1) * d - (r + low - first) // s
        taps.append(slice(first, None, s))
        border.append((before, n - m - before + (count - 1) * d))
    turned = xp.swapaxes(xp.flip(window[tuple(taps)], axis=(0, 1)), -1, -2)
    if 0 in turned.shape:
        return xp.zeros((slopes.shape[0], *sizes, turned.shape[-1]), slopes.dtype)
    return ffi.forward(convolution(slopes, turned, (1, 1), tuple(border), dilation), slopes, turned)


def conv_kernel_gradient(x: Any, g: Any, like: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """Return the gradient of a convolution with respect to its kernel."""
    if groups > 1 or not 3 <= x.ndim <= 4:
        return None
    images = as_images(x)
    shape = convolution(images, as_window(like), two(strides, 1), two(padding, (0, 0)), two(dilation, 1))
    if not worth_it(shape, x):
        return None
    made: Any = ffi.gradient(shape, images, as_images(g))
    return made.reshape(like.shape)


def max_pool(x: Any, pool_size: Any, strides: Any, padding: Any) -> Any:
    """Return the greatest of every window."""
    shape = pooling(x, pool_size, strides, padding)
    if shape is None:
        return None
    made: Any = ffi.pool(shape, as_images(x))
    return made.reshape(x.shape[0], *shape.made[4 - x.ndim :], shape.channels)


def max_pool_gradient(g: Any, y: Any, x: Any, pool_size: Any, strides: Any, padding: Any) -> Any:
    """Return every window's gradient, put where its greatest element is."""
    shape = pooling(x, pool_size, strides, padding)
    if shape is None or not g.dtype == y.dtype == x.dtype:
        return None
    made: Any = ffi.pool_gradient(shape, as_images(g), as_images(y), as_images(x))
    return made.reshape(x.shape)


def of_operands(lowering: Callable[..., Any]) -> Lowering:
    """Return a lowering that looks at nothing but the operands."""

    def lowered(node: Expr, around: Around) -> Any:
        return lowering(*(around.known[i] for i in node.inputs), **node.settings)

    return lowered


def or_none(lowering: Lowering) -> Lowering:
    """Return a lowering that leaves to XLA what this machine's compiler cannot make, and says so."""

    def tried(node: Expr, around: Around) -> Any:
        try:
            return lowering(node, around)
        except NotNative as error:
            warnings.warn(f"{brief(node)} is left to XLA, and slower for it: {error}", RuntimeWarning, stacklevel=2)
            return None

    return tried


NONE: Mapping[str, Lowering] = MappingProxyType({})
OF_OPERANDS = (conv, conv_input_gradient, conv_kernel_gradient, max_pool, max_pool_gradient)

OURS: Mapping[str, Lowering] = MappingProxyType(
    {f.__name__: or_none(of_operands(f)) for f in OF_OPERANDS}
    | {"matmul": or_none(matmul_dispatch.matmul), "subtract": or_none(matmul_dispatch.subtract)}
)


def as_images(x: Any) -> Any:
    """Return lines as images of one row."""
    return x if x.ndim == 4 else x.reshape(x.shape[0], 1, *x.shape[1:])


def as_window(kernel: Any) -> Any:
    """Return the kernel of lines as one of images of one row."""
    return kernel if kernel.ndim == 4 else kernel.reshape(1, *kernel.shape)


def two(given: Any, first: Any) -> Any:
    """Return what is given for each axis, with something for the row where there are lines."""
    return tuple(given) if len(given) == 2 else (first, *given)


def convolution(x: Any, kernel: Any, strides: Any, padding: Any, dilation: Any) -> Convolution:
    """Return the sizes of a convolution."""
    made = tuple(
        (n + low + high - (k - 1) * d - 1) // s + 1
        for n, (low, high), k, d, s in zip(x.shape[1:3], padding, kernel.shape[:2], dilation, strides, strict=True)
    )
    return Convolution(
        size=x.shape[1:3],
        window=kernel.shape[:2],
        made=made,
        channels=x.shape[3],
        filters=kernel.shape[3],
        strides=strides,
        dilation=dilation,
        before=(padding[0][0], padding[1][0]),
        dtype=str(x.dtype),
    )


def pooling(x: Any, pool_size: Any, strides: Any, padding: Any) -> Pooling | None:
    """Return the sizes of a pooling, or None where there is no kernel for it."""
    if not 3 <= x.ndim <= 4 or str(x.dtype) not in SIZES or x.size < LEAST_POOLED:
        return None
    images, window, steps, pads = as_images(x), two(pool_size, 1), two(strides, 1), two(padding, (0, 0))
    made = tuple(
        (n + low + high - k) // s + 1
        for n, (low, high), k, s in zip(images.shape[1:3], pads, window, steps, strict=True)
    )
    if math.prod(window) > MOST_PLACES or min(made) < 1:
        return None
    before = (pads[0][0], pads[1][0])
    return Pooling(images.shape[1:3], window, made, images.shape[3], steps, before, str(x.dtype))


def worth_it(shape: Convolution, x: Any) -> bool:
    """Tell whether a kernel can be written, and comes back."""
    if shape.dtype not in SIZES or min(x.size, shape.channels, shape.filters, *shape.made) < 1:
        return False
    per_image = math.prod(shape.window) * math.prod(shape.made) * shape.channels * shape.filters
    tiles = len(parts(shape.run, shape.most)) * math.prod(shape.window)
    return x.shape[0] * per_image >= LEAST_OPERATIONS and tiles <= MOST_CALLS
