r"""Quotients of functions that tend to 0 together, such as :math:`(1 - e^{-r t}) / r`.

A function with a zero is its argument times a relative function, :math:`e^u - 1 = u \operatorname{exprel}(u)`. A factor
of the argument that is also a factor of the other side of the quotient is canceled.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.ops.exponentials import expm1, exprel, log1p, log1prel
from pellucid.graph.ops.powers_near_one import compound_minus_one
from pellucid.graph.rewrite_rule import RulePair, rule
from pellucid.graph.rules.algebraic_differences import list_quotient_factors
from pellucid.graph.rules.example_operands import draw_positive, make_input
from pellucid.graph.rules.polynomials import join_factors
from pellucid.graph.rules.powers_near_one import choose_above_minus_one

FUNCTIONS = {f.op for f in (expm1, log1p, compound_minus_one)}


def get_relative_function(e: Expr) -> Expr:
    """Return a function divided by its first operand, accurate where that is 0."""
    x = e.inputs[0]
    if e.op is not compound_minus_one.op:
        return exprel(x) if e.op is expm1.op else log1prel(x)
    n = e.inputs[1]
    return choose_above_minus_one(x, n, lambda a: n * log1prel(a) * exprel(n * log1p(a)), lambda p: p / x)


def cancel_argument(number: float, above: list[Expr], below: list[Expr], inverse: bool) -> Expr | float | None:
    """Return ``number * above / below``, or its inverse, without a common factor; None if there is none.

    It is a factor of the argument of a function in ``above``, and of ``below``.
    """
    for position, e in enumerate(above):
        scale, factors, divisors = list_quotient_factors(e.inputs[0]) if e.op in FUNCTIONS else (1.0, [], [])
        common = Counter(factors) & Counter(below)
        if not common or not scale:
            continue
        rest = [*above[:position], *above[position + 1 :], *(Counter(factors) - common).elements()]
        new_above = [*rest, get_relative_function(e)]
        new_below = [*(Counter(below) - common).elements(), *divisors]
        total = number * scale
        return join_factors(1 / total, new_below, new_above) if inverse else join_factors(total, new_above, new_below)
    return None


def cancel_common_factor(n: Expr, d: Expr) -> Expr | float | None:
    number, above, upper_divisors = list_quotient_factors(n)
    scale, below, lower_divisors = list_quotient_factors(d)
    above, below = above + lower_divisors, below + upper_divisors
    if not number or not scale or not any(e.op in FUNCTIONS for e in above + below):
        return None
    found = cancel_argument(number / scale, above, below, False)
    return cancel_argument(scale / number, below, above, True) if found is None else found


def _make_product_and_factor(rng: np.random.Generator) -> tuple[object, ...]:
    z = make_input()
    return expm1(-z * draw_positive(rng)) * draw_positive(rng), z


@rule("stabilize", when="y != 0", examples=_make_product_and_factor)
def function_over_factor_of_argument(x: Expr, y: Expr) -> RulePair:
    return x / y, lambda x, y: cancel_common_factor(x, y)
