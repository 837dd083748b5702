"""Writers of sorting, searching, one-hot encoding and linear algebra ops."""

from __future__ import annotations

from typing import Any

from pellucid.graph.expr import Expr
from pellucid.interop.onnx.writer import OnnxWriter, writes


@writes("argsort", "sort", "argtop_k")
def sort(w: OnnxWriter, e: Expr, x: str) -> Any:
    """TopK of all elements sorts; it is stable."""
    assert e.op is not None
    axis, is_bool = e.settings["axis"], e.inputs[0].dtype.kind == "b"
    x = w.cast(x, "int32") if is_bool else x
    if axis is None:
        axis, x = 0, w.node("Reshape", x, w.ints([-1]))
    top = e.op.name == "argtop_k"
    count = w.ints([e.settings["k"]]) if top else w.node("Shape", x, start=axis, end=axis + 1)
    largest = top or e.settings["descending"]
    values, indices = w.node("TopK", x, count, axis=axis, largest=int(largest), sorted=1, outputs=2)
    if e.op.name != "sort":
        return indices
    return w.cast(values, "bool") if is_bool else values


@writes("one_hot")
def one_hot(w: OnnxWriter, e: Expr, x: str) -> Any:
    """Comparison with all class numbers; an index out of range gives zeros."""
    (indices,) = e.inputs
    numbers = w.constant(range(e.settings["num_classes"]), indices.dtype)
    return w.cast(w.node("Equal", w.node("Unsqueeze", x, w.ints([-1])), numbers), e.dtype)


@writes("searchsorted")
def searchsorted(w: OnnxWriter, e: Expr, row: str, x: str) -> Any:
    """Number of elements that are smaller, or not larger."""
    kind = "Less" if e.settings["side"] == "left" else "LessOrEqual"
    before = w.node(kind, row, w.node("Unsqueeze", x, w.ints([-1])))
    return w.node("ReduceSum", w.cast(before, "int64"), w.ints([-1]), keepdims=0)


@writes("sum_of_products")
def einsum(w: OnnxWriter, e: Expr, *operands: str) -> Any:
    return w.node("Einsum", *operands, equation=e.settings["subscripts"])


@writes("det")
def det(w: OnnxWriter, e: Expr, x: str) -> Any:
    return w.node("Det", x)
