"""Which keys a query may attend to."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable
from typing import Any

from pellucid.graph.errors import DtypeError, OptionError, ShapeError, brief
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.ops.iota import arange_like
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.types import shape_text
from pellucid.nn.masks import mask_of


def allowed_pairs(
    layer: str,
    query: Expr,
    keys: Iterable[Expr],
    attention_mask: Any,
    causal: bool,
    axes: tuple[int, ...] = (1,),
    others: int = 1,
) -> Expr | None:
    """Return which weights may be more than 0, as a mask that broadcasts to them, or None for all.

    Parameters
    ----------
    layer : str
        The name of the layer, for messages.
    query : Expr, shape (batch, queries, ..., features)
        What attends.
    keys : iterable of Expr, shape (batch, keys, ..., features)
        Whose masks say which keys count.
    attention_mask : Expr of booleans, optional
        Of shape (queries, keys), or with axes of the weights before these.
    causal : bool
        Whether a query attends to no key after its own place.
    axes : tuple of int
        Along which queries and keys lie.
    others : int
        How many axes the weights have besides those of the batch, the queries and the keys.
    """
    ndim = 1 + others + 2 * len(axes)
    found = [_of_keys(m, ndim, axes) for m in dict.fromkeys(map(mask_of, keys)) if m is not None and 1 in axes]
    if attention_mask is not None:
        found.append(_as_wide(layer, as_expr(attention_mask), ndim, axes))
    if causal:
        if len(axes) != 1:
            raise OptionError(f"{layer}: a causal mask goes along one axis. Received: attention_axes={axes}")
        places = [arange_like(e, axis=axes[0]) for e in (query, *keys)]
        found.append(expand_dims(places[0], axis=1) >= expand_dims(places[1], axis=0))
    return functools.reduce(operator.and_, found) if found else None


def _of_keys(mask: Expr, ndim: int, axes: tuple[int, ...]) -> Expr:
    """Return a mask of keys, (batch, keys), with axes of length 1 for all else that weights have."""
    place = ndim - len(axes) + axes.index(1)
    wide: Expr = expand_dims(mask, axis=tuple(a for a in range(1, ndim) if a != place))
    return wide


def _as_wide(layer: str, mask: Expr, ndim: int, axes: tuple[int, ...]) -> Expr:
    """Return a mask of pairs with axes of length 1 before these, after the batch's."""
    if mask.dtype != bool:
        raise DtypeError(
            f"{layer}: expected an attention_mask of booleans, True where a query may attend to a key. "
            f"Received: {brief(mask)}, which is {mask.dtype}; compare it, as in mask > 0"
        ).about([mask])
    pairs = 2 * len(axes)
    if not pairs <= mask.ndim <= ndim:
        raise ShapeError(
            f"{layer}: expected an attention_mask (batch, queries, keys) or (queries, keys). Received: {brief(mask)}, "
            f"of shape {shape_text(mask.shape)}"
        ).about([mask])
    before = mask.ndim - pairs
    new = tuple(range(before, before + ndim - mask.ndim))
    wide: Expr = expand_dims(mask, axis=new) if new else mask
    return wide
