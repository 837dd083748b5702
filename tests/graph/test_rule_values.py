"""Both sides of every rewrite rule, on random instances at ordinary values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from rule_instances import compare_rewrites

import pellucid as pel
from pellucid.graph.expr import Expr, Input
from pellucid.graph.ops.gamma import gammaln

X, Y, Z = (Input(name, (4,), "float64") for name in "xyz")
VALUES = {X: np.array([0.3, 0.7, 1.5, 2.5]), Y: np.array([0.5, 2.0, 0.2, 1.0]), Z: np.array([-0.3, -0.7, -1.5, -2.5])}

FOUND: dict[str, tuple[str, Callable[[], Expr]]] = {
    "gamma functions that all cancel": (
        "difference_of_gammaln",
        lambda: gammaln(3.5 * X) - gammaln(X + 2.5 * X),
    ),
    "logarithm of a negative multiple": (
        "difference_of_count_terms",
        lambda: gammaln((1 - Z) / 2) - gammaln(-Z / 2) - 0.5 * pel.log(-3 * Z),
    ),
    "logarithm of the inverse": (
        "difference_of_gammaln",
        lambda: gammaln(3 / X + 0.5) - gammaln(3 / X) - 0.5 * pel.log(X),
    ),
    "logarithm of an inverse": (
        "sum_of_count_terms",
        lambda: gammaln(3 / X + 0.5) - gammaln(3 / X) + 0.5 * pel.log(X),
    ),
    "number times powers": ("log_of_product_of_powers", lambda: pel.log(3 * (1 + X) ** Y * X**Y)),
}
"""Formulas that a rule computed inaccurately or not at all."""


@pytest.mark.parametrize("name", FOUND)
def test_formulas_on_which_a_rule_failed(name: str) -> None:
    rule, build = FOUND[name]
    fired, wrong = compare_rewrites(build(), VALUES)
    assert fired[rule]
    assert not wrong
