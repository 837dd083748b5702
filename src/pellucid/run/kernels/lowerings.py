"""Lowerings of ops to pellucid's own CPU kernels, which `XlaProgram` uses while it traces a program."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from pellucid.graph.errors import DistributionError, OptionError, brief
from pellucid.graph.evaluate import Lowering, LoweringContext
from pellucid.graph.expr import Expr
from pellucid.graph.op import OPS
from pellucid.graph.traversal import topological
from pellucid.run.environment import is_enabled
from pellucid.run.jax_runtime import jax, runs_on_cpu
from pellucid.run.kernels import (
    convolution_lowerings,
    ffi,
    matmul_dispatch,
    narrow_products,
    rectifier_fusion,
    recurrent_lowerings,
    reduction_lowerings,
    row_fusion,
    row_stages,
    update_fusion,
)
from pellucid.run.kernels.batch_sharding import spans_processes
from pellucid.run.kernels.loading import note_failed_kernel, start_preparation
from pellucid.run.kernels.pooling_programs import PoolingSpec
from pellucid.run.kernels.source_assembly import ITEM_SIZES
from pellucid.run.kernels.window_shapes import Padding, as_images, as_pair, describe_windows
from pellucid.run.native.compiler import find_compiler
from pellucid.run.native.errors import CompilerFailure, NotNative

if TYPE_CHECKING:
    from jax import Array as JaxArray

MIN_POOLED_ELEMENTS = 2**16
"""XLA pools smaller images."""

MAX_POOL_WINDOW = 64
"""XLA pools larger windows."""


HEAVY_OPS = ("conv", "conv_transpose", "max_pool", "scan_loop")
"""Ops that kernels usually compute."""


def get_lowerings() -> Mapping[str, Lowering]:
    """Return the lowerings for this machine: none with ``PELLUCID_KERNELS=0``, an accelerator, or no C compiler."""
    enabled = is_enabled("PELLUCID_KERNELS") and runs_on_cpu() and find_compiler() is not None
    return LOWERINGS if enabled else NO_LOWERINGS


def prepare_for(results: Sequence[Expr]) -> None:
    """Prepare kernels in the background if a graph probably needs some."""
    if any(e.op is not None and e.op.name in HEAVY_OPS for e in topological(results)) and get_lowerings():
        start_preparation()


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


def softplus(node: Expr, context: LoweringContext) -> JaxArray | None:
    """Return softplus of a negated array, or None to leave any other to its op.

    The value is the same. XLA does not know that |-x| is |x|; now it computes one exponential and one logarithm for
    both terms of a binary cross-entropy.
    """
    (x,) = node.inputs
    if x.op is None or x.op.name != "negative":
        return None
    xp = jax().numpy
    value, opposite = (xp.asarray(context.values[e], node.dtype) for e in (x, x.inputs[0]))
    result: JaxArray = xp.maximum(value, 0) + xp.log1p(xp.exp(-xp.abs(opposite)))
    return result


def lower_operands(lowering: Callable[..., JaxArray | None]) -> Lowering:
    """Make a lowering from a function of the operands' values and the op's settings."""

    def lowered(node: Expr, context: LoweringContext) -> JaxArray | None:
        return lowering(*(context.values[i] for i in node.inputs), **node.settings)

    return lowered


def try_in_turn(*lowerings: Lowering) -> Lowering:
    """Make a lowering that tries the next one if one leaves an expression to XLA."""

    def lowered(node: Expr, context: LoweringContext) -> JaxArray | None:
        for lowering in lowerings:
            result: JaxArray | None = lowering(node, context)
            if result is not None:
                return result
        return None

    return lowered


def with_fallback(lowering: Lowering) -> Lowering:
    """Make a lowering that warns and leaves an expression to XLA if the C compiler or the lowering itself fails."""

    def lowered(node: Expr, context: LoweringContext) -> JaxArray | None:
        try:
            result: JaxArray | None = lowering(node, context)
            return result
        except NotNative as error:
            note_failed_kernel()
            if spans_processes():
                raise DistributionError(
                    f"{brief(node)}: all processes must run the same program, and this one cannot compile a CPU "
                    f"kernel: {error}. Set PELLUCID_KERNELS=0 in all processes to do without kernels"
                ) from error
            if isinstance(error, CompilerFailure):  # its warning was given
                return None
            reason = f"compiling the CPU kernel failed, so XLA computes it, more slowly: {error}"
        except OptionError:  # of the environment
            raise
        except Exception as error:  # a defect of a lowering must not keep a correct program from running
            note_failed_kernel()
            reason = (
                "selecting a CPU kernel failed, so XLA computes it, more slowly. This is a defect of pellucid; "
                f"please report it: {type(error).__name__}: {error}"
            )
        warnings.warn(f"{brief(node)}: {reason}", RuntimeWarning, stacklevel=2)
        return None

    return lowered


NO_LOWERINGS: Mapping[str, Lowering] = MappingProxyType({})
OPERAND_LOWERINGS = (
    convolution_lowerings.conv_input_gradient,
    convolution_lowerings.conv_kernel_gradient,
    convolution_lowerings.conv_transpose,
    max_pool,
    max_pool_gradient,
)

ROW_OPS = (*row_stages.ROW_NORMALIZATIONS, *row_stages.ROW_REDUCTIONS, *row_stages.BROADCASTS)
RECOMPUTED = ("batch_normalization", "standardize", *(name for name, op in OPS.items() if op.elementwise))

LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {name: with_fallback(row_fusion.compute) for name in ROW_OPS}
    | {
        name: with_fallback(try_in_turn(update_fusion.update, row_fusion.compute, reduction_lowerings.recompute))
        for name in RECOMPUTED
    }
    | {
        name: with_fallback(
            try_in_turn(row_fusion.compute, reduction_lowerings.reduce_rows, reduction_lowerings.reduce_all)
        )
        for name in ("sum", "mean")
    }
    | {"var": with_fallback(try_in_turn(row_fusion.compute, reduction_lowerings.reduce_rows))}
    | {f.__name__: with_fallback(lower_operands(f)) for f in OPERAND_LOWERINGS}
    | {"conv": with_fallback(rectifier_fusion.conv), "scan_loop": with_fallback(recurrent_lowerings.scan_loop)}
    | {"matmul": with_fallback(try_in_turn(narrow_products.matmul, matmul_dispatch.matmul))}
    | {"sum_of_products": with_fallback(matmul_dispatch.matmul)}
    | {f.__name__: with_fallback(f) for f in (matmul_dispatch.attention_weights, matmul_dispatch.attention_output)}
    | {"add_at": with_fallback(update_fusion.add_at)}
    | {
        f.__name__: with_fallback(
            try_in_turn(f, update_fusion.update, row_fusion.compute, reduction_lowerings.recompute)
        )
        for f in (matmul_dispatch.subtract, rectifier_fusion.add, rectifier_fusion.relu, softplus)
    }
)


def make_pooling_spec(
    x: JaxArray, pool_size: Sequence[int], strides: Sequence[int], padding: Padding
) -> PoolingSpec | None:
    """Return the sizes of a max pooling, or None to leave it to XLA."""
    if not 3 <= x.ndim <= 4 or str(x.dtype) not in ITEM_SIZES or x.size < MIN_POOLED_ELEMENTS:
        return None
    pairs = as_pair(pool_size, 1), as_pair(strides, 1), as_pair(padding, (0, 0))
    spec = PoolingSpec(**describe_windows(as_images(x), *pairs))
    return None if math.prod(spec.window) > MAX_POOL_WINDOW or min(spec.output_size) < 1 else spec
