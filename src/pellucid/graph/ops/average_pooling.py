r"""Pooling by sums and means of windows that slide over the axes between the first and the last."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import op, public
from pellucid.graph.operators import call
from pellucid.graph.ops.pooling import pool_settings, pool_type
from pellucid.graph.ops.sliding_windows import counts_of, overlapped, padded, taps, told
from pellucid.graph.types import Type, is_float


def _examples(rng: np.random.Generator) -> list[Any]:
    x = rng.normal(size=(2, 6, 5, 3))
    return [
        ((x,), {}),
        ((x,), {"pool_size": (3, 2), "strides": (2, 1)}),
        ((x,), {"pool_size": 3, "strides": 2, "padding": "same"}),
    ]


@op(
    tex=r"\mathrm{{sum\_pool}}({0:_})",
    text=told("sum_pool", padding=0),
    infer=pool_type,
    normalize=pool_settings,
    grad=lambda g, y, x, **settings: call("sum_pool_gradient", g, x, **settings),
    examples=_examples,
    cost=lambda node, size: size(node) * math.prod(node.settings["pool_size"]),
)
def sum_pool(xp: Any, x: Any, pool_size: Any = 2, strides: Any = None, padding: Any = "valid") -> Any:
    r"""The sum of every window, :math:`y_{n,i,c} = \sum_k x_{n,\, s i + k,\, c}`.

    Parameters
    ----------
    x : Expr or array, shape (batch, ..., channels)
        What is pooled.
    pool_size : int or tuple of int
        The size of the window.
    strides : int or tuple of int, optional
        Its step; its own size without it.
    padding : {"valid", "same"} or pairs of int
        None, or a border of zeros.

    Returns
    -------
    Expr, shape (batch, ..., channels)
        One value for each window.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.sum_pool(pel.tensor4("x", shape=("n", 28, 28, 32)), 2).shape
    ('n', 14, 14, 32)
    """
    ones = (1,) * len(strides)
    counts = counts_of(x, pool_size, strides, padding, ones)
    slices = taps(xp, padded(xp, x, padding), pool_size, strides, ones, counts)
    result = next(slices)
    for tap in slices:
        result = result + tap
    return result


def _gradient_examples(rng: np.random.Generator) -> list[Any]:
    made = [(x, sum_pool(as_expr(x), **settings)) for (x,), settings in _examples(rng)]
    return [((rng.normal(size=y.shape), x), y.settings) for x, y in made]


@op(
    text=told("sum_pool_gradient", padding=0),
    infer=lambda g, like, **settings: Type(like.shape, g.dtype),
    grad=lambda u, y, g, like, **settings: (sum_pool(u, **settings), None),
    examples=_gradient_examples,
    cost=lambda node, size: size(node.inputs[0]) * math.prod(node.settings["pool_size"]),
    behind="sum_pool",
)
def sum_pool_gradient(xp: Any, g: Any, like: Any, pool_size: Any = (), strides: Any = (), padding: Any = ()) -> Any:
    r"""The gradient of `sum_pool`: every window's gradient given to all that is in it.

    Parameters
    ----------
    g : Expr
        The gradient with respect to the result.
    like : Expr
        The input of the pooling, of which only the shape is used.
    pool_size, strides, padding : tuples
        The pooling's, written out.

    Returns
    -------
    Expr
        Of the shape of ``like``.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.tensor3("x", shape=("n", 8, 1))
    >>> pel.grad(pel.sum_pool(x, 2).sum(), x).shape
    ('n', 8, 1)
    """
    parts = [g] * math.prod(pool_size)
    return overlapped(xp, parts, like.shape[1:-1], pool_size, strides, padding, (1,) * len(strides))


@public
def average_pool(
    x: Any, pool_size: Any = 2, strides: Any = None, padding: Any = "valid", count_include_pad: bool = False
) -> Any:
    r"""The mean of every window, :math:`y_{n,i,c} = \frac{1}{|K|} \sum_{k \in K} x_{n,\, s i + k,\, c}`.

    Parameters
    ----------
    x : Expr or array, shape (batch, ..., channels)
        What is pooled; integers are taken as `config.floatx`.
    pool_size : int or tuple of int
        The size of the window.
    strides : int or tuple of int, optional
        Its step; its own size without it.
    padding : {"valid", "same"} or pairs of int
        None, or a border.
    count_include_pad : bool
        Whether the border counts as zeros; otherwise only what the array has in a window is averaged, as in Keras.

    Returns
    -------
    Expr, shape (batch, ..., channels)
        One value for each window.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.tensor3("x", shape=(1, 3, 1))
    >>> pel.function([x], pel.average_pool(x, 2, padding="same"))([[[1], [3], [5]]]).ravel()
    array([2., 5.], dtype=float32)
    """
    x = as_expr(x)
    x = x if is_float(x.dtype) else call("cast", x, dtype=None)
    total = sum_pool(x, pool_size, strides, padding)
    settings: dict[str, Any] = total.settings
    if count_include_pad or not any(map(any, settings["padding"])):
        return total / np.asarray(math.prod(settings["pool_size"]), x.dtype)
    return total / sum_pool(_one_channel_of_ones(x), **settings)


def _one_channel_of_ones(x: Expr) -> Any:
    """Return ones in the shape of one channel of one sample, so that windows can be counted."""
    if all(isinstance(d, int) for d in x.shape[1:-1]):
        return np.ones((1, *x.shape[1:-1], 1), x.dtype)
    return call("ones_like", x)
