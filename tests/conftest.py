"""Fixtures of all tests."""

import signal
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import settings

import pellucid as pel
from pellucid import nn
from pellucid.graph import source_location
from pellucid.nn.optimizers import SGD

Data = tuple[np.ndarray, np.ndarray]

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell that starts the tests in the background makes them ignore SIGINT, which some tests send.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Examples are the same on every run and every machine, without a time limit.
settings.register_profile("pellucid", derandomize=True, deadline=None, database=None)
settings.load_profile("pellucid")


@pytest.fixture(autouse=True)
def notes_without_source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes of errors name a line without quoting it, except in tests marked `quotes_source`.

    `pytest.raises(match=...)` searches notes too, and the line that raises an error often has the pattern in it.
    """
    if request.node.get_closest_marker("quotes_source") is None:

        def format_line(location: source_location.Location) -> str:
            return f"{source_location.format_filename(location[0])}:{location[1]}"

        monkeypatch.setattr(source_location, "format_location", format_line)


@pytest.fixture
def rng() -> np.random.Generator:
    """A random number generator with a fixed seed."""
    return np.random.default_rng(0)


@pytest.fixture
def data(rng: np.random.Generator) -> Data:
    """Points, labeled by whether the first coordinate is larger."""
    x = rng.normal(size=(160, 2)).astype("float32")
    return x, (x[:, 0] > x[:, 1]).astype("int32")


@pytest.fixture
def make() -> Callable[..., pel.Sequential]:
    """A function that returns a small compiled model, the same on every call."""

    def model(dropout: float = 0.0, optimizer: object = None) -> pel.Sequential:
        nn.set_random_seed(3)
        compiled = pel.Sequential(
            [
                nn.Input((2,)),
                nn.Dense(4, activation="tanh"),
                nn.Dropout(dropout),
                nn.Dense(2, activation="softmax"),
            ]
        )
        compiled.compile(optimizer or SGD(0.2), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        return compiled

    return model
