r"""Quotients, products and logarithms of sums of exponentials that may overflow.

For example, :math:`y / (a e^x + b e^z) = y e^{-m} / (a e^{x - m} + b e^{z - m})` with :math:`m = \max(x, z)`.
"""

from __future__ import annotations

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.ops.elementwise import maximum, multiply
from pellucid.graph.ops.exponentials import exp, expm1, log, log1p, shifted_exp
from pellucid.graph.ops.gradient_transforms import stop_gradient
from pellucid.graph.ops.permute import transpose
from pellucid.graph.ops.reductions import mean, sum
from pellucid.graph.rewrite_rule import RulePair, is_scalar_constant, rule
from pellucid.graph.rules.example_operands import draw_positive, draw_two, make_input
from pellucid.graph.rules.scaled_exponentials import (
    GROWING,
    Scaled,
    combine,
    divide_scaled,
    find_ops,
    get_log_size,
    has_exponential_sum,
    join,
    list_factors,
    list_terms,
    multiply_scaled,
    shift_exponent,
    split_scale,
)


def _make_weighted_sum(rng: np.random.Generator) -> tuple[object, ...]:
    x, y = make_input("x"), make_input("y")
    return draw_positive(rng), exp(x) * draw_positive(rng) + draw_positive(rng) * exp(y)


@rule("stabilize", examples=_make_weighted_sum)
def over_exponential_sum(n: Expr, d: Expr) -> RulePair:
    def divide_scales(n: Expr, d: Expr) -> Expr | None:
        if n.op is transpose.op:  # `divide_rows_by_transposes` matches quotients of transposes
            return None
        if not has_exponential_sum(d):
            return None
        scaled = split_scale(d)
        return None if scaled.exponent is None else join(divide_scaled(split_scale(n), scaled))

    return n / d, divide_scales


def has_weights(total: Expr) -> bool:
    """Whether terms of a sum have factors without exponentials: the gradients of most products of exponentials.

    Their scaled form is long, because the logarithms of the factors are parts of the exponents.
    """
    terms = total.inputs[:1] if total.op in (sum.op, mean.op) else list_terms(total)
    mantissas = [split_scale(term).mantissa for term in terms]
    return any(isinstance(mantissa, Expr) and not is_scalar_constant(mantissa) for mantissa in mantissas)


@rule("stabilize", examples=lambda rng: (make_input("x"), 2 * exp(make_input("y")) + exp(make_input("z"))))
def exp_times_exponential_sum(x: Expr, y: Expr) -> RulePair:
    def multiply_scales(x: Expr, y: Expr) -> Expr | None:
        if not has_exponential_sum(y) or has_weights(y):
            return None
        scaled = split_scale(y)
        return None if scaled.exponent is None else join(multiply_scaled(Scaled(None, x), scaled))

    return exp(x) * y, multiply_scales


@rule("stabilize", examples=lambda rng: _make_weighted_sum(rng)[1:])
def log_of_exponential_sum(x: Expr) -> RulePair:
    def add_exponent(x: Expr) -> Expr | None:
        if not has_exponential_sum(x):
            return None
        scaled = split_scale(x)
        return None if scaled.mantissa is None or scaled.exponent is None else scaled.exponent + log(scaled.mantissa)

    return log(x), add_exponent


@rule("stabilize", examples=lambda rng: _make_weighted_sum(rng)[1:])
def log1p_of_exponential(x: Expr) -> RulePair:
    r"""Write :math:`\log(1 + s e^m) = t + \log(1 + s e^{m - t} + (e^{-t} - 1))` with :math:`t \ge 0`."""

    def add_exponent(x: Expr) -> Expr | None:
        reached = find_ops(x)
        is_multiple_of_exp = any(factor.op is exp.op for factor in list_factors(x)[1])
        if not reached & GROWING or (shifted_exp.op in reached and not is_multiple_of_exp):
            return None
        mantissa, exponent = scaled = split_scale(x)
        if exponent is None:
            return None
        top = stop_gradient(maximum(get_log_size(scaled), 0))
        return top + log1p(combine(mantissa, shift_exponent(exponent, top), multiply) + expm1(-top))

    return log1p(x), add_exponent


@rule("stabilize", examples=draw_two)
def log_of_shifted_exp(x: Expr, m: Expr) -> RulePair:
    return log(shifted_exp(x, m)), x - m
