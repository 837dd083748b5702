r"""Square roots of sums of squares as norms, which do not overflow and have a gradient of 0 at 0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, constant
from pellucid.graph.ops.elementwise import absolute, add, power, sqrt, square
from pellucid.graph.ops.exponentials import log
from pellucid.graph.ops.norms import vector_norm
from pellucid.graph.ops.reductions import mean, sum
from pellucid.graph.ops.reshape import size
from pellucid.graph.ops.statistics import std, var
from pellucid.graph.ops.trigonometry import hypot
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import RulePair, is_scalar_constant, rule
from pellucid.graph.rules.example_operands import draw_normal, draw_two, make_input
from pellucid.graph.rules.polynomials import join_factors
from pellucid.graph.rules.predicates import as_number, is_positive
from pellucid.graph.rules.scaled_exponentials import list_factors


@rule("stabilize", examples=lambda rng: (draw_normal(rng), (1,), True))
def root_of_sum_of_squares(x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    squares = sum(square(x), axis=axis, keepdims=keepdims)
    return sqrt(squares), lambda x, axis, keepdims: vector_norm(x, axis, 2, keepdims)


@rule("stabilize", examples=lambda rng: (draw_normal(rng), (1,), True))
def root_of_mean_of_squares(x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    def to_norm(x: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr:
        return vector_norm(x, axis, 2, keepdims) / sqrt(size(x, axis=axis, dtype=x.dtype))

    return sqrt(mean(square(x), axis=axis, keepdims=keepdims)), to_norm


@rule("stabilize", examples=lambda rng: (draw_normal(rng), (1,), 1, True))
def root_of_variance(x: Expr, axis: tuple[int, ...], ddof: float, keepdims: bool) -> RulePair:
    return sqrt(var(x, axis=axis, ddof=ddof, keepdims=keepdims)), std(x, axis=axis, ddof=ddof, keepdims=keepdims)


@rule("stabilize", examples=draw_two)
def root_of_two_squares(x: Expr, y: Expr) -> RulePair:
    return sqrt(square(x) + square(y)), hypot(x, y)


@rule("stabilize", examples=lambda rng: (4.0, draw_normal(rng)))
def root_of_number_and_square(a: Number, x: Expr) -> RulePair:
    return sqrt(a + square(x)), lambda a, x: hypot(x, math.sqrt(as_number(a))) if is_positive(a) else None


@rule("stabilize", examples=lambda rng: (draw_normal(rng), 4.0))
def root_of_even_power(x: Expr, a: Number) -> RulePair:
    def halve_exponent(x: Expr, a: Expr) -> Expr | None:
        n = as_number(a) / 2
        return power(x if n % 2 == 0 else absolute(x), n) if n.is_integer() and x.dtype.kind == "f" else None

    return sqrt(power(x, a)), halve_exponent


# More than two squares, and other functions of sums of squares.


def get_norm_of_squares(e: Expr) -> Expr | None:
    """Return the root of a sum of squares and positive numbers as nested `hypot`; None for another expression."""
    terms: list[Any] = []
    stack = [e]
    while stack:
        term = stack.pop()
        if term.op is add.op:
            stack += term.inputs[::-1]
        elif term.op is square.op:
            terms.append(term.inputs[0])
        elif term.op is sum.op and term.inputs[0].op is square.op:
            terms.append(vector_norm(term.inputs[0].inputs[0], term.settings["axis"], 2, term.settings["keepdims"]))
        elif is_positive(term):
            terms.append(math.sqrt(as_number(term)))
        else:
            return None
        if len(terms) > 4:
            return None
    if len(terms) < 2:
        return None
    norm: Expr = terms[0]
    for term in terms[1:]:
        norm = hypot(norm, term)
    return norm


def _make_squares(rng: np.random.Generator) -> tuple[object, ...]:
    return square(make_input("x")) + square(make_input("y")), square(make_input("z"))


@rule("stabilize", examples=_make_squares)
def root_of_more_squares(x: Expr, y: Expr) -> RulePair:
    return sqrt(x + y), lambda x, y: get_norm_of_squares(add(x, y))


@rule("stabilize", examples=lambda rng: (*_make_squares(rng), constant(np.float64(1.5))))
def power_of_squares(x: Expr, y: Expr, p: Number) -> RulePair:
    def raise_norm(x: Expr, y: Expr, p: Expr) -> Expr | None:
        norm = None if has_number(x, y) else get_norm_of_squares(add(x, y))
        return None if norm is None else power(norm, 2 * as_number(p))

    return power(x + y, p), raise_norm


def has_number(*operands: Expr) -> bool:
    return any(map(is_scalar_constant, operands))


@rule("stabilize", examples=_make_squares)
def log_of_squares(x: Expr, y: Expr) -> RulePair:
    def double_log(x: Expr, y: Expr) -> Expr | None:
        norm = None if has_number(x, y) else get_norm_of_squares(add(x, y))
        return None if norm is None else 2 * log(norm)

    return log(x + y), double_log


@rule("stabilize", examples=lambda rng: (make_input("w"), *_make_squares(rng)))
def over_squares(n: Expr, x: Expr, y: Expr) -> RulePair:
    def divide_twice(n: Expr, x: Expr, y: Expr) -> Expr | float | None:
        norm = None if has_number(x, y) else get_norm_of_squares(add(x, y))
        if norm is None:
            return None
        number, factors = list_factors(n)
        if len(factors) == 1 and factors[0].op is square.op:
            factors = [factors[0].inputs[0]] * 2
        return join_factors(number, factors, [norm, norm])

    return n / (x + y), divide_twice
