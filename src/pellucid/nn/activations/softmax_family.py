r"""Activations of whole rows: what becomes of an element depends on its neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.ops import softmax_sigmoid
from pellucid.graph.ops.cumulative import cumsum
from pellucid.graph.ops.elementwise import cast
from pellucid.graph.ops.permute import moveaxis
from pellucid.graph.ops.reductions import max_, sum
from pellucid.graph.ops.sorting import sort
from pellucid.graph.ops.split import split
from pellucid.graph.types import shape_text


def softmax(x: Any, axis: int = -1) -> Any:
    r"""Exponentials that sum to 1, :math:`e^{x_i} / \sum_j e^{x_j}`; see `pellucid.softmax`.

    Raises
    ------
    ShapeError
        If there is one element to share the 1, which would then always be 1.

    Examples
    --------
    >>> softmax(pel.matrix("z", shape=("n", 3)))
    softmax(z)
    """
    x = as_expr(x)
    if -x.ndim <= axis < x.ndim and x.shape[axis] == 1:
        raise ShapeError(
            f"A softmax of one element is always 1. Received: {x}, of length 1 along axis {axis}; "
            "use a sigmoid, or two units"
        )
    return softmax_sigmoid.softmax(x, axis=axis)


def sparsemax(x: Any, axis: int = -1) -> Any:
    r"""The nearest probabilities, many of them 0: :math:`\max(x - \tau, 0)`, with the :math:`\tau` for which they sum
    to 1.

    Parameters
    ----------
    x : Expr
        Scores; the axis has a known length.
    axis : int
        Along which they sum to 1.

    Raises
    ------
    ShapeError
        If the length is not known.

    Examples
    --------
    >>> pel.function([], sparsemax(pel.constant([0.5, 0.25, -1.0])))()
    array([0.625, 0.375, 0.   ], dtype=float32)

    References
    ----------
    A. F. T. Martins and R. F. Astudillo, From Softmax to Sparsemax, ICML 2016.
    """
    x = as_expr(x)
    count = known_length(x, axis, "sparsemax")
    rows = moveaxis(x, axis, -1)
    falling = sort(rows, descending=True)
    ranks = np.arange(1, count + 1).astype(rows.dtype)
    surplus = cumsum(falling, axis=-1) - 1
    kept = cast(ranks * falling > surplus, dtype=rows.dtype)
    size = sum(kept, axis=-1, keepdims=True)
    # The surplus at the last rank that is kept, which no gradient reaches through the choice of the rank.
    last = cast(ranks * kept == max_(ranks * kept, axis=-1, keepdims=True), dtype=rows.dtype)
    tau = sum(surplus * last, axis=-1, keepdims=True) / size
    return moveaxis(softmax_sigmoid.relu(rows - tau), -1, axis)


def glu(x: Any, axis: int = -1) -> Any:
    r"""Gated linear unit, :math:`a \, \sigma(b)` with :math:`a` and :math:`b` the two halves of an axis.

    Raises
    ------
    ShapeError
        If the axis has no two halves.

    Examples
    --------
    >>> glu(pel.matrix("x", shape=("n", 4)))
    x[:, 0:2] * sigmoid(x[:, 2:4])

    References
    ----------
    Y. N. Dauphin, A. Fan, M. Auli and D. Grangier, Language Modeling with Gated Convolutional Networks, ICML 2017.
    """
    x = as_expr(x)
    if known_length(x, axis, "glu") % 2:
        raise ShapeError(f"glu: expected an axis of even length. Received: {x}, of shape {shape_text(x.shape)}")
    value, gate = split(x, 2, axis=axis)
    return value * softmax_sigmoid.sigmoid(gate)


def known_length(x: Expr, axis: int, who: str) -> int:
    """Return the length of an axis, or say that it must be known."""
    length = x.shape[axis] if -x.ndim <= axis < x.ndim else None
    if not isinstance(length, int):
        raise ShapeError(
            f"{who}: expected an axis {axis} of known length. Received: {x}, of shape {shape_text(x.shape)}"
        )
    return length
