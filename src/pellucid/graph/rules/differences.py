r"""Differences of two values of the same function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.ops.activations import sigmoid
from pellucid.graph.ops.differences import arctan_difference, erf_difference, exp_difference, sigmoid_difference
from pellucid.graph.ops.elementwise import square
from pellucid.graph.ops.exponentials import exp, expm1, exprel, log, log1mexp
from pellucid.graph.ops.hyperbolic import tanh
from pellucid.graph.ops.special import erf, erfc, erfcx
from pellucid.graph.ops.trigonometry import arctan, arctan2
from pellucid.graph.ops.where import where
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import rule
from pellucid.graph.rules.example_operands import draw_normal, draw_one, draw_positive, draw_two, make_input
from pellucid.graph.rules.predicates import are_opposite, as_number, negate
from pellucid.graph.rules.scaled_exponentials import list_factors


def _draw_ordered(rng: Any) -> Any:
    return np.full((3, 4), 3.0), draw_normal(rng)


@rule("stabilize", examples=lambda rng: (draw_normal(rng), erf(make_input("x")), erf(make_input("y"))))
def difference_of_multiples(a: Any, x: Any, y: Any) -> Any:
    functions = {f.op for f in (exp, sigmoid, erf, erfc, tanh)}

    def factor_out(a: Expr, x: Expr, y: Expr) -> Any:
        return a * (x - y) if x.op is y.op and x.op in functions else None

    return a * x - a * y, factor_out


@rule("stabilize", examples=draw_two)
def difference_of_exponentials(x: Any, y: Any) -> Any:
    return exp(x) - exp(y), lambda x, y: None if are_opposite(x, y) else exp_difference(x, y)


@rule("stabilize", when="e^x where x = y", examples=draw_two)
def divided_difference_of_exponentials(x: Any, y: Any) -> Any:
    return exp_difference(x, y) / (x - y), where(x > y, exp(x) * exprel(y - x), exp(y) * exprel(x - y))


@rule("stabilize", examples=draw_two)
def difference_of_expm1(x: Any, y: Any) -> Any:
    return expm1(x) - expm1(y), exp_difference(x, y)


@rule("stabilize", examples=draw_one)
def one_plus_expm1(x: Any) -> Any:
    return 1 + expm1(x), exp(x)


@rule("stabilize", examples=_draw_ordered)
def log_of_exp_difference(x: Any, y: Any) -> Any:
    return log(exp_difference(x, y)), x + log1mexp(y - x)


@rule("stabilize", examples=draw_two)
def difference_of_sigmoids(x: Any, y: Any) -> Any:
    return sigmoid(x) - sigmoid(y), sigmoid_difference(x, y)


@rule("stabilize", examples=draw_one)
def sigmoid_minus_half(x: Any) -> Any:
    return sigmoid(x) - 0.5, tanh(x / 2) / 2


@rule("stabilize", examples=draw_two)
def difference_of_tanh(x: Any, y: Any) -> Any:
    return tanh(x) - tanh(y), 2 * sigmoid_difference(2 * x, 2 * y)


@rule("stabilize", examples=_draw_ordered)
def log_of_sigmoid_difference(x: Any, y: Any) -> Any:
    return log(sigmoid_difference(x, y)), log(sigmoid(x)) + log(sigmoid(-y)) + log1mexp(y - x)


@rule("stabilize", examples=draw_two)
def difference_of_arctan(x: Any, y: Any) -> Any:
    return arctan(x) - arctan(y), arctan_difference(x, y)


@rule("stabilize", examples=lambda rng: (0.5, 1 / math.pi, draw_normal(rng)))
def cauchy_distribution(a: Number, b: Number, x: Any) -> Any:
    def to_angle(a: Expr, b: Expr, x: Expr) -> Any:
        scale = as_number(b)
        return scale * arctan2(1.0, -x) if is_half_turn(as_number(a), scale, x) else None

    return a + b * arctan(x), to_angle


@rule("stabilize", examples=lambda rng: (0.5, math.pi, draw_normal(rng)))
def cauchy_distribution_over_pi(a: Number, b: Number, x: Any) -> Any:
    def to_angle(a: Expr, b: Expr, x: Expr) -> Any:
        return arctan2(1.0, -x) / as_number(b) if is_half_turn(as_number(a) * as_number(b), 1, x) else None

    return a + arctan(x) / b, to_angle


@rule("stabilize", examples=lambda rng: (0.5, math.pi, draw_normal(rng)))
def cauchy_survival_over_pi(a: Number, b: Number, x: Any) -> Any:
    def to_angle(a: Expr, b: Expr, x: Expr) -> Any:
        return arctan2(1.0, x) / as_number(b) if is_half_turn(as_number(a) * as_number(b), 1, x) else None

    return a - arctan(x) / b, to_angle


@rule("stabilize", examples=lambda rng: (0.5, 1 / math.pi, draw_normal(rng)))
def cauchy_survival(a: Number, b: Number, x: Any) -> Any:
    def to_angle(a: Expr, b: Expr, x: Expr) -> Any:
        return as_number(b) * arctan2(1.0, x) if is_half_turn(as_number(a), as_number(b), x) else None

    return a - b * arctan(x), to_angle


def is_half_turn(a: float, b: float, x: Expr) -> bool:
    """Whether ``a`` is ``b * pi / 2`` but for rounding, so that ``a + b * arctan(x)`` is 0 at minus infinity."""
    return math.isclose(a, b * math.pi / 2, rel_tol=2 * float(np.finfo(x.dtype).eps))


@rule("stabilize", examples=draw_two)
def difference_of_erf(x: Any, y: Any) -> Any:
    return erf(x) - erf(y), erf_difference(x, y)


@rule("stabilize", examples=draw_two)
def difference_of_erfc(x: Any, y: Any) -> Any:
    return erfc(x) - erfc(y), erf_difference(y, x)


@rule("stabilize", examples=_draw_ordered)
def log_of_erf_difference(x: Any, y: Any) -> Any:
    r"""In a tail, take the logarithm of the difference of complements, :math:`\log(e^a - e^b)`."""

    def subtract_tails(x: Expr, y: Expr) -> Any:
        upper, lower = y > 0.5, x < -0.5
        near, far = where(upper, y, where(lower, -x, 1)), where(upper, x, where(lower, -y, 2))
        a, b = log(erfc(near)), log(erfc(far))
        inside = erf_difference(where(upper | lower, 1, x), where(upper | lower, 0, y))
        return where(upper | lower, a + log1mexp(b - a), log(where(upper | lower, 1, inside)))

    return log(erf_difference(x, y)), subtract_tails


@rule("stabilize", examples=draw_one)
def one_minus_half_erfc(x: Any) -> Any:
    return 1 - 0.5 * erfc(x), 0.5 * erfc(-x)


# Products of complementary error functions and exponentials.


def get_exponent_of_erfcx(u: Expr, v: Expr) -> Any:
    """Return u + v ** 2 if u is a negative multiple of v ** 2 up to rounding, otherwise None."""
    number, factors = list_factors(u)
    scale, root = list_factors(v)
    if len(factors) != 1 or len(root) != 1 or factors[0].op is not square.op or factors[0].inputs[0] is not root[0]:
        return None
    rest = number + scale**2
    return rest * factors[0] if abs(rest) < 1e-6 * scale**2 else None


def _make_gaussian() -> Any:
    z = make_input()
    return -square(z), z


@rule("stabilize", examples=lambda rng: _make_gaussian())
def exp_over_erfc(u: Any, v: Any) -> Any:
    def scale(u: Expr, v: Expr) -> Any:
        rest = get_exponent_of_erfcx(u, v)
        return None if rest is None else exp(rest) / erfcx(v)

    return exp(u) / erfc(v), scale


@rule("stabilize", examples=lambda rng: (*_make_gaussian(), draw_positive(rng)))
def multiple_of_exp_over_erfc(u: Any, v: Any, w: Any) -> Any:
    def scale(u: Expr, v: Expr, w: Expr) -> Any:
        rest = get_exponent_of_erfcx(u, v)
        return None if rest is None else w * exp(rest) / erfcx(v)

    return (w * exp(u)) / erfc(v), scale


@rule("stabilize", examples=lambda rng: _make_gaussian())
def erfc_over_exp(u: Any, v: Any) -> Any:
    def scale(u: Expr, v: Expr) -> Any:
        rest = get_exponent_of_erfcx(u, v)
        return None if rest is None else exp(-rest) * erfcx(v)

    return erfc(v) / exp(u), scale


@rule("stabilize", examples=lambda rng: (square(z := make_input()), z))
def exp_times_erfc(u: Any, v: Any) -> Any:
    def scale(u: Expr, v: Expr) -> Any:
        rest = get_exponent_of_erfcx(negate(u), v)
        return None if rest is None else exp(-rest) * erfcx(v)

    return exp(u) * erfc(v), scale
