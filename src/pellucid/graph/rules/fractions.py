r"""Quotients of a term and a sum that contains it, :math:`x / (x + y)`.

A quotient of exponentials is a sigmoid, :math:`e^x / (e^x + e^y) = \sigma(x - y)`. Others are `fraction_of_sum`, whose
gradient does not cancel either.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.ops.activations import sigmoid
from pellucid.graph.ops.differences import exp_difference
from pellucid.graph.ops.elementwise import (
    add,
    fraction_of_sum,
    maximum,
    multiply,
    negative,
    power,
    subtract,
)
from pellucid.graph.ops.exponentials import exp, log, log1p
from pellucid.graph.ops.hyperbolic import cosh, tanh
from pellucid.graph.ops.powers_near_one import compound
from pellucid.graph.ops.reductions import sum
from pellucid.graph.ops.softmax import softmax
from pellucid.graph.ops.where import where
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import RulePair, is_scalar_constant, rule
from pellucid.graph.rules.example_operands import draw_positive, make_input
from pellucid.graph.rules.predicates import as_number, negate
from pellucid.graph.rules.scaled_exponentials import (
    GROWING,
    MAX_VISITS,
    SCALED_OPS,
    combine,
    find_ops,
    get_log_size,
    has_exponential_sum,
    list_factors,
    list_terms,
    shift_exponent,
    split_scale,
)

POSITIVE = {f.op for f in (exp, sigmoid, softmax)}
"""Positive ops whose logarithm has a stable form."""


def is_positive_product(e: Expr) -> bool:
    """Whether an expression is a product or sum of exponentials, probabilities and positive numbers."""
    queue, seen = [e], {e}
    for node in queue:  # which grows
        if is_scalar_constant(node):
            if as_number(node) <= 0:
                return False
        elif node.op not in POSITIVE:
            if node.op not in SCALED_OPS or node.op in (subtract.op, negative.op) or len(queue) > MAX_VISITS:
                return False
            operands = node.inputs[:1] if node.op is power.op else node.inputs
            queue += [operand for operand in operands if operand not in seen]
            seen.update(operands)
    return True


def list_positive_terms(e: Expr) -> list[Expr]:
    """Return the terms of a sum, with hyperbolic cosines as sums of exponentials."""
    terms = []
    for term in list_terms(e):
        number, factors = list_factors(term)
        if [f.op for f in factors] == [cosh.op]:
            x = factors[0].inputs[0]
            terms += [exp(x) * (number / 2), exp(negate(x)) * (number / 2)]
        else:
            terms.append(term)
    return terms


def divide_by_own_sum(n: Expr, d: Expr) -> Expr | None:
    """Return the quotient of a multiple of a term and a sum with the term; None if the sum does not have it."""
    terms = list_positive_terms(d)
    if len(terms) < 2:
        return None
    number, factors = list_factors(n)
    for position, term in enumerate(terms):
        term_number, term_factors = list_factors(term)
        if not term_factors or not set(term_factors) <= set(factors):
            continue
        others = [*terms[:position], *terms[position + 1 :]]
        rest = others[0]
        for other in others[1:]:
            rest = rest + other
        weight: Any = None
        for factor in factors:
            weight = weight if factor in set(term_factors) else combine(weight, factor, multiply)
        number = number / term_number
        weight = weight if number == 1 else combine(weight, number, multiply)
        quotient: Expr = combine(weight, get_fraction(term, rest), multiply)
        return quotient
    return None


def get_fraction(term: Expr, rest: Expr) -> Expr:
    """Return ``term / (term + rest)``: a sigmoid of the difference of their logarithms if both are positive."""
    if find_ops(rest) & GROWING or find_ops(term) & GROWING:
        if is_positive_product(term) and is_positive_product(rest):
            return sigmoid(log(term) - log(rest))
        a, b = split_scale(term), split_scale(rest)
        top = maximum(get_log_size(a), get_log_size(b))
        term, rest = (combine(s.mantissa, shift_exponent(s.exponent, top), multiply) for s in (a, b))
    return fraction_of_sum(term, rest)


def distribute(n: Expr, d: Expr) -> Expr | None:
    """Return the quotient of a sum of multiples of terms and the sum of the terms, such as a weighted mean."""
    quotients = [divide_by_own_sum(term, d) for term in list_terms(n)]
    found = [q for q in quotients if q is not None]
    if len(found) < 2 or len(found) < len(quotients):
        return None
    total = found[0]
    for quotient in found[1:]:
        total = total + quotient
    return total


def divide_difference_by_sum(n: Expr, d: Expr) -> Expr | None:
    """Return ``(x - y) / (x + y)`` of positive terms as a hyperbolic tangent."""
    terms = [exp(i) for i in n.inputs] if n.op is exp_difference.op else n.inputs
    if n.op not in (subtract.op, exp_difference.op) or d.op is not add.op or set(terms) != set(d.inputs):
        return None
    x, y = terms
    return tanh((log(x) - log(y)) / 2) if is_positive_product(x) and is_positive_product(y) else None


def _make_sum() -> tuple[Expr, Expr]:
    x, y = make_input("x"), make_input("y")
    return exp(x), exp(x) + 2 * exp(y)


@rule("stabilize", examples=lambda rng: _make_sum())
def over_own_exponential_sum(n: Expr, d: Expr) -> RulePair:
    def find_fractions(n: Expr, d: Expr) -> Expr | None:
        if not has_exponential_sum(d):
            return None
        forms = (form(n, d) for form in (divide_difference_by_sum, divide_by_own_sum, distribute))
        return next((found for found in forms if found is not None), None)

    return n / d, find_fractions


@rule("stabilize", examples=lambda rng: (draw_positive(rng), draw_positive(rng)))
def over_own_sum(x: Expr, y: Expr) -> RulePair:
    return x / (x + y), lambda x, y: None if is_scalar_constant(x) else fraction_of_sum(x, y)


def _make_multiple(rng: np.random.Generator) -> tuple[object, ...]:
    x = make_input()
    return x * draw_positive(rng), x, draw_positive(rng)


@rule("stabilize", examples=_make_multiple)
def multiple_over_own_sum(n: Expr, x: Expr, y: Expr) -> RulePair:
    return n / (x + y), lambda n, x, y: divide_by_own_sum(n, x + y) if n.op is multiply.op else None


def get_fraction_of_powers(x: Expr | float, y: Expr | float, n: Expr) -> Expr | None:
    r"""Return :math:`x^n / (x^n + y^n)`, the sigmoid of :math:`n \log(x / y)` for positive numbers."""
    if any(isinstance(e, Expr) and e.op is where.op for e in (x, y)) or is_scalar_constant(n):
        return None
    positive = (x > 0) & (y > 0)
    a, b = (where(positive, e, 1) for e in (x, y))
    c, d = (where(positive, 1, e) for e in (x, y))
    return where(positive, sigmoid(n * (log(a) - log(b))), fraction_of_sum(power(c, n), power(d, n)))


def _draw_three(rng: np.random.Generator) -> tuple[object, ...]:
    return draw_positive(rng), draw_positive(rng), draw_positive(rng)


@rule("stabilize", examples=_draw_three)
def fraction_of_powers(x: Expr, y: Expr, n: Expr) -> RulePair:
    return fraction_of_sum(power(x, n), power(y, n)), get_fraction_of_powers


@rule("stabilize", examples=_draw_three)
def fraction_of_power_and_compound(x: Expr, y: Expr, n: Expr) -> RulePair:
    return fraction_of_sum(power(x, n), compound(y, n)), lambda x, y, n: get_fraction_of_powers(x, 1 + y, n)


@rule("stabilize", examples=_draw_three)
def fraction_of_compound_and_power(x: Expr, y: Expr, n: Expr) -> RulePair:
    return fraction_of_sum(compound(y, n), power(x, n)), lambda x, y, n: get_fraction_of_powers(1 + y, x, n)


@rule("stabilize", examples=lambda rng: (draw_positive(rng), draw_positive(rng)))
def reciprocal_of_one_plus_power(x: Expr, n: Expr) -> RulePair:
    def to_sigmoid(x: Expr, n: Expr) -> Expr | None:
        if x.op is where.op or is_scalar_constant(n):
            return None
        positive = x > 0
        one_plus = 1 + power(where(positive, 1, x), n)
        return where(positive, sigmoid(-n * log(where(positive, x, 1))), 1 / one_plus)

    return 1 / (1 + power(x, n)), to_sigmoid


@rule("stabilize", examples=lambda rng: (3.0, draw_positive(rng)))
def fraction_of_power_and_one(a: Number, n: Expr) -> RulePair:
    def to_sigmoid(a: Expr, n: Expr) -> Expr | None:
        return sigmoid(n * math.log(as_number(a))) if as_number(a) > 0 else None

    return fraction_of_sum(power(a, n), 1), to_sigmoid


@rule("stabilize", examples=lambda rng: (draw_positive(rng), draw_positive(rng)))
def log_of_fraction(x: Expr, y: Expr) -> RulePair:
    return log(fraction_of_sum(x, y)), -log1p(y / x)


@rule("stabilize", examples=lambda rng: (sigmoid(make_input("x")) * exp(make_input("y")), (1,)))
def normalized_positive_product(x: Expr, axis: tuple[int, ...]) -> RulePair:
    def to_softmax(x: Expr, axis: tuple[int, ...]) -> Expr | None:
        return softmax(log(x), axis) if is_positive_product(x) and find_ops(x) & GROWING else None

    return x / sum(x, axis=axis, keepdims=True), to_softmax
