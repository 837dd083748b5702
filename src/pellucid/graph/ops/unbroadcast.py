r"""The transpose of repeating an array to another's shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.op import op
from pellucid.graph.operators import call
from pellucid.graph.types import Type, shape_text


def _summed_like(x: Expr, like: Expr) -> Type:
    if like.ndim > x.ndim:
        raise ShapeError(f"sum_like: {x} has no more axes than {like}. Received: {shape_text(x.shape)}")
    return Type(like.shape, x.dtype)


@op(
    infer=_summed_like,
    grad=lambda g, y, x, like: (call("broadcast_like", g, x), None),
    examples=lambda rng: [
        ((rng.normal(size=(2, 3, 4)), np.zeros((3, 1))), {}),
        ((rng.normal(size=(2, 3)), np.zeros((2, 3))), {}),
    ],
    cost=lambda node, size: size(node.inputs[0]),
    behind="broadcast_to",
)
def sum_like(xp: Any, x: Any, like: Any) -> Any:
    r"""The first summed over the axes along which the second would be repeated: the transpose of `broadcast_like`, for
    sizes that are only known when the program runs.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.sum_like(pel.matrix("x", shape=("n", 3)), pel.vector("b", shape=(3,))).shape
    (3,)
    """
    lead = x.ndim - like.ndim
    repeated = [a for a in range(lead, x.ndim) if like.shape[a - lead] == 1 != x.shape[a]]
    return xp.sum(x, axis=(*range(lead), *repeated), dtype=x.dtype).reshape(like.shape)
