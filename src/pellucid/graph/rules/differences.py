r"""Differences of two values of the same function."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, constant
from pellucid.graph.ops.activations import sigmoid
from pellucid.graph.ops.differences import arctan_difference, erf_difference, exp_difference, sigmoid_difference
from pellucid.graph.ops.elementwise import absolute, square
from pellucid.graph.ops.exponentials import exp, expm1, exprel, log, log1mexp
from pellucid.graph.ops.hyperbolic import tanh
from pellucid.graph.ops.special import erf, erfc, erfcx
from pellucid.graph.ops.trigonometry import arctan, arctan2
from pellucid.graph.ops.where import where
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import RulePair, rule
from pellucid.graph.rules.algebraic_differences import list_quotient_factors
from pellucid.graph.rules.angles import is_quarter_turn
from pellucid.graph.rules.example_operands import draw_normal, draw_one, draw_positive, draw_two, make_input
from pellucid.graph.rules.polynomials import join_factors
from pellucid.graph.rules.predicates import are_opposite, as_number, is_nonpositive, limit_at_infinity, negate
from pellucid.graph.rules.scaled_exponentials import list_factors


def _draw_ordered(rng: np.random.Generator) -> tuple[object, ...]:
    return np.full((3, 4), 3.0), draw_normal(rng)


@rule("stabilize", examples=lambda rng: (draw_normal(rng), erf(make_input("x")), erf(make_input("y"))))
def difference_of_multiples(a: Expr, x: Expr, y: Expr) -> RulePair:
    functions = {f.op for f in (exp, sigmoid, erf, erfc, tanh)}

    def factor_out(a: Expr, x: Expr, y: Expr) -> Expr | None:
        return a * (x - y) if x.op is y.op and x.op in functions else None

    return a * x - a * y, factor_out


@rule("stabilize", examples=draw_two)
def difference_of_exponentials(x: Expr, y: Expr) -> RulePair:
    return exp(x) - exp(y), lambda x, y: None if are_opposite(x, y) else exp_difference(x, y)


@rule("stabilize", examples=draw_two)
def divided_difference_of_exponentials(x: Expr, y: Expr) -> RulePair:
    return exp_difference(x, y) / (x - y), where(x > y, exp(x) * exprel(y - x), exp(y) * exprel(x - y))


@rule("stabilize", examples=draw_two)
def difference_of_expm1(x: Expr, y: Expr) -> RulePair:
    return expm1(x) - expm1(y), exp_difference(x, y)


@rule("stabilize", examples=draw_one)
def one_plus_expm1(x: Expr) -> RulePair:
    return 1 + expm1(x), exp(x)


@rule("stabilize", examples=_draw_ordered)
def log_of_exp_difference(x: Expr, y: Expr) -> RulePair:
    return log(exp_difference(x, y)), lambda x, y: limit_at_infinity(x, x, x + log1mexp(y - x))


@rule(
    "stabilize", examples=lambda rng: (constant(np.float64(0.5)), exp_difference(2 + make_input("x"), make_input("y")))
)
def log_of_multiple_of_difference(a: Number, x: Expr) -> RulePair:
    differences = {f.op for f in (exp_difference, sigmoid_difference, erf_difference)}

    def add_logs(a: Expr, x: Expr) -> Expr | None:
        return log(x) + math.log(as_number(a)) if x.op in differences and as_number(a) > 0 else None

    return log(a * x), add_logs


@rule("stabilize", examples=draw_two)
def difference_of_sigmoids(x: Expr, y: Expr) -> RulePair:
    return sigmoid(x) - sigmoid(y), sigmoid_difference(x, y)


@rule("stabilize", examples=draw_one)
def sigmoid_minus_half(x: Expr) -> RulePair:
    return sigmoid(x) - 0.5, tanh(x / 2) / 2


@rule("stabilize", examples=draw_two)
def difference_of_tanh(x: Expr, y: Expr) -> RulePair:
    return tanh(x) - tanh(y), 2 * sigmoid_difference(2 * x, 2 * y)


@rule("stabilize", examples=_draw_ordered)
def log_of_sigmoid_difference(x: Expr, y: Expr) -> RulePair:
    return log(sigmoid_difference(x, y)), log(sigmoid(x)) + log(sigmoid(-y)) + log1mexp(y - x)


@rule("stabilize", examples=draw_two)
def difference_of_arctan(x: Expr, y: Expr) -> RulePair:
    return arctan(x) - arctan(y), arctan_difference(x, y)


def get_complement(angle: Expr, sign: int) -> Expr | None:
    """Return pi / 2 plus or minus an angle from -pi / 2 to pi / 2, or None for other expressions."""
    if angle.op is arctan.op:
        return arctan2(1.0, -sign * angle.inputs[0])
    if angle.op is arctan2.op and angle.inputs[1].op is absolute.op:
        y, x = angle.inputs
        return arctan2(x, -sign * y)
    return None


def _make_angle(b: float) -> Callable[[Any], tuple[Expr, Expr, Expr]]:
    return lambda rng: (constant(np.float64(0.5)), constant(np.float64(b)), arctan(make_input()))


@rule("stabilize", examples=_make_angle(1 / math.pi))
def cauchy_distribution(a: Number, b: Number, x: Expr) -> RulePair:
    def add_angle(a: Expr, b: Expr, x: Expr) -> Expr | None:
        found = get_complement(x, 1)
        return as_number(b) * found if found is not None and is_quarter_turn(a, as_number(b)) else None

    return a + b * x, add_angle


@rule("stabilize", examples=_make_angle(1 / math.pi))
def cauchy_survival(a: Number, b: Number, x: Expr) -> RulePair:
    def subtract_angle(a: Expr, b: Expr, x: Expr) -> Expr | None:
        found = get_complement(x, -1)
        return as_number(b) * found if found is not None and is_quarter_turn(a, as_number(b)) else None

    return a - b * x, subtract_angle


@rule("stabilize", examples=_make_angle(math.pi))
def cauchy_distribution_over_pi(a: Number, b: Number, x: Expr) -> RulePair:
    def add_angle(a: Expr, b: Expr, x: Expr) -> Expr | None:
        found = get_complement(x, 1)
        return found / as_number(b) if found is not None and is_quarter_turn(a, 1.0, as_number(b)) else None

    return a + x / b, add_angle


@rule("stabilize", examples=_make_angle(math.pi))
def cauchy_survival_over_pi(a: Number, b: Number, x: Expr) -> RulePair:
    def subtract_angle(a: Expr, b: Expr, x: Expr) -> Expr | None:
        found = get_complement(x, -1)
        return found / as_number(b) if found is not None and is_quarter_turn(a, 1.0, as_number(b)) else None

    return a - x / b, subtract_angle


@rule("stabilize", examples=draw_two)
def difference_of_erf(x: Expr, y: Expr) -> RulePair:
    return erf(x) - erf(y), erf_difference(x, y)


@rule("stabilize", examples=draw_two)
def difference_of_erfc(x: Expr, y: Expr) -> RulePair:
    return erfc(x) - erfc(y), erf_difference(y, x)


@rule("stabilize", examples=_draw_ordered)
def log_of_erf_difference(x: Expr, y: Expr) -> RulePair:
    r"""In a tail, take the logarithm of the difference of complements, :math:`\log(e^a - e^b)`."""

    def subtract_tails(x: Expr, y: Expr) -> Expr:
        upper, lower = y > 0.5, x < -0.5
        near, far = where(upper, y, where(lower, -x, 1)), where(upper, x, where(lower, -y, 2))
        a, b = log(erfc(near)), log(erfc(far))
        inside = erf_difference(where(upper | lower, 1, x), where(upper | lower, 0, y))
        return where(upper | lower, a + log1mexp(b - a), log(where(upper | lower, 1, inside)))

    return log(erf_difference(x, y)), subtract_tails


@rule("stabilize", examples=draw_one)
def one_minus_half_erfc(x: Expr) -> RulePair:
    return 1 - 0.5 * erfc(x), 0.5 * erfc(-x)


# Products of complementary error functions and exponentials.


def get_exponent_of_erfcx(u: Expr, v: Expr) -> Expr | None:
    """Return u + v ** 2 if u is a negative multiple of v ** 2 up to rounding and v may be positive, otherwise None."""
    if is_nonpositive(v):
        return None  # erfc(v) is at least 1, and erfcx(v) may overflow
    scale, above, below = list_quotient_factors(v)
    number, squares_above, squares_below = list_squared_factors(u)
    if not above or Counter(squares_above) != Counter(above) or Counter(squares_below) != Counter(below):
        return None
    rest = number + scale**2
    if abs(rest) < 4e-16 * scale**2:
        return constant(np.zeros((), u.dtype))
    return rest / number * u if abs(rest) < 1e-6 * scale**2 else None


def list_squared_factors(e: Expr) -> tuple[float, list[Expr], list[Expr]]:
    """Return a number, and the factors and divisors of a product of squares; none if one is not a square."""
    number, *sides = list_quotient_factors(e)
    squared: tuple[list[Expr], list[Expr]] = ([], [])
    for position, side in enumerate(sides):
        for factor in side:
            if factor.op is not square.op:
                return number, [], []
            scale, above, below = list_quotient_factors(factor.inputs[0])
            number *= scale ** (2 if position == 0 else -2)
            squared[position].extend(above)
            squared[1 - position].extend(below)
    return number, *squared


def _make_gaussian(rng: np.random.Generator) -> tuple[object, ...]:
    z = make_input()
    return draw_positive(rng) * exp(-square(z)), 0.5 * erfc(z)


@rule("stabilize", examples=_make_gaussian)
def exp_over_erfc(n: Expr, d: Expr) -> RulePair:
    def divide_scaled(n: Expr, d: Expr) -> Expr | float | None:
        scale, below = list_factors(d)
        v = next((f.inputs[0] for f in below if f.op is erfc.op), None)
        if v is None or not scale:
            return None
        number, above, divisors = list_quotient_factors(n)
        for position, factor in enumerate(above):
            rest = get_exponent_of_erfcx(factor.inputs[0], v) if factor.op is exp.op else None
            if rest is not None:
                others = [*above[:position], *above[position + 1 :], exp(rest)]
                below = [erfcx(v) if f.op is erfc.op and f.inputs[0] is v else f for f in below]
                return join_factors(number / scale, others, [*divisors, *below])
        return None

    return n / d, divide_scaled


@rule("stabilize", examples=lambda rng: (erfc(z := make_input()), -square(z)))
def erfc_over_exp(e: Expr, u: Expr) -> RulePair:
    def scale(e: Expr, u: Expr) -> Expr | None:
        rest = get_exponent_of_erfcx(u, e.inputs[0]) if e.op is erfc.op else None
        return None if rest is None else exp(-rest) * erfcx(e.inputs[0])

    return e / exp(u), scale


@rule("stabilize", examples=lambda rng: (square(z := make_input()), z))
def exp_times_erfc(u: Expr, v: Expr) -> RulePair:
    def scale(u: Expr, v: Expr) -> Any:
        rest = get_exponent_of_erfcx(negate(u), v)
        return None if rest is None else exp(-rest) * erfcx(v)

    return exp(u) * erfc(v), scale
