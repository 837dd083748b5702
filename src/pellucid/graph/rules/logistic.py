r"""Sigmoid, softplus and hyperbolic functions written with exponentials."""

from __future__ import annotations

import math

from pellucid.graph.expr import Expr
from pellucid.graph.ops.activations import sigmoid, sigmoid_slope, softplus, softsign
from pellucid.graph.ops.elementwise import multiply, power, square
from pellucid.graph.ops.exponentials import exp, expm1, exprel, logaddexp, reciprocal_expm1
from pellucid.graph.ops.hyperbolic import cosh, log_cosh, sech, sinh, tanh, tanh_slope
from pellucid.graph.ops.where import where
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import RulePair, is_scalar_constant, rule
from pellucid.graph.rules.example_operands import draw_normal, draw_one, draw_two, draw_with_number, make_opposites
from pellucid.graph.rules.predicates import are_opposite, as_number
from pellucid.graph.rules.scaled_exponentials import GROWING, find_ops, list_factors, multiply_all

# Sigmoid.


@rule("stabilize", examples=draw_one)
def logistic(x: Expr) -> RulePair:
    return 1 / (1 + exp(-x)), sigmoid(x)


@rule("stabilize", examples=draw_one)
def expm1_over_one_plus_exp(x: Expr) -> RulePair:
    return expm1(x) / (1 + exp(x)), tanh(x / 2)


@rule("stabilize", examples=draw_two)
def over_one_plus_exp(x: Expr, y: Expr) -> RulePair:
    return y / (1 + exp(x)), y * sigmoid(-x)


@rule("stabilize", examples=draw_two)
def over_square_of_one_plus_exp(x: Expr, y: Expr) -> RulePair:
    def multiply_sigmoids(x: Expr, y: Expr) -> Expr | None:
        number, factors = list_factors(y)
        exponent = next((f.inputs[0] for f in factors if f.op is exp.op), None)
        if exponent is None:
            return y * square(sigmoid(-x))
        rest = multiply_all(number, [f for f in factors if f.op is not exp.op or f.inputs[0] is not exponent])
        if exponent is x:
            return rest * sigmoid(x) * sigmoid(-x)
        if exponent.op is multiply.op and is_scalar_constant(exponent.inputs[0]) and exponent.inputs[1] is x:
            return rest * square(sigmoid(x)) if as_number(exponent.inputs[0]) == 2 else None
        return None

    return y / square(1 + exp(x)), multiply_sigmoids


@rule("stabilize", examples=draw_one)
def one_minus_sigmoid(x: Expr) -> RulePair:
    return 1 - sigmoid(x), sigmoid(-x)


@rule("stabilize", examples=make_opposites)
def exp_times_sigmoid(x: Expr, y: Expr) -> RulePair:
    return exp(x) * sigmoid(y), lambda x, y: sigmoid(x) if are_opposite(x, y) else None


@rule("stabilize", examples=lambda rng: (*make_opposites(rng), draw_normal(rng)))
def exp_times_sigmoid_times(x: Expr, y: Expr, w: Expr) -> RulePair:
    return (w * exp(x)) * sigmoid(y), lambda x, y, w: w * sigmoid(x) if are_opposite(x, y) else None


@rule("stabilize", examples=make_opposites)
def exp_times_square_of_sigmoid(x: Expr, y: Expr) -> RulePair:
    product = exp(x) * square(sigmoid(y))
    return product, lambda x, y: sigmoid(x) * sigmoid(y) if are_opposite(x, y) else None


@rule("stabilize", examples=make_opposites)
def sigmoid_times_one_minus_sigmoid(x: Expr, y: Expr) -> RulePair:
    return sigmoid(x) * sigmoid(y), lambda x, y: sigmoid_slope(sigmoid(x), x) if are_opposite(x, y) else None


@rule("stabilize", examples=draw_one)
def one_plus_tanh(x: Expr) -> RulePair:
    return 1 + tanh(x), 2 * sigmoid(2 * x)


@rule("stabilize", examples=draw_one)
def one_minus_tanh(x: Expr) -> RulePair:
    return 1 - tanh(x), 2 * sigmoid(-2 * x)


@rule("stabilize", examples=draw_with_number)
def number_plus_tanh(a: Number, x: Expr) -> RulePair:
    return a + a * tanh(x), lambda a, x: 2 * as_number(a) * sigmoid(2 * x)


@rule("stabilize", examples=draw_with_number)
def number_minus_tanh(a: Number, x: Expr) -> RulePair:
    return a - a * tanh(x), lambda a, x: 2 * as_number(a) * sigmoid(-2 * x)


# Softplus.


@rule("stabilize", examples=draw_one)
def softplus_minus(x: Expr) -> RulePair:
    return softplus(x) - x, softplus(-x)


@rule("stabilize", examples=draw_one)
def minus_softplus(x: Expr) -> RulePair:
    return x - softplus(x), -softplus(-x)


@rule("stabilize", examples=lambda rng: make_opposites(rng)[::-1])
def softplus_plus(x: Expr, y: Expr) -> RulePair:
    return softplus(x) + y, lambda x, y: softplus(y) if are_opposite(x, y) else None


@rule("stabilize", examples=make_opposites)
def softplus_difference(x: Expr, y: Expr) -> RulePair:
    return softplus(x) - softplus(y), lambda x, y: x if are_opposite(x, y) else None


@rule("stabilize", examples=make_opposites)
def sum_of_softplus(x: Expr, y: Expr) -> RulePair:
    both = softplus(x) + softplus(y)
    return both, lambda x, y: 2 * log_cosh(x / 2) + 2 * math.log(2) if are_opposite(x, y) else None


@rule("stabilize", examples=lambda rng: (draw_normal(rng), 0.0))
def logaddexp_of_zero(x: Expr, a: Number) -> RulePair:
    return logaddexp(x, a), lambda x, a: softplus(x) if as_number(a) == 0 else None


# Hyperbolic tangent.


@rule("stabilize", examples=draw_one)
def sinh_over_cosh(x: Expr) -> RulePair:
    return sinh(x) / cosh(x), tanh(x)


@rule("stabilize", examples=draw_one)
def cosh_over_sinh(x: Expr) -> RulePair:
    return cosh(x) / sinh(x), 1 / tanh(x)


@rule("stabilize", examples=draw_one)
def cosh_minus_sinh(x: Expr) -> RulePair:
    return cosh(x) - sinh(x), exp(-x)


@rule("stabilize", examples=draw_one)
def cosh_plus_sinh(x: Expr) -> RulePair:
    return cosh(x) + sinh(x), exp(x)


@rule("stabilize", examples=draw_one)
def twice_sigmoid_minus_one(x: Expr) -> RulePair:
    return 2 * sigmoid(x) - 1, tanh(x / 2)


@rule("stabilize", examples=draw_one)
def one_minus_twice_sigmoid(x: Expr) -> RulePair:
    return 1 - 2 * sigmoid(x), -tanh(x / 2)


@rule("stabilize", examples=draw_one)
def tanh_of_negative(x: Expr) -> RulePair:
    return tanh(-x), -tanh(x)


@rule("stabilize", examples=draw_one)
def one_minus_square_of_tanh(x: Expr) -> RulePair:
    return 1 - square(tanh(x)), tanh_slope(tanh(x), x)


# Hyperbolic sine, cosine and secant.


@rule("stabilize", examples=make_opposites)
def exp_minus_exp(x: Expr, y: Expr) -> RulePair:
    return exp(x) - exp(y), lambda x, y: 2 * sinh(x) if are_opposite(x, y) else None


@rule("stabilize", examples=make_opposites)
def exp_plus_exp(x: Expr, y: Expr) -> RulePair:
    return exp(x) + exp(y), lambda x, y: 2 * cosh(x) if are_opposite(x, y) else None


@rule("stabilize", examples=draw_two)
def over_cosh(x: Expr, y: Expr) -> RulePair:
    return y / cosh(x), lambda x, y: None if find_ops(y) & GROWING else y * sech(x)


@rule("stabilize", examples=lambda rng: (3.0, draw_normal(rng), draw_normal(rng)))
def over_multiple_of_cosh(a: Number, x: Expr, y: Expr) -> RulePair:
    return y / (a * cosh(x)), lambda a, x, y: y / as_number(a) * sech(x) if 1e-6 < abs(as_number(a)) < 1e6 else None


@rule("stabilize", examples=draw_one)
def exp_times_sech(x: Expr) -> RulePair:
    return exp(x) * sech(x), 2 * sigmoid(2 * x)


@rule("stabilize", examples=make_opposites)
def exp_times_sech_of_opposite(x: Expr, y: Expr) -> RulePair:
    return exp(x) * sech(y), lambda x, y: 2 * sigmoid(2 * x) if are_opposite(x, y) else None


@rule("stabilize", examples=make_opposites)
def exp_times_cosh_of_opposite(x: Expr, y: Expr) -> RulePair:
    return exp(x) * cosh(y), lambda x, y: (1 + exp(2 * x)) / 2 if are_opposite(x, y) else None


@rule("stabilize", examples=make_opposites)
def exp_times_sinh_of_opposite(x: Expr, y: Expr) -> RulePair:
    return exp(x) * sinh(y), lambda x, y: expm1(2 * x) / -2 if are_opposite(x, y) else None


# Differences of exponential and 1 in denominators.


@rule("stabilize", examples=draw_two)
def over_expm1(x: Expr, y: Expr) -> RulePair:
    return y / expm1(x), y * reciprocal_expm1(x)


@rule("stabilize", examples=draw_two)
def over_square_of_expm1(x: Expr, y: Expr) -> RulePair:
    return y / square(expm1(x)), y * square(reciprocal_expm1(x))


@rule("stabilize", examples=lambda rng: (draw_normal(rng), 3.0, draw_normal(rng)))
def over_power_of_expm1(x: Expr, a: Number, y: Expr) -> RulePair:
    return y / power(expm1(x), a), lambda x, a, y: y * power(reciprocal_expm1(x), as_number(a))


@rule("stabilize", examples=draw_one)
def exp_times_reciprocal_expm1(x: Expr) -> RulePair:
    return exp(x) * reciprocal_expm1(x), -reciprocal_expm1(-x)


@rule("stabilize", examples=draw_one)
def exp_times_square_of_reciprocal_expm1(x: Expr) -> RulePair:
    return exp(x) * square(reciprocal_expm1(x)), -reciprocal_expm1(x) * reciprocal_expm1(-x)


@rule("stabilize", examples=draw_one)
def one_plus_reciprocal_expm1(x: Expr) -> RulePair:
    return 1 + reciprocal_expm1(x), -reciprocal_expm1(-x)


@rule("stabilize", when="1 where x = 0", examples=draw_one)
def times_reciprocal_expm1(x: Expr) -> RulePair:
    r"""For x > 0, :math:`e^{-x}` is a factor, so that neither side of the quotient overflows."""

    def split(x: Expr) -> Expr:
        above = where(x > 0, x, 0)
        return where(x > 0, exp(-above), 1) / exprel(where(x > 0, -above, x))

    return x * reciprocal_expm1(x), split


@rule("stabilize", examples=draw_one)
def tanh_times_reciprocal(x: Expr) -> RulePair:
    return 1 + 2 * reciprocal_expm1(x), 1 / tanh(x / 2)


@rule("stabilize", examples=draw_two)
def over_square_of_cosh(x: Expr, y: Expr) -> RulePair:
    return y / square(cosh(x)), y * square(sech(x))


@rule("stabilize", examples=lambda rng: (3.0, draw_normal(rng), draw_normal(rng)))
def over_square_of_multiple_cosh(a: Number, x: Expr, y: Expr) -> RulePair:
    def rewrite(a: Expr, x: Expr, y: Expr) -> Expr | None:
        return y / as_number(a) ** 2 * square(sech(x)) if 1e-6 < abs(as_number(a)) < 1e6 else None

    return y / square(a * cosh(x)), rewrite


@rule("stabilize", examples=draw_one)
def cosh_minus_one(x: Expr) -> RulePair:
    return cosh(x) - 1, 2 * square(sinh(x / 2))


@rule("stabilize", examples=draw_one)
def over_one_plus_abs(x: Expr) -> RulePair:
    return x / (1 + abs(x)), softsign(x)
