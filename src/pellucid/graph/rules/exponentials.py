r"""Exponentials that stay in range: products, quotients and powers of them, and those of logarithms."""

from __future__ import annotations

from typing import Any

from pellucid.graph.ops.elementwise import power, sqrt, square
from pellucid.graph.ops.exponentials import exp, log
from pellucid.graph.ops.reductions import prod, sum
from pellucid.graph.ops.softmax_sigmoid import sigmoid, softplus
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import rule
from pellucid.graph.rules.predicates import number, opposites, scores


def _with_number(rng: Any) -> Any:
    return 3.0, scores(rng)


# Products and quotients of exponentials, before one of them leaves the range.


@rule("stabilize", examples=lambda rng: (scores(rng), scores(rng)))
def exp_times_exp(x: Any, y: Any) -> Any:
    return exp(x) * exp(y), exp(x + y)


@rule("stabilize", examples=lambda rng: (scores(rng), scores(rng)))
def exp_over_exp(x: Any, y: Any) -> Any:
    return exp(x) / exp(y), exp(x - y)


@rule("stabilize", examples=_with_number)
def number_over_exp(a: Number, x: Any) -> Any:
    return a / exp(x), lambda a, x: number(a) * exp(-x)


@rule("stabilize", examples=lambda rng: (scores(rng),))
def square_of_exp(x: Any) -> Any:
    return square(exp(x)), exp(2 * x)


@rule("stabilize", examples=lambda rng: (scores(rng),))
def sqrt_of_exp(x: Any) -> Any:
    return sqrt(exp(x)), exp(x / 2)


@rule("stabilize", examples=lambda rng: (scores(rng), 3.0))
def power_of_exp(x: Any, a: Number) -> Any:
    return power(exp(x), a), lambda x, a: exp(number(a) * x)


@rule("stabilize", examples=lambda rng: (scores(rng), (1,), True))
def prod_of_exp(x: Any, axis: Any, keepdims: Any) -> Any:
    return prod(exp(x), axis=axis, keepdims=keepdims), exp(sum(x, axis=axis, keepdims=keepdims))


# Exponentials of logarithms, which need neither.


@rule("stabilize", when="x > 0")
def exp_minus_log(x: Any) -> Any:
    return exp(-log(x)), 1 / x


@rule("stabilize", when="x > 0", examples=lambda rng: (3.0, rng.uniform(0.5, 2, (3, 4))))
def exp_of_multiple_log(a: Number, x: Any) -> Any:
    return exp(a * log(x)), lambda a, x: power(x, number(a))


@rule("stabilize", when="x > 0", examples=lambda rng: (rng.uniform(0.5, 2, (3, 4)), 2.0))
def exp_of_part_log(x: Any, a: Number) -> Any:
    return exp(log(x) / a), lambda x, a: power(x, 1 / number(a))


@rule("stabilize", when="x, y > 0")
def exp_of_log_sum(x: Any, y: Any) -> Any:
    return exp(log(x) + log(y)), x * y


@rule("stabilize", when="x, y > 0")
def exp_of_log_difference(x: Any, y: Any) -> Any:
    return exp(log(x) - log(y)), x / y


@rule("stabilize", examples=opposites)
def exp_minus_softplus(x: Any, y: Any) -> Any:
    return exp(-softplus(x)), lambda x: sigmoid(-x)
