r"""Functions less the first terms of their Taylor series, which cancel near 0."""

from __future__ import annotations

from pellucid.graph.expr import Expr
from pellucid.graph.ops.exponentials import exp, expm1, log1p, log1prel
from pellucid.graph.ops.hyperbolic import tanh
from pellucid.graph.ops.remainders import expm1_minus_x, sin_minus_x_cos, x_minus_log1p, x_minus_sin, x_minus_tanh
from pellucid.graph.ops.trigonometry import cos, sin, tan
from pellucid.graph.ops.where import where
from pellucid.graph.rewrite_rule import RulePair, rule
from pellucid.graph.rules.example_operands import draw_fraction
from pellucid.graph.rules.predicates import limit_at_infinity


@rule("stabilize", examples=draw_fraction)
def difference_from_sine(x: Expr) -> RulePair:
    return x - sin(x), x_minus_sin(x)


@rule("stabilize", examples=draw_fraction)
def difference_from_argument_of_sine(x: Expr) -> RulePair:
    return sin(x) - x, -x_minus_sin(x)


@rule("stabilize", examples=draw_fraction)
def sine_minus_product_with_cosine(x: Expr) -> RulePair:
    return sin(x) - x * cos(x), sin_minus_x_cos(x)


@rule("stabilize", examples=draw_fraction)
def product_with_cosine_minus_sine(x: Expr) -> RulePair:
    return x * cos(x) - sin(x), -sin_minus_x_cos(x)


@rule("stabilize", examples=draw_fraction)
def tangent_minus_argument(x: Expr) -> RulePair:
    return tan(x) - x, sin_minus_x_cos(x) / cos(x)


@rule("stabilize", examples=draw_fraction)
def argument_minus_tangent(x: Expr) -> RulePair:
    return x - tan(x), -(sin_minus_x_cos(x) / cos(x))


@rule("stabilize", examples=draw_fraction)
def reciprocal_minus_cotangent(x: Expr) -> RulePair:
    return 1 / x - 1 / tan(x), sin_minus_x_cos(x) / x / sin(x)


@rule("stabilize", examples=draw_fraction)
def cotangent_minus_reciprocal(x: Expr) -> RulePair:
    return 1 / tan(x) - 1 / x, -(sin_minus_x_cos(x) / x / sin(x))


@rule("stabilize", examples=draw_fraction)
def cosecant_minus_reciprocal(x: Expr) -> RulePair:
    return 1 / sin(x) - 1 / x, x_minus_sin(x) / x / sin(x)


@rule("stabilize", examples=draw_fraction)
def reciprocal_minus_cosecant(x: Expr) -> RulePair:
    return 1 / x - 1 / sin(x), -(x_minus_sin(x) / x / sin(x))


@rule("stabilize", examples=draw_fraction)
def difference_from_log1p(x: Expr) -> RulePair:
    return x - log1p(x), x_minus_log1p(x)


@rule("stabilize", examples=draw_fraction)
def log1p_minus_argument(x: Expr) -> RulePair:
    return log1p(x) - x, -x_minus_log1p(x)


def get_truncated_exponential(x: Expr) -> Expr | None:
    r"""Return :math:`1 - e^{-x} (1 + x)`, which cancels near 0."""
    if x.op is where.op:  # this rule has been applied
        return None
    near = x < 1
    small, large = where(near, x, 0), where(near, 1, x)
    return where(near, exp(-small) * expm1_minus_x(small), 1 - exp(-large) * (1 + large))


@rule("stabilize", examples=draw_fraction)
def one_minus_truncated_exponential(x: Expr) -> RulePair:
    return 1 - exp(-x) * (1 + x), get_truncated_exponential


@rule("stabilize", examples=draw_fraction)
def terms_of_exponential_minus_one(x: Expr) -> RulePair:
    def negate_truncated(x: Expr) -> Expr | None:
        found = get_truncated_exponential(x)
        return None if found is None else -found

    return expm1(-x) + x * exp(-x), negate_truncated


@rule("stabilize", examples=draw_fraction)
def difference_from_tanh(x: Expr) -> RulePair:
    return x - tanh(x), x_minus_tanh(x)


@rule("stabilize", examples=draw_fraction)
def difference_from_argument_of_tanh(x: Expr) -> RulePair:
    return tanh(x) - x, -x_minus_tanh(x)


@rule("stabilize", examples=draw_fraction)
def hyperbolic_cotangent_minus_reciprocal(x: Expr) -> RulePair:
    return 1 / tanh(x) - 1 / x, lambda x: limit_at_infinity(x, tanh(x), x_minus_tanh(x) / x / tanh(x))


@rule("stabilize", when="-1 where x = 0", examples=draw_fraction)
def quotient_of_opposite_logs(x: Expr) -> RulePair:
    return log1p(-x) / log1p(x), -(log1prel(-x) / log1prel(x))


@rule("stabilize", when="-1 where x = 0", examples=draw_fraction)
def quotient_of_logs_of_opposites(x: Expr) -> RulePair:
    return log1p(x) / log1p(-x), -(log1prel(x) / log1prel(-x))
