"""One form for what can be written in several: numbers first, and together."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, constant
from pellucid.graph.ops.elementwise import multiply, negative
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import Rule, is_number, rule
from pellucid.graph.rules.predicates import exact_sum, number

LARGEST = 1e6
"""Whole numbers up to here are exact, and read well."""


def matrix(rng: Any) -> Any:
    """Draw a matrix of positive numbers for the generated test of a rule."""
    return rng.uniform(0.5, 2, (3, 4))


def two_numbers(rng: Any) -> Any:
    """Draw what a rule of two numbers and an expression is tested on."""
    return 3.0, 0.5, matrix(rng)


def safe_product(a: Expr, b: Expr) -> bool:
    """Tell whether two numbers can be multiplied beforehand, without leaving the range of their dtype."""
    product = abs(number(a) * number(b))
    if a.dtype.kind in "iu":
        return bool(product <= np.iinfo(a.dtype).max)
    # What is not one of NumPy's own dtypes (bfloat16) has at least the range of float16.
    limits = np.finfo(a.dtype if a.dtype.kind == "f" else np.float16)
    return product == 0 or bool(1e3 * float(limits.tiny) < product < 1e-3 * float(limits.max))


@rule("canonical", examples=two_numbers)
def multiply_numbers(a: Number, b: Number, x: Any) -> Any:
    return a * (b * x), lambda a, b, x: constant(a.value * b.value) * x if safe_product(a, b) else None


@rule("canonical", examples=lambda rng: (matrix(rng), 3.0, matrix(rng)))
def number_outward(x: Any, a: Number, y: Any) -> Any:
    return x * (a * y), lambda x, a, y: a * (x * y) if not is_number(x) else None


@rule("canonical", examples=lambda rng: (matrix(rng), 3.0))
def number_first(x: Any, a: Number) -> Any:
    # Matching tries both orders; only the product that is not yet in this one is new.
    return multiply(x, a), lambda x, a: a * x if not is_number(x) else None


@rule("canonical")
def multiply_minus_one(x: Any) -> Any:
    return x * -1, -x


@rule("canonical", examples=lambda rng: (3.0, matrix(rng)))
def negative_multiple(a: Number, x: Any) -> Any:
    return -(a * x), lambda a, x: multiply(-number(a), x) if a.dtype.kind == "f" else None


@rule("canonical")
def negative_difference(x: Any, y: Any) -> Any:
    return negative(x - y), y - x


@rule("canonical", examples=lambda rng: (-3.0, matrix(rng)))
def add_negative_number(a: Number, x: Any) -> Any:
    return a + x, lambda a, x: x - -number(a) if a.dtype.kind == "f" and number(a) < 0 and not is_number(x) else None


@rule("canonical", examples=lambda rng: (matrix(rng), -3.0))
def subtract_negative_number(x: Any, a: Number) -> Any:
    return x - a, lambda x, a: x + -number(a) if a.dtype.kind == "f" and number(a) < 0 and not is_number(x) else None


def _merging(name: str, sign: int, before: Any, after: Any) -> Rule:
    """Make a rule that brings two numbers of a sum together, the second with a sign, if their sum is exact."""

    def merging(a: Number, b: Number, x: Any) -> Any:
        def merged(a: Expr, b: Expr, x: Expr) -> Any:
            total = exact_sum(a, b, sign)
            return None if total is None else after(total, x)

        return before(a, b, x), merged

    merging.__name__ = name
    return rule("canonical", examples=two_numbers)(merging)


add_to_sum = _merging("add_to_sum", 1, lambda a, b, x: a + (b + x), lambda c, x: c + x)
add_to_difference = _merging("add_to_difference", -1, lambda a, b, x: a + (x - b), lambda c, x: c + x)
add_to_rest = _merging("add_to_rest", 1, lambda a, b, x: a + (b - x), lambda c, x: c - x)
subtract_from_sum = _merging("subtract_from_sum", -1, lambda a, b, x: (a + x) - b, lambda c, x: c + x)
subtract_from_difference = _merging("subtract_from_difference", 1, lambda a, b, x: (x - a) - b, lambda c, x: x - c)
subtract_from_rest = _merging("subtract_from_rest", -1, lambda a, b, x: (a - x) - b, lambda c, x: c - x)
rest_of_sum = _merging("rest_of_sum", -1, lambda a, b, x: a - (b + x), lambda c, x: c - x)
rest_of_difference = _merging("rest_of_difference", 1, lambda a, b, x: a - (x - b), lambda c, x: c - x)
rest_of_rest = _merging("rest_of_rest", -1, lambda a, b, x: a - (b - x), lambda c, x: c + x)


def _ratio(a: Expr, b: Expr, x: Any) -> Any:
    """Return ``(a / b) * x`` with one number in place of two, if that one is whole."""
    p, q = number(a), number(b)
    if a.dtype.kind != "f" or not p or not q:
        return None
    if (p / q).is_integer() and abs(p / q) < LARGEST:
        return (p / q) * x
    return x / (q / p) if (q / p).is_integer() and abs(q / p) < LARGEST else None


def _numbers(rng: Any) -> Any:
    return 6.0, 3.0, matrix(rng)


@rule("canonical", examples=_numbers)
def multiply_quotient(a: Number, b: Number, x: Any) -> Any:
    return a * (x / b), lambda a, b, x: _ratio(a, b, x)


@rule("canonical", examples=_numbers)
def divide_multiple(a: Number, b: Number, x: Any) -> Any:
    return (a * x) / b, lambda a, b, x: _ratio(a, b, x)


@rule("canonical", examples=_numbers)
def divide_by_multiple(a: Number, b: Number, x: Any) -> Any:
    """Only where the quotient is whole, since the quotient of the numbers is then exact."""
    return a / (b * x), lambda a, b, x: number(a) / number(b) / x if _is_whole(a, b) else None


def _is_whole(a: Expr, b: Expr) -> bool:
    return bool(a.dtype.kind == "f" and number(b) and (number(a) / number(b)).is_integer())


@rule("canonical", examples=lambda rng: (3.0, matrix(rng), matrix(rng)))
def divide_multiples(a: Number, x: Any, y: Any) -> Any:
    return (a * x) / (a * y), lambda a, x, y: x / y if number(a) else None


@rule("canonical", examples=lambda rng: (matrix(rng), matrix(rng), 3.0))
def subtract_quotients(x: Any, y: Any, a: Number) -> Any:
    return x / a - y / a, lambda x, y, a: (x - y) / a
