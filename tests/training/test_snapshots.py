"""Restoring a finished run at any step, branching it, and comparing it with another run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import callbacks, nn
from pellucid.training import run_comparison, snapshots


def make(dropout: float = 0.0) -> pel.Sequential:
    """Return a model with momentum."""
    nn.set_random_seed(1)
    model = pel.Sequential([nn.Input((4,)), nn.Dense(6, "tanh"), nn.Dropout(dropout), nn.Dense(1)])
    model.compile(pel.optimizers.SGD(0.02, momentum=0.9), "mse")
    return model


def fit(model: Any = None, extra_callbacks: Any = (), epochs: int = 4, **overrides: Any) -> callbacks.History:
    """Fit a model on 5 batches of 16 samples and a smaller one."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(86, 4)).astype("float32")
    settings = {"batch_size": 16, "seed": 3, "verbose": 0, **overrides}
    return (model or make()).fit(x, x[:, :1] ** 2, epochs=epochs, callbacks=list(extra_callbacks), **settings)


class StateRecorder(callbacks.Callback):
    """Records the state after every step."""

    def __init__(self) -> None:
        self.states: dict[int, dict[str, bytes]] = {}

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.states[self.model.step] = get_state_bytes(self.model)


def get_state_bytes(model: Any) -> dict[str, bytes]:
    """Return the state of a model as bytes."""
    return {path: p.get_value().tobytes() for path, p in model.state().items()}


def get_learning_rate(model: Any) -> float:
    """Return the learning rate of a model in float32 precision."""
    return round(float(model.optimizer.learning_rate), 6)


def test_models_are_restored_at_every_step() -> None:
    recorder, model = StateRecorder(), make(0.3)
    history = fit(model, [recorder])
    after = get_state_bytes(model)
    assert len(recorder.states) == 24
    history.recorder.snapshots[1:] = []  # keep only the first snapshot
    for step in (1, 5, 6, 7, 11, 17, 24):
        restored = history.at(step)
        assert get_state_bytes(restored) == recorder.states[step], step
        assert (6 * restored.run.epoch + restored.run.batch, restored.run.batch > 0) == (step, True)
    assert get_state_bytes(model) == after  # the trained model is unchanged
    assert model.run.step == 24
    fresh = history.at(0)
    assert fresh.get_weights()[0].tobytes() == make(0.3).get_weights()[0].tobytes()
    assert not set(fresh.parameters) & set(model.parameters)


def test_steps_restored_from_any_snapshot_are_bit_identical(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "MIN_TIME_RATIO", 0)
    recorder = StateRecorder()
    history = fit(extra_callbacks=[recorder], epochs=12)
    kept = history.recorder.snapshots
    assert 10 <= len(kept) <= snapshots.MAX_SNAPSHOTS
    assert kept[0].step == 0
    assert np.ptp(np.diff([s.step for s in kept])[:-1]) <= 4  # evenly spaced after eviction
    for step in (9, 40, 41, 72):
        assert get_state_bytes(history.at(step)) == recorder.states[step]


def test_changes_by_callbacks_are_reproduced() -> None:
    rate = callbacks.LearningRateScheduler(lambda epoch, lr: lr * 0.5)
    stopping = callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True, min_delta=0.5)
    recorder, model = StateRecorder(), make()
    history = fit(model, [rate, stopping, recorder], epochs=9)
    assert len(history.epoch) < 9
    history.recorder.snapshots[1:] = []
    assert get_state_bytes(history.at(10)) == recorder.states[10]
    assert get_state_bytes(history.at(model.step)) == get_state_bytes(model)  # with the best weights restored
    assert get_learning_rate(history.at(0)) == 0.01  # as the scheduler sets it before the first step
    assert get_learning_rate(history.at(7)) == 0.005


@pytest.mark.slow
def test_a_branch_is_validated_on_the_same_stream() -> None:
    class Parts:
        def __iter__(self) -> Iterator[Any]:
            x = np.random.default_rng(1).normal(size=(20, 4)).astype("float32")
            return iter([(x[:10], x[:10, :1]), (x[10:], x[10:, :1])])

    history = fit(epochs=2, validation_data=Parts())
    branch = history.branch(at=8, learning_rate=0.1)
    assert branch.history["val_loss"][0] == history.history["val_loss"][0]
    assert branch.history["val_loss"][1] == branch.model.evaluate(Parts())
    assert branch.history["val_loss"][1] != history.history["val_loss"][1]


def test_a_snapshot_between_two_epochs_does_not_keep_the_metrics_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder_type, record = snapshots.RunRecorder, snapshots.RunRecorder.after_steps
    monkeypatch.setattr(recorder_type, "after_steps", lambda self: None if self.model.run.batch else record(self))
    monkeypatch.setattr(snapshots, "MIN_TIME_RATIO", 0)
    history = fit(make(), validation_split=0.1)
    recorder = history.get_recorder()
    recorder.snapshots[:] = [snapshot for snapshot in recorder.snapshots if snapshot.step <= 15]
    assert recorder.snapshots[-1].step == 15
    assert history.branch(at=18).history == history.branch(at=20).history == history.history


def test_branches_without_and_with_a_change() -> None:
    model = make(0.3)
    history = fit(model, validation_split=0.1)
    for at in (0, 7, 20):
        same = history.branch(at=at)
        assert get_state_bytes(same.model) == get_state_bytes(model)
        assert same.history == history.history
        assert same.epoch == [0, 1, 2, 3]
    other = history.branch(at=10, learning_rate=0.1, epochs=5)
    assert other.epoch == [0, 1, 2, 3, 4]
    assert other.history["loss"][:1] == history.history["loss"][:1]
    assert other.history["loss"][2:4] != history.history["loss"][2:4]
    assert get_learning_rate(other.model) == 0.1
    assert get_learning_rate(model) == 0.02
    comparison = pel.compare(history, other)
    assert (comparison.first, comparison.last, comparison.step, comparison.tensor) == (
        10,
        20,
        10,
        "optimizer/learning_rate",
    )
    frozen = history.branch(at=10, change=lambda m: m.layers[0].kernel.set_value(np.zeros((4, 6), "float32")))
    assert str(pel.compare(history, frozen)).startswith("The runs diverge at step 10: dense/kernel[")
    again = other.branch(at=15)  # a branch is a run too
    assert not pel.compare(other, again)


def test_compare_finds_the_first_different_step_and_tensor() -> None:
    class Push(callbacks.Callback):
        """Changes one number after a step."""

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.model.step == 13:
                value = self.model.layers[-1].bias.get_value()
                self.model.layers[-1].bias.set_value(np.nextafter(value, value + 1))

    one, same, pushed = fit(), fit(), fit(extra_callbacks=[Push()])
    assert str(pel.compare(one, same)) == "The runs are bit-identical from step 0 to step 24"
    found = pel.compare(one, pushed)
    assert (found.step, list(found.tensors)) == (13, ["dense_1/bias"])
    assert str(found).startswith("The runs diverge at step 13: dense_1/bias[0] is ")
    seeded = pel.compare(one, fit(seed=4, epochs=1))
    assert seeded.step == 1
    assert str(seeded).endswith("and others differ too")
    assert pel.compare(one, fit(epochs=2)).last == 12


def test_the_largest_difference_is_at_an_element_that_differs() -> None:
    a, b = (np.array([np.inf, 1.0, np.nan, value], "float32") for value in (2.0, 2.5))
    assert run_comparison.describe_difference("w", a, b) == "w[3] is 2.0 in one and 2.5 in the other"
    assert run_comparison.describe_difference("w", a, np.full(4, np.nan)).startswith("w[0] is inf in one and nan")


def test_several_fits_of_one_model_are_separate_runs() -> None:
    model = make()
    first = fit(model)
    middle = get_state_bytes(model)
    second = fit(model, seed=9)
    assert (second.recorder.begin, second.recorder.end) == (24, 48)
    assert get_state_bytes(first.at(24)) == middle == get_state_bytes(second.at(24))
    assert not pel.compare(first, second)  # they have one step in common
    with pytest.raises(ValueError, match=r"Expected a step from 24 to 48. Received: step=3"):
        second.at(3)


def test_steps_that_cannot_be_restored_are_explained(tmp_path: Any) -> None:
    model = make()
    x = np.ones((8, 4), "float32")
    stream = model.fit(iter([(x, x[:, :1])] * 3), verbose=0)
    with pytest.raises(pel.StateError, match="cannot be repeated: the batches came from an iterable"):
        stream.at(1)
    none = fit(extra_callbacks=[callbacks.History(snapshot_megabytes=0)])
    with pytest.raises(
        pel.StateError,
        match=r"takes \d+ bytes, more than 0; raise the limit with callbacks=\[pel.callbacks.History\(snap",
    ):
        none.at(1)
    with pytest.raises(pel.StateError, match="was not yet passed to fit"):
        callbacks.History().at(1)
    model.save(tmp_path / "m.pel")
    with pytest.raises(pel.StateError, match="it was loaded from a file"):
        pel.load_model(tmp_path / "m.pel").history.at(1)
    history = fit(model)
    model.compile("sgd", "mse")
    with pytest.raises(pel.StateError, match="has changed or was compiled again"):
        history.at(5)
    with pytest.raises(TypeError, match=r"Expected the History that fit returns. Received: 3"):
        pel.compare(3, history)
    narrow = pel.Sequential([nn.Input((4,)), nn.Dense(1)])
    narrow.compile("sgd", "mse")
    with pytest.raises(pel.StateError, match=r"have different tensors: .* is only in one of them"):
        pel.compare(fit(narrow), history)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "MIN_TIME_RATIO", 0)
    recorder, model = StateRecorder(), make()
    size = fit(model, epochs=1).recorder.snapshots[0].bytes
    history = fit(model, [recorder, callbacks.History(snapshot_megabytes=5 * size / 2**20)], epochs=8)
    assert history.recorder.bytes <= 5 * size
    assert 2 <= len(history.recorder.snapshots) <= 5
    assert get_state_bytes(history.at(37)) == recorder.states[37]
