"""What the tests share."""

import signal
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import settings

import pellucid as pel
from pellucid import nn
from pellucid.nn.optimizers import SGD

Data = tuple[np.ndarray, np.ndarray]

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell that starts the tests in the background has them ignore Ctrl-C, which some of them press.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every run and every machine, and no verdict on how long one takes.
settings.register_profile("pellucid", derandomize=True, deadline=None, database=None)
settings.load_profile("pellucid")


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers that are the same on every run."""
    return np.random.default_rng(0)


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
