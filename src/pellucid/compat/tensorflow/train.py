"""`tf.train`: optimizers with TensorFlow's formulas, learning rate decays, checkpoints in NumPy's format."""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import math
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

import pellucid as pel
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.tensorflow.control import gradients
from pellucid.compat.tensorflow.graph import convert, get_default_graph, make_op
from pellucid.compat.tensorflow.ops import cast
from pellucid.compat.tensorflow.summary import FileWriter as SummaryWriter
from pellucid.compat.tensorflow.types import FailedPreconditionError, NotFoundError, check_neutral
from pellucid.compat.tensorflow.variables import (
    GraphKeys,
    Variable,
    assign,
    assign_add,
    global_variables,
    group,
    make_update,
    trainable_variables,
)
from pellucid.graph.errors import GradientError, OptionError

__all__ = ["SummaryWriter"]


class Optimizer:
    """Optimizer. A subclass has the names of its hyperparameters, their defaults, its slots and its formula."""

    OPTIONS: ClassVar[dict[str, Any]] = {}
    SLOTS: ClassVar[dict[str, str]] = {}
    """Names of the slots, and of the hyperparameter of their first value, which is 0 by default."""

    def __init__(self, *args, **kwargs):
        given = dict(zip(self.OPTIONS, args, strict=False)) | kwargs
        for name in ("use_locking", "name"):  # neither changes a result
            if name not in self.OPTIONS:
                given.pop(name, None)
        wrong = [k for k in given if k not in self.OPTIONS]
        missing = [k for k, v in self.OPTIONS.items() if v is None and k not in given]
        if wrong or missing or len(args) > len(self.OPTIONS) + 2:
            raise OptionError(
                f"{type(self).__name__} takes {', '.join(self.OPTIONS)}, use_locking and name. "
                + (f"Missing: {missing[0]}" if missing else f"Received: {(wrong or ['too many arguments'])[0]}")
            )
        self.options: dict[str, Any] = self.OPTIONS | given
        self.slots: dict[tuple[Variable | None, str], Variable] = {}

    def minimize(self, loss, global_step=None, var_list=None, *, name=None, **options):
        """Return an operation that computes gradients and updates the variables."""
        pairs = self.compute_gradients(loss, var_list, **options)
        if not any(g is not None for g, _ in pairs):
            names = ", ".join(v.name for _, v in pairs)
            raise GradientError(f"No gradients provided for any variable ({names}): the loss depends on none of them")
        return self.apply_gradients(pairs, global_step, name)

    def compute_gradients(self, loss, var_list=None, *, grad_loss=None, **options):
        check_neutral("compute_gradients", options)
        variables = list(var_list or trainable_variables())
        if not variables:
            raise GradientError("No variables to optimize. Make them with tf.Variable(..., trainable=True)")
        return list(zip(gradients(loss, variables, grad_loss), variables, strict=True))

    def apply_gradients(self, grads_and_vars, global_step=None, name=None):
        graph = get_default_graph()
        pairs = [(convert(g), v) for g, v in grads_and_vars if g is not None]
        if not pairs:
            raise GradientError("No gradients provided for any variable")
        shared = self.make_shared()
        with graph.name_scope(name or type(self).__name__.replace("Optimizer", "")):
            updates = [self.apply(g, v, shared) for g, v in pairs]
            updates += self.finish(shared, updates)
            with graph.control_dependencies(updates):
                return group(name="update") if global_step is None else assign_add(global_step, 1).op

    def make_shared(self):
        """Return variables of the optimizer that all variables share."""
        return []

    def finish(self, shared, updates):
        """Return the updates of the shared variables."""
        return []

    def apply(self, g, v, shared):
        slots = [self.make_slot(v, slot, start) for slot, start in self.SLOTS.items()]
        fixed = {n: o for n, o in self.options.items() if isinstance(o, (bool, str))}
        numeric = [n for n in self.options if n not in fixed]
        # As in TensorFlow, numbers are rounded to float32 first, also for variables of float64.
        values = [cast(e, v.dtype) for e in [*(self.options[n] for n in numeric), *shared]]

        def fn(read, grad, *exprs):
            options = SimpleNamespace(**fixed, **dict(zip(numeric, exprs, strict=False)))
            state = [read(s) for s in slots] + list(exprs[len(numeric) :])
            return self.update(read(v), pel.broadcast_arrays(grad, read(v))[0], options, *state)

        return make_update("ApplyGradient", [v, *slots], [g, *values], fn)

    def update(self, w, g, o, *state):
        """Return the new values of a variable and of its slots; `o` are the hyperparameters."""
        raise NotImplementedError

    def make_slot(self, v, slot, start):
        if (v, slot) not in self.slots:
            number = float(start) if start.replace(".", "").isdigit() else self.options[start]
            graph = get_default_graph()
            outer, graph.scope = graph.scope, ""
            name = f"{v.op.name}/{type(self).__name__.replace('Optimizer', '')}"
            fill = lambda: make_op("zeros", lambda e: pel.full_like(e, number), [v.initial_value])  # noqa: E731
            self.slots[v, slot] = Variable(fill, trainable=False, name=name)
            graph.scope = outer
        return self.slots[v, slot]

    def get_slot_names(self):
        return sorted(self.SLOTS)

    def get_slot(self, var, name):
        return self.slots.get((var, name))


class GradientDescentOptimizer(Optimizer):
    """Stochastic gradient descent."""

    OPTIONS: ClassVar = {"learning_rate": None}

    def update(self, w, g, o):
        return [w - o.learning_rate * g]


class MomentumOptimizer(Optimizer):
    """Gradient descent with momentum."""

    OPTIONS: ClassVar = {"learning_rate": None, "momentum": None, "use_locking": 0, "name": "", "use_nesterov": False}
    SLOTS: ClassVar = {"momentum": "0"}

    def update(self, w, g, o, a):
        a = o.momentum * a + g
        return [w - o.learning_rate * (g + o.momentum * a if o.use_nesterov else a), a]


class AdagradOptimizer(Optimizer):
    """Adagrad."""

    OPTIONS: ClassVar = {"learning_rate": None, "initial_accumulator_value": 0.1}
    SLOTS: ClassVar = {"accumulator": "initial_accumulator_value"}

    def update(self, w, g, o, a):
        a = a + g * g
        return [w - o.learning_rate * g / pel.sqrt(a), a]


class AdadeltaOptimizer(Optimizer):
    """Adadelta."""

    OPTIONS: ClassVar = {"learning_rate": 0.001, "rho": 0.95, "epsilon": 1e-8}
    SLOTS: ClassVar = {"accum": "0", "accum_update": "0"}

    def update(self, w, g, o, a, d):
        a = o.rho * a + (1 - o.rho) * g * g
        step = pel.sqrt(d + o.epsilon) / pel.sqrt(a + o.epsilon) * g
        return [w - o.learning_rate * step, a, o.rho * d + (1 - o.rho) * step * step]


class RMSPropOptimizer(Optimizer):
    """RMSProp, whose mean of squares starts with 1."""

    OPTIONS: ClassVar = {
        "learning_rate": None, "decay": 0.9, "momentum": 0.0, "epsilon": 1e-10, "use_locking": False, "centered": False
    }  # fmt: skip
    SLOTS: ClassVar = {"rms": "1", "momentum": "0", "mg": "0"}

    def update(self, w, g, o, s, m, a):
        s = o.decay * s + (1 - o.decay) * g * g
        a = o.decay * a + (1 - o.decay) * g if o.centered else a
        m = o.momentum * m + o.learning_rate * g / pel.sqrt((s - a * a if o.centered else s) + o.epsilon)
        return [w - m, s, m, a]


class AdamOptimizer(Optimizer):
    """Adam, with epsilon outside of the corrected root, as TensorFlow has it."""

    OPTIONS: ClassVar = {"learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
    SLOTS: ClassVar = {"m": "0", "v": "0"}

    def make_shared(self):
        for name in ("beta1_power", "beta2_power"):
            if (None, name) not in self.slots:
                self.slots[None, name] = Variable(self.options[name[:5]], trainable=False, name=name)
        return [self.slots[None, "beta1_power"], self.slots[None, "beta2_power"]]

    def finish(self, shared, updates):
        with get_default_graph().control_dependencies(updates):
            return [assign(p, p * self.options[b]) for p, b in zip(shared, ("beta1", "beta2"), strict=True)]

    def update(self, w, g, o, m, v, p1, p2):
        m, v = m + (g - m) * (1 - o.beta1), v + (g * g - v) * (1 - o.beta2)
        return [w - o.learning_rate * pel.sqrt(1 - p2) / (1 - p1) * m / (pel.sqrt(v) + o.epsilon), m, v]


class FtrlOptimizer(Optimizer):
    """Follow the regularized leader."""

    OPTIONS: ClassVar = {
        "learning_rate": None, "learning_rate_power": -0.5, "initial_accumulator_value": 0.1,
        "l1_regularization_strength": 0.0, "l2_regularization_strength": 0.0,
    }  # fmt: skip
    SLOTS: ClassVar = {"accum": "initial_accumulator_value", "linear": "0"}

    def update(self, w, g, o, a, z):
        new, power, l1 = a + g * g, -o.learning_rate_power, o.l1_regularization_strength
        z = z + g - (new**power - a**power) / o.learning_rate * w
        quadratic = new**power / o.learning_rate + 2 * o.l2_regularization_strength
        return [pel.where(pel.abs(z) > l1, (pel.sign(z) * l1 - z) / quadratic, 0), new, z]


class ExponentialMovingAverage:
    """Moving averages of variables, which an operation of `apply` updates."""

    def __init__(self, decay, num_updates=None, zero_debias=False, name="ExponentialMovingAverage"):
        if zero_debias:
            raise OptionError("ExponentialMovingAverage: zero_debias is not in pellucid.compat")
        self.decay, self.num_updates, self.name = decay, num_updates, name
        self.averages: dict[Any, Variable] = {}

    def apply(self, var_list=None):
        updates, decay = [], convert(self.decay)
        if self.num_updates is not None:
            n = cast(self.num_updates, "float32")
            decay = make_op("Minimum", lambda d, n: pel.minimum(d, (1 + n) / (10 + n)), [decay, n])
        for v in var_list or trainable_variables():
            if v not in self.averages:
                is_variable = isinstance(v, Variable)
                start = v.initialized_value() if is_variable else np.zeros(v.get_shape().as_list(), v.dtype.numpy)
                self.averages[v] = Variable(start, trainable=False, name=f"{v.op.name}/{self.name}")
            a = self.averages[v]
            fn = lambda read, x, d, a=a: [read(a) - (1 - d) * (read(a) - x)]  # noqa: E731
            updates.append(make_update("UpdateAverage", [a], [convert(v), decay], fn))
        return group(*updates)

    def average(self, var):
        return self.averages.get(var)


def _make_decay(formula, *names):
    """Return a function of a rate, the global step, a number of steps and other arguments of a formula."""

    def decay(learning_rate, global_step, decay_steps, *args, **kwargs):
        options = dict(zip([*names, "name"], args, strict=False)) | kwargs
        staircase = options.pop("staircase", False)
        options.pop("name", None)

        def fn(rate, step):
            t = step / float(decay_steps)
            return formula(rate, pel.floor(t) if staircase else t, **options)

        return make_op("decay", fn, [convert(learning_rate), cast(global_step, "float32")])

    return decay


exponential_decay, natural_exp_decay, inverse_time_decay = (
    _make_decay(formula, "decay_rate", "staircase")
    for formula in (
        lambda rate, t, decay_rate: rate * decay_rate**t,
        lambda rate, t, decay_rate: rate * pel.exp(-decay_rate * t),
        lambda rate, t, decay_rate: rate / (1 + decay_rate * t),
    )
)
cosine_decay = _make_decay(
    lambda rate, t, alpha=0.0: rate * ((1 - alpha) * (1 + pel.cos(math.pi * pel.minimum(t, 1))) / 2 + alpha), "alpha"
)
polynomial_decay = _make_decay(
    lambda rate, t, end_learning_rate=1e-4, power=1.0: (
        (rate - end_learning_rate) * (1 - pel.minimum(t, 1)) ** power + end_learning_rate
    ),
    "end_learning_rate",
    "power",
)


def piecewise_constant(x, boundaries, values, name=None):
    def fn(step):
        rate: Any = pel.constant(values[-1])
        for limit, value in reversed(list(zip(boundaries, values, strict=False))):
            rate = pel.where(step <= limit, float(value), rate)
        return rate

    return make_op("piecewise_constant", fn, [convert(x)], name, dtype="float32")


def get_global_step(graph=None):
    return next(iter((graph or get_default_graph()).get_collection(GraphKeys.GLOBAL_STEP)), None)


def get_or_create_global_step(graph=None):
    found = get_global_step(graph)
    kinds = [GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP]
    return found or Variable(np.int64(0), trainable=False, collections=kinds, name="global_step")


create_global_step = get_or_create_global_step


def global_step(sess, global_step_tensor):
    return int(sess.run(global_step_tensor))


CHECKPOINT_SUFFIX = ".npz"


class CheckpointState:
    """The latest checkpoint of a folder and all that are kept."""

    def __init__(self, paths):
        self.model_checkpoint_path, self.all_model_checkpoint_paths = paths[0], paths[1:] or paths


class Saver:
    """Saves variables as `PATH-STEP.npz`, an archive of NumPy arrays by name, and restores them."""

    def __init__(self, var_list=None, *, max_to_keep=5, **options):
        check_neutral("Saver", set(options) - {"write_version", "save_relative_paths", "keep_checkpoint_every_n_hours"})
        chosen = global_variables() if var_list is None else var_list
        named = chosen if isinstance(chosen, dict) else {v.op.name: v for v in chosen}
        self.variables: dict[str, Variable] = dict(named)
        if not self.variables:
            raise OptionError("No variables to save")
        self.max_to_keep, self.last_checkpoints = max_to_keep, list[str]()

    def save(self, sess, save_path, global_step=None, latest_filename="checkpoint", **options):
        """Save the variables and return the path without suffix."""
        check_neutral("Saver.save", options)
        missing = [v.op.name for v in self.variables.values() if v not in sess.initialized]
        if missing:
            raise FailedPreconditionError(f"Cannot save the variable {missing[0]!r}, which has no value. Initialize it")
        is_number = global_step is None or isinstance(global_step, (int, np.integer))
        step = global_step if is_number else int(sess.run(global_step))
        prefix = str(save_path) if step is None else f"{save_path}-{step}"
        path = Path(prefix + CHECKPOINT_SUFFIX)
        if not path.parent.is_dir():
            raise NotFoundError(f"The folder {path.parent} of the checkpoint does not exist. Make it first")
        with path.open("wb") as file:
            np.savez(file, **{n: sess.shared[v].get_value() for n, v in self.variables.items()})
        self.last_checkpoints = [*(p for p in self.last_checkpoints if p != prefix), prefix]
        while self.max_to_keep and len(self.last_checkpoints) > self.max_to_keep:
            Path(self.last_checkpoints.pop(0) + CHECKPOINT_SUFFIX).unlink(missing_ok=True)
        lines = [f'model_checkpoint_path: "{prefix}"']
        lines += [f'all_model_checkpoint_paths: "{p}"' for p in self.last_checkpoints]
        (path.parent / latest_filename).write_text("\n".join(lines) + "\n", "utf-8")
        return prefix

    def restore(self, sess, save_path):
        """Give the variables the values of a checkpoint."""
        path = Path(f"{save_path}{CHECKPOINT_SUFFIX}")
        if not path.exists():
            raise NotFoundError(
                f"There is no checkpoint {path}. pellucid.compat reads its own checkpoints, not those of TensorFlow"
            )
        with np.load(path) as archive:
            for name, variable in self.variables.items():
                if name not in archive:
                    raise NotFoundError(f"The checkpoint {path} has no variable {name!r}. It has: {', '.join(archive)}")
                sess.set_value(variable, archive[name])


def get_checkpoint_state(checkpoint_dir, latest_filename="checkpoint"):
    path = Path(checkpoint_dir) / latest_filename
    found = re.findall(r'checkpoint_paths?: "(.*)"', path.read_text("utf-8")) if path.exists() else []
    return CheckpointState(found) if found else None


def latest_checkpoint(checkpoint_dir, latest_filename=None):
    state = get_checkpoint_state(checkpoint_dir, latest_filename or "checkpoint")
    return None if state is None or not checkpoint_exists(state.model_checkpoint_path) else state.model_checkpoint_path


def checkpoint_exists(checkpoint_prefix):
    return Path(f"{checkpoint_prefix}{CHECKPOINT_SUFFIX}").exists()


add_missing_name_errors(globals(), "tensorflow.train")
