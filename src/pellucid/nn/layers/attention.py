"""Attention layers without projections, and attention masks."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from pellucid.graph.errors import DtypeError, OptionError, ShapeError, UseError, brief
from pellucid.graph.expr import Expr, Operand, as_expr, promote_operands
from pellucid.graph.ops.attention import masked_softmax
from pellucid.graph.ops.hyperbolic import tanh
from pellucid.graph.ops.permute import swapaxes
from pellucid.graph.ops.ranges import arange_like
from pellucid.graph.ops.reductions import sum
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.ops.softmax import softmax
from pellucid.graph.ops.where import where
from pellucid.graph.types import format_shape, unify
from pellucid.nn import initializers
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.dropout import Dropout
from pellucid.nn.layers.validation import check_choice, make_shape_error
from pellucid.nn.masks import attach_mask, find_mask

if TYPE_CHECKING:
    from pellucid.graph.expr import Shared

__all__ = ["Attention", "AdditiveAttention"]

ScoreMode = Literal["dot", "concat"]
"""Score of a query q and a key k: their dot product, or the sum of tanh(q + k)."""


class Attention(Layer):
    r"""Dot-product attention, :math:`\operatorname{softmax}(Q K^\top) V`.

    The call takes ``[query, value]`` or ``[query, value, key]``; the key defaults to the value. The mask of the value
    excludes keys; the mask of the query sets its results to 0. ``use_causal_mask`` excludes keys after the query's
    position. ``return_attention_scores`` returns the weights, too, of shape (batch, queries, keys).

    Parameters
    ----------
    use_scale : bool
        Whether to multiply the scores by a parameter.
    score_mode : {"dot", "concat"}
        Scores: dot products, or :math:`w \sum \tanh(q + k)` with a parameter :math:`w`.
    dropout : float
        Fraction of the attention weights dropped during training.
    seed : int, optional
        Seed of the dropout.
    name : str, optional
        Name of the layer. By default ``attention``, ``attention_1`` and so on.

    Raises
    ------
    ShapeError
        If the shapes of query, value and key do not match.

    Examples
    --------
    >>> q, v = pel.tensor3("q", shape=("n", 2, 3)), pel.tensor3("v", shape=("n", 4, 3))
    >>> Attention()([q, v])
    softmax(q @ v.mT) @ v

    References
    ----------
    M.-T. Luong, H. Pham and C. D. Manning, Effective Approaches to Attention-based Neural Machine Translation, EMNLP
    2015.
    """

    merges = True
    takes_mask = True
    keeps_mask = False  # `call` attaches it

    if TYPE_CHECKING:  # the number of results depends on the arguments

        def __call__(
            self, inputs: Operand | Sequence[Operand], *more: Operand, mask: Operand | None = None, **named: Any
        ) -> Any: ...

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: ScoreMode = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.use_scale: bool = bool(use_scale)
        self.score_mode = check_choice(self.name, "score_mode", score_mode, get_args(ScoreMode))
        self.dropout: Dropout = self.add_sublayer(Dropout(dropout, seed=seed, name=f"{self.name}/dropout"))

    def check_input(self, x: object) -> None:
        if not isinstance(x, list) or len(x) not in (2, 3):
            raise UseError(
                f"{self.name}: expected a list of a query, a value and optionally a key, as in layer([q, v]). "
                f"Received: {', '.join(map(brief, x)) if isinstance(x, list) else brief(x)}"
            )
        query, value, key = x[0], x[1], x[-1]
        if any(e.ndim != 3 for e in x) or None in (
            unify(query.shape[-1], key.shape[-1]),
            *map(unify, key.shape[:-1], value.shape[:-1]),
        ):
            expected = "a query (batch, queries, size), a key (batch, keys, size) and a value (batch, keys, features)"
            raise make_shape_error(self.name, expected, x)
        super().check_input(query)

    def build(self, x: list[Expr]) -> None:
        if self.use_scale:
            self.scale: Shared = self.parameter("scale", (), np.ones, x[0])
        if self.score_mode == "concat":
            self.concat_score_weight: Shared = self.parameter("concat_score_weight", (), np.ones, x[0])

    def compute_scores(self, query: Expr, key: Expr) -> Expr:
        """Return the scores before the softmax, (batch, queries, keys)."""
        if self.score_mode == "concat":
            sums = expand_dims(query, axis=2) + expand_dims(key, axis=1)
            total: Expr = sum(tanh(self.scale * sums if self.use_scale else sums), axis=-1)
            return self.concat_score_weight * total
        products: Expr = query @ swapaxes(key, 1, 2)
        return self.scale * products if self.use_scale else products

    def call(
        self,
        x: list[Expr],
        mask: Expr | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Expr | tuple[Expr, Expr]:
        inputs = promote_operands(x, to_float=True)
        scores = self.compute_scores(inputs[0], inputs[-1])
        allowed = combine_masks(self.name, x[0], x[1:2], None, use_causal_mask, others=0)
        weights: Expr = softmax(scores) if allowed is None else masked_softmax(allowed, scores)
        result = self.dropout(weights) @ inputs[1]
        if mask is not None:
            result = attach_mask(where(expand_dims(mask, axis=2), result, 0), mask)
        return (result, weights) if return_attention_scores else result


class AdditiveAttention(Attention):
    r"""Additive attention: scores are :math:`\sum_i s_i \tanh(q_i + k_i)` with a parameter :math:`s`; see `Attention`.

    Parameters
    ----------
    use_scale : bool
        Whether to use :math:`s`.
    dropout, seed, name
        As in `Attention`.

    Raises
    ------
    ShapeError
        If the shapes of query, value and key do not match, or their size is unknown.

    Examples
    --------
    >>> q, v = pel.tensor3("q", shape=("n", 2, 3)), pel.tensor3("v", shape=("n", 4, 3))
    >>> AdditiveAttention()([q, v]).shape
    ('n', 2, 3)

    References
    ----------
    D. Bahdanau, K. Cho and Y. Bengio, Neural Machine Translation by Jointly Learning to Align and Translate, ICLR 2015.
    """

    def __init__(
        self, use_scale: bool = True, dropout: float = 0.0, seed: int | None = None, name: str | None = None
    ) -> None:
        super().__init__(use_scale, dropout=dropout, seed=seed, name=name)

    def build(self, x: list[Expr]) -> None:
        if self.use_scale:
            size = self.expect_features(x[0])
            self.scale: Shared = self.parameter("scale", (size,), initializers.get("glorot_uniform"), x[0])

    def compute_scores(self, query: Expr, key: Expr) -> Expr:
        sums = tanh(expand_dims(query, axis=2) + expand_dims(key, axis=1))
        scores: Expr = sum(self.scale * sums if self.use_scale else sums, axis=-1)
        return scores


def combine_masks(
    layer: str,
    query: Expr,
    keys: Iterable[Expr],
    attention_mask: Operand | None,
    causal: bool,
    axes: tuple[int, ...] = (1,),
    others: int = 1,
) -> Expr | None:
    """Return a mask that broadcasts to the attention weights, or None if all keys are allowed.

    The masks of ``keys``, expressions of shape (batch, keys, ..., features), exclude keys. ``attention_mask``, of shape
    (queries, keys) or with leading axes of the weights, is False for excluded pairs. ``causal`` excludes keys after the
    position of the query. ``axes`` are the axes of queries and keys; ``others`` is the number of axes of the weights
    other than batch, queries and keys. ``layer`` is the name of the layer, for messages.
    """
    ndim = 1 + others + 2 * len(axes)
    masks: list[Expr] = []
    if 1 in axes:
        key_axis = ndim - len(axes) + axes.index(1)
        new_axes = tuple(a for a in range(1, ndim) if a != key_axis)
        masks += [expand_dims(m, axis=new_axes) for m in dict.fromkeys(map(find_mask, keys)) if m is not None]
    if attention_mask is not None:
        masks.append(_expand_attention_mask(layer, as_expr(attention_mask), ndim, axes))
    if causal:
        if len(axes) != 1:
            raise OptionError(
                f"{layer}: a causal mask needs exactly one attention axis. Received: attention_axes={axes}"
            )
        positions = [arange_like(e, axis=axes[0]) for e in (query, *keys)]
        masks.append(expand_dims(positions[0], axis=1) >= expand_dims(positions[1], axis=0))
    return functools.reduce(operator.and_, masks) if masks else None


def _expand_attention_mask(layer: str, mask: Expr, ndim: int, axes: tuple[int, ...]) -> Expr:
    """Insert axes of length 1 into an attention mask, before queries and keys."""
    if mask.dtype != bool:
        raise DtypeError(
            f"{layer}: expected an attention_mask of booleans, True where a query may attend to a key. "
            f"Received: {brief(mask)}, which is {mask.dtype}; compare it, as in mask > 0"
        ).with_operands([mask])
    pairs = 2 * len(axes)
    if not pairs <= mask.ndim <= ndim:
        raise ShapeError(
            f"{layer}: expected an attention_mask (batch, queries, keys) or (queries, keys). Received: {brief(mask)}, "
            f"of shape {format_shape(mask.shape)}"
        ).with_operands([mask])
    new = tuple(range(mask.ndim - pairs, ndim - pairs))
    expanded: Expr = expand_dims(mask, axis=new) if new else mask
    return expanded
