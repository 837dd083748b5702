"""Convolutions as matrix products of patches and kernels. Patches are an index map, so they take no memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.evaluate import Lowering, LoweringContext
from pellucid.graph.expr import Expr
from pellucid.graph.ops.convolution import convolve_with_lax
from pellucid.run.native.equations import EquationBuilder, Value
from pellucid.run.native.errors import NotNative
from pellucid.run.native.padding import pad

if TYPE_CHECKING:
    from jax import Array as JaxArray


def convert_convolution(builder: EquationBuilder, params: Mapping[str, Any], x: Value, kernel: Value) -> Value:
    """Return the result of a convolution: padding, patches, one product, and the axes in their order."""
    if params["batch_group_count"] != 1:
        raise NotNative("it uses convolutions with groups of samples")
    d, groups = params["dimension_numbers"], params["feature_group_count"]
    (batch, channels, *spatial), (outputs, inputs, *window) = d.lhs_spec, d.rhs_spec
    x = transpose(builder, x, (batch, *spatial, channels))
    kernel = transpose(builder, kernel, (*window, inputs, outputs))
    widths = zip(params["padding"], params["lhs_dilation"], strict=True)
    spans = [(0, 0, 0), *((low, high, step - 1) for (low, high), step in widths), (0, 0, 0)]
    if any(map(any, spans)):
        x = pad(builder, x, np.zeros((), x.dtype), spans)
    count = len(spatial)
    size, filters = kernel.shape[:count], kernel.shape[-1]
    if groups > 1:
        x = reshape(builder, x, (*x.shape[:-1], groups, x.shape[-1] // groups))
        kernel = reshape(builder, kernel, (*kernel.shape[:-1], groups, filters // groups))
    patches = extract_patches(builder, x, size, params["window_strides"], params["rhs_dilation"])
    of_group = ((count + 1,), (count + 1,)) if groups > 1 else ((), ())
    summed = (*range(x.ndim, patches.ndim), x.ndim - 1), (*range(count), count)
    product = multiply(builder, patches, kernel, summed, of_group)
    if groups > 1:
        product = transpose(builder, product, (*range(1, count + 2), 0, count + 2))
        product = reshape(builder, product, (*product.shape[: count + 1], filters))
    batch, channels, *spatial = d.out_spec
    return transpose(builder, product, tuple(np.argsort((batch, *spatial, channels))))


def transpose(builder: EquationBuilder, x: Value, axes: Sequence[int]) -> Value:
    if list(axes) == list(range(x.ndim)):
        return x
    return builder.add_simple("transpose", [x], tuple(x.shape[a] for a in axes), permutation=tuple(map(int, axes)))


def reshape(builder: EquationBuilder, x: Value, shape: tuple[int, ...]) -> Value:
    return builder.add_simple("reshape", [x], shape, new_sizes=shape, dimensions=None, sharding=None)


def extract_patches(
    builder: EquationBuilder, x: Value, size: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> Value:
    """Return the windows over the axes after the first one: their places in these axes, and window axes at the end."""
    places = [(n - (k - 1) * d - 1) // s + 1 for n, k, s, d in zip(x.shape[1:], size, strides, dilation, strict=False)]
    shape = (x.shape[0], *places, *x.shape[1 + len(size) :], *size)
    return builder.add_simple("patches", [x], shape, strides=tuple(strides), dilation=tuple(dilation))


def multiply(
    builder: EquationBuilder,
    x: Value,
    y: Value,
    summed: tuple[Sequence[int], Sequence[int]],
    batch: tuple[Sequence[int], Sequence[int]],
) -> Value:
    free = []
    for v, *used in zip((x, y), summed, batch, strict=True):
        free += [n for axis, n in enumerate(v.shape) if not any(axis in axes for axes in used)]
    shape = (*(x.shape[axis] for axis in batch[0]), *free)
    return builder.add_simple("dot_general", [x, y], shape, dimension_numbers=(summed, batch))


def conv(
    x: JaxArray, kernel: JaxArray, strides: Sequence[int], padding: Sequence[tuple[int, int]], dilation: Sequence[int]
) -> JaxArray | None:
    result: JaxArray | None = convolve_with_lax(
        x, kernel, tuple(strides), padding, tuple(dilation), (1,) * len(strides), 1
    )
    return result


def conv_kernel_gradient(
    x: JaxArray,
    g: JaxArray,
    like: JaxArray,
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int],
) -> JaxArray | None:
    """Return the gradient as a convolution whose samples are the input channels and whose channels are the samples."""
    from jax import lax

    spatial = "DHW"[-len(strides) :]
    widths = [
        (low, (k - 1) * d + (m - 1) * s + 1 - n - low)
        for n, m, k, (low, _), s, d in zip(
            x.shape[1:-1], g.shape[1:-1], like.shape[:-2], padding, strides, dilation, strict=True
        )
    ]
    layout = (f"C{spatial}N", f"I{spatial}O", f"{spatial}NC")
    return lax.conv_general_dilated(x, g, dilation, widths, rhs_dilation=strides, dimension_numbers=layout)


def lower_without_groups(lowering: Callable[..., JaxArray | None]) -> Lowering:
    """Make a lowering of convolutions without groups; those with groups keep their default one."""

    def lowered(node: Expr, context: LoweringContext) -> JaxArray | None:
        settings = dict(node.settings)
        if settings.pop("groups") > 1:
            return None
        return lowering(*(context.values[i] for i in node.inputs), **settings)

    return lowered


LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {f.__name__: lower_without_groups(f) for f in (conv, conv_kernel_gradient)}
)
"""Lowerings of ops to primitives that this backend computes faster than the default ones."""
