"""Readers of quantization operators and integer products."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.types import is_float
from pellucid.interop.onnx.reader import OnnxNode, reads
from pellucid.interop.onnx.readers.convolution import conv
from pellucid.interop.onnx.readers.elementwise import add_axes, like, saturating_cast
from pellucid.interop.onnx.symbolic import P
from pellucid.interop.onnx.tensors import to_dtype


def broadcast_parameter(n: OnnxNode, x: Expr, e: Any) -> Any:
    """Broadcast a scale or zero point: per tensor, per slice of an axis, or per block of an axis."""
    if e is None or e.ndim == 0:
        return e
    if e.ndim == 1 and e.shape == (1,) and x.ndim != 1:
        return e[0]
    axis, block = int(n.get("axis", 1)) % max(x.ndim, 1), int(n.get("block_size", 0))
    if block and e.ndim == x.ndim:
        wide = P.repeat(e, block, axis=axis)
        size = x.shape[axis]
        return wide[(*(slice(None),) * axis, slice(0, size))] if isinstance(size, int) else wide
    return add_axes(e, range(1, x.ndim - axis)) if e.ndim == 1 else e


@reads("QuantizeLinear")
def quantize(n: OnnxNode, x: Expr, scale: Expr, zero: Expr | None = None) -> Expr:
    """Quantize: divide by the scale, round, add the zero point and saturate."""
    dtype = zero.dtype if zero is not None else np.dtype("uint8")
    if zero is None and n.get("output_dtype", 0):
        dtype = to_dtype(n.get("output_dtype"), f"{n.reader.file}: {n}")
    number = x if is_float(x.dtype) else P.cast(x, "float32")
    quotient = number / P.cast(broadcast_parameter(n, x, scale), number.dtype)
    if is_float(dtype):
        return saturating_cast(n, quotient, dtype)
    wide = P.cast(P.rint(quotient), "float64")
    return saturate(wide if zero is None else wide + P.cast(broadcast_parameter(n, x, zero), "float64"), dtype)


def saturate(x: Expr, dtype: np.dtype[np.generic]) -> Expr:
    """Cast to an integer dtype; values beyond it become its limits."""
    limits = np.iinfo(dtype.name)
    return P.cast(P.clip(x, like(x, limits.min), like(x, limits.max)), dtype)


@reads("DequantizeLinear")
def dequantize(n: OnnxNode, x: Expr, scale: Expr, zero: Expr | None = None) -> Expr:
    wide = P.cast(x, scale.dtype)
    if zero is not None and not is_float(x.dtype):
        wide = P.cast(P.cast(x, "int64") - P.cast(broadcast_parameter(n, x, zero), "int64"), scale.dtype)
    result = wide * broadcast_parameter(n, x, scale)
    output_dtype = n.get("output_dtype", 0)
    return P.cast(result, to_dtype(output_dtype, f"{n.reader.file}: {n}")) if output_dtype else result


@reads("MatMulInteger")
def matmul_integer(n: OnnxNode, a: Expr, b: Expr, za: Expr | None = None, zb: Expr | None = None) -> Expr:
    return subtract_zero_point(a, za, -1) @ subtract_zero_point(b, zb, -2)


def subtract_zero_point(x: Expr, zero: Expr | None, axis: int) -> Expr:
    """Subtract a zero point in int32."""
    wide = P.cast(x, "int32")
    if zero is None:
        return wide
    point = P.cast(zero, "int32")
    return wide - (P.expand_dims(point, axis=axis) if point.ndim == 1 and point.shape != (1,) and axis == -1 else point)


@reads("QLinearMatMul")
def qlinear_matmul(n: OnnxNode, a: Expr, sa: Expr, za: Expr, b: Expr, sb: Expr, zb: Expr, sy: Expr, zy: Expr) -> Expr:
    total = P.cast(matmul_integer(n, a, b, za, zb), "float32")
    factor = P.cast(sa, "float32") * P.cast(sb, "float32") / P.cast(sy, "float32")
    return saturate(P.rint(total * factor) + P.cast(zy, "float32"), zy.dtype)


@reads("ConvInteger")
def conv_integer(n: OnnxNode, x: Expr, w: Expr, zx: Expr | None = None, zw: Expr | None = None) -> Expr:
    """Integer convolution, computed in float64, which is exact for sums below 2^53."""
    number, kernel = P.cast(x, "float64"), P.cast(w, "float64")
    if zx is not None:
        number = number - P.cast(P.reshape(zx, ()), "float64")
    if zw is not None:
        kernel = kernel - P.cast(P.reshape(zw, (-1, *(1,) * (w.ndim - 1))), "float64")
    return P.cast(conv(n, number, kernel), "int32")


@reads("QLinearConv")
def qlinear_conv(
    n: OnnxNode, x: Expr, sx: Expr, zx: Expr, w: Expr, sw: Expr, zw: Expr, sy: Expr, zy: Expr, bias: Expr | None = None
) -> Expr:
    total = P.cast(conv_integer(n, x, w, zx, zw), "float64")
    wide = (1, -1, *(1,) * (x.ndim - 2))
    if bias is not None:
        total = total + P.reshape(P.cast(bias, "float64"), wide)
    scale = P.cast(sx, "float64") * P.reshape(P.cast(sw, "float64"), wide) / P.cast(sy, "float64")
    return saturate(P.rint(total * scale) + P.cast(zy, "float64"), zy.dtype)
