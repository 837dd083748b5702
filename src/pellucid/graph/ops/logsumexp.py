r"""Logarithms of sums of exponentials, plain and weighted."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, is_compatible_shape
from pellucid.graph.op import op
from pellucid.graph.operators import call_op
from pellucid.graph.ops.exponentials import exp
from pellucid.graph.ops.formatters import axes_to_latex, function_tex, reduction_text
from pellucid.graph.ops.reductions import (
    cost_per_input,
    draw_reduction_examples,
    infer_reduced_type,
    normalize_reduction,
    restore_axes,
)
from pellucid.graph.precedence import BIG, TemplatePiece
from pellucid.graph.types import Type, format_shape


def _logsumexp_grad(g: Any, y: Any, x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    return restore_axes(g, x, axis, keepdims) * call_op("softmax", x, axis=axis)


@op(
    tex=function_tex(r"\operatorname{logsumexp}"),
    text=reduction_text("logsumexp"),
    infer=infer_reduced_type,
    normalize=normalize_reduction,
    promotes=True,
    floats=True,
    compound=True,
    grad=_logsumexp_grad,
    examples=lambda rng: [
        *draw_reduction_examples(rng),
        ((np.array([1000.0, 0.0]),), {}),
        ((np.array([[-1000.0, -1000.0]]),), {"axis": 1}),
    ],
    cost=cost_per_input(13),
)
def logsumexp(xp: Any, x: Any, axis: Any = None, keepdims: Any = False) -> Any:
    r"""Logarithm of the sum of exponentials along axes, :math:`\log \sum_i e^{x_i}`.

    Computed as :math:`m + \log \sum_i e^{x_i - m}` with :math:`m = \max_i x_i`, which neither overflows nor underflows.

    Parameters
    ----------
    x : Expr or array
        Of any shape.
    axis : int or tuple of int, optional
        The axes to sum over; by default all of them.
    keepdims : bool
        Whether to keep the reduced axes with length 1.

    Returns
    -------
    Expr
        Of the remaining axes.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.simplify(pel.log(pel.exp(x).sum()))
    logsumexp(x)

    References
    ----------
    P. Blanchard, D. J. Higham and N. J. Higham, Accurately computing the log-sum-exp and softmax functions,
    IMA Journal of Numerical Analysis 41 (2021).
    """
    maximum = xp.max(x, axis=axis, keepdims=True)
    # An infinite maximum is the result itself; subtracting it would give inf - inf.
    maximum = xp.where(xp.abs(maximum) < np.inf, maximum, xp.zeros_like(maximum))
    total = xp.sum(xp.exp(x - maximum), axis=axis, keepdims=keepdims)
    return xp.log(total) + (maximum if keepdims else xp.squeeze(maximum, axis=axis))


def _infer_weighted(x: Expr, weights: Expr, axis: tuple[int, ...], keepdims: bool) -> Type:
    if not is_compatible_shape(weights.shape, x.shape):
        raise ShapeError(
            f"logsumexp_weighted: expected a weight for each element of {x}, of shape {format_shape(x.shape)}. "
            f"Received: {weights}, of shape {format_shape(weights.shape)}"
        )
    return infer_reduced_type(x, axis, keepdims)


def _weighted_grad(g: Any, y: Any, x: Any, weights: Any, axis: tuple[int, ...], keepdims: bool) -> tuple[Any, Any]:
    # An element with weight 0 may be infinite and must not contribute.
    counted = call_op("where", call_op("equal", weights, 0), np.asarray(-np.inf, x.dtype), x)
    part = weights * exp(counted - call_op("max", counted, axis=axis, keepdims=True))
    g, y = restore_axes(g, x, axis, keepdims), restore_axes(y, x, axis, keepdims)
    return g * (part / call_op("sum", part, axis=axis, keepdims=True)), g * exp(x - y)


def _weighted_tex(operands: tuple[Any, ...], settings: Any) -> list[TemplatePiece]:
    axes = axes_to_latex(operands[0], settings.get("axis"))
    return [rf"\log \sum{axes} ", (operands[1], BIG), r" \, e^{", (operands[0], 0), "}"]


def _weighted_text(operands: tuple[Any, ...], settings: Any) -> list[TemplatePiece]:
    opening, first, closing = reduction_text("logsumexp_weighted")(operands, settings)
    return [opening, first, ", ", (operands[1], 0), closing]


def _draw_weighted_examples(rng: np.random.Generator) -> list[Any]:
    x, weights = rng.normal(size=(3, 4)), rng.uniform(0.5, 2, (3, 4))
    extreme = np.array([[1000.0, 0.0, -1000.0], [-1000.0, -1001.0, 5.0]])
    return [
        ((x, weights), {}),
        ((x, weights), {"axis": 1, "keepdims": True}),
        ((extreme, np.array([[0.5, 1.0, 2.0], [1.0, 2.0, 0.25]])), {"axis": 1}),
    ]


@op(
    tex=_weighted_tex,
    text=_weighted_text,
    tex_precedence=BIG,
    floats=True,
    promotes=True,
    compound=True,
    infer=_infer_weighted,
    normalize=lambda x, weights, axis=None, keepdims=False: normalize_reduction(x, axis, keepdims),
    grad=_weighted_grad,
    examples=_draw_weighted_examples,
    cost=cost_per_input(16),
    behind="logsumexp",
)
def logsumexp_weighted(xp: Any, x: Any, weights: Any, axis: Any = None, keepdims: Any = False) -> Any:
    r"""Logarithm of a weighted sum of exponentials, :math:`\log \sum_i w_i e^{x_i}`.

    The maximum of the :math:`x_i` with a nonzero weight is subtracted before the exponential. Weights may be negative
    if the sum is positive.

    Examples
    --------
    >>> w, x = pel.vector("w", shape=(3,)), pel.vector("x", shape=(3,))
    >>> pel.simplify(pel.log((w * pel.exp(x)).sum()))
    logsumexp_weighted(x, w)
    """
    counted = xp.where(xp.equal(weights, 0), xp.full_like(x, -np.inf), x)
    maximum = xp.max(counted, axis=axis, keepdims=True)
    maximum = xp.where(xp.abs(maximum) < np.inf, maximum, xp.zeros_like(maximum))
    total = xp.sum(weights * xp.exp(counted - maximum), axis=axis, keepdims=keepdims)
    return xp.log(total) + (maximum if keepdims else xp.squeeze(maximum, axis=axis))
