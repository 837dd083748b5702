r"""Parts of arrays, by position or by index arrays, and arrays with some parts set."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from pellucid.graph.errors import DtypeError, ShapeError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import op, public
from pellucid.graph.operators import call
from pellucid.graph.pattern import Pattern
from pellucid.graph.text import ATOM, Piece
from pellucid.graph.types import Dim, Type, Unknown, as_dtype, normalize_axis, shape_text, unify


class Slice(NamedTuple):
    """A slice that can be hashed."""

    start: int | None
    stop: int | None
    step: int | None

    def __str__(self) -> str:
        ends = ["" if v is None else str(v) for v in (self.start, self.stop)]
        return ":".join(ends) + ("" if self.step is None else f":{self.step}")


Index = tuple[int | Slice | None, ...]


def as_index(x: Expr, index: Any) -> Index:
    """Write a basic index out, one part for each axis."""
    parts = list(index) if isinstance(index, tuple) and not isinstance(index, Slice) else [index]
    used = sum(p is not None and p is not Ellipsis for p in parts)
    if used > x.ndim:
        raise ShapeError(f"{x} has {x.ndim} dimension{'s' * (x.ndim != 1)}. Received: an index of {used}")
    if Ellipsis not in [p for p in parts if not isinstance(p, Expr)]:
        parts.append(Ellipsis)
    at = next(i for i, p in enumerate(parts) if p is Ellipsis)
    parts[at : at + 1] = [slice(None)] * (x.ndim - used)
    result: list[int | Slice | None] = []
    for part in parts:
        if isinstance(part, Slice) or part is None:
            result.append(part)
        elif isinstance(part, slice):
            ends = [None if v is None else operator.index(v) for v in (part.start, part.stop, part.step)]
            result.append(Slice(*ends))
        else:
            result.append(_position(x, part))
    return tuple(result)


def _position(x: Expr, part: Any) -> int:
    try:
        if isinstance(part, bool):
            raise TypeError
        return operator.index(part)
    except TypeError:
        raise ShapeError(
            f"{x} is indexed by integers, slices, None, ... or one array of integers. Received: {part!r}. "
            "For several index arrays use pel.take or pel.take_along_axis; for a condition, pel.where"
        ) from None


def real_index(index: Index) -> tuple[Any, ...]:
    """Turn an index back into what arrays take."""
    return tuple(slice(*p) if isinstance(p, Slice) else p for p in index)


def check_positions(x: Any, index: Index) -> None:
    """Refuse a position beyond the end, of which some array libraries take the last element instead."""
    taken = [part for part in index if part is not None]
    for axis, part in enumerate(taken):
        if not isinstance(part, Slice) and not -x.shape[axis] <= part < x.shape[axis]:
            raise IndexError(f"index {part} is out of bounds: axis {axis} has {x.shape[axis]} elements")


def indexed(x: Expr, index: Index) -> Type:
    """Return the type of a part."""
    shape: list[Dim] = []
    axis = 0
    for part in index:
        if part is None:
            shape.append(1)
            continue
        dim = x.shape[axis]
        if isinstance(part, Slice):
            if part == Slice(None, None, None):
                shape.append(dim)
            else:
                shape.append(len(range(*slice(*part).indices(dim))) if isinstance(dim, int) else Unknown())
        elif isinstance(dim, int) and not -dim <= part < dim:
            raise ShapeError(f"{x}, of shape {shape_text(x.shape)}, has no index {part} in axis {axis}")
        axis += 1
    return Type(tuple(shape), x.dtype)


def _told(settings: Any) -> tuple[Any, ...]:
    """Return an index without the whole slices at its end, which go without saying."""
    parts: tuple[Any, ...] = settings.get("index", ())
    while len(parts) > 1 and parts[-1] == Slice(None, None, None):
        parts = parts[:-1]
    return parts


def _index_text(operands: tuple[Any, ...], settings: Any) -> list[Any]:
    return [(operands[0], ATOM), f"[{', '.join(map(str, _told(settings)))}]"]


def _index_tex(operands: tuple[Any, ...], settings: Any) -> list[Any]:
    parts = [r"\ast" if p is None else str(p) for p in _told(settings)]
    return [(operands[0], ATOM), f"_{{{', '.join(parts)}}}"]


@op(
    name="slice",
    tex=_index_tex,
    text=_index_text,
    infer=indexed,
    normalize=lambda x, index: {"index": as_index(x, index)},
    grad=lambda g, y, x, index: call("unslice", g, x, index=index),
    examples=lambda rng: [
        ((rng.normal(size=(3, 4)),), {"index": (slice(None), slice(0, 4, 2))}),
        ((rng.normal(size=(3, 4)),), {"index": (None, -1, ...)}),
        ((rng.normal(size=(3, 4)),), {"index": slice(None, None, -1)}),
    ],
    cost=0,
)
def slice_(xp: Any, x: Any, index: Any = ()) -> Any:
    r"""A part of an array, by integers, slices, ``None`` and ``...``; what ``x[1:, 0]`` writes.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.matrix("x")[1:, 0]
    x[1:, 0]
    """
    check_positions(x, index)
    return x[real_index(index)]


def _unslice_xla(xp: Any, g: Any, like: Any, index: Index) -> Any:
    return xp.zeros(like.shape, g.dtype).at[real_index(index)].set(g)


@op(
    infer=lambda g, like, index: Type(like.shape, g.dtype),
    normalize=lambda g, like, index: {"index": as_index(like, index)},
    xla=_unslice_xla,
    grad=lambda u, y, g, like, index: (slice_(u, index), None),
    examples=lambda rng: [((rng.normal(size=(3, 2)), np.zeros((3, 4))), {"index": (slice(None), slice(0, 4, 2))})],
    cost=0,
)
def unslice(xp: Any, g: Any, like: Any, index: Any = ()) -> Any:
    r"""Zeros of the shape of ``like`` with a part set to ``g``: the transpose of taking that part.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x", shape=(3,))
    >>> pel.grad(x[1], x)
    unslice(1, x, index=1)
    """
    result = xp.zeros(like.shape, g.dtype)
    result[real_index(index)] = g
    return result


@public
def getitem(x: Any, index: Any) -> Any:
    r"""What ``x[index]`` means: a part by position, or rows by an array of integers."""
    if isinstance(x, Pattern):
        return slice_(x, index)
    if isinstance(index, (Expr, list)) or (isinstance(index, np.ndarray) and index.ndim):
        rows = as_expr(np.asarray(index) if isinstance(index, list) else index)
        if rows.dtype.kind == "b":
            raise DtypeError(
                f"{x} cannot be indexed by the condition {rows}: the size of the result would be unknown. Use pel.where"
            )
        return take(x, rows)
    return slice_(x, index)


def integer_indices(indices: Expr, what: str) -> None:
    """Refuse indices that are no integers."""
    if indices.dtype.kind not in "iu":
        raise DtypeError(f"{what}: expected integer indices. Received: {indices}, which is {indices.dtype}")


def _taken(x: Expr, indices: Expr, axis: int) -> Type:
    integer_indices(indices, "take")
    return Type((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)


def _take_text(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
    if not settings.get("axis"):
        return [(operands[0], ATOM), "[", (operands[1], 0), "]"]
    return ["take(", (operands[0], 0), ", ", (operands[1], 0), f", axis={settings['axis']})"]


@op(
    tex=r"{0:^}[{1:_}]",
    text=_take_text,
    infer=_taken,
    normalize=lambda x, indices, axis: {"axis": normalize_axis(axis, x.ndim, "take", x)},
    grad=lambda g, y, x, indices, axis: (call("untake", g, indices, x, axis=axis), None),
    examples=lambda rng: [
        ((rng.normal(size=(4, 3)), np.array([2, 0, 2])), {}),
        ((rng.normal(size=(4, 3)), np.array([[2], [0]])), {"axis": 1}),
    ],
    cost=0,
)
def take(xp: Any, x: Any, indices: Any, axis: Any = 0) -> Any:
    r"""The elements at some indices along an axis, :math:`x_{i_k}`.

    Parameters
    ----------
    x : Expr or array
        Where to take from.
    indices : Expr or array of integers
        Which, of any shape; each must be less than the length of the axis.
    axis : int
        Along which axis.

    Returns
    -------
    Expr
        With the axis replaced by the shape of the indices.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.take(pel.matrix("x", shape=(5, 3)), pel.ivector("i", shape=("n",))).shape
    ('n', 3)
    """
    return xp.take(x, indices, axis=axis)


def _untake_xla(xp: Any, g: Any, indices: Any, like: Any, axis: int) -> Any:
    return xp.zeros(like.shape, g.dtype).at[(slice(None),) * axis + (indices,)].add(g)


@op(
    infer=lambda g, indices, like, axis: Type(like.shape, g.dtype),
    xla=_untake_xla,
    grad=lambda u, y, g, indices, like, axis: (take(u, indices, axis=axis), None, None),
    examples=lambda rng: [((rng.normal(size=(3, 3)), np.array([2, 0, 2]), np.zeros((4, 3))), {"axis": 0})],
    cost=lambda node, size: size(node.inputs[0]),
)
def untake(xp: Any, g: Any, indices: Any, like: Any, axis: Any = 0) -> Any:
    r"""Zeros of the shape of ``like`` with ``g`` added at indices along an axis: the transpose of `take`.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, i = pel.matrix("x", shape=(5, 3)), pel.ivector("i", shape=("n",))
    >>> pel.grad(x[i].sum(), x)
    untake(broadcast_like(1, x[i]), i, x)
    """
    result = xp.zeros(like.shape, g.dtype)
    np.add.at(result, (slice(None),) * axis + (indices,), g)
    return result


def _along(x: Expr, indices: Expr, axis: int) -> Type:
    integer_indices(indices, "take_along_axis")
    shape = []
    for a, (d, e) in enumerate(zip(x.shape, indices.shape, strict=False)):
        both = e if a == axis else unify(d, e)
        if both is None or x.ndim != indices.ndim:
            raise ShapeError(
                f"take_along_axis: {x} of shape {shape_text(x.shape)} and indices {indices} of shape "
                f"{shape_text(indices.shape)} must agree in all but axis {axis}"
            )
        shape.append(both)
    return Type(tuple(shape), x.dtype)


@op(
    tex=r"{0:^}[{1:_}]",
    infer=_along,
    normalize=lambda x, indices, axis: {"axis": normalize_axis(axis, x.ndim, "take_along_axis", x)},
    grad=lambda g, y, x, indices, axis: (call("untake_along_axis", g, indices, x, axis=axis), None),
    examples=lambda rng: [((rng.normal(size=(3, 4)), np.array([[1], [0], [3]])), {"axis": 1})],
    cost=0,
)
def take_along_axis(xp: Any, x: Any, indices: Any, axis: Any = -1) -> Any:
    r"""One element for each index along an axis, the other axes going together, :math:`x_{k, i_k}`.

    Examples
    --------
    >>> import pellucid as pel
    >>> p, y = pel.matrix("p", shape=("n", 10)), pel.ivector("y", shape=("n",))
    >>> pel.take_along_axis(p, y[:, None]).shape
    ('n', 1)
    """
    return xp.take_along_axis(x, indices, axis=axis)


def _grid(xp: Any, indices: Any, axis: int) -> tuple[Any, ...]:
    places = [
        xp.arange(n).reshape([-1 if a == b else 1 for b in range(indices.ndim)]) for a, n in enumerate(indices.shape)
    ]
    places[axis] = indices
    return tuple(places)


def _untake_along_xla(xp: Any, g: Any, indices: Any, like: Any, axis: int) -> Any:
    return xp.zeros(like.shape, g.dtype).at[_grid(xp, indices, axis)].add(g)


@op(
    infer=lambda g, indices, like, axis: Type(like.shape, g.dtype),
    xla=_untake_along_xla,
    grad=lambda u, y, g, indices, like, axis: (take_along_axis(u, indices, axis=axis), None, None),
    examples=lambda rng: [((rng.normal(size=(3, 1)), np.array([[1], [0], [3]]), np.zeros((3, 4))), {"axis": 1})],
    cost=lambda node, size: size(node.inputs[0]),
)
def untake_along_axis(xp: Any, g: Any, indices: Any, like: Any, axis: Any = -1) -> Any:
    r"""Zeros of the shape of ``like`` with ``g`` added at one index each: the transpose of `take_along_axis`.

    Examples
    --------
    >>> import pellucid as pel
    >>> g, i = pel.matrix("g", shape=("n", 1)), pel.imatrix("i", shape=("n", 1))
    >>> pel.untake_along_axis(g, i, pel.matrix("x", shape=("n", 4)), axis=1).shape
    ('n', 4)
    """
    result = xp.zeros(like.shape, g.dtype)
    np.add.at(result, _grid(xp, indices, axis), g)
    return result


def _hot(indices: Expr, num_classes: int, dtype: Any) -> Type:
    integer_indices(indices, "one_hot")
    return Type((*indices.shape, num_classes), dtype)


def _hot_text(operands: tuple[Any, ...], settings: Any) -> list[Any]:
    dtype = settings.get("dtype")
    plain = dtype is None or dtype == as_dtype(None)
    return ["one_hot(", (operands[0], 0), f", {settings.get('num_classes')}{'' if plain else f', dtype={dtype}'})"]


@op(
    tex=r"\mathrm{{one\_hot}}({0:_})",
    text=_hot_text,
    infer=_hot,
    normalize=lambda x, num_classes, dtype=None: {"num_classes": operator.index(num_classes), "dtype": as_dtype(dtype)},
    differentiable=False,
    examples=lambda rng: [((np.array([[2, 0], [1, 1]]),), {"num_classes": 4})],
)
def one_hot(xp: Any, x: Any, num_classes: Any = None, dtype: Any = None) -> Any:
    r"""Integers as unit vectors along a new last axis, :math:`t_{k} = [x = k]`.

    Parameters
    ----------
    x : Expr or array of integers
        From 0 to ``num_classes - 1``; any other becomes a row of zeros.
    num_classes : int
        The length of the new axis.
    dtype : dtype, optional
        `config.floatx` without it.

    Returns
    -------
    Expr
        With one more axis.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.one_hot(pel.ivector("y", shape=("n",)), 10).shape
    ('n', 10)
    """
    return (xp.expand_dims(x, -1) == xp.arange(num_classes, dtype=x.dtype)).astype(dtype)
