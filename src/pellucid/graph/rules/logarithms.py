r"""Logarithms that neither overflow nor lose their digits: of products, powers, roots, sums and differences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, Input
from pellucid.graph.ops.elementwise import absolute, power, sqrt, square
from pellucid.graph.ops.erf import erfc, log_ndtr
from pellucid.graph.ops.exponentials import exp, exp2, expm1, log, log1p, log2, log10, logaddexp
from pellucid.graph.ops.exprel import exprel, log1prel
from pellucid.graph.ops.hyperbolic import arccosh, arcsinh, arctanh, cosh, sinh, tanh
from pellucid.graph.ops.norms import vector_norm
from pellucid.graph.ops.reductions import prod, sum
from pellucid.graph.ops.softmax_sigmoid import sigmoid, softmax, softplus
from pellucid.graph.ops.special import xlog1py, xlogy
from pellucid.graph.ops.stable_functions import log1mexp, log_cosh, sech, tanh_slope
from pellucid.graph.ops.trigonometry import hypot
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import rule
from pellucid.graph.rules.predicates import (
    are_opposite,
    has_logarithm,
    never_negative,
    number,
    opposites,
    positive,
    scores,
    z,
)

LOG_2 = math.log(2)


def _with_number(rng: Any) -> Any:
    return 3.0, scores(rng)


def _below(rng: Any) -> Any:
    return (-rng.uniform(0.1, 2, (3, 4)),)


def _above(rng: Any) -> Any:
    return (rng.uniform(1.2, 3, (3, 4)),)


def _fraction(rng: Any) -> Any:
    return (rng.uniform(-0.9, 0.9, (3, 4)),)


# Logarithms of products, powers and roots.


@rule("stabilize", examples=lambda rng: (np.exp(z()), rng.uniform(0.5, 2, (3, 4))))
def log_of_product(x: Any, y: Any) -> Any:
    """Take the logarithms apart where one factor is never negative, so that the product is positive if both are."""

    def apart(x: Expr, y: Expr) -> Any:
        fits = has_logarithm(x) and (never_negative(x) or positive(y))
        return log(y) + log(x) if fits else None

    return log(x * y), apart


@rule("stabilize", examples=lambda rng: (np.exp(z()), rng.uniform(0.5, 2, (3, 4))))
def log_of_quotient(x: Any, y: Any) -> Any:
    """Take the logarithms apart where one is never negative, so that the quotient is positive if both are."""

    def apart(x: Expr, y: Expr) -> Any:
        if positive(x):
            return log(x) - log(y)
        of_x, of_y = (has_logarithm(a) and (never_negative(a) or positive(b)) for a, b in ((x, y), (y, x)))
        return log(x) - log(y) if of_x or of_y else None

    return log(x / y), apart


@rule("stabilize", examples=lambda rng: (scores(rng),))
def log_of_square(x: Any) -> Any:
    return log(square(x)), lambda x: 2 * log(x if never_negative(x) else absolute(x))


@rule("stabilize", examples=lambda rng: (rng.uniform(0.5, 2, (3, 4)), 3.0))
def log_of_power(x: Any, a: Number) -> Any:
    def taken_down(x: Expr, a: Expr) -> Any:
        even = number(a) % 2 == 0
        return number(a) * log(absolute(x) if even else x) if x.dtype.kind == "f" else None

    return log(power(x, a)), taken_down


@rule("stabilize", examples=lambda rng: (scores(rng), (1,), True))
def log_of_sum_of_squares(x: Any, axis: Any, keepdims: Any) -> Any:
    squares = sum(square(x), axis=axis, keepdims=keepdims)
    return log(squares), lambda x, axis, keepdims: 2 * log(vector_norm(x, axis, 2, keepdims))


@rule("stabilize")
def log_of_sqrt(x: Any) -> Any:
    return log(sqrt(x)), log(x) / 2


@rule("stabilize", examples=lambda rng: (sigmoid(z()), (1,), True))
def log_of_prod(x: Any, axis: Any, keepdims: Any) -> Any:
    def summed(x: Expr, axis: Any, keepdims: bool) -> Any:
        return sum(log(x), axis, keepdims) if never_negative(x) else None

    return log(prod(x, axis=axis, keepdims=keepdims)), summed


# Logarithms of sums of two exponentials.


@rule("stabilize", examples=lambda rng: (scores(rng), scores(rng), scores(rng)))
def log_of_three_exps(x: Any, y: Any, w: Any) -> Any:
    return log((exp(x) + exp(y)) + exp(w)), logaddexp(logaddexp(x, y), w)


@rule("stabilize", examples=lambda rng: (scores(rng), scores(rng)))
def log_of_two_exps(x: Any, y: Any) -> Any:
    return log(exp(x) + exp(y)), logaddexp(x, y)


@rule("stabilize", examples=lambda rng: (3.0, 0.5, scores(rng), scores(rng)))
def log_of_two_multiples(a: Number, b: Number, x: Any, y: Any) -> Any:
    def shifted(a: Expr, b: Expr, x: Expr, y: Expr) -> Any:
        both = positive(a) and positive(b)
        return logaddexp(x + math.log(number(a)), y + math.log(number(b))) if both else None

    return log(a * exp(x) + b * exp(y)), shifted


@rule("stabilize", examples=lambda rng: (3.0, scores(rng), scores(rng)))
def log_of_one_multiple(a: Number, x: Any, y: Any) -> Any:
    def shifted(a: Expr, x: Expr, y: Expr) -> Any:
        return logaddexp(x + math.log(number(a)), y) if positive(a) else None

    return log(a * exp(x) + exp(y)), shifted


@rule("stabilize", examples=lambda rng: (3.0, 0.5, scores(rng)))
def log_of_number_and_multiple(a: Number, b: Number, x: Any) -> Any:
    def shifted(a: Expr, b: Expr, x: Expr) -> Any:
        if not (positive(a) and positive(b)):
            return None
        return softplus(x + math.log(number(b) / number(a))) + math.log(number(a))

    return log(a + b * exp(x)), shifted


@rule("stabilize", examples=_with_number)
def log_of_number_and_exp(a: Number, x: Any) -> Any:
    def shifted(a: Expr, x: Expr) -> Any:
        return softplus(x - math.log(number(a))) + math.log(number(a)) if positive(a) and number(a) != 1 else None

    return log(a + exp(x)), shifted


@rule("stabilize", examples=opposites)
def logaddexp_of_opposites(x: Any, y: Any) -> Any:
    return logaddexp(x, y), lambda x, y: log_cosh(x) + LOG_2 if are_opposite(x, y) else None


@rule("stabilize", examples=lambda rng: (np.full((3, 4), 3.0), scores(rng)))
def log_of_difference(x: Any, y: Any) -> Any:
    return log(exp(x) - exp(y)), x + log1mexp(y - x)


# Logarithms near 1, and exponentials near 0.


@rule("stabilize", examples=_below)
def log_one_minus_exp(x: Any) -> Any:
    return log(-expm1(x)), log1mexp(x)


@rule("stabilize", examples=lambda rng: (-_below(rng)[0],))
def log_of_expm1(x: Any) -> Any:
    return log(expm1(x)), x + log1mexp(-x)


@rule("stabilize", examples=_fraction)
def log_one_minus(x: Any) -> Any:
    return log(1 - x), log1p(-x)


@rule("stabilize", examples=_fraction)
def log10_one_plus(x: Any) -> Any:
    return log10(1 + x), log1p(x) / math.log(10)


@rule("stabilize", examples=_fraction)
def log2_one_plus(x: Any) -> Any:
    return log2(1 + x), log1p(x) / LOG_2


@rule("stabilize", examples=_with_number)
def log1p_of_multiple(a: Number, x: Any) -> Any:
    return log1p(a * exp(x)), lambda a, x: softplus(x + math.log(number(a))) if positive(a) else None


@rule("stabilize", when="x > 0")
def log_of_next(x: Any) -> Any:
    return log1p(x) - log(x), log1p(1 / x)


@rule("stabilize")
def log_of_next_ratio(x: Any) -> Any:
    return log((1 + x) / x), log1p(1 / x)


@rule("stabilize", examples=lambda rng: (scores(rng),))
def one_minus_exp(x: Any) -> Any:
    return 1 - exp(x), -expm1(x)


@rule("stabilize", examples=lambda rng: (2.0, scores(rng)))
def number_power_minus_one(a: Number, x: Any) -> Any:
    return power(a, x) - 1, lambda a, x: expm1(x * math.log(number(a))) if positive(a) else None


@rule("stabilize", examples=lambda rng: (2.0, scores(rng)))
def one_minus_number_power(a: Number, x: Any) -> Any:
    return 1 - power(a, x), lambda a, x: -expm1(x * math.log(number(a))) if positive(a) else None


@rule("stabilize", examples=lambda rng: (scores(rng),))
def exp2_minus_one(x: Any) -> Any:
    return exp2(x) - 1, expm1(LOG_2 * x)


@rule("stabilize", when="1 where x = 0", examples=lambda rng: (scores(rng),))
def expm1_over(x: Any) -> Any:
    return expm1(x) / x, exprel(x)


@rule("stabilize", when="1 where x = 0", examples=lambda rng: (scores(rng),))
def over_expm1(x: Any) -> Any:
    return x / expm1(x), 1 / exprel(x)


@rule("stabilize", when="1 where x = 0", examples=_fraction)
def log1p_over(x: Any) -> Any:
    return log1p(x) / x, log1prel(x)


@rule("stabilize", when="0 where x = 0")
def product_with_own_log(x: Any) -> Any:
    return x * log(x), xlogy(x, x)


@rule("stabilize", examples=lambda rng: (scores(rng), sigmoid(Input("z", (3, 4), "float64"))))
def product_with_finite_log(x: Any, y: Any) -> Any:
    return xlogy(x, y), lambda x, y: x * log(y) if y.op in (exp.op, sigmoid.op, softmax.op) else None


@rule("stabilize", when="0 where x = 1", examples=_fraction)
def rest_with_own_log(x: Any) -> Any:
    return (1 - x) * log1p(-x), xlog1py(1 - x, -x)


# Logarithms of hyperbolic functions, and inverses written as logarithms.


@rule("stabilize", examples=lambda rng: (scores(rng),))
def log_of_cosh(x: Any) -> Any:
    return log(cosh(x)), log_cosh(x)


@rule("stabilize", examples=lambda rng: (scores(rng),))
def log_of_sech(x: Any) -> Any:
    return log(sech(x)), -log_cosh(x)


@rule("stabilize", examples=lambda rng: (scores(rng),))
def log_of_tanh_slope(x: Any) -> Any:
    return log(tanh_slope(tanh(x), x)), -2 * log_cosh(x)


@rule("stabilize", examples=_above)
def log_of_sinh(x: Any) -> Any:
    return log(sinh(x)), x + log1mexp(-2 * x) - LOG_2


@rule("stabilize", examples=_above)
def log_of_tanh(x: Any) -> Any:
    return log(tanh(x)), log1mexp(-2 * x) - softplus(-2 * x)


@rule("stabilize", examples=lambda rng: (scores(rng),))
def log_of_erfc(x: Any) -> Any:
    return log(erfc(x)), log_ndtr(-math.sqrt(2) * x) + LOG_2


@rule("stabilize", examples=lambda rng: (scores(rng),))
def log_of_arcsinh(x: Any) -> Any:
    return log(x + hypot(x, 1)), arcsinh(x)


@rule("stabilize", examples=_above)
def log_of_arccosh(x: Any) -> Any:
    return log(x + sqrt(square(x) - 1)), arccosh(x)


@rule("stabilize", examples=_fraction)
def log_of_arctanh(x: Any) -> Any:
    return log((1 + x) / (1 - x)), 2 * arctanh(x)


@rule("stabilize", examples=_fraction)
def difference_of_log1p(x: Any) -> Any:
    return log1p(x) - log1p(-x), 2 * arctanh(x)
