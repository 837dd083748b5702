r"""Arrays taken apart."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import public
from pellucid.graph.operators import call
from pellucid.graph.ops.reshape import ravel
from pellucid.graph.types import normalize_axis, shape_text


def _length(x: Expr, axis: int, what: str) -> int:
    """Return the length of an axis, which must be known to tell how many parts there are."""
    dim = x.shape[axis]
    if not isinstance(dim, int):
        raise ShapeError(
            f"{what}: the length of axis {axis} must be a number to be divided into parts. "
            f"Received: {x}, of shape {shape_text(x.shape)}"
        )
    return dim


def _pieces(x: Expr, bounds: Sequence[int | None], axis: int) -> list[Any]:
    whole = (slice(None),) * axis
    return [x[(*whole, slice(a, b))] for a, b in itertools.pairwise(bounds)]


@public
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    r"""Parts of an array along an axis, where :math:`n` elements in :math:`k` parts need not come out even.

    The first :math:`n \bmod k` parts are longer by one; otherwise as `split`.

    Examples
    --------
    >>> import pellucid as pel
    >>> [part.shape for part in pel.array_split(pel.vector("x", shape=(5,)), 2)]
    [(3,), (2,)]
    """
    x = as_expr(ary)
    axis = normalize_axis(axis, x.ndim, "array_split", x)
    if np.ndim(indices_or_sections):
        return _pieces(x, [0, *map(operator.index, indices_or_sections), None], axis)
    count, length = operator.index(indices_or_sections), _length(x, axis, "array_split")
    if count < 1:
        raise ShapeError(f"array_split of {x}: expected at least one part. Received: {count}")
    short, longer = divmod(length, count)
    sizes = [short + 1] * longer + [short] * (count - longer)
    return _pieces(x, [0, *map(int, np.cumsum(sizes))], axis)


@public
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    r"""Parts of an array along an axis, in a list.

    Parameters
    ----------
    ary : Expr or array
        Of any shape.
    indices_or_sections : int or sequence of int
        How many equal parts, for which the length of the axis must be known; or where to cut.
    axis : int
        Along which.

    Returns
    -------
    list of Expr
        The parts in their order.

    Raises
    ------
    ShapeError
        If the parts would not be equal, or the length is not known.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.split(pel.vector("x", shape=(6,)), 3)
    [x[0:2], x[2:4], x[4:6]]
    """
    x = as_expr(ary)
    axis = normalize_axis(axis, x.ndim, "split", x)
    if not np.ndim(indices_or_sections):
        count, length = operator.index(indices_or_sections), _length(x, axis, "split")
        if count < 1 or length % count:
            raise ShapeError(
                f"split: axis {axis} of {x}, of shape {shape_text(x.shape)}, does not divide into {count} equal parts. "
                "Use pel.array_split, or say where to cut"
            )
    return array_split(x, indices_or_sections, axis)


@public
def hsplit(ary: Any, indices_or_sections: Any) -> Any:
    r"""Parts of an array along its second axis, or its only one.

    Examples
    --------
    >>> import pellucid as pel
    >>> [part.shape for part in pel.hsplit(pel.matrix("x", shape=("n", 4)), 2)]
    [('n', 2), ('n', 2)]
    """
    x = as_expr(ary)
    return split(x, indices_or_sections, axis=1 if x.ndim > 1 else 0)


@public
def vsplit(ary: Any, indices_or_sections: Any) -> Any:
    r"""Parts of an array along its first axis.

    Examples
    --------
    >>> import pellucid as pel
    >>> [part.shape for part in pel.vsplit(pel.matrix("x", shape=(4, "n")), 2)]
    [(2, 'n'), (2, 'n')]
    """
    return split(ary, indices_or_sections, axis=0)


@public
def dsplit(ary: Any, indices_or_sections: Any) -> Any:
    r"""Parts of an array along its third axis.

    Examples
    --------
    >>> import pellucid as pel
    >>> [part.shape for part in pel.dsplit(pel.tensor3("x", shape=(4, 5, 2)), 2)]
    [(4, 5, 1), (4, 5, 1)]
    """
    return split(ary, indices_or_sections, axis=2)


@public
def unstack(x: Any, axis: int = 0) -> Any:
    r"""The elements along an axis, each without it, in a tuple: what `stack` puts together.

    Raises
    ------
    ShapeError
        If the length of the axis is not known.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, y = pel.unstack(pel.matrix("p", shape=("n", 2)), axis=1)
    >>> x
    p[:, 0]
    """
    x = as_expr(x)
    axis = normalize_axis(axis, x.ndim, "unstack", x)
    return tuple(x[(*(slice(None),) * axis, i)] for i in range(_length(x, axis, "unstack")))


@public
def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    r"""An array without some of its elements along an axis; without an axis it is flattened first.

    Parameters
    ----------
    arr : Expr or array
        Of any shape.
    obj : int, slice or sequence of int or bool
        Which elements, by their places.
    axis : int, optional
        Along which; its length must be known.

    Returns
    -------
    Expr
        So much shorter along the axis.

    Raises
    ------
    ShapeError
        If the length is not known, or there is no such element.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.delete(pel.matrix("x", shape=("n", 4)), [0, 2], axis=1).shape
    ('n', 2)
    """
    x = as_expr(arr)
    if axis is None:
        x, axis = ravel(x), 0
    axis = normalize_axis(axis, x.ndim, "delete", x)
    places = np.arange(_length(x, axis, "delete"))
    try:
        kept = np.delete(places, obj)
    except (IndexError, ValueError) as error:
        raise ShapeError(f"delete from {x}, of shape {shape_text(x.shape)}: {error}") from error
    return call("take", x, kept, axis=axis)
