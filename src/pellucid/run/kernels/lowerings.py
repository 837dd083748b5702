"""Lowerings of ops to pellucid's own CPU kernels, which `XlaProgram` uses while it traces a program."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pellucid.graph.errors import brief
from pellucid.graph.evaluate import Lowering, LoweringContext
from pellucid.graph.expr import Expr
from pellucid.graph.op import OPS
from pellucid.run.environment import is_enabled
from pellucid.run.jax_runtime import jax, runs_on_cpu
from pellucid.run.kernels import ffi, matmul_dispatch, reduction_lowerings
from pellucid.run.kernels.convolution_programs import ConvolutionSpec, split_evenly
from pellucid.run.kernels.pooling_programs import PoolingSpec
from pellucid.run.kernels.source_assembly import ITEM_SIZES, Pair
from pellucid.run.native.compiler import find_compiler
from pellucid.run.native.errors import CompilerFailure, NotNative

if TYPE_CHECKING:
    from jax import Array as JaxArray

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


Padding = Sequence[tuple[int, int]]
"""Zeros before and after each spatial axis."""


def conv(
    x: JaxArray, kernel: JaxArray, strides: Sequence[int], padding: Padding, dilation: Sequence[int], groups: int
) -> JaxArray | None:
    spec = make_conv_spec(x, kernel, strides, padding, dilation, groups)
    if spec is None:
        return None
    output: JaxArray = ffi.conv_forward(spec, as_images(x), as_2d_kernel(kernel))
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
    """Return the gradient of a convolution with respect to its input, computed by convolutions with the flipped kernel.

    With stride s, input places with the same remainder modulo s meet every s-th row of the kernel. Each remainder is a
    convolution with a correspondingly smaller kernel.
    """
    spec = make_conv_spec(like, kernel, strides, padding, dilation, groups)
    if spec is None or any(s > 1 and d > 1 for s, d in zip(spec.strides, spec.dilation, strict=True)):
        return None
    xp, gradient, window = jax().numpy, as_images(g), as_2d_kernel(kernel)
    (h, w), (step_y, step_x) = spec.input_size, spec.strides
    sizes = -(-h // step_y), -(-w // step_x)
    rows = [
        xp.stack([gradient_of_remainder(spec, gradient, window, sizes, (y, x)) for x in range(step_x)], axis=3)
        for y in range(step_y)
    ]
    whole = xp.stack(rows, axis=2).reshape(g.shape[0], sizes[0] * step_y, sizes[1] * step_x, -1)
    result: JaxArray | None = whole[:, :h, :w].reshape(g.shape[0], *like.shape[1:])
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
    gradient: JaxArray = ffi.conv_kernel_gradient(spec, as_images(x), as_images(g))
    return gradient.reshape(like.shape)


def max_pool(x: JaxArray, pool_size: Sequence[int], strides: Sequence[int], padding: Padding) -> JaxArray | None:
    spec = make_pooling_spec(x, pool_size, strides, padding)
    if spec is None:
        return None
    output: JaxArray = ffi.max_pool(spec, as_images(x))
    return output.reshape(x.shape[0], *spec.output_size[4 - x.ndim :], spec.channels)


def max_pool_gradient(
    g: JaxArray, y: JaxArray, x: JaxArray, pool_size: Sequence[int], strides: Sequence[int], padding: Padding
) -> JaxArray | None:
    """Return the gradient of max pooling with respect to its input, or None to leave it to XLA."""
    spec = make_pooling_spec(x, pool_size, strides, padding)
    if spec is None or not g.dtype == y.dtype == x.dtype:
        return None
    gradient: JaxArray = ffi.max_pool_gradient(spec, as_images(g), as_images(y), as_images(x))
    return gradient.reshape(x.shape)


def subtract(node: Expr, context: LoweringContext) -> JaxArray | None:
    fused = matmul_dispatch.subtract(node, context)
    return reduction_lowerings.recompute(node, context) if fused is None else fused


def lower_operands(lowering: Callable[..., JaxArray | None]) -> Lowering:
    """Make a lowering from a function of the operands' values and the op's settings."""

    def lowered(node: Expr, context: LoweringContext) -> JaxArray | None:
        return lowering(*(context.values[i] for i in node.inputs), **node.settings)

    return lowered


def with_fallback(lowering: Lowering) -> Lowering:
    """Make a lowering that warns and leaves an expression to XLA if the C compiler or the lowering itself fails."""

    def lowered(node: Expr, context: LoweringContext) -> JaxArray | None:
        try:
            result: JaxArray | None = lowering(node, context)
            return result
        except CompilerFailure:  # its warning was given
            return None
        except NotNative as error:
            reason = f"compiling the CPU kernel failed, so XLA computes it, more slowly: {error}"
        except Exception as error:  # a defect of a lowering must not keep a correct program from running
            reason = (
                "selecting a CPU kernel failed, so XLA computes it, more slowly. This is a defect of pellucid; "
                f"please report it: {type(error).__name__}: {error}"
            )
        warnings.warn(f"{brief(node)}: {reason}", RuntimeWarning, stacklevel=2)
        return None

    return lowered


NO_LOWERINGS: Mapping[str, Lowering] = MappingProxyType({})
OPERAND_LOWERINGS = (conv, conv_input_gradient, conv_kernel_gradient, max_pool, max_pool_gradient)

RECOMPUTED = ("batch_normalization", "standardize", *(name for name, op in OPS.items() if op.elementwise))

LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {name: with_fallback(reduction_lowerings.recompute) for name in RECOMPUTED}
    | {name: with_fallback(reduction_lowerings.reduce_rows) for name in ("sum", "mean", "var")}
    | {f.__name__: with_fallback(lower_operands(f)) for f in OPERAND_LOWERINGS}
    | {"matmul": with_fallback(matmul_dispatch.matmul), "subtract": with_fallback(subtract)}
)


def as_images(x: JaxArray) -> JaxArray:
    """Reshape one-dimensional inputs to images with one row."""
    return x if x.ndim == 4 else x.reshape(x.shape[0], 1, *x.shape[1:])


def as_2d_kernel(kernel: JaxArray) -> JaxArray:
    """Reshape a one-dimensional kernel to a two-dimensional one with one row."""
    return kernel if kernel.ndim == 4 else kernel.reshape(1, *kernel.shape)


def as_pair(setting: Any, row: Any) -> Any:
    """Return a setting for two axes; ``row`` is the first if there is only one axis."""
    return tuple(setting) if len(setting) == 2 else (row, *setting)


def describe_windows(
    images: JaxArray, window: Sequence[int], strides: Pair, padding: Padding, dilation: Pair = (1, 1)
) -> dict[str, Any]:
    """Return the fields of a `WindowSpec`."""
    output_size = tuple(
        (n + low + high - (k - 1) * d - 1) // s + 1
        for n, (low, high), k, d, s in zip(images.shape[1:3], padding, window, dilation, strides, strict=True)
    )
    return {
        "input_size": images.shape[1:3],
        "window": window,
        "output_size": output_size,
        "channels": images.shape[3],
        "strides": strides,
        "dilation": dilation,
        "padding": tuple(low for low, _ in padding),
        "dtype": str(images.dtype),
    }


def make_conv_spec(
    x: JaxArray, kernel: JaxArray, strides: Sequence[int], padding: Padding, dilation: Sequence[int], groups: int
) -> ConvolutionSpec | None:
    """Return the sizes of a convolution, or None to leave it to XLA."""
    if groups > 1 or not 3 <= x.ndim <= 4:
        return None
    images, window = as_images(x), as_2d_kernel(kernel)
    pairs = as_pair(strides, 1), as_pair(padding, (0, 0)), as_pair(dilation, 1)
    spec = ConvolutionSpec(filters=window.shape[3], **describe_windows(images, window.shape[:2], *pairs))
    return spec if is_worthwhile(spec, x) else None


def make_pooling_spec(
    x: JaxArray, pool_size: Sequence[int], strides: Sequence[int], padding: Padding
) -> PoolingSpec | None:
    """Return the sizes of a max pooling, or None to leave it to XLA."""
    if not 3 <= x.ndim <= 4 or str(x.dtype) not in ITEM_SIZES or x.size < MIN_POOLED_ELEMENTS:
        return None
    pairs = as_pair(pool_size, 1), as_pair(strides, 1), as_pair(padding, (0, 0))
    spec = PoolingSpec(**describe_windows(as_images(x), *pairs))
    return None if math.prod(spec.window) > MAX_POOL_WINDOW or min(spec.output_size) < 1 else spec


def is_worthwhile(spec: ConvolutionSpec, x: JaxArray) -> bool:
    """Whether a kernel supports a convolution and is faster, its compilation included."""
    if spec.dtype not in ITEM_SIZES or min(x.size, spec.channels, spec.filters, *spec.output_size) < 1:
        return False
    per_image = math.prod(spec.window) * math.prod(spec.output_size) * spec.channels * spec.filters
    tile_calls = len(split_evenly(spec.run, spec.max_tile)) * math.prod(spec.window)
    return x.shape[0] * per_image >= MIN_CONV_MULTIPLICATIONS and tile_calls <= MAX_TILE_CALLS
