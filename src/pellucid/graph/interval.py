r"""Intervals of real numbers and their arithmetic.

The interval of an array contains all its elements except NaN. Bounds are those of real arithmetic; rounding may exceed
them by some units in the last place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Interval:
    """All numbers from ``low`` to ``high``, with both.

    Examples
    --------
    >>> Interval(0, 1) - Interval(0, 2), 1 / Interval(-1, 1)
    (Interval(low=-2, high=1), Interval(low=-inf, high=inf))
    """

    low: float
    high: float

    @property
    def is_bounded(self) -> bool:
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def magnitude(self) -> float:
        """The largest absolute value."""
        return max(abs(self.low), abs(self.high))

    def contains(self, value: float) -> bool:
        return self.low <= value <= self.high

    def union(self, *others: Interval) -> Interval:
        """Return the smallest interval that contains these intervals."""
        every = (self, *others)
        return Interval(min(i.low for i in every), max(i.high for i in every))

    def clip(self, low: float, high: float) -> Interval:
        """Return the interval of the elements after `clip`."""
        return Interval(min(max(self.low, low), high), min(max(self.high, low), high))

    def scale(self, factor: float) -> Interval:
        """Return the interval of the products with a number."""
        return self * Interval(factor, factor)

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __add__(self, other: Interval) -> Interval:
        return make_interval(self.low + other.low, self.high + other.high)

    def __sub__(self, other: Interval) -> Interval:
        return self + -other

    def __mul__(self, other: Interval) -> Interval:
        products = [_multiply(a, b) for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(min(products), max(products))

    def __truediv__(self, other: Interval) -> Interval:
        # The quotient of 0 is infinite with either sign, because a zero has one.
        return REAL if other.contains(0) else self * Interval(1 / other.high, 1 / other.low)

    def __rtruediv__(self, number: float) -> Interval:
        return Interval(number, number) / self

    def __pow__(self, exponent: float) -> Interval:
        """Return the interval of powers with a constant exponent."""
        if not math.isfinite(exponent):
            return REAL
        if exponent < 0:
            return 1 / self**-exponent
        is_even = exponent == int(exponent) and int(exponent) % 2 == 0
        if exponent == 0:
            return Interval(1, 1)
        if is_even or exponent != int(exponent):
            base = self.clip(0, math.inf) if not is_even else self.absolute()
            return Interval(apply_to_bound(np.power, base.low, exponent), apply_to_bound(np.power, base.high, exponent))
        return Interval(apply_to_bound(np.power, self.low, exponent), apply_to_bound(np.power, self.high, exponent))

    def absolute(self) -> Interval:
        return Interval(0 if self.contains(0) else min(abs(self.low), abs(self.high)), self.magnitude)

    def __str__(self) -> str:
        return f"[{self.low:g}, {self.high:g}]"


RangeRule = Callable[..., Interval]
"""``value_range(node, *intervals)``: the interval of the result of an op from those of its operands."""


REAL = Interval(-math.inf, math.inf)
UNIT = Interval(0, 1)
NONNEGATIVE = Interval(0, math.inf)


def make_interval(low: float, high: float) -> Interval:
    """Return an interval in which an undefined bound, such as inf - inf, is infinite."""
    return Interval(-math.inf if math.isnan(low) else low, math.inf if math.isnan(high) else high)


def _multiply(a: float, b: float) -> float:
    """Multiply bounds. An infinite bound means arbitrarily large numbers, whose product with 0 is 0."""
    return 0.0 if a == 0 or b == 0 else a * b


def apply_to_bound(function: Callable[..., Any], *operands: float) -> float:
    """Apply a function to bounds. Outside of its domain the result is NaN."""
    with np.errstate(all="ignore"):
        return float(function(*map(np.float64, operands)))
