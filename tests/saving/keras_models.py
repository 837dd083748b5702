"""Models that run in Keras and in pellucid, and the script that writes their golden files.

Keras 3 writes the files: ``KERAS_BACKEND=jax python tests/saving/keras_models.py``, in an environment that has it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "golden"


def convolutional(L: Any, inner: Any) -> list[Any]:
    """Return layers of most kinds; ``inner`` makes a model of a list of layers."""
    return [
        L.Conv2D(3, 3, name="see"), L.BatchNormalization(), L.DepthwiseConv2D(2),
        L.SeparableConv2D(2, 2, activation="relu"), L.Conv2DTranspose(2, 2), L.MaxPooling2D((1, 1)), L.PReLU(),
        L.LayerNormalization(), L.Reshape((-1, 2)), L.Conv1D(4, 2, padding="causal"),
        inner([L.Dense(3, activation="gelu"), L.Dense(2)]), L.Dropout(0.5), L.Flatten(),
        L.Dense(2, activation="softmax"),
    ]  # fmt: skip


def recurrent(L: Any, inner: Any) -> list[Any]:
    """Return recurrent layers and wrappers."""
    return [
        L.Embedding(7, 4), L.LSTM(4, return_sequences=True, dropout=0.2), L.GRU(3, return_sequences=True),
        L.Bidirectional(L.GRU(2, return_sequences=True, reset_after=False)),
        L.Bidirectional(L.LSTM(2, return_sequences=True)),
        L.TimeDistributed(L.Dense(3, activation="tanh")), L.GroupNormalization(3), L.SimpleRNN(2, use_bias=False),
        L.Dense(1),
    ]  # fmt: skip


MODELS: dict[str, tuple[tuple[int, ...], Any]] = {
    "convolutional": ((8, 6, 2), convolutional),
    "recurrent": ((6,), recurrent),
}


def samples(name: str) -> np.ndarray:
    """Return test inputs for a model."""
    rng = np.random.default_rng(0)
    shape = (3, *MODELS[name][0])
    return (
        rng.integers(0, 7, shape).astype("int32") if name == "recurrent" else rng.normal(size=shape).astype("float32")
    )


def attention(L: Any, x: Any) -> Any:
    """Call attention layers, and two Dense layers that only their names distinguish, the later one first."""
    attend, b, a, group = (
        L.MultiHeadAttention(2, 3),
        L.Dense(4, name="B"),
        L.Dense(4, name="A"),
        L.GroupQueryAttention(2, 4, 2),
    )
    joined = L.Add()([a(x), b(x)])
    return group(attend(joined, joined) if L.__name__.startswith("keras") else attend([joined, joined]), x)


def tangled(L: Any, x: Any) -> Any:
    """Call layers of one kind and shape, which only their position in the graph distinguishes."""
    one, two, three, four, five = (L.Dense(4, activation="tanh") for _ in range(5))
    a, b = two(x), one(x)
    c = four(three(a * b + a))
    d = five(b)
    return L.Dense(4)(L.Concatenate()([d, one(c), a]))


GRAPHS = {"attention": attention, "tangled": tangled}


def make(name: str) -> Any:
    """Return the Keras model with random weights."""
    import keras

    shape, layers = MODELS[name]
    given = keras.Input(shape, dtype="int32" if name == "recurrent" else "float32")
    model = keras.Sequential([given, *layers(keras.layers, keras.Sequential)])
    return randomize(model)


def make_graph(name: str) -> Any:
    """Return the Keras model with branches and random weights."""
    import keras

    x = keras.Input((5, 4))
    return randomize(keras.Model(x, GRAPHS[name](keras.layers, x)))


def randomize(model: Any) -> Any:
    """Randomize all weights, including moving means and variances."""
    rng = np.random.default_rng(1)
    for variable in model.weights:
        value = rng.normal(0, 0.5, variable.shape)
        variable.assign(abs(value) + 0.5 if variable.name == "moving_variance" else value)
    return model


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in MODELS:
        made = make(name)
        made.save(FOLDER / f"{name}.keras")
        np.save(FOLDER / f"{name}.npy", made.predict(samples(name), verbose=0))
    x = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
    for name in GRAPHS:
        made = make_graph(name)
        made.compile("adam", "mse")
        made.fit(x, x, verbose=0)  # so that the file contains optimizer state
        made.save(FOLDER / f"{name}.keras")
        made.save_weights(FOLDER / f"{name}.weights.h5")
        np.savez(FOLDER / f"{name}.npz", x=x, y=made.predict(x, verbose=0))
