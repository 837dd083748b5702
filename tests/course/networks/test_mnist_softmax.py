from pathlib import Path

import numpy as np
import pytest

from pellucid.course.networks.common.image_data import make_batch_indices
from pellucid.course.networks.mnist_softmax import mnist_softmax
from pellucid.tracking import run_experiment


@pytest.mark.slow
def test_one_layer_classifies_nine_of_ten_digits(tmp_path: Path, drawn_pictures: None) -> None:
    record, error = run_experiment(mnist_softmax, {}, tmp_path)
    assert error is None
    assert record.measures["test_accuracy"] >= 0.90
    assert record.measures["majority_accuracy"] == pytest.approx(0.1135)
    assert record.measures["largest_weight_difference"] < 1e-4
    assert min(record.measures["accuracy_of_digit"].values()) > 0.7
    assert record.findings[0].endswith("the softmax layer is better.")


@pytest.mark.usefixtures("few_digits", "small_grids")
def test_one_layer_learns_patterns_as_the_loop_in_numpy_does(tmp_path: Path) -> None:
    record, error = run_experiment(mnist_softmax, {"steps": 30, "batch": 50, "rate": 0.001}, tmp_path)
    assert error is None
    assert record.measures["test_accuracy"] >= 0.90 > record.measures["test_accuracy_untrained"]
    assert record.measures["majority_accuracy"] == 0.25
    assert record.measures["last_loss"] < np.log(10) / 2
    assert record.measures["largest_weight_difference"] < 1e-4
    assert record.measures["accuracy_of_digit"].keys() == {str(digit) for digit in range(10)}
    assert min(record.measures["accuracy_of_digit"].values()) > 0.7
    assert record.baseline is not None
    assert record.baseline.value == record.measures["majority_accuracy"]
    assert record.findings[0].endswith("the softmax layer is better.")
    assert "end with the same weights" in record.findings[1]
    assert [picture.file for picture in record.pictures] == ["weights.png", "loss.png", "answers.png"]


@pytest.mark.usefixtures("few_digits", "small_grids")
def test_a_single_step_is_a_run(tmp_path: Path) -> None:
    record, error = run_experiment(mnist_softmax, {"steps": 1, "batch": 7}, tmp_path)
    assert error is None
    assert record.measures["last_loss"] == pytest.approx(np.log(10), abs=1e-5)


def test_batches_have_every_image_once_per_epoch() -> None:
    batches = make_batch_indices(10, steps=5, batch=4, seed=0)
    assert batches.shape == (5, 4)
    assert batches.dtype == np.int32
    assert sorted(batches.ravel()[:10]) == sorted(batches.ravel()[10:]) == list(range(10))
    assert not np.array_equal(batches.ravel()[:10], batches.ravel()[10:])
    assert np.array_equal(batches, make_batch_indices(10, steps=5, batch=4, seed=0))


@pytest.mark.usefixtures("few_digits")
@pytest.mark.filterwarnings("ignore:overflow|invalid value:RuntimeWarning")
def test_a_nonfinite_loss_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    record, _ = run_experiment(mnist_softmax, {"steps": 20, "rate": 1e38}, tmp_path)
    assert record.status == "failed"
    assert record.reason is not None
    assert "use a smaller rate" in record.reason
