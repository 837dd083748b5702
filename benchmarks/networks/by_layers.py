"""Training with pellucid, Keras and TensorFlow."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from networks.catalog import Array, Network
from networks.layer_builder import LayerBuilder, Weights, compile_model, make_model_targets


def build_pellucid(net: Network) -> tuple[Any, LayerBuilder]:
    """Return a compiled model of pellucid with its own initial weights."""
    import pellucid as pel
    from pellucid import nn

    class Sampling(nn.Layer):  # type: ignore[misc]
        """Draws from normal distributions."""

        def __init__(self) -> None:
            super().__init__()
            self.generator = pel.random.Generator(0)

        def call(self, statistics: Any) -> Any:
            code = statistics.shape[-1] // 2
            mean, log_variance = statistics[:, :code], statistics[:, code:]
            return mean + pel.exp(0.5 * log_variance) * self.generator.normal(like=mean)

    nn.set_random_seed(0)
    return compile_model(net, pel, nn, Sampling, pel)


def by_pellucid(net: Network, x: Array, y: Array, weights: Weights, phase: Any) -> Any:
    """Return the training with pellucid: `fit` with its default settings."""
    with phase("import"):
        import pellucid  # noqa: F401
    with phase("build"):
        model, builder = build_pellucid(net)
        builder.set_weights(weights)
    targets = make_model_targets(net, y)

    def train(first: int, last: int) -> list[float]:
        done = model.fit(x, targets, batch_size=net.batch, initial_epoch=first, epochs=last, seed=0, verbose=0)
        return list(done.history["loss"])

    return train


def build_keras(net: Network, weights: Weights, backend: str, phase: Any) -> Any:
    """Return a compiled model of Keras with the given weights."""
    os.environ["KERAS_BACKEND"] = backend
    with phase("import"):
        import keras

    class Sampling(keras.layers.Layer):  # type: ignore[misc]
        """Draws from normal distributions."""

        def __init__(self) -> None:
            super().__init__()
            self.generator = keras.random.SeedGenerator(0)

        def call(self, statistics: Any) -> Any:
            mean, log_variance = keras.ops.split(statistics, 2, axis=-1)
            noise = keras.random.normal(keras.ops.shape(mean), seed=self.generator)
            return mean + keras.ops.exp(0.5 * log_variance) * noise

    with phase("build"):
        model, builder = compile_model(net, keras, keras.layers, Sampling, keras.ops)
        builder.set_weights(weights)
    return model


def by_keras_jax(net: Network, x: Array, y: Array, weights: Weights, phase: Any) -> Any:
    """Return the training with Keras on JAX: `fit` on the samples in the order of the batches."""
    model = build_keras(net, weights, "jax", phase)
    targets = make_model_targets(net, y)

    def train(first: int, last: int) -> list[float]:
        losses = []
        for epoch in range(first, last):
            order = net.get_order(epoch).ravel()
            taken = [values[order] for values in targets] if net.is_random else targets[order]
            done = model.fit(x[order], taken, batch_size=net.batch, shuffle=False, verbose=0)
            losses += done.history["loss"]
        return losses

    return train


def by_tensorflow(net: Network, x: Array, y: Array, weights: Weights, phase: Any) -> Any:
    """Return the training with TensorFlow: a compiled step of a Keras model, called for every batch."""
    model = build_keras(net, weights, "tensorflow", phase)
    with phase("import"):
        import tensorflow as tf
    samples = tf.constant(x)
    targets = tf.nest.map_structure(tf.constant, make_model_targets(net, y))

    @tf.function
    def step(batch: Any) -> Any:
        taken = tf.nest.map_structure(lambda values: tf.gather(values, batch), targets)
        with tf.GradientTape() as tape:
            loss = model.compute_loss(y=taken, y_pred=model(tf.gather(samples, batch), training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    def train(first: int, last: int) -> list[float]:
        epochs = [[step(batch) for batch in tf.constant(net.get_order(epoch))] for epoch in range(first, last)]
        return [float(np.mean(losses)) for losses in epochs]

    return train
