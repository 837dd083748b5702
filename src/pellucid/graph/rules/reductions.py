"""Reductions of reductions, and what can be taken out of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, Input
from pellucid.graph.op import Operation
from pellucid.graph.ops.permute import transpose
from pellucid.graph.ops.reductions import max_, mean, min_, prod, sum
from pellucid.graph.ops.reshape import broadcast_like, size
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import Rule, rule
from pellucid.graph.rules.predicates import number, positive, scores


def _cube(rng: Any) -> Any:
    return rng.uniform(0.5, 2, (2, 3, 4))


def joined_axes(ndim: int, first: tuple[int, ...], then: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes that two reductions take between them; the second counts without those of the first."""
    rest = [a for a in range(ndim) if a not in first]
    return tuple(sorted((*first, *(rest[a] for a in then))))


def _twice(reduce: Operation, name: str) -> Rule:
    """Make the rule that a reduction of the same reduction is one over the axes of both."""

    def twice(x: Any, first: Any, then: Any) -> Any:
        def once(x: Expr, first: Any, then: Any) -> Any:
            return reduce(x, axis=joined_axes(x.ndim, first, then))

        return reduce(reduce(x, axis=first, keepdims=False), axis=then, keepdims=False), once

    twice.__name__ = name
    return rule("reductions", examples=lambda rng: (_cube(rng), (0,), (1,)))(twice)


sum_of_sum = _twice(sum, "sum_of_sum")
mean_of_mean = _twice(mean, "mean_of_mean")
max_of_max = _twice(max_, "max_of_max")
min_of_min = _twice(min_, "min_of_min")
prod_of_prod = _twice(prod, "prod_of_prod")


def _of_transpose(reduce: Operation, name: str) -> Rule:
    """Make the rule that the order of the axes does not matter to a reduction of all of them."""

    def of_transpose(x: Any, axes: Any, axis: Any) -> Any:
        def straight(x: Expr, axes: Any, axis: Any) -> Any:
            return reduce(x, axis=axis) if len(axis) == x.ndim else None

        return reduce(transpose(x, axes=axes), axis=axis, keepdims=False), straight

    of_transpose.__name__ = name
    return rule("reductions", examples=lambda rng: (_cube(rng), (1, 2, 0), (0, 1, 2)))(of_transpose)


sum_of_transpose = _of_transpose(sum, "sum_of_transpose")
mean_of_transpose = _of_transpose(mean, "mean_of_transpose")
max_of_transpose = _of_transpose(max_, "max_of_transpose")
min_of_transpose = _of_transpose(min_, "min_of_transpose")


def modest(a: Expr) -> bool:
    """Tell whether a factor is so near 1 that a sum can hardly leave the range because it is taken out."""
    return bool(a.dtype.kind == "f" and 1e-6 <= abs(number(a)) <= 1e6)


def _linear(rng: Any) -> Any:
    return 3.0, scores(rng), (1,), True


def _part(rng: Any) -> Any:
    return scores(rng), 3.0, (1,), True


@rule("reductions", examples=lambda rng: (scores(rng), (1,), True))
def sum_negative(x: Any, axis: Any, keepdims: Any) -> Any:
    return sum(-x, axis=axis, keepdims=keepdims), -sum(x, axis=axis, keepdims=keepdims)


@rule("reductions", examples=lambda rng: (scores(rng), (1,), True))
def mean_negative(x: Any, axis: Any, keepdims: Any) -> Any:
    return mean(-x, axis=axis, keepdims=keepdims), -mean(x, axis=axis, keepdims=keepdims)


@rule("reductions", when="the sum of x stays in range", examples=_linear)
def sum_of_multiple(a: Number, x: Any, axis: Any, keepdims: Any) -> Any:
    def outside(a: Expr, x: Expr, axis: Any, keepdims: bool) -> Any:
        return number(a) * sum(x, axis, keepdims) if modest(a) else None

    return sum(a * x, axis=axis, keepdims=keepdims), outside


@rule("reductions", when="the sum of x stays in range", examples=_linear)
def mean_of_multiple(a: Number, x: Any, axis: Any, keepdims: Any) -> Any:
    def outside(a: Expr, x: Expr, axis: Any, keepdims: bool) -> Any:
        return number(a) * mean(x, axis, keepdims) if modest(a) else None

    return mean(a * x, axis=axis, keepdims=keepdims), outside


@rule("reductions", when="the sum of x stays in range", examples=_part)
def sum_of_part(x: Any, a: Number, axis: Any, keepdims: Any) -> Any:
    def outside(x: Expr, a: Expr, axis: Any, keepdims: bool) -> Any:
        return sum(x, axis, keepdims) / number(a) if modest(a) else None

    return sum(x / a, axis=axis, keepdims=keepdims), outside


@rule("reductions", when="the sum of x stays in range", examples=_part)
def mean_of_part(x: Any, a: Number, axis: Any, keepdims: Any) -> Any:
    def outside(x: Expr, a: Expr, axis: Any, keepdims: bool) -> Any:
        return mean(x, axis, keepdims) / number(a) if modest(a) else None

    return mean(x / a, axis=axis, keepdims=keepdims), outside


@rule("reductions", examples=_linear)
def max_of_multiple(a: Number, x: Any, axis: Any, keepdims: Any) -> Any:
    def outside(a: Expr, x: Expr, axis: Any, keepdims: bool) -> Any:
        return number(a) * max_(x, axis, keepdims) if positive(a) and x.dtype.kind == "f" else None

    return max_(a * x, axis=axis, keepdims=keepdims), outside


@rule("reductions", examples=lambda rng: (scores(rng), (1,), True))
def max_negative(x: Any, axis: Any, keepdims: Any) -> Any:
    return max_(-x, axis=axis, keepdims=keepdims), -min_(x, axis=axis, keepdims=keepdims)


@rule("reductions", examples=lambda rng: (scores(rng), (1,), True))
def min_negative(x: Any, axis: Any, keepdims: Any) -> Any:
    return min_(-x, axis=axis, keepdims=keepdims), -max_(x, axis=axis, keepdims=keepdims)


@rule("reductions", examples=lambda rng: (np.array(1.5), scores(rng), (0, 1)))
def sum_of_repeated(x: Any, y: Any, axis: Any) -> Any:
    """Multiply a number by how often it is summed."""

    def multiplied(x: Expr, y: Expr, axis: Any) -> Any:
        return x * size(y, axis=axis, dtype=x.dtype) if x.ndim == 0 and len(axis) == y.ndim else None

    return sum(broadcast_like(x, y), axis=axis, keepdims=False), multiplied


@rule("reductions", examples=lambda rng: (np.array(1.5), scores(rng), (0, 1)))
def mean_of_repeated(x: Any, y: Any, axis: Any) -> Any:
    alone = mean(broadcast_like(x, y), axis=axis, keepdims=False)
    return alone, lambda x, y, axis: x if x.ndim == 0 and len(axis) == y.ndim else None


@rule("reductions", examples=lambda rng: (scores(rng), 4.0, (1,), True))
def sum_over_count(x: Any, a: Number, axis: Any, keepdims: Any) -> Any:
    def averaged(x: Expr, a: Expr, axis: Any, keepdims: bool) -> Any:
        sizes = [x.shape[i] for i in axis]
        counted = sizes and all(isinstance(s, int) for s in sizes) and number(a) == math.prod(sizes)
        return mean(x, axis, keepdims) if counted and x.dtype.kind == "f" else None

    return sum(x, axis=axis, keepdims=keepdims) / a, averaged


def _of_named_size(rng: Any) -> Any:
    return Input("x", ("n", 4), "float32"), (0,), np.dtype("float32"), True


@rule("reductions", examples=_of_named_size)
def sum_over_size(x: Any, axis: Any, dtype: Any, keepdims: Any) -> Any:
    def averaged(x: Expr, axis: Any, dtype: Any, keepdims: bool) -> Any:
        return mean(x, axis, keepdims) if x.dtype.kind == "f" else None

    return sum(x, axis=axis, keepdims=keepdims) / size(x, axis=axis, dtype=dtype), averaged
