"""Bounds and lengths of slices whose bounds, or axes, have sizes that are known when a program runs."""

from __future__ import annotations

import operator

from pellucid.graph.size_formulas import choose_largest, choose_smallest
from pellucid.graph.types import Dim, combine_dims, compute_dim


def normalize_slice(length: Dim, start: Dim | None, stop: Dim | None, step: int) -> tuple[Dim, Dim]:
    """Return the first element of a slice and the end that is not included, both counted from the start of the axis.

    An axis is traversed backwards down to element 0 if its end is -1.
    """
    ends: tuple[Dim, Dim] = (0, length) if step > 0 else (combine_dims(operator.sub, length, 1), -1)
    first, last = (
        end if bound is None else normalize_bound(bound, length, step < 0)
        for bound, end in zip((start, stop), ends, strict=True)
    )
    return first, last


def normalize_bound(bound: Dim, length: Dim, backwards: bool) -> Dim:
    """Return the bound of a slice as Python counts it: negative ones from the end, and none beyond the ends."""
    opposite = combine_dims(operator.mul, -1, bound)
    is_negative = combine_dims(choose_smallest, 1, combine_dims(choose_largest, 0, opposite))  # 1 or 0
    counted = combine_dims(operator.add, bound, combine_dims(operator.mul, is_negative, length))
    low = -1 if backwards else 0
    high = combine_dims(operator.add, length, low)
    return combine_dims(choose_largest, low, combine_dims(choose_smallest, counted, high))


def count_steps(first: Dim, last: Dim, step: int) -> Dim:
    """Return the number of steps from one size to another, 0 if the other is behind."""
    distance = combine_dims(operator.sub, last, first) if step > 0 else combine_dims(operator.sub, first, last)
    rounded = combine_dims(operator.add, distance, abs(step) - 1)
    return combine_dims(choose_largest, 0, combine_dims(operator.floordiv, rounded, abs(step)))


def infer_slice_length(length: Dim, start: int | None, stop: int | None, step: int | None) -> Dim:
    """Return the number of elements of a slice of an operand; see `compute_dim`."""
    step = 1 if step is None else step
    return compute_dim(lambda: count_steps(*normalize_slice(length, start, stop, step), step), length)
