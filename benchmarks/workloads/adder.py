"""Recurrent network that adds binary numbers: 2-16-1, sigmoids, 8 time steps, batch size 1."""

from __future__ import annotations

from typing import Any

import c_loop
import numpy as np

TITLE = "adder 2-16-1, 10,000 sums of 8 bits"
STEPS, BITS, HIDDEN, RATE = 10_000, 8, 16, 0.1
LIBRARIES = ("pellucid", "numpy", "jax", "torch", "tensorflow")

Array = np.ndarray[Any, Any]


def count_work() -> dict[str, float]:
    """Return the work of all sums: for each, 8 steps forward, 8 backward, and the update."""
    return {"loop_operations": STEPS * 17_000}


def time_c_loop() -> tuple[float, dict[str, float]]:
    """Return the time of a hand-written C loop, and its loss and accuracy."""
    x, y, start = make_data()
    seconds, (_, _, *parameters) = c_loop.time_c_loop("adder.c", STEPS, [x, y, *start], {})
    return seconds, evaluate(parameters)


def make_data() -> tuple[Array, Array, list[Array]]:
    """Return the bits of both numbers, the bits of the sums, and the initial weights, in float32."""
    random = np.random.RandomState(0)
    start = [2 * random.random_sample(s) - 1 for s in ((2, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 1))]
    terms = random.randint(2 ** (BITS - 1), size=(STEPS, 2))
    bits = (np.concatenate([terms, terms.sum(1, keepdims=True)], 1)[:, None] >> np.arange(BITS)[:, None]) & 1
    x, y = bits[..., :2].astype("float32"), bits[..., 2:].astype("float32")
    return x, y, [a.astype("float32") for a in start]


def evaluate(parameters: list[Any]) -> dict[str, float]:
    """Return the loss on the last 1,000 sums, and the fraction that is exact."""
    x, y, _ = make_data()
    Wx, Wh, Wo = (np.asarray(p, "float64") for p in parameters)
    h, error, exact = np.zeros((1000, HIDDEN)), 0.0, np.ones(1000, bool)
    for t in range(BITS):
        h = 1 / (1 + np.exp(-(x[-1000:, t] @ Wx + h @ Wh)))
        o = 1 / (1 + np.exp(-h @ Wo))
        error += float(((y[-1000:, t] - o) ** 2).sum() / 2000)
        exact &= ((o > 0.5) == (y[-1000:, t] > 0.5))[:, 0]
    return {"loss": error, "accuracy": float(exact.mean())}


def by_pellucid(phase: Any) -> dict[str, float]:
    """Train with pellucid: a scan over the bits, and one compiled loop over the sums."""
    with phase("import"):
        import pellucid as pel
    X, Y, start = make_data()
    with phase("build"):
        x, y = pel.matrix("x", (BITS, 2)), pel.matrix("y", (BITS, 1))
        Wx, Wh, Wo = parameters = [pel.shared(v, n) for v, n in zip(start, ("Wx", "Wh", "Wo"), strict=True)]
        h = pel.scan(lambda x_t, h: pel.sigmoid(x_t @ Wx + h @ Wh), x, np.zeros(HIDDEN, "float32"))
        error = ((y - pel.sigmoid(h @ Wo)) ** 2).sum() / 2
        step = pel.function([x, y], error, updates=pel.optimizers.SGD(RATE).updates(error, parameters))
        step.over(X[:1], Y[:1])
        for parameter, value in zip(parameters, start, strict=True):
            parameter.set_value(value)
    with phase("train"):
        step.over(X, Y)
    return evaluate([p.get_value() for p in parameters])


def by_numpy(phase: Any) -> dict[str, float]:
    """Train with NumPy: backpropagation through time, written by hand."""
    X, Y, parameters = make_data()
    Wx, Wh, Wo = parameters
    h, o = np.zeros((BITS + 1, HIDDEN), "float32"), np.zeros((BITS, 1), "float32")
    with phase("train"):
        for x, y in zip(X, Y, strict=True):
            for t in range(BITS):
                h[t] = 1 / (1 + np.exp(-(x[t] @ Wx + h[t - 1] @ Wh)))
                o[t] = 1 / (1 + np.exp(-h[t] @ Wo))
            out = (o - y) * o * (1 - o)
            back, dWx, dWh = np.zeros(HIDDEN, "float32"), np.zeros_like(Wx), np.zeros_like(Wh)
            for t in reversed(range(BITS)):
                back = (out[t] @ Wo.T + back @ Wh.T) * h[t] * (1 - h[t])
                dWx += np.outer(x[t], back)
                dWh += np.outer(h[t - 1], back)
            dWo = h[:BITS].T @ out
            Wx -= RATE * dWx
            Wh -= RATE * dWh
            Wo -= RATE * dWo
    return evaluate(parameters)


def by_jax(phase: Any) -> dict[str, float]:
    """Train with JAX: a scan over the sums of a scan over the bits."""
    with phase("import"):
        import jax
        import jax.numpy as jnp
    X, Y, start = make_data()

    def error(parameters: Any, x: Any, y: Any) -> Any:
        Wx, Wh, Wo = parameters

        def cell(h: Any, x_t: Any) -> tuple[Any, Any]:
            h = jax.nn.sigmoid(x_t @ Wx + h @ Wh)
            return h, h

        h = jax.lax.scan(cell, jnp.zeros(HIDDEN), x)[1]
        return ((y - jax.nn.sigmoid(h @ Wo)) ** 2).sum() / 2

    def train(parameters: Any, X: Any, Y: Any) -> Any:
        def step(parameters: Any, batch: Any) -> tuple[Any, None]:
            gradients = jax.grad(error)(parameters, *batch)
            return [p - RATE * g for p, g in zip(parameters, gradients, strict=True)], None

        return jax.lax.scan(step, parameters, (X, Y))[0]

    with phase("build"):
        given = [jnp.asarray(v) for v in start], jnp.asarray(X), jnp.asarray(Y)
        compiled = jax.jit(train).lower(*given).compile()
    with phase("train"):
        parameters = jax.block_until_ready(compiled(*given))
    return evaluate(parameters)


def by_torch(phase: Any) -> dict[str, float]:
    """Train with PyTorch: eager, with autograd and an optimizer."""
    with phase("import"):
        import torch
    X, Y, start = make_data()
    xs, ys = torch.from_numpy(X), torch.from_numpy(Y)
    parameters = [torch.from_numpy(v.copy()).requires_grad_() for v in start]
    optimizer = torch.optim.SGD(parameters, lr=RATE)

    def step(x: Any, y: Any) -> None:
        Wx, Wh, Wo = parameters
        h, outputs = torch.zeros(HIDDEN), []
        for t in range(BITS):
            h = torch.sigmoid(x[t] @ Wx + h @ Wh)
            outputs.append(torch.sigmoid(h @ Wo))
        loss = ((y - torch.stack(outputs)) ** 2).sum() / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    with phase("build"):
        step(xs[0], ys[0])
    with torch.no_grad():
        for p, v in zip(parameters, start, strict=True):
            p.copy_(torch.from_numpy(v))
    with phase("train"):
        for k in range(phase.shorten(STEPS, 0.1)):
            step(xs[k], ys[k])
    return evaluate([p.detach().numpy() for p in parameters])


def by_tensorflow(phase: Any) -> dict[str, float]:
    """Train with TensorFlow: a compiled step with an unrolled loop over the bits, called for every sum."""
    with phase("import"):
        import tensorflow as tf
    X, Y, start = make_data()
    variables = [tf.Variable(v) for v in start]
    xs, ys = tf.constant(X), tf.constant(Y)

    @tf.function
    def step(k: Any) -> None:
        x, y = xs[k], ys[k]
        with tf.GradientTape() as tape:
            Wx, Wh, Wo = variables
            h, outputs = tf.zeros((1, HIDDEN)), []
            for t in range(BITS):
                h = tf.sigmoid(x[t : t + 1] @ Wx + h @ Wh)
                outputs.append(tf.sigmoid(h @ Wo)[0])
            loss = tf.reduce_sum((y - tf.stack(outputs)) ** 2) / 2
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(RATE * gradient)

    with phase("build"):
        step(tf.constant(0))
        for variable, v in zip(variables, start, strict=True):
            variable.assign(v)
    with phase("train"):
        for k in range(phase.shorten(STEPS, 0.2)):
            step(tf.constant(k))
    return evaluate([v.numpy() for v in variables])
