"""Graphs of TensorFlow 1: operations that build pellucid's expressions when a session runs them.

A placeholder may have an unknown rank, and a variable is read before or after its assignments, so an operation holds a
function of expressions. `Session.run` calls it with the shapes that are fed. Where the ranks are known, it is called
when the operation is made, too, so that static shapes are known and errors name the line that made it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.compat.tensorflow.types import Dimension, DType, TensorShape, as_dtype
from pellucid.graph import source_location
from pellucid.graph.errors import DtypeError, InputError, ShapeError, UseError
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input, Shared, constant
from pellucid.graph.traversal import topological

if TYPE_CHECKING:
    from pellucid.compat.tensorflow.session import Trace


class UnknownShapeError(Exception):
    """Raised while an operation is made, if its shape depends on values; `dims` is None if the rank does, too."""

    def __init__(self, dims: Sequence[int | None] | None = None) -> None:
        self.dims = dims


class NotStaticError(Exception):
    """Raised if a shape depends on the value of a placeholder, which becomes a constant then."""

    def __init__(self, leaves: Sequence[Expr]) -> None:
        self.leaves = leaves


TRACES: list[Trace] = []
"""The traces of sessions that are in progress; empty while operations are made."""


class Operation:
    """Node of a graph.

    `fn` is a function from the expressions of the inputs to one or several. For an assignment, it takes a function that
    reads a variable first, and returns the new values of `targets`. `before` are the assignments that it depends on,
    `guards` the conditions of an assignment in a branch of `tf.cond`. For summaries and strings, `host` computes the
    output from NumPy values outside of the program.
    """

    def __init__(self, graph: Graph, type: str, name: str, fn: Any, inputs: Sequence[Tensor]) -> None:
        self.graph, self.type, self.name, self.fn = graph, type, name, fn
        self.inputs: list[Tensor] = list(inputs)
        self.control_inputs: list[Operation] = list(dict.fromkeys(op for block in graph.controls for op in block))
        self.index: int = len(graph.operations)
        self.outputs: list[Tensor] = []
        self.targets: list[Any] = []
        self.variable: Any = None
        self.reads_like: Operation = self
        self.guards: tuple[tuple[Tensor, bool], ...] = ()
        self.host: Callable[..., Any] | None = None
        self.device: str = ""
        self.location = source_location.get_current_location()
        parents = {*self.control_inputs, *(t.op for t in self.inputs)}
        self.before: frozenset[Operation] = frozenset().union(*(p.after for p in parents))
        graph.operations.append(self)
        graph.by_name[name] = self

    @property
    def after(self) -> frozenset[Operation]:
        """The assignments that have run when it has."""
        return self.before | {self} if self.targets else self.before

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        get_session(session, "run").run(self, feed_dict)

    def describe(self) -> str:
        """Return the name, and the line that made it."""
        return f"{self.name!r}" + (
            f", made at {source_location.format_location(self.location)}" if self.location else ""
        )

    def __repr__(self) -> str:
        return f"<tf.Operation {self.name!r} type={self.type}>"


def get_session(session: Any, method: str) -> Any:
    found = session or (SESSIONS[-1] if SESSIONS else None)
    if found is None:
        raise UseError(
            f"There is no default session for {method}(). Pass session=sess, or use `with tf.Session() as sess:` or "
            "tf.InteractiveSession()"
        )
    return found


SESSIONS: list[Any] = []
"""The default sessions; the last one is current."""


class TensorMethods:
    """Methods that tensors and variables share. Operators are added by the module `ops`."""

    __array_priority__ = 100
    name: str
    dtype: DType
    op: Operation

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        return get_session(session, "eval").run(self, feed_dict)

    def get_shape(self) -> TensorShape:
        return convert(self).static_shape

    shape = property(get_shape)
    graph = property(lambda self: self.op.graph)
    device = ""

    def __bool__(self) -> bool:
        raise UseError(
            f"{self!r} has no value until it runs, so Python cannot test it. Write `if t is not None:`, or use tf.cond"
        )

    def __iter__(self) -> Iterator[Any]:
        raise UseError(f"{self!r} cannot be iterated over before it runs. Use tf.unstack or tf.map_fn")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise UseError(f"{self!r} has no value until it runs. Use sess.run(tensor) or tensor.eval()")


class Tensor(TensorMethods):
    """Output of an operation; `abstract` is an expression of its static shape, None if the rank is unknown."""

    def __init__(self, op: Operation, value_index: int, dtype: DType, abstract: Expr | None) -> None:
        self.op, self.value_index, self.dtype, self.abstract = op, value_index, dtype, abstract
        self.name = f"{op.name}:{value_index}"

    @property
    def static_shape(self) -> TensorShape:
        """Sizes that are known before the graph runs."""
        if self.abstract is None:
            return TensorShape(() if self.dtype.name == "string" else None)
        return get_static_shape(self.abstract)

    def set_shape(self, shape: Any) -> None:
        """Add what is known about the static shape."""
        new, old = TensorShape(shape), self.static_shape
        if not new.is_compatible_with(old):
            raise ShapeError(f"Shape {new} is not compatible with the shape {old} of {self!r}")
        if old.dims is not None and new.dims is not None:
            new = TensorShape([b if a.value is None else a for a, b in zip(old.dims, new.dims, strict=True)])
        self.abstract = make_input(new if new.dims is not None else old, self.dtype)

    def __repr__(self) -> str:
        return f"<tf.Tensor {self.name!r} shape={self.static_shape} dtype={self.dtype.name}>"

    def __str__(self) -> str:
        shape = "" if self.static_shape.dims is None else f", shape={self.static_shape}"
        return f'Tensor("{self.name}"{shape}, dtype={self.dtype.name})'


class Spec:
    """Static shape and dtype of an output; the shape may be None."""

    def __init__(self, shape: Any, dtype: Any) -> None:
        self.dtype: DType = as_dtype(dtype)
        self.abstract: Expr | None = make_input(TensorShape(shape), self.dtype)


def get_static_shape(e: Expr) -> TensorShape:
    return TensorShape([d if isinstance(d, int) else None for d in e.shape])


def make_input(shape: TensorShape | None, dtype: DType, name: str | None = None) -> Expr | None:
    """Return an input of a static shape; None for strings and unknown ranks."""
    if shape is None or shape.dims is None or dtype.name == "string":
        return None
    return Input(name, shape.as_list(), dtype.numpy)


class Graph:
    """A graph, with its names, collections, control dependencies and random seed."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.by_name: dict[str, Operation] = {}
        self.used_names: dict[str, int] = {}
        self.collections: dict[str, list[Any]] = {}
        self.scope: str = ""
        self.controls: list[list[Operation]] = []
        self.guards: tuple[tuple[Tensor, bool], ...] = ()
        self.seed: int | None = None
        self.variable_scope: Any = None
        self.variable_store: dict[str, Any] = {}
        self.finalized: bool = False

    @contextlib.contextmanager
    def as_default(self) -> Iterator[Graph]:
        GRAPHS.append(self)
        try:
            yield self
        finally:
            remove_last(GRAPHS, self)

    def unique_name(self, name: str) -> str:
        """Return a name with the current scope, and a number if it occurs already."""
        full = self.scope + name
        count = self.used_names.get(full, 0)
        self.used_names[full] = count + 1
        while count and f"{full}_{count}" in self.used_names:
            count += 1
        unique = f"{full}_{count}" if count else full
        self.used_names.setdefault(unique, 1)
        return unique

    @contextlib.contextmanager
    def name_scope(self, name: str | None) -> Iterator[str]:
        """Put names below a prefix; a name that ends with a slash is the whole prefix."""
        old = self.scope
        self.scope = "" if not name else name if name.endswith("/") else self.unique_name(name) + "/"
        try:
            yield self.scope
        finally:
            self.scope = old

    @contextlib.contextmanager
    def control_dependencies(self, control_inputs: Iterable[Any] | None) -> Iterator[None]:
        """Run these operations before those that are made in the block; None ends the outer blocks."""
        old = self.controls
        ops = [] if control_inputs is None else [as_operation(each) for each in control_inputs]
        self.controls = [] if control_inputs is None else [*old, ops]
        try:
            yield
        finally:
            self.controls = old

    @contextlib.contextmanager
    def device(self, name: Any) -> Iterator[None]:
        """Accept a device; JAX's default device runs everything."""
        yield

    def add_to_collection(self, name: str, value: Any) -> None:
        self.collections.setdefault(name, []).append(value)

    def get_collection(self, name: str, scope: str | None = None) -> list[Any]:
        """Return the values of a collection, those whose names start with a scope."""
        values = self.collections.get(name, [])
        return [v for v in values if scope is None or getattr(v, "name", "").startswith(scope)]

    def get_collection_ref(self, name: str) -> list[Any]:
        return self.collections.setdefault(name, [])

    def get_operations(self) -> list[Operation]:
        return list(self.operations)

    def get_operation_by_name(self, name: str) -> Any:
        return self.as_graph_element(name, False, True)

    def get_tensor_by_name(self, name: str) -> Any:
        return self.as_graph_element(name, True, False)

    def as_graph_element(self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True) -> Any:
        """Return the tensor or the operation of an object or a name."""
        if isinstance(obj, str):
            name, _, number = obj.partition(":")
            op = self.by_name.get(name)
            if op is None or (number and int(number) >= len(op.outputs)):
                raise InputError(f"The graph has no {'tensor' if number else 'operation'} named {obj!r}")
            obj = op.outputs[int(number)] if number else op
        if isinstance(obj, TensorMethods):
            obj = convert(obj)
        kinds = (Tensor,) * allow_tensor + (Operation,) * allow_operation
        if not isinstance(obj, kinds):
            expected = " or ".join(k.__name__ for k in kinds)
            raise UseError(f"Expected a {expected}, or its name. Received: {obj!r}, a {type(obj).__name__}")
        if obj.graph is not self:
            raise InputError(f"{obj!r} is not an element of this graph. Use the session of the graph that it is from")
        return obj

    def finalize(self) -> None:
        self.finalized = True


GRAPHS: list[Graph] = [Graph()]
"""The default graphs; the last one is current."""


def remove_last(stack: list[Any], item: Any) -> None:
    """Remove the last occurrence of an item of a stack, which keeps its first item if that is the only one."""
    for i in reversed(range(int(stack is GRAPHS), len(stack))):
        if stack[i] is item:
            del stack[i]
            return


def get_default_graph() -> Graph:
    return GRAPHS[-1]


def reset_default_graph() -> None:
    """Replace the default graph by an empty one."""
    GRAPHS[-1] = Graph()


def as_operation(value: Any) -> Operation:
    """Return the operation of a tensor, of a variable or itself."""
    found = get_default_graph().as_graph_element(value)
    return found if isinstance(found, Operation) else found.op


def convert(value: Any, dtype: Any = None, name: str | None = None) -> Tensor:
    """Return a tensor unchanged and any other value as a constant: Python numbers are float32 or int32."""
    wanted = None if dtype is None else as_dtype(dtype)
    if isinstance(value, TensorMethods):
        tensor = value if isinstance(value, Tensor) else value.op.outputs[0]
        if wanted is not None and tensor.dtype != wanted:
            raise DtypeError(
                f"Expected a tensor of {wanted.name}. Received: {value!r}. TensorFlow casts no tensor by itself: write "
                f"tf.cast(x, tf.{wanted.name})"
            )
        return tensor
    if isinstance(value, (list, tuple)) and any(isinstance(v, TensorMethods) for v in flatten(value)):
        known = [v for v in flatten(value) if isinstance(v, TensorMethods)]
        parts = [convert(v, wanted or known[0].dtype) for v in value]
        packed: Tensor = make_op("Pack", lambda *xs: stack_exprs(xs), parts, name or "packed")
        return packed
    array = as_array(value, wanted)
    return make_constant(array, name or "value")


def flatten(value: Any) -> list[Any]:
    return [e for v in value for e in flatten(v)] if isinstance(value, (list, tuple)) else [value]


def stack_exprs(xs: Sequence[Expr], axis: int = 0) -> Expr:
    from pellucid.graph.operators import FUNCTIONS

    stacked: Expr = FUNCTIONS["stack"](list(xs), axis=axis)
    return stacked


def as_array(value: Any, wanted: DType | None) -> np.ndarray[Any, Any]:
    """Return a value as an array of a dtype, as TensorFlow converts constants."""
    if isinstance(value, TensorShape):
        value = [int(d) for d in value]
    if isinstance(value, (list, tuple)) and any(isinstance(v, Dimension) for v in value):
        value = [int(v) if isinstance(v, Dimension) else v for v in value]
    if isinstance(value, Dimension):
        value = int(value)
    if value is None or isinstance(value, dict):
        raise UseError(f"Expected a tensor, an array or a number. Received: {value!r}")
    array = np.asarray(value)
    if array.dtype.kind in "USO":
        if array.dtype.kind == "O" and not all(isinstance(v, (str, bytes)) for v in array.ravel()):
            raise UseError(f"Expected a tensor, an array or a number. Received: {value!r}")
        encoded = [s.encode() if isinstance(s, str) else s for s in array.ravel().tolist()]
        return np.array([*encoded, None], object)[:-1].reshape(array.shape)
    is_array = isinstance(value, (np.ndarray, np.generic)) or any(isinstance(v, np.ndarray) for v in flatten(value))
    if wanted is None:
        small = array.dtype.kind == "i" and array.size and max(-array.min(), array.max()) < 2**31
        weak = {"f": "float32", "i": "int32" if small or not array.size else "int64"}.get(array.dtype.kind)
        weak = "float32" if not array.size and not is_array else weak
        wanted = as_dtype(array.dtype if is_array or weak is None else weak)
    elif not is_array and array.size and "biuf".index(array.dtype.kind) > "biuf".index(wanted.numpy.kind):
        raise DtypeError(
            f"Expected {wanted.name}. Received: {value!r}. Cast the tensor with tf.cast first, or the number"
        )
    return array.astype(wanted.numpy)


def make_constant(array: np.ndarray[Any, Any], name: str) -> Tensor:
    """Return a constant tensor; a string is a value outside of programs."""
    if array.dtype != object:
        e = constant(array)
        made: Tensor = make_op("Const", lambda: e, [], name)
    else:
        made = make_op("Const", None, [], name, dtype="string")
        made.op.host = lambda: array[()]
    return made


def make_op(
    type: str,
    fn: Callable[..., Any] | None,
    inputs: Sequence[Tensor],
    name: str | None = None,
    *,
    dtype: Any = None,
    outputs: Sequence[Any] | None = None,
    single: bool = True,
    setup: Callable[[Operation], None] | None = None,
) -> Any:
    """Add an operation to the graph and return its output, or a list of outputs.

    ``outputs`` have static shapes and dtypes: a `Spec` or a tensor each. By default, `fn` is called with expressions of
    the static shapes of the inputs. If a rank is unknown, the dtype is ``dtype`` or that of the first input. ``setup``
    changes the operation before its outputs are made.
    """
    graph = get_default_graph()
    if graph.finalized:
        raise UseError("The graph is finalized, so it cannot be changed. Make all operations before")
    for tensor in inputs:
        if tensor.graph is not graph:
            raise InputError(f"{tensor!r} is from another graph than the current one. Use `with graph.as_default():`")
    full = name[:-1] if name and name.endswith("/") else graph.unique_name(name or type)
    op = Operation(graph, type, full, fn, inputs)
    if setup is not None:
        setup(op)
    if outputs is not None:
        shapes = [None if t.abstract is None else get_static_shape(t.abstract) for t in outputs]
        abstracts: list[Any] = [make_input(s, t.dtype, full) for s, t in zip(shapes, outputs, strict=True)]
        dtypes: list[DType] = [t.dtype for t in outputs]
    else:
        found = infer(op, fn)
        abstracts = list(found) if isinstance(found, (list, tuple)) else [found]
        default = as_dtype(dtype or (inputs[0].dtype if inputs else "float32"))
        if abstracts and isinstance(abstracts[0], UnknownShapeError):
            dims = abstracts[0].dims
            abstracts = [None if dims is None else make_input(TensorShape(dims), default)]
        dtypes = [default if a is None else as_dtype(a.dtype) for a in abstracts]
    op.outputs = [Tensor(op, i, d, a) for i, (a, d) in enumerate(zip(abstracts, dtypes, strict=True))]
    return op.outputs[0] if single and op.outputs else op if single else op.outputs


def infer(op: Operation, fn: Callable[..., Any] | None) -> Any:
    """Call the function of an operation with expressions of the static shapes."""
    abstracts = [t.abstract for t in op.inputs]
    if fn is None or any(a is None for a in abstracts):
        return None
    traces, TRACES[:] = TRACES[:], []
    try:
        return fn(*abstracts)
    except UnknownShapeError as unknown:
        return unknown
    except NotStaticError:
        return None
    except UseError:
        if all(t.static_shape.is_fully_defined() for t in op.inputs):
            raise
        return None
    finally:
        TRACES[:] = traces


def static_value(e: Any) -> np.ndarray[Any, Any]:
    """Return the value of an expression without inputs; other values of placeholders become constants when it runs."""
    if not isinstance(e, Expr):
        return np.asarray(e)
    leaves = [n for n in topological([e]) if isinstance(n, (Input, Shared))]
    if not leaves:
        return np.asarray(evaluate(np, [e], {})[0])
    if not TRACES:
        raise UnknownShapeError
    raise NotStaticError(leaves)


def static_int(e: Any) -> int:
    return int(static_value(e))


def as_shape_inputs(shape: Any) -> tuple[list[Tensor], bool]:
    """Return tensors that give a shape, and whether they are its sizes; see `read_shape`."""
    if isinstance(shape, (list, tuple)) and any(isinstance(d, TensorMethods) for d in shape):
        return [convert(d) for d in shape], True
    if isinstance(shape, TensorMethods):
        return [convert(shape)], False
    sizes = shape if isinstance(shape, (TensorShape, list, tuple, np.ndarray)) else [shape]
    return [convert(np.array([int(d) for d in sizes], np.int32))], False


def read_shape(exprs: Sequence[Expr], listed: bool) -> tuple[int, ...]:
    """Return the sizes that expressions give, while they run or are made."""
    if not listed:
        try:
            return tuple(int(d) for d in np.atleast_1d(static_value(exprs[0])))
        except UnknownShapeError:
            (length,) = exprs[0].shape or (0,)
            raise UnknownShapeError([None] * length if isinstance(length, int) else None) from None
    dims: list[int | None] = []
    for e in exprs:
        try:
            dims.append(static_int(e))
        except UnknownShapeError:
            dims.append(None)
    if None in dims:
        raise UnknownShapeError([None if d == -1 else d for d in dims])
    return tuple(dims)  # type: ignore[arg-type]
