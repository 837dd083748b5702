"""Matrix products, transposes, inverses, determinants and traces."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from pellucid.graph.rewrite_rule import RulePair, rule

if TYPE_CHECKING:
    from pellucid.typing import Array


SWAP = (1, 0)


def _draw_square(rng: np.random.Generator) -> Array:
    return np.eye(3) * 2 + rng.uniform(-0.5, 0.5, (3, 3))


def _draw_two_squares(rng: np.random.Generator) -> tuple[object, ...]:
    return _draw_square(rng), _draw_square(rng)


def is_identity(e: Expr) -> bool:
    if not isinstance(e, Constant) or e.ndim != 2 or e.shape[0] != e.shape[1]:
        return False
    return bool(np.array_equal(e.value, np.eye(e.value.shape[0])))


def are_matrices(*operands: Expr) -> bool:
    """Return whether all operands are matrices, not stacks of matrices."""
    return all(e.ndim == 2 for e in operands)


# Products.


@rule("matrices", examples=lambda rng: (_draw_square(rng), constant(np.eye(3))))
def times_identity(x: Expr, y: Expr) -> RulePair:
    return matmul(x, y), lambda x, y: x if is_identity(y) else None


@rule("matrices", examples=lambda rng: (constant(np.eye(3)), _draw_square(rng)))
def identity_times(x: Expr, y: Expr) -> RulePair:
    return matmul(x, y), lambda x, y: y if is_identity(x) else None


@rule("matrices", examples=lambda rng: (*_draw_two_squares(rng), rng.uniform(1, 2, 3)))
def vector_first(x: Expr, y: Expr, v: Expr) -> RulePair:
    """Two matrix-vector products need fewer operations than a matrix product and a matrix-vector product."""
    return matmul(matmul(x, y), v), lambda x, y, v: x @ (y @ v) if v.ndim == 1 and are_matrices(x, y) else None


@rule("matrices", examples=_draw_two_squares)
def transpose_of_transposes(x: Expr, y: Expr) -> RulePair:
    product = matmul(transpose(x, axes=SWAP), transpose(y, axes=SWAP))
    return transpose(product, axes=SWAP), y @ x


@rule("matrices", examples=_draw_two_squares)
def transpose_of_left_transpose(x: Expr, y: Expr) -> RulePair:
    product = matmul(transpose(x, axes=SWAP), y)
    return transpose(product, axes=SWAP), lambda x, y: transpose(y, SWAP) @ x if are_matrices(x, y) else None


@rule("matrices", examples=_draw_two_squares)
def transpose_of_right_transpose(x: Expr, y: Expr) -> RulePair:
    product = matmul(x, transpose(y, axes=SWAP))
    return transpose(product, axes=SWAP), lambda x, y: y @ transpose(x, SWAP) if are_matrices(x, y) else None


# Inverses.


@rule("matrices", when="x is not singular", examples=lambda rng: (_draw_square(rng),))
def inverse_of_inverse(x: Expr) -> RulePair:
    return inv(inv(x)), x


@rule("matrices", when="x is not singular", examples=_draw_two_squares)
def inverse_times(x: Expr, b: Expr) -> RulePair:
    """Solving is faster and more accurate than multiplying by the inverse."""
    return matmul(inv(x), b), solve(x, b)


@rule("matrices", when="x is not singular", examples=_draw_two_squares)
def times_inverse(b: Expr, x: Expr) -> RulePair:
    def solve_transposed(b: Expr, x: Expr) -> Expr | None:
        return transpose(solve(transpose(x, SWAP), transpose(b, SWAP)), SWAP) if are_matrices(b, x) else None

    return matmul(b, inv(x)), solve_transposed


@rule("matrices", when="x is not singular", examples=_draw_two_squares)
def solve_product(x: Expr, b: Expr) -> RulePair:
    return solve(x, matmul(x, b)), b


# Determinants and traces.


@rule("matrices", examples=lambda rng: (_draw_square(rng),))
def det_of_transpose(x: Expr) -> RulePair:
    return det(transpose(x, axes=SWAP)), det(x)


@rule("matrices", when="x is not singular", examples=lambda rng: (_draw_square(rng),))
def det_of_inverse(x: Expr) -> RulePair:
    return det(inv(x)), 1 / det(x)


@rule("matrices", examples=lambda rng: (_draw_square(rng),))
def log_of_det(x: Expr) -> RulePair:
    """The determinant overflows easily; `logabsdet` does not. The logarithm of the sign is 0 or NaN."""
    return log(det(x)), logabsdet(x) + log(signdet(x))


@rule("matrices", examples=lambda rng: (_draw_square(rng),))
def log_of_abs_det(x: Expr) -> RulePair:
    return log(absolute(det(x))), logabsdet(x)


@rule("matrices", examples=lambda rng: (_draw_square(rng),))
def logabsdet_of_transpose(x: Expr) -> RulePair:
    return logabsdet(transpose(x, axes=SWAP)), logabsdet(x)


@rule("matrices", when="x is not singular", examples=lambda rng: (_draw_square(rng),))
def logabsdet_of_inverse(x: Expr) -> RulePair:
    return logabsdet(inv(x)), -logabsdet(x)


@rule("matrices", examples=_draw_two_squares)
def logabsdet_of_product(x: Expr, y: Expr) -> RulePair:
    def add_logs(x: Expr, y: Expr) -> Expr | None:
        squares = are_matrices(x, y) and x.shape[0] == x.shape[1]
        return logabsdet(x) + logabsdet(y) if squares else None

    return logabsdet(matmul(x, y)), add_logs


@rule("matrices", examples=lambda rng: (_draw_square(rng),))
def trace_of_transpose(x: Expr) -> RulePair:
    return trace(transpose(x, axes=SWAP), offset=0, axis1=0, axis2=1), trace(x)


@rule("matrices", examples=_draw_two_squares)
def trace_of_product(x: Expr, y: Expr) -> RulePair:
    """The trace needs only the diagonal of the product, n^2 instead of n^3 multiplications."""

    def sum_products(x: Expr, y: Expr) -> Expr | None:
        return sum(x * transpose(y, SWAP)) if are_matrices(x, y) and x.dtype.kind == "f" else None

    return trace(matmul(x, y), offset=0, axis1=0, axis2=1), sum_products
