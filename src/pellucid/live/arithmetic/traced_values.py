"""Values of a graph, as `why` traces them, with positions that integers of the data choose."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.ops.index_spec import ARRAY
from pellucid.show.why.element_values import ValueEnv
from pellucid.show.why.provenance import ElementIndex, Provenance, broadcast_index


class ChosenIndex(int):
    """Position along an axis that an integer of the graph chooses, such as the class of a sample."""

    chooser: Expr
    place: ElementIndex

    def __new__(cls, value: int, chooser: Expr, place: ElementIndex) -> ChosenIndex:
        self = super().__new__(cls, value)
        self.chooser, self.place = chooser, place
        return self

    @property
    def key(self) -> tuple[Any, ...]:
        return int(self), self.chooser, self.place

    # Provenances are stored by index: positions that are equal only for the present data must differ.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, ChosenIndex) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


class TracedValues(ValueEnv):
    """Values of a graph in which gathered elements remember the integers that chose them.

    Elements that a scatter writes are not followed to their sources, because the data decide which are written.
    """

    def provenance(self, expr: Expr, index: ElementIndex) -> Provenance:
        if is_scatter(expr):
            return Provenance("whole")
        found = super().provenance(expr, index)
        assert expr.op is not None
        if found.kind == "moved" and expr.op.name in ("take_along_axis", "gather"):
            [(_, place)] = found.places
            choose = self.choose_taken if expr.op.name == "take_along_axis" else self.choose_gathered
            return Provenance("moved", ((0, choose(expr, index, place)),))
        return found

    def choose(self, chooser: Expr, index: ElementIndex, position: int) -> ChosenIndex:
        return ChosenIndex(position, chooser, broadcast_index(index, self.value(chooser).shape))

    def choose_taken(self, expr: Expr, index: ElementIndex, place: ElementIndex) -> ElementIndex:
        axis = expr.settings["axis"]
        return (*place[:axis], self.choose(expr.inputs[1], index, place[axis]), *place[axis + 1 :])

    def choose_gathered(self, expr: Expr, index: ElementIndex, place: ElementIndex) -> ElementIndex:
        _, *arrays = expr.inputs
        axes = [a for a, part in enumerate(p for p in expr.settings["index"] if p is not None) if part is ARRAY]
        element = self.find_in_index_arrays(expr, index, axes)
        chosen = list(place)
        for axis, array in zip(axes, arrays, strict=True):
            chosen[axis] = self.choose(array, element, place[axis])
        return tuple(chosen)

    def find_in_index_arrays(self, expr: Expr, index: ElementIndex, axes: list[int]) -> ElementIndex:
        """Return the place in the broadcast index arrays that an element of a `gather` belongs to."""
        assert expr.op is not None
        x, *arrays = expr.inputs
        shape = np.broadcast_shapes(*(self.value(a).shape for a in arrays))
        positions = np.arange(np.prod(shape, dtype=int)).reshape(shape)
        zeros = [np.zeros_like(positions)] * (len(arrays) - 1)
        sizes = [1 if a in axes else size for a, size in enumerate(self.value(x).shape)]
        # An operand whose elements along the first indexed axis are their own positions.
        line = positions.reshape([-1 if a == axes[0] else 1 for a in range(x.ndim)])
        operand = np.broadcast_to(line, [positions.size if a == axes[0] else size for a, size in enumerate(sizes)])
        found = np.asarray(expr.op.value(np, operand, positions, *zeros, **expr.settings))[index]
        return tuple(map(int, np.unravel_index(found, shape)))


def is_scatter(expr: Expr) -> bool:
    """Tell whether an op writes elements to places that integers choose: to the class of each sample."""
    return expr.op is not None and expr.op.name == "take_along_axis_gradient"
