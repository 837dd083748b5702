"""Values made of nothing but numbers and sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic as P
from pellucid.graph.expr import Expr, constant
from pellucid.interop.onnx.dtypes import dtype_of
from pellucid.interop.onnx.reader import LARGEST_FOLDED, Node, reads
from pellucid.interop.onnx.shape_values import like
from pellucid.interop.onnx.tensors import array_of


@reads("Constant")
def given(n: Node) -> Any:
    """A constant, of any of the forms in which ONNX writes one."""
    for key, dtype in (
        ("value_float", "float32"),
        ("value_floats", "float32"),
        ("value_int", "int64"),
        ("value_ints", "int64"),
    ):
        if key in n.attributes:
            return constant(np.asarray(n.attributes[key], dtype))
    if "value" not in n.attributes:
        raise n.error(f"a constant of {', '.join(n.attributes) or 'nothing'} is none of numbers")
    return constant(array_of(n.attributes["value"], f"{n.reader.file}: {n}"))


@reads("ConstantOfShape")
def filled(n: Node, shape: Expr) -> Any:
    """One number in a shape."""
    value = (
        array_of(n.attributes["value"], f"{n.reader.file}: {n}") if "value" in n.attributes else np.zeros(1, "float32")
    )
    number = constant(value.reshape(()))
    told: list[Any] = [d if d is None or isinstance(d, str) else int(d) for d in n.sizes(0).ravel()]
    if all(isinstance(d, int) for d in told):
        return P.broadcast_to(number, tuple(told))
    other = None if None in told else like(n, tuple(told))
    if other is None:
        raise n.unknown(0)
    return P.broadcast_like(number, other)


@reads("Range")
def numbers(n: Node, start: Expr, limit: Expr, delta: Expr) -> Any:
    """Numbers in equal steps."""
    end = n.sizes(1).reshape(())[()]
    if isinstance(end, str) and n.known(0).ravel()[0] == 0 and n.known(2).ravel()[0] == 1:
        found = like(n, (end,))
        if found is not None:
            return P.arange_like(found, axis=0, dtype=start.dtype)
    first, last, step = (n.known(i).reshape(()) for i in range(3))
    count = max(0, int(np.ceil((np.float64(last) - np.float64(first)) / np.float64(step))))
    if count > LARGEST_FOLDED:
        raise n.error(f"a range of {count} numbers is too long")
    return constant((np.arange(count) * np.asarray(step, "float64") + np.float64(first)).astype(start.dtype))


@reads("EyeLike")
def eye_like(n: Node, x: Expr) -> Any:
    """Ones on a diagonal."""
    dtype = dtype_of(n.get("dtype"), f"{n.reader.file}: {n}") if "dtype" in n.attributes else x.dtype
    rows, columns = (P.arange_like(x, axis=a, dtype="int64") for a in (0, 1))
    offset = constant(np.int64(n.get("k", 0)))
    return P.cast(P.equal(rows[:, None] + offset, columns[None]), dtype)


@reads("OneHot")
def one_hot(n: Node, indices: Expr, depth: Expr, values: Expr) -> Any:
    """One number at an index, and another one elsewhere."""
    count, axis = int(n.known(1).ravel()[0]), int(n.get("axis", -1))
    places = indices if indices.dtype.kind in "iu" else P.cast(indices, "int64")
    size = constant(np.asarray(count, places.dtype))
    here = P.one_hot(P.remainder(places, size), num_classes=count, dtype="bool")
    outside = (places < -size) | (places >= size) if places.dtype.kind == "i" else places >= size
    here = here & ~P.expand_dims(outside, axis=-1)
    return P.moveaxis(P.where(here, values[1], values[0]), -1, axis)
