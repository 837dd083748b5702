r"""Norms of vectors and matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.errors import ShapeError, near_miss
from pellucid.graph.expr import Expr, Operand, OpSettings, as_expr
from pellucid.graph.interval import Interval
from pellucid.graph.op import Example, PrintedOperand, TemplatePiece
from pellucid.graph.op_decorator import op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import axes_to_latex, format_operand, reduction_text
from pellucid.graph.ops.reductions import infer_reduced_type, restore_axes
from pellucid.graph.precedence import MULTIPLY
from pellucid.graph.range_rules import fixed
from pellucid.graph.types import normalize_axes, normalize_axis

if TYPE_CHECKING:
    from pellucid.typing import Axes


def _normalize_settings(x: Expr, axis: Axes = None, ord: Any = 2, keepdims: bool = False) -> OpSettings:
    if isinstance(ord, bool) or not isinstance(ord, (int, float, np.integer, np.floating)) or math.isnan(ord):
        raise ShapeError(f"vector_norm of {x}: expected a number, inf or -inf as ord. Received: ord={ord!r}")
    order = float(ord)
    return {
        "axis": normalize_axes(axis, x.ndim, "a norm", x),
        "ord": int(order) if order.is_integer() else order,
        "keepdims": bool(keepdims),
    }


@op(
    tex=r"\frac{{{0:_}}}{{{1:_}}}",
    floats=True,
    tex_precedence=MULTIPLY,
    grad=lambda g, z, x, y: (call_op("divide_no_nan", g, y), -g * call_op("divide_no_nan", z, y)),
    domain=((-3, 3), (0.5, 3)),
    edge=(0.0,),
    value_range=lambda node, x, y: (x / y).union(Interval(0, 0)),
)
def divide_no_nan(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Quotient, :math:`\frac{x}{y}`, and 0 where :math:`y` is 0.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.grad(pel.norm(x), x)
    divide_no_nan(x, vector_norm(x))
    """
    zero = xp.equal(y, 0)
    return xp.where(zero, xp.zeros((), x.dtype), x / xp.where(zero, xp.ones((), y.dtype), y))


def _grad(g: Expr, y: Expr, x: Expr, axis: tuple[int, ...], ord: float, keepdims: bool) -> Expr | None:
    """Differentiate the norm; the gradient is 0, not NaN, where an element or the norm is 0."""
    if ord == 0:
        return None
    g, norm = restore_axes(g, x, axis, keepdims), restore_axes(y, x, axis, keepdims)
    if ord == 1:
        return g * call_op("sign", x)
    if ord == 2:
        return g * divide_no_nan(x, norm)
    size = call_op("abs", x)
    if math.isinf(ord):
        is_extreme = call_op("cast", call_op("equal", size, norm), dtype=x.dtype)
        return g * call_op("sign", x) * is_extreme / call_op("sum", is_extreme, axis=axis, keepdims=True)
    ratio = divide_no_nan(size, norm)
    if ord < 2:  # 0 ** (ord - 1) may be infinite, and sign(0) * inf is NaN.
        ratio = call_op("where", call_op("equal", ratio, 0), np.ones((), x.dtype), ratio)
    return g * call_op("sign", x) * ratio ** (ord - 1)


def _tex(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    x, axis, ord = operands[0], settings.get("axis"), settings.get("ord", 2)
    is_frobenius = isinstance(x, Expr) and ord == 2 and axis is not None and len(axis) == 2
    name = "F" if is_frobenius else {math.inf: r"\infty", -math.inf: r"-\infty"}.get(ord, str(ord))
    axes = axes_to_latex(x, axis)
    return [r"\left\| ", (x, 0), rf" \right\|_{{{name}{',' + axes[2:-1] if axes else ''}}}"]


def _draw_examples(rng: np.random.Generator) -> list[Example]:
    x = rng.permutation(24).reshape(2, 3, 4) / 7.0 - 1.4  # all absolute values differ
    orders = [1, 3, 0.5, -1, 0, math.inf, -math.inf]
    return [
        ((x,), {}),
        ((x,), {"axis": 1}),
        ((x,), {"axis": (0, 2), "keepdims": True}),
        *[((x,), {"axis": 1, "ord": order}) for order in orders],
    ]


@op(
    tex=_tex,
    text=reduction_text("vector_norm"),
    promotes=True,
    floats=True,
    composite=True,
    infer=lambda x, axis, ord, keepdims: infer_reduced_type(x, axis, keepdims),
    normalize=_normalize_settings,
    grad=_grad,
    examples=_draw_examples,
    cost=lambda node, size: 4 * size(node.inputs[0]),
    value_range=fixed(0, math.inf),
)
def vector_norm(
    xp: ArrayNamespace, x: NamespaceArray, axis: Axes = None, ord: float = 2, keepdims: bool = False
) -> NamespaceArray:
    r"""Vector norm along axes, :math:`\left\| x \right\|_p = \left(\sum_i |x_i|^p\right)^{1/p}`.

    Elements are divided by the largest one before they are raised to a power, so that the powers cannot overflow.
    The gradient is 0 where the norm is 0.

    Parameters
    ----------
    x : Expr or array
        Input of any shape.
    axis : int or tuple of int, optional
        Axes of the vectors (default all).
    ord : number, inf or -inf
        Order p: inf for the largest absolute value, -inf for the smallest, 0 for the number of nonzero elements.
    keepdims : bool
        Keep the reduced axes with length 1.

    Returns
    -------
    Expr
        Array with the remaining axes.

    Raises
    ------
    ShapeError
        If an axis does not exist or ``ord`` is not a number.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.vector_norm(x)
    vector_norm(x)

    References
    ----------
    J. L. Blue, A portable Fortran program to find the Euclidean norm of a vector, ACM TOMS 4 (1978).
    """
    size = xp.abs(x)
    if ord == 0:
        return xp.sum(xp.where(xp.equal(x, 0), xp.zeros_like(x), xp.ones_like(x)), axis=axis, keepdims=keepdims)
    if ord == 1 or 0 in x.shape:
        return xp.sum(size, axis=axis, keepdims=keepdims)
    if math.isinf(ord):
        return (xp.max if ord > 0 else xp.min)(size, axis=axis, keepdims=keepdims)
    largest = xp.max(size, axis=axis, keepdims=True)
    scale = xp.where(xp.logical_or(xp.equal(largest, 0), xp.isinf(largest)), xp.ones_like(largest), largest)
    part = size / scale
    total = xp.sum(part * part if ord == 2 else part**ord, axis=axis, keepdims=True)
    result = scale * (xp.sqrt(total) if ord == 2 else total ** (1 / ord))
    return result if keepdims else xp.squeeze(result, axis=axis)


@register_function
def matrix_norm(
    x: Operand, ord: float | Literal["fro"] = "fro", keepdims: bool = False, axis: Sequence[int] = (-2, -1)
) -> Expr:
    r"""Matrix norm: Frobenius, :math:`\sqrt{\sum_{ij} A_{ij}^2}`, or an extreme column or row sum.

    Parameters
    ----------
    x : Expr or array
        A matrix or a stack of matrices.
    ord : {"fro", 1, -1, inf, -inf}
        Frobenius; the largest or smallest sum of absolute values of a column (1, -1), or of a row (inf, -inf).
    keepdims : bool
        Whether to keep both axes with length 1.
    axis : (int, int)
        Axes of rows and of columns.

    Returns
    -------
    Expr
        Array with the remaining axes.

    Raises
    ------
    ShapeError
        For any other norm. The norms of singular values (2, -2 and "nuc") are not supported.

    Examples
    --------
    >>> pel.matrix_norm(pel.matrix("A"), 1)
    abs(A).sum(axis=0).max()
    """
    x = as_expr(x)
    if len(axis) != 2:
        raise ShapeError(f"matrix_norm of {x}: expected the axes of rows and of columns. Received: axis={axis}")
    rows, columns = (normalize_axis(a, x.ndim, "matrix_norm", x) for a in axis)
    if ord == "fro":
        return vector_norm(x, axis=(rows, columns), keepdims=keepdims)
    if ord not in (1, -1, math.inf, -math.inf):
        why = " This norm needs singular values, which pellucid does not compute." if ord in (2, -2, "nuc") else ""
        hint = "" if why else near_miss(str(ord), ["fro"])
        raise ShapeError(f"matrix_norm of {x}: expected 'fro', 1, -1, inf or -inf. Received: ord={ord!r}.{why}{hint}")
    summed, compared = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = call_op("sum", call_op("abs", x), axis=summed, keepdims=keepdims)
    compared -= not keepdims and compared > summed
    return call_op("max" if ord > 0 else "min", sums, axis=compared, keepdims=keepdims)


@register_function
def norm(x: Operand, ord: float | Literal["fro"] | None = None, axis: Axes = None, keepdims: bool = False) -> Expr:
    r"""Norm of vectors or matrices, :math:`\left\| x \right\|`, with the arguments of ``np.linalg.norm``.

    Parameters
    ----------
    x : Expr or array
        Without ``ord`` and ``axis``, an array of any shape that is flattened; with ``ord`` alone, a vector or a matrix.
    ord : number, inf, -inf or "fro", optional
        Kind of norm: see `vector_norm` and `matrix_norm`.
    axis : int or (int, int), optional
        Axis of vectors, or the axes of rows and columns of matrices.
    keepdims : bool
        Keep the reduced axes with length 1.

    Returns
    -------
    Expr
        Array with the remaining axes.

    Raises
    ------
    ShapeError
        If ``ord`` is given for more than two axes.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.norm(x, 1)
    vector_norm(x, ord=1)
    """
    x = as_expr(x)
    if axis is None and ord is None:
        return vector_norm(x, keepdims=keepdims)
    axes = normalize_axes(axis, x.ndim, "norm", x)
    if len(axes) == 1:
        return vector_norm(x, axis=axes, ord=2 if ord is None else ord, keepdims=keepdims)
    if len(axes) != 2:
        raise ShapeError(
            f"norm: expected a vector or a matrix, or their axes. Received: {format_operand(x)}, ord={ord!r}, "
            f"axis={axis}"
        )
    return matrix_norm(
        x, "fro" if ord is None else ord, keepdims, (0, 1) if axis is None or isinstance(axis, int) else axis
    )
