r"""Outer, Kronecker and cross products."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, OpSettings
from pellucid.graph.op_decorator import op
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import format_operand
from pellucid.graph.ops.reshape import infer_new_shape, ravel, sum_broadcast_axes
from pellucid.graph.precedence import ATOM, MULTIPLY
from pellucid.graph.types import Dim, Shape, ShapeMismatch, Type, broadcast, multiply_dims, normalize_axis, unify


def _outer_grad(g: Expr, z: Expr, x: Expr, y: Expr) -> tuple[Expr, Expr]:
    gx, gy = g @ ravel(y), ravel(x) @ g
    return gx if x.ndim == 1 else call_op("reshape_like", gx, x), gy if y.ndim == 1 else call_op("reshape_like", gy, y)


@op(
    tex=r"{0} \otimes {1:>}",
    precedence=ATOM,
    tex_precedence=MULTIPLY,
    promotes=True,
    infer=lambda x, y: Type((*infer_new_shape(x, (-1,)), *infer_new_shape(y, (-1,))), x.dtype),
    grad=_outer_grad,
    examples=lambda rng: [
        ((rng.normal(size=3), rng.normal(size=4)), {}),
        ((rng.normal(size=(2, 3)), rng.normal(size=2)), {}),
    ],
    value_range=lambda node, x, y: x * y,
)
def outer(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Outer product of two vectors, :math:`(x \otimes y)_{ij} = x_i y_j`. Other arrays are flattened first.

    Parameters
    ----------
    x, y : Expr or array
        Vectors, or arrays that are flattened.

    Examples
    --------
    >>> pel.outer(pel.vector("x", shape=(2,)), pel.vector("y", shape=(3,))).shape
    (2, 3)
    """
    return xp.outer(x, y)


def _align_shapes(x: Shape, y: Shape) -> tuple[Shape, Shape]:
    """Put axes of length 1 before the shorter shape."""
    count = max(len(x), len(y))
    return (1,) * (count - len(x)) + x, (1,) * (count - len(y)) + y


def _infer_kron(x: Expr, y: Expr) -> Type:
    shape: list[Dim] = []
    for m, n in zip(*_align_shapes(x.shape, y.shape), strict=True):
        shape.append(multiply_dims(m, n))
    return Type(tuple(shape), x.dtype)


def _interleave_shapes(x: Shape, y: Shape) -> tuple[Any, ...]:
    return tuple(dim for pair in zip(*_align_shapes(x, y), strict=True) for dim in pair)


@op(
    promotes=False,
    infer=lambda g, x, y: Type(_interleave_shapes(x.shape, y.shape), g.dtype),
    grad=lambda u, b, g, x, y: (call_op("reshape_like", u, g), None, None),
    examples=lambda rng: [((rng.normal(size=(4, 6)), np.zeros((2, 3)), np.zeros((2, 2))), {})],
    cost=0,
    behind="kron",
)
def kron_blocks(xp: ArrayNamespace, g: NamespaceArray, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Kronecker product reshaped to alternating axes of both factors. Only the shapes of the factors are used.

    Parameters
    ----------
    g : Expr or array
        The Kronecker product, or an array of its shape.
    x, y : Expr or array
        The factors.

    Examples
    --------
    >>> x, y = pel.matrix("x", shape=(2, 3)), pel.matrix("y", shape=(4, 5))
    >>> pel.kron_blocks(pel.kron(x, y), x, y).shape
    (2, 4, 3, 5)
    """
    return xp.reshape(g, _interleave_shapes(x.shape, y.shape))


def _kron_grad(g: Expr, z: Expr, x: Expr, y: Expr) -> list[Expr]:
    """Multiply the blocks of the gradient by one factor and sum over its axes, for the gradient of the other."""
    axes = set(range(2 * z.ndim))
    x_axes, y_axes = ({2 * (z.ndim - e.ndim + a) + odd for a in range(e.ndim)} for e, odd in ((x, 0), (y, 1)))
    blocks = kron_blocks(g, x, y)
    gradients = []
    for own_axes, other, other_axes in ((x_axes, y, y_axes), (y_axes, x, x_axes)):
        factor = call_op("expand_dims", other, tuple(axes - other_axes))
        gradients.append(call_op("sum", blocks * factor, axis=tuple(axes - own_axes)))
    return gradients


@op(
    tex=r"{0} \otimes {1:>}",
    precedence=ATOM,
    tex_precedence=MULTIPLY,
    promotes=True,
    infer=_infer_kron,
    grad=_kron_grad,
    examples=lambda rng: [
        ((rng.normal(size=(2, 3)), rng.normal(size=(2, 2))), {}),
        ((rng.normal(size=3), rng.normal(size=(2, 2))), {}),
    ],
)
def kron(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Kronecker product, :math:`(x \otimes y)_{ip+k,\, jq+l} = x_{ij} y_{kl}` for ``y`` of shape :math:`p \times q`.

    Parameters
    ----------
    x, y : Expr or array
        Factors of any shapes. The one with fewer axes gets axes of length 1 in front.

    Returns
    -------
    Expr
        Array in which the length of each axis is the product of the two lengths.

    Examples
    --------
    >>> pel.kron(pel.matrix("x", shape=(2, 3)), pel.matrix("y", shape=(4, 5))).shape
    (8, 15)

    References
    ----------
    C. F. Van Loan, The ubiquitous Kronecker product, Journal of Computational and Applied Mathematics 123 (2000).
    """
    return xp.kron(x, y)


def _infer_cross(x: Expr, y: Expr, axis: int) -> Type:
    for e in (x, y):
        if not e.ndim or unify(e.shape[axis], 3) is None:
            raise ShapeError(f"cross: expected vectors of 3 elements along axis {axis}. Received: {format_operand(e)}")
    shape = broadcast([x.shape, y.shape])
    if isinstance(shape, ShapeMismatch):
        raise ShapeError(
            f"cross: {format_operand(x)}, and {format_operand(y)}, do not broadcast: {shape.left} with {shape.right}"
        )
    return Type(shape, x.dtype)


def _normalize_cross_axis(x: Expr, y: Expr, axis: int = -1) -> OpSettings:
    """Count the axis from the end, where the axes of both operands are aligned by broadcasting."""
    if axis >= 0 and x.ndim != y.ndim:
        raise ShapeError(f"cross: expected an axis counted from the end, such as -1. Received: axis={axis}")
    return {"axis": normalize_axis(axis, x.ndim, "cross", x) - x.ndim}


@op(
    tex=r"{0:>} \times {1:>}",
    precedence=ATOM,
    tex_precedence=MULTIPLY,
    promotes=True,
    core=0,
    infer=_infer_cross,
    normalize=_normalize_cross_axis,
    grad=lambda g, z, x, y, axis: (
        sum_broadcast_axes(call_op("cross", y, g, axis=axis), x),
        sum_broadcast_axes(call_op("cross", g, x, axis=axis), y),
    ),
    examples=lambda rng: [
        ((rng.normal(size=(2, 3)), rng.normal(size=3)), {}),
        ((rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 1))), {"axis": 1}),
    ],
    cost=5,
)
def cross(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray, axis: int = -1) -> NamespaceArray:
    r"""Cross product of vectors in three dimensions, :math:`(x \times y)_1 = x_2 y_3 - x_3 y_2` and so on.

    Parameters
    ----------
    x, y : Expr or array
        Vectors of 3 elements along the axis. The other axes broadcast.
    axis : int
        Axis of the vectors.

    Returns
    -------
    Expr
        Vectors orthogonal to both.

    Raises
    ------
    ShapeError
        If the vectors do not have 3 elements.

    Examples
    --------
    >>> x, y, r = (pel.vector(name, shape=(3,)) for name in "xyr")
    >>> pel.grad(r @ pel.cross(x, y), x)
    cross(y, r)
    """
    return xp.cross(x, y, axis=axis)
