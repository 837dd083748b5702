r"""``x.at[index]``: a place in an array, which is read or replaced by methods, because expressions never change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.graph.errors import DtypeError, NoSuchNameError, ShapeError, near_miss
from pellucid.graph.expr import Constant, Expr, as_expr, constant
from pellucid.graph.op import public
from pellucid.graph.operators import call
from pellucid.graph.ops.index_spec import integer_indices, written_out
from pellucid.graph.ops.indexing import part_of
from pellucid.graph.ops.scatter import add_at, max_at, min_at, multiply_at, set_at
from pellucid.graph.types import is_float, normalize_axis, shape_text, unify


def as_values(x: Expr, values: Any) -> Expr:
    """Bring values to the dtype of the array they are put in, unless that would lose something.

    Raises
    ------
    DtypeError
        If it would.
    """
    if not isinstance(values, Expr) and (not hasattr(values, "dtype") or np.asarray(values).dtype.kind in "biu"):
        return constant(values, x.dtype)
    given = as_expr(values)
    if given.dtype == x.dtype:
        return given
    if np.can_cast(given.dtype, x.dtype, "safe") or (is_float(x.dtype) and given.dtype.kind in "biu"):
        return call("cast", given, dtype=x.dtype)  # type: ignore[no-any-return]
    raise DtypeError(
        f"{x} is {x.dtype} and keeps its dtype when a part of it is replaced. Received: {given}, which is "
        f"{given.dtype}; cast the values, or first the array, as in x.astype({str(given.dtype)!r}).at[...]"
    )


class Places:
    """What ``x.at`` is, of which only ``x.at[index]`` makes sense."""

    __slots__ = ("x",)

    def __init__(self, x: Expr) -> None:
        self.x = x

    def __getitem__(self, index: Any) -> Part:
        alone = index[0] if isinstance(index, tuple) and len(index) == 1 else index
        if isinstance(alone, Expr) and alone.dtype == np.bool_ and not isinstance(alone, Constant):
            return Where(self.x, alone)
        return Part(self.x, index)

    def __repr__(self) -> str:
        return f"{self.x}.at"


class Part:
    """A part by integers, slices and index arrays."""

    __slots__ = ("arrays", "index", "x")

    def __init__(self, x: Expr, index: Any) -> None:
        self.x = x
        self.index, self.arrays = written_out(x, index)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        known = [n for n in dir(Part) if not n.startswith("_") and n not in (*Part.__slots__, "factors")]
        hint = near_miss(name, known) or f" It has: {', '.join(known)}"
        raise NoSuchNameError(f"x.at[index] has no {name!r}.{hint}")

    def get(self) -> Expr:
        """Return the part itself."""
        return part_of(self.x, self.index, self.arrays)  # type: ignore[no-any-return]

    def set(self, values: Any) -> Expr:
        """Replace the part by values; where an index is named twice, the last one stays."""
        return self._written(set_at, values)

    def add(self, values: Any) -> Expr:
        """Add values to the part; where an index is named twice, all of them."""
        return self._written(add_at, values)

    def multiply(self, values: Any) -> Expr:
        """Multiply the part by values; where an index is named twice, by all of them."""
        return self._written(multiply_at, values)

    def max(self, values: Any) -> Expr:
        """Raise the part to values, element by element."""
        return self._written(max_at, values)

    def min(self, values: Any) -> Expr:
        """Lower the part to values, element by element."""
        return self._written(min_at, values)

    def subtract(self, values: Any) -> Expr:
        """Subtract values from the part; where an index is named twice, all of them."""
        return self.add(-as_values(self.x, values))

    def divide(self, values: Any) -> Expr:
        """Divide the part, of real numbers, by values; where an index is named twice, by all of them."""
        return self._real("divide") / self.factors(values)

    def power(self, values: Any) -> Expr:
        """Raise the part, of real numbers, to powers; where an index is named twice, one after the other."""
        return self._real("power") ** self.factors(values)

    def apply(self, function: Callable[[Expr], Any]) -> Expr:
        """Replace the part by a function of it, which is applied once also where an index is named twice."""
        return self.set(function(self.get()))

    def factors(self, values: Any) -> Expr:
        """Return ones in the shape of the array, the part multiplied by values."""
        ones = call("ones_like", self.x)
        made: Expr = multiply_at(ones, as_values(self.x, values), *self.arrays, index=self.index)
        return made

    def _real(self, what: str) -> Expr:
        if is_float(self.x.dtype):
            return self.x
        raise DtypeError(f"at[...].{what} needs an array of real numbers. Received: {self.x}, which is {self.x.dtype}")

    def _written(self, function: Callable[..., Any], values: Any) -> Expr:
        made: Expr = function(self.x, as_values(self.x, values), *self.arrays, index=self.index)
        return made


class Where(Part):
    """The part where a condition holds; how large it is only the program knows, so that values broadcast to all of the
    array, and those where the condition fails are not used.
    """

    __slots__ = ("condition",)

    def __init__(self, x: Expr, condition: Expr) -> None:
        dims = zip(x.shape, condition.shape, strict=False)
        if condition.ndim > x.ndim or any(unify(a, b) is None for a, b in dims):
            raise ShapeError(
                f"The condition {condition}, of shape {shape_text(condition.shape)}, does not fit the first axes of "
                f"{x}, of shape {shape_text(x.shape)}"
            )
        missing = tuple(range(condition.ndim, x.ndim))
        self.x = x
        self.condition = call("expand_dims", condition, missing) if missing else condition

    def get(self) -> Expr:
        """Refuse: the size of the part is not known."""
        raise ShapeError(
            f"The size of the part of {self.x} where {self.condition} holds is not known before the program runs. Use "
            "pel.where(condition, x, other), which keeps the size"
        )

    def set(self, values: Any) -> Expr:
        """Choose values where the condition holds."""
        return self._chosen(as_values(self.x, values), self.x)

    def add(self, values: Any) -> Expr:
        """Add values where the condition holds."""
        return self.x + self._chosen(as_values(self.x, values), self._number(0))

    def multiply(self, values: Any) -> Expr:
        """Multiply by values where the condition holds."""
        return self.x * self._chosen(as_values(self.x, values), self._number(1))

    def max(self, values: Any) -> Expr:
        """Raise to values where the condition holds."""
        return self._chosen(call("maximum", self.x, as_values(self.x, values)), self.x)

    def min(self, values: Any) -> Expr:
        """Lower to values where the condition holds."""
        return self._chosen(call("minimum", self.x, as_values(self.x, values)), self.x)

    def factors(self, values: Any) -> Expr:
        """Return values where the condition holds and 1 elsewhere."""
        return self._chosen(as_values(self.x, values), self._number(1))

    def apply(self, function: Callable[[Expr], Any]) -> Expr:
        """Choose a function of the whole array where the condition holds."""
        return self.set(function(self.x))

    def _chosen(self, here: Any, elsewhere: Any) -> Expr:
        result: Expr = call("where", self.condition, here, elsewhere)
        aligned = zip(self.x.shape[::-1], result.shape[::-1], strict=False)
        if result.ndim > self.x.ndim or any(b != 1 and unify(a, b) is None for a, b in aligned):
            raise ShapeError(
                f"Values for the part of {self.x} where a condition holds must broadcast to its shape "
                f"{shape_text(self.x.shape)}. Received: values that make it {shape_text(result.shape)}"
            )
        return result

    def _number(self, value: float) -> Expr:
        return constant(value, self.x.dtype)


@public
def at(x: Any) -> Places:
    r"""Places in an array, each of which is read or replaced by methods; what ``x.at`` means.

    ``x.at[index]`` takes every index that ``x[index]`` takes, and conditions. Its methods return the whole array with
    the part replaced: ``set``, ``add``, ``subtract``, ``multiply``, ``divide``, ``power``, ``max``, ``min``, and
    ``apply`` for a function; ``get`` returns the part itself. Values broadcast to the part, and to the whole array
    where the index is a condition. Where an index is named twice, the last of the values that are set stays, and all
    of those that are added, multiplied or compared count, as in NumPy's ``ufunc.at``.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x", shape=(3,))
    >>> x.at[1].set(0.0), x.at[x < 0].multiply(0.1)
    (x.at[1].set(0), x * where(x < 0, 0.1, 1))
    """
    return Places(as_expr(x))


@public
def put_along_axis(x: Any, indices: Any, values: Any, axis: int = -1) -> Any:
    r"""An array with one value for each index along an axis, the other axes going together, :math:`y_{k, i_k} = v_k`;
    NumPy's function changes its argument, this one returns what NumPy's would leave.

    Parameters
    ----------
    x : Expr or array
        Of any shape.
    indices : Expr or array of integers
        Of as many axes; along the others it is as long as ``x``, or 1.
    values : Expr, array or number
        What broadcasts to the shape of the indices.
    axis : int
        Along which axis.

    Returns
    -------
    Expr
        Of the shape of ``x``.

    Examples
    --------
    >>> import pellucid as pel
    >>> p = pel.matrix("p", shape=(2, 3))
    >>> pel.function([p], pel.put_along_axis(p, p.argmax(axis=1)[:, None], 0.0, axis=1))([[1, 3, 2], [6, 5, 4]])
    array([[1., 0., 2.],
           [0., 5., 4.]], dtype=float32)
    """
    x, chosen = as_expr(x), as_expr(np.asarray(indices) if isinstance(indices, list) else indices)
    axis = normalize_axis(axis, x.ndim, "put_along_axis", x)
    integer_indices(chosen, "put_along_axis")
    others = [a for a in range(x.ndim) if a != axis]
    if chosen.ndim != x.ndim or any(chosen.shape[a] != 1 and not unify(chosen.shape[a], x.shape[a]) for a in others):
        raise ShapeError(
            f"put_along_axis: {x} of shape {shape_text(x.shape)} and indices {chosen} of shape "
            f"{shape_text(chosen.shape)} must agree in all but axis {axis}"
        )
    index = tuple(chosen if a == axis else _numbers(x, a) for a in range(x.ndim))
    return Part(x, index).set(values)


def _numbers(x: Expr, axis: int) -> Expr:
    """Return the numbers along one axis of an array, the other axes of length 1."""
    others = tuple(a for a in range(x.ndim) if a != axis)
    numbers: Expr = call("expand_dims", call("arange_like", x, axis=axis), others)
    return numbers
