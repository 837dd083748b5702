r"""Functions of the angle of a point, and differences of angles."""

from __future__ import annotations

import math
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.ops.elementwise import absolute, square
from pellucid.graph.ops.trigonometry import arccos, arcsin, arctan, arctan2, cos, hypot, sin
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import rule
from pellucid.graph.rules.example_operands import draw_positive, draw_two, make_input
from pellucid.graph.rules.predicates import as_number
from pellucid.graph.rules.scaled_exponentials import list_factors


@rule("stabilize", examples=draw_two)
def arccos_of_leg(x: Any, y: Any) -> Any:
    return arccos(x / hypot(x, y)), arctan2(absolute(y), x)


@rule("stabilize", examples=draw_two)
def arcsin_of_leg(x: Any, y: Any) -> Any:
    return arcsin(y / hypot(x, y)), arctan2(y, absolute(x))


@rule("stabilize", examples=lambda rng: (math.pi / 2, draw_positive(rng)))
def right_angle_minus_arctan(a: Number, x: Any) -> Any:
    def to_arctan2(a: Expr, x: Expr) -> Any:
        return arctan2(1, x) if abs(as_number(a) - math.pi / 2) < 1e-7 else None

    return a - arctan(x), to_arctan2


# The law of cosines, with the sine of half of the angle.


def _make_sides(rng: Any) -> Any:
    a, b = 2 + make_input("a"), 2 + make_input("b")
    return a, b, a * b * cos(make_input("c"))


@rule("stabilize", examples=_make_sides)
def law_of_cosines(a: Any, b: Any, p: Any) -> Any:
    def to_half_angle(a: Expr, b: Expr, p: Expr) -> Any:
        number, factors = list_factors(p)
        angles = [f.inputs[0] for f in factors if f.op is cos.op]
        if len(factors) != 3 or len(angles) != 1 or number != 1 or not {a, b} <= set(factors):
            return None
        half = sin(angles[0] / 2)
        return square(a - b) + 4 * (a * half * (b * half))

    return square(a) + square(b) - 2 * p, to_half_angle
