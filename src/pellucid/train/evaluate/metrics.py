"""Metrics of predictions for known targets, with confidence intervals.

The values are those of scikit-learn. The intervals of those that are not fractions come from the bootstrap, which
needs the same metrics for a thousand resamples at once: `resample_classification` and `resample_regression`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.optional_packages import require_packages
from pellucid.tracking.comparison import compare_with_noise
from pellucid.train.evaluate.intervals import (
    Interval,
    Statistics,
    bootstrap_samples,
    compute_fraction_interval,
    compute_mean_fraction_interval,
    compute_wilson_interval,
)
from pellucid.typing import Array

METRIC_NAMES = {
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1",
    "macro_f1": "macro F1",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "log_loss": "log loss",
    "brier_score": "Brier score",
    "calibration_error": "calibration error",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "median_absolute_error": "median absolute error",
    "r2": "R²",
}
"""Names for people of the metrics whose keys in records are not words."""

LOWER_IS_BETTER = ("log_loss", "brier_score", "calibration_error", "mae", "rmse", "median_absolute_error")
BINS = 15
"""Number of bins of probabilities of the calibration error, as in the paper."""

BLOCK = 2**20
"""Number of samples whose probabilities are normalized at one time."""

MINIMUM_RESAMPLED = 5
"""With this many samples of a class, less than 1 % of the resamples have none of it."""

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Confidence:
    """Mean probability of the most probable class, and the fraction of samples for which that class is right.

    ``verdict`` is 1 if the probabilities are too high beyond chance, -1 if they are too low, and otherwise 0.
    """

    mean: float
    right: float
    verdict: int


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Metrics of predictions for known targets.

    Attributes
    ----------
    metrics : mapping from str to float
        Values by name. Metrics that these targets or outputs do not allow are left out.
    intervals : mapping from str to (float, float)
        95 % confidence intervals of some of them.
    groups : sequence of mapping
        For each class: name, samples, predicted, precision, recall, f1, recall_interval. For each of several regression
        targets: name, mae, rmse, median_absolute_error, r2.
    confidence : Confidence, optional
        For class probabilities.
    """

    metrics: Metrics
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    groups: Sequence[Mapping[str, Any]] = ()
    confidence: Confidence | None = None


def get_metric_name(key: str) -> str:
    return METRIC_NAMES.get(key, key)


def evaluate_classification(
    truth: Array, predicted: Array, scores: Array, class_names: Sequence[str], positive: int | None, seed: int | None
) -> Evaluation:
    """Return the metrics of a classifier.

    Balanced accuracy is the mean recall of the classes that the samples have. ROC AUC, average precision, Brier score
    and calibration error of two classes are those of the positive class; of more, means over the classes (one against
    the rest) and the calibration of the most probable class.

    Parameters
    ----------
    truth, predicted : array of int, shape (n,)
        True and predicted classes.
    scores : array, shape (n, k)
        Class probabilities. For other scores, metrics of probabilities are left out.
    positive : int, optional
        The positive of two classes.
    seed : int, optional
        Seed of the bootstrap; without it, only fractions have intervals.

    Examples
    --------
    >>> scores = np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]])
    >>> found = evaluate_classification(np.array([0, 0, 1, 1]), scores.argmax(1), scores, ["cat", "dog"], 1, 0)
    >>> found.metrics["accuracy"], found.metrics["roc_auc"], round(found.metrics["log_loss"], 4)
    (0.75, 0.75, 0.5108)
    """
    size = len(class_names)
    counted = (truth[truth == predicted], truth, predicted)
    right, support, counts = (np.bincount(labels, minlength=size) for labels in counted)
    precision, recall, f1 = (
        np.divide(part, whole, out=np.zeros(size), where=whole > 0)
        for part, whole in ((right, counts), (right, support), (2.0 * right, support + counts))
    )
    present, used = support > 0, (support > 0) | (counts > 0)
    metrics = {
        "accuracy": float((truth == predicted).mean()),
        "balanced_accuracy": float(recall[present].mean()),
        "macro_precision": float(precision[used].mean()),
        "macro_f1": float(f1[used].mean()),
        **compute_score_metrics(truth, scores, positive),
    }
    low, high = compute_wilson_interval(right, support)
    groups = [
        {
            "name": name,
            "samples": int(support[k]),
            "predicted": int(counts[k]),
            "precision": float(precision[k]),
            "recall": float(recall[k]) if support[k] else None,
            "f1": float(f1[k]),
            "recall_interval": (float(low[k]), float(high[k])),
        }
        for k, name in enumerate(class_names)
    ]
    have_probabilities = are_probabilities(scores)

    def select(rows: Array | slice) -> Statistics:
        chosen = normalize(scores[rows]) if have_probabilities else None
        parts = truth[rows], predicted[rows], chosen, scores[rows], positive
        return lambda weights: resample_classification(weights, *parts)

    intervals = {
        "accuracy": compute_fraction_interval(int(right.sum()), len(truth)),
        "balanced_accuracy": compute_mean_fraction_interval(right[present], support[present]),
        **(bootstrap_samples(select, len(truth), seed, metrics) if seed is not None else {}),
    }
    return Evaluation(
        metrics,
        {name: ends for name, ends in intervals.items() if name in metrics},
        groups,
        measure_confidence(truth, scores) if have_probabilities else None,
    )


def are_probabilities(scores: Array) -> bool:
    """Tell whether scores are class probabilities."""
    blocks = (scores[start : start + BLOCK] for start in range(0, len(scores), BLOCK))
    return all(block.min() >= 0 and np.allclose(block.sum(axis=1, dtype=np.float64), 1, atol=1e-3) for block in blocks)


def normalize(scores: Array) -> Array:
    """Return class probabilities, float64, with sums of exactly 1."""
    probabilities: Array = scores / scores.sum(axis=1, keepdims=True, dtype=np.float64)
    return probabilities


def iter_probabilities(truth: Array, scores: Array) -> Iterator[tuple[Array, Array]]:
    """Yield blocks of classes with their probabilities, so that memory does not grow with the samples."""
    for start in range(0, len(truth), BLOCK):
        yield truth[start : start + BLOCK], normalize(scores[start : start + BLOCK])


def measure_confidence(truth: Array, scores: Array) -> Confidence:
    """Compare the probabilities of the most probable classes with how often they are right."""
    total = right = spread = 0.0
    for labels, probabilities in iter_probabilities(truth, scores):
        highest = probabilities.max(axis=1)
        total += float(highest.sum())
        right += int((probabilities.argmax(axis=1) == labels).sum())
        spread += float((highest * (1 - highest)).sum())
    mean, fraction = total / len(truth), right / len(truth)
    return Confidence(mean, fraction, compare_with_noise(mean - fraction, float(np.sqrt(spread)) / len(truth)))


def compute_score_metrics(truth: Array, scores: Array, positive: int | None) -> dict[str, float]:
    """Return the metrics of class scores, shape (n, k): of their order, and of probabilities."""
    with require_packages("The evaluation"):
        from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

    classes = range(scores.shape[1])
    # A class with all samples or without any has no order of samples.
    ranked = [k for k in (classes if positive is None else [positive]) if 0 < (truth == k).sum() < len(truth)]
    metrics = {}
    if ranked:
        for name, measure in (("roc_auc", roc_auc_score), ("average_precision", average_precision_score)):
            metrics[name] = float(np.average([measure(truth == k, scores[:, k]) for k in ranked]))
    if not are_probabilities(scores):
        return metrics
    blocks = [
        (len(labels), log_loss(labels, p, labels=classes), brier_score_loss(labels, p, labels=classes))
        for labels, p in iter_probabilities(truth, scores)
    ]
    sizes, losses, errors = (np.array(values) for values in zip(*blocks, strict=True))
    shares = sizes / len(truth)
    metrics["log_loss"] = float((shares * losses).sum())
    metrics["brier_score"] = float((shares * errors).sum())
    metrics["calibration_error"] = compute_calibration_error(*group_by_confidence(truth, scores, positive))
    return metrics


def select_confidence(truth: Array, probabilities: Array, positive: int | None) -> tuple[Array, Array]:
    """Return the probabilities whose calibration is measured, and whether their class is the true one.

    Of two classes it is the positive one, of more the most probable one.
    """
    if positive is not None:
        return probabilities[:, positive], truth == positive
    return probabilities.max(axis=1), truth == probabilities.argmax(axis=1)


def group_by_confidence(truth: Array, scores: Array, positive: int | None) -> tuple[Array, Array, Array]:
    """Return samples, mean probability and number of right predictions of each bin of probabilities with samples."""
    count, total, right = np.zeros(BINS, np.int64), np.zeros(BINS), np.zeros(BINS)
    for labels, probabilities in iter_probabilities(truth, scores):
        confidence, is_right = select_confidence(labels, probabilities, positive)
        bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
        for sums, weight in ((count, None), (total, confidence), (right, is_right)):
            sums += np.bincount(bins, weight, BINS)
    filled = count > 0
    return count[filled], total[filled] / count[filled], right[filled]


def compute_calibration_error(count: Array, mean: Array, right: Array) -> float:
    r"""Return the expected calibration error, :math:`\sum_b \frac{n_b}{n} |\mathrm{acc}_b - \mathrm{conf}_b|`.

    The arguments are those that `group_by_confidence` returns.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, On Calibration of Modern Neural Networks, ICML 2017.

    Examples
    --------
    >>> round(compute_calibration_error(np.array([4]), np.array([0.9]), np.array([3])), 3)
    0.15
    """
    return float(np.abs(right - count * mean).sum() / count.sum())


def resample_classification(
    weights: Array,
    truth: Array,
    predicted: Array,
    probabilities: Array | None,
    scores: Array,
    positive: int | None,
) -> dict[str, Array]:
    """Return metrics of resamples, shape (resamples,), from the counts of samples in them, shape (resamples, n)."""
    classes = np.arange(scores.shape[1])
    is_true, is_predicted = (values[:, None] == classes for values in (truth, predicted))
    right, support, counts = (weights @ part.astype(float) for part in (is_true & is_predicted, is_true, is_predicted))
    used = support + counts > 0
    found = {}
    if has_enough(is_true):
        f1 = 2 * right / np.where(used, support + counts, 1)
        found["macro_f1"] = f1.sum(axis=1) / used.sum(axis=1)
    if probabilities is not None:
        tiny = np.finfo(np.float64).eps
        losses = -np.log(np.clip(probabilities[np.arange(len(truth)), truth], tiny, 1))
        errors = ((probabilities - is_true) ** 2).sum(axis=1) / (2 if positive is not None else 1)
        found["log_loss"], found["brier_score"] = (weights @ values / len(truth) for values in (losses, errors))
    if positive is not None and has_enough(is_true):
        found |= resample_ranking(weights, truth == positive, scores[:, positive])
    return found


def has_enough(is_true: Array) -> bool:
    """Tell whether each class has enough samples: a bootstrap that often lacks a class says nothing about it."""
    return bool(is_true.sum(axis=0).min() >= MINIMUM_RESAMPLED)


def resample_ranking(weights: Array, is_positive: Array, score: Array) -> dict[str, Array]:
    """Return ROC AUC and average precision of resamples; nan where they have samples of one class only."""
    order = np.argsort(-score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) != 0])  # samples with equal scores are one group
    drawn = weights[:, order]
    positives, negatives = (
        np.add.reduceat(drawn * part[order], starts, axis=1) for part in (is_positive, ~is_positive)
    )
    above = np.cumsum(positives, axis=1)
    chosen = above + np.cumsum(negatives, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        auc = (negatives * (above - positives / 2)).sum(axis=1) / (positives.sum(axis=1) * negatives.sum(axis=1))
        precision = above / np.maximum(chosen, 1)
        average = (positives * precision).sum(axis=1) / positives.sum(axis=1)
    return {"roc_auc": auc, "average_precision": average}


def evaluate_regression(truth: Array, predicted: Array, names: Sequence[str], seed: int | None) -> Evaluation:
    """Return the metrics of predicted values, shape (n, k), averaged over targets; intervals if there is a seed.

    R² is left out if the true values are constant.

    Examples
    --------
    >>> found = evaluate_regression(np.array([[1.0], [2.0], [3.0]]), np.array([[1.5], [2.0], [2.5]]), ["price"], 0)
    >>> found.metrics["median_absolute_error"], found.metrics["r2"]
    (0.5, 0.75)
    """
    with require_packages("The evaluation"):
        from sklearn.metrics import mean_absolute_error, median_absolute_error, r2_score, root_mean_squared_error

    truth, predicted = truth.astype(np.float64), predicted.astype(np.float64)

    def select_columns(values: Array, columns: Array) -> Array:
        return values if len(columns) == values.shape[1] else values[:, columns]  # a copy only of some

    def compute_metrics(columns: Array) -> dict[str, float]:
        pair = select_columns(truth, columns), select_columns(predicted, columns)
        varying = columns[np.ptp(pair[0], axis=0) > 0]
        metrics = {
            "mae": float(mean_absolute_error(*pair)),
            "rmse": float(root_mean_squared_error(*pair)),
            "median_absolute_error": float(median_absolute_error(*pair)),
        }
        if not len(varying):
            return metrics
        return metrics | {"r2": float(r2_score(select_columns(truth, varying), select_columns(predicted, varying)))}

    columns = np.arange(truth.shape[1])
    metrics = compute_metrics(columns)
    intervals: Mapping[str, Interval] = {}
    if seed is not None:

        def select(rows: Array | slice) -> Statistics:
            parts = truth[rows], predicted[rows]
            return lambda weights: resample_regression(weights, *parts)

        intervals = bootstrap_samples(select, len(truth), seed, metrics)
    return Evaluation(
        metrics,
        {name: ends for name, ends in intervals.items() if name in metrics},
        [{"name": names[k], **compute_metrics(columns[[k]])} for k in columns] if len(columns) > 1 else [],
    )


def resample_regression(weights: Array, truth: Array, predicted: Array) -> dict[str, Array]:
    """Return metrics of resamples, shape (resamples,), from the counts of samples in them, shape (resamples, n)."""
    errors, count = predicted - truth, len(truth)
    centered = truth - truth.mean(axis=0)
    squared = weights @ errors**2 / count
    variance = weights @ centered**2 / count - (weights @ centered / count) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        r2 = 1 - squared / np.where(variance > 0, variance, np.nan)
    varying = np.ptp(truth, axis=0) > 0
    return {
        "mae": (weights @ np.abs(errors) / count).mean(axis=1),
        "rmse": np.sqrt(squared).mean(axis=1),
        "r2": r2[:, varying].mean(axis=1) if varying.any() else np.full(len(weights), np.nan),
    }
