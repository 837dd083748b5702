r"""Average pooling and sum pooling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import call_text
from pellucid.graph.ops.pooling import infer_pool_type, normalize_pool_settings
from pellucid.graph.ops.sliding_windows import count_windows, iterate_window_slices, overlap_add, pad_spatial
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
    text=call_text("sum_pool", padding=0),
    infer=infer_pool_type,
    normalize=normalize_pool_settings,
    grad=lambda g, y, x, **settings: call_op("sum_pool_gradient", g, x, **settings),
    examples=_examples,
    cost=lambda node, size: size(node) * math.prod(node.settings["pool_size"]),
)
def sum_pool(xp: Any, x: Any, pool_size: Any = 2, strides: Any = None, padding: Any = "valid") -> Any:
    r"""Sum pooling, :math:`y_{n,i,c} = \sum_k x_{n,\, s i + k,\, c}`.

    Parameters
    ----------
    x : Expr or array, shape (batch, ..., channels)
        Input.
    pool_size : int or tuple of int
        Window size.
    strides : int or tuple of int, optional
        Step between windows (default ``pool_size``).
    padding : {"valid", "same"} or pairs of int
        No padding, zeros that keep the size (divided by the strides), or zeros (before, after) each axis.

    Returns
    -------
    Expr, shape (batch, ..., channels)
        One sum per window.

    Examples
    --------
    >>> pel.sum_pool(pel.tensor4("x", shape=("n", 28, 28, 32)), 2).shape
    ('n', 14, 14, 32)
    """
    ones = (1,) * len(strides)
    counts = count_windows(x, pool_size, strides, padding, ones)
    slices = iterate_window_slices(xp, pad_spatial(xp, x, padding), pool_size, strides, ones, counts)
    result = next(slices)
    for tap in slices:
        result = result + tap
    return result


def _gradient_examples(rng: np.random.Generator) -> list[Any]:
    pooled = [(x, sum_pool(as_expr(x), **settings)) for (x,), settings in _examples(rng)]
    return [((rng.normal(size=y.shape), x), y.settings) for x, y in pooled]


@op(
    text=call_text("sum_pool_gradient", padding=0),
    infer=lambda g, like, **settings: Type(like.shape, g.dtype),
    grad=lambda u, y, g, like, **settings: (sum_pool(u, **settings), None),
    examples=_gradient_examples,
    cost=lambda node, size: size(node.inputs[0]) * math.prod(node.settings["pool_size"]),
    behind="sum_pool",
)
def sum_pool_gradient(xp: Any, g: Any, like: Any, pool_size: Any = (), strides: Any = (), padding: Any = ()) -> Any:
    r"""Gradient of `sum_pool`: each window's gradient is added to all elements of the window.

    ``like`` is the input of the pooling, of which only the shape is used.

    Examples
    --------
    >>> x = pel.tensor3("x", shape=("n", 8, 1))
    >>> pel.grad(pel.sum_pool(x, 2).sum(), x).shape
    ('n', 8, 1)
    """
    parts = [g] * math.prod(pool_size)
    return overlap_add(xp, parts, like.shape[1:-1], pool_size, strides, padding, (1,) * len(strides))


@register_function
def average_pool(
    x: Any, pool_size: Any = 2, strides: Any = None, padding: Any = "valid", count_include_pad: bool = False
) -> Any:
    r"""Average pooling, :math:`y_{n,i,c} = \frac{1}{|K|} \sum_{k \in K} x_{n,\, s i + k,\, c}`.

    Parameters
    ----------
    x : Expr or array, shape (batch, ..., channels)
        Input. Integers are cast to `config.floatx`.
    pool_size : int or tuple of int
        Window size.
    strides : int or tuple of int, optional
        Step between windows (default ``pool_size``).
    padding : {"valid", "same"} or pairs of int
        No padding, padding that keeps the size (divided by the strides), or widths (before, after) each axis.
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
    settings: dict[str, Any] = total.settings
    if count_include_pad or not any(map(any, settings["padding"])):
        return total / np.asarray(math.prod(settings["pool_size"]), x.dtype)
    return total / sum_pool(_ones_like_one_channel(x), **settings)


def _ones_like_one_channel(x: Expr) -> Any:
    """Return ones whose sum pool is the number of elements in each window."""
    if all(isinstance(d, int) for d in x.shape[1:-1]):
        return np.ones((1, *x.shape[1:-1], 1), x.dtype)
    return call_op("ones_like", x)
