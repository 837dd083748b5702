r"""Softmax, its logarithms, and the cross-entropy of integer labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.op import op
from pellucid.graph.operators import build_expr, call_op
from pellucid.graph.ops.formatters import last_axis_text
from pellucid.graph.ops.index_spec import check_integer_indices
from pellucid.graph.ops.reductions import cost_per_input
from pellucid.graph.precedence import ADD
from pellucid.graph.types import Type, format_shape, normalize_axes, unify


def _normalize_axis_setting(x: Expr, axis: Any = -1) -> dict[str, Any]:
    return {"axis": normalize_axes(axis, x.ndim, "softmax", x)}


def _draw_scores(rng: np.random.Generator) -> list[Any]:
    extreme = np.array([[1000.0, 0.0, 0.0], [-1000.0, 0.0, 1.0]])
    return [((rng.normal(size=(3, 4)),), {}), ((rng.normal(size=(3, 4)),), {"axis": 0}), ((extreme,), {})]


def _softmax_grad(g: Any, y: Any, x: Any, axis: tuple[int, ...]) -> Any:
    return y * (g - call_op("sum", g * y, axis=axis, keepdims=True))


@op(
    tex=r"\operatorname{{softmax}}({0:_})",
    text=last_axis_text("softmax"),
    floats=True,
    promotes=True,
    compound=True,
    infer=lambda x, axis: x.type,
    normalize=_normalize_axis_setting,
    grad=_softmax_grad,
    examples=_draw_scores,
    cost=cost_per_input(14),
)
def softmax(xp: Any, x: Any, axis: Any = -1) -> Any:
    r"""Softmax along an axis, :math:`\operatorname{softmax}(x)_i = e^{x_i} / \sum_j e^{x_j}`.

    The maximum is subtracted from :math:`x` first. The result is the same and the exponentials cannot overflow.

    Parameters
    ----------
    x : Expr or array
        Scores.
    axis : int or tuple of int
        The axes along which the result sums to 1.

    Returns
    -------
    Expr
        Probabilities, of the shape of ``x``.

    Examples
    --------
    >>> z = pel.matrix("z")
    >>> pel.simplify(pel.exp(z) / pel.exp(z).sum(axis=1, keepdims=True))
    softmax(z)

    References
    ----------
    C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 4.3.4.
    """
    e = xp.exp(x - xp.max(x, axis=axis, keepdims=True))
    return e / xp.sum(e, axis=axis, keepdims=True)


def _log_softmax_grad(g: Any, y: Any, x: Any, axis: tuple[int, ...]) -> Any:
    return g - softmax(x, axis) * call_op("sum", g, axis=axis, keepdims=True)


@op(
    tex=r"\log(\operatorname{{softmax}}({0:_}))",
    text=last_axis_text("log_softmax"),
    floats=True,
    promotes=True,
    compound=True,
    infer=lambda x, axis: x.type,
    normalize=_normalize_axis_setting,
    grad=_log_softmax_grad,
    examples=_draw_scores,
    cost=cost_per_input(14),
)
def log_softmax(xp: Any, x: Any, axis: Any = -1) -> Any:
    r"""Logarithm of the softmax, :math:`x_i - \log \sum_j e^{x_j}`, finite wherever :math:`x` is.

    Examples
    --------
    >>> pel.simplify(pel.log(pel.softmax(pel.matrix("z"))))
    log_softmax(z)
    """
    shifted = x - xp.max(x, axis=axis, keepdims=True)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))


def _log1m_softmax_grad(g: Any, y: Any, x: Any, axis: tuple[int, ...]) -> Any:
    """Treat an element with p > 1/2 separately: the factor 1 / (1 - p) would cancel there."""
    p = softmax(x, axis)
    dominant = p > 0.5
    zero = np.zeros((), x.dtype)
    g_others = build_expr("where", dominant, zero, g / (1 - build_expr("where", dominant, zero, p)))
    g_dominant = build_expr("sum", build_expr("where", dominant, g, zero), axis=axis, keepdims=True)
    p_others = softmax(build_expr("where", dominant, np.asarray(-np.inf, x.dtype), x), axis)
    return p * (build_expr("sum", g_others * p, axis=axis, keepdims=True) - g_others) + g_dominant * (p_others - p)


@op(
    tex=r"\log(1 - \operatorname{{softmax}}({0:_}))",
    text=last_axis_text("log1m_softmax"),
    floats=True,
    promotes=True,
    compound=True,
    infer=lambda x, axis: x.type,
    normalize=_normalize_axis_setting,
    grad=_log1m_softmax_grad,
    examples=_draw_scores,
    cost=cost_per_input(40),
)
def log1m_softmax(xp: Any, x: Any, axis: Any = -1) -> Any:
    r"""Logarithm of one minus the softmax, :math:`\log(1 - p_i) = \log \sum_{j \ne i} e^{x_j} - \log \sum_j e^{x_j}`.

    For the maximum :math:`x_i` the first sum is computed over the other elements, shifted by the largest of them. For
    all other elements :math:`\log(1 - p_i)` does not cancel and is computed directly.

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
    e = xp.exp(x - maximum)
    total = xp.sum(e, axis=axis, keepdims=True)
    return xp.where(unique, log_others - xp.log(total), xp.log1p(-xp.where(unique, xp.zeros_like(x), e) / total))


def _infer_crossentropy(y: Expr, z: Expr) -> Type:
    check_integer_indices(y, "sparse_crossentropy")
    if z.ndim != y.ndim + 1 or any(unify(a, b) is None for a, b in zip(y.shape, z.shape, strict=False)):
        raise ShapeError(
            f"sparse_crossentropy: expected scores of the labels' shape and one more axis for the classes. "
            f"Received: labels {y} of shape {format_shape(y.shape)} and scores {z} of shape {format_shape(z.shape)}"
        )
    return Type(z.shape[:-1], z.dtype)


def _crossentropy_grad(g: Any, loss: Any, y: Any, z: Any) -> Any:
    classes, wide = z.shape[-1], call_op("expand_dims", g, -1)
    if isinstance(classes, int):
        return None, wide * (softmax(z) - call_op("one_hot", y, classes, dtype=z.dtype))
    scattered = call_op("untake_along_axis", wide, call_op("expand_dims", y, -1), z, axis=-1)
    return None, wide * softmax(z) - scattered


@op(
    tex=r"-\log \operatorname{{softmax}}({1:_})_{{{0:_}}}",
    tex_precedence=ADD,
    compound=True,
    infer=_infer_crossentropy,
    grad=_crossentropy_grad,
    examples=lambda rng: [
        ((np.array([2, 0]), rng.normal(size=(2, 3))), {}),
        ((np.array([1]), np.array([[1000.0, 0.0, 0.0]])), {}),
    ],
    cost=lambda node, size: 14 * size(node.inputs[1]),
)
def sparse_crossentropy(xp: Any, labels: Any, scores: Any) -> Any:
    r"""Cross-entropy of integer labels and logits,
    :math:`-\log \operatorname{softmax}(z)_y = \log \sum_j e^{z_j} - z_y`.

    The gradient is :math:`\operatorname{softmax}(z) - t`, with :math:`t` the one-hot encoded label. The simplifier
    rewrites a cross-entropy that is written with a softmax and a logarithm into this op.

    Parameters
    ----------
    labels : Expr or array of integers
        Of shape ``(...)``.
    scores : Expr or array
        Of shape ``(..., classes)``.

    Returns
    -------
    Expr
        Of shape ``(...)``, in nats.

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
    total = xp.sum(xp.exp(scores - maximum), axis=-1, keepdims=True)
    return xp.squeeze(xp.log(total) - (target - maximum), axis=-1)
