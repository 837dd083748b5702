r"""Gradients of a convolution with respect to its input and its kernel. `convolution` explains the algorithms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.array_namespace import NUMPY, ArrayNamespace, ArrayValue, NamespaceArray
from pellucid.graph.expr import as_expr
from pellucid.graph.op_decorator import op
from pellucid.graph.operators import call_op
from pellucid.graph.ops.convolution import (
    compute_grouped_kernel_gradient,
    conv,
    convolve_with_lax,
    is_cpu_backend,
    make_conv_examples,
    spread_gradient_by_tap,
    swap_group_channels,
)
from pellucid.graph.ops.sliding_windows import (
    Pairs,
    get_known_shape,
    iterate_padded_slices,
    iterate_window_slices,
    overlap_add,
    pad_spatial,
)
from pellucid.graph.ops.window_formatters import (
    input_gradient_tex,
    input_gradient_text,
    kernel_gradient_tex,
    kernel_gradient_text,
)
from pellucid.graph.precedence import BIG, MULTIPLY
from pellucid.graph.types import Type


def transpose_conv(
    xp: ArrayNamespace,
    g: NamespaceArray,
    kernel: NamespaceArray,
    sizes: Sequence[int],
    strides: tuple[int, ...],
    padding: Pairs,
    dilation: tuple[int, ...],
    groups: int,
) -> ArrayValue:
    """Add each window's gradient to the elements of the window, in an array of these sizes: the transpose of `conv`."""
    window = kernel.shape[:-2]
    if xp is not NUMPY and not (groups > 1 and kernel.shape[-2] == 1 and is_cpu_backend()):
        return _transpose_conv_xla(xp, g, kernel, sizes, strides, padding, dilation, groups)
    if groups > 1:
        parts: Sequence[NamespaceArray] = spread_gradient_by_tap(xp, g, kernel, groups)
    else:
        patches = g @ kernel.reshape(-1, kernel.shape[-1]).T
        parts = xp.split(patches, math.prod(window), axis=-1)
    total: ArrayValue = overlap_add(xp, parts, sizes, window, strides, padding, dilation)
    return total


def _transpose_conv_xla(
    xp: ArrayNamespace,
    g: NamespaceArray,
    kernel: NamespaceArray,
    sizes: Sequence[int],
    strides: tuple[int, ...],
    padding: Pairs,
    dilation: tuple[int, ...],
    groups: int,
) -> ArrayValue:
    axes = range(len(strides))
    flipped = xp.flip(kernel, axis=tuple(axes))
    flipped = swap_group_channels(xp, flipped, groups) if groups > 1 else xp.swapaxes(flipped, -1, -2)
    pads = []
    for a in axes:
        reach = (kernel.shape[a] - 1) * dilation[a]
        low = reach - padding[a][0]
        dilated = (g.shape[a + 1] - 1) * strides[a] + 1
        pads.append((low, sizes[a] + reach - dilated - low))
    return convolve_with_lax(g, flipped, (1,) * len(strides), pads, dilation, strides, groups)


def _make_gradient_examples(wrt: str) -> Any:
    def examples(rng: np.random.Generator) -> Any:
        result = []
        for (x, kernel), settings in make_conv_examples(rng):
            y = conv(as_expr(x), as_expr(kernel), **settings)
            g = rng.normal(size=get_known_shape(y))
            operands = (g, kernel, x) if wrt == "input" else (x, g, kernel)
            result.append((operands, y.settings))
        return result

    return examples


@op(
    text=input_gradient_text,
    tex=input_gradient_tex,
    tex_precedence=MULTIPLY,
    promotes=True,
    infer=lambda g, kernel, like, **settings: Type((g.shape[0], *like.shape[1:]), g.dtype),
    grad=lambda u, y, g, kernel, like, **settings: (
        conv(u, kernel, **settings),
        call_op("conv_kernel_gradient", u, g, kernel, **settings),
        None,
    ),
    examples=_make_gradient_examples("input"),
    cost=lambda node, size: 2 * size(node.inputs[0]) * size(node.inputs[1]) / size(node.inputs[1], -1),
    behind="conv",
)
def conv_input_gradient(
    xp: ArrayNamespace,
    g: NamespaceArray,
    kernel: NamespaceArray,
    like: NamespaceArray,
    strides: tuple[int, ...] = (),
    padding: Pairs = (),
    dilation: tuple[int, ...] = (),
    groups: int = 1,
) -> ArrayValue:
    r"""Gradient of a convolution with respect to its input: cross-correlation with the flipped kernel.

    ``g`` is the gradient with respect to the output, and ``like`` the input, of which only the shape is used.

    Parameters
    ----------
    g : Expr or array
        Gradient with respect to the result.
    kernel : Expr or array
        Kernel of the convolution: (window, channels, filters).
    like : Expr or array
        Input of the convolution; only its shape is used.
    strides : tuple of int
        Step of the window along each axis.
    padding : tuple of pairs of int
        Padding before and after each axis.
    dilation : tuple of int
        Distance between neighboring elements of the window along each axis.
    groups : int
        Number of groups of channels that are convolved separately.

    Examples
    --------
    >>> x, w = pel.tensor3("x", shape=("n", 8, 1)), pel.tensor3("w", shape=(3, 1, 4))
    >>> pel.grad(pel.conv(x, w).sum(), x).shape
    ('n', 8, 1)
    """
    return transpose_conv(xp, g, kernel, like.shape[1:-1], strides, padding, dilation, groups)


def _kernel_gradient_xla(
    xp: ArrayNamespace,
    x: NamespaceArray,
    g: NamespaceArray,
    like: NamespaceArray,
    strides: tuple[int, ...],
    padding: Pairs,
    dilation: tuple[int, ...],
    groups: int,
) -> NamespaceArray:
    window = like.shape[:-2]
    unit_steps = set(strides) == set(dilation) == {1} == {groups}
    if not unit_steps or g.shape[-1] >= x.shape[-1]:
        return _kernel_gradient_value(xp, x, g, like, strides, padding, dilation, groups)
    # The gradient has fewer channels, so its slices are cheaper. They match the kernel positions in reverse order.
    x = pad_spatial(xp, x, padding)
    wide = pad_spatial(xp, g, tuple((k - 1, k - 1) for k in window))
    patches = xp.concatenate(list(iterate_window_slices(xp, wide, window, strides, dilation, x.shape[1:-1])), axis=-1)
    flat = x.reshape(-1, x.shape[-1]).T @ patches.reshape(-1, patches.shape[-1])
    flipped = flat.reshape(x.shape[-1], *window, g.shape[-1])
    return xp.moveaxis(xp.flip(flipped, axis=tuple(range(1, len(window) + 1))), 0, -2)


def _kernel_gradient_value(
    xp: ArrayNamespace,
    x: NamespaceArray,
    g: NamespaceArray,
    like: NamespaceArray,
    strides: tuple[int, ...],
    padding: Pairs,
    dilation: tuple[int, ...],
    groups: int,
) -> NamespaceArray:
    slices = list(iterate_padded_slices(xp, x, like.shape[:-2], strides, padding, dilation))
    if groups > 1:
        return compute_grouped_kernel_gradient(xp, slices, g, like.shape, groups)
    patches = xp.concatenate(slices, axis=-1)
    return (patches.reshape(-1, patches.shape[-1]).T @ g.reshape(-1, g.shape[-1])).reshape(like.shape)


@op(
    text=kernel_gradient_text,
    tex=kernel_gradient_tex,
    tex_precedence=BIG,
    promotes=True,
    infer=lambda x, g, like, **settings: Type(like.shape, g.dtype),
    grad=lambda u, y, x, g, like, **settings: (conv_input_gradient(g, u, x, **settings), conv(x, u, **settings), None),
    xla=_kernel_gradient_xla,
    examples=_make_gradient_examples("kernel"),
    cost=lambda node, size: 2 * size(node.inputs[1]) * size(node) / size(node, -1),
    behind="conv",
)
def conv_kernel_gradient(
    xp: ArrayNamespace,
    x: NamespaceArray,
    g: NamespaceArray,
    like: NamespaceArray,
    strides: tuple[int, ...] = (),
    padding: Pairs = (),
    dilation: tuple[int, ...] = (),
    groups: int = 1,
) -> NamespaceArray:
    r"""Gradient of a convolution with respect to its kernel: cross-correlation of input and output gradient.

    ``g`` is the gradient with respect to the output, and ``like`` the kernel, of which only the shape is used.

    Parameters
    ----------
    x : Expr or array
        Input of the convolution: (batch, spatial axes, channels).
    g : Expr or array
        Gradient with respect to the result.
    like : Expr or array
        Kernel of the convolution; only its shape is used.
    strides : tuple of int
        Step of the window along each axis.
    padding : tuple of pairs of int
        Padding before and after each axis.
    dilation : tuple of int
        Distance between neighboring elements of the window along each axis.
    groups : int
        Number of groups of channels that are convolved separately.

    Examples
    --------
    >>> x, w = pel.tensor3("x", shape=("n", 8, 1)), pel.tensor3("w", shape=(3, 1, 4))
    >>> pel.grad(pel.conv(x, w).sum(), w).shape
    (3, 1, 4)
    """
    return _kernel_gradient_value(xp, x, g, like, strides, padding, dilation, groups)
