r"""Diagonals and triangles of matrices."""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, Operand, OpSettings, as_expr, constant
from pellucid.graph.op import PrintedOperand, TemplatePiece
from pellucid.graph.op_decorator import op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import format_operand
from pellucid.graph.ops.reductions import get_accumulator_dtype
from pellucid.graph.ops.reshape import draw_tensor, ravel
from pellucid.graph.range_rules import elements_of, elements_or_zero
from pellucid.graph.types import Dim, Type, Unknown, add_dims, normalize_axis


def _diagonal_tex(symbol: str, setting: str = "offset") -> Any:
    """Print a function of a diagonal in LaTeX, with a nonzero offset below its name."""

    def tex(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
        offset = settings.get(setting, 0)
        below = f"_{{{offset:+d}}}" if isinstance(offset, int) and offset else ""
        return [f"{symbol}{below}(", (operands[0], 0), ")"]

    return tex


def _normalize_diagonal(x: Expr, *like: Expr, offset: int = 0, axis1: int = 0, axis2: int = 1) -> OpSettings:
    stack = like[0] if like else x
    if stack.ndim < 2:
        raise ShapeError(f"diagonal: expected a matrix or a stack of matrices. Received: {format_operand(stack)}")
    first, second = (normalize_axis(a, stack.ndim, "a diagonal", stack) for a in (axis1, axis2))
    if first == second:
        raise ShapeError(f"diagonal of {stack}: expected two different axes. Received: axis1={axis1}, axis2={axis2}")
    return {"offset": operator.index(offset), "axis1": first, "axis2": second}


def _infer_length(rows: Dim, columns: Dim, offset: int) -> Dim:
    if isinstance(rows, int) and isinstance(columns, int):
        return max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    return rows if rows == columns and offset == 0 else Unknown()


def _infer_diagonal(x: Expr, offset: int, axis1: int, axis2: int) -> Type:
    others = [d for a, d in enumerate(x.shape) if a not in (axis1, axis2)]
    return Type((*others, _infer_length(x.shape[axis1], x.shape[axis2], offset)), x.dtype)


@op(
    tex=_diagonal_tex(r"\operatorname{diag}"),
    infer=_infer_diagonal,
    normalize=_normalize_diagonal,
    grad=lambda g, y, x, offset, axis1, axis2: call_op("diagonal_gradient", g, x, offset, axis1, axis2),
    examples=lambda rng: [
        ((draw_tensor(rng)[0],), {}),
        ((draw_tensor(rng)[0],), {"offset": -1}),
        ((draw_tensor(rng),), {"offset": 1, "axis1": 2, "axis2": 0}),
        ((draw_tensor(rng),), {"offset": 1, "axis1": 0, "axis2": 2}),
    ],
    cost=0,
    value_range=elements_of(0),
)
def diagonal(xp: ArrayNamespace, x: NamespaceArray, offset: int = 0, axis1: int = 0, axis2: int = 1) -> NamespaceArray:
    r"""Diagonal of matrices along a new last axis, :math:`y_i = x_{i,\,i+k}` for the offset :math:`k`.

    Parameters
    ----------
    x : Expr or array
        A matrix or a stack of matrices.
    offset : int
        Offset above the main diagonal; negative below it.
    axis1, axis2 : int
        Axes of rows and of columns.

    Returns
    -------
    Expr
        Both axes are removed, and the diagonal is the last axis.

    Raises
    ------
    ShapeError
        If there are fewer than two axes, or both axes are the same.

    Examples
    --------
    >>> pel.diagonal(pel.matrix("A", shape=(3, 4)), 2).shape
    (2,)
    """
    return xp.diagonal(x, offset, axis1, axis2)


def _embed_diagonal(xp: ArrayNamespace, x: NamespaceArray, rows: int, columns: int, offset: int) -> NamespaceArray:
    length = rows if offset >= 0 else columns
    wide = xp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, length - x.shape[-1])])
    wide = wide[..., :, None] if offset >= 0 else wide[..., None, :]
    return xp.where(xp.eye(rows, columns, offset, dtype=bool), wide, xp.zeros((), x.dtype))


@op(
    tex=_diagonal_tex(r"\operatorname{diag}"),
    infer=lambda x, like, offset, axis1, axis2: Type(like.shape, x.dtype),
    normalize=_normalize_diagonal,
    grad=lambda g, y, x, like, offset, axis1, axis2: (diagonal(g, offset, axis1, axis2), None),
    examples=lambda rng: [
        ((rng.normal(size=2), np.zeros((3, 4))), {"offset": -1}),
        ((rng.normal(size=(3, 2)), np.zeros((3, 3, 2))), {"axis1": 2, "axis2": 1}),
    ],
    cost=0,
    behind="diagonal",
)
def diagonal_gradient(
    xp: ArrayNamespace, x: NamespaceArray, like: NamespaceArray, offset: int = 0, axis1: int = 0, axis2: int = 1
) -> NamespaceArray:
    r"""Array of zeros of the shape of ``like`` with ``x`` on a diagonal: the transpose of `diagonal`.

    Parameters
    ----------
    x : Expr or array
        Diagonals in the last axis.
    like : Expr or array
        Only its shape is used.
    offset : int
        Number of the diagonal: 0 is the main one, positive numbers are above it.
    axis1, axis2 : int
        Axes of the matrices.

    Examples
    --------
    >>> pel.diagonal_gradient(pel.vector("g", shape=(2,)), pel.matrix("A", shape=(2, 3))).shape
    (2, 3)
    """
    matrices = _embed_diagonal(xp, x, like.shape[axis1], like.shape[axis2], offset)
    return xp.moveaxis(matrices, (-2, -1), (axis1, axis2))


def _infer_diagonal_matrix(x: Expr, offset: int) -> Type:
    if not x.ndim:
        raise ShapeError(f"diagonal_matrix: expected at least one axis. Received: {x}, a scalar")
    dim = x.shape[-1]
    side = add_dims(dim, abs(offset))
    return Type((*x.shape[:-1], side, side), x.dtype)


@op(
    tex=_diagonal_tex(r"\operatorname{diag}"),
    infer=_infer_diagonal_matrix,
    normalize=lambda x, offset: {"offset": operator.index(offset)},
    grad=lambda g, y, x, offset: diagonal(g, offset, -2, -1),
    examples=lambda rng: [((rng.normal(size=3),), {}), ((rng.normal(size=(2, 3)),), {"offset": -2})],
    cost=0,
    behind="diag",
    value_range=elements_or_zero,
)
def diagonal_matrix(xp: ArrayNamespace, x: NamespaceArray, offset: int = 0) -> NamespaceArray:
    r"""Square matrices with the last axis on a diagonal, :math:`\operatorname{diag}(x)_{ij} = x_i \delta_{ij}`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    offset : int
        Number of the diagonal: 0 is the main one, positive numbers are above it.

    Examples
    --------
    >>> pel.diagonal_matrix(pel.matrix("x", shape=("n", 3))).shape
    ('n', 3, 3)
    """
    side = x.shape[-1] + abs(offset)
    return _embed_diagonal(xp, x, side, side, offset)


@register_function
def diag(x: Operand, k: int = 0) -> Expr:
    r"""Diagonal matrix of a vector, or diagonal of a matrix.

    Parameters
    ----------
    x : Expr or array
        A vector or a matrix.
    k : int
        Offset above the main diagonal; negative below it.

    Returns
    -------
    Expr
        A matrix for a vector, a vector for a matrix.

    Raises
    ------
    ShapeError
        For any other number of axes.

    Examples
    --------
    >>> pel.diag(pel.vector("x", shape=(3,))).shape, pel.diag(pel.matrix("A", shape=(3, 4))).shape
    ((3, 3), (3,))
    """
    x = as_expr(x)
    if x.ndim not in (1, 2):
        raise ShapeError(
            f"diag: expected a vector or a matrix. Received: {format_operand(x)}. For stacks use pel.diagonal or "
            "pel.diagonal_matrix"
        )
    return diagonal_matrix(x, k) if x.ndim == 1 else diagonal(x, k)


@register_function
def diagflat(x: Operand, k: int = 0) -> Expr:
    r"""Diagonal matrix of a flattened array.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    k : int
        Number of the diagonal: 0 is the main one, positive numbers are above it.

    Examples
    --------
    >>> pel.diagflat(pel.matrix("x", shape=(2, 2)), 1).shape
    (5, 5)
    """
    return diagonal_matrix(ravel(x), k)


@op(
    tex=_diagonal_tex(r"\operatorname{tr}"),
    composite=True,
    infer=lambda x, offset, axis1, axis2: Type(
        _infer_diagonal(x, offset, axis1, axis2).shape[:-1], get_accumulator_dtype(x.dtype)
    ),
    normalize=_normalize_diagonal,
    examples=lambda rng: [((draw_tensor(rng)[0],), {}), ((draw_tensor(rng),), {"offset": -1, "axis1": 1, "axis2": 2})],
)
def trace(xp: ArrayNamespace, x: NamespaceArray, offset: int = 0, axis1: int = 0, axis2: int = 1) -> NamespaceArray:
    r"""Trace of matrices, :math:`\operatorname{tr} A = \sum_i A_{ii}`.

    Parameters
    ----------
    x : Expr or array
        A matrix or a stack of matrices.
    offset : int
        Offset of the diagonal above the main diagonal.
    axis1, axis2 : int
        Axes of rows and of columns: the first two, as in ``np.trace``. `pellucid.linalg.trace` uses the last two.

    Returns
    -------
    Expr
        Both axes are removed.

    Examples
    --------
    >>> A = pel.matrix("A", shape=(3, 3))
    >>> pel.trace(A)
    trace(A)
    """
    return xp.sum(xp.diagonal(x, offset, axis1, axis2), axis=-1)


@register_function
def matrix_trace(x: Operand, offset: int = 0) -> Expr:
    r"""Trace of each matrix of a stack, :math:`\operatorname{tr} A = \sum_i A_{\ldots ii}`; ``pel.linalg.trace``.

    Parameters
    ----------
    x : Expr or array
        At least two axes.
    offset : int
        Number of the diagonal: 0 is the main one, positive numbers are above it.

    Examples
    --------
    >>> pel.linalg.trace(pel.tensor3("A", shape=("n", 3, 3))).shape
    ('n',)
    """
    return trace(x, offset, -2, -1)


@register_function
def matrix_diagonal(x: Operand, offset: int = 0) -> Expr:
    r"""Diagonal of each matrix of a stack, :math:`A_{\ldots ii}`; ``pel.linalg.diagonal``.

    Parameters
    ----------
    x : Expr or array
        At least two axes.
    offset : int
        Number of the diagonal: 0 is the main one, positive numbers are above it.

    Examples
    --------
    >>> pel.linalg.diagonal(pel.tensor3("A", shape=("n", 3, 3))).shape
    ('n', 3)
    """
    return diagonal(x, offset, -2, -1)


def _normalize_triangle(x: Expr, k: int) -> OpSettings:
    if x.ndim < 2:
        raise ShapeError(f"tril, triu: expected a matrix or a stack of matrices. Received: {format_operand(x)}")
    return {"k": operator.index(k)}


_triangle_op = functools.partial(
    op,
    infer=lambda x, k: x.type,
    normalize=_normalize_triangle,
    examples=lambda rng: [((draw_tensor(rng),), {"k": k}) for k in (-1, 0, 1)],
    cost=0,
)


@_triangle_op(
    tex=_diagonal_tex(r"\operatorname{tril}", "k"),
    grad=lambda g, y, x, k: call_op("tril", g, k),
    value_range=elements_or_zero,
)
def tril(xp: ArrayNamespace, x: NamespaceArray, k: int = 0) -> NamespaceArray:
    r"""Lower triangle of matrices, :math:`x_{ij}` where :math:`j \le i + k`, with zeros above.

    Parameters
    ----------
    x : Expr or array
        Matrices in the last two axes.
    k : int
        Number of the diagonal: 0 is the main one, positive numbers are above it.

    Examples
    --------
    >>> pel.tril(pel.matrix("A"), -1)
    tril(A, k=-1)
    """
    return xp.tril(x, k)


@_triangle_op(
    tex=_diagonal_tex(r"\operatorname{triu}", "k"),
    grad=lambda g, y, x, k: call_op("triu", g, k),
    value_range=elements_or_zero,
)
def triu(xp: ArrayNamespace, x: NamespaceArray, k: int = 0) -> NamespaceArray:
    r"""Upper triangle of matrices, :math:`x_{ij}` where :math:`j \ge i + k`, with zeros below.

    Parameters
    ----------
    x : Expr or array
        Matrices in the last two axes.
    k : int
        Number of the diagonal: 0 is the main one, positive numbers are above it.

    Examples
    --------
    >>> pel.triu(pel.matrix("A"), 1)
    triu(A, k=1)
    """
    return xp.triu(x, k)


def _to_constants(indices: Any) -> tuple[Expr, ...]:
    return tuple(constant(np.asarray(i, "int64")) for i in indices)


@register_function
def tril_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Expr, ...]:
    r"""Row and column indices of the lower triangle of an ``n`` by ``m`` matrix, as int64 constants.

    Parameters
    ----------
    n : int
        Number of rows.
    k : int
        Number of the diagonal: 0 is the main one, positive numbers are above it.
    m : int, optional
        Number of columns, by default ``n``.

    Examples
    --------
    >>> rows, columns = pel.tril_indices(2)
    >>> rows, columns
    ([0, 1, 1], [0, 0, 1])
    """
    return _to_constants(np.tril_indices(n, k, m))


@register_function
def triu_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Expr, ...]:
    r"""Row and column indices of the upper triangle of an ``n`` by ``m`` matrix, as int64 constants.

    Parameters
    ----------
    n : int
        Number of rows.
    k : int
        Number of the diagonal: 0 is the main one, positive numbers are above it.
    m : int, optional
        Number of columns, by default ``n``.

    Examples
    --------
    >>> rows, columns = pel.triu_indices(2)
    >>> rows, columns
    ([0, 0, 1], [0, 1, 1])
    """
    return _to_constants(np.triu_indices(n, k, m))
