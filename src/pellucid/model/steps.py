"""A model taken apart: its layers, each with what it is given and what it makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.model.model import Model
from pellucid.nn.layers import Layer


@dataclass(frozen=True)
class Step:
    """A layer at its place: what it is given, and what it makes of it."""

    layer: Layer
    given: tuple[Expr, ...]
    made: tuple[Expr, ...]


def steps_of(model: Model) -> list[Step]:
    """Return the calls of a built model's layers, in the order in which they are computed.

    Raises
    ------
    ModelError
        If the model is not built.
    """
    stages = model.checked_stages()
    calls = zip(model.layers, pairwise(stages), strict=True)
    return [Step(layer, (before,), (after,)) for layer, (before, after) in calls]


def as_tuple(value: Any) -> tuple[Expr, ...]:
    """Return an expression or several as a tuple."""
    return (value,) if isinstance(value, Expr) else tuple(value)
