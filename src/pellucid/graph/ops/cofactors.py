r"""Cofactor matrices, the gradients of determinants.

For an invertible matrix the cofactor matrix is :math:`\det(A) A^{-\top}`. That formula fails for singular matrices,
whose cofactors are finite. Small matrices use the definition, and matrices that are almost singular the singular value
decomposition: with :math:`A = U S V^\top`, the cofactor matrix is :math:`\det(U) \det(V) \, U C V^\top`, where
:math:`C` is diagonal with the products of all other singular values.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pellucid.graph.array_namespace import NUMPY, ArrayNamespace, NamespaceArray
from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.op import Example
from pellucid.graph.op_decorator import op
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import format_operand
from pellucid.graph.ops.linear_solve import check_square, get_cubic_cost, inv, make_matrix_examples
from pellucid.graph.ops.permute import matrix_transpose
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.types import Type, unify_shapes

if TYPE_CHECKING:
    from pellucid.typing import Array


def _scale(xp: ArrayNamespace, x: NamespaceArray) -> tuple[NamespaceArray, NamespaceArray, NamespaceArray]:
    """Scale rows and columns by powers of 2, and return the exponents.

    Scaling is exact. It keeps products of singular values in range, and badly scaled matrices accurate.
    """
    rows = xp.frexp(xp.max(xp.abs(x), axis=-1, keepdims=True))[1]
    x = xp.ldexp(x, -rows)
    columns = xp.frexp(xp.max(xp.abs(x), axis=-2, keepdims=True))[1]
    return xp.ldexp(x, -columns), rows, columns


def _invert_regular(xp: ArrayNamespace, x: NamespaceArray) -> tuple[NamespaceArray, NamespaceArray, NamespaceArray]:
    """Return determinants, inverse transposes, and which matrices are regular enough for the formulas with them."""
    n, eye = x.shape[-1], xp.eye(x.shape[-1], dtype=x.dtype)
    finite = xp.all(xp.isfinite(x), axis=(-2, -1), keepdims=True)
    det = xp.linalg.det(xp.where(finite, x, eye))[..., None, None]
    regular = xp.logical_and(finite, xp.not_equal(det, 0))
    inverse = xp.swapaxes(xp.linalg.inv(xp.where(regular, x, eye)), -1, -2)
    size, inverse_size = (xp.max(xp.sum(xp.abs(e), axis=-1), axis=-1) for e in (x, inverse))
    # Half of the digits are right at this condition number. The SVD keeps all, and takes about 20 times as long.
    limit = n / math.sqrt(np.finfo(x.dtype).eps)
    return det, inverse, xp.logical_and(regular[..., 0, 0], size * inverse_size < limit)


def _decompose(
    xp: ArrayNamespace, x: NamespaceArray
) -> tuple[NamespaceArray, NamespaceArray, NamespaceArray, NamespaceArray]:
    """Return singular vectors and values, and the sign of the determinant of the vectors, NaN without an SVD."""
    finite = xp.all(xp.isfinite(x), axis=(-2, -1), keepdims=True)
    u, s, vt = xp.linalg.svd(xp.where(finite, x, xp.zeros_like(x)), full_matrices=False)
    sign = (xp.linalg.slogdet(u)[0] * xp.linalg.slogdet(vt)[0])[..., None, None]
    return u, s, vt, xp.where(finite, sign, xp.full_like(sign, np.nan))


def _restore_scale(
    xp: ArrayNamespace, c: NamespaceArray, rows: NamespaceArray, columns: NamespaceArray
) -> NamespaceArray:
    """Undo the scaling of rows and columns: a cofactor has the scales of all other rows and columns."""
    others = xp.sum(rows, axis=-2, keepdims=True) - rows + xp.sum(columns, axis=-1, keepdims=True) - columns
    half = others // 2  # in two steps, because a factor alone may be out of range
    return xp.ldexp(xp.ldexp(c, half), others - half)


def _multiply_others(xp: ArrayNamespace, s: NamespaceArray) -> tuple[NamespaceArray, NamespaceArray]:
    """Return for each singular value the products of those before it and of those after it."""
    one = xp.ones_like(s[..., :1])
    before = xp.cumprod(xp.concatenate([one, s[..., :-1]], axis=-1), axis=-1)
    after = xp.flip(xp.cumprod(xp.concatenate([one, xp.flip(s, -1)[..., :-1]], axis=-1), axis=-1), -1)
    return before, after


def _multiply_all_but_two(xp: ArrayNamespace, s: NamespaceArray) -> NamespaceArray:
    """Return the matrix of the products of all singular values but two, with zeros on the diagonal."""
    before, after = _multiply_others(xp, s)
    n = s.shape[-1]
    above = xp.triu(xp.ones((n, n), s.dtype), 1)
    between = xp.cumprod(xp.where(above > 0, s[..., None, :], xp.ones_like(s[..., None, :])), axis=-1)
    between = xp.concatenate([xp.ones_like(between[..., :1]), between[..., :-1]], axis=-1)
    upper = above * before[..., :, None] * between * after[..., None, :]
    return upper + xp.swapaxes(upper, -1, -2)


def _compute_from_svd(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    u, s, vt, sign = _decompose(xp, x)
    before, after = _multiply_others(xp, s)
    return sign * xp.matmul(u * (before * after)[..., None, :], vt)


def _compute_derivative_from_svd(xp: ArrayNamespace, x: NamespaceArray, g: NamespaceArray) -> NamespaceArray:
    u, s, vt, sign = _decompose(xp, x)
    products = _multiply_all_but_two(xp, s)
    inner = xp.matmul(xp.matmul(xp.swapaxes(u, -1, -2), g), xp.swapaxes(vt, -1, -2))
    diagonal = xp.matmul(products, xp.diagonal(inner, axis1=-2, axis2=-1)[..., None])
    inner = xp.eye(s.shape[-1], dtype=s.dtype) * diagonal - products * xp.swapaxes(inner, -1, -2)
    return sign * xp.matmul(xp.matmul(u, inner), vt)


def _select(
    xp: ArrayNamespace,
    regular: Any,
    direct: Any,
    compute_from_svd: Callable[..., Any],
    *operands: NamespaceArray,
) -> Any:
    """Return the direct result, replaced where a matrix is not regular. Without such matrices no SVD is computed."""
    if xp is NUMPY:
        if not regular.all():
            direct[~regular] = compute_from_svd(np, *[e[~regular] for e in operands])
        return direct
    from jax import lax

    def replace() -> Any:
        return xp.where(regular[..., None, None], direct, compute_from_svd(xp, *operands))

    return lax.cond(xp.all(regular), lambda: direct, replace)


def _draw_matrices(rng: np.random.Generator) -> list[Example]:
    large = rng.normal(size=(2, 4, 4)) + 3 * np.eye(4)
    return [*make_matrix_examples(rng), ((large,), {}), ((np.array([[[2.0]]]),), {})]


def _multiply_minors(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    """Return a bilinear function of two 3-by-3 matrices. For equal ones it gives the cofactors."""

    def shift(e: NamespaceArray, rows: int, columns: int) -> NamespaceArray:
        return xp.roll(e, (-rows, -columns), axis=(-2, -1))

    return shift(x, 1, 1) * shift(y, 2, 2) - shift(x, 1, 2) * shift(y, 2, 1)


def _get_cofactors_2x2(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    return xp.flip(x, (-2, -1)) * np.array([[1, -1], [-1, 1]], x.dtype)


@op(
    tex=r"\operatorname{{cof}}({0:_})",
    promotes=True,
    floats=True,
    infer=lambda x: Type(check_square(x, "cofactors"), x.dtype),
    grad=lambda g, y, x: call_op("cofactors_derivative", x, g),
    examples=_draw_matrices,
    cost=get_cubic_cost(3),
    behind="det",
)
def cofactors(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Cofactor matrices, the gradient of `det`: :math:`C_{ij} = \partial \det(A) / \partial A_{ij}`.

    Finite for singular matrices: of rank 1 for an n-by-n matrix of rank n - 1, and 0 for lower ranks. The inverse is
    :math:`C^\top / \det(A)`.

    Parameters
    ----------
    x : Expr or array
        Square matrices in the last two axes.

    Examples
    --------
    >>> pel.function([], pel.cofactors([[1.0, 2.0], [2.0, 4.0]]))()
    array([[ 4., -2.],
           [-2.,  1.]], dtype=float32)

    References
    ----------
    G. W. Stewart, On the adjugate matrix, Linear Algebra and its Applications 283 (1998).
    """
    n = x.shape[-1]
    if n < 2:
        return xp.ones_like(x)
    if n == 2:
        return _get_cofactors_2x2(xp, x)
    if n == 3:
        return _multiply_minors(xp, x, x)
    x, rows, columns = _scale(xp, x)
    det, inverse, regular = _invert_regular(xp, x)
    result = _select(xp, regular, det * inverse, _compute_from_svd, x)
    return _restore_scale(xp, result, rows, columns)


def _infer_derivative(x: Expr, g: Expr) -> Type:
    shape = unify_shapes(check_square(x, "cofactors_derivative"), g.shape)
    if shape is None:
        raise ShapeError(
            f"cofactors_derivative: expected a direction of the shape of the matrix. Received: {format_operand(x)}, "
            f"and {format_operand(g)}"
        )
    return Type(shape, x.dtype)


def _sum_product(a: Expr, b: Expr) -> Expr:
    return call_op("sum", a * b, axis=(-2, -1), keepdims=True)


def _derivative_grad(h: Expr, y: Expr, x: Expr, g: Expr) -> tuple[Expr, Expr]:
    # The third derivative of det: the product rule on det(A) (<Y, G> Y - Y G' Y), where Y is the inverse transpose.
    inverse = matrix_transpose(inv(x))
    by_g, by_h = (inverse @ matrix_transpose(e) @ inverse for e in (g, h))
    along_g, along_h = _sum_product(inverse, g), _sum_product(inverse, h)
    third = (along_g * along_h - _sum_product(by_h, g)) * inverse - along_g * by_h - along_h * by_g
    third += by_g @ matrix_transpose(h) @ inverse + by_h @ matrix_transpose(g) @ inverse
    return call_op("multiply", expand_dims(call_op("det", x), (-2, -1)), third), call_op("cofactors_derivative", x, h)


def _draw_matrix_pairs(rng: np.random.Generator) -> list[Example]:
    return [((x, rng.normal(size=np.shape(cast("Array", x)))), {}) for (x,), _ in _draw_matrices(rng)]


@op(
    tex=r"\operatorname{{cof}}'({0:_})[{1:_}]",
    promotes=True,
    floats=True,
    infer=_infer_derivative,
    grad=_derivative_grad,
    examples=_draw_matrix_pairs,
    cost=get_cubic_cost(7),
    behind="det",
)
def cofactors_derivative(xp: ArrayNamespace, x: NamespaceArray, g: NamespaceArray) -> NamespaceArray:
    r"""Directional derivative of `cofactors`, :math:`\sum_{kl} G_{kl} \, \partial C_{ij} / \partial A_{kl}`.

    Finite for singular matrices; its own gradient with respect to the matrix, the third derivative of `det`, needs an
    invertible matrix.

    Parameters
    ----------
    x : Expr or array
        Square matrices in the last two axes.
    g : Expr or array
        Direction, of the shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.cofactors_derivative([[1.0, 2.0], [2.0, 4.0]], [[1.0, 0.0], [0.0, 0.0]]))()
    array([[ 0., -0.],
           [-0.,  1.]], dtype=float32)
    """
    n = x.shape[-1]
    if n < 2:
        return xp.zeros_like(g)
    if n == 2:
        return _get_cofactors_2x2(xp, g)
    if n == 3:
        return _multiply_minors(xp, x, g) + _multiply_minors(xp, g, x)
    x, rows, columns = _scale(xp, x)
    g = xp.ldexp(xp.ldexp(g, -rows), -columns)
    det, inverse, regular = _invert_regular(xp, x)
    along = xp.sum(inverse * g, axis=(-2, -1), keepdims=True)
    direct = det * (along * inverse - xp.matmul(xp.matmul(inverse, xp.swapaxes(g, -1, -2)), inverse))
    return _restore_scale(xp, _select(xp, regular, direct, _compute_derivative_from_svd, x, g), rows, columns)
