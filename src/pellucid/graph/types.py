r"""Dimensions, shapes and dtypes of expressions.

A dimension is an integer or a name. Equal names mean equal sizes. Different names, or a name and an integer, mean
different sizes, and an expression that needs them equal raises an error when it is built. A dimension without a name is
`Unknown`: it is compatible with every dimension when the graph is built, and checked when the program runs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.config import config
from pellucid.graph.errors import DtypeError, ShapeError, UseError, near_miss
from pellucid.graph.validation import is_integer

Dim = int | str
Shape = tuple[Dim, ...]
DType = np.dtype[Any]

_counter = itertools.count(1)


class NamedDim(str):
    """Name of a size that is known when a program runs. It equals the string, and refuses to be used as a number."""

    __slots__ = ()

    def refuse_number(self, *_: object) -> Any:
        """Raise an error that says how to compute with an unknown size."""
        size = "?" if isinstance(self, Unknown) else repr(str(self))
        raise UseError(
            f"The size {size} of a shape is not known until the program runs, so Python cannot compute with it. Use "
            "pel.size(x, 0) for the length of an axis in a formula, x.mean() for x.sum() / n, and pel.map or pel.scan "
            "to go through the elements; or declare the size, as in shape=(3,)"
        )

    def __add__(self, other: Any) -> Any:
        return str(self) + other if isinstance(other, str) else self.refuse_number()

    if not TYPE_CHECKING:  # a type checker refuses them too
        __index__ = __int__ = __float__ = refuse_number
        __radd__ = __mul__ = __rmul__ = __sub__ = __rsub__ = __pow__ = __rpow__ = refuse_number
        __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = refuse_number


class Unknown(NamedDim):
    """Dimension of unknown size. Each one is distinct, and compatible with every other dimension."""

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
            result.append(dim if isinstance(dim, Unknown) else NamedDim(dim))
        elif isinstance(dim, (int, np.integer)) and not isinstance(dim, bool) and dim >= 0:
            result.append(int(dim))
        else:
            raise ShapeError(
                f"A dimension is a size of 0 or more, a name such as 'n', or None for unknown. Received: {dim!r}"
            )
    return tuple(result)


def unify(a: Dim, b: Dim) -> Dim | None:
    """Return the more specific of two compatible dimensions, or None if they are incompatible.

    Examples
    --------
    >>> unify("n", "n"), unify(Unknown(), 3), unify("n", 3)
    ('n', 3, None)
    """
    if a == b or isinstance(b, Unknown):
        return a
    return b if isinstance(a, Unknown) else None


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
