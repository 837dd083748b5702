"""Attention with several heads, each of which has projections of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid.graph.errors import OptionError, ShapeError, UseError, brief
from pellucid.graph.expr import Expr, promote
from pellucid.graph.ops.attention import attended, attention_weights
from pellucid.graph.ops.repeat import repeat
from pellucid.graph.ops.tensordot import tensordot
from pellucid.graph.types import normalize_axes, shape_text, unify
from pellucid.nn import constraints, initializers, regularizers
from pellucid.nn.layers.attention_masks import allowed_pairs
from pellucid.nn.layers.base import Layer
from pellucid.nn.layers.dropout import Dropout
from pellucid.nn.layers.validation import positive, some_axes
from pellucid.nn.masks import masked

__all__ = ["MultiHeadAttention", "GroupQueryAttention"]


class MultiHeadAttention(Layer):
    r"""Averages of values, weighted by how well their keys fit a query, with several heads side by side:
    :math:`\operatorname{softmax}(Q K^\top / \sqrt d) V` of projections :math:`Q`, :math:`K`, :math:`V` of the inputs,
    projected once more.

    It is called as ``layer(query, value)`` or ``layer(query, value, key)``; the key is the value if it is left out. A
    mask that hangs on one of them (see `pellucid.masked`) keeps the steps that do not count out of it. Further keywords
    of the call: ``attention_mask``, of shape (batch, queries, keys) or (queries, keys), says which keys a query may
    attend to; ``use_causal_mask`` lets it attend to none after its own place; ``return_attention_scores`` returns the
    weights too, of shape (batch, heads, queries, keys).

    Parameters
    ----------
    num_heads : int
        How many heads.
    key_dim : int
        :math:`d`, the size of each head's queries and keys.
    value_dim : int, optional
        That of its values; ``key_dim`` without it.
    dropout : float
        The share of weights left out while training.
    use_bias : bool
        Whether the projections have a bias.
    output_shape : int or sequence of int, optional
        Of the features of the result; without it as many as the query's.
    attention_axes : int or sequence of int, optional
        Along which queries and keys lie; all between the batch and the features without it.
    kernel_initializer, bias_initializer : str or function
        First values.
    kernel_regularizer, bias_regularizer : str or function, optional
        Penalties that `regularization` adds up.
    kernel_constraint, bias_constraint : str or function, optional
        What is put on the values that an optimizer makes.
    seed : int, optional
        Of the dropout.
    name : str, optional
        Without it ``multi_head_attention`` and so on.

    Raises
    ------
    ShapeError
        If query, value and key do not fit together.

    Examples
    --------
    >>> x = pel.tensor3("x", shape=("n", 5, 6))
    >>> MultiHeadAttention(num_heads=2, key_dim=3)(x, x, use_causal_mask=True).shape
    ('n', 5, 6)

    References
    ----------
    A. Vaswani et al., Attention Is All You Need, NeurIPS 2017.
    """

    merges = True
    takes_mask = True

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        kernel_initializer: str | Callable[..., Any] = "glorot_uniform",
        bias_initializer: str | Callable[..., Any] = "zeros",
        kernel_regularizer: str | regularizers.Penalty | None = None,
        bias_regularizer: str | regularizers.Penalty | None = None,
        kernel_constraint: str | constraints.ConstraintFunction | None = None,
        bias_constraint: str | constraints.ConstraintFunction | None = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.num_heads = self.num_key_heads = positive(self.name, "num_heads", num_heads)
        self.key_dim = positive(self.name, "key_dim", key_dim)
        self.value_dim = self.key_dim if value_dim is None else positive(self.name, "value_dim", value_dim)
        self.use_bias = use_bias
        wanted = () if output_shape is None else output_shape if isinstance(output_shape, Sequence) else (output_shape,)
        self.output_shape = tuple(positive(self.name, "output_shape", size) for size in wanted)
        self.attention_axes = None if attention_axes is None else some_axes(self.name, "attention_axes", attention_axes)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout = self.inner(Dropout(dropout, seed=seed, name=f"{self.name}/dropout"))
        self.projections: dict[str, list[Expr]] = {}

    def __call__(  # type: ignore[override]
        self, query: Any, value: Any = None, key: Any = None, *, mask: Any = None, **named: Any
    ) -> Any:
        """Write the layer into the graph; one list of query, value and perhaps key will do as well."""
        given = query if isinstance(query, (list, tuple)) else [e for e in (query, value, key) if e is not None]
        return super().__call__(given, mask=mask, **named)

    def check(self, x: Any) -> None:
        """Refuse inputs that do not fit together."""
        if len(x) not in (2, 3):
            raise UseError(
                f"{self.name}: expected a query, a value and perhaps a key, as in layer(x, x). "
                f"Received: {', '.join(map(brief, x))}"
            )
        told = ", ".join(f"{brief(e)} of shape {shape_text(e.shape)}" for e in x)
        if x[0].ndim < 3 or any(e.ndim != x[0].ndim for e in x) or not all(isinstance(e.shape[-1], int) for e in x):
            raise ShapeError(
                f"{self.name}: expected a query and a value (batch, ..., features) with a known number of features. "
                f"Received: {told}"
            ).about(x)
        value, key = x[1], x[-1]
        if any(unify(a, b) is None for a, b in zip(value.shape[:-1], key.shape[:-1], strict=True)):
            raise ShapeError(f"{self.name}: expected a key for each value. Received: {told}").about(x)
        for e, part in zip((x[0], key, value), ("query", "key", "value"), strict=True):
            known = self.projections[part][0].shape[0] if self.built else e.shape[-1]
            if known != e.shape[-1]:
                raise ShapeError(
                    f"{self.name}: its parameters were made for a {part} of {known} features. Received: {told}; a "
                    "layer that is called again shares its parameters, so make another layer"
                ).about(x)

    def build(self, x: list[Expr]) -> None:
        """Make the kernels and biases of the four projections."""
        query, value, key = x[0], x[1], x[-1]
        self.make("query", (query.shape[-1],), (self.num_heads, self.key_dim), query)
        self.make("key", (key.shape[-1],), (self.num_key_heads, self.key_dim), query)
        self.make("value", (value.shape[-1],), (self.num_key_heads, self.value_dim), query)
        output = self.output_shape or (query.shape[-1],)
        self.make("attention_output", (self.num_heads, self.value_dim), output, query)

    def make(self, part: str, seen: tuple[Any, ...], made: tuple[Any, ...], like: Expr) -> None:
        """Make the kernel of a projection, from some axes to others, and its bias."""
        kernel = self.parameter(
            f"{part}/kernel",
            (*seen, *made),
            self.kernel_initializer,
            like,
            self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.projections[part] = [kernel]
        if self.use_bias:
            bias = self.parameter(
                f"{part}/bias",
                made,
                self.bias_initializer,
                like,
                self.bias_regularizer,
                False,
                constraint=self.bias_constraint,
            )
            self.projections[part].append(bias)

    def project(self, part: str, x: Expr, axes: int = 1) -> Expr:
        """Return a projection of the last axes of an expression."""
        kernel, *bias = self.projections[part]
        projected: Expr = tensordot(x, kernel, axes=axes)
        return projected + bias[0] if bias else projected

    def call(
        self,
        x: list[Expr],
        mask: Expr | None = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return the projected averages, and the weights if they are wanted."""
        inputs = promote(x, to_float=True)
        query, value, key = inputs[0], inputs[1], inputs[-1]
        asked = range(1, query.ndim - 1) if self.attention_axes is None else self.attention_axes
        axes = tuple(sorted(normalize_axes(asked, query.ndim, self.name, query)))
        if 0 in axes or query.ndim - 1 in axes:
            raise OptionError(
                f"{self.name}: expected attention_axes between the batch and the features. Received: "
                f"attention_axes={self.attention_axes}, for {brief(query)}, of shape {shape_text(query.shape)}"
            )
        others = query.ndim - 1 - len(axes)
        allowed = allowed_pairs(self.name, x[0], x[1:], attention_mask, use_causal_mask, axes, others)
        heads = [self.project(part, e) for part, e in (("query", query), ("key", key), ("value", value))]
        shared = self.num_heads // self.num_key_heads
        heads[1:] = [repeat(e, shared, axis=-2) if shared > 1 else e for e in heads[1:]]
        weights: Expr = attention_weights(*heads[:2], *([] if allowed is None else [allowed]), axes=axes)
        averages: Expr = attended(self.dropout(weights), heads[2], axes=axes)
        result = self.project("attention_output", averages, axes=2)
        if not return_attention_scores:
            return result
        return result if mask is None else masked(result, mask), weights


class GroupQueryAttention(MultiHeadAttention):
    r"""Attention in which several heads of queries share one head of keys and values; see `MultiHeadAttention`.

    Parameters
    ----------
    head_dim : int
        :math:`d`, the size of each head.
    num_query_heads : int
        How many heads of queries.
    num_key_value_heads : int
        How many of keys and values, a divisor of ``num_query_heads``.
    dropout : float
        The share of weights left out while training.
    use_bias : bool
        Whether the projections have a bias.
    kernel_initializer, bias_initializer : str or function
        First values.
    kernel_regularizer, bias_regularizer : str or function, optional
        Penalties that `regularization` adds up.
    kernel_constraint, bias_constraint : str or function, optional
        What is put on the values that an optimizer makes.
    seed : int, optional
        Of the dropout.
    name : str, optional
        Without it ``grouped_query_attention`` and so on.

    Raises
    ------
    ValueError
        If the heads cannot be shared evenly.

    Examples
    --------
    >>> x = pel.tensor3("x", shape=("n", 5, 6))
    >>> GroupQueryAttention(head_dim=3, num_query_heads=4, num_key_value_heads=2)(x, x).shape
    ('n', 5, 6)

    References
    ----------
    J. Ainslie et al., GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints, EMNLP 2023.
    """

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        kernel_initializer: str | Callable[..., Any] = "glorot_uniform",
        bias_initializer: str | Callable[..., Any] = "zeros",
        kernel_regularizer: str | regularizers.Penalty | None = None,
        bias_regularizer: str | regularizers.Penalty | None = None,
        kernel_constraint: str | constraints.ConstraintFunction | None = None,
        bias_constraint: str | constraints.ConstraintFunction | None = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            num_query_heads,
            head_dim,
            dropout=dropout,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            seed=seed,
            name=name,
        )
        self.num_key_heads = positive(self.name, "num_key_value_heads", num_key_value_heads)
        if self.num_heads % self.num_key_heads:
            raise OptionError(
                f"{self.name}: expected num_key_value_heads to divide num_query_heads. Received: "
                f"num_query_heads={num_query_heads}, num_key_value_heads={num_key_value_heads}"
            )
