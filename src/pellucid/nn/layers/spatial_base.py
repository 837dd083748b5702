"""Base class of layers for sequences, images and volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.types import format_shape
from pellucid.graph.validation import is_integer
from pellucid.nn.layers.base import Layer

Sizes = int | Sequence[int]
"""One integer, or one for each spatial axis."""

Pairs = int | Sequence[int | Sequence[int]]
"""One integer, one for each spatial axis, or (before, after) for each."""


class SpatialLayer(Layer):
    """A layer for inputs (batch, ..., channels) with ``ndim - 2`` spatial axes."""

    keeps_mask = False

    @property
    def spatial_ndim(self) -> int:
        return (self.ndim or 0) - 2

    def check_sizes(self, name: str, value: Any, minimum: int = 1) -> tuple[int, ...]:
        """Return one integer for each spatial axis."""
        values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * self.spatial_ndim
        if not all(is_integer(v) and v >= minimum for v in values) or len(values) != self.spatial_ndim:
            several = f", or {self.spatial_ndim} of them" if self.spatial_ndim > 1 else ""
            raise ShapeError(
                f"{self.name}: expected {name} to be an integer of {minimum} or more{several}. "
                f"Received: {name}={value!r}"
            )
        return tuple(int(v) for v in values)

    def check_pairs(self, name: str, value: Any) -> tuple[tuple[int, int], ...]:
        """Return (before, after) for each spatial axis, from an integer, one for each axis, or such pairs."""
        count = self.spatial_ndim
        values = tuple(value) if np.iterable(value) else (value,) * count
        if count == 1 and len(values) == 2:
            values = (values,)
        pairs = [tuple(v) if np.iterable(v) else (v, v) for v in values]
        if len(pairs) != count or not all(len(p) == 2 and all(is_integer(n) and n >= 0 for n in p) for p in pairs):
            several = f", {count} of them, or {count} pairs" if count > 1 else ", or a pair"
            raise ShapeError(
                f"{self.name}: expected {name} to be an integer of 0 or more{several} (before, after). "
                f"Received: {name}={value!r}"
            )
        return tuple((int(before), int(after)) for before, after in pairs)

    def get_known_sizes(self, x: Expr) -> list[int]:
        """Return the lengths of the spatial axes, which must be known."""
        sizes = [size for size in x.shape[1:-1] if isinstance(size, int)]
        if len(sizes) != self.spatial_ndim:
            raise ShapeError(
                f"{self.name}: expected an input whose sizes between the batch and the channels are known. "
                f"Received: {brief(x)}, of shape {format_shape(x.shape)}"
            ).with_operands([x])
        return sizes
