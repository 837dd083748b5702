r"""Transposed convolution: the gradient of a convolution with respect to its input, as a public op."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, ArrayValue, NamespaceArray
from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, OpSettings
from pellucid.graph.op import Example
from pellucid.graph.op_decorator import op
from pellucid.graph.ops.convolution import conv, count_spatial_axes, get_window_size
from pellucid.graph.ops.convolution_gradients import conv_kernel_gradient, transpose_conv
from pellucid.graph.ops.formatters import call_text, format_operand
from pellucid.graph.ops.sliding_windows import (
    PADDING_MODES,
    Pairs,
    as_tuple,
    make_padding_error,
    parse_explicit_padding,
)
from pellucid.graph.precedence import MULTIPLY
from pellucid.graph.types import Dim, Type, add_dims, multiply_dims, unify
from pellucid.graph.validation import is_integer

if TYPE_CHECKING:
    from pellucid.typing import Padding, Sizes


Extents = tuple[int, ...]


def _normalize_settings(
    x: Expr, kernel: Expr, strides: Sizes, padding: Padding, output_padding: Sizes | None, dilation: Sizes, groups: int
) -> OpSettings:
    axes = count_spatial_axes("conv_transpose", x, kernel, "channels out, channels in")
    if unify(x.shape[-1], kernel.shape[-1]) is None:
        raise ShapeError(
            f"conv_transpose: the kernel {format_operand(kernel)}, expects {kernel.shape[-1]} input channels. "
            f"Received: {format_operand(x)}, which has {x.shape[-1]}"
        )
    channels = x.shape[-1]
    if not is_integer(groups) or groups < 1 or (isinstance(channels, int) and channels % groups):
        raise ShapeError(
            f"conv_transpose: expected groups to divide the {channels} channels evenly. Received: groups={groups!r}"
        )
    window = get_window_size(kernel)
    strides, dilation = as_tuple(strides, axes, "strides"), as_tuple(dilation, axes, "dilation")
    reaches = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
    extra = None if output_padding is None else as_tuple(output_padding, axes, "output_padding", 0)
    pairs, added = _resolve_padding(padding, reaches, strides, extra)
    for axis, (count, stride) in enumerate(zip(added, strides, strict=True)):
        if count >= stride:
            raise ShapeError(
                f"conv_transpose: output_padding={output_padding} adds {count} elements after the last window in axis "
                f"{axis}. It must be less than the stride, {stride}"
            )
    return {"strides": strides, "padding": pairs, "output_padding": added, "dilation": dilation, "groups": int(groups)}


def _resolve_padding(
    padding: Padding, reaches: Sequence[int], strides: Extents, output_padding: Extents | None
) -> tuple[Pairs, Extents]:
    """Return the cropping (before, after) and the output padding of each axis, computed as in Keras.

    With ``"same"`` and no ``output_padding`` the output size is the input size times the stride.
    """
    if not isinstance(padding, str):
        return parse_explicit_padding(padding, len(reaches)), output_padding or (0,) * len(reaches)
    if padding not in PADDING_MODES:
        raise make_padding_error(padding, PADDING_MODES)
    pairs, added = [], []
    for axis, (reach, stride) in enumerate(zip(reaches, strides, strict=True)):
        extra = None if output_padding is None else output_padding[axis]
        if padding == "valid":
            before, after = 0, -(max(stride - reach, 0) if extra is None else extra)
        else:
            total = stride + reach - 2 if extra is None else reach + reach % 2 - 2 + extra
            left = min((total + 1) // 2, reach - 1)
            before, after = reach - 1 - left, reach - 1 - (total - left)
        pairs.append((before, max(after, 0)))
        added.append(max(-after, 0))
    return tuple(pairs), tuple(added)


def compute_transposed_size(n: int, window: int, stride: int, pad: tuple[int, int], added: int, dilation: int) -> int:
    return (n - 1) * stride + (window - 1) * dilation + 1 - pad[0] - pad[1] + added


def _infer_type(
    x: Expr, kernel: Expr, strides: Extents, padding: Pairs, output_padding: Extents, dilation: Extents, groups: int
) -> Type:
    spatial: list[Dim] = []
    per_axis = zip(x.shape[1:-1], get_window_size(kernel), strides, padding, output_padding, dilation, strict=True)
    for n, k, s, p, added, d in per_axis:
        size = compute_transposed_size(n if isinstance(n, int) else 1, k, s, p, added, d)
        if isinstance(n, int) and size < 0:
            raise ShapeError(
                f"conv_transpose of {x} with {kernel}: padding={p} crops more than the {size + sum(p)} elements "
                "along the axis"
            )
        spatial.append(size if isinstance(n, int) else add_dims(multiply_dims(add_dims(n, -1), s), size))
    return Type((x.shape[0], *spatial, multiply_dims(kernel.shape[-2], groups)), x.dtype)


def _examples(rng: np.random.Generator) -> list[Example]:
    x, kernel = rng.normal(size=(2, 3, 4, 3)), rng.normal(size=(3, 4, 2, 3))
    return [
        ((x, kernel), {}),
        ((x, kernel), {"strides": 2, "padding": "same"}),
        ((x, kernel), {"strides": (1, 3), "dilation": (2, 1), "output_padding": (0, 1)}),
        ((rng.normal(size=(2, 4, 4)), rng.normal(size=(3, 2, 4))), {"strides": 4, "groups": 2}),
        ((rng.normal(size=(2, 4, 2)), rng.normal(size=(3, 1, 2))), {"padding": ((1, 0),), "groups": 2}),
    ]


@op(
    text=call_text("conv_transpose", strides=1, padding=0, output_padding=0, dilation=1, groups=1),
    tex=r"{1:>} \ast^\top {0:>}",
    tex_precedence=MULTIPLY,
    promotes=True,
    floats=True,
    infer=_infer_type,
    normalize=_normalize_settings,
    grad=lambda g, y, x, kernel, output_padding, **settings: (
        conv(g, kernel, **settings),
        conv_kernel_gradient(g, x, kernel, **settings),
    ),
    examples=_examples,
    cost=lambda node, size: 2 * size(node.inputs[0]) * size(node.inputs[1]) / size(node.inputs[1], -1),
)
def conv_transpose(
    xp: ArrayNamespace,
    x: NamespaceArray,
    kernel: NamespaceArray,
    strides: Sizes = 1,
    padding: Padding = "valid",
    output_padding: Sizes | None = None,
    dilation: Sizes = 1,
    groups: int = 1,
) -> ArrayValue:
    r"""Transposed convolution, channels last: :math:`y_{n,j,d} = \sum_{s i + r k = j} \sum_c x_{n,i,c} \; w_{k,d,c}`.

    Parameters
    ----------
    x : Expr or array, shape (batch, ..., channels in)
        Input.
    kernel : Expr or array, shape (..., channels out / groups, channels in)
        Kernel of the convolution that this op transposes.
    strides, dilation : int or tuple of int
        Stride :math:`s` of the output and dilation :math:`r` of the kernel.
    padding : {"valid", "same"} or pairs of int
        No cropping, cropping to the input size times the strides, or the number of elements to crop (before, after)
        each axis.
    output_padding : int or tuple of int, optional
        Number of elements to add after each axis, less than the strides. With ``"same"`` the size is
        :math:`(n - 1) s + k \bmod 2` plus this number, as in Keras.
    groups : int
        Number of groups of channels. Each group of output channels depends on one group of input channels.

    Returns
    -------
    Expr, shape (batch, ..., channels out)
        :math:`(n - 1) s + \max(k, s)` elements along an axis for ``"valid"``, :math:`n s` for ``"same"``.

    Raises
    ------
    ShapeError
        If the channels do not match, or the padding crops everything.

    Examples
    --------
    >>> x, w = pel.tensor4("x", shape=("n", 7, 7, 32)), pel.tensor4("w", shape=(3, 3, 16, 32))
    >>> pel.conv_transpose(x, w, strides=2, padding="same").shape
    ('n', 14, 14, 16)

    References
    ----------
    V. Dumoulin and F. Visin, A guide to convolution arithmetic for deep learning, arXiv:1603.07285.
    """
    normalized = (strides, padding, output_padding, dilation)
    steps, widths, added, gaps = cast("tuple[Extents, Pairs, Extents, Extents]", normalized)
    per_axis = zip(x.shape[1:-1], kernel.shape[:-2], steps, widths, added, gaps, strict=True)
    sizes = [compute_transposed_size(*each) for each in per_axis]
    return transpose_conv(xp, x, kernel, sizes, steps, widths, gaps, groups)
