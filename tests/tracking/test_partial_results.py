"""Every training experiment saves partial results when Ctrl-C ends its loop."""

import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.course.networks.common.image_data import ImageData, make_batch_indices, train_network
from pellucid.course.networks.registry import find_experiment
from pellucid.tracking import ExperimentResult, RunContext, Score, experiment, run_experiment
from pellucid.training.callbacks.history import History


class Presser:
    """A progress display that presses Ctrl-C at the first step of one part."""

    def __init__(self, part: str) -> None:
        self.part = part

    def add_task(self, label: str, total: float) -> str:
        return label

    def advance(self, task: str, steps: float) -> None:
        if task == self.part:
            signal.raise_signal(signal.SIGINT)

    def remove_task(self, task: str) -> None: ...


@experiment("squares", "Two classes of small images")
def squares(run: RunContext) -> ExperimentResult:
    """It trains a dense layer in the loop of the convolutional networks."""
    pel.nn.set_random_seed(0)
    x, y = pel.tensor("x", ("n", 4, 4, 3), "uint8"), pel.ivector("y", shape=("n",))
    p = pel.nn.Dense(2, activation="softmax")(pel.nn.Flatten()(pel.cast(x) / 255))
    loss = pel.losses.sparse_categorical_crossentropy(y, p).mean()
    images, labels = np.zeros((20, 4, 4, 3), "uint8"), np.arange(20, dtype="int32") % 2
    images[labels == 1] = 255
    network: Any = SimpleNamespace(x=x, y=y, p=p)
    data = ImageData(images, labels, images, labels, ("dark", "light"))
    losses = train_network(run, network, data, loss, pel.optimizers.SGD(1.0), make_batch_indices(20, 6, 10, 0))
    return ExperimentResult(Score("last loss", losses[-1]), None, {"losses": losses})


def test_the_loop_of_the_convolutional_networks_learns(tmp_path: Path) -> None:
    record, error = run_experiment(squares, {}, tmp_path)
    assert error is None
    assert len(record.measures["losses"]) == 6
    assert record.measures["losses"][-1] < record.measures["losses"][0] / 2


@pytest.mark.sample(3)
@pytest.mark.usefixtures("few_digits")
@pytest.mark.parametrize(
    ("name", "settings", "part", "units", "quantity"),
    [
        ("moons", {"passes": 50}, "by hand", {"by hand": "passes"}, "loss"),
        ("moons", {"passes": 50}, "by graph", {"by hand": "passes", "by graph": "passes"}, "loss"),
        ("moons-sizes", {"passes": 50, "sizes": (1, 2)}, "the networks", {"the networks": "passes"}, "loss"),
        ("adder", {"sums": 20, "bits": 2}, "by graph", {"by hand": "sums", "by graph": "sums"}, "wrong bits"),
        (
            "regularization",
            {"passes": 20, "subsamples": 2, "strengths": (0.1,)},
            "training",
            {"training": "passes"},
            "loss",
        ),
        ("mnist-softmax", {"steps": 20}, "training", {"by graph": "steps"}, "loss"),
        ("squares", {}, "training", {"training": "steps"}, "loss"),
        pytest.param(
            "conv32",
            {"images": 200, "test": 100, "batch": 10},
            "training",
            {"training": "steps"},
            "loss",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_ctrl_c_in_a_loop_saves_the_curve_and_the_step_count(
    name: str,
    settings: dict[str, Any],
    part: str,
    units: dict[str, str],
    quantity: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "pellucid.tracking.child_process.is_supported", lambda: False
    )  # so that one part comes after the other
    display: Any = Presser(part)
    chosen = squares if name == "squares" else find_experiment(name)
    record, error = run_experiment(chosen, settings, tmp_path, display=display)
    assert isinstance(error, KeyboardInterrupt)
    assert record.status == "interrupted"
    for label, unit in units.items():
        assert record.measures[f"{unit}_finished"][label] >= 1
    assert record.measures[f"last_{quantity.replace(' ', '_')}"]
    assert f"{quantity.replace(' ', '-')}-so-far.png" in [picture.file for picture in record.pictures]
    assert (tmp_path / record.pictures[0].file).exists()


@pytest.mark.usefixtures("small_dense_networks")
def test_ctrl_c_in_a_fit_saves_the_finished_epochs(
    three_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter = History.on_epoch_end

    def enter_and_press(history: History, epoch: int, logs: Any = None) -> None:
        enter(history, epoch, logs)
        if len(history.epoch) == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(History, "on_epoch_end", enter_and_press)
    record, error = run_experiment(find_experiment("images"), {"data": three_digits, "test_size": 0.5}, tmp_path)
    assert isinstance(error, KeyboardInterrupt)
    assert record.measures["epochs_finished"] == {"training": 2}
    assert [picture.file for picture in record.pictures] == ["loss-so-far.png"]
