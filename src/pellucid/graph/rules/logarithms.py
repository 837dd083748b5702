r"""Stable forms of logarithms of products, powers, roots, sums and differences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pellucid.graph.expr import Expr, Input, constant
from pellucid.graph.ops.activations import sigmoid, softplus
from pellucid.graph.ops.elementwise import absolute, fraction_of_sum, multiply, power, sqrt, square, true_divide
from pellucid.graph.ops.exponentials import (
    exp,
    exp2,
    expm1,
    exprel,
    log,
    log1mexp,
    log1p,
    log1prel,
    log2,
    log10,
    logaddexp,
)
from pellucid.graph.ops.hyperbolic import arccosh, arcsinh, arctanh, cosh, log_cosh, sech, sinh, tanh, tanh_slope
from pellucid.graph.ops.norms import vector_norm
from pellucid.graph.ops.powers_near_one import compound
from pellucid.graph.ops.reductions import prod, sum
from pellucid.graph.ops.softmax import softmax
from pellucid.graph.ops.special import erfc, log_ndtr, xlog1py, xlogy
from pellucid.graph.ops.trigonometry import hypot
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import RulePair, is_scalar_constant, rule
from pellucid.graph.rules.example_operands import (
    draw_above_one,
    draw_fraction,
    draw_normal,
    draw_one,
    draw_positive,
    draw_two,
    draw_with_number,
    make_input,
    make_opposites,
)
from pellucid.graph.rules.predicates import (
    are_opposite,
    as_number,
    has_stable_log,
    is_nonnegative,
    is_positive,
    multiply_log,
)
from pellucid.graph.rules.scaled_exponentials import list_factors, multiply_all

if TYPE_CHECKING:
    from pellucid.typing import Array


LOG_2 = math.log(2)


def _draw_negative(rng: np.random.Generator) -> tuple[Array]:
    return (-rng.uniform(0.1, 2, (3, 4)),)


# Logarithms of products, powers and roots.


@rule("stabilize", examples=lambda rng: (np.exp(make_input()), draw_positive(rng)))
def log_of_product(x: Expr, y: Expr) -> RulePair:
    """Split the logarithm if one factor is nonnegative: then the product is positive only if both factors are."""

    def split(x: Expr, y: Expr) -> Expr | None:
        can_split = has_stable_log(x) and (is_nonnegative(x) or is_positive(y))
        return log(y) + log(x) if can_split else None

    return log(x * y), split


@rule("stabilize", examples=lambda rng: (np.exp(make_input()), draw_positive(rng)))
def log_of_quotient(x: Expr, y: Expr) -> RulePair:
    """Split the logarithm if one operand is nonnegative: then the quotient is positive only if both operands are."""

    def split(x: Expr, y: Expr) -> Expr | None:
        if is_positive(x):
            return log(x) - log(y)
        can_split = any(has_stable_log(a) and (is_nonnegative(a) or is_positive(b)) for a, b in ((x, y), (y, x)))
        return log(x) - log(y) if can_split else None

    return log(x / y), split


@rule("stabilize", examples=draw_one)
def log_of_square(x: Expr) -> RulePair:
    return log(square(x)), lambda x: 2 * log(x if is_nonnegative(x) else absolute(x))


@rule("stabilize", examples=lambda rng: (draw_positive(rng), 3.0))
def log_of_power(x: Expr, a: Number) -> RulePair:
    def move_exponent(x: Expr, a: Expr) -> Expr | None:
        even = as_number(a) % 2 == 0
        return as_number(a) * log(absolute(x) if even else x) if x.dtype.kind == "f" else None

    return log(power(x, a)), move_exponent


@rule("stabilize", examples=lambda rng: (draw_normal(rng), (1,), True))
def log_of_sum_of_squares(x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    squares = sum(square(x), axis=axis, keepdims=keepdims)
    return log(squares), lambda x, axis, keepdims: 2 * log(vector_norm(x, axis, 2, keepdims))


@rule("stabilize")
def log_of_sqrt(x: Expr) -> RulePair:
    return log(sqrt(x)), log(x) / 2


@rule("stabilize", examples=lambda rng: (sigmoid(make_input()), (1,), True))
def log_of_prod(x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    def sum_logs(x: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr | None:
        return sum(log(x), axis, keepdims) if is_nonnegative(x) else None

    return log(prod(x, axis=axis, keepdims=keepdims)), sum_logs


# Logarithms of sums of two exponentials.


@rule("stabilize", examples=lambda rng: (draw_normal(rng), draw_normal(rng), draw_normal(rng)))
def log_of_three_exps(x: Expr, y: Expr, w: Expr) -> RulePair:
    return log((exp(x) + exp(y)) + exp(w)), logaddexp(logaddexp(x, y), w)


@rule("stabilize", examples=draw_two)
def log_of_two_exps(x: Expr, y: Expr) -> RulePair:
    return log(exp(x) + exp(y)), logaddexp(x, y)


@rule("stabilize", examples=lambda rng: (3.0, 0.5, draw_normal(rng), draw_normal(rng)))
def log_of_two_multiples(a: Number, b: Number, x: Expr, y: Expr) -> RulePair:
    def shift(a: Expr, b: Expr, x: Expr, y: Expr) -> Expr | None:
        both = is_positive(a) and is_positive(b)
        return logaddexp(x + math.log(as_number(a)), y + math.log(as_number(b))) if both else None

    return log(a * exp(x) + b * exp(y)), shift


@rule("stabilize", examples=lambda rng: (3.0, draw_normal(rng), draw_normal(rng)))
def log_of_one_multiple(a: Number, x: Expr, y: Expr) -> RulePair:
    def shift(a: Expr, x: Expr, y: Expr) -> Expr | None:
        return logaddexp(x + math.log(as_number(a)), y) if is_positive(a) else None

    return log(a * exp(x) + exp(y)), shift


@rule("stabilize", examples=lambda rng: (3.0, 0.5, draw_normal(rng)))
def log_of_number_and_multiple(a: Number, b: Number, x: Expr) -> RulePair:
    def shift(a: Expr, b: Expr, x: Expr) -> Expr | None:
        if not (is_positive(a) and is_positive(b)):
            return None
        return softplus(x + math.log(as_number(b) / as_number(a))) + math.log(as_number(a))

    return log(a + b * exp(x)), shift


@rule("stabilize", examples=draw_with_number)
def log_of_number_and_exp(a: Number, x: Expr) -> RulePair:
    def shift(a: Expr, x: Expr) -> Expr | None:
        return (
            softplus(x - math.log(as_number(a))) + math.log(as_number(a))
            if is_positive(a) and as_number(a) != 1
            else None
        )

    return log(a + exp(x)), shift


@rule("stabilize", examples=make_opposites)
def logaddexp_of_opposites(x: Expr, y: Expr) -> RulePair:
    return logaddexp(x, y), lambda x, y: log_cosh(x) + LOG_2 if are_opposite(x, y) else None


# Logarithms near 1 and exponentials near 0.


@rule("stabilize", examples=_draw_negative)
def log_one_minus_exp(x: Expr) -> RulePair:
    return log(-expm1(x)), log1mexp(x)


@rule("stabilize", examples=lambda rng: (-_draw_negative(rng)[0],))
def log_of_expm1(x: Expr) -> RulePair:
    return log(expm1(x)), x + log1mexp(-x)


@rule("stabilize", examples=draw_fraction)
def log_one_minus(x: Expr) -> RulePair:
    return log(1 - x), log1p(-x)


@rule("stabilize", examples=draw_fraction)
def log10_one_plus(x: Expr) -> RulePair:
    return log10(1 + x), log1p(x) / math.log(10)


@rule("stabilize", examples=draw_fraction)
def log2_one_plus(x: Expr) -> RulePair:
    return log2(1 + x), log1p(x) / LOG_2


@rule("stabilize", examples=draw_with_number)
def log1p_of_multiple(a: Number, x: Expr) -> RulePair:
    return log1p(a * exp(x)), lambda a, x: softplus(x + math.log(as_number(a))) if is_positive(a) else None


@rule("stabilize", when="x > 0")
def log1p_minus_log(x: Expr) -> RulePair:
    return log1p(x) - log(x), log1p(1 / x)


@rule("stabilize")
def log_of_one_plus_ratio(x: Expr) -> RulePair:
    return log((1 + x) / x), log1p(1 / x)


@rule("stabilize", examples=draw_one)
def one_minus_exp(x: Expr) -> RulePair:
    return 1 - exp(x), -expm1(x)


@rule("stabilize", examples=lambda rng: (2.0, draw_normal(rng)))
def number_power_minus_one(a: Number, x: Expr) -> RulePair:
    return power(a, x) - 1, lambda a, x: expm1(x * math.log(as_number(a))) if is_positive(a) else None


@rule("stabilize", examples=lambda rng: (2.0, draw_normal(rng)))
def one_minus_number_power(a: Number, x: Expr) -> RulePair:
    return 1 - power(a, x), lambda a, x: -expm1(x * math.log(as_number(a))) if is_positive(a) else None


@rule("stabilize", examples=draw_one)
def exp2_minus_one(x: Expr) -> RulePair:
    return exp2(x) - 1, expm1(LOG_2 * x)


@rule("stabilize", when="1 where x = 0", examples=draw_one)
def expm1_over(x: Expr) -> RulePair:
    return expm1(x) / x, exprel(x)


@rule("stabilize", when="1 where x = 0", examples=draw_fraction)
def log1p_over(x: Expr) -> RulePair:
    return log1p(x) / x, log1prel(x)


def _draw_powers(rng: np.random.Generator) -> tuple[object, ...]:
    x, y = (Input(name, (3, 4), "float64") for name in "xy")
    return power(2 + x, y), power(2 + y, x)


@rule("stabilize", when="x, y > 0", examples=_draw_powers)
def log_of_product_of_powers(x: Expr, y: Expr) -> RulePair:
    def is_power(e: Expr) -> bool:
        return e.op is compound.op or (e.op is power.op and not is_scalar_constant(e.inputs[1]))

    def add_logs(x: Expr, y: Expr) -> Expr | None:
        number, factors = list_factors(x * y)
        powers, others = [f for f in factors if is_power(f)], [f for f in factors if not is_power(f)]
        if not powers:
            return None
        total: Expr | None = None
        if others or number != 1:
            total = log(multiply_all(number, others) if others else constant(np.asarray(number, x.dtype)))
        for factor in powers:
            total = log(factor) if total is None else total + log(factor)
        return total

    return log(x * y), add_logs


@rule("stabilize", when="0 where x = 0")
def times_own_log(x: Expr) -> RulePair:
    return x * log(x), xlogy(x, x)


@rule(
    "stabilize",
    when="0 where x = 0",
    examples=lambda rng: (x := 2 + Input("x", (3, 4), "float64"), x / draw_positive(rng)),
)
def times_log_of_own_multiple(x: Expr, y: Expr) -> RulePair:
    def is_own_multiple(x: Expr, y: Expr) -> bool:
        if y.op is multiply.op and is_scalar_constant(y.inputs[0]):
            y = y.inputs[1]
        return y.op in (true_divide.op, fraction_of_sum.op) and y.inputs[0] is x

    return x * log(y), lambda x, y: xlogy(x, y) if is_own_multiple(x, y) else None


@rule("stabilize", when="0 where x = 0", examples=lambda rng: (draw_positive(rng), draw_positive(rng)))
def times_difference_of_logs(x: Expr, y: Expr) -> RulePair:
    return x * (log(x) - log(y)), lambda x, y: None if is_scalar_constant(x) else xlogy(x, x) - xlogy(x, y)


@rule("stabilize", examples=lambda rng: (draw_normal(rng), sigmoid(Input("z", (3, 4), "float64"))))
def xlogy_of_positive(x: Expr, y: Expr) -> RulePair:
    return xlogy(x, y), lambda x, y: multiply_log(x, y) if y.op in (exp.op, sigmoid.op, softmax.op) else None


@rule("stabilize", when="0 where x = 1", examples=draw_fraction)
def one_minus_times_own_log(x: Expr) -> RulePair:
    return (1 - x) * log1p(-x), xlog1py(1 - x, -x)


# Logarithms of hyperbolic functions, and inverse hyperbolic functions.


@rule("stabilize", examples=draw_one)
def log_of_cosh(x: Expr) -> RulePair:
    return log(cosh(x)), log_cosh(x)


@rule("stabilize", examples=draw_one)
def log_of_sech(x: Expr) -> RulePair:
    return log(sech(x)), -log_cosh(x)


@rule("stabilize", examples=draw_one)
def log_of_tanh_slope(x: Expr) -> RulePair:
    return log(tanh_slope(tanh(x), x)), -2 * log_cosh(x)


@rule("stabilize", examples=draw_above_one)
def log_of_sinh(x: Expr) -> RulePair:
    return log(sinh(x)), x + log1mexp(-2 * x) - LOG_2


@rule("stabilize", examples=draw_above_one)
def log_of_tanh(x: Expr) -> RulePair:
    return log(tanh(x)), log1mexp(-2 * x) - softplus(-2 * x)


@rule("stabilize", examples=draw_one)
def log_of_erfc(x: Expr) -> RulePair:
    return log(erfc(x)), log_ndtr(-math.sqrt(2) * x) + LOG_2


@rule("stabilize", examples=draw_one)
def log_of_arcsinh(x: Expr) -> RulePair:
    return log(x + hypot(x, 1)), arcsinh(x)


@rule("stabilize", examples=draw_above_one)
def log_of_arccosh(x: Expr) -> RulePair:
    return log(x + sqrt(square(x) - 1)), arccosh(x)


@rule("stabilize", examples=draw_fraction)
def log_of_arctanh(x: Expr) -> RulePair:
    return log((1 + x) / (1 - x)), 2 * arctanh(x)


@rule("stabilize", examples=draw_fraction)
def difference_of_log1p(x: Expr) -> RulePair:
    return log1p(x) - log1p(-x), 2 * arctanh(x)
