"""The networks in plain JAX, and their training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from networks.catalog import EPSILON, RATE, Array, Layers, Network
from networks.layer_builder import Weights, compute_divergence

ACTIVATIONS = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "gelu": lambda z: jax.nn.gelu(z, approximate=False),
}
IMAGES = ("NHWC", "HWIO", "NHWC")


class Forward:
    """One application of a network: one method per kind of layer.

    Attributes
    ----------
    averages : list of arrays
        The updated moving averages of batch normalization.
    statistics : list of arrays
        Means and logarithms of variances from which samples are drawn.
    """

    def __init__(self, net: Network, weights: Weights, averages: list[Any], key: Any) -> None:
        self.net = net
        self.weights: Iterator[list[Any]] = iter(weights)
        self.old_averages: Iterator[Any] = iter(averages)
        self.averages: list[Any] = []
        self.statistics: list[Any] = []
        self.key = key

    def apply(self, layers: Layers, h: Any) -> Any:
        """Apply layers to a batch."""
        for kind, *options in layers:
            h = getattr(self, kind)(h, *options)
        return h

    def dense(self, h: Any, units: int, activation: str | None = None) -> Any:
        W, b = next(self.weights)
        z = h @ W + b
        return ACTIVATIONS[activation](z) if activation else z

    def conv(self, h: Any, channels: int, window: int, stride: int, activation: Any = False) -> Any:
        W, *b = next(self.weights)
        z = jax.lax.conv_general_dilated(h, W, (stride, stride), "SAME", dimension_numbers=IMAGES)
        z = z + b[0] if b else z
        return ACTIVATIONS[activation](z) if activation else z

    def depthwise(self, h: Any, window: int, stride: int) -> Any:
        [W] = next(self.weights)
        W = W.transpose(0, 1, 3, 2)
        strides = (stride, stride)
        return jax.lax.conv_general_dilated(
            h, W, strides, "SAME", dimension_numbers=IMAGES, feature_group_count=h.shape[-1]
        )

    def transposed(self, h: Any, channels: int) -> Any:
        W, b = next(self.weights)
        return jax.lax.conv_transpose(h, W, (2, 2), "SAME", dimension_numbers=IMAGES, transpose_kernel=True) + b

    def conv1d(self, h: Any, channels: int, window: int, activation: str) -> Any:
        W, b = next(self.weights)
        z = jax.lax.conv_general_dilated(h, W, (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC")) + b
        return ACTIVATIONS[activation](z)

    def batch_norm(self, h: Any) -> Any:
        gamma, beta = next(self.weights)
        axes = tuple(range(h.ndim - 1))
        mean, variance = h.mean(axes), h.var(axes)
        for new in (mean, variance):
            self.averages.append(0.99 * next(self.old_averages) + 0.01 * new)
        return gamma * (h - mean) * jax.lax.rsqrt(variance + 1e-3) + beta

    def layer_norm(self, h: Any) -> Any:
        gamma, beta = next(self.weights)
        mean, variance = h.mean(-1, keepdims=True), h.var(-1, keepdims=True)
        return gamma * (h - mean) * jax.lax.rsqrt(variance + 1e-3) + beta

    def activation(self, h: Any, name: str) -> Any:
        return ACTIVATIONS[name](h)

    def pool(self, h: Any) -> Any:
        return jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    def pool1d(self, h: Any) -> Any:
        return jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, (1, 2, 1), (1, 2, 1), "VALID")

    def global_pool(self, h: Any) -> Any:
        return h.mean(tuple(range(1, h.ndim - 1)))

    def mean_time(self, h: Any) -> Any:
        return h.mean(1)

    def embedding(self, h: Any, words: int, features: int) -> Any:
        [table] = next(self.weights)
        return table[h]

    def lstm(self, h: Any, units: int) -> Any:
        W, U, b = next(self.weights)

        def step(carry: Any, z: Any) -> Any:
            h, c = carry
            i, f, g, o = jnp.split(z + h @ U, 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

        zeros = jnp.zeros((len(h), units))
        return jax.lax.scan(step, (zeros, zeros), jnp.swapaxes(h @ W + b, 0, 1))[0][0]

    def gru(self, h: Any, units: int) -> Any:
        W, U, b = next(self.weights)

        def step(h: Any, x: Any) -> Any:
            y = h @ U + b[1]
            z, r = jnp.split(jax.nn.sigmoid(x[:, : 2 * units] + y[:, : 2 * units]), 2, axis=1)
            return z * h + (1 - z) * jnp.tanh(x[:, 2 * units :] + r * y[:, 2 * units :]), None

        return jax.lax.scan(step, jnp.zeros((len(h), units)), jnp.swapaxes(h @ W + b[0], 0, 1))[0]

    def rnn(self, h: Any, units: int) -> Any:
        W, U, b = next(self.weights)

        def step(h: Any, x: Any) -> Any:
            return jnp.tanh(x + h @ U), None

        return jax.lax.scan(step, jnp.zeros((len(h), units)), jnp.swapaxes(h @ W + b, 0, 1))[0]

    def attention(self, h: Any, heads: int) -> Any:
        Wq, bq, Wk, bk, Wv, bv, Wo, bo = next(self.weights)
        q, k, v = (jnp.einsum("btd,dhk->bthk", h, W) + b for W, b in ((Wq, bq), (Wk, bk), (Wv, bv)))
        return jnp.einsum("bthk,hkd->btd", jax.nn.dot_product_attention(q, k, v), Wo) + bo

    def residual(self, h: Any, body: Layers, shortcut: Layers) -> Any:
        return self.apply(body, h) + self.apply(shortcut, h)

    def skip(self, h: Any, body: Layers) -> Any:
        return jnp.concatenate([h, self.apply(body, h)], axis=-1)

    def sample(self, h: Any) -> Any:
        self.statistics.append(h)
        mean, log_variance = jnp.split(h, 2, axis=-1)
        return mean + jnp.exp(0.5 * log_variance) * jax.random.normal(self.key, mean.shape)


def compute_loss(net: Network, weights: Weights, averages: list[Any], key: Any, x: Any, y: Any) -> Any:
    """Return the loss of a batch, and the new moving averages."""
    forward = Forward(net, weights, averages, key)
    z = forward.apply(net.layers, x)
    if net.loss == "classes":
        loss = -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1).mean()
    elif net.loss == "image":
        loss = ((z - y) ** 2).mean()
    else:
        loss = (jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z)))).mean()
    for statistics in forward.statistics:
        loss += compute_divergence(jnp, statistics, net.shape[0]).mean()
    return loss, forward.averages


def make_step(net: Network) -> Any:
    """Return a step of Adam: from a state, the data and a batch to the new state and the loss."""

    def step(state: Any, x: Any, y: Any, batch: Any) -> Any:
        t, weights, averages, first, second = state
        key = jax.random.fold_in(jax.random.key(0), t) if net.is_random else None
        compute = jax.value_and_grad(
            lambda weights: compute_loss(net, weights, averages, key, x[batch], y[batch]), has_aux=True
        )
        (loss, averages), gradients = compute(weights)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
        rate = RATE * jnp.sqrt(1 - 0.999 ** (t + 1.0)) / (1 - 0.9 ** (t + 1.0))
        weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + EPSILON), weights, first, second)
        return (t + 1, weights, averages, first, second), loss

    return step


def make_state(weights: Weights) -> Any:
    """Return the state before the first step; the last two of four weights are moving averages."""
    trained = [[jnp.asarray(w) for w in layer[: 2 if len(layer) == 4 else None]] for layer in weights]
    averages = [jnp.asarray(w) for layer in weights if len(layer) == 4 for w in layer[2:]]
    zeros = [jax.tree.map(jnp.zeros_like, trained) for _ in range(2)]
    return (jnp.asarray(0, "int32"), trained, averages, *zeros)


def train_by_step(net: Network, x: Array, y: Array, weights: Weights, phase: Any) -> Any:
    """Return the training by a compiled step, called for every batch."""
    with phase("build"):
        samples, targets, state = jnp.asarray(x), jnp.asarray(y), make_state(weights)
        step = jax.jit(make_step(net), donate_argnums=0)

    def train(first: int, last: int) -> list[float]:
        nonlocal state
        epochs = []
        for epoch in range(first, last):
            losses = []
            for batch in net.get_order(epoch):
                state, loss = step(state, samples, targets, batch)
                losses.append(loss)
            epochs.append(losses)
        return [float(np.mean(losses)) for losses in epochs]

    return train


def train_by_scan(net: Network, x: Array, y: Array, weights: Weights, phase: Any) -> Any:
    """Return the training by a compiled loop over the steps of an epoch."""
    with phase("build"):
        samples, targets, state = jnp.asarray(x), jnp.asarray(y), make_state(weights)
        step = make_step(net)

        def run(state: Any, x: Any, y: Any, order: Any) -> Any:
            return jax.lax.scan(lambda state, batch: step(state, x, y, batch), state, order)

        run = jax.jit(run, donate_argnums=0)

    def train(first: int, last: int) -> list[float]:
        nonlocal state
        epochs = []
        for epoch in range(first, last):
            state, losses = run(state, samples, targets, net.get_order(epoch))
            epochs.append(losses)
        return [float(losses.mean()) for losses in epochs]

    return train
