from pathlib import Path

import numpy as np
import pytest

from pellucid.course.networks.regularization import compute_true_probability, regularization
from pellucid.data import moons
from pellucid.tracking import run_experiment


@pytest.mark.slow
def test_variance_falls_and_bias_rises_with_the_strength(tmp_path: Path) -> None:
    settings = {"strengths": (10.0, 0.001, 0.1), "subsamples": 30, "passes": 2500}
    record, error = run_experiment(regularization, settings, tmp_path)
    assert error is None
    bias, variance = record.measures["squared_bias"], record.measures["variance"]
    assert list(record.measures["strengths"]) == [0.001, 0.1, 10.0]
    assert variance[0] > variance[1] > variance[2]
    assert bias[0] < bias[1] < bias[2]
    assert record.measures["best_strength"] == 0.1
    assert np.allclose(record.measures["squared_error"], bias + variance)
    assert record.measures["networks"] == 90
    assert record.result is not None
    assert record.baseline is not None
    assert record.result.value < record.baseline.value / 1.5
    assert [picture.file for picture in record.pictures] == ["spread.png", "trade-off.png", "boundaries.png"]


def test_a_single_strength_is_a_run(tmp_path: Path) -> None:
    settings = {"strengths": (0.1,), "subsamples": 2, "passes": 3, "points": 5}
    record, error = run_experiment(regularization, settings, tmp_path)
    assert error is None
    assert record.measures["networks"] == 2


def test_the_true_probability_is_the_frequency_of_class_1() -> None:
    X, y = moons(10_000, noise=0.3, seed=5)
    expected = compute_true_probability(X, 0.3)
    for low in np.arange(0, 1, 0.2):
        near = (expected >= low) & (expected < low + 0.2)
        assert y[near].mean() == pytest.approx(expected[near].mean(), abs=0.03)
    assert compute_true_probability(np.array([[0.5, 0.25]]), 0.3) == pytest.approx(0.5)
    assert np.isfinite(compute_true_probability(np.array([[1e3, 1e3]]), 0.05)).all()
