r"""Functions of the angle of a point, and differences of angles."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.ops.elementwise import absolute, sqrt, square
from pellucid.graph.ops.exponentials import log1p
from pellucid.graph.ops.hyperbolic import arccosh
from pellucid.graph.ops.norms import vector_norm
from pellucid.graph.ops.reductions import sum
from pellucid.graph.ops.signs import copysign
from pellucid.graph.ops.trigonometry import arccos, arcsin, arctan, arctan2, cos, hypot, sin
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import RulePair, is_scalar_constant, rule
from pellucid.graph.rules.example_operands import draw_below_two, draw_normal, draw_positive, draw_two, make_input
from pellucid.graph.rules.predicates import as_number
from pellucid.graph.rules.scaled_exponentials import list_factors


def get_cosine(x: Expr, y: Expr, a: Expr, b: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr:
    """Return the pattern of the cosine of two vectors."""
    norms = vector_norm(a, axis=axis, keepdims=keepdims) * vector_norm(b, axis=axis, keepdims=keepdims)
    return sum(x * y, axis=axis, keepdims=keepdims) / norms


@rule("stabilize", examples=draw_two)
def arccos_of_leg(x: Expr, y: Expr) -> RulePair:
    return arccos(x / hypot(x, y)), arctan2(absolute(y), x)


@rule("stabilize", examples=draw_two)
def arcsin_of_leg(x: Expr, y: Expr) -> RulePair:
    return arcsin(y / hypot(x, y)), arctan2(y, absolute(x))


def get_chord(x: Expr) -> Expr:
    """Return the sine of the angle whose cosine is ``1 - x``."""
    return sqrt(x) * sqrt(2 - x)


@rule("stabilize", examples=draw_below_two)
def arccosh_of_one_plus(x: Expr) -> RulePair:
    return arccosh(1 + x), log1p(x + sqrt(x) * sqrt(2 + x))


@rule("stabilize", examples=draw_below_two)
def arccos_of_one_minus(x: Expr) -> RulePair:
    return arccos(1 - x), arctan2(get_chord(x), 1 - x)


@rule("stabilize", examples=draw_below_two)
def arcsin_of_one_minus(x: Expr) -> RulePair:
    return arcsin(1 - x), arctan2(1 - x, get_chord(x))


def is_quarter_turn(a: Expr, multiple: Any = 1.0, divisor: Any = 1.0) -> bool:
    """Whether a number is ``multiple / divisor * pi / 2`` but for rounding in its dtype."""
    tolerance = 4e-16 if a.dtype == np.float64 else 1e-7
    return multiple != 0 and math.isclose(as_number(a) * divisor, multiple * math.pi / 2, rel_tol=tolerance)


@rule("stabilize", examples=lambda rng: (math.pi / 2, draw_positive(rng)))
def right_angle_minus_arctan(a: Number, x: Expr) -> RulePair:
    def to_arctan2(a: Expr, x: Expr) -> Expr | None:
        return arctan2(1, x) if is_quarter_turn(a) else None

    return a - arctan(x), to_arctan2


@rule("stabilize", when="x != 0", examples=lambda rng: (draw_normal(rng), draw_positive(rng)))
def arctan_of_quotient(y: Expr, x: Expr) -> RulePair:
    def to_arctan2(y: Expr, x: Expr) -> Expr | None:
        if is_scalar_constant(x) or is_scalar_constant(y) or x.dtype.kind != "f" or y.dtype.kind != "f":
            return None
        return arctan2(y * copysign(np.ones((), x.dtype), x), absolute(x))

    return arctan(y / x), to_arctan2


# Angles of vectors: W. Kahan, How Futile are Mindless Assessments of Roundoff in Floating-Point Computation?, 2006.


def _make_vectors(rng: np.random.Generator) -> tuple[object, ...]:
    x, y = make_input("x"), 2 - make_input("y")
    return x, y, x, y, (1,), True


def normalize_pair(
    x: Expr, y: Expr, a: Expr, b: Expr, axis: tuple[int, ...], keepdims: bool
) -> tuple[Expr, Expr] | None:
    """Return two vectors divided by their norms, or None if they are not those of the norms."""
    if {x, y} != {a, b} or x.shape != y.shape:
        return None
    return x / vector_norm(x, axis=axis, keepdims=True), y / vector_norm(y, axis=axis, keepdims=True)


@rule("stabilize", examples=_make_vectors)
def one_minus_cosine(x: Expr, y: Expr, a: Expr, b: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    def to_distance(x: Expr, y: Expr, a: Expr, b: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr | None:
        pair = normalize_pair(x, y, a, b, axis, keepdims)
        return None if pair is None else sum(square(pair[0] - pair[1]), axis, keepdims) / 2

    return 1 - get_cosine(x, y, a, b, axis, keepdims), to_distance


@rule("stabilize", examples=_make_vectors)
def arccos_of_cosine(x: Expr, y: Expr, a: Expr, b: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    def to_arctan2(x: Expr, y: Expr, a: Expr, b: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr | None:
        pair = normalize_pair(x, y, a, b, axis, keepdims)
        if pair is None:
            return None
        difference, total = pair[0] - pair[1], pair[0] + pair[1]
        return 2 * arctan2(
            vector_norm(difference, axis=axis, keepdims=keepdims), vector_norm(total, axis=axis, keepdims=keepdims)
        )

    return arccos(get_cosine(x, y, a, b, axis, keepdims)), to_arctan2


# The law of cosines, with the sine of half of the angle.


def _make_sides(rng: np.random.Generator) -> tuple[object, ...]:
    a, b = 2 + make_input("a"), 2 + make_input("b")
    return a, b, a * b * cos(make_input("c"))


@rule("stabilize", examples=_make_sides)
def law_of_cosines(a: Expr, b: Expr, p: Expr) -> RulePair:
    def to_half_angle(a: Expr, b: Expr, p: Expr) -> Expr | None:
        number, factors = list_factors(p)
        angles = [f.inputs[0] for f in factors if f.op is cos.op]
        if len(factors) != 3 or len(angles) != 1 or number != 1 or not {a, b} <= set(factors):
            return None
        half = sin(angles[0] / 2)
        return square(a - b) + 4 * (a * half * (b * half))

    return square(a) + square(b) - 2 * p, to_half_angle
