r"""How many axes an array has, and arrays of at least so many."""

from __future__ import annotations

from typing import Any

from pellucid.graph.expr import as_expr
from pellucid.graph.op import public
from pellucid.graph.ops.reshape import expand_dims


def _with_axes(x: Any, count: int, places: dict[int, tuple[int, ...]]) -> Any:
    x = as_expr(x)
    return x if x.ndim >= count else expand_dims(x, places[x.ndim])


@public
def atleast_1d(x: Any) -> Any:
    r"""A number as a vector of one element, anything else as it is.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.atleast_1d(pel.scalar("x")).shape
    (1,)
    """
    return _with_axes(x, 1, {0: (0,)})


@public
def atleast_2d(x: Any) -> Any:
    r"""A number or a vector as a matrix of one row, anything else as it is.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.atleast_2d(pel.vector("x", shape=(3,))).shape
    (1, 3)
    """
    return _with_axes(x, 2, {0: (0, 1), 1: (0,)})


@public
def atleast_3d(x: Any) -> Any:
    r"""An array of at least three axes: a vector lies along the second, a matrix along the first two.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.atleast_3d(pel.matrix("x", shape=(3, 2))).shape
    (3, 2, 1)
    """
    return _with_axes(x, 3, {0: (0, 1, 2), 1: (0, 2), 2: (2,)})


@public
def shape(x: Any) -> Any:
    r"""The dimensions of an expression, numbers and names, as they are known before it runs; see also `size`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.shape(pel.matrix("x", shape=("n", 3)))
    ('n', 3)
    """
    return as_expr(x).shape


@public
def ndim(x: Any) -> Any:
    r"""The number of axes.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.ndim(pel.matrix("x"))
    2
    """
    return as_expr(x).ndim
