"""Shapes and orders that undo one another, and sizes that are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.expr import Constant, Expr, Input, constant
from pellucid.graph.operators import write
from pellucid.graph.ops.elementwise import add, cast, multiply, subtract, true_divide
from pellucid.graph.ops.index_spec import Slice
from pellucid.graph.ops.indexing import slice_
from pellucid.graph.ops.minmax_where import where
from pellucid.graph.ops.permute import flip, transpose
from pellucid.graph.ops.reductions import sum
from pellucid.graph.ops.reshape import broadcast_like, expand_dims, reshape, reshape_like, size, squeeze
from pellucid.graph.rewrite_rule import Rule, rule
from pellucid.graph.types import Unknown, covers


def _cube(rng: Any) -> Any:
    return rng.uniform(0.5, 2, (2, 3, 4))


@rule("shapes", examples=lambda rng: (_cube(rng), (1, 2, 0), (2, 0, 1)))
def transpose_transpose(x: Any, first: Any, then: Any) -> Any:
    def both(x: Expr, first: Any, then: Any) -> Expr:
        axes = tuple(first[a] for a in then)
        return x if axes == tuple(range(x.ndim)) else transpose(x, axes)

    return transpose(transpose(x, axes=first), axes=then), both


@rule("shapes", examples=lambda rng: (_cube(rng), (0, 1, 2)))
def transpose_nothing(x: Any, axes: Any) -> Any:
    return transpose(x, axes=axes), lambda x, axes: x if axes == tuple(range(x.ndim)) else None


@rule("shapes", examples=lambda rng: (_cube(rng), (1,)))
def squeeze_expanded(x: Any, axis: Any) -> Any:
    return squeeze(expand_dims(x, axis=axis), axis=axis), x


@rule("shapes", examples=lambda rng: (_cube(rng)[:, :1], (1,)))
def expand_squeezed(x: Any, axis: Any) -> Any:
    return expand_dims(squeeze(x, axis=axis), axis=axis), x


@rule("shapes", examples=lambda rng: (_cube(rng), (1,)))
def sum_kept(x: Any, axis: Any) -> Any:
    return expand_dims(sum(x, axis=axis, keepdims=False), axis=axis), lambda x, axis: sum(x, axis=axis, keepdims=True)


def _whole(part: Any) -> bool:
    return isinstance(part, Slice) and part == Slice(None, None, None)


@rule("shapes", examples=lambda rng: (_cube(rng), (Slice(None, None, None), None)))
def index_expands(x: Any, index: Any) -> Any:
    """An index of whole axes and new ones only adds axes."""

    def expanded(x: Expr, index: Any) -> Expr | None:
        if not all(part is None or _whole(part) for part in index):
            return None
        new = tuple(place for place, part in enumerate(index) if part is None)
        return expand_dims(x, new) if new else x

    return slice_(x, index=index), expanded


@rule("shapes", examples=lambda rng: (_cube(rng)[:, :1], (Slice(None, None, None), 0)))
def index_squeezes(x: Any, index: Any) -> Any:
    """An index of whole axes and of the one element of axes of length 1 only takes axes away."""

    def squeezed(x: Expr, index: Any) -> Expr | None:
        if not all(_whole(part) or (isinstance(part, int) and x.shape[place] == 1) for place, part in enumerate(index)):
            return None
        taken = tuple(place for place, part in enumerate(index) if isinstance(part, int))
        return write("squeeze", x, axis=taken)

    return slice_(x, index=index), squeezed


@rule("shapes", examples=lambda rng: (_cube(rng), (6, 4), (3, 8)))
def reshape_reshape(x: Any, first: Any, then: Any) -> Any:
    def at_once(x: Expr, first: Any, then: Any) -> Expr | None:
        # What was open twice, one size at a time, is not known in one step.
        return reshape(x, then) if len([d for d in then if isinstance(d, str) and d not in x.shape]) < 2 else None

    return reshape(reshape(x, shape=first), shape=then), at_once


@rule("shapes", examples=lambda rng: (_cube(rng), (2, 3, 4)))
def reshape_nothing(x: Any, shape: Any) -> Any:
    return reshape(x, shape=shape), lambda x, shape: x if x.shape == shape else None


def _without_ones(shape: Any) -> list[Any]:
    return [d for d in shape if d != 1]


@rule("shapes", examples=lambda rng: (_cube(rng), (2, 1, 3, 4, 1)))
def reshape_expands(x: Any, shape: Any) -> Any:
    """A new shape that differs by axes of length 1 only adds axes."""

    def expanded(x: Expr, shape: Any) -> Expr | None:
        if 1 in x.shape or len(shape) == x.ndim or _without_ones(shape) != list(x.shape):
            return None
        return write("expand_dims", x, axis=tuple(place for place, d in enumerate(shape) if d == 1))

    return reshape(x, shape=shape), expanded


@rule("shapes", examples=lambda rng: (_cube(rng)[:, :1], (2, 4)))
def reshape_squeezes(x: Any, shape: Any) -> Any:
    """A new shape that lacks the axes of length 1 only takes axes away."""

    def squeezed(x: Expr, shape: Any) -> Expr | None:
        if 1 in shape or len(shape) == x.ndim or _without_ones(x.shape) != list(shape):
            return None
        return write("squeeze", x)

    return reshape(x, shape=shape), squeezed


@rule("shapes", examples=lambda rng: (_cube(rng), rng.uniform(1, 2, 3), (2, 0, 1), (1, 2, 0)))
def transpose_to_divide(x: Any, y: Any, there: Any, back: Any) -> Any:
    """Rows divided by numbers of their own by turning a matrix twice: ``(x.T / y).T`` is ``x / y[:, None]``."""

    def divided(x: Expr, y: Expr, there: Any, back: Any) -> Expr | None:
        if y.ndim != 1 or tuple(there[a] for a in back) != tuple(range(x.ndim)):
            return None
        return x / write("expand_dims", y, axis=tuple(a for a in range(x.ndim) if a != there[-1]))

    return transpose(transpose(x, axes=there) / y, axes=back), divided


@rule("shapes", examples=lambda rng: (_cube(rng), _cube(rng)))
def reshape_like_nothing(x: Any, y: Any) -> Any:
    return reshape_like(x, y), lambda x, y: x if covers(x.shape, y.shape) else None


@rule("shapes", examples=lambda rng: (_cube(rng), (1,)))
def flip_flip(x: Any, axis: Any) -> Any:
    return flip(flip(x, axis=axis), axis=axis), x


@rule("shapes", examples=lambda rng: (_cube(rng), _cube(rng)))
def broadcast_nothing(x: Any, y: Any) -> Any:
    return broadcast_like(x, y), lambda x, y: x if covers(x.shape, y.shape) else None


def open_beside(y: Expr) -> Any:
    """Tell of an operand whether it has an unknown size where the result has another, so that they must yet agree."""

    def is_open(operand: Expr) -> bool:
        pairs = zip(operand.shape[::-1], y.shape[::-1], strict=False)
        return any(isinstance(dim, Unknown) and dim != other for dim, other in pairs)

    return is_open


@rule("shapes", examples=lambda rng: (np.array(1.5), np.tanh(Input("y", (3, 4), "float64"))))
def broadcast_like_operand(x: Any, y: Any) -> Any:
    """Take the shape from what an elementwise result is made of, so that the result need not be there for it."""

    def simpler(x: Expr, y: Expr) -> Expr | None:
        if y.op is None or not y.op.elementwise or any(map(open_beside(y), y.inputs)):
            return None
        likes = [i for i in y.inputs if i.shape == y.shape and not isinstance(i, Constant)]
        return broadcast_like(x, likes[0]) if likes else None

    return broadcast_like(x, y), simpler


@rule("shapes", examples=lambda rng: (rng.uniform(1, 2, (4,)), rng.uniform(1, 2, (3, 4)), rng.uniform(1, 2, (2, 3, 4))))
def broadcast_broadcast(x: Any, y: Any, z: Any) -> Any:
    return broadcast_like(broadcast_like(x, y), z), broadcast_like(x, z)


def _small(rng: Any) -> tuple[Any, Any]:
    return np.array(1.5), rng.uniform(1, 2, (3, 4))


@rule("shapes", examples=lambda rng: (*_small(rng), (1,)))
def expand_broadcast(x: Any, y: Any, axis: Any) -> Any:
    wide = expand_dims(broadcast_like(x, y), axis=axis)
    return wide, lambda x, y, axis: broadcast_like(x, expand_dims(y, axis)) if x.ndim == 0 else None


@rule("shapes", examples=lambda rng: (np.array(1.5), rng.uniform(1, 2, (3, 1)), (1,)))
def squeeze_broadcast(x: Any, y: Any, axis: Any) -> Any:
    wide = squeeze(broadcast_like(x, y), axis=axis)
    return wide, lambda x, y, axis: broadcast_like(x, squeeze(y, axis)) if x.ndim == 0 else None


@rule("shapes", examples=lambda rng: (*_small(rng), (1, 0)))
def transpose_broadcast(x: Any, y: Any, axes: Any) -> Any:
    wide = transpose(broadcast_like(x, y), axes=axes)
    return wide, lambda x, y, axes: broadcast_like(x, transpose(y, axes)) if x.ndim == 0 else None


@rule("shapes", examples=lambda rng: (*_small(rng), rng.uniform(1, 2, (2, 6))))
def reshape_broadcast(x: Any, y: Any, z: Any) -> Any:
    wide = reshape_like(broadcast_like(x, y), z)
    return wide, lambda x, y, z: broadcast_like(x, z) if x.ndim == 0 else None


@rule("shapes", examples=_small)
def negative_broadcast(x: Any, y: Any) -> Any:
    return -broadcast_like(x, y), broadcast_like(-x, y)


@rule("shapes", examples=lambda rng: (*_small(rng), 3.0))
def multiply_broadcast_number(x: Any, y: Any, c: Any) -> Any:
    wide = broadcast_like(x, y) * c
    return wide, lambda x, y, c: broadcast_like(x * c, y) if x.ndim == c.ndim == 0 else None


@rule("shapes", examples=lambda rng: (*_small(rng), 3.0))
def divide_broadcast_number(x: Any, y: Any, c: Any) -> Any:
    wide = broadcast_like(x, y) / c
    return wide, lambda x, y, c: broadcast_like(x / c, y) if x.ndim == c.ndim == 0 else None


def _lazily(op: Any, name: str, swapped: bool = False) -> Rule:
    """Make the rule that an elementwise op broadcasts by itself: ``broadcast_like(x, y) * z`` is ``x * z``."""

    def lazily(x: Any, y: Any, z: Any) -> Any:
        wide = broadcast_like(x, y)
        return (op(z, wide), op(z, x)) if swapped else (op(wide, z), op(x, z))

    lazily.__name__ = name
    return rule("shapes", examples=lambda rng: (np.array(1.5), rng.uniform(1, 2, (3, 4)), rng.uniform(1, 2, (3, 4))))(
        lazily
    )


multiply_broadcast = _lazily(multiply, "multiply_broadcast")
add_broadcast = _lazily(add, "add_broadcast")
subtract_broadcast = _lazily(subtract, "subtract_broadcast")
subtract_from_broadcast = _lazily(subtract, "subtract_from_broadcast", swapped=True)
divide_broadcast = _lazily(true_divide, "divide_broadcast")
divide_by_broadcast = _lazily(true_divide, "divide_by_broadcast", swapped=True)


@rule("shapes", examples=lambda rng: (rng.normal(size=(3, 4)) > 0, np.array(1.5), _cube(rng)[0], _cube(rng)[0]))
def where_broadcast(c: Any, x: Any, y: Any, z: Any) -> Any:
    return where(c, broadcast_like(x, y), z), where(c, x, z)


@rule("shapes", examples=lambda rng: (_cube(rng), (1,), np.dtype("float32")))
def known_size(x: Any, axis: Any, dtype: Any) -> Any:
    def known(x: Expr, axis: Any, dtype: Any) -> Expr | None:
        sizes = [x.shape[a] for a in axis]
        return constant(int(np.prod(sizes)), dtype) if all(isinstance(s, int) for s in sizes) else None

    return size(x, axis=axis, dtype=dtype), known


@rule("shapes", examples=lambda rng: (np.tanh(Input("y", ("n", 3), "float64")), (0,), np.dtype("float32")))
def size_of_operand(x: Any, axis: Any, dtype: Any) -> Any:
    """Ask an operand for a named size, since equal names are equal sizes, so that nothing is computed for it."""

    def asked(x: Expr, axis: Any, dtype: Any) -> Expr | None:
        name = x.shape[axis[0]] if len(axis) == 1 else None
        places = [(i, a) for i in x.inputs for a, dim in enumerate(i.shape) if dim == name]
        return size(places[0][0], axis=places[0][1], dtype=dtype) if isinstance(name, str) and places else None

    return size(x, axis=axis, dtype=dtype), asked


@rule("shapes", examples=lambda rng: (_cube(rng), np.dtype("float64")))
def cast_nothing(x: Any, dtype: Any) -> Any:
    return cast(x, dtype=dtype), lambda x, dtype: x if x.dtype == dtype else None


@rule("shapes", examples=lambda rng: (rng.uniform(1, 2, 4).astype("float32"), np.dtype("float64"), np.dtype("float32")))
def cast_there_and_back(x: Any, wide: Any, narrow: Any) -> Any:
    def back(x: Expr, wide: Any, narrow: Any) -> Expr | None:
        return x if x.dtype == narrow and np.can_cast(narrow, wide, "safe") else None

    return cast(cast(x, dtype=wide), dtype=narrow), back
