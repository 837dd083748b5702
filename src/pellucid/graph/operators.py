"""Python's operators and NumPy's protocols on anything that stands for an expression.

An operator looks its op up by NumPy's name, so this file knows names and no mathematics.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pellucid.graph.errors import UseError
from pellucid.graph.unsupported import why_absent

if TYPE_CHECKING:
    from pellucid.graph.expr import Expr

FUNCTIONS: dict[str, Callable[..., Any]] = {}
"""Every public function on expressions by its name, filled by the ops as they are defined."""

# Functions that in np.linalg take the last two axes, and in np the first two.
_OF_MATRICES = {"diagonal": "matrix_diagonal", "trace": "matrix_trace"}


def call(name: str, *operands: Any, **settings: Any) -> Any:
    """Call the public function of this name."""
    return FUNCTIONS[name](*operands, **settings)


def write(name: str, *operands: Any, **settings: Any) -> Expr:
    """Call the public function of this name, of which one expression is expected."""
    made: Expr = FUNCTIONS[name](*operands, **settings)
    return made


def combine(conditions: str, bits: str, *operands: Any) -> Expr:
    """Combine conditions by one function, and the bits of integers by another, as ``&``, ``|``, ``^`` and ``~`` do."""
    for operand in operands:
        number = isinstance(operand, (int, float)) and not isinstance(operand, bool)
        if number or str(getattr(operand, "dtype", "bool")) != "bool":
            return write(bits, *operands)
    return write(conditions, *operands)


def _is_number(value: Any) -> bool:
    return hasattr(value, "__array__") or isinstance(value, (bool, int, float, Operators, list, tuple))


class Operators:
    """The operators, methods and protocols that expressions and patterns share."""

    __slots__ = ()
    __array_priority__ = 1000.0

    def __add__(self, other: Any) -> Expr:
        return write("add", self, other)

    def __radd__(self, other: Any) -> Expr:
        return write("add", other, self)

    def __sub__(self, other: Any) -> Expr:
        return write("subtract", self, other)

    def __rsub__(self, other: Any) -> Expr:
        return write("subtract", other, self)

    def __mul__(self, other: Any) -> Expr:
        return write("multiply", self, other)

    def __rmul__(self, other: Any) -> Expr:
        return write("multiply", other, self)

    def __truediv__(self, other: Any) -> Expr:
        return write("true_divide", self, other)

    def __rtruediv__(self, other: Any) -> Expr:
        return write("true_divide", other, self)

    def __floordiv__(self, other: Any) -> Expr:
        return write("floor_divide", self, other)

    def __rfloordiv__(self, other: Any) -> Expr:
        return write("floor_divide", other, self)

    def __mod__(self, other: Any) -> Expr:
        return write("remainder", self, other)

    def __rmod__(self, other: Any) -> Expr:
        return write("remainder", other, self)

    def __divmod__(self, other: Any) -> tuple[Expr, Expr]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Expr, Expr]:
        return other // self, other % self

    def __pow__(self, other: Any) -> Expr:
        return write("power", self, other)

    def __rpow__(self, other: Any) -> Expr:
        return write("power", other, self)

    def __matmul__(self, other: Any) -> Expr:
        return write("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Expr:
        return write("matmul", other, self)

    def __neg__(self) -> Expr:
        return write("negative", self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Expr:
        return write("abs", self)

    def __round__(self, ndigits: int | None = None) -> Expr:
        return write("round", self, decimals=ndigits or 0)

    def __and__(self, other: Any) -> Expr:
        return combine("logical_and", "bitwise_and", self, other)

    def __rand__(self, other: Any) -> Expr:
        return combine("logical_and", "bitwise_and", other, self)

    def __or__(self, other: Any) -> Expr:
        return combine("logical_or", "bitwise_or", self, other)

    def __ror__(self, other: Any) -> Expr:
        return combine("logical_or", "bitwise_or", other, self)

    def __xor__(self, other: Any) -> Expr:
        return combine("logical_xor", "bitwise_xor", self, other)

    def __rxor__(self, other: Any) -> Expr:
        return combine("logical_xor", "bitwise_xor", other, self)

    def __invert__(self) -> Expr:
        return combine("logical_not", "invert", self)

    def __lshift__(self, other: Any) -> Expr:
        return write("left_shift", self, other)

    def __rlshift__(self, other: Any) -> Expr:
        return write("left_shift", other, self)

    def __rshift__(self, other: Any) -> Expr:
        return write("right_shift", self, other)

    def __rrshift__(self, other: Any) -> Expr:
        return write("right_shift", other, self)

    def __eq__(self, other: object) -> Any:
        return call("equal", self, other) if _is_number(other) else NotImplemented

    def __ne__(self, other: object) -> Any:
        return call("not_equal", self, other) if _is_number(other) else NotImplemented

    def __lt__(self, other: Any) -> Expr:
        return write("less", self, other)

    def __le__(self, other: Any) -> Expr:
        return write("less_equal", self, other)

    def __gt__(self, other: Any) -> Expr:
        return write("greater", self, other)

    def __ge__(self, other: Any) -> Expr:
        return write("greater_equal", self, other)

    # Equality is elementwise, so an expression is told from another by identity, as in PyTorch.
    __hash__ = object.__hash__

    def __getitem__(self, index: Any) -> Expr:
        return write("getitem", self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise UseError(
            f"{self} cannot be assigned to, because expressions never change. Write x = x.at[index].set(value), "
            "or .add(value) for +="
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return call_numpy(ufunc.__name__, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        of_matrices = _OF_MATRICES.get(func.__name__) if func.__module__ == "numpy.linalg" else None
        return call_numpy(of_matrices or func.__name__, "__call__", args, kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise UseError(
            f"{self} is an expression and has no value yet, so it cannot become a NumPy array. "
            "Compile it with pel.function([...], expression), or use a function of pellucid or NumPy that takes "
            "expressions."
        )


def call_numpy(name: str, method: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Answer a NumPy function that was called on an expression with pellucid's function of the same name.

    Raises
    ------
    TypeError
        If pellucid has no function of that name, or NumPy asks for something that only values can do.
    """
    if name not in FUNCTIONS:
        raise UseError(
            f"np.{name} does not work on expressions: pellucid has no op of that name.{why_absent(name, FUNCTIONS)}"
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
