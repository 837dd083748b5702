"""Attention masks."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable
from typing import Any

from pellucid.graph.errors import DtypeError, OptionError, ShapeError, brief
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.ops.iota import arange_like
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.types import format_shape
from pellucid.nn.masks import find_mask


def combine_masks(
    layer: str,
    query: Expr,
    keys: Iterable[Expr],
    attention_mask: Any,
    causal: bool,
    axes: tuple[int, ...] = (1,),
    others: int = 1,
) -> Expr | None:
    """Return a mask that broadcasts to the attention weights, or None if all keys are allowed.

    Parameters
    ----------
    layer : str
        Name of the layer, for messages.
    query : Expr, shape (batch, queries, ..., features)
        Query.
    keys : iterable of Expr, shape (batch, keys, ..., features)
        Values and keys. Their masks exclude keys.
    attention_mask : Expr of booleans, optional
        Mask of shape (queries, keys), or with leading axes of the weights.
    causal : bool
        Whether to exclude keys after the position of the query.
    axes : tuple of int
        Axes of the queries and keys.
    others : int
        Number of axes of the weights other than batch, queries and keys.
    """
    ndim = 1 + others + 2 * len(axes)
    masks = [
        _expand_key_mask(m, ndim, axes) for m in dict.fromkeys(map(find_mask, keys)) if m is not None and 1 in axes
    ]
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


def _expand_key_mask(mask: Expr, ndim: int, axes: tuple[int, ...]) -> Expr:
    """Insert axes of length 1 into a mask of keys, (batch, keys), to broadcast over the weights."""
    key_axis = ndim - len(axes) + axes.index(1)
    expanded: Expr = expand_dims(mask, axis=tuple(a for a in range(1, ndim) if a != key_axis))
    return expanded


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
    before = mask.ndim - pairs
    new = tuple(range(before, before + ndim - mask.ndim))
    expanded: Expr = expand_dims(mask, axis=new) if new else mask
    return expanded
