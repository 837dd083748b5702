"""Sums of products."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic as P
from pellucid.graph.expr import Expr
from pellucid.graph.types import is_float
from pellucid.interop.onnx.reader import Node, reads
from pellucid.interop.onnx.readers.elementwise import like


@reads("Gemm")
def gemm(n: Node, a: Expr, b: Expr, c: Expr | None = None) -> Any:
    """A product of matrices and a matrix added, each with a factor, each factor of the product turned if so told."""
    a = a.T if n.get("transA", 0) else a
    b = b.T if n.get("transB", 0) else b
    product = scaled(n, a @ b, "alpha")
    return product if c is None else product + scaled(n, c, "beta")


def scaled(n: Node, x: Expr, key: str) -> Any:
    """Multiply by an attribute, unless that is 1."""
    factor = n.get(key, 1.0)
    if factor == 1:
        return x
    return like(x, np.float32(factor)) * x if is_float(x.dtype) else P.cast(factor * P.cast(x, "float64"), x.dtype)


@reads("Einsum")
def einsum(n: Node, *operands: Expr) -> Any:
    """Any sum of products."""
    return P.einsum(n.needs("equation"), *operands)


@reads("Det")
def det(n: Node, x: Expr) -> Any:
    """A determinant."""
    return P.det(x)
