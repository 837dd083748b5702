"""Graphs inside ops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, InnerGraph


@dataclass(frozen=True, eq=False)
class Subgraph(InnerGraph):
    """A graph inside an op, such as the step of a `scan`: placeholders, and what is made of them.

    Two bodies are the same one if they make the same expressions of the same placeholders.
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
        return any(e.is_labeled for e in self.outputs)

    @property
    def empty_outputs(self) -> list[np.ndarray[Any, Any]]:
        """What each output is, stacked, if the graph never ran: of the sizes that are known."""
        known = [tuple(d if isinstance(d, int) else 0 for d in e.shape) for e in self.outputs]
        return [np.empty((0, *shape), e.dtype) for shape, e in zip(known, self.outputs, strict=True)]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.inputs))}) -> ({', '.join(map(str, self.outputs))})"
