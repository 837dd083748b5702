"""Writers of reductions, cumulative sums, Einstein sums, softmax and standardization."""

from __future__ import annotations

from pellucid.graph.expr import Expr
from pellucid.interop.onnx.op_table import REDUCTIONS
from pellucid.interop.onnx.writer import OnnxWriter, writes


def cast_to_result(w: OnnxWriter, e: Expr, x: str) -> str:
    return x if e.inputs[0].dtype == e.dtype else w.cast(x, e.dtype)


@writes(*REDUCTIONS)
def reduce(w: OnnxWriter, e: Expr, x: str) -> str:
    assert e.op is not None
    axes, x = e.settings["axis"], cast_to_result(w, e, x)
    if not axes:
        return w.node("Identity", x)
    result = w.node(REDUCTIONS[e.op.name], x, w.ints(axes), keepdims=int(e.settings["keepdims"]))
    if "initial" not in e.settings:
        return result
    return w.node(e.op.name.title(), result, w.constant(e.settings["initial"], e.dtype))


@writes("any", "all")
def any_or_all(w: OnnxWriter, e: Expr, x: str) -> str:
    """Any and all as the maximum and minimum of 0 and 1."""
    assert e.op is not None
    kind, axes = "ReduceMax" if e.op.name == "any" else "ReduceMin", e.settings["axis"]
    number = w.cast(x if e.inputs[0].dtype == bool else w.cast(x, "bool"), "int32")
    result = w.node(kind, number, w.ints(axes), keepdims=int(e.settings["keepdims"])) if axes else number
    return w.cast(result, "bool")


@writes("argmax", "argmin")
def arg_reduce(w: OnnxWriter, e: Expr, x: str) -> str:
    assert e.op is not None
    axis, keepdims = e.settings["axis"], e.settings["keepdims"]
    x = w.cast(x, "int32") if e.inputs[0].dtype == bool else x
    kind = "ArgMax" if e.op.name == "argmax" else "ArgMin"
    if axis is not None:
        return w.node(kind, x, axis=axis, keepdims=int(keepdims))
    place = w.node(kind, w.node("Reshape", x, w.ints([-1])), axis=0, keepdims=0)
    return w.node("Reshape", place, w.ints([1] * e.inputs[0].ndim)) if keepdims else place


@writes("cumsum")
def cumsum(w: OnnxWriter, e: Expr, x: str) -> str:
    axis, x = e.settings["axis"], cast_to_result(w, e, x)
    if axis is None:
        axis, x = 0, w.node("Reshape", x, w.ints([-1]))
    return w.node("CumSum", x, w.constant(axis, "int64"))


@writes("softmax", "log_softmax")
def softmax(w: OnnxWriter, e: Expr, x: str) -> str:
    """Softmax along one axis; several axes are flattened into one first."""
    assert e.op is not None
    kind = "Softmax" if e.op.name == "softmax" else "LogSoftmax"
    axes = e.settings["axis"]
    if len(axes) == 1:
        return w.node(kind, x, axis=axes[0])
    rest = [a for a in range(e.ndim) if a not in axes]
    order = [*rest, *axes]
    transposed = w.node("Transpose", x, perm=order)
    # In a Reshape, 0 copies the size of the input's axis.
    row = w.node("Reshape", transposed, w.ints([0] * len(rest) + [-1]))
    back = w.node("Reshape", w.node(kind, row, axis=len(rest)), w.node("Shape", transposed))
    return w.node("Transpose", back, perm=[order.index(a) for a in range(e.ndim)])


@writes("standardize")
def standardize(w: OnnxWriter, e: Expr, x: str) -> str:
    """LayerNormalization with a scale of 1; other axes than the last are transposed to the end."""
    axes, ndim = list(e.settings["axis"]), e.ndim
    rest = [a for a in range(ndim) if a not in axes]
    order = [*rest, *axes]
    transposed = x if order == list(range(ndim)) else w.node("Transpose", x, perm=order)
    one = w.constant(1, e.dtype)
    scale = w.node("Expand", one, w.shape(tuple(e.shape[a] for a in axes))) if axes else one
    result = w.node("LayerNormalization", transposed, scale, axis=len(rest), epsilon=float(e.settings["epsilon"]))
    return result if transposed == x else w.node("Transpose", result, perm=[order.index(a) for a in range(ndim)])


@writes("sum_of_products")
def einsum(w: OnnxWriter, e: Expr, *operands: str) -> str:
    return w.node("Einsum", *operands, equation=e.settings["subscripts"])
