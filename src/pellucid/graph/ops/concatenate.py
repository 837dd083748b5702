r"""Arrays put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, agree, as_expr
from pellucid.graph.op import op, public
from pellucid.graph.operators import call
from pellucid.graph.ops.rank import atleast_1d, atleast_2d, atleast_3d
from pellucid.graph.ops.reshape import expand_dims, ravel
from pellucid.graph.types import Dim, Type, Unknown, normalize_axis, shape_text, unify


def _cube(rng: np.random.Generator) -> np.ndarray[Any, Any]:
    return rng.normal(size=(2, 3, 4))


def joined(axis: int, parts: Sequence[Expr]) -> Type:
    """Return the type of arrays put one behind the other."""
    shape = list(parts[0].shape)
    for part in parts[1:]:
        for a, (x, y) in enumerate(zip(shape, part.shape, strict=False)):
            both = unify(x, y)
            if a != axis and both is not None:
                shape[a] = both
            elif a != axis or len(shape) != part.ndim:
                shapes = " and ".join(shape_text(p.shape) for p in parts)
                raise ShapeError(
                    f"concatenate: shapes {shapes} must agree in all but axis {axis}, and differ in axis {a}"
                )
    sizes = [p.shape[axis] for p in parts]
    total: Dim = 0
    for size in sizes:
        total = total + size if isinstance(size, int) and isinstance(total, int) else Unknown()
    shape[axis] = total if len(parts) > 1 else sizes[0]
    return Type(tuple(shape), parts[0].dtype)


def _concatenate_grad(g: Any, y: Any, *parts: Any, axis: int) -> list[Any]:
    return [part_like(g, *parts, position=position, axis=axis) for position in range(len(parts))]


@op(
    infer=lambda *parts, axis: joined(axis, parts),
    normalize=lambda *parts, axis: {"axis": normalize_axis(axis, parts[0].ndim, "concatenate")},
    promotes=True,
    grad=_concatenate_grad,
    examples=lambda rng: [
        ((_cube(rng), rng.normal(size=(2, 1, 4))), {"axis": 1}),
        ((_cube(rng), _cube(rng)), {"axis": -1}),
    ],
    cost=0,
    tex=lambda operands, settings: [r"\left[", *[p for o in operands for p in ((o, 0), r";\, ")][:-1], r"\right]"],
    behind="concatenate",
)
def join(xp: Any, *parts: Any, axis: Any = 0) -> Any:
    r"""Arrays put one behind the other along an axis; `concatenate` takes them in a sequence, as NumPy does.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.join(pel.vector("x", shape=(2,)), pel.vector("y", shape=(3,))).shape
    (5,)
    """
    return xp.concatenate(parts, axis=axis)


def _part_type(g: Expr, *parts: Expr, position: int, axis: int) -> Type:
    return Type(parts[position].shape, g.dtype)


def _part_grad(u: Any, y: Any, g: Any, *parts: Any, position: int, axis: int) -> list[Any]:
    zeros = [call("zeros_like", p) for p in parts]
    return [join(*[u if i == position else z for i, z in enumerate(zeros)], axis=axis), *[None] * len(parts)]


@op(
    infer=_part_type,
    promotes=False,
    grad=_part_grad,
    examples=lambda rng: [((rng.normal(size=(2, 5)), np.zeros((2, 3)), np.zeros((2, 2))), {"position": 1, "axis": 1})],
    cost=0,
    behind="concatenate",
)
def part_like(xp: Any, x: Any, *parts: Any, position: Any = 0, axis: Any = 0) -> Any:
    r"""The part of a concatenation that came from one of its parts, of which only the shapes are used.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, y = pel.vector("x", shape=(2,)), pel.vector("y", shape=(3,))
    >>> pel.part_like(pel.vector("g", shape=(5,)), x, y, position=1).shape
    (3,)
    """
    start = int(np.sum([p.shape[axis] for p in parts[:position]], dtype=int))
    index = [slice(None)] * x.ndim
    index[axis] = slice(start, start + parts[position].shape[axis])
    return x[tuple(index)]


def _several(arrays: Any, what: str) -> list[Any]:
    """Return the arrays of a sequence as expressions, and refuse an empty one."""
    parts = [as_expr(a) for a in arrays]
    if not parts:
        raise ShapeError(f"{what}: expected at least one array. Received: none")
    return parts


@public
def concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    r"""Arrays put one behind the other along an axis they have.

    Parameters
    ----------
    arrays : sequence of Expr or array
        Of equal shapes but for the axis.
    axis : int, optional
        Along which; with None the arrays are flattened first.

    Returns
    -------
    Expr
        With the sum of their lengths along the axis.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.concatenate([pel.vector("x", shape=(2,)), pel.vector("y", shape=(3,))]).shape
    (5,)
    """
    parts = _several(arrays, "concatenate")
    return join(*map(ravel, parts), axis=0) if axis is None else join(*parts, axis=axis)


@public
def concat(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    r"""Arrays put one behind the other along an axis: `concatenate` by the name of the Array API.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.concat([pel.vector("x", shape=(2,)), pel.vector("y", shape=(3,))]).shape
    (5,)
    """
    return concatenate(arrays, axis)


@public
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    r"""Values put behind an array along an axis; without one, both are flattened first.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.append(pel.vector("x", shape=(3,)), 1.0).shape
    (4,)
    """
    return concatenate([arr, values], axis)


@public
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    r"""Arrays of one shape put side by side along a new axis.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.stack([pel.vector("x", shape=(2,)), pel.vector("y", shape=(2,))]).shape
    (2, 2)
    """
    parts = _several(arrays, "stack")
    if not all(agree(p.shape, parts[0].shape) for p in parts):
        raise ShapeError(f"stack: shapes {' and '.join(shape_text(p.shape) for p in parts)} must be equal").about(parts)
    return join(*[expand_dims(a, axis) for a in parts], axis=axis)


@public
def vstack(tup: Sequence[Any]) -> Any:
    r"""Arrays put below one another, vectors as rows.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.vstack([pel.vector("x", shape=(3,)), pel.matrix("y", shape=("n", 3))]).ndim
    2
    """
    return join(*[atleast_2d(a) for a in _several(tup, "vstack")], axis=0)


@public
def hstack(tup: Sequence[Any]) -> Any:
    r"""Arrays put beside one another: vectors behind one another, others along the second axis.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.hstack([pel.matrix("x", shape=("n", 3)), pel.matrix("y", shape=("n", 2))]).shape
    ('n', 5)
    """
    parts = [atleast_1d(a) for a in _several(tup, "hstack")]
    return join(*parts, axis=0 if parts[0].ndim == 1 else 1)


@public
def dstack(tup: Sequence[Any]) -> Any:
    r"""Arrays put behind one another in depth, along the third axis.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.dstack([pel.matrix("x", shape=("n", 3)), pel.matrix("y", shape=("n", 3))]).shape
    ('n', 3, 2)
    """
    return join(*[atleast_3d(a) for a in _several(tup, "dstack")], axis=2)


@public
def column_stack(tup: Sequence[Any]) -> Any:
    r"""Arrays put beside one another as the columns of a matrix, vectors as one column each.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.column_stack([pel.vector("x", shape=("n",)), pel.matrix("y", shape=("n", 2))]).shape
    ('n', 3)
    """
    parts = [atleast_1d(a) for a in _several(tup, "column_stack")]
    return join(*[expand_dims(a, 1) if a.ndim == 1 else a for a in parts], axis=1)
