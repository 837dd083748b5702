"""Identities of products, transposes, inverses, determinants and traces of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.expr import Constant, Expr, constant
from pellucid.graph.ops.determinants import det, logabsdet, signdet
from pellucid.graph.ops.elementwise import absolute
from pellucid.graph.ops.exponentials import log
from pellucid.graph.ops.linear_solve import inv, solve
from pellucid.graph.ops.matmul import matmul
from pellucid.graph.ops.permute import transpose
from pellucid.graph.ops.reductions import sum
from pellucid.graph.ops.triangular import trace
from pellucid.graph.rewrite_rule import rule

SWAP = (1, 0)


def square(rng: Any) -> Any:
    """Draw a well-conditioned square matrix for the generated test of a rule."""
    return np.eye(3) * 2 + rng.uniform(-0.5, 0.5, (3, 3))


def _two(rng: Any) -> Any:
    return square(rng), square(rng)


def is_identity(e: Expr) -> bool:
    """Tell whether an expression is a constant identity matrix."""
    if not isinstance(e, Constant) or e.ndim != 2 or e.shape[0] != e.shape[1]:
        return False
    return bool(np.array_equal(e.value, np.eye(e.value.shape[0])))


def one_matrix(*operands: Expr) -> bool:
    """Tell whether all operands are matrices, and none is a stack of them."""
    return all(e.ndim == 2 for e in operands)


# Products.


@rule("matrices", examples=lambda rng: (square(rng), constant(np.eye(3))))
def times_identity(x: Any, y: Any) -> Any:
    return matmul(x, y), lambda x, y: x if is_identity(y) else None


@rule("matrices", examples=lambda rng: (constant(np.eye(3)), square(rng)))
def identity_times(x: Any, y: Any) -> Any:
    return matmul(x, y), lambda x, y: y if is_identity(x) else None


@rule("matrices", examples=lambda rng: (*_two(rng), rng.uniform(1, 2, 3)))
def vector_first(x: Any, y: Any, v: Any) -> Any:
    """Multiply by the vector first, which takes two products of a matrix and a vector in place of one of matrices."""
    return matmul(matmul(x, y), v), lambda x, y, v: x @ (y @ v) if v.ndim == 1 and one_matrix(x, y) else None


@rule("matrices", examples=_two)
def transpose_of_transposes(x: Any, y: Any) -> Any:
    product = matmul(transpose(x, axes=SWAP), transpose(y, axes=SWAP))
    return transpose(product, axes=SWAP), y @ x


@rule("matrices", examples=_two)
def transpose_of_left_transpose(x: Any, y: Any) -> Any:
    product = matmul(transpose(x, axes=SWAP), y)
    return transpose(product, axes=SWAP), lambda x, y: transpose(y, SWAP) @ x if one_matrix(x, y) else None


@rule("matrices", examples=_two)
def transpose_of_right_transpose(x: Any, y: Any) -> Any:
    product = matmul(x, transpose(y, axes=SWAP))
    return transpose(product, axes=SWAP), lambda x, y: y @ transpose(x, SWAP) if one_matrix(x, y) else None


# Inverses.


@rule("matrices", when="x is not singular", examples=lambda rng: (square(rng),))
def inverse_of_inverse(x: Any) -> Any:
    return inv(inv(x)), x


@rule("matrices", when="x is not singular", examples=_two)
def inverse_times(x: Any, b: Any) -> Any:
    """Solve for the columns instead, which is faster and more exact."""
    return matmul(inv(x), b), solve(x, b)


@rule("matrices", when="x is not singular", examples=_two)
def times_inverse(b: Any, x: Any) -> Any:
    """Solve for the rows instead, which is faster and more exact."""

    def solved(b: Expr, x: Expr) -> Any:
        return transpose(solve(transpose(x, SWAP), transpose(b, SWAP)), SWAP) if one_matrix(b, x) else None

    return matmul(b, inv(x)), solved


@rule("matrices", when="x is not singular", examples=_two)
def solve_product(x: Any, b: Any) -> Any:
    return solve(x, matmul(x, b)), b


# Determinants and traces.


@rule("matrices", examples=lambda rng: (square(rng),))
def det_of_transpose(x: Any) -> Any:
    return det(transpose(x, axes=SWAP)), det(x)


@rule("matrices", when="x is not singular", examples=lambda rng: (square(rng),))
def det_of_inverse(x: Any) -> Any:
    return det(inv(x)), 1 / det(x)


@rule("matrices", examples=lambda rng: (square(rng),))
def log_of_det(x: Any) -> Any:
    """Add the logarithms of the factors, whose product soon leaves the range; of the sign it is 0 or not a number."""
    return log(det(x)), logabsdet(x) + log(signdet(x))


@rule("matrices", examples=lambda rng: (square(rng),))
def log_of_size_of_det(x: Any) -> Any:
    return log(absolute(det(x))), logabsdet(x)


@rule("matrices", examples=lambda rng: (square(rng),))
def logabsdet_of_transpose(x: Any) -> Any:
    return logabsdet(transpose(x, axes=SWAP)), logabsdet(x)


@rule("matrices", when="x is not singular", examples=lambda rng: (square(rng),))
def logabsdet_of_inverse(x: Any) -> Any:
    return logabsdet(inv(x)), -logabsdet(x)


@rule("matrices", examples=_two)
def logabsdet_of_product(x: Any, y: Any) -> Any:
    def added(x: Expr, y: Expr) -> Any:
        squares = one_matrix(x, y) and x.shape[0] == x.shape[1]
        return logabsdet(x) + logabsdet(y) if squares else None

    return logabsdet(matmul(x, y)), added


@rule("matrices", examples=lambda rng: (square(rng),))
def trace_of_transpose(x: Any) -> Any:
    return trace(transpose(x, axes=SWAP), offset=0, axis1=0, axis2=1), trace(x)


@rule("matrices", examples=_two)
def trace_of_product(x: Any, y: Any) -> Any:
    """Only the diagonal of the product counts: as many products of numbers as there are in one matrix."""

    def summed(x: Expr, y: Expr) -> Any:
        return sum(x * transpose(y, SWAP)) if one_matrix(x, y) and x.dtype.kind == "f" else None

    return trace(matmul(x, y), offset=0, axis1=0, axis2=1), summed
