r"""Confidence intervals of metrics: Wilson for fractions, and the bootstrap of the test samples for other metrics.

All have a level of 95 %. The Wilson interval of a fraction stays in [0, 1] and does not shrink to a point if all or no
samples are counted, as the bootstrap does; so does the interval of a mean of fractions such as balanced accuracy, which
combines those of the fractions (MOVER). The bootstrap is that of percentiles, with a fixed seed.

References
----------
E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22, 1927.

G. Y. Zou and A. Donner, Construction of confidence limits about effect measures: a general approach, Statistics in
Medicine 27, 2008.

B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap, 1993.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pellucid.typing import Array

LEVEL = 0.95
QUANTILE = 1.959963984540054
"""The 97.5th percentile of the standard normal distribution."""

RESAMPLES, MINIMUM_RESAMPLES = 1000, 200
MAXIMUM_DRAWS = 20_000_000
"""Large test sets are resampled less often, so that the bootstrap takes at most a few seconds."""
CHUNK = 2_000_000
"""Number of draws that are in memory at the same time."""

MAXIMUM_RESAMPLED = 200_000
"""Of more samples, so many are resampled, and the width of the intervals is scaled to all."""

Interval = tuple[float, float]
Statistics = Callable[[Array], Mapping[str, Array]]
"""From counts of each sample, shape (resamples, n), to the metrics of each resample, shape (resamples,)."""


def compute_wilson_interval(successes: Array, trials: Array) -> tuple[Array, Array]:
    """Return the ends of the intervals of fractions; [0, 1] without trials.

    Examples
    --------
    >>> low, high = compute_wilson_interval(np.array([10, 95]), np.array([10, 100]))
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.722, 0.888], [1.0, 0.978])
    """
    n, z2 = np.maximum(trials, 1e-12), QUANTILE**2
    p = successes / n
    center, spread = p + z2 / (2 * n), QUANTILE * np.sqrt(p * (1 - p) / n + z2 / (4 * n**2))
    low, high = (center - spread) / (1 + z2 / n), (center + spread) / (1 + z2 / n)
    return np.where(successes == 0, 0.0, low), np.where(successes == trials, 1.0, high)


def compute_fraction_interval(successes: int, trials: int) -> Interval:
    low, high = compute_wilson_interval(np.array(successes), np.array(trials))
    return float(low), float(high)


def compute_mean_fraction_interval(successes: Array, trials: Array) -> Interval:
    """Return the interval of the unweighted mean of independent fractions, such as the recalls of classes.

    Examples
    --------
    >>> low, high = compute_mean_fraction_interval(np.array([294, 0]), np.array([299, 1]))
    >>> round(low, 3), round(high, 3)
    (0.48, 0.888)
    """
    p = successes / trials
    low, high = compute_wilson_interval(successes, trials)
    mean, count = float(p.mean()), len(p)
    below, above = (float(np.sqrt(((p - end) ** 2).sum())) / count for end in (low, high))
    return max(mean - below, 0.0), min(mean + above, 1.0)


def compute_fold_interval(values: Sequence[float], bounds: Interval) -> Interval | None:
    r"""Return the interval of the mean of a metric over folds, within bounds; None if all folds have the same value.

    The training sets of folds overlap, so the variance of the mean is not :math:`s^2 / k` but larger:
    :math:`s^2 (1/k + n_\mathrm{test} / n_\mathrm{training}) = s^2 (1/k + 1/(k-1))`.

    References
    ----------
    C. Nadeau and Y. Bengio, Inference for the Generalization Error, Machine Learning 52, 2003.

    Examples
    --------
    >>> low, high = compute_fold_interval([0.8, 0.9, 0.85, 0.9, 0.8], (0.0, 1.0))
    >>> round(low, 3), round(high, 3)
    (0.757, 0.943)
    """
    from scipy.stats import t

    count, deviation = len(values), float(np.std(values, ddof=1))
    if deviation == 0:
        return None
    mean, factor = float(np.mean(values)), float(t.ppf((1 + LEVEL) / 2, count - 1))
    spread = factor * deviation * float(np.sqrt(1 / count + 1 / (count - 1)))
    return max(mean - spread, bounds[0]), min(mean + spread, bounds[1])


def bootstrap(statistics: Statistics, samples: int, seed: int) -> dict[str, Interval]:
    """Return the intervals of metrics from resamples of the test samples.

    Metrics that are equal in all resamples, or undefined in most, have no interval.
    """
    resamples = int(np.clip(MAXIMUM_DRAWS // samples, MINIMUM_RESAMPLES, RESAMPLES))
    values = resample(statistics, samples, resamples, seed)
    tail = 50 * (1 - LEVEL)
    found = {}
    for name, drawn in values.items():
        finite = drawn[np.isfinite(drawn)]
        if 2 * len(finite) > resamples and finite.min() < finite.max():
            low, high = np.percentile(finite, [tail, 100 - tail])
            found[name] = float(low), float(high)
    return found


def bootstrap_samples(
    select: Callable[[Array | slice], Statistics], samples: int, seed: int, values: Mapping[str, float]
) -> dict[str, Interval]:
    r"""Return the intervals of metrics, like `bootstrap`; ``values`` are the metrics of all samples.

    Of n samples, m are resampled if n is large. The width of an interval shrinks with the root of the number of
    samples, so it is scaled by :math:`\sqrt{m / n}`.

    Examples
    --------
    >>> errors = np.random.default_rng(0).exponential(size=1_000_000)
    >>> select = lambda rows: lambda w: {"mae": w @ errors[rows] / len(errors[rows])}
    >>> low, high = bootstrap_samples(select, len(errors), 0, {"mae": float(errors.mean())})["mae"]
    >>> round(float(errors.mean()), 4), round(low, 3), round(high, 3)  # 1.96 standard errors are 0.00196
    (1.0, 0.998, 1.002)
    """
    if samples <= MAXIMUM_RESAMPLED:
        return bootstrap(select(slice(None)), samples, seed)
    statistics = select(draw_subset(samples, seed))
    center = statistics(np.ones((1, MAXIMUM_RESAMPLED)))
    scale = float(np.sqrt(MAXIMUM_RESAMPLED / samples))
    found = {}
    for name, ends in bootstrap(statistics, MAXIMUM_RESAMPLED, seed).items():
        if name in values:
            low, high = (values[name] + scale * (end - float(center[name][0])) for end in ends)
            found[name] = low, high
    return found


def draw_subset(samples: int, seed: int) -> Array:
    """Return `MAXIMUM_RESAMPLED` random indices, sorted."""
    return np.sort(np.random.default_rng(seed).choice(samples, MAXIMUM_RESAMPLED, replace=False, shuffle=False))


def resample(statistics: Statistics, samples: int, resamples: int, seed: int) -> dict[str, Array]:
    """Return metrics of resamples that are drawn with replacement."""
    rng = np.random.default_rng(seed)
    rows = max(1, CHUNK // samples)
    chunks = [
        statistics(draw_counts(rng, min(rows, resamples - start), samples)) for start in range(0, resamples, rows)
    ]
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def draw_counts(rng: np.random.Generator, resamples: int, samples: int) -> Array:
    """Return how often each sample is in each resample, float64, shape (resamples, samples)."""
    drawn = rng.integers(samples, size=(resamples, samples)) + samples * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * samples).reshape(resamples, samples).astype(np.float64)
