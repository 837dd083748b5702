"""The networks in pellucid and in Keras, whose layers have the same names and options."""

from __future__ import annotations

from typing import Any

import numpy as np

from networks.catalog import EPSILON, RATE, Layers, Network

Weights = list[list[Any]]
"""The weights of each layer that has any, in the order of the catalog."""


class LayerBuilder:
    """Builds a network from the layers of a library, one method per kind of layer.

    Attributes
    ----------
    weighted : list of layers
        The layers with weights, in the order of the catalog.
    statistics : list of expressions
        The results of a dense layer from which samples are drawn: means and logarithms of variances.
    """

    def __init__(self, library: Any, sampling: Any) -> None:
        self.library = library
        self.sampling = sampling
        self.weighted: list[Any] = []
        self.statistics: list[Any] = []

    def build(self, layers: Layers, h: Any) -> Any:
        """Apply layers to an expression."""
        for kind, *options in layers:
            h = getattr(self, kind)(h, *options)
        return h

    def add(self, layer: Any, *inputs: Any) -> Any:
        """Apply a layer with weights."""
        self.weighted.append(layer)
        return layer(*inputs)

    def dense(self, h: Any, units: int, activation: str | None = None) -> Any:
        return self.add(self.library.Dense(units, activation=activation), h)

    def conv(self, h: Any, channels: int, window: int, stride: int, activation: Any = False) -> Any:
        """Add a convolution, without bias and activation if batch normalization follows."""
        options = {"use_bias": False} if activation is False else {"activation": activation}
        return self.add(self.library.Conv2D(channels, window, strides=stride, padding="same", **options), h)

    def depthwise(self, h: Any, window: int, stride: int) -> Any:
        return self.add(self.library.DepthwiseConv2D(window, strides=stride, padding="same", use_bias=False), h)

    def transposed(self, h: Any, channels: int) -> Any:
        return self.add(self.library.Conv2DTranspose(channels, 2, strides=2, padding="same"), h)

    def conv1d(self, h: Any, channels: int, window: int, activation: str) -> Any:
        return self.add(self.library.Conv1D(channels, window, padding="same", activation=activation), h)

    def batch_norm(self, h: Any) -> Any:
        return self.add(self.library.BatchNormalization(), h)

    def layer_norm(self, h: Any) -> Any:
        return self.add(self.library.LayerNormalization(), h)

    def activation(self, h: Any, name: str) -> Any:
        return self.library.Activation(name)(h)

    def pool(self, h: Any) -> Any:
        return self.library.MaxPooling2D(2)(h)

    def pool1d(self, h: Any) -> Any:
        return self.library.MaxPooling1D(2)(h)

    def global_pool(self, h: Any) -> Any:
        library = self.library
        return (library.GlobalAveragePooling1D if len(h.shape) == 3 else library.GlobalAveragePooling2D)()(h)

    def mean_time(self, h: Any) -> Any:
        return self.library.GlobalAveragePooling1D()(h)

    def embedding(self, h: Any, words: int, features: int) -> Any:
        return self.add(self.library.Embedding(words, features), h)

    def lstm(self, h: Any, units: int) -> Any:
        return self.add(self.library.LSTM(units), h)

    def gru(self, h: Any, units: int) -> Any:
        return self.add(self.library.GRU(units), h)

    def rnn(self, h: Any, units: int) -> Any:
        return self.add(self.library.SimpleRNN(units), h)

    def attention(self, h: Any, heads: int) -> Any:
        return self.add(self.library.MultiHeadAttention(heads, h.shape[-1] // heads), h, h)

    def residual(self, h: Any, body: Layers, shortcut: Layers) -> Any:
        return self.library.Add()([self.build(body, h), self.build(shortcut, h)])

    def skip(self, h: Any, body: Layers) -> Any:
        return self.library.Concatenate()([h, self.build(body, h)])

    def sample(self, h: Any) -> Any:
        self.statistics.append(h)
        return self.sampling()(h)

    def get_weights(self) -> Weights:
        """Return the weights of each layer that has any."""
        return [layer.get_weights() for layer in self.weighted]

    def set_weights(self, weights: Weights) -> None:
        """Set the weights of each layer that has any."""
        for layer, values in zip(self.weighted, weights, strict=True):
            layer.set_weights(values)


def compute_divergence(xp: Any, statistics: Any, pixels: int) -> Any:
    """Return the Kullback-Leibler divergence of each sample, divided by the pixels as the cross-entropy is."""
    code = statistics.shape[-1] // 2
    mean, log_variance = statistics[:, :code], statistics[:, code:]
    return 0.5 * xp.sum(xp.exp(log_variance) + mean**2 - 1 - log_variance, axis=-1) / pixels


def compile_model(net: Network, library: Any, layers: Any, sampling: Any, xp: Any) -> tuple[Any, LayerBuilder]:
    """Return a compiled model of pellucid or Keras, and the builder with its weights."""
    builder = LayerBuilder(layers, sampling)
    x = layers.Input(net.shape, dtype="int32" if net.vocabulary else "float32")
    outputs = [builder.build(net.layers, x), *builder.statistics]
    losses: list[Any] = [make_loss(net, library.losses)]
    if net.is_random:
        losses.append(lambda _, statistics: compute_divergence(xp, statistics, net.shape[0]))
    model = library.Model(x, outputs if net.is_random else outputs[0])
    model.compile(library.optimizers.Adam(RATE, epsilon=EPSILON), losses if net.is_random else losses[0])
    return model, builder


def make_loss(net: Network, losses: Any) -> Any:
    """Return the loss of the output."""
    if net.loss == "classes":
        return losses.SparseCategoricalCrossentropy(from_logits=True)
    return losses.MeanSquaredError() if net.loss == "image" else losses.BinaryCrossentropy(from_logits=True)


def make_model_targets(net: Network, y: Any) -> Any:
    """Return the targets of all outputs; that of the divergence has no meaning."""
    return [y, np.zeros((len(y), 1), "float32")] if net.is_random else y
