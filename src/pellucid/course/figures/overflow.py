"""Overflow in float32: a formula as it is written, and as the simplifier rewrites it."""

from __future__ import annotations

from typing import Any

import numpy as np

import pellucid as pel
from pellucid.live import Figure

__all__ = ["overflow"]

DIRECTION = np.array([1.0, 0.5, -1.0])
"""The scores are z = size * (1, 0.5, -1)."""


def log_sum_exp(z: Any) -> Any:
    return pel.log(pel.exp(z).sum())


def cross_entropy(z: Any) -> Any:
    """Cross-entropy of the last class."""
    return -pel.log((pel.exp(z) / pel.exp(z).sum())[-1])


def first_probability(z: Any) -> Any:
    return (pel.exp(z) / pel.exp(z).sum())[0]


FORMULAS = {
    "log(sum(exp(z)))": log_sum_exp,
    "cross-entropy, -log(softmax(z)[2])": cross_entropy,
    "softmax(z)[0]": first_probability,
}


def overflow() -> Figure:
    """Formulas in float32 over the size of their scores: as written, as rewritten, and the truth in float64.

    Returns
    -------
    Figure

    Examples
    --------
    >>> pel.course.figures.overflow().title
    'Overflow in float32'
    """
    formulas = list(FORMULAS.values())

    def build(formula: int) -> Figure:
        return make_figure(formulas[formula])

    return pel.live.vary(build, pel.live.choice("formula", {name: k for k, name in enumerate(FORMULAS)}))


def make_figure(formula: Any) -> Figure:
    size = pel.scalar("size", dtype="float64")
    z = size * DIRECTION
    single = z.astype("float32")
    slider = pel.live.slider(size, 0, 150, 60, step=0.1, label="size of z")
    exponentials = pel.exp(single)
    curves = {
        "As written, float32": pel.function([size], formula(single), rewrite=False),
        "Rewritten, float32": pel.function([size], formula(single)),
        "Truth, in float64": pel.function([size], formula(z)),
    }
    numbers = {
        "z": pel.function([size], single, rewrite=False),
        "exp(z)": pel.function([size], exponentials, rewrite=False),
        "sum(exp(z))": pel.function([size], exponentials.sum(), rewrite=False),
    }
    view = pel.live.value_curves(slider, curves, numbers, reference="Truth, in float64", title="Values")
    return Figure(
        controls=[slider],
        views=[view],
        title="Overflow in float32",
        description="Exponentials overflow in float32. The rewritten formula does not compute them.",
    )
