r"""Convolution: products of a kernel with windows that slide over the axes between the first and the last.

A convolution is bilinear in its input and its kernel, so its two gradients and itself form a triangle: the gradients
of each are the other two. All are written with shifted slices, one for each tap of the kernel, which NumPy and XLA
share.

On a CPU with a C compiler, programs have kernels of their own for large ones (`run/kernels`). What follows is for all
others. How XLA:CPU runs them was measured inside a compiled loop, where training happens. There the gradient of its own
convolution is an order of magnitude slower than outside, so it is never asked for. Instead

- forward: the slices side by side and one matrix product, which is as fast as or faster than XLA's convolution
  for few input channels, and has no sizes at which it falls off a cliff;
- with respect to the input: a *forward* convolution of the gradient with the kernel turned around, which XLA runs well;
- with respect to the kernel: one matrix product with the slices of whichever side has fewer channels, because
  writing out slices is what costs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.op import op
from pellucid.graph.operators import call
from pellucid.graph.ops.grouped_convolution import grouped_forward
from pellucid.graph.ops.sliding_windows import as_tuple, counts_of, padded, padding_pairs, taps, told, window_count
from pellucid.graph.printing import MULTIPLY
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
    return call("conv_input_gradient", g, kernel, x, **settings), call("conv_kernel_gradient", x, g, kernel, **settings)


def conv_examples(rng: np.random.Generator) -> list[Any]:
    """Draw operands and settings of convolutions for the generated tests."""
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


def _conv_xla(xp: Any, x: Any, kernel: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    if on_cpu():
        return _conv_value(xp, x, kernel, strides, padding, dilation, groups)
    return lax_conv(x, kernel, strides, padding, dilation, (1,) * len(strides), groups)


def on_cpu() -> bool:
    """Tell whether XLA compiles for a CPU."""
    import jax

    return bool(jax.default_backend() == "cpu")


def lax_conv(x: Any, kernel: Any, strides: Any, padding: Any, dilation: Any, spread: Any, groups: int) -> Any:
    """Convolve by XLA's own convolution, the input spread out by some steps."""
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
    text=told("conv", strides=1, padding=0, dilation=1, groups=1),
    tex=r"{1:>} \ast {0:>}",
    tex_precedence=MULTIPLY,
    promotes=True,
    floats=True,
    infer=conv_type,
    normalize=_conv_settings,
    grad=_conv_grad,
    xla=_conv_xla,
    examples=conv_examples,
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
