r"""Convolution: products of a kernel with windows that slide over the axes between the first and the last.

A convolution is bilinear in its input and its kernel, so its two gradients and itself form a triangle: the gradients
of each are the other two. All are written with shifted slices, one for each tap of the kernel, which NumPy and XLA
share.

How XLA:CPU runs them was measured inside a compiled loop, where training happens. There the gradient of its own
convolution is an order of magnitude slower than outside, so it is never asked for. Instead

- forward: the slices side by side and one matrix product, which is as fast as or faster than XLA's convolution
  for few input channels, and has no sizes at which it falls off a cliff;
- with respect to the input: a *forward* convolution of the gradient with the kernel turned around, which XLA runs well;
- with respect to the kernel: one matrix product with the slices of whichever side has fewer channels, because
  writing out slices is what costs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import op
from pellucid.graph.operators import call
from pellucid.graph.ops.windows import as_tuple, counts_of, padded, padding_pairs, taps, window_count
from pellucid.graph.text import MULTIPLY
from pellucid.graph.types import Type, shape_text, unify


def kernel_window(kernel: Expr) -> tuple[int, ...]:
    """Return the size of a kernel's window, which must be known.

    Raises
    ------
    ShapeError
        If it is not.
    """
    window = tuple(k for k in kernel.shape[:-2] if isinstance(k, int))
    if len(window) != kernel.ndim - 2:
        raise ShapeError(
            f"conv: expected a kernel whose window is known. Received: {kernel} of shape {shape_text(kernel.shape)}"
        )
    return window


def conv_type(x: Expr, kernel: Expr, strides: Any, padding: Any, dilation: Any) -> Type:
    """Return the type of a convolution."""
    spatial = [
        window_count(n, k, s, p, d, f"conv of {x} with {kernel}")
        for n, k, s, p, d in zip(x.shape[1:-1], kernel_window(kernel), strides, padding, dilation, strict=True)
    ]
    return Type((x.shape[0], *spatial, kernel.shape[-1]), x.dtype)


def _conv_settings(x: Expr, kernel: Expr, strides: Any, padding: Any, dilation: Any) -> dict[str, Any]:
    axes = x.ndim - 2
    if axes < 1 or kernel.ndim != x.ndim:
        raise ShapeError(
            "conv: expected an input (batch, ..., channels) and a kernel (..., channels in, channels out) of as many "
            f"axes. Received: {x} of shape {shape_text(x.shape)} and {kernel} of shape {shape_text(kernel.shape)}"
        )
    if unify(x.shape[-1], kernel.shape[-2]) is None:
        raise ShapeError(
            f"conv: the kernel {kernel}, of shape {shape_text(kernel.shape)}, is for {kernel.shape[-2]} channels. "
            f"Received: {x}, of shape {shape_text(x.shape)}, which has {x.shape[-1]}"
        )
    window = kernel_window(kernel)
    strides, dilation = as_tuple(strides, axes, "strides"), as_tuple(dilation, axes, "dilation")
    return {
        "strides": strides,
        "padding": padding_pairs(padding, x.shape[1:-1], window, strides, dilation),
        "dilation": dilation,
    }


def _conv_grad(g: Any, y: Any, x: Any, kernel: Any, **settings: Any) -> tuple[Any, Any]:
    return conv_input_gradient(g, kernel, x, **settings), conv_kernel_gradient(x, g, kernel, **settings)


def _conv_examples(rng: np.random.Generator) -> list[Any]:
    x, kernel = rng.normal(size=(2, 6, 5, 3)), rng.normal(size=(3, 2, 3, 2))
    line = rng.normal(size=(2, 7, 2)), rng.normal(size=(3, 2, 4))
    strided = {"strides": (2, 1), "padding": "same"}
    return [
        ((x, kernel), {}),
        ((x, kernel), strided),
        ((x, kernel), {"dilation": 2, "padding": ((1, 2), (0, 1))}),
        (line, {"padding": "same"}),
    ]


def _conv_cost(node: Expr, size: Any) -> Any:
    kernel = node.inputs[1]
    return 2 * size(node) * size(kernel) / size(kernel, -1)


def _conv_value(xp: Any, x: Any, kernel: Any, strides: Any, padding: Any, dilation: Any) -> Any:
    window = kernel.shape[:-2]
    counts = counts_of(x, window, strides, padding, dilation)
    patches = xp.concatenate(list(taps(xp, padded(xp, x, padding), window, strides, dilation, counts)), axis=-1)
    flat = patches.reshape(-1, patches.shape[-1]) @ kernel.reshape(-1, kernel.shape[-1])
    return flat.reshape(x.shape[0], *counts, kernel.shape[-1])


def _conv_xla(xp: Any, x: Any, kernel: Any, strides: Any, padding: Any, dilation: Any) -> Any:
    import jax

    if jax.default_backend() == "cpu":
        return _conv_value(xp, x, kernel, strides, padding, dilation)
    return _lax_conv(x, kernel, strides, padding, dilation, (1,) * len(strides))


def _lax_conv(x: Any, kernel: Any, strides: Any, padding: Any, dilation: Any, spread: Any) -> Any:
    from jax import lax

    spatial = "DHW"[-(x.ndim - 2) :]
    layout = (f"N{spatial}C", f"{spatial}IO", f"N{spatial}C")
    return lax.conv_general_dilated(
        x, kernel, strides, padding, lhs_dilation=spread, rhs_dilation=dilation, dimension_numbers=layout
    )


@op(
    tex=r"{1:>} \ast {0:>}",
    tex_precedence=MULTIPLY,
    promotes=True,
    floats=True,
    infer=conv_type,
    normalize=_conv_settings,
    grad=_conv_grad,
    xla=_conv_xla,
    examples=_conv_examples,
    cost=_conv_cost,
)
def conv(xp: Any, x: Any, kernel: Any, strides: Any = 1, padding: Any = "valid", dilation: Any = 1) -> Any:
    r"""Convolution as neural networks have it (a correlation), in one, two or three dimensions, channels last:
    :math:`y_{n,i,c} = \sum_{k,d} x_{n,\, s i + r k,\, d} \; w_{k,d,c}`.

    Parameters
    ----------
    x : Expr or array, shape (batch, ..., channels in)
        What is convolved.
    kernel : Expr or array, shape (..., channels in, channels out)
        With what.
    strides, dilation : int or tuple of int
        The step :math:`s` of the window and the step :math:`r` inside it.
    padding : {"valid", "same"} or pairs of int
        None, zeros so that the size is kept (divided by the strides), or so many before and after each axis.

    Returns
    -------
    Expr, shape (batch, ..., channels out)
        One value for each window.

    Raises
    ------
    ShapeError
        If channels disagree or the window does not fit.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, w = pel.tensor4("x", shape=("n", 28, 28, 1)), pel.tensor4("w", shape=(5, 5, 1, 32))
    >>> pel.conv(x, w, padding="same").shape
    ('n', 28, 28, 32)

    References
    ----------
    V. Dumoulin and F. Visin, A guide to convolution arithmetic for deep learning, arXiv:1603.07285.
    """
    return _conv_value(xp, x, kernel, strides, padding, dilation)


def _input_gradient_xla(xp: Any, g: Any, kernel: Any, like: Any, strides: Any, padding: Any, dilation: Any) -> Any:
    axes = range(len(strides))
    turned = xp.swapaxes(xp.flip(kernel, axis=tuple(axes)), -1, -2)
    border = []
    for a in axes:
        reach = (kernel.shape[a] - 1) * dilation[a]
        low = reach - padding[a][0]
        grown = (g.shape[a + 1] - 1) * strides[a] + 1
        border.append((low, like.shape[a + 1] + reach - grown - low))
    return _lax_conv(g, turned, (1,) * len(strides), border, dilation, strides)


def _input_gradient_grad(u: Any, y: Any, g: Any, kernel: Any, like: Any, **settings: Any) -> tuple[Any, Any, None]:
    return conv(u, kernel, **settings), conv_kernel_gradient(u, g, kernel, **settings), None


def _gradient_examples(of: str) -> Any:
    def examples(rng: np.random.Generator) -> list[Any]:
        result = []
        for (x, kernel), settings in _conv_examples(rng):
            made = call("conv", as_expr(x), as_expr(kernel), **settings)
            g = rng.normal(size=made.shape)
            operands = (g, kernel, x) if of == "input" else (x, g, kernel)
            result.append((operands, made.settings))
        return result

    return examples


@op(
    promotes=True,
    infer=lambda g, kernel, like, strides, padding, dilation: Type((g.shape[0], *like.shape[1:]), g.dtype),
    grad=_input_gradient_grad,
    xla=_input_gradient_xla,
    examples=_gradient_examples("input"),
    cost=lambda node, size: 2 * size(node.inputs[0]) * size(node.inputs[1]) / size(node.inputs[1], -1),
)
def conv_input_gradient(
    xp: Any, g: Any, kernel: Any, like: Any, strides: Any = (), padding: Any = (), dilation: Any = ()
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
    strides, padding, dilation : tuples
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
    window = kernel.shape[:-2]
    result = padded(xp, xp.zeros(like.shape, g.dtype), padding)
    spread = g @ kernel.reshape(-1, kernel.shape[-1]).T
    parts = xp.split(spread, math.prod(window), axis=-1)
    for target, part in zip(taps(xp, result, window, strides, dilation, g.shape[1:-1]), parts, strict=True):
        target += part
    inner = [slice(a, result.shape[i + 1] - b) for i, (a, b) in enumerate(padding)]
    return result[(slice(None), *inner, slice(None))]


def _kernel_gradient_grad(u: Any, y: Any, x: Any, g: Any, like: Any, **settings: Any) -> tuple[Any, Any, None]:
    return conv_input_gradient(g, u, x, **settings), conv(x, u, **settings), None


def _kernel_gradient_xla(xp: Any, x: Any, g: Any, like: Any, strides: Any, padding: Any, dilation: Any) -> Any:
    window = like.shape[:-2]
    plain = set(strides) == set(dilation) == {1}
    if not plain or g.shape[-1] >= x.shape[-1]:
        return _kernel_gradient_value(xp, x, g, like, strides, padding, dilation)
    # Slices of the gradient are the smaller ones here; they meet the kernel's taps in reverse.
    x = padded(xp, x, padding)
    wide = padded(xp, g, tuple((k - 1, k - 1) for k in window))
    patches = xp.concatenate(list(taps(xp, wide, window, strides, dilation, x.shape[1:-1])), axis=-1)
    flat = x.reshape(-1, x.shape[-1]).T @ patches.reshape(-1, patches.shape[-1])
    turned = flat.reshape(x.shape[-1], *window, g.shape[-1])
    return xp.moveaxis(xp.flip(turned, axis=tuple(range(1, len(window) + 1))), 0, -2)


def _kernel_gradient_value(xp: Any, x: Any, g: Any, like: Any, strides: Any, padding: Any, dilation: Any) -> Any:
    window = like.shape[:-2]
    patches = xp.concatenate(list(taps(xp, padded(xp, x, padding), window, strides, dilation, g.shape[1:-1])), axis=-1)
    return (patches.reshape(-1, patches.shape[-1]).T @ g.reshape(-1, g.shape[-1])).reshape(like.shape)


@op(
    promotes=True,
    infer=lambda x, g, like, strides, padding, dilation: Type(like.shape, g.dtype),
    grad=_kernel_gradient_grad,
    xla=_kernel_gradient_xla,
    examples=_gradient_examples("kernel"),
    cost=lambda node, size: 2 * size(node.inputs[1]) * size(node) / size(node, -1),
)
def conv_kernel_gradient(
    xp: Any, x: Any, g: Any, like: Any, strides: Any = (), padding: Any = (), dilation: Any = ()
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
    strides, padding, dilation : tuples
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
    return _kernel_gradient_value(xp, x, g, like, strides, padding, dilation)
