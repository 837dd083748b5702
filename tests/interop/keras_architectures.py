"""Whole models in Keras 3, and the script that writes one of them as a golden file.

``KERAS_BACKEND=jax python -m tests.interop.keras_architectures``, in an environment that has Keras.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

GOLDEN = Path(__file__).parent / "golden" / "tagger.keras"


def draw(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype("float32")


def make_branches(keras: Any) -> tuple[Any, Any]:
    """Several inputs and outputs, a shared layer, a nested model, states, and operations between layers."""
    L = keras.layers
    a, b = keras.Input((4, 6), name="a"), keras.Input((3,), name="b")
    inner = keras.Sequential([keras.Input((6,)), L.Dense(3, name="d")], name="inner")
    h = L.TimeDistributed(inner)(a)
    s = L.Add()([h, L.MultiHeadAttention(2, 3)(h, h, use_causal_mask=True)])
    last, state, cell = L.LSTM(3, return_state=True)(s)
    again = L.LSTM(3)(s, initial_state=[state, cell])
    shared = L.Dense(3, name="shared")
    w = shared(last) + shared(state) * 2.0 - again / 3
    joined = L.Concatenate()([w, b, L.Bidirectional(L.GRU(2))(s)])
    k, v = L.Dense(2, activation="softmax", name="k")(joined), L.Dense(1, name="v")(w)
    part = keras.ops.relu(joined[:, 1:3])
    model = keras.Model({"a": a, "b": b}, [k, v, part])
    loss = [keras.losses.CategoricalCrossentropy(label_smoothing=0.1), "mse", None]
    model.compile("adam", loss, [1.0, 2.0, None], metrics=[["accuracy", keras.metrics.AUC()], None, None])
    return model, {"a": draw(2, 4, 6), "b": draw(2, 3)}


def make_masks(keras: Any) -> tuple[Any, Any]:
    """Masks of an Embedding and of Masking, which Keras writes as operations."""
    L = keras.layers
    x = keras.Input((4,), dtype="int32")
    h = L.LSTM(3, return_sequences=True)(L.Embedding(5, 3, mask_zero=True)(x))
    h = L.Dense(3)(L.Bidirectional(L.GRU(2, return_sequences=True))(h))
    outputs = [L.GlobalAveragePooling1D()(h), L.GRU(2)(L.Masking()(h))]
    return keras.Model(x, outputs), np.array([[1, 2, 0, 0], [3, 0, 0, 0]], "int32")


def make_masked_attention(keras: Any) -> tuple[Any, Any]:
    """Masks of queries and values, of which a mean excludes the masked queries."""
    L = keras.layers
    x, y = keras.Input((4,), dtype="int32"), keras.Input((3,), dtype="int32")
    embed = L.Embedding(5, 4, mask_zero=True)
    a, b = embed(x), embed(y)
    outputs = [L.MultiHeadAttention(2, 3)(a, b), L.Attention()([a, b]), L.Add()([a, L.Dense(4)(a)])]
    words = np.array([[1, 2, 0, 0], [3, 0, 0, 0]], "int32")
    model = keras.Model([x, y], [L.GlobalAveragePooling1D()(e) for e in outputs])
    return model, [words, np.array([[4, 1, 0], [2, 3, 1]], "int32")]


def make_nested(keras: Any) -> tuple[Any, Any]:
    """A functional model with two outputs, which is called twice."""
    L = keras.layers
    x, q = keras.Input((3,)), keras.Input((3,))
    inner = keras.Model(q, [L.Dense(2)(q), L.Dense(3)(q)], name="inner")
    first, second = inner(x), inner(x * 2)
    return keras.Model(x, {"x": first[0], "y": second[0], "z": L.Dense(2)(first[1])}), draw(2, 3)


def make_residual(keras: Any) -> tuple[Any, Any]:
    """A convolutional network with a skip connection."""
    L = keras.layers
    x = keras.Input((8, 8, 3))
    h = L.Conv2D(4, 3, padding="same", use_bias=False)(L.Rescaling(1 / 255.0)(x))
    skip = L.Activation("relu")(L.BatchNormalization()(h))
    h = L.BatchNormalization()(L.Conv2D(4, 3, padding="same", kernel_regularizer="l2")(skip))
    h = L.MaxPooling2D()(L.SeparableConv2D(5, 3)(L.ReLU()(h + skip)))
    h = L.Dropout(0.5)(L.GlobalAveragePooling2D()(h))
    model = keras.Model(x, L.Dense(3, activation="softmax")(h))
    rate = keras.optimizers.schedules.CosineDecay(0.1, 100)
    optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, 100 * draw(2, 8, 8, 3)


def make_augmented(keras: Any) -> tuple[Any, Any]:
    """Augmentation layers, and a layer that was adapted to data."""
    L = keras.layers
    normalize = L.Normalization()
    normalize.adapt(draw(20, 8, 8, 3))
    parts = [L.RandomFlip("horizontal"), L.RandomRotation(0.1), L.RandomZoom(0.1), L.RandomContrast(0.2), normalize]
    return keras.Sequential([keras.Input((8, 8, 3)), *parts, L.Conv2D(2, 3), L.Flatten(), L.Dense(2)]), draw(2, 8, 8, 3)


def make_transfer(keras: Any) -> tuple[Any, Any]:
    """A frozen model inside another one."""
    L = keras.layers
    base = keras.Sequential([keras.Input((4,)), L.Dense(3), L.BatchNormalization()], name="base")
    base.trainable = False
    x = keras.Input((4,))
    model = keras.Model(x, L.Dense(1, activation="sigmoid")(base(x, training=False)))
    model.compile("rmsprop", "binary_crossentropy", metrics=["acc", "AUC"])
    return model, draw(3, 4)


def make_transformer(keras: Any) -> tuple[Any, Any]:
    """A block of a transformer."""
    L = keras.layers
    ids = keras.Input((5,), dtype="int32")
    e = L.Embedding(11, 8)(ids)
    h = L.LayerNormalization()(e)
    h = e + L.MultiHeadAttention(2, 4)(h, h)
    h = h + L.Dense(8)(L.Dense(16, activation="gelu")(L.LayerNormalization(epsilon=1e-5)(h)))
    return keras.Model(ids, L.Dense(11)(h)), np.arange(10, dtype="int32").reshape(2, 5)


def make_unbuilt(keras: Any) -> tuple[Any, Any]:
    """A Sequential without an input, which data built."""
    L = keras.layers
    model = keras.Sequential([L.Dense(4, activation="elu"), L.Dense(2)])
    model(draw(2, 3))
    metrics = [keras.metrics.MeanAbsoluteError(name="m"), "mse", keras.metrics.RootMeanSquaredError()]
    optimizer = keras.optimizers.AdamW(1e-3, weight_decay=0.01, clipnorm=1.0)
    model.compile(optimizer, keras.losses.LogCosh(), metrics=metrics, weighted_metrics=["mae"])
    return model, draw(2, 3)


def make_film(keras: Any) -> tuple[Any, Any]:
    """Sequences of images of unknown length."""
    L = keras.layers
    images = [keras.Input((None, 6, 6, 1)), L.TimeDistributed(L.Conv2D(2, 3)), L.TimeDistributed(L.Flatten())]
    steps = [L.Bidirectional(L.LSTM(3, return_sequences=True), merge_mode="sum"), L.SimpleRNN(2)]
    return keras.Sequential([*images, *steps]), draw(2, 3, 6, 6, 1)


ARCHITECTURES = {
    "augmented": make_augmented,
    "branches": make_branches,
    "film": make_film,
    "masked attention": make_masked_attention,
    "masks": make_masks,
    "nested": make_nested,
    "residual": make_residual,
    "transfer": make_transfer,
    "transformer": make_transformer,
    "unbuilt": make_unbuilt,
}


def randomize(model: Any) -> Any:
    """Randomize all weights, except random streams and statistics of data."""
    rng = np.random.default_rng(1)
    for variable in model.weights:
        if "seed" not in variable.path and not variable.path.startswith("normalization"):
            value = rng.normal(0, 0.5, variable.shape)
            variable.assign(abs(value) + 0.5 if "variance" in variable.path else value)
    return model


def make_tagger(keras: Any) -> Any:
    """Return a small model with a mask, an operation between layers, and a trained optimizer."""
    L = keras.layers
    x = keras.Input((3,), dtype="int32", name="words")
    h = L.GRU(2, name="memory")(L.Embedding(5, 2, mask_zero=True, name="word")(x))
    model = keras.Model(x, L.Dense(2, activation="softmax", name="tag")(h * 2.0), name="tagger")
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


if __name__ == "__main__":
    import keras

    keras.utils.set_random_seed(0)
    GOLDEN.parent.mkdir(exist_ok=True)
    tagger, words, tags = make_tagger(keras), np.array([[1, 2, 0], [3, 4, 1], [2, 0, 0]], "int32"), np.array([0, 1, 1])
    tagger.fit(words, tags, epochs=3, verbose=0)
    tagger.save(GOLDEN)
    values = {"words": words, "tags": tags, "predicted": tagger.predict(words, verbose=0)}
    values["metrics"] = np.array(tagger.evaluate(words, tags, verbose=0))
    tagger.fit(words, tags, verbose=0)
    values["later"] = tagger.predict(words, verbose=0)
    np.savez(GOLDEN.with_suffix(".npz"), **values)
