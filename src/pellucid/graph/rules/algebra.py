"""Algebraic simplification."""

from __future__ import annotations

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.ops.elementwise import absolute, negative, power, sqrt, square
from pellucid.graph.ops.exponentials import exp, log
from pellucid.graph.ops.masking import attach_mask
from pellucid.graph.ops.reshape import broadcast_like
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import RulePair, rule
from pellucid.graph.rules.example_operands import draw_positive, make_input
from pellucid.graph.rules.predicates import are_opposite, is_nonnegative
from pellucid.graph.types import broadcast


@rule("algebra")
def add_zero(x: Expr) -> RulePair:
    return x + 0, x


@rule("algebra")
def subtract_zero(x: Expr) -> RulePair:
    return x - 0, x


@rule("algebra")
def zero_subtract(x: Expr) -> RulePair:
    return 0 - x, -x


@rule("algebra")
def multiply_one(x: Expr) -> RulePair:
    return x * 1, x


@rule("algebra")
def divide_one(x: Expr) -> RulePair:
    return x / 1, x


@rule("algebra")
def negative_negative(x: Expr) -> RulePair:
    return negative(negative(x)), x


@rule("algebra")
def add_same(x: Expr) -> RulePair:
    return x + x, 2 * x


@rule("algebra")
def add_negative(x: Expr, y: Expr) -> RulePair:
    return x + (-y), x - y


@rule("algebra")
def subtract_negative(x: Expr, y: Expr) -> RulePair:
    return x - (-y), x + y


@rule("algebra", examples=lambda rng: (2 * (z := make_input()), -2 * z))
def subtract_opposite(x: Expr, y: Expr) -> RulePair:
    return x - y, lambda x, y: 2 * x if are_opposite(x, y) else None


@rule("algebra")
def negative_minus(x: Expr, y: Expr) -> RulePair:
    return (-x) - y, -(x + y)


@rule("algebra")
def multiply_negative(x: Expr, y: Expr) -> RulePair:
    return x * (-y), -(x * y)


@rule("algebra")
def divide_negative(x: Expr, y: Expr) -> RulePair:
    return (-x) / y, -(x / y)


@rule("algebra", examples=lambda rng: (3.0, draw_positive(rng)))
def collect_one_more(a: Number, x: Expr) -> RulePair:
    return a * x + x, (a + 1) * x


@rule("algebra", examples=lambda rng: (3.0, 0.5, draw_positive(rng)))
def collect_multiples(a: Number, b: Number, x: Expr) -> RulePair:
    return a * x + b * x, (a + b) * x


@rule("algebra")
def multiply_same(x: Expr) -> RulePair:
    return x * x, lambda x: square(x) if x.dtype.kind != "b" else None


@rule("algebra")
def multiply_opposite_differences(x: Expr, y: Expr) -> RulePair:
    return (x - y) * (y - x), -square(y - x)


@rule("algebra")
def power_two(x: Expr) -> RulePair:
    return power(x, 2), square(x)


@rule("algebra")
def power_zero(x: Expr) -> RulePair:
    return power(x, 0), lambda x: broadcast_like(np.ones((), x.dtype), x)


@rule("algebra")
def power_one(x: Expr) -> RulePair:
    return power(x, 1), x


@rule("algebra")
def power_half(x: Expr) -> RulePair:
    return power(x, 0.5), sqrt(x)


@rule("algebra")
def power_minus_one(x: Expr) -> RulePair:
    return power(x, -1), 1 / x


@rule("algebra")
def multiply_reciprocal(x: Expr, y: Expr) -> RulePair:
    return x * (1 / y), x / y


@rule("algebra", when="y != 0")
def divide_factor(x: Expr, y: Expr) -> RulePair:
    return (x * y) / y, x


@rule("algebra", when="x > 0")
def exp_log(x: Expr) -> RulePair:
    return exp(log(x)), x


@rule("algebra")
def log_exp(x: Expr) -> RulePair:
    return log(exp(x)), x


@rule("algebra")
def sqrt_square(x: Expr) -> RulePair:
    return sqrt(square(x)), absolute(x)


@rule("algebra", when="x >= 0")
def square_sqrt(x: Expr) -> RulePair:
    return square(sqrt(x)), x


@rule("algebra")
def square_negative(x: Expr) -> RulePair:
    return square(-x), square(x)


@rule("algebra", examples=lambda rng: (np.exp(make_input()),))
def abs_of_nonnegative(x: Expr) -> RulePair:
    return absolute(x), lambda x: x if is_nonnegative(x) else None


@rule("algebra")
def abs_of_negative(x: Expr) -> RulePair:
    return absolute(-x), absolute(x)


@rule("algebra")
def square_of_abs(x: Expr) -> RulePair:
    return square(absolute(x)), square(x)


@rule("algebra", when="y is finite")
def add_then_subtract(x: Expr, y: Expr) -> RulePair:
    def broadcast_x(x: Expr, y: Expr) -> Expr | None:
        shape = broadcast([x.shape, y.shape])
        return x if shape == x.shape else broadcast_like(x, y) if shape == y.shape else None

    return (x + y) - y, broadcast_x


@rule("algebra", when="x is finite")
def sum_minus_difference(x: Expr, y: Expr) -> RulePair:
    return (x + y) - (x - y), 2 * y


@rule("algebra", when="y is finite")
def sum_plus_difference(x: Expr, y: Expr) -> RulePair:
    return (x + y) + (x - y), 2 * x


# Masks are annotations for the code that builds the graph; they do not change the value.


@rule("algebra", examples=lambda rng: (rng.normal(size=(2, 3)), rng.random((2, 3)) > 0.5))
def masked_value(x: Expr, mask: Expr) -> RulePair:
    return attach_mask(x, mask), x
