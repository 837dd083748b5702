r"""Attention: averages of values, weighted by how well their keys fit a query."""

from __future__ import annotations

import math
import string
from typing import Any

import numpy as np

from pellucid.graph.decomposition import symbolic
from pellucid.graph.errors import ShapeError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.op import op
from pellucid.graph.ops.einsum import sizes_of_indices, split_subscripts
from pellucid.graph.ops.op_printing import along
from pellucid.graph.ops.softmax_sigmoid import softmax
from pellucid.graph.printing import JUXTAPOSE, Piece
from pellucid.graph.types import Type, broadcast, normalize_axes, shape_text


def _softmax_of_some(xp: Any, x: Any, mask: Any, axis: Any) -> Any:
    """Return a softmax over the places where a mask holds, and 0 elsewhere."""
    low = xp.min(x, axis=axis, keepdims=True)
    top = xp.max(xp.where(mask, x, low), axis=axis, keepdims=True)
    e = xp.where(mask, xp.exp(xp.where(mask, x, top) - top), xp.zeros_like(x))
    # The greatest exponential is 1, so the sum is less only where nothing counts, and then it is 0.
    return e / xp.maximum(xp.sum(e, axis=axis, keepdims=True), 1)


def _masked_text(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
    scores = along("")((operands[1],), settings)
    return ["masked_softmax(", (operands[0], 0), ", ", *scores[1:]]


def _softmax_type(mask: Expr, x: Expr, axis: tuple[int, ...]) -> Type:
    return _fits("masked_softmax", mask, x.shape, x.type)


def _fits(name: str, mask: Expr, shape: Any, result: Type) -> Type:
    together = broadcast([shape, mask.shape])
    if not isinstance(together, tuple) or len(together) != len(shape) or mask.dtype != bool:
        raise ShapeError(
            f"{name}: expected a mask of booleans that broadcasts to the scores, of shape {shape_text(shape)}. "
            f"Received: {brief(mask)}, {mask.dtype} of shape {shape_text(mask.shape)}"
        )
    return result


@op(
    tex=r"\operatorname{{softmax}}({1:_} \mid {0:_})",
    text=_masked_text,
    floats=True,
    promotes=True,
    conditions=1,
    compound=True,
    infer=_softmax_type,
    normalize=lambda mask, x, axis: {"axis": normalize_axes(axis, x.ndim, "masked_softmax", x)},
    grad=lambda g, y, mask, x, axis: (None, y * (g - symbolic.sum(g * y, axis=axis, keepdims=True))),
    examples=lambda rng: [
        ((np.array([[True, False, True], [False, False, False]]), rng.normal(size=(2, 3))), {}),
        ((rng.random((3, 1)) > 0.3, np.array([[1000.0, 0.0], [0.0, -1000.0], [1.0, 2.0]])), {"axis": 0}),
    ],
    cost=lambda node, size: 16 * size(node.inputs[1]),
)
def masked_softmax(xp: Any, mask: Any, x: Any, axis: Any = -1) -> Any:
    r"""A softmax over the places where a mask holds, :math:`m_i e^{x_i} / \sum_j m_j e^{x_j}`, and 0 elsewhere.

    Parameters
    ----------
    mask : Expr or array of booleans
        Broadcasts to the shape of ``x``. Where it holds nowhere along the axis, all is 0.
    x : Expr or array
        Scores.
    axis : int or tuple of int
        Along which the results sum to 1.

    Returns
    -------
    Expr
        Of the shape of ``x``.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.masked_softmax(np.array([True, False, True]), pel.constant([1.0, 9.0, 1.0])).eval()
    array([0.5, 0. , 0.5], dtype=float32)
    """
    return _softmax_of_some(xp, x, mask, axis)


def equations(ndim: int, axes: tuple[int, ...]) -> tuple[str, str]:
    """Return how queries meet keys, and weights meet values, in the notation of `einsum`.

    Parameters
    ----------
    ndim : int
        Of queries, keys and values: (batch, ..., heads, size).
    axes : tuple of int
        Along which the keys lie.

    Examples
    --------
    >>> equations(4, (1,))
    ('abcd,aecd->acbe', 'acbe,aecd->abcd')
    """
    query = string.ascii_letters[:ndim]
    fresh = iter(string.ascii_letters[ndim:])
    key = "".join(next(fresh) if a in axes else i for a, i in enumerate(query))
    batch = "".join(i for a, i in enumerate(query[:-1]) if a not in axes)
    weights = batch + "".join(query[a] for a in axes) + "".join(key[a] for a in axes)
    return f"{query},{key}->{weights}", f"{weights},{key}->{query}"


def _result(subscripts: str, *operands: Expr) -> Type:
    sizes = sizes_of_indices(subscripts, [e.shape for e in operands])
    return Type(tuple(sizes[i] for i in split_subscripts(subscripts)[1]), operands[0].dtype)


def _axes_of_keys(query: Expr, *others: Expr, axes: Any) -> dict[str, Any]:
    if query.ndim < 3 or others[0].ndim != query.ndim or not isinstance(query.shape[-1], int):
        raise ShapeError(
            f"attention_weights: expected queries and keys (batch, ..., heads, size) of a known size. Received: "
            f"{brief(query)} of shape {shape_text(query.shape)} and {brief(others[0])} of shape "
            f"{shape_text(others[0].shape)}"
        )
    return {"axes": tuple(sorted(normalize_axes(axes, query.ndim, "attention_weights", query)))}


def _weights_type(query: Expr, key: Expr, *mask: Expr, axes: tuple[int, ...]) -> Type:
    result = _result(equations(query.ndim, axes)[0], query, key)
    return _fits("attention_weights", mask[0], result.shape, result) if mask else result


def _weights_tex(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
    size = operands[0].shape[-1] if isinstance(operands[0], Expr) else "d"
    given: list[Piece] = [r" \mid ", (operands[2], 0)] if len(operands) > 2 else []
    return [
        r"\operatorname{softmax}\left(\frac{",
        (operands[0], JUXTAPOSE),
        r" \, ",
        (operands[1], JUXTAPOSE + 1),
        rf"^\top}}{{\sqrt{{{size}}}}}",
        *given,
        r"\right)",
    ]


def _heads(rng: np.random.Generator) -> list[Any]:
    query, key = rng.normal(size=(2, 3, 2, 4)), rng.normal(size=(2, 5, 2, 4))
    return [
        ((query, key), {}),
        ((query, key, rng.random((2, 1, 3, 5)) > 0.3), {}),
        ((rng.normal(size=(2, 2, 3, 1, 2)), rng.normal(size=(2, 3, 2, 1, 2))), {"axes": (1, 2)}),
    ]


@op(
    tex=_weights_tex,
    compound=True,
    infer=_weights_type,
    normalize=_axes_of_keys,
    examples=_heads,
    cost=lambda node, size: (2 * size(node.inputs[0], -1) + 14) * size(node),
)
def attention_weights(xp: Any, query: Any, key: Any, *mask: Any, axes: Any = (1,)) -> Any:
    r"""How much each query attends to each key, :math:`\operatorname{softmax}(Q K^\top / \sqrt d)`, head by head.

    Parameters
    ----------
    query : Expr, shape (batch, queries, heads, size)
        What is looked for.
    key : Expr, shape (batch, keys, heads, size)
        What is compared with it.
    mask : Expr of booleans, optional
        Which keys a query may attend to; broadcasts to the result.
    axes : int or tuple of int
        Those along which queries and keys lie, if there are more axes than these.

    Returns
    -------
    Expr, shape (batch, heads, queries, keys)
        Sums to 1 over the keys, or is 0 where none may be attended to.

    Examples
    --------
    >>> import pellucid as pel
    >>> q, k = pel.tensor4("q", shape=("n", 3, 2, 4)), pel.tensor4("k", shape=("n", 5, 2, 4))
    >>> pel.expand(pel.attention_weights(q, k))
    softmax(einsum('abcd,aecd->acbe', q * 0.5, k))

    References
    ----------
    A. Vaswani et al., Attention Is All You Need, NeurIPS 2017.
    """
    scale = 1 / math.sqrt(query.shape[-1])
    scores = xp.einsum(equations(query.ndim, axes)[0], query * scale, key)
    over = tuple(range(scores.ndim - len(axes), scores.ndim))
    if xp is symbolic:
        return masked_softmax(mask[0], scores, axis=over) if mask else softmax(scores, axis=over)
    return _softmax_of_some(xp, scores, mask[0] if mask else np.True_, over)


@op(
    tex=r"{0} \, {1:>}",
    tex_precedence=JUXTAPOSE,
    compound=True,
    infer=lambda weights, value, axes: _result(equations(value.ndim, axes)[1], weights, value),
    normalize=lambda weights, value, axes: {"axes": tuple(sorted(normalize_axes(axes, value.ndim, "attended", value)))},
    examples=lambda rng: [
        ((rng.random((2, 2, 3, 5)), rng.normal(size=(2, 5, 2, 4))), {}),
        ((rng.random((2, 1, 3, 2, 2, 3)), rng.normal(size=(2, 2, 3, 1, 2))), {"axes": (1, 2)}),
    ],
    cost=lambda node, size: 2 * size(node.inputs[0]) * size(node.inputs[1], -1),
)
def attended(xp: Any, weights: Any, value: Any, axes: Any = (1,)) -> Any:
    r"""Averages of values by the weights of `attention_weights`, :math:`A V`, head by head.

    Parameters
    ----------
    weights : Expr, shape (batch, heads, queries, keys)
        How much each query attends to each key.
    value : Expr, shape (batch, keys, heads, size)
        What stands behind the keys.
    axes : int or tuple of int
        As for `attention_weights`.

    Returns
    -------
    Expr, shape (batch, queries, heads, size)

    Examples
    --------
    >>> import pellucid as pel
    >>> w, v = pel.tensor4("w", shape=("n", 2, 3, 5)), pel.tensor4("v", shape=("n", 5, 2, 4))
    >>> pel.attended(w, v).shape
    ('n', 3, 2, 4)

    References
    ----------
    A. Vaswani et al., Attention Is All You Need, NeurIPS 2017.
    """
    return xp.einsum(equations(value.ndim, axes)[1], weights, value)
