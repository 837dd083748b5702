r"""Diagonals and triangles of matrices."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, as_expr, constant
from pellucid.graph.op import op, public
from pellucid.graph.operators import call
from pellucid.graph.ops.reshape import ravel
from pellucid.graph.printing import Piece
from pellucid.graph.types import Dim, Type, Unknown, normalize_axis, shape_text


def _cube(rng: np.random.Generator) -> np.ndarray[Any, Any]:
    return rng.normal(size=(2, 3, 4))


def _of_diagonal(symbol: str, setting: str = "offset") -> Any:
    """Write in LaTeX a function of a diagonal, with its offset unless it is the main one."""

    def tex(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
        offset = settings.get(setting, 0)
        below = f"_{{{offset:+d}}}" if isinstance(offset, int) and offset else ""
        return [f"{symbol}{below}(", (operands[0], 0), ")"]

    return tex


def _planes(x: Expr, *like: Expr, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> dict[str, Any]:
    of = like[0] if like else x
    if of.ndim < 2:
        raise ShapeError(
            f"Expected a matrix, or a stack of them, to have a diagonal. Received: {of}, of shape "
            f"{shape_text(of.shape)}"
        )
    first, second = (normalize_axis(a, of.ndim, "a diagonal", of) for a in (axis1, axis2))
    if first == second:
        raise ShapeError(f"The diagonal of {of} needs two different axes. Received: axis1={axis1}, axis2={axis2}")
    return {"offset": operator.index(offset), "axis1": first, "axis2": second}


def _length(rows: Dim, columns: Dim, offset: int) -> Dim:
    if isinstance(rows, int) and isinstance(columns, int):
        return max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    return rows if rows == columns and offset == 0 else Unknown()


def _diagonal_type(x: Expr, offset: int, axis1: int, axis2: int) -> Type:
    kept = [d for a, d in enumerate(x.shape) if a not in (axis1, axis2)]
    return Type((*kept, _length(x.shape[axis1], x.shape[axis2], offset)), x.dtype)


@op(
    tex=_of_diagonal(r"\operatorname{diag}"),
    infer=_diagonal_type,
    normalize=_planes,
    grad=lambda g, y, x, offset, axis1, axis2: call("undiagonal", g, x, offset, axis1, axis2),
    examples=lambda rng: [
        ((_cube(rng)[0],), {}),
        ((_cube(rng)[0],), {"offset": -1}),
        ((_cube(rng),), {"offset": 1, "axis1": 2, "axis2": 0}),
        ((_cube(rng),), {"offset": 1, "axis1": 0, "axis2": 2}),
    ],
    cost=0,
)
def diagonal(xp: Any, x: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Any:
    r"""Diagonal of matrices, :math:`y_i = x_{i,\,i+k}` for the offset :math:`k`, as the last axis.

    Parameters
    ----------
    x : Expr or array
        A matrix or a stack of them.
    offset : int
        How far above the main diagonal; below it where negative.
    axis1, axis2 : int
        The axes of rows and of columns.

    Returns
    -------
    Expr
        Without both axes, and with the diagonal's at the end.

    Raises
    ------
    ShapeError
        If there are fewer than two axes, or both are the same.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.diagonal(pel.matrix("A", shape=(3, 4)), 2).shape
    (2,)
    """
    return xp.diagonal(x, offset, axis1, axis2)


def placed(xp: Any, x: Any, rows: int, columns: int, offset: int) -> Any:
    """Put the last axis of an array on a diagonal of matrices of zeros."""
    length = rows if offset >= 0 else columns
    wide = xp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, length - x.shape[-1])])
    wide = wide[..., :, None] if offset >= 0 else wide[..., None, :]
    return xp.where(xp.eye(rows, columns, offset, dtype=bool), wide, xp.zeros((), x.dtype))


@op(
    tex=_of_diagonal(r"\operatorname{diag}"),
    infer=lambda x, like, offset, axis1, axis2: Type(like.shape, x.dtype),
    normalize=_planes,
    grad=lambda g, y, x, like, offset, axis1, axis2: (diagonal(g, offset, axis1, axis2), None),
    examples=lambda rng: [
        ((rng.normal(size=2), np.zeros((3, 4))), {"offset": -1}),
        ((rng.normal(size=(3, 2)), np.zeros((3, 3, 2))), {"axis1": 2, "axis2": 1}),
    ],
    cost=0,
    behind="diagonal",
)
def undiagonal(xp: Any, x: Any, like: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Any:
    r"""Zeros of the shape of ``like`` with ``x`` on a diagonal: the transpose of `diagonal`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.undiagonal(pel.vector("g", shape=(2,)), pel.matrix("A", shape=(2, 3))).shape
    (2, 3)
    """
    matrices = placed(xp, x, like.shape[axis1], like.shape[axis2], offset)
    return xp.moveaxis(matrices, (-2, -1), (axis1, axis2))


def _side(dim: Dim, offset: int) -> Dim:
    return dim + abs(offset) if isinstance(dim, int) else dim if offset == 0 else Unknown()


def _matrix_type(x: Expr, offset: int) -> Type:
    if not x.ndim:
        raise ShapeError(f"Expected a vector for a diagonal. Received: {x}, a number")
    return Type((*x.shape[:-1], *[_side(x.shape[-1], offset)] * 2), x.dtype)


@op(
    tex=_of_diagonal(r"\operatorname{diag}"),
    infer=_matrix_type,
    normalize=lambda x, offset: {"offset": operator.index(offset)},
    grad=lambda g, y, x, offset: diagonal(g, offset, -2, -1),
    examples=lambda rng: [((rng.normal(size=3),), {}), ((rng.normal(size=(2, 3)),), {"offset": -2})],
    cost=0,
    behind="diag",
)
def diagonal_matrix(xp: Any, x: Any, offset: Any = 0) -> Any:
    r"""Square matrices of zeros with the last axis of ``x`` on a diagonal,
    :math:`\operatorname{diag}(x)_{ij} = x_i \delta_{ij}`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.diagonal_matrix(pel.matrix("x", shape=("n", 3))).shape
    ('n', 3, 3)
    """
    side = x.shape[-1] + abs(offset)
    return placed(xp, x, side, side, offset)


@public
def diag(x: Any, k: int = 0) -> Any:
    r"""A vector as the diagonal of a matrix, or the diagonal of a matrix as a vector.

    Parameters
    ----------
    x : Expr or array
        A vector or a matrix.
    k : int
        How far above the main diagonal; below it where negative.

    Returns
    -------
    Expr
        A matrix or a vector.

    Raises
    ------
    ShapeError
        For any other number of axes.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.diag(pel.vector("x", shape=(3,))).shape, pel.diag(pel.matrix("A", shape=(3, 4))).shape
    ((3, 3), (3,))
    """
    x = as_expr(x)
    if x.ndim not in (1, 2):
        raise ShapeError(
            f"diag: expected a vector or a matrix. Received: {x}, of shape {shape_text(x.shape)}. For stacks use "
            "pel.diagonal or pel.diagonal_matrix"
        )
    return diagonal_matrix(x, k) if x.ndim == 1 else diagonal(x, k)


@public
def diagflat(x: Any, k: int = 0) -> Any:
    r"""All elements of an array as the diagonal of a matrix.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.diagflat(pel.matrix("x", shape=(2, 2)), 1).shape
    (5, 5)
    """
    return diagonal_matrix(ravel(x), k)


@op(
    tex=_of_diagonal(r"\operatorname{tr}"),
    compound=True,
    infer=lambda x, offset, axis1, axis2: Type(
        _diagonal_type(x, offset, axis1, axis2).shape[:-1], np.zeros((), x.dtype).sum().dtype
    ),
    normalize=_planes,
    examples=lambda rng: [
        ((_cube(rng)[0],), {}),
        ((_cube(rng),), {"offset": -1, "axis1": 1, "axis2": 2}),
    ],
)
def trace(xp: Any, x: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Any:
    r"""Sum of a diagonal, :math:`\operatorname{tr} A = \sum_i A_{ii}`.

    Parameters
    ----------
    x : Expr or array
        A matrix or a stack of them.
    offset : int
        Which diagonal: how far above the main one.
    axis1, axis2 : int
        The axes of rows and of columns, the first two as in ``np.trace``; `pellucid.linalg.trace` takes the last two.

    Returns
    -------
    Expr
        Without both axes.

    Examples
    --------
    >>> import pellucid as pel
    >>> A = pel.matrix("A", shape=(3, 3))
    >>> pel.trace(A)
    trace(A)
    """
    return xp.sum(xp.diagonal(x, offset, axis1, axis2), axis=-1)


@public
def matrix_trace(x: Any, offset: int = 0) -> Any:
    r"""Trace of each matrix of a stack, :math:`\operatorname{tr} A = \sum_i A_{\ldots ii}`; ``pel.linalg.trace``.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.linalg.trace(pel.tensor3("A", shape=("n", 3, 3))).shape
    ('n',)
    """
    return trace(x, offset, -2, -1)


@public
def matrix_diagonal(x: Any, offset: int = 0) -> Any:
    r"""Diagonal of each matrix of a stack, :math:`A_{\ldots ii}`; ``pel.linalg.diagonal``.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.linalg.diagonal(pel.tensor3("A", shape=("n", 3, 3))).shape
    ('n', 3)
    """
    return diagonal(x, offset, -2, -1)


def _offset(x: Expr, k: Any) -> dict[str, Any]:
    if x.ndim < 2:
        raise ShapeError(
            f"Expected a matrix, or a stack of them, to have triangles. Received: {x}, of shape {shape_text(x.shape)}"
        )
    return {"k": operator.index(k)}


@op(
    tex=_of_diagonal(r"\operatorname{tril}", "k"),
    infer=lambda x, k: x.type,
    normalize=_offset,
    grad=lambda g, y, x, k: call("tril", g, k),
    examples=lambda rng: [((_cube(rng),), {}), ((_cube(rng)[0],), {"k": -1})],
    cost=0,
)
def tril(xp: Any, x: Any, k: Any = 0) -> Any:
    r"""Lower triangle of matrices, :math:`x_{ij}` where :math:`j \le i + k`, with zeros above.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.tril(pel.matrix("A"), -1)
    tril(A, k=-1)
    """
    return xp.tril(x, k)


@op(
    tex=_of_diagonal(r"\operatorname{triu}", "k"),
    infer=lambda x, k: x.type,
    normalize=_offset,
    grad=lambda g, y, x, k: call("triu", g, k),
    examples=lambda rng: [((_cube(rng),), {}), ((_cube(rng)[0],), {"k": 1})],
    cost=0,
)
def triu(xp: Any, x: Any, k: Any = 0) -> Any:
    r"""Upper triangle of matrices, :math:`x_{ij}` where :math:`j \ge i + k`, with zeros below.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.triu(pel.matrix("A"), 1)
    triu(A, k=1)
    """
    return xp.triu(x, k)


def _indices(positions: Sequence[Any]) -> tuple[Expr, ...]:
    return tuple(constant(np.asarray(p, "int64")) for p in positions)


@public
def tril_indices(n: int, k: int = 0, m: int | None = None) -> Any:
    r"""Rows and columns of the lower triangle of a matrix of ``n`` rows and ``m`` columns, as int64 constants.

    Examples
    --------
    >>> import pellucid as pel
    >>> rows, columns = pel.tril_indices(2)
    >>> rows, columns
    ([0, 1, 1], [0, 0, 1])
    """
    return _indices(np.tril_indices(n, k, m))


@public
def triu_indices(n: int, k: int = 0, m: int | None = None) -> Any:
    r"""Rows and columns of the upper triangle of a matrix of ``n`` rows and ``m`` columns, as int64 constants.

    Examples
    --------
    >>> import pellucid as pel
    >>> rows, columns = pel.triu_indices(2)
    >>> rows, columns
    ([0, 0, 1], [0, 1, 1])
    """
    return _indices(np.triu_indices(n, k, m))
