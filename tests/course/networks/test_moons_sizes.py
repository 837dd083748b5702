from pathlib import Path

import pytest

from pellucid.course.networks.moons_sizes import moons_sizes
from pellucid.tracking import run_experiment


@pytest.mark.slow
def test_three_units_are_more_accurate_than_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.figure import Figure

    monkeypatch.setattr("pellucid.show.plots.plots.boundary_grid", lambda panels, *_, **__: Figure((1, 1)))
    record, error = run_experiment(moons_sizes, {"sizes": (1, 3), "passes": 1002}, tmp_path)
    assert error is None
    held_out = record.measures["held_out_accuracy"]
    assert held_out[1] < 0.9 < held_out[3]
    assert record.result is not None
    assert record.result.label == "best held-out accuracy, with 3 units"
    assert record.result.value == held_out[3]
    assert [line.split()[0] for line in record.lines[1:3]] == ["1", "3"]
    assert [picture.file for picture in record.pictures] == ["boundaries.png", "accuracies.png"]
    assert " with 1 unit;" in record.pictures[0].reading
    assert record.measures["last_loss"][3] == pytest.approx(0.068947, abs=5e-7)  # that of the experiment moons


@pytest.mark.slow
def test_more_units_fit_the_training_set_better(tmp_path: Path, drawn_pictures: None) -> None:
    record, error = run_experiment(moons_sizes, {"sizes": (1, 3, 20), "passes": 3000}, tmp_path)
    assert error is None
    training = record.measures["training_accuracy"]
    assert training[20] >= training[3] > training[1]
    assert record.result is not None
    assert record.result.label == "best held-out accuracy, with 3 units"


def test_a_single_size_is_a_run(tmp_path: Path) -> None:
    record, _ = run_experiment(moons_sizes, {"sizes": (3,), "passes": 1, "points": 20}, tmp_path)
    assert record.measures["last_loss"][3] > 0.068947
    assert [picture.file for picture in record.pictures] == ["boundaries.png"]


def test_a_size_given_twice_is_refused(tmp_path: Path) -> None:
    record, _ = run_experiment(moons_sizes, {"sizes": (2, 3, 2), "passes": 2, "points": 20}, tmp_path)
    assert record.status == "failed"
    assert record.reason == "sizes: expected each size once; received 2 more than once. Keep one of them"
