r"""Matrix products of vectors, matrices and stacks of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, Operand, as_expr
from pellucid.graph.op import Example
from pellucid.graph.op_decorator import op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import format_operand
from pellucid.graph.ops.permute import swapaxes
from pellucid.graph.ops.reshape import sum_broadcast_axes
from pellucid.graph.precedence import DIVIDE, JUXTAPOSE
from pellucid.graph.range_rules import matmul_range
from pellucid.graph.types import Shape, ShapeMismatch, Type, broadcast, unify


def broadcast_batch_axes(x: Expr, y: Expr, name: str = "") -> Shape:
    batch = broadcast([x.shape[:-2], y.shape[:-2]])
    if isinstance(batch, ShapeMismatch):
        raise ShapeError(
            f"{name or f'{x} @ {y}'}: the batch dimensions {batch.left} and {batch.right} do not broadcast. Received: "
            f"{format_operand(x)}, and {format_operand(y)}"
        )
    return batch


def infer_product_shape(x: Expr, y: Expr) -> Shape:
    def describe() -> str:  # in errors only, since printing large operands takes time
        return f"{format_operand(x)}, and {format_operand(y)}"

    if not x.ndim or not y.ndim:
        raise ShapeError(f"{x} @ {y}: expected vectors or matrices. For a scalar use *. Received: {describe()}")
    inner_x, inner_y = x.shape[-1], y.shape[max(y.ndim - 2, 0)]
    if unify(inner_x, inner_y) is None:
        raise ShapeError(
            f"{x} @ {y}: the left operand has {inner_x} columns and the right operand has {inner_y} rows. They must be "
            f"equal. Received: {describe()}"
            + f". {y}.T has {inner_x} rows"
            * (y.ndim == 2 and y.op is None and y.shape[-1] == inner_x)
        )
    batch = broadcast_batch_axes(x, y)
    rows = (x.shape[-2],) if x.ndim > 1 else ()
    columns = (y.shape[-1],) if y.ndim > 1 else ()
    return (*batch, *rows, *columns)


def _matmul_grad(g: Expr, z: Expr, x: Expr, y: Expr) -> tuple[Expr, Expr]:
    if x.ndim == 1 and y.ndim == 1:
        return g * y, g * x
    if x.ndim == 1 and y.ndim == 2:
        return y @ g, call_op("outer", x, g)
    if x.ndim == 2 and y.ndim == 1:
        return call_op("outer", g, y), g @ x
    if x.ndim == 1:
        gx = call_op("sum", y * call_op("expand_dims", g, -2), axis=-1)
        return sum_broadcast_axes(gx, x), sum_broadcast_axes(
            call_op("expand_dims", x, 1) * call_op("expand_dims", g, -2), y
        )
    if y.ndim == 1:
        gy = call_op("sum", x * call_op("expand_dims", g, -1), axis=-2)
        return sum_broadcast_axes(call_op("expand_dims", g, -1) * y, x), sum_broadcast_axes(gy, y)
    gx = sum_broadcast_axes(g @ swapaxes(y, -1, -2), x)
    if y.ndim == 2 and x.ndim > 2 and g.shape == z.shape:
        # One product instead of one for each matrix of the stack, whose sum takes many times as long.
        rows, columns = (call_op("reshape", e, shape=(-1, e.shape[-1])) for e in (x, g))
        return gx, swapaxes(rows, -1, -2) @ columns
    return gx, sum_broadcast_axes(swapaxes(x, -1, -2) @ g, y)


def _cost(node: Expr, size: Any) -> Any:
    left, right = node.inputs
    vector = left if left.ndim == 1 else right
    inner = size(vector) if vector.ndim == 1 else size(left, -1)
    return 2 * size(node) * inner


def _examples(rng: np.random.Generator) -> list[Example]:
    shapes = [
        ((3, 4), (4, 2)),
        ((4,), (4, 2)),
        ((3, 4), (4,)),
        ((4,), (4,)),
        ((2, 3, 4), (4, 2)),
        ((2, 3, 4), (2, 4, 5)),
    ]
    return [((rng.normal(size=a), rng.normal(size=b)), {}) for a, b in shapes]


@op(
    tex=r"{0} {1:>}",
    text="{0} @ {1:>}",
    precedence=DIVIDE,
    tex_precedence=JUXTAPOSE,
    promotes=True,
    core=2,
    infer=lambda x, y: Type(infer_product_shape(x, y), x.dtype),
    grad=_matmul_grad,
    examples=_examples,
    cost=_cost,
    value_range=matmul_range,
)
def matmul(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Matrix product, :math:`(x y)_{ij} = \sum_k x_{ik} y_{kj}`, with NumPy's rules for vectors and stacks.

    Parameters
    ----------
    x, y : Expr or array
        Vectors, matrices, or stacks of matrices whose batch axes broadcast.

    Returns
    -------
    Expr
        Matrix product.

    Raises
    ------
    ShapeError
        If the number of columns of ``x`` differs from the number of rows of ``y``.

    Examples
    --------
    >>> pel.matrix("X", shape=("n", 2)) @ pel.matrix("W", shape=(2, 3))
    X @ W
    """
    return xp.matmul(x, y)


@register_function
def dot(a: Operand, b: Operand) -> Expr:
    r"""Dot product over the last axis of ``a`` and the second-to-last axis of ``b``, :math:`\sum_k a_{ik} b_{kj}`.

    For vectors and matrices this is `matmul`, and for scalars `multiply`. For stacks it multiplies every pair of
    matrices, while `matmul` broadcasts the batch axes.

    Parameters
    ----------
    a, b : Expr or array
        The last axis of ``a`` is as long as the second-to-last axis of ``b``; a scalar multiplies.

    Examples
    --------
    >>> pel.dot(pel.vector("x"), pel.vector("y"))
    x @ y
    """
    a, b = as_expr(a), as_expr(b)
    if not a.ndim or not b.ndim:
        return a * b
    return matmul(a, b) if b.ndim <= 2 else call_op("tensordot", a, b, axes=(-1, -2))


@register_function
def vecdot(x1: Operand, x2: Operand, axis: int = -1) -> Expr:
    r"""Inner products of two stacks of vectors along an axis, :math:`\sum_k x_{ik} y_{ik}`; batch axes broadcast.

    Parameters
    ----------
    x1, x2 : Expr or array
        Stacks of vectors of one length.
    axis : int
        Axis of the vectors.

    Examples
    --------
    >>> pel.vecdot(pel.matrix("x", shape=("n", 3)), pel.vector("y", shape=(3,)))
    (x * y).sum(axis=1)
    """
    a, b = (call_op("moveaxis", as_expr(x), axis, -1) if axis != -1 else as_expr(x) for x in (x1, x2))
    return matmul(a, b) if a.ndim == b.ndim == 1 else call_op("sum", a * b, axis=-1)


@register_function
def matvec(x1: Operand, x2: Operand) -> Expr:
    r"""Products of stacks of matrices and stacks of vectors, :math:`\sum_k x_{ik} y_k`; batch axes broadcast.

    Parameters
    ----------
    x1 : Expr or array
        Matrices in the last two axes.
    x2 : Expr or array
        Vectors in the last axis.

    Examples
    --------
    >>> pel.matvec(pel.tensor3("A", shape=("n", 2, 3)), pel.matrix("x", shape=("n", 3))).shape
    ('n', 2)
    """
    a, x = as_expr(x1), as_expr(x2)
    return matmul(a, x) if x.ndim == 1 else call_op("squeeze", matmul(a, call_op("expand_dims", x, -1)), axis=-1)


@register_function
def vecmat(x1: Operand, x2: Operand) -> Expr:
    r"""Products of stacks of vectors and stacks of matrices, :math:`\sum_k x_k y_{kj}`; batch axes broadcast.

    Parameters
    ----------
    x1 : Expr or array
        Vectors in the last axis.
    x2 : Expr or array
        Matrices in the last two axes.

    Examples
    --------
    >>> pel.vecmat(pel.matrix("x", shape=("n", 3)), pel.tensor3("A", shape=("n", 3, 2))).shape
    ('n', 2)
    """
    x, a = as_expr(x1), as_expr(x2)
    return matmul(x, a) if x.ndim == 1 else call_op("squeeze", matmul(call_op("expand_dims", x, -2), a), axis=-2)


@register_function
def matrix_power(x: Operand, n: int) -> Expr:
    r"""Integer power of square matrices, :math:`x^n = x x \cdots x`, by repeated squaring.

    Parameters
    ----------
    x : Expr or array
        Square matrix or stack of square matrices.
    n : int
        Exponent. A negative exponent inverts the matrix first.

    Returns
    -------
    Expr
        Same shape as ``x``.

    Raises
    ------
    ShapeError
        If the matrices are not square, or ``n`` is not an integer.

    Examples
    --------
    >>> pel.matrix_power(pel.matrix("A", shape=(3, 3)), 3)
    A @ A @ A
    """
    x = as_expr(x)
    if x.ndim < 2 or unify(x.shape[-2], x.shape[-1]) is None:
        raise ShapeError(f"matrix_power: expected square matrices. Received: {format_operand(x)}")
    if not isinstance(n, (int, np.integer)):
        raise ShapeError(f"matrix_power of {x}: expected an integer power. Received: n={n!r}")
    if n == 0:
        return call_op("tril", call_op("triu", call_op("ones_like", x)))
    base, result, exponent = (call_op("inv", x) if n < 0 else x), None, abs(int(n))
    while exponent:
        if exponent % 2:
            result = base if result is None else matmul(base, result)
        base, exponent = (matmul(base, base) if exponent > 1 else base), exponent // 2
    assert result is not None
    return result
