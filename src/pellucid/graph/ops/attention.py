r"""Scaled dot-product attention and masked softmax."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, ArrayOperand, NamespaceArray
from pellucid.graph.decomposition import symbolic
from pellucid.graph.errors import ShapeError, brief
from pellucid.graph.expr import Expr, OpSettings
from pellucid.graph.op import Example, PrintedOperand, TemplatePiece
from pellucid.graph.op_decorator import op
from pellucid.graph.ops.einsum import infer_einsum
from pellucid.graph.ops.formatters import last_axis_text
from pellucid.graph.ops.softmax import softmax, subtract_maximum
from pellucid.graph.precedence import JUXTAPOSE
from pellucid.graph.range_rules import fixed
from pellucid.graph.types import Shape, Type, broadcast, format_shape, normalize_axes

if TYPE_CHECKING:
    from pellucid.typing import Axes


def _masked_softmax_value(xp: ArrayNamespace, x: NamespaceArray, mask: ArrayOperand, axis: Axes) -> NamespaceArray:
    low = xp.min(xp.where(mask, x, xp.zeros_like(x)), axis=axis, keepdims=True)  # masked elements may be NaN
    top = xp.max(xp.where(mask, x, low), axis=axis, keepdims=True)
    e = xp.where(mask, xp.exp(subtract_maximum(xp, xp.where(mask, x, top), top)), xp.zeros_like(x))
    # The largest exponential is 1, so the sum is below 1 only if everything is masked; then 0 / 1 avoids 0 / 0.
    return e / xp.maximum(xp.sum(e, axis=axis, keepdims=True), 1)


def _masked_softmax_text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    scores = last_axis_text("")((operands[1],), settings)
    return ["masked_softmax(", (operands[0], 0), ", ", *scores[1:]]


def _infer_masked_softmax(mask: Expr, x: Expr, axis: tuple[int, ...]) -> Type:
    _check_mask("masked_softmax", mask, x.shape)
    return x.type


def _check_mask(name: str, mask: Expr, shape: Shape) -> None:
    common = broadcast([shape, mask.shape])
    if not isinstance(common, tuple) or len(common) != len(shape) or mask.dtype != bool:
        raise ShapeError(
            f"{name}: expected a boolean mask that broadcasts to the scores of shape {format_shape(shape)}. "
            f"Received: {brief(mask)}, {mask.dtype} of shape {format_shape(mask.shape)}"
        )


@op(
    tex=r"\operatorname{{softmax}}({1:_} \mid {0:_})",
    text=_masked_softmax_text,
    floats=True,
    promotes=True,
    conditions=1,
    composite=True,
    infer=_infer_masked_softmax,
    normalize=lambda mask, x, axis: {"axis": normalize_axes(axis, x.ndim, "masked_softmax", x)},
    grad=lambda g, y, mask, x, axis: (None, y * (g - symbolic.sum(g * y, axis=axis, keepdims=True))),
    examples=lambda rng: [
        ((np.array([[True, False, True], [False, False, False]]), rng.normal(size=(2, 3))), {}),
        ((rng.random((3, 1)) > 0.3, np.array([[1000.0, 0.0], [0.0, -1000.0], [1.0, 2.0]])), {"axis": 0}),
    ],
    cost=lambda node, size: 16 * size(node.inputs[1]),
    value_range=fixed(0, 1),
)
def masked_softmax(xp: ArrayNamespace, mask: NamespaceArray, x: NamespaceArray, axis: Axes = -1) -> NamespaceArray:
    r"""Softmax over the unmasked elements, :math:`m_i e^{x_i} / \sum_j m_j e^{x_j}`; masked elements become 0.

    Parameters
    ----------
    mask : Expr or array of bool
        True for the elements to include. Broadcasts to the shape of ``x``. If all elements along the axis are
        masked, the result is 0.
    x : Expr or array
        Scores.
    axis : int or tuple of int
        Axis along which the result sums to 1.

    Returns
    -------
    Expr
        Same shape as ``x``.

    Examples
    --------
    >>> pel.masked_softmax(np.array([True, False, True]), pel.constant([1.0, 9.0, 1.0])).eval()
    array([0.5, 0. , 0.5], dtype=float32)
    """
    return _masked_softmax_value(xp, x, mask, axis)


def get_attention_subscripts(ndim: int, axes: tuple[int, ...]) -> tuple[str, str]:
    """Return the `einsum` subscripts of scores (query times key) and of outputs (weights times value).

    Examples
    --------
    >>> get_attention_subscripts(4, (1,))
    ('abcd,aecd->acbe', 'acbe,aecd->abcd')
    """
    query = string.ascii_letters[:ndim]
    fresh = iter(string.ascii_letters[ndim:])
    key = "".join(next(fresh) if a in axes else i for a, i in enumerate(query))
    batch = "".join(i for a, i in enumerate(query[:-1]) if a not in axes)
    weights = batch + "".join(query[a] for a in axes) + "".join(key[a] for a in axes)
    return f"{query},{key}->{weights}", f"{weights},{key}->{query}"


def _normalize_weights_settings(query: Expr, *others: Expr, axes: Sequence[int]) -> OpSettings:
    if query.ndim < 3 or others[0].ndim != query.ndim or not isinstance(query.shape[-1], int):
        raise ShapeError(
            "attention_weights: expected a query and a key of shape (batch, ..., heads, size) with a known size. "
            f"Received: {brief(query)} of shape {format_shape(query.shape)} and {brief(others[0])} of shape "
            f"{format_shape(others[0].shape)}"
        )
    return {"axes": tuple(sorted(normalize_axes(axes, query.ndim, "attention_weights", query)))}


def _infer_weights(query: Expr, key: Expr, *mask: Expr, axes: tuple[int, ...]) -> Type:
    result = infer_einsum(query, key, subscripts=get_attention_subscripts(query.ndim, axes)[0])
    if mask:
        _check_mask("attention_weights", mask[0], result.shape)
    return result


def _weights_tex(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    size = operands[0].shape[-1] if isinstance(operands[0], Expr) else "d"
    mask: list[TemplatePiece] = [r" \mid ", (operands[2], 0)] if len(operands) > 2 else []
    return [
        r"\operatorname{softmax}\left(\frac{",
        (operands[0], JUXTAPOSE),
        r" \, ",
        (operands[1], JUXTAPOSE + 1),
        rf"^\top}}{{\sqrt{{{size}}}}}",
        *mask,
        r"\right)",
    ]


def _weights_examples(rng: np.random.Generator) -> list[Example]:
    query, key = rng.normal(size=(2, 3, 2, 4)), rng.normal(size=(2, 5, 2, 4))
    return [
        ((query, key), {}),
        ((query, key, rng.random((2, 1, 3, 5)) > 0.3), {}),
        ((rng.normal(size=(2, 2, 3, 1, 2)), rng.normal(size=(2, 3, 2, 1, 2))), {"axes": (1, 2)}),
    ]


@op(
    tex=_weights_tex,
    composite=True,
    infer=_infer_weights,
    normalize=_normalize_weights_settings,
    examples=_weights_examples,
    cost=lambda node, size: (2 * size(node.inputs[0], -1) + 14) * size(node),
    value_range=fixed(0, 1),
)
def attention_weights(
    xp: ArrayNamespace,
    query: NamespaceArray,
    key: NamespaceArray,
    *mask: NamespaceArray,
    axes: int | Sequence[int] = (1,),
) -> NamespaceArray:
    r"""Attention weights of each head, :math:`\operatorname{softmax}(Q K^\top / \sqrt d)`.

    Parameters
    ----------
    query : Expr, shape (batch, queries, heads, size)
        Query vectors.
    key : Expr, shape (batch, keys, heads, size)
        Key vectors.
    mask : Expr of bool, optional
        True for the keys that a query may attend to. Broadcasts to the result.
    axes : int or tuple of int
        Axes of the queries and keys, for inputs with more than four axes.

    Returns
    -------
    Expr, shape (batch, heads, queries, keys)
        Weights that sum to 1 over the keys, or 0 for a query whose keys are all masked.

    Examples
    --------
    >>> q, k = pel.tensor4("q", shape=("n", 3, 2, 4)), pel.tensor4("k", shape=("n", 5, 2, 4))
    >>> pel.expand(pel.attention_weights(q, k))
    softmax(einsum('abcd,aecd->acbe', 0.5 * q, k))

    References
    ----------
    A. Vaswani et al., Attention Is All You Need, NeurIPS 2017.
    """
    scale, reduced = 1 / math.sqrt(query.shape[-1]), cast("tuple[int, ...]", axes)
    scores = xp.einsum(get_attention_subscripts(query.ndim, reduced)[0], scale * query, key)
    over = tuple(range(scores.ndim - len(reduced), scores.ndim))
    if xp is symbolic:
        expanded = masked_softmax(mask[0], scores, axis=over) if mask else softmax(scores, axis=over)
        return cast(NamespaceArray, expanded)
    return _masked_softmax_value(xp, scores, mask[0] if mask else np.True_, over)


@op(
    tex=r"{0} \, {1:>}",
    tex_precedence=JUXTAPOSE,
    composite=True,
    infer=lambda weights, value, axes: infer_einsum(
        weights, value, subscripts=get_attention_subscripts(value.ndim, axes)[1]
    ),
    normalize=lambda weights, value, axes: {
        "axes": tuple(sorted(normalize_axes(axes, value.ndim, "attention_output", value)))
    },
    examples=lambda rng: [
        ((rng.random((2, 2, 3, 5)), rng.normal(size=(2, 5, 2, 4))), {}),
        ((rng.random((2, 1, 3, 2, 2, 3)), rng.normal(size=(2, 2, 3, 1, 2))), {"axes": (1, 2)}),
    ],
    cost=lambda node, size: 2 * size(node.inputs[0]) * size(node.inputs[1], -1),
)
def attention_output(
    xp: ArrayNamespace, weights: NamespaceArray, value: NamespaceArray, axes: int | Sequence[int] = (1,)
) -> NamespaceArray:
    r"""Attention output of each head: values averaged with the weights of `attention_weights`, :math:`A V`.

    Parameters
    ----------
    weights : Expr, shape (batch, heads, queries, keys)
        Attention weights.
    value : Expr, shape (batch, keys, heads, size)
        Value vectors, one per key.
    axes : int or tuple of int
        Axes of the queries and keys, as for `attention_weights`.

    Returns
    -------
    Expr, shape (batch, queries, heads, size)
        Weighted averages.

    Examples
    --------
    >>> w, v = pel.tensor4("w", shape=("n", 2, 3, 5)), pel.tensor4("v", shape=("n", 5, 2, 4))
    >>> pel.attention_output(w, v).shape
    ('n', 3, 2, 4)

    References
    ----------
    A. Vaswani et al., Attention Is All You Need, NeurIPS 2017.
    """
    reduced = cast("tuple[int, ...]", axes)
    return xp.einsum(get_attention_subscripts(value.ndim, reduced)[1], weights, value)
