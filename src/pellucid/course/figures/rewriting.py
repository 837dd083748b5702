"""Rewrites of the simplifier, one by one."""

from __future__ import annotations

from typing import Any

import numpy as np

import pellucid as pel
from pellucid.graph.expr import Expr, Input
from pellucid.live import Figure

__all__ = ["rewriting"]

REASONS = {
    "log_sum_exp": "logsumexp(z) subtracts the largest element first and adds it at the end: max(z) + log(sum(exp(z - "
    "max(z)))). No exponential is above 1, so nothing overflows.",
    "softmax_of_all": "A quotient of an exponential and the sum of all of them is a softmax, which subtracts the "
    "largest element first. Its smallest elements still become 0, and the logarithm of 0 is infinite.",
    "log_of_softmax": "log_softmax(z) is z - logsumexp(z): it computes the logarithm without the small number in "
    "between.",
    "logistic": "This quotient is the logistic function, whose own code does not overflow. But it still becomes 0 "
    "where z is far below 0, and the logarithm of 0 is infinite.",
    "log_sigmoid": "softplus(-z) is log(1 + exp(-z)), computed without overflow.",
    "add_same": "The sum x + y occurs twice. In the graph it is one node, so the rule sees an expression plus itself.",
}


def rewriting() -> Figure:
    """Formulas before and after each rewrite, with the rule, its reason, and their values in float32.

    Returns
    -------
    Figure

    Examples
    --------
    >>> pel.course.figures.rewriting().title
    'Rewriting a formula'
    """
    z, k, x, y = pel.vector("z"), pel.iscalar("k"), pel.vector("x"), pel.vector("y")
    large = {z: np.array([100.0, 200.0, 300.0], "float32")}
    written: dict[str, tuple[Expr, dict[Input, Any]]] = {
        "logarithm of a sum of exponentials": (pel.log(pel.exp(z).sum()), large),
        "cross-entropy of class k": (-pel.log(pel.exp(z) / pel.exp(z).sum())[k], {**large, k: 0}),
        "logarithm of the logistic function": (
            pel.log(1 / (1 + pel.exp(-z))),
            {z: np.array([-200.0, 0.0, 200.0], "float32")},
        ),
        "a sum that occurs twice": ((x + y) + (x + y), {x: np.array([1.0, 2.0]), y: np.array([3.0, 4.0])}),
    }
    formulas = list(written.values())

    def build(formula: int) -> Figure:
        expression, values = formulas[formula]
        return Figure(
            views=[pel.live.rewriting(expression, values, reasons=REASONS, title="Rewrites")],
            title="Rewriting a formula",
            description="The simplifier rewrites a formula rule by rule until no rule fires.",
        )

    return pel.live.vary(build, pel.live.choice("formula", {name: number for number, name in enumerate(written)}))
