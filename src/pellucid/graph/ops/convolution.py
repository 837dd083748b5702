r"""Convolution over the spatial axes of an array with channels last.

A convolution is bilinear in its input and its kernel: each of the three ops `conv`, `conv_input_gradient` and
`conv_kernel_gradient` has the other two as its gradients. All are written with one strided slice per kernel position,
which NumPy and XLA share.

On a CPU with a C compiler, large convolutions run on the kernels in `run/kernels`. The others run on XLA:CPU, whose
own convolution gradient is an order of magnitude slower inside a compiled training loop than outside. It is therefore
never used:

- forward: im2col and one matrix product, which is at least as fast as XLA's convolution for few input channels and has
  no slow sizes;
- gradient with respect to the input: a forward convolution of the gradient with the flipped kernel, which XLA runs
  well;
- gradient with respect to the kernel: one matrix product with the slices of the operand that has fewer channels,
  because copying the slices dominates the cost.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.op import op
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import call_text
from pellucid.graph.ops.grouped_convolution import convolve_groups
from pellucid.graph.ops.sliding_windows import (
    as_tuple,
    count_windows,
    infer_window_count,
    iterate_window_slices,
    pad_spatial,
    resolve_padding,
)
from pellucid.graph.precedence import MULTIPLY
from pellucid.graph.types import Type, format_shape, unify


def get_window_size(kernel: Expr) -> tuple[int, ...]:
    """Return the spatial size of a kernel, which must be known."""
    window = tuple(k for k in kernel.shape[:-2] if isinstance(k, int))
    if len(window) != kernel.ndim - 2:
        raise ShapeError(
            "conv: expected a kernel whose spatial sizes are known. "
            f"Received: {kernel} of shape {format_shape(kernel.shape)}"
        )
    return window


def infer_conv(x: Expr, kernel: Expr, strides: Any, padding: Any, dilation: Any, groups: int) -> Type:
    spatial = [
        infer_window_count(n, k, s, p, d, "conv", x, kernel)
        for n, k, s, p, d in zip(x.shape[1:-1], get_window_size(kernel), strides, padding, dilation, strict=True)
    ]
    return Type((x.shape[0], *spatial, kernel.shape[-1]), x.dtype)


PADDINGS = ("valid", "same", "full", "causal")


def _normalize_conv_settings(
    x: Expr, kernel: Expr, strides: Any, padding: Any, dilation: Any, groups: Any = 1
) -> dict[str, Any]:
    axes = x.ndim - 2
    if axes < 1 or kernel.ndim != x.ndim:
        raise ShapeError(
            "conv: expected an input (batch, ..., channels) and a kernel (..., channels in, channels out) with the "
            f"same number of axes. Received: {x} of shape {format_shape(x.shape)} and {kernel} of shape "
            f"{format_shape(kernel.shape)}"
        )
    _check_channels(x, kernel, groups)
    window = get_window_size(kernel)
    strides, dilation = as_tuple(strides, axes, "strides"), as_tuple(dilation, axes, "dilation")
    return {
        "strides": strides,
        "padding": resolve_padding(padding, x.shape[1:-1], window, strides, dilation, PADDINGS),
        "dilation": dilation,
        "groups": int(groups),
    }


def _check_channels(x: Expr, kernel: Expr, groups: Any) -> None:
    if not isinstance(groups, (int, np.integer)) or groups < 1:
        raise ShapeError(f"conv: expected groups to be an integer of 1 or more. Received: groups={groups!r}")
    channels, channels_in, channels_out = x.shape[-1], kernel.shape[-2], kernel.shape[-1]
    expected = channels_in * int(groups) if isinstance(channels_in, int) else channels_in
    if groups > 1 and isinstance(channels_out, int) and channels_out % groups:
        raise ShapeError(f"conv: the {channels_out} output channels of {kernel} cannot be divided into {groups} groups")
    if unify(channels, expected) is None and (groups == 1 or isinstance(expected, int)):
        of_each = f" in each of {groups} groups" if groups > 1 else ""
        raise ShapeError(
            f"conv: the kernel {kernel}, of shape {format_shape(kernel.shape)}, expects {channels_in} input channels"
            f"{of_each}. Received: {x}, of shape {format_shape(x.shape)}, which has {channels}"
        )


def _conv_grad(g: Any, y: Any, x: Any, kernel: Any, **settings: Any) -> tuple[Any, Any]:
    return call_op("conv_input_gradient", g, kernel, x, **settings), call_op(
        "conv_kernel_gradient", x, g, kernel, **settings
    )


def make_conv_examples(rng: np.random.Generator) -> list[Any]:
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
    counts = count_windows(x, window, strides, padding, dilation)
    slices = list(iterate_window_slices(xp, pad_spatial(xp, x, padding), window, strides, dilation, counts))
    if groups > 1:
        return convolve_groups(xp, slices, kernel, groups)
    patches = xp.concatenate(slices, axis=-1)
    flat = patches.reshape(-1, patches.shape[-1]) @ kernel.reshape(-1, kernel.shape[-1])
    return flat.reshape(x.shape[0], *counts, kernel.shape[-1])


def _conv_xla(xp: Any, x: Any, kernel: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    if is_cpu_backend():
        return _conv_value(xp, x, kernel, strides, padding, dilation, groups)
    return convolve_with_lax(x, kernel, strides, padding, dilation, (1,) * len(strides), groups)


def is_cpu_backend() -> bool:
    import jax

    return bool(jax.default_backend() == "cpu")


def convolve_with_lax(
    x: Any, kernel: Any, strides: Any, padding: Any, dilation: Any, input_dilation: Any, groups: int
) -> Any:
    """Call XLA's convolution, channels last."""
    from jax import lax

    spatial = "DHW"[-(x.ndim - 2) :]
    layout = (f"N{spatial}C", f"{spatial}IO", f"N{spatial}C")
    return lax.conv_general_dilated(
        x,
        kernel,
        strides,
        padding,
        lhs_dilation=input_dilation,
        rhs_dilation=dilation,
        dimension_numbers=layout,
        feature_group_count=groups,
    )


@op(
    text=call_text("conv", strides=1, padding=0, dilation=1, groups=1),
    tex=r"{1:>} \ast {0:>}",
    tex_precedence=MULTIPLY,
    promotes=True,
    floats=True,
    infer=infer_conv,
    normalize=_normalize_conv_settings,
    grad=_conv_grad,
    xla=_conv_xla,
    examples=make_conv_examples,
    cost=_conv_cost,
)
def conv(
    xp: Any, x: Any, kernel: Any, strides: Any = 1, padding: Any = "valid", dilation: Any = 1, groups: Any = 1
) -> Any:
    r"""Convolution (cross-correlation) in one, two or three dimensions, channels last:
    :math:`y_{n,i,c} = \sum_{k,d} x_{n,\, s i + r k,\, d} \; w_{k,d,c}`.

    Parameters
    ----------
    x : Expr or array, shape (batch, ..., channels in)
        Input.
    kernel : Expr or array, shape (..., channels in / groups, channels out)
        Kernel.
    strides, dilation : int or tuple of int
        Stride :math:`s` of the window and dilation :math:`r` of the kernel.
    padding : {"valid", "same", "full", "causal"} or pairs of int
        ``"valid"``: no padding. ``"same"``: zeros that keep the size (divided by the strides). ``"full"``: zeros
        such that every window that overlaps the input is included. ``"causal"``, for one spatial axis: zeros in
        front, so that no output depends on later inputs. Otherwise the number of zeros (before, after) each axis.
    groups : int
        Number of groups of channels. Each group of output channels depends on one group of input channels. With as
        many groups as input channels this is a depthwise convolution.

    Returns
    -------
    Expr, shape (batch, ..., channels out)
        One vector of output channels per window.

    Raises
    ------
    ShapeError
        If the channels do not match or the window does not fit.

    Examples
    --------
    >>> x, w = pel.tensor4("x", shape=("n", 28, 28, 1)), pel.tensor4("w", shape=(5, 5, 1, 32))
    >>> pel.conv(x, w, padding="same").shape
    ('n', 28, 28, 32)

    References
    ----------
    V. Dumoulin and F. Visin, A guide to convolution arithmetic for deep learning, arXiv:1603.07285.
    """
    return _conv_value(xp, x, kernel, strides, padding, dilation, groups)
