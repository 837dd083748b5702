r"""Functional indexed updates ``x.at[index].set(values)``, because expressions are immutable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.graph.errors import DtypeError, NoSuchNameError, ShapeError, near_miss
from pellucid.graph.expr import Constant, Expr, IndexKey, Operand, as_expr, constant
from pellucid.graph.op_decorator import register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import format_operand
from pellucid.graph.ops.index_spec import as_indices, normalize_index
from pellucid.graph.ops.indexing import index_array
from pellucid.graph.ops.scatter import add_at, max_at, min_at, multiply_at, set_at
from pellucid.graph.types import format_shape, is_float, normalize_axis, unify, unify_shapes


def cast_values(x: Expr, values: Operand) -> Expr:
    """Cast values to the dtype of the updated array; raise DtypeError if that would lose information."""
    if not isinstance(values, Expr) and (not hasattr(values, "dtype") or np.asarray(values).dtype.kind in "biu"):
        return constant(values, x.dtype)
    e = as_expr(values)
    if e.dtype == x.dtype:
        return e
    if np.can_cast(e.dtype, x.dtype, "safe") or (is_float(x.dtype) and e.dtype.kind in "biu"):
        return call_op("cast", e, dtype=x.dtype)
    raise DtypeError(
        f"An update of {x} keeps its dtype, {x.dtype}. Received: {e}, which is {e.dtype}. Cast the values, or the "
        f"array first, as in x.astype({str(e.dtype)!r}).at[...]"
    )


class IndexUpdateHelper:
    """The value of ``x.at``; index it to get an `IndexUpdate`."""

    __slots__ = ("x",)

    def __init__(self, x: Expr) -> None:
        self.x: Expr = x

    def __getitem__(self, index: IndexKey) -> IndexUpdate:
        part = index[0] if isinstance(index, tuple) and len(index) == 1 else index
        if isinstance(part, Expr) and part.dtype == np.bool_ and not isinstance(part, Constant):
            return MaskedIndexUpdate(self.x, part)
        return IndexUpdate(self.x, index)

    def __repr__(self) -> str:
        return f"{self.x}.at"


class IndexUpdate:
    """Elements of an array selected by integers, slices and index arrays."""

    arrays: list[Expr]

    __slots__ = ("arrays", "index", "x")

    def __init__(self, x: Expr, index: IndexKey) -> None:
        self.x: Expr = x
        self.index, self.arrays = normalize_index(x, index)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        methods = [n for n in dir(IndexUpdate) if not n.startswith("_") and n not in IndexUpdate.__slots__]
        hint = near_miss(name, methods) or f" It has: {', '.join(methods)}"
        raise NoSuchNameError(f"x.at[index] has no {name!r}.{hint}")

    def get(self) -> Expr:
        """Return the selected elements."""
        return index_array(self.x, self.index, self.arrays)

    def set(self, values: Operand) -> Expr:
        """Replace the elements; for a repeated index the last value wins."""
        return self._scatter(set_at, values)

    def add(self, values: Operand) -> Expr:
        """Add values to the elements; for a repeated index all values are added."""
        return self._scatter(add_at, values)

    def multiply(self, values: Operand) -> Expr:
        """Multiply the elements by values; for a repeated index by all values."""
        return self._scatter(multiply_at, values)

    def max(self, values: Operand) -> Expr:
        """Replace the elements by the elementwise maximum with values."""
        return self._scatter(max_at, values)

    def min(self, values: Operand) -> Expr:
        """Replace the elements by the elementwise minimum with values."""
        return self._scatter(min_at, values)

    def subtract(self, values: Operand) -> Expr:
        """Subtract values from the elements; for a repeated index all values are subtracted."""
        return self.add(-cast_values(self.x, values))

    def divide(self, values: Operand) -> Expr:
        """Divide the elements, which must be floating-point, by values; for a repeated index by all values."""
        return self._check_float("divide") / self._scatter_into_ones(values)

    def power(self, values: Operand) -> Expr:
        """Raise the elements, which must be floating-point, to powers; for a repeated index to all powers in turn."""
        return self._check_float("power") ** self._scatter_into_ones(values)

    def apply(self, function: Callable[[Expr], Operand]) -> Expr:
        """Replace the elements by a function of them, applied once even for a repeated index."""
        return self.set(function(self.get()))

    def _scatter(self, function: Callable[..., Any], values: Operand) -> Expr:
        return function(self.x, cast_values(self.x, values), *self.arrays, index=self.index)  # type: ignore[no-any-return]

    def _scatter_into_ones(self, values: Operand) -> Expr:
        """Return an array of ones whose selected elements are multiplied by values."""
        values = cast_values(self.x, values)
        return multiply_at(call_op("ones_like", self.x), values, *self.arrays, index=self.index)

    def _check_float(self, method: str) -> Expr:
        if is_float(self.x.dtype):
            return self.x
        raise DtypeError(
            f"at[...].{method}: expected a floating-point array. Received: {self.x}, which is {self.x.dtype}"
        )


class MaskedIndexUpdate(IndexUpdate):
    """Elements of an array selected by a condition. Values broadcast to the whole array, because the number of selected
    elements is unknown before the program runs.
    """

    __slots__ = ("condition",)

    def __init__(self, x: Expr, condition: Expr) -> None:
        if unify_shapes(x.shape[: condition.ndim], condition.shape) is None:
            raise ShapeError(
                f"The condition {format_operand(condition)}, does not match the leading axes of {format_operand(x)}"
            )
        missing = tuple(range(condition.ndim, x.ndim))
        self.x = x
        self.condition: Expr = call_op("expand_dims", condition, missing) if missing else condition

    def get(self) -> Expr:
        """Raise ShapeError: the number of selected elements is unknown."""
        raise ShapeError(
            f"The number of elements of {self.x} where {self.condition} is true is unknown before the program runs. "
            "Use pel.where(condition, x, other), which keeps the shape"
        )

    def set(self, values: Operand) -> Expr:
        """Replace the selected elements by values."""
        return self._where(cast_values(self.x, values), self.x)

    def add(self, values: Operand) -> Expr:
        """Add values to the selected elements."""
        return self.x + self._where(cast_values(self.x, values), constant(0, self.x.dtype))

    def multiply(self, values: Operand) -> Expr:
        """Multiply the selected elements by values."""
        return self.x * self._scatter_into_ones(values)

    def max(self, values: Operand) -> Expr:
        """Replace the selected elements by the elementwise maximum with values."""
        return self._where(call_op("maximum", self.x, cast_values(self.x, values)), self.x)

    def min(self, values: Operand) -> Expr:
        """Replace the selected elements by the elementwise minimum with values."""
        return self._where(call_op("minimum", self.x, cast_values(self.x, values)), self.x)

    def apply(self, function: Callable[[Expr], Operand]) -> Expr:
        """Replace the selected elements by a function of the whole array."""
        return self.set(function(self.x))

    def _scatter_into_ones(self, values: Operand) -> Expr:
        return self._where(cast_values(self.x, values), constant(1, self.x.dtype))

    def _where(self, selected: Any, other: Any) -> Expr:
        result: Expr = call_op("where", self.condition, selected, other)
        aligned = zip(self.x.shape[::-1], result.shape[::-1], strict=False)
        if result.ndim > self.x.ndim or any(b != 1 and unify(a, b) is None for a, b in aligned):
            raise ShapeError(
                f"Values for elements of {self.x} selected by a condition must broadcast to its shape "
                f"{format_shape(self.x.shape)}. The result would have shape {format_shape(result.shape)}"
            )
        return result


@register_function
def at(x: Operand) -> IndexUpdateHelper:
    r"""Functional indexed updates: ``pel.at(x)`` is ``x.at``.

    ``x.at[index]`` accepts every index of ``x[index]``, and conditions. Its methods return a copy of the whole array
    with the selected elements updated: ``set``, ``add``, ``subtract``, ``multiply``, ``divide``, ``power``, ``max``,
    ``min`` and ``apply`` (of a function). ``get`` returns the selected elements. Values broadcast to the selected
    elements, or to the whole array if the index is a condition. For a repeated index ``set`` keeps the last value; the
    other methods apply all values, as NumPy's ``ufunc.at`` does.

    Parameters
    ----------
    x : Expr or array
        Any shape.

    Examples
    --------
    >>> x = pel.vector("x", shape=(3,))
    >>> x.at[1].set(0.0), x.at[x < 0].multiply(0.1)
    (x.at[1].set(0), x * where(x < 0, 0.1, 1))
    """
    return IndexUpdateHelper(as_expr(x))


@register_function
def put_along_axis(x: Operand, indices: Operand, values: Operand, axis: int = -1) -> Expr:
    r"""Copy of an array with values put at indices along an axis, :math:`y_{k, i_k} = v_k`.

    Unlike NumPy's function it returns a new array.

    Parameters
    ----------
    x : Expr or array
        Array of any shape.
    indices : Expr or array of int
        Indices, with the same number of axes as ``x`` and the same size, or 1, along the other axes.
    values : Expr, array or number
        Values; broadcast to the shape of the indices.
    axis : int
        Axis.

    Returns
    -------
    Expr
        Same shape as ``x``.

    Examples
    --------
    >>> p = pel.matrix("p", shape=(2, 3))
    >>> pel.function([p], pel.put_along_axis(p, p.argmax(axis=1)[:, None], 0.0, axis=1))([[1, 3, 2], [6, 5, 4]])
    array([[1., 0., 2.],
           [0., 5., 4.]], dtype=float32)
    """
    x, indices = as_expr(x), as_indices(indices, "put_along_axis")
    axis = normalize_axis(axis, x.ndim, "put_along_axis", x)
    dims = zip(indices.shape, x.shape, strict=False)
    fits = [d == 1 or unify(d, n) is not None or a == axis for a, (d, n) in enumerate(dims)]
    if indices.ndim != x.ndim or not all(fits):
        raise ShapeError(
            f"put_along_axis: {format_operand(x)}, and indices {format_operand(indices)}, must agree in all axes "
            f"except axis {axis}"
        )
    index = tuple(
        indices
        if a == axis
        else call_op("expand_dims", call_op("arange_like", x, axis=a), tuple(b for b in range(x.ndim) if b != a))
        for a in range(x.ndim)
    )
    return IndexUpdate(x, index).set(values)
