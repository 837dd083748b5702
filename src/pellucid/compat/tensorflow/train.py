"""Variables, scopes and initializers of TensorFlow 1, and `tf.train`: gradients, optimizers and checkpoints."""

import contextlib
import inspect
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np

import pellucid as pel
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.tensorflow import graph as graphs
from pellucid.compat.tensorflow.graph import Tensor, TensorShape, as_dtype, convert, flatten, get_default_graph, make_op
from pellucid.compat.tensorflow.ops import FUNCTIONS, bind, cast
from pellucid.graph.errors import DtypeError, GradientError, OptionError, ShapeError, UseError
from pellucid.nn.initializers.variance_scaling import fans

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
    with get_default_graph().control_dependencies(flatten(inputs)):
        return make_op("NoOp", None, [], name, outputs=[])


@contextlib.contextmanager
def variable_scope(name_or_scope=None, default_name=None, values=None, initializer=None, *, reuse=None):
    graph, outer = get_default_graph(), get_default_graph().variable_scope
    base = name_or_scope if isinstance(name_or_scope, graphs.VariableScope) else outer
    name = base.name if base is name_or_scope else f"{outer.name}/{name_or_scope or default_name}".lstrip("/")
    scope = graphs.VariableScope(name, reuse or base.reuse or outer.reuse, initializer or base.initializer)
    with graph.replace("variable_scope", scope), graph.name_scope(name.rpartition("/")[2]):
        yield scope


def get_variable(name, shape=None, dtype="float32", initializer=None, *, trainable=True, collections=None):
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
    return lambda *args, seed=None, dtype="float32", **kwargs: initializer(
        lambda sizes, dtype: FUNCTIONS[name](sizes, *args, dtype=dtype, seed=seed, **kwargs), dtype
    )


def draw_glorot_uniform(sizes, dtype, seed):
    limit = math.sqrt(6 / max(1, sum(fans(sizes))))
    return FUNCTIONS["random_uniform"](sizes, -limit, limit, dtype, seed)


def make_constant_initializer(value):
    """Return an initializer: scripts write `tf.zeros_initializer` and `tf.zeros_initializer()`."""
    make = constant_initializer(value)
    return lambda shape=None, dtype="float32", partition_info=None: make if shape is None else make(shape, dtype)


glorot_uniform_initializer = lambda seed=None, dtype="float32": initializer(
    lambda sizes, dtype: draw_glorot_uniform(sizes, dtype, seed), dtype
)
constant_initializer = lambda value=0, dtype="float32": initializer(
    lambda sizes, dtype: FUNCTIONS["constant"](value, dtype, sizes), dtype
)
zeros_initializer, ones_initializer = map(make_constant_initializer, (0, 1))
random_normal_initializer, random_uniform_initializer, truncated_normal_initializer = map(
    make_random_initializer, ("random_normal", "random_uniform", "truncated_normal")
)


def xavier_initializer(uniform=True, seed=None, dtype="float32"):
    if not uniform:
        raise OptionError("xavier_initializer: expected uniform=True. Use tf.truncated_normal_initializer otherwise")
    return glorot_uniform_initializer(seed, dtype)


get_variable_scope = lambda: get_default_graph().variable_scope
get_collection = lambda key, scope=None: get_default_graph().get_collection(key, scope)
add_to_collection = lambda name, value: get_default_graph().add_to_collection(name, value)
all_variables = global_variables = lambda scope=None: get_collection("variables", scope)
trainable_variables = lambda scope=None: get_collection("trainable_variables", scope)
initialize_variables = variables_initializer = lambda var_list, name="init": group(
    *(v.initializer for v in var_list), name=name
)
initialize_all_variables = global_variables_initializer = lambda: variables_initializer(global_variables())
local_variables_initializer = lambda: variables_initializer([])
no_op = lambda name="NoOp": group(name=name)
# No gradient flows through operations of these types.
BLOCKING = ("StopGradient", "ZerosLike", "OnesLike", "Floor", "Ceil", "Round", "Sign")


def gradients(ys, xs, grad_ys=None, name="gradients"):
    """Gradients of the sum of tensors; None for a tensor that they do not depend on."""
    outputs, targets = [convert(y) for y in flatten(ys)], [convert(x) for x in flatten(xs)]
    for y in outputs:
        if y.dtype.kind != "f":
            raise GradientError(f"tf.gradients: expected a floating-point tensor. Received: {y!r}. Cast it: tf.cast")
    reached, stack = set(), list(outputs)
    while stack:
        tensor = stack.pop()
        if tensor not in reached and tensor.dtype.kind == "f":
            reached.add(tensor)
            stack += [] if tensor.op.type in BLOCKING else tensor.op.inputs
    wanted = [t for t in dict.fromkeys(targets) if t in reached]
    starts = grad_ys if isinstance(grad_ys, list) else [] if grad_ys is None else [grad_ys]
    given = [convert(g, y.dtype) for g, y in zip(starts, outputs, strict=bool(starts))]
    n, k = len(outputs), len(outputs) + len(wanted)

    def fn(*exprs):
        costs = [(y * g).sum() for y, g in zip(exprs[:n], exprs[k:] or [1] * n, strict=True)]
        return list(pel.grad(sum(costs[1:], costs[0]), exprs[n:k], disconnected="zero"))

    inputs, specs = [*outputs, *wanted, *given], [(t.shape, t.dtype) for t in wanted]
    # The gradient is that of the outputs as they are computed, also if an assignment comes in between.
    made = make_op("gradients", fn, inputs, name, outputs=specs, count=len(specs), reads_like=outputs[0].op)
    by_target = dict(zip(wanted, made, strict=True))
    return [by_target.get(t) for t in targets]


class Optimizer:
    """Optimizer, whose subclasses are in `OPTIMIZERS`."""

    def __init__(self, *args, **kwargs):
        defaults, kind = {**self.OPTIONS, "use_locking": False, "name": ""}, inspect.Parameter.POSITIONAL_OR_KEYWORD
        signature = inspect.Signature([inspect.Parameter(n, kind, default=d) for n, d in defaults.items()])
        given = bind(type(self).__name__, signature, args, kwargs)
        self.options, self.slots = {n: given.get(n, d) for n, d in self.OPTIONS.items()}, {}

    def minimize(self, loss, global_step=None, var_list=None, name=None):
        return self.apply_gradients(self.compute_gradients(loss, var_list), global_step, name)

    def compute_gradients(self, loss, var_list=None):
        variables = list(var_list or get_default_graph().get_collection("trainable_variables"))
        if not variables:
            raise GradientError("No variables to optimize. Make them with tf.Variable(..., trainable=True)")
        return list(zip(gradients(loss, variables), variables, strict=True))

    def apply_gradients(self, grads_and_vars, global_step=None, name=None):
        graph, pairs = get_default_graph(), list(grads_and_vars)
        if all(g is None for g, _ in pairs):
            names = ", ".join(v.name for _, v in pairs)
            raise GradientError(f"No gradients provided for any variable ({names}): the loss depends on none of them")
        powers = {n: self.make_slot(None, f"{n}_power", o) for n, o in self.options.items() if n.startswith("beta")}
        with graph.name_scope(name or type(self).__name__.removesuffix("Optimizer")):
            updates = [self.apply(convert(g), v, powers) for g, v in pairs if g is not None]
            with graph.control_dependencies(updates):
                updates += [assign(p, p * self.options[name]) for name, p in powers.items()]
            with graph.control_dependencies(updates):
                return group(name="update") if global_step is None else assign_add(global_step, 1).op

    def apply(self, g, v, powers):
        slots = [self.make_slot(v, name, self.options.get(start, start)) for name, start in self.SLOTS.items()]
        numbers = {n: o for n, o in self.options.items() if not isinstance(o, bool)}
        # As in TensorFlow, numbers are rounded to float32 first, also for variables of float64.
        values = [cast(e, v.dtype) for e in [*numbers.values(), *powers.values()]]

        def fn(read, grad, *exprs):
            options = SimpleNamespace(**self.options | dict(zip(numbers, exprs, strict=False)))
            state = [*map(read, slots), *exprs[len(numbers) :]]
            return self.update(read(v), pel.broadcast_arrays(grad, read(v))[0], options, *state)

        return make_op("Apply", fn, [g, *values], outputs=[(v.shape, v.dtype)], targets=[v, *slots])

    def make_slot(self, v, slot, start):
        if (v, slot) not in self.slots:
            name = f"{v.op.name}/{type(self).__name__.removesuffix('Optimizer')}" if v is not None else slot
            fill = lambda: make_op("zeros", lambda e: pel.full_like(e, start), [v.initial_value])
            with get_default_graph().replace("scope", ""):
                self.slots[v, slot] = Variable(start if v is None else fill, trainable=False, name=name)
        return self.slots[v, slot]

    get_slot = lambda self, var, name: self.slots.get((var, name))


def momentum(w, g, o, a):
    a = o.momentum * a + g
    return [w - o.learning_rate * (g + o.momentum * a if o.use_nesterov else a), a]


def adagrad(w, g, o, a):
    a = a + g * g
    return [w - o.learning_rate * g / pel.sqrt(a), a]


def adadelta(w, g, o, a, d):
    a = o.rho * a + (1 - o.rho) * g * g
    step = pel.sqrt(d + o.epsilon) / pel.sqrt(a + o.epsilon) * g
    return [w - o.learning_rate * step, a, o.rho * d + (1 - o.rho) * step * step]


def rmsprop(w, g, o, s, m):
    s = o.decay * s + (1 - o.decay) * g * g
    m = o.momentum * m + o.learning_rate * g / pel.sqrt(s + o.epsilon)
    return [w - m, s, m]


def adam(w, g, o, m, v, p1, p2):
    m, v = m + (g - m) * (1 - o.beta1), v + (g * g - v) * (1 - o.beta2)
    # Epsilon is outside of the corrected root, as TensorFlow has it.
    return [w - o.learning_rate * pel.sqrt(1 - p2) / (1 - p1) * m / (pel.sqrt(v) + o.epsilon), m, v]


REQUIRED = inspect.Parameter.empty
RATE = {"learning_rate": REQUIRED}
OPTIMIZERS = {
    "GradientDescent": (lambda w, g, o: [w - o.learning_rate * g], RATE, {}),
    "Momentum": (momentum, {**RATE, "momentum": REQUIRED, "use_nesterov": False}, {"momentum": 0}),
    "Adagrad": (adagrad, {**RATE, "initial_accumulator_value": 0.1}, {"accumulator": "initial_accumulator_value"}),
    "Adadelta": (adadelta, {"learning_rate": 1e-3, "rho": 0.95, "epsilon": 1e-8}, {"accum": 0, "accum_update": 0}),
    "RMSProp": (rmsprop, {**RATE, "decay": 0.9, "momentum": 0.0, "epsilon": 1e-10}, {"rms": 1, "momentum": 0}),
    "Adam": (adam, {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}, {"m": 0, "v": 0}),
}
"""Formulas, hyperparameters with their defaults, and slots with their first values, by optimizer."""
for _name, (_update, _options, _slots) in OPTIMIZERS.items():
    _members = {"OPTIONS": _options, "SLOTS": _slots, "update": staticmethod(_update)}
    globals()[f"{_name}Optimizer"] = type(f"{_name}Optimizer", (Optimizer,), _members)


def exponential_decay(learning_rate, global_step, decay_steps, decay_rate, staircase=False, name="ExponentialDecay"):
    t = cast(global_step, "float32") / float(decay_steps)
    return make_op(name, lambda e, t: e * decay_rate ** (pel.floor(t) if staircase else t), [convert(learning_rate), t])


class Saver:
    """Saves variables as `PATH-STEP.npz`, an archive of NumPy arrays by name, and restores them."""

    def __init__(self, var_list=None, max_to_keep=5):
        chosen = var_list or get_default_graph().get_collection("variables")
        self.variables = chosen if isinstance(chosen, dict) else {v.op.name: v for v in chosen}

    def save(self, sess, save_path, global_step=None):
        step = int(sess.run(global_step)) if isinstance(global_step, Tensor) else global_step
        prefix = str(save_path) if step is None else f"{save_path}-{step}"
        for name in (v.op.name for v in self.variables.values() if v not in sess.initialized):
            raise graphs.FailedPreconditionError(f"Cannot save the variable {name!r}, which has no value")
        np.savez(f"{prefix}.npz", **{n: sess.shared[v].get_value() for n, v in self.variables.items()})
        Path(prefix).with_name("checkpoint").write_text(f'model_checkpoint_path: "{prefix}"\n', "utf-8")
        return prefix

    def restore(self, sess, save_path):
        path = Path(f"{save_path}.npz")
        if not path.exists():
            raise graphs.NotFoundError(f"There is no checkpoint {path}. Those of TensorFlow cannot be read")
        with np.load(path) as archive:
            for name, variable in self.variables.items():
                if name not in archive:
                    raise graphs.NotFoundError(f"{path} has no variable {name!r}. It has: {', '.join(archive)}")
                sess.set_value(variable, archive[name])


def latest_checkpoint(checkpoint_dir):
    path = Path(checkpoint_dir) / "checkpoint"
    return path.read_text("utf-8").split('"')[1] if path.exists() else None


get_checkpoint_state = lambda folder: (
    (path := latest_checkpoint(folder)) and SimpleNamespace(model_checkpoint_path=path)
)


add_missing_name_errors(globals(), "tensorflow.train")
