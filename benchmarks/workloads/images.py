"""Images as rows of pixels: 3072-768-384-2, rectifiers, binary crossentropy of a softmax, batches of 128."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from workloads.samples import batches, pictures

TITLE = "images, 3072-768-384-2, batches of 128"
STEPS, BATCH, COUNT, RATE = 60, 128, 1280, 0.01
SIZES = (3072, 768, 384, 2)
LIBRARIES = ("pellucid", "numpy", "jax", "torch", "tensorflow", "keras")


def floor() -> dict[str, float]:
    """Products forward, by the weights, and by the inputs of all layers but the first; the weights five times."""
    pairs = [a * b for a, b in pairwise(SIZES)]
    return {"operations": STEPS * 2 * BATCH * (2 * sum(pairs) + sum(pairs[1:])), "bytes": STEPS * 20 * sum(pairs)}


def start() -> list[Any]:
    """Return the weights to begin with."""
    rng, found = np.random.default_rng(1), []
    for a, b in pairwise(SIZES):
        found += [rng.uniform(-0.05, 0.05, (a, b)).astype("float32"), np.zeros(b, "float32")]
    return found


def scores(parameters: list[Any]) -> dict[str, float]:
    """Return the loss and accuracy that weights come to on all images."""
    x, y = pictures(COUNT, (3072,), 2)
    W1, b1, W2, b2, W3, b3 = (np.asarray(p, "float64") for p in parameters)
    z = np.maximum(np.maximum(x @ W1 + b1, 0) @ W2 + b2, 0) @ W3 + b3
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return {"loss": float(-np.log(p[np.arange(len(y)), y]).mean()), "accuracy": float((z.argmax(1) == y).mean())}


def targets(y: Any) -> Any:
    """Return one column a class."""
    return np.eye(2, dtype="float32")[y]


def by_pellucid(phase: Any) -> dict[str, float]:
    """Expressions; the images lie in a shared variable."""
    with phase("import"):
        import pellucid as pel
        from pellucid import nn
    x, y = pictures(COUNT, (3072,), 2)
    order = batches(STEPS, BATCH, COUNT)
    with phase("build"):
        images, labels = pel.shared(x, "images", trainable=False), pel.shared(targets(y), "labels", trainable=False)
        batch = pel.ivector("batch", shape=("n",))
        layers = [nn.Dense(768, activation="relu"), nn.Dense(384, activation="relu"), nn.Dense(2, activation="softmax")]
        h = images[batch]
        for layer in layers:
            h = layer(h)
        loss = pel.losses.binary_crossentropy(labels[batch], h).mean()
        step = pel.function([batch], loss, updates=pel.optimizers.SGD(RATE).updates(loss))
        step.over(order[:1])
        for k, layer in enumerate(layers):
            layer.set_weights(start()[2 * k : 2 * k + 2])
    with phase("train"):
        step.over(order)
    return scores([w for layer in layers for w in layer.get_weights()])


def by_numpy(phase: Any) -> dict[str, float]:
    """Backpropagation written out."""
    x, y = pictures(COUNT, (3072,), 2)
    t, parameters = targets(y), start()
    with phase("train"):
        for batch in batches(STEPS, BATCH, COUNT):
            W1, b1, W2, b2, W3, b3 = parameters
            h0 = x[batch]
            h1 = np.maximum(h0 @ W1 + b1, 0)
            h2 = np.maximum(h1 @ W2 + b2, 0)
            e = np.exp(h2 @ W3 + b3)
            p = e / e.sum(1, keepdims=True)
            d3 = (p - t[batch]) / BATCH
            d2 = d3 @ W3.T * (h2 > 0)
            d1 = d2 @ W2.T * (h1 > 0)
            for W, b, h, d in ((W1, b1, h0, d1), (W2, b2, h1, d2), (W3, b3, h2, d3)):
                W -= RATE * (h.T @ d)
                b -= RATE * d.sum(0)
    return scores(parameters)


def by_jax(phase: Any) -> dict[str, float]:
    """A scan over the batches."""
    with phase("import"):
        import jax
        import jax.numpy as jnp
    x, y = pictures(COUNT, (3072,), 2)

    def loss(parameters: Any, x: Any, t: Any) -> Any:
        W1, b1, W2, b2, W3, b3 = parameters
        z = jax.nn.relu(jax.nn.relu(x @ W1 + b1) @ W2 + b2) @ W3 + b3
        return -(t * jax.nn.log_softmax(z)).sum(1).mean()

    def train(parameters: Any, x: Any, t: Any, order: Any) -> Any:
        def step(parameters: Any, batch: Any) -> tuple[Any, None]:
            slopes = jax.grad(loss)(parameters, x[batch], t[batch])
            return [p - RATE * g for p, g in zip(parameters, slopes, strict=True)], None

        return jax.lax.scan(step, parameters, order)[0]

    with phase("build"):
        given = [jnp.asarray(v) for v in start()], jnp.asarray(x), jnp.asarray(targets(y))
        order = jnp.asarray(batches(STEPS, BATCH, COUNT))
        compiled = jax.jit(train, donate_argnums=0).lower(*given, order).compile()
    with phase("train"):
        parameters = jax.block_until_ready(compiled(*given, order))
    return scores(parameters)


def by_torch(phase: Any) -> dict[str, float]:
    """Eager, with autograd and an optimizer."""
    with phase("import"):
        import torch
    x, y = pictures(COUNT, (3072,), 2)
    images, labels = torch.from_numpy(x), torch.from_numpy(y.astype("int64"))
    parameters = [torch.from_numpy(v).requires_grad_() for v in start()]
    optimizer = torch.optim.SGD(parameters, lr=RATE)

    def step(batch: Any) -> None:
        W1, b1, W2, b2, W3, b3 = parameters
        z = torch.relu(torch.relu(images[batch] @ W1 + b1) @ W2 + b2) @ W3 + b3
        loss = torch.nn.functional.cross_entropy(z, labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    order = torch.from_numpy(batches(STEPS, BATCH, COUNT).astype("int64"))
    with phase("build"):
        step(order[0])
    with torch.no_grad():
        for p, v in zip(parameters, start(), strict=True):
            p.copy_(torch.from_numpy(v))
    with phase("train"):
        for batch in order:
            step(batch)
    return scores([p.detach().numpy() for p in parameters])


def by_tensorflow(phase: Any) -> dict[str, float]:
    """A step as a graph, called for every batch."""
    with phase("import"):
        import tensorflow as tf
    x, y = pictures(COUNT, (3072,), 2)
    images, labels = tf.constant(x), tf.constant(y)
    variables = [tf.Variable(v) for v in start()]
    order = tf.constant(batches(STEPS, BATCH, COUNT))

    @tf.function
    def step(batch: Any) -> None:
        with tf.GradientTape() as tape:
            W1, b1, W2, b2, W3, b3 = variables
            z = tf.nn.relu(tf.nn.relu(tf.gather(images, batch) @ W1 + b1) @ W2 + b2) @ W3 + b3
            target = tf.gather(labels, batch)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(target, z))
        for variable, slope in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(RATE * slope)

    with phase("build"):
        step(order[0])
        for variable, v in zip(variables, start(), strict=True):
            variable.assign(v)
    with phase("train"):
        for batch in order:
            step(batch)
    return scores([v.numpy() for v in variables])


def by_keras(phase: Any) -> dict[str, float]:
    """A model on JAX, fitted on the images in the order of the batches."""
    import os

    os.environ["KERAS_BACKEND"] = "jax"
    with phase("import"):
        import keras
    x, y = pictures(COUNT, (3072,), 2)
    order = batches(STEPS, BATCH, COUNT).ravel()
    with phase("build"):
        sizes = [keras.layers.Dense(n, activation="relu") for n in SIZES[1:-1]]
        model = keras.Sequential([keras.layers.Input((3072,)), *sizes, keras.layers.Dense(2, activation="softmax")])
        model.compile(keras.optimizers.SGD(RATE), "binary_crossentropy")
        model.fit(x[: 2 * BATCH], targets(y)[: 2 * BATCH], batch_size=BATCH, verbose=0)
        model.set_weights(start())
    with phase("train"):
        model.fit(x[order], targets(y)[order], batch_size=BATCH, shuffle=False, verbose=0)
    return scores(model.get_weights())
