r"""Splitting, unstacking and deletion of elements along an axis."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, Operand, as_expr
from pellucid.graph.op_decorator import register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import format_operand
from pellucid.graph.ops.reshape import ravel
from pellucid.graph.types import normalize_axis

if TYPE_CHECKING:
    from pellucid.typing import Array


def _get_length(x: Expr, axis: int, what: str) -> int:
    dim = x.shape[axis]
    if not isinstance(dim, int):
        raise ShapeError(f"{what}: expected a known length of axis {axis}. Received: {format_operand(x)}")
    return dim


def _slice_between(x: Expr, bounds: Sequence[int | None], axis: int) -> list[Expr]:
    leading = (slice(None),) * axis
    return [x[(*leading, slice(a, b))] for a, b in itertools.pairwise(bounds)]


@register_function
def array_split(ary: Operand, indices_or_sections: int | Sequence[int] | Array, axis: int = 0) -> list[Expr]:
    r"""Split an array along an axis into parts that may differ in length.

    Like `split`, but the length :math:`n` need not be a multiple of the number of parts :math:`k`: the first
    :math:`n \bmod k` parts are longer by one.

    Parameters
    ----------
    ary : Expr or array
        At least one axis.
    indices_or_sections : int or sequence of int
        Number of parts, or the positions at which parts begin.
    axis : int
        Axis along which the array is split.

    Examples
    --------
    >>> [part.shape for part in pel.array_split(pel.vector("x", shape=(5,)), 2)]
    [(3,), (2,)]
    """
    x = as_expr(ary)
    axis = normalize_axis(axis, x.ndim, "array_split", x)
    sections: Any = indices_or_sections
    if np.ndim(sections):
        return _slice_between(x, [0, *map(operator.index, sections), None], axis)
    count, length = operator.index(sections), _get_length(x, axis, "array_split")
    if count < 1:
        raise ShapeError(f"array_split of {x}: expected at least one part. Received: {count}")
    quotient, remainder = divmod(length, count)
    sizes = [quotient + 1] * remainder + [quotient] * (count - remainder)
    return _slice_between(x, [0, *map(int, np.cumsum(sizes))], axis)


@register_function
def split(ary: Operand, indices_or_sections: int | Sequence[int] | Array, axis: int = 0) -> list[Expr]:
    r"""Split an array into parts along an axis.

    Parameters
    ----------
    ary : Expr or array
        Input of any shape.
    indices_or_sections : int or sequence of int
        Number of equal parts, which requires a known length of the axis, or the indices of the splits.
    axis : int
        Axis to split.

    Returns
    -------
    list of Expr
        The parts in order.

    Raises
    ------
    ShapeError
        If the axis does not divide into equal parts or its length is unknown.

    Examples
    --------
    >>> pel.split(pel.vector("x", shape=(6,)), 3)
    [x[0:2], x[2:4], x[4:6]]
    """
    x = as_expr(ary)
    axis = normalize_axis(axis, x.ndim, "split", x)
    sections: Any = indices_or_sections
    if not np.ndim(sections):
        count, length = operator.index(sections), _get_length(x, axis, "split")
        if count < 1 or length % count:
            raise ShapeError(
                f"split: axis {axis} of {format_operand(x)}, does not divide into {count} equal parts. Use "
                "pel.array_split, or pass the indices of the splits"
            )
    return array_split(x, indices_or_sections, axis)


@register_function
def hsplit(ary: Operand, indices_or_sections: int | Sequence[int] | Array) -> list[Expr]:
    r"""Split an array along its second axis, or along its only axis.

    Parameters
    ----------
    ary : Expr or array
        At least one axis.
    indices_or_sections : int or sequence of int
        Number of equal parts, or the positions at which parts begin.

    Examples
    --------
    >>> [part.shape for part in pel.hsplit(pel.matrix("x", shape=("n", 4)), 2)]
    [('n', 2), ('n', 2)]
    """
    x = as_expr(ary)
    return split(x, indices_or_sections, axis=1 if x.ndim > 1 else 0)


@register_function
def vsplit(ary: Operand, indices_or_sections: int | Sequence[int] | Array) -> list[Expr]:
    r"""Split an array along its first axis.

    Parameters
    ----------
    ary : Expr or array
        At least two axes.
    indices_or_sections : int or sequence of int
        Number of equal parts, or the positions at which parts begin.

    Examples
    --------
    >>> [part.shape for part in pel.vsplit(pel.matrix("x", shape=(4, "n")), 2)]
    [(2, 'n'), (2, 'n')]
    """
    return split(ary, indices_or_sections, axis=0)


@register_function
def dsplit(ary: Operand, indices_or_sections: int | Sequence[int] | Array) -> list[Expr]:
    r"""Split an array along its third axis.

    Parameters
    ----------
    ary : Expr or array
        At least three axes.
    indices_or_sections : int or sequence of int
        Number of equal parts, or the positions at which parts begin.

    Examples
    --------
    >>> [part.shape for part in pel.dsplit(pel.tensor3("x", shape=(4, 5, 2)), 2)]
    [(4, 5, 1), (4, 5, 1)]
    """
    return split(ary, indices_or_sections, axis=2)


@register_function
def unstack(x: Operand, axis: int = 0) -> tuple[Expr, ...]:
    r"""Split an array along an axis and remove the axis, as a tuple: the inverse of `stack`.

    Parameters
    ----------
    x : Expr or array
        At least one axis, whose length is known.
    axis : int
        Axis that is removed.

    Raises
    ------
    ShapeError
        If the length of the axis is unknown.

    Examples
    --------
    >>> x, y = pel.unstack(pel.matrix("p", shape=("n", 2)), axis=1)
    >>> x
    p[:, 0]
    """
    x = as_expr(x)
    axis = normalize_axis(axis, x.ndim, "unstack", x)
    return tuple(x[(*(slice(None),) * axis, i)] for i in range(_get_length(x, axis, "unstack")))


@register_function
def delete(arr: Operand, obj: int | slice | Sequence[int] | Array, axis: int | None = None) -> Expr:
    r"""Delete elements along an axis.

    Parameters
    ----------
    arr : Expr or array
        Input of any shape.
    obj : int, slice or sequence of int or bool
        Indices of the elements to delete.
    axis : int, optional
        Axis to delete from, of known length; by default the array is flattened first.

    Returns
    -------
    Expr
        Shorter along the axis by the number of deleted elements.

    Raises
    ------
    ShapeError
        If the length is unknown or an index is out of range.

    Examples
    --------
    >>> pel.delete(pel.matrix("x", shape=("n", 4)), [0, 2], axis=1).shape
    ('n', 2)
    """
    x = as_expr(arr)
    if axis is None:
        x, axis = ravel(x), 0
    axis = normalize_axis(axis, x.ndim, "delete", x)
    indices = np.arange(_get_length(x, axis, "delete"))
    try:
        remaining = np.delete(indices, obj)
    except (IndexError, ValueError) as error:
        raise ShapeError(f"delete from {format_operand(x)}: {error}") from error
    return call_op("take", x, remaining, axis=axis)
