"""TensorFlow functions, without Keras."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.inspect.cross_framework.backend import Backend, Optimize
from pellucid.nn.optimizers import SGD, Adam
from pellucid.typing import Array, DTypeLike

if TYPE_CHECKING:
    import tensorflow as tf


class TensorFlowBackend(Backend):
    """TensorFlow."""

    def __init__(self) -> None:
        import tensorflow as tf

        self.tf = tf
        self.title: str = f"TensorFlow {tf.__version__}"
        self.sum, self.mean, self.max, self.sqrt = tf.reduce_sum, tf.reduce_mean, tf.reduce_max, tf.sqrt
        self.maximum, self.einsum = tf.maximum, tf.einsum
        self.softmax, self.stop_gradient, self.gather = tf.nn.softmax, tf.stop_gradient, tf.gather
        self.stack_steps = lambda values: tf.stack(list(values), 1)
        self.concatenate = lambda values, axis: tf.concat(list(values), axis)
        self.reshape = tf.reshape
        self.activations = {
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

        def like(y: tf.Tensor, p: tf.Tensor) -> tf.Tensor:
            return tf.reshape(tf.cast(y, p.dtype), tf.shape(p))

        def sparse_categorical_crossentropy(y: tf.Tensor, p: tf.Tensor) -> tf.Tensor:
            rows = tf.reshape(p, (-1, p.shape[-1]))
            return -mean(log(tf.gather(rows, tf.reshape(y, (-1,)), batch_dims=1)))

        self.losses = {
            "binary_crossentropy": lambda y, p: -mean(like(y, p) * log(p) + (1 - like(y, p)) * log(1 - p)),
            "categorical_crossentropy": lambda y, p: -mean(tf.reduce_sum(y * log(p), -1)),
            "mean_absolute_error": lambda y, p: mean(abs(p - like(y, p))),
            "mean_squared_error": lambda y, p: mean((p - like(y, p)) ** 2),
            "sparse_categorical_crossentropy": sparse_categorical_crossentropy,
        }

    def to_tensor(self, value: Array, trainable: bool = False) -> tf.Tensor:
        return self.tf.Variable(np.array(value)) if trainable else self.tf.constant(np.array(value))

    def to_numpy(self, value: tf.Tensor) -> Array:
        return np.array(value.numpy())

    def get_dtype(self, x: tf.Tensor) -> DTypeLike:
        dtype: DTypeLike = x.dtype.as_numpy_dtype
        return dtype

    def compute_gradients(
        self, forward: Callable[[], tuple[tf.Tensor, ...]], parameters: Sequence[tf.Tensor]
    ) -> tuple[tuple[tf.Tensor, ...], list[tf.Tensor]]:
        with self.tf.GradientTape() as tape:
            result = forward()
        gradients = tape.gradient(result[0], list(parameters))
        return result, [self.tf.convert_to_tensor(g) for g in gradients]

    def make_optimizer(self, settings: SGD | Adam) -> Optimize:
        return TensorFlowOptimizer(self.tf, settings)

    def convolve(
        self,
        x: tf.Tensor,
        kernel: tf.Tensor,
        strides: Sequence[int],
        dilation: Sequence[int],
        groups: int,
    ) -> tf.Tensor:
        # TensorFlow infers the number of groups from the kernel.
        return self.tf.nn.convolution(x, kernel, strides=strides, padding="VALID", dilations=dilation)

    def pool(self, x: tf.Tensor, size: Sequence[int], strides: Sequence[int], is_max: bool) -> tf.Tensor:
        return self.tf.nn.pool(x, size, "MAX" if is_max else "AVG", strides=strides, padding="VALID")

    def pad(self, x: tf.Tensor, pads: Sequence[tuple[int, int]], value: float) -> tf.Tensor:
        return self.tf.pad(x, [(0, 0), *pads, (0, 0)], constant_values=value)


class TensorFlowOptimizer:
    """TensorFlow's ops for gradient descent, or Adam in TensorFlow functions.

    TensorFlow's op for Adam computes 1 - beta in the dtype of the parameter, which loses digits that no other framework
    loses.
    """

    def __init__(self, tf: ModuleType, settings: SGD | Adam) -> None:
        self.tf, self.settings = tf, settings
        self.slots: list[list[Any]] = []
        self.steps: int = 0

    def __call__(self, parameters: Sequence[tf.Variable], gradients: Sequence[tf.Tensor]) -> None:
        self.steps += 1
        if not self.slots:
            self.slots = [[self.tf.Variable(self.tf.zeros_like(p)) for _ in range(2)] for p in parameters]
        for parameter, gradient, slots in zip(parameters, gradients, self.slots, strict=True):
            if isinstance(self.settings, Adam):
                self.apply_adam(self.settings, parameter, gradient, *slots)
            else:
                self.apply_sgd(self.settings, parameter, gradient, slots[0])

    def apply_sgd(self, s: SGD, parameter: tf.Variable, gradient: tf.Tensor, velocity: tf.Variable) -> None:
        number = functools.partial(self.tf.constant, dtype=parameter.dtype)
        if not s.momentum:
            self.tf.raw_ops.ResourceApplyGradientDescent(
                var=parameter.handle, alpha=number(s.learning_rate), delta=gradient
            )
            return
        self.tf.raw_ops.ResourceApplyKerasMomentum(
            var=parameter.handle,
            accum=velocity.handle,
            lr=number(s.learning_rate),
            grad=gradient,
            momentum=number(s.momentum),
            use_nesterov=bool(s.nesterov),
        )

    def apply_adam(
        self,
        s: Adam,
        parameter: tf.Variable,
        gradient: tf.Tensor,
        m: tf.Variable,
        v: tf.Variable,
    ) -> None:
        number = functools.partial(self.tf.constant, dtype=parameter.dtype)
        corrected_rate = s.learning_rate * (1 - s.beta_2**self.steps) ** 0.5 / (1 - s.beta_1**self.steps)
        m.assign_add(number(1 - s.beta_1) * (gradient - m))
        v.assign_add(number(1 - s.beta_2) * (gradient**2 - v))
        parameter.assign_sub(number(corrected_rate) * (m / (self.tf.sqrt(v) + number(s.epsilon))))
