"""Writers of indexing, scatter, sorting, searching and one-hot encoding ops."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.ops.index_spec import ARRAY, Index, Slice
from pellucid.graph.types import Shape, ShapeMismatch, broadcast
from pellucid.interop.onnx.writer import OnnxWriter, unsupported_error, writes
from pellucid.interop.onnx.writers.shapes import END, get_shape


@writes("slice")
def slice_(w: OnnxWriter, e: Expr, x: str) -> str:
    return write_index(w, x, e.settings["index"])


@writes("gather")
def gather(w: OnnxWriter, e: Expr, x: str, *indices: str) -> str:
    arrays = e.inputs[1:]
    return write_index(w, x, e.settings["index"], cast_all_indices(w, indices, arrays), [i.shape for i in arrays])


def write_index(w: OnnxWriter, x: str, index: Index, indices: Sequence[str] = (), shapes: Sequence[Shape] = ()) -> str:
    axes = [p for p in index if p is not None]
    x = write_slices(w, x, axes, not indices)
    if indices:
        return write_gather(w, x, index, indices, shapes)
    dropped = [a for a, p in enumerate(axes) if isinstance(p, int)]
    x = w.node("Squeeze", x, w.ints(dropped)) if dropped else x
    return write_new_axes(w, x, [p for p in index if not isinstance(p, int)])


def write_slices(w: OnnxWriter, x: str, axes: Sequence[object], integers: bool) -> str:
    """Write the slices of an index, and its integers as slices of length 1."""
    slices = []
    for axis, p in enumerate(axes):
        if isinstance(p, Slice) and p != Slice(None, None, None):
            step = 1 if p.step is None else p.step
            first, last = (0, END) if step > 0 else (END, -END)
            slices.append((first if p.start is None else p.start, last if p.stop is None else p.stop, axis, step))
        elif isinstance(p, int) and integers:
            slices.append((p, END if p == -1 else p + 1, axis, 1))
    return w.node("Slice", x, *map(w.ints, zip(*slices, strict=True))) if slices else x


def write_new_axes(w: OnnxWriter, x: str, parts: Sequence[object]) -> str:
    """Insert an axis of size 1 for every None in an index."""
    new = [place for place, p in enumerate(parts) if p is None]
    return w.node("Unsqueeze", x, w.ints(new)) if new else x


def write_gather(w: OnnxWriter, x: str, index: Index, indices: Sequence[str], shapes: Sequence[Shape]) -> str:
    """Write advanced indexing. Integers next to index arrays count as arrays, as in NumPy."""
    array_places = [place for place, p in enumerate(index) if p is ARRAY or isinstance(p, int)]
    adjacent = array_places[-1] - array_places[0] < len(array_places)
    axes = [p for p in index if p is not None]
    advanced = [a for a, p in enumerate(axes) if p is ARRAY or isinstance(p, int)]
    common = broadcast(shapes)
    assert not isinstance(common, ShapeMismatch)
    arrays = iter(zip(indices, shapes, strict=True))
    operands = [next(arrays) if axes[a] is ARRAY else (w.constant(np.asarray(axes[a]), "int64"), ()) for a in advanced]
    rest = [p for place, p in enumerate(index) if place not in array_places]
    start = array_places[0] if adjacent else 0
    if len(advanced) == 1:
        x = w.node("Gather", x, operands[0][0], axis=advanced[0])
    else:
        before = sum(p is not None for p in rest[:start])
        x = write_gather_nd(w, x, advanced, operands, common, len(axes), before)
    return write_new_axes(w, x, [*rest[:start], *[ARRAY] * len(common), *rest[start:]])


def write_gather_nd(
    w: OnnxWriter,
    x: str,
    advanced: Sequence[int],
    operands: Sequence[tuple[str, Shape]],
    common: Shape,
    ndim: int,
    before: int,
) -> str:
    """Move the indexed axes to the front, gather, and move the gathered axes to their place."""
    others = [a for a in range(ndim) if a not in advanced]
    order = [*advanced, *others]
    x = x if order == list(range(ndim)) else w.node("Transpose", x, perm=order)
    columns = []
    for name, shape in operands:
        wide = name if shape == common else w.node("Expand", name, w.shape(common))
        columns.append(w.node("Unsqueeze", w.cast(wide, "int64"), w.ints([-1])))
    result = w.node("GatherND", x, w.node("Concat", *columns, axis=-1))
    n = len(common)
    place = [*range(n, n + before), *range(n), *range(n + before, n + len(others))]
    return result if place == list(range(len(place))) else w.node("Transpose", result, perm=place)


@writes("take_along_axis")
def take_along_axis(w: OnnxWriter, e: Expr, x: str, indices: str) -> str:
    """GatherElements needs operands with equal sizes in all other axes."""
    axis, (operand, places) = e.settings["axis"], e.inputs
    wide = tuple(operand.shape[axis] if a == axis else d for a, d in enumerate(e.shape))
    x = x if operand.shape == wide else w.node("Expand", x, w.shape(keep_axis(wide, axis)))
    indices = indices if places.shape == e.shape else w.node("Expand", indices, w.shape(keep_axis(e.shape, axis)))
    return w.node("GatherElements", x, cast_indices(w, places, indices), axis=axis)


def keep_axis(shape: Shape, axis: int) -> Shape:
    """Return the target shape of an Expand that keeps one axis."""
    return tuple(1 if a == axis else d for a, d in enumerate(shape))


def cast_all_indices(w: OnnxWriter, indices: Sequence[str], arrays: Sequence[Expr]) -> list[str]:
    return [cast_indices(w, e, name) for name, e in zip(indices, arrays, strict=True)]


def cast_indices(w: OnnxWriter, e: Expr, name: str) -> str:
    """Cast indices to an integer dtype that ONNX accepts."""
    return name if e.dtype.name in ("int32", "int64") else w.cast(name, "int64")


@writes("take_along_axis_gradient")
def take_along_axis_gradient(w: OnnxWriter, e: Expr, g: str, indices: str, like: str) -> str:
    """Scatter-add into zeros."""
    axis, (given, places, target) = e.settings["axis"], e.inputs
    if any(a != b for i, (a, b) in enumerate(zip(given.shape, target.shape, strict=True)) if i != axis):
        raise unsupported_error(e, "Its arrays broadcast, which ONNX's ScatterElements does not")
    zeros = w.node("Expand", w.constant(0, e.dtype), get_shape(w, target, like))
    wide = indices if places.shape == given.shape else w.node("Expand", indices, get_shape(w, given, g))
    return w.node("ScatterElements", zeros, cast_indices(w, places, wide), g, axis=axis, reduction="add")


REDUCTIONS = {"add_at": "add", "set_at": "none", "multiply_at": "mul", "max_at": "max", "min_at": "min"}


@writes(*REDUCTIONS)
def scatter(w: OnnxWriter, e: Expr, x: str, values: str, *indices: str) -> str:
    """Scatter into the flattened target; the same index applied to flat indices gives the positions."""
    assert e.op is not None
    target, arrays = e.inputs[0], e.inputs[2:]
    names, shapes = cast_all_indices(w, indices, arrays), [i.shape for i in arrays]
    shape = get_shape(w, target, x)
    places = write_index(w, write_flat_indices(w, w.node("Size", x), shape), e.settings["index"], names, shapes)
    wide = w.node("Expand", values, w.node("Shape", places))
    parts = [w.node("Reshape", name, w.ints([-1])) for name in (x, places, wide)]
    result = w.node("ScatterElements", *parts, axis=0, reduction=REDUCTIONS[e.op.name])
    return w.node("Reshape", result, shape, allowzero=1)


@writes("is_last_write")
def is_last_write(w: OnnxWriter, e: Expr, like: str, *indices: str) -> str:
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
    return w.node("Reshape", row, shape, allowzero=1)


@writes("argsort", "sort", "argtop_k")
def sort(w: OnnxWriter, e: Expr, x: str) -> str:
    """TopK of all elements sorts; it is stable."""
    assert e.op is not None
    axis, is_bool = e.settings["axis"], e.inputs[0].dtype.kind == "b"
    x = w.cast(x, "int32") if is_bool else x
    if axis is None:
        axis, x = 0, w.node("Reshape", x, w.ints([-1]))
    top = e.op.name == "argtop_k"
    count = w.ints([e.settings["k"]]) if top else w.node("Shape", x, start=axis, end=axis + 1)
    largest = top or e.settings["descending"]
    options = {"axis": axis, "largest": int(largest), "sorted": 1}
    values, indices = w.node_with_outputs("TopK", x, count, outputs=2, **options)
    if e.op.name != "sort":
        return indices
    return w.cast(values, "bool") if is_bool else values


@writes("one_hot")
def one_hot(w: OnnxWriter, e: Expr, x: str) -> str:
    """Comparison with all class numbers; an index out of range gives zeros."""
    # The numbers may exceed a narrow dtype of the indices.
    places = x if e.inputs[0].dtype == "int64" else w.cast(x, "int64")
    places = w.node("Unsqueeze", places, w.ints([-1]))
    return w.cast(w.node("Equal", places, w.ints(range(e.settings["num_classes"]))), e.dtype)


@writes("searchsorted")
def searchsorted(w: OnnxWriter, e: Expr, row: str, x: str) -> str:
    """Number of elements that are smaller, or not larger."""
    kind = "Less" if e.settings["side"] == "left" else "LessOrEqual"
    before = w.node(kind, row, w.node("Unsqueeze", x, w.ints([-1])))
    return w.node("ReduceSum", w.cast(before, "int64"), w.ints([-1]), keepdims=0)
