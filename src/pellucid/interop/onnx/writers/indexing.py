"""Writers of indexing and scatter ops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.ops.index_spec import ARRAY, Index, Slice
from pellucid.graph.types import Shape, ShapeMismatch, broadcast
from pellucid.interop.onnx.writer import OnnxWriter, unsupported_error, writes
from pellucid.interop.onnx.writers.shapes import END, get_shape


@writes("slice")
def slice_(w: OnnxWriter, e: Expr, x: str) -> Any:
    return write_index(w, x, e.settings["index"])


@writes("gather")
def gather(w: OnnxWriter, e: Expr, x: str, *indices: str) -> Any:
    arrays = e.inputs[1:]
    return write_index(w, x, e.settings["index"], cast_all_indices(w, indices, arrays), [i.shape for i in arrays])


def write_index(w: OnnxWriter, x: str, index: Index, indices: Sequence[str] = (), shapes: Sequence[Shape] = ()) -> str:
    """Write an index expression."""
    axes = [p for p in index if p is not None]
    x = write_slices(w, x, axes, not indices)
    if indices:
        return write_gather(w, x, index, indices, shapes)
    gone = [a for a, p in enumerate(axes) if isinstance(p, int)]
    x = w.node("Squeeze", x, w.ints(gone)) if gone else x
    return write_new_axes(w, x, [p for p in index if not isinstance(p, int)])


def write_slices(w: OnnxWriter, x: str, axes: Sequence[Any], integers: bool) -> str:
    """Write the slices of an index, and its integers as slices of length 1."""
    starts, ends, places, steps = [], [], [], []
    for axis, p in enumerate(axes):
        if isinstance(p, Slice) and p != Slice(None, None, None):
            step = 1 if p.step is None else p.step
            first, last = (0, END) if step > 0 else (END, -END)
            starts.append(first if p.start is None else p.start)
            ends.append(last if p.stop is None else p.stop)
            steps.append(step)
            places.append(axis)
        elif isinstance(p, int) and integers:
            starts.append(p)
            ends.append(END if p == -1 else p + 1)
            steps.append(1)
            places.append(axis)
    if not places:
        return x
    result: str = w.node("Slice", x, w.ints(starts), w.ints(ends), w.ints(places), w.ints(steps))
    return result


def write_new_axes(w: OnnxWriter, x: str, parts: Sequence[Any]) -> str:
    """Insert an axis of size 1 for every None in an index."""
    new = [place for place, p in enumerate(parts) if p is None]
    result: str = w.node("Unsqueeze", x, w.ints(new)) if new else x
    return result


def write_gather(w: OnnxWriter, x: str, index: Index, indices: Sequence[str], shapes: Sequence[Shape]) -> str:
    """Write advanced indexing. Integers next to index arrays count as arrays, as in NumPy."""
    taking = [place for place, p in enumerate(index) if p is ARRAY or isinstance(p, int)]
    adjacent = taking[-1] - taking[0] < len(taking)
    axes = [p for p in index if p is not None]
    advanced = [a for a, p in enumerate(axes) if p is ARRAY or isinstance(p, int)]
    common = broadcast(shapes)
    assert not isinstance(common, ShapeMismatch)
    left = iter(zip(indices, shapes, strict=True))
    operands = [next(left) if axes[a] is ARRAY else (w.constant(axes[a], "int64"), ()) for a in advanced]
    rest = [p for place, p in enumerate(index) if place not in taking]
    start = sum(1 for place in range(taking[0]) if place not in taking) if adjacent else 0
    if len(advanced) == 1:
        x = w.node("Gather", x, operands[0][0], axis=advanced[0])
    else:
        before = sum(p is not None for p in rest[:start])
        x = write_gather_nd(w, x, advanced, operands, common, len(axes), before)
    return write_new_axes(w, x, [*rest[:start], *[ARRAY] * len(common), *rest[start:]])


def write_gather_nd(
    w: OnnxWriter, x: str, advanced: Sequence[int], operands: Sequence[Any], common: Shape, ndim: int, before: int
) -> str:
    """Move the indexed axes to the front, gather, and move the gathered axes to their place."""
    others = [a for a in range(ndim) if a not in advanced]
    order = [*advanced, *others]
    x = x if order == list(range(ndim)) else w.node("Transpose", x, perm=order)
    columns = []
    for name, shape in operands:
        wide = name if shape == common else w.node("Expand", name, w.shape(common))
        columns.append(w.node("Unsqueeze", w.cast(wide, "int64"), w.ints([-1])))
    result: str = w.node("GatherND", x, w.node("Concat", *columns, axis=-1))
    n = len(common)
    place = [*range(n, n + before), *range(n), *range(n + before, n + len(others))]
    if place == list(range(len(place))):
        return result
    turned: str = w.node("Transpose", result, perm=place)
    return turned


@writes("take_along_axis")
def take_along_axis(w: OnnxWriter, e: Expr, x: str, indices: str) -> Any:
    """GatherElements needs operands with equal sizes in all other axes."""
    axis, (operand, places) = e.settings["axis"], e.inputs
    wide = tuple(operand.shape[axis] if a == axis else d for a, d in enumerate(e.shape))
    x = x if operand.shape == wide else w.node("Expand", x, w.shape(tuple(keep_axis(wide, axis))))
    indices = (
        indices if places.shape == e.shape else w.node("Expand", indices, w.shape(tuple(keep_axis(e.shape, axis))))
    )
    return w.node("GatherElements", x, cast_indices(w, places, indices), axis=axis)


def keep_axis(shape: Shape, axis: int) -> Shape:
    """Return the target shape of an Expand that keeps one axis."""
    return tuple(1 if a == axis else d for a, d in enumerate(shape))


def cast_all_indices(w: OnnxWriter, indices: Sequence[str], arrays: Sequence[Expr]) -> list[str]:
    return [cast_indices(w, e, name) for name, e in zip(indices, arrays, strict=True)]


def cast_indices(w: OnnxWriter, e: Expr, name: str) -> str:
    """Cast indices to an integer dtype that ONNX accepts."""
    return name if e.dtype.name in ("int32", "int64") else w.cast(name, "int64")


@writes("untake_along_axis")
def untake_along_axis(w: OnnxWriter, e: Expr, g: str, indices: str, like: str) -> Any:
    """Scatter-add into zeros."""
    axis, (given, places, target) = e.settings["axis"], e.inputs
    if any(a != b for i, (a, b) in enumerate(zip(given.shape, target.shape, strict=True)) if i != axis):
        raise unsupported_error(e, "Its arrays broadcast, which ONNX's ScatterElements does not")
    zeros = w.node("Expand", w.constant(0, e.dtype), get_shape(w, target, like))
    wide = indices if places.shape == given.shape else w.node("Expand", indices, get_shape(w, given, g))
    return w.node("ScatterElements", zeros, cast_indices(w, places, wide), g, axis=axis, reduction="add")


REDUCTIONS = {"add_at": "add", "set_at": "none", "multiply_at": "mul", "max_at": "max", "min_at": "min"}


@writes(*REDUCTIONS)
def scatter(w: OnnxWriter, e: Expr, x: str, values: str, *indices: str) -> Any:
    assert e.op is not None
    return write_scatter(w, e, x, values, indices, REDUCTIONS[e.op.name])


@writes("stays_at")
def stays_at(w: OnnxWriter, e: Expr, like: str, *indices: str) -> Any:
    """Whether a value remains in the result: scatter the values' numbers like the values, then gather them back."""
    target, arrays = e.inputs[0], e.inputs[1:]
    names, shapes = cast_all_indices(w, indices, arrays), [i.shape for i in arrays]
    places = write_flat_indices(w, w.node("Size", like), get_shape(w, target, like))
    flat = w.node("Reshape", write_index(w, places, e.settings["index"], names, shapes), w.ints([-1]))
    own = w.node("Range", w.constant(0, "int64"), w.node("Size", flat), w.constant(1, "int64"))
    row = w.node("Reshape", places, w.ints([-1]))
    last = w.node("Gather", w.node("ScatterElements", row, flat, own, axis=0), flat)
    return w.node("Reshape", w.node("Equal", last, own), w.shape(e.shape), allowzero=1)


def write_flat_indices(w: OnnxWriter, count: str, shape: str) -> str:
    """Return the flat index of every element."""
    row = w.node("Range", w.constant(0, "int64"), count, w.constant(1, "int64"))
    result: str = w.node("Reshape", row, shape, allowzero=1)
    return result


def write_scatter(w: OnnxWriter, e: Expr, x: str, values: str, indices: Sequence[str], reduction: str) -> str:
    """Write a scatter into the flattened target; the same index applied to flat indices gives the positions."""
    target, arrays = e.inputs[0], e.inputs[2:]
    shape = get_shape(w, target, x)
    flat_indices = write_flat_indices(w, w.node("Size", x), shape)
    places = write_index(
        w, flat_indices, e.settings["index"], cast_all_indices(w, indices, arrays), [i.shape for i in arrays]
    )
    wide = w.node("Expand", values, w.node("Shape", places))
    flat = w.ints([-1])
    parts = [w.node("Reshape", name, flat) for name in (x, places, wide)]
    result: str = w.node("Reshape", w.node("ScatterElements", *parts, axis=0, reduction=reduction), shape, allowzero=1)
    return result
