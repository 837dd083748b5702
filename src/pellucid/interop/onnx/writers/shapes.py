"""Writers of ops on shapes, order of elements, joining and padding."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.ops.reshape import AxisDim
from pellucid.graph.ops.symbolic_sizes import number_size
from pellucid.graph.size_formulas import Atom, SizeFormula
from pellucid.graph.types import as_formula
from pellucid.interop.onnx.writer import OnnxWriter, unsupported_error, writes
from pellucid.interop.onnx.writers.convolution_pooling import flatten_pads

END = 2**62
"""Slice bound beyond the end of every axis."""


@writes("reshape")
def reshape(w: OnnxWriter, e: Expr, x: str) -> str:
    """Reshape: -1 for one unknown size, 0 for an unchanged axis, or else a computed shape."""
    shape = e.settings["shape"]
    unknown = [a for a, d in enumerate(shape) if isinstance(d, str)]
    if len(unknown) <= 1:
        target = w.ints([-1 if isinstance(d, str) else int(d) for d in shape])
        return w.node("Reshape", x, target, allowzero=None if unknown or 0 not in shape else 1)
    unchanged = [a for a in unknown if isinstance(shape[a], AxisDim) and shape[a].axis == a]
    if len(unknown) - len(unchanged) <= 1 and 0 not in shape:
        sizes = [0 if a in unchanged else -1 if a in unknown else d for a, d in enumerate(shape)]
        return w.node("Reshape", x, w.ints(sizes))
    parts = []
    for d in shape:
        if isinstance(d, AxisDim):
            parts.append(w.node("Shape", x, start=d.axis, end=d.axis + 1))
        else:
            parts.append(w.ints([-1 if isinstance(d, str) else int(d)]))
    return w.node("Reshape", x, w.node("Concat", *parts, axis=0))


@writes("reshape_like")
def reshape_like(w: OnnxWriter, e: Expr, x: str, like: str) -> str:
    return w.node("Reshape", x, get_shape(w, e.inputs[1], like), allowzero=1)


def get_shape(w: OnnxWriter, e: Expr, name: str) -> str:
    """Return the shape of a value, as a constant if it is known."""
    known = all(isinstance(d, int) for d in e.shape)
    return w.shape(e.shape) if known else w.node("Shape", name)


@writes("shape_template")
def shape_template(w: OnnxWriter, e: Expr, *sources: str) -> str:
    """Write an array of a computed shape."""
    lengths = {
        number_size(k, axis): w.node("Shape", x, start=axis, end=axis + 1)
        if isinstance(axis, int)
        else w.node("Reshape", w.cast(x, "int64"), w.ints([1]))
        for k, (x, axis) in enumerate(zip(sources, e.settings["axes"], strict=True))
    }
    sizes = [
        w.ints([d]) if isinstance(d, int) else write_formula(w, as_formula(d), lengths) for d in e.settings["shape"]
    ]
    return w.node("Expand", w.constant(False, "bool"), w.node("Concat", *sizes, axis=0) if sizes else w.ints([]))


def write_formula(w: OnnxWriter, formula: SizeFormula, lengths: Mapping[str, str]) -> str:
    """Write a formula of lengths as a vector with one element."""
    terms = []
    for monomial, coefficient in formula.terms:
        factors = [write_atom(w, atom, lengths) for atom in monomial]
        number = [w.ints([coefficient])] if coefficient != 1 or not factors else []
        terms.append(functools.reduce(functools.partial(w.node, "Mul"), [*number, *factors]))
    return functools.reduce(functools.partial(w.node, "Add"), terms) if terms else w.ints([0])


def write_atom(w: OnnxWriter, atom: Atom, lengths: Mapping[str, str]) -> str:
    if isinstance(atom, str):
        return lengths[atom]
    left, right = write_formula(w, atom.left, lengths), write_formula(w, atom.right, lengths)
    if atom.name != "//":
        return w.node({"%": "Mod", "max": "Max", "min": "Min"}[atom.name], left, right)
    # The division of ONNX rounds towards 0.
    return w.node("Div", w.node("Sub", left, w.node("Mod", left, right)), right)


@writes("expand_dims", "squeeze")
def expand_dims_or_squeeze(w: OnnxWriter, e: Expr, x: str) -> str:
    assert e.op is not None
    axes, kind = e.settings["axis"], "Unsqueeze" if e.op.name == "expand_dims" else "Squeeze"
    return w.node(kind, x, w.ints(axes)) if axes else x


@writes("broadcast_like")
def broadcast_like(w: OnnxWriter, e: Expr, x: str, like: str) -> str:
    return w.node("Expand", x, get_shape(w, e.inputs[1], like))


@writes("broadcast_to")
def broadcast_to(w: OnnxWriter, e: Expr, x: str) -> str:
    """Expand; a size of 1 keeps the axis."""
    return w.node("Expand", x, w.ints([1 if isinstance(d, AxisDim) else int(d) for d in e.settings["shape"]]))


@writes("size")
def size(w: OnnxWriter, e: Expr, x: str) -> str:
    axes, (operand,) = e.settings["axis"], e.inputs
    if len(axes) == operand.ndim:
        count = w.node("Size", x)
    else:
        sizes = [w.node("Shape", x, start=a, end=a + 1) for a in axes]
        count = w.node("ReduceProd", w.node("Concat", *sizes, axis=0), keepdims=0) if sizes else w.constant(1, "int64")
    return count if e.dtype == "int64" else w.cast(count, e.dtype)


@writes("transpose")
def transpose(w: OnnxWriter, e: Expr, x: str) -> str:
    return w.node("Transpose", x, perm=list(e.settings["axes"]))


@writes("flip")
def flip(w: OnnxWriter, e: Expr, x: str) -> str:
    axes = list(e.settings["axis"])
    minus_one, ends = w.ints([-1] * len(axes)), w.ints([-END] * len(axes))
    return w.node("Slice", x, minus_one, ends, w.ints(axes), minus_one) if axes else x


@writes("join")
def join(w: OnnxWriter, e: Expr, *parts: str) -> str:
    return w.node("Concat", *parts, axis=e.settings["axis"])


@writes("slice_like")
def slice_like(w: OnnxWriter, e: Expr, x: str, *parts: str) -> str:
    """Slice that starts at the sum of the sizes of the preceding parts."""
    axis, position = e.settings["axis"], e.settings["position"]
    sizes = [w.node("Shape", p, start=axis, end=axis + 1) for p in parts[: position + 1]]
    start = w.node("ReduceSum", w.node("Concat", *sizes[:-1], axis=0), keepdims=1) if position else w.ints([0])
    end = w.node("Add", start, sizes[-1])
    return w.node("Slice", x, start, end, w.ints([axis]))


@writes("tile")
def tile(w: OnnxWriter, e: Expr, x: str) -> str:
    lead = e.ndim - e.inputs[0].ndim
    x = w.node("Unsqueeze", x, w.ints(range(lead))) if lead else x
    return w.node("Tile", x, w.ints(e.settings["reps"]))


@writes("repeat_each")
def repeat_each(w: OnnxWriter, e: Expr, x: str) -> str:
    """Repeat each element: a new axis, tiled and merged into the one before it."""
    axis, repeats, ndim = e.settings["axis"], e.settings["repeats"], e.ndim
    wide = w.node("Unsqueeze", x, w.ints([axis + 1]))
    tiled = w.node("Tile", wide, w.ints([repeats if a == axis + 1 else 1 for a in range(ndim + 1)]))
    # 0 keeps the leading sizes; the trailing ones are constants or computed.
    behind = e.shape[axis + 1 :]
    if all(isinstance(d, int) for d in behind):
        return w.node("Reshape", tiled, w.ints([0] * axis + [-1] + [int(d) for d in behind]))
    rest = w.node("Shape", x, start=axis + 1)
    return w.node("Reshape", tiled, w.node("Concat", w.ints([0] * axis + [-1]), rest, axis=0))


@writes("pad")
def pad(w: OnnxWriter, e: Expr, x: str) -> str:
    """Pad; ONNX has no mode ``symmetric``, reflects once only, and takes a single fill value."""
    widths, mode, value = e.settings["pad_width"], e.settings["mode"], e.settings["constant_values"]
    ends = w.ints(flatten_pads(widths))
    if mode == "constant":
        return pad_per_axis(w, e, x) if isinstance(value, tuple) else w.node("Pad", x, ends, w.constant(value, e.dtype))
    sizes = zip(e.inputs[0].shape, widths, strict=True)
    reflects_once = mode == "reflect" and not any(isinstance(n, int) and n <= max(*p) for n, p in sizes)
    return w.node("Pad", x, ends, mode=mode) if mode == "edge" or reflects_once else pad_by_gather(w, e, x)


def pad_per_axis(w: OnnxWriter, e: Expr, x: str) -> str:
    """Write padding with several fill values, axis by axis."""
    for axis, (width, value) in enumerate(zip(e.settings["pad_width"], e.settings["constant_values"], strict=True)):
        for before, (count, number) in enumerate(zip(width, value, strict=True)):
            ends = [0, 0]
            ends[before] = count
            x = w.node("Pad", x, w.ints(ends), w.constant(number, e.dtype), w.ints([axis]))
    return x


def pad_by_gather(w: OnnxWriter, e: Expr, x: str) -> str:
    """Write padding by gathering the source of each element."""
    for axis, (size, width) in enumerate(zip(e.inputs[0].shape, e.settings["pad_width"], strict=True)):
        if width == (0, 0):
            continue
        if not isinstance(size, int):
            raise unsupported_error(e, f"Padding of mode {e.settings['mode']!r} needs axes of known size")
        sources = np.pad(np.arange(size), width, mode=e.settings["mode"])
        x = w.node("Gather", x, w.ints(sources), axis=axis)
    return x


@writes("arange_like")
def arange_like(w: OnnxWriter, e: Expr, x: str) -> str:
    axis = e.settings["axis"]
    length = w.node("Squeeze", w.node("Shape", x, start=axis, end=axis + 1), w.ints([0]))
    numbers = w.node("Range", w.constant(0, "int64"), length, w.constant(1, "int64"))
    return numbers if e.dtype == "int64" else w.cast(numbers, e.dtype)


@writes("sum_like")
def sum_like(w: OnnxWriter, e: Expr, x: str, like: str) -> str:
    """Sum over the axes that the target lacks or has with size 1."""
    operand, target = e.inputs
    lead = operand.ndim - target.ndim
    axes = [a for a in range(operand.ndim) if a < lead or (target.shape[a - lead] == 1 and operand.shape[a] != 1)]
    kept = w.node("ReduceSum", x, w.ints(axes), keepdims=1) if axes else x
    return w.node("Reshape", kept, get_shape(w, target, like), allowzero=1) if lead else kept


@writes("tril", "triu")
def triangle(w: OnnxWriter, e: Expr, x: str) -> str:
    assert e.op is not None
    number = w.cast(x, "int64") if e.dtype == bool else x
    result = w.node("Trilu", number, w.constant(e.settings["k"], "int64"), upper=int(e.op.name == "triu"))
    return w.cast(result, "bool") if e.dtype == bool else result
