"""A model's twin in TensorFlow's own functions, without Keras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.inspect.cross_framework.functional_backend import NativeTwin
from pellucid.inspect.equivalence.runners import Array
from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.nn.optimizers import Optimizer


class Twin(NativeTwin):
    """The network in TensorFlow's functions."""

    def __init__(self, model: Model, optimizer: Optimizer) -> None:
        super().__init__(Tensorflow(), model, optimizer)


class Tensorflow:
    """TensorFlow, whose arrays have the batch first and the channels last anyway."""

    def __init__(self) -> None:
        import tensorflow as tf

        self.tf = tf
        self.title = f"TensorFlow {tf.__version__}"
        self.activations: dict[str, Callable[[Any], Any]] = {
            "elu": tf.nn.elu,
            "exponential": tf.exp,
            "gelu": tf.nn.gelu,
            "leaky_relu": lambda x: tf.nn.leaky_relu(x, 0.2),
            "log_softmax": tf.nn.log_softmax,
            "relu": tf.nn.relu,
            "selu": tf.nn.selu,
            "sigmoid": tf.sigmoid,
            "silu": tf.nn.silu,
            "softplus": tf.nn.softplus,
            "softsign": tf.nn.softsign,
            "tanh": tf.tanh,
        }
        mean, log = tf.reduce_mean, tf.math.log
        self.losses: dict[str, Callable[[Any, Any], Any]] = {
            "binary_crossentropy": lambda y, p: -mean(self.as_is(y, p) * log(p) + (1 - self.as_is(y, p)) * log(1 - p)),
            "categorical_crossentropy": lambda y, p: -mean(tf.reduce_sum(y * log(p), -1)),
            "mean_absolute_error": lambda y, p: mean(abs(p - self.as_is(y, p))),
            "mean_squared_error": lambda y, p: mean((p - self.as_is(y, p)) ** 2),
            "sparse_categorical_crossentropy": lambda y, p: -mean(log(self.chosen(y, p))),
        }

    def as_is(self, y: Any, p: Any) -> Any:
        """Return targets in the form of predictions."""
        return self.tf.reshape(self.tf.cast(y, p.dtype), self.tf.shape(p))

    def chosen(self, y: Any, p: Any) -> Any:
        """Return the probability of each label."""
        rows = self.tf.reshape(p, (-1, p.shape[-1]))
        return self.tf.gather(rows, self.tf.reshape(y, (-1,)), batch_dims=1)

    def array(self, value: Array, learns: bool = False) -> Any:
        """Return a tensor, or a variable."""
        return self.tf.Variable(np.array(value)) if learns else self.tf.constant(np.array(value))

    def numpy(self, value: Any) -> Array:
        """Return an array of NumPy's."""
        return np.array(value.numpy())

    def gradients(self, loss: Callable[[], Any], parameters: Sequence[Any]) -> tuple[Any, list[Any]]:
        """Return what a loss is and its gradients."""
        with self.tf.GradientTape() as tape:
            made = loss()
        found = tape.gradient(made[0], list(parameters))
        return made, [self.tf.convert_to_tensor(g) for g in found]

    def loss(self, table: dict[str, Any]) -> Callable[[Any, Any], Any]:
        """Return a mean loss of targets and predictions."""
        if set(table) != {"kind"} or table["kind"] not in self.losses:
            raise ModelError(f"{table['kind']} is none of {', '.join(self.losses)}")
        return self.losses[table["kind"]]

    def optimizer(self, table: dict[str, Any]) -> Callable[[Sequence[Any], Sequence[Any]], None]:
        """Return TensorFlow's own update ops at work."""
        settings = {key: value for key, value in table.items() if key != "kind"}
        rate = settings.pop("learning_rate", {"SGD": 0.01, "Adam": 0.001}.get(table["kind"], 0.001))
        if isinstance(rate, dict) or table["kind"] not in ("SGD", "Adam"):
            raise ModelError(f"{table['kind']} with {settings} and the rate {rate} is no SGD or Adam at one rate")
        return (Descent if table["kind"] == "SGD" else Moments)(self.tf, rate, settings)

    def total(self, value: Any) -> Any:
        """Return the sum of all elements."""
        return self.tf.reduce_sum(value)

    def softmax(self, x: Any) -> Any:
        """Return the softmax along the last axis."""
        return self.tf.nn.softmax(x)

    def convolve(self, x: Any, kernel: Any, strides: Any, dilation: Any, groups: int) -> Any:
        """Return a convolution without padding; the groups follow from the kernel."""
        return self.tf.nn.convolution(x, kernel, strides=strides, padding="VALID", dilations=dilation)

    def pool(self, x: Any, size: Any, strides: Any, greatest: bool) -> Any:
        """Return maxima or means of windows."""
        return self.tf.nn.pool(x, size, "MAX" if greatest else "AVG", strides=strides, padding="VALID")

    def pad(self, x: Any, pads: Sequence[tuple[int, int]], value: float) -> Any:
        """Pad the places of an image."""
        return self.tf.pad(x, [(0, 0), *pads, (0, 0)], constant_values=value)

    def mean(self, x: Any, axes: Any, keepdims: bool) -> Any:
        """Return means along axes."""
        return self.tf.reduce_mean(x, axes, keepdims)

    def largest(self, x: Any, axes: Any, keepdims: bool) -> Any:
        """Return maxima along axes."""
        return self.tf.reduce_max(x, axes, keepdims)

    def root(self, x: Any) -> Any:
        """Return square roots."""
        return self.tf.sqrt(x)

    def constant(self, x: Any) -> Any:
        """Return a value that nothing is differentiated through."""
        return self.tf.stop_gradient(x)

    def take(self, rows: Any, index: Any) -> Any:
        """Return rows by their numbers."""
        return self.tf.gather(rows, index)

    def stack(self, values: Sequence[Any]) -> Any:
        """Stack steps behind the batch."""
        return self.tf.stack(list(values), 1)

    def concatenate(self, values: Sequence[Any], axis: int) -> Any:
        """Put values behind one another."""
        return self.tf.concat(list(values), axis)

    def reshape(self, x: Any, shape: Any) -> Any:
        """Return the same numbers in another shape."""
        return self.tf.reshape(x, shape)

    def dtype_of(self, x: Any) -> Any:
        """Return the dtype as NumPy has it."""
        return x.dtype.as_numpy_dtype


class Descent:
    """TensorFlow's op for gradient descent, with momentum where there is some."""

    def __init__(self, tf: Any, rate: float, settings: dict[str, Any]) -> None:
        allowed = {"momentum", "nesterov"}
        if set(settings) - allowed:
            raise ModelError(f"SGD is compared with {', '.join(sorted(allowed))} alone, and it has {settings}")
        self.tf, self.rate = tf, rate
        self.momentum, self.nesterov = settings.get("momentum", 0.0), settings.get("nesterov", False)
        self.slots: list[list[Any]] = []

    def __call__(self, parameters: Sequence[Any], gradients: Sequence[Any]) -> None:
        """Make a step."""
        if not self.slots:
            self.slots = [[self.tf.Variable(self.tf.zeros_like(p)) for _ in range(2)] for p in parameters]
        for parameter, gradient, slots in zip(parameters, gradients, self.slots, strict=True):
            self.step(parameter, gradient, slots)

    def number(self, value: float, parameter: Any) -> Any:
        """Return a number in the dtype of a parameter."""
        return self.tf.constant(value, parameter.dtype)

    def step(self, parameter: Any, gradient: Any, slots: list[Any]) -> None:
        """Change one parameter."""
        rate, raw = self.number(self.rate, parameter), self.tf.raw_ops
        if not self.momentum:
            raw.ResourceApplyGradientDescent(var=parameter.handle, alpha=rate, delta=gradient)
            return
        raw.ResourceApplyKerasMomentum(
            var=parameter.handle,
            accum=slots[0].handle,
            lr=rate,
            grad=gradient,
            momentum=self.number(self.momentum, parameter),
            use_nesterov=bool(self.nesterov),
        )


class Moments(Descent):
    """Adam in TensorFlow's functions. Its op would work out 1 - beta in the parameter's dtype, and lose digits that no
    other framework loses.
    """

    def __init__(self, tf: Any, rate: float, settings: dict[str, Any]) -> None:
        allowed = {"beta_1", "beta_2", "epsilon", "amsgrad"}
        if set(settings) - allowed or settings.get("amsgrad"):
            raise ModelError(f"Adam is compared with beta_1, beta_2 and epsilon alone, and it has {settings}")
        super().__init__(tf, rate, {})
        self.betas = (settings.get("beta_1", 0.9), settings.get("beta_2", 0.999))
        self.epsilon, self.steps = settings.get("epsilon", 1e-7), 0

    def __call__(self, parameters: Sequence[Any], gradients: Sequence[Any]) -> None:
        """Make a step."""
        self.steps += 1
        super().__call__(parameters, gradients)

    def step(self, parameter: Any, gradient: Any, slots: list[Any]) -> None:
        """Change one parameter."""
        first, second = self.betas
        m, v = slots
        corrected = self.rate * (1 - second**self.steps) ** 0.5 / (1 - first**self.steps)
        m.assign_add(self.number(1 - first, parameter) * (gradient - m))
        v.assign_add(self.number(1 - second, parameter) * (gradient**2 - v))
        step = m / (self.tf.sqrt(v) + self.number(self.epsilon, parameter))
        parameter.assign_sub(self.number(corrected, parameter) * step)
