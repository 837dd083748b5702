"""Simplification of changes of shape, permutations, broadcasts, sizes and casts, and of last states of loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.expr import Constant, Expr, Input, constant, is_compatible_shape
from pellucid.graph.op import OUTPUT, get_result
from pellucid.graph.operators import call_op
from pellucid.graph.ops.elementwise import add, cast, multiply, subtract, true_divide
from pellucid.graph.ops.index_spec import FULL_SLICE, Index
from pellucid.graph.ops.indexing import slice_
from pellucid.graph.ops.permute import flip, transpose
from pellucid.graph.ops.reductions import sum
from pellucid.graph.ops.reshape import broadcast_like, expand_dims, reshape, reshape_like, size, squeeze
from pellucid.graph.ops.scan import scan
from pellucid.graph.ops.scan_primitive import scan_loop
from pellucid.graph.ops.symbolic_sizes import has_values
from pellucid.graph.ops.where import where
from pellucid.graph.pattern import Pattern
from pellucid.graph.rewrite_rule import RulePair, rule
from pellucid.graph.rules.example_operands import draw_tensor
from pellucid.graph.types import DType, Shape, is_computed


@rule("shapes", examples=lambda rng: (draw_tensor(rng), (1, 2, 0), (2, 0, 1)))
def transpose_transpose(x: Expr, first: tuple[int, ...], then: tuple[int, ...]) -> RulePair:
    def merge(x: Expr, first: tuple[int, ...], then: tuple[int, ...]) -> Expr:
        axes = tuple(first[a] for a in then)
        return x if axes == tuple(range(x.ndim)) else transpose(x, axes)

    return transpose(transpose(x, axes=first), axes=then), merge


@rule("shapes", examples=lambda rng: (draw_tensor(rng), (0, 1, 2)))
def transpose_to_same_order(x: Expr, axes: tuple[int, ...]) -> RulePair:
    return transpose(x, axes=axes), lambda x, axes: x if axes == tuple(range(x.ndim)) else None


@rule("shapes", examples=lambda rng: (draw_tensor(rng), (1,)))
def squeeze_expanded(x: Expr, axis: tuple[int, ...]) -> RulePair:
    return squeeze(expand_dims(x, axis=axis), axis=axis), x


@rule("shapes", examples=lambda rng: (draw_tensor(rng)[:, :1], (1,)))
def expand_squeezed(x: Expr, axis: tuple[int, ...]) -> RulePair:
    return expand_dims(squeeze(x, axis=axis), axis=axis), x


@rule("shapes", examples=lambda rng: (draw_tensor(rng), (1,)))
def sum_keepdims(x: Expr, axis: tuple[int, ...]) -> RulePair:
    return expand_dims(sum(x, axis=axis, keepdims=False), axis=axis), lambda x, axis: sum(x, axis=axis, keepdims=True)


@rule("shapes", examples=lambda rng: (draw_tensor(rng), (FULL_SLICE, None)))
def slice_as_expand_dims(x: Expr, index: Index) -> RulePair:
    def insert_axes(x: Expr, index: Index) -> Expr | None:
        if not all(part is None or part == FULL_SLICE for part in index):
            return None
        new = tuple(axis for axis, part in enumerate(index) if part is None)
        return expand_dims(x, new) if new else x

    return slice_(x, index=index), insert_axes


@rule("shapes", examples=lambda rng: (draw_tensor(rng)[:, :1], (FULL_SLICE, 0)))
def slice_as_squeeze(x: Expr, index: Index) -> RulePair:
    def drop_axes(x: Expr, index: Index) -> Expr | None:
        if None in index:
            return None
        taken = tuple(axis for axis, part in enumerate(index) if isinstance(part, int) and x.shape[axis] == 1)
        is_squeeze = all(axis in taken or part == FULL_SLICE for axis, part in enumerate(index))
        return call_op("squeeze", x, axis=taken) if is_squeeze else None

    return slice_(x, index=index), drop_axes


@rule("shapes", examples=lambda rng: (draw_tensor(rng), (6, 4), (3, 8)))
def reshape_reshape(x: Expr, first: Shape, then: Shape) -> RulePair:
    def merge(x: Expr, first: Shape, then: Shape) -> Expr | None:
        # Each reshape may have one unknown size; the merged reshape must not have two.
        return reshape(x, then) if len([d for d in then if isinstance(d, str) and d not in x.shape]) < 2 else None

    return reshape(reshape(x, shape=first), shape=then), merge


@rule("shapes", examples=lambda rng: (draw_tensor(rng), (2, 3, 4)))
def reshape_to_same_shape(x: Expr, shape: Shape) -> RulePair:
    return reshape(x, shape=shape), lambda x, shape: x if x.shape == shape else None


def _without_ones(shape: Shape) -> list[Any]:
    return [d for d in shape if d != 1]


@rule("shapes", examples=lambda rng: (draw_tensor(rng), (2, 1, 3, 4, 1)))
def reshape_as_expand_dims(x: Expr, shape: Shape) -> RulePair:
    def insert_axes(x: Expr, shape: Shape) -> Expr | None:
        if 1 in x.shape or len(shape) == x.ndim or _without_ones(shape) != list(x.shape):
            return None
        return call_op("expand_dims", x, axis=tuple(axis for axis, d in enumerate(shape) if d == 1))

    return reshape(x, shape=shape), insert_axes


@rule("shapes", examples=lambda rng: (draw_tensor(rng)[:, :1], (2, 4)))
def reshape_as_squeeze(x: Expr, shape: Shape) -> RulePair:
    def drop_axes(x: Expr, shape: Shape) -> Expr | None:
        if 1 in shape or len(shape) == x.ndim or _without_ones(x.shape) != list(shape):
            return None
        return call_op("squeeze", x)

    return reshape(x, shape=shape), drop_axes


@rule("shapes", examples=lambda rng: (draw_tensor(rng), rng.uniform(1, 2, 3), (2, 0, 1), (1, 2, 0)))
def divide_rows_by_transposes(x: Expr, y: Expr, there: tuple[int, ...], back: tuple[int, ...]) -> RulePair:
    """Rewrite ``(x.T / y).T`` as ``x / y[:, None]``."""

    def divide_rows(x: Expr, y: Expr, there: tuple[int, ...], back: tuple[int, ...]) -> Expr | None:
        if y.ndim != 1 or tuple(there[a] for a in back) != tuple(range(x.ndim)):
            return None
        return x / call_op("expand_dims", y, axis=tuple(a for a in range(x.ndim) if a != there[-1]))

    return transpose(transpose(x, axes=there) / y, axes=back), divide_rows


@rule("shapes", examples=lambda rng: (draw_tensor(rng), draw_tensor(rng)))
def reshape_like_same_shape(x: Expr, y: Expr) -> RulePair:
    def keep(x: Expr, y: Expr) -> Expr | None:
        # Numbers of elements are equal, so one size may be unknown. With more, (?, ?) may be (2, 3) and become (1, 6).
        # A known size that becomes unknown stays unknown: (?,) + (3,) is a sum, and (n,) + (3,) is refused.
        different = [(a, b) for a, b in zip(x.shape, y.shape, strict=False) if a != b]
        # The program has to compare a size that is a value.
        forgets = any(is_computed(b) and not is_computed(a) for a, b in different) or has_values(
            b for _, b in different
        )
        return x if len(different) < 2 and not forgets and is_compatible_shape(x.shape, y.shape) else None

    return reshape_like(x, y), keep


@rule("shapes", examples=lambda rng: (draw_tensor(rng), (1,)))
def flip_flip(x: Expr, axis: tuple[int, ...]) -> RulePair:
    return flip(flip(x, axis=axis), axis=axis), x


@rule("shapes", examples=lambda rng: (draw_tensor(rng), draw_tensor(rng)))
def broadcast_like_same_shape(x: Expr, y: Expr) -> RulePair:
    # A size that is declared in another way is compared when the program runs.
    return broadcast_like(x, y), lambda x, y: x if x.shape == y.shape else None


def _has_unchecked_size(operand: Expr, y: Expr) -> bool:
    """Return whether an operand has an unknown or computed size, which only the run-time check of ``y`` compares."""
    pairs = zip(operand.shape[::-1], y.shape[::-1], strict=False)
    return any(is_computed(dim) and dim != other for dim, other in pairs)


@rule("shapes", examples=lambda rng: (np.array(1.5), np.tanh(Input("y", (3, 4), "float64"))))
def broadcast_like_operand(x: Expr, y: Expr) -> RulePair:
    """Take the shape from an operand of an elementwise op, so that the op need not be computed for its shape."""

    def use_operand_shape(x: Expr, y: Expr) -> Expr | None:
        if y.op is None or not y.op.elementwise or any(_has_unchecked_size(i, y) for i in y.inputs):
            return None
        likes = [i for i in y.inputs if i.shape == y.shape and not isinstance(i, Constant)]
        return broadcast_like(x, likes[0]) if likes else None

    return broadcast_like(x, y), use_operand_shape


@rule("shapes", examples=lambda rng: (rng.uniform(1, 2, (4,)), rng.uniform(1, 2, (3, 4)), rng.uniform(1, 2, (2, 3, 4))))
def broadcast_broadcast(x: Expr, y: Expr, z: Expr) -> RulePair:
    wide = broadcast_like(broadcast_like(x, y), z)
    return wide, lambda x, y, z: broadcast_like(x, z) if is_redundant_broadcast(x, y, z) else None


def _draw_scalar_and_matrix(rng: np.random.Generator) -> tuple[Any, Any]:
    return np.array(1.5), rng.uniform(1, 2, (3, 4))


@rule("shapes", examples=lambda rng: (*_draw_scalar_and_matrix(rng), (1,)))
def expand_broadcast(x: Expr, y: Expr, axis: tuple[int, ...]) -> RulePair:
    wide = expand_dims(broadcast_like(x, y), axis=axis)
    return wide, lambda x, y, axis: broadcast_like(x, expand_dims(y, axis)) if x.ndim == 0 else None


@rule("shapes", examples=lambda rng: (np.array(1.5), rng.uniform(1, 2, (3, 1)), (1,)))
def squeeze_broadcast(x: Expr, y: Expr, axis: tuple[int, ...]) -> RulePair:
    wide = squeeze(broadcast_like(x, y), axis=axis)
    return wide, lambda x, y, axis: broadcast_like(x, squeeze(y, axis)) if x.ndim == 0 else None


@rule("shapes", examples=lambda rng: (*_draw_scalar_and_matrix(rng), (1, 0)))
def transpose_broadcast(x: Expr, y: Expr, axes: tuple[int, ...]) -> RulePair:
    wide = transpose(broadcast_like(x, y), axes=axes)
    return wide, lambda x, y, axes: broadcast_like(x, transpose(y, axes)) if x.ndim == 0 else None


@rule("shapes", examples=lambda rng: (*_draw_scalar_and_matrix(rng), rng.uniform(1, 2, (2, 6))))
def reshape_broadcast(x: Expr, y: Expr, z: Expr) -> RulePair:
    wide = reshape_like(broadcast_like(x, y), z)
    return wide, lambda x, y, z: broadcast_like(x, z) if x.ndim == 0 else None


@rule("shapes", examples=_draw_scalar_and_matrix)
def negative_broadcast(x: Expr, y: Expr) -> RulePair:
    return -broadcast_like(x, y), broadcast_like(-x, y)


@rule("shapes", examples=lambda rng: (*_draw_scalar_and_matrix(rng), 3.0))
def multiply_broadcast_number(x: Expr, y: Expr, c: Expr) -> RulePair:
    wide = broadcast_like(x, y) * c
    return wide, lambda x, y, c: broadcast_like(x * c, y) if x.ndim == c.ndim == 0 else None


@rule("shapes", examples=lambda rng: (*_draw_scalar_and_matrix(rng), 3.0))
def divide_broadcast_number(x: Expr, y: Expr, c: Expr) -> RulePair:
    wide = broadcast_like(x, y) / c
    return wide, lambda x, y, c: broadcast_like(x / c, y) if x.ndim == c.ndim == 0 else None


def is_redundant_broadcast(x: Expr, y: Expr, *others: Expr) -> bool:
    """Tell whether an elementwise op of ``broadcast_like(x, y)`` has the same shape and checks for ``x``."""
    for k, dim in enumerate(y.shape[::-1]):
        found = [e.shape[-1 - k] for e in (x, *others) if e.ndim > k]
        if dim not in (1, *found) or (x.ndim > k and found[0] not in (1, dim)):
            return False
    return True


def _add_broadcast_rule(op: Any, name: str, swapped: bool = False) -> None:
    """Register the rule that drops a broadcast before an elementwise op: ``broadcast_like(x, y) * z`` is ``x * z``."""

    def drop_broadcast(x: Expr, y: Expr, z: Expr) -> RulePair:
        def drop(x: Expr, y: Expr, z: Expr) -> Expr | None:
            if not is_redundant_broadcast(x, y, z):
                return None
            found: Expr = op(z, x) if swapped else op(x, z)
            return found

        wide = broadcast_like(x, y)
        return op(z, wide) if swapped else op(wide, z), drop

    drop_broadcast.__name__ = name
    rule("shapes", examples=lambda rng: (*_draw_scalar_and_matrix(rng), rng.uniform(1, 2, (3, 4))))(drop_broadcast)


_add_broadcast_rule(multiply, "multiply_broadcast")
_add_broadcast_rule(add, "add_broadcast")
_add_broadcast_rule(subtract, "subtract_broadcast")
_add_broadcast_rule(subtract, "subtract_from_broadcast", swapped=True)
_add_broadcast_rule(true_divide, "divide_broadcast")
_add_broadcast_rule(true_divide, "divide_by_broadcast", swapped=True)


@rule(
    "shapes",
    examples=lambda rng: (rng.normal(size=(3, 4)) > 0, np.array(1.5), draw_tensor(rng)[0], draw_tensor(rng)[0]),
)
def where_broadcast(c: Expr, x: Expr, y: Expr, z: Expr) -> RulePair:
    wide = where(c, broadcast_like(x, y), z)
    return wide, lambda c, x, y, z: where(c, x, z) if is_redundant_broadcast(x, y, c, z) else None


@rule("shapes", examples=lambda rng: (draw_tensor(rng), (1,), np.dtype("float32")))
def fold_size(x: Expr, axis: tuple[int, ...], dtype: DType) -> RulePair:
    def fold(x: Expr, axis: tuple[int, ...], dtype: DType) -> Expr | None:
        sizes = [d for a in axis if isinstance(d := x.shape[a], int)]
        return constant(int(np.prod(sizes)), dtype) if len(sizes) == len(axis) else None

    return size(x, axis=axis, dtype=dtype), fold


@rule("shapes", examples=lambda rng: (np.tanh(Input("y", ("n", 3), "float64")), (0,), np.dtype("float32")))
def size_of_operand(x: Expr, axis: tuple[int, ...], dtype: DType) -> RulePair:
    """Read a named size from an operand, which has an axis of the same name, so that ``x`` need not be computed."""

    def read_from_operand(x: Expr, axis: tuple[int, ...], dtype: DType) -> Expr | None:
        name = x.shape[axis[0]] if len(axis) == 1 else None
        sources = [(i, a) for i in x.inputs for a, dim in enumerate(i.shape) if dim == name]
        return size(sources[0][0], axis=sources[0][1], dtype=dtype) if isinstance(name, str) and sources else None

    return size(x, axis=axis, dtype=dtype), read_from_operand


@rule("shapes", examples=lambda rng: (draw_tensor(rng), np.dtype("float64")))
def cast_to_same_dtype(x: Expr, dtype: DType) -> RulePair:
    return cast(x, dtype=dtype), lambda x, dtype: x if x.dtype == dtype else None


@rule("shapes", examples=lambda rng: (rng.uniform(1, 2, 4).astype("float32"), np.dtype("float64"), np.dtype("float32")))
def cast_round_trip(x: Expr, wide: DType, narrow: DType) -> RulePair:
    def drop_casts(x: Expr, wide: DType, narrow: DType) -> Expr | None:
        return x if x.dtype == narrow and np.can_cast(narrow, wide, "safe") else None

    return cast(cast(x, dtype=wide), dtype=narrow), drop_casts


# Last states of loops, read without stacking the states of all steps.


def _make_running_sum(rng: np.random.Generator) -> tuple[object, ...]:
    sums = scan(lambda x, s: s + x, constant(rng.uniform(size=5)), constant(np.zeros(())))
    assert isinstance(sums, Expr)
    return sums.inputs[0], 0, (-1,)


@rule("shapes", examples=_make_running_sum)
def last_state(y: Expr, position: int, index: Index) -> RulePair:
    def get_last(y: Expr, position: int, index: Index) -> Expr | None:
        if y.op is not scan_loop.op:
            return None
        settings = y.settings
        kept, states, reverse = (settings[key] for key in ("kept", "states", "reverse"))
        output = kept[position] if position < len(kept) else states
        if output >= states or index[0] != (0 if reverse else -1):
            return None
        state = get_result(y, len(kept) + output)
        return slice_(state, index[1:]) if len(index) > 1 else state

    return Pattern(slice_.op, (Pattern(OUTPUT, (y,), {"index": position}),), {"index": index}), get_last
