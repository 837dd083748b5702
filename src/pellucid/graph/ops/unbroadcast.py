r"""Sum over broadcast axes, the transpose of broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.op import op
from pellucid.graph.operators import call_op
from pellucid.graph.types import Type, format_shape


def _infer_type(x: Expr, like: Expr) -> Type:
    if like.ndim > x.ndim:
        raise ShapeError(
            f"sum_like: expected {x} to have at least the axes of {like}. Received: shapes {format_shape(x.shape)} and "
            f"{format_shape(like.shape)}"
        )
    return Type(like.shape, x.dtype)


@op(
    infer=_infer_type,
    grad=lambda g, y, x, like: (call_op("broadcast_like", g, x), None),
    examples=lambda rng: [
        ((rng.normal(size=(2, 3, 4)), np.zeros((3, 1))), {}),
        ((rng.normal(size=(2, 3)), np.zeros((2, 3))), {}),
    ],
    cost=lambda node, size: size(node.inputs[0]),
    behind="broadcast_to",
)
def sum_like(xp: Any, x: Any, like: Any) -> Any:
    r"""Sum an array over the axes along which another is broadcast to it: the transpose of `broadcast_like`, for sizes
    that are only known at run time.

    Examples
    --------
    >>> pel.sum_like(pel.matrix("x", shape=("n", 3)), pel.vector("b", shape=(3,))).shape
    (3,)
    """
    new_count = x.ndim - like.ndim
    repeated = [a for a in range(new_count, x.ndim) if like.shape[a - new_count] == 1 != x.shape[a]]
    return xp.sum(x, axis=(*range(new_count), *repeated), dtype=x.dtype).reshape(like.shape)
