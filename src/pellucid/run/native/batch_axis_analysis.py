"""Batch-axis analysis: which axis of each value is the batch, and which operations act on each sample separately."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pellucid.run.native.elementwise import is_elementwise
from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.matmul import DotGeneral
from pellucid.typing import Array

MIN_SAMPLES = 16
"""Smaller batches are not vectorized."""

Elements = Array
"""C expressions, one for each element of a sample."""


class NotVectorizable(Exception):
    """Why an axis is not a batch axis of independent samples."""


class BatchAxes:
    """The batch axis of each value, and the level of each value: the number of sums over the batch before it.

    ``seeds`` are the values with one sample per row. ``count_lanes`` returns the number of samples that are computed
    together, from this analysis and how many of their numbers fit into one of the vectors.
    """

    def __init__(
        self,
        equations: Sequence[Equation],
        seeds: Sequence[Value],
        vector_bytes: int,
        count_lanes: Callable[[BatchAxes, int], int],
    ) -> None:
        self.count: int = seeds[0].shape[0]
        self.axis: dict[Value, int] = dict.fromkeys(seeds, 0)
        self.levels: dict[Value, int] = {}
        self.equations: list[Equation] = []  # those that act on each sample separately, or sum over the samples
        self.num_elements: int = 0  # that these equations compute for one sample
        for e in equations:
            level = max((self.levels.get(x, 0) for x in e.inputs), default=0)
            reads_samples = any(x in self.axis for x in e.inputs)
            if reads_samples and e.outputs[0] in self.axis:
                raise NotVectorizable("rows are gathered from samples")
            if not reads_samples or e.outputs[0] in self.axis:
                self.levels.update(dict.fromkeys(e.outputs, level))
                continue
            axis = self.infer_axis(e)
            self.equations.append(e)
            if axis is None:
                level += 1
            else:
                self.axis[e.result] = axis
            self.levels[e.result] = level
            self.num_elements += e.result.size // (1 if axis is None else self.count)
        has_doubles = any(v.dtype == np.float64 for e in equations for v in e.outputs)
        self.lanes: int = count_lanes(self, vector_bytes // (8 if has_doubles else 4))
        self.padded_count: int = -(-self.count // self.lanes) * self.lanes  # a multiple of the samples per group
        self.has_padding: bool = self.padded_count > self.count

    def infer_axis(self, e: Equation) -> int | None:
        """Return the batch axis of a result, or None if it is summed."""
        if is_elementwise(e):
            return self.infer_elementwise(e)
        if e.name in AXIS_RULES:
            return AXIS_RULES[e.name](self, e)
        raise NotVectorizable(f"{e.name} mixes samples")

    def infer_elementwise(self, e: Equation) -> int:
        axes = {self.axis[x] + e.result.ndim - x.ndim for x in e.inputs if x in self.axis}
        if len(axes) != 1:
            raise NotVectorizable(f"{e.name} has samples on two axes")
        return axes.pop()


def _broadcast_axis(batch: BatchAxes, e: Equation) -> int:
    return int(e.params["broadcast_dimensions"][batch.axis[e.inputs[0]]])


def _reshape_axis(batch: BatchAxes, e: Equation) -> int:
    x, result = e.inputs[0], e.result
    outer_size = int(np.prod(x.shape[: batch.axis[x]], dtype=int))
    for axis, n in enumerate(result.shape):
        if n == batch.count and int(np.prod(result.shape[:axis], dtype=int)) == outer_size:
            return axis
    raise NotVectorizable("a reshape mixes samples")


def _transpose_axis(batch: BatchAxes, e: Equation) -> int:
    return int(list(e.params["permutation"]).index(batch.axis[e.inputs[0]]))


def _slice_axis(batch: BatchAxes, e: Equation) -> int:
    axis = batch.axis[e.inputs[0]]
    if e.result.shape[axis] != batch.count or (e.params["strides"] or [1] * 9)[axis] != 1:
        raise NotVectorizable("a slice drops samples")
    return axis


def _rev_axis(batch: BatchAxes, e: Equation) -> int:
    axis = batch.axis[e.inputs[0]]
    if axis in e.params["dimensions"]:
        raise NotVectorizable("the samples are reversed")
    return axis


def _pad_axis(batch: BatchAxes, e: Equation) -> int:
    axis, spans = batch.axis.get(e.inputs[0]), e.params["padding_config"]
    if axis is None or e.inputs[1] in batch.axis or spans[axis] != (0, 0, 0) or min(min(s) for s in spans) < 0:
        raise NotVectorizable("padding adds samples or crops elements")
    return axis


def _concatenate_axis(batch: BatchAxes, e: Equation) -> int:
    axis = batch.infer_elementwise(e)
    if axis == e.params["dimension"]:
        raise NotVectorizable("samples are concatenated with others")
    return axis


def _reduction_axis(batch: BatchAxes, e: Equation) -> int | None:
    axis, over = batch.axis[e.inputs[0]], e.params["axes"]
    return None if axis in over else axis - sum(a < axis for a in over)


def _arg_extremum_axis(batch: BatchAxes, e: Equation) -> int:
    axis = _reduction_axis(batch, e)
    if axis is None:
        raise NotVectorizable(f"{e.name} compares samples")
    return axis


def _dot_axis(batch: BatchAxes, e: Equation) -> int | None:
    p = DotGeneral.from_equation(e)

    def locate(x: Value, axes: dict[str, list[int]]) -> tuple[str, int] | None:
        """Return the kind of an operand's batch axis, and its number among those of its kind."""
        if x not in batch.axis:
            return None
        return next((kind, found.index(batch.axis[x])) for kind, found in axes.items() if batch.axis[x] in found)

    left, right = locate(p.left, p.left_axes), locate(p.right, p.right_axes)
    if left and right and (left != right or left[0] == "free"):
        raise NotVectorizable("samples are multiplied with each other")
    kind, number = left or right or ("", 0)
    if kind == "sum":
        return None
    if kind == "batch":
        return number
    return len(p.left_axes["batch"]) + (0 if left else len(p.left_axes["free"])) + number


def _gather_axis(batch: BatchAxes, e: Equation) -> int:
    x, where = e.inputs
    d = e.params["dimension_numbers"]
    single = len(d.start_index_map) == 1 and not d.offset_dims and all(n == 1 for n in e.params["slice_sizes"])
    if x not in batch.axis or where not in batch.axis or not single or batch.axis[x] not in d.operand_batching_dims:
        raise NotVectorizable("elements are gathered across samples")
    number = d.operand_batching_dims.index(batch.axis[x])
    if batch.axis[where] != d.start_indices_batching_dims[number] or x.ndim != len(d.operand_batching_dims) + 1:
        raise NotVectorizable("elements are gathered across samples")
    return batch.axis[where]


AXIS_RULES: dict[str, Callable[[BatchAxes, Equation], int | None]] = {
    "broadcast_in_dim": _broadcast_axis,
    "reshape": _reshape_axis,
    "squeeze": _reshape_axis,
    "transpose": _transpose_axis,
    "slice": _slice_axis,
    "rev": _rev_axis,
    "concatenate": _concatenate_axis,
    "pad": _pad_axis,
    "dot_general": _dot_axis,
    "gather": _gather_axis,
    "argmax": _arg_extremum_axis,
    "argmin": _arg_extremum_axis,
    **dict.fromkeys(("reduce_sum", "reduce_prod", "reduce_max", "reduce_min"), _reduction_axis),
}
"""For each primitive that is not elementwise, the batch axis of its result."""
