"""Advice for inputs that do not fit a layer, from the layers that computed them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pellucid.graph.expr import Expr, Operand

if TYPE_CHECKING:
    from pellucid.nn.layers.base import Layer

RANK_HINTS = {
    (3, 2): "expected a sequence (batch, steps, features); x[:, :, None] makes each column a step of one feature",
    (4, 2): "give images their axes (batch, height, width, channels), as nn.Reshape((height, width, channels)) does",
    (4, 3): "images without an axis of channels get one of length 1 by nn.Reshape((height, width, 1)) or x[..., None]",
    (2, 3): "nn.Flatten() joins the axes of a sample",
    (2, 4): "nn.Flatten() joins the axes of a sample",
}
"""Fixes by the number of axes that a layer takes and that its input has."""


def suggest_rank(x: Expr, ndim: int) -> str:
    """Return how an input gets the number of axes that a layer takes, from the layers that computed it."""
    source = find_last_step(x) if (ndim, x.ndim) == (3, 2) else None
    if source is not None:
        return (
            f". The layer {source.name} returned its last step only: create it as {type(source).__name__}(..., "
            "return_sequences=True)"
        )
    hint = RANK_HINTS.get((ndim, x.ndim))
    return f"; {hint}" if hint else "; nn.Reshape(shape) changes the axes of a sample"


def find_last_step(x: Expr) -> Layer | None:
    """Return the recurrent layer whose last step an expression is computed from, through layers such as Dropout."""
    while x.call is not None:
        layer = x.call.call.layer
        recurrent = getattr(layer, "forward_layer", layer)
        if getattr(recurrent, "return_sequences", None) is False:
            result: Layer | None = recurrent if recurrent is layer else layer.config["layer"]
            return result
        operands = x.call.call.get_operands()
        if len(operands) != 1:
            return None
        [x] = operands
    return None


def list_producers(inputs: Sequence[Operand]) -> list[Layer]:
    """Return the layers that returned some expressions."""
    return [e.call.call.layer for e in inputs if isinstance(e, Expr) and e.call is not None]
