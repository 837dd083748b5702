"""Comparison of a network with its baselines on the same test samples: which is better, and whether beyond chance."""

from dataclasses import dataclass

import numpy as np

from pellucid.tracking.comparison import compare_on_same_samples, compare_with_noise
from pellucid.train.evaluate.intervals import LEVEL, MAXIMUM_RESAMPLED, RESAMPLES, draw_subset, resample
from pellucid.train.evaluate.metrics import LOWER_IS_BETTER, get_metric_name
from pellucid.typing import Array

VERDICTS = {1: "better", 0: "no difference beyond chance", -1: "worse"}


@dataclass(frozen=True)
class Comparison:
    """A network and a baseline on the same samples.

    Attributes
    ----------
    baseline, metric : str
        Name of the baseline, and key of the metric.
    network_value, baseline_value : float
        Their metrics.
    verdict : int
        1 if the network is better, -1 if it is worse, 0 if the difference is not beyond chance.
    test : str
        The statistical test.
    """

    baseline: str
    metric: str
    network_value: float
    baseline_value: float
    verdict: int
    test: str

    @property
    def is_baseline_ahead(self) -> bool:
        """Whether the value of the baseline is better, by chance or not."""
        difference = self.baseline_value - self.network_value
        return difference < 0 if self.metric in LOWER_IS_BETTER else difference > 0

    @property
    def values_text(self) -> str:
        """Both values with the name of the metric."""
        return f"{get_metric_name(self.metric)} {self.network_value:.4g} against {self.baseline_value:.4g}"


def compare_classifiers(metric: str, truth: Array, first: Array, second: Array, seed: int) -> tuple[int, str]:
    """Tell which of two predictions of classes has the better accuracy or balanced accuracy, and by which test.

    Examples
    --------
    >>> truth = np.arange(100) % 2
    >>> compare_classifiers("accuracy", truth, truth, np.zeros(100, int), seed=0)
    (1, "McNemar's test")
    >>> compare_classifiers("balanced_accuracy", truth, truth, truth, seed=0)
    (0, 'paired bootstrap')
    """
    if metric == "accuracy":
        return compare_on_same_samples(first == truth, second == truth), "McNemar's test"
    samples, value = len(truth), compare_recalls(truth, first, second)
    if samples > MAXIMUM_RESAMPLED:
        rows = draw_subset(samples, seed)
        truth, first, second = truth[rows], first[rows], second[rows]
    is_class = (truth[:, None] == np.unique(truth)).astype(float)
    gain = (first == truth).astype(float) - (second == truth)

    def compute_differences(weights: Array) -> dict[str, Array]:
        samples = weights @ is_class
        # The recall of a class that a resample lacks is no difference.
        return {metric: (weights @ (is_class * gain[:, None]) / np.maximum(samples, 1)).mean(axis=1)}

    drawn = resample(compute_differences, len(truth), RESAMPLES, seed)[metric]
    low, high = np.percentile(drawn, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    if samples > len(truth):  # the width of an interval shrinks with the root of the number of samples
        center, scale = compare_recalls(truth, first, second), np.sqrt(len(truth) / samples)
        low, high = value + scale * (low - center), value + scale * (high - center)
    return int(low > 0) - int(high < 0), "paired bootstrap"


def compare_recalls(truth: Array, first: Array, second: Array) -> float:
    """Return the difference of two balanced accuracies."""
    counts = np.bincount(truth)
    gains = np.bincount(truth, weights=(first == truth).astype(float) - (second == truth))
    return float((gains[counts > 0] / counts[counts > 0]).mean())


def compare_regressors(truth: Array, first: Array, second: Array) -> tuple[int, str]:
    """Tell which of two predictions of values, shape (n, k), has the smaller mean absolute error, and by which test.

    Examples
    --------
    >>> truth, noise = np.zeros((50, 1)), np.random.default_rng(0).normal(size=(50, 1))
    >>> compare_regressors(truth, 0.1 * noise, noise), compare_regressors(truth, noise, -noise)
    ((1, 'paired differences'), (0, 'paired differences'))
    """
    gain = (np.abs(second - truth) - np.abs(first - truth)).mean(axis=1)
    error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
    return compare_with_noise(float(gain.mean()), float(error)), "paired differences"
