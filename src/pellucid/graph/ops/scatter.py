r"""Scatter ops behind ``x.at[index].set(value)`` and the other methods of ``x.at[index]``.

Duplicate indices behave as in NumPy: additions accumulate, and the last of several values that are set wins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, JaxArray
from pellucid.graph.errors import DtypeError, ShapeError
from pellucid.graph.expr import Constant, Expr, OpSettings
from pellucid.graph.interval import RangeRule
from pellucid.graph.op import Example, PrintedOperand, Template, TemplatePiece, ValueFunction
from pellucid.graph.op_decorator import OpDecorator, op
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import format_operand
from pellucid.graph.ops.index_spec import (
    ARRAY,
    Index,
    check_integer_bounds,
    check_integer_indices,
    format_index,
    get_array_axes,
    infer_indexed,
    normalize_array_index,
    to_jax_index,
    to_numpy_index,
)
from pellucid.graph.ops.indexing import index_array
from pellucid.graph.precedence import ATOM
from pellucid.graph.range_rules import elements_of
from pellucid.graph.types import Type, format_shape, is_computed, unify

if TYPE_CHECKING:
    from pellucid.typing import Array


def _infer_scatter(x: Expr, values: Expr, *indices: Sequence[Expr], index: Index) -> Type:
    for array in indices:
        check_integer_indices(array, f"an index of {x}")
    part = infer_indexed(x, index, indices)
    aligned = zip(values.shape[::-1], part.shape[::-1], strict=False)
    if values.ndim > part.ndim or any(a != 1 and unify(a, b) is None for a, b in aligned):
        raise ShapeError(
            f"{format_operand(values)}, does not broadcast to the indexed part of {x}, of shape "
            f"{format_shape(part.shape)}"
        )
    if values.dtype != x.dtype:
        raise DtypeError(f"Expected values of {x.dtype}, as {x} is. Received: {values}, which is {values.dtype}")
    return x.type


def _may_have_duplicates(x: Expr, indices: Sequence[Expr], index: Index) -> bool:
    """Return whether index arrays may contain an element twice. Only constant indices can be checked."""
    if all(i.ndim == 0 for i in indices):
        return False
    lengths = [x.shape[axis] for axis in get_array_axes(index)]
    arrays = []
    for array, length in zip(indices, lengths, strict=True):
        if not isinstance(array, Constant) or not isinstance(length, int):
            return True
        arrays.append(array.value.astype(np.int64) % max(length, 1))
    flat = np.stack([a.ravel() for a in np.broadcast_arrays(*arrays)])
    return bool(np.unique(flat, axis=1).shape[1] < flat.shape[1])


def _unbroadcast(g: Expr, values: Expr) -> Expr:
    has_unknown_sizes = any(map(is_computed, values.shape))
    return call_op("sum_like", g, values) if has_unknown_sizes or g.shape != values.shape else g


def _scatter_tex(sign: str) -> Template:
    def tex(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
        x, values, *arrays = operands
        pieces = format_index(settings.get("index") or [ARRAY] * len(arrays), arrays, r"\ast")
        pieces = pieces if len(pieces) == 1 else ["[", *pieces, "]"]
        return [r"\left. ", (x, ATOM), r" \right|_{", *pieces, rf" {sign} ", (values, 0), "}"]

    return tex


def _scatter_text(method: str) -> Template:
    def text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
        x, values, *arrays = operands
        pieces = format_index(settings.get("index") or [ARRAY] * len(arrays), arrays)
        return [(x, ATOM), ".at[", *pieces, f"].{method}(", (values, 0), ")"]

    return text


def _draw_examples(rng: np.random.Generator) -> list[Example]:
    x = rng.normal(size=(4, 3))
    return [
        ((x, rng.normal(size=(3, 3)), np.array([2, 0, 2])), {}),
        ((x, rng.normal(size=2), np.array([3, 1]), np.array([-1, 0])), {}),
        ((x, rng.normal(size=(2, 1))), {"index": slice(1, 3)}),
        ((x, np.array(2.0)), {"index": (0, slice(None, None, -2))}),
        ((x, rng.normal(size=(4, 2)), np.array([1, 1], "int8")), {"index": (slice(None), ARRAY)}),
    ]


def _scatter_op(
    method: str,
    sign: str,
    grad: Callable[..., tuple[Expr, Expr]],
    xla: ValueFunction | None = None,
    value_range: RangeRule | None = None,
) -> OpDecorator:
    """Decorate the NumPy value of a scatter op."""

    def scatter_xla(xp: ArrayNamespace, x: JaxArray, values: JaxArray, *indices: JaxArray, index: Index) -> JaxArray:
        return _scatter_xla(x, values, indices, index, method)

    return op(
        tex=_scatter_tex(sign),
        text=_scatter_text(method),
        infer=_infer_scatter,
        normalize=lambda x, values, *indices, index: normalize_array_index(x, indices, index),
        xla=xla or scatter_xla,
        grad=lambda g, y, x, values, *indices, index: [*grad(g, y, x, values, indices, index), *[None] * len(indices)],
        value_range=value_range,
        examples=_draw_examples,
        cost=lambda node, size: size(node.inputs[1]),
        behind="at",
    )


def _scatter_xla(
    x: Array | JaxArray, values: Array | JaxArray, indices: Sequence[Array | JaxArray], index: Index, method: str
) -> JaxArray:
    import jax.numpy as jnp

    target = jnp.asarray(x).at[to_jax_index(x, index, indices)]
    result: JaxArray = getattr(target, method)(values)
    return result


@_scatter_op(
    "add",
    r"\overset{+}{\gets}",
    lambda g, y, x, values, indices, index: (g, _unbroadcast(index_array(g, index, indices), values)),
)
def add_at(xp: ArrayNamespace, x: Array, values: Array, *indices: Array, index: Index = ()) -> Array:
    r"""Add values at indices, :math:`y_k = x_k + \sum_{j : i_j = k} v_j`, as ``x.at[i].add(v)``.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    values : Expr or array
        Shape that broadcasts to that of the indexed elements.
    *indices : Expr or array
        Integer arrays that broadcast with one another.
    index : tuple
        Index of each axis: slices, integers, ``None``, and markers for the index arrays.

    Examples
    --------
    >>> x = pel.vector("x", shape=(3,))
    >>> pel.function([x], x.at[np.array([0, 2, 2])].add(1.0))([0, 0, 0])
    array([1., 0., 2.], dtype=float32)
    """
    return _apply_ufunc_at(np.add, x, values, indices, index)


def _apply_ufunc_at(ufunc: np.ufunc, x: Array, values: Array, indices: Sequence[Array], index: Index) -> Array:
    check_integer_bounds(x, index)
    result = np.array(x)
    ufunc.at(result, to_numpy_index(index, indices), values)
    return result


def _set_grad(g: Expr, y: Expr, x: Expr, values: Expr, indices: Sequence[Expr], index: Index) -> tuple[Expr, Expr]:
    zero = np.zeros((), g.dtype)
    g_values = index_array(g, index, indices)
    if _may_have_duplicates(x, indices, index):
        g_values = call_op("where", call_op("is_last_write", x, *indices, index=index), g_values, zero)
    return set_at(g, zero, *indices, index=index), _unbroadcast(g_values, values)


def _set_xla(xp: ArrayNamespace, x: JaxArray, values: JaxArray, *indices: JaxArray, index: Index) -> JaxArray:
    import jax
    import jax.numpy as jnp

    if all(i.size == 1 for i in indices) or jax.default_backend() == "cpu":
        return _scatter_xla(x, values, indices, index, "set")
    # Other backends write duplicates in any order. Mask all but the last value of each element, then add.
    chosen = jnp.where(_is_last_write_xla(xp, x, *indices, index=index), values, jnp.zeros((), x.dtype))
    cleared = _scatter_xla(x, jnp.zeros((), x.dtype), indices, index, "set")
    return _scatter_xla(cleared, chosen, indices, index, "max" if x.dtype == bool else "add")


@_scatter_op("set", r"\gets", _set_grad, _set_xla, value_range=elements_of(0, 1))
def set_at(xp: ArrayNamespace, x: Array, values: Array, *indices: Array, index: Index = ()) -> Array:
    r"""Set values at indices, :math:`y_{i_j} = v_j`, as ``x.at[i].set(v)``. The last value of a duplicate index wins.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    values : Expr or array
        Shape that broadcasts to that of the indexed elements.
    *indices : Expr or array
        Integer arrays that broadcast with one another.
    index : tuple
        Index of each axis: slices, integers, ``None``, and markers for the index arrays.

    Examples
    --------
    >>> x = pel.vector("x", shape=(3,))
    >>> pel.function([x], x.at[np.array([0, 0])].set(np.array([7.0, 8.0], "float32")))([1, 2, 3])
    array([8., 2., 3.], dtype=float32)
    """
    check_integer_bounds(x, index)
    result = np.array(x)
    result[to_numpy_index(index, indices)] = values
    return result


def _is_last_write_xla(xp: ArrayNamespace, like: JaxArray, *indices: JaxArray, index: Index) -> JaxArray:
    import jax.numpy as jnp

    targets = jnp.arange(like.size).reshape(like.shape)[to_jax_index(like, index, indices)]
    order = jnp.arange(targets.size)
    last = jnp.zeros(like.size, order.dtype).at[targets.ravel()].max(order)
    return last[targets] == order.reshape(targets.shape)


def _is_last_write_text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    x, *arrays = operands
    return [
        "is_last_write(",
        (x, ATOM),
        "[",
        *format_index(settings.get("index") or [ARRAY] * len(arrays), arrays),
        "])",
    ]


@op(
    text=_is_last_write_text,
    infer=lambda like, *indices, index: Type(infer_indexed(like, index, indices).shape, np.dtype(bool)),
    normalize=lambda like, *indices, index: normalize_array_index(like, indices, index),
    xla=_is_last_write_xla,
    differentiable=False,
    examples=lambda rng: [((np.zeros((4, 3)), np.array([2, 0, 2])), {})],
    cost=lambda node, size: 3 * size(node),
    behind="at",
)
def is_last_write(xp: ArrayNamespace, like: Array, *indices: Array, index: Index = ()) -> Array:
    r"""Whether each value that `set_at` writes stays, or is overwritten by a later value at the same index.

    Parameters
    ----------
    like : Expr or array
        The array that is written to; only its shape is used.
    *indices : Expr or array
        Integer arrays that broadcast with one another.
    index : tuple
        Index of each axis: slices, integers, ``None``, and markers for the index arrays.

    Examples
    --------
    >>> x = pel.vector("x", shape=(3,))
    >>> pel.function([x], pel.is_last_write(x, np.array([0, 2, 0])))([1, 2, 3])
    array([False,  True,  True])
    """
    targets = np.arange(like.size).reshape(like.shape)[to_numpy_index(index, indices)]
    order = np.arange(targets.size)
    last = np.zeros(like.size, order.dtype)
    np.maximum.at(last, targets.ravel(), order)
    stays: Array = last[targets] == order.reshape(targets.shape)
    return stays


def _multiply_grad(g: Expr, y: Expr, x: Expr, values: Expr, indices: Sequence[Expr], index: Index) -> tuple[Expr, Expr]:
    """Return the product of the other factors; with a factor 0 this is not the product divided by the factor."""
    one, zero = np.ones((), g.dtype), np.zeros((), g.dtype)
    ones = call_op("ones_like", x, g.dtype)
    x_factor = multiply_at(ones, values, *indices, index=index)
    g_values = index_array(g * x, index, indices)
    if not _may_have_duplicates(x, indices, index):
        return g * x_factor, _unbroadcast(g_values, values)
    is_zero = call_op("equal", values, zero)
    filled = call_op("where", is_zero, one, values)
    zero_counts = add_at(
        call_op("zeros_like", x, g.dtype), call_op("cast", is_zero, dtype=g.dtype), *indices, index=index
    )
    product = index_array(multiply_at(ones, filled, *indices, index=index), index, indices)
    count = index_array(zero_counts, index, indices)
    if_zero = call_op("where", call_op("equal", count, one), product, zero)
    if_nonzero = call_op("where", call_op("equal", count, zero), product / filled, zero)
    return g * x_factor, _unbroadcast(g_values * call_op("where", is_zero, if_zero, if_nonzero), values)


@_scatter_op("multiply", r"\overset{\times}{\gets}", _multiply_grad)
def multiply_at(xp: ArrayNamespace, x: Array, values: Array, *indices: Array, index: Index = ()) -> Array:
    r"""Multiply by values at indices, :math:`y_k = x_k \prod_{j : i_j = k} v_j`, as ``x.at[i].multiply(v)``.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    values : Expr or array
        Shape that broadcasts to that of the indexed elements.
    *indices : Expr or array
        Integer arrays that broadcast with one another.
    index : tuple
        Index of each axis: slices, integers, ``None``, and markers for the index arrays.

    Examples
    --------
    >>> x = pel.vector("x", shape=(3,))
    >>> pel.function([x], x.at[np.array([0, 2, 2])].multiply(3.0))([1, 1, 1])
    array([3., 1., 9.], dtype=float32)
    """
    return _apply_ufunc_at(np.multiply, x, values, indices, index)


def _extremum_grad(g: Expr, y: Expr, x: Expr, values: Expr, indices: Sequence[Expr], index: Index) -> tuple[Expr, Expr]:
    """Share the gradient equally among all elements that equal the result."""
    x_share = call_op("cast", call_op("equal", x, y), dtype=g.dtype)
    values_share = call_op("cast", call_op("equal", values, index_array(y, index, indices)), dtype=g.dtype)
    share = g / add_at(x_share, values_share, *indices, index=index)
    return share * x_share, _unbroadcast(index_array(share, index, indices) * values_share, values)


@_scatter_op("max", r"\overset{\max}{\gets}", _extremum_grad, value_range=elements_of(0, 1))
def max_at(xp: ArrayNamespace, x: Array, values: Array, *indices: Array, index: Index = ()) -> Array:
    r"""Maximum with values at indices, :math:`y_k = \max(x_k, \max_{j : i_j = k} v_j)`, as ``x.at[i].max(v)``. Equal
    maxima share the gradient equally.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    values : Expr or array
        Shape that broadcasts to that of the indexed elements.
    *indices : Expr or array
        Integer arrays that broadcast with one another.
    index : tuple
        Index of each axis: slices, integers, ``None``, and markers for the index arrays.

    Examples
    --------
    >>> x = pel.vector("x", shape=(3,))
    >>> pel.function([x], x.at[np.array([0, 2])].max(2.0))([1, 2, 3])
    array([2., 2., 3.], dtype=float32)
    """
    return _apply_ufunc_at(np.maximum, x, values, indices, index)


@_scatter_op("min", r"\overset{\min}{\gets}", _extremum_grad, value_range=elements_of(0, 1))
def min_at(xp: ArrayNamespace, x: Array, values: Array, *indices: Array, index: Index = ()) -> Array:
    r"""Minimum with values at indices, :math:`y_k = \min(x_k, \min_{j : i_j = k} v_j)`, as ``x.at[i].min(v)``. Equal
    minima share the gradient equally.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    values : Expr or array
        Shape that broadcasts to that of the indexed elements.
    *indices : Expr or array
        Integer arrays that broadcast with one another.
    index : tuple
        Index of each axis: slices, integers, ``None``, and markers for the index arrays.

    Examples
    --------
    >>> x = pel.vector("x", shape=(3,))
    >>> pel.function([x], x.at[np.array([0, 2])].min(2.0))([1, 2, 3])
    array([1., 2., 2.], dtype=float32)
    """
    return _apply_ufunc_at(np.minimum, x, values, indices, index)
