"""Functions on expressions by the names of the Keras 1 backend, its settings, and compiled functions."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import pellucid as pel
from pellucid.compat.keras.activations import elu, hard_sigmoid, relu, sigmoid, softmax, softplus, softsign, tanh
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.programs import RECORDER
from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, Input, Shared, as_expr
from pellucid.graph.types import Unknown
from pellucid.nn import losses

__all__ = ["elu", "hard_sigmoid", "relu", "sigmoid", "softmax", "softplus", "softsign", "tanh"]

SETTINGS = {"epsilon": 1e-7, "ordering": "th" if os.getenv("KERAS_BACKEND") == "theano" else "tf"}
"""Settings of this process. With KERAS_BACKEND=theano in the environment, images have their channels first."""

ORDERINGS = {"th": "th", "tf": "tf", "channels_first": "th", "channels_last": "tf"}
PHASE = Input("learning_phase", (), "int32")

SAME = (
    "abs all any arange concatenate cos equal exp expand_dims eye greater greater_equal log logsumexp max maximum mean "
    "min minimum not_equal ones_like prod round sign sin sqrt square squeeze stack std stop_gradient sum tile "
    "transpose var zeros_like reshape one_hot clip dot"
)
"""Functions that pellucid has under the same name and with the same arguments."""


def resolve_ordering(dim_ordering: Any) -> str:
    """Return ``"th"`` or ``"tf"`` for a ``dim_ordering`` argument, which may have its name of Keras 2."""
    if dim_ordering in ("default", None):
        return str(SETTINGS["ordering"])
    if dim_ordering not in ORDERINGS:
        raise OptionError(
            f"Expected dim_ordering to be 'tf', channels last, or 'th', channels first. Received: {dim_ordering!r}"
        )
    return ORDERINGS[dim_ordering]


def set_image_dim_ordering(dim_ordering: str) -> None:
    """Set the order of the axes of images for the layers that follow."""
    SETTINGS["ordering"] = resolve_ordering(dim_ordering)


def draw_seed() -> int:
    """Draw a seed from the global generator of NumPy, which scripts seed."""
    return int(np.random.randint(2**31 - 1))


def int_shape(x: Any) -> tuple[int | None, ...]:
    """Return the lengths of the axes, None where they are unknown."""
    return tuple(d if isinstance(d, int) and not isinstance(d, Unknown) else None for d in x.shape)


def variable(value: Any, dtype: Any = None, name: str | None = None) -> Shared:
    """Return a shared variable."""
    return Shared(np.asarray(value, dtype or pel.config.floatx), name)


def set_value(x: Shared, value: Any) -> None:
    """Set the value of a shared variable."""
    x.set_value(np.asarray(value, x.dtype))


def batch_dot(x: Expr, y: Expr, axes: Any = None) -> Expr:
    """Dot product along an axis of each, for each sample."""
    given = (x.ndim - 1, y.ndim - 2 or 1) if axes is None else axes
    result: Expr = pel.nn.Dot((given, given) if isinstance(given, int) else tuple(given), name="batch_dot")([x, y])
    return result


def binary_crossentropy(output: Expr, target: Expr, from_logits: bool = False) -> Expr:
    """Cross-entropy of each element; the prediction comes first, as in Keras 1."""
    p = pel.clip(sigmoid(output) if from_logits else output, 1e-7, 1 - 1e-7)
    return -(target * pel.log(p) + (1 - target) * pel.log(1 - p))


def gradients(loss: Expr, variables: Any) -> list[Expr]:
    """Return the gradients of a scalar, or of the sum of an expression."""
    chosen = list(variables) if isinstance(variables, (list, tuple)) else [variables]
    return list(pel.grad(pel.sum(loss) if loss.ndim else loss, chosen))


def draw(kind: str, shape: Any, low: float, high: float, dtype: Any = None, seed: Any = None) -> Expr:
    """Return random numbers, other ones at every call of a program."""
    generator = pel.random.Generator(draw_seed() if seed is None else seed)
    result: Expr = getattr(generator, kind)(low, high, size=tuple(shape), dtype=dtype or pel.config.floatx)
    return result


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(pel, name) for name in SAME.split()},
    "argmax": functools.partial(pel.argmax, axis=-1),
    "argmin": functools.partial(pel.argmin, axis=-1),
    "pow": pel.power,
    "lesser": pel.less,
    "lesser_equal": pel.less_equal,
    "repeat_elements": pel.repeat,
    "permute_dimensions": pel.transpose,
    "switch": pel.where,
    "in_train_phase": pel.training_only,
    "in_test_phase": lambda x, alt: pel.training_only(alt, x),
    "gather": lambda reference, indices: reference[indices],
    "flatten": lambda x: x.reshape(-1),
    "batch_flatten": lambda x: x.reshape(x.shape[0], -1),
    "repeat": lambda x, n: pel.repeat(pel.expand_dims(x, 1), n, axis=1),
    "reverse": lambda x, axes: pel.flip(x, axis=tuple(axes) if isinstance(axes, list) else axes),
    "cast": lambda x, dtype: as_expr(x).astype(dtype),
    "l2_normalize": lambda x, axis: x / pel.maximum(pel.sum(pel.square(x), axis=axis, keepdims=True), 1e-12) ** 0.5,
    "dropout": lambda x, level, noise_shape=None, seed=None: pel.nn.Dropout(level, noise_shape, seed or draw_seed())(x),
    "shape": lambda x: x.shape,
    "ndim": lambda x: x.ndim,
    "dtype": lambda x: x.dtype.name,
    "zeros": lambda shape, dtype=None, name=None: variable(np.zeros(shape), dtype, name),
    "ones": lambda shape, dtype=None, name=None: variable(np.ones(shape), dtype, name),
    "eval": lambda x: as_expr(x).eval(),
    "get_value": lambda x: x.get_value() if isinstance(x, Shared) else np.asarray(x),
    "batch_get_value": lambda xs: [x.get_value() for x in xs],
    "batch_set_value": lambda pairs: list(itertools.starmap(set_value, pairs)) and None,
    "count_params": lambda x: int(np.prod(x.shape)),
    "placeholder": lambda shape=None, ndim=0, dtype=None, name=None: Input(
        name, [None] * ndim if shape is None else shape, dtype or pel.config.floatx
    ),
    "categorical_crossentropy": lambda output, target, from_logits=False: losses.categorical_crossentropy(
        target, softmax(output) if from_logits else output
    ),
    "random_normal": lambda shape, mean=0.0, std=1.0, **options: draw("normal", shape, mean, std, **options),
    "random_uniform": lambda shape, low=0.0, high=1.0, **options: draw("uniform", shape, low, high, **options),
    "update": lambda x, new_x: (x, new_x),
    "learning_phase": lambda: PHASE,
    "clear_session": lambda: None,  # there is no session, and unused programs are freed
    "backend": lambda: "theano" if SETTINGS["ordering"] == "th" else "tensorflow",
    "image_dim_ordering": lambda: SETTINGS["ordering"],
    "image_data_format": lambda: "channels_first" if SETTINGS["ordering"] == "th" else "channels_last",
    "set_image_data_format": set_image_dim_ordering,
    "floatx": lambda: pel.config.floatx,
    "set_floatx": lambda dtype: setattr(pel.config, "floatx", dtype),
    "cast_to_floatx": lambda x: np.asarray(x, pel.config.floatx),
    "epsilon": lambda: SETTINGS["epsilon"],
    "set_epsilon": lambda e: SETTINGS.update(epsilon=e),
}
globals().update(FUNCTIONS)


class CompiledFunction:
    """Compiled function from a list of arrays to a list of arrays, in the form for training or for inference."""

    def __init__(self, inputs: Sequence[Any], outputs: Sequence[Expr], updates: Any = ()) -> None:
        self.inputs, self.outputs, self.updates = list(inputs), list(outputs), dict(updates)
        self.get_program = functools.cache(self.compile)

    def compile(self, training: bool) -> Callable[..., Any]:
        """Return the program of one form."""
        updates = {**pel.collect_updates(self.outputs), **self.updates} if training else self.updates
        outputs = self.outputs if training else pel.inference(self.outputs)
        inputs = [e for e in self.inputs if e is not PHASE]
        program = pel.function(inputs, outputs, updates=updates, on_unused_input="ignore")
        RECORDER.add("K.function", program)
        return program

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        given = list(zip(self.inputs, inputs, strict=True))
        training = True in [bool(value) for e, value in given if e is PHASE]
        return list(self.get_program(training)(*(np.asarray(v, e.dtype) for e, v in given if e is not PHASE)))


def function(inputs: Sequence[Any], outputs: Any, updates: Any = (), **_: Any) -> CompiledFunction:
    """Return a compiled function; options of the backends, which do not change results, are accepted."""
    return CompiledFunction(inputs, outputs if isinstance(outputs, (list, tuple)) else [outputs], updates)


add_missing_name_errors(globals(), "keras.backend")
