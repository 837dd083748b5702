"""Attention layers without projections."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError, UseError, brief
from pellucid.graph.expr import Expr, promote_operands
from pellucid.graph.ops.attention import masked_softmax
from pellucid.graph.ops.hyperbolic import tanh
from pellucid.graph.ops.permute import swapaxes
from pellucid.graph.ops.reductions import sum
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.ops.softmax import softmax
from pellucid.graph.ops.where import where
from pellucid.graph.types import format_shape, unify
from pellucid.nn import initializers
from pellucid.nn.layers.attention_masks import combine_masks
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.dropout import Dropout
from pellucid.nn.layers.validation import check_choice
from pellucid.nn.masks import masked

__all__ = ["Attention", "AdditiveAttention"]


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

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.use_scale = bool(use_scale)
        self.score_mode = check_choice(self.name, "score_mode", score_mode, ("dot", "concat"))
        self.dropout = self.add_sublayer(Dropout(dropout, seed=seed, name=f"{self.name}/dropout"))

    def check_input(self, x: Any) -> None:
        if not isinstance(x, list) or len(x) not in (2, 3):
            raise UseError(
                f"{self.name}: expected a list of a query, a value and optionally a key, as in layer([q, v]). "
                f"Received: {', '.join(map(brief, x)) if isinstance(x, list) else brief(x)}"
            )
        query, value, key = x[0], x[1], x[-1]
        matches = all(e.ndim == 3 for e in x) and None not in (
            unify(query.shape[-1], key.shape[-1]),
            *map(unify, key.shape[:-1], value.shape[:-1]),
        )
        if not matches:
            shapes = ", ".join(f"{brief(e)} of shape {format_shape(e.shape)}" for e in x)
            raise ShapeError(
                f"{self.name}: expected a query (batch, queries, size), a key (batch, keys, size) and a value "
                f"(batch, keys, features). Received: {shapes}"
            ).with_operands(x)

    def build(self, x: list[Expr]) -> None:
        if self.use_scale:
            self.scale = self.parameter("scale", (), np.ones, x[0])
        if self.score_mode == "concat":
            self.concat_score_weight = self.parameter("concat_score_weight", (), np.ones, x[0])

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
    ) -> Any:
        inputs = promote_operands(x, to_float=True)
        scores = self.compute_scores(inputs[0], inputs[-1])
        allowed = combine_masks(self.name, x[0], x[1:2], None, use_causal_mask, others=0)
        weights: Expr = softmax(scores) if allowed is None else masked_softmax(allowed, scores)
        result = self.dropout(weights) @ inputs[1]
        if mask is not None:
            result = masked(where(expand_dims(mask, axis=2), result, 0), mask)
        return (result, weights) if return_attention_scores else result


class AdditiveAttention(Attention):
    r"""Additive attention: scores are :math:`\sum_i s_i \tanh(q_i + k_i)` with a parameter :math:`s`; see `Attention`.

    Parameters
    ----------
    use_scale : bool
        Whether to use :math:`s`.
    dropout : float
        Fraction of the attention weights dropped during training.
    seed : int, optional
        Seed of the dropout.
    name : str, optional
        Name of the layer. By default ``additive_attention``, ``additive_attention_1`` and so on.

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
            self.scale = self.parameter("scale", (size,), initializers.get("glorot_uniform"), x[0])

    def compute_scores(self, query: Expr, key: Expr) -> Expr:
        sums = tanh(expand_dims(query, axis=2) + expand_dims(key, axis=1))
        scores: Expr = sum(self.scale * sums if self.use_scale else sums, axis=-1)
        return scores
