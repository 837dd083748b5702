"""What layers share that look at an array through windows: one setting, or one for each axis between the first and the
last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.types import shape_text
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.validation import one_of

Sizes = int | Sequence[int]


class Windowed(Layer):
    """A layer for (batch, ..., channels) with one, two or three axes between, as its ``ndim`` says."""

    keeps_mask = False

    @property
    def axes(self) -> int:
        """How many axes there are between the batch and the channels."""
        return (self.ndim or 0) - 2

    def sizes(self, what: str, value: Any, least: int = 1) -> tuple[int, ...]:
        """Return one size for each axis, or say in the layer's name what was expected."""
        values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * self.axes
        whole = all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) and v >= least for v in values)
        if not whole or len(values) != self.axes:
            several = f", or {self.axes} of them" if self.axes > 1 else ""
            raise ShapeError(
                f"{self.name}: expected {what} to be an integer of {least} or more{several}. Received: {what}={value!r}"
            )
        return tuple(int(v) for v in values)

    def pairs(self, what: str, value: Any) -> tuple[tuple[int, int], ...]:
        """Return (before, after) for each axis, from one number, one for each axis, or such pairs."""
        per_axis = (value,) * self.axes if isinstance(value, (int, np.integer)) else value
        if self.axes == 1 and isinstance(per_axis, (tuple, list)) and len(per_axis) == 2:
            per_axis = (per_axis,)
        given = [(v, v) if isinstance(v, (int, np.integer)) else v for v in per_axis] if np.iterable(per_axis) else []
        try:
            widths = np.array(given)
        except ValueError:
            widths = np.array(())
        if widths.shape != (self.axes, 2) or widths.dtype.kind not in "iu" or (widths < 0).any():
            several = f", {self.axes} of them, or {self.axes} pairs" if self.axes > 1 else " or one pair"
            raise ShapeError(
                f"{self.name}: expected {what} to be an integer of 0 or more{several} (before, after). "
                f"Received: {what}={value!r}"
            )
        return tuple((int(a), int(b)) for a, b in widths)

    def one_of(self, what: str, value: Any, known: Sequence[str]) -> str:
        """Return one of several words, or say which there are."""
        return one_of(self.name, what, value, known)

    def known_sizes(self, x: Expr) -> list[int]:
        """Return how long the axes between the batch and the channels are, or say that it must be known."""
        known = [size for size in x.shape[1:-1] if isinstance(size, int)]
        if len(known) != self.axes:
            raise ShapeError(
                f"{self.name}: expected an input whose sizes between the batch and the channels are known. "
                f"Received: {x}, of shape {shape_text(x.shape)}"
            )
        return known
