"""Convolutional networks, described once and trained with each library.

A network is a sequence of layers: ``("conv", channels, window, padding)``, ``("pool", window, stride)``,
``("dense", units)``. An activation follows each convolution and each dense layer except the last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from workloads.samples import draw_batches

Layers = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Network:
    """Architecture and training settings of a network.

    Attributes
    ----------
    shape : tuple of int
        Shape of an image, channels last.
    layers : tuple
        Layers, from input to output.
    slope : float
        Slope of the leaky ReLU for negative inputs.
    drop : tuple of int
        Indices of the layers with dropout of 0.5 on their input.
    adam : float or None
        Learning rate of Adam; None selects SGD with Nesterov momentum 0.9 and learning rate 0.01.
    steps, batch : int
        Number of steps, and batch size.
    """

    shape: tuple[int, ...]
    layers: Layers
    slope: float
    drop: tuple[int, ...]
    adam: float | None
    steps: int
    batch: int

    def list_shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of the kernels."""
        return [kernel for kernel, _ in self.list_kernels()]

    def list_kernels(self) -> list[tuple[tuple[int, ...], int]]:
        """Return the shape of each kernel, and the number of positions in an image to which it is applied."""
        (h, w, c), kernels = self.shape, []
        for kind, *options in self.layers:
            if kind == "conv":
                channels, window, padding = options
                if padding == "valid":
                    h, w = h - window + 1, w - window + 1
                kernels.append(((window, window, c, channels), h * w))
                c = channels
            elif kind == "pool":
                window, stride = options
                h, w = (h - window) // stride + 1, (w - window) // stride + 1
            else:
                units = options[0]
                inputs = c if h == 0 else h * w * c
                kernels.append(((inputs, units), 1))
                h, w, c = 0, 0, units
        return kernels

    def count_work(self) -> dict[str, float]:
        """Return the work of a run.

        Each kernel is applied forward, for its own gradient and, except in the first layer, for its input's gradient.
        The weights are read forward, and read and written once more with the one or two moments of the optimizer.
        """
        operations = sum(
            2 * (2 if k == 0 else 3) * int(np.prod(kernel)) * positions
            for k, (kernel, positions) in enumerate(self.list_kernels())
        )
        weights = sum(4 * int(np.prod(kernel)) for kernel in self.list_shapes())
        return {
            "operations": self.steps * self.batch * operations,
            "bytes": self.steps * weights * (7 if self.adam else 5),
            "working_set": weights * (3 if self.adam else 2),
        }

    def make_weights(self) -> list[Any]:
        """Return the initial weights."""
        rng, weights = np.random.default_rng(1), []
        for shape in self.list_shapes():
            std = (2 / np.prod(shape[:-1])) ** 0.5
            weights += [(std * rng.standard_normal(shape)).astype("float32"), np.zeros(shape[-1], "float32")]
        return weights


def by_pellucid(net: Network, x: Any, y: Any, phase: Any) -> dict[str, float]:
    """Train with pellucid: layers, with the images in a shared variable."""
    with phase("import"):
        import pellucid as pel
        from pellucid import nn
    order = draw_batches(net.steps, net.batch, len(x))
    with phase("build"):
        nn.set_random_seed(0)
        images, labels = pel.shared(x, "images", trainable=False), pel.shared(y, "labels", trainable=False)
        batch = pel.ivector("batch", shape=("n",))
        h, weighted = images[batch], []
        for k, (kind, *options) in enumerate(net.layers):
            last = k == len(net.layers) - 1
            act = "softmax" if last else lambda z: pel.leaky_relu(z, net.slope) if net.slope else pel.relu(z)
            if k in net.drop:
                h = nn.Dropout(0.5)(h)
            if kind == "pool":
                h = nn.MaxPooling2D(options[0], strides=options[1])(h)
                continue
            flat = h if kind == "conv" or h.ndim == 2 else nn.Flatten()(h)
            layer = nn.Conv2D(options[0], options[1], padding=options[2]) if kind == "conv" else nn.Dense(options[0])
            h = nn.Activation(act)(layer(flat))
            weighted.append(layer)
        loss = pel.losses.sparse_categorical_crossentropy(labels[batch], h).mean()
        sgd = pel.optimizers.SGD(0.01, momentum=0.9, nesterov=True)
        optimizer = sgd if net.adam is None else pel.optimizers.Adam(net.adam)
        step = pel.function([batch], loss, updates=optimizer.updates(loss))
        state = [(variable, variable.get_value()) for variable in step.program.updates]
        step.over(order[:1])
        for variable, value in state:
            variable.set_value(value)
        for k, layer in enumerate(weighted):
            layer.set_weights(net.make_weights()[2 * k : 2 * k + 2])
        predict = pel.function([batch], pel.inference(h))
    with phase("train"):
        step.over(order)
    rows = np.arange(len(x), dtype="int32")
    return evaluate(np.concatenate([predict(rows[i : i + 64]) for i in range(0, len(x), 64)]), y)


def evaluate(p: Any, y: Any) -> dict[str, float]:
    """Return the loss and accuracy of predictions."""
    p = np.asarray(p, "float64")
    return {"loss": float(-np.log(p[np.arange(len(y)), y]).mean()), "accuracy": float((p.argmax(1) == y).mean())}


def by_torch(net: Network, x: Any, y: Any, phase: Any) -> dict[str, float]:
    """Train with PyTorch: eager modules with the memory format `channels_last`, the fastest."""
    with phase("import"):
        import torch
        from torch import nn
    order = torch.from_numpy(draw_batches(net.steps, net.batch, len(x)).astype("int64"))
    images = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
    images, labels = images.to(memory_format=torch.channels_last), torch.from_numpy(y.astype("int64"))
    torch.manual_seed(0)
    modules: list[Any] = []
    weights = iter(net.make_weights())
    flat = False

    class ChannelsLast(nn.Flatten):  # type: ignore[misc]
        """Flattens with channels last, as the other libraries do; the memory has this order already."""

        def forward(self, images: Any) -> Any:
            return super().forward(images.permute(0, 2, 3, 1))

    for k, (kind, *options) in enumerate(net.layers):
        if k in net.drop:
            modules.append(nn.Dropout(0.5))
        if kind == "pool":
            modules.append(nn.MaxPool2d(options[0], options[1]))
            continue
        kernel, bias = next(weights), next(weights)
        if kind == "conv":
            layer: Any = nn.Conv2d(kernel.shape[2], options[0], options[1], padding=options[2])
            kernel = kernel.transpose(3, 2, 0, 1)
        else:
            if not flat:
                modules.append(ChannelsLast())
                flat = True
            layer = nn.Linear(*kernel.shape)
            kernel = kernel.T
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(kernel)))
            layer.bias.copy_(torch.from_numpy(bias))
        modules.append(layer)
        if k < len(net.layers) - 1:
            modules.append(nn.LeakyReLU(net.slope) if net.slope else nn.ReLU())
    model = nn.Sequential(*modules).to(memory_format=torch.channels_last)
    first = {name: value.clone() for name, value in model.state_dict().items()}
    sgd = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True)
    optimizer = sgd if net.adam is None else torch.optim.Adam(model.parameters(), lr=net.adam)

    def step(batch: Any) -> None:
        loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    with phase("build"):
        step(order[0])
        model.load_state_dict(first)
        optimizer.state.clear()
    with phase("train"):
        for batch in order:
            step(batch)
    model.eval()
    with torch.no_grad():
        return evaluate(torch.softmax(model(images), 1).numpy(), y)


def build_keras_model(net: Network, keras: Any) -> Any:
    """Return the compiled Keras model of a network."""
    layers: list[Any] = [keras.layers.Input(net.shape)]
    flat = False
    for k, (kind, *options) in enumerate(net.layers):
        if k in net.drop:
            layers.append(keras.layers.Dropout(0.5))
        if kind == "pool":
            layers.append(keras.layers.MaxPooling2D(options[0], strides=options[1]))
            continue
        if kind == "dense" and not flat:
            layers.append(keras.layers.Flatten())
            flat = True
        layer = (
            keras.layers.Conv2D(options[0], options[1], padding=options[2])
            if kind == "conv"
            else keras.layers.Dense(options[0])
        )
        layers += [layer, keras.layers.Softmax() if k == len(net.layers) - 1 else keras.layers.LeakyReLU(net.slope)]
    model = keras.Sequential(layers)
    sgd = keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True)
    optimizer = sgd if net.adam is None else keras.optimizers.Adam(net.adam)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def by_keras(net: Network, x: Any, y: Any, phase: Any, backend: str) -> dict[str, float]:
    """Train with Keras: `fit` on the images in the order of the batches."""
    import os

    os.environ["KERAS_BACKEND"] = backend
    with phase("import"):
        import keras
    order = draw_batches(net.steps, net.batch, len(x)).ravel()
    with phase("build"):
        keras.utils.set_random_seed(0)
        model = build_keras_model(net, keras)
        model.fit(x[: 2 * net.batch], y[: 2 * net.batch], batch_size=net.batch, verbose=0)
        model.set_weights(net.make_weights())
        for variable in model.optimizer.variables[2:]:
            variable.assign(variable * 0)
    with phase("train"):
        model.fit(x[order], y[order], batch_size=net.batch, shuffle=False, verbose=0)
    return evaluate(model.predict(x, verbose=0), y)


def by_tensorflow(net: Network, x: Any, y: Any, phase: Any) -> dict[str, float]:
    """Train with TensorFlow: a compiled step of a Keras model, called for every batch."""
    import os

    os.environ["KERAS_BACKEND"] = "tensorflow"
    with phase("import"):
        import keras
        import tensorflow as tf
    images, labels = tf.constant(x), tf.constant(y)
    order = tf.constant(draw_batches(net.steps, net.batch, len(x)))
    keras.utils.set_random_seed(0)
    model = build_keras_model(net, keras)
    optimizer = model.optimizer

    @tf.function
    def step(batch: Any) -> None:
        with tf.GradientTape() as tape:
            p = model(tf.gather(images, batch), training=True)
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(tf.gather(labels, batch), p))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    with phase("build"):
        step(order[0])
        model.set_weights(net.make_weights())
        for variable in optimizer.variables[2:]:
            variable.assign(variable * 0)
    with phase("train"):
        for batch in order:
            step(batch)
    return evaluate(model.predict(x, verbose=0), y)


def apply_jax(net: Network, parameters: Any, h: Any, key: Any) -> Any:
    """Return the logits of images in JAX, with dropout if there is a key."""
    import jax
    import jax.numpy as jnp

    weights = iter(parameters)
    for k, (kind, *options) in enumerate(net.layers):
        if k in net.drop and key is not None:
            h = jnp.where(jax.random.bernoulli(jax.random.fold_in(key, k), 0.5, h.shape), 2 * h, 0)
        if kind == "pool":
            window, strides = (1, options[0], options[0], 1), (1, options[1], options[1], 1)
            h = jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, window, strides, "VALID")
            continue
        W, b = next(weights), next(weights)
        if kind == "conv":
            layout = ("NHWC", "HWIO", "NHWC")
            h = jax.lax.conv_general_dilated(h, W, (1, 1), options[2].upper(), dimension_numbers=layout) + b
        else:
            h = h.reshape(len(h), -1) @ W + b
        if k < len(net.layers) - 1:
            h = jax.nn.leaky_relu(h, net.slope)
    return h


def by_jax(net: Network, x: Any, y: Any, phase: Any) -> dict[str, float]:
    """Train with JAX: a compiled step, called for every batch, because XLA's convolutions are far slower in a loop."""
    with phase("import"):
        import jax
        import jax.numpy as jnp
    order = draw_batches(net.steps, net.batch, len(x))

    def forward(parameters: Any, h: Any, key: Any) -> Any:
        return apply_jax(net, parameters, h, key)

    def loss(parameters: Any, x: Any, y: Any, key: Any) -> Any:
        z = jax.nn.log_softmax(forward(parameters, x, key))
        return -jnp.take_along_axis(z, y[:, None], axis=1).mean()

    def step(parameters: Any, first: Any, second: Any, t: Any, x: Any, y: Any, batch: Any) -> Any:
        gradients = jax.grad(loss)(parameters, x[batch], y[batch], jax.random.fold_in(jax.random.key(0), t))
        if net.adam is None:
            first = [0.9 * m - 0.01 * g for m, g in zip(first, gradients, strict=True)]
            updated = [p + 0.9 * m - 0.01 * g for p, m, g in zip(parameters, first, gradients, strict=True)]
            return updated, first, second
        first = [0.9 * m + 0.1 * g for m, g in zip(first, gradients, strict=True)]
        second = [0.999 * v + 0.001 * g * g for v, g in zip(second, gradients, strict=True)]
        rate = net.adam * jnp.sqrt(1 - 0.999 ** (t + 1.0)) / (1 - 0.9 ** (t + 1.0))
        updated = [p - rate * m / (jnp.sqrt(v) + 1e-7) for p, m, v in zip(parameters, first, second, strict=True)]
        return updated, first, second

    with phase("build"):
        images, labels = jnp.asarray(x), jnp.asarray(y)
        parameters = [jnp.asarray(v) for v in net.make_weights()]
        first, second = [p * 0 for p in parameters], [p * 0 for p in parameters]
        compiled = jax.jit(step, donate_argnums=(0, 1, 2))
        compiled = compiled.lower(parameters, first, second, 0, images, labels, order[0]).compile()
    with phase("train"):
        for t, batch in enumerate(order):
            parameters, first, second = compiled(parameters, first, second, t, images, labels, batch)
        jax.block_until_ready(parameters)
    return evaluate(jax.nn.softmax(forward(parameters, images, None)), y)
