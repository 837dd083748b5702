r"""What stands between the brackets of ``x[...]``, read as NumPy reads it."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pellucid.graph.errors import DtypeError, ShapeError
from pellucid.graph.expr import Constant, Expr, as_expr
from pellucid.graph.printing import Piece
from pellucid.graph.types import Dim, Mismatch, Shape, Type, Unknown, broadcast, shape_text


class Slice(NamedTuple):
    """A slice that can be hashed."""

    start: int | None
    stop: int | None
    step: int | None

    def __str__(self) -> str:
        ends = ["" if v is None else str(v) for v in (self.start, self.stop)]
        return ":".join(ends) + ("" if self.step is None else f":{self.step}")


class Place:
    """Where an index array stands in an index; the arrays themselves are operands."""

    def __repr__(self) -> str:
        return "array"


ARRAY, WHOLE = Place(), Slice(None, None, None)
Index = tuple[int | Slice | Place | None, ...]


def written_out(x: Expr, index: Any) -> tuple[Index, list[Expr]]:
    """Write an index out, one part for each axis, with the index arrays beside it.

    Raises
    ------
    ShapeError, DtypeError
        For too many parts, a condition whose size is not known, or what is no index.
    """
    if type(index) is tuple and _is_written_out(x, index):
        return index, []
    given = list(index) if isinstance(index, tuple) and not isinstance(index, Slice) else [index]
    parts = [_readable(x, part) for part in given]
    used = sum(_axes_taken(part) for part in parts)
    if used > x.ndim:
        raise ShapeError(f"{x} has {x.ndim} dimension{'s' * (x.ndim != 1)}. Received: an index of {used}").about([x])
    gaps = [place for place, part in enumerate(parts) if part is Ellipsis] or [len(parts)]
    if len(gaps) > 1:
        raise ShapeError(f"{x}: an index has at most one '...'. Received: {len(gaps)}")
    _check_empty_gap(x, parts, gaps[0], x.ndim - used)
    parts[gaps[0] : gaps[0] + 1] = [WHOLE] * (x.ndim - used)
    result: list[int | Slice | Place | None] = []
    arrays: list[Expr] = []
    axis = 0
    for part in parts:
        if isinstance(part, np.ndarray) and part.dtype == bool:
            found = _positions_where(x, part, axis)
        elif isinstance(part, (np.ndarray, Expr)):
            found = [as_expr(part)]
        else:
            found = []
        result += [ARRAY] * len(found) or [part]
        arrays += found
        axis += _axes_taken(part)
    return tuple(result), arrays


def _is_written_out(x: Expr, index: tuple[Any, ...]) -> bool:
    return sum(p is not None for p in index) == x.ndim and all(
        p is None or p is ARRAY or type(p) is int or type(p) is Slice for p in index
    )


def _check_empty_gap(x: Expr, parts: Sequence[Any], gap: int, width: int) -> None:
    """Refuse a ``...`` for no axis between index arrays, for which NumPy puts their axes first all the same."""
    sides = [
        [p for p in side if p is not None and not isinstance(p, Slice)] for side in (parts[:gap], parts[gap + 1 :])
    ]
    if not width and all(sides) and not all(isinstance(p, int) for p in (*sides[0], *sides[1])):
        raise ShapeError(f"{x} has {x.ndim} dimensions, so the '...' between its indices stands for none. Leave it out")


def _axes_taken(part: Any) -> int:
    if isinstance(part, np.ndarray) and part.dtype == bool:
        return part.ndim
    return int(part is not None and part is not Ellipsis)


def _readable(x: Expr, part: Any) -> Any:
    """Return one part of an index as a `Slice`, an integer, an array, an expression, None or ``...``."""
    if part is None or part is Ellipsis or part is ARRAY or isinstance(part, Slice):
        return part
    if isinstance(part, slice):
        if isinstance(part.step, int) and part.step == 0:
            raise ShapeError(f"{x}: a slice has a step of 1 or more, or backwards of -1 or less. Received: {part}")
        return Slice(*(_end(x, v) for v in (part.start, part.stop, part.step)))
    if isinstance(part, Constant) and part.dtype == bool:
        part = part.value
    if isinstance(part, Expr):
        return _index_array(x, part)
    if isinstance(part, list):
        part = np.asarray(part) if part else np.zeros(0, int)
    if isinstance(part, np.ndarray) and part.ndim and part.dtype.kind in "biu":
        return part
    try:
        if isinstance(part, (bool, np.bool_)):
            raise TypeError
        return operator.index(part)
    except TypeError:
        raise ShapeError(
            f"{x} is indexed by integers, slices, None, ... and arrays of integers. Received: {part!r}"
        ) from None


def _index_array(x: Expr, part: Expr) -> Expr:
    if part.dtype.kind == "b":
        raise DtypeError(
            f"{x} cannot be indexed by the condition {part}: the size of the result would be unknown. Use "
            "pel.where(condition, x, other) to choose, or x.at[condition].set(value) to replace"
        )
    integer_indices(part, f"an index of {x}")
    return part


def _end(x: Expr, end: Any) -> int | None:
    if isinstance(end, Expr):
        raise ShapeError(
            f"The ends of a slice of {x} must be integers, because they say how large it is. Received: {end}. For a "
            "part of known size that begins anywhere write x[start + np.arange(size)]"
        )
    return None if end is None else operator.index(end)


def _positions_where(x: Expr, mask: np.ndarray[Any, Any], axis: int) -> list[Expr]:
    """Turn a condition that is known while the graph is built into one index array for each of its axes."""
    dims = x.shape[axis : axis + mask.ndim]
    if dims != mask.shape:
        raise ShapeError(
            f"{x}, of shape {shape_text(x.shape)}, cannot be indexed by an array of booleans of shape "
            f"{shape_text(mask.shape)} in axis {axis}: the sizes must be known and equal"
        )
    return [as_expr(places) for places in np.nonzero(mask)]


def integer_indices(indices: Expr, what: str) -> None:
    """Refuse indices that are no integers."""
    if indices.dtype.kind not in "iu":
        raise DtypeError(f"{what}: expected integer indices. Received: {indices}, which is {indices.dtype}")


def real_index(index: Index, arrays: Sequence[Any] = ()) -> tuple[Any, ...]:
    """Turn an index back into what arrays take."""
    left = iter(arrays)
    return tuple(slice(*p) if isinstance(p, Slice) else next(left) if p is ARRAY else p for p in index)


def traced_index(x: Any, index: Index, arrays: Sequence[Any]) -> tuple[Any, ...]:
    """Turn an index into what JAX takes, which counts negative indices from the end in the index's own dtype, and knows
    no index beyond the end: those that are constants are refused here.
    """
    check_positions(x, index)
    for axis, array in zip(array_axes(index), arrays, strict=True):
        size = x.shape[axis]
        if is_known(array) and array.size and not (-size <= array.min() and array.max() < size):
            wrong = array.max() if array.max() >= size else array.min()
            raise IndexError(f"index {wrong} is out of bounds: axis {axis} has {size} elements")
    return real_index(index, [a.astype("int32") if a.dtype.itemsize < 4 else a for a in arrays])


def is_known(array: Any) -> bool:
    """Tell whether an index array is a constant of a program that is being compiled."""
    return isinstance(array, np.ndarray)


def array_axes(index: Index) -> list[int]:
    """Return the axes that index arrays take."""
    return [axis for axis, part in enumerate(p for p in index if p is not None) if part is ARRAY]


def check_positions(x: Any, index: Index) -> None:
    """Refuse a position beyond the end, of which some array libraries take the last element instead."""
    for axis, part in enumerate(p for p in index if p is not None):
        if isinstance(part, int) and not -x.shape[axis] <= part < x.shape[axis]:
            raise IndexError(f"index {part} is out of bounds: axis {axis} has {x.shape[axis]} elements")


def indexed(x: Expr, index: Index, arrays: Sequence[Expr] = ()) -> Type:
    """Return the type of a part. Index arrays broadcast; their axes stand where the arrays do, or first if a slice or
    None comes between two of them, as NumPy has it.
    """
    common = _common_shape(x, arrays)
    taking = [place for place, part in enumerate(index) if part is ARRAY or isinstance(part, int)]
    adjacent = not arrays or taking[-1] - taking[0] < len(taking)
    shape: list[Dim] = []
    axis = start = 0
    for place, part in enumerate(index):
        if arrays and adjacent and place == taking[0]:
            start = len(shape)
        if part is None:
            shape.append(1)
            continue
        dim = x.shape[axis]
        if part == WHOLE:
            shape.append(dim)
        elif isinstance(part, Slice):
            shape.append(len(range(*slice(*part).indices(dim))) if isinstance(dim, int) else Unknown())
        elif isinstance(part, int):
            _check_within(x, part, part, axis)
        axis += 1
    shape[start:start] = common
    for axis, array in zip(array_axes(index), arrays, strict=True):
        if isinstance(array, Constant) and array.value.size:
            _check_within(x, array.value.min(), array.value.max(), axis)
    return Type(tuple(shape), x.dtype)


def _common_shape(x: Expr, arrays: Sequence[Expr]) -> Shape:
    common = broadcast([a.shape for a in arrays])
    if isinstance(common, Mismatch):
        shapes = " and ".join(shape_text(a.shape) for a in arrays)
        raise ShapeError(
            f"The index arrays of {x} must broadcast. Received: shapes {shapes}, where dimension {common.axis} is "
            f"{common.left} in one and {common.right} in another"
        )
    return common


def _check_within(x: Expr, least: int, greatest: int, axis: int) -> None:
    dim = x.shape[axis]
    if isinstance(dim, int) and not (-dim <= least and greatest < dim):
        wrong = greatest if greatest >= dim else least
        raise ShapeError(
            f"{x}, of shape {shape_text(x.shape)}, has no index {wrong} in axis {axis}; counting begins at 0, and -1 "
            "is the last"
        ).about([x])


def index_pieces(index: Any, arrays: Sequence[Any], none: str = "None") -> list[Piece]:
    """Write an index, without the whole slices at its end, which go without saying."""
    parts = list(index)
    while len(parts) > 1 and parts[-1] == WHOLE:
        parts.pop()
    left = iter(arrays)
    pieces: list[Piece] = []
    for part in parts:
        pieces += [", "] if pieces else []
        pieces.append((next(left), 0) if part is ARRAY else none if part is None else str(part))
    return pieces


def array_settings(x: Expr, indices: Sequence[Expr], index: Any) -> dict[str, Any]:
    """Write out where index arrays stand: at the first axes unless said otherwise."""
    parts = written_out(x, index or (ARRAY,) * len(indices))[0]
    if parts.count(ARRAY) != len(indices):
        raise ShapeError(f"gather: expected {parts.count(ARRAY)} index arrays of {x}. Received: {len(indices)}")
    return {"index": parts}
