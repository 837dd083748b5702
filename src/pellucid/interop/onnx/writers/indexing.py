"""Parts of arrays, and arrays with parts replaced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.ops.index_spec import ARRAY, Index, Slice
from pellucid.graph.types import Mismatch, Shape, broadcast
from pellucid.interop.onnx.writer import Writer, not_in_onnx, writes
from pellucid.interop.onnx.writers.shapes import END, shape_of


@writes("slice")
def slice_(w: Writer, e: Expr, x: str) -> Any:
    """Slice, and then the axes that integers take away and None puts in."""
    return part(w, x, e.settings["index"])


@writes("gather")
def gather(w: Writer, e: Expr, x: str, *indices: str) -> Any:
    """Gather along one axis, GatherND along several."""
    arrays = e.inputs[1:]
    return part(w, x, e.settings["index"], as_indices(w, indices, arrays), [i.shape for i in arrays])


def part(w: Writer, x: str, index: Index, indices: Sequence[str] = (), shapes: Sequence[Shape] = ()) -> str:
    """Write a part of an array, by an index that is written out."""
    axes = [p for p in index if p is not None]
    x = sliced(w, x, axes, not indices)
    if indices:
        return taken(w, x, index, indices, shapes)
    gone = [a for a, p in enumerate(axes) if isinstance(p, int)]
    x = w.node("Squeeze", x, w.ints(gone)) if gone else x
    return unsqueezed(w, x, [p for p in index if not isinstance(p, int)])


def sliced(w: Writer, x: str, axes: Sequence[Any], integers: bool) -> str:
    """Write the slices of an index, and its integers as slices of one."""
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
    made: str = w.node("Slice", x, w.ints(starts), w.ints(ends), w.ints(places), w.ints(steps))
    return made


def unsqueezed(w: Writer, x: str, parts: Sequence[Any]) -> str:
    """Put in an axis of length 1 wherever an index, without what it takes away, has None."""
    new = [place for place, p in enumerate(parts) if p is None]
    made: str = w.node("Unsqueeze", x, w.ints(new)) if new else x
    return made


def taken(w: Writer, x: str, index: Index, indices: Sequence[str], shapes: Sequence[Shape]) -> str:
    """Take what index arrays say; integers beside them are arrays too, as in NumPy."""
    taking = [place for place, p in enumerate(index) if p is ARRAY or isinstance(p, int)]
    adjacent = taking[-1] - taking[0] < len(taking)
    axes = [p for p in index if p is not None]
    advanced = [a for a, p in enumerate(axes) if p is ARRAY or isinstance(p, int)]
    common = broadcast(shapes)
    assert not isinstance(common, Mismatch)
    left = iter(zip(indices, shapes, strict=True))
    told = [next(left) if axes[a] is ARRAY else (w.constant(axes[a], "int64"), ()) for a in advanced]
    rest = [p for place, p in enumerate(index) if place not in taking]
    start = sum(1 for place in range(taking[0]) if place not in taking) if adjacent else 0
    if len(advanced) == 1:
        x = w.node("Gather", x, told[0][0], axis=advanced[0])
    else:
        before = sum(p is not None for p in rest[:start])
        x = gathered(w, x, advanced, told, common, len(axes), before)
    return unsqueezed(w, x, [*rest[:start], *[ARRAY] * len(common), *rest[start:]])


def gathered(
    w: Writer, x: str, advanced: Sequence[int], told: Sequence[Any], common: Shape, ndim: int, before: int
) -> str:
    """Bring the axes with index arrays to the front, gather, and put what was gathered where it belongs."""
    others = [a for a in range(ndim) if a not in advanced]
    order = [*advanced, *others]
    x = x if order == list(range(ndim)) else w.node("Transpose", x, perm=order)
    columns = []
    for name, shape in told:
        wide = name if shape == common else w.node("Expand", name, w.shape(common))
        columns.append(w.node("Unsqueeze", w.cast(wide, "int64"), w.ints([-1])))
    made: str = w.node("GatherND", x, w.node("Concat", *columns, axis=-1))
    n = len(common)
    place = [*range(n, n + before), *range(n), *range(n + before, n + len(others))]
    if place == list(range(len(place))):
        return made
    turned: str = w.node("Transpose", made, perm=place)
    return turned


@writes("take_along_axis")
def take_along_axis(w: Writer, e: Expr, x: str, indices: str) -> Any:
    """GatherElements, of arrays that agree in all other axes."""
    axis, (operand, places) = e.settings["axis"], e.inputs
    wide = tuple(operand.shape[axis] if a == axis else d for a, d in enumerate(e.shape))
    x = x if operand.shape == wide else w.node("Expand", x, w.shape(tuple(along(wide, axis))))
    indices = indices if places.shape == e.shape else w.node("Expand", indices, w.shape(tuple(along(e.shape, axis))))
    return w.node("GatherElements", x, integers(w, places, indices), axis=axis)


def along(shape: Shape, axis: int) -> Shape:
    """Return a shape to expand to, in which one axis stays as it is."""
    return tuple(1 if a == axis else d for a, d in enumerate(shape))


def as_indices(w: Writer, indices: Sequence[str], arrays: Sequence[Expr]) -> list[str]:
    """Return index arrays in a dtype that ONNX takes."""
    return [integers(w, e, name) for name, e in zip(indices, arrays, strict=True)]


def integers(w: Writer, e: Expr, name: str) -> str:
    """Return indices in a dtype that ONNX takes."""
    return name if e.dtype.name in ("int32", "int64") else w.cast(name, "int64")


@writes("untake_along_axis")
def untake_along_axis(w: Writer, e: Expr, g: str, indices: str, like: str) -> Any:
    """ScatterElements into zeros, adding up."""
    axis, (given, places, target) = e.settings["axis"], e.inputs
    if any(a != b for i, (a, b) in enumerate(zip(given.shape, target.shape, strict=True)) if i != axis):
        raise not_in_onnx(e, "Its arrays broadcast, which ONNX's ScatterElements does not")
    zeros = w.node("Expand", w.constant(0, e.dtype), shape_of(w, target, like))
    wide = indices if places.shape == given.shape else w.node("Expand", indices, shape_of(w, given, g))
    return w.node("ScatterElements", zeros, integers(w, places, wide), g, axis=axis, reduction="add")


REDUCTIONS = {"add_at": "add", "set_at": "none", "multiply_at": "mul", "max_at": "max", "min_at": "min"}


@writes(*REDUCTIONS)
def placed(w: Writer, e: Expr, x: str, values: str, *indices: str) -> Any:
    """The same part of the numbers of all elements says where in a row the values belong."""
    assert e.op is not None
    return scattered(w, e, x, values, indices, REDUCTIONS[e.op.name])


@writes("stays_at")
def stays_at(w: Writer, e: Expr, like: str, *indices: str) -> Any:
    """Where the number of a value, set like the value itself, is found again at its place."""
    target, arrays = e.inputs[0], e.inputs[1:]
    names, shapes = as_indices(w, indices, arrays), [i.shape for i in arrays]
    places = numbered(w, w.node("Size", like), shape_of(w, target, like))
    flat = w.node("Reshape", part(w, places, e.settings["index"], names, shapes), w.ints([-1]))
    own = w.node("Range", w.constant(0, "int64"), w.node("Size", flat), w.constant(1, "int64"))
    row = w.node("Reshape", places, w.ints([-1]))
    last = w.node("Gather", w.node("ScatterElements", row, flat, own, axis=0), flat)
    return w.node("Reshape", w.node("Equal", last, own), w.shape(e.shape), allowzero=1)


def numbered(w: Writer, count: str, shape: str) -> str:
    """Return the numbers of all elements of an array, in its shape."""
    row = w.node("Range", w.constant(0, "int64"), count, w.constant(1, "int64"))
    made: str = w.node("Reshape", row, shape, allowzero=1)
    return made


def scattered(w: Writer, e: Expr, x: str, values: str, indices: Sequence[str], reduction: str) -> str:
    """Put values into a row of all elements."""
    target, arrays = e.inputs[0], e.inputs[2:]
    shape = shape_of(w, target, x)
    numbers = numbered(w, w.node("Size", x), shape)
    places = part(w, numbers, e.settings["index"], as_indices(w, indices, arrays), [i.shape for i in arrays])
    wide = w.node("Expand", values, w.node("Shape", places))
    flat = w.ints([-1])
    parts = [w.node("Reshape", name, flat) for name in (x, places, wide)]
    made: str = w.node("Reshape", w.node("ScatterElements", *parts, axis=0, reduction=reduction), shape, allowzero=1)
    return made
