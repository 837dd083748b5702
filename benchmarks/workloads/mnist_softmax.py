"""Softmax regression on MNIST digits: 784-10, batches of 100 images stored as bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from workloads.samples import draw_batches, load_digits

TITLE = "digits, softmax 784-10, 1,000 batches of 100"
STEPS, BATCH, RATE = 1000, 100, 0.01
LIBRARIES = ("pellucid", "numpy", "jax", "torch", "tensorflow", "keras", "pytensor")


def count_work() -> dict[str, float]:
    """Return the work of a run: for each batch, two products with 7,840 weights, and one read of its bytes."""
    return {"operations": STEPS * 2 * 2 * BATCH * 784 * 10, "bytes": STEPS * BATCH * 784, "working_set": 60_000 * 784}


def evaluate(W: Any, b: Any) -> dict[str, float]:
    """Return the loss and accuracy on the test images."""
    _, _, x, y = load_digits()
    z = x / 255.0 @ np.asarray(W, "float64") + np.asarray(b, "float64")
    z -= z.max(1, keepdims=True)
    loss = (np.log(np.exp(z).sum(1)) - z[np.arange(len(y)), y]).mean()
    return {"loss": float(loss), "accuracy": float((z.argmax(1) == y).mean())}


def by_pellucid(phase: Any) -> dict[str, float]:
    """Train with pellucid: all images in a shared variable as bytes, and batches gathered inside the program."""
    with phase("import"):
        import pellucid as pel
    x, y, _, _ = load_digits()
    order = draw_batches(STEPS, BATCH, len(x))
    with phase("build"):
        images = pel.shared(x, "images", trainable=False)
        labels = pel.shared(y, "labels", trainable=False)
        batch = pel.ivector("batch", shape=("n",))
        W, b = pel.shared(np.zeros((784, 10), "float32"), "W"), pel.shared(np.zeros(10, "float32"), "b")
        p = pel.softmax(images[batch].astype("float32") / 255 @ W + b)
        loss = pel.losses.sparse_categorical_crossentropy(labels[batch], p).sum()
        step = pel.function([batch], loss, updates=pel.optimizers.SGD(RATE).updates(loss))
        step.over(order[:1])
        W.set_value(np.zeros((784, 10), "float32"))
        b.set_value(np.zeros(10, "float32"))
    with phase("train"):
        step.over(order)
    return evaluate(W.get_value(), b.get_value())


def by_numpy(phase: Any) -> dict[str, float]:
    """Train with NumPy: the gradient written by hand."""
    x, y, _, _ = load_digits()
    order = draw_batches(STEPS, BATCH, len(x))
    W, b, rows = np.zeros((784, 10), "float32"), np.zeros(10, "float32"), np.arange(BATCH)
    with phase("train"):
        for batch in order:
            pixels = x[batch].astype("float32") / 255
            z = pixels @ W + b
            e = np.exp(z - z.max(axis=1, keepdims=True))
            delta = e / e.sum(axis=1, keepdims=True)
            delta[rows, y[batch]] -= 1
            W -= RATE * (pixels.T @ delta)
            b -= RATE * delta.sum(axis=0)
    return evaluate(W, b)


def by_jax(phase: Any) -> dict[str, float]:
    """Train with JAX: a scan over the batches, with all images on the device as bytes."""
    with phase("import"):
        import jax
        import jax.numpy as jnp
    x, y, _, _ = load_digits()
    order = draw_batches(STEPS, BATCH, len(x))

    def loss(parameters: Any, pixels: Any, labels: Any) -> Any:
        W, b = parameters
        z = pixels.astype("float32") / 255 @ W + b
        return -jnp.take_along_axis(jax.nn.log_softmax(z), labels[:, None], axis=1).sum()

    def train(parameters: Any, x: Any, y: Any, order: Any) -> Any:
        def step(parameters: Any, batch: Any) -> tuple[Any, None]:
            gradients = jax.grad(loss)(parameters, x[batch], y[batch])
            return [p - RATE * g for p, g in zip(parameters, gradients, strict=True)], None

        return jax.lax.scan(step, parameters, order)[0]

    with phase("build"):
        start = [jnp.zeros((784, 10)), jnp.zeros(10)]
        given = start, jnp.asarray(x), jnp.asarray(y), jnp.asarray(order)
        compiled = jax.jit(train).lower(*given).compile()
    with phase("train"):
        W, b = jax.block_until_ready(compiled(*given))
    return evaluate(W, b)


def by_torch(phase: Any) -> dict[str, float]:
    """Train with PyTorch: eager, with autograd and an optimizer."""
    with phase("import"):
        import torch
    x, y, _, _ = load_digits()
    order = torch.from_numpy(draw_batches(STEPS, BATCH, len(x)).astype("int64"))
    images, labels = torch.from_numpy(x.copy()), torch.from_numpy(y.astype("int64"))
    W, b = torch.zeros((784, 10), requires_grad=True), torch.zeros(10, requires_grad=True)
    optimizer = torch.optim.SGD([W, b], lr=RATE)

    def step(batch: Any) -> None:
        z = images[batch].float() / 255 @ W + b
        loss = torch.nn.functional.cross_entropy(z, labels[batch], reduction="sum")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    with phase("build"):
        step(order[0])
    with torch.no_grad():
        W.zero_()
        b.zero_()
    with phase("train"):
        for batch in order:
            step(batch)
    return evaluate(W.detach().numpy(), b.detach().numpy())


def by_tensorflow(phase: Any) -> dict[str, float]:
    """Train with TensorFlow: a compiled step, called for every batch."""
    with phase("import"):
        import tensorflow as tf
    x, y, _, _ = load_digits()
    order = tf.constant(draw_batches(STEPS, BATCH, len(x)))
    images, labels = tf.constant(x), tf.constant(y)
    W, b = tf.Variable(tf.zeros((784, 10))), tf.Variable(tf.zeros(10))

    @tf.function
    def step(batch: Any) -> None:
        with tf.GradientTape() as tape:
            z = tf.cast(tf.gather(images, batch), tf.float32) / 255 @ W + b
            target = tf.gather(labels, batch)
            loss = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(target, z))
        for variable, gradient in zip((W, b), tape.gradient(loss, (W, b)), strict=True):
            variable.assign_sub(RATE * gradient)

    with phase("build"):
        step(order[0])
        W.assign(tf.zeros((784, 10)))
        b.assign(tf.zeros(10))
    with phase("train"):
        for batch in order:
            step(batch)
    return evaluate(W.numpy(), b.numpy())


def by_keras(phase: Any) -> dict[str, float]:
    """Train with Keras on JAX: `fit` on the images in the order of the batches."""
    import os

    os.environ["KERAS_BACKEND"] = "jax"
    with phase("import"):
        import keras
    x, y, _, _ = load_digits()
    order = draw_batches(STEPS, BATCH, len(x)).ravel()
    with phase("build"):
        dense = keras.layers.Dense(10, kernel_initializer="zeros")
        model = keras.Sequential([keras.layers.Input((784,)), keras.layers.Rescaling(1 / 255), dense])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(RATE * BATCH), loss)
        model.fit(x[: 2 * BATCH], y[: 2 * BATCH], batch_size=BATCH, verbose=0)
        dense.set_weights([np.zeros((784, 10), "float32"), np.zeros(10, "float32")])
    with phase("train"):
        model.fit(x[order], y[order], batch_size=BATCH, shuffle=False, verbose=0)
    return evaluate(*dense.get_weights())


def by_pytensor(phase: Any) -> dict[str, float]:
    """Train with PyTensor: a compiled step, called for every batch."""
    with phase("import"):
        import pytensor
        import pytensor.tensor as pt
    x, y, _, _ = load_digits()
    order = draw_batches(STEPS, BATCH, len(x))
    with phase("build"):
        images, labels, batch = pytensor.shared(x), pytensor.shared(y), pt.ivector()
        W, b = pytensor.shared(np.zeros((784, 10), "float32")), pytensor.shared(np.zeros(10, "float32"))
        z = pt.cast(images[batch], "float32") / np.float32(255) @ W + b
        loss = -pt.special.log_softmax(z, axis=1)[np.arange(BATCH), labels[batch]].sum()
        gradients, rate = pytensor.grad(loss, [W, b]), np.float32(RATE)
        step = pytensor.function(
            [batch], [], updates=[(p, p - rate * g) for p, g in zip((W, b), gradients, strict=True)]
        )
        step(order[0])
        W.set_value(np.zeros((784, 10), "float32"))
        b.set_value(np.zeros(10, "float32"))
    with phase("train"):
        for indices in order:
            step(indices)
    return evaluate(W.get_value(), b.get_value())
