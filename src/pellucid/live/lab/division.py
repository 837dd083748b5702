"""Division of the rows into training and held-out rows, and mini-batches, as expressions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.graph.expr import Expr, constant
from pellucid.graph.ops.elementwise import cast, minimum
from pellucid.graph.ops.rounding import floor
from pellucid.graph.ops.where import where
from pellucid.live.lab.inputs import LabInputs


@dataclass(frozen=True, eq=False)
class Division:
    """Numbers of rows, and where the held-out ones start.

    Split 1 holds out the first rows, split 2 the next ones, and so on, as the folds of a cross-validation.
    """

    inputs: LabInputs
    rows: Expr
    held_out: Expr
    start: Expr

    @property
    def training(self) -> Expr:
        return self.rows - self.held_out

    @property
    def weights(self) -> tuple[Expr, Expr]:
        """Weights of all places, 0 or 1: for training rows, and for held-out rows."""
        present, i = self.inputs.present, count_from_zero(self.inputs.places)
        position = wrap_negative(i - self.start, self.rows)
        is_held_out = present * cast(position < self.held_out, present.dtype)
        return present - is_held_out, is_held_out

    @property
    def batch(self) -> tuple[Expr, Expr]:
        """Row numbers of the next mini-batch, and weights that are 0 beyond its size."""
        k = count_from_zero(self.inputs.batch_places)
        position = wrap(self.inputs.offset + k, self.training)
        index = wrap(wrap(self.start + self.held_out + position, self.rows), self.rows)
        return index, cast(k < self.batch_size, self.inputs.present.dtype)

    @property
    def batch_size(self) -> Expr:
        result: Expr = minimum(self.inputs.batch, self.training)
        return result

    @property
    def next_offset(self) -> Expr:
        return wrap(self.inputs.offset + self.batch_size, self.training)


def divide_rows(inputs: LabInputs) -> Division:
    """Return the division that the controls describe; at least one row is for training."""
    rows = cast(inputs.present.sum(), "int32")
    held_out = minimum(cast(floor(inputs.held_out * inputs.present.sum() + 0.5), "int32"), rows - 1)
    return Division(inputs, rows, held_out, (inputs.split - 1) * held_out % rows)


def count_from_zero(count: int) -> Expr:
    return constant(np.arange(count, dtype=np.int32))


def wrap(value: Expr, count: Expr) -> Expr:
    """Subtract the count once if a value has reached it. Values below twice the count become those modulo the count."""
    result: Expr = where(value >= count, value - count, value)
    return result


def wrap_negative(value: Expr, count: Expr) -> Expr:
    result: Expr = where(value < 0, value + count, value)
    return result
