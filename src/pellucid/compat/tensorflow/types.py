"""Shapes and errors of TensorFlow 1; its dtypes are those of NumPy."""

import math
import sys
from collections.abc import Iterable
from types import ModuleType

import numpy as np

from pellucid.compat.missing_names import add_missing_name_errors, read_old_names
from pellucid.errors import PellucidError
from pellucid.graph.errors import DtypeError, ShapeError


class OpError(PellucidError, RuntimeError):
    """Error of a run."""


class FailedPreconditionError(OpError):
    """A variable has no value yet."""


class InvalidArgumentError(OpError, ValueError):
    """A placeholder has no value, or one of the wrong shape."""


class NotFoundError(OpError, LookupError):
    """A checkpoint, or a variable in it, does not exist."""


NAMES = "float16 float32 float64 int8 int16 int32 int64 uint8 bool object"
ALIASES = {"float": "float32", "double": "float64", "string": "object", "str": "object", "int": "int64"}


def as_dtype(dtype):
    """Return NumPy's dtype of a name or a type; `float` is float32, and texts are objects."""
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", getattr(dtype, "__name__", dtype))
    name = ALIASES.get(name, name)
    if name not in NAMES.split():
        raise DtypeError(f"Expected a dtype of TensorFlow, one of {NAMES}. Received: {dtype!r}")
    return np.dtype(name)


DTYPES = {name.replace("object", "string"): np.dtype(name) for name in NAMES.split()}


class Dimension(int):
    """Known size of an axis, which is also its `value`."""

    value = property(int)
    __repr__ = lambda self: f"Dimension({int(self)})"
    __str__ = int.__repr__


class UnknownDimension:
    """Size of an axis that is not known before the graph runs."""

    value = None

    def refuse(self, *args):
        raise ShapeError("The size of the axis is not known before the graph runs. Use tf.shape(x)[axis] instead")

    __int__ = __index__ = __add__ = __sub__ = __mul__ = __rmul__ = __floordiv__ = refuse
    __repr__ = lambda self: "Dimension(None)"
    __str__ = lambda self: "?"


UNKNOWN = UnknownDimension()


class TensorShape:
    """Static shape of a tensor; its `dims` are None if the rank is unknown."""

    def __init__(self, dims):
        dims = dims.dims if isinstance(dims, TensorShape) else dims
        sizes = dims if dims is None or isinstance(dims, Iterable) else [dims]
        self.dims = None if sizes is None else [UNKNOWN if d in (None, UNKNOWN) else Dimension(d) for d in sizes]
        self.ndims = None if self.dims is None else len(self.dims)

    def is_compatible_with(self, other):
        other = TensorShape(other)
        if self.dims is None or other.dims is None:
            return True
        pairs = zip(self.dims, other.dims, strict=False)
        return self.ndims == other.ndims and all(a == b or UNKNOWN in (a, b) for a, b in pairs)

    def __iter__(self):
        if self.dims is None:
            raise ShapeError(
                "The rank of the shape is not known before the graph runs. Declare the placeholder's shape"
            )
        return iter(self.dims)

    def __getitem__(self, key):
        part = list(self)[key]
        return TensorShape(part) if isinstance(key, slice) else part

    def __eq__(self, other):
        return isinstance(other, (TensorShape, list, tuple, type(None))) and self.dims == TensorShape(other).dims

    __bool__ = lambda self: self.dims is not None
    as_list = lambda self: [d.value for d in self]
    num_elements = lambda self: math.prod(self)
    is_fully_defined = lambda self: self.dims is not None and UNKNOWN not in self.dims
    __len__ = lambda self: len(self.as_list())
    __str__ = lambda self: "<unknown>" if self.dims is None else str(tuple(map(str, self.dims))).replace("'", "")
    __repr__ = lambda self: f"TensorShape({self.dims})"


def select_public(old_name, *sources):
    """Return the values whose names a module of TensorFlow had."""
    known = read_old_names()[old_name]
    return {name: value for source in sources for name, value in source.items() if name in known}


def make_module(old_name, values, replacements=None):
    """Return a module that can be imported and explains missing names."""
    module = ModuleType(f"pellucid.compat.{old_name}", f"Names of `{old_name}`.")
    vars(module).update(values, __path__=[])
    add_missing_name_errors(vars(module), old_name, replacements)
    sys.modules[module.__name__] = module
    return module
