"""What experiments say about their results: every phrase, for numbers made for it."""

from typing import Any

import numpy as np
import pytest

from pellucid.course.networks.adder import describe_carry, describe_same_predictions
from pellucid.course.networks.common.image_data import describe_tiles
from pellucid.course.networks.logistic import describe_errors
from pellucid.course.networks.mnist_cnn import describe_agreement as describe_small_network
from pellucid.course.networks.mnist_softmax import describe_agreement as describe_weights
from pellucid.course.networks.moons import describe_agreement as describe_losses
from pellucid.course.networks.moons_sizes import describe_growth
from pellucid.course.networks.regularization import compute_bias_and_variance, describe_trade_off
from pellucid.course.networks.symbols import describe_lengths, describe_overflow
from pellucid.tracking.comparison import (
    compare_fractions,
    compare_on_same_samples,
    describe_better_classifier,
    describe_overfitting,
    describe_trend,
)


def right(accuracy: float, samples: int = 10_000, seed: int = 0) -> Any:
    """Which samples a classifier gets right; the errors of two seeds are independent."""
    return np.random.default_rng(seed).random(samples) < accuracy


def describe(first: Any, second: Any) -> str:
    return describe_better_classifier("the CNN", first, "the softmax layer", second, "digits")


def test_a_classifier_is_better_worse_or_no_different() -> None:
    assert describe(right(0.97), right(0.91, seed=1)).endswith(": the CNN is better.")
    assert describe(right(0.91), right(0.97, seed=1)).endswith(": the softmax layer is better.")
    # The comparison under which the page once claimed that the CNN is better.
    assert describe(right(0.909), right(0.914, seed=1)).endswith(": no difference beyond chance.")
    assert describe(right(0.9), right(0.9)).endswith("on 0 only the softmax layer: no difference beyond chance.")


def test_the_numbers_of_a_comparison_are_in_the_sentence() -> None:
    first, second = np.array([1, 1, 1, 0], bool), np.array([1, 0, 0, 1], bool)
    assert describe(first, second) == (
        "The CNN is right on 75.0% of 4 digits, the softmax layer on 50.0%. On 2 of them only the CNN is right, on 1 "
        "only the softmax layer: no difference beyond chance."
    )


def test_chance_alone_is_rarely_a_difference() -> None:
    outcomes = [compare_on_same_samples(right(0.9, 1000, 2 * k), right(0.9, 1000, 2 * k + 1)) for k in range(400)]
    assert 0.02 < np.mean(np.abs(outcomes)) < 0.08  # 4.6 % are outside of two standard errors
    rng = np.random.default_rng(0)
    fractions = rng.binomial(1000, 0.9, 400) / 1000, rng.binomial(300, 0.9, 400) / 300
    outcomes = [compare_fractions(first, 1000, second, 300) for first, second in zip(*fractions, strict=True)]
    assert 0.02 < np.mean(np.abs(outcomes)) < 0.08


@pytest.mark.parametrize(
    ("training", "held_out", "verdict"),
    [
        (0.99, 0.949, "the network overfits"),
        (0.975, 0.966, "no difference beyond chance, so no sign of overfitting"),
        (1.0, 1.0, "no difference beyond chance, so no sign of overfitting"),
        (0.8, 0.9, "the held-out samples are easier, so no sign of overfitting"),
    ],
)
def test_overfitting(training: float, held_out: float, verdict: str) -> None:
    sentence = describe_overfitting(training, 200, held_out, 2000, "with 5 units, ")
    expected = f"With 5 units, training accuracy is {training:.3f}, held-out accuracy {held_out:.3f}: {verdict}."
    assert sentence == expected


@pytest.mark.parametrize(
    ("values", "phrase"),
    [
        (np.linspace(0.5, 1, 50), "In the last 10 of 50 epochs, accuracy still rises: its mean is 0.954, after 0.852"),
        (np.linspace(1, 0.5, 50), "accuracy falls"),
        (
            np.full(50, 0.99),
            "accuracy no longer changes beyond chance: its mean is 0.990, after 0.990 in the 10 before.",
        ),
        (0.99 + 0.01 * (-1.0) ** np.arange(50), "no longer changes beyond chance"),
        ([0.5, 0.75], "After 2 epochs, accuracy is 0.750; too few to see a trend."),
    ],
)
def test_trends(values: Any, phrase: str) -> None:
    assert phrase in describe_trend("accuracy", list(values))


def test_more_units_may_help_harm_or_not_matter() -> None:
    # One, two, three and four units, as on 2,000 held-out points of the moons: two units are worse than one.
    hits = {units: np.arange(2000) < count for units, count in ((1, 1714), (2, 1660), (4, 1936), (3, 1932))}
    assert describe_growth("held-out accuracy", hits) == [
        "Held-out accuracy rises from 2 to 3 units.",
        "It falls from 1 to 2 units.",
        "It does not change beyond chance from 3 to 4 units.",
    ]
    assert describe_growth("accuracy", {3: hits[3]}) == []


def estimates(bias: float, spread: float, seed: int) -> Any:
    """Estimates of 40 subsamples at 50 points where the truth is 0."""
    rng = np.random.default_rng(seed)
    return bias + spread * rng.standard_normal((40, 50))


@pytest.mark.parametrize(
    ("lowest", "middle", "highest", "phrases"),
    [
        (
            (0.0, 0.3),
            (0.05, 0.1),
            (0.4, 0.05),
            ["variance falls", "squared bias rises", "regularization trades variance", "lowest at strength 1."],
        ),
        (
            (0.0, 0.1),
            (0.1, 0.2),
            (0.1, 0.3),
            ["variance rises", "squared bias rises", "does not trade", "lowest at strength 0.1, the lowest: more"],
        ),
        (
            (0.1, 0.200),
            (0.1, 0.1999),
            (0.1, 0.2001),
            ["variance does not change", "squared bias does not change", "does not trade"],
        ),
        ((0.4, 0.1), (0.2, 0.1), (0.0, 0.1), ["squared bias falls", "lowest at strength 10."]),
    ],
)
def test_bias_and_variance(lowest: Any, middle: Any, highest: Any, phrases: list[str]) -> None:
    values = np.stack([estimates(*part, seed) for seed, part in enumerate((lowest, middle, highest))])
    text = " ".join(describe_trade_off(np.array([0.1, 1.0, 10.0]), values, np.zeros(50), seed=0))
    for phrase in phrases:
        assert phrase in text


def test_the_best_strength_may_be_best_by_chance_or_the_only_one() -> None:
    values = np.stack([estimates(0.1, 0.2, 0), estimates(0.1, 0.2, 5)])
    # The second is better, but only by chance.
    order = np.sum(compute_bias_and_variance(values, np.zeros(50)), axis=0).argsort()[::-1]
    sentence = describe_trade_off(np.array([0.1, 1.0]), values[order], np.zeros(50), seed=0)[1]
    assert sentence == "Their sum is lowest at strength 1, with no difference beyond chance from strength 0.1."
    assert describe_trade_off(np.array([0.1]), values[:1], np.zeros(50), 0) == [
        "With a single strength, there is nothing to compare."
    ]


@pytest.mark.parametrize(
    ("before", "after", "steps", "phrase"),
    [
        (0.5, 0.8, 1600, "rises from 0.50 before training to 0.80 after."),
        (0.8, 0.5, 1600, "falls from 0.80 before training to 0.50 after."),
        (0.5, 0.51, 1600, "is 0.50 before training and 0.51 after: no difference beyond chance."),
        (0.5, 1.0, 2, "no difference beyond chance"),
    ],
)
def test_the_carry(before: float, after: float, steps: int, phrase: str) -> None:
    assert phrase in describe_carry(before, after, steps)


@pytest.mark.parametrize(
    ("written", "rewritten", "end"),
    [
        (np.inf, 1000.0, "overflows as written and is 1000 after rewriting."),
        (50.0, 50.0, "is 50 as written and after rewriting: no difference."),
        (np.inf, np.inf, "overflows as written and after rewriting: no difference."),
        (50.0, 51.0, "is 50 as written and is 51 after rewriting."),
    ],
)
def test_overflow(written: float, rewritten: float, end: str) -> None:
    assert describe_overflow("log(exp(x).sum())", [50.0, 0.0], written, rewritten) == (
        f"At x = (50, 0), `log(exp(x).sum())` {end}"
    )


def test_other_outcomes() -> None:
    assert describe_lengths("the sum", 2, 2).endswith(
        "keeps the length of the graph of the sum: 2 ops as written and after."
    )
    assert "longer: 1 op as written, 2 after" in describe_lengths("the sum", 1, 2)
    assert "shorter: 3 ops as written, 1 after" in describe_lengths("log-sum-exp", 3, 1)
    assert describe_errors(0, 200) == "The line separates all 200 training points."
    assert describe_errors(1, 200) == "1 of the 200 training points is on the wrong side of the line."
    assert "different bits of 0.5% of the sums" in describe_same_predictions(0.995)
    assert "weights that differ by up to 1e-02" in describe_small_network(0.01)
    assert "different weights; the largest difference is 1e-02" in describe_weights(0.01)
    assert "give different losses: the largest relative difference up to pass 9 is 5e-02" in describe_losses(0.05, 9)
    assert "give the same losses" in describe_losses(1e-6, 9)
    assert describe_tiles(0, 24) == "All shown images are correct, with the predicted class above them."
    assert describe_tiles(1, 24).startswith(
        "The first image is an error, with the predicted and the true class above it"
    )
    assert describe_tiles(16, 16).endswith("class above them.")


@pytest.mark.parametrize("nonfinite", [np.nan, np.inf])
def test_nan_is_never_the_same(nonfinite: float) -> None:
    assert "different" in describe_losses(nonfinite, 9)
    assert "differ by" in describe_small_network(nonfinite)
