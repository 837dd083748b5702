r"""Determinants, and their logarithms, of one matrix or of stacks."""

from __future__ import annotations

from typing import Any, NamedTuple

from pellucid.graph.expr import Expr
from pellucid.graph.op import op, public
from pellucid.graph.ops.linear_solve import cubic, inv, matrix_examples, square
from pellucid.graph.ops.permute import matrix_transpose
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.printing import JUXTAPOSE
from pellucid.graph.types import Type


def _scaled_inverse(g: Any, x: Any) -> Any:
    """Return the inverse transposed, times a number for each matrix."""
    return (expand_dims(g, (-2, -1)) if g.ndim else g) * matrix_transpose(inv(x))


@op(
    tex=r"\det({0:_})",
    promotes=True,
    floats=True,
    infer=lambda x: Type(square(x, "det")[:-2], x.dtype),
    grad=lambda g, y, x: _scaled_inverse(g * y, x),
    examples=matrix_examples,
    cost=cubic(2 / 3),
)
def det(xp: Any, x: Any) -> Any:
    r"""Determinant of square matrices, :math:`\det A`.

    Its gradient is :math:`\det(A) A^{-\top}`, and so needs a matrix that is not singular. The determinant of a large
    matrix is soon too large or too small for its dtype; its logarithm, from `slogdet`, is not.

    Examples
    --------
    >>> import pellucid as pel
    >>> A = pel.matrix("A", shape=(2, 2))
    >>> pel.grad(pel.det(A), A)
    det(A) * inv(A).T

    References
    ----------
    M. B. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation, in:
    Advances in Automatic Differentiation, Springer 2008.
    """
    return xp.linalg.det(x)


@op(
    tex=r"\operatorname{{sgn}} \det({0:_})",
    tex_precedence=JUXTAPOSE,
    promotes=True,
    floats=True,
    differentiable=False,
    infer=lambda x: Type(square(x, "slogdet")[:-2], x.dtype),
    examples=matrix_examples,
    cost=cubic(2 / 3),
    behind="slogdet",
)
def signdet(xp: Any, x: Any) -> Any:
    r"""Sign of the determinant of square matrices, :math:`\operatorname{sgn} \det A`; part of `slogdet`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.signdet(pel.matrix("A", shape=(2, 2)))
    signdet(A)
    """
    return xp.linalg.slogdet(x)[0]


@op(
    tex=r"\log \left|\det({0:_})\right|",
    tex_precedence=JUXTAPOSE,
    promotes=True,
    floats=True,
    infer=lambda x: Type(square(x, "slogdet")[:-2], x.dtype),
    grad=lambda g, y, x: _scaled_inverse(g, x),
    examples=matrix_examples,
    cost=cubic(2 / 3),
    behind="slogdet",
)
def logabsdet(xp: Any, x: Any) -> Any:
    r"""Logarithm of the absolute value of the determinant, :math:`\log |\det A|`; part of `slogdet`.

    Examples
    --------
    >>> import pellucid as pel
    >>> A = pel.matrix("A", shape=(2, 2))
    >>> pel.grad(pel.logabsdet(A), A)
    inv(A).T
    """
    return xp.linalg.slogdet(x)[1]


class SlogdetResult(NamedTuple):
    """The sign of a determinant, and the logarithm of its absolute value."""

    sign: Expr
    logabsdet: Expr


@public
def slogdet(x: Any) -> Any:
    r"""Sign and logarithm of a determinant, with :math:`\det A = s\, e^l`, for determinants of any size.

    Parameters
    ----------
    x : Expr or array
        A square matrix or a stack of them.

    Returns
    -------
    SlogdetResult
        ``sign``, which is -1, 0 or 1, and ``logabsdet``, which is -inf for a singular matrix.

    Examples
    --------
    >>> import pellucid as pel
    >>> sign, log = pel.slogdet(pel.matrix("A", shape=(2, 2)))
    >>> log
    logabsdet(A)
    """
    return SlogdetResult(signdet(x), logabsdet(x))
