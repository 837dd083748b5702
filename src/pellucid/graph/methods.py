"""The methods that an expression shares with NumPy's arrays.

Each looks its function up by name, so this file knows names and no mathematics, as `operators` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pellucid.graph.errors import NoSuchNameError, UseError, brief
from pellucid.graph.operators import FUNCTIONS, Operators, call, write
from pellucid.graph.unsupported import instead_of_number, instead_of_truth, why_no_method

if TYPE_CHECKING:
    from pellucid.graph.expr import Expr


class Methods(Operators):
    """What can be asked of an expression as it can of an array."""

    __slots__ = ()

    def __bool__(self) -> bool:
        raise UseError(f"The truth value of {brief(self)} is not known until it runs. {instead_of_truth(self)}")

    def __float__(self) -> float:
        raise UseError(instead_of_number(self, "float() and math cannot take it"))

    def __int__(self) -> int:
        raise UseError(instead_of_number(self, "int() cannot take it"))

    def __index__(self) -> int:
        raise UseError(
            f"{brief(self)} is no integer until it runs, so Python cannot count or index by it. Use an array, as in "
            "pel.constant(a_list)[i], or pel.scan for a loop"
        )

    def __format__(self, form: str) -> str:
        if not form:
            return str(self)
        raise UseError(instead_of_number(self, f"it cannot be written as {form!r}"))

    if not TYPE_CHECKING:  # a type checker is to find misspelt names by itself

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_") or name in type(self).__slots__:
                raise AttributeError(name)
            raise NoSuchNameError(f"{brief(self)} has no {name!r}.{why_no_method(name, FUNCTIONS, dir(type(self)))}")

    @property
    def T(self) -> Expr:
        """The transpose: all axes in reverse order."""
        return write("transpose", self)

    @property
    def mT(self) -> Expr:
        """Each matrix of a stack transposed."""
        return write("matrix_transpose", self)

    @property
    def at(self) -> Any:
        """Places to be replaced, as in ``x.at[i].set(value)``; see `pellucid.at`."""
        return call("at", self)

    # What else is given to a method is told of by the op, which knows what it takes.

    def sum(self, axis: int | Sequence[int] | None = None, keepdims: bool = False, **wrong: Any) -> Expr:
        """Sum over axes; see `pellucid.sum`."""
        return write("sum", self, axis=axis, keepdims=keepdims, **wrong)

    def mean(self, axis: int | Sequence[int] | None = None, keepdims: bool = False, **wrong: Any) -> Expr:
        """Mean over axes; see `pellucid.mean`."""
        return write("mean", self, axis=axis, keepdims=keepdims, **wrong)

    def max(self, axis: int | Sequence[int] | None = None, keepdims: bool = False, **wrong: Any) -> Expr:
        """Greatest element over axes; see `pellucid.max`."""
        return write("max", self, axis=axis, keepdims=keepdims, **wrong)

    def min(self, axis: int | Sequence[int] | None = None, keepdims: bool = False, **wrong: Any) -> Expr:
        """Least element over axes; see `pellucid.min`."""
        return write("min", self, axis=axis, keepdims=keepdims, **wrong)

    def prod(self, axis: int | Sequence[int] | None = None, keepdims: bool = False, **wrong: Any) -> Expr:
        """Product over axes; see `pellucid.prod`."""
        return write("prod", self, axis=axis, keepdims=keepdims, **wrong)

    def var(self, axis: int | Sequence[int] | None = None, ddof: int = 0, keepdims: bool = False, **wrong: Any) -> Expr:
        """Variance over axes; see `pellucid.var`."""
        return write("var", self, axis=axis, ddof=ddof, keepdims=keepdims, **wrong)

    def std(self, axis: int | Sequence[int] | None = None, ddof: int = 0, keepdims: bool = False, **wrong: Any) -> Expr:
        """Standard deviation over axes; see `pellucid.std`."""
        return write("std", self, axis=axis, ddof=ddof, keepdims=keepdims, **wrong)

    def any(self, axis: int | Sequence[int] | None = None, keepdims: bool = False, **wrong: Any) -> Expr:
        """Whether some element holds; see `pellucid.any`."""
        return write("any", self, axis=axis, keepdims=keepdims, **wrong)

    def all(self, axis: int | Sequence[int] | None = None, keepdims: bool = False, **wrong: Any) -> Expr:
        """Whether every element holds; see `pellucid.all`."""
        return write("all", self, axis=axis, keepdims=keepdims, **wrong)

    def argmax(self, axis: int | None = None, keepdims: bool = False, **wrong: Any) -> Expr:
        """Index of the greatest element; see `pellucid.argmax`."""
        return write("argmax", self, axis=axis, keepdims=keepdims, **wrong)

    def argmin(self, axis: int | None = None, keepdims: bool = False, **wrong: Any) -> Expr:
        """Index of the least element; see `pellucid.argmin`."""
        return write("argmin", self, axis=axis, keepdims=keepdims, **wrong)

    def cumsum(self, axis: int | None = None, **wrong: Any) -> Expr:
        """Sums of all elements up to each; see `pellucid.cumsum`."""
        return write("cumsum", self, axis=axis, **wrong)

    def cumprod(self, axis: int | None = None, **wrong: Any) -> Expr:
        """Products of all elements up to each; see `pellucid.cumprod`."""
        return write("cumprod", self, axis=axis, **wrong)

    def clip(self, min: Any = None, max: Any = None) -> Expr:
        """Bring every element between two bounds; see `pellucid.clip`."""
        return write("clip", self, min, max)

    def round(self, decimals: int = 0) -> Expr:
        """Round every element to so many decimals; see `pellucid.round`."""
        return write("round", self, decimals=decimals)

    def reshape(self, *shape: Any) -> Expr:
        """Give another shape to the same elements; see `pellucid.reshape`."""
        return write("reshape", self, shape[0] if len(shape) == 1 else shape)

    def ravel(self) -> Expr:
        """All elements along one axis; see `pellucid.ravel`."""
        return write("ravel", self)

    def transpose(self, *axes: Any) -> Expr:
        """Reorder the axes; see `pellucid.transpose`."""
        return write("transpose", self, axes[0] if len(axes) == 1 else (axes or None))

    def take(self, indices: Any, axis: int | None = None, mode: str = "raise") -> Expr:
        """Elements at some indices; see `pellucid.take`."""
        return write("take", self, indices, axis=axis, mode=mode)

    def argsort(self, axis: int | None = -1, descending: bool = False) -> Expr:
        """Indices that sort; see `pellucid.argsort`."""
        return write("argsort", self, axis=axis, descending=descending)

    def flatten(self) -> Expr:
        """All elements along one axis; see `pellucid.ravel`."""
        return write("ravel", self)

    def squeeze(self, axis: int | Sequence[int] | None = None) -> Expr:
        """Take axes of length 1 away; see `pellucid.squeeze`."""
        return write("squeeze", self, axis=axis)

    def swapaxes(self, axis1: int, axis2: int) -> Expr:
        """Exchange two axes; see `pellucid.swapaxes`."""
        return write("swapaxes", self, axis1, axis2)

    def repeat(self, repeats: Any, axis: int | None = None) -> Expr:
        """Each element several times over; see `pellucid.repeat`."""
        return write("repeat", self, repeats, axis)

    def dot(self, b: Any) -> Expr:
        """Product as `pellucid.dot` has it."""
        return write("dot", self, b)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Expr:
        """Sum of a diagonal; see `pellucid.trace`."""
        return write("trace", self, offset, axis1, axis2)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Expr:
        """Diagonal of matrices; see `pellucid.diagonal`."""
        return write("diagonal", self, offset, axis1, axis2)

    def astype(self, dtype: Any) -> Expr:
        """Cast to another dtype; see `pellucid.cast`."""
        return write("cast", self, dtype=dtype)
