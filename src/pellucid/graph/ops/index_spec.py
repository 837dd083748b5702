r"""Parsing, checking and printing of index expressions ``x[...]`` with NumPy's rules."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import numpy as np

from pellucid.graph.array_namespace import ArrayValue, JaxArray
from pellucid.graph.errors import DtypeError, ShapeError, brief
from pellucid.graph.expr import Constant, Expr, IndexKey, Operand, OpSettings, as_expr
from pellucid.graph.op import PrintedOperand, TemplatePiece
from pellucid.graph.ops.formatters import format_operand
from pellucid.graph.slice_sizes import infer_slice_length
from pellucid.graph.types import Dim, Shape, ShapeMismatch, Type, broadcast, format_shape

if TYPE_CHECKING:
    from pellucid.typing import Array


class Slice(NamedTuple):
    """Hashable slice."""

    start: int | None
    stop: int | None
    step: int | None

    def __str__(self) -> str:
        ends = ["" if v is None else str(v) for v in (self.start, self.stop)]
        return ":".join(ends) + ("" if self.step is None else f":{self.step}")


class IndexArrayMarker:
    """Marks the position of an index array in an index. The arrays themselves are operands."""

    def __repr__(self) -> str:
        return "array"


ARRAY, FULL_SLICE = IndexArrayMarker(), Slice(None, None, None)
Index = tuple[int | Slice | IndexArrayMarker | None, ...]


def normalize_index(x: Expr, index: IndexKey | Index) -> tuple[Index, list[Expr]]:
    """Return an index with one part per axis, and the index arrays."""
    parts, arrays, is_separated = parse_index(x, index)
    if is_separated:
        raise ShapeError(
            f"{x} has {x.ndim} axes, so the '...' between its indices covers none, and moves their axes to the front. "
            "Remove it"
        )
    return parts, arrays


def parse_index(x: Expr, index: IndexKey | Index) -> Any:
    """Return an index with one part per axis, the index arrays, and whether a ``...`` separates adjacent ones.

    In NumPy a ``...`` that covers no axis still separates index arrays, so that their axes come first in the result.
    """
    if _is_normalized(x, index):
        return index, [], False
    given = list(index) if isinstance(index, tuple) and not isinstance(index, Slice) else [index]
    parts = [_normalize_part(x, part) for part in given]
    used = sum(count_axes(part) for part in parts)
    if used > x.ndim:
        axes = f"{x.ndim} {'axis' if x.ndim == 1 else 'axes'}"
        raise ShapeError(f"{x} has {axes}. Received: indices for {used} axes").with_operands([x])
    ellipses = [position for position, part in enumerate(parts) if part is Ellipsis] or [len(parts)]
    if len(ellipses) > 1:
        raise ShapeError(f"{x}: an index can contain only one '...'. Received: {len(ellipses)}")
    position = ellipses[0]
    is_separated = used == x.ndim and _separates(parts, position)
    parts[position : position + 1] = [FULL_SLICE] * (x.ndim - used)
    result: list[int | Slice | IndexArrayMarker | None] = []
    arrays: list[Expr] = []
    axis = 0
    for part in parts:
        if isinstance(part, np.ndarray) and part.dtype == bool:
            part_arrays = _mask_to_indices(x, part, axis)
        elif isinstance(part, (np.ndarray, Expr)):
            part_arrays = [as_expr(part)]
        else:
            part_arrays = []
        result += [ARRAY] * len(part_arrays) or [part]
        arrays += part_arrays
        axis += count_axes(part)
    return tuple(result), arrays, is_separated


def _is_normalized(x: Expr, index: object) -> TypeGuard[Index]:
    return (
        type(index) is tuple
        and sum(p is not None for p in index) == x.ndim
        and all(p is None or p is ARRAY or type(p) is int or type(p) is Slice for p in index)
    )


def _separates(parts: Sequence[object], position: int) -> bool:
    """Tell whether index arrays on both sides of a position would be adjacent without it, behind another axis."""
    indexed = [p for p, part in enumerate(parts) if not (part is None or isinstance(part, Slice) or p == position)]
    adjacent = bool(indexed) and indexed[-1] - indexed[0] == len(indexed)
    only_integers = all(isinstance(parts[p], int) for p in indexed)
    return adjacent and indexed[0] < position < indexed[-1] and indexed[0] > 0 and not only_integers


def count_axes(part: object) -> int:
    if isinstance(part, np.ndarray) and part.dtype == bool:
        return part.ndim
    return int(part is not None and part is not Ellipsis)


def _normalize_part(x: Expr, part: Any) -> Any:
    """Convert one part of an index to a `Slice`, an integer, an array, an expression, None or ``...``."""
    if part is None or part is Ellipsis or part is ARRAY or isinstance(part, Slice):
        return part
    if isinstance(part, slice):
        if isinstance(part.step, int) and part.step == 0:
            raise ShapeError(f"{x}: the step of a slice cannot be 0. Received: {part}")
        return Slice(*(_normalize_bound(x, v) for v in (part.start, part.stop, part.step)))
    if isinstance(part, Constant) and part.dtype == bool:
        part = part.value
    if isinstance(part, Expr):
        return _check_index_array(x, part)
    if isinstance(part, (list, tuple, range)):
        part = np.asarray(part) if len(part) else np.zeros(0, int)
    if isinstance(part, np.ndarray) and part.ndim and part.dtype.kind in "biu":
        return part
    try:
        if isinstance(part, (bool, np.bool_)):
            raise TypeError
        return operator.index(part)
    except TypeError:
        raise ShapeError(
            f"{x}: an index consists of integers, slices, None, ... and integer arrays. Received: {part!r}"
        ) from None


def _check_index_array(x: Expr, part: Expr) -> Expr:
    if part.dtype.kind == "b":
        raise DtypeError(
            f"{x} cannot be indexed by the condition {part}: the size of the result depends on values. Use "
            "pel.where(condition, x, other) to select, x.at[condition].set(value) to replace elements, or "
            "x[pel.nonzero(condition)], which compiles a program for each size"
        )
    if part.dtype.kind not in "iu":  # before the message, because printing a large x takes time
        check_integer_indices(part, f"an index of {x}")
    return part


def _normalize_bound(x: Expr, end: Any) -> int | None:
    if isinstance(end, Expr):
        raise ShapeError(
            f"{x}: the bounds of a slice must be integers or sizes, such as x.shape[0] // 2, because they determine "
            f"its size. Received: {end}. For a slice of known size with a computed start use x[start + np.arange(size)]"
        )
    return None if end is None else operator.index(end)


def _mask_to_indices(x: Expr, mask: Array, axis: int) -> list[Expr]:
    """Convert a constant mask to one index array per axis."""
    dims = x.shape[axis : axis + mask.ndim]
    if dims != mask.shape:
        raise ShapeError(
            f"{format_operand(x)}, cannot be indexed by a boolean array of shape {format_shape(mask.shape)} in axis "
            f"{axis}: the sizes must be known and equal"
        )
    return [as_expr(indices) for indices in np.nonzero(mask)]


def check_integer_indices(indices: Any, context: str) -> None:
    if indices.dtype.kind not in "iu":
        raise DtypeError(
            f"{context}: expected integer indices. Received: {brief(indices)}, which is {indices.dtype}; cast it: "
            f"pel.cast({brief(indices)}, 'int32')"
        ).with_operands([indices])


def as_indices(indices: Operand, context: str) -> Expr:
    """Convert indices to an expression and check that they are integers."""
    result = as_expr(np.asarray(indices) if isinstance(indices, (int, list, tuple)) else indices)
    check_integer_indices(result, context)
    return result


def to_numpy_index(index: Index, arrays: Sequence[ArrayValue] = ()) -> tuple[Any, ...]:
    remaining = iter(arrays)
    return tuple(slice(*p) if isinstance(p, Slice) else next(remaining) if p is ARRAY else p for p in index)


def to_jax_index(x: Array | JaxArray, index: Index, arrays: Sequence[Array | JaxArray]) -> tuple[Any, ...]:
    """Convert to an index for JAX; raise IndexError for constant indices out of bounds, which JAX does not check."""
    check_integer_bounds(x, index)
    for axis, array in zip(get_array_axes(index), arrays, strict=True):
        size = x.shape[axis]
        if is_constant(array) and array.size and not (-size <= array.min() and array.max() < size):
            wrong = array.max() if array.max() >= size else array.min()
            raise IndexError(f"index {wrong} is out of bounds: axis {axis} has {size} elements")
    # JAX adds the axis size to negative indices in the dtype of the index, where int8 and int16 would overflow.
    return to_numpy_index(index, [a.astype("int32") if a.dtype.itemsize < 4 else a for a in arrays])


def is_constant(array: object) -> TypeGuard[Array]:
    """Whether an index array is a constant of the program being compiled, not a traced value."""
    return isinstance(array, np.ndarray)


def get_array_axes(index: Index) -> list[int]:
    return [axis for axis, part in enumerate(p for p in index if p is not None) if part is ARRAY]


def check_integer_bounds(x: ArrayValue, index: Index) -> None:
    """Raise IndexError for an integer out of bounds, which some array libraries clamp instead."""
    for axis, part in enumerate(p for p in index if p is not None):
        if isinstance(part, int) and not -x.shape[axis] <= part < x.shape[axis]:
            raise IndexError(f"index {part} is out of bounds: axis {axis} has {x.shape[axis]} elements")


def infer_indexed(x: Expr, index: Index, arrays: Any = ()) -> Type:
    """Infer the type of ``x[index]``.

    As in NumPy, index arrays broadcast. Their axes replace the indexed ones, or come first if a slice or None separates
    two of the arrays.
    """
    common = _broadcast_index_arrays(x, arrays)
    indexed = [position for position, part in enumerate(index) if part is ARRAY or isinstance(part, int)]
    adjacent = not arrays or indexed[-1] - indexed[0] < len(indexed)
    shape: list[Dim] = []
    axis = start = 0
    for position, part in enumerate(index):
        if arrays and adjacent and position == indexed[0]:
            start = len(shape)
        if part is None:
            shape.append(1)
            continue
        dim = x.shape[axis]
        if part == FULL_SLICE:
            shape.append(dim)
        elif isinstance(part, Slice):
            shape.append(
                len(range(*slice(*part).indices(dim))) if isinstance(dim, int) else infer_slice_length(dim, *part)
            )
        elif isinstance(part, int):
            _check_bounds(x, part, part, axis)
        axis += 1
    shape[start:start] = common
    for axis, array in zip(get_array_axes(index), arrays, strict=True):
        if isinstance(array, Constant) and array.value.size:
            _check_bounds(x, array.value.min(), array.value.max(), axis)
    return Type(tuple(shape), x.dtype)


def _broadcast_index_arrays(x: Expr, arrays: Sequence[Expr]) -> Shape:
    common = broadcast([a.shape for a in arrays])
    if isinstance(common, ShapeMismatch):
        shapes = " and ".join(format_shape(a.shape) for a in arrays)
        raise ShapeError(
            f"{x}: the index arrays must broadcast. Received: shapes {shapes}, where dimension {common.axis} is "
            f"{common.left} in one and {common.right} in another"
        )
    return common


def _check_bounds(x: Expr, low: int, high: int, axis: int) -> None:
    dim = x.shape[axis]
    if isinstance(dim, int) and not (-dim <= low and high < dim):
        wrong = high if high >= dim else low
        raise ShapeError(
            f"{format_operand(x)}: index {wrong} is out of bounds for axis {axis} with size {dim}. Indices start at 0"
        ).with_operands([x])


def format_index(index: Sequence[object], arrays: Sequence[PrintedOperand], none: str = "None") -> list[TemplatePiece]:
    """Print an index without trailing full slices."""
    parts = list(index)
    while len(parts) > 1 and parts[-1] == FULL_SLICE:
        parts.pop()
    remaining = iter(arrays)
    pieces: list[TemplatePiece] = []
    for part in parts:
        pieces += [", "] if pieces else []
        pieces.append((next(remaining), 0) if part is ARRAY else none if part is None else str(part))
    return pieces


def normalize_array_index(x: Expr, indices: Sequence[Expr], index: IndexKey | Index) -> OpSettings:
    """Normalize the index setting of an op with index arrays, which by default index the leading axes."""
    parts = normalize_index(x, index or (ARRAY,) * len(indices))[0]
    if parts.count(ARRAY) != len(indices):
        raise ShapeError(f"{x}: expected {parts.count(ARRAY)} index arrays. Received: {len(indices)}")
    return {"index": parts}
