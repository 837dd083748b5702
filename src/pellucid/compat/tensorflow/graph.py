"""Graphs of TensorFlow 1: operations that build pellucid's expressions when a session runs them.

A placeholder may have an unknown rank, and a variable is read before or after its assignments, so an operation holds a
function of expressions. `Session.run` calls it with the shapes that are fed. Where the ranks are known, it is called
when the operation is made, too, so that static shapes are known and errors name the line that made it.
"""

import contextlib
import math
from collections.abc import Iterable

import numpy as np

import pellucid as pel
from pellucid.errors import PellucidError
from pellucid.graph import source_location
from pellucid.graph.errors import DtypeError, InputError, ShapeError, UseError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Input, Shared, as_expr, constant
from pellucid.graph.traversal import topological

TRACES: list = []  # the runs in progress; none while operations are made
SESSIONS: list = []  # the default sessions; the last one is current


class OpError(PellucidError, RuntimeError): ...


class FailedPreconditionError(OpError): ...


class InvalidArgumentError(OpError, ValueError): ...


class NotFoundError(OpError, LookupError): ...


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
    value = property(int.__int__)
    __repr__ = lambda self: f"Dimension({self.value})"
    __str__ = int.__repr__


class UnknownDimension:
    def refuse(self, *args):
        raise ShapeError("The size of the axis is not known before the graph runs. Use tf.shape(x)[axis] instead")

    value = None
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
        a, b = self.dims, TensorShape(other).dims
        if a is None or b is None:
            return True
        return len(a) == len(b) and all(m == n or UNKNOWN in (m, n) for m, n in zip(a, b, strict=True))

    def __iter__(self):
        if self.dims is None:
            raise ShapeError("The rank of the shape is not known before the graph runs. Declare it in the placeholder")
        return iter(self.dims)

    def __getitem__(self, key):
        part = list(self)[key]
        return TensorShape(part) if isinstance(key, slice) else part

    __eq__ = lambda self, other: self.dims == TensorShape(other).dims
    __bool__ = lambda self: self.dims is not None
    as_list = lambda self: [d.value for d in self]
    num_elements = lambda self: math.prod(self)
    is_fully_defined = lambda self: self.dims is not None and UNKNOWN not in self.dims
    __len__ = lambda self: len(self.as_list())
    __str__ = lambda self: "<unknown>" if self.dims is None else str(tuple(map(str, self.dims))).replace("'", "")
    __repr__ = lambda self: f"TensorShape({self.dims})"


class ValueNeededError(Exception):
    """Raised with the known sizes if a shape depends on values of inputs."""


class SizesFedError(Exception):
    """Raised with the inputs if a shape depends on nothing but integers that are fed, such as the size of a batch."""


class Operation:
    """Node of a graph.

    `fn` is a function from the expressions of the inputs to one or several. For an assignment, it takes a function that
    reads a variable first, and returns the new values of `targets`. `before` are the assignments that it depends on.
    """

    def __init__(self, graph, type, name, fn, inputs, **attributes):
        self.graph, self.type, self.name, self.fn, self.inputs = graph, type, name, fn, list(inputs)
        self.control_inputs, self.index, self.outputs = graph.controls, len(graph.operations), []
        self.targets, self.text, self.reads_like = (), None, self
        self.location, self.device = source_location.get_current_location(), ""
        parents = {*self.control_inputs, *(t.op for t in self.inputs)}
        self.before = frozenset().union(*(p.before | {p} if p.targets else p.before for p in parents))
        vars(self).update(attributes)
        graph.operations.append(self)
        graph.by_name[name] = self

    run = lambda self, feed_dict=None, session=None: get_session(session, "run").run(self, feed_dict)
    describe = lambda self: f"{self.name!r}, made at {source_location.format_location(self.location)}"
    __repr__ = lambda self: f"<tf.Operation {self.name!r} type={self.type}>"


def get_session(session, method):
    if session is None and not SESSIONS:
        raise UseError(f"There is no default session for {method}(). Pass session=sess, or use tf.InteractiveSession()")
    return session or SESSIONS[-1]


class Tensor:
    """Output of an operation; `abstract` is an expression of its static shape, None if the rank is unknown."""

    __array_priority__ = 100  # Python's operators are added by the module `ops`

    def __init__(self, op, value_index, dtype, abstract):
        self.op, self.dtype, self.abstract = op, dtype, abstract
        self.name, self.graph, self.device = f"{op.name}:{value_index}", op.graph, ""

    def get_shape(self):
        if self.abstract is None:
            return TensorShape(() if self.dtype.kind == "O" else None)
        return TensorShape([d if isinstance(d, int) else None for d in self.abstract.shape])

    shape = property(get_shape)
    eval = lambda self, feed_dict=None, session=None: get_session(session, "eval").run(self, feed_dict)

    def refuse(self, *args, **kwargs):
        raise UseError(f"{self!r} has no value until it runs. Use sess.run(tensor), tf.where or tf.unstack")

    __bool__ = __iter__ = __array__ = refuse
    kind = property(lambda self: self.dtype.name.replace("object", "string"))
    __repr__ = lambda self: f"<tf.Tensor {self.name!r} shape={self.shape} dtype={self.kind}>"

    def __str__(self):
        shape = "" if self.shape.dims is None else f", shape={self.shape}"
        return f'Tensor("{self.name}"{shape}, dtype={self.kind})'


def make_input(shape, dtype, name=None):
    shape, dtype = TensorShape(shape), as_dtype(dtype)
    return None if shape.dims is None or dtype.kind == "O" else Input(name, shape.as_list(), dtype)


class VariableScope:
    """Prefix, reuse and default initializer of `get_variable`."""

    def __init__(self, name="", reuse=None, initializer=None):
        self.name, self.reuse, self.initializer = name, reuse, initializer

    reuse_variables = lambda self: setattr(self, "reuse", True)


class Graph:
    """A graph, with its names, collections, control dependencies and random seed."""

    def __init__(self):
        self.operations, self.by_name, self.used_names, self.collections = [], {}, {}, {}
        self.scope, self.controls, self.seed, self.variable_scope, self.variables = "", [], None, VariableScope(), {}

    @contextlib.contextmanager
    def replace(self, attribute, value):
        old = getattr(self, attribute)
        setattr(self, attribute, value)
        try:
            yield value
        finally:
            setattr(self, attribute, old)

    def unique_name(self, name):
        full = unique = self.scope + name
        while unique in self.used_names:
            unique = f"{full}_{self.used_names[full]}"
            self.used_names[full] += 1
        self.used_names[unique] = 1
        return unique

    def name_scope(self, name):
        """Put names below a prefix; a name that ends with a slash is the whole prefix."""
        return self.replace("scope", (name or "") if not name or name.endswith("/") else self.unique_name(name) + "/")

    def control_dependencies(self, control_inputs):
        """Run operations before those that are made in the block; None ends the outer blocks."""
        ops = [getattr(e, "op", e) for e in map(self.find, control_inputs or ())]
        return self.replace("controls", [] if control_inputs is None else [*self.controls, *ops])

    def find(self, obj, *kinds):
        if isinstance(obj, str):
            name, _, number = obj.partition(":")
            op = self.by_name.get(name)
            if op is None or (number and int(number) >= len(op.outputs)):
                raise InputError(f"The graph has no {'tensor' if number else 'operation'} named {obj!r}")
            obj = op.outputs[int(number)] if number else op
        if not isinstance(obj, kinds or (Tensor, Operation)):
            expected = " or ".join(k.__name__ for k in kinds or (Tensor, Operation))
            raise UseError(f"Expected a {expected}, or its name. Received: {obj!r}, a {type(obj).__name__}")
        if obj.graph is not self:
            raise InputError(f"{obj!r} is not an element of this graph. Use the session of the graph that it is from")
        return obj

    as_default = lambda self: push(GRAPHS, self)
    get_collection = lambda self, name, scope=None: [
        v for v in self.collections.get(name, []) if getattr(v, "name", "").startswith(scope or "")
    ]
    get_operations = lambda self: list(self.operations)
    add_to_collection = lambda self, name, value: self.collections.setdefault(name, []).append(value)
    as_graph_element = get_tensor_by_name = get_operation_by_name = find


GRAPHS = [Graph()]  # the default graphs; the last one is current


def remove_last(stack, item):
    """Remove the last occurrence of an item of a stack, but never the first graph."""
    for i in [i for i, e in enumerate(stack) if e is item and (i or stack is not GRAPHS)][-1:]:
        del stack[i]


@contextlib.contextmanager
def push(stack, item):
    stack.append(item)
    try:
        yield item
    finally:
        remove_last(stack, item)


get_default_graph = lambda: GRAPHS[-1]


class Summary:
    """Values for TensorBoard: their kinds and names, and the tensors that a session fetches for them."""

    def __init__(self, parts, tensors):
        self.parts, self.tensors = parts, tensors

    eval = Tensor.eval


def flatten(value):
    value = list(value.values()) if isinstance(value, dict) else getattr(value, "tensors", value)
    return [e for v in value for e in flatten(v)] if isinstance(value, (list, tuple)) else [value]


def pack_like(structure, items):
    """Return the next items of an iterator in a structure of lists, tuples and dicts."""
    if isinstance(structure, dict):
        return {k: pack_like(v, items) for k, v in structure.items()}
    if isinstance(structure, Summary):
        return [(*part, next(items)) for part in structure.parts]
    if not isinstance(structure, (list, tuple)):
        return next(items)
    parts, kind = [pack_like(v, items) for v in structure], type(structure)
    return kind(*parts) if hasattr(kind, "_fields") else kind(parts)


def convert(value, dtype=None, name=None):
    """Return a tensor unchanged and any other value as a constant: Python numbers are float32 or int32."""
    wanted = None if dtype is None else as_dtype(dtype)
    if isinstance(value, Tensor):
        if wanted is not None and value.dtype != wanted:
            raise DtypeError(f"Expected a tensor of {wanted}. Received: {value!r}. Cast it: tf.cast(x, tf.{wanted})")
        return value
    known = [v for v in flatten(value) if isinstance(v, Tensor)]
    if known:
        return make_op("Pack", lambda *xs: pel.stack(xs), [convert(v, wanted or known[0].dtype) for v in value], name)
    array = as_array(value, wanted)
    if array.dtype == object:
        return make_op("Const", None, [], name or "value", outputs=[((), "string")], text=array[()])
    e = constant(array)
    return make_op("Const", lambda: e, [], name or "value")


def as_array(value, wanted):
    array = np.asarray(list(value) if isinstance(value, TensorShape) else value)
    kind = array.dtype.kind
    if kind in "US":
        return np.char.encode(array.astype("U")).astype(object)
    if kind not in "biuf":
        raise UseError(f"Expected a tensor, an array or a number. Received: {value!r}")
    is_array = any(isinstance(v, (np.ndarray, np.generic)) for v in flatten(value))
    if wanted is None:
        is_large = kind == "i" and max(-array.min(), array.max()) >= 2**31
        weak = {"i": "int64" if is_large else "int32", "b": "bool"}.get(kind, "float32")
        wanted = array.dtype if is_array else as_dtype(weak)
    elif not is_array and array.size and "biuf".index(kind) > "biuf".index(wanted.kind):
        raise DtypeError(f"Expected {wanted}. Received: {value!r}. Cast the tensor or the number with tf.cast")
    return array.astype(wanted)


def make_op(type, fn, inputs=(), name=None, *, dtype=None, outputs=None, count=None, **attributes):
    """Add an operation to the graph and return its output, or a list of ``count`` outputs.

    ``outputs`` are pairs of a static shape and a dtype. By default, `fn` is called with expressions of the static
    shapes of the inputs; if a rank is unknown, the dtype is ``dtype`` or that of the first input.
    """
    graph = get_default_graph()
    for tensor in inputs:
        if tensor.graph is not graph:
            raise InputError(f"{tensor!r} is from another graph than the current one. Use `with graph.as_default():`")
    full = name[:-1] if name and name.endswith("/") else graph.unique_name(name or type)
    op = Operation(graph, type, full, fn, inputs, **attributes)
    default = as_dtype(dtype or (inputs[0].dtype if inputs else "float32"))
    if outputs is None:
        outputs = [(e, default if e is None else e.dtype) for e in infer_outputs(op, default, count or 1)]
    else:
        outputs = [(make_input(shape, kind, full), as_dtype(kind)) for shape, kind in outputs]
    op.outputs = [Tensor(op, i, kind, e) for i, (e, kind) in enumerate(outputs)]
    return op.outputs if count is not None else op.outputs[0] if op.outputs else op


def call_op(op, args):
    """Return the results of an operation in a run as a list; an error names the operation."""
    TRACES[-1].op, token = op, source_location.inherited_location.set(op.location)
    try:
        found = op.fn(TRACES[-1].read_latest, *args) if op.targets else op.fn(*args)
    except PellucidError as error:
        error.add_note(f"  in the operation {op.describe()}")
        raise
    finally:
        source_location.inherited_location.reset(token)
    return list(found) if isinstance(found, (list, tuple)) else [as_expr(found)]


def infer_outputs(op, dtype, count):
    """Call the function of an operation with expressions of the static shapes; return None for unknown ranks."""
    abstracts = [t.abstract for t in op.inputs]
    try:
        found = [None] * count if any(a is None for a in abstracts) else op.fn(*abstracts)
        return list(found) if isinstance(found, (list, tuple)) else [found]
    except ValueNeededError as error:
        return [make_input(error.args[0], dtype) for _ in range(count)]
    except UseError:
        if all(t.shape.is_fully_defined() for t in op.inputs):
            raise
        return [None] * count


def read_shape(exprs):
    """Return the sizes that expressions of integers and vectors give; in a run, unknown ones are expressions."""
    sizes = []
    for e in exprs:
        leaves = [n for n in topological([e]) if isinstance(n, (Input, Shared))]
        if not leaves:
            sizes += np.ravel(evaluate(np, [e], {})[0]).tolist()
        elif not all(isinstance(d, int) for d in e.shape):
            raise ValueNeededError(None)
        elif TRACES and all(isinstance(n, Input) and n.dtype.kind == "i" and not n.ndim for n in leaves):
            raise SizesFedError(set(leaves))
        elif TRACES:
            sizes += [*e] if e.ndim else [e]
        else:
            sizes += [None] * math.prod(e.shape)
    if any(size is None for size in sizes):
        raise ValueNeededError([None if n == -1 else n for n in sizes])
    return tuple(sizes)
