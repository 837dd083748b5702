"""Python operators, NumPy protocols and array methods of expressions and patterns.

Each looks up its function by NumPy's name, so that this module does not import the ops.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from pellucid.graph.errors import NoSuchNameError, UseError, brief
from pellucid.graph.unsupported_functions import (
    explain_missing_function,
    explain_missing_method,
    explain_no_number,
    explain_no_truth,
)

if TYPE_CHECKING:
    from pellucid.graph.expr import Expr, IndexKey, Operand
    from pellucid.graph.types import Dim
    from pellucid.typing import Array, Axes, DTypeLike

BinaryMethod: TypeAlias = "Callable[[Operators, Operand | Operators], Expr]"

FUNCTIONS: dict[str, Callable[..., Any]] = {}
"""Public functions on expressions by name. The ops register themselves when they are defined."""

MAX_TEXT = 500
"""Number of pieces after which the text of an expression is cut."""

# Functions that use the last two axes in np.linalg and the first two in np.
_LINALG_NAMES = {"diagonal": "matrix_diagonal", "trace": "matrix_trace"}

NUMPY_ONLY = {
    "dtype": "Cast the result with pel.cast",
    "out": "Expressions are immutable; use the expression that it returns",
    "where": "Use pel.where",
}
"""Arguments of NumPy's functions that are dropped if they are None and rejected otherwise, with their replacements."""


def call_op(name: str, *operands: Any, **settings: Any) -> Expr:
    """Call a public function with one result by name."""
    made: Expr = FUNCTIONS[name](*operands, **settings)
    return made


def call_op_with_results(name: str, *operands: Any, **settings: Any) -> list[Expr]:
    """Call a public function with several results by name."""
    made: list[Expr] = FUNCTIONS[name](*operands, **settings)
    return made


def call_logical_or_bitwise(logical: str, bitwise: str, *operands: Operand | Operators) -> Expr:
    """Call the logical function on booleans and the bitwise one on integers, for ``&``, ``|``, ``^`` and ``~``."""
    for operand in operands:
        is_number = isinstance(operand, (int, float)) and not isinstance(operand, bool)
        if is_number or str(getattr(operand, "dtype", "bool")) != "bool":
            return call_op(bitwise, *operands)
    return call_op(logical, *operands)


def _make_binary_methods(name: str, bitwise: str = "") -> tuple[BinaryMethod, BinaryMethod]:
    """Return the methods of a binary operator, for ``x + y`` and for ``1 + x``, that call a public function."""
    call = functools.partial(call_logical_or_bitwise, name, bitwise) if bitwise else functools.partial(call_op, name)

    def method(self: Operators, other: Operand | Operators) -> Expr:
        return call(self, other)

    def reflected_method(self: Operators, other: Operand | Operators) -> Expr:
        return call(other, self)

    return method, reflected_method


def _is_number(value: object) -> bool:
    return hasattr(value, "__array__") or isinstance(value, (bool, int, float, Operators, list, tuple))


class Operators:
    """Operators and protocols that expressions and patterns share."""

    __slots__ = ()
    __array_priority__: float = 1000.0

    is_symbolic: bool = True
    is_pattern: bool = False

    if TYPE_CHECKING:

        def __add__(self, other: Operand | Operators, /) -> Expr: ...
        def __radd__(self, other: Operand | Operators, /) -> Expr: ...
        def __sub__(self, other: Operand | Operators, /) -> Expr: ...
        def __rsub__(self, other: Operand | Operators, /) -> Expr: ...
        def __mul__(self, other: Operand | Operators, /) -> Expr: ...
        def __rmul__(self, other: Operand | Operators, /) -> Expr: ...
        def __truediv__(self, other: Operand | Operators, /) -> Expr: ...
        def __rtruediv__(self, other: Operand | Operators, /) -> Expr: ...
        def __floordiv__(self, other: Operand | Operators, /) -> Expr: ...
        def __rfloordiv__(self, other: Operand | Operators, /) -> Expr: ...
        def __mod__(self, other: Operand | Operators, /) -> Expr: ...
        def __rmod__(self, other: Operand | Operators, /) -> Expr: ...
        def __pow__(self, other: Operand | Operators, /) -> Expr: ...
        def __rpow__(self, other: Operand | Operators, /) -> Expr: ...
        def __matmul__(self, other: Operand | Operators, /) -> Expr: ...
        def __rmatmul__(self, other: Operand | Operators, /) -> Expr: ...
        def __lshift__(self, other: Operand | Operators, /) -> Expr: ...
        def __rlshift__(self, other: Operand | Operators, /) -> Expr: ...
        def __rshift__(self, other: Operand | Operators, /) -> Expr: ...
        def __rrshift__(self, other: Operand | Operators, /) -> Expr: ...
        def __and__(self, other: Operand | Operators, /) -> Expr: ...
        def __rand__(self, other: Operand | Operators, /) -> Expr: ...
        def __or__(self, other: Operand | Operators, /) -> Expr: ...
        def __ror__(self, other: Operand | Operators, /) -> Expr: ...
        def __xor__(self, other: Operand | Operators, /) -> Expr: ...
        def __rxor__(self, other: Operand | Operators, /) -> Expr: ...

    else:
        __add__, __radd__ = _make_binary_methods("add")
        __sub__, __rsub__ = _make_binary_methods("subtract")
        __mul__, __rmul__ = _make_binary_methods("multiply")
        __truediv__, __rtruediv__ = _make_binary_methods("true_divide")
        __floordiv__, __rfloordiv__ = _make_binary_methods("floor_divide")
        __mod__, __rmod__ = _make_binary_methods("remainder")
        __pow__, __rpow__ = _make_binary_methods("power")
        __matmul__, __rmatmul__ = _make_binary_methods("matmul")
        __lshift__, __rlshift__ = _make_binary_methods("left_shift")
        __rshift__, __rrshift__ = _make_binary_methods("right_shift")
        __and__, __rand__ = _make_binary_methods("logical_and", "bitwise_and")
        __or__, __ror__ = _make_binary_methods("logical_or", "bitwise_or")
        __xor__, __rxor__ = _make_binary_methods("logical_xor", "bitwise_xor")

    def __divmod__(self, other: Operand) -> tuple[Expr, Expr]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Expr, Expr]:
        return other // self, other % self

    def __neg__(self) -> Expr:
        return call_op("negative", self)

    def __pos__(self) -> Self:
        return self

    def __abs__(self) -> Expr:
        return call_op("abs", self)

    def __round__(self, ndigits: int | None = None) -> Expr:
        return call_op("round", self, decimals=ndigits or 0)

    def __invert__(self) -> Expr:
        return call_logical_or_bitwise("logical_not", "invert", self)

    def __eq__(self, other: object) -> Any:
        return call_op("equal", self, other) if _is_number(other) else NotImplemented

    def __ne__(self, other: object) -> Any:
        return call_op("not_equal", self, other) if _is_number(other) else NotImplemented

    def __lt__(self, other: Operand | Operators) -> Expr:
        return call_op("less", self, other)

    def __le__(self, other: Operand | Operators) -> Expr:
        return call_op("less_equal", self, other)

    def __gt__(self, other: Operand | Operators) -> Expr:
        return call_op("greater", self, other)

    def __ge__(self, other: Operand | Operators) -> Expr:
        return call_op("greater_equal", self, other)

    # ``==`` is elementwise, so dictionaries distinguish expressions by identity, as in PyTorch.
    if TYPE_CHECKING:

        def __hash__(self) -> int: ...

    else:
        __hash__ = object.__hash__

    def __getitem__(self, index: IndexKey) -> Expr:
        return call_op("getitem", self, index)

    def __setitem__(self, index: IndexKey, value: Operand) -> None:
        fix = "x = x.at[index].set(value), or .add(value) for +="
        if hasattr(type(self), "set_value"):
            fix = f"{self}.set_value(array), or in a program updates={{{self}: {self}.at[index].set(value)}}"
        raise UseError(f"Elements of {self} cannot be assigned, because expressions are immutable. Write {fix}")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return dispatch_numpy(ufunc.__name__, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        linalg_name = _LINALG_NAMES.get(func.__name__) if func.__module__ == "numpy.linalg" else None
        return dispatch_numpy(linalg_name or func.__name__, "__call__", args, kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise UseError(
            f"{self} is an expression and has no value yet, so it cannot become a NumPy array. "
            "Compile it with pel.function([...], expression), or use functions of pellucid or NumPy on the expression."
        )


def dispatch_numpy(name: str, method: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Call pellucid's function for a NumPy function that was called on expressions.

    Raises
    ------
    UseError
        If pellucid has no function of that name, or the call needs values.
    """
    if name not in FUNCTIONS:
        raise UseError(
            f"np.{name} does not work on expressions: pellucid has no op of that name."
            f"{explain_missing_function(name, FUNCTIONS)}"
        )
    if method == "at":
        raise UseError(
            f"np.{name}.at changes an array in place, and expressions are immutable. Use x.at[index], as in "
            "x.at[index].add(value)"
        )
    if method != "__call__":
        raise UseError(
            f"np.{name}.{method} does not work on expressions. Use a reduction such as pel.sum, pel.prod or pel.max"
        )
    parameters = inspect.signature(FUNCTIONS[name]).parameters
    supported = {key: value for key, value in kwargs.items() if key in parameters or key not in NUMPY_ONLY}
    for key, value in kwargs.items():
        if value is not None and key not in supported:
            raise UseError(f"np.{name} on an expression takes no argument {key!r}. {NUMPY_ONLY[key]}")
    return FUNCTIONS[name](*args, **supported)


class ArrayMethods(Operators):
    """Methods of NumPy arrays that expressions have too."""

    __slots__ = ()

    def __bool__(self) -> bool:
        raise UseError(f"The truth value of {brief(self)} is not known until it runs. {explain_no_truth(self)}")

    def __float__(self) -> float:
        raise UseError(explain_no_number(self, "float() and math cannot take it"))

    def __int__(self) -> int:
        raise UseError(explain_no_number(self, "int() cannot take it"))

    def __index__(self) -> int:
        raise UseError(
            f"{brief(self)} is not an integer until it runs, so Python cannot use it for range() or as an index of a "
            "list. Use an array, as in pel.constant(a_list)[i], or pel.scan for a loop"
        )

    def __format__(self, form: str) -> str:
        if not form:
            return str(self)
        raise UseError(explain_no_number(self, f"the format {form!r} does not apply"))

    if not TYPE_CHECKING:  # so that type checkers report misspelled names

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_") or name in type(self).__slots__:
                raise AttributeError(name)
            hint = explain_missing_method(name, FUNCTIONS, dir(type(self)), hasattr(type(self), "set_value"))
            raise NoSuchNameError(f"{brief(self)} has no {name!r}.{hint}")

    @property
    def T(self) -> Expr:
        """The transpose: all axes in reverse order."""
        return call_op("transpose", self)

    @property
    def mT(self) -> Expr:
        """Each matrix of a stack transposed."""
        return call_op("matrix_transpose", self)

    @property
    def at(self) -> Any:  # an `IndexUpdateHelper`, whose module imports this one
        """Indexed updates, as in ``x.at[i].set(value)``; see `pellucid.at`."""
        return FUNCTIONS["at"](self)

    # Unknown keywords are passed on, since the op names the ones that it accepts.

    def sum(self, axis: Axes = None, keepdims: bool = False, **wrong: object) -> Expr:
        """Sum over axes; see `pellucid.sum`."""
        return call_op("sum", self, axis=axis, keepdims=keepdims, **wrong)

    def mean(self, axis: Axes = None, keepdims: bool = False, **wrong: object) -> Expr:
        """Mean over axes; see `pellucid.mean`."""
        return call_op("mean", self, axis=axis, keepdims=keepdims, **wrong)

    def max(self, axis: Axes = None, keepdims: bool = False, initial: float | None = None, **wrong: object) -> Expr:
        """Maximum over axes; see `pellucid.max`."""
        return call_op("max", self, axis=axis, keepdims=keepdims, initial=initial, **wrong)

    def min(self, axis: Axes = None, keepdims: bool = False, initial: float | None = None, **wrong: object) -> Expr:
        """Minimum over axes; see `pellucid.min`."""
        return call_op("min", self, axis=axis, keepdims=keepdims, initial=initial, **wrong)

    def prod(self, axis: Axes = None, keepdims: bool = False, **wrong: object) -> Expr:
        """Product over axes; see `pellucid.prod`."""
        return call_op("prod", self, axis=axis, keepdims=keepdims, **wrong)

    def var(self, axis: Axes = None, ddof: int = 0, keepdims: bool = False, **wrong: object) -> Expr:
        """Variance over axes; see `pellucid.var`."""
        return call_op("var", self, axis=axis, ddof=ddof, keepdims=keepdims, **wrong)

    def std(self, axis: Axes = None, ddof: int = 0, keepdims: bool = False, **wrong: object) -> Expr:
        """Standard deviation over axes; see `pellucid.std`."""
        return call_op("std", self, axis=axis, ddof=ddof, keepdims=keepdims, **wrong)

    def any(self, axis: Axes = None, keepdims: bool = False, **wrong: object) -> Expr:
        """Whether any element is true; see `pellucid.any`."""
        return call_op("any", self, axis=axis, keepdims=keepdims, **wrong)

    def all(self, axis: Axes = None, keepdims: bool = False, **wrong: object) -> Expr:
        """Whether all elements are true; see `pellucid.all`."""
        return call_op("all", self, axis=axis, keepdims=keepdims, **wrong)

    def argmax(self, axis: int | None = None, keepdims: bool = False, **wrong: object) -> Expr:
        """Index of the maximum; see `pellucid.argmax`."""
        return call_op("argmax", self, axis=axis, keepdims=keepdims, **wrong)

    def argmin(self, axis: int | None = None, keepdims: bool = False, **wrong: object) -> Expr:
        """Index of the minimum; see `pellucid.argmin`."""
        return call_op("argmin", self, axis=axis, keepdims=keepdims, **wrong)

    def cumsum(self, axis: int | None = None, **wrong: object) -> Expr:
        """Cumulative sum; see `pellucid.cumsum`."""
        return call_op("cumsum", self, axis=axis, **wrong)

    def cumprod(self, axis: int | None = None, **wrong: object) -> Expr:
        """Cumulative product; see `pellucid.cumprod`."""
        return call_op("cumprod", self, axis=axis, **wrong)

    def clip(self, min: Operand | None = None, max: Operand | None = None) -> Expr:
        """Clip elements to a range; see `pellucid.clip`."""
        return call_op("clip", self, min, max)

    def round(self, decimals: int = 0) -> Expr:
        """Round elements to a number of decimals; see `pellucid.round`."""
        return call_op("round", self, decimals=decimals)

    def reshape(self, *shape: Dim | Sequence[Dim]) -> Expr:
        """The same elements in another shape; see `pellucid.reshape`."""
        return call_op("reshape", self, shape[0] if len(shape) == 1 else shape)

    def ravel(self) -> Expr:
        """Elements along one axis; see `pellucid.ravel`."""
        return call_op("ravel", self)

    def transpose(self, *axes: int | Sequence[int] | None) -> Expr:
        """Reorder the axes; see `pellucid.transpose`."""
        return call_op("transpose", self, axes[0] if len(axes) == 1 else (axes or None))

    def take(self, indices: Operand, axis: int | None = None, mode: str = "raise") -> Expr:
        """Elements at some indices; see `pellucid.take`."""
        return call_op("take", self, indices, axis=axis, mode=mode)

    def argsort(self, axis: int | None = -1, descending: bool = False) -> Expr:
        """Indices that sort; see `pellucid.argsort`."""
        return call_op("argsort", self, axis=axis, descending=descending)

    def flatten(self) -> Expr:
        """Elements along one axis; see `pellucid.ravel`."""
        return call_op("ravel", self)

    def squeeze(self, axis: Axes = None) -> Expr:
        """Remove axes of length 1; see `pellucid.squeeze`."""
        return call_op("squeeze", self, axis=axis)

    def swapaxes(self, axis1: int, axis2: int) -> Expr:
        """Exchange two axes; see `pellucid.swapaxes`."""
        return call_op("swapaxes", self, axis1, axis2)

    def repeat(self, repeats: int | Sequence[int] | Array, axis: int | None = None) -> Expr:
        """Repeat each element; see `pellucid.repeat`."""
        return call_op("repeat", self, repeats, axis)

    def dot(self, b: Operand) -> Expr:
        """Dot product; see `pellucid.dot`."""
        return call_op("dot", self, b)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Expr:
        """Sum of a diagonal; see `pellucid.trace`."""
        return call_op("trace", self, offset, axis1, axis2)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Expr:
        """Diagonal of matrices; see `pellucid.diagonal`."""
        return call_op("diagonal", self, offset, axis1, axis2)

    def astype(self, dtype: DTypeLike | None) -> Expr:
        """Cast to another dtype; see `pellucid.cast`."""
        return call_op("cast", self, dtype=dtype)
