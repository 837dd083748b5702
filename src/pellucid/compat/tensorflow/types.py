"""Dtypes, shapes and errors of TensorFlow 1."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from pellucid.compat.missing_names import add_missing_name_errors, read_old_names
from pellucid.errors import PellucidError
from pellucid.graph.errors import DtypeError, OptionError, ShapeError


class OpError(PellucidError, RuntimeError):
    """Error of a run."""


class FailedPreconditionError(OpError):
    """A variable has no value yet."""


class InvalidArgumentError(OpError, ValueError):
    """A placeholder has no value, or one of the wrong shape."""


class NotFoundError(OpError, LookupError):
    """A checkpoint, or a variable in it, does not exist."""


class OutOfRangeError(OpError, EOFError):
    """Named by scripts that catch it; nothing here raises it."""


class DType:
    """A dtype, equal to the NumPy dtype of the same name."""

    def __init__(self, name: str) -> None:
        self.name: str = name
        self.as_numpy_dtype: Any = np.object_ if name == "string" else np.dtype(name).type
        self.numpy: np.dtype[Any] = np.dtype(self.as_numpy_dtype)
        self.is_floating, self.is_integer = self.numpy.kind == "f", self.numpy.kind in "iu"
        self.is_bool, self.size = self.numpy.kind == "b", self.numpy.itemsize
        if self.is_floating or self.is_integer:
            limits: Any = np.finfo(self.numpy) if self.is_floating else np.iinfo(self.numpy)
            self.min, self.max = limits.min, limits.max

    base_dtype = real_dtype = property(lambda self: self)

    def __eq__(self, other: object) -> bool:
        try:
            return other is not None and as_dtype(other) is self
        except DtypeError:
            return False

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: {self.name!r}>"


_INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
DTYPES = {name: DType(name) for name in ("float16", "float32", "float64", *_INTEGERS, "bool", "string")}
ALIASES = {"float": "float32", "double": "float64", "half": "float16", "str": "string", "int": "int64"}


def as_dtype(dtype: Any) -> DType:
    """Return the dtype of a name, a NumPy dtype or a Python type; `float` is float32."""
    if isinstance(dtype, DType):
        return dtype
    name = dtype if isinstance(dtype, str) else getattr(dtype, "__name__", str(dtype))
    found = DTYPES.get(ALIASES.get(name, name.removesuffix("_ref")))
    if found is None:
        raise DtypeError(f"Expected a dtype of TensorFlow, one of {', '.join(DTYPES)}. Received: {dtype!r}")
    return found


class Dimension:
    """Size of an axis; its `value` is None if it is unknown."""

    def __init__(self, value: Any) -> None:
        self.value: int | None = value.value if isinstance(value, Dimension) else None if value is None else int(value)

    def __int__(self) -> int:
        if self.value is None:
            raise ShapeError("The size of the axis is not known before the graph runs. Use tf.shape(x)[axis] instead")
        return self.value

    __index__ = __int__

    def __eq__(self, other: object) -> bool:
        return self.value == (other.value if isinstance(other, Dimension) else other)

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"Dimension({self.value})"

    def __str__(self) -> str:
        return "?" if self.value is None else str(self.value)


def _make_operator(name: str) -> Any:
    def method(self: Dimension, other: Any) -> Any:
        a, b = self.value, Dimension(other).value
        result = None if a is None or b is None else getattr(int, name)(a, b)
        return result if isinstance(result, bool) else Dimension(result)

    return method


for _name in ("add", "sub", "mul", "floordiv", "mod", "radd", "rsub", "rmul", "rfloordiv", "lt", "le", "gt", "ge"):
    setattr(Dimension, f"__{_name}__", _make_operator(f"__{_name}__"))
setattr(Dimension, "__truediv__", _make_operator("__floordiv__"))  # noqa: B010 - as Python 2 divided


class TensorShape:
    """Static shape of a tensor; its `dims` are None if the rank is unknown."""

    def __init__(self, dims: Any) -> None:
        dims = dims.dims if isinstance(dims, TensorShape) else dims
        sizes = dims if dims is None or isinstance(dims, Iterable) else [dims]
        self.dims: list[Dimension] | None = None if sizes is None else [Dimension(d) for d in sizes]
        self.ndims: int | None = None if self.dims is None else len(self.dims)

    rank = property(lambda self: self.ndims)

    def as_list(self) -> list[int | None]:
        return [d.value for d in self]

    def num_elements(self) -> int | None:
        return int(np.prod([int(d) for d in self], dtype=int)) if self.is_fully_defined() else None

    def is_fully_defined(self) -> bool:
        return self.dims is not None and all(d.value is not None for d in self.dims)

    def is_compatible_with(self, other: Any) -> bool:
        other = TensorShape(other)
        if self.dims is None or other.dims is None:
            return True
        return self.ndims == other.ndims and all(a == b or None in (a, b) for a, b in zip(self, other, strict=True))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __iter__(self) -> Iterator[Dimension]:
        if self.dims is None:
            raise ShapeError(
                "The rank of the shape is not known before the graph runs. Declare the placeholder's shape"
            )
        return iter(self.dims)

    def __getitem__(self, key: Any) -> Any:
        part = list(self)[key]
        return TensorShape(part) if isinstance(key, slice) else part

    def __bool__(self) -> bool:
        return self.dims is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (TensorShape, list, tuple, type(None))) and self.dims == TensorShape(other).dims

    def __hash__(self) -> int:
        return hash(repr(self))

    def __str__(self) -> str:
        if self.dims is None:
            return "<unknown>"
        return f"({', '.join(map(str, self.dims))}{',' * (self.ndims == 1)})"

    def __repr__(self) -> str:
        return f"TensorShape({self.dims})"


NEUTRAL = frozenset(
    [
        "name",
        "use_locking",
        "validate_shape",
        "parallel_iterations",
        "back_prop",
        "swap_memory",
        "infer_shape",
        "gate_gradients",
        "scope",
        "aggregation_method",
        "colocate_gradients_with_ops",
        "caching_device",
        "optimize",
        "write_meta_graph",
    ]
)
"""Arguments that change no result here: names, and options of devices, of the order of computation and of memory."""


def check_neutral(function: str, options: Iterable[str]) -> None:
    """Raise an error if there are other arguments than neutral ones."""
    other = sorted(set(options) - NEUTRAL)
    if other:
        raise OptionError(f"{function}: the argument {other[0]!r} is not in pellucid.compat. Leave it out")


def select_public(old_name: str, *sources: dict[str, Any]) -> dict[str, Any]:
    """Return the values whose names a module of TensorFlow had."""
    known = read_old_names()[old_name]
    return {name: value for source in sources for name, value in source.items() if name in known}


def make_module(old_name: str, values: dict[str, Any]) -> ModuleType:
    """Return a module that can be imported and explains missing names."""
    module = ModuleType(f"pellucid.compat.{old_name}", f"Names of `{old_name}`.")
    vars(module).update(values)
    add_missing_name_errors(vars(module), old_name)
    sys.modules[module.__name__] = module
    return module


ERRORS = (OpError, FailedPreconditionError, InvalidArgumentError, NotFoundError, OutOfRangeError)
errors = make_module("tensorflow.errors", {error.__name__: error for error in ERRORS})
