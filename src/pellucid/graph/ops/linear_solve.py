r"""Linear systems, inverses and Cholesky factors of matrices and stacks of matrices.

For a singular or indefinite matrix the NumPy interpreter raises an error that names the expression. A program compiled
by XLA cannot raise errors and returns NaN or infinity.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, JaxArray, NamespaceArray
from pellucid.graph.errors import DtypeError, ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.op import CostRule, Example
from pellucid.graph.op_decorator import op
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import format_operand
from pellucid.graph.ops.matmul import broadcast_batch_axes
from pellucid.graph.ops.permute import matrix_transpose
from pellucid.graph.ops.reshape import expand_dims, sum_broadcast_axes
from pellucid.graph.precedence import JUXTAPOSE, POWER
from pellucid.graph.types import Shape, Type, unify

if TYPE_CHECKING:
    from pellucid.typing import Array


def check_square(x: Expr, name: str) -> Shape:
    """Return the shape of a stack of square matrices; raise an error for other shapes and for 16-bit floats."""
    if x.ndim < 2 or unify(x.shape[-2], x.shape[-1]) is None:
        raise ShapeError(f"{name}: expected a square matrix, or a stack of them. Received: {format_operand(x)}")
    if x.dtype.itemsize < 4:
        raise DtypeError(f"{name}: expected float32 or float64. Received: {x}, which is {x.dtype}. Cast it first")
    return x.shape


def _draw_well_conditioned(rng: np.random.Generator, *shape: int) -> Array:
    return rng.normal(size=shape) + 3 * np.eye(shape[-1])


def make_matrix_examples(rng: np.random.Generator) -> list[Example]:
    return [((_draw_well_conditioned(rng, 2, 3, 3),), {}), ((_draw_well_conditioned(rng, 1, 2, 2),), {})]


def get_cubic_cost(factor: float) -> CostRule:
    """Return a cost function: factor * n**3 operations per n-by-n matrix of the first operand."""
    return lambda node, size: factor * size(node.inputs[0]) * size(node.inputs[0], -1)


@op(
    tex=r"{0:^}^{{-1}}",
    tex_precedence=POWER,
    promotes=True,
    floats=True,
    infer=lambda x: Type(check_square(x, "inv"), x.dtype),
    grad=lambda g, y, x: -(matrix_transpose(y) @ g @ matrix_transpose(y)),
    examples=make_matrix_examples,
    cost=get_cubic_cost(2),
)
def inv(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Inverse of square matrices, :math:`A^{-1} A = I`.

    To solve a linear system use `solve`, which is faster and more accurate.

    Parameters
    ----------
    x : Expr or array
        Square matrix or stack of square matrices.

    Returns
    -------
    Expr
        Same shape as ``x``.

    Raises
    ------
    LinAlgError
        In the NumPy interpreter, if a matrix is singular. XLA returns NaN or infinity.

    Examples
    --------
    >>> A = pel.matrix("A", shape=(2, 2))
    >>> pel.inv(A)
    inv(A)

    References
    ----------
    M. B. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation, in:
    Advances in Automatic Differentiation, Springer 2008.
    """
    return xp.linalg.inv(x)


def _infer_solve(name: str, a: Expr, b: Expr) -> Type:
    check_square(a, name)
    if not b.ndim or unify(a.shape[-1], b.shape[-1 if b.ndim == 1 else -2]) is None:
        raise ShapeError(
            f"{name}: the right-hand side and the matrix must have the same number of rows. Received: "
            f"{format_operand(a)}, and {format_operand(b)}"
        )
    if b.ndim == 1:
        return Type(a.shape[:-1], a.dtype)
    return Type((*broadcast_batch_axes(a, b, name), *b.shape[-2:]), a.dtype)


def _get_matrix_gradient(gb: Expr, x: Expr, a: Expr, b: Expr) -> Any:
    """Return the gradient with respect to the matrix, from the gradient with respect to b and the solution x."""
    if b.ndim > 1:
        return -(gb @ matrix_transpose(x))
    return -call_op("outer", gb, x) if a.ndim == 2 else -(expand_dims(gb, -1) * expand_dims(x, -2))


def _solve_transposed(solver: Any, a: Expr, b: Expr, g: Expr) -> Any:
    if b.ndim > 1 or a.ndim == 2:
        return solver(matrix_transpose(a), g)
    # One vector b for a stack of matrices: its gradient is a stack of vectors, which solve would read as a matrix.
    return call_op("squeeze", solver(matrix_transpose(a), expand_dims(g, -1)), axis=-1)


def _solve_grad(g: Expr, x: Expr, a: Expr, b: Expr) -> tuple[Expr, Expr]:
    gb = _solve_transposed(solve, a, b, g)
    return sum_broadcast_axes(_get_matrix_gradient(gb, x, a, b), a), sum_broadcast_axes(gb, b)


def _solve_examples(rng: np.random.Generator) -> list[Example]:
    one, many = _draw_well_conditioned(rng, 3, 3), _draw_well_conditioned(rng, 2, 3, 3)
    return [
        ((many, rng.normal(size=3)), {}),
        ((one, rng.normal(size=(2, 3, 2))), {}),
        ((many, rng.normal(size=(3, 2))), {}),
    ]


_solve_op = functools.partial(
    op, tex=r"{0:^}^{{-1}} {1:>}", tex_precedence=JUXTAPOSE, promotes=True, floats=True, core=2
)


@_solve_op(
    infer=lambda a, b: _infer_solve("solve", a, b),
    grad=_solve_grad,
    examples=_solve_examples,
    cost=get_cubic_cost(2 / 3),
)
def solve(xp: ArrayNamespace, a: NamespaceArray, b: NamespaceArray) -> NamespaceArray:
    r"""Solution of the linear system :math:`A x = b`, :math:`x = A^{-1} b`.

    Parameters
    ----------
    a : Expr or array
        Square matrix or stack of square matrices.
    b : Expr or array
        Vector, matrix of columns, or stack of such matrices. As in NumPy 2, only a 1-D array is a vector.

    Returns
    -------
    Expr
        Same shape as ``b``, with the broadcast batch axes of both.

    Raises
    ------
    ShapeError
        If the matrix is not square, or ``b`` has a different number of rows.
    LinAlgError
        In the NumPy interpreter, if a matrix is singular. XLA returns NaN or infinity.

    Examples
    --------
    >>> A, b, r = pel.matrix("A", shape=(2, 2)), pel.matrix("b", shape=(2, 1)), pel.matrix("r", shape=(2, 1))
    >>> pel.grad((r * pel.solve(A, b)).sum(), b)
    solve(A.T, r)

    References
    ----------
    M. B. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation, in:
    Advances in Automatic Differentiation, Springer 2008.
    """
    return xp.linalg.solve(a, b)


def _solve_triangular_grad(g: Expr, x: Expr, a: Expr, b: Expr, lower: bool) -> tuple[Expr, Expr]:
    gb = _solve_transposed(lambda a_t, right: solve_triangular(a_t, right, lower=not lower), a, b, g)
    ga = call_op("tril" if lower else "triu", _get_matrix_gradient(gb, x, a, b))
    return sum_broadcast_axes(ga, a), sum_broadcast_axes(gb, b)


def _solve_triangular_xla(xp: ArrayNamespace, a: JaxArray, b: JaxArray, lower: bool = False) -> JaxArray:
    import jax.numpy as jnp
    from jax.lax.linalg import triangular_solve

    columns = b[:, None] if b.ndim == 1 else b
    batch = np.broadcast_shapes(a.shape[:-2], columns.shape[:-2])
    a, columns = (jnp.broadcast_to(e, (*batch, *e.shape[-2:])) for e in (a, columns))
    x = triangular_solve(a, columns, left_side=True, lower=lower)
    return x[..., 0] if b.ndim == 1 else x


@_solve_op(
    infer=lambda a, b, lower: _infer_solve("solve_triangular", a, b),
    normalize=lambda a, b, lower: {"lower": bool(lower)},
    xla=_solve_triangular_xla,
    grad=_solve_triangular_grad,
    examples=lambda rng: [
        (operands, {"lower": lower}) for operands, _ in _solve_examples(rng) for lower in (False, True)
    ],
    cost=lambda node, size: size(node.inputs[1]) * size(node.inputs[0], -1),
)
def solve_triangular(xp: ArrayNamespace, a: NamespaceArray, b: NamespaceArray, lower: bool = False) -> NamespaceArray:
    r"""Solution of the linear system :math:`A x = b` with a triangular matrix, by substitution.

    Parameters
    ----------
    a : Expr or array
        Square matrix or stack of square matrices. The other triangle is ignored.
    b : Expr or array
        As for `solve`.
    lower : bool
        Use the lower triangle of ``a``; by default the upper one, as in SciPy.

    Returns
    -------
    Expr
        As for `solve`.

    Raises
    ------
    LinAlgError
        In the NumPy interpreter, if a diagonal element is 0. XLA returns NaN or infinity.

    Examples
    --------
    >>> L, b = pel.matrix("L", shape=(2, 2)), pel.vector("b", shape=(2,))
    >>> pel.solve_triangular(L, b, lower=True)
    solve_triangular(L, b, lower=True)
    """
    return xp.linalg.solve(xp.tril(a) if lower else xp.triu(a), b)


def _cholesky_grad(g: Expr, y: Expr, x: Expr) -> Expr:
    y_t = matrix_transpose(y)
    product = y_t @ g
    symmetric = call_op("tril", product) + matrix_transpose(call_op("tril", product, -1))
    return 0.5 * solve_triangular(y_t, matrix_transpose(solve_triangular(y_t, symmetric)))


def _cholesky_xla(xp: ArrayNamespace, x: JaxArray) -> JaxArray:
    from jax.lax import linalg

    return linalg.cholesky(x, symmetrize_input=True)


def _cholesky_examples(rng: np.random.Generator) -> list[Example]:
    stacks = [rng.normal(size=(2, 3, 3)), rng.normal(size=(1, 2, 2))]
    return [((a @ np.swapaxes(a, -1, -2) + np.eye(a.shape[-1]),), {}) for a in stacks]


@op(
    tex=r"\operatorname{{chol}}({0:_})",
    promotes=True,
    floats=True,
    infer=lambda x: Type(check_square(x, "cholesky"), x.dtype),
    xla=_cholesky_xla,
    grad=_cholesky_grad,
    examples=_cholesky_examples,
    cost=get_cubic_cost(1 / 3),
)
def cholesky(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Cholesky factor of symmetric positive definite matrices: lower triangular :math:`L` with :math:`L L^\top = A`.

    The matrix is symmetrized first, :math:`\frac{1}{2}(A + A^\top)`, so that the gradient is symmetric.

    Parameters
    ----------
    x : Expr or array
        Symmetric matrix or stack of symmetric matrices.

    Returns
    -------
    Expr
        Lower triangular matrices, same shape as ``x``.

    Raises
    ------
    LinAlgError
        In the NumPy interpreter, if a matrix is not positive definite. XLA returns NaN.

    Examples
    --------
    >>> pel.cholesky(pel.matrix("A", shape=(2, 2)))
    cholesky(A)

    References
    ----------
    I. Murray, Differentiation of the Cholesky decomposition, arXiv:1602.07527, 2016.
    """
    return xp.linalg.cholesky((x + xp.swapaxes(x, -1, -2)) / 2)
