r"""Patches of sliding windows, their transpose, and sliding window views."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, ArrayValue, NamespaceArray
from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, Operand, OpSettings, as_expr
from pellucid.graph.op import Example
from pellucid.graph.op_decorator import op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import call_text, format_operand
from pellucid.graph.ops.sliding_windows import (
    Pairs,
    as_tuple,
    get_known_shape,
    infer_window_count,
    iterate_padded_slices,
    overlap_add,
    resolve_padding,
)
from pellucid.graph.ops.window_formatters import chosen_operands_tex, chosen_operands_text
from pellucid.graph.range_rules import elements_or_zero
from pellucid.graph.types import Type, multiply_dims, normalize_axes

if TYPE_CHECKING:
    from pellucid.typing import Padding, Sizes


def _normalize_settings(x: Expr, size: Sizes, strides: Sizes | None, dilation: Sizes, padding: Padding) -> OpSettings:
    axes = x.ndim - 2
    if axes < 1:
        raise ShapeError(f"extract_patches: expected (batch, ..., channels). Received: {format_operand(x)}")
    window, gaps = as_tuple(size, axes, "size"), as_tuple(dilation, axes, "dilation")
    steps = window if strides is None else as_tuple(strides, axes, "strides")
    widths = resolve_padding(padding, x.shape[1:-1], window, steps, gaps)
    return {"size": window, "strides": steps, "dilation": gaps, "padding": widths}


def _infer_type(
    x: Expr, size: tuple[int, ...], strides: tuple[int, ...], dilation: tuple[int, ...], padding: Pairs
) -> Type:
    spatial = [
        infer_window_count(n, k, s, p, d, "extract_patches", x)
        for n, k, s, p, d in zip(x.shape[1:-1], size, strides, padding, dilation, strict=True)
    ]
    return Type((x.shape[0], *spatial, multiply_dims(x.shape[-1], math.prod(size))), x.dtype)


def _draw_examples(rng: np.random.Generator) -> list[Example]:
    x = rng.normal(size=(2, 6, 5, 3))
    return [
        ((x,), {"size": 2}),
        ((x,), {"size": (3, 2), "strides": (2, 1), "padding": "same"}),
        ((x,), {"size": 2, "strides": 1, "dilation": (1, 3)}),
    ]


@op(
    tex=r"\mathrm{{patches}}({0:_})",
    text=call_text("extract_patches", dilation=1, padding=0),
    infer=_infer_type,
    normalize=_normalize_settings,
    grad=lambda g, y, x, **settings: call_op("overlap_patches", g, x, **settings),
    examples=_draw_examples,
    cost=0,
    value_range=elements_or_zero,
)
def extract_patches(
    xp: ArrayNamespace,
    images: NamespaceArray,
    size: Sizes = 3,
    strides: Sizes | None = None,
    dilation: Sizes = 1,
    padding: Padding = "valid",
) -> NamespaceArray:
    r"""Elements of each sliding window as one vector (im2col), :math:`y_{n,i} = (x_{n,\, s i + r k})_k`.

    A convolution is the matrix product of the patches and the kernel.

    Parameters
    ----------
    images : Expr or array, shape (batch, ..., channels)
        Images with one, two or three spatial axes.
    size : int or tuple of int
        Window size.
    strides : int or tuple of int, optional
        Step between windows (default ``size``).
    dilation : int or tuple of int
        Step between elements of a window.
    padding : {"valid", "same"} or pairs of int
        No padding, zeros that keep the size (divided by the strides), or zeros (before, after) each axis.

    Returns
    -------
    Expr, shape (batch, ..., window elements * channels)
        One vector per window: the window's positions in row-major order, with the channels of each position together.

    Raises
    ------
    ShapeError
        If the window does not fit or the size or padding is invalid.

    Examples
    --------
    >>> pel.extract_patches(pel.tensor4("x", shape=("n", 28, 28, 3)), 4).shape
    ('n', 7, 7, 48)
    """
    normalized = (size, strides, padding, dilation)
    window, steps, widths, gaps = cast("tuple[tuple[int, ...], tuple[int, ...], Pairs, tuple[int, ...]]", normalized)
    return xp.concatenate(list(iterate_padded_slices(xp, images, window, steps, widths, gaps)), axis=-1)


def _draw_overlap_examples(rng: np.random.Generator) -> list[Example]:
    cases = [(x, extract_patches(as_expr(x), **settings)) for (x,), settings in _draw_examples(rng)]
    return [((rng.normal(size=get_known_shape(y)), x), y.settings) for x, y in cases]


@op(
    text=chosen_operands_text("fold", 0),
    tex=chosen_operands_tex(r"\operatorname{fold}_{\text{sum}}", 0),
    infer=lambda g, like, **settings: Type(like.shape, g.dtype),
    grad=lambda u, y, g, like, **settings: (extract_patches(u, **settings), None),
    examples=_draw_overlap_examples,
    cost=lambda node, size: size(node.inputs[0]),
    behind="extract_patches",
)
def overlap_patches(
    xp: ArrayNamespace,
    g: NamespaceArray,
    like: NamespaceArray,
    size: tuple[int, ...] = (),
    strides: tuple[int, ...] = (),
    dilation: tuple[int, ...] = (),
    padding: Pairs = (),
) -> ArrayValue:
    r"""Sum of patches at their positions in the image: the transpose of `extract_patches`.

    Parameters
    ----------
    g : Expr or array
        Patches, as `extract_patches` returns them.
    like : Expr or array
        The images; only their shape is used.
    size : tuple of int
        Size of a patch.
    strides : tuple of int
        Step between patches.
    dilation : tuple of int
        Distance between neighboring elements of the window along each axis.
    padding : tuple of pairs of int
        Padding before and after each axis.

    Examples
    --------
    >>> x = pel.tensor3("x", shape=("n", 8, 1))
    >>> pel.grad(pel.extract_patches(x, 2).sum(), x).shape
    ('n', 8, 1)
    """
    parts = xp.split(g, math.prod(size), axis=-1)
    total: ArrayValue = overlap_add(xp, parts, like.shape[1:-1], size, strides, padding, dilation)
    return total


@register_function
def sliding_window_view(x: Operand, window_shape: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Expr:
    r"""Sliding windows of step 1, with their elements along new last axes, :math:`y_{i,k} = x_{i + k}`.

    Parameters
    ----------
    x : Expr or array
        Input of any shape.
    window_shape : int or sequence of int
        Length of the window along each axis.
    axis : int or sequence of int, optional
        Axes to slide along (default all).

    Returns
    -------
    Expr
        Array with one more axis for each windowed axis. A window of k elements shortens an axis by k - 1.

    Raises
    ------
    ShapeError
        If the window is longer than an axis.

    Examples
    --------
    >>> x = pel.vector("x", shape=(4,))
    >>> pel.function([x], pel.sliding_window_view(x, 3))([1, 2, 3, 4])
    array([[1., 2., 3.],
           [2., 3., 4.]], dtype=float32)
    """
    x = as_expr(x)
    axes = normalize_axes(axis, x.ndim, "sliding_window_view", x)
    for a, length in zip(axes, as_tuple(window_shape, len(axes), "window_shape"), strict=True):
        size = x.shape[a]
        if isinstance(size, int) and size < length:
            raise ShapeError(f"sliding_window_view: a window of {length} does not fit into axis {a} of {x}")
        leading = (slice(None),) * a
        shifted = [x[(*leading, slice(k, None if k == length - 1 else k - length + 1))] for k in range(length)]
        x = call_op("stack", shifted, axis=-1)
    return x
