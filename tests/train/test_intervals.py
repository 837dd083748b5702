"""Confidence intervals, against SciPy and by their coverage on simulated data."""

from collections.abc import Callable

import numpy as np
import pytest

import pellucid as pel
from pellucid.show.plots.calibration_plot import reliability_curve
from pellucid.train.evaluate import intervals
from pellucid.train.evaluate.evaluated_predictions import predict_finite
from pellucid.train.evaluate.metrics import (
    evaluate_classification,
    evaluate_regression,
    resample_classification,
    resample_regression,
)

Simulation = Callable[[np.random.Generator], tuple[tuple[float, float], float]]


@pytest.mark.parametrize(("successes", "trials"), [(0, 5), (3, 7), (5, 5), (294, 300)])
def test_wilson_intervals_are_those_of_scipy(successes: int, trials: int) -> None:
    from scipy.stats import binomtest

    expected = binomtest(successes, trials).proportion_ci(method="wilson")
    found = intervals.compute_fraction_interval(successes, trials)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_no_trials_say_nothing() -> None:
    assert intervals.compute_fraction_interval(0, 0) == (0.0, 1.0)


def simulate_accuracy(rng: np.random.Generator) -> tuple[tuple[float, float], float]:
    return intervals.compute_fraction_interval(int(rng.binomial(60, 0.95)), 60), 0.95


def simulate_balanced_accuracy(rng: np.random.Generator) -> tuple[tuple[float, float], float]:
    trials, recall = np.array([200, 12, 30]), np.array([0.98, 0.6, 0.9])
    return intervals.compute_mean_fraction_interval(rng.binomial(trials, recall), trials), float(recall.mean())


def simulate_mean_absolute_error(rng: np.random.Generator) -> tuple[tuple[float, float], float]:
    errors = rng.normal(size=(80, 1))
    found = intervals.bootstrap(lambda w: {"mae": (w @ np.abs(errors) / 80)[:, 0]}, 80, seed=0)
    return found["mae"], float(np.sqrt(2 / np.pi))


def simulate_roc_auc(rng: np.random.Generator) -> tuple[tuple[float, float], float]:
    from scipy.stats import norm

    truth = np.repeat([0, 1], [70, 30])
    score = rng.normal(size=100) + truth
    scores = np.stack([-score, score], axis=1)
    found = intervals.bootstrap(lambda w: resample_classification(w, truth, truth, None, scores, 1), 100, seed=0)
    return found["roc_auc"], float(norm.cdf(1 / np.sqrt(2)))


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "simulate", [simulate_accuracy, simulate_balanced_accuracy, simulate_mean_absolute_error, simulate_roc_auc]
)
def test_intervals_cover_the_true_value_in_95_percent_of_the_cases(
    simulate: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intervals, "RESAMPLES", 300)
    rng = np.random.default_rng(0)
    cases = [simulate(rng) for _ in range(200)]
    covered = np.mean([low <= true <= high for (low, high), true in cases])
    assert 0.90 <= covered <= 0.99  # 0.95 plus or minus three standard errors


def test_metrics_of_classes_and_of_their_resamples_are_those_of_scikit_learn() -> None:
    from sklearn import metrics as peer

    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 60)
    scores = rng.dirichlet([1, 1, 1], 60).astype("float32")
    scores[:10] = scores[10]  # equal scores
    predicted = scores.argmax(axis=1)
    found = evaluate_classification(truth, predicted, scores, ["a", "b", "c"], None, seed=0)
    exact = scores / scores.sum(axis=1, keepdims=True, dtype=float)
    assert found.metrics == pytest.approx(
        {
            "accuracy": peer.accuracy_score(truth, predicted),
            "balanced_accuracy": peer.balanced_accuracy_score(truth, predicted),
            "macro_precision": peer.precision_score(truth, predicted, average="macro", zero_division=0),
            "macro_f1": peer.f1_score(truth, predicted, average="macro"),
            "roc_auc": peer.roc_auc_score(truth, exact, multi_class="ovr"),
            "average_precision": peer.average_precision_score(truth, exact),
            "log_loss": peer.log_loss(truth, exact),
            "brier_score": ((exact - np.eye(3)[truth]) ** 2).sum(axis=1).mean(),
            "calibration_error": found.metrics["calibration_error"],
        }
    )
    assert found.groups[1]["recall"] == peer.recall_score(truth, predicted, average=None)[1]
    for name in ("accuracy", "macro_f1", "log_loss", "brier_score"):
        low, high = found.intervals[name]
        assert low < found.metrics[name] < high

    is_second = (truth == 1).astype(int)
    pair = np.stack([1 - exact[:, 1], exact[:, 1]], axis=1)
    chosen = pair.argmax(axis=1)
    weights = intervals.draw_counts(rng, 5, 60)
    drawn = resample_classification(weights, is_second, chosen, pair, pair, 1)
    for row, weight in enumerate(weights):
        kept = {"sample_weight": weight}
        assert {name: values[row] for name, values in drawn.items()} == pytest.approx(
            {
                "macro_f1": peer.f1_score(is_second, chosen, average="macro", **kept),
                "log_loss": peer.log_loss(is_second, pair, **kept),
                "brier_score": peer.brier_score_loss(is_second, pair[:, 1], **kept),
                "roc_auc": peer.roc_auc_score(is_second, pair[:, 1], **kept),
                "average_precision": peer.average_precision_score(is_second, pair[:, 1], **kept),
            }
        )


def test_metrics_of_values_and_of_their_resamples_are_those_of_scikit_learn() -> None:
    from sklearn import metrics as peer

    rng = np.random.default_rng(0)
    truth = rng.normal(size=(40, 2))
    predicted = truth + rng.normal(size=(40, 2))
    found = evaluate_regression(truth, predicted, ["a", "b"], seed=0)
    assert found.metrics == pytest.approx(
        {
            "mae": peer.mean_absolute_error(truth, predicted),
            "rmse": peer.root_mean_squared_error(truth, predicted),
            "median_absolute_error": peer.median_absolute_error(truth, predicted),
            "r2": peer.r2_score(truth, predicted),
        }
    )
    assert found.groups[1]["r2"] == pytest.approx(peer.r2_score(truth[:, 1], predicted[:, 1]))
    weights = intervals.draw_counts(rng, 5, 40)
    drawn = resample_regression(weights, truth, predicted)
    for row, weight in enumerate(weights):
        assert drawn["r2"][row] == pytest.approx(peer.r2_score(truth, predicted, sample_weight=weight))
        assert drawn["rmse"][row] == pytest.approx(peer.root_mean_squared_error(truth, predicted, sample_weight=weight))


def test_a_perfect_score_has_an_interval_and_a_constant_bootstrap_none() -> None:
    truth = np.array([0, 0, 1, 1])
    found = evaluate_classification(truth, truth, np.eye(2)[truth], ["a", "b"], 1, seed=0)
    assert found.metrics["accuracy"] == found.metrics["balanced_accuracy"] == 1
    assert found.intervals["accuracy"] == pytest.approx((0.51, 1), abs=0.01)
    assert found.intervals["balanced_accuracy"] == pytest.approx((0.535, 1), abs=0.01)
    assert "roc_auc" not in found.intervals


def test_scores_that_are_no_probabilities_have_no_metrics_of_probabilities() -> None:
    truth = np.array([0, 1, 1])
    logits = np.array([[2.0, -1.0], [0.5, 3.0], [-1.0, 0.0]])
    found = evaluate_classification(truth, logits.argmax(axis=1), logits, ["a", "b"], 1, seed=0)
    assert found.metrics["roc_auc"] == 1.0
    assert "log_loss" not in found.metrics
    assert found.confidence is None


def test_a_class_without_test_samples_has_no_recall() -> None:
    truth, scores = np.array([0, 0, 0]), np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    found = evaluate_classification(truth, scores.argmax(axis=1), scores, ["a", "b"], 1, seed=0)
    assert found.groups[1]["recall"] is None
    assert found.metrics["balanced_accuracy"] == pytest.approx(2 / 3)
    assert "roc_auc" not in found.metrics


def test_outputs_that_are_not_finite_are_an_error() -> None:
    model = pel.Sequential([pel.nn.Input((1,)), pel.nn.Dense(1)])
    model.set_weights([np.full((1, 1), 1e10, "float32"), np.zeros(1, "float32")])
    with pytest.raises(pel.NonFiniteError, match="The outputs of the network are not finite for 1 of 2 samples"):
        predict_finite(model, np.array([[1.0], [3e38]], "float32"))


def test_a_reliability_curve_needs_bins_with_samples() -> None:
    with pytest.raises(pel.OptionError, match="with one or more samples in a bin"):
        reliability_curve([3, 0], [0.2, 0.8], [1, 0])
