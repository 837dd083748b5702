"""Range checks of inputs that hold labels or indices, before a program runs.

A compiled program cannot raise exceptions: with an index out of bounds it would return a wrong value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.errors import InputError, brief
from pellucid.graph.expr import Expr, Input
from pellucid.graph.ops.index_spec import get_array_axes
from pellucid.graph.traversal import topological
from pellucid.graph.types import Dim

IndexOperands = list[tuple[int, Dim, bool]]
"""Position of each operand that holds indices, the length that it indexes, and whether -1 is the last element."""


def _index_arrays(first: int) -> Callable[[Expr], IndexOperands]:
    """Return a function that lists the index arrays of an op, whose operands begin at some position."""

    def list_operands(e: Expr) -> IndexOperands:
        axes = get_array_axes(e.settings["index"])
        return [(first + number, e.inputs[0].shape[axis], True) for number, axis in enumerate(axes)]

    return list_operands


INDEX_OPERANDS: dict[str, Callable[[Expr], IndexOperands]] = {
    "sparse_crossentropy": lambda e: [(0, e.inputs[1].shape[-1], False)],
    "gather": _index_arrays(1),
    "take_along_axis": lambda e: [(1, e.inputs[0].shape[e.settings["axis"]], True)],
    **{f"{method}_at": _index_arrays(2) for method in ("set", "add", "multiply", "max", "min")},
}
"""For each op with indices, its operands that hold them."""

RESHAPING = {"expand_dims", "squeeze", "reshape", "reshape_like", "transpose", "broadcast_like", "broadcast_to"}


@dataclass(frozen=True)
class Bound:
    """The range of the integers of an input, and the expression that uses them as indices."""

    low: int
    high: int
    user: Expr

    def check(self, i: Input, value: Any) -> None:
        array = np.asarray(value)
        if array.size and (array.min() < self.low or array.max() > self.high):
            one_based = bool(array.max() == self.high + 1 and array.min() > 0)
            wrong = array.min() if array.min() < self.low else array.max()
            raise InputError(
                f"Expected {i} to be from {self.low} to {self.high}, because it is an index in {brief(self.user)}. "
                f"Received: {wrong}" + ". Indices start at 0; subtract 1 if those of your data start at 1" * one_based
            ).with_operands([i, self.user])


def collect_bounds(outputs: Sequence[Expr]) -> dict[Input, Bound]:
    """Return the range of every input that indexes an axis of known length."""
    bounds: dict[Input, Bound] = {}
    for e in topological(outputs):
        if e.op is None or e.op.name not in INDEX_OPERANDS:
            continue
        for position, count, from_end in INDEX_OPERANDS[e.op.name](e):
            source = e.inputs[position]
            while source.op is not None and source.op.name in RESHAPING:
                source = source.inputs[0]
            if isinstance(source, Input) and isinstance(count, int):
                bound = Bound(-count if from_end else 0, count - 1, e)
                other = bounds.get(source)
                if other is None or (bound.low, -bound.high) > (other.low, -other.high):
                    bounds[source] = bound
    return bounds
