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
from pellucid.graph.ops.grouped import grouped_forward, grouped_kernel, grouped_parts, grouped_turned
from pellucid.graph.ops.windows import as_tuple, counts_of, overlapped, padded, padding_pairs, taps, window_count
from pellucid.graph.text import MULTIPLY, Piece, setting_text
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


def conv_type(x: Expr, kernel: Expr, strides: Any, padding: Any, dilation: Any, groups: int) -> Type:
    """Return the type of a convolution."""
    spatial = [
        window_count(n, k, s, p, d, f"conv of {x} with {kernel}")
        for n, k, s, p, d in zip(x.shape[1:-1], kernel_window(kernel), strides, padding, dilation, strict=True)
    ]
    return Type((x.shape[0], *spatial, kernel.shape[-1]), x.dtype)


WORDS = ("valid", "same", "full", "causal")


def _conv_settings(x: Expr, kernel: Expr, strides: Any, padding: Any, dilation: Any, groups: Any = 1) -> dict[str, Any]:
    axes = x.ndim - 2
    if axes < 1 or kernel.ndim != x.ndim:
        raise ShapeError(
            "conv: expected an input (batch, ..., channels) and a kernel (..., channels in, channels out) of as many "
            f"axes. Received: {x} of shape {shape_text(x.shape)} and {kernel} of shape {shape_text(kernel.shape)}"
        )
    check_channels(x, kernel, groups)
    window = kernel_window(kernel)
    strides, dilation = as_tuple(strides, axes, "strides"), as_tuple(dilation, axes, "dilation")
    return {
        "strides": strides,
        "padding": padding_pairs(padding, x.shape[1:-1], window, strides, dilation, WORDS),
        "dilation": dilation,
        "groups": int(groups),
    }


def check_channels(x: Expr, kernel: Expr, groups: Any) -> None:
    """Refuse channels that a kernel is not made for, or that do not divide into groups."""
    if not isinstance(groups, (int, np.integer)) or groups < 1:
        raise ShapeError(f"conv: expected groups to be an integer of 1 or more. Received: groups={groups!r}")
    channels, seen, made = x.shape[-1], kernel.shape[-2], kernel.shape[-1]
    wanted = seen * int(groups) if isinstance(seen, int) else seen
    if groups > 1 and isinstance(made, int) and made % groups:
        raise ShapeError(f"conv: the {made} channels that {kernel} makes do not divide into {groups} groups")
    if unify(channels, wanted) is None and (groups == 1 or isinstance(wanted, int)):
        of_each = f" in each of {groups} groups" if groups > 1 else ""
        raise ShapeError(
            f"conv: the kernel {kernel}, of shape {shape_text(kernel.shape)}, is for {seen} channels{of_each}. "
            f"Received: {x}, of shape {shape_text(x.shape)}, which has {channels}"
        )


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
        ((rng.normal(size=(2, 5, 4)), rng.normal(size=(3, 2, 6))), {"padding": "causal", "groups": 2}),
        ((rng.normal(size=(2, 4, 4, 2)), rng.normal(size=(3, 2, 1, 4))), {"padding": "full", "groups": 2}),
    ]


def _conv_cost(node: Expr, size: Any) -> Any:
    kernel = node.inputs[1]
    return 2 * size(node) * size(kernel) / size(kernel, -1)


def _conv_value(xp: Any, x: Any, kernel: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    window = kernel.shape[:-2]
    counts = counts_of(x, window, strides, padding, dilation)
    slices = list(taps(xp, padded(xp, x, padding), window, strides, dilation, counts))
    if groups > 1:
        return grouped_forward(xp, slices, kernel, groups)
    patches = xp.concatenate(slices, axis=-1)
    flat = patches.reshape(-1, patches.shape[-1]) @ kernel.reshape(-1, kernel.shape[-1])
    return flat.reshape(x.shape[0], *counts, kernel.shape[-1])


def _conv_text(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
    """Write a convolution with the settings that are not the usual ones."""
    pieces: list[Piece] = ["conv(", (operands[0], 0), ", ", (operands[1], 0)]
    for key, usual in (("strides", 1), ("padding", 0), ("dilation", 1), ("groups", 1)):
        value = settings.get(key, usual)
        if np.any(np.asarray(value) != usual) and value != "valid":
            pieces.append(f", {key}={setting_text(value)}")
    return [*pieces, ")"]


def _conv_xla(xp: Any, x: Any, kernel: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    if _on_cpu():
        return _conv_value(xp, x, kernel, strides, padding, dilation, groups)
    return _lax_conv(x, kernel, strides, padding, dilation, (1,) * len(strides), groups)


def _on_cpu() -> bool:
    import jax

    return bool(jax.default_backend() == "cpu")


def _lax_conv(x: Any, kernel: Any, strides: Any, padding: Any, dilation: Any, spread: Any, groups: int) -> Any:
    from jax import lax

    spatial = "DHW"[-(x.ndim - 2) :]
    layout = (f"N{spatial}C", f"{spatial}IO", f"N{spatial}C")
    return lax.conv_general_dilated(
        x,
        kernel,
        strides,
        padding,
        lhs_dilation=spread,
        rhs_dilation=dilation,
        dimension_numbers=layout,
        feature_group_count=groups,
    )


@op(
    text=_conv_text,
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
def conv(
    xp: Any, x: Any, kernel: Any, strides: Any = 1, padding: Any = "valid", dilation: Any = 1, groups: Any = 1
) -> Any:
    r"""Convolution as neural networks have it (a correlation), in one, two or three dimensions, channels last:
    :math:`y_{n,i,c} = \sum_{k,d} x_{n,\, s i + r k,\, d} \; w_{k,d,c}`.

    Parameters
    ----------
    x : Expr or array, shape (batch, ..., channels in)
        What is convolved.
    kernel : Expr or array, shape (..., channels in / groups, channels out)
        With what.
    strides, dilation : int or tuple of int
        The step :math:`s` of the window and the step :math:`r` inside it.
    padding : {"valid", "same", "full", "causal"} or pairs of int
        No zeros; so many that the size is kept (divided by the strides); so many that every window counts which meets
        the input; along one axis, so many in front that no window sees what comes after it; or so many before and
        after each axis.
    groups : int
        Into how many groups the channels are divided, each of which sees only itself; as many groups as channels in
        are a depthwise convolution.

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
    return _conv_value(xp, x, kernel, strides, padding, dilation, groups)


def spread_back(
    xp: Any, g: Any, kernel: Any, sizes: Any, strides: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    """Spread every window's gradient over the window, in an array of these sizes: the transpose of `conv`."""
    window = kernel.shape[:-2]
    if xp is not np and not (groups > 1 and kernel.shape[-2] == 1 and _on_cpu()):
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
    return _lax_conv(g, turned, (1,) * len(strides), border, dilation, strides, groups)


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
    infer=lambda g, kernel, like, **settings: Type((g.shape[0], *like.shape[1:]), g.dtype),
    grad=_input_gradient_grad,
    examples=_gradient_examples("input"),
    cost=lambda node, size: 2 * size(node.inputs[0]) * size(node.inputs[1]) / size(node.inputs[1], -1),
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
    promotes=True,
    infer=lambda x, g, like, **settings: Type(like.shape, g.dtype),
    grad=_kernel_gradient_grad,
    xla=_kernel_gradient_xla,
    examples=_gradient_examples("kernel"),
    cost=lambda node, size: 2 * size(node.inputs[1]) * size(node) / size(node, -1),
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
