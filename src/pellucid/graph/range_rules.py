r"""Rules by which ops compute the interval of their result.

An op has its rule in the argument ``value_range`` of `op`: a function of the expression and the intervals of its
operands. Functions here make the usual rules. Arrays are assumed to have elements.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.interval import NONNEGATIVE, REAL, UNIT, Interval, RangeRule, apply_to_bound, make_interval
from pellucid.graph.types import is_float, unify


def fixed(low: float, high: float) -> RangeRule:
    """Return the rule of an op whose results are in an interval whatever its operands are."""
    interval = Interval(low, high)
    return lambda node, *operands: interval


def increasing(function: Callable[[Any], Any], low: float = -math.inf, high: float = math.inf) -> RangeRule:
    """Return the rule of an increasing function that is NaN outside of a domain."""

    def rule(node: Expr, x: Interval) -> Interval:
        inside = x.clip(low, high)
        return make_interval(apply_to_bound(function, inside.low), apply_to_bound(function, inside.high))

    return rule


def decreasing(function: Callable[[Any], Any], low: float = -math.inf, high: float = math.inf) -> RangeRule:
    """Return the rule of a decreasing function that is NaN outside of a domain."""

    def rule(node: Expr, x: Interval) -> Interval:
        inside = x.clip(low, high)
        return make_interval(apply_to_bound(function, inside.high), apply_to_bound(function, inside.low))

    return rule


def even(function: Callable[[Any], Any]) -> RangeRule:
    """Return the rule of an even function that increases with the absolute value."""
    rule = increasing(function)
    return lambda node, x: rule(node, x.absolute())


def elements_of(*positions: int) -> RangeRule:
    """Return the rule of an op whose results are elements of the operands at these positions, without any: of all."""

    def rule(node: Expr, *operands: Interval) -> Interval:
        chosen = [operands[p] for p in positions] if positions else list(operands)
        return chosen[0].union(*chosen[1:])

    return rule


def elements_or_zero(node: Expr, x: Interval, *others: Interval) -> Interval:
    """Apply the rule of an op whose results are elements of the first operand, and zeros."""
    return x.union(Interval(0, 0))


def count_reduced(node: Expr) -> int | None:
    """Return the number of elements of the operand for each element of a reduction; None if it is unknown."""
    x, axes = node.inputs[0], node.settings["axis"]
    sizes = [x.shape[a] for a in (range(x.ndim) if axes is None else axes)]
    known = [d for d in sizes if isinstance(d, int)]
    return max(math.prod(known), 1) if len(known) == len(sizes) else None


def sum_of(term: Interval, count: int | None) -> Interval:
    """Return the interval of a sum of terms: of ``count``, or of any number of at least 1 if it is None."""
    if count is not None:
        return term.scale(count)
    return Interval(term.low if term.low >= 0 else -math.inf, term.high if term.high <= 0 else math.inf)


def product_of(factor: Interval, count: int | None) -> Interval:
    """Return the interval of a product of factors: of ``count``, or of any number of at least 1 if it is None."""
    if count is not None and factor.low >= 0:
        return Interval(apply_to_bound(np.power, factor.low, count), apply_to_bound(np.power, factor.high, count))
    if factor.magnitude <= 1:
        return Interval(0 if factor.low >= 0 else -1, 1)
    if count is not None:
        largest = apply_to_bound(np.power, factor.magnitude, count)
        return Interval(-largest, largest)
    return Interval(1 if factor.low >= 1 else 0 if factor.low >= 0 else -math.inf, math.inf)


def sum_range(node: Expr, x: Interval) -> Interval:
    total = sum_of(x, count_reduced(node))
    return Interval(max(total.low, 1), max(total.high, 1)) if counts_extremes(node.inputs[0]) else total


def counts_extremes(e: Expr) -> bool:
    """Tell whether a sum counts the elements that equal the maximum or minimum, of which there is at least one."""
    while e.op is not None and e.op.name == "cast":
        e = e.inputs[0]
    if e.op is None or e.op.name != "equal":
        return False
    a, b = e.inputs
    return is_extreme_of(a, b) or is_extreme_of(b, a)


def multiply_range(node: Expr, x: Interval, y: Interval) -> Interval:
    return x**2 if node.inputs[0] is node.inputs[1] else x * y


def subtract_range(node: Expr, x: Interval, y: Interval) -> Interval:
    difference, (a, b) = x - y, node.inputs
    if a is b:
        return Interval(0, 0)
    return difference.clip(-math.inf, 0) if is_extreme_of(b, a, ("max",)) else difference


def is_extreme_of(e: Expr, x: Expr, names: tuple[str, ...] = ("max", "min")) -> bool:
    """Tell whether an expression is the maximum or minimum of another along axes, broadcast to it."""
    while e.op is not None and e.op.name in ("broadcast_like", "stop_gradient"):
        e = e.inputs[0]
    inserted = None
    if e.op is not None and e.op.name == "expand_dims":
        e, inserted = e.inputs[0], e.settings["axis"]
    if e.op is None or e.op.name not in names or e.inputs[0] is not x:
        return False
    return e.ndim == 0 or (e.settings["keepdims"] if inserted is None else e.settings["axis"] == inserted)


def power_range(node: Expr, x: Interval, y: Interval) -> Interval:
    if y.low == y.high:
        return x**y.low
    if x.low < 0:
        return REAL
    if x.low == 0 and y.low < 0:
        return NONNEGATIVE
    bounds = [apply_to_bound(np.power, a, b) for a in (x.low, x.high, 1) if x.contains(a) for b in (y.low, y.high)]
    return NONNEGATIVE if any(map(math.isnan, bounds)) else Interval(min(bounds), max(bounds))


def clip_range(node: Expr, x: Interval, low: Interval, high: Interval) -> Interval:
    above = Interval(max(x.low, low.low), max(x.high, low.high))
    return Interval(min(above.low, high.low), min(above.high, high.high))


def cast_range(node: Expr, x: Interval) -> Interval:
    if node.dtype.kind == "b":
        return UNIT
    if is_float(node.dtype):
        return x
    limits = np.iinfo(node.dtype)
    inside = limits.min <= x.low and x.high <= limits.max
    return Interval(math.trunc(x.low), math.trunc(x.high)) if inside else get_dtype_range(node.dtype)


def logsumexp_range(node: Expr, x: Interval) -> Interval:
    count = count_reduced(node)
    return Interval(x.low, math.inf if count is None else x.high + math.log(count))


def matmul_range(node: Expr, x: Interval, y: Interval) -> Interval:
    a, b = node.inputs
    inner = unify(a.shape[-1], b.shape[-1 if b.ndim == 1 else -2])
    return sum_of(x * y, inner if isinstance(inner, int) else None)


def get_dtype_range(dtype: np.dtype[Any]) -> Interval:
    """Return the interval of all values of a dtype. Integers of 32 and 64 bits count as unbounded."""
    if dtype.kind == "b":
        return UNIT
    if is_float(dtype):
        return REAL
    if dtype.itemsize > 2:
        return NONNEGATIVE if dtype.kind == "u" else REAL
    limits = np.iinfo(dtype)
    return Interval(int(limits.min), int(limits.max))
