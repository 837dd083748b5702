"""Drift: distributions that differ between parts that the data already have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from pellucid.graph.finding import Finding
from pellucid.show.plots.alt_text import join_parts
from pellucid.train.check.checked_data import CheckedData, draw_sample
from pellucid.train.check.duplicates import format_percent
from pellucid.train.check.image_properties import measure_images
from pellucid.typing import Array

DRIFT_SAMPLES, DRIFT_FEATURES = 5_000, 500
SIGNIFICANCE = 0.05
"""Probability of a wrong finding in data without drift: each of k tests has 0.05/k (the Bonferroni correction)."""
MINIMUM_DRIFT = 0.1
"""Smallest distance of distributions, from 0 to 1, that is reported; of many samples, tiny ones are significant."""


def find_drift(checked: CheckedData) -> Iterator[Finding]:
    """Yield findings about features and targets whose distribution differs from that of the training set.

    Parts that are drawn at random do not drift, so only given parts are tested: numbers by the two-sample
    Kolmogorov-Smirnov test, classes by the chi-squared test.
    """
    training = draw_sample(checked.parts["training"], DRIFT_SAMPLES)
    for part in ("validation", "test"):
        if part in checked.dataset.parts:
            rows = draw_sample(checked.parts[part], DRIFT_SAMPLES)
            yield from find_feature_drift(checked, part, training, rows)
            yield from find_class_drift(checked, part, training, rows)


def find_feature_drift(checked: CheckedData, part: str, training: Array, rows: Array) -> Iterator[Finding]:
    """Yield a finding if features, properties of images or regression targets drift."""
    first, second = (measure_samples(checked, each) for each in (training, rows))
    pairs = {name: (first[name], second[name]) for name in first}
    distances = {name: compare_numbers(*pair, tests=len(pairs)) for name, pair in pairs.items()}
    drifting = [name for name in sorted(distances, key=lambda name: -distances[name]) if distances[name]]
    if drifting:
        listed = [f"{name} ({format_median(pairs[name][0])} and {format_median(pairs[name][1])})" for name in drifting]
        yield Finding(
            "drift",
            f"{part} set",
            f"the {part} set differs from the training set, with medians of {join_parts(listed)} in the "
            f"training and {part} set",
            "The score says how a network works on other data than it was trained on.",
            "Check how the parts were made; if new samples are like the test set, train on such samples too",
        )


def measure_samples(checked: CheckedData, rows: Array) -> Mapping[str, Array]:
    """Return the numbers of samples that are compared: properties of images or features, and regression targets."""
    found: dict[str, Array] = {}
    if checked.is_image:
        found |= measure_images(checked.x, rows)
    found |= {column.name: column.values[rows] for column in checked.features[:DRIFT_FEATURES]}
    if not checked.dataset.class_names:
        found |= dict(zip(checked.dataset.target_names, checked.dataset.targets[rows].T, strict=True))
    return found


def compare_numbers(first: Array, second: Array, tests: int) -> float:
    """Return the Kolmogorov-Smirnov distance of two samples if it is significant in one of several tests, or 0.

    Examples
    --------
    >>> compare_numbers(np.arange(100.0), np.arange(100.0) + 50, tests=10)
    0.5
    >>> compare_numbers(np.arange(100.0), np.arange(100.0) + 5, tests=10)
    0.0
    """
    from scipy.stats import ks_2samp

    if not len(first) or not len(second):
        return 0.0
    result = ks_2samp(first, second)
    is_drift = result.pvalue < SIGNIFICANCE / tests and result.statistic >= MINIMUM_DRIFT
    return float(result.statistic) if is_drift else 0.0


def find_class_drift(checked: CheckedData, part: str, training: Array, rows: Array) -> Iterator[Finding]:
    """Yield a finding if classes have other frequencies than in the training set."""
    from scipy.stats import chi2_contingency

    names, targets = checked.dataset.class_names, checked.dataset.targets
    if not names:
        return
    counts = np.stack([np.bincount(targets[each], minlength=len(names)) for each in (training, rows)])
    counts, known = counts[:, counts.any(axis=0)], np.flatnonzero(counts.any(axis=0))
    fractions = counts / counts.sum(axis=1, keepdims=True)
    distance = np.abs(fractions[0] - fractions[1]).sum() / 2
    if distance >= MINIMUM_DRIFT and chi2_contingency(counts).pvalue < SIGNIFICANCE:
        order = np.argsort(-np.abs(fractions[0] - fractions[1]), kind="stable")
        shares = [[format_percent(fraction) for fraction in row] for row in fractions]
        listed = [f"{names[known[k]]} ({shares[0][k]} and {shares[1][k]})" for k in order.tolist()]
        yield Finding(
            "drift of classes",
            f"{part} set",
            f"classes have other frequencies in the {part} set than in the training set: {join_parts(listed)}",
            "The accuracy depends on the frequencies of the classes, and the network expects those of training.",
            "Read the balanced accuracy, or give both parts the frequencies of new samples",
        )


def format_median(values: Array) -> str:
    return f"{np.nanmedian(values):.3g}"
