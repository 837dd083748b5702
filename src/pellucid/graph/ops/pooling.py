r"""Max pooling.

The value is the maximum of shifted strided slices, whose gradient is cheaper than that of a window reduction.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import op
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import call_text
from pellucid.graph.ops.sliding_windows import (
    as_tuple,
    count_windows,
    infer_window_count,
    iterate_window_slices,
    overlap_add,
    pad_spatial,
    resolve_padding,
)
from pellucid.graph.types import Type, format_shape


def normalize_pool_settings(x: Expr, pool_size: Any, strides: Any, padding: Any) -> dict[str, Any]:
    axes = x.ndim - 2
    if axes < 1:
        raise ShapeError(
            f"pooling: expected an input (batch, ..., channels). Received: {x} of shape {format_shape(x.shape)}"
        )
    pool_size = as_tuple(pool_size, axes, "pool_size")
    strides = pool_size if strides is None else as_tuple(strides, axes, "strides")
    padding = resolve_padding(padding, x.shape[1:-1], pool_size, strides, (1,) * axes)
    return {"pool_size": pool_size, "strides": strides, "padding": padding}


def infer_pool_type(x: Expr, pool_size: Any, strides: Any, padding: Any) -> Type:
    spatial = [
        infer_window_count(n, k, s, p, 1, "pooling", x)
        for n, k, s, p in zip(x.shape[1:-1], pool_size, strides, padding, strict=True)
    ]
    return Type((x.shape[0], *spatial, x.shape[-1]), x.dtype)


def _draw_examples(rng: np.random.Generator) -> list[Any]:
    x = rng.permutation(2 * 6 * 5 * 3).reshape(2, 6, 5, 3) / 20.0
    return [
        ((x,), {}),
        ((x,), {"pool_size": (3, 2), "strides": (2, 1)}),
        ((x,), {"pool_size": 3, "strides": 2, "padding": "same"}),
    ]


def _get_lowest(x: Any) -> Any:
    return -np.inf if np.dtype(x.dtype).kind not in "biu" else np.iinfo(x.dtype).min


@op(
    tex=r"\mathrm{{max\_pool}}({0:_})",
    text=call_text("max_pool", padding=0),
    infer=infer_pool_type,
    normalize=normalize_pool_settings,
    grad=lambda g, y, x, **settings: call_op("max_pool_gradient", g, y, x, **settings),
    examples=_draw_examples,
    cost=lambda node, size: size(node) * math.prod(node.settings["pool_size"]),
)
def max_pool(xp: Any, x: Any, pool_size: Any = 2, strides: Any = None, padding: Any = "valid") -> Any:
    r"""Max pooling, :math:`y_{n,i,c} = \max_k x_{n,\, s i + k,\, c}`. The first of several equal maxima receives the
    gradient.

    Parameters
    ----------
    x : Expr or array, shape (batch, ..., channels)
        Input.
    pool_size : int or tuple of int
        Window size.
    strides : int or tuple of int, optional
        Step between windows; by default ``pool_size``.
    padding : {"valid", "same"} or pairs of int
        No padding, a border that keeps the size (divided by the strides), or a border (before, after) each axis. The
        border is never a maximum.

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
    ones = (1,) * len(strides)
    counts = count_windows(x, pool_size, strides, padding, ones)
    slices = iterate_window_slices(xp, pad_spatial(xp, x, padding, _get_lowest(x)), pool_size, strides, ones, counts)
    result = next(slices)
    for part in slices:
        result = xp.maximum(result, part)
    return result


def _argmax_in_windows(xp: Any, y: Any, x: Any, pool_size: Any, strides: Any, padding: Any) -> Any:
    """Return the position of the first maximum in each window, as a flat index into the window."""
    slices = list(
        iterate_window_slices(
            xp, pad_spatial(xp, x, padding, _get_lowest(x)), pool_size, strides, (1,) * len(strides), y.shape[1:-1]
        )
    )
    argmax = xp.zeros(y.shape, np.int32)
    for position in range(len(slices) - 1, -1, -1):  # backwards, so that the first maximum is written last
        argmax = xp.where(slices[position] == y, np.int32(position), argmax)
    return argmax


@op(
    text=call_text("max_pool_gradient", padding=0),
    infer=lambda g, y, x, **settings: Type(x.shape, g.dtype),
    grad=lambda u, d, g, y, x, **settings: (call_op("max_pool_choose", u, y, x, **settings), None, None),
    examples=lambda rng: _draw_gradient_examples(rng, gradient=True),
    cost=lambda node, size: size(node.inputs[0]) * 3 * math.prod(node.settings["pool_size"]),
    behind="max_pool",
)
def max_pool_gradient(
    xp: Any, g: Any, y: Any, x: Any, pool_size: Any = (), strides: Any = (), padding: Any = ()
) -> Any:
    r"""Gradient of `max_pool`: each window's gradient is added at the position of its maximum.

    Examples
    --------
    >>> x = pel.tensor3("x", shape=("n", 8, 1))
    >>> pel.grad(pel.max_pool(x, 2).sum(), x).shape
    ('n', 8, 1)
    """
    argmax = _argmax_in_windows(xp, y, x, pool_size, strides, padding)
    zero = xp.zeros((), g.dtype)
    parts = [xp.where(argmax == position, g, zero) for position in range(math.prod(pool_size))]
    return overlap_add(xp, parts, x.shape[1:-1], pool_size, strides, padding, (1,) * len(strides))


def _draw_gradient_examples(rng: np.random.Generator, gradient: bool) -> list[Any]:
    result = []
    for (x,), settings in _draw_examples(rng):
        node = max_pool(as_expr(x), **settings)
        y = np.asarray(max_pool.op.value(np, x, **node.settings))
        first = rng.normal(size=y.shape if gradient else x.shape)
        result.append(((first, y, x), node.settings))
    return result


@op(
    text=call_text("max_pool_choose", padding=0),
    infer=lambda u, y, x, **settings: Type(y.shape, u.dtype),
    grad=lambda g, c, u, y, x, **settings: (max_pool_gradient(g, y, x, **settings), None, None),
    examples=lambda rng: _draw_gradient_examples(rng, gradient=False),
    cost=lambda node, size: size(node) * 3 * math.prod(node.settings["pool_size"]),
    behind="max_pool",
)
def max_pool_choose(xp: Any, u: Any, y: Any, x: Any, pool_size: Any = (), strides: Any = (), padding: Any = ()) -> Any:
    r"""Elements of ``u`` at the positions of the maxima of ``x``: the transpose of `max_pool_gradient`.

    Examples
    --------
    >>> x = pel.tensor3("x", shape=("n", 8, 1))
    >>> pel.grad(pel.square(pel.grad(pel.max_pool(x, 2).sum(), x)).sum(), x, disconnected="zero").shape
    ('n', 8, 1)
    """
    argmax = _argmax_in_windows(xp, y, x, pool_size, strides, padding)
    slices = iterate_window_slices(
        xp, pad_spatial(xp, u, padding), pool_size, strides, (1,) * len(strides), y.shape[1:-1]
    )
    result = xp.zeros(y.shape, u.dtype)
    for position, part in enumerate(slices):
        result = xp.where(argmax == position, part, result)
    return result
