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
    """Copies the state of a run after a step, and ends the run after a later one."""

    batch_interval = 1  # type: ignore[assignment]

    def __init__(self, keep: int, kill: int) -> None:
        self.keep, self.kill = keep, kill
        self.values: dict[str, Any] = {}

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.model.step == self.keep:
            self.values = {path: shared.get_value() for path, shared in self.model.state().items()}
            self.run = self.model.run.get_state()
        if self.model.step == self.kill:
            raise Stop


class RestoreState(callbacks.Callback):
    """Restores a run."""

    def __init__(self, copy: CopyState) -> None:
        self.copy = copy

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        state = self.model.state()
        assert set(state) == set(self.copy.values)
        for path, shared in state.items():
            shared.set_value(self.copy.values[path])
        self.model.run.set_state(self.copy.run)


@pytest.mark.parametrize(("batch", "step"), [(25, 7), (25, 17), (160, 2)])
def test_a_run_resumed_at_any_step_is_bit_identical(data: Data, make: Make, batch: int, step: int) -> None:
    uninterrupted = make(0.3, optimizer=SGD(0.2, momentum=0.5))
    history = uninterrupted.fit(*data, batch_size=batch, epochs=4, seed=7).history
    interrupted = make(0.3, optimizer=SGD(0.2, momentum=0.5))
    copy = CopyState(step, step + 1)
    with pytest.raises(Stop):
        interrupted.fit(*data, batch_size=batch, epochs=4, seed=7, callbacks=[copy])
    nn.set_random_seed(99)
    resumed = pel.Sequential([nn.Input((2,)), *(layer.clone() for layer in interrupted.layers)])
    resumed.compile(SGD(0.1, momentum=0.5), interrupted.compile_config.loss, metrics=["accuracy"])
    remainder = resumed.fit(*data, batch_size=batch, epochs=4, seed=1, callbacks=[RestoreState(copy)])
    assert resumed.step == uninterrupted.step
    for a, b in zip(resumed.get_weights(), uninterrupted.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    # The metrics of the interrupted epoch include the batches before the interruption.
    assert remainder.history["loss"] == history["loss"][-len(remainder.epoch) :]
    assert remainder.history["accuracy"] == history["accuracy"][-len(remainder.epoch) :]


def test_initial_epoch_continues_a_run(data: Data, make: Make) -> None:
    uninterrupted, parts = make(0.2), make(0.2)
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
