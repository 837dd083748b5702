"""Graphs inside ops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.typing import Array


@dataclass(frozen=True, eq=False)
class Subgraph:
    """Graph inside an op, such as the step of a `scan`: placeholders, and outputs that depend on them.

    Two subgraphs are equal if they compute the same expressions of the same placeholders.
    """

    inputs: tuple[Expr, ...]
    outputs: tuple[Expr, ...]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Subgraph) or len(other.outputs) != len(self.outputs):
            return False
        mine, others = (*self.inputs, *self.outputs), (*other.inputs, *other.outputs)
        return len(mine) == len(others) and all(a is b for a, b in zip(mine, others, strict=True))

    def __hash__(self) -> int:
        return hash((self.inputs, self.outputs))

    @property
    def is_labeled(self) -> bool:
        """Whether an output, or any expression that it depends on, has a name or a call."""
        return any(e.is_labeled for e in self.outputs)

    @property
    def empty_outputs(self) -> list[Array]:
        """The stacked outputs of zero iterations. Unknown sizes are 0."""
        shapes = [tuple(d if isinstance(d, int) else 0 for d in e.shape) for e in self.outputs]
        return [np.empty((0, *shape), e.dtype) for shape, e in zip(shapes, self.outputs, strict=True)]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.inputs))}) -> ({', '.join(map(str, self.outputs))})"
