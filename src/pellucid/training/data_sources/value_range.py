"""Minima and maxima of arrays, for the checks of data."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pellucid.typing import Array


class ValueRange(NamedTuple):
    """Minimum and maximum of an array; both are NaN if it contains NaN."""

    low: Any
    high: Any

    @property
    def is_finite(self) -> bool:
        """Whether all values are finite."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))


class ValueRanges:
    """Ranges of arrays that do not change meanwhile, each computed once.

    Examples
    --------
    >>> ranges, values = ValueRanges(), np.array([3, 1, 2])
    >>> ranges.get(values) is ranges.get(values)
    True
    """

    def __init__(self) -> None:
        self.known: dict[int, tuple[Array, ValueRange]] = {}
        """For each id, the array, which keeps its id while it exists, and its range."""

    def get(self, array: Array) -> ValueRange:
        """Return the range of an array with at least one element."""
        if id(array) not in self.known:
            with np.errstate(invalid="ignore"):
                self.known[id(array)] = array, ValueRange(array.min(), array.max())
        return self.known[id(array)][1]
