"""The laws of arithmetic: shorter forms of the same value."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.ops.elementwise import absolute, multiply, negative, power, sqrt, square
from pellucid.graph.ops.exponentials import exp, log
from pellucid.graph.ops.reductions import mean, sum
from pellucid.graph.ops.shapes import broadcast_like
from pellucid.graph.pattern import Number
from pellucid.graph.rule import is_number, rule


def safe_product(a: Any, b: Any) -> bool:
    """Tell whether two numbers can be multiplied beforehand, without leaving the range of their dtype."""
    product = abs(a.value[()].item() * b.value[()].item())
    if a.dtype.kind in "iu":
        return bool(product <= np.iinfo(a.dtype).max)
    # What is not one of NumPy's own dtypes (bfloat16) has at least the range of float16.
    limits = np.finfo(a.dtype if a.dtype.kind == "f" else np.float16)
    return product == 0 or bool(1e3 * float(limits.tiny) < product < 1e-3 * float(limits.max))


def matrix(rng: Any) -> Any:
    """Draw a matrix of positive numbers for the generated test of a rule."""
    return rng.uniform(0.5, 2, (3, 4))


@rule("algebra")
def add_zero(x: Any) -> Any:
    return x + 0, x


@rule("algebra")
def subtract_zero(x: Any) -> Any:
    return x - 0, x


@rule("algebra")
def zero_subtract(x: Any) -> Any:
    return 0 - x, -x


@rule("algebra")
def multiply_one(x: Any) -> Any:
    return x * 1, x


@rule("algebra")
def multiply_minus_one(x: Any) -> Any:
    return x * -1, -x


@rule("algebra")
def divide_one(x: Any) -> Any:
    return x / 1, x


@rule("algebra")
def negative_negative(x: Any) -> Any:
    return negative(negative(x)), x


@rule("algebra")
def add_same(x: Any) -> Any:
    return x + x, 2 * x


@rule("algebra")
def add_negative(x: Any, y: Any) -> Any:
    return x + (-y), x - y


@rule("algebra")
def subtract_negative(x: Any, y: Any) -> Any:
    return x - (-y), x + y


@rule("algebra")
def multiply_negative(x: Any, y: Any) -> Any:
    return x * (-y), -(x * y)


@rule("algebra")
def divide_negative(x: Any, y: Any) -> Any:
    return (-x) / y, -(x / y)


@rule("algebra", examples=lambda rng: (3.0, matrix(rng)))
def collect_one_more(a: Number, x: Any) -> Any:
    return a * x + x, (a + 1) * x


@rule("algebra", examples=lambda rng: (3.0, 0.5, matrix(rng)))
def collect_multiples(a: Number, b: Number, x: Any) -> Any:
    return a * x + b * x, (a + b) * x


@rule("algebra", examples=lambda rng: (3.0, 0.5, matrix(rng)))
def multiply_numbers(a: Number, b: Number, x: Any) -> Any:
    return a * (b * x), lambda a, b, x: (a * b) * x if safe_product(a, b) else None


@rule("algebra", examples=lambda rng: (matrix(rng), 3.0, matrix(rng)))
def number_outward(x: Any, a: Number, y: Any) -> Any:
    return x * (a * y), lambda x, a, y: a * (x * y) if not is_number(x) else None


@rule("algebra", examples=lambda rng: (matrix(rng), 3.0))
def number_first(x: Any, a: Number) -> Any:
    # Matching tries both orders; only the product that is not yet in this one is new.
    return multiply(x, a), lambda x, a: a * x if not is_number(x) else None


@rule("algebra")
def multiply_same(x: Any) -> Any:
    return x * x, lambda x: square(x) if x.dtype.kind != "b" else None


@rule("algebra")
def power_two(x: Any) -> Any:
    return power(x, 2), square(x)


@rule("algebra")
def power_zero(x: Any) -> Any:
    return power(x, 0), lambda x: broadcast_like(np.ones((), x.dtype), x)


@rule("algebra")
def power_one(x: Any) -> Any:
    return power(x, 1), x


@rule("algebra")
def power_half(x: Any) -> Any:
    return power(x, 0.5), sqrt(x)


@rule("algebra")
def power_minus_one(x: Any) -> Any:
    return power(x, -1), 1 / x


@rule("algebra")
def multiply_reciprocal(x: Any, y: Any) -> Any:
    return x * (1 / y), x / y


@rule("algebra", when="y != 0")
def divide_factor(x: Any, y: Any) -> Any:
    return (x * y) / y, x


@rule("algebra", when="x > 0")
def exp_log(x: Any) -> Any:
    return exp(log(x)), x


@rule("algebra")
def log_exp(x: Any) -> Any:
    return log(exp(x)), x


@rule("algebra")
def sqrt_square(x: Any) -> Any:
    return sqrt(square(x)), absolute(x)


@rule("algebra", when="x >= 0")
def square_sqrt(x: Any) -> Any:
    return square(sqrt(x)), x


@rule("algebra")
def square_negative(x: Any) -> Any:
    return square(-x), square(x)


@rule("algebra", examples=lambda rng: (matrix(rng), (1,), True))
def sum_negative(x: Any, axis: Any, keepdims: Any) -> Any:
    return sum(-x, axis=axis, keepdims=keepdims), -sum(x, axis=axis, keepdims=keepdims)


@rule("algebra", examples=lambda rng: (matrix(rng), (1,), True))
def mean_negative(x: Any, axis: Any, keepdims: Any) -> Any:
    return mean(-x, axis=axis, keepdims=keepdims), -mean(x, axis=axis, keepdims=keepdims)
