"""The workshop's networks as models, with little data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import pellucid as pel
from pellucid import nn
from pellucid.data import binary_addition, moons

Made = tuple[Any, np.ndarray, np.ndarray]


def two_moons() -> Made:
    """Return the 2-3-2 network and points."""
    model = pel.Sequential(
        [
            nn.Input((2,), name="point"),
            nn.Dense(3, activation="tanh", kernel_regularizer=nn.regularizers.L2(0.005), name="hidden"),
            nn.Dense(2, activation="softmax", kernel_regularizer=nn.regularizers.L2(0.005), name="out"),
        ],
        name="moons",
    )
    model.compile(nn.optimizers.SGD(0.5), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, *moons(20)


def logistic() -> Made:
    """Return a logistic regression and points."""
    penalty = nn.regularizers.L2(0.01)
    line = nn.Dense(1, activation="sigmoid", kernel_regularizer=penalty, name="line")
    model = pel.Sequential([nn.Input((2,), name="point"), line], name="logistic")
    model.compile(nn.optimizers.SGD(0.5, momentum=0.9, nesterov=True), "binary_crossentropy")
    X, y = moons(20)
    return model, X, y[:, np.newaxis].astype("float32")


def digits(*shape: int, classes: int = 10, count: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Return images of bytes, and labels."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, *shape), dtype=np.uint8), rng.integers(0, classes, count).astype("int32")


def mnist_softmax() -> Made:
    """Return a softmax layer with zero weights, and images as bytes."""
    model = pel.Sequential(
        [
            nn.Input((784,), name="pixels"),
            nn.Rescaling(1 / 255, name="scaled"),
            nn.Dense(10, activation="softmax", kernel_initializer="zeros", name="digit"),
        ],
        name="mnist_softmax",
    )
    model.compile(nn.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    return model, *digits(784)


def conv32() -> Made:
    """Return two convolutions with pooling and dropout, and color images."""
    model = pel.Sequential(
        [
            nn.Input((12, 12, 3), name="image"),
            nn.Rescaling(1 / 127.5, offset=-1, name="scaled"),
            nn.Conv2D(6, 3, name="first"),
            nn.LeakyReLU(0.01, name="leaky1"),
            nn.Conv2D(4, 3, name="second"),
            nn.LeakyReLU(0.01, name="leaky2"),
            nn.MaxPooling2D(3, strides=2, name="pool"),
            nn.Flatten(name="flat"),
            nn.Dropout(0.5, seed=1, name="drop1"),
            nn.Dense(8, kernel_initializer="orthogonal", kernel_regularizer=nn.regularizers.L2(1e-4), name="dense"),
            nn.LeakyReLU(0.01, name="leaky3"),
            nn.Dropout(0.5, seed=2, name="drop2"),
            nn.Dense(4, activation="softmax", kernel_regularizer=nn.regularizers.L2(1e-4), name="out"),
        ],
        name="conv32",
    )
    model.compile(nn.optimizers.SGD(0.01, momentum=0.9, nesterov=True), "sparse_categorical_crossentropy")
    return model, *digits(12, 12, 3, classes=4)


def images_mlp() -> Made:
    """Return dense layers on pixels with one-hot targets, and pixels from 0 to 1."""
    model = pel.Sequential(
        [
            nn.Input((48,), name="pixels"),
            nn.Dense(12, activation="relu", kernel_initializer="random_uniform", name="first"),
            nn.Dense(8, activation="relu", kernel_initializer="random_uniform", name="second"),
            nn.Dense(2, activation="softmax", name="out"),
        ],
        name="images",
    )
    model.compile(nn.optimizers.SGD(0.01), "binary_crossentropy", metrics=["accuracy"])
    x, labels = digits(48, classes=2)
    return model, (x / 255).astype("float32"), np.eye(2, dtype="float32")[labels]


def images_cnn() -> Made:
    """Return a convolution with batch normalization on a folder's images, and images."""
    model = pel.Sequential(
        [
            nn.Input((8, 8, 3), name="image"),
            nn.Rescaling(1 / 255, name="scaled"),
            nn.Conv2D(4, 3, padding="same", use_bias=False, name="conv"),
            nn.BatchNormalization(name="norm"),
            nn.Activation("relu", name="relu"),
            nn.MaxPooling2D(2, name="pool"),
            nn.GlobalAveragePooling2D(name="mean"),
            nn.Dense(2, activation="softmax", name="out"),
        ],
        name="images_cnn",
    )
    model.compile(nn.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, *digits(8, 8, 3, classes=2)


def adder() -> Made:
    """Return the recurrent network for binary addition, and sums as bits."""
    model = pel.Sequential(
        [
            nn.Input((8, 2), name="bits"),
            nn.SimpleRNN(6, activation="sigmoid", use_bias=False, return_sequences=True, name="carry"),
            nn.Dense(1, activation="sigmoid", use_bias=False, name="sum"),
        ],
        name="adder",
    )
    model.compile(nn.optimizers.SGD(0.5), "mean_squared_error")
    return model, *binary_addition(8, 8, 0, "float32")


def mnist_cnn() -> Made:
    """Return two convolutions with pooling, a dense layer and dropout, and digits as bytes."""
    common: dict[str, Any] = {
        "activation": "relu",
        "kernel_initializer": nn.initializers.TruncatedNormal(stddev=0.1),
        "bias_initializer": nn.initializers.Constant(0.1),
    }
    model = pel.Sequential(
        [
            nn.Input((8, 8), name="image"),
            nn.Rescaling(1 / 255, name="scaled"),
            nn.Reshape((8, 8, 1), name="gray"),
            nn.Conv2D(3, 5, padding="same", **common, name="first"),
            nn.MaxPooling2D(2, name="pool1"),
            nn.Conv2D(4, 5, padding="same", **common, name="second"),
            nn.MaxPooling2D(2, name="pool2"),
            nn.Flatten(name="flat"),
            nn.Dense(16, **common, name="dense"),
            nn.Dropout(0.5, seed=3, name="drop"),
            nn.Dense(10, **{**common, "activation": "softmax"}, name="out"),
        ],
        name="mnist_cnn",
    )
    model.compile(nn.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    return model, *digits(8, 8)


def branching() -> Any:
    """Return a model of two inputs and two outputs, with a sum between layers and a layer that is called twice."""
    image, age = nn.Input((6, 6, 1), name="image"), nn.Input((4,), name="age")
    same = nn.Dense(4, activation="tanh", name="same")
    a = same(nn.Flatten(name="flat")(nn.Conv2D(1, 5, name="conv")(image)))
    both = nn.Concatenate(name="both")([pel.tanh(a + same(age)), nn.Dropout(0.3, seed=4, name="drop")(a)])
    kind, size = nn.Dense(3, activation="softmax", name="kind")(both), nn.Dense(1, name="size")(both)
    model = pel.Model([image, age], [kind, size], name="two")
    losses = {"kind": "sparse_categorical_crossentropy", "size": nn.losses.Huber(0.5)}
    model.compile(nn.optimizers.Adam(0.01), losses, loss_weights={"size": 0.5}, metrics={"kind": ["accuracy"]})
    return model


NETWORKS: dict[str, Callable[[], Made]] = {
    "moons": two_moons,
    "logistic": logistic,
    "mnist-softmax": mnist_softmax,
    "conv32": conv32,
    "images": images_mlp,
    "images-cnn": images_cnn,
    "adder": adder,
    "mnist-cnn": mnist_cnn,
}
