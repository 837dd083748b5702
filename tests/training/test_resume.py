"""A run is a function of seed and step: resumed after any step, it is bit-identical."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import callbacks, nn
from pellucid.nn.optimizers import SGD
from pellucid.training.array_source import get_epoch_order

Data = tuple[np.ndarray, np.ndarray]
Make = Callable[..., pel.Sequential]


class Stop(Exception):
    """Exception that ends a run."""


class CopyState(callbacks.Callback):
    """Copies the state of a run after some steps, and ends the run one step later."""

    batch_interval = 1  # type: ignore[assignment]

    def __init__(self, *steps: int) -> None:
        self.steps = steps
        self.copies: dict[int, tuple[dict[str, Any], Any]] = {}

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.model.step in self.steps:
            values = {path: shared.get_value() for path, shared in self.model.state().items()}
            self.copies[self.model.step] = values, self.model.run.get_state()
        if self.model.step > max(self.steps):
            raise Stop


class RestoreState(callbacks.Callback):
    """Restores a run."""

    def __init__(self, values: dict[str, Any], run: Any) -> None:
        self.values, self.run = values, run

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        state = self.model.state()
        assert set(state) == set(self.values)
        for path, shared in state.items():
            shared.set_value(self.values[path])
        self.model.run.set_state(self.run)


def fit(model: pel.Sequential, batch: int, seed: int, **options: Any) -> callbacks.History:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2)).astype("float32")
    return model.fit(x, (x[:, 0] > x[:, 1]).astype("int32"), batch_size=batch, epochs=4, seed=seed, **options)


def make_network(rate: float, seed: int) -> pel.Sequential:
    nn.set_random_seed(seed)
    model = pel.Sequential([nn.Input((2,)), nn.Dropout(0.3), nn.Dense(3, "tanh"), nn.Dense(2, "softmax")])
    model.compile(SGD(rate, momentum=0.5), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


RUNS = {25: (4, 10), 80: (2,)}
"""Steps after which runs with a batch size are resumed: between two epochs, in the middle of one, with full batches."""


@pytest.fixture(scope="module")
def runs() -> dict[int, tuple[pel.Sequential, CopyState]]:
    """An uninterrupted run, and copies of the states of an interrupted one, for each batch size."""
    found = {}
    for batch, steps in RUNS.items():
        uninterrupted, copy = make_network(0.2, 3), CopyState(*steps)
        fit(uninterrupted, batch, 7)
        with pytest.raises(Stop):
            fit(make_network(0.2, 3), batch, 7, callbacks=[copy])
        found[batch] = uninterrupted, copy
    return found


@pytest.mark.parametrize(("batch", "step"), [(batch, step) for batch, steps in RUNS.items() for step in steps])
def test_a_run_resumed_at_any_step_is_bit_identical(
    runs: dict[int, tuple[pel.Sequential, CopyState]], batch: int, step: int
) -> None:
    uninterrupted, copy = runs[batch]
    history, resumed = uninterrupted.history.history, make_network(0.1, 99)
    remainder = fit(resumed, batch, 1, callbacks=[RestoreState(*copy.copies[step])])
    assert resumed.step == uninterrupted.step
    for a, b in zip(resumed.get_weights(), uninterrupted.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    # The metrics of the interrupted epoch include the batches before the interruption.
    assert 1 <= len(remainder.epoch) <= 4
    assert remainder.history["loss"] == history["loss"][-len(remainder.epoch) :]
    assert remainder.history["accuracy"] == history["accuracy"][-len(remainder.epoch) :]


def test_initial_epoch_continues_a_run(data: Data, make: Make) -> None:
    uninterrupted, parts = make(), make()
    history = uninterrupted.fit(*data, epochs=4, seed=3)
    first = parts.fit(*data, epochs=1, seed=3)
    second = parts.fit(*data, epochs=4, initial_epoch=1, seed=3)
    assert (first.epoch, second.epoch) == ([0], [1, 2, 3])
    assert first.history["loss"] + second.history["loss"] == history.history["loss"]
    assert parts.step == uninterrupted.step == 20
    assert parts.fit(*data, epochs=4, initial_epoch=4, seed=3).epoch == []


def test_the_state_has_all_variables_of_a_step(data: Data) -> None:
    model = pel.Sequential(
        [
            nn.Input((2,)),
            nn.Dense(3),
            nn.BatchNormalization(),
            nn.Dropout(0.5, name="drop"),
            pel.Sequential([nn.Dense(3, name="inner"), nn.GaussianNoise(0.1), nn.Dense(2)]),
            nn.Dense(2, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(*data, seed=0)
    state = model.state()
    assert [path for path in state if not path.startswith("optimizer")] == [
        "dense/kernel",
        "dense/bias",
        "batch_normalization/gamma",
        "batch_normalization/beta",
        "batch_normalization/moving_mean",
        "batch_normalization/moving_variance",
        "sequential/inner/kernel",
        "sequential/inner/bias",
        "sequential/dense/kernel",
        "sequential/dense/bias",
        "dense_1/kernel",
        "dense_1/bias",
        "drop/random",
        "sequential/gaussian_noise/random",
    ]
    slots = {path for path in state if path.startswith("optimizer")}
    assert {"optimizer/iterations", "optimizer/learning_rate", "optimizer/sequential/dense/kernel/v"} <= slots
    (objective,) = model.train_steps.values()
    ((_, walk),) = objective.programs.items()
    program = walk.function.program
    touched = {s for s in [*program.updates, *program.read] if isinstance(s, pel.Shared)} - set(walk.data.values())
    assert touched == set(state.values())


def test_sample_orders_depend_on_seed_and_epoch() -> None:
    np.testing.assert_array_equal(get_epoch_order(7, 3, 50), get_epoch_order(7, 3, 50))
    assert not np.array_equal(get_epoch_order(7, 3, 50), get_epoch_order(7, 4, 50))
    assert sorted(get_epoch_order(7, 3, 50)) == list(range(50))
    np.testing.assert_array_equal(get_epoch_order(7, 3, 5, shuffle=False), range(5))
