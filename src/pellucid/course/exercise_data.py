"""Data with planted faults for chapter 9: tables with leaks, and images with wrong labels."""

from __future__ import annotations

import numpy as np

from pellucid.data.digits import mnist
from pellucid.typing import Array

__all__ = ["draw_customers", "load_mislabeled_digits", "load_patients"]


CUSTOMERS, PATIENTS, BEDS = 400, 400, 60
IMAGES_PER_CLASS, WRONG_LABELS = 100, 5
SEED = 27
"""Seed of the images, found by search: cross-validated losses find all wrong labels, and training losses three."""


def draw_customers(seed: int = 0) -> dict[str, Array]:
    r"""Return a table of made-up customers as columns of shape (400,).

    The probability that a customer cancels is :math:`\sigma(1.6\,\text{calls} - 0.7\,\text{years} - 3)`.

    Parameters
    ----------
    seed : int
        Seed of the customers.

    Returns
    -------
    dict of str to array
        ``years`` as a customer, ``calls`` to the support, ``final_bill`` and whether they ``cancelled``. The final
        bill is 0 for those who stayed, so it leaks the target.

    Examples
    --------
    >>> customers = draw_customers()
    >>> list(customers), round(float(customers["cancelled"].mean()), 2)
    (['years', 'calls', 'final_bill', 'cancelled'], 0.14)
    """
    rng = np.random.default_rng(seed)
    years, calls = rng.uniform(0, 6, CUSTOMERS).round(1), rng.poisson(1.2, CUSTOMERS)
    cancelled = rng.random(CUSTOMERS) < 1 / (1 + np.exp(3 + 0.7 * years - 1.6 * calls))
    bill = np.where(cancelled, rng.uniform(5, 60, CUSTOMERS), 0).round(2)
    return {"years": years, "calls": calls, "final_bill": bill, "cancelled": cancelled}


def load_patients() -> dict[str, Array]:
    """Return a table of patients as columns of shape (400,); ``ill`` is 1 or 0, and is to be predicted.

    Age, temperature, pulse and blood pressure are measured at admission. The doctor's diagnosis is ``ill``.

    Examples
    --------
    >>> patients = load_patients()
    >>> list(patients), round(float(patients["ill"].mean()), 2)
    (['age', 'temperature', 'pulse', 'pressure', 'bed', 'ill'], 0.3)
    """
    rng = np.random.default_rng(0)
    ill = rng.permutation(np.arange(PATIENTS) < 0.3 * PATIENTS)
    third = BEDS // 3
    isolated = rng.integers(third + 1, 2 * third + 1, PATIENTS)
    others = rng.integers(1, third + 1, PATIENTS) + rng.integers(0, 2, PATIENTS) * 2 * third
    return {
        "age": rng.integers(18, 90, PATIENTS),
        "temperature": (36.8 + 1.1 * ill + rng.normal(0, 0.55, PATIENTS)).round(1),
        "pulse": (72 + 9 * ill + rng.normal(0, 10, PATIENTS)).round(),
        "pressure": rng.normal(125, 14, PATIENTS).round(),
        "bed": np.where(ill, isolated, others),
        "ill": ill.astype(int),
    }


def load_mislabeled_digits() -> tuple[Array, Array]:
    """Return 200 handwritten digits, 3 and 8, and their labels, of which five are wrong.

    Returns
    -------
    tuple
        Images of shape (200, 28, 28), floats from 0 (paper) to 1 (ink), and labels of shape (200,).

    Examples
    --------
    >>> images, labels = load_mislabeled_digits()
    >>> images.shape, np.unique(labels)
    ((200, 28, 28), array([3, 8]))
    """
    images, digits, wrong = draw_digits()
    return images, np.where(wrong, 3 + 8 - digits, digits)


def draw_digits() -> tuple[Array, Array, Array]:
    """Return images, what they show, and which of them get a wrong label."""
    images, digits = mnist("train")
    rng = np.random.default_rng(SEED)
    rows = np.concatenate([rng.choice(np.flatnonzero(digits == d), IMAGES_PER_CLASS, replace=False) for d in (3, 8)])
    rng.shuffle(rows)
    wrong = np.zeros(len(rows), dtype=bool)
    wrong[rng.choice(len(rows), WRONG_LABELS, replace=False)] = True
    return images[rows] / 255, digits[rows].astype(int), wrong
