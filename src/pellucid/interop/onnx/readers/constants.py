"""Readers of constants and of tensors generated from shapes."""

from __future__ import annotations

import numpy as np

from pellucid.graph.expr import Expr, constant
from pellucid.interop.onnx.reader import MAX_FOLDED_ELEMENTS, OnnxNode, reads
from pellucid.interop.onnx.shape_values import find_expression_of_shape
from pellucid.interop.onnx.symbolic import P
from pellucid.interop.onnx.tensors import to_array, to_dtype


@reads("Constant")
def constant_(n: OnnxNode) -> Expr:
    """Constant in any of its numeric forms."""
    for key in ("value_float", "value_floats", "value_int", "value_ints"):
        if key in n.attributes:
            return constant(np.asarray(n.attributes[key], "float32" if "float" in key else "int64"))
    if "value" not in n.attributes:
        raise n.error(f"only numeric constants are supported. Received: {', '.join(n.attributes) or 'no value'}")
    return constant(to_array(n.attributes["value"], f"{n.reader.file}: {n}"))


@reads("ConstantOfShape")
def constant_of_shape(n: OnnxNode, shape: Expr) -> Expr:
    value = n.get("value")
    array = np.zeros(1, "float32") if value is None else to_array(value, f"{n.reader.file}: {n}")
    number, sizes = constant(array.reshape(())), n.get_dims(0)
    if all(isinstance(d, int) for d in sizes):
        return P.broadcast_to(number, tuple(sizes))
    known = [d for d in sizes if d is not None]
    other = None if len(known) < len(sizes) else find_expression_of_shape(n, known)
    if other is None:
        raise n.unknown_value_error(0)
    return P.broadcast_like(number, other)


@reads("Range")
def range_(n: OnnxNode, start: Expr, limit: Expr, delta: Expr) -> Expr:
    end = n.get_sizes(1).reshape(())[()]
    if isinstance(end, str) and n.get_constant(0).ravel()[0] == 0 and n.get_constant(2).ravel()[0] == 1:
        found = find_expression_of_shape(n, (end,))
        if found is not None:
            return P.arange_like(found, axis=0, dtype=start.dtype)
    first, last, step = (n.get_constant(i).reshape(()) for i in range(3))
    count = max(0, int(np.ceil((np.float64(last) - np.float64(first)) / np.float64(step))))
    if count > MAX_FOLDED_ELEMENTS:
        raise n.error(f"a range of {count} elements is too long (maximum {MAX_FOLDED_ELEMENTS})")
    n.spend(2 * count, "the range")
    return constant((np.arange(count) * np.asarray(step, "float64") + np.float64(first)).astype(start.dtype))


@reads("EyeLike")
def eye_like(n: OnnxNode, x: Expr) -> Expr:
    dtype = to_dtype(n.get("dtype"), f"{n.reader.file}: {n}") if "dtype" in n.attributes else x.dtype
    rows, columns = (P.arange_like(x, axis=a, dtype="int64") for a in (0, 1))
    offset = constant(np.int64(n.get("k", 0)))
    return P.cast(P.equal(rows[:, None] + offset, columns[None]), dtype)


@reads("OneHot")
def one_hot(n: OnnxNode, indices: Expr, depth: Expr, values: Expr) -> Expr:
    count, axis = int(n.get_constant(1).ravel()[0]), int(n.get("axis", -1))
    places = indices if indices.dtype.kind in "iu" else P.cast(indices, "int64")
    size = constant(np.asarray(count, places.dtype))
    selected = P.one_hot(P.remainder(places, size), num_classes=count, dtype="bool")
    outside = (places < -size) | (places >= size) if places.dtype.kind == "i" else places >= size
    selected = selected & ~P.expand_dims(outside, axis=-1)
    return P.moveaxis(P.where(selected, values[1], values[0]), -1, axis)
