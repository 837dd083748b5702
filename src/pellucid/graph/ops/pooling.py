r"""Max pooling, sum pooling and average pooling.

The value is the maximum or sum of shifted strided slices, whose gradient is cheaper than that of a window reduction.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterator
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
from pellucid.graph.range_rules import elements_of
from pellucid.graph.types import Type, is_float

if TYPE_CHECKING:
    from pellucid.typing import Padding, Sizes


PoolSettings = tuple[tuple[int, ...], tuple[int, ...], Pairs]
"""Normalized size, strides and padding of a window."""


def normalize_pool_settings(x: Expr, pool_size: Sizes, strides: Sizes | None, padding: Padding) -> OpSettings:
    axes = x.ndim - 2
    if axes < 1:
        raise ShapeError(f"pooling: expected an input (batch, ..., channels). Received: {format_operand(x)}")
    window = as_tuple(pool_size, axes, "pool_size")
    steps = window if strides is None else as_tuple(strides, axes, "strides")
    widths = resolve_padding(padding, x.shape[1:-1], window, steps, (1,) * axes)
    return {"pool_size": window, "strides": steps, "padding": widths}


def infer_pool_type(x: Expr, pool_size: tuple[int, ...], strides: tuple[int, ...], padding: Pairs) -> Type:
    spatial = [
        infer_window_count(n, k, s, p, 1, "pooling", x)
        for n, k, s, p in zip(x.shape[1:-1], pool_size, strides, padding, strict=True)
    ]
    return Type((x.shape[0], *spatial, x.shape[-1]), x.dtype)


def _draw_examples(rng: np.random.Generator) -> list[Example]:
    x = rng.permutation(2 * 6 * 5 * 3).reshape(2, 6, 5, 3) / 20.0
    return [
        ((x,), {}),
        ((x,), {"pool_size": (3, 2), "strides": (2, 1)}),
        ((x,), {"pool_size": 3, "strides": 2, "padding": "same"}),
    ]


def _iterate_slices(
    xp: ArrayNamespace,
    x: NamespaceArray,
    pool_size: tuple[int, ...],
    strides: tuple[int, ...],
    padding: Pairs,
    value: float = 0.0,
) -> Iterator[NamespaceArray]:
    return iterate_padded_slices(xp, x, pool_size, strides, padding, (1,) * len(strides), value)


def _get_lowest(x: NamespaceArray) -> float:
    return -np.inf if np.dtype(x.dtype).kind not in "biu" else np.iinfo(x.dtype).min


@op(
    tex=r"\mathrm{{max\_pool}}({0:_})",
    text=call_text("max_pool", padding=0),
    infer=infer_pool_type,
    normalize=normalize_pool_settings,
    grad=lambda g, y, x, **settings: call_op("max_pool_gradient", g, y, x, **settings),
    examples=_draw_examples,
    cost=lambda node, size: size(node) * math.prod(node.settings["pool_size"]),
    value_range=elements_of(0),
)
def max_pool(
    xp: ArrayNamespace,
    x: NamespaceArray,
    pool_size: Sizes = 2,
    strides: Sizes | None = None,
    padding: Padding = "valid",
) -> NamespaceArray:
    r"""Max pooling, :math:`y_{n,i,c} = \max_k x_{n,\, s i + k,\, c}`. The first of several equal maxima receives the
    gradient.

    Parameters
    ----------
    x : Expr or array, shape (batch, ..., channels)
        Input.
    pool_size : int or tuple of int
        Window size.
    strides : int or tuple of int, optional
        Step between windows (default ``pool_size``).
    padding : {"valid", "same"} or pairs of int
        No padding, padding that keeps the size (divided by the strides), or widths (before, after) each axis. A padded
        element is never a maximum.

    Returns
    -------
    Expr, shape (batch, ..., channels)
        One maximum per window.

    Raises
    ------
    ShapeError
        If the window does not fit or the size or padding is invalid.

    Examples
    --------
    >>> pel.max_pool(pel.tensor4("x", shape=("n", 28, 28, 32)), 2).shape
    ('n', 14, 14, 32)
    """
    settings = cast(PoolSettings, (pool_size, strides, padding))
    return functools.reduce(xp.maximum, _iterate_slices(xp, x, *settings, _get_lowest(x)))


def _argmax_in_windows(
    xp: ArrayNamespace,
    y: NamespaceArray,
    x: NamespaceArray,
    pool_size: tuple[int, ...],
    strides: tuple[int, ...],
    padding: Pairs,
) -> NamespaceArray:
    """Return the position of the first maximum in each window, as a flat index into the window."""
    slices = list(_iterate_slices(xp, x, pool_size, strides, padding, _get_lowest(x)))
    argmax = xp.zeros(y.shape, np.int32)
    for position in range(len(slices) - 1, -1, -1):  # backwards, so that the first maximum is written last
        argmax = xp.where(slices[position] == y, np.int32(position), argmax)
    return argmax


@op(
    text=chosen_operands_text("max_unpool", 0, 2),
    tex=chosen_operands_tex(r"\operatorname{unpool}_{\text{max}}", 0, 2),
    infer=lambda g, y, x, **settings: Type(x.shape, g.dtype),
    grad=lambda u, d, g, y, x, **settings: (call_op("max_pool_choose", u, y, x, **settings), None, None),
    examples=lambda rng: _draw_gradient_examples(rng, gradient=True),
    cost=lambda node, size: size(node.inputs[0]) * 3 * math.prod(node.settings["pool_size"]),
    behind="max_pool",
)
def max_pool_gradient(
    xp: ArrayNamespace,
    g: NamespaceArray,
    y: NamespaceArray,
    x: NamespaceArray,
    pool_size: tuple[int, ...] = (),
    strides: tuple[int, ...] = (),
    padding: Pairs = (),
) -> ArrayValue:
    r"""Gradient of `max_pool`: each window's gradient is added at the position of its maximum.

    Parameters
    ----------
    g : Expr or array
        Gradient with respect to the result.
    y : Expr or array
        Result of `max_pool`.
    x : Expr or array
        Input of `max_pool`.
    pool_size : tuple of int
        Size of the window.
    strides : tuple of int
        Step of the window along each axis.
    padding : tuple of pairs of int
        Padding before and after each axis.

    Examples
    --------
    >>> x = pel.tensor3("x", shape=("n", 8, 1))
    >>> pel.grad(pel.max_pool(x, 2).sum(), x).shape
    ('n', 8, 1)
    """
    argmax = _argmax_in_windows(xp, y, x, pool_size, strides, padding)
    zero = xp.zeros((), g.dtype)
    parts = [xp.where(argmax == position, g, zero) for position in range(math.prod(pool_size))]
    total: ArrayValue = overlap_add(xp, parts, x.shape[1:-1], pool_size, strides, padding, (1,) * len(strides))
    return total


def _draw_gradient_examples(rng: np.random.Generator, gradient: bool) -> list[Example]:
    result: list[Example] = []
    for (example,), settings in _draw_examples(rng):
        x = np.asarray(example)
        node = max_pool(as_expr(x), **settings)
        y = np.asarray(max_pool.op.value(np, x, **node.settings))
        first = rng.normal(size=y.shape if gradient else x.shape)
        result.append(((first, y, x), node.settings))
    return result


@op(
    text=chosen_operands_text("take_maxima", 0, 2),
    tex=chosen_operands_tex(r"\operatorname{pool}_{\text{max}}", 0, 2),
    infer=lambda u, y, x, **settings: Type(y.shape, u.dtype),
    grad=lambda g, c, u, y, x, **settings: (max_pool_gradient(g, y, x, **settings), None, None),
    examples=lambda rng: _draw_gradient_examples(rng, gradient=False),
    cost=lambda node, size: size(node) * 3 * math.prod(node.settings["pool_size"]),
    behind="max_pool",
)
def max_pool_choose(
    xp: ArrayNamespace,
    u: NamespaceArray,
    y: NamespaceArray,
    x: NamespaceArray,
    pool_size: tuple[int, ...] = (),
    strides: tuple[int, ...] = (),
    padding: Pairs = (),
) -> NamespaceArray:
    r"""Elements of ``u`` at the positions of the maxima of ``x``: the transpose of `max_pool_gradient`.

    Parameters
    ----------
    u : Expr or array
        Array of the shape of ``x``.
    y : Expr or array
        Result of `max_pool`.
    x : Expr or array
        Input of `max_pool`.
    pool_size : tuple of int
        Size of the window.
    strides : tuple of int
        Step of the window along each axis.
    padding : tuple of pairs of int
        Padding before and after each axis.

    Examples
    --------
    >>> x = pel.tensor3("x", shape=("n", 8, 1))
    >>> pel.grad(pel.square(pel.grad(pel.max_pool(x, 2).sum(), x)).sum(), x, disconnected="zero").shape
    ('n', 8, 1)
    """
    argmax = _argmax_in_windows(xp, y, x, pool_size, strides, padding)
    result = xp.zeros(y.shape, u.dtype)
    for position, part in enumerate(_iterate_slices(xp, u, pool_size, strides, padding)):
        result = xp.where(argmax == position, part, result)
    return result


@op(
    tex=r"\mathrm{{sum\_pool}}({0:_})",
    text=call_text("sum_pool", padding=0),
    infer=infer_pool_type,
    normalize=normalize_pool_settings,
    grad=lambda g, y, x, **settings: call_op("sum_pool_gradient", g, x, **settings),
    examples=_draw_examples,
    cost=lambda node, size: size(node) * math.prod(node.settings["pool_size"]),
)
def sum_pool(
    xp: ArrayNamespace,
    x: NamespaceArray,
    pool_size: Sizes = 2,
    strides: Sizes | None = None,
    padding: Padding = "valid",
) -> NamespaceArray:
    r"""Sum pooling, :math:`y_{n,i,c} = \sum_k x_{n,\, s i + k,\, c}`. The parameters are those of `max_pool`; padded
    elements are 0.

    Parameters
    ----------
    x : Expr or array
        Channels last: (batch, spatial axes, channels).
    pool_size : int or tuple of int
        Size of the window.
    strides : int or tuple of int, optional
        Step of the window, by default its size.
    padding : "valid", "same" or pairs of int
        Padding of the spatial axes.

    Examples
    --------
    >>> pel.sum_pool(pel.tensor4("x", shape=("n", 28, 28, 32)), 2).shape
    ('n', 14, 14, 32)
    """
    settings = cast(PoolSettings, (pool_size, strides, padding))
    return functools.reduce(operator.add, _iterate_slices(xp, x, *settings))


def _draw_sum_gradient_examples(rng: np.random.Generator) -> list[Example]:
    pooled = [(x, sum_pool(as_expr(x), **settings)) for (x,), settings in _draw_examples(rng)]
    return [((rng.normal(size=get_known_shape(y)), x), y.settings) for x, y in pooled]


@op(
    text=chosen_operands_text("sum_unpool", 0),
    tex=chosen_operands_tex(r"\operatorname{unpool}_{\text{sum}}", 0),
    infer=lambda g, like, **settings: Type(like.shape, g.dtype),
    grad=lambda u, y, g, like, **settings: (sum_pool(u, **settings), None),
    examples=_draw_sum_gradient_examples,
    cost=lambda node, size: size(node.inputs[0]) * math.prod(node.settings["pool_size"]),
    behind="sum_pool",
)
def sum_pool_gradient(
    xp: ArrayNamespace,
    g: NamespaceArray,
    like: NamespaceArray,
    pool_size: tuple[int, ...] = (),
    strides: tuple[int, ...] = (),
    padding: Pairs = (),
) -> ArrayValue:
    r"""Gradient of `sum_pool`: each window's gradient is added to all elements of the window.

    ``like`` is the input of the pooling, of which only the shape is used.

    Parameters
    ----------
    g : Expr or array
        Gradient with respect to the result.
    like : Expr or array
        Only its shape is used.
    pool_size : tuple of int
        Size of the window.
    strides : tuple of int
        Step of the window along each axis.
    padding : tuple of pairs of int
        Padding before and after each axis.

    Examples
    --------
    >>> x = pel.tensor3("x", shape=("n", 8, 1))
    >>> pel.grad(pel.sum_pool(x, 2).sum(), x).shape
    ('n', 8, 1)
    """
    parts = [g] * math.prod(pool_size)
    total: ArrayValue = overlap_add(xp, parts, like.shape[1:-1], pool_size, strides, padding, (1,) * len(strides))
    return total


@register_function
def average_pool(
    x: Operand,
    pool_size: Sizes = 2,
    strides: Sizes | None = None,
    padding: Padding = "valid",
    count_include_pad: bool = False,
) -> Expr:
    r"""Average pooling, :math:`y_{n,i,c} = \frac{1}{|K|} \sum_{k \in K} x_{n,\, s i + k,\, c}`.

    Parameters
    ----------
    x : Expr or array, shape (batch, ..., channels)
        Input. Integers are cast to `config.floatx`.
    pool_size, strides, padding
        As for `max_pool`.
    count_include_pad : bool
        Count padded elements as zeros. By default only elements of ``x`` are averaged, as in Keras.

    Returns
    -------
    Expr, shape (batch, ..., channels)
        One mean per window.

    Examples
    --------
    >>> x = pel.tensor3("x", shape=(1, 3, 1))
    >>> pel.function([x], pel.average_pool(x, 2, padding="same"))([[[1], [3], [5]]]).ravel()
    array([2., 5.], dtype=float32)
    """
    x = as_expr(x)
    x = x if is_float(x.dtype) else call_op("cast", x, dtype=None)
    total = sum_pool(x, pool_size, strides, padding)
    settings = total.settings
    if count_include_pad or not any(map(any, settings["padding"])):
        return total / np.asarray(math.prod(settings["pool_size"]), x.dtype)
    sizes = [d for d in x.shape[1:-1] if isinstance(d, int)]
    ones = np.ones((1, *sizes, 1), x.dtype) if len(sizes) == x.ndim - 2 else call_op("ones_like", x)
    return total / sum_pool(ones, **settings)
