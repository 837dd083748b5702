"""Variables, assignments, variable scopes, collections and initializers of TensorFlow 1."""

import contextlib
import math
from types import SimpleNamespace

from pellucid.compat.tensorflow import graph as graphs
from pellucid.compat.tensorflow.graph import Tensor, convert, get_default_graph, make_op
from pellucid.compat.tensorflow.ops import FUNCTIONS
from pellucid.compat.tensorflow.types import TensorShape, as_dtype
from pellucid.graph.errors import DtypeError, OptionError, ShapeError, UseError

GraphKeys = SimpleNamespace(
    GLOBAL_VARIABLES="variables", VARIABLES="variables", TRAINABLE_VARIABLES="trainable_variables", LOSSES="losses",
    SUMMARIES="summaries", REGULARIZATION_LOSSES="regularization_losses", UPDATE_OPS="update_ops",
)  # fmt: skip


class Variable(Tensor):
    """Variable of a graph. Each session has a `Shared` for it from the run of its initializer on."""

    def __init__(self, initial_value, trainable=True, collections=None, validate_shape=True, *, name=None, dtype=None):
        graph = get_default_graph()
        scope = graph.unique_name(name or "Variable") + "/"
        with graph.control_dependencies(None), graph.replace("scope", scope):
            start = convert(initial_value() if callable(initial_value) else initial_value, dtype, "initial_value")
            if start.dtype.kind == "O":
                raise DtypeError("A variable of strings is not in pellucid.compat. Keep the text in Python")
            op = graphs.Operation(graph, "VariableV2", scope[:-1], None, [], outputs=[self])
            super().__init__(op, 0, start.dtype, graphs.make_input(start.shape, start.dtype))
            self.initial_value, self.initializer = start, assign(self, start, name=scope + "Assign/").op
        for key in dict.fromkeys([*(collections or ["variables"]), *["trainable_variables"] * bool(trainable)]):
            graph.add_to_collection(key, self)

    def initialized_value(self):
        """Return its value if it has one, and its initial value otherwise."""
        choose = lambda e: t.read_initial(self) if self in (t := graphs.TRACES[-1]).session.initialized else e
        return make_op("cond", choose, [self.initial_value], outputs=[(self.shape, self.dtype)])

    load = lambda self, value, session=None: graphs.get_session(session, "load").set_value(self, value)
    value = read_value = lambda self: FUNCTIONS["identity"](self)
    assign = lambda self, value, use_locking=False: assign(self, value)
    assign_add = lambda self, delta, use_locking=False: assign_add(self, delta)
    assign_sub = lambda self, delta, use_locking=False: assign_sub(self, delta)
    __repr__ = lambda self: f"<tf.Variable {self.name!r} shape={self.shape} dtype={self.dtype.name}_ref>"


def make_assignment(type, compute):
    def assign(ref, value, validate_shape=True, use_locking=None, name=None):
        if not isinstance(ref, Variable):
            raise UseError(f"{type}: expected a variable to assign to. Received: {ref!r}")
        new = convert(value, ref.dtype)
        if type == "Assign" and not new.shape.is_compatible_with(ref.shape):
            raise ShapeError(f"{type}: {ref.op.name} has shape {ref.shape}. Received: a value of shape {new.shape}")
        fn = lambda read, e: [compute(read, ref, e)]
        return make_op(type, fn, [new], name, outputs=[(ref.shape, ref.dtype)], targets=[ref])

    return assign


assign = make_assignment("Assign", lambda read, variable, new: new)
assign_add = make_assignment("AssignAdd", lambda read, variable, new: read(variable) + new)
assign_sub = make_assignment("AssignSub", lambda read, variable, new: read(variable) - new)


def group(*inputs, name="group_deps"):
    """Return an operation that runs others."""
    with get_default_graph().control_dependencies(graphs.flatten(inputs)):
        return make_op("NoOp", None, [], name, outputs=[])


@contextlib.contextmanager
def variable_scope(name_or_scope=None, default_name=None, values=None, initializer=None, *, reuse=None):
    """Put variables of `get_variable` below a prefix, and make or reuse them."""
    graph, outer = get_default_graph(), get_default_graph().variable_scope
    base = name_or_scope if isinstance(name_or_scope, graphs.VariableScope) else outer
    name = base.name
    if base is not name_or_scope:
        if name_or_scope is None:
            count = outer.counts[default_name] = outer.counts.get(default_name, -1) + 1
            name_or_scope = f"{default_name}_{count}" if count else default_name
        name = f"{outer.name}/{name_or_scope}" if outer.name else name_or_scope
    scope = graphs.VariableScope(name, reuse or base.reuse or outer.reuse, initializer or base.initializer)
    with graph.replace("variable_scope", scope), graph.name_scope(name.rpartition("/")[2]):
        yield scope


def get_variable(name, shape=None, dtype="float32", initializer=None, *, trainable=True, collections=None):
    """Return a variable of the current scope: a new one or, with `reuse`, the existing one."""
    graph, scope, sizes = get_default_graph(), get_variable_scope(), TensorShape(shape)
    full = f"{scope.name}/{name}" if scope.name else name
    known, initializer = graph.variables.get(full), scope.initializer if initializer is None else initializer
    if known is None and scope.reuse is True:
        raise OptionError(f"Variable {full} does not exist. Did you mean to set reuse=None in VarScope?")
    if known is not None and not scope.reuse:
        raise OptionError(f"Variable {full} already exists, disallowed. Did you mean to set reuse=True in VarScope?")
    if known is not None and not known.shape.is_compatible_with(sizes):
        raise ShapeError(f"Variable {full} has shape {known.shape}. Received: shape {sizes}")
    if known is None:
        if initializer is None:
            initializer = (glorot_uniform_initializer if as_dtype(dtype).kind == "f" else zeros_initializer)()
        is_function = callable(initializer)
        if is_function and not sizes.is_fully_defined():
            raise ShapeError(f"Shape of a new variable ({full}) must be fully defined, but instead was {sizes}")
        start = (lambda: initializer(sizes.as_list(), dtype=dtype)) if is_function else initializer
        with graph.replace("scope", ""):  # the name has the scopes of variables already
            made = Variable(start, trainable, collections, name=full, dtype=dtype if is_function else None)
        graph.variables[full] = known = made
    return known


def initializer(make, dtype):
    return lambda shape, dtype=dtype, partition_info=None: make([int(d) for d in TensorShape(shape)], dtype)


def make_random_initializer(name):
    return lambda a=0.0, b=1.0, seed=None, dtype="float32": initializer(
        lambda sizes, dtype: FUNCTIONS[name](sizes, a, b, dtype, seed), dtype
    )


def glorot_uniform_initializer(seed=None, dtype="float32"):
    def draw(sizes, dtype):
        fans = math.prod(sizes[:-2]) * sum(sizes[-2:]) if len(sizes) > 1 else 2 * math.prod(sizes)
        limit = math.sqrt(6 / max(1, fans))
        return FUNCTIONS["random_uniform"](sizes, -limit, limit, dtype, seed)

    return initializer(draw, dtype)


def make_constant_initializer(value):
    """Return an initializer: scripts write `tf.zeros_initializer` and `tf.zeros_initializer()`."""
    make = constant_initializer(value)
    return lambda shape=None, dtype="float32", partition_info=None: make if shape is None else make(shape, dtype)


constant_initializer = lambda value=0, dtype="float32": initializer(
    lambda sizes, dtype: FUNCTIONS["constant"](value, dtype, sizes), dtype
)
zeros_initializer, ones_initializer = map(make_constant_initializer, (0, 1))
random_normal_initializer, random_uniform_initializer, truncated_normal_initializer = map(
    make_random_initializer, ("random_normal", "random_uniform", "truncated_normal")
)
get_variable_scope = lambda: get_default_graph().variable_scope
get_collection = lambda key, scope=None: get_default_graph().get_collection(key, scope)
add_to_collection = lambda name, value: get_default_graph().add_to_collection(name, value)
all_variables = global_variables = lambda scope=None: get_collection("variables", scope)
trainable_variables = lambda scope=None: get_collection("trainable_variables", scope)
initialize_variables = variables_initializer = lambda var_list, name="init": group(
    *(v.initializer for v in var_list), name=name
)
initialize_all_variables = global_variables_initializer = lambda: variables_initializer(global_variables())
initialize_local_variables = local_variables_initializer = lambda: variables_initializer([])
no_op = lambda name="NoOp": group(name=name)
variable_op_scope = lambda values, name, default=None, **options: variable_scope(name, default, **options)
