r"""Products of vectors, matrices and stacks of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.op import op, public
from pellucid.graph.operators import call
from pellucid.graph.ops.permute import swapaxes
from pellucid.graph.ops.reshape import reduce_axes
from pellucid.graph.printing import DIVIDE, JUXTAPOSE
from pellucid.graph.types import Mismatch, Shape, Type, broadcast, shape_text, unify


def product_shape(x: Expr, y: Expr) -> Shape:
    """Return the shape of a product, or say which dimension disagrees."""
    shapes = f"{x}, of shape {shape_text(x.shape)}, and {y}, of shape {shape_text(y.shape)}"
    if not x.ndim or not y.ndim:
        raise ShapeError(f"{x} @ {y}: expected vectors or matrices; for a number use *. Received: {shapes}")
    inner_x, inner_y = x.shape[-1], y.shape[max(y.ndim - 2, 0)]
    if unify(inner_x, inner_y) is None:
        raise ShapeError(
            f"{x} @ {y}: the columns of the left must be as many as the rows of the right, and are {inner_x} and "
            f"{inner_y}. Received: {shapes}"
        )
    batch = broadcast([x.shape[:-2], y.shape[:-2]])
    if isinstance(batch, Mismatch):
        raise ShapeError(
            f"{x} @ {y}: the leading dimensions do not broadcast, {batch.left} with {batch.right}. Received: {shapes}"
        )
    rows = (x.shape[-2],) if x.ndim > 1 else ()
    columns = (y.shape[-1],) if y.ndim > 1 else ()
    return (*batch, *rows, *columns)


def _matmul_grad(g: Any, z: Any, x: Any, y: Any) -> tuple[Any, Any]:
    if x.ndim == 1 and y.ndim == 1:
        return g * y, g * x
    if x.ndim == 1 and y.ndim == 2:
        return y @ g, call("outer", x, g)
    if x.ndim == 2 and y.ndim == 1:
        return call("outer", g, y), g @ x
    if x.ndim == 1:
        gx = call("sum", y * call("expand_dims", g, -2), axis=-1)
        return reduce_axes(gx, x), reduce_axes(call("expand_dims", x, 1) * call("expand_dims", g, -2), y)
    if y.ndim == 1:
        gy = call("sum", x * call("expand_dims", g, -1), axis=-2)
        return reduce_axes(call("expand_dims", g, -1) * y, x), reduce_axes(gy, y)
    return reduce_axes(g @ swapaxes(y, -1, -2), x), reduce_axes(swapaxes(x, -1, -2) @ g, y)


def _cost(node: Expr, size: Any) -> Any:
    left, right = node.inputs
    vector = left if left.ndim == 1 else right
    inner = size(vector) if vector.ndim == 1 else size(left, -1)
    return 2 * size(node) * inner


def _examples(rng: np.random.Generator) -> list[Any]:
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
    infer=lambda x, y: Type(product_shape(x, y), x.dtype),
    grad=_matmul_grad,
    examples=_examples,
    cost=_cost,
)
def matmul(xp: Any, x: Any, y: Any) -> Any:
    r"""Matrix product, :math:`(x y)_{ij} = \sum_k x_{ik} y_{kj}`, with NumPy's rules for vectors and stacks.

    Parameters
    ----------
    x, y : Expr or array
        Vectors, matrices, or stacks of matrices whose leading axes broadcast.

    Returns
    -------
    Expr
        The columns of ``x`` summed against the rows of ``y``.

    Raises
    ------
    ShapeError
        If the columns of the left are not as many as the rows of the right.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.matrix("X", shape=("n", 2)) @ pel.matrix("W", shape=(2, 3))
    X @ W
    """
    return xp.matmul(x, y)


@public
def dot(a: Any, b: Any) -> Any:
    r"""Sum of products over the last axis of one and the last but one of the other,
    :math:`\sum_k a_{ik} b_{kj}`; by a number, the product.

    For vectors and matrices this is `matmul`. Stacks are multiplied each with each, where `matmul` pairs them.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.dot(pel.vector("x"), pel.vector("y"))
    x @ y
    """
    a, b = as_expr(a), as_expr(b)
    if not a.ndim or not b.ndim:
        return a * b
    return matmul(a, b) if b.ndim <= 2 else call("tensordot", a, b, axes=(-1, -2))


@public
def vecdot(x1: Any, x2: Any, axis: int = -1) -> Any:
    r"""Inner products along an axis of two stacks of vectors that broadcast, :math:`\sum_k x_{ik} y_{ik}`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.vecdot(pel.matrix("x", shape=("n", 3)), pel.vector("y", shape=(3,)))
    (x * y).sum(axis=1)
    """
    a, b = (call("moveaxis", as_expr(x), axis, -1) if axis != -1 else as_expr(x) for x in (x1, x2))
    return matmul(a, b) if a.ndim == b.ndim == 1 else call("sum", a * b, axis=-1)


@public
def matvec(x1: Any, x2: Any) -> Any:
    r"""Stacks of matrices times stacks of vectors, :math:`\sum_k x_{ik} y_k`, whose leading axes broadcast.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.matvec(pel.tensor3("A", shape=("n", 2, 3)), pel.matrix("x", shape=("n", 3))).shape
    ('n', 2)
    """
    a, x = as_expr(x1), as_expr(x2)
    return matmul(a, x) if x.ndim == 1 else call("squeeze", matmul(a, call("expand_dims", x, -1)), axis=-1)


@public
def vecmat(x1: Any, x2: Any) -> Any:
    r"""Stacks of vectors times stacks of matrices, :math:`\sum_k x_k y_{kj}`, whose leading axes broadcast.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.vecmat(pel.matrix("x", shape=("n", 3)), pel.tensor3("A", shape=("n", 3, 2))).shape
    ('n', 2)
    """
    x, a = as_expr(x1), as_expr(x2)
    return matmul(x, a) if x.ndim == 1 else call("squeeze", matmul(call("expand_dims", x, -2), a), axis=-2)


@public
def matrix_power(x: Any, n: int) -> Any:
    r"""Integer power of square matrices, :math:`x^n = x x \cdots x`, by repeated squaring.

    Parameters
    ----------
    x : Expr or array
        A square matrix or a stack of them.
    n : int
        How often; the inverse is taken where it is negative.

    Returns
    -------
    Expr
        Of the shape of ``x``.

    Raises
    ------
    ShapeError
        If the matrices are not square, or ``n`` is no integer.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.matrix_power(pel.matrix("A", shape=(3, 3)), 3)
    A @ A @ A
    """
    x = as_expr(x)
    if x.ndim < 2 or unify(x.shape[-2], x.shape[-1]) is None:
        raise ShapeError(f"matrix_power: expected square matrices. Received: {x}, of shape {shape_text(x.shape)}")
    if not isinstance(n, (int, np.integer)):
        raise ShapeError(f"matrix_power of {x}: expected an integer power. Received: n={n!r}")
    if n == 0:
        return call("tril", call("triu", call("ones_like", x)))
    base, result, left = (call("inv", x) if n < 0 else x), None, abs(int(n))
    while left:
        if left % 2:
            result = base if result is None else matmul(base, result)
        base, left = (matmul(base, base) if left > 1 else base), left // 2
    return result
