"""Comparisons of accuracies, and sentences that state their outcome.

A difference counts if it is larger than two standard errors. Otherwise the sentence says "no difference beyond chance".
"""

from collections.abc import Sequence

import numpy as np

from pellucid.typing import Array

STANDARD_ERRORS = 2.0


def compare_with_noise(difference: float, standard_error: float) -> int:
    """Return 1 or -1, the sign of a difference of more than two standard errors, and otherwise 0.

    >>> compare_with_noise(0.05, 0.01), compare_with_noise(-0.05, 0.01), compare_with_noise(0.05, 0.04)
    (1, -1, 0)
    """
    # The second term keeps rounding errors of equal numbers from being a difference.
    return int(np.sign(difference)) if abs(difference) > STANDARD_ERRORS * standard_error + 1e-12 else 0


def compare_on_same_samples(first: Array, second: Array) -> int:
    """Tell which of two classifiers is better from whether each is right on each of the same samples.

    Only the samples count that exactly one of them classifies correctly (McNemar's test).

    >>> sure, unsure = np.ones(100, bool), np.arange(100) < 80
    >>> (
    ...     compare_on_same_samples(sure, unsure),
    ...     compare_on_same_samples(unsure, sure),
    ...     compare_on_same_samples(sure, sure),
    ... )
    (1, -1, 0)
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    return compare_with_noise(only_first - only_second, np.sqrt(only_first + only_second))


def compare_fractions(first: float, first_count: int, second: float, second_count: int) -> int:
    """Tell which of two fractions of independent samples is larger.

    >>> compare_fractions(0.99, 200, 0.95, 2000), compare_fractions(0.97, 200, 0.96, 2000)
    (1, 0)
    """
    mean = (first * first_count + second * second_count) / (first_count + second_count)
    variance = mean * (1 - mean) * (1 / first_count + 1 / second_count)
    return compare_with_noise(first - second, np.sqrt(variance))


def describe_better_classifier(first: str, first_right: Array, second: str, second_right: Array, samples: str) -> str:
    """Return the accuracy of two classifiers on the same samples, and which is better.

    >>> sure, unsure = np.ones(100, bool), np.arange(100) < 80
    >>> describe_better_classifier("the network", sure, "a guess", unsure, "test images")
    'The network is right on 100.0% of 100 test images, a guess on 80.0%. On 20 of them only the network is right, \
on 0 only a guess: the network is better.'
    """
    only_first, only_second = int((first_right & ~second_right).sum()), int((second_right & ~first_right).sum())
    verdict = {1: f"{first} is better", 0: "no difference beyond chance", -1: f"{second} is better"}
    return (
        f"{capitalize(first)} is right on {first_right.mean():.1%} of {len(first_right):,} {samples}, {second} on "
        f"{second_right.mean():.1%}. On {only_first:,} of them only {first} is right, on {only_second:,} only "
        f"{second}: {verdict[compare_on_same_samples(first_right, second_right)]}."
    )


def describe_overfitting(
    training: float, training_count: int, held_out: float, held_out_count: int, where: str = ""
) -> str:
    """Return training and held-out accuracy, and whether their difference shows overfitting.

    >>> describe_overfitting(0.99, 200, 0.95, 2000)
    'Training accuracy is 0.990, held-out accuracy 0.950: the network overfits.'
    """
    verdict = {
        1: "the network overfits",
        0: "no difference beyond chance, so no sign of overfitting",
        -1: "the held-out samples are easier, so no sign of overfitting",
    }
    return (
        f"{capitalize(where + 'training')} accuracy is {training:.3f}, held-out accuracy {held_out:.3f}: "
        f"{verdict[compare_fractions(training, training_count, held_out, held_out_count)]}."
    )


def describe_trend(quantity: str, values: Sequence[float], unit: str = "epochs") -> str:
    """Return whether a quantity still rises or falls in the last fifth of a training.

    >>> describe_trend("accuracy", [0.5, 0.6, 0.7, 0.8, 0.9, 0.9, 0.99, 0.99, 0.99, 0.99])
    'In the last 2 of 10 epochs, accuracy no longer changes beyond chance: its mean is 0.990, after 0.990 in the 2 \
before.'
    """
    count = len(values) // 5
    if count < 2:
        return f"After {len(values)} {unit}, {quantity} is {values[-1]:.3f}; too few to see a trend."
    before, last = np.asarray(values[-2 * count : -count], float), np.asarray(values[-count:], float)
    standard_error = np.sqrt((before.var(ddof=1) + last.var(ddof=1)) / count)
    phrase = {1: "still rises", 0: "no longer changes beyond chance", -1: "falls"}
    return (
        f"In the last {count} of {len(values)} {unit}, {quantity} "
        f"{phrase[compare_with_noise(last.mean() - before.mean(), standard_error)]}: its mean is {last.mean():.3f}, "
        f"after {before.mean():.3f} in the {count} before."
    )


def capitalize(text: str) -> str:
    """Return text with a capital first letter.

    >>> capitalize("the softmax layer of MNIST")
    'The softmax layer of MNIST'
    """
    return text[:1].upper() + text[1:]
