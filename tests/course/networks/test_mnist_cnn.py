"""Two convolutions classify digits after a short training, better than a softmax layer; so does a network by hand."""

from pathlib import Path

import pytest

from pellucid.course.networks.mnist_cnn import mnist_cnn
from pellucid.tracking import run_experiment


@pytest.mark.slow
def test_a_short_training_beats_the_baseline_by_far(tmp_path: Path) -> None:
    record, error = run_experiment(mnist_cnn, {"steps": 40, "test": 300}, tmp_path)
    assert error is None
    assert record.measures["test_accuracy"] > 0.5 > record.measures["majority_accuracy"] + 0.3
    files = {picture.file for picture in record.pictures}
    assert files == {"loss.png", "filters.png", "feature-maps.png", "answers.png"}
    assert record.measures["accuracy_by_hand"] > 0.9
    assert record.measures["largest_weight_difference"] < 1e-10
    assert record.findings[0].endswith("the softmax layer is better.")  # 40 steps are too few
    assert "ends with the same weights by hand and by graph" in record.findings[3]


@pytest.mark.slow
def test_the_tour_shows_that_convolutions_help(tmp_path: Path) -> None:
    record, error = run_experiment(mnist_cnn, {}, tmp_path)
    assert error is None
    assert record.measures["test_accuracy"] > record.measures["softmax_accuracy"] + 0.03
    assert record.findings[0].endswith("the convolutional network is better.")
    assert record.findings[1].endswith("the small network by hand is better.")


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "min_accuracy"), [(200, 0.93), (1000, 0.97)])
def test_accuracy_after_more_steps(tmp_path: Path, steps: int, min_accuracy: float) -> None:
    record, error = run_experiment(mnist_cnn, {"steps": steps}, tmp_path)
    assert error is None
    assert record.measures["test_accuracy"] >= min_accuracy
