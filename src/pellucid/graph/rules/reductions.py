"""Nested reductions, and factors moved out of reductions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, Input
from pellucid.graph.op_decorator import OpFunction
from pellucid.graph.ops.permute import transpose
from pellucid.graph.ops.reductions import max_, mean, min_, prod, sum
from pellucid.graph.ops.reshape import broadcast_like, size
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import RulePair, rule
from pellucid.graph.rules.example_operands import draw_normal, draw_tensor
from pellucid.graph.rules.predicates import as_number, is_positive
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.types import DType


def merge_axes(ndim: int, first: tuple[int, ...], then: Any) -> tuple[int, ...]:
    """Return the axes of two nested reductions; the axes of the second count without those of the first."""
    rest = [a for a in range(ndim) if a not in first]
    return tuple(sorted((*first, *(rest[a] for a in then))))


def _add_nested_rule(reduce: OpFunction[Expr], name: str) -> None:
    def match_nested(x: Expr, first: Any, then: Subgraph) -> RulePair:
        def merge(x: Expr, first: Any, then: Subgraph) -> Expr:
            return reduce(x, axis=merge_axes(x.ndim, first, then))

        return reduce(reduce(x, axis=first, keepdims=False), axis=then, keepdims=False), merge

    match_nested.__name__ = name
    rule("reductions", examples=lambda rng: (draw_tensor(rng), (0,), (1,)))(match_nested)


_add_nested_rule(sum, "sum_of_sum")
_add_nested_rule(mean, "mean_of_mean")
_add_nested_rule(max_, "max_of_max")
_add_nested_rule(min_, "min_of_min")
_add_nested_rule(prod, "prod_of_prod")


def _add_transpose_rule(reduce: OpFunction[Expr], name: str) -> None:
    """Register the rule that drops a transpose inside a reduction of all axes."""

    def match_transpose(x: Expr, axes: tuple[int, ...], axis: tuple[int, ...]) -> RulePair:
        def drop_transpose(x: Expr, axes: tuple[int, ...], axis: tuple[int, ...]) -> Expr | None:
            return reduce(x, axis=axis) if len(axis) == x.ndim else None

        return reduce(transpose(x, axes=axes), axis=axis, keepdims=False), drop_transpose

    match_transpose.__name__ = name
    rule("reductions", examples=lambda rng: (draw_tensor(rng), (1, 2, 0), (0, 1, 2)))(match_transpose)


_add_transpose_rule(sum, "sum_of_transpose")
_add_transpose_rule(mean, "mean_of_transpose")
_add_transpose_rule(max_, "max_of_transpose")
_add_transpose_rule(min_, "min_of_transpose")


def is_moderate(a: Expr) -> bool:
    """Return whether a factor is so near 1 that moving it out of a sum is unlikely to cause overflow."""
    return bool(a.dtype.kind == "f" and 1e-6 <= abs(as_number(a)) <= 1e6)


def _draw_multiple(rng: np.random.Generator) -> tuple[object, ...]:
    return 3.0, draw_normal(rng), (1,), True


def _draw_quotient(rng: np.random.Generator) -> tuple[object, ...]:
    return draw_normal(rng), 3.0, (1,), True


def _add_linear_rules(reduce: OpFunction[Expr], name: str) -> None:
    """Register the rules that move a sign or a number out of a linear reduction."""

    def negative(x: Expr, axis: tuple[int, ...], keepdims: bool) -> tuple[Any, Any]:
        return reduce(-x, axis=axis, keepdims=keepdims), -reduce(x, axis=axis, keepdims=keepdims)

    def of_multiple(a: Number, x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
        def move_factor(a: Expr, x: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr | None:
            return as_number(a) * reduce(x, axis, keepdims) if is_moderate(a) else None

        return reduce(a * x, axis=axis, keepdims=keepdims), move_factor

    def of_quotient(x: Expr, a: Number, axis: tuple[int, ...], keepdims: bool) -> RulePair:
        def move_factor(x: Expr, a: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr | None:
            return reduce(x, axis, keepdims) / as_number(a) if is_moderate(a) else None

        return reduce(x / a, axis=axis, keepdims=keepdims), move_factor

    for function in (negative, of_multiple, of_quotient):
        function.__name__ = f"{name}_{function.__name__}"
    rule("reductions", examples=lambda rng: (draw_normal(rng), (1,), True))(negative)
    rule("reductions", when="the sum of x stays in range", examples=_draw_multiple)(of_multiple)
    rule("reductions", when="the sum of x stays in range", examples=_draw_quotient)(of_quotient)


_add_linear_rules(sum, "sum")
_add_linear_rules(mean, "mean")


@rule("reductions", examples=_draw_multiple)
def max_of_multiple(a: Number, x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    def move_factor(a: Expr, x: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr | None:
        return as_number(a) * max_(x, axis, keepdims) if is_positive(a) and x.dtype.kind == "f" else None

    return max_(a * x, axis=axis, keepdims=keepdims), move_factor


@rule("reductions", examples=lambda rng: (draw_normal(rng), (1,), True))
def max_negative(x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    return max_(-x, axis=axis, keepdims=keepdims), -min_(x, axis=axis, keepdims=keepdims)


@rule("reductions", examples=lambda rng: (draw_normal(rng), (1,), True))
def min_negative(x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    return min_(-x, axis=axis, keepdims=keepdims), -max_(x, axis=axis, keepdims=keepdims)


@rule("reductions", examples=lambda rng: (np.array(1.5), draw_normal(rng), (0, 1)))
def sum_of_broadcast(x: Expr, y: Expr, axis: tuple[int, ...]) -> RulePair:
    """Multiply a scalar by the number of its copies."""

    def multiply(x: Expr, y: Expr, axis: tuple[int, ...]) -> Expr | None:
        return x * size(y, axis=axis, dtype=x.dtype) if x.ndim == 0 and len(axis) == y.ndim else None

    return sum(broadcast_like(x, y), axis=axis, keepdims=False), multiply


@rule("reductions", examples=lambda rng: (np.array(1.5), draw_normal(rng), (0, 1)))
def mean_of_broadcast(x: Expr, y: Expr, axis: tuple[int, ...]) -> RulePair:
    alone = mean(broadcast_like(x, y), axis=axis, keepdims=False)
    return alone, lambda x, y, axis: x if x.ndim == 0 and len(axis) == y.ndim else None


@rule("reductions", examples=lambda rng: (draw_normal(rng), 4.0, (1,), True))
def sum_over_count(x: Expr, a: Number, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    def to_mean(x: Expr, a: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr | None:
        sizes = [x.shape[i] for i in axis]
        counted = sizes and all(isinstance(s, int) for s in sizes) and as_number(a) == math.prod(sizes)
        return mean(x, axis, keepdims) if counted and x.dtype.kind == "f" else None

    return sum(x, axis=axis, keepdims=keepdims) / a, to_mean


def _make_named_size(rng: np.random.Generator) -> tuple[object, ...]:
    return Input("x", ("n", 4), "float32"), (0,), np.dtype("float32"), True


@rule("reductions", examples=_make_named_size)
def sum_over_size(x: Expr, axis: tuple[int, ...], dtype: DType, keepdims: bool) -> RulePair:
    def to_mean(x: Expr, axis: tuple[int, ...], dtype: DType, keepdims: bool) -> Expr | None:
        return mean(x, axis, keepdims) if x.dtype.kind == "f" else None

    return sum(x, axis=axis, keepdims=keepdims) / size(x, axis=axis, dtype=dtype), to_mean
