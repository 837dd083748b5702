"""Value-range analysis of C loops: intervals with the bounds -inf, 0, 1 and inf, from those of the operands.

NaN satisfies every range. Finer bounds would have to account for rounding. The arithmetic is that of
`pellucid.graph.interval`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from pellucid.graph.interval import NONNEGATIVE, REAL, Interval
from pellucid.graph.range_rules import sum_of
from pellucid.graph.value_ranges import get_array_range
from pellucid.run.native.equations import Equation, Value

MAX_DEPTH = 8
"""How many equations back a proof looks."""

RULES: dict[str, Callable[..., Interval]] = {
    **dict.fromkeys(("broadcast_in_dim", "reshape", "squeeze", "transpose", "reduce_max", "reduce_min"), lambda x: x),
    **dict.fromkeys(("exp", "logistic"), lambda x: NONNEGATIVE),
    "abs": Interval.absolute,
    "square": lambda x: x**2,
    "sqrt": lambda x: x**0.5,
    "neg": lambda x: -x,
    "add": lambda x, y: x + y,
    "mul": lambda x, y: x * y,
    "reduce_sum": lambda x: sum_of(x, None),
}
"""Intervals of the results of primitives."""


def infer_range(v: Value, depth: int = MAX_DEPTH) -> Interval:
    """Return an interval that contains all elements of a value."""
    if v.constant is not None:
        return coarsen(get_array_range(v.constant))
    e = get_producer(v, depth)
    if e is None:
        return REAL
    if find_subtracted_max(v) is not None:
        return Interval(-math.inf, 0)
    if e.name not in RULES:
        return REAL
    found = RULES[e.name](*[infer_range(x, depth - 1) for x in e.inputs])
    return Interval(1, math.inf) if sums_exponential_of_zero(e) else coarsen(found)


def coarsen(interval: Interval) -> Interval:
    """Return the smallest interval with the bounds -inf, 0, 1 or inf that contains another."""
    low = max((bound for bound in (-math.inf, 0, 1) if bound <= interval.low), default=-math.inf)
    return Interval(low, min(bound for bound in (0, 1, math.inf) if bound >= interval.high))


def sums_exponential_of_zero(e: Equation) -> bool:
    """Tell whether an equation is sum(exp(x - max(x))) over the same axes, which has a term exp(0)."""
    exp = e.inputs[0].producer if e.name == "reduce_sum" else None
    maximum = find_subtracted_max(exp.inputs[0]) if exp is not None and exp.name == "exp" else None
    return maximum is not None and maximum.params["axes"] == e.params["axes"]


def get_producer(v: Value, depth: int) -> Equation | None:
    """Return the equation of a value, unless the proof is too deep or the equation reduces empty arrays."""
    e = v.producer
    return e if e is not None and depth and all(x.size for x in e.inputs) else None


def is_at_least_one(v: Value) -> bool:
    return infer_range(v).low >= 1


def is_nonpositive(v: Value) -> bool:
    return infer_range(v).high <= 0


def find_subtracted_max(v: Value) -> Equation | None:
    """Return the ``reduce_max`` equation of a value ``x - max(x)``; None for any other value.

    ``where(x >= max(x), x - x, x - max(x))`` is such a value, too.
    """
    difference = find_difference(v)
    if difference is None:
        return None
    x, maximum = difference.inputs
    broadcast = maximum.producer
    while broadcast is not None and broadcast.name == "broadcast_in_dim" and broadcast.inputs[0].ndim == maximum.ndim:
        broadcast = broadcast.inputs[0].producer
    reduction = broadcast.inputs[0].producer if broadcast is not None and broadcast.inputs else None
    if broadcast is None or reduction is None or reduction.name != "reduce_max" or reduction.inputs[0] is not x:
        return None
    axes = reduction.params["axes"]
    if broadcast.name == "broadcast_in_dim":
        fits = list(broadcast.params["broadcast_dimensions"]) == [a for a in range(x.ndim) if a not in axes]
    else:
        kept = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
        fits = broadcast.name == "reshape" and broadcast.result.shape == kept
    return reduction if fits else None


def find_difference(v: Value) -> Equation | None:
    """Return the equation ``x - y`` of a value, or of a value ``where(x >= y, x - x, x - y)``."""
    e = v.producer
    if e is None or e.name == "sub":
        return e
    if e.name != "select_n" or len(e.inputs) != 3:
        return None
    test, difference, zero = (x.producer for x in e.inputs)
    if test is None or difference is None or zero is None:
        return None
    names = (test.name, difference.name, zero.name)
    x = difference.inputs[0]
    fits = names == ("ge", "sub", "sub") and test.inputs == difference.inputs and zero.inputs == [x, x]
    return difference if fits else None
