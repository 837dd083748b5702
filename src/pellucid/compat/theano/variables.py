"""Variables of Theano: mutable objects around expressions of pellucid, with Theano's types and rules for dtypes."""

import weakref
from types import SimpleNamespace

import numpy as np

import pellucid as pel
from pellucid.compat.theano.configuration import config
from pellucid.errors import near_miss
from pellucid.graph.errors import DtypeError, InputError, NoSuchNameError, ShapeError, UseError
from pellucid.graph.expr import Constant, Expr, Input, Shared
from pellucid.graph.foreign_names import FOREIGN_METHODS
from pellucid.graph.traversal import topological

PATTERNS = {"scalar": (), "vector": (False,), "row": (True, False), "col": (False, True), "matrix": (False, False)}
"""For each axis of a type, whether its length is 1 and it broadcasts, by the name of the type."""
TYPE_NAMES = {pattern: name for name, pattern in PATTERNS.items()} | {(False,) * n: f"{n}D" for n in (3, 4)}
INTEGERS = ("int8", "int16", "int32", "int64", "uint64")
SMALL_INTEGERS = ("bool", "int8", "int16", "uint8", "uint16")
"""Dtypes of which real functions are float32; those of larger integers are float64."""


def get_dtype(dtype):
    """Return the name of a dtype; None and ``"floatX"`` are that of the configuration."""
    return config.floatX if dtype in (None, "floatX") else np.dtype(dtype).name


def upcast(*dtypes):
    """Return the dtype that holds the values of all dtypes."""
    return np.result_type(*dtypes).name


def as_real(dtype):
    """Return the dtype of a mean or a gradient."""
    return str(dtype) if str(dtype).startswith("float") else "float64"


class TensorType:
    """Type of a variable: dtype, and for each axis whether its length is 1 and it broadcasts."""

    def __init__(self, dtype, broadcastable, name=None):
        self.dtype, self.broadcastable, self.name = get_dtype(dtype), tuple(map(bool, broadcastable)), name
        self.ndim, self.numpy_dtype = len(self.broadcastable), np.dtype(self.dtype)

    def __call__(self, name=None):
        if name is not None and not isinstance(name, str):
            raise UseError(f"Expected the name of a variable, as in T.dmatrix('x'). Received: {name!r}")
        shape = tuple(1 if b else None for b in self.broadcastable)
        return TensorVariable(Input(name, shape, self.dtype), name, self)

    make_variable = __call__

    def clone(self, dtype=None, broadcastable=None):
        return TensorType(dtype or self.dtype, self.broadcastable if broadcastable is None else broadcastable)

    def filter(self, value, strict=False, allow_downcast=None, what=""):
        """Return a value as an array of this type; raise an error if numbers would change."""
        if not (isinstance(value, np.ndarray) and value.dtype == self.numpy_dtype):
            value = convert_value(value, self, strict, allow_downcast, what or self)
        if value.ndim != self.ndim:
            raise DtypeError(
                f"{what or self}: expected {self.ndim} dimensions. Received: {value.ndim}, in shape {value.shape}"
            )
        return value

    def __eq__(self, other):
        return isinstance(other, TensorType) and (self.dtype, self.broadcastable) == (other.dtype, other.broadcastable)

    def __hash__(self):
        return hash((self.dtype, self.broadcastable))

    def __repr__(self):
        return f"TensorType({self.dtype}, {TYPE_NAMES.get(self.broadcastable, self.broadcastable)})"


def convert_value(value, type, strict, allow_downcast, what):
    """Convert a value to the dtype of a type. Numbers that are not an array may be narrowed if they stay exact."""
    if isinstance(value, Variable):
        raise UseError(f"{what}: expected a value. Received: {value}, a variable. Its value is {value}.eval()")
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise DtypeError(f"{what}: expected numbers. Received: {value!r}")
    is_safe = upcast(array.dtype, type.dtype) == type.dtype or bool(allow_downcast)
    if not strict and not is_safe:
        is_python_float = isinstance(value, float) and allow_downcast is None and type.dtype == config.floatX
        is_exact = not isinstance(value, np.ndarray | np.generic) and np.array_equal(array.astype(type.dtype), array)
        is_safe = is_python_float or is_exact
    if not is_safe or (strict and array.dtype != type.numpy_dtype):
        raise DtypeError(
            f"{what}: expected {type.dtype}. Received: {array.dtype}, whose numbers may lose precision. Convert them "
            f"with np.asarray(value, dtype={type.dtype!r}), or pass allow_input_downcast=True to theano.function"
        )
    return array.astype(type.dtype)


class GraphOp:
    """Op of an application, with the name of pellucid's."""

    def __init__(self, name):
        self.name = name

    __str__ = __repr__ = lambda self: f"{type(self).__name__}{{{self.name}}}"


class Elemwise(GraphOp):
    """Op that works element by element."""


class Gemm(GraphOp):
    """Matrix product."""


class Apply:
    """The application of an op, for programs that look at graphs."""

    def __init__(self, output):
        op = output.expr.op
        self.op = (Elemwise if op.elementwise else Gemm if op.name == "matmul" else GraphOp)(op.name)
        self.inputs, self.outputs = [wrap(i) for i in output.expr.inputs], [output]

    def __repr__(self):
        return f"{self.op.name}({', '.join(map(str, self.inputs))})"


_leaves = weakref.WeakValueDictionary()
"""Variables of leaves by the identity of the expression, which they keep alive."""


class Variable:
    """Base class of all variables. Its constructor makes a variable that nothing can compute."""

    def __init__(self, type=None, owner=None, index=None, name=None):
        self.type, self.owner, self.name = type, owner, name


class TensorBase(Variable):
    """A variable: an expression of pellucid, with a name that can change.

    ``elements`` are the scalars of which a vector, such as a shape, was made. ``subtensor`` is the variable and the
    index of which this is a part, for `set_subtensor`. Operators and methods are attached in `tensor_functions`.
    """

    __array_priority__ = 1000.0

    def __init__(self, expr, name=None, type=None):
        self.expr, self.name, self._type = expr, name, type
        self.tag = SimpleNamespace()
        self.elements = self.subtensor = None
        if expr.op is None:
            _leaves[id(expr)] = self

    @property
    def type(self):
        if self._type is None:
            self._type = TensorType(self.expr.dtype, [d == 1 for d in self.expr.shape])
        return self._type

    dtype = property(lambda self: self.expr.dtype.name)
    ndim = property(lambda self: self.expr.ndim)
    broadcastable = property(lambda self: self.type.broadcastable)
    owner = property(lambda self: None if self.expr.op is None else Apply(self))
    shape = property(lambda self: make_vector([get_length(self, axis) for axis in range(self.ndim)]))
    size = property(lambda self: wrap(pel.size(self.expr)))
    T = property(lambda self: wrap(pel.transpose(self.expr)))
    real = property(lambda self: self)

    def eval(self, inputs_to_values=None):
        """Return the value for values of the inputs. The compiled function is kept."""
        from pellucid.compat.theano.functions import function

        given = dict(inputs_to_values or {})
        functions = self.__dict__.setdefault("_functions", {})
        if tuple(given) not in functions:
            functions[tuple(given)] = function(list(given), self)
        return functions[tuple(given)](*given.values())

    def __str__(self):
        return self.name or str(self.expr)

    def __repr__(self):
        return str(self)

    def __bool__(self):
        if self.expr.op is None or not self.expr.op.name.startswith(("less", "greater")):
            return True  # programs write `if variable:` for `is not None`
        raise UseError("Variables do not support boolean operations. Use T.switch(condition, a, b), or ifelse")

    def __len__(self):
        if self.elements is None:
            raise UseError(f"{self} has no length until it is computed. Use x.shape[0]")
        return len(self.elements)

    def __iter__(self):
        length = self.expr.shape[0] if self.ndim else None
        if self.elements is not None:
            return iter(self.elements)
        if not isinstance(length, int) or isinstance(self, TensorSharedVariable):
            raise UseError(
                "TensorType does not support iteration. Use theano.tensor.sum instead of Python's sum, or theano.scan"
            )
        return (self[i] for i in range(length))

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        known = [n for n in dir(type(self)) if not n.startswith("_")]
        hint = near_miss(name, known) or (f" {FOREIGN_METHODS[name]}" if name in FOREIGN_METHODS else "")
        raise NoSuchNameError(f"{self} has no {name!r}.{hint}")

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        return restore_variable, (type(self), self.expr, self.name)


class TensorVariable(TensorBase):
    """An input or a result. Constants and shared variables are not instances, as in Theano."""


class TensorConstant(TensorBase):
    """A constant."""

    data = value = property(lambda self: self.expr.value)

    def __str__(self):
        return self.name or f"TensorConstant{{{self.data}}}"


class SharedVariable(Variable):
    """Base class of shared variables."""


class TensorSharedVariable(TensorBase, SharedVariable):
    """A variable that keeps its value between calls."""

    def get_value(self, borrow=False, return_internal_type=False):
        """Return a copy of the value, whatever ``borrow`` is."""
        return self.expr.get_value()

    def set_value(self, new_value, borrow=False):
        """Replace the value by one of the same shape."""
        array = TensorType(self.dtype, self.broadcastable).filter(new_value, what=f"the value of {self}")
        if array.shape != self.expr.shape:
            raise ShapeError(
                f"{self} has shape {self.expr.shape}. Received: a value of shape {array.shape}. Programs are compiled "
                "for one shape; make another shared variable, or an input, for data of another shape"
            )
        self.expr.set_value(array)

    @property
    def default_update(self):
        """Its new value after a call of every function that uses it."""
        return None if self.expr.default_update is None else wrap(self.expr.default_update)

    @default_update.setter
    def default_update(self, value):
        self.expr.default_update = None if value is None else cast_expr(value, self.dtype)

    def __str__(self):
        return self.name or f"<{self.type}>"


def restore_variable(kind, expr, name):
    """Return the variable of a pickle."""
    return kind(expr, name)


_sources = {}
"""Leaves from which a simplified expression was made, by its identity. Some of them may occur in it no more."""


def remember_sources(expr, origins):
    """Remember the leaves of a gradient, so that a function accepts inputs that simplification removed."""
    leaves = frozenset(e for e in topological(origins) if isinstance(e, Input))
    _sources[id(expr)] = leaves | get_sources(origins)
    weakref.finalize(expr, _sources.pop, id(expr), None).atexit = False


def get_sources(results):
    """Return the leaves from which the parts of expressions were made."""
    parts = topological(results) if _sources else ()
    return frozenset().union(*(_sources.get(id(e), ()) for e in parts))


def wrap(expr, name=None):
    """Return the variable of an expression: always the same one for an input or a shared variable."""
    if expr.op is not None:
        return TensorVariable(expr, name)
    known = _leaves.get(id(expr))
    if known is not None and known.expr is expr:
        return known
    kind = {Constant: TensorConstant, Shared: TensorSharedVariable}.get(type(expr), TensorVariable)
    return kind(expr, name or expr.name)


def unwrap(value):
    """Return the expression of a variable; other values unchanged."""
    return value.expr if isinstance(value, Variable) else value


def make_constant(value, dtype=None, name=None):
    """Return a constant. Python numbers get the smallest dtype that holds them, as in Theano."""
    array = np.asarray(value, dtype=None if dtype is None else get_dtype(dtype))
    if array.dtype.kind not in "biuf":
        raise DtypeError(f"Cannot convert {value!r} to TensorType: expected a variable, a number or an array")
    if dtype is None and type(value) is int:
        array = array.astype(next(d for d in INTEGERS if np.iinfo(d).min <= value <= np.iinfo(d).max))
    elif dtype is None and type(value) is float and config.floatX != "float16":
        is_single = config.floatX == "float32" or float(np.float32(value)) == value or value != value
        array = array.astype("float32" if is_single else "float64")
    return TensorConstant(pel.constant(array), name)


def as_tensor_variable(x, name=None, ndim=None):
    """Return a variable for a variable, an array, a number or a list of these."""
    if isinstance(x, TensorBase):
        found = x
    elif isinstance(x, Expr):
        found = wrap(x, name)
    elif isinstance(x, list | tuple) and contains_variable(x):
        parts = [as_tensor_variable(e) for e in x]
        is_vector = all(p.ndim == 0 for p in parts)
        found = make_vector(parts) if is_vector else wrap(pel.stack(cast_alike(*parts)))
    else:
        found = make_constant(x, name=name)
    if ndim is None or found.ndim == ndim:
        return found
    if found.ndim > ndim:
        raise ShapeError(f"Expected at most {ndim} dimensions. Received: {found}, of {found.ndim}")
    return wrap(pel.reshape(found.expr, (*[1] * (ndim - found.ndim), *found.expr.shape)))


def expr(x):
    """Return the expression of a variable, a number or an array."""
    return as_tensor_variable(x).expr


def list_variables(variables):
    """Return a list for one variable or several."""
    return [as_tensor_variable(v) for v in (variables if isinstance(variables, list | tuple) else [variables])]


def contains_variable(values):
    return any(contains_variable(v) if isinstance(v, list | tuple) else isinstance(v, Variable) for v in values)


def make_vector(elements):
    """Return a vector of scalars, which remembers them."""
    if not elements:
        return make_constant(np.zeros(0, "int64"))
    parts = cast_alike(*elements)
    vector = TensorVariable(pel.stack(parts))
    vector.elements = list(map(wrap, parts))
    return vector


def get_length(x, axis):
    """Return the length of an axis."""
    length = x.expr.shape[axis]
    return make_constant(np.int64(length)) if isinstance(length, int) else wrap(pel.size(x.expr, axis=axis))


def cast_expr(x, dtype):
    """Return the expression of a variable in another dtype; constants stay constants."""
    x = as_tensor_variable(x)
    if x.expr.dtype == np.dtype(dtype):
        return x.expr
    return pel.constant(x.data.astype(dtype)) if isinstance(x, TensorConstant) else pel.cast(x.expr, dtype)


def cast_alike(*operands, dtype=None):
    """Return the expressions of variables in their common dtype or in another one."""
    variables = [as_tensor_variable(o) for o in operands]
    dtype = dtype or upcast(*(v.dtype for v in variables))
    return [cast_expr(v, dtype) for v in variables]


def as_shape(shape, ndim=None):
    """Return the sizes of a shape: integers, and expressions of integers."""
    if isinstance(shape, Variable) and shape.expr.ndim == 1:
        known = shape.expr.shape[0]
        count = known if isinstance(known, int) else ndim
        if count is None:
            raise ShapeError(f"The number of dimensions of the shape {shape} is not known. Pass ndim=")
        shape = shape.elements or [shape[i] for i in range(count)]
    return tuple(map(as_size, shape)) if isinstance(shape, list | tuple | np.ndarray) else (as_size(shape),)


def as_size(size):
    """Return a size as an integer, or as an expression of one."""
    if not isinstance(size, Variable):
        return int(size)
    if size.expr.dtype.kind not in "iu":
        raise DtypeError(f"Expected an integer as a size. Received: {size}, which is {size.expr.dtype}")
    return int(size.data) if isinstance(size, TensorConstant) else size.expr


def apply(function, *operands, dtype=None):
    """Call a function of pellucid on variables, cast to their common dtype or to another one."""
    return wrap(function(*cast_alike(*operands, dtype=dtype)))


def apply_real(function, *operands):
    """Call a function of real numbers; integers become floating-point numbers that hold them."""
    dtypes = [as_tensor_variable(o).dtype for o in operands]
    real = [d if d.startswith("float") else "float32" if d in SMALL_INTEGERS else "float64" for d in dtypes]
    return apply(function, *operands, dtype=upcast(*real))


def find_input(value):
    """Return a variable that a function takes; raises InputError for another object."""
    if not isinstance(value, TensorVariable | TensorSharedVariable):
        raise InputError(f"Expected a variable as an input, as T.matrix('x') makes it. Received: {value!r}")
    return value
