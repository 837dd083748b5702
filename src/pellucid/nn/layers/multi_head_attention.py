"""Multi-head attention and grouped-query attention layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.graph.errors import OptionError, UseError, brief
from pellucid.graph.expr import Expr, Operand, promote_operands
from pellucid.graph.ops.attention import attention_output, attention_weights
from pellucid.graph.ops.einsum import tensordot
from pellucid.graph.ops.repeat import repeat
from pellucid.graph.types import format_shape, normalize_axes, unify
from pellucid.nn.initializers.base import InitializerLike
from pellucid.nn.layers.attention import combine_masks
from pellucid.nn.layers.base import ConstraintLike, Layer, RegularizerLike
from pellucid.nn.layers.dropout import Dropout
from pellucid.nn.layers.validation import check_axes, check_size, make_shape_error
from pellucid.nn.masks import attach_mask

__all__ = ["MultiHeadAttention", "GroupQueryAttention"]


class MultiHeadAttention(Layer):
    r"""Multi-head attention: :math:`\operatorname{softmax}(Q K^\top / \sqrt d) V` of projections :math:`Q`, :math:`K`,
    :math:`V` of the inputs for each head, followed by an output projection.

    The call is ``layer(query, value)`` or ``layer(query, value, key)``; the key defaults to the value. Masks of the
    inputs (see `pellucid.attach_mask`) exclude their masked steps. ``attention_mask``, of shape (batch, queries, keys)
    or (queries, keys), marks the allowed keys of each query. ``use_causal_mask`` excludes keys after the query's
    position.
    ``return_attention_scores`` returns the weights, too, of shape (batch, heads, queries, keys).

    Parameters
    ----------
    num_heads : int
        Number of heads.
    key_dim : int
        Size :math:`d` of the queries and keys of each head.
    value_dim : int, optional
        Size of the values of each head. Default: ``key_dim``.
    dropout : float
        Fraction of the attention weights dropped during training.
    use_bias : bool
        Whether to add a bias to the projections.
    output_shape : int or sequence of int, optional
        Shape of the features of the result. Default: that of the query.
    attention_axes : int or sequence of int, optional
        Axes of the queries and keys. Default: all axes between the batch and the features.
    kernel_initializer, bias_initializer : str or function
        Initializers; see `pellucid.nn.initializers`.
    kernel_regularizer, bias_regularizer : str or function, optional
        Penalties, included in `regularization`.
    kernel_constraint, bias_constraint : str or function, optional
        Constraints, applied after each optimizer update.
    seed : int, optional
        Seed of the dropout.
    name : str, optional
        Name of the layer. By default ``multi_head_attention``, ``multi_head_attention_1`` and so on.

    Raises
    ------
    ShapeError
        If the shapes of query, value and key do not match.

    Examples
    --------
    >>> x = pel.tensor3("x", shape=("n", 5, 6))
    >>> MultiHeadAttention(num_heads=2, key_dim=3)(x, x, use_causal_mask=True).shape
    ('n', 5, 6)

    References
    ----------
    A. Vaswani et al., Attention Is All You Need, NeurIPS 2017.
    """

    num_heads: int
    num_key_heads: int

    merges = True
    takes_mask = True
    keeps_mask = False  # `call` attaches it

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.num_heads = self.num_key_heads = check_size(self.name, "num_heads", num_heads)
        self.key_dim: int = check_size(self.name, "key_dim", key_dim)
        self.value_dim: int = self.key_dim if value_dim is None else check_size(self.name, "value_dim", value_dim)
        self.use_bias = use_bias
        sizes = () if output_shape is None else output_shape if isinstance(output_shape, Sequence) else (output_shape,)
        self.output_shape: tuple[int, ...] = tuple(check_size(self.name, "output_shape", size) for size in sizes)
        self.attention_axes: int | tuple[int, ...] | None = (
            None if attention_axes is None else check_axes(self.name, "attention_axes", attention_axes)
        )
        self.configure_parameter("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.configure_parameter("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.dropout: Dropout = self.add_sublayer(Dropout(dropout, seed=seed, name=f"{self.name}/dropout"))
        self.projections: dict[str, list[Expr]] = {}

    def __call__(  # type: ignore[override]
        self,
        query: Operand | Sequence[Operand],
        value: Operand | None = None,
        key: Operand | None = None,
        *,
        mask: Operand | None = None,
        **named: Any,
    ) -> Any:
        inputs: list[Any] = [*query] if isinstance(query, (list, tuple)) else [query]
        if key is not None and value is None and len(inputs) == 1:
            raise UseError(f"{self.name}: expected a value with the key, as in layer(query, value, key)")
        return super().__call__([*inputs, *(e for e in (value, key) if e is not None)], mask=mask, **named)

    def check_input(self, x: list[Expr]) -> None:
        if len(x) not in (2, 3):
            raise UseError(
                f"{self.name}: expected a query, a value and optionally a key, as in layer(x, x). "
                f"Received: {', '.join(map(brief, x))}"
            )
        if x[0].ndim < 3 or any(e.ndim != x[0].ndim for e in x) or not all(isinstance(e.shape[-1], int) for e in x):
            expected = "a query and a value (batch, ..., features) with a known number of features"
            raise make_shape_error(self.name, expected, x)
        value, key = x[1], x[-1]
        if any(unify(a, b) is None for a, b in zip(value.shape[:-1], key.shape[:-1], strict=True)):
            raise make_shape_error(self.name, "a key for each value", x)
        for e, part in zip((x[0], key, value), ("query", "key", "value"), strict=True):
            known = self.projections[part][0].shape[0] if self.built else e.shape[-1]
            if known != e.shape[-1]:
                expected = f"a {part} of {known} features, as at the first call; create a new layer for other inputs"
                raise make_shape_error(self.name, expected, x)

    def build(self, x: list[Expr]) -> None:
        query, value, key = x[0], x[1], x[-1]
        self.add_projection("query", (query.shape[-1],), (self.num_heads, self.key_dim), query)
        self.add_projection("key", (key.shape[-1],), (self.num_key_heads, self.key_dim), query)
        self.add_projection("value", (value.shape[-1],), (self.num_key_heads, self.value_dim), query)
        output = self.output_shape or (query.shape[-1],)
        self.add_projection("attention_output", (self.num_heads, self.value_dim), output, query)

    def add_projection(self, part: str, inputs: tuple[Any, ...], outputs: tuple[Any, ...], like: Expr) -> None:
        """Create the kernel and bias of a projection from the shape ``inputs`` to the shape ``outputs``."""
        kernel = self.configured_parameter("kernel", (*inputs, *outputs), like, name=f"{part}/kernel")
        self.projections[part] = [kernel]
        if self.use_bias:
            self.projections[part].append(self.configured_parameter("bias", outputs, like, False, f"{part}/bias"))

    def project(self, part: str, x: Expr, axes: int = 1) -> Expr:
        """Project the last axes of an expression."""
        kernel, *bias = self.projections[part]
        projected: Expr = tensordot(x, kernel, axes=axes)
        return projected + bias[0] if bias else projected

    def call(
        self,
        x: list[Expr],
        mask: Expr | None = None,
        attention_mask: Operand | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Expr | tuple[Expr, Expr]:
        inputs = promote_operands(x, to_float=True)
        query, value, key = inputs[0], inputs[1], inputs[-1]
        attention_axes = range(1, query.ndim - 1) if self.attention_axes is None else self.attention_axes
        axes = tuple(sorted(normalize_axes(attention_axes, query.ndim, self.name, query)))
        if 0 in axes or query.ndim - 1 in axes:
            raise OptionError(
                f"{self.name}: expected attention_axes between the batch and the features. Received: "
                f"attention_axes={self.attention_axes}, for {brief(query)}, of shape {format_shape(query.shape)}"
            )
        others = query.ndim - 1 - len(axes)
        allowed = combine_masks(self.name, x[0], x[1:], attention_mask, use_causal_mask, axes, others)
        heads = [self.project(part, e) for part, e in (("query", query), ("key", key), ("value", value))]
        group_size = self.num_heads // self.num_key_heads
        heads[1:] = [repeat(e, group_size, axis=-2) if group_size > 1 else e for e in heads[1:]]
        weights: Expr = attention_weights(*heads[:2], *([] if allowed is None else [allowed]), axes=axes)
        context: Expr = attention_output(self.dropout(weights), heads[2], axes=axes)
        result = self.project("attention_output", context, axes=2)
        result = result if mask is None else attach_mask(result, mask)
        return (result, weights) if return_attention_scores else result


class GroupQueryAttention(MultiHeadAttention):
    r"""Grouped-query attention: several query heads share one head of keys and values; see `MultiHeadAttention`.

    Parameters
    ----------
    head_dim : int
        Size :math:`d` of each head.
    num_query_heads : int
        Number of query heads.
    num_key_value_heads : int
        Number of heads of keys and values, a divisor of ``num_query_heads``.
    dropout, use_bias, ...
        As in `MultiHeadAttention`.

    Raises
    ------
    ValueError
        If ``num_key_value_heads`` does not divide ``num_query_heads``.

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
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
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
        self.num_key_heads: int = check_size(self.name, "num_key_value_heads", num_key_value_heads)
        if self.num_heads % self.num_key_heads:
            raise OptionError(
                f"{self.name}: expected num_key_value_heads to divide num_query_heads. Received: "
                f"num_query_heads={num_query_heads}, num_key_value_heads={num_key_value_heads}"
            )
