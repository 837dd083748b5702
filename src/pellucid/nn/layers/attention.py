"""Attention without projections: the inputs themselves are queries, values and keys."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError, UseError, brief
from pellucid.graph.expr import Expr, promote
from pellucid.graph.ops.attention import masked_softmax
from pellucid.graph.ops.hyperbolic import tanh
from pellucid.graph.ops.minmax_where import where
from pellucid.graph.ops.permute import swapaxes
from pellucid.graph.ops.reductions import sum
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.ops.softmax_sigmoid import softmax
from pellucid.graph.types import shape_text, unify
from pellucid.nn import initializers
from pellucid.nn.layers.attention_masks import allowed_pairs
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.dropout import Dropout
from pellucid.nn.layers.validation import one_of
from pellucid.nn.masks import masked

__all__ = ["Attention", "AdditiveAttention"]


class Attention(Layer):
    r"""Averages of values, weighted by how well their keys fit a query, :math:`\operatorname{softmax}(Q K^\top) V`.

    It is called on ``[query, value]`` or ``[query, value, key]``; the key is the value if it is left out. A mask that
    hangs on the value keeps steps that do not count out of it, one on the query sets the results of its own to 0.
    Further keywords of the call: ``use_causal_mask`` lets a query attend to no key after its own place;
    ``return_attention_scores`` returns the weights too, of shape (batch, queries, keys).

    Parameters
    ----------
    use_scale : bool
        Whether the scores are multiplied by a parameter.
    score_mode : {"dot", "concat"}
        The scores: products, or :math:`w \sum \tanh(q + k)` with a parameter :math:`w`.
    dropout : float
        The share of weights left out while training.
    seed : int, optional
        Of the dropout.
    name : str, optional
        Without it ``attention`` and so on.

    Raises
    ------
    ShapeError
        If query, value and key do not fit together.

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
        self.score_mode = one_of(self.name, "score_mode", score_mode, ("dot", "concat"))
        self.dropout = self.inner(Dropout(dropout, seed=seed, name=f"{self.name}/dropout"))

    def check(self, x: Any) -> None:
        """Refuse inputs that do not fit together."""
        if not isinstance(x, list) or len(x) not in (2, 3):
            raise UseError(
                f"{self.name}: expected a list of a query, a value and perhaps a key, as in layer([q, v]). "
                f"Received: {', '.join(map(brief, x)) if isinstance(x, list) else brief(x)}"
            )
        query, value, key = x[0], x[1], x[-1]
        fits = all(e.ndim == 3 for e in x) and None not in (
            unify(query.shape[-1], key.shape[-1]),
            *map(unify, key.shape[:-1], value.shape[:-1]),
        )
        if not fits:
            told = ", ".join(f"{brief(e)} of shape {shape_text(e.shape)}" for e in x)
            raise ShapeError(
                f"{self.name}: expected a query (batch, queries, size), a key (batch, keys, size) and a value "
                f"(batch, keys, features). Received: {told}"
            ).about(x)

    def build(self, x: list[Expr]) -> None:
        """Make the parameters, if there are any."""
        if self.use_scale:
            self.scale = self.parameter("scale", (), np.ones, x[0])
        if self.score_mode == "concat":
            self.concat_score_weight = self.parameter("concat_score_weight", (), np.ones, x[0])

    def scores(self, query: Expr, key: Expr) -> Expr:
        """Return how well keys fit queries."""
        if self.score_mode == "concat":
            together = expand_dims(query, axis=2) + expand_dims(key, axis=1)
            total: Expr = sum(tanh(self.scale * together if self.use_scale else together), axis=-1)
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
        """Return the averages, and the weights if they are wanted."""
        inputs = promote(x, to_float=True)
        scores = self.scores(inputs[0], inputs[-1])
        allowed = allowed_pairs(self.name, x[0], x[1:2], None, use_causal_mask, others=0)
        weights: Expr = softmax(scores) if allowed is None else masked_softmax(allowed, scores)
        result = self.dropout(weights) @ inputs[1]
        if mask is not None:
            result = masked(where(expand_dims(mask, axis=2), result, 0), mask)
        return (result, weights) if return_attention_scores else result


class AdditiveAttention(Attention):
    r"""Averages of values, weighted by how well their keys fit a query: scores are :math:`\sum_i s_i \tanh(q_i + k_i)`
    with a parameter :math:`s`; see `Attention`.

    Parameters
    ----------
    use_scale : bool
        Whether there is an :math:`s`.
    dropout : float
        The share of weights left out while training.
    seed : int, optional
        Of the dropout.
    name : str, optional
        Without it ``additive_attention`` and so on.

    Raises
    ------
    ShapeError
        If query, value and key do not fit together, or their size is unknown.

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
        """Make the scale of every place of a query."""
        if self.use_scale:
            size = self.expect_features(x[0])
            self.scale = self.parameter("scale", (size,), initializers.get("glorot_uniform"), x[0])

    def scores(self, query: Expr, key: Expr) -> Expr:
        """Return how well keys fit queries."""
        together = tanh(expand_dims(query, axis=2) + expand_dims(key, axis=1))
        scores: Expr = sum(self.scale * together if self.use_scale else together, axis=-1)
        return scores
