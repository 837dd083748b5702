"""Dense network on the two moons: 2-3-2, tanh, softmax, full-batch gradient descent on 200 points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import c_loop
import numpy as np

from workloads.samples import make_moons

TITLE = "two moons 2-3-2, 20,000 epochs"
STEPS = 20_000
LIBRARIES = ("pellucid", "numpy", "jax", "torch", "tensorflow", "keras", "pytensor")
RATE, STRENGTH = 0.01, 0.01

Array = np.ndarray[Any, Any]


def count_work() -> dict[str, float]:
    """Return the work of all epochs on 200 points: products, 600 tanh, 200 softmaxes, the gradient, the update."""
    return {"loop_operations": STEPS * 31_000}


def time_c_loop(sizes: Sequence[int] = (3,)) -> tuple[float, dict[str, float]]:
    """Return the time of a hand-written C loop, and its mean loss and accuracy."""
    seconds = []

    def train_one(hidden: int) -> list[Any]:
        X, y, start = make_data(hidden)
        arrays = [X, y.astype("int32"), *start]
        time, (_, _, *parameters) = c_loop.time_c_loop("moons.c", STEPS, arrays, {"HIDDEN": hidden})
        seconds.append(time)
        return parameters

    results = average(train_one, sizes)
    return sum(seconds), results


def make_data(hidden: int = 3) -> tuple[Array, Array, list[Array]]:
    """Return the points, their labels, and the initial weights; points and weights in float32."""
    X, y = make_moons(200, noise=0.20)
    random = np.random.RandomState(0)
    W1, W2 = random.randn(2, hidden) / 2**0.5, random.randn(hidden, 2) / hidden**0.5
    start = [W1, np.zeros(hidden), W2, np.zeros(2)]
    return X.astype("float32"), y, [a.astype("float32") for a in start]


def evaluate(parameters: list[Any]) -> dict[str, float]:
    """Return the loss and accuracy."""
    X, y, _ = make_data()
    W1, b1, W2, b2 = (np.asarray(p, "float64") for p in parameters)
    z = np.tanh(X @ W1 + b1) @ W2 + b2
    log_p = z - np.log(np.exp(z - z.max(1, keepdims=True)).sum(1, keepdims=True)) - z.max(1, keepdims=True)
    loss = -log_p[np.arange(len(y)), y].mean() + STRENGTH / 2 * ((W1**2).sum() + (W2**2).sum()) / len(y)
    return {"loss": float(loss), "accuracy": float((z.argmax(1) == y).mean())}


def average(train: Callable[[int], list[Any]], sizes: Sequence[int]) -> dict[str, float]:
    """Train a network of each hidden size, one after the other; return their mean loss and accuracy."""
    results = [evaluate(train(hidden)) for hidden in sizes]
    return {name: float(np.mean([result[name] for result in results])) for name in ("loss", "accuracy")}


def by_pellucid(phase: Any, sizes: Sequence[int] = (3,)) -> dict[str, float]:
    """Train with pellucid: all steps in one compiled loop that keeps their losses."""
    with phase("import"):
        import pellucid as pel

    def train_one(hidden: int) -> list[Any]:
        X, y, start = make_data(hidden)
        with phase("build"):
            x, t = pel.matrix("x", shape=("n", 2)), pel.ivector("t", shape=("n",))
            W1, b1, W2, b2 = parameters = [
                pel.shared(v, n) for v, n in zip(start, ("W1", "b1", "W2", "b2"), strict=True)
            ]
            p = pel.softmax(pel.tanh(x @ W1 + b1) @ W2 + b2)
            penalty = STRENGTH / 2 * ((W1**2).sum() + (W2**2).sum())
            loss = pel.losses.sparse_categorical_crossentropy(t, p).sum() + penalty
            step = pel.function([x, t], loss, updates=pel.optimizers.SGD(RATE).updates(loss, parameters))
            step.repeat(1, X, y)
            for parameter, value in zip(parameters, start, strict=True):
                parameter.set_value(value)
        with phase("train"):
            step.repeat(STEPS, X, y)
        return [p.get_value() for p in parameters]

    return average(train_one, sizes)


def by_numpy(phase: Any, sizes: Sequence[int] = (3,)) -> dict[str, float]:
    """Train with NumPy: backpropagation written by hand."""

    def train_one(hidden: int) -> list[Any]:
        X, y, parameters = make_data(hidden)
        W1, b1, W2, b2 = parameters
        rows = np.arange(len(y))
        with phase("train"):
            for _ in range(STEPS):
                a = np.tanh(X @ W1 + b1)
                e = np.exp(a @ W2 + b2)
                delta = e / e.sum(axis=1, keepdims=True)
                delta[rows, y] -= 1
                back = delta @ W2.T * (1 - a * a)
                W2 -= RATE * (a.T @ delta + STRENGTH * W2)
                b2 -= RATE * delta.sum(axis=0)
                W1 -= RATE * (X.T @ back + STRENGTH * W1)
                b1 -= RATE * back.sum(axis=0)
        return parameters

    return average(train_one, sizes)


def by_jax(phase: Any, sizes: Sequence[int] = (3,)) -> dict[str, float]:
    """Train with JAX: all steps in one compiled loop."""
    with phase("import"):
        import jax
        import jax.numpy as jnp

    def train_one(hidden: int) -> list[Any]:
        X, y, start = make_data(hidden)

        def loss(parameters: Any, X: Any, y: Any) -> Any:
            W1, b1, W2, b2 = parameters
            z = jnp.tanh(X @ W1 + b1) @ W2 + b2
            picked = jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1)
            return -picked.sum() + STRENGTH / 2 * ((W1**2).sum() + (W2**2).sum())

        def train(parameters: Any, X: Any, y: Any) -> Any:
            def step(_: Any, parameters: Any) -> Any:
                gradients = jax.grad(loss)(parameters, X, y)
                return [p - RATE * g for p, g in zip(parameters, gradients, strict=True)]

            return jax.lax.fori_loop(0, STEPS, step, parameters)

        with phase("build"):
            given = [jnp.asarray(v) for v in start], jnp.asarray(X), jnp.asarray(y)
            compiled = jax.jit(train).lower(*given).compile()
        with phase("train"):
            return list(jax.block_until_ready(compiled(*given)))

    return average(train_one, sizes)


def by_torch(phase: Any, sizes: Sequence[int] = (3,)) -> dict[str, float]:
    """Train with PyTorch: eager, with autograd and an optimizer."""
    with phase("import"):
        import torch

    def train_one(hidden: int) -> list[Any]:
        X, y, start = make_data(hidden)
        x, t = torch.from_numpy(X), torch.from_numpy(y.astype("int64"))
        parameters = [torch.from_numpy(v.copy()).requires_grad_() for v in start]
        optimizer = torch.optim.SGD(parameters, lr=RATE)

        def step() -> None:
            W1, b1, W2, b2 = parameters
            z = torch.tanh(x @ W1 + b1) @ W2 + b2
            loss = torch.nn.functional.cross_entropy(z, t, reduction="sum")
            loss = loss + STRENGTH / 2 * ((W1**2).sum() + (W2**2).sum())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        with phase("build"):
            step()
        with torch.no_grad():
            for p, v in zip(parameters, start, strict=True):
                p.copy_(torch.from_numpy(v))
        with phase("train"):
            for _ in range(phase.shorten(STEPS, 0.1)):
                step()
        return [p.detach().numpy() for p in parameters]

    return average(train_one, sizes)


def by_tensorflow(phase: Any) -> dict[str, float]:
    """Train with TensorFlow: all steps in one compiled loop."""
    with phase("import"):
        import tensorflow as tf
    X, y, start = make_data()
    variables = [tf.Variable(v) for v in start]
    x, t = tf.constant(X), tf.constant(y)

    @tf.function
    def train(steps: Any) -> None:
        for _ in tf.range(steps):
            with tf.GradientTape() as tape:
                W1, b1, W2, b2 = variables
                z = tf.tanh(x @ W1 + b1) @ W2 + b2
                loss = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(t, z))
                loss += STRENGTH / 2 * (tf.reduce_sum(W1**2) + tf.reduce_sum(W2**2))
            for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
                variable.assign_sub(RATE * gradient)

    with phase("build"):
        train(tf.constant(1))
        for variable, v in zip(variables, start, strict=True):
            variable.assign(v)
    with phase("train"):
        train(tf.constant(phase.shorten(STEPS, 0.25)))
    return evaluate([v.numpy() for v in variables])


def by_keras(phase: Any) -> dict[str, float]:
    """Train with Keras on JAX: `train_on_batch` for every step."""
    import os

    os.environ["KERAS_BACKEND"] = "jax"
    with phase("import"):
        import keras
    X, y, start = make_data()
    # The other libraries minimize the sum of the losses. Keras minimizes the mean, so the penalty is divided by the
    # number of points, and the learning rate is multiplied by it.
    penalty = keras.regularizers.L2(STRENGTH / 2 / len(y))
    with phase("build"):
        model = keras.Sequential(
            [
                keras.layers.Input((2,)),
                keras.layers.Dense(3, activation="tanh", kernel_regularizer=penalty),
                keras.layers.Dense(2, kernel_regularizer=penalty),
            ]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(RATE * len(y)), loss)
        model.train_on_batch(X, y)
        model.set_weights(start)
    with phase("train"):
        for _ in range(phase.shorten(STEPS, 0.05)):
            model.train_on_batch(X, y)
    return evaluate(model.get_weights())


def by_pytensor(phase: Any, sizes: Sequence[int] = (3,)) -> dict[str, float]:
    """Train with PyTensor: a compiled step, called for every epoch."""
    with phase("import"):
        import pytensor
        import pytensor.tensor as pt

    def train_one(hidden: int) -> list[Any]:
        X, y, start = make_data(hidden)
        with phase("build"):
            x, t = pt.as_tensor_variable(X), pt.as_tensor_variable(y)
            W1, b1, W2, b2 = parameters = [pytensor.shared(v) for v in start]
            z = pt.tanh(x @ W1 + b1) @ W2 + b2
            picked = pt.special.log_softmax(z, axis=1)[np.arange(len(y)), t]
            loss = -picked.sum() + np.float32(STRENGTH / 2) * ((W1**2).sum() + (W2**2).sum())
            rate = np.float32(RATE)
            gradients = pytensor.grad(loss, parameters)
            step = pytensor.function(
                [], [], updates=[(p, p - rate * g) for p, g in zip(parameters, gradients, strict=True)]
            )
            step()
            for p, v in zip(parameters, start, strict=True):
                p.set_value(v)
        with phase("train"):
            for _ in range(STEPS):
                step()
        return [p.get_value() for p in parameters]

    return average(train_one, sizes)
