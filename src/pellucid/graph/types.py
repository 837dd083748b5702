r"""Dimensions, shapes and dtypes of expressions.

A dimension is an integer, a name, or a formula of names such as ``n//2 + 1``. Equal names and formulas mean equal
sizes. Different ones, or a name and an integer, mean different sizes, and an expression that needs them equal raises an
error when it is built. A dimension without a name is `Unknown`: it is compatible with every dimension when the graph is
built, and checked when the program runs.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.extension_points import size_expression
from pellucid.graph.config import config
from pellucid.graph.errors import DtypeError, ShapeError, UseError, near_miss
from pellucid.graph.size_formulas import (
    SizeFormula,
    choose_largest,
    choose_smallest,
    is_nonnegative,
    make_constant_formula,
    make_name_formula,
    parse_formula,
)
from pellucid.graph.validation import is_integer

Dim = int | str
Shape = tuple[Dim, ...]
DType = np.dtype[Any]

SizeOperation = Callable[[SizeFormula, SizeFormula], SizeFormula]

MAX_INFERRED_TEXT = 60
"""Longer formulas that are inferred from operands are unknown sizes, so that their length is bounded."""

_counter = itertools.count(1)


def make_operator(compute: SizeOperation) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the methods of an operator of sizes, for ``n + 1`` and for ``1 + n``."""

    def method(self: NamedDim, other: Any) -> Any:
        return self.combine(compute, other)

    def reflected_method(self: NamedDim, other: Any) -> Any:
        return self.combine(compute, other, reflected=True)

    return method, reflected_method


def make_comparison(compare: Callable[[str, str], bool]) -> Callable[..., Any]:
    """Return the method that compares texts, and refuses to compare a size with a number."""

    def method(self: NamedDim, other: Any) -> Any:
        return compare(self, other) if isinstance(other, str) else self.refuse_number()

    return method


class NamedDim(str):
    """Name of a size that is known when a program runs, or a formula of such names, such as ``n//2 + 1``.

    It equals the string. Arithmetic with integers and other sizes gives a formula, or an integer if the names cancel
    out; with other numbers and expressions, it gives an expression.

    Attributes
    ----------
    origins : dict from str to (weak reference to Expr, int or str)
        Axes that have the sizes of the names. A size that is the value of a scalar has its own name instead of an axis.
    """

    __slots__ = ("origins",)

    origins: Mapping[str, tuple[Callable[[], Any], int | str]]

    def refuse_number(self, *_: object) -> Any:
        """Raise an error that says how to compute with an unknown size."""
        size = "?" if isinstance(self, Unknown) else repr(str(self))
        raise UseError(
            f"The size {size} of a shape is not known until the program runs, so Python cannot use its value. Formulas "
            "of sizes work, as in x.reshape(x.shape[0] // 2, 2) and x.sum() / x.shape[0]; pel.map and pel.scan go "
            "through the elements; or declare the size, as in shape=(3,)"
        )

    def combine(self, compute: SizeOperation, other: Any, *, reflected: bool = False) -> Any:
        """Return a formula of two sizes, or an expression if the other operand is no integer."""
        if getattr(type(other), "is_symbolic", False):
            return NotImplemented
        if is_integer(other) or isinstance(other, NamedDim):
            operands = (other, self) if reflected else (self, other)
            return combine_dims(compute, *operands)
        if isinstance(other, str):
            return NotImplemented
        return self.compute_as_expression(compute, other, reflected=reflected)

    def compute_as_expression(self, compute: Callable[[Any, Any], Any], other: Any, *, reflected: bool = False) -> Any:
        if isinstance(other, (list, tuple)):  # Python would repeat it
            return self.refuse_number()
        value = size_expression(self)
        return compute(other, value) if reflected else compute(value, other)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        values = [size_expression(i) if isinstance(i, NamedDim) else i for i in inputs]
        return size_expression(self).__array_ufunc__(ufunc, method, *values, **kwargs)

    def maximum(self, other: Dim) -> Dim:
        """Return the larger of two sizes."""
        return combine_dims(choose_largest, self, check_size(other))

    def minimum(self, other: Dim) -> Dim:
        """Return the smaller of two sizes."""
        return combine_dims(choose_smallest, self, check_size(other))

    def __add__(self, other: Any) -> Any:
        is_text = isinstance(other, str) and not isinstance(other, NamedDim)
        return str(self) + other if is_text else self.combine(operator.add, other)

    if not TYPE_CHECKING:  # a type checker sees the methods of str
        _, __radd__ = make_operator(operator.add)
        __sub__, __rsub__ = make_operator(operator.sub)
        __mul__, __rmul__ = make_operator(operator.mul)
        __floordiv__, __rfloordiv__ = make_operator(operator.floordiv)
        __mod__, __rmod__ = make_operator(operator.mod)

        def __truediv__(self, other):
            return self.compute_as_expression(operator.truediv, other)

        def __rtruediv__(self, other):
            return self.compute_as_expression(operator.truediv, other, reflected=True)

        def __pow__(self, other):
            if is_integer(other) and other >= 0:
                return math.prod([self] * int(other))
            return self.compute_as_expression(operator.pow, other)

        def __rpow__(self, other):
            return self.compute_as_expression(operator.pow, other, reflected=True)

        def __neg__(self):
            return self.combine(operator.mul, -1)

        def __pos__(self):
            return self

        __index__ = __int__ = __float__ = refuse_number

        __lt__, __le__, __gt__, __ge__ = map(make_comparison, (str.__lt__, str.__le__, str.__gt__, str.__ge__))

    def __reduce__(self) -> tuple[Any, ...]:
        return (NamedDim, (str(self),))


def check_size(value: Any) -> Dim:
    """Return an integer or a size unchanged."""
    if is_integer(value):
        return int(value)
    if isinstance(value, NamedDim):
        return value
    raise UseError(f"Expected an integer or a size of a shape. Received: {value!r}")


def parse_dim(text: str) -> SizeFormula | None:
    """Return the formula of a dimension; None if it is a name that cannot be part of a formula, such as ``"1"``."""
    formula = parse_formula(str(text))
    return None if formula is None or formula.constant is not None else formula


def as_formula(dim: Dim) -> SizeFormula:
    """Return the formula of a dimension."""
    if isinstance(dim, int):
        return make_constant_formula(dim)
    formula = parse_dim(dim)
    if formula is None:
        raise ShapeError(
            f"The size {str(dim)!r} has a name that cannot be part of a formula. Declare a name of letters, digits and "
            "underscores, as in shape=('n',)"
        )
    return formula


def read_dim(dim: Dim) -> SizeFormula:
    """Return the formula of a dimension; a text that is no formula is one name."""
    if isinstance(dim, int):
        return make_constant_formula(dim)
    return parse_dim(dim) or make_name_formula(str(dim))


def as_dim(formula: SizeFormula, origins: Mapping[str, Any], *, unknown: bool = False) -> Dim:
    """Return the dimension of a formula, an integer if it has no names."""
    if formula.constant is not None:
        return formula.constant
    dim = str.__new__(Unknown if unknown else NamedDim, str(formula))
    dim.origins = {name: origins[name] for name in dict.fromkeys(formula.list_names()) if name in origins}
    return dim


def combine_dims(compute: SizeOperation, *dims: Dim) -> Dim:
    """Return a formula of dimensions."""
    origins: dict[str, Any] = {}
    for dim in dims:
        origins = {**get_origins(dim), **origins}
    formula = combine_formulas(compute, *(d if isinstance(d, int) else str(d) for d in dims))
    unknown = any(name.startswith("?") for name in formula.list_names())
    return as_dim(formula, origins, unknown=unknown)


@functools.lru_cache(4096)
def combine_formulas(compute: SizeOperation, *dims: Dim) -> SizeFormula:
    return compute(*map(as_formula, dims))


def multiply_sizes(*dims: Dim) -> Dim:
    """Return the product of dimensions."""
    return functools.reduce(functools.partial(combine_dims, operator.mul), [1, *dims])


def compute_dim(compute: Callable[[], Dim], *operands: Dim) -> Dim:
    """Return a dimension that is computed from those of operands.

    It is unknown if one of them is, if the formula is long, or if a name cannot be part of a formula.
    """
    if Unknown in map(type, operands):
        return Unknown()
    try:
        dim = compute()
    except ShapeError:
        return Unknown()
    return Unknown() if isinstance(dim, str) and len(dim) > MAX_INFERRED_TEXT else dim


def add_dims(*dims: Dim) -> Dim:
    return compute_dim(lambda: functools.reduce(functools.partial(combine_dims, operator.add), dims), *dims)


def multiply_dims(*dims: Dim) -> Dim:
    return compute_dim(lambda: multiply_sizes(*dims), *dims)


def divide_dim(dim: Dim, divisor: Dim) -> Dim:
    """Return a quotient, rounded down."""
    return compute_dim(lambda: combine_dims(operator.floordiv, dim, divisor), dim, divisor)


def differs_always(a: Dim, b: Dim) -> bool:
    """Whether two dimensions differ for all values of the names in them."""
    try:
        left, right = as_formula(a), as_formula(b)
    except ShapeError:  # a name that is no formula
        return True
    one = make_constant_formula(1)
    return is_nonnegative(left - right - one) or is_nonnegative(right - left - one)


def get_origins(dim: Dim) -> Mapping[str, tuple[Callable[[], Any], int | str]]:
    """Return the axes that have the sizes of the names in a dimension, as far as they are known."""
    origins: Mapping[str, tuple[Callable[[], Any], int | str]] = getattr(dim, "origins", {})
    return origins


def is_formula(dim: Dim) -> bool:
    """Whether a dimension is a formula, and not an integer or a name."""
    return (
        isinstance(dim, str) and not dim.isidentifier() and not isinstance(dim, Unknown) and parse_dim(dim) is not None
    )


def is_computed(dim: Dim) -> bool:
    """Whether a dimension is unknown or a formula: it may equal others, so the program has to compare the sizes."""
    return isinstance(dim, Unknown) or is_formula(dim)


class Unknown(NamedDim):
    """Dimension of unknown size, or a formula of some. It is compatible with every other dimension."""

    __slots__ = ()

    def __new__(cls) -> Unknown:
        return super().__new__(cls, f"?{next(_counter)}")

    def __copy__(self) -> Unknown:
        return self

    def __deepcopy__(self, memo: Any) -> Unknown:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # The text would not be unique in another process.
        return (Unknown, ())


@dataclass(frozen=True, slots=True)
class Type:
    """Shape and dtype."""

    shape: Shape
    dtype: DType

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype} {format_shape(self.shape)}"


def format_shape(shape: Shape) -> str:
    """Return a shape as Python prints a tuple, with unquoted names and ``?`` for unknown sizes.

    Examples
    --------
    >>> format_shape(("n", 3)), format_shape((Unknown(),))
    ('(n, 3)', '(?,)')
    """
    parts = ["?" if isinstance(d, Unknown) else str(d) for d in shape]
    return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"


def as_shape(shape: Sequence[Dim | None] | Dim) -> Shape:
    """Convert a declared shape to a tuple of integers, names and unknown sizes (for ``None``)."""
    dims: Iterable[Dim | None] = [shape] if isinstance(shape, str) or not isinstance(shape, Iterable) else shape
    result: list[Dim] = []
    for dim in dims:
        if dim is None:
            result.append(Unknown())
        elif isinstance(dim, str) and dim:
            result.append(dim if isinstance(dim, NamedDim) else make_named_dim(dim))
        elif isinstance(dim, (int, np.integer)) and not isinstance(dim, bool) and dim >= 0:
            result.append(int(dim))
        else:
            raise ShapeError(
                f"A dimension is a size of 0 or more, a name such as 'n', or None for unknown. Received: {dim!r}"
            )
    return tuple(result)


def make_named_dim(text: str) -> Dim:
    """Return the dimension of a text; a formula gets its normal form."""
    formula = None if text.isidentifier() else parse_dim(text)
    return NamedDim(text) if formula is None else as_dim(formula, {})


def unify(a: Dim, b: Dim) -> Dim | None:
    """Return the more specific of two compatible dimensions, or None if they are incompatible.

    Formulas are incompatible if they differ for all values of their names.

    Examples
    --------
    >>> unify("n", "n"), unify(Unknown(), 3), unify("n", 3)
    ('n', 3, None)
    >>> unify("2*(n//2)", "n"), unify("n - 1", "n")
    ('n', None)
    """
    if a == b or isinstance(b, Unknown):
        return a
    if isinstance(a, Unknown):
        return b
    if not (is_formula(a) or is_formula(b)) or differs_always(a, b):
        return None
    return b if is_formula(a) else a


def unify_shapes(*shapes: Shape) -> Shape | None:
    """Return the most specific common shape, or None if the shapes cannot be equal.

    Examples
    --------
    >>> unify_shapes((Unknown(), 3), ("n", 3)), unify_shapes((2,), (3,))
    (('n', 3), None)
    """
    result = shapes[0]
    for shape in shapes[1:]:
        if len(shape) != len(result):
            return None
        dims = [unify(a, b) for a, b in zip(result, shape, strict=True)]
        result = tuple(d for d in dims if d is not None)
        if len(result) != len(dims):
            return None
    return result


def covers(shape: Shape, target: Shape) -> bool:
    """Tell whether a value of this shape has the target shape without broadcasting.

    Examples
    --------
    >>> covers(("n", 3), ("n", 3)), covers(("n", 1), ("n", 3)), covers((Unknown(),), (3,))
    (True, False, True)
    """
    return len(shape) == len(target) and all(
        a == b or (a != 1 and unify(a, b) is not None) for a, b in zip(shape, target, strict=True)
    )


def broadcast_dim(a: Dim, b: Dim) -> Dim | None:
    """Return the dimension that two dimensions broadcast to, or None if they do not broadcast."""
    if a == 1:
        return b
    return a if b == 1 else unify(a, b)


@dataclass(frozen=True, slots=True)
class ShapeMismatch:
    """Axis at which shapes do not broadcast, counted from the end, and its two sizes."""

    axis: int
    left: Dim
    right: Dim


def broadcast(shapes: Sequence[Shape]) -> Shape | ShapeMismatch:
    """Broadcast shapes by NumPy's rule, or return the axis at which they do not broadcast."""
    first = shapes[0] if shapes else ()
    if all(shape == first for shape in shapes):
        return first
    result: list[Dim] = []
    for shape in shapes:
        padded: list[Dim] = [*[1] * (len(result) - len(shape)), *shape]
        result = [*[1] * (len(padded) - len(result)), *result]
        for axis, (a, b) in enumerate(zip(result, padded, strict=True)):
            dim = broadcast_dim(a, b)
            if dim is None:
                return ShapeMismatch(axis - len(padded), a, b)
            result[axis] = dim
    return tuple(result)


def common_dtype(strong: Sequence[DType], weak: Sequence[bool | int | float] = ()) -> DType:
    """Return the common dtype of arrays and Python numbers.

    Arrays follow NumPy's promotion (``float32`` with ``float64`` is ``float64``, ``int32`` with ``float32`` is
    ``float64``). Python numbers are weak: they take the dtype of the arrays. A Python float with only integer arrays
    gives ``config.floatx``, where NumPy gives ``float64``.

    Examples
    --------
    >>> common_dtype([np.dtype("float32")], [2.5]), common_dtype([np.dtype("int32")], [2.5])
    (dtype('float32'), dtype('float32'))
    """
    if not strong:
        return np.dtype(bool) if weak and all(isinstance(w, bool) for w in weak) else np.dtype(config.floatx)
    if any(is_float(d) for d in strong):
        return np.result_type(*strong)  # in NumPy, Python floats are not weak against bfloat16
    result = np.result_type(*strong, *weak)
    return np.dtype(config.floatx) if is_float(result) else result


def is_float(dtype: DType) -> bool:
    """Tell whether a dtype is floating-point, including ``bfloat16`` and the float8 formats."""
    return dtype.kind == "f" or (dtype.kind == "V" and dtype.name.startswith(("bfloat", "float")))


_INTEGERS = tuple(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64))

DTYPE_NAMES = ("bool", *_INTEGERS, "float16", "float32", "float64", "bfloat16")
"""Names that are suggested for a misspelled dtype."""

MAX_ITEMSIZE = 8
"""Bytes of the largest numbers that XLA supports."""

KIND_NAMES = {"b": "booleans", "i": "integers", "u": "integers", "f": "real numbers"}
"""Kinds of dtypes, by NumPy's letters."""


def get_kind(dtype: DType) -> str:
    """Return NumPy's letter for the kind of a dtype, "f" for every floating-point dtype."""
    return "f" if is_float(dtype) else dtype.kind


def as_float(dtype: DType) -> DType:
    """Return a floating-point dtype unchanged, and `config.floatx` for other dtypes."""
    return dtype if is_float(dtype) else np.dtype(config.floatx)


def as_dtype(dtype: Any) -> DType:
    """Convert to a NumPy dtype; ``None`` means `config.floatx`."""
    if isinstance(dtype, str) and dtype.startswith("bfloat"):
        import ml_dtypes  # noqa: F401 - registers the dtype with NumPy
    try:
        result = np.dtype(config.floatx if dtype is None else dtype)
    except TypeError as error:
        hint = near_miss(dtype, DTYPE_NAMES) if isinstance(dtype, str) else ""
        hint = " A shape is one tuple, as in (3, 4)." if isinstance(dtype, int) else hint
        raise DtypeError(f"Expected a dtype such as 'float32' or 'int32'. Received: dtype={dtype!r}.{hint}") from error
    if (result.kind not in "biuf" and not is_float(result)) or result.itemsize > MAX_ITEMSIZE:
        raise DtypeError(
            f"Expected a dtype of real numbers, integers or booleans, of up to 64 bits. Received: dtype={dtype!r}"
        )
    return result


def normalize_axis(axis: Any, ndim: int, op: str, operand: object = None) -> int:
    """Return a nonnegative axis. The message prints the op and its operand."""
    if is_integer(axis) and -ndim <= axis < ndim:
        return int(axis) % ndim
    problem = "expected an integer axis"
    if getattr(type(axis), "is_symbolic", False):
        problem += ". Elementwise functions of two operands are pel.maximum, pel.minimum and x + y"
    if is_integer(axis):
        limits = f"expected an axis from {-ndim} to {ndim - 1}, for {ndim} dimension{'s' * (ndim != 1)}"
        problem = limits if ndim else "a scalar has no axes"
    raise ShapeError(f"{describe_axis_use(op, operand)}: {problem}. Received: axis={axis!r}")


def normalize_axes(axis: Any, ndim: int, op: str, operand: object = None) -> tuple[int, ...]:
    """Return sorted nonnegative axes; ``None`` means all."""
    if axis is None:
        return tuple(range(ndim))
    is_single = isinstance(axis, str) or not isinstance(axis, Iterable) or getattr(type(axis), "is_symbolic", False)
    axes = [axis] if is_single else list(axis)
    result = sorted(normalize_axis(a, ndim, op, operand) for a in axes)
    if len(set(result)) != len(result):
        raise ShapeError(f"{describe_axis_use(op, operand)}: an axis is repeated. Received: axis={axis!r}")
    return tuple(result)


def describe_axis_use(op: str, operand: object) -> str:
    return op if operand is None else f"{op} of {operand}"
