r"""Lengths of vectors and sizes of matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError, near_miss
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import op, public
from pellucid.graph.operators import call
from pellucid.graph.ops.op_printing import axes_tex
from pellucid.graph.ops.reductions import reduced, spread
from pellucid.graph.printing import MULTIPLY, Piece
from pellucid.graph.types import normalize_axes, normalize_axis, shape_text


def _settings(x: Expr, axis: Any = None, ord: Any = 2, keepdims: Any = False) -> dict[str, Any]:
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
    grad=lambda g, z, x, y: (call("divide_no_nan", g, y), -g * call("divide_no_nan", z, y)),
    domain=((-3, 3), (0.5, 3)),
    edge=(0.0,),
)
def divide_no_nan(xp: Any, x: Any, y: Any) -> Any:
    r"""Quotient of every two elements, :math:`\frac{x}{y}`, and 0 where :math:`y` is 0.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> pel.grad(pel.norm(x), x)
    divide_no_nan(x, vector_norm(x))
    """
    zero = xp.equal(y, 0)
    return xp.where(zero, xp.zeros((), x.dtype), x / xp.where(zero, xp.ones((), y.dtype), y))


def _grad(g: Any, y: Any, x: Any, axis: tuple[int, ...], ord: float, keepdims: bool) -> Any:
    """Differentiate so that it is 0 where an element or the whole norm is 0, in place of nan."""
    if ord == 0:
        return None
    g, whole = spread(g, x, axis, keepdims), spread(y, x, axis, keepdims)
    if ord == 1:
        return g * call("sign", x)
    if ord == 2:
        return g * divide_no_nan(x, whole)
    size = call("abs", x)
    if math.isinf(ord):
        chosen = call("cast", call("equal", size, whole), dtype=x.dtype)
        return g * call("sign", x) * chosen / call("sum", chosen, axis=axis, keepdims=True)
    ratio = divide_no_nan(size, whole)
    if ord < 2:  # Where an element is 0 its sign is 0, and must not meet an infinite power.
        ratio = call("where", call("equal", ratio, 0), np.ones((), x.dtype), ratio)
    return g * call("sign", x) * ratio ** (ord - 1)


def _text(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
    axis, ord = settings.get("axis"), settings.get("ord", 2)
    parts = [] if ord == 2 else [f"ord={ord}"]
    if axis is not None and not (isinstance(operands[0], Expr) and len(axis) == operands[0].ndim):
        parts.append(f"axis={axis[0] if len(axis) == 1 else axis}")
    if settings.get("keepdims"):
        parts.append("keepdims=True")
    return ["vector_norm(", (operands[0], 0), *[f", {part}" for part in parts], ")"]


def _tex(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
    x, axis, ord = operands[0], settings.get("axis"), settings.get("ord", 2)
    of_matrix = isinstance(x, Expr) and ord == 2 and axis is not None and len(axis) == 2
    name = "F" if of_matrix else {math.inf: r"\infty", -math.inf: r"-\infty"}.get(ord, str(ord))
    along = axes_tex(x, axis)
    return [r"\left\| ", (x, 0), rf" \right\|_{{{name}{',' + along[2:-1] if along else ''}}}"]


def _examples(rng: np.random.Generator) -> list[Any]:
    x = rng.permutation(24).reshape(2, 3, 4) / 7.0 - 1.4  # no two of one size
    orders = [1, 3, 0.5, -1, 0, math.inf, -math.inf]
    return [
        ((x,), {}),
        ((x,), {"axis": 1}),
        ((x,), {"axis": (0, 2), "keepdims": True}),
        *[((x,), {"axis": 1, "ord": order}) for order in orders],
    ]


@op(
    tex=_tex,
    text=_text,
    promotes=True,
    floats=True,
    compound=True,
    infer=lambda x, axis, ord, keepdims: reduced(x, axis, keepdims),
    normalize=_settings,
    grad=_grad,
    examples=_examples,
    cost=lambda node, size: 4 * size(node.inputs[0]),
)
def vector_norm(xp: Any, x: Any, axis: Any = None, ord: Any = 2, keepdims: Any = False) -> Any:
    r"""Length of vectors, :math:`\left\| x \right\|_p = \left(\sum_i |x_i|^p\right)^{1/p}`.

    Elements are divided by the largest one before they are raised to a power, so that nothing overflows on the way.
    The gradient is 0 where the norm is 0.

    Parameters
    ----------
    x : Expr or array
        Of any shape.
    axis : int or tuple of int, optional
        The axes along which the vectors lie; all of them without it.
    ord : number, inf or -inf
        The order p: inf for the largest absolute value, -inf for the smallest, 0 for how many are not 0.
    keepdims : bool
        Whether the axes stay, with length 1.

    Returns
    -------
    Expr
        Of the remaining axes.

    Raises
    ------
    ShapeError
        If there is no such axis, or ``ord`` is no number.

    Examples
    --------
    >>> import pellucid as pel
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


@public
def matrix_norm(x: Any, ord: Any = "fro", keepdims: bool = False, axis: Sequence[int] = (-2, -1)) -> Any:
    r"""Size of matrices: Frobenius' norm :math:`\sqrt{\sum_{ij} A_{ij}^2}`, or the largest sum of a column or a row.

    Parameters
    ----------
    x : Expr or array
        A matrix or a stack of them.
    ord : {"fro", 1, -1, inf, -inf}
        Frobenius; the largest or smallest sum of absolute values of a column (1, -1), or of a row (inf, -inf).
    keepdims : bool
        Whether both axes stay, with length 1.
    axis : (int, int)
        The axes of rows and of columns.

    Returns
    -------
    Expr
        Of the remaining axes.

    Raises
    ------
    ShapeError
        For another norm: those of singular values, 2, -2 and "nuc", are not here.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.matrix_norm(pel.matrix("A"), 1)
    abs(A).sum(axis=0).max()
    """
    x = as_expr(x)
    if len(axis) != 2:
        raise ShapeError(f"matrix_norm of {x}: expected the axes of rows and of columns. Received: axis={axis}")
    rows, columns = (normalize_axis(a, x.ndim, "matrix_norm", x) for a in axis)
    if ord == "fro":
        return vector_norm(x, axis=(rows, columns), keepdims=keepdims)
    if isinstance(ord, str) or abs(ord) not in (1, math.inf):
        why = " That norm needs singular values, which pellucid does not compute." if ord in (2, -2, "nuc") else ""
        hint = near_miss(ord, ["fro"]) if isinstance(ord, str) and not why else ""
        raise ShapeError(f"matrix_norm of {x}: expected 'fro', 1, -1, inf or -inf. Received: ord={ord!r}.{why}{hint}")
    summed, compared = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = call("sum", call("abs", x), axis=summed, keepdims=keepdims)
    compared -= not keepdims and compared > summed
    return call("max" if ord > 0 else "min", sums, axis=compared, keepdims=keepdims)


@public
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    r"""Length of vectors or size of matrices, :math:`\left\| x \right\|`, as ``np.linalg.norm`` tells them apart.

    Parameters
    ----------
    x : Expr or array
        Without ``ord`` and ``axis`` of any shape, taken as one vector; with ``ord`` alone, a vector or a matrix.
    ord : number, inf, -inf or "fro", optional
        Which norm: see `vector_norm` and `matrix_norm`.
    axis : int or (int, int), optional
        The axis along which vectors lie, or those of rows and columns.
    keepdims : bool
        Whether the axes stay, with length 1.

    Returns
    -------
    Expr
        Of the remaining axes.

    Raises
    ------
    ShapeError
        If ``ord`` is given for more than two axes.

    Examples
    --------
    >>> import pellucid as pel
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
            f"norm: expected a vector or a matrix, or their axes. Received: {x}, of shape {shape_text(x.shape)}, "
            f"ord={ord!r}, axis={axis}"
        )
    return matrix_norm(x, "fro" if ord is None else ord, keepdims, (0, 1) if axis is None else axis)
