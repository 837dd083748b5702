"""Readers of quantization operators and integer products."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic as P
from pellucid.graph.expr import Expr
from pellucid.graph.types import is_float
from pellucid.interop.onnx.dtypes import to_dtype
from pellucid.interop.onnx.reader import OnnxNode, reads
from pellucid.interop.onnx.readers.elementwise import like, saturating_cast


def broadcast_parameter(n: OnnxNode, x: Expr, e: Expr | None) -> Any:
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
    behind = tuple(range(1, x.ndim - axis))
    return P.expand_dims(e, axis=behind) if e.ndim == 1 and behind else e


@reads("QuantizeLinear")
def quantize(n: OnnxNode, x: Expr, scale: Expr, zero: Expr | None = None) -> Any:
    """Quantize: divide by the scale, round, add the zero point and saturate."""
    dtype = zero.dtype if zero is not None else np.dtype("uint8")
    if zero is None and n.get("output_dtype", 0):
        dtype = to_dtype(n.get("output_dtype"), f"{n.reader.file}: {n}")
    number = x if is_float(x.dtype) else P.cast(x, "float32")
    if is_float(dtype):
        return saturating_cast(n, number / P.cast(broadcast_parameter(n, x, scale), number.dtype), dtype)
    wide = P.cast(P.rint(number / P.cast(broadcast_parameter(n, x, scale), number.dtype)), "float64")
    if zero is not None:
        wide = wide + P.cast(broadcast_parameter(n, x, zero), "float64")
    limits = np.iinfo(dtype)
    return P.cast(P.clip(wide, np.float64(limits.min), np.float64(limits.max)), dtype)


@reads("DequantizeLinear")
def dequantize(n: OnnxNode, x: Expr, scale: Expr, zero: Expr | None = None) -> Any:
    wide = P.cast(x, scale.dtype)
    if zero is not None and not is_float(x.dtype):
        wide = P.cast(P.cast(x, "int64") - P.cast(broadcast_parameter(n, x, zero), "int64"), scale.dtype)
    result = wide * broadcast_parameter(n, x, scale)
    output_dtype = n.get("output_dtype", 0)
    return P.cast(result, to_dtype(output_dtype, f"{n.reader.file}: {n}")) if output_dtype else result


@reads("MatMulInteger")
def matmul_integer(n: OnnxNode, a: Expr, b: Expr, of_a: Expr | None = None, of_b: Expr | None = None) -> Any:
    return subtract_zero_point(a, of_a, -1) @ subtract_zero_point(b, of_b, -2)


def subtract_zero_point(x: Expr, zero: Expr | None, axis: int) -> Any:
    """Subtract a zero point in int32."""
    wide = P.cast(x, "int32")
    if zero is None:
        return wide
    point = P.cast(zero, "int32")
    return wide - (P.expand_dims(point, axis=axis) if point.ndim == 1 and point.shape != (1,) and axis == -1 else point)


@reads("QLinearMatMul")
def qlinear_matmul(n: OnnxNode, a: Expr, sa: Expr, za: Expr, b: Expr, sb: Expr, zb: Expr, sy: Expr, zy: Expr) -> Any:
    total = P.cast(subtract_zero_point(a, za, -1) @ subtract_zero_point(b, zb, -2), "float32")
    factor = P.cast(sa, "float32") * P.cast(sb, "float32") / P.cast(sy, "float32")
    limits = np.iinfo(zy.dtype)
    wide = P.rint(total * factor) + P.cast(zy, "float32")
    return P.cast(P.clip(wide, like(wide, limits.min), like(wide, limits.max)), zy.dtype)


@reads("ConvInteger")
def conv_integer(n: OnnxNode, x: Expr, w: Expr, zx: Expr | None = None, zw: Expr | None = None) -> Any:
    """Integer convolution, computed in float64, which is exact for sums below 2^53."""
    from pellucid.interop.onnx.readers.convolution import conv

    def real(e: Expr, zero: Expr | None) -> Any:
        wide = P.cast(e, "float64")
        return wide if zero is None else wide - P.cast(P.reshape(zero, (-1, *(1,) * (e.ndim - 1))), "float64")

    number = P.cast(x, "float64")
    number = number if zx is None else number - P.cast(P.reshape(zx, ()), "float64")
    return P.cast(conv(n, number, real(w, zw)), "int32")


@reads("QLinearConv")
def qlinear_conv(
    n: OnnxNode, x: Expr, sx: Expr, zx: Expr, w: Expr, sw: Expr, zw: Expr, sy: Expr, zy: Expr, bias: Expr | None = None
) -> Any:
    total = P.cast(conv_integer(n, x, w, zx, zw), "float64")
    wide = (1, -1, *(1,) * (x.ndim - 2))
    if bias is not None:
        total = total + P.reshape(P.cast(bias, "float64"), wide)
    scale = P.cast(sx, "float64") * P.reshape(P.cast(sw, "float64"), wide) / P.cast(sy, "float64")
    limits = np.iinfo(zy.dtype)
    found = P.rint(total * scale) + P.cast(zy, "float64")
    return P.cast(P.clip(found, np.float64(limits.min), np.float64(limits.max)), zy.dtype)
