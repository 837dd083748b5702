r"""Convolution over the spatial axes of an array with channels last, with and without groups.

A convolution is bilinear in its input and its kernel: each of the three ops `conv`, `conv_input_gradient` and
`conv_kernel_gradient` has the other two as its gradients. All are written with one strided slice per kernel position,
which NumPy and XLA share.

On a CPU with a C compiler, large convolutions run on the kernels in `run/kernels`, with and without groups. The others
run on XLA:CPU, whose own convolution gradient is an order of magnitude slower inside a compiled training loop than
outside. It is therefore never used:

- forward: im2col and one matrix product, which is at least as fast as XLA's convolution for few input channels and has
  no slow sizes;
- gradient with respect to the input: a forward convolution of the gradient with the flipped kernel, which XLA runs
  well;
- gradient with respect to the kernel: one matrix product with the slices of the operand that has fewer channels,
  because copying the slices dominates the cost.

In a grouped convolution each group of output channels depends on one group of input channels. The kernel has the shape
(window..., channels in / groups, channels out), with the output channels ordered by group. With one channel per group
(a depthwise convolution) the products are elementwise, which is faster on XLA:CPU than its own grouped convolution,
forward and backward. Otherwise there is one small matrix product per group, which is equally fast; only the gradient
with respect to the input uses XLA's grouped convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, ArrayValue, JaxArray, NamespaceArray
from pellucid.graph.errors import ShapeError, brief
from pellucid.graph.expr import Expr, OpSettings
from pellucid.graph.op import Example
from pellucid.graph.op_decorator import op
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import call_text, format_operand
from pellucid.graph.ops.sliding_windows import (
    Pairs,
    as_tuple,
    infer_window_count,
    iterate_padded_slices,
    resolve_padding,
)
from pellucid.graph.ops.window_formatters import conv_tex
from pellucid.graph.precedence import MULTIPLY
from pellucid.graph.types import Dim, Type, unify

if TYPE_CHECKING:
    from pellucid.typing import ConvPadding, Sizes


def _split_groups(kernel: NamespaceArray, groups: int) -> NamespaceArray:
    """Reshape a kernel to (kernel positions, channels in per group, groups, channels out per group)."""
    return kernel.reshape(-1, kernel.shape[-2], groups, kernel.shape[-1] // groups)


def convolve_groups(
    xp: ArrayNamespace, slices: list[NamespaceArray], kernel: NamespaceArray, groups: int
) -> NamespaceArray:
    """Return the convolution, from one slice of the input per kernel position."""
    weights, leading = _split_groups(kernel, groups), slices[0].shape[:-1]
    if weights.shape[1] == weights.shape[3] == 1:
        total = slices[0] * weights[0, 0, :, 0]
        for tap, weight in zip(slices[1:], weights[1:, 0, :, 0], strict=True):
            total = total + tap * weight
        return total
    patches = xp.stack(slices, axis=-2).reshape(-1, len(slices), groups, weights.shape[1])
    return xp.einsum("pkgc,kcgo->pgo", patches, weights).reshape(*leading, kernel.shape[-1])


def spread_gradient_by_tap(
    xp: ArrayNamespace, g: NamespaceArray, kernel: NamespaceArray, groups: int
) -> list[NamespaceArray]:
    """Return the gradient with respect to each slice of the input."""
    weights = _split_groups(kernel, groups)
    by_group = g.reshape(*g.shape[:-1], groups, g.shape[-1] // groups)
    shape = (*g.shape[:-1], kernel.shape[-2] * groups)
    return [xp.einsum("...go,cgo->...gc", by_group, weight).reshape(shape) for weight in weights]


def compute_grouped_kernel_gradient(
    xp: ArrayNamespace, slices: list[NamespaceArray], g: NamespaceArray, shape: tuple[int, ...], groups: int
) -> NamespaceArray:
    by_group = g.reshape(-1, groups, g.shape[-1] // groups)
    parts = [xp.einsum("pgc,pgo->cgo", tap.reshape(-1, groups, shape[-2]), by_group) for tap in slices]
    return xp.stack(parts).reshape(shape)


def swap_group_channels(xp: ArrayNamespace, kernel: NamespaceArray, groups: int) -> NamespaceArray:
    *window, channels_in, channels_out = kernel.shape
    by_group = xp.swapaxes(kernel.reshape(*window, channels_in, groups, channels_out // groups), -1, -3)
    return by_group.reshape(*window, channels_out // groups, groups * channels_in)


def get_window_size(kernel: Expr) -> tuple[int, ...]:
    """Return the spatial size of a kernel, which must be known."""
    window = tuple(k for k in kernel.shape[:-2] if isinstance(k, int))
    if len(window) != kernel.ndim - 2:
        raise ShapeError(f"conv: expected a kernel whose spatial sizes are known. Received: {format_operand(kernel)}")
    return window


def count_spatial_axes(name: str, x: Expr, kernel: Expr, channels: str) -> int:
    """Return the number of spatial axes of a convolution's operands, which must agree."""
    if x.ndim < 3 or kernel.ndim != x.ndim:
        raise ShapeError(
            f"{name}: expected an input (batch, ..., channels) and a kernel (..., {channels}) with the same number of "
            f"axes. Received: {format_operand(x)}, and {format_operand(kernel)}"
            + f". Write {brief(x)}[..., None] for one channel"
            * (x.ndim == kernel.ndim - 1 >= 2)
        )
    return x.ndim - 2


def infer_conv(
    x: Expr, kernel: Expr, strides: tuple[int, ...], padding: Pairs, dilation: tuple[int, ...], groups: int
) -> Type:
    spatial = [
        infer_window_count(n, k, s, p, d, "conv", x, kernel)
        for n, k, s, p, d in zip(x.shape[1:-1], get_window_size(kernel), strides, padding, dilation, strict=True)
    ]
    return Type((x.shape[0], *spatial, kernel.shape[-1]), x.dtype)


PADDINGS = ("valid", "same", "full", "causal")


def _normalize_conv_settings(
    x: Expr, kernel: Expr, strides: Sizes, padding: ConvPadding, dilation: Sizes, groups: int = 1
) -> OpSettings:
    axes = count_spatial_axes("conv", x, kernel, "channels in, channels out")
    _check_channels(x, kernel, groups)
    window = get_window_size(kernel)
    steps, gaps = as_tuple(strides, axes, "strides"), as_tuple(dilation, axes, "dilation")
    return {
        "strides": steps,
        "padding": resolve_padding(padding, x.shape[1:-1], window, steps, gaps, PADDINGS),
        "dilation": gaps,
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
            f"conv: the kernel {format_operand(kernel)}, expects {channels_in} input channels{of_each}. Received: "
            f"{format_operand(x)}, which has {channels}{suggest_channels_last(x, expected)}"
        )


def suggest_channels_last(x: Expr, channels: Dim) -> str:
    """Return how to move the channels of an image to the last axis, if they are the first one."""
    if channels == 1 or x.shape[1] != channels:
        return ""
    axes = ", ".join(map(str, (0, *range(2, x.ndim), 1)))
    return f". Its axis 1 has {channels}: if those are its channels, write {brief(x)}.transpose({axes})"


def make_conv_examples(rng: np.random.Generator) -> list[Example]:
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


def _conv_value(
    xp: ArrayNamespace,
    x: NamespaceArray,
    kernel: NamespaceArray,
    strides: tuple[int, ...],
    padding: Pairs,
    dilation: tuple[int, ...],
    groups: int,
) -> NamespaceArray:
    slices = list(iterate_padded_slices(xp, x, kernel.shape[:-2], strides, padding, dilation))
    if groups > 1:
        return convolve_groups(xp, slices, kernel, groups)
    patches = xp.concatenate(slices, axis=-1)
    flat = patches.reshape(-1, patches.shape[-1]) @ kernel.reshape(-1, kernel.shape[-1])
    return flat.reshape(*patches.shape[:-1], kernel.shape[-1])


def _conv_xla(
    xp: ArrayNamespace,
    x: NamespaceArray,
    kernel: NamespaceArray,
    strides: tuple[int, ...],
    padding: Pairs,
    dilation: tuple[int, ...],
    groups: int,
) -> ArrayValue:
    if is_cpu_backend():
        return _conv_value(xp, x, kernel, strides, padding, dilation, groups)
    return convolve_with_lax(x, kernel, strides, padding, dilation, (1,) * len(strides), groups)


def is_cpu_backend() -> bool:
    import jax

    return bool(jax.default_backend() == "cpu")


def convolve_with_lax(
    x: Any,
    kernel: Any,
    strides: tuple[int, ...],
    padding: Sequence[tuple[int, int]],
    dilation: tuple[int, ...],
    input_dilation: tuple[int, ...],
    groups: int,
) -> JaxArray:
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
    tex=conv_tex,
    tex_precedence=MULTIPLY,
    promotes=True,
    floats=True,
    infer=infer_conv,
    normalize=_normalize_conv_settings,
    grad=lambda g, y, x, kernel, **settings: (
        call_op("conv_input_gradient", g, kernel, x, **settings),
        call_op("conv_kernel_gradient", x, g, kernel, **settings),
    ),
    xla=_conv_xla,
    examples=make_conv_examples,
    cost=lambda node, size: 2 * size(node) * size(node.inputs[1]) / size(node.inputs[1], -1),
)
def conv(
    xp: ArrayNamespace,
    x: NamespaceArray,
    kernel: NamespaceArray,
    strides: Sizes = 1,
    padding: ConvPadding = "valid",
    dilation: Sizes = 1,
    groups: int = 1,
) -> NamespaceArray:
    r"""Convolution (cross-correlation), in one, two or three dimensions, channels last:
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
    normalized = (strides, padding, dilation)
    steps, widths, gaps = cast("tuple[tuple[int, ...], Pairs, tuple[int, ...]]", normalized)
    return _conv_value(xp, x, kernel, steps, widths, gaps, groups)
