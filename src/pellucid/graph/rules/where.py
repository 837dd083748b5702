"""`where` moved outside sums, products and quotients, so that elements that it drops cannot produce NaN."""

from __future__ import annotations

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.ops.where import where
from pellucid.graph.rewrite_rule import RulePair, rule
from pellucid.graph.rules.example_operands import draw_normal


def _draw_where(rng: np.random.Generator) -> tuple[object, ...]:
    return draw_normal(rng) > 0, draw_normal(rng), draw_normal(rng)


@rule("stabilize", when="y is finite where c fails", examples=_draw_where)
def multiply_where(c: Expr, x: Expr, y: Expr) -> RulePair:
    return where(c, x, 0) * y, lambda c, x, y: where(c, x * y, np.zeros((), y.dtype))


@rule("stabilize", when="y is finite where c holds", examples=_draw_where)
def multiply_where_not(c: Expr, x: Expr, y: Expr) -> RulePair:
    return where(c, 0, x) * y, lambda c, x, y: where(c, np.zeros((), y.dtype), x * y)


@rule("stabilize", when="y != 0 where c fails", examples=_draw_where)
def divide_where(c: Expr, x: Expr, y: Expr) -> RulePair:
    return where(c, x, 0) / y, lambda c, x, y: where(c, x / y, np.zeros((), y.dtype))


@rule("stabilize", when="y != 0 where c holds", examples=_draw_where)
def divide_where_not(c: Expr, x: Expr, y: Expr) -> RulePair:
    return where(c, 0, x) / y, lambda c, x, y: where(c, np.zeros((), y.dtype), x / y)


# Second derivatives divide such sums by functions that are NaN where c fails.


@rule("algebra", examples=_draw_where)
def add_where(c: Expr, x: Expr, y: Expr) -> RulePair:
    return where(c, x, 0) + where(c, y, 0), where(c, x + y, 0)


@rule("algebra", examples=_draw_where)
def subtract_where(c: Expr, x: Expr, y: Expr) -> RulePair:
    return where(c, x, 0) - where(c, y, 0), where(c, x - y, 0)


@rule("algebra", examples=_draw_where)
def add_where_not(c: Expr, x: Expr, y: Expr) -> RulePair:
    return where(c, 0, x) + where(c, 0, y), where(c, 0, x + y)


@rule("algebra", examples=_draw_where)
def subtract_where_not(c: Expr, x: Expr, y: Expr) -> RulePair:
    return where(c, 0, x) - where(c, 0, y), where(c, 0, x - y)


@rule("algebra", examples=lambda rng: (draw_normal(rng) > 0, draw_normal(rng)))
def where_same(c: Expr, x: Expr) -> RulePair:
    return where(c, x, x), lambda c, x: x


@rule("algebra", examples=lambda rng: (*_draw_where(rng), draw_normal(rng)))
def where_in_true_branch(c: Expr, x: Expr, y: Expr, w: Expr) -> RulePair:
    return where(c, where(c, x, y), w), where(c, x, w)


@rule("algebra", examples=lambda rng: (*_draw_where(rng), draw_normal(rng)))
def where_in_false_branch(c: Expr, x: Expr, y: Expr, w: Expr) -> RulePair:
    return where(c, w, where(c, x, y)), where(c, w, y)
