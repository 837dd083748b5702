"""The families: their layers, sizes, data and losses, for every library.

A network is a sequence of layers, each a name and its options; `layer_builder.py` lists the names. A recurrent layer
returns its last output, convolutions have padding ``"same"``, and ``residual`` and ``skip`` contain sequences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Layers = tuple[tuple[Any, ...], ...]

SIZES = ("small", "medium", "large")
CLASSES, RATE = 10, 1e-3
EPSILON = 1e-10
"""Adam's epsilon. PyTorch adds it at another place, and with the usual 1e-7 the first steps differ."""


@dataclass(frozen=True)
class Network:
    """A network of a certain size, its data and training settings.

    Attributes
    ----------
    shape : tuple of int
        Shape of a sample, channels last.
    layers : tuple
        Layers, from input to output.
    batch : int
        Batch size.
    steps : int
        Steps of an epoch; there are no remainder batches.
    epochs : int
        Epochs of a timed call of ``fit``.
    loss : {"classes", "binary", "pixels", "image"}
        Cross-entropy of integer classes, of two classes or of the pixels of a mask, from logits; or the squared error
        of an image from the input. A network with the layer ``sample`` predicts its input, too, and adds the
        Kullback-Leibler divergence.
    vocabulary : int
        Number of words, if a sample is a sequence of words.
    """

    shape: tuple[int, ...]
    layers: Layers
    batch: int
    steps: int
    epochs: int
    loss: str = "classes"
    vocabulary: int = 0

    @property
    def kinds(self) -> set[str]:
        """The names of all layers."""
        return set(list_kinds(self.layers))

    @property
    def is_convolutional(self) -> bool:
        """Whether there are convolutions over images."""
        return bool(self.kinds & {"conv", "depthwise", "transposed"})

    @property
    def is_random(self) -> bool:
        """Whether the libraries draw different random numbers, so that their losses agree less."""
        return "sample" in self.kinds

    def make_data(self) -> tuple[Array, Array]:
        """Return samples and targets, which a network can learn."""
        rng = np.random.default_rng(0)
        count = self.batch * self.steps
        if self.vocabulary:
            x = rng.integers(0, self.vocabulary, (count, *self.shape)).astype("int32")
        elif self.loss == "image" or self.is_random:
            x = make_low_rank_images(rng, count, self.shape)
        else:
            x = rng.standard_normal((count, *self.shape), dtype="float32")
        return x, self.make_targets(rng, x)

    def make_targets(self, rng: np.random.Generator, x: Array) -> Array:
        if self.loss == "image" or self.is_random:
            return x
        if self.loss == "pixels":
            return (x[..., :1] > 0.5).astype("float32")
        classes = 2 if self.loss == "binary" else CLASSES
        directions = rng.standard_normal((int(np.prod(self.shape)), classes), dtype="float32")
        scores = (x.reshape(len(x), -1) - x.mean(dtype="float32")) @ directions
        labels = scores.argmax(1)
        return labels[:, None].astype("float32") if self.loss == "binary" else labels.astype("int32")

    def get_order(self, epoch: int) -> Array:
        """Return the samples of each step of an epoch, in the order of pellucid's ``fit`` with seed 0."""
        count = self.batch * self.steps
        order = np.random.default_rng([0, epoch]).permutation(count).astype("int32")
        return order.reshape(self.steps, self.batch)


def make_low_rank_images(rng: np.random.Generator, count: int, shape: tuple[int, ...]) -> Array:
    """Return images between 0 and 1 that depend on eight hidden numbers."""
    hidden = rng.standard_normal((count, 8), dtype="float32")
    directions = rng.standard_normal((8, int(np.prod(shape))), dtype="float32")
    return (1 / (1 + np.exp(-hidden @ directions))).astype("float32").reshape(count, *shape)


def list_kinds(layers: Layers) -> list[str]:
    """Return the names of layers and of the layers that they contain."""
    kinds = []
    for kind, *options in layers:
        kinds.append(kind)
        for option in options if kind in ("residual", "skip") else ():
            kinds += list_kinds(option)
    return kinds


def make_dense_stack(depth: int, units: int, activation: str) -> Layers:
    return (("dense", units, activation),) * depth + (("dense", CLASSES),)


def make_recurrent(kind: str) -> Callable[..., Network]:
    """Return a function that makes a network with a recurrent layer."""

    def make(length: int, features: int, units: int, batch: int, steps: int, epochs: int) -> Network:
        return Network((length, features), ((kind, units), ("dense", CLASSES)), batch, steps, epochs)

    return make


def make_text(words: int, length: int, features: int, batch: int, steps: int, epochs: int) -> Network:
    layers = (("embedding", words, features), ("mean_time",), ("dense", features, "relu"), ("dense", CLASSES))
    return Network((length,), layers, batch, steps, epochs, vocabulary=words)


def make_table(features: int, units: int, depth: int, batch: int, steps: int, epochs: int) -> Network:
    block = (("dense", units), ("batch_norm",), ("activation", "relu"))
    return Network((features,), block * depth + (("dense", CLASSES),), batch, steps, epochs)


def make_dense(activation: str) -> Callable[..., Network]:
    """Return a function that makes a dense network with an activation."""

    def make(features: int, units: int, depth: int, batch: int, steps: int, epochs: int) -> Network:
        return Network((features,), make_dense_stack(depth, units, activation), batch, steps, epochs)

    return make


def make_logistic(features: int, batch: int, steps: int, epochs: int) -> Network:
    return Network((features,), (("dense", 1),), batch, steps, epochs, loss="binary")


def make_autoencoder(pixels: int, units: int, code: int, batch: int, steps: int, epochs: int) -> Network:
    widths = (units, units // 4, code, units // 4, units)
    layers = (*(("dense", width, "relu") for width in widths), ("dense", pixels, "sigmoid"))
    return Network((pixels,), layers, batch, steps, epochs, loss="image")


def make_vae(pixels: int, units: int, code: int, batch: int, steps: int, epochs: int) -> Network:
    encoder = (("dense", units, "relu"), ("dense", 2 * code), ("sample",))
    decoder = (("dense", units, "relu"), ("dense", pixels))
    return Network((pixels,), encoder + decoder, batch, steps, epochs, loss="binary")


def make_conv_norm(channels: int, window: int = 3, stride: int = 1) -> Layers:
    """Return a convolution without bias, and batch normalization."""
    return (("conv", channels, window, stride), ("batch_norm",))


def make_resnet(image: int, width: int, blocks: int, batch: int, steps: int, epochs: int) -> Network:
    relu = (("activation", "relu"),)
    layers = make_conv_norm(width) + relu
    for stage in range(3):
        for block in range(blocks):
            channels, stride = width * 2**stage, 2 if stage and not block else 1
            body = make_conv_norm(channels, 3, stride) + relu + make_conv_norm(channels)
            shortcut = make_conv_norm(channels, 1, stride) if stride == 2 else ()
            layers += (("residual", body, shortcut), *relu)
    return Network((image, image, 3), (*layers, ("global_pool",), ("dense", CLASSES)), batch, steps, epochs)


def make_separable(image: int, width: int, blocks: int, batch: int, steps: int, epochs: int) -> Network:
    relu = (("activation", "relu"),)
    layers = make_conv_norm(width) + relu
    for stage in range(3):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            layers += (("depthwise", 3, stride), ("batch_norm",), *relu)
            layers += make_conv_norm(width * 2**stage, 1) + relu
    return Network((image, image, 3), (*layers, ("global_pool",), ("dense", CLASSES)), batch, steps, epochs)


def make_unet(image: int, width: int, depth: int, batch: int, steps: int, epochs: int) -> Network:
    def make_level(level: int) -> Layers:
        channels = width * 2**level
        double = (("conv", channels, 3, 1, "relu"),) * 2
        if level == depth:
            return double
        inner = (("pool",), *make_level(level + 1), ("transposed", channels))
        return (*double, ("skip", inner), *double)

    layers = (*make_level(0), ("conv", 1, 1, 1, None))
    return Network((image, image, 3), layers, batch, steps, epochs, loss="pixels")


def make_conv1d(length: int, width: int, depth: int, batch: int, steps: int, epochs: int) -> Network:
    layers: Layers = ()
    for level in range(depth):
        layers += (("conv1d", width * 2**level, 5, "relu"), ("pool1d",))
    return Network((length, 8), (*layers, ("global_pool",), ("dense", CLASSES)), batch, steps, epochs)


def make_transformer(
    length: int, features: int, heads: int, depth: int, batch: int, steps: int, epochs: int
) -> Network:
    attend = (("layer_norm",), ("attention", heads))
    transform = (("layer_norm",), ("dense", 4 * features, "gelu"), ("dense", features))
    block = (("residual", attend, ()), ("residual", transform, ()))
    layers = (("dense", features), *block * depth, ("layer_norm",), ("mean_time",), ("dense", CLASSES))
    return Network((length, 16), layers, batch, steps, epochs)


@dataclass(frozen=True)
class Family:
    """A kind of network: its title, and the options of each size."""

    title: str
    make: Callable[..., Network]
    small: tuple[int, ...]
    medium: tuple[int, ...]
    large: tuple[int, ...]

    def make_network(self, size: str) -> Network:
        """Return the network of a size."""
        return self.make(*getattr(self, size))


FAMILIES = {
    "lstm": Family(
        "LSTM", make_recurrent("lstm"), (20, 8, 32, 32, 20, 10), (32, 64, 128, 32, 20, 2), (64, 64, 256, 64, 5, 1)
    ),
    "gru": Family(
        "GRU", make_recurrent("gru"), (20, 8, 32, 32, 20, 10), (32, 64, 128, 32, 20, 2), (64, 64, 256, 64, 5, 1)
    ),
    "rnn": Family(
        "simple RNN", make_recurrent("rnn"), (20, 8, 32, 32, 20, 10), (32, 64, 128, 32, 20, 4), (64, 64, 256, 64, 5, 2)
    ),
    "text": Family(
        "text: embedding, mean, dense",
        make_text,
        (1000, 50, 16, 32, 50, 20),
        (20_000, 100, 64, 64, 20, 2),
        (50_000, 200, 128, 128, 5, 1),
    ),
    "table": Family(
        "dense with batch norm, table",
        make_table,
        (10, 32, 2, 32, 50, 20),
        (32, 128, 3, 256, 40, 5),
        (100, 512, 3, 1024, 10, 1),
    ),
    "wide_tanh": Family(
        "dense, batch of 4,096, tanh",
        make_dense("tanh"),
        (20, 64, 2, 4096, 10, 5),
        (64, 256, 2, 4096, 10, 2),
        (64, 1024, 2, 4096, 2, 1),
    ),
    "wide_relu": Family(
        "dense, 1,024 units, relu",
        make_dense("relu"),
        (64, 1024, 2, 32, 20, 2),
        (64, 1024, 2, 256, 20, 1),
        (64, 1024, 3, 1024, 5, 1),
    ),
    "tiny": Family(
        "tiny dense, mini-batches",
        make_dense("tanh"),
        (2, 8, 1, 16, 50, 100),
        (20, 64, 2, 32, 50, 50),
        (64, 128, 3, 64, 50, 10),
    ),
    "logistic": Family(
        "logistic regression", make_logistic, (20, 64, 100, 50), (1000, 256, 40, 10), (4000, 1024, 10, 4)
    ),
    "autoencoder": Family(
        "autoencoder",
        make_autoencoder,
        (64, 32, 4, 32, 50, 20),
        (784, 128, 8, 128, 20, 10),
        (784, 1024, 32, 256, 10, 2),
    ),
    "vae": Family("VAE", make_vae, (64, 32, 2, 32, 50, 20), (784, 256, 16, 128, 20, 5), (784, 1024, 32, 256, 10, 2)),
    "resnet": Family(
        "ResNet with batch norm", make_resnet, (16, 8, 1, 16, 10, 5), (32, 16, 1, 32, 5, 2), (32, 16, 3, 64, 2, 1)
    ),
    "separable": Family(
        "depthwise-separable", make_separable, (16, 16, 1, 16, 10, 5), (32, 32, 1, 32, 5, 2), (32, 32, 2, 64, 2, 1)
    ),
    "unet": Family("U-Net", make_unet, (16, 8, 1, 8, 10, 5), (64, 16, 2, 8, 5, 1), (128, 16, 3, 4, 2, 1)),
    "conv1d": Family(
        "1D convolutions", make_conv1d, (64, 8, 2, 32, 20, 10), (256, 32, 3, 32, 10, 2), (512, 64, 3, 32, 2, 1)
    ),
    "transformer": Family(
        "transformer encoder",
        make_transformer,
        (32, 32, 2, 1, 16, 20, 5),
        (64, 64, 4, 2, 32, 10, 1),
        (128, 128, 8, 2, 32, 2, 1),
    ),
}
"""All families, in the order of the tables. The last options of a size are batch size, steps and epochs."""
