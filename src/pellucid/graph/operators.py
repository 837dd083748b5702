"""Python's operators and NumPy's protocols on anything that stands for an expression.

An operator looks its op up by NumPy's name, so this file knows names and no mathematics.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pellucid.graph.errors import NoSuchNameError, UseError, brief
from pellucid.graph.unsupported import (
    explain_missing_function,
    explain_missing_method,
    explain_no_number,
    explain_no_truth,
)

if TYPE_CHECKING:
    from pellucid.graph.expr import Expr

FUNCTIONS: dict[str, Callable[..., Any]] = {}
"""Every public function on expressions by its name, filled by the ops as they are defined."""

MAX_TEXT = 500
"""How many pieces of an expression its text has."""

# Functions that in np.linalg take the last two axes, and in np the first two.
_OF_MATRICES = {"diagonal": "matrix_diagonal", "trace": "matrix_trace"}


def call_op(name: str, *operands: Any, **settings: Any) -> Any:
    """Call the public function of this name."""
    return FUNCTIONS[name](*operands, **settings)


def build_expr(name: str, *operands: Any, **settings: Any) -> Expr:
    """Call the public function of this name, of which one expression is expected."""
    made: Expr = FUNCTIONS[name](*operands, **settings)
    return made


def call_logical_or_bitwise(conditions: str, bits: str, *operands: Any) -> Expr:
    """Combine conditions by one function, and the bits of integers by another, as ``&``, ``|``, ``^`` and ``~`` do."""
    for operand in operands:
        number = isinstance(operand, (int, float)) and not isinstance(operand, bool)
        if number or str(getattr(operand, "dtype", "bool")) != "bool":
            return build_expr(bits, *operands)
    return build_expr(conditions, *operands)


def _is_number(value: Any) -> bool:
    return hasattr(value, "__array__") or isinstance(value, (bool, int, float, Operators, list, tuple))


class Operators:
    """The operators, methods and protocols that expressions and patterns share."""

    __slots__ = ()
    __array_priority__ = 1000.0

    is_symbolic = True
    is_pattern = False

    def __add__(self, other: Any) -> Expr:
        return build_expr("add", self, other)

    def __radd__(self, other: Any) -> Expr:
        return build_expr("add", other, self)

    def __sub__(self, other: Any) -> Expr:
        return build_expr("subtract", self, other)

    def __rsub__(self, other: Any) -> Expr:
        return build_expr("subtract", other, self)

    def __mul__(self, other: Any) -> Expr:
        return build_expr("multiply", self, other)

    def __rmul__(self, other: Any) -> Expr:
        return build_expr("multiply", other, self)

    def __truediv__(self, other: Any) -> Expr:
        return build_expr("true_divide", self, other)

    def __rtruediv__(self, other: Any) -> Expr:
        return build_expr("true_divide", other, self)

    def __floordiv__(self, other: Any) -> Expr:
        return build_expr("floor_divide", self, other)

    def __rfloordiv__(self, other: Any) -> Expr:
        return build_expr("floor_divide", other, self)

    def __mod__(self, other: Any) -> Expr:
        return build_expr("remainder", self, other)

    def __rmod__(self, other: Any) -> Expr:
        return build_expr("remainder", other, self)

    def __divmod__(self, other: Any) -> tuple[Expr, Expr]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Expr, Expr]:
        return other // self, other % self

    def __pow__(self, other: Any) -> Expr:
        return build_expr("power", self, other)

    def __rpow__(self, other: Any) -> Expr:
        return build_expr("power", other, self)

    def __matmul__(self, other: Any) -> Expr:
        return build_expr("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Expr:
        return build_expr("matmul", other, self)

    def __neg__(self) -> Expr:
        return build_expr("negative", self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Expr:
        return build_expr("abs", self)

    def __round__(self, ndigits: int | None = None) -> Expr:
        return build_expr("round", self, decimals=ndigits or 0)

    def __and__(self, other: Any) -> Expr:
        return call_logical_or_bitwise("logical_and", "bitwise_and", self, other)

    def __rand__(self, other: Any) -> Expr:
        return call_logical_or_bitwise("logical_and", "bitwise_and", other, self)

    def __or__(self, other: Any) -> Expr:
        return call_logical_or_bitwise("logical_or", "bitwise_or", self, other)

    def __ror__(self, other: Any) -> Expr:
        return call_logical_or_bitwise("logical_or", "bitwise_or", other, self)

    def __xor__(self, other: Any) -> Expr:
        return call_logical_or_bitwise("logical_xor", "bitwise_xor", self, other)

    def __rxor__(self, other: Any) -> Expr:
        return call_logical_or_bitwise("logical_xor", "bitwise_xor", other, self)

    def __invert__(self) -> Expr:
        return call_logical_or_bitwise("logical_not", "invert", self)

    def __lshift__(self, other: Any) -> Expr:
        return build_expr("left_shift", self, other)

    def __rlshift__(self, other: Any) -> Expr:
        return build_expr("left_shift", other, self)

    def __rshift__(self, other: Any) -> Expr:
        return build_expr("right_shift", self, other)

    def __rrshift__(self, other: Any) -> Expr:
        return build_expr("right_shift", other, self)

    def __eq__(self, other: object) -> Any:
        return call_op("equal", self, other) if _is_number(other) else NotImplemented

    def __ne__(self, other: object) -> Any:
        return call_op("not_equal", self, other) if _is_number(other) else NotImplemented

    def __lt__(self, other: Any) -> Expr:
        return build_expr("less", self, other)

    def __le__(self, other: Any) -> Expr:
        return build_expr("less_equal", self, other)

    def __gt__(self, other: Any) -> Expr:
        return build_expr("greater", self, other)

    def __ge__(self, other: Any) -> Expr:
        return build_expr("greater_equal", self, other)

    # Equality is elementwise, so an expression is told from another by identity, as in PyTorch.
    __hash__ = object.__hash__

    def __getitem__(self, index: Any) -> Expr:
        return build_expr("getitem", self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise UseError(
            f"{self} cannot be assigned to, because expressions never change. Write x = x.at[index].set(value), "
            "or .add(value) for +="
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return dispatch_numpy(ufunc.__name__, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        of_matrices = _OF_MATRICES.get(func.__name__) if func.__module__ == "numpy.linalg" else None
        return dispatch_numpy(of_matrices or func.__name__, "__call__", args, kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise UseError(
            f"{self} is an expression and has no value yet, so it cannot become a NumPy array. "
            "Compile it with pel.function([...], expression), or use a function of pellucid or NumPy that takes "
            "expressions."
        )


def dispatch_numpy(name: str, method: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Answer a NumPy function that was called on an expression with pellucid's function of the same name.

    Raises
    ------
    TypeError
        If pellucid has no function of that name, or NumPy asks for something that only values can do.
    """
    if name not in FUNCTIONS:
        raise UseError(
            f"np.{name} does not work on expressions: pellucid has no op of that "
            f"name.{explain_missing_function(name, FUNCTIONS)}"
        )
    if method == "at":
        raise UseError(
            f"np.{name}.at changes an array, and expressions never change. Use x.at[index], as in "
            "x.at[index].add(value)"
        )
    if method != "__call__":
        raise UseError(
            f"np.{name}.{method} does not work on expressions. Use pel.sum, pel.prod, pel.max and their kin instead."
        )
    taken = inspect.signature(FUNCTIONS[name]).parameters
    ours = {key: value for key, value in kwargs.items() if key in taken or key not in ("out", "where", "dtype")}
    unwanted = {key for key, value in kwargs.items() if value is not None and key not in ours}
    if unwanted:
        raise UseError(
            f"np.{name} on an expression takes no {', '.join(sorted(unwanted))}: expressions are immutable. "
            "Use pel.where or pel.cast."
        )
    return FUNCTIONS[name](*args, **ours)


class ArrayMethods(Operators):
    """What can be asked of an expression as it can of an array."""

    __slots__ = ()

    def __bool__(self) -> bool:
        raise UseError(f"The truth value of {brief(self)} is not known until it runs. {explain_no_truth(self)}")

    def __float__(self) -> float:
        raise UseError(explain_no_number(self, "float() and math cannot take it"))

    def __int__(self) -> int:
        raise UseError(explain_no_number(self, "int() cannot take it"))

    def __index__(self) -> int:
        raise UseError(
            f"{brief(self)} is no integer until it runs, so Python cannot count or index by it. Use an array, as in "
            "pel.constant(a_list)[i], or pel.scan for a loop"
        )

    def __format__(self, form: str) -> str:
        if not form:
            return str(self)
        raise UseError(explain_no_number(self, f"it cannot be written as {form!r}"))

    if not TYPE_CHECKING:  # a type checker is to find misspelt names by itself

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_") or name in type(self).__slots__:
                raise AttributeError(name)
            raise NoSuchNameError(
                f"{brief(self)} has no {name!r}.{explain_missing_method(name, FUNCTIONS, dir(type(self)))}"
            )

    @property
    def T(self) -> Expr:
        """The transpose: all axes in reverse order."""
        return build_expr("transpose", self)

    @property
    def mT(self) -> Expr:
        """Each matrix of a stack transposed."""
        return build_expr("matrix_transpose", self)

    @property
    def at(self) -> Any:
        """Places to be replaced, as in ``x.at[i].set(value)``; see `pellucid.at`."""
        return call_op("at", self)

    # What else is given to a method is told of by the op, which knows what it takes.

    def sum(self, axis: int | Sequence[int] | None = None, keepdims: bool = False, **wrong: Any) -> Expr:
        """Sum over axes; see `pellucid.sum`."""
        return build_expr("sum", self, axis=axis, keepdims=keepdims, **wrong)

    def mean(self, axis: int | Sequence[int] | None = None, keepdims: bool = False, **wrong: Any) -> Expr:
        """Mean over axes; see `pellucid.mean`."""
        return build_expr("mean", self, axis=axis, keepdims=keepdims, **wrong)

    def max(self, axis: int | Sequence[int] | None = None, keepdims: bool = False, **wrong: Any) -> Expr:
        """Greatest element over axes; see `pellucid.max`."""
        return build_expr("max", self, axis=axis, keepdims=keepdims, **wrong)

    def min(self, axis: int | Sequence[int] | None = None, keepdims: bool = False, **wrong: Any) -> Expr:
        """Least element over axes; see `pellucid.min`."""
        return build_expr("min", self, axis=axis, keepdims=keepdims, **wrong)

    def prod(self, axis: int | Sequence[int] | None = None, keepdims: bool = False, **wrong: Any) -> Expr:
        """Product over axes; see `pellucid.prod`."""
        return build_expr("prod", self, axis=axis, keepdims=keepdims, **wrong)

    def var(self, axis: int | Sequence[int] | None = None, ddof: int = 0, keepdims: bool = False, **wrong: Any) -> Expr:
        """Variance over axes; see `pellucid.var`."""
        return build_expr("var", self, axis=axis, ddof=ddof, keepdims=keepdims, **wrong)

    def std(self, axis: int | Sequence[int] | None = None, ddof: int = 0, keepdims: bool = False, **wrong: Any) -> Expr:
        """Standard deviation over axes; see `pellucid.std`."""
        return build_expr("std", self, axis=axis, ddof=ddof, keepdims=keepdims, **wrong)

    def any(self, axis: int | Sequence[int] | None = None, keepdims: bool = False, **wrong: Any) -> Expr:
        """Whether some element holds; see `pellucid.any`."""
        return build_expr("any", self, axis=axis, keepdims=keepdims, **wrong)

    def all(self, axis: int | Sequence[int] | None = None, keepdims: bool = False, **wrong: Any) -> Expr:
        """Whether every element holds; see `pellucid.all`."""
        return build_expr("all", self, axis=axis, keepdims=keepdims, **wrong)

    def argmax(self, axis: int | None = None, keepdims: bool = False, **wrong: Any) -> Expr:
        """Index of the greatest element; see `pellucid.argmax`."""
        return build_expr("argmax", self, axis=axis, keepdims=keepdims, **wrong)

    def argmin(self, axis: int | None = None, keepdims: bool = False, **wrong: Any) -> Expr:
        """Index of the least element; see `pellucid.argmin`."""
        return build_expr("argmin", self, axis=axis, keepdims=keepdims, **wrong)

    def cumsum(self, axis: int | None = None, **wrong: Any) -> Expr:
        """Sums of all elements up to each; see `pellucid.cumsum`."""
        return build_expr("cumsum", self, axis=axis, **wrong)

    def cumprod(self, axis: int | None = None, **wrong: Any) -> Expr:
        """Products of all elements up to each; see `pellucid.cumprod`."""
        return build_expr("cumprod", self, axis=axis, **wrong)

    def clip(self, min: Any = None, max: Any = None) -> Expr:
        """Bring every element between two bounds; see `pellucid.clip`."""
        return build_expr("clip", self, min, max)

    def round(self, decimals: int = 0) -> Expr:
        """Round every element to so many decimals; see `pellucid.round`."""
        return build_expr("round", self, decimals=decimals)

    def reshape(self, *shape: Any) -> Expr:
        """Give another shape to the same elements; see `pellucid.reshape`."""
        return build_expr("reshape", self, shape[0] if len(shape) == 1 else shape)

    def ravel(self) -> Expr:
        """All elements along one axis; see `pellucid.ravel`."""
        return build_expr("ravel", self)

    def transpose(self, *axes: Any) -> Expr:
        """Reorder the axes; see `pellucid.transpose`."""
        return build_expr("transpose", self, axes[0] if len(axes) == 1 else (axes or None))

    def take(self, indices: Any, axis: int | None = None, mode: str = "raise") -> Expr:
        """Elements at some indices; see `pellucid.take`."""
        return build_expr("take", self, indices, axis=axis, mode=mode)

    def argsort(self, axis: int | None = -1, descending: bool = False) -> Expr:
        """Indices that sort; see `pellucid.argsort`."""
        return build_expr("argsort", self, axis=axis, descending=descending)

    def flatten(self) -> Expr:
        """All elements along one axis; see `pellucid.ravel`."""
        return build_expr("ravel", self)

    def squeeze(self, axis: int | Sequence[int] | None = None) -> Expr:
        """Take axes of length 1 away; see `pellucid.squeeze`."""
        return build_expr("squeeze", self, axis=axis)

    def swapaxes(self, axis1: int, axis2: int) -> Expr:
        """Exchange two axes; see `pellucid.swapaxes`."""
        return build_expr("swapaxes", self, axis1, axis2)

    def repeat(self, repeats: Any, axis: int | None = None) -> Expr:
        """Each element several times over; see `pellucid.repeat`."""
        return build_expr("repeat", self, repeats, axis)

    def dot(self, b: Any) -> Expr:
        """Product as `pellucid.dot` has it."""
        return build_expr("dot", self, b)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Expr:
        """Sum of a diagonal; see `pellucid.trace`."""
        return build_expr("trace", self, offset, axis1, axis2)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Expr:
        """Diagonal of matrices; see `pellucid.diagonal`."""
        return build_expr("diagonal", self, offset, axis1, axis2)

    def astype(self, dtype: Any) -> Expr:
        """Cast to another dtype; see `pellucid.cast`."""
        return build_expr("cast", self, dtype=dtype)
