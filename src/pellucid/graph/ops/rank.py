r"""Rank and shape of arrays, and arrays of a minimum rank."""

from __future__ import annotations

from typing import Any

from pellucid.graph.expr import as_expr
from pellucid.graph.op import register_function
from pellucid.graph.ops.reshape import expand_dims


def _at_least(ndim: int, x: Any, new_axes: dict[int, tuple[int, ...]]) -> Any:
    x = as_expr(x)
    return x if x.ndim >= ndim else expand_dims(x, new_axes[x.ndim])


@register_function
def atleast_1d(x: Any) -> Any:
    r"""Array of at least one axis. A scalar becomes a vector of one element.

    Examples
    --------
    >>> pel.atleast_1d(pel.scalar("x")).shape
    (1,)
    """
    return _at_least(1, x, {0: (0,)})


@register_function
def atleast_2d(x: Any) -> Any:
    r"""Array of at least two axes. A vector becomes a matrix of one row.

    Examples
    --------
    >>> pel.atleast_2d(pel.vector("x", shape=(3,))).shape
    (1, 3)
    """
    return _at_least(2, x, {0: (0, 1), 1: (0,)})


@register_function
def atleast_3d(x: Any) -> Any:
    r"""Array of at least three axes. A vector becomes the second axis, a matrix the first two.

    Examples
    --------
    >>> pel.atleast_3d(pel.matrix("x", shape=(3, 2))).shape
    (3, 2, 1)
    """
    return _at_least(3, x, {0: (0, 1, 2), 1: (0, 2), 2: (2,)})


@register_function
def shape(x: Any) -> Any:
    r"""Shape of an expression when the graph is built: a tuple of sizes and names. See `size` for run-time sizes.

    Examples
    --------
    >>> pel.shape(pel.matrix("x", shape=("n", 3)))
    ('n', 3)
    """
    return as_expr(x).shape


@register_function
def ndim(x: Any) -> Any:
    r"""Number of axes.

    Examples
    --------
    >>> pel.ndim(pel.matrix("x"))
    2
    """
    return as_expr(x).ndim
