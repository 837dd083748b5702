"""Variables, assignments, variable scopes, collections and initializers of TensorFlow 1."""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.compat.tensorflow.graph import (
    Operation,
    Tensor,
    TensorMethods,
    convert,
    flatten,
    get_default_graph,
    get_session,
    make_constant,
    make_input,
    make_op,
)
from pellucid.compat.tensorflow.random_ops import random_normal, random_uniform, truncated_normal
from pellucid.compat.tensorflow.session import current_trace
from pellucid.compat.tensorflow.types import TensorShape, as_dtype
from pellucid.graph.errors import DtypeError, OptionError, ShapeError, UseError
from pellucid.graph.expr import as_expr


class GraphKeys:
    """Names of collections."""

    VARIABLES = GLOBAL_VARIABLES = "variables"
    TRAINABLE_VARIABLES = "trainable_variables"
    LOCAL_VARIABLES = "local_variables"
    MODEL_VARIABLES = "model_variables"
    MOVING_AVERAGE_VARIABLES = "moving_average_variables"
    REGULARIZATION_LOSSES = "regularization_losses"
    LOSSES = "losses"
    SUMMARIES = "summaries"
    UPDATE_OPS = "update_ops"
    GLOBAL_STEP = "global_step"
    TRAIN_OP = "train_op"


class Variable(TensorMethods):
    """Variable of a graph. Each session has a `Shared` for it from the run of its initializer on."""

    def __init__(
        self, initial_value=None, trainable=True, collections=None, validate_shape=True, *, name=None, dtype=None
    ):
        graph, kinds = get_default_graph(), list(collections or [GraphKeys.GLOBAL_VARIABLES])
        guards, graph.guards = graph.guards, ()  # a variable that is made in a branch exists in both
        scope = graph.unique_name(name or "Variable") + "/"
        with graph.control_dependencies(None), graph.name_scope(scope):
            start = convert(initial_value() if callable(initial_value) else initial_value, dtype, "initial_value")
            if start.dtype.name == "string":
                raise DtypeError("A variable of strings is not in pellucid.compat. Keep the text in Python")
            self.initial_value, self.dtype, self.trainable = start, start.dtype, trainable
            ref = Tensor(start.op, 0, start.dtype, make_input(start.static_shape, start.dtype))
            value = make_op(
                "VariableV2", None, [], scope, outputs=[ref], setup=lambda op: setattr(op, "variable", self)
            )
            self.op: Operation = value.op
            self.name: str = value.name
            self.initializer: Operation = assign(self, start, name=scope + "Assign/").op
        graph.guards = guards
        if trainable and GraphKeys.TRAINABLE_VARIABLES not in kinds:
            kinds.append(GraphKeys.TRAINABLE_VARIABLES)
        for kind in kinds:
            graph.add_to_collection(kind, self)

    def value(self):
        return self.op.outputs[0]

    read_value = value

    def initialized_value(self):
        """Return its value if it has one, and its initial value otherwise."""

        def choose(initial):
            trace = current_trace()
            trace.checks_initialization = True
            return trace.read_initial(self) if self in trace.session.initialized else initial

        return make_op("cond", choose, [self.initial_value], outputs=[self.initial_value])

    def assign(self, value, use_locking=False):
        return assign(self, value)

    def assign_add(self, delta, use_locking=False):
        return assign_add(self, delta)

    def assign_sub(self, delta, use_locking=False):
        return assign_sub(self, delta)

    def load(self, value, session=None):
        """Set the value in a session."""
        get_session(session, "load").set_value(self, value)

    def set_shape(self, shape):
        self.value().set_shape(shape)

    def __repr__(self):
        return f"<tf.Variable {self.name!r} shape={self.get_shape()} dtype={self.dtype.name}_ref>"


def make_update(type, targets, inputs, fn, name=None):
    """Add an operation that assigns the new values that a function of a reader of variables and of inputs returns."""

    def setup(op):
        op.targets, op.guards = list(targets), op.graph.guards
        op.before = op.before.union(*(t.op.after for t, _ in op.guards))

    return make_op(type, fn, inputs, name, outputs=[targets[0].value()], setup=setup)


def _make_assignment(type, compute):
    def assign(ref, value, validate_shape=True, use_locking=None, name=None):
        if not isinstance(ref, Variable):
            raise UseError(f"{type}: expected a variable to assign to. Received: {ref!r}")
        new = convert(value, ref.dtype)
        if type == "Assign" and not new.static_shape.is_compatible_with(ref.get_shape()):
            raise ShapeError(
                f"{type}: {ref.op.name} has shape {ref.get_shape()}. Received: a value of shape {new.static_shape}"
            )
        return make_update(type, [ref], [new], lambda read, e: [compute(read, ref, e)], name)

    return assign


assign = _make_assignment("Assign", lambda read, variable, new: new)
assign_add = _make_assignment("AssignAdd", lambda read, variable, new: read(variable) + new)
assign_sub = _make_assignment("AssignSub", lambda read, variable, new: read(variable) - new)


def scatter_update(ref, indices, updates, use_locking=True, name=None):
    inputs = [convert(indices), convert(updates, ref.dtype)]
    return make_update("ScatterUpdate", [ref], inputs, lambda read, i, new: [read(ref).at[i].set(new)], name)


def is_variable_initialized(variable):
    def check():
        trace = current_trace()
        trace.checks_initialization = True
        return as_expr(np.bool_(variable in trace.session.initialized))

    return make_op("IsVariableInitialized", check, [], outputs=[make_constant(np.array(True), "Const")])


def _make_collection(key):
    return lambda scope=None: get_default_graph().get_collection(key, scope)


all_variables = global_variables = _make_collection(GraphKeys.GLOBAL_VARIABLES)
trainable_variables = _make_collection(GraphKeys.TRAINABLE_VARIABLES)
local_variables = _make_collection(GraphKeys.LOCAL_VARIABLES)
model_variables = _make_collection(GraphKeys.MODEL_VARIABLES)
moving_average_variables = _make_collection(GraphKeys.MOVING_AVERAGE_VARIABLES)


def get_collection(key, scope=None):
    return get_default_graph().get_collection(key, scope)


def add_to_collection(name, value):
    get_default_graph().add_to_collection(name, value)


def group(*inputs, name=None):
    """Return an operation that runs others."""
    graph = get_default_graph()
    with graph.control_dependencies([*flatten(inputs)]):
        return make_op("NoOp", None, [], name or "group_deps", outputs=[])


def no_op(name=None):
    return group(name=name or "NoOp")


def variables_initializer(var_list, name="init"):
    return group(*(v.initializer for v in var_list), name=name)


def global_variables_initializer():
    """Return an operation that initializes the global variables that exist now."""
    return variables_initializer(global_variables())


def local_variables_initializer():
    return variables_initializer(local_variables())


initialize_variables, initialize_all_variables = variables_initializer, global_variables_initializer
initialize_local_variables = local_variables_initializer
AUTO_REUSE = "auto"


class VariableScope:
    """Prefix, reuse and defaults of `get_variable`."""

    def __init__(self, name, reuse, initializer, regularizer, dtype):
        self.name, self.reuse, self.initializer, self.regularizer = name, reuse, initializer, regularizer
        self.dtype, self.original_name_scope = dtype, name and name + "/"
        self.counts: dict[str, int] = {}

    def reuse_variables(self):
        self.reuse = True

    def set_initializer(self, initializer):
        self.initializer = initializer


def get_variable_scope():
    graph = get_default_graph()
    graph.variable_scope = graph.variable_scope or VariableScope("", None, None, None, "float32")
    scope: VariableScope = graph.variable_scope
    return scope


@contextlib.contextmanager
def variable_scope(
    name_or_scope=None, default_name=None, values=None, initializer=None, regularizer=None, *, reuse=None, dtype=None
):
    """Put variables of `get_variable` below a prefix, and make or reuse them."""
    graph, outer = get_default_graph(), get_variable_scope()
    base = name_or_scope if isinstance(name_or_scope, VariableScope) else outer
    if base is outer and name_or_scope is not outer:
        if name_or_scope is None:
            count = outer.counts[str(default_name)] = outer.counts.get(str(default_name), -1) + 1
            name_or_scope = f"{default_name}_{count}" if count else default_name
        name = f"{outer.name}/{name_or_scope}" if outer.name else str(name_or_scope)
    else:
        name = base.name
    scope = VariableScope(
        name,
        reuse or base.reuse or outer.reuse,
        initializer or base.initializer,
        regularizer or base.regularizer,
        dtype or base.dtype,
    )
    graph.variable_scope = scope
    try:
        with graph.name_scope(name.rpartition("/")[2]) as scope.original_name_scope:
            yield scope
    finally:
        graph.variable_scope = outer


def variable_op_scope(values, name_or_scope, default_name=None, **kwargs):
    """`variable_scope` with the order of arguments of 0.x."""
    return variable_scope(name_or_scope, default_name, values, **kwargs)


def get_variable(name, shape=None, dtype=None, initializer=None, regularizer=None, trainable=True, collections=None):
    """Return a variable of the current scope: a new one or, with `reuse`, the existing one."""
    graph, scope = get_default_graph(), get_variable_scope()
    full = f"{scope.name}/{name}" if scope.name else name
    known: Variable | None = graph.variable_store.get(full)
    if known is not None:
        if not scope.reuse:
            raise OptionError(
                f"Variable {full} already exists, disallowed. Did you mean to set reuse=True in VarScope?"
            )
        if shape is not None and not known.get_shape().is_compatible_with(shape):
            raise ShapeError(f"Variable {full} has shape {known.get_shape()}. Received: shape {TensorShape(shape)}")
        return known
    if scope.reuse is True:
        raise OptionError(f"Variable {full} does not exist. Did you mean to set reuse=None in VarScope?")
    kind: Any = as_dtype(dtype or scope.dtype)
    start = scope.initializer if initializer is None else initializer
    if start is None:
        start = glorot_uniform_initializer() if kind.is_floating else zeros_initializer()
    if callable(start):
        sizes = TensorShape(shape)
        if not sizes.is_fully_defined():
            raise ShapeError(f"Shape of a new variable ({full}) must be fully defined, but instead was {sizes}")
        initial: Any = lambda: start(sizes.as_list(), dtype=kind)  # noqa: E731 - called in the scope of the variable
    else:
        initial, kind = start, kind if dtype is not None else None
    outer, graph.scope = graph.scope, ""  # the name has the scopes of variables already
    try:
        made = graph.variable_store[full] = Variable(initial, trainable, collections, name=full, dtype=kind)
    finally:
        graph.scope = outer
    penalty = regularizer or scope.regularizer
    loss = penalty(made) if penalty else None
    if loss is not None:
        graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)
    return made


Initializer = Callable[..., Any]


def constant_initializer(value=0, dtype="float32"):
    def make(shape, dtype=dtype, partition_info=None):
        array, sizes = np.asarray(value, as_dtype(dtype).numpy), [int(d) for d in TensorShape(shape)]
        return make_constant(np.full(sizes, array) if array.ndim == 0 else array.reshape(sizes), "Const")

    return make


def _make_constant_initializer(number):
    def make(shape=None, dtype="float32", partition_info=None):
        """Return an initializer or, as in 0.x, the values themselves if there is a shape."""
        made = constant_initializer(number, dtype)
        return made if shape is None else made(shape)

    return make


zeros_initializer, ones_initializer = map(_make_constant_initializer, (0, 1))


def random_normal_initializer(mean=0.0, stddev=1.0, seed=None, dtype="float32"):
    return lambda shape, dtype=dtype, partition_info=None: random_normal(shape, mean, stddev, dtype, seed)


def truncated_normal_initializer(mean=0.0, stddev=1.0, seed=None, dtype="float32"):
    return lambda shape, dtype=dtype, partition_info=None: truncated_normal(shape, mean, stddev, dtype, seed)


def random_uniform_initializer(minval=0, maxval=1, seed=None, dtype="float32"):
    return lambda shape, dtype=dtype, partition_info=None: random_uniform(shape, minval, maxval, dtype, seed)


def variance_scaling_initializer(scale=1.0, mode="fan_in", distribution="truncated_normal", seed=None, dtype="float32"):
    """Initializer whose variance is `scale` divided by the number of inputs, of outputs or their mean."""

    def draw(shape, dtype=dtype, partition_info=None):
        sizes = [int(d) for d in TensorShape(shape)]
        field = math.prod(sizes[:-2])
        fans = (sizes[-2] * field, sizes[-1] * field) if len(sizes) > 1 else (math.prod(sizes),) * 2
        count = {"fan_in": fans[0], "fan_out": fans[1], "fan_avg": sum(fans) / 2}[mode.lower()]
        deviation = math.sqrt(scale / max(1.0, count))
        if distribution == "uniform":
            return random_uniform(shape, -math.sqrt(3) * deviation, math.sqrt(3) * deviation, dtype, seed)
        # A normal distribution that is truncated at 2 has the standard deviation 0.8796.
        return truncated_normal(shape, 0.0, deviation / 0.87962566103423978, dtype, seed)

    return draw


def glorot_uniform_initializer(seed=None, dtype="float32"):
    return variance_scaling_initializer(1.0, "fan_avg", "uniform", seed, dtype)


def glorot_normal_initializer(seed=None, dtype="float32"):
    return variance_scaling_initializer(1.0, "fan_avg", seed=seed, dtype=dtype)
