"""Layout of a tile of samples: the equations of a step, rewritten with the batch axis last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from pellucid.run.native.batch_axis_analysis import BatchAxes, NotVectorizable
from pellucid.run.native.elementwise import is_elementwise
from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.index_maps import get_default_fill
from pellucid.run.native.matmul import DotGeneral
from pellucid.typing import ArrayLike


class BatchLastLayout:
    """Rewrites values and equations for one tile of samples, which is the last axis."""

    def __init__(self, batch: BatchAxes) -> None:
        self.batch = batch
        self.tiles: dict[Value, Value] = {}
        self.equations: list[Equation] = []
        self.count: int = 0

    def get_tile(self, v: Value) -> Value:
        if v not in self.tiles:
            self.tiles[v] = Value(self.tile_shape(v), v.dtype, f"{v.name}_b")
        return self.tiles[v]

    def tile_shape(self, v: Value) -> tuple[int, ...]:
        axis = self.batch.axis[v]
        return (*v.shape[:axis], *v.shape[axis + 1 :], self.batch.lanes)

    def rewrite_all(self, equations: Sequence[Equation]) -> list[Equation]:
        self.equations = []
        for e in equations:
            self.rewrite(e)
        return self.equations

    def rewrite(self, e: Equation) -> None:
        if is_elementwise(e):
            operands = [self.get_operand(x, e.result) for x in e.inputs]
            tile = self.add(e.name, operands, self.tile_shape(e.result), e.params)
        elif e.name in LAYOUT_RULES:
            tile = LAYOUT_RULES[e.name](self, e)
        else:
            raise NotVectorizable(f"{e.name} is not supported in tiles")
        tile.dtype = e.result.dtype
        self.tiles[e.result] = tile

    def add(
        self, name: str, inputs: Sequence[Value], shape: Sequence[int], params: dict[str, Any] | None = None
    ) -> Value:
        """Add an equation whose result has the dtype of its last input, which the caller may change."""
        self.count += 1
        result = Value(shape, inputs[-1].dtype, f"u{self.count}")
        result.producer = Equation(name, list(inputs), [result], params or {})
        self.equations.append(result.producer)
        return result

    def add_constant(self, array: ArrayLike, dtype: np.dtype[np.generic]) -> Value:
        self.count += 1
        array = np.asarray(array, dtype)
        return Value(array.shape, dtype, f"u{self.count}", array)

    def get_operand(self, x: Value, result: Value) -> Value:
        if x in self.batch.axis:
            return self.get_tile(x)
        while x.producer is not None and x.producer.name == "broadcast_in_dim" and not x.producer.inputs[0].ndim:
            x = x.producer.inputs[0]
        if not x.ndim:
            return x
        axis, shape = self.batch.axis[result], (*[1] * (result.ndim - x.ndim), *x.shape)
        if shape[axis] != 1:
            raise NotVectorizable("an operand without samples varies along the batch axis")
        return self.add("reshape", [x], (*shape[:axis], *shape[axis + 1 :], 1))

    def move_axis(self, v: Value, axis: int) -> int:
        """Return where an axis of a value is in its tile."""
        samples = self.batch.axis[v]
        return len(v.shape) - 1 if axis == samples else axis - (axis > samples)


Item = TypeVar("Item")


def move_to_end(items: Sequence[Item], axis: int, item: Item) -> tuple[Item, ...]:
    """Remove the entry of an axis, and append another one."""
    return (*items[:axis], *items[axis + 1 :], item)


def _broadcast(layout: BatchLastLayout, e: Equation) -> Value:
    x, axis = e.inputs[0], layout.batch.axis[e.inputs[0]]
    dims = [layout.move_axis(e.result, d) for d in e.params["broadcast_dimensions"]]
    params = {"broadcast_dimensions": move_to_end(dims, axis, dims[axis])}
    return layout.add(e.name, [layout.get_tile(x)], layout.tile_shape(e.result), params)


def _reshape(layout: BatchLastLayout, e: Equation) -> Value:
    return layout.add("reshape", [layout.get_tile(e.inputs[0])], layout.tile_shape(e.result))


def _transpose(layout: BatchLastLayout, e: Equation) -> Value:
    x, axis = e.inputs[0], layout.batch.axis[e.result]
    axes = [layout.move_axis(x, p) for p in e.params["permutation"]]
    params = {"permutation": move_to_end(axes, axis, axes[axis])}
    return layout.add(e.name, [layout.get_tile(x)], layout.tile_shape(e.result), params)


def _slice(layout: BatchLastLayout, e: Equation) -> Value:
    x, axis, strides = e.inputs[0], layout.batch.axis[e.inputs[0]], e.params["strides"]
    spans = {
        "start_indices": move_to_end(e.params["start_indices"], axis, 0),
        "limit_indices": move_to_end(e.params["limit_indices"], axis, layout.batch.lanes),
        "strides": strides and move_to_end(strides, axis, 1),
    }
    return layout.add(e.name, [layout.get_tile(x)], layout.tile_shape(e.result), spans)


def _pad(layout: BatchLastLayout, e: Equation) -> Value:
    x, fill = e.inputs
    params = {"padding_config": move_to_end(e.params["padding_config"], layout.batch.axis[x], (0, 0, 0))}
    return layout.add(e.name, [layout.get_tile(x), fill], layout.tile_shape(e.result), params)


def _along_axes(layout: BatchLastLayout, e: Equation) -> Value:
    x = e.inputs[0]
    key = "dimensions" if e.name == "rev" else "axes"
    params = {**e.params, key: tuple(layout.move_axis(x, axis) for axis in e.params[key])}
    return layout.add(e.name, [layout.get_tile(x)], layout.tile_shape(e.result), params)


def _concatenate(layout: BatchLastLayout, e: Equation) -> Value:
    if not all(x in layout.batch.axis for x in e.inputs):
        raise NotVectorizable("samples are concatenated with a value that is the same for all")
    params = {"dimension": layout.move_axis(e.result, e.params["dimension"])}
    return layout.add(e.name, [layout.get_tile(x) for x in e.inputs], layout.tile_shape(e.result), params)


def _dot(layout: BatchLastLayout, e: Equation) -> Value:
    p = DotGeneral.from_equation(e)
    operands = [(p.left, p.left_axes), (p.right, p.right_axes)]
    if p.left_axes["batch"] or (p.left in layout.batch.axis) == (p.right in layout.batch.axis):
        raise NotVectorizable("samples are multiplied with each other")
    (x, x_axes), (w, w_axes) = operands if p.left in layout.batch.axis else operands[::-1]
    if x_axes["free"] != [layout.batch.axis[x]]:
        raise NotVectorizable("a sample is a matrix")
    contracting = tuple(w_axes["sum"]), tuple(layout.move_axis(x, axis) for axis in x_axes["sum"])
    params = {"dimension_numbers": (contracting, ((), ()))}
    return layout.add(e.name, [w, layout.get_tile(x)], layout.tile_shape(e.result), params)


def _gather(layout: BatchLastLayout, e: Equation) -> Value:
    """Select an element by comparing its index with all positions, which vectorizes over the samples."""
    x, where = e.inputs
    if x.ndim != 2 or x.dtype.kind == "b" or "FILL" not in str(e.params["mode"]):
        raise NotVectorizable("this kind of gather is not supported in tiles")
    shape, size, fill = layout.tile_shape(e.result), x.shape[1 - layout.batch.axis[x]], e.params["fill_value"]
    index = layout.add("reshape", [layout.get_tile(where)], shape)
    wide_index = layout.add("reshape", [index], (*shape[:-1], 1, shape[-1]))

    def compare(name: str, left: Value, right: Value) -> Value:
        result = layout.add(name, [left, right], np.broadcast_shapes(left.shape, right.shape))
        result.dtype = np.dtype(bool)
        return result

    is_position = compare("eq", wide_index, layout.add_constant(np.arange(size)[:, None], index.dtype))
    masked_shape = (*shape[:-1], size, shape[-1])
    masked = layout.add("select_n", [is_position, layout.add_constant(0, x.dtype), layout.get_tile(x)], masked_shape)
    element = layout.add("reduce_sum", [masked], shape, {"axes": (len(shape) - 1,)})
    low, high = (layout.add_constant(n, index.dtype) for n in (0, size - 1))
    in_bounds = compare("and", compare("ge", index, low), compare("le", index, high))
    fill_value = layout.add_constant(get_default_fill(x.dtype) if fill is None else fill, x.dtype)
    return layout.add("select_n", [in_bounds, fill_value, element], shape)


LAYOUT_RULES: dict[str, Callable[[BatchLastLayout, Equation], Value]] = {
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "squeeze": _reshape,
    "transpose": _transpose,
    "slice": _slice,
    "pad": _pad,
    "concatenate": _concatenate,
    "dot_general": _dot,
    "gather": _gather,
    **dict.fromkeys(("rev", "reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "argmax", "argmin"), _along_axes),
}
"""For each primitive that is not elementwise, how it is rewritten for a tile."""
