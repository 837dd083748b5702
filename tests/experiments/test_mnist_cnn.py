"""Two convolutions classify digits after a short training."""

from pathlib import Path

import pytest

from pellucid.experiments.mnist_cnn import mnist_cnn
from pellucid.experiments.runner import run_experiment


@pytest.mark.slow
def test_a_short_training_beats_the_baseline_by_far(tmp_path: Path) -> None:
    record, error = run_experiment(mnist_cnn, {"steps": 40, "test": 300}, tmp_path)
    assert error is None
    assert record.measures["test_accuracy"] > 0.5 > record.measures["majority_accuracy"] + 0.3
    files = {picture.file for picture in record.pictures}
    assert files == {"loss.png", "filters.png", "feature-maps.png", "answers.png"}


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "min_accuracy"), [(200, 0.88), (1000, 0.95)])
def test_accuracy_after_more_steps(tmp_path: Path, steps: int, min_accuracy: float) -> None:
    record, error = run_experiment(mnist_cnn, {"steps": steps}, tmp_path)
    assert error is None
    assert record.measures["test_accuracy"] >= min_accuracy
