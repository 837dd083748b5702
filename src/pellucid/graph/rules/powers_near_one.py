r"""Powers of numbers near 1, products of such numbers, and their differences from 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.ops.activations import sigmoid
from pellucid.graph.ops.elementwise import absolute, negative, power, square, true_divide
from pellucid.graph.ops.exponentials import exp, expm1, exprel, log, log1mexp, log1p, log1prel
from pellucid.graph.ops.gradient_transforms import stop_gradient
from pellucid.graph.ops.powers_near_one import compound, compound_minus_one, power_minus_one
from pellucid.graph.ops.reductions import max_, prod, sum
from pellucid.graph.ops.reshape import squeeze
from pellucid.graph.ops.where import where
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import RulePair, is_scalar_constant, rule
from pellucid.graph.rules.example_operands import draw_fraction, draw_normal, draw_positive, make_input
from pellucid.graph.rules.predicates import as_number, is_probability, limit_at_infinity
from pellucid.graph.rules.scaled_exponentials import list_factors, multiply_all


def _draw_fraction_and_power(rng: np.random.Generator) -> tuple[object, ...]:
    return *draw_fraction(rng), draw_positive(rng)


def is_small_integer(n: Expr) -> Any:
    return is_scalar_constant(n) and float(as_number(n)).is_integer() and abs(as_number(n)) <= 4


# Powers.


@rule("stabilize", examples=_draw_fraction_and_power)
def power_of_one_plus(x: Expr, n: Expr) -> RulePair:
    return power(1 + x, n), lambda x, n: None if is_small_integer(n) else compound(x, n)


@rule("stabilize", examples=_draw_fraction_and_power)
def power_of_one_minus(x: Expr, n: Expr) -> RulePair:
    return power(1 - x, n), lambda x, n: None if is_small_integer(n) else compound(-x, n)


@rule("stabilize", examples=lambda rng: (draw_fraction(rng)[0], 3.0))
def integer_power_of_one_plus_minus_one(x: Expr, n: Number) -> RulePair:
    return power(1 + x, n) - 1, lambda x, n: compound_minus_one(x, as_number(n))


@rule("stabilize", examples=lambda rng: (draw_fraction(rng)[0], 3.0))
def one_minus_integer_power_of_one_minus(x: Expr, n: Number) -> RulePair:
    return 1 - power(1 - x, n), lambda x, n: -compound_minus_one(-x, as_number(n))


@rule("stabilize", examples=draw_fraction)
def one_minus_square_of_one_minus(x: Expr) -> RulePair:
    return 1 - square(1 - x), x * (2 - x)


@rule("stabilize", examples=_draw_fraction_and_power)
def compound_minus_1(x: Expr, n: Expr) -> RulePair:
    return compound(x, n) - 1, compound_minus_one(x, n)


@rule("stabilize", examples=_draw_fraction_and_power)
def one_minus_compound(x: Expr, n: Expr) -> RulePair:
    return 1 - compound(x, n), -compound_minus_one(x, n)


@rule("stabilize", examples=lambda rng: (draw_positive(rng), draw_positive(rng)))
def power_minus_1(x: Expr, y: Expr) -> RulePair:
    return power(x, y) - 1, power_minus_one(x, y)


@rule("stabilize", examples=lambda rng: (draw_positive(rng), draw_positive(rng)))
def one_minus_power(x: Expr, y: Expr) -> RulePair:
    return 1 - power(x, y), -power_minus_one(x, y)


@rule("stabilize", examples=lambda rng: (draw_positive(rng), draw_positive(rng)))
def one_plus_power_minus_one(x: Expr, y: Expr) -> RulePair:
    return 1 + power_minus_one(x, y), power(x, y)


@rule("stabilize", examples=lambda rng: (rng.uniform(0.1, 0.9, (3, 4)), draw_positive(rng), draw_positive(rng)))
def power_of_one_minus_power_minus_one(x: Expr, y: Expr, n: Expr) -> RulePair:
    base = -power_minus_one(x, y)

    def choose(x: Expr, y: Expr, n: Expr) -> Expr:
        small = power(x, y) < 0.5
        near = compound_minus_one(-where(small, power(x, y), 0), n)
        return where(small, near, power_minus_one(where(small, 1, -power_minus_one(x, y)), n))

    return power_minus_one(base, n), choose


@rule("stabilize", when="x > -1", examples=lambda rng: (rng.uniform(0.1, 0.9, (3, 4)), draw_positive(rng)))
def log_of_one_minus_compound(x: Expr, n: Expr) -> RulePair:
    return log(-compound_minus_one(-x, n)), log1mexp(n * log1p(-x))


@rule("stabilize", when="x > 0", examples=lambda rng: (rng.uniform(0.1, 0.9, (3, 4)), draw_positive(rng)))
def log_of_one_minus_power(x: Expr, y: Expr) -> RulePair:
    return log(-power_minus_one(x, y)), log1mexp(y * log(x))


@rule("stabilize", when="x > -1", examples=_draw_fraction_and_power)
def log_of_compound(x: Expr, n: Expr) -> RulePair:
    return log(compound(x, n)), n * log1p(x)


@rule("stabilize", when="x > 0", examples=lambda rng: (draw_positive(rng), draw_positive(rng)))
def log_of_variable_power(x: Expr, y: Expr) -> RulePair:
    return log(power(x, y)), lambda x, y: None if is_scalar_constant(y) else y * log(x)


# Quotients whose numerator and denominator tend to 0 together.


def divide_factor(product: Expr, divisor: Expr) -> Expr | float | None:
    """Return the quotient of a product and some of its factors; None if it has no such factors."""
    if is_scalar_constant(divisor):
        return None
    if product is divisor:
        return 1.0
    if product.op is negative.op:
        rest = divide_factor(product.inputs[0], divisor)
        return None if rest is None else -rest
    if product.op is true_divide.op and not is_scalar_constant(product.inputs[1]):
        rest = divide_factor(product.inputs[0], divisor)
        return None if rest is None else rest / product.inputs[1]
    number, factors = list_factors(product)
    scale, wanted = list_factors(divisor)
    counts = Counter(factors)
    counts.subtract(wanted)
    if not scale or min(counts.values()) < 0:
        return None
    remaining: Expr | float = multiply_all(number / scale, list(counts.elements()))
    return remaining


@rule("stabilize", when="x > 0", examples=lambda rng: (draw_positive(rng), draw_positive(rng)))
def box_cox(x: Expr, y: Expr) -> RulePair:
    def to_logarithm(x: Expr, y: Expr) -> Expr:
        positive = x > 0
        scaled = log(where(positive, x, 1))
        return where(positive, scaled * exprel(y * scaled), -1 / where(positive, 1, y))

    return power_minus_one(x, y) / y, to_logarithm


def choose_above_minus_one(x: Expr, n: Expr, above: Callable[[Any], Any], below: Callable[[Any], Any]) -> Expr:
    """Compute a formula of log1p(x) where x > -1, and one of (1 + x)**n - 1 elsewhere (n may be a whole number)."""
    inside = x > -1
    numerator = where(inside, 1, compound_minus_one(where(inside, 0, x), n))
    return where(inside, above(where(inside, x, 0)), below(numerator))


@rule("stabilize", examples=_draw_fraction_and_power)
def box_cox_of_one_plus(x: Expr, y: Expr) -> RulePair:
    return compound_minus_one(x, y) / y, lambda x, y: choose_above_minus_one(
        x, y, lambda a: log1p(a) * exprel(y * log1p(a)), lambda p: p / y
    )


@rule("stabilize", examples=lambda rng: (draw_normal(rng), *_draw_fraction_and_power(rng)))
def over_compound(y: Expr, x: Expr, n: Expr) -> RulePair:
    return y / compound(x, n), y * compound(x, -n)


def _make_annuity(rng: np.random.Generator) -> tuple[object, ...]:
    x, n = 2 + make_input("x"), 2 + make_input("n")
    return draw_positive(rng) * compound(x, n), x, n


@rule("stabilize", when="x > -1", examples=_make_annuity)
def compound_over_compound_minus_one(y: Expr, x: Expr, n: Expr) -> RulePair:
    def cancel(y: Expr, x: Expr, n: Expr) -> Expr | None:
        rest = divide_factor(y, compound(x, n))
        return None if rest is None else -rest / compound_minus_one(x, -n)

    return y / compound_minus_one(x, n), cancel


@rule("stabilize", when="x > -1", examples=lambda rng: ((z := make_input()) / 2, 3.0 / z))
def compound_of_quotient(x: Expr, n: Expr) -> RulePair:
    r"""If a factor of x divides n, as in :math:`(1 + \lambda y)^{1 / \lambda}`, the exponent :math:`n \log(1 + x)` is
    computed without the quotient of two small numbers.
    """

    def cancel(x: Expr, n: Expr) -> Expr | None:
        if n.op is true_divide.op:
            rest = divide_factor(x, n.inputs[1])
            product = None if rest is None else rest * n.inputs[0]
        elif x.op is true_divide.op and x.inputs[1] is n:
            product = x.inputs[0]
        elif x.op is negative.op and x.inputs[0].op is true_divide.op and x.inputs[0].inputs[1] is n:
            product = -x.inputs[0].inputs[0]
        else:
            return None
        if product is None:
            return None
        inside = x > -1
        return where(inside, exp(product * log1prel(where(inside, x, 0))), power(where(inside, 1, 1 + x), n))

    return compound(x, n), cancel


# Products of numbers near 1.


@rule("stabilize", examples=lambda rng: (*draw_fraction(rng), *draw_fraction(rng)))
def one_minus_product(x: Expr, y: Expr) -> RulePair:
    return 1 - x * (1 - y), lambda x, y: limit_at_infinity(x, -x * (1 - y), (1 - x) + x * y)


@rule("stabilize", examples=lambda rng: (*draw_fraction(rng), *draw_fraction(rng)))
def product_minus_one(x: Expr, y: Expr) -> RulePair:
    return x * (1 + y) - 1, lambda x, y: limit_at_infinity(x, x * (1 + y), (x - 1) + x * y)


def _make_fractions(rng: np.random.Generator) -> tuple[object, ...]:
    return *draw_fraction(rng), (1,), True


@rule("stabilize", examples=_make_fractions)
def one_minus_prod(x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    pattern = 1 - prod(1 - x, axis=axis, keepdims=keepdims)
    return pattern, lambda x, axis, keepdims: -_get_prod_minus_one(-x, axis, keepdims)


@rule("stabilize", examples=_make_fractions)
def prod_minus_one(x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    pattern = prod(1 + x, axis=axis, keepdims=keepdims) - 1
    return pattern, lambda x, axis, keepdims: _get_prod_minus_one(x, axis, keepdims)


def _get_prod_minus_one(x: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr:
    """Return the product of all 1 + x, minus 1, by logarithms if all x are small."""
    size = stop_gradient(max_(absolute(x), axis=axis, keepdims=True, initial=0))
    logs = sum(log1p(where(size < 0.5, x, 0)), axis, keepdims)
    # The constant keeps this rule from matching the product again.
    factors = where(size < 0.5, 1, 1 + x)
    return where((size if keepdims else squeeze(size, axis)) < 0.5, expm1(logs), prod(factors, axis, keepdims) - 1)


@rule("stabilize", examples=lambda rng: (sigmoid(make_input()), (1,), True))
def one_minus_prod_of_probabilities(x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    pattern = 1 - prod(x, axis=axis, keepdims=keepdims)
    return pattern, lambda x, axis, keepdims: -expm1(sum(log(x), axis, keepdims)) if is_probability(x) else None
