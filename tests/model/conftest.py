"""A small problem that a small model learns."""

from collections.abc import Callable

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.nn.optimizers import SGD

Data = tuple[np.ndarray, np.ndarray]


@pytest.fixture
def data(rng: np.random.Generator) -> Data:
    """Points and whether the first coordinate is the greater."""
    x = rng.normal(size=(160, 2)).astype("float32")
    return x, (x[:, 0] > x[:, 1]).astype("int32")


@pytest.fixture
def make() -> Callable[..., pel.Sequential]:
    """Make the same small model on every call, compiled."""

    def model(dropout: float = 0.0, optimizer: object = None) -> pel.Sequential:
        nn.set_random_seed(3)
        made = pel.Sequential(
            [
                nn.Input((2,)),
                nn.Dense(4, activation="tanh"),
                nn.Dropout(dropout),
                nn.Dense(2, activation="softmax"),
            ]
        )
        made.compile(optimizer or SGD(0.2), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        return made

    return model
