"""Arguments of Keras 1, and the functions that it finds by name: activations, losses and others, each in a module."""

import functools
import inspect
from types import ModuleType

import numpy as np

import pellucid as pel
from pellucid import nn
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.graph.expr import Shared, as_expr
from pellucid.nn.initializers.variance_scaling import fans
from pellucid.nn.layers.config_capture import bind_arguments
from pellucid.nn.registry import get_by_name


def bind(owner, parameters, args, keywords, newer):
    """Return arguments by name, with defaults; ``newer`` has other names for them.

    ``parameters`` is a text such as ``"output_dim init='uniform'"``.
    """
    signature = inspect.signature(eval(f"lambda {', '.join(parameters.split())}: None"))
    return bind_arguments(owner, signature, args, {newer.get(k, k): v for k, v in keywords.items()})


def make_module(name, names, replacements=None, **functions):
    """Return a module with these names, in which others can be found; see `add_missing_name_errors`."""
    module = ModuleType(f"pellucid.compat.keras.{name}")
    vars(module).update(names, __path__=[], **functions)
    add_missing_name_errors(vars(module), f"keras.{name}", replacements)
    return module


def make_getter(kind, known, default=None):
    """Return the function ``get`` of a module; other arguments said whether a new object is wanted."""
    return lambda identifier, **_: default if identifier is None else get_by_name(kind, identifier, known)


def hard_sigmoid(x):
    return pel.clip(0.2 * as_expr(x) + 0.5, 0, 1)  # whose slope is 1/6 today


def relu(x, alpha=0.0, max_value=None):
    y = nn.activations.leaky_relu(x, alpha) if alpha else nn.activations.relu(x)
    return y if max_value is None else pel.minimum(y, max_value)


linear, L1L2 = lambda x: x, nn.regularizers.L1L2
ACTIVATIONS = {name: getattr(nn.activations, name) for name in ("elu", "sigmoid", "softmax", "softplus", "tanh")}
ACTIVATIONS |= {"softsign": nn.activations.softsign, "linear": linear, "hard_sigmoid": hard_sigmoid, "relu": relu}
activations = make_module("activations", ACTIVATIONS, get=make_getter("activation", ACTIVATIONS, linear))

PENALTIES = {
    "l1": lambda l=0.01: L1L2(l1=l),  # noqa: E741
    "l2": lambda l=0.01: L1L2(l2=l),  # noqa: E741
    "l1l2": lambda l1=0.01, l2=0.01: L1L2(l1, l2),
}
get_penalty = make_getter("regularizer", {name: make() for name, make in PENALTIES.items()})
_activity = {f"activity_{name}": make for name, make in PENALTIES.items()}
regularizers = make_module("regularizers", PENALTIES | _activity, WeightRegularizer=L1L2, get=get_penalty)

BOUNDS = {"maxnorm": nn.constraints.MaxNorm, "nonneg": nn.constraints.NonNeg, "unitnorm": nn.constraints.UnitNorm}
maxnorm = lambda m=2, axis=0: nn.constraints.MaxNorm(m, axis)
constraints = make_module("constraints", BOUNDS | {"maxnorm": maxnorm}, get=make_getter("constraint", BOUNDS))


def draw(name, shape, scale=None):
    """Return initial weights; kernels of convolutions have their channels last."""
    family, _, kind = name.rpartition("_")
    if name in ("zero", "one"):
        return np.full(shape, float(name == "one"))
    if name == "identity":
        return np.eye(shape[0]) * (1.0 if scale is None else scale)
    if name == "orthogonal":
        flat = (shape[0], int(np.prod(shape[1:])))
        left, _, right = np.linalg.svd(np.random.normal(size=flat), full_matrices=False)
        return (left if left.shape == flat else right).reshape(shape) * (1.1 if scale is None else scale)
    if family:
        fan_in, fan_out = fans(shape) if len(shape) > 1 else [float(np.sqrt(np.prod(shape)))] * 2
        variance = {"glorot": 2 / (fan_in + fan_out), "he": 2 / fan_in, "lecun": 1 / fan_in}[family]
        scale = np.sqrt(3 * variance if kind == "uniform" else variance)
    scale = 0.05 if scale is None else scale
    return np.random.uniform(-scale, scale, shape) if kind == "uniform" else np.random.normal(0.0, scale, shape)


def make_weights(name_of_kind, shape, scale=None, name=None, **_):
    return Shared(np.asarray(draw(name_of_kind, shape, scale), pel.config.floatx), name, trainable=False)


STARTS = "glorot_uniform glorot_normal he_uniform he_normal lecun_uniform uniform normal orthogonal identity zero one"
STARTS = {name: functools.partial(make_weights, name) for name in STARTS.split()}
initializations = make_module("initializations", STARTS, get=make_getter("initialization", STARTS))


class KerasInitializer:
    """Initializer of our layers from a name or function of Keras 1; draws each of ``gates`` blocks of columns."""

    def __init__(self, identifier, gates=1):
        self.identifier, self.gates = identifier, gates
        initializations.get(identifier)  # which explains an unknown name

    def __call__(self, shape, dtype=None):
        function, part = initializations.get(self.identifier), (*shape[:-1], shape[-1] // self.gates)
        named = {"name": None} if "name" in inspect.signature(function).parameters else {}
        values = [function(part, **named) for _ in range(self.gates)]
        return np.concatenate([v.get_value() if isinstance(v, Shared) else v for v in values], axis=-1).astype(dtype)


EPSILON = 1e-7
floor = lambda y, top=None: pel.clip(y, EPSILON, top)
l2_normalize = lambda x, axis: x / pel.maximum(pel.sum(pel.square(x), axis=axis, keepdims=True), 1e-12) ** 0.5
hinge = lambda t, y: pel.maximum(1.0 - t * y, 0.0)
log_ratio = lambda t, y: pel.log(floor(y) + 1.0) - pel.log(floor(t) + 1.0)

# Formulas that differ from today's: hinge losses take labels -1 and 1 only, the cosine is a mean.
LOSSES = {
    "mean_squared_logarithmic_error": lambda t, y: pel.mean(pel.square(log_ratio(t, y)), axis=-1),
    "hinge": lambda t, y: pel.mean(hinge(t, y), axis=-1),
    "squared_hinge": lambda t, y: pel.mean(pel.square(hinge(t, y)), axis=-1),
    "kullback_leibler_divergence": lambda t, y: pel.sum(floor(t, 1) * pel.log(floor(t, 1) / floor(y, 1)), axis=-1),
    "poisson": lambda t, y: pel.mean(y - t * pel.log(y + EPSILON), axis=-1),
    "cosine_proximity": lambda t, y: -pel.mean(l2_normalize(t, -1) * l2_normalize(y, -1), axis=-1),
}
for _name, _function in [*LOSSES.items(), ("linear", linear)]:
    _function.__name__ = _name  # under which model files and histories hold it
SAME = "mean_squared_error mean_absolute_error mean_absolute_percentage_error "
SAME += "binary_crossentropy categorical_crossentropy sparse_categorical_crossentropy"
LOSSES |= {name: nn.losses.NAMED[name] for name in SAME.split()}
SHORT = {"mse": "mean_squared_error", "mae": "mean_absolute_error", "mape": "mean_absolute_percentage_error"}
SHORT |= {"msle": "mean_squared_logarithmic_error", "kld": "kullback_leibler_divergence", "cosine": "cosine_proximity"}
LOSSES |= {short: LOSSES[name] for short, name in SHORT.items()}
ACCURACIES = "binary_accuracy categorical_accuracy sparse_categorical_accuracy top_k_categorical_accuracy"
METRICS = LOSSES | {name: getattr(nn.metrics, name) for name in ACCURACIES.split()}
objectives = make_module("objectives", LOSSES, get=make_getter("objective", LOSSES))
get_metric = make_getter("metric", METRICS)  # the history calls "accuracy" ``acc``; pellucid finds which one it is
metrics = make_module("metrics", METRICS, get=lambda name: "acc" if name in ("acc", "accuracy") else get_metric(name))
MODULES = (activations, constraints, initializations, metrics, objectives, regularizers)
