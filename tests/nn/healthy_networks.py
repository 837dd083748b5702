"""Healthy networks of many kinds, each a loss with data for its inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import pellucid as pel
from pellucid import nn
from pellucid.graph.expr import Expr

L = pel.losses
Dense, Conv = nn.Dense, nn.Conv2D
rng = np.random.default_rng(0)
N = 32
X = rng.normal(size=(N, 4)).astype("float32")
IMAGES = rng.random((N, 8, 8, 1)).astype("float32")
SEQUENCES = rng.normal(size=(N, 6, 4)).astype("float32")
WORDS = rng.integers(1, 20, (N, 6)).astype("int32")
Y = rng.integers(0, 3, N).astype("int32")
ONE_HOT = np.eye(3, dtype="float32")[Y]
BITS = rng.integers(0, 2, (N, 1)).astype("float32")
NUMBERS = rng.normal(size=(N, 1)).astype("float32")

Made = tuple[Expr, dict[str, Any]]
HEALTHY: list[Callable[[], Made]] = []


def healthy(make: Callable[[], Made]) -> Callable[[], Made]:
    """Register a network without mistakes."""
    HEALTHY.append(make)
    return make


def features(name: str = "x") -> Expr:
    return pel.matrix(name, shape=("n", 4))


def images(dtype: str = "float32") -> Expr:
    return pel.tensor4("x", shape=("n", 8, 8, 1), dtype=dtype)


def sequences() -> Expr:
    return pel.tensor3("x", shape=("n", 6, 4))


def words(name: str = "x") -> Expr:
    return pel.tensor(name, ("n", 6), "int32")


def column(name: str = "t", count: int = 1) -> Expr:
    return pel.matrix(name, shape=("n", count))


def classify(h: Expr, values: Any) -> Made:
    """Return the cross-entropy of three classes for the features h of the input x."""
    y = pel.ivector("y", shape=("n",))
    p = Dense(3, activation="softmax")(h)
    return L.sparse_categorical_crossentropy(y, p).mean(), {"x": values, "y": Y}


def row(h: Any, *layers: Any) -> Any:
    for layer in layers:
        h = layer(h)
    return h


@healthy
def softmax_regression() -> Made:
    return classify(features(), X)


@healthy
def perceptron() -> Made:
    h = row(features(), Dense(16, activation="relu"), nn.Dropout(0.3), Dense(16, activation="tanh"))
    return classify(h, X)


@healthy
def scores() -> Made:
    y = pel.ivector("y", shape=("n",))
    z = row(features(), Dense(16), nn.LeakyReLU(), Dense(3))
    return L.SparseCategoricalCrossentropy(from_logits=True)(y, z), {"x": X, "y": Y}


@healthy
def normalized() -> Made:
    return classify(row(features(), Dense(8, use_bias=False), nn.BatchNormalization(), nn.ReLU()), X)


@healthy
def rows_normalized_after_a_bias() -> Made:
    return classify(row(features(), Dense(8), nn.LayerNormalization(), nn.ReLU()), X)


@healthy
def convolutional() -> Made:
    h = row(images(), Conv(4, 3, activation="relu"), nn.MaxPooling2D(2), nn.Flatten(), Dense(8, activation="relu"))
    return classify(h, IMAGES)


@healthy
def convolutions_in_a_row() -> Made:
    h = row(images(), Conv(4, 3, padding="same"), Conv(4, 3, activation="relu"), nn.Flatten())
    return classify(h, IMAGES)


@healthy
def separable() -> Made:
    h = row(images(), nn.SeparableConv2D(8, 3, activation="relu"), nn.DepthwiseConv2D(3), nn.LayerNormalization())
    return classify(row(h, nn.ReLU(), nn.GlobalMaxPooling2D()), IMAGES)


@healthy
def groups_normalized_after_a_bias() -> Made:
    h = row(images(), Conv(8, 3), nn.GroupNormalization(4), nn.ReLU(), nn.GlobalAveragePooling2D())
    return classify(h, IMAGES)


@healthy
def residual() -> Made:
    h = Conv(8, 3, padding="same", activation="relu")(images())
    for _ in range(2):
        r = row(h, Conv(8, 3, padding="same", use_bias=False), nn.BatchNormalization(), nn.ReLU())
        r = row(r, Conv(8, 3, padding="same", use_bias=False), nn.BatchNormalization())
        h = nn.ReLU()(nn.Add()([h, r]))
    return classify(nn.GlobalAveragePooling2D()(h), IMAGES)


@healthy
def residual_normalized_first() -> Made:
    h = Conv(8, 3, padding="same")(images())  # its bias goes past the normalization, along the shortcut
    r = row(h, nn.BatchNormalization(), nn.ReLU(), Conv(8, 3, padding="same"))
    return classify(row(h + r, nn.BatchNormalization(), nn.ReLU(), nn.GlobalAveragePooling2D()), IMAGES)


@healthy
def squeeze_and_excite() -> Made:
    h = Conv(8, 3, activation="relu")(images())
    gate = row(h, nn.GlobalAveragePooling2D(), Dense(2, activation="relu"), Dense(8, activation="sigmoid"))
    return classify(nn.GlobalAveragePooling2D()(h * gate.reshape((-1, 1, 1, 8))), IMAGES)


@healthy
def bytes_scaled_by_hand() -> Made:
    h = row(images("uint8") / 255, Conv(4, 3, activation="relu"), nn.Flatten())
    return classify(h, (255 * IMAGES).astype("uint8"))


@healthy
def bytes_scaled_by_a_layer() -> Made:
    return classify(row(images(), nn.Rescaling(1 / 255), Conv(4, 3, activation="relu"), nn.Flatten()), 255 * IMAGES)


@healthy
def recurrent() -> Made:
    return classify(nn.SimpleRNN(8)(sequences()), SEQUENCES)


@healthy
def two_lstms() -> Made:
    return classify(row(sequences(), nn.LSTM(8, return_sequences=True), nn.LSTM(8)), SEQUENCES)


@healthy
def both_directions() -> Made:
    return classify(row(sequences(), nn.Masking(), nn.Bidirectional(nn.GRU(8))), SEQUENCES)


@healthy
def tagger() -> Made:
    p = row(words(), nn.Embedding(20, 5, mask_zero=True), nn.LSTM(8, return_sequences=True))
    p = nn.TimeDistributed(Dense(3, activation="softmax"))(p)
    return L.SparseCategoricalCrossentropy()(pel.tensor("y", ("n", 6), "int32"), p), {"x": WORDS, "y": WORDS % 3}


@healthy
def translator() -> Made:
    _, h, c = nn.LSTM(8, return_state=True)(nn.Embedding(20, 6)(words()))
    d = nn.LSTM(8, return_sequences=True)(nn.Embedding(20, 6)(words("before")), initial_state=[h, c])
    y = pel.tensor("y", ("n", 6), "int32")
    loss = L.sparse_categorical_crossentropy(y, Dense(20, activation="softmax")(d)).mean()
    return loss, {"x": WORDS, "before": WORDS, "y": WORDS}


@healthy
def bag_of_words() -> Made:
    return classify(row(words(), nn.Embedding(20, 8), nn.GlobalAveragePooling1D()), WORDS)


@healthy
def transformer() -> Made:
    h = nn.Embedding(20, 8)(words())
    h = nn.LayerNormalization()(h + nn.Dropout(0.1)(nn.MultiHeadAttention(2, 4)(h, h)))
    h = nn.LayerNormalization()(h + row(h, Dense(16, activation="gelu"), Dense(8)))
    return classify(h.mean(1), WORDS)


@healthy
def attention_by_hand() -> Made:
    x = sequences()
    q, k, v = (Dense(4, use_bias=False)(x) for _ in range(3))
    return classify((pel.softmax(q @ pel.swapaxes(k, 1, 2) / 2) @ v).mean(1), SEQUENCES)


@healthy
def autoencoder() -> Made:
    x = features()
    code = row(x, Dense(16, activation="relu"), Dense(2))
    return L.mean_squared_error(x, row(code, Dense(16, activation="relu"), Dense(4))).mean(), {"x": X}


@healthy
def autoencoder_of_pixels() -> Made:
    x = pel.matrix("x", shape=("n", 64))
    made = row(x, Dense(8, activation="relu"), Dense(64, activation="sigmoid"))
    loss = L.binary_crossentropy(x, made).mean() + L.mean_squared_error(x, made).mean()
    return loss, {"x": IMAGES.reshape(N, 64)}


@healthy
def principal_components() -> Made:
    x = pel.matrix("x", shape=("n", 64))
    return L.mean_squared_error(x, row(x, Dense(8), Dense(64))).mean(), {"x": IMAGES.reshape(N, 64)}


@healthy
def variational() -> Made:
    x, draws = pel.matrix("x", shape=(N, 64)), pel.random.Generator(0)
    h = Dense(16, activation="relu")(x)
    mean, log_variance = Dense(2)(h), Dense(2)(h)
    code = mean + pel.exp(log_variance / 2) * draws.normal(size=(N, 2))
    p = row(code, Dense(16, activation="relu"), Dense(64, activation="sigmoid"))
    divergence = (pel.exp(log_variance) + mean**2 - 1 - log_variance).sum(-1) / 2
    return (64 * L.binary_crossentropy(x, p) + divergence).mean(), {"x": IMAGES.reshape(N, 64)}


@healthy
def siamese() -> Made:
    first, second = Dense(8, activation="relu"), Dense(4)
    a, b = (row(features(name), first, second) for name in ("a", "b"))
    p = Dense(1, activation="sigmoid")(abs(a - b))
    return L.binary_crossentropy(column(), p).mean(), {"a": X, "b": X[::-1], "t": BITS}


@healthy
def generative_adversarial() -> Made:
    discriminator = [Dense(8, activation="leaky_relu"), Dense(1, activation="sigmoid")]
    made = row(pel.matrix("z", shape=("n", 2)), Dense(8, activation="relu"), Dense(4))
    loss = -(pel.log(row(features(), *discriminator)) + pel.log(1 - row(made, *discriminator))).mean()
    return loss, {"x": X, "z": X[:, :2]}


@healthy
def regression() -> Made:
    y = row(features(), nn.BatchNormalization(), Dense(16, activation="relu"), Dense(1))
    return L.huber(column(), y).mean(), {"x": X, "t": NUMBERS}


def regression_of_fractions() -> Made:
    y = row(features(), Dense(8, activation="tanh"), Dense(1, activation="sigmoid"))
    return L.mean_squared_error(column(), y).mean(), {"x": X, "t": 1 / (1 + np.exp(-NUMBERS))}


@healthy
def counts() -> Made:
    rate = row(features(), Dense(8, activation="relu"), Dense(1, activation="exponential"))
    return (rate - column() * pel.log(rate)).mean(), {"x": X, "t": np.round(abs(NUMBERS))}


@healthy
def mean_and_deviation() -> Made:
    x, t = features(), column()
    mean, deviation = Dense(1)(x), Dense(1, activation="softplus")(x)
    return (pel.log(deviation) + (t - mean) ** 2 / (2 * deviation**2)).mean(), {"x": X, "t": NUMBERS}


@healthy
def margins() -> Made:
    return L.hinge(column(), Dense(1)(features())).mean(), {"x": X, "t": 2 * BITS - 1}


@healthy
def yes_or_no() -> Made:
    p = row(features(), Dense(8, activation="relu"), Dense(1, activation="sigmoid"))
    return L.binary_focal_crossentropy(column(), p).mean() + L.binary_crossentropy(column(), p).mean(), {"x": X}


@healthy
def several_labels_at_once() -> Made:
    p = row(features(), Dense(16, activation="relu"), Dense(3, activation="sigmoid"))
    return L.binary_crossentropy(column("t", 3), p).mean(), {"x": X, "t": (ONE_HOT + ONE_HOT[::-1] > 0) * np.float32(1)}


@healthy
def smoothed_labels() -> Made:
    p = Dense(3, activation="softmax")(features())
    return L.CategoricalCrossentropy(label_smoothing=0.1)(column("t", 3), p), {"x": X, "t": ONE_HOT}


@healthy
def two_heads() -> Made:
    h = Dense(16, activation="relu")(features())
    loss, values = classify(h, X)
    return loss + L.mean_squared_error(column(), Dense(1)(h)).mean(), {**values, "t": NUMBERS}


@healthy
def neighboring_words() -> Made:
    a, b = pel.ivector("a", shape=("n",)), pel.ivector("b", shape=("n",))
    score = (nn.Embedding(20, 8)(a) * nn.Embedding(20, 8)(b)).sum(-1, keepdims=True)
    loss = L.binary_crossentropy(column(), score, from_logits=True).mean()
    return loss, {"a": WORDS[:, 0], "b": WORDS[:, 1], "t": BITS}


@healthy
def segmentation() -> Made:
    t = pel.tensor("t", ("n", 8, 8, 1))
    h = row(images(), Conv(4, 3, padding="same", activation="relu"), nn.MaxPooling2D(2))
    p = nn.Conv2DTranspose(1, 2, strides=2, activation="sigmoid")(h)
    return L.Dice()(t, p) + L.BinaryCrossentropy()(t, p), {"x": IMAGES, "t": (IMAGES > 0.5).astype("float32")}


@healthy
def experts() -> Made:
    x, y = features(), pel.ivector("y", shape=("n",))
    share = Dense(2, activation="softmax")(x)
    p = sum(share[:, i : i + 1] * Dense(3, activation="softmax")(x) for i in range(2))
    return L.sparse_categorical_crossentropy(y, p).mean(), {"x": X, "y": Y}


@healthy
def ensemble() -> Made:
    x, y = features(), pel.ivector("y", shape=("n",))
    p = (Dense(3, activation="softmax")(x) + Dense(3, activation="softmax")(x)) / 2
    return L.sparse_categorical_crossentropy(y, p).mean(), {"x": X, "y": Y}


@healthy
def reinforced() -> Made:
    action, gain = pel.ivector("action", shape=("n",)), pel.vector("gain", shape=("n",))
    p = row(features(), Dense(8, activation="tanh"), Dense(3, activation="softmax"))
    surprise = -pel.log(p[pel.arange_like(action, 0), action])
    entropy = -(p * pel.log(p)).sum(-1)
    return (gain * surprise - 0.01 * entropy).mean(), {"x": X, "action": Y, "gain": NUMBERS[:, 0]}


@healthy
def tied() -> Made:
    layer = Dense(4, activation="tanh")
    return classify(row(features(), layer, layer), X)


@healthy
def clipped() -> Made:
    p = pel.clip(Dense(3, activation="softmax")(features()), 1e-7, 1)
    return -(column("t", 3) * pel.log(p)).sum(-1).mean(), {"x": X, "t": ONE_HOT}


@healthy
def decaying_weights() -> Made:
    h = Dense(8, activation="relu", kernel_regularizer="l2")
    loss, values = classify(h(features()), X)
    return loss + 0.01 * nn.regularizers.l2(pel.parameters(loss)), values


@healthy
def pairwise_distances() -> Made:
    z = Dense(1)(features())[:, 0]
    return ((z[:, None] - z) ** 2 + (z[:, None] - pel.vector("t", shape=("n",))) ** 2).mean(), {"x": X}


@healthy
def radial_basis() -> Made:
    centers = pel.shared(np.linspace(-1, 1, 8, dtype="float32"), "centers")
    h = pel.exp(-((Dense(1, activation="tanh")(features()) - centers) ** 2))
    return classify(h, X)


@healthy
def quantiles() -> Made:
    off = pel.vector("t", shape=("n",))[:, None] - Dense(3)(features())
    return pel.maximum(off * [0.1, 0.5, 0.9], off * [-0.9, -0.5, -0.1]).mean(), {"x": X, "t": NUMBERS[:, 0]}


@healthy
def vector_of_predictions() -> Made:
    w = pel.shared(np.zeros(4, "float32"), "w")
    return ((features() @ w - pel.vector("t", shape=("n",))) ** 2).mean(), {"x": X, "t": NUMBERS[:, 0]}


@healthy
def column_of_predictions_with_a_grid() -> Made:
    grid = pel.vector("grid")  # not the samples: every prediction is compared with every threshold
    above = pel.sigmoid(Dense(1)(pel.matrix("x", shape=(None, 4))) - grid)
    return (pel.softmax(above @ pel.shared(X[:3, :3], "w")) ** 2).mean(), {}


@healthy
def low_rank_adaptation() -> Made:
    frozen = pel.shared(X[:4, :4], "frozen", trainable=False)
    down, up = pel.shared(X[:4, :2], "down"), pel.shared(np.zeros((2, 4), "float32"), "up")
    x = features()
    return classify(pel.relu(x @ frozen + (x @ down) @ up), X)


@healthy
def residual_blocks_that_begin_as_the_identity() -> Made:
    h = Conv(8, 3, padding="same", activation="relu")(images())
    for _ in range(2):
        r = Conv(8, 3, padding="same", activation="relu")(h)
        h = h + Conv(8, 3, padding="same", kernel_initializer="zeros")(r)
    return classify(nn.GlobalAveragePooling2D()(h), IMAGES)


@healthy
def last_layer_of_zeros() -> Made:
    y = pel.ivector("y", shape=("n",))
    p = Dense(3, activation="softmax", kernel_initializer="zeros")(Dense(8, activation="relu")(features()))
    return L.sparse_categorical_crossentropy(y, p).mean(), {"x": X, "y": Y}


@healthy
def chain_of_single_units_of_ones() -> Made:
    first = Dense(1, activation="tanh", kernel_initializer="ones")(features())
    return L.mean_squared_error(column(), Dense(1, kernel_initializer="ones")(first)).mean(), {"x": X, "t": NUMBERS}


@healthy
def frozen_layers_of_ones() -> Made:
    totals = pel.shared(np.ones((4, 2), "float32"), "totals", trainable=False)
    return classify(pel.tanh(features() @ totals), X)


@healthy
def channels_moved_to_the_end() -> Made:
    x = pel.tensor4("x", shape=("n", 3, 16, 16)).transpose(0, 2, 3, 1)
    y = pel.ivector("y", shape=("n",))
    p = row(x, Conv(4, 3, activation="relu"), nn.GlobalAveragePooling2D(), Dense(3, activation="softmax"))
    return L.sparse_categorical_crossentropy(y, p).mean(), {}


@healthy
def spectrograms_of_three_rows() -> Made:
    x, y = pel.tensor4("x", shape=("n", 3, 40, 8)), pel.ivector("y", shape=("n",))
    p = row(x, Conv(4, (1, 3), activation="relu"), nn.GlobalAveragePooling2D(), Dense(3, activation="softmax"))
    return L.sparse_categorical_crossentropy(y, p).mean(), {}


@healthy
def negative_sampling() -> Made:
    a, b = pel.ivector("a", shape=("n",)), pel.ivector("b", shape=("n",))
    score = (nn.Embedding(20, 8)(a) * nn.Embedding(20, 8)(b)).sum(-1)
    return -(pel.vector("sign", shape=("n",)) * pel.log_softmax(score)).mean(), {}


@healthy
def gate_of_a_gate() -> Made:
    x = features()
    gate = row(x, Dense(8, activation="sigmoid"), Dense(8, activation="sigmoid"))
    return classify(gate * Dense(8, activation="tanh")(x), X)


@healthy
def attention_before_a_softmax() -> Made:
    x = sequences()
    weights = pel.softmax(Dense(1)(x), axis=1)
    return classify((weights * x).sum(1), SEQUENCES)


@healthy
def distillation() -> Made:
    p, t = Dense(3, activation="softmax")(features()), column("t", 3)
    return (p * (pel.log(p) - pel.log(t))).sum(-1).mean(), {"x": X}


@healthy
def categories_in_columns() -> Made:
    x = pel.tensor("x", ("n", 2), "int32")
    h = nn.Concatenate()([nn.Embedding(20, 4)(x[:, 0]), nn.Embedding(30, 4)(x[:, 1] + 1)])
    return classify(Dense(8, activation="relu")(h), WORDS[:, :2])


@healthy
def growing_dropout() -> Made:
    rate = pel.shared(0.1, "rate", trainable=False)
    return classify(nn.Dropout(rate)(Dense(8, activation="relu")(features())), X)


@healthy
def masked_deviation() -> Made:
    x = features()
    mean, deviation = Dense(3)(x), Dense(3, activation="softplus")(x)
    mask, t = column("mask", 3), column("t", 3)
    return (mask * (pel.log(deviation) + ((t - mean) / deviation) ** 2)).sum(-1).mean(), {"x": X}
