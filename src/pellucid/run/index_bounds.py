"""Labels and indices held against what they count, before a program runs that could not say so.

A compiled program has no exceptions: an index beyond the end would give it some other number, silently.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.errors import InputError, brief
from pellucid.graph.expr import Expr, Input
from pellucid.graph.ops.index_spec import array_axes
from pellucid.graph.traversal import topological
from pellucid.graph.types import Dim

Counted = list[tuple[int, Dim, bool]]


def _index_arrays(first: int) -> Callable[[Expr], Counted]:
    """Return the places of the operands of an op that are index arrays, which begin at some place."""

    def places(e: Expr) -> Counted:
        axes = array_axes(e.settings["index"])
        return [(first + number, e.inputs[0].shape[axis], True) for number, axis in enumerate(axes)]

    return places


PLACES: dict[str, Callable[[Expr], Counted]] = {
    "sparse_crossentropy": lambda e: [(0, e.inputs[1].shape[-1], False)],
    "gather": _index_arrays(1),
    "take_along_axis": lambda e: [(1, e.inputs[0].shape[e.settings["axis"]], True)],
    **{f"{method}_at": _index_arrays(2) for method in ("set", "add", "multiply", "max", "min")},
}
"""For an op that counts: which operands hold indices, of how many, and whether negative ones count from the end."""

RESHAPING = {"expand_dims", "squeeze", "reshape", "reshape_like", "transpose", "broadcast_like", "broadcast_to"}


@dataclass(frozen=True)
class Bound:
    """What the integers of an input must lie between."""

    low: int
    high: int
    user: Expr

    def check(self, given: Input, value: Any) -> None:
        """Refuse integers beyond the bounds.

        Raises
        ------
        InputError
            Naming the input, the integer, and what it is an index of.
        """
        array = np.asarray(value)
        if array.size and (array.min() < self.low or array.max() > self.high):
            from_one = bool(array.max() == self.high + 1 and array.min() > 0)
            wrong = array.min() if array.min() < self.low else array.max()
            raise InputError(
                f"{given} must lie from {self.low} to {self.high}, because it says which in {brief(self.user)}. "
                f"Received: {wrong}" + "; counting begins at 0, so subtract 1 if the data begin at 1" * from_one
            ).about([given, self.user])


def bounds_of(outputs: Sequence[Expr]) -> dict[Input, Bound]:
    """Return the bounds of every input that is an index into something of known length."""
    found: dict[Input, Bound] = {}
    for e in topological(outputs):
        places = PLACES.get(e.op.name) if e.op is not None else None
        for position, count, from_end in places(e) if places is not None else []:
            source = e.inputs[position]
            while source.op is not None and source.op.name in RESHAPING:
                source = source.inputs[0]
            if isinstance(source, Input) and isinstance(count, int):
                bound = Bound(-count if from_end else 0, count - 1, e)
                known = found.get(source)
                found[source] = bound if known is None or (bound.low, -bound.high) > (known.low, -known.high) else known
    return found
