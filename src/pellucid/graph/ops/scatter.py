r"""Arrays with some of their elements replaced: what ``x.at[index].set(value)`` and its kin write.

Each of these ops is `gather`'s counterpart, and the gradient of one is written in the others. What happens where an
index is named twice is NumPy's: additions add up, and of several values that are set the last one stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import DtypeError, ShapeError
from pellucid.graph.expr import Constant, Expr
from pellucid.graph.op import Operation, op
from pellucid.graph.operators import call
from pellucid.graph.ops.index_spec import (
    ARRAY,
    Index,
    array_axes,
    array_settings,
    check_positions,
    index_pieces,
    indexed,
    integer_indices,
    real_index,
    traced_index,
)
from pellucid.graph.ops.indexing import part_of
from pellucid.graph.printing import ATOM, Piece, Text
from pellucid.graph.types import Type, Unknown, shape_text, unify


def _placed(x: Expr, values: Expr, *indices: Expr, index: Index) -> Type:
    """Return the type of an array with a part replaced, which is its own."""
    for array in indices:
        integer_indices(array, f"an index of {x}")
    part = indexed(x, index, indices)
    aligned = zip(values.shape[::-1], part.shape[::-1], strict=False)
    if values.ndim > part.ndim or any(a != 1 and unify(a, b) is None for a, b in aligned):
        raise ShapeError(
            f"{values}, of shape {shape_text(values.shape)}, does not broadcast to the part of {x} that it is put in, "
            f"of shape {shape_text(part.shape)}"
        )
    if values.dtype != x.dtype:
        raise DtypeError(f"Expected values of {x.dtype}, as {x} is. Received: {values}, which is {values.dtype}")
    return x.type


def may_repeat(x: Expr, indices: Sequence[Expr], index: Index) -> bool:
    """Tell whether index arrays may name an element twice, as far as is known before the program runs."""
    if all(i.ndim == 0 for i in indices):
        return False
    lengths = [x.shape[axis] for axis in array_axes(index)]
    arrays = []
    for array, length in zip(indices, lengths, strict=True):
        if not isinstance(array, Constant) or not isinstance(length, int):
            return True
        arrays.append(array.value.astype(np.int64) % max(length, 1))
    flat = np.stack([a.ravel() for a in np.broadcast_arrays(*arrays)])
    return bool(np.unique(flat, axis=1).shape[1] < flat.shape[1])


def spread_out(g: Any, values: Expr) -> Any:
    """Undo the broadcasting of values into the part they were put in."""
    open_sizes = any(isinstance(d, Unknown) for d in values.shape)
    return call("sum_like", g, values) if open_sizes or g.shape != values.shape else g


def _form(sign: str) -> Text:
    def tex(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
        x, values, *arrays = operands
        place = index_pieces(settings.get("index") or [ARRAY] * len(arrays), arrays, r"\ast")
        place = place if len(place) == 1 else ["[", *place, "]"]
        return [r"\left. ", (x, ATOM), r" \right|_{", *place, rf" {sign} ", (values, 0), "}"]

    return tex


def _written(method: str) -> Text:
    def text(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
        x, values, *arrays = operands
        place = index_pieces(settings.get("index") or [ARRAY] * len(arrays), arrays)
        return [(x, ATOM), ".at[", *place, f"].{method}(", (values, 0), ")"]

    return text


def _cases(rng: np.random.Generator) -> list[Any]:
    x = rng.normal(size=(4, 3))
    return [
        ((x, rng.normal(size=(3, 3)), np.array([2, 0, 2])), {}),
        ((x, rng.normal(size=2), np.array([3, 1]), np.array([-1, 0])), {}),
        ((x, rng.normal(size=(2, 1))), {"index": slice(1, 3)}),
        ((x, np.array(2.0)), {"index": (0, slice(None, None, -2))}),
        ((x, rng.normal(size=(4, 2)), np.array([1, 1], "int8")), {"index": (slice(None), ARRAY)}),
    ]


def place_op(
    method: str, sign: str, grad: Callable[..., Any], xla: Callable[..., Any] | None = None
) -> Callable[[Callable[..., Any]], Operation]:
    """Make an op that replaces a part of its first operand with the help of its second."""

    def traced(xp: Any, x: Any, values: Any, *indices: Any, index: Index) -> Any:
        return _traced(xp, x, values, indices, index, method)

    return op(
        tex=_form(sign),
        text=_written(method),
        infer=_placed,
        normalize=lambda x, values, *indices, index: array_settings(x, indices, index),
        xla=xla or traced,
        grad=lambda g, y, x, values, *indices, index: [*grad(g, y, x, values, indices, index), *[None] * len(indices)],
        examples=_cases,
        cost=lambda node, size: size(node.inputs[1]),
        behind="at",
    )


def _traced(xp: Any, x: Any, values: Any, indices: Sequence[Any], index: Index, method: str) -> Any:
    places = xp.asarray(x).at[traced_index(x, index, indices)]
    return getattr(places, method)(values)


def _add_grad(g: Any, y: Any, x: Any, values: Any, indices: Any, index: Index) -> tuple[Any, Any]:
    return g, spread_out(part_of(g, index, indices), values)


@place_op("add", r"\overset{+}{\gets}", _add_grad)
def add_at(xp: Any, x: Any, values: Any, *indices: Any, index: Any = ()) -> Any:
    r"""An array with values added to a part of it, :math:`y_k = x_k + \sum_{j : i_j = k} v_j`; what
    ``x.at[i].add(v)`` writes.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x", shape=(3,))
    >>> pel.function([x], x.at[np.array([0, 2, 2])].add(1.0))([0, 0, 0])
    array([1., 0., 2.], dtype=float32)
    """
    return _changed(np.add, x, values, indices, index)


def _changed(ufunc: np.ufunc, x: Any, values: Any, indices: Sequence[Any], index: Index) -> Any:
    check_positions(x, index)
    result = np.array(x)
    ufunc.at(result, real_index(index, indices), values)
    return result


def _set_grad(g: Any, y: Any, x: Any, values: Any, indices: Any, index: Index) -> tuple[Any, Any]:
    zero = np.zeros((), g.dtype)
    arrived = part_of(g, index, indices)
    if may_repeat(x, indices, index):
        arrived = call("where", call("stays_at", x, *indices, index=index), arrived, zero)
    return set_at(g, zero, *indices, index=index), spread_out(arrived, values)


def _set_traced(xp: Any, x: Any, values: Any, *indices: Any, index: Index) -> Any:
    import jax

    if all(i.size == 1 for i in indices) or jax.default_backend() == "cpu":
        return _traced(xp, x, values, indices, index, "set")
    # Elsewhere the order of writing is not fixed, so that of several values only the last is let through.
    chosen = xp.where(_stays(xp, x, indices, index), values, xp.zeros((), x.dtype))
    cleared = _traced(xp, x, xp.zeros((), x.dtype), indices, index, "set")
    return _traced(xp, cleared, chosen, indices, index, "max" if x.dtype == bool else "add")


@place_op("set", r"\gets", _set_grad, _set_traced)
def set_at(xp: Any, x: Any, values: Any, *indices: Any, index: Any = ()) -> Any:
    r"""An array with a part replaced by values, :math:`y_{i_j} = v_j`; what ``x.at[i].set(v)`` writes. Where an
    index is named twice, the last value stays.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x", shape=(3,))
    >>> x.at[1:].set(0.0)
    x.at[1:].set(0)
    >>> pel.function([x], x.at[np.array([0, 0])].set(np.array([7.0, 8.0], "float32")))([1, 2, 3])
    array([8., 2., 3.], dtype=float32)
    """
    check_positions(x, index)
    result = np.array(x)
    result[real_index(index, indices)] = values
    return result


def _stays(xp: Any, like: Any, indices: Sequence[Any], index: Index) -> Any:
    """Tell of every value that is put into an array whether it stays, or is replaced by a later one."""
    places = real_index(index, indices) if xp is np else traced_index(like, index, indices)
    numbers = xp.arange(like.size).reshape(like.shape)[places]
    order = xp.arange(numbers.size)
    last = xp.zeros(like.size, order.dtype)
    if xp is np:
        np.maximum.at(last, numbers.ravel(), order)
    else:
        last = last.at[numbers.ravel()].max(order)
    return last[numbers] == order.reshape(numbers.shape)


def _stays_text(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
    x, *arrays = operands
    return ["stays_at(", (x, ATOM), "[", *index_pieces(settings.get("index") or [ARRAY] * len(arrays), arrays), "])"]


@op(
    text=_stays_text,
    infer=lambda like, *indices, index: Type(indexed(like, index, indices).shape, np.dtype(bool)),
    normalize=lambda like, *indices, index: array_settings(like, indices, index),
    differentiable=False,
    examples=lambda rng: [((np.zeros((4, 3)), np.array([2, 0, 2])), {})],
    cost=lambda node, size: 3 * size(node),
    behind="at",
)
def stays_at(xp: Any, like: Any, *indices: Any, index: Any = ()) -> Any:
    r"""Whether each of the values that are set in an array stays, or is replaced by a later one at the same index.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x", shape=(3,))
    >>> pel.function([x], pel.stays_at(x, np.array([0, 2, 0])))([1, 2, 3])
    array([False,  True,  True])
    """
    return _stays(xp, like, indices, index)


def _multiply_grad(g: Any, y: Any, x: Any, values: Any, indices: Any, index: Index) -> tuple[Any, Any]:
    """Multiply the other factors of each value, which where a factor is 0 is not the product divided by it."""
    one, zero = np.ones((), g.dtype), np.zeros((), g.dtype)
    ones = call("ones_like", x, g.dtype)
    own = multiply_at(ones, values, *indices, index=index)
    arrived = part_of(g * x, index, indices)
    if not may_repeat(x, indices, index):
        return g * own, spread_out(arrived, values)
    is_zero = call("equal", values, zero)
    filled = call("where", is_zero, one, values)
    zeros = add_at(call("zeros_like", x, g.dtype), call("cast", is_zero, dtype=g.dtype), *indices, index=index)
    product = part_of(multiply_at(ones, filled, *indices, index=index), index, indices)
    count = part_of(zeros, index, indices)
    of_zero = call("where", call("equal", count, one), product, zero)
    of_others = call("where", call("equal", count, zero), product / filled, zero)
    return g * own, spread_out(arrived * call("where", is_zero, of_zero, of_others), values)


@place_op("multiply", r"\overset{\times}{\gets}", _multiply_grad)
def multiply_at(xp: Any, x: Any, values: Any, *indices: Any, index: Any = ()) -> Any:
    r"""An array with a part of it multiplied by values, :math:`y_k = x_k \prod_{j : i_j = k} v_j`; what
    ``x.at[i].multiply(v)`` writes.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x", shape=(3,))
    >>> pel.function([x], x.at[np.array([0, 2, 2])].multiply(3.0))([1, 1, 1])
    array([3., 1., 9.], dtype=float32)
    """
    return _changed(np.multiply, x, values, indices, index)


def _extreme_grad(g: Any, y: Any, x: Any, values: Any, indices: Any, index: Index) -> tuple[Any, Any]:
    """Share the gradient among all that are as great as the result."""
    own = call("cast", call("equal", x, y), dtype=g.dtype)
    theirs = call("cast", call("equal", values, part_of(y, index, indices)), dtype=g.dtype)
    share = g / add_at(own, theirs, *indices, index=index)
    return share * own, spread_out(part_of(share, index, indices) * theirs, values)


@place_op("max", r"\overset{\max}{\gets}", _extreme_grad)
def max_at(xp: Any, x: Any, values: Any, *indices: Any, index: Any = ()) -> Any:
    r"""An array with a part of it raised to values, :math:`y_k = \max(x_k, \max_{j : i_j = k} v_j)`; what
    ``x.at[i].max(v)`` writes. Equal ones share the gradient.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x", shape=(3,))
    >>> pel.function([x], x.at[np.array([0, 2])].max(2.0))([1, 2, 3])
    array([2., 2., 3.], dtype=float32)
    """
    return _changed(np.maximum, x, values, indices, index)


@place_op("min", r"\overset{\min}{\gets}", _extreme_grad)
def min_at(xp: Any, x: Any, values: Any, *indices: Any, index: Any = ()) -> Any:
    r"""An array with a part of it lowered to values, :math:`y_k = \min(x_k, \min_{j : i_j = k} v_j)`; what
    ``x.at[i].min(v)`` writes. Equal ones share the gradient.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x", shape=(3,))
    >>> pel.function([x], x.at[np.array([0, 2])].min(2.0))([1, 2, 3])
    array([1., 2., 2.], dtype=float32)
    """
    return _changed(np.minimum, x, values, indices, index)
