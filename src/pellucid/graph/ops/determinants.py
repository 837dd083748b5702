r"""Determinants and log-determinants of matrices and stacks of matrices."""

from __future__ import annotations

import functools
from typing import NamedTuple

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.expr import Expr, Operand
from pellucid.graph.op_decorator import op, register_function
from pellucid.graph.ops.cofactors import cofactors
from pellucid.graph.ops.linear_solve import check_square, get_cubic_cost, inv, make_matrix_examples
from pellucid.graph.ops.permute import matrix_transpose
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.precedence import JUXTAPOSE
from pellucid.graph.range_rules import fixed
from pellucid.graph.types import Type


def _scale_matrices(g: Expr, matrices: Expr) -> Expr:
    return (expand_dims(g, (-2, -1)) if g.ndim else g) * matrices


_determinant_op = functools.partial(
    op,
    promotes=True,
    floats=True,
    infer=lambda x: Type(check_square(x, "slogdet")[:-2], x.dtype),
    examples=make_matrix_examples,
    cost=get_cubic_cost(2 / 3),
)


@_determinant_op(
    tex=r"\det({0:_})",
    infer=lambda x: Type(check_square(x, "det")[:-2], x.dtype),
    grad=lambda g, y, x: _scale_matrices(g, cofactors(x)),
)
def det(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Determinant of square matrices, :math:`\det A`.

    The gradient is the matrix of cofactors, :math:`\det(A) A^{-\top}` for an invertible matrix. First and second
    derivatives are finite for singular matrices too; the third derivative needs an invertible matrix. The determinant
    of a large matrix can overflow or underflow; use `slogdet` for its logarithm.

    Parameters
    ----------
    x : Expr or array
        Square matrices in the last two axes.

    Examples
    --------
    >>> A = pel.matrix("A", shape=(2, 2))
    >>> pel.grad(pel.det(A), A)
    cofactors(A)

    References
    ----------
    M. B. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation, in:
    Advances in Automatic Differentiation, Springer 2008.
    """
    return xp.linalg.det(x)


@_determinant_op(
    tex=r"\operatorname{{sgn}} \det({0:_})",
    tex_precedence=JUXTAPOSE,
    differentiable=False,
    behind="slogdet",
    value_range=fixed(-1, 1),
)
def signdet(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Sign of the determinant of square matrices, :math:`\operatorname{sgn} \det A`; part of `slogdet`.

    Parameters
    ----------
    x : Expr or array
        Square matrices in the last two axes.

    Examples
    --------
    >>> pel.signdet(pel.matrix("A", shape=(2, 2)))
    signdet(A)
    """
    sign, log = xp.linalg.slogdet(x)
    return xp.where(xp.isnan(log), log, sign)  # NumPy has a sign for NaN


@_determinant_op(
    tex=r"\log \left|\det({0:_})\right|",
    tex_precedence=JUXTAPOSE,
    grad=lambda g, y, x: _scale_matrices(g, matrix_transpose(inv(x))),
    behind="slogdet",
)
def logabsdet(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Logarithm of the absolute value of the determinant, :math:`\log |\det A|`; part of `slogdet`.

    Parameters
    ----------
    x : Expr or array
        Square matrices in the last two axes.

    Examples
    --------
    >>> A = pel.matrix("A", shape=(2, 2))
    >>> pel.grad(pel.logabsdet(A), A)
    inv(A).T
    """
    return xp.linalg.slogdet(x)[1]


class SlogdetResult(NamedTuple):
    """Sign of a determinant and logarithm of its absolute value."""

    sign: Expr
    logabsdet: Expr


@register_function
def slogdet(x: Operand) -> SlogdetResult:
    r"""Sign :math:`s` and logarithm :math:`l` of a determinant, with :math:`\det A = s\, e^l`.

    Unlike `det`, it neither overflows nor underflows. The gradient of :math:`l` is :math:`A^{-\top}`: for a singular
    matrix the NumPy interpreter raises a LinAlgError, and XLA returns NaN or infinity.

    Parameters
    ----------
    x : Expr or array
        Square matrix or stack of square matrices.

    Returns
    -------
    SlogdetResult
        ``sign`` (-1, 0 or 1) and ``logabsdet`` (-inf for a singular matrix).

    Examples
    --------
    >>> sign, log = pel.slogdet(pel.matrix("A", shape=(2, 2)))
    >>> log
    logabsdet(A)
    """
    return SlogdetResult(signdet(x), logabsdet(x))
