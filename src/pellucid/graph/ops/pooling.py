r"""Pooling: the greatest element of windows that slide over the axes between the first and the last.

It is the maximum of shifted slices, whose gradient is several times cheaper than that of a window reduction.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import op
from pellucid.graph.operators import call
from pellucid.graph.ops.sliding_windows import (
    as_tuple,
    counts_of,
    overlapped,
    padded,
    padding_pairs,
    taps,
    told,
    window_count,
)
from pellucid.graph.types import Type, shape_text


def pool_settings(x: Expr, pool_size: Any, strides: Any, padding: Any) -> dict[str, Any]:
    """Write the settings of a pooling out, one for each axis."""
    axes = x.ndim - 2
    if axes < 1:
        raise ShapeError(
            f"pooling: expected an input (batch, ..., channels). Received: {x} of shape {shape_text(x.shape)}"
        )
    window = as_tuple(pool_size, axes, "pool_size")
    steps = window if strides is None else as_tuple(strides, axes, "strides")
    return {
        "pool_size": window,
        "strides": steps,
        "padding": padding_pairs(padding, x.shape[1:-1], window, steps, (1,) * axes),
    }


def pool_type(x: Expr, pool_size: Any, strides: Any, padding: Any) -> Type:
    """Return the type of a pooling: one value for each window."""
    spatial = [
        window_count(n, k, s, p, 1, f"pooling of {x}")
        for n, k, s, p in zip(x.shape[1:-1], pool_size, strides, padding, strict=True)
    ]
    return Type((x.shape[0], *spatial, x.shape[-1]), x.dtype)


def _pool_examples(rng: np.random.Generator) -> list[Any]:
    x = rng.permutation(2 * 6 * 5 * 3).reshape(2, 6, 5, 3) / 20.0
    return [
        ((x,), {}),
        ((x,), {"pool_size": (3, 2), "strides": (2, 1)}),
        ((x,), {"pool_size": 3, "strides": 2, "padding": "same"}),
    ]


def _lowest(x: Any) -> Any:
    return -np.inf if np.dtype(x.dtype).kind not in "biu" else np.iinfo(x.dtype).min


@op(
    tex=r"\mathrm{{max\_pool}}({0:_})",
    text=told("max_pool", padding=0),
    infer=pool_type,
    normalize=pool_settings,
    grad=lambda g, y, x, **settings: call("max_pool_gradient", g, y, x, **settings),
    examples=_pool_examples,
    cost=lambda node, size: size(node) * math.prod(node.settings["pool_size"]),
)
def max_pool(xp: Any, x: Any, pool_size: Any = 2, strides: Any = None, padding: Any = "valid") -> Any:
    r"""The greatest element of every window, :math:`y_{n,i,c} = \max_k x_{n,\, s i + k,\, c}`; of equal ones the first
    has the gradient.

    Parameters
    ----------
    x : Expr or array, shape (batch, ..., channels)
        What is pooled.
    pool_size : int or tuple of int
        The size of the window.
    strides : int or tuple of int, optional
        Its step; its own size without it.
    padding : {"valid", "same"} or pairs of int
        None, or a border that is less than everything.

    Returns
    -------
    Expr, shape (batch, ..., channels)
        One value for each window.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.max_pool(pel.tensor4("x", shape=("n", 28, 28, 32)), 2).shape
    ('n', 14, 14, 32)
    """
    ones = (1,) * len(strides)
    counts = counts_of(x, pool_size, strides, padding, ones)
    slices = taps(xp, padded(xp, x, padding, _lowest(x)), pool_size, strides, ones, counts)
    result = next(slices)
    for tap in slices:
        result = xp.maximum(result, tap)
    return result


def _winners(xp: Any, y: Any, x: Any, pool_size: Any, strides: Any, padding: Any) -> Any:
    """Return which place of each window has the greatest element, the first of equal ones."""
    slices = list(taps(xp, padded(xp, x, padding, _lowest(x)), pool_size, strides, (1,) * len(strides), y.shape[1:-1]))
    winner = xp.zeros(y.shape, np.int32)
    for place in range(len(slices) - 1, -1, -1):
        winner = xp.where(slices[place] == y, np.int32(place), winner)
    return winner


@op(
    text=told("max_pool_gradient", padding=0),
    infer=lambda g, y, x, **settings: Type(x.shape, g.dtype),
    grad=lambda u, d, g, y, x, **settings: (call("max_pool_choose", u, y, x, **settings), None, None),
    examples=lambda rng: _pool_gradient_examples(rng, gradient=True),
    cost=lambda node, size: size(node.inputs[0]) * 3 * math.prod(node.settings["pool_size"]),
    behind="max_pool",
)
def max_pool_gradient(
    xp: Any, g: Any, y: Any, x: Any, pool_size: Any = (), strides: Any = (), padding: Any = ()
) -> Any:
    r"""The gradient of `max_pool`: every window's gradient put where its greatest element is.

    Parameters
    ----------
    g : Expr
        The gradient with respect to the result.
    y, x : Expr
        The result and the input of the pooling.
    pool_size, strides, padding : tuples
        The pooling's, written out.

    Returns
    -------
    Expr
        Of the shape of ``x``.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.tensor3("x", shape=("n", 8, 1))
    >>> pel.grad(pel.max_pool(x, 2).sum(), x).shape
    ('n', 8, 1)
    """
    winner = _winners(xp, y, x, pool_size, strides, padding)
    zero = xp.zeros((), g.dtype)
    parts = [xp.where(winner == number, g, zero) for number in range(math.prod(pool_size))]
    return overlapped(xp, parts, x.shape[1:-1], pool_size, strides, padding, (1,) * len(strides))


def _pool_gradient_examples(rng: np.random.Generator, gradient: bool) -> list[Any]:
    result = []
    for (x,), settings in _pool_examples(rng):
        made = max_pool(as_expr(x), **settings)
        y = np.asarray(max_pool.op.value(np, x, **made.settings))
        first = rng.normal(size=y.shape if gradient else x.shape)
        result.append(((first, y, x), made.settings))
    return result


@op(
    text=told("max_pool_choose", padding=0),
    infer=lambda u, y, x, **settings: Type(y.shape, u.dtype),
    grad=lambda g, c, u, y, x, **settings: (max_pool_gradient(g, y, x, **settings), None, None),
    examples=lambda rng: _pool_gradient_examples(rng, gradient=False),
    cost=lambda node, size: size(node) * 3 * math.prod(node.settings["pool_size"]),
    behind="max_pool",
)
def max_pool_choose(xp: Any, u: Any, y: Any, x: Any, pool_size: Any = (), strides: Any = (), padding: Any = ()) -> Any:
    r"""The elements of ``u`` where the windows of ``x`` have their greatest: the transpose of `max_pool_gradient`.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.tensor3("x", shape=("n", 8, 1))
    >>> pel.grad(pel.square(pel.grad(pel.max_pool(x, 2).sum(), x)).sum(), x, disconnected="zero").shape
    ('n', 8, 1)
    """
    winner = _winners(xp, y, x, pool_size, strides, padding)
    slices = taps(xp, padded(xp, u, padding), pool_size, strides, (1,) * len(strides), y.shape[1:-1])
    result = xp.zeros(y.shape, u.dtype)
    for number, tap in enumerate(slices):
        result = xp.where(winner == number, tap, result)
    return result
