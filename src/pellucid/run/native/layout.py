"""The equations of a step for a block of samples: the same ones, with the samples along the last axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.run.native.batch_axis_analysis import Axes, NoLanes
from pellucid.run.native.elementwise import is_pointwise
from pellucid.run.native.equations import Equation, Value
from pellucid.run.native.index_maps import default_fill
from pellucid.run.native.matmul import Product


class Arrangement:
    """Arranges values and equations anew.

    Parameters
    ----------
    axes : Axes
        Where the samples lie, and how many are computed at once.

    Attributes
    ----------
    of : dict from Value to Value
        What stands for a value in a block of samples.
    """

    def __init__(self, axes: Axes) -> None:
        self.axes = axes
        self.of: dict[Value, Value] = {}
        self.equations: list[Equation] = []
        self.count = 0

    def value(self, v: Value) -> Value:
        """Return what stands for a value that has samples."""
        if v not in self.of:
            self.of[v] = Value(self.shape(v), v.dtype, f"{v.name}_b")
        return self.of[v]

    def shape(self, v: Value) -> tuple[int, ...]:
        """Return the shape of a value in a block."""
        axis = self.axes.of[v]
        return (*v.shape[:axis], *v.shape[axis + 1 :], self.axes.lanes)

    def all_of(self, equations: Sequence[Equation]) -> list[Equation]:
        """Return what some equations are for a block."""
        self.equations = []
        for e in equations:
            self.arrange(e)
        return self.equations

    def arrange(self, e: Equation) -> None:
        """Write an equation for a block."""
        if is_pointwise(e):
            made = self.simple(e.name, [self.operand(x, e.result) for x in e.inputs], self.shape(e.result), e.params)
        elif e.name in ARRANGED:
            made = ARRANGED[e.name](self, e)
        else:
            raise NoLanes(f"{e.name} is not done in blocks")
        made.dtype = e.result.dtype
        self.of[e.result] = made

    def simple(
        self, name: str, inputs: Sequence[Value], shape: Sequence[int], params: dict[str, Any] | None = None
    ) -> Value:
        """Enter an equation, whose result has the dtype of its last operand unless told otherwise."""
        self.count += 1
        result = Value(shape, inputs[-1].dtype, f"u{self.count}")
        result.maker = Equation(name, list(inputs), [result], params or {})
        self.equations.append(result.maker)
        return result

    def operand(self, x: Value, result: Value) -> Value:
        """Return an operand of an elementwise equation."""
        if x in self.axes.of:
            return self.value(x)
        while x.maker is not None and x.maker.name == "broadcast_in_dim" and not x.maker.inputs[0].ndim:
            x = x.maker.inputs[0]
        if not x.ndim:
            return x
        axis, whole = self.axes.of[result], (*[1] * (result.ndim - x.ndim), *x.shape)
        if whole[axis] != 1:
            raise NoLanes("something differs among samples without being one of theirs")
        return self.simple("reshape", [x], (*whole[:axis], *whole[axis + 1 :], 1))

    def place(self, v: Value, axis: int) -> int:
        """Return where an axis lies in a block."""
        samples = self.axes.of[v]
        return len(v.shape) - 1 if axis == samples else axis - (axis > samples)


def last(items: Sequence[Any], axis: int, item: Any) -> tuple[Any, ...]:
    """Return what is said of each axis of a block."""
    return (*items[:axis], *items[axis + 1 :], item)


def _broadcast(a: Arrangement, e: Equation) -> Value:
    x, axis = e.inputs[0], a.axes.of[e.inputs[0]]
    where = [a.place(e.result, d) for d in e.params["broadcast_dimensions"]]
    return a.simple(e.name, [a.value(x)], a.shape(e.result), {"broadcast_dimensions": last(where, axis, where[axis])})


def _reshape(a: Arrangement, e: Equation) -> Value:
    return a.simple("reshape", [a.value(e.inputs[0])], a.shape(e.result))


def _transpose(a: Arrangement, e: Equation) -> Value:
    axis = a.axes.of[e.result]
    where = [a.place(e.inputs[0], p) for p in e.params["permutation"]]
    return a.simple(e.name, [a.value(e.inputs[0])], a.shape(e.result), {"permutation": last(where, axis, where[axis])})


def _slice(a: Arrangement, e: Equation) -> Value:
    x, axis, strides = e.inputs[0], a.axes.of[e.inputs[0]], e.params["strides"]
    spans = {
        "start_indices": last(e.params["start_indices"], axis, 0),
        "limit_indices": last(e.params["limit_indices"], axis, a.axes.lanes),
        "strides": strides and last(strides, axis, 1),
    }
    return a.simple(e.name, [a.value(x)], a.shape(e.result), spans)


def _pad(a: Arrangement, e: Equation) -> Value:
    x, filler = e.inputs
    spans = last(e.params["padding_config"], a.axes.of[x], (0, 0, 0))
    return a.simple(e.name, [a.value(x), filler], a.shape(e.result), {"padding_config": spans})


def _along(a: Arrangement, e: Equation) -> Value:
    x = e.inputs[0]
    key = "dimensions" if e.name == "rev" else "axes"
    params = {**e.params, key: tuple(a.place(x, axis) for axis in e.params[key])}
    return a.simple(e.name, [a.value(x)], a.shape(e.result), params)


def _concatenate(a: Arrangement, e: Equation) -> Value:
    if not all(x in a.axes.of for x in e.inputs):
        raise NoLanes("samples are joined to what is the same for all")
    dimension = a.place(e.result, e.params["dimension"])
    return a.simple(e.name, [a.value(x) for x in e.inputs], a.shape(e.result), {"dimension": dimension})


def _dot(a: Arrangement, e: Equation) -> Value:
    p = Product.of(e)
    sides = [(p.left, p.left_axes), (p.right, p.right_axes)]
    if p.left_axes["batch"] or (p.left in a.axes.of) == (p.right in a.axes.of):
        raise NoLanes("samples are multiplied with one another")
    (x, of_x), (w, of_w) = sides if p.left in a.axes.of else sides[::-1]
    if of_x["free"] != [a.axes.of[x]]:
        raise NoLanes("a sample is a matrix")
    over = tuple(of_w["sum"]), tuple(a.place(x, axis) for axis in of_x["sum"])
    return a.simple(e.name, [w, a.value(x)], a.shape(e.result), {"dimension_numbers": (over, ((), ()))})


def _gather(a: Arrangement, e: Equation) -> Value:
    x, where = e.inputs
    if x.ndim != 2 or x.dtype.kind == "b" or "FILL" not in str(e.params["mode"]):
        raise NoLanes("elements are looked up in a way that is not done in blocks")
    shape, many, fill = a.shape(e.result), x.shape[1 - a.axes.of[x]], e.params["fill_value"]
    index = a.simple("reshape", [a.value(where)], shape)
    wide = a.simple("reshape", [index], (*shape[:-1], 1, shape[-1]))

    def constant(array: Any, dtype: Any) -> Value:
        a.count += 1
        array = np.asarray(array, dtype)
        return Value(array.shape, dtype, f"u{a.count}", array)

    def compared(name: str, left: Value, right: Value) -> Value:
        made = a.simple(name, [left, right], np.broadcast_shapes(left.shape, right.shape))
        made.dtype = np.dtype(bool)
        return made

    here = compared("eq", wide, constant(np.arange(many)[:, None], index.dtype))
    full = (*shape[:-1], many, shape[-1])
    found = a.simple("select_n", [here, constant(0, x.dtype), a.value(x)], full)
    total = a.simple("reduce_sum", [found], shape, {"axes": (len(shape) - 1,)})
    low, high = (constant(n, index.dtype) for n in (0, many - 1))
    inside = compared("and", compared("ge", index, low), compared("le", index, high))
    filler = constant(default_fill(x.dtype) if fill is None else fill, x.dtype)
    return a.simple("select_n", [inside, filler, total], shape)


ARRANGED: dict[str, Callable[[Arrangement, Equation], Value]] = {
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "squeeze": _reshape,
    "transpose": _transpose,
    "slice": _slice,
    "pad": _pad,
    "concatenate": _concatenate,
    "dot_general": _dot,
    "gather": _gather,
    **dict.fromkeys(("rev", "reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "argmax", "argmin"), _along),
}
"""For what is not elementwise, how it is written for a block."""
