"""Variables of Theano: mutable objects around expressions of pellucid, with Theano's types and rules for dtypes."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

import pellucid as pel
from pellucid.compat.theano.configuration import config
from pellucid.errors import near_miss
from pellucid.graph.errors import DtypeError, InputError, NoSuchNameError, ShapeError, UseError
from pellucid.graph.expr import Constant, Expr, Input, Shared
from pellucid.graph.foreign_names import FOREIGN_METHODS
from pellucid.graph.traversal import topological

TYPE_NAMES = {
    (): "scalar",
    (False,): "vector",
    (False, True): "col",
    (True, False): "row",
    (False, False): "matrix",
    (False, False, False): "3D",
    (False, False, False, False): "4D",
}

FLOAT_OF = {"bool": "float32", "int8": "float32", "int16": "float32", "uint8": "float32", "uint16": "float32"}
"""Floating-point dtypes of the functions of small integers; those of other integers are float64."""


def get_dtype(dtype: Any) -> str:
    """Return the name of a dtype; ``"floatX"`` is that of the configuration."""
    return str(config.floatX) if dtype in (None, "floatX") else np.dtype(dtype).name


def upcast(*dtypes: str) -> str:
    """Return the dtype that holds the values of all dtypes."""
    return np.result_type(*dtypes).name


class TensorType:
    """Type of a variable: dtype, and for each axis whether its length is 1 and it broadcasts."""

    def __init__(self, dtype: Any, broadcastable: Sequence[bool], name: str | None = None) -> None:
        self.dtype: str = get_dtype(dtype)
        self.broadcastable: tuple[bool, ...] = tuple(map(bool, broadcastable))
        self.name: str | None = name
        self.ndim: int = len(self.broadcastable)
        self.numpy_dtype: np.dtype[Any] = np.dtype(self.dtype)

    def __call__(self, name: str | None = None) -> TensorVariable:
        if name is not None and not isinstance(name, str):
            raise UseError(f"Expected the name of a variable, as in T.dmatrix('x'). Received: {name!r}")
        shape = tuple(1 if b else None for b in self.broadcastable)
        return TensorVariable(Input(name, shape, self.dtype), name, self)

    make_variable = __call__

    def clone(self, dtype: Any = None, broadcastable: Sequence[bool] | None = None) -> TensorType:
        return TensorType(dtype or self.dtype, self.broadcastable if broadcastable is None else broadcastable)

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None, what: str = "") -> Any:
        """Return a value as an array of this type; raise an error if numbers would change."""
        if not (isinstance(value, np.ndarray) and value.dtype == self.numpy_dtype):
            value = convert_value(value, self, strict, allow_downcast, what)
        if value.ndim != self.ndim:
            raise DtypeError(
                f"{what or self}: expected {self.ndim} dimensions. Received: {value.ndim}, an array of shape "
                f"{value.shape}"
            )
        return value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorType) and (self.dtype, self.broadcastable) == (other.dtype, other.broadcastable)

    def __hash__(self) -> int:
        return hash((self.dtype, self.broadcastable))

    def __repr__(self) -> str:
        return f"TensorType({self.dtype}, {TYPE_NAMES.get(self.broadcastable, self.broadcastable)})"


def convert_value(value: Any, type: TensorType, strict: bool, allow_downcast: bool | None, what: str) -> Any:
    """Convert a value to the dtype of a type, as `TensorType.filter`."""
    if isinstance(value, Variable):
        raise UseError(f"{what or type}: expected a value. Received: {value}, a variable. Its value is {value}.eval()")
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise DtypeError(f"{what or type}: expected numbers of equal length in all rows. Received: {value!r}")
    is_python_float = isinstance(value, float) and allow_downcast is None and type.dtype == config.floatX
    is_safe = np.result_type(array.dtype, type.numpy_dtype) == type.numpy_dtype
    if not strict and not is_safe and not allow_downcast and not is_python_float:
        converted = array.astype(type.dtype)
        is_safe = not isinstance(value, np.ndarray | np.generic) and bool(np.array_equal(converted, array))
    if strict or not (is_safe or allow_downcast or is_python_float):
        raise DtypeError(
            f"{what or type}: expected {type.dtype}. Received: {array.dtype}, whose numbers may lose precision. Convert "
            f"them with np.asarray(value, dtype={type.dtype!r}), or pass allow_input_downcast=True to theano.function"
        )
    return array.astype(type.dtype)


class Apply:
    """The application of an op, for programs that look at graphs: its op, inputs and outputs."""

    def __init__(self, output: TensorVariable) -> None:
        self.op: Any = output.expr.op
        self.inputs: list[TensorVariable] = [wrap(i) for i in output.expr.inputs]
        self.outputs: list[TensorVariable] = [output]
        self.nin, self.nout = len(self.inputs), 1

    def __repr__(self) -> str:
        return f"{self.op.name}({', '.join(map(str, self.inputs))})"


_leaves: weakref.WeakValueDictionary[int, TensorVariable] = weakref.WeakValueDictionary()
"""Variables of leaves by the identity of the expression, which they keep alive."""


class Variable:
    """Base class of all variables. Its constructor makes a variable that nothing can compute."""

    expr: Expr

    def __init__(self, type: Any = None, owner: Any = None, index: Any = None, name: str | None = None) -> None:
        self.type, self.owner, self.name = type, owner, name


class TensorVariable(Variable):
    """A variable: an expression of pellucid, with a name that can change.

    Attributes
    ----------
    expr : Expr
        The expression.
    name : str or None
        The name in printed formulas.
    tag : object
        Any attributes that a program attaches, such as ``tag.test_value``.
    elements : list of TensorVariable or None
        The elements of a vector that was made of scalars, such as a shape.
    subtensor : tuple or None
        The variable and the index of which this is a part, for `set_subtensor`.
    """

    __array_priority__ = 1000.0

    def __init__(self, expr: Expr, name: str | None = None, type: TensorType | None = None) -> None:
        self.expr = expr
        self.name = name
        self.tag = SimpleNamespace()
        self.elements: list[TensorVariable] | None = None
        self.subtensor: tuple[TensorVariable, Any] | None = None
        self._type = type
        if expr.op is None:
            _leaves[id(expr)] = self

    @property
    def type(self) -> TensorType:
        """Theano's type."""
        if self._type is None:
            self._type = TensorType(self.expr.dtype, [d == 1 for d in self.expr.shape])
        return self._type

    @property
    def dtype(self) -> str:
        """Name of the dtype."""
        return self.expr.dtype.name

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.expr.ndim

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        """For each axis, whether its length is known to be 1."""
        return self.type.broadcastable

    @property
    def owner(self) -> Apply | None:
        """The op that computes it; None for an input, a constant or a shared variable."""
        return None if self.expr.op is None else Apply(self)

    @property
    def shape(self) -> TensorVariable:
        """The lengths of the axes, as a vector of integers."""
        return make_vector([get_length(self, axis) for axis in range(self.ndim)])

    @property
    def size(self) -> TensorVariable:
        """Number of elements."""
        return wrap(pel.size(self.expr))

    @property
    def T(self) -> TensorVariable:
        """The transpose."""
        return wrap(pel.transpose(self.expr))

    def eval(self, inputs_to_values: dict[Any, Any] | None = None) -> Any:
        """Return the value for values of the inputs. The compiled function is kept."""
        from pellucid.compat.theano.functions import function

        given = dict(inputs_to_values or {})
        key = tuple(given)
        functions = self.__dict__.setdefault("_functions", {})
        if key not in functions:
            functions[key] = function(list(given), self)
        return functions[key](*given.values())

    def get_parents(self) -> list[Apply]:
        return [] if self.owner is None else [self.owner]

    def __str__(self) -> str:
        return self.name or str(self.expr)

    __repr__ = __str__

    def __bool__(self) -> bool:
        raise UseError("Variables do not support boolean operations. Use T.switch(condition, a, b), or ifelse")

    def __len__(self) -> int:
        if self.elements is not None:
            return len(self.elements)
        raise UseError(f"{self} has no length until it is computed. Use x.shape[0]")

    def __iter__(self) -> Any:
        length = self.expr.shape[0] if self.ndim else None
        if self.elements is not None:
            return iter(self.elements)
        if isinstance(length, int) and not isinstance(self, TensorSharedVariable):
            return (self[i] for i in range(length))
        raise UseError(
            "TensorType does not support iteration. Use theano.tensor.sum instead of Python's sum, or theano.scan"
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        known = [n for n in dir(type(self)) if not n.startswith("_")]
        hint = near_miss(name, known) or (f" {FOREIGN_METHODS[name]}" if name in FOREIGN_METHODS else "")
        raise NoSuchNameError(f"{self} has no {name!r}.{hint}")

    def __deepcopy__(self, memo: dict[int, Any]) -> TensorVariable:
        return self

    def __reduce__(self) -> Any:
        return restore_variable, (type(self), self.expr, self.name)


class TensorConstant(TensorVariable):
    """A constant."""

    @property
    def data(self) -> Any:
        """The value."""
        return self.expr.value  # type: ignore[attr-defined]

    value = data

    def __str__(self) -> str:
        return self.name or f"TensorConstant{{{self.data}}}"

    __repr__ = __str__


class SharedVariable(Variable):
    """Base class of shared variables."""


class TensorSharedVariable(TensorVariable, SharedVariable):
    """A variable that keeps its value between calls."""

    expr: Shared

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> Any:
        """Return a copy of the value."""
        return self.expr.get_value()

    def set_value(self, new_value: Any, borrow: bool = False) -> None:
        """Replace the value by one of the same shape."""
        array = TensorType(self.dtype, self.broadcastable).filter(new_value, what=f"the value of {self}")
        if array.shape != self.expr.shape:
            raise ShapeError(
                f"{self} has shape {self.expr.shape}. Received: a value of shape {array.shape}. Programs are compiled "
                "for one shape; make another shared variable, or an input, for data of another shape"
            )
        self.expr.set_value(array)

    @property
    def default_update(self) -> TensorVariable | None:
        """Its new value after a call of every function that uses it."""
        update = self.expr.default_update
        return None if update is None else wrap(update)

    @default_update.setter
    def default_update(self, value: Any) -> None:
        self.expr.default_update = None if value is None else cast_expr(as_tensor_variable(value), self.dtype)

    def __str__(self) -> str:
        return self.name or f"<{self.type}>"

    __repr__ = __str__


def restore_variable(kind: type[TensorVariable], expr: Expr, name: str | None) -> TensorVariable:
    """Return the variable of a pickle."""
    return kind(expr, name)


_sources: dict[int, tuple[weakref.ref[Expr], frozenset[Expr]]] = {}
"""Leaves from which a simplified expression was made, by its identity. Some of them may occur in it no more."""


def remember_sources(expr: Expr, origins: Sequence[Expr]) -> None:
    """Remember what a gradient was made from, so that a function accepts inputs that simplification removed."""
    leaves = frozenset(e for e in topological(origins) if isinstance(e, Input))
    _sources[id(expr)] = (weakref.ref(expr), leaves | get_sources(origins))


def get_sources(results: Sequence[Expr]) -> frozenset[Expr]:
    """Return the leaves from which the parts of expressions were made."""
    found: set[Expr] = set()
    for e in topological(results) if _sources else ():
        reference, leaves = _sources.get(id(e), (None, ()))
        if reference is not None and reference() is e:
            found.update(leaves)
    return frozenset(found)


def wrap(expr: Expr, name: str | None = None) -> TensorVariable:
    """Return the variable of an expression: always the same one for an input or a shared variable."""
    if expr.op is None:
        known = _leaves.get(id(expr))
        if known is not None and known.expr is expr:
            return known
        kind = {Constant: TensorConstant, Shared: TensorSharedVariable}.get(type(expr), TensorVariable)  # type: ignore[call-overload]
        return kind(expr, name or expr.name)  # type: ignore[no-any-return]
    return TensorVariable(expr, name)


def unwrap(value: Any) -> Any:
    """Return the expression of a variable; other values unchanged."""
    return value.expr if isinstance(value, Variable) else value


def make_constant(value: Any, dtype: Any = None, name: str | None = None) -> TensorConstant:
    """Return a constant. Python numbers get the smallest dtype that holds them, as in Theano."""
    array = np.asarray(value, dtype=None if dtype is None else get_dtype(dtype))
    if array.dtype.kind not in "biuf":
        raise DtypeError(f"Cannot convert {value!r} to TensorType: expected numbers")
    if dtype is None and isinstance(value, int) and not isinstance(value, bool | np.generic):
        array = array.astype(
            next(d for d in ("int8", "int16", "int32", "int64") if np.can_cast(np.min_scalar_type(value), d))
        )
    elif dtype is None and isinstance(value, float) and not isinstance(value, np.generic):
        is_exact = config.floatX != "float64" or float(np.float32(value)) == value or value != value
        array = array.astype("float32" if is_exact and config.floatX != "float16" else config.floatX)
    return TensorConstant(pel.constant(array), name)


def as_tensor_variable(x: Any, name: str | None = None, ndim: int | None = None) -> TensorVariable:
    """Return a variable for a variable, an array, a number or a list of these."""
    if isinstance(x, TensorVariable):
        found = x
    elif isinstance(x, Expr):
        found = wrap(x, name)
    elif isinstance(x, list | tuple) and any(isinstance(e, Variable) for e in flatten_list(x)):
        parts = [as_tensor_variable(e) for e in x]
        dtype = upcast(*(p.dtype for p in parts))
        found = (
            make_vector(parts)
            if all(p.ndim == 0 for p in parts)
            else wrap(pel.stack([cast_expr(p, dtype) for p in parts]))
        )
    elif isinstance(x, Variable) or (isinstance(x, str) or x is None):
        raise DtypeError(f"Cannot convert {x!r} to TensorType: expected a variable, a number or an array")
    else:
        found = make_constant(x, name=name)
    if ndim is None or found.ndim == ndim:
        return found
    if found.ndim > ndim:
        raise ShapeError(f"Expected at most {ndim} dimensions. Received: {found}, of {found.ndim}")
    return wrap(pel.reshape(found.expr, (*[1] * (ndim - found.ndim), *found.expr.shape)))


def flatten_list(values: Any) -> list[Any]:
    return [e for v in values for e in (flatten_list(v) if isinstance(v, list | tuple) else [v])]


def make_vector(elements: Sequence[TensorVariable]) -> TensorVariable:
    """Return a vector of scalars, which remembers them."""
    if not elements:
        return make_constant(np.zeros(0, "int64"))
    dtype = upcast(*(e.dtype for e in elements))
    vector = TensorVariable(pel.stack([cast_expr(e, dtype) for e in elements]))
    vector.elements = [wrap(cast_expr(e, dtype)) for e in elements]
    return vector


def get_length(x: TensorVariable, axis: int) -> TensorVariable:
    """Return the length of an axis."""
    length = x.expr.shape[axis]
    return make_constant(np.int64(length)) if isinstance(length, int) else wrap(pel.size(x.expr, axis=axis))


def cast_expr(x: TensorVariable, dtype: str) -> Expr:
    """Return the expression of a variable in another dtype; constants stay constants."""
    if x.expr.dtype == np.dtype(dtype):
        return x.expr
    if isinstance(x, TensorConstant):
        return pel.constant(x.data.astype(dtype))
    return pel.cast(x.expr, dtype)


def as_shape(shape: Any, ndim: int | None = None) -> tuple[Any, ...]:
    """Return the sizes of a shape: integers, and expressions of integers."""
    if isinstance(shape, Variable) and shape.expr.ndim == 1:
        vector = as_tensor_variable(shape)
        known = vector.expr.shape[0]
        count = ndim if ndim is not None else known if isinstance(known, int) else None
        if count is None:
            raise ShapeError(f"The number of dimensions of the shape {shape} is not known. Pass ndim=")
        parts: list[Any] = vector.elements or [vector[i] for i in range(count)]
    else:
        parts = list(shape) if isinstance(shape, list | tuple | np.ndarray) else [shape]
    return tuple(as_size(part) for part in parts)


def as_size(size: Any) -> Any:
    """Return a size as an integer, or as an expression of one."""
    if not isinstance(size, Variable):
        return int(size)
    if size.expr.dtype.kind not in "iu":
        raise DtypeError(f"Expected an integer as a size. Received: {size}, which is {size.expr.dtype}")
    return int(size.data) if isinstance(size, TensorConstant) else size.expr


def apply(function: Callable[..., Any], *operands: Any, dtype: str | None = None) -> TensorVariable:
    """Call a function of pellucid on variables, cast to their common dtype or to another one."""
    variables = [as_tensor_variable(o) for o in operands]
    dtype = dtype or upcast(*(v.dtype for v in variables))
    return wrap(function(*(cast_expr(v, dtype) for v in variables)))


def apply_float(function: Callable[..., Any], *operands: Any) -> TensorVariable:
    """Call a function of real numbers; integers become floating-point numbers that hold them."""
    dtypes = [as_tensor_variable(o).dtype for o in operands]
    return apply(
        function, *operands, dtype=upcast(*(d if d.startswith("float") else FLOAT_OF.get(d, "float64") for d in dtypes))
    )


def find_input(value: Any) -> TensorVariable:
    """Return a variable that a function takes; raises InputError for another object."""
    if not isinstance(value, TensorVariable) or isinstance(value, TensorConstant):
        raise InputError(f"Expected a variable as an input, as T.matrix('x') makes it. Received: {value!r}")
    return value
