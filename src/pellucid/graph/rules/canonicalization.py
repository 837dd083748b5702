"""Canonical forms of sums and products: numbers come first and are combined."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pellucid.graph.expr import Expr, constant
from pellucid.graph.ops.elementwise import multiply, negative
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import RulePair, is_scalar_constant, rule
from pellucid.graph.rules.example_operands import draw_positive
from pellucid.graph.rules.predicates import add_exactly, as_number

MAX_EXACT = 1e6
"""Largest integer factor that `_combine_quotient` introduces; it is exact in float32 and readable."""


def _draw_two_numbers(rng: np.random.Generator) -> tuple[object, ...]:
    return 3.0, 0.5, draw_positive(rng)


def can_multiply(a: Expr, b: Expr) -> bool:
    """Return whether the product of two numbers stays well within the range of their dtype."""
    product = abs(as_number(a) * as_number(b))
    if a.dtype.kind in "iu":
        return bool(product <= np.iinfo(a.dtype).max)
    # bfloat16 is not a NumPy dtype, but has at least the range of float16.
    limits = np.finfo(a.dtype if a.dtype.kind == "f" else np.float16)
    return product == 0 or bool(1e3 * float(limits.tiny) < product < 1e-3 * float(limits.max))


@rule("canonical", examples=_draw_two_numbers)
def multiply_numbers(a: Number, b: Number, x: Expr) -> RulePair:
    return a * (b * x), lambda a, b, x: constant(a.value * b.value) * x if can_multiply(a, b) else None


@rule("canonical", examples=lambda rng: (draw_positive(rng), 3.0, draw_positive(rng)))
def number_outward(x: Expr, a: Number, y: Expr) -> RulePair:
    return x * (a * y), lambda x, a, y: a * (x * y) if not is_scalar_constant(x) else None


@rule("canonical", examples=lambda rng: (draw_positive(rng), 3.0))
def number_first(x: Expr, a: Number) -> RulePair:
    # The pattern matches both orders. In the canonical order the result is the same node, and the rule does not apply.
    return multiply(x, a), lambda x, a: a * x if not is_scalar_constant(x) else None


@rule("canonical")
def multiply_minus_one(x: Expr) -> RulePair:
    return x * -1, -x


@rule("canonical", examples=lambda rng: (3.0, draw_positive(rng)))
def negative_multiple(a: Number, x: Expr) -> RulePair:
    return -(a * x), lambda a, x: multiply(-as_number(a), x) if a.dtype.kind == "f" else None


@rule("canonical")
def negative_difference(x: Expr, y: Expr) -> RulePair:
    return negative(x - y), y - x


def _is_negative_float(a: Expr) -> bool:
    return bool(a.dtype.kind == "f" and as_number(a) < 0)


@rule("canonical", examples=lambda rng: (-3.0, draw_positive(rng)))
def add_negative_number(a: Number, x: Expr) -> RulePair:
    return a + x, lambda a, x: x - -as_number(a) if _is_negative_float(a) and not is_scalar_constant(x) else None


@rule("canonical", examples=lambda rng: (draw_positive(rng), -3.0))
def subtract_negative_number(x: Expr, a: Number) -> RulePair:
    return x - a, lambda x, a: x + -as_number(a) if _is_negative_float(a) and not is_scalar_constant(x) else None


def _add_merge_rule(name: str, sign: int, before: Callable[..., Expr], after: Callable[..., Expr]) -> None:
    """Register a rule that combines two numbers in a sum if their sum is exact."""

    def merge(a: Number, b: Number, x: Expr) -> RulePair:
        def add_numbers(a: Expr, b: Expr, x: Expr) -> Expr | None:
            total = add_exactly(a, b, sign)
            return None if total is None else after(total, x)

        return before(a, b, x), add_numbers

    merge.__name__ = name
    rule("canonical", examples=_draw_two_numbers)(merge)


_add_merge_rule("add_to_sum", 1, lambda a, b, x: a + (b + x), lambda c, x: c + x)
_add_merge_rule("add_to_difference", -1, lambda a, b, x: a + (x - b), lambda c, x: c + x)
_add_merge_rule("add_to_reversed_difference", 1, lambda a, b, x: a + (b - x), lambda c, x: c - x)
_add_merge_rule("subtract_from_sum", -1, lambda a, b, x: (a + x) - b, lambda c, x: c + x)
_add_merge_rule("subtract_from_difference", 1, lambda a, b, x: (x - a) - b, lambda c, x: x - c)
_add_merge_rule("subtract_from_reversed_difference", -1, lambda a, b, x: (a - x) - b, lambda c, x: c - x)
_add_merge_rule("number_minus_sum", -1, lambda a, b, x: a - (b + x), lambda c, x: c - x)
_add_merge_rule("number_minus_difference", 1, lambda a, b, x: a - (x - b), lambda c, x: c - x)
_add_merge_rule("number_minus_reversed_difference", -1, lambda a, b, x: a - (b - x), lambda c, x: c + x)


def _combine_quotient(a: Expr, b: Expr, x: Expr) -> Expr | None:
    """Return ``(a / b) * x`` with one number if a / b or b / a is an integer, which is exact."""
    p, q = as_number(a), as_number(b)
    if a.dtype.kind != "f" or not p or not q:
        return None
    if (p / q).is_integer() and abs(p / q) < MAX_EXACT:
        return (p / q) * x
    return x / (q / p) if (q / p).is_integer() and abs(q / p) < MAX_EXACT else None


def _draw_multiples(rng: np.random.Generator) -> tuple[object, ...]:
    return 6.0, 3.0, draw_positive(rng)


@rule("canonical", examples=_draw_multiples)
def multiply_quotient(a: Number, b: Number, x: Expr) -> RulePair:
    return a * (x / b), lambda a, b, x: _combine_quotient(a, b, x)


@rule("canonical", examples=_draw_multiples)
def divide_multiple(a: Number, b: Number, x: Expr) -> RulePair:
    return (a * x) / b, lambda a, b, x: _combine_quotient(a, b, x)


@rule("canonical", examples=_draw_multiples)
def divide_by_multiple(a: Number, b: Number, x: Expr) -> RulePair:
    return a / (b * x), lambda a, b, x: as_number(a) / as_number(b) / x if _has_integer_quotient(a, b) else None


def _has_integer_quotient(a: Expr, b: Expr) -> bool:
    return bool(a.dtype.kind == "f" and as_number(b) and (as_number(a) / as_number(b)).is_integer())


@rule("canonical", examples=lambda rng: (3.0, draw_positive(rng), draw_positive(rng)))
def divide_multiples(a: Number, x: Expr, y: Expr) -> RulePair:
    return (a * x) / (a * y), lambda a, x, y: x / y if as_number(a) else None


@rule("canonical", examples=lambda rng: (draw_positive(rng), draw_positive(rng), 3.0))
def subtract_quotients(x: Expr, y: Expr, a: Number) -> RulePair:
    return x / a - y / a, lambda x, y, a: (x - y) / a
