"""Where the samples of a batch lie in the values of a step, and what is computed for each of them alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.run.native.elementwise import is_pointwise
from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.matmul import Product

FEWEST_LANES = 16
"""From how many samples on a loop over them is worth it."""

Elements = np.ndarray[Any, Any]


class NoLanes(Exception):
    """Why an axis is not one of samples that are computed alone."""


class Axes:
    """Where the samples lie in each value, and after how many sums over them it is known.

    Parameters
    ----------
    equations : sequence of Equation
        Of a step.
    seeds : sequence of Value
        What has a sample in each row.
    vectors : int
        How many vectors of them are computed at once.
    """

    def __init__(self, equations: Sequence[Equation], seeds: Sequence[Value], vectors: int) -> None:
        self.count = seeds[0].shape[0]
        wide = any(v.dtype == np.float64 for e in equations for v in e.outputs)
        self.lanes = FEWEST_LANES if wide or self.count <= FEWEST_LANES else vectors * FEWEST_LANES
        """How many samples are computed at once."""
        self.padded = -(-self.count // self.lanes) * self.lanes
        self.of: dict[Value, int] = dict.fromkeys(seeds, 0)
        self.levels: dict[Value, int] = {}
        self.equations: list[Equation] = []
        """Those that are computed sample by sample."""
        self.statements = 0
        """How many numbers a sample has on its way."""
        for e in equations:
            level = max((self.levels.get(x, 0) for x in e.inputs), default=0)
            of_samples = any(x in self.of for x in e.inputs)
            if of_samples and e.outputs[0] in self.of:
                raise NoLanes("rows are looked up among samples")
            if not of_samples or e.outputs[0] in self.of:
                self.levels.update(dict.fromkeys(e.outputs, level))
                continue
            axis = self.axis(e)
            self.equations.append(e)
            if axis is None:
                level += 1
            else:
                self.of[e.result] = axis
            self.levels[e.result] = level
            self.statements += e.result.size // (1 if axis is None else self.count)

    def axis(self, e: Equation) -> int | None:
        """Return where the samples lie in a result, or None if they are summed over."""
        if is_pointwise(e):
            return self.pointwise(e)
        if e.name in RULES:
            return RULES[e.name](self, e)
        raise NoLanes(f"{e.name} goes across samples")

    def pointwise(self, e: Equation) -> int:
        """Return the axis of an elementwise result."""
        found = {self.of[x] + e.result.ndim - x.ndim for x in e.inputs if x in self.of}
        if len(found) != 1:
            raise NoLanes(f"{e.name} meets samples along two axes")
        return found.pop()


def _broadcast(axes: Axes, e: Equation) -> int:
    return int(e.params["broadcast_dimensions"][axes.of[e.inputs[0]]])


def _reshape(axes: Axes, e: Equation) -> int:
    x, result = e.inputs[0], e.result
    at = axes.of[x]
    before = int(np.prod(x.shape[:at], dtype=int))
    for axis, n in enumerate(result.shape):
        if n == axes.count and int(np.prod(result.shape[:axis], dtype=int)) == before:
            return axis
    raise NoLanes("a reshape mixes samples")


def _transpose(axes: Axes, e: Equation) -> int:
    return int(list(e.params["permutation"]).index(axes.of[e.inputs[0]]))


def _slice(axes: Axes, e: Equation) -> int:
    axis = axes.of[e.inputs[0]]
    if e.result.shape[axis] != axes.count or (e.params["strides"] or [1] * 9)[axis] != 1:
        raise NoLanes("some samples are left out")
    return axis


def _rev(axes: Axes, e: Equation) -> int:
    axis = axes.of[e.inputs[0]]
    if axis in e.params["dimensions"]:
        raise NoLanes("samples are turned around")
    return axis


def _pad(axes: Axes, e: Equation) -> int:
    axis, spans = axes.of.get(e.inputs[0]), e.params["padding_config"]
    if axis is None or e.inputs[1] in axes.of or spans[axis] != (0, 0, 0) or min(min(s) for s in spans) < 0:
        raise NoLanes("samples are added, or numbers are left out")
    return axis


def _concatenate(axes: Axes, e: Equation) -> int:
    axis = axes.pointwise(e)
    if axis == e.params["dimension"]:
        raise NoLanes("samples are joined to others")
    return axis


def _reduction(axes: Axes, e: Equation) -> int | None:
    axis, over = axes.of[e.inputs[0]], e.params["axes"]
    return None if axis in over else axis - sum(a < axis for a in over)


def _extreme(axes: Axes, e: Equation) -> int:
    axis = _reduction(axes, e)
    if axis is None:
        raise NoLanes("the place of a sample is looked for")
    return axis


def _dot(axes: Axes, e: Equation) -> int | None:
    p = Product.of(e)
    of_left, of_right = (
        next(
            ((kind, found.index(axes.of[x])) for kind, found in of.items() if x in axes.of and axes.of[x] in found),
            None,
        )
        for x, of in ((p.left, p.left_axes), (p.right, p.right_axes))
    )
    if of_left and of_right and (of_left != of_right or of_left[0] == "free"):
        raise NoLanes("samples meet samples")
    kind, number = of_left or of_right or ("", 0)
    if kind == "sum":
        return None
    if kind == "batch":
        return number
    return len(p.left_axes["batch"]) + (0 if of_left else len(p.left_axes["free"])) + number


def _gather(axes: Axes, e: Equation) -> int:
    x, where = e.inputs
    d = e.params["dimension_numbers"]
    alone = len(d.start_index_map) == 1 and not d.offset_dims and all(n == 1 for n in e.params["slice_sizes"])
    if x not in axes.of or where not in axes.of or not alone or axes.of[x] not in d.operand_batching_dims:
        raise NoLanes("elements are looked up across samples")
    at = d.operand_batching_dims.index(axes.of[x])
    if axes.of[where] != d.start_indices_batching_dims[at] or x.ndim != len(d.operand_batching_dims) + 1:
        raise NoLanes("elements are looked up across samples")
    return axes.of[where]


RULES: dict[str, Callable[[Axes, Equation], int | None]] = {
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "squeeze": _reshape,
    "transpose": _transpose,
    "slice": _slice,
    "rev": _rev,
    "concatenate": _concatenate,
    "pad": _pad,
    "dot_general": _dot,
    "gather": _gather,
    "argmax": _extreme,
    "argmin": _extreme,
    **dict.fromkeys(("reduce_sum", "reduce_prod", "reduce_max", "reduce_min"), _reduction),
}
"""For what is not elementwise, where the samples lie in a result."""
