"""Every training experiment saves partial results when Ctrl-C ends its loop."""

import signal
from pathlib import Path
from typing import Any

import pytest

from pellucid.experiments.runner import run_experiment
from pellucid.experiments.runner.registry import find_experiment
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
        ("conv32", {"images": 200, "test": 100, "batch": 10}, "training", {"training": "steps"}, "loss"),
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
        "pellucid.experiments.runner.child_process.is_supported", lambda: False
    )  # so that one part comes after the other
    display: Any = Presser(part)
    record, error = run_experiment(find_experiment(name), settings, tmp_path, display=display)
    assert isinstance(error, KeyboardInterrupt)
    assert record.status == "interrupted"
    for label, unit in units.items():
        assert record.measures[f"{unit}_finished"][label] >= 1
    assert record.measures[f"last_{quantity.replace(' ', '_')}"]
    assert f"{quantity.replace(' ', '-')}-so-far.png" in [picture.file for picture in record.pictures]
    assert (tmp_path / record.pictures[0].file).exists()


def test_ctrl_c_in_a_fit_saves_the_finished_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enter = History.on_epoch_end

    def enter_and_press(history: History, epoch: int, logs: Any = None) -> None:
        enter(history, epoch, logs)
        if len(history.epoch) == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(History, "on_epoch_end", enter_and_press)
    record, error = run_experiment(find_experiment("images"), {}, tmp_path)
    assert isinstance(error, KeyboardInterrupt)
    assert record.measures["epochs_finished"] == {"training": 2}
    assert [picture.file for picture in record.pictures] == ["loss-so-far.png"]
