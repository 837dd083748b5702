r"""Systems of linear equations, inverses and Cholesky factors, of one matrix or of stacks.

Where NumPy raises an error for a singular or indefinite matrix, so does the interpreter, naming the expression; a
program compiled by XLA has no way to stop and gives nan or inf instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import DtypeError, ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.op import op
from pellucid.graph.operators import call
from pellucid.graph.ops.permute import matrix_transpose
from pellucid.graph.ops.reshape import expand_dims, reduce_axes
from pellucid.graph.printing import JUXTAPOSE, POWER
from pellucid.graph.types import Mismatch, Shape, Type, broadcast, shape_text, unify


def square(x: Expr, what: str) -> Shape:
    """Return the shape of square matrices, and refuse any other, and numbers of a precision that is too low."""
    if x.ndim < 2 or unify(x.shape[-2], x.shape[-1]) is None:
        raise ShapeError(
            f"{what}: expected a square matrix, or a stack of them. Received: {x}, of shape {shape_text(x.shape)}"
        )
    if x.dtype.itemsize < 4:
        raise DtypeError(f"{what}: expected float32 or float64. Received: {x}, which is {x.dtype}; cast it first")
    return x.shape


def _well_conditioned(rng: np.random.Generator, *shape: int) -> np.ndarray[Any, Any]:
    return rng.normal(size=shape) + 3 * np.eye(shape[-1])


def matrix_examples(rng: np.random.Generator) -> list[Any]:
    """Return stacks of matrices that are far from singular."""
    return [((_well_conditioned(rng, 2, 3, 3),), {}), ((_well_conditioned(rng, 1, 2, 2),), {})]


def cubic(share: float) -> Any:
    """Return a cost of this share of the cube of the side, for each matrix of the first operand."""
    return lambda node, size: share * size(node.inputs[0]) * size(node.inputs[0], -1)


@op(
    tex=r"{0:^}^{{-1}}",
    tex_precedence=POWER,
    promotes=True,
    floats=True,
    infer=lambda x: Type(square(x, "inv"), x.dtype),
    grad=lambda g, y, x: -(matrix_transpose(y) @ g @ matrix_transpose(y)),
    examples=matrix_examples,
    cost=cubic(2),
)
def inv(xp: Any, x: Any) -> Any:
    r"""Inverse of square matrices, :math:`A^{-1} A = I`.

    To solve equations use `solve`, which takes fewer operations and rounds less.

    Parameters
    ----------
    x : Expr or array
        A square matrix or a stack of them.

    Returns
    -------
    Expr
        Of the shape of ``x``.

    Raises
    ------
    LinAlgError
        By the interpreter, if a matrix is singular; XLA gives nan or inf.

    Examples
    --------
    >>> import pellucid as pel
    >>> A = pel.matrix("A", shape=(2, 2))
    >>> pel.inv(A)
    inv(A)

    References
    ----------
    M. B. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation, in:
    Advances in Automatic Differentiation, Springer 2008.
    """
    return xp.linalg.inv(x)


def _solved_type(what: str, a: Expr, b: Expr) -> Type:
    square(a, what)
    if not b.ndim or unify(a.shape[-1], b.shape[-1 if b.ndim == 1 else -2]) is None:
        raise ShapeError(
            f"{what}: the right side must have as many rows as the matrix. Received: {a}, of shape "
            f"{shape_text(a.shape)}, and {b}, of shape {shape_text(b.shape)}"
        )
    if b.ndim == 1:
        return Type(a.shape[:-1], a.dtype)
    batch = broadcast([a.shape[:-2], b.shape[:-2]])
    if isinstance(batch, Mismatch):
        raise ShapeError(
            f"{what}: the leading dimensions do not broadcast, {batch.left} with {batch.right}. Received: {a}, of "
            f"shape {shape_text(a.shape)}, and {b}, of shape {shape_text(b.shape)}"
        )
    return Type((*batch, *b.shape[-2:]), a.dtype)


def _matrix_of(gb: Expr, x: Expr, a: Expr, b: Expr) -> Any:
    """Return the gradient by the matrix of a system, from that by its right side and the solution."""
    if b.ndim > 1:
        return -(gb @ matrix_transpose(x))
    return -call("outer", gb, x) if a.ndim == 2 else -(expand_dims(gb, -1) * expand_dims(x, -2))


def _transposed(solver: Any, a: Expr, b: Expr, g: Expr) -> Any:
    """Solve the transposed system for a gradient; one vector for many matrices is a column of each."""
    if b.ndim > 1 or a.ndim == 2:
        return solver(matrix_transpose(a), g)
    return call("squeeze", solver(matrix_transpose(a), expand_dims(g, -1)), axis=-1)


def _solve_grad(g: Any, x: Any, a: Any, b: Any) -> tuple[Any, Any]:
    gb = _transposed(solve, a, b, g)
    return reduce_axes(_matrix_of(gb, x, a, b), a), reduce_axes(gb, b)


def _solve_examples(rng: np.random.Generator) -> list[Any]:
    one, many = _well_conditioned(rng, 3, 3), _well_conditioned(rng, 2, 3, 3)
    return [
        ((many, rng.normal(size=3)), {}),
        ((one, rng.normal(size=(2, 3, 2))), {}),
        ((many, rng.normal(size=(3, 2))), {}),
    ]


@op(
    tex=r"{0:^}^{{-1}} {1:>}",
    tex_precedence=JUXTAPOSE,
    promotes=True,
    floats=True,
    core=2,
    infer=lambda a, b: _solved_type("solve", a, b),
    grad=_solve_grad,
    examples=_solve_examples,
    cost=cubic(2 / 3),
)
def solve(xp: Any, a: Any, b: Any) -> Any:
    r"""Solution of linear equations, :math:`x = A^{-1} b` with :math:`A x = b`.

    Parameters
    ----------
    a : Expr or array
        A square matrix or a stack of them.
    b : Expr or array
        A vector, or a matrix of columns, or a stack of such matrices, as NumPy 2 tells them apart.

    Returns
    -------
    Expr
        Of the shape of ``b``, with the leading axes of both.

    Raises
    ------
    ShapeError
        If the matrix is not square, or the right side has not as many rows.
    LinAlgError
        By the interpreter, if a matrix is singular; XLA gives nan or inf.

    Examples
    --------
    >>> import pellucid as pel
    >>> A, b, r = pel.matrix("A", shape=(2, 2)), pel.matrix("b", shape=(2, 1)), pel.matrix("r", shape=(2, 1))
    >>> pel.grad((r * pel.solve(A, b)).sum(), b)
    solve(A.T, r)

    References
    ----------
    M. B. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation, in:
    Advances in Automatic Differentiation, Springer 2008.
    """
    return xp.linalg.solve(a, b)


def _solve_triangular_grad(g: Any, x: Any, a: Any, b: Any, lower: bool) -> tuple[Any, Any]:
    gb = _transposed(lambda turned, right: solve_triangular(turned, right, lower=not lower), a, b, g)
    inside = call("tril" if lower else "triu", _matrix_of(gb, x, a, b))
    return reduce_axes(inside, a), reduce_axes(gb, b)


def _solve_triangular_xla(xp: Any, a: Any, b: Any, lower: bool = False) -> Any:
    from jax.lax.linalg import triangular_solve

    columns = b[:, None] if b.ndim == 1 else b
    batch = np.broadcast_shapes(a.shape[:-2], columns.shape[:-2])
    a, columns = (xp.broadcast_to(e, (*batch, *e.shape[-2:])) for e in (a, columns))
    x = triangular_solve(a, columns, left_side=True, lower=lower)
    return x[..., 0] if b.ndim == 1 else x


@op(
    tex=r"{0:^}^{{-1}} {1:>}",
    tex_precedence=JUXTAPOSE,
    promotes=True,
    floats=True,
    core=2,
    infer=lambda a, b, lower: _solved_type("solve_triangular", a, b),
    normalize=lambda a, b, lower: {"lower": bool(lower)},
    xla=_solve_triangular_xla,
    grad=_solve_triangular_grad,
    examples=lambda rng: [
        (operands, {"lower": lower}) for operands, _ in _solve_examples(rng) for lower in (False, True)
    ],
    cost=lambda node, size: size(node.inputs[1]) * size(node.inputs[0], -1),
)
def solve_triangular(xp: Any, a: Any, b: Any, lower: Any = False) -> Any:
    r"""Solution of linear equations :math:`A x = b` by substitution, where :math:`A` is a triangle.

    Parameters
    ----------
    a : Expr or array
        A square matrix or a stack of them, of which the other triangle is not looked at.
    b : Expr or array
        A vector, or a matrix of columns, or a stack of such matrices.
    lower : bool
        Whether it is the lower triangle; the upper one unless said otherwise, as in SciPy.

    Returns
    -------
    Expr
        Of the shape of ``b``, with the leading axes of both.

    Raises
    ------
    LinAlgError
        By the interpreter, if there is a 0 on a diagonal; XLA gives nan or inf.

    Examples
    --------
    >>> import pellucid as pel
    >>> L, b = pel.matrix("L", shape=(2, 2)), pel.vector("b", shape=(2,))
    >>> pel.solve_triangular(L, b, lower=True)
    solve_triangular(L, b, lower=True)
    """
    return xp.linalg.solve(xp.tril(a) if lower else xp.triu(a), b)


def _cholesky_grad(g: Any, y: Any, x: Any) -> Any:
    inside = matrix_transpose(y) @ g
    symmetric = call("tril", inside) + matrix_transpose(call("tril", inside, -1))
    turned = matrix_transpose(y)
    return 0.5 * solve_triangular(turned, matrix_transpose(solve_triangular(turned, symmetric)))


def _cholesky_xla(xp: Any, x: Any) -> Any:
    from jax.lax.linalg import cholesky as factor

    return factor(x, symmetrize_input=True)


def _cholesky_examples(rng: np.random.Generator) -> list[Any]:
    stacks = [rng.normal(size=(2, 3, 3)), rng.normal(size=(1, 2, 2))]
    return [((a @ np.swapaxes(a, -1, -2) + np.eye(a.shape[-1]),), {}) for a in stacks]


@op(
    tex=r"\operatorname{{chol}}({0:_})",
    promotes=True,
    floats=True,
    infer=lambda x: Type(square(x, "cholesky"), x.dtype),
    xla=_cholesky_xla,
    grad=_cholesky_grad,
    examples=_cholesky_examples,
    cost=cubic(1 / 3),
)
def cholesky(xp: Any, x: Any) -> Any:
    r"""Lower triangle with :math:`L L^\top = A`, for symmetric matrices that are positive definite.

    Of a matrix that is not symmetric the symmetric part :math:`\frac{1}{2}(A + A^\top)` is taken, so that the gradient
    is symmetric.

    Parameters
    ----------
    x : Expr or array
        A symmetric matrix or a stack of them.

    Returns
    -------
    Expr
        Lower triangles, of the shape of ``x``.

    Raises
    ------
    LinAlgError
        By the interpreter, if a matrix is not positive definite; XLA gives nan.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.cholesky(pel.matrix("A", shape=(2, 2)))
    cholesky(A)

    References
    ----------
    I. Murray, Differentiation of the Cholesky decomposition, arXiv:1602.07527, 2016.
    """
    return xp.linalg.cholesky((x + xp.swapaxes(x, -1, -2)) / 2)
