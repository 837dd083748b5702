r"""Binary search in sorted values, bins, and counts of integers."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.expr import Constant, Expr, as_expr
from pellucid.graph.op import op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.index_spec import check_integer_indices
from pellucid.graph.types import Type, format_shape


def _normalize_search(a: Expr, v: Expr, side: str) -> dict[str, Any]:
    if a.ndim != 1:
        raise ShapeError(
            f"searchsorted: expected a sorted vector as first operand. Received: {a}, of shape {format_shape(a.shape)}"
        )
    if isinstance(a, Constant) and not bool(np.all(a.value[:-1] <= a.value[1:])):
        raise ShapeError(f"searchsorted: expected numbers in ascending order. Received: {a}")
    if side not in ("left", "right"):
        raise OptionError(f"Expected side to be 'left' or 'right'. Received: side={side!r}")
    return {"side": side}


@op(
    promotes=True,
    infer=lambda a, v, side: Type(v.shape, np.dtype("int64")),
    normalize=_normalize_search,
    differentiable=False,
    examples=lambda rng: [
        ((np.array([-0.5, 0.0, 0.0, 1.0]), np.array([[0.0, -1.0], [0.3, 2.0]])), {}),
        ((np.array([-0.5, 0.0, 0.0, 1.0]), np.array([0.0, np.inf])), {"side": "right"}),
    ],
    cost=lambda node, size: size(node) * math.log2(2 + size(node.inputs[0])),
)
def searchsorted(xp: Any, a: Any, v: Any, side: Any = "left") -> Any:
    r"""Indices at which values would be inserted into a sorted vector: the :math:`i` with
    :math:`a_{i-1} < v \le a_i`, or :math:`a_{i-1} \le v < a_i` for ``side="right"``.

    Parameters
    ----------
    a : Expr or array of one axis
        Numbers in ascending order.
    v : Expr or array
        Numbers of any shape.
    side : {"left", "right"}
        Whether the index is before or after equal elements.

    Returns
    -------
    Expr of int64
        Of the shape of ``v``, from 0 to the length of ``a``.

    Raises
    ------
    ShapeError
        If ``a`` is not a vector, or a constant that is not sorted.
    ValueError
        If ``side`` is anything else.

    Examples
    --------
    >>> v = pel.vector("v")
    >>> pel.function([v], pel.searchsorted(np.array([1.0, 2.0], "float32"), v))([0.5, 2.0, 3.0])
    array([0, 1, 2])
    """
    return xp.searchsorted(a, v, side=side).astype("int64")


@register_function
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    r"""Index of the bin that contains each element, :math:`b_{i-1} \le x < b_i`, for ascending bin edges.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.function([x], pel.digitize(x, np.array([0.0, 1.0], "float32")))([-1.0, 0.0, 5.0])
    array([0, 1, 2])
    """
    return searchsorted(bins, x, side="left" if right else "right")


@register_function
def bincount(x: Any, weights: Any = None, length: int | None = None) -> Any:
    r"""Number of occurrences of each integer, or the sum of its weights, :math:`y_k = \sum_{j : x_j = k} w_j`.

    Parameters
    ----------
    x : Expr or array of integers
        Of one axis, from 0 to ``length - 1``.
    weights : Expr or array, optional
        Of the same shape; by default ones.
    length : int
        The number of bins. It is required: NumPy computes it from the data, but the shape must be known when the graph
        is built.

    Returns
    -------
    Expr
        Of shape ``(length,)``, of the dtype of the weights, or int64.

    Raises
    ------
    ShapeError
        If ``length`` is missing or ``x`` does not have one axis.

    Examples
    --------
    >>> y = pel.ivector("y")
    >>> pel.function([y], pel.bincount(y, length=4))([0, 2, 2])
    array([1, 0, 2, 0])
    """
    numbers = as_expr(np.asarray(x) if isinstance(x, list) else x)
    check_integer_indices(numbers, "bincount")
    if length is None:
        raise ShapeError(
            f"bincount of {numbers}: expected the number of bins, as in pel.bincount(y, length=10), because the shape "
            "of the result must be known when the graph is built"
        )
    if numbers.ndim != 1:
        raise ShapeError(f"bincount: expected one axis. Received: {numbers}, of shape {format_shape(numbers.shape)}")
    amounts = as_expr(np.ones((), "int64") if weights is None else weights)
    return call_op("zeros", operator.index(length), amounts.dtype).at[numbers].add(amounts)
