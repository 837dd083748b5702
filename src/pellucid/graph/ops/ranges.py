r"""Numbers in rows: counted, evenly or geometrically spaced, and grids of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.expr import Expr, as_expr, promote
from pellucid.graph.op import public
from pellucid.graph.operators import call
from pellucid.graph.ops.creation import known
from pellucid.graph.types import shape_text


@public
def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Any:
    r"""Numbers from a start, by a step, up to but without a stop, :math:`a, a + d, a + 2 d, \ldots < b`.

    Parameters
    ----------
    start : number
        The first; with nothing else, the stop, and 0 is the first.
    stop : number, optional
        What they stay below.
    step : number
        From one to the next.
    dtype : dtype, optional
        int64 for integers and `config.floatx` for others without it.

    Returns
    -------
    Expr
        Of one axis.

    Raises
    ------
    TypeError
        If a bound is an expression.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.arange(3)
    [0, 1, 2]
    """
    first, last = (0, start) if stop is None else (start, stop)
    return known(np.arange, first, last, step, dtype=dtype)


@public
def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None) -> Any:
    r"""So many numbers, evenly spaced from one to another, :math:`y_i = a + i (b - a) / (n - 1)`.

    Parameters
    ----------
    start, stop : Expr, array or number
        The first and the last, of shapes that broadcast.
    num : int
        How many.
    endpoint : bool
        Whether the last is among them; otherwise the row ends one step before it.
    dtype : dtype, optional
        `config.floatx` for numbers, the common dtype of expressions.

    Returns
    -------
    Expr
        With ``num`` along the first axis.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.linspace(0, 1, 5)
    [0, 0.25, 0.5, 0.75, 1]
    """
    if not (isinstance(start, Expr) or isinstance(stop, Expr)):
        return known(np.linspace, start, stop, num, endpoint, dtype=dtype)
    first, last = promote((start, stop), to_float=True)
    part = np.linspace(0, 1, num, endpoint, dtype=first.dtype)
    parts = part.reshape(-1, *[1] * max(first.ndim, last.ndim))
    row = first * (1 - parts) + last * parts
    return row if dtype is None else call("cast", row, dtype=dtype)


@public
def logspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: float = 10.0, dtype: Any = None) -> Any:
    r"""So many numbers, whose logarithms are evenly spaced, :math:`y_i = c^{a + i (b - a) / (n - 1)}`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.logspace(0, 2, 3)
    [1, 10, 100]
    """
    return known(np.logspace, start, stop, num, endpoint, base, dtype=dtype)


@public
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None) -> Any:
    r"""So many numbers, each the same multiple of the one before, :math:`y_i = a (b / a)^{i / (n - 1)}`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.geomspace(1, 100, 3)
    [1, 10, 100]
    """
    return known(np.geomspace, start, stop, num, endpoint, dtype=dtype)


@public
def meshgrid(*xi: Any, indexing: str = "xy", sparse: bool = False) -> list[Any]:
    r"""Coordinates of the points of a grid, one array for each of its axes.

    Parameters
    ----------
    *xi : Expr or array
        The coordinates along each axis, of one axis (or none) each.
    indexing : {"xy", "ij"}
        Whether the first coordinate goes along the second axis, as in a picture, or along the first, as in a matrix.
    sparse : bool
        Whether each stays of length 1 along the axes of the others, which broadcasts to the same.

    Returns
    -------
    list of Expr
        As many as there are coordinates, of one shape unless ``sparse``.

    Raises
    ------
    ValueError
        For another indexing.
    ShapeError
        If coordinates have more than one axis.

    Examples
    --------
    >>> import pellucid as pel
    >>> X, Y = pel.meshgrid(pel.arange(3), pel.arange(2))
    >>> pel.function([], [X, Y])()
    [array([[0, 1, 2],
           [0, 1, 2]]), array([[0, 0, 0],
           [1, 1, 1]])]
    """
    if indexing not in ("xy", "ij"):
        raise OptionError(f"meshgrid: expected indexing to be 'xy' or 'ij'. Received: indexing={indexing!r}")
    places = list(range(len(xi)))
    if indexing == "xy":
        places[:2] = places[:2][::-1]
    rows = []
    for place, coordinates in zip(places, xi, strict=True):
        row = as_expr(coordinates)
        if row.ndim > 1:
            raise ShapeError(
                f"meshgrid: expected coordinates of one axis. Received: {row}, of shape {shape_text(row.shape)}; "
                "pel.ravel makes one axis of them"
            )
        others = tuple(a for a in range(len(xi)) if a != place)
        line = row if row.ndim else call("expand_dims", row, axis=0)
        rows.append(call("expand_dims", line, axis=others) if others else line)
    return rows if sparse else list(call("broadcast_arrays", *rows))


@public
def indices(dimensions: Any, dtype: Any = "int64") -> Any:
    r"""The number of every place along every axis of a grid, :math:`y_{k, i_0, i_1, \ldots} = i_k`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.indices((2, 2))
    [[[0, 0], [1, 1]], [[0, 1], [0, 1]]]
    """
    return known(np.indices, tuple(dimensions), dtype=dtype)
