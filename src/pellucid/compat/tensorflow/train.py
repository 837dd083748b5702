"""`tf.train`: gradients, optimizers with TensorFlow's formulas, decay of the rate, checkpoints in NumPy's format."""

import inspect
from pathlib import Path
from types import SimpleNamespace

import numpy as np

import pellucid as pel
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.tensorflow.graph import Tensor, convert, flatten, get_default_graph, make_op
from pellucid.compat.tensorflow.ops import cast, read_arguments
from pellucid.compat.tensorflow.types import FailedPreconditionError, NotFoundError
from pellucid.compat.tensorflow.variables import Variable, assign, assign_add, group
from pellucid.graph.errors import GradientError

BLOCKING = ("StopGradient", "ZerosLike", "OnesLike", "Floor", "Ceil", "Round", "Sign")
"""Types of operations through which no gradient flows."""


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
        defaults = self.OPTIONS | {"use_locking": None, "name": None}
        given = read_arguments(type(self).__name__, defaults, args, kwargs)
        self.options, self.slots = self.OPTIONS | {k: v for k, v in given.items() if k in self.OPTIONS}, {}

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
        powers = {
            name: self.make_slot(None, f"{name}_power", self.options[name])
            for name in ("beta1", "beta2")
            if name in self.options
        }
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
        # All checkpoints are kept.
        chosen = var_list or get_default_graph().get_collection("variables")
        self.variables = chosen if isinstance(chosen, dict) else {v.op.name: v for v in chosen}

    def save(self, sess, save_path, global_step=None):
        step = int(sess.run(global_step)) if isinstance(global_step, Tensor) else global_step
        prefix = str(save_path) if step is None else f"{save_path}-{step}"
        for name in (v.op.name for v in self.variables.values() if v not in sess.initialized):
            raise FailedPreconditionError(f"Cannot save the variable {name!r}, which has no value. Initialize it")
        np.savez(f"{prefix}.npz", **{n: sess.shared[v].get_value() for n, v in self.variables.items()})
        Path(prefix).with_name("checkpoint").write_text(f'model_checkpoint_path: "{prefix}"\n', "utf-8")
        return prefix

    def restore(self, sess, save_path):
        path = Path(f"{save_path}.npz")
        if not path.exists():
            raise NotFoundError(f"There is no checkpoint {path}. Checkpoints of TensorFlow itself cannot be read")
        with np.load(path) as archive:
            for name, variable in self.variables.items():
                if name not in archive:
                    raise NotFoundError(f"The checkpoint {path} has no variable {name!r}. It has: {', '.join(archive)}")
                sess.set_value(variable, archive[name])


def latest_checkpoint(checkpoint_dir):
    path = Path(checkpoint_dir) / "checkpoint"
    return path.read_text("utf-8").split('"')[1] if path.exists() else None


get_checkpoint_state = lambda folder: (
    (path := latest_checkpoint(folder)) and SimpleNamespace(model_checkpoint_path=path)
)
add_missing_name_errors(globals(), "tensorflow.train")
