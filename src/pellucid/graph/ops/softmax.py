r"""Softmax, log-sum-exp and the cross-entropy of integer labels."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.array_namespace import NUMPY, ArrayNamespace, NamespaceArray
from pellucid.graph.decomposition import symbolic
from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, OpSettings, is_compatible_shape
from pellucid.graph.op import Example, PrintedOperand, TemplatePiece
from pellucid.graph.op_decorator import op
from pellucid.graph.operators import call_op
from pellucid.graph.ops.exponentials import exp
from pellucid.graph.ops.formatters import axes_to_latex, format_operand, function_tex, last_axis_text, reduction_text
from pellucid.graph.ops.index_spec import check_integer_indices
from pellucid.graph.ops.reductions import (
    cost_per_input,
    draw_reduction_examples,
    infer_reduced_type,
    normalize_reduction,
    restore_axes,
)
from pellucid.graph.precedence import ADD, BIG
from pellucid.graph.range_rules import fixed, logsumexp_range
from pellucid.graph.types import Type, normalize_axes

if TYPE_CHECKING:
    from pellucid.typing import Axes


def subtract_maximum(xp: ArrayNamespace, x: NamespaceArray, maximum: NamespaceArray) -> NamespaceArray:
    """Return ``x - maximum``; in compiled programs 0 for the maximum and not positive elsewhere, whatever the rounding.

    If ``x`` is a product, compilers fuse the product and the subtraction, or take the maximum before they multiply.
    Near 7e9, a rounding error is larger than 88, and the exponential of the difference overflows.
    """
    difference = x - maximum
    if xp is NUMPY or xp is symbolic:
        return difference
    return xp.where(x >= maximum, x - x, difference)  # of infinities, NaN as in NumPy


def get_maximum(xp: ArrayNamespace, x: NamespaceArray, axis: Axes) -> NamespaceArray:
    """Return the maximum along axes, which stay; of no elements, minus infinity."""
    if 0 in x.shape:
        return xp.max(x, axis=axis, keepdims=True, initial=-math.inf)
    return xp.max(x, axis=axis, keepdims=True)


def _draw_scores(rng: np.random.Generator) -> list[Example]:
    extreme = np.array([[1000.0, 0.0, 0.0], [-1000.0, 0.0, 1.0]])
    return [((rng.normal(size=(3, 4)),), {}), ((rng.normal(size=(3, 4)),), {"axis": 0}), ((extreme,), {})]


_softmax_op = functools.partial(
    op,
    floats=True,
    promotes=True,
    composite=True,
    infer=lambda x, axis: x.type,
    normalize=lambda x, axis=-1: {"axis": normalize_axes(axis, x.ndim, "softmax", x)},
    examples=_draw_scores,
)


@_softmax_op(
    tex=r"\operatorname{{softmax}}({0:_})",
    text=last_axis_text("softmax"),
    grad=lambda g, y, x, axis: y * (g - call_op("sum", g * y, axis=axis, keepdims=True)),
    cost=cost_per_input(14),
    value_range=fixed(0, 1),
)
def softmax(xp: ArrayNamespace, x: NamespaceArray, axis: Axes = -1) -> NamespaceArray:
    r"""Softmax along an axis, :math:`\operatorname{softmax}(x)_i = e^{x_i} / \sum_j e^{x_j}`.

    The maximum is subtracted from :math:`x` first. The result is the same and the exponentials cannot overflow. If an
    element is infinite, all are NaN, as in Keras and JAX; elements of minus infinity have the probability 0.

    Parameters
    ----------
    x : Expr or array
        Scores.
    axis : int or tuple of int
        Axes along which the result sums to 1.

    Returns
    -------
    Expr
        Probabilities, same shape as ``x``.

    Examples
    --------
    >>> z = pel.matrix("z")
    >>> pel.simplify(pel.exp(z) / pel.exp(z).sum(axis=1, keepdims=True))
    softmax(z)

    References
    ----------
    C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 4.3.4.
    """
    e = xp.exp(subtract_maximum(xp, x, xp.max(x, axis=axis, keepdims=True)))
    return e / xp.sum(e, axis=axis, keepdims=True)


@_softmax_op(
    tex=r"\log(\operatorname{{softmax}}({0:_}))",
    text=last_axis_text("log_softmax"),
    grad=lambda g, y, x, axis: g - softmax(x, axis) * call_op("sum", g, axis=axis, keepdims=True),
    cost=cost_per_input(14),
    value_range=fixed(-math.inf, 0),
)
def log_softmax(xp: ArrayNamespace, x: NamespaceArray, axis: Axes = -1) -> NamespaceArray:
    r"""Logarithm of the softmax, :math:`x_i - \log \sum_j e^{x_j}`, finite wherever :math:`x` is.

    Parameters
    ----------
    x : Expr or array
        Scores.
    axis : int or tuple of int
        Axes along which the probabilities sum to 1.

    Examples
    --------
    >>> pel.simplify(pel.log(pel.softmax(pel.matrix("z"))))
    log_softmax(z)
    """
    shifted = subtract_maximum(xp, x, xp.max(x, axis=axis, keepdims=True))
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))


def _log1m_softmax_grad(g: Expr, y: Expr, x: Expr, axis: tuple[int, ...]) -> Expr:
    """Treat an element with p > 1/2 separately: the factor 1 / (1 - p) would cancel there."""
    p = softmax(x, axis)
    dominant = p > 0.5
    zero = np.zeros((), x.dtype)
    g_others = call_op("where", dominant, zero, g / (1 - call_op("where", dominant, zero, p)))
    g_dominant = call_op("sum", call_op("where", dominant, g, zero), axis=axis, keepdims=True)
    p_others = softmax(call_op("where", dominant, np.asarray(-np.inf, x.dtype), x), axis)
    return p * (call_op("sum", g_others * p, axis=axis, keepdims=True) - g_others) + g_dominant * (p_others - p)


@_softmax_op(
    tex=r"\log(1 - \operatorname{{softmax}}({0:_}))",
    text=last_axis_text("log1m_softmax"),
    grad=_log1m_softmax_grad,
    cost=cost_per_input(40),
    value_range=fixed(-math.inf, 0),
)
def log1m_softmax(xp: ArrayNamespace, x: NamespaceArray, axis: Axes = -1) -> NamespaceArray:
    r"""Logarithm of one minus the softmax, :math:`\log(1 - p_i) = \log \sum_{j \ne i} e^{x_j} - \log \sum_j e^{x_j}`.

    For the maximum :math:`x_i` the first sum is computed over the other elements, shifted by the largest of them. For
    all other elements :math:`\log(1 - p_i)` does not cancel and is computed directly.

    Parameters
    ----------
    x : Expr or array
        Scores.
    axis : int or tuple of int
        Axes along which the probabilities sum to 1.

    Examples
    --------
    >>> pel.simplify(pel.log(1 - pel.softmax(pel.matrix("z"))))
    log1m_softmax(z)
    """
    maximum = xp.max(x, axis=axis, keepdims=True)
    is_maximum = x >= maximum
    # Several equal maxima have p <= 1/2 each, so that 1 - p does not cancel. Only a unique one needs the other form.
    count = xp.sum(xp.where(is_maximum, xp.ones_like(x), xp.zeros_like(x)), axis=axis, keepdims=True)
    unique = is_maximum & (count == 1)
    second = xp.max(xp.where(unique, x - 1e30, x), axis=axis, keepdims=True)
    others = xp.where(unique, xp.zeros_like(x), xp.exp(xp.where(unique, second, x) - second))
    log_others = xp.log(xp.sum(others, axis=axis, keepdims=True)) + (second - maximum)
    e = xp.exp(subtract_maximum(xp, x, maximum))
    total = xp.sum(e, axis=axis, keepdims=True)
    return xp.where(unique, log_others - xp.log(total), xp.log1p(-xp.where(unique, xp.zeros_like(x), e) / total))


def _infer_crossentropy(y: Expr, z: Expr) -> Type:
    check_integer_indices(y, "sparse_crossentropy")
    if z.ndim != y.ndim + 1 or not is_compatible_shape(y.shape, z.shape[:-1]):
        raise ShapeError(
            "sparse_crossentropy: expected scores of the labels' shape and one more axis for the classes. Received: "
            f"labels {format_operand(y)}, and scores {format_operand(z)}"
        )
    return Type(z.shape[:-1], z.dtype)


def _crossentropy_grad(g: Expr, loss: Expr, y: Expr, z: Expr) -> tuple[None, Expr]:
    classes, wide = z.shape[-1], call_op("expand_dims", g, -1)
    if isinstance(classes, int):
        return None, wide * (softmax(z) - call_op("one_hot", y, classes, dtype=z.dtype))
    scattered = call_op("take_along_axis_gradient", wide, call_op("expand_dims", y, -1), z, axis=-1)
    return None, wide * softmax(z) - scattered


@op(
    tex=r"-\log \operatorname{{softmax}}({1:_})_{{{0:_}}}",
    tex_precedence=ADD,
    composite=True,
    infer=_infer_crossentropy,
    grad=_crossentropy_grad,
    examples=lambda rng: [
        ((np.array([2, 0]), rng.normal(size=(2, 3))), {}),
        ((np.array([1]), np.array([[1000.0, 0.0, 0.0]])), {}),
    ],
    cost=lambda node, size: 14 * size(node.inputs[1]),
    value_range=fixed(0, math.inf),
)
def sparse_crossentropy(xp: ArrayNamespace, labels: NamespaceArray, scores: NamespaceArray) -> NamespaceArray:
    r"""Cross-entropy of integer labels and logits,
    :math:`-\log \operatorname{softmax}(z)_y = \log \sum_j e^{z_j} - z_y`.

    The gradient is :math:`\operatorname{softmax}(z) - t`, with :math:`t` the one-hot encoded label. The simplifier
    rewrites a cross-entropy that is written with a softmax and a logarithm into this op.

    Parameters
    ----------
    labels : Expr or array of integers, shape (...)
        Class indices.
    scores : Expr or array, shape (..., classes)
        Logits.

    Returns
    -------
    Expr, shape (...)
        Cross-entropy of each label, in nats.

    Raises
    ------
    ShapeError
        If the shapes do not match.

    Examples
    --------
    >>> y, z = pel.ivector("y", shape=("n",)), pel.matrix("z", shape=("n", 3))
    >>> pel.simplify(-pel.log(pel.take_along_axis(pel.softmax(z), y[:, None]))[:, 0])
    sparse_crossentropy(y, z)

    References
    ----------
    C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 4.3.4.
    """
    maximum = xp.max(scores, axis=-1, keepdims=True)
    target = xp.take_along_axis(scores, xp.expand_dims(labels, -1), axis=-1)
    total = xp.sum(xp.exp(subtract_maximum(xp, scores, maximum)), axis=-1, keepdims=True)
    return xp.squeeze(xp.log(total) - (target - maximum), axis=-1)


def _sum_scaled_exponentials(
    xp: ArrayNamespace, x: NamespaceArray, weights: NamespaceArray | None, axis: Axes, keepdims: bool
) -> NamespaceArray:
    maximum = get_maximum(xp, x, axis) if weights is None else get_largest_log_term(xp, x, weights, axis)
    # An infinite maximum is the result itself; subtracting it would give inf - inf.
    maximum = xp.where(xp.abs(maximum) < np.inf, maximum, xp.zeros_like(maximum))
    terms = xp.exp(subtract_maximum(xp, x, maximum) if weights is None else x - maximum)
    total = xp.sum(terms if weights is None else weights * terms, axis=axis, keepdims=keepdims)
    return xp.log(total) + (maximum if keepdims else xp.squeeze(maximum, axis=axis))


def get_largest_log_term(xp: ArrayNamespace, x: Any, weights: Any, axis: Axes) -> Any:
    r"""Return the largest :math:`x_i + \log |w_i|`, near which the terms of a weighted sum do not underflow.

    It is not much smaller than the largest ``x``, so that the exponential of the difference does not overflow.
    """
    zero = xp.equal(weights, 0)
    logs = xp.log(xp.where(zero, xp.ones_like(weights), xp.abs(weights)))
    counted = xp.where(zero, xp.full_like(x, -np.inf), x)
    sizes = counted + xp.maximum(logs, -9 if x.dtype.itemsize == 2 else -80)
    return get_maximum(xp, sizes, axis)


@op(
    tex=function_tex(r"\operatorname{logsumexp}"),
    text=reduction_text("logsumexp"),
    infer=infer_reduced_type,
    normalize=normalize_reduction,
    promotes=True,
    floats=True,
    composite=True,
    grad=lambda g, y, x, axis, keepdims: restore_axes(g, x, axis, keepdims) * call_op("softmax", x, axis=axis),
    examples=lambda rng: [
        *draw_reduction_examples(rng),
        ((np.array([1000.0, 0.0]),), {}),
        ((np.array([[-1000.0, -1000.0]]),), {"axis": 1}),
    ],
    cost=cost_per_input(13),
    value_range=logsumexp_range,
)
def logsumexp(xp: ArrayNamespace, x: NamespaceArray, axis: Axes = None, keepdims: bool = False) -> NamespaceArray:
    r"""Logarithm of the sum of exponentials along axes, :math:`\log \sum_i e^{x_i}`.

    Computed as :math:`m + \log \sum_i e^{x_i - m}` with :math:`m = \max_i x_i`, which neither overflows nor underflows.

    Parameters
    ----------
    x : Expr or array
        Input of any shape.
    axis : int or tuple of int, optional
        Axes to sum over (default all).
    keepdims : bool
        Keep the reduced axes with length 1.

    Returns
    -------
    Expr
        Array with the remaining axes.

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
    return _sum_scaled_exponentials(xp, x, None, axis, keepdims)


def _infer_weighted(x: Expr, weights: Expr, axis: tuple[int, ...], keepdims: bool) -> Type:
    if not is_compatible_shape(weights.shape, x.shape):
        raise ShapeError(
            f"logsumexp_weighted: expected a weight for each element of {format_operand(x)}. Received: "
            f"{format_operand(weights)}"
        )
    return infer_reduced_type(x, axis, keepdims)


def _weighted_grad(
    g: Expr, y: Expr, x: Expr, weights: Expr, axis: tuple[int, ...], keepdims: bool
) -> tuple[Expr, Expr]:
    # An element with weight 0 may be infinite and must not contribute.
    counted = call_op("where", call_op("equal", weights, 0), np.asarray(-np.inf, x.dtype), x)
    # The quotient does not depend on the shift.
    part = weights * exp(counted - call_op("stop_gradient", get_largest_log_term(symbolic, x, weights, axis)))
    g, y = restore_axes(g, x, axis, keepdims), restore_axes(y, x, axis, keepdims)
    return g * (part / call_op("sum", part, axis=axis, keepdims=True)), g * exp(x - y)


def _weighted_tex(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    axes = axes_to_latex(operands[0], settings.get("axis"))
    return [rf"\log \sum{axes} ", (operands[1], BIG), r" \, e^{", (operands[0], 0), "}"]


def _weighted_text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    opening, first, closing = reduction_text("logsumexp_weighted")(operands, settings)
    return [opening, first, ", ", (operands[1], 0), closing]


def _draw_weighted_examples(rng: np.random.Generator) -> list[Example]:
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
    composite=True,
    infer=_infer_weighted,
    normalize=lambda x, weights, axis=None, keepdims=False: normalize_reduction(x, axis, keepdims),
    grad=_weighted_grad,
    examples=_draw_weighted_examples,
    cost=cost_per_input(16),
    behind="logsumexp",
)
def logsumexp_weighted(
    xp: ArrayNamespace, x: NamespaceArray, weights: NamespaceArray, axis: Axes = None, keepdims: bool = False
) -> NamespaceArray:
    r"""Logarithm of a weighted sum of exponentials, :math:`\log \sum_i w_i e^{x_i}`.

    The maximum of the :math:`x_i` with a nonzero weight is subtracted before the exponential. Weights may be negative
    if the sum is positive.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    weights : Expr or array
        Nonnegative weights, of a shape that broadcasts with ``x``.
    axis : int, tuple of int or None
        Axes to reduce; all by default.
    keepdims : bool
        Whether reduced axes stay, with length 1.

    Examples
    --------
    >>> w, x = pel.vector("w", shape=(3,)), pel.vector("x", shape=(3,))
    >>> pel.simplify(pel.log((w * pel.exp(x)).sum()))
    logsumexp_weighted(x, w)
    """
    counted = xp.where(xp.equal(weights, 0), xp.full_like(x, -np.inf), x)
    return _sum_scaled_exponentials(xp, counted, weights, axis, keepdims)
