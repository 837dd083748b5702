"""Readers of Gemm and Einsum."""

from __future__ import annotations

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.types import is_float
from pellucid.interop.onnx.reader import OnnxNode, reads
from pellucid.interop.onnx.readers.elementwise import like
from pellucid.interop.onnx.symbolic import P


@reads("Gemm")
def gemm(n: OnnxNode, a: Expr, b: Expr, c: Expr | None = None) -> Expr:
    """Matrix product alpha * A @ B + beta * C, with optional transposes."""
    a = a.T if n.get("transA", 0) else a
    b = b.T if n.get("transB", 0) else b
    product = scale_by(n, a @ b, "alpha")
    return product if c is None else product + scale_by(n, c, "beta")


def scale_by(n: OnnxNode, x: Expr, key: str) -> Expr:
    factor = n.get(key, 1.0)
    if factor == 1:
        return x
    return like(x, np.float32(factor)) * x if is_float(x.dtype) else P.cast(factor * P.cast(x, "float64"), x.dtype)


@reads("Einsum")
def einsum(n: OnnxNode, *operands: Expr) -> Expr:
    return P.einsum(n.require("equation"), *operands)
