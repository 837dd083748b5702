r"""Concatenating and stacking arrays, and arrays of a minimum number of axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, Operand, as_expr, is_compatible_shape
from pellucid.graph.op_decorator import alias, op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.reshape import draw_tensor, expand_dims, ravel
from pellucid.graph.range_rules import elements_of
from pellucid.graph.types import Type, add_dims, format_shape, normalize_axis, unify


def infer_concatenated(axis: int, parts: Sequence[Expr]) -> Type:
    shape = list(parts[0].shape)
    for part in parts[1:]:
        for a, (x, y) in enumerate(zip(shape, part.shape, strict=False)):
            both = unify(x, y)
            if a != axis and both is not None:
                shape[a] = both
            elif a != axis or len(shape) != part.ndim:
                shapes = " and ".join(format_shape(p.shape) for p in parts)
                raise ShapeError(
                    f"concatenate: shapes {shapes} differ in axis {a}. All axes except axis {axis} must be equal"
                )
    if len(parts) > 1:
        shape[axis] = add_dims(*(p.shape[axis] for p in parts))
    return Type(tuple(shape), parts[0].dtype)


@op(
    infer=lambda *parts, axis: infer_concatenated(axis, parts),
    normalize=lambda *parts, axis: {"axis": normalize_axis(axis, parts[0].ndim, "concatenate")},
    promotes=True,
    grad=lambda g, y, *parts, axis: [
        call_op("slice_like", g, *parts, position=i, axis=axis) for i in range(len(parts))
    ],
    examples=lambda rng: [
        ((draw_tensor(rng), rng.normal(size=(2, 1, 4))), {"axis": 1}),
        ((draw_tensor(rng), draw_tensor(rng)), {"axis": -1}),
    ],
    cost=0,
    tex=lambda operands, settings: [r"\left[", *[p for o in operands for p in ((o, 0), r";\, ")][:-1], r"\right]"],
    behind="concatenate",
    value_range=elements_of(),
)
def join(xp: ArrayNamespace, *parts: NamespaceArray, axis: int = 0) -> NamespaceArray:
    r"""Concatenate arrays along an axis; the op behind `concatenate`, which takes a sequence.

    Parameters
    ----------
    *parts : Expr or array
        Equal lengths along all axes but one.
    axis : int
        Axis along which the parts are joined.

    Examples
    --------
    >>> pel.join(pel.vector("x", shape=(2,)), pel.vector("y", shape=(3,))).shape
    (5,)
    """
    return xp.concatenate(parts, axis=axis)


def _part_grad(u: Expr, y: Expr, g: Expr, *parts: Any, position: int, axis: int) -> list[Any]:
    zeros = [call_op("zeros_like", p) for p in parts]
    return [join(*[u if i == position else z for i, z in enumerate(zeros)], axis=axis), *[None] * len(parts)]


@op(
    infer=lambda g, *parts, position, axis: Type(parts[position].shape, g.dtype),
    promotes=False,
    grad=_part_grad,
    examples=lambda rng: [((rng.normal(size=(2, 5)), np.zeros((2, 3)), np.zeros((2, 2))), {"position": 1, "axis": 1})],
    cost=0,
    behind="concatenate",
    value_range=elements_of(0),
)
def slice_like(
    xp: ArrayNamespace, x: NamespaceArray, *parts: NamespaceArray, position: int = 0, axis: int = 0
) -> NamespaceArray:
    r"""Slice of a concatenation that corresponds to one of its parts, of which only the shapes are used.

    Parameters
    ----------
    x : Expr or array
        The concatenation.
    *parts : Expr or array
        Its parts.
    position : int
        Number of the part.
    axis : int
        Axis of the concatenation.

    Examples
    --------
    >>> x, y = pel.vector("x", shape=(2,)), pel.vector("y", shape=(3,))
    >>> pel.slice_like(pel.vector("g", shape=(5,)), x, y, position=1).shape
    (3,)
    """
    start = int(np.sum([p.shape[axis] for p in parts[:position]], dtype=int))
    index = [slice(None)] * x.ndim
    index[axis] = slice(start, start + parts[position].shape[axis])
    return x[tuple(index)]


def _to_arrays(arrays: Any, name: str) -> list[Any]:
    parts = [as_expr(a) for a in arrays]
    if not parts:
        raise ShapeError(f"{name}: expected at least one array. Received: none")
    return parts


@alias("concat")
@register_function
def concatenate(arrays: Sequence[Operand], axis: int | None = 0) -> Expr:
    r"""Concatenate arrays along an existing axis.

    Parameters
    ----------
    arrays : sequence of Expr or array
        Arrays whose shapes agree in all other axes.
    axis : int or None
        Axis to join. With None, the arrays are flattened first.

    Returns
    -------
    Expr
        Concatenated array.

    Examples
    --------
    >>> pel.concatenate([pel.vector("x", shape=(2,)), pel.vector("y", shape=(3,))]).shape
    (5,)
    """
    parts = _to_arrays(arrays, "concatenate")
    return join(*map(ravel, parts), axis=0) if axis is None else join(*parts, axis=axis)


@register_function
def append(arr: Operand, values: Operand, axis: int | None = None) -> Expr:
    r"""Append values to the end of an array along an axis. With None, both are flattened first.

    Parameters
    ----------
    arr : Expr or array
        Any shape.
    values : Expr or array
        The same shape as ``arr``, except along the axis.
    axis : int or None
        Axis along which the values are appended.

    Examples
    --------
    >>> pel.append(pel.vector("x", shape=(3,)), 1.0).shape
    (4,)
    """
    return concatenate([arr, values], axis)


def _at_least(ndim: int, x: Operand, new_axes: dict[int, tuple[int, ...]]) -> Expr:
    e = as_expr(x)
    return e if e.ndim >= ndim else expand_dims(e, new_axes[e.ndim])


@register_function
def atleast_1d(x: Operand) -> Expr:
    r"""Array of at least one axis. A scalar becomes a vector of one element.

    Parameters
    ----------
    x : Expr or array
        Any shape.

    Examples
    --------
    >>> pel.atleast_1d(pel.scalar("x")).shape
    (1,)
    """
    return _at_least(1, x, {0: (0,)})


@register_function
def atleast_2d(x: Operand) -> Expr:
    r"""Array of at least two axes. A vector becomes a matrix of one row.

    Parameters
    ----------
    x : Expr or array
        Any shape.

    Examples
    --------
    >>> pel.atleast_2d(pel.vector("x", shape=(3,))).shape
    (1, 3)
    """
    return _at_least(2, x, {0: (0, 1), 1: (0,)})


@register_function
def atleast_3d(x: Operand) -> Expr:
    r"""Array of at least three axes. A vector becomes the second axis, a matrix the first two.

    Parameters
    ----------
    x : Expr or array
        Any shape.

    Examples
    --------
    >>> pel.atleast_3d(pel.matrix("x", shape=(3, 2))).shape
    (3, 2, 1)
    """
    return _at_least(3, x, {0: (0, 1, 2), 1: (0, 2), 2: (2,)})


@register_function
def stack(arrays: Sequence[Operand], axis: int = 0) -> Expr:
    r"""Stack arrays of equal shapes along a new axis.

    Parameters
    ----------
    arrays : sequence of Expr or array
        Arrays of one shape.
    axis : int
        Position of the new axis.

    Examples
    --------
    >>> pel.stack([pel.vector("x", shape=(2,)), pel.vector("y", shape=(2,))]).shape
    (2, 2)
    """
    parts = _to_arrays(arrays, "stack")
    if not all(is_compatible_shape(p.shape, parts[0].shape) for p in parts):
        shapes = " and ".join(format_shape(p.shape) for p in parts)
        raise ShapeError(f"stack: expected equal shapes. Received: {shapes}").with_operands(parts)
    return join(*[expand_dims(a, axis) for a in parts], axis=axis)


@register_function
def vstack(tup: Sequence[Operand]) -> Expr:
    r"""Stack arrays vertically, along the first axis; vectors become rows.

    Parameters
    ----------
    tup : sequence of Expr or array
        Arrays with equal lengths along all axes but the first, or vectors of one length.

    Examples
    --------
    >>> pel.vstack([pel.vector("x", shape=(3,)), pel.matrix("y", shape=("n", 3))]).ndim
    2
    """
    return join(*[atleast_2d(a) for a in _to_arrays(tup, "vstack")], axis=0)


@register_function
def hstack(tup: Sequence[Operand]) -> Expr:
    r"""Stack arrays horizontally, along the second axis; vectors are joined end to end.

    Parameters
    ----------
    tup : sequence of Expr or array
        Arrays with equal lengths along all axes but the second, or vectors.

    Examples
    --------
    >>> pel.hstack([pel.matrix("x", shape=("n", 3)), pel.matrix("y", shape=("n", 2))]).shape
    ('n', 5)
    """
    parts = [atleast_1d(a) for a in _to_arrays(tup, "hstack")]
    return join(*parts, axis=0 if parts[0].ndim == 1 else 1)


@register_function
def dstack(tup: Sequence[Operand]) -> Expr:
    r"""Stack arrays in depth, along the third axis.

    Parameters
    ----------
    tup : sequence of Expr or array
        Arrays with equal lengths along all axes but the third.

    Examples
    --------
    >>> pel.dstack([pel.matrix("x", shape=("n", 3)), pel.matrix("y", shape=("n", 3))]).shape
    ('n', 3, 2)
    """
    return join(*[atleast_3d(a) for a in _to_arrays(tup, "dstack")], axis=2)


@register_function
def column_stack(tup: Sequence[Operand]) -> Expr:
    r"""Stack arrays as the columns of a matrix; each vector becomes one column.

    Parameters
    ----------
    tup : sequence of Expr or array
        Vectors and matrices with equally many rows.

    Examples
    --------
    >>> pel.column_stack([pel.vector("x", shape=("n",)), pel.matrix("y", shape=("n", 2))]).shape
    ('n', 3)
    """
    parts = [atleast_1d(a) for a in _to_arrays(tup, "column_stack")]
    return join(*[expand_dims(a, 1) if a.ndim == 1 else a for a in parts], axis=1)
