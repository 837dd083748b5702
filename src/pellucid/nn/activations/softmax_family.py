r"""Activations over an axis: softmax, sparsemax and gated linear units."""

from __future__ import annotations

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, Operand, as_expr
from pellucid.graph.ops import activations as ops
from pellucid.graph.ops import softmax as softmax_ops
from pellucid.graph.ops.cumulative import cumsum
from pellucid.graph.ops.elementwise import cast
from pellucid.graph.ops.permute import moveaxis
from pellucid.graph.ops.reductions import max_, sum
from pellucid.graph.ops.sorting import sort
from pellucid.graph.ops.split import split
from pellucid.graph.types import format_shape

__all__ = ["glu", "softmax", "sparsemax"]


def softmax(x: Operand, axis: int = -1) -> Expr:
    r"""Softmax, :math:`e^{x_i} / \sum_j e^{x_j}`; see `pellucid.softmax`.

    Parameters
    ----------
    x : Expr or array
        Scores.
    axis : int
        Axis along which the result sums to 1.

    Raises
    ------
    ShapeError
        If the axis has length 1, so that the result is always 1.

    Examples
    --------
    >>> softmax(pel.matrix("z", shape=("n", 3)))
    softmax(z)
    """
    x = as_expr(x)
    if -x.ndim <= axis < x.ndim and x.shape[axis] == 1:
        raise ShapeError(
            f"A softmax of one element is always 1. Received: {x}, of length 1 along axis {axis}. "
            "Use a sigmoid, or two units"
        )
    result: Expr = softmax_ops.softmax(x, axis=axis)
    return result


def sparsemax(x: Operand, axis: int = -1) -> Expr:
    r"""Sparsemax, the Euclidean projection onto the probability simplex: :math:`\max(x - \tau, 0)` with the
    :math:`\tau` for which the result sums to 1.

    Parameters
    ----------
    x : Expr
        Logits, with a known length of the axis.
    axis : int
        Axis along which the result sums to 1.

    Raises
    ------
    ShapeError
        If the length of the axis is unknown.

    Examples
    --------
    >>> pel.function([], sparsemax(pel.constant([0.5, 0.25, -1.0])))()
    array([0.625, 0.375, 0.   ], dtype=float32)

    References
    ----------
    A. F. T. Martins and R. F. Astudillo, From Softmax to Sparsemax, ICML 2016.
    """
    x = as_expr(x)
    count = require_length(x, axis, "sparsemax")
    rows = moveaxis(x, axis, -1)
    descending = sort(rows, descending=True)
    ranks = np.arange(1, count + 1).astype(rows.dtype)
    surplus = cumsum(descending, axis=-1) - 1
    kept = cast(ranks * descending > surplus, dtype=rows.dtype)
    size = sum(kept, axis=-1, keepdims=True)
    # Selects the surplus at the last kept rank. The selection is constant, so no gradient flows through the ranks.
    last = cast(ranks * kept == max_(ranks * kept, axis=-1, keepdims=True), dtype=rows.dtype)
    tau = sum(surplus * last, axis=-1, keepdims=True) / size
    result: Expr = moveaxis(ops.relu(rows - tau), -1, axis)
    return result


def glu(x: Operand, axis: int = -1) -> Expr:
    r"""Gated linear unit, :math:`a \, \sigma(b)` with :math:`a` and :math:`b` the two halves of an axis.

    Parameters
    ----------
    x : Expr or array
        The length of the axis is even.
    axis : int
        Axis that is halved.

    Raises
    ------
    ShapeError
        If the length of the axis is odd or unknown.

    Examples
    --------
    >>> glu(pel.matrix("x", shape=("n", 4)))
    x[:, 0:2] * sigmoid(x[:, 2:4])

    References
    ----------
    Y. N. Dauphin, A. Fan, M. Auli and D. Grangier, Language Modeling with Gated Convolutional Networks, ICML 2017.
    """
    x = as_expr(x)
    if require_length(x, axis, "glu") % 2:
        raise ShapeError(f"glu: expected an axis of even length. Received: {x}, of shape {format_shape(x.shape)}")
    value, gate = split(x, 2, axis=axis)
    result: Expr = value * ops.sigmoid(gate)
    return result


def require_length(x: Expr, axis: int, who: str) -> int:
    length = x.shape[axis] if -x.ndim <= axis < x.ndim else None
    if not isinstance(length, int):
        raise ShapeError(
            f"{who}: expected an axis {axis} of known length. Received: {x}, of shape {format_shape(x.shape)}"
        )
    return length
