"""Masks of sequences."""

from __future__ import annotations

from pellucid.graph.expr import Expr
from pellucid.graph.ops.masking import attach_mask

__all__ = ["find_mask", "attach_mask"]


def find_mask(x: Expr) -> Expr | None:
    """Return the mask of a sequence, or of the sequences that it was computed from elementwise.

    Parameters
    ----------
    x : Expr, shape (batch, time, ...)
        A sequence.

    Returns
    -------
    Expr of booleans, shape (batch, time), or None
        None if no step is masked.

    Examples
    --------
    >>> x = pel.matrix("x", shape=("n", 5))
    >>> pel.nn.find_mask(pel.tanh(2 * pel.attach_mask(x, x != 0)))
    x != 0
    """
    pending, seen = [x], {x}
    while pending:
        node = pending.pop()
        if node.op is attach_mask.op:
            return node.inputs[1]
        if node.op is not None and (node.op.elementwise or node.op.inference is not None):
            sequences = [i for i in node.inputs if i.ndim == node.ndim and i not in seen]
            seen.update(sequences)
            pending += sequences[::-1]
    return None
