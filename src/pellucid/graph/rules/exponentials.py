r"""Products, quotients and powers of exponentials, and exponentials of logarithms."""

from __future__ import annotations

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.ops.activations import sigmoid, softplus
from pellucid.graph.ops.elementwise import power, sqrt, square
from pellucid.graph.ops.exponentials import exp, expm1, log
from pellucid.graph.ops.reductions import prod, sum
from pellucid.graph.ops.where import where
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import RulePair, rule
from pellucid.graph.rules.example_operands import (
    draw_normal,
    draw_one,
    draw_positive,
    draw_two,
    draw_with_number,
    make_input,
    make_opposites,
)
from pellucid.graph.rules.predicates import as_number

# Combine exponentials before one of them overflows or underflows.


@rule("stabilize", examples=draw_two)
def exp_times_exp(x: Expr, y: Expr) -> RulePair:
    return exp(x) * exp(y), exp(x + y)


@rule("stabilize", examples=draw_two)
def exp_over_exp(x: Expr, y: Expr) -> RulePair:
    return exp(x) / exp(y), exp(x - y)


@rule("stabilize", examples=draw_with_number)
def number_over_exp(a: Number, x: Expr) -> RulePair:
    return a / exp(x), lambda a, x: as_number(a) * exp(-x)


@rule("stabilize", examples=draw_one)
def square_of_exp(x: Expr) -> RulePair:
    return square(exp(x)), exp(2 * x)


@rule("stabilize", examples=draw_one)
def sqrt_of_exp(x: Expr) -> RulePair:
    return sqrt(exp(x)), exp(x / 2)


@rule("stabilize", examples=lambda rng: (draw_normal(rng), 3.0))
def power_of_exp(x: Expr, a: Number) -> RulePair:
    return power(exp(x), a), lambda x, a: exp(as_number(a) * x)


@rule("stabilize", examples=lambda rng: (draw_normal(rng), (1,), True))
def prod_of_exp(x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    return prod(exp(x), axis=axis, keepdims=keepdims), exp(sum(x, axis=axis, keepdims=keepdims))


# Exponentials of logarithms.


@rule("stabilize", when="x > 0")
def exp_minus_log(x: Expr) -> RulePair:
    return exp(-log(x)), 1 / x


@rule("stabilize", when="x > 0", examples=lambda rng: (3.0, draw_positive(rng)))
def exp_of_multiple_log(a: Number, x: Expr) -> RulePair:
    return exp(a * log(x)), lambda a, x: power(x, as_number(a))


@rule("stabilize", when="x > 0", examples=lambda rng: (draw_positive(rng), 2.0))
def exp_of_divided_log(x: Expr, a: Number) -> RulePair:
    return exp(log(x) / a), lambda x, a: power(x, 1 / as_number(a))


@rule("stabilize", when="x, y > 0")
def exp_of_log_sum(x: Expr, y: Expr) -> RulePair:
    return exp(log(x) + log(y)), x * y


@rule("stabilize", when="x, y > 0")
def exp_of_log_difference(x: Expr, y: Expr) -> RulePair:
    return exp(log(x) - log(y)), x / y


@rule("stabilize", examples=make_opposites)
def exp_minus_softplus(x: Expr, y: Expr) -> RulePair:
    return exp(-softplus(x)), lambda x: sigmoid(-x)


# Selected exponentials.


def _make_selected_exp(rng: np.random.Generator) -> tuple[object, ...]:
    return make_input("c") > 0, draw_normal(rng), draw_normal(rng)


@rule("stabilize", examples=_make_selected_exp)
def selected_exp_minus_one(c: Expr, x: Expr, y: Expr) -> RulePair:
    return where(c, exp(x), y) - 1, where(c, expm1(x), y - 1)


@rule("stabilize", examples=_make_selected_exp)
def one_minus_selected_exp(c: Expr, x: Expr, y: Expr) -> RulePair:
    return 1 - where(c, exp(x), y), where(c, -expm1(x), 1 - y)
