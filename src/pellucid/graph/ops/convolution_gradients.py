r"""The gradients of a convolution, which are convolutions of a kind: see `pellucid.graph.ops.convolution` for how they
are run.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.graph.expr import as_expr
from pellucid.graph.op import op
from pellucid.graph.ops.convolution import conv, conv_examples, lax_conv, on_cpu
from pellucid.graph.ops.grouped_convolution import grouped_kernel, grouped_parts, grouped_turned
from pellucid.graph.ops.sliding_windows import overlapped, padded, taps, told
from pellucid.graph.types import Type


def spread_back(
    xp: Any, g: Any, kernel: Any, sizes: Any, strides: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    """Spread every window's gradient over the window, in an array of these sizes: the transpose of `conv`."""
    window = kernel.shape[:-2]
    if xp is not np and not (groups > 1 and kernel.shape[-2] == 1 and on_cpu()):
        return _spread_back_by_xla(xp, g, kernel, sizes, strides, padding, dilation, groups)
    if groups > 1:
        parts = grouped_parts(xp, g, kernel, groups)
    else:
        spread = g @ kernel.reshape(-1, kernel.shape[-1]).T
        parts = xp.split(spread, math.prod(window), axis=-1)
    return overlapped(xp, parts, sizes, window, strides, padding, dilation)


def _spread_back_by_xla(
    xp: Any, g: Any, kernel: Any, sizes: Any, strides: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    axes = range(len(strides))
    turned = xp.flip(kernel, axis=tuple(axes))
    turned = grouped_turned(xp, turned, groups) if groups > 1 else xp.swapaxes(turned, -1, -2)
    border = []
    for a in axes:
        reach = (kernel.shape[a] - 1) * dilation[a]
        low = reach - padding[a][0]
        grown = (g.shape[a + 1] - 1) * strides[a] + 1
        border.append((low, sizes[a] + reach - grown - low))
    return lax_conv(g, turned, (1,) * len(strides), border, dilation, strides, groups)


def _input_gradient_grad(u: Any, y: Any, g: Any, kernel: Any, like: Any, **settings: Any) -> tuple[Any, Any, None]:
    return conv(u, kernel, **settings), conv_kernel_gradient(u, g, kernel, **settings), None


def _gradient_examples(of: str) -> Any:
    def examples(rng: np.random.Generator) -> list[Any]:
        result = []
        for (x, kernel), settings in conv_examples(rng):
            made = conv(as_expr(x), as_expr(kernel), **settings)
            g = rng.normal(size=made.shape)
            operands = (g, kernel, x) if of == "input" else (x, g, kernel)
            result.append((operands, made.settings))
        return result

    return examples


@op(
    text=told("conv_input_gradient", strides=1, padding=0, dilation=1, groups=1),
    promotes=True,
    infer=lambda g, kernel, like, **settings: Type((g.shape[0], *like.shape[1:]), g.dtype),
    grad=_input_gradient_grad,
    examples=_gradient_examples("input"),
    cost=lambda node, size: 2 * size(node.inputs[0]) * size(node.inputs[1]) / size(node.inputs[1], -1),
    behind="conv",
)
def conv_input_gradient(
    xp: Any, g: Any, kernel: Any, like: Any, strides: Any = (), padding: Any = (), dilation: Any = (), groups: Any = 1
) -> Any:
    r"""The gradient of a convolution with respect to its input: every window's gradient spread over the window.

    Parameters
    ----------
    g : Expr, shape (batch, ..., channels out)
        The gradient with respect to the result.
    kernel : Expr, shape (..., channels in, channels out)
        The kernel.
    like : Expr, shape (batch, ..., channels in)
        The input, of which only the shape is used.
    strides, padding, dilation, groups
        The convolution's, written out.

    Returns
    -------
    Expr
        Of the shape of ``like``.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, w = pel.tensor3("x", shape=("n", 8, 1)), pel.tensor3("w", shape=(3, 1, 4))
    >>> pel.grad(pel.conv(x, w).sum(), x).shape
    ('n', 8, 1)
    """
    return spread_back(xp, g, kernel, like.shape[1:-1], strides, padding, dilation, groups)


def _kernel_gradient_grad(u: Any, y: Any, x: Any, g: Any, like: Any, **settings: Any) -> tuple[Any, Any, None]:
    return conv_input_gradient(g, u, x, **settings), conv(x, u, **settings), None


def _kernel_gradient_xla(
    xp: Any, x: Any, g: Any, like: Any, strides: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    window = like.shape[:-2]
    plain = set(strides) == set(dilation) == {1} == {groups}
    if not plain or g.shape[-1] >= x.shape[-1]:
        return _kernel_gradient_value(xp, x, g, like, strides, padding, dilation, groups)
    # Slices of the gradient are the smaller ones here; they meet the kernel's taps in reverse.
    x = padded(xp, x, padding)
    wide = padded(xp, g, tuple((k - 1, k - 1) for k in window))
    patches = xp.concatenate(list(taps(xp, wide, window, strides, dilation, x.shape[1:-1])), axis=-1)
    flat = x.reshape(-1, x.shape[-1]).T @ patches.reshape(-1, patches.shape[-1])
    turned = flat.reshape(x.shape[-1], *window, g.shape[-1])
    return xp.moveaxis(xp.flip(turned, axis=tuple(range(1, len(window) + 1))), 0, -2)


def _kernel_gradient_value(
    xp: Any, x: Any, g: Any, like: Any, strides: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    window = like.shape[:-2]
    slices = list(taps(xp, padded(xp, x, padding), window, strides, dilation, g.shape[1:-1]))
    if groups > 1:
        return grouped_kernel(xp, slices, g, like.shape, groups)
    patches = xp.concatenate(slices, axis=-1)
    return (patches.reshape(-1, patches.shape[-1]).T @ g.reshape(-1, g.shape[-1])).reshape(like.shape)


@op(
    text=told("conv_kernel_gradient", strides=1, padding=0, dilation=1, groups=1),
    promotes=True,
    infer=lambda x, g, like, **settings: Type(like.shape, g.dtype),
    grad=_kernel_gradient_grad,
    xla=_kernel_gradient_xla,
    examples=_gradient_examples("kernel"),
    cost=lambda node, size: 2 * size(node.inputs[1]) * size(node) / size(node, -1),
    behind="conv",
)
def conv_kernel_gradient(
    xp: Any, x: Any, g: Any, like: Any, strides: Any = (), padding: Any = (), dilation: Any = (), groups: Any = 1
) -> Any:
    r"""The gradient of a convolution with respect to its kernel: every window times its gradient, summed.

    Parameters
    ----------
    x : Expr, shape (batch, ..., channels in)
        The input.
    g : Expr, shape (batch, ..., channels out)
        The gradient with respect to the result.
    like : Expr, shape (..., channels in, channels out)
        The kernel, of which only the shape is used.
    strides, padding, dilation, groups
        The convolution's, written out.

    Returns
    -------
    Expr
        Of the shape of ``like``.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, w = pel.tensor3("x", shape=("n", 8, 1)), pel.tensor3("w", shape=(3, 1, 4))
    >>> pel.grad(pel.conv(x, w).sum(), w).shape
    (3, 1, 4)
    """
    return _kernel_gradient_value(xp, x, g, like, strides, padding, dilation, groups)
