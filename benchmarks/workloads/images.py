"""Dense network on flattened images: 3072-768-384-2, ReLU, binary cross-entropy of a softmax, batches of 128."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from workloads.samples import draw_batches, make_images

TITLE = "images, 3072-768-384-2, batches of 128"
STEPS, BATCH, COUNT, RATE = 60, 128, 1280, 0.01
SIZES = (3072, 768, 384, 2)
LIBRARIES = ("pellucid", "numpy", "jax", "torch", "tensorflow", "keras")


def count_work() -> dict[str, float]:
    """Return the work of a run: forward products, gradients of weights and inputs, and transfers of the weights.

    The weights are read forward, and read and written once more by a backward pass that updates them.
    """
    pairs = [a * b for a, b in pairwise(SIZES)]
    return {
        "operations": STEPS * 2 * BATCH * (2 * sum(pairs) + sum(pairs[1:])),
        "bytes": STEPS * 3 * 4 * sum(pairs),
        "working_set": 4 * sum(pairs),
    }


def make_weights() -> list[Any]:
    """Return the initial weights."""
    rng, found = np.random.default_rng(1), []
    for a, b in pairwise(SIZES):
        found += [rng.uniform(-0.05, 0.05, (a, b)).astype("float32"), np.zeros(b, "float32")]
    return found


def evaluate(parameters: list[Any]) -> dict[str, float]:
    """Return the loss and accuracy on all images."""
    x, y = make_images(COUNT, (3072,), 2)
    W1, b1, W2, b2, W3, b3 = (np.asarray(p, "float64") for p in parameters)
    z = np.maximum(np.maximum(x @ W1 + b1, 0) @ W2 + b2, 0) @ W3 + b3
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return {"loss": float(-np.log(p[np.arange(len(y)), y]).mean()), "accuracy": float((z.argmax(1) == y).mean())}


def one_hot(y: Any) -> Any:
    """Return the one-hot encoding of labels."""
    return np.eye(2, dtype="float32")[y]


def by_pellucid(phase: Any) -> dict[str, float]:
    """Train with pellucid: layers, with the images in a shared variable."""
    with phase("import"):
        import pellucid as pel
        from pellucid import nn
    x, y = make_images(COUNT, (3072,), 2)
    order = draw_batches(STEPS, BATCH, COUNT)
    with phase("build"):
        images, labels = pel.shared(x, "images", trainable=False), pel.shared(one_hot(y), "labels", trainable=False)
        batch = pel.ivector("batch", shape=("n",))
        layers = [nn.Dense(768, activation="relu"), nn.Dense(384, activation="relu"), nn.Dense(2, activation="softmax")]
        h = images[batch]
        for layer in layers:
            h = layer(h)
        loss = pel.losses.binary_crossentropy(labels[batch], h).mean()
        step = pel.function([batch], loss, updates=pel.optimizers.SGD(RATE).updates(loss))
        step.over(order[:1])
        for k, layer in enumerate(layers):
            layer.set_weights(make_weights()[2 * k : 2 * k + 2])
    with phase("train"):
        step.over(order)
    return evaluate([w for layer in layers for w in layer.get_weights()])


def by_numpy(phase: Any) -> dict[str, float]:
    """Train with NumPy: backpropagation written by hand."""
    x, y = make_images(COUNT, (3072,), 2)
    t, parameters = one_hot(y), make_weights()
    with phase("train"):
        for batch in draw_batches(STEPS, BATCH, COUNT):
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
    return evaluate(parameters)


def by_jax(phase: Any) -> dict[str, float]:
    """Train with JAX: a scan over the batches."""
    with phase("import"):
        import jax
        import jax.numpy as jnp
    x, y = make_images(COUNT, (3072,), 2)

    def loss(parameters: Any, x: Any, t: Any) -> Any:
        W1, b1, W2, b2, W3, b3 = parameters
        z = jax.nn.relu(jax.nn.relu(x @ W1 + b1) @ W2 + b2) @ W3 + b3
        return -(t * jax.nn.log_softmax(z)).sum(1).mean()

    def train(parameters: Any, x: Any, t: Any, order: Any) -> Any:
        def step(parameters: Any, batch: Any) -> tuple[Any, None]:
            gradients = jax.grad(loss)(parameters, x[batch], t[batch])
            return [p - RATE * g for p, g in zip(parameters, gradients, strict=True)], None

        return jax.lax.scan(step, parameters, order)[0]

    with phase("build"):
        given = [jnp.asarray(v) for v in make_weights()], jnp.asarray(x), jnp.asarray(one_hot(y))
        order = jnp.asarray(draw_batches(STEPS, BATCH, COUNT))
        compiled = jax.jit(train, donate_argnums=0).lower(*given, order).compile()
    with phase("train"):
        parameters = jax.block_until_ready(compiled(*given, order))
    return evaluate(parameters)


def by_torch(phase: Any) -> dict[str, float]:
    """Train with PyTorch: eager, with autograd and an optimizer."""
    with phase("import"):
        import torch
    x, y = make_images(COUNT, (3072,), 2)
    images, labels = torch.from_numpy(x), torch.from_numpy(y.astype("int64"))
    parameters = [torch.from_numpy(v).requires_grad_() for v in make_weights()]
    optimizer = torch.optim.SGD(parameters, lr=RATE)

    def step(batch: Any) -> None:
        W1, b1, W2, b2, W3, b3 = parameters
        z = torch.relu(torch.relu(images[batch] @ W1 + b1) @ W2 + b2) @ W3 + b3
        loss = torch.nn.functional.cross_entropy(z, labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    order = torch.from_numpy(draw_batches(STEPS, BATCH, COUNT).astype("int64"))
    with phase("build"):
        step(order[0])
    with torch.no_grad():
        for p, v in zip(parameters, make_weights(), strict=True):
            p.copy_(torch.from_numpy(v))
    with phase("train"):
        for batch in order:
            step(batch)
    return evaluate([p.detach().numpy() for p in parameters])


def by_tensorflow(phase: Any) -> dict[str, float]:
    """Train with TensorFlow: a compiled step, called for every batch."""
    with phase("import"):
        import tensorflow as tf
    x, y = make_images(COUNT, (3072,), 2)
    images, labels = tf.constant(x), tf.constant(y)
    variables = [tf.Variable(v) for v in make_weights()]
    order = tf.constant(draw_batches(STEPS, BATCH, COUNT))

    @tf.function
    def step(batch: Any) -> None:
        with tf.GradientTape() as tape:
            W1, b1, W2, b2, W3, b3 = variables
            z = tf.nn.relu(tf.nn.relu(tf.gather(images, batch) @ W1 + b1) @ W2 + b2) @ W3 + b3
            target = tf.gather(labels, batch)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(target, z))
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(RATE * gradient)

    with phase("build"):
        step(order[0])
        for variable, v in zip(variables, make_weights(), strict=True):
            variable.assign(v)
    with phase("train"):
        for batch in order:
            step(batch)
    return evaluate([v.numpy() for v in variables])


def by_keras(phase: Any) -> dict[str, float]:
    """Train with Keras on JAX: `fit` on the images in the order of the batches."""
    import os

    os.environ["KERAS_BACKEND"] = "jax"
    with phase("import"):
        import keras
    x, y = make_images(COUNT, (3072,), 2)
    order = draw_batches(STEPS, BATCH, COUNT).ravel()
    with phase("build"):
        sizes = [keras.layers.Dense(n, activation="relu") for n in SIZES[1:-1]]
        model = keras.Sequential([keras.layers.Input((3072,)), *sizes, keras.layers.Dense(2, activation="softmax")])
        model.compile(keras.optimizers.SGD(RATE), "binary_crossentropy")
        model.fit(x[: 2 * BATCH], one_hot(y)[: 2 * BATCH], batch_size=BATCH, verbose=0)
        model.set_weights(make_weights())
    with phase("train"):
        model.fit(x[order], one_hot(y)[order], batch_size=BATCH, shuffle=False, verbose=0)
    return evaluate(model.get_weights())
