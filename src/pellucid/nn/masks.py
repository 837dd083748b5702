"""Where layers find the mask of a sequence: which of its steps count."""

from __future__ import annotations

from pellucid.graph.expr import Expr
from pellucid.graph.ops.masking import masked

__all__ = ["mask_of", "masked"]


def mask_of(x: Expr) -> Expr | None:
    """Return the mask of a sequence: the one that was hung on it, or on what it was made of element by element.

    Parameters
    ----------
    x : Expr, shape (batch, time, ...)
        A sequence.

    Returns
    -------
    Expr of booleans, shape (batch, time), or None
        None where all steps count.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.matrix("x", shape=("n", 5))
    >>> pel.nn.mask_of(pel.tanh(2 * pel.masked(x, x != 0)))
    x != 0
    """
    waiting, seen = [x], {x}
    while waiting:
        node = waiting.pop()
        if node.op is masked.op:
            return node.inputs[1]
        if node.op is not None and (node.op.elementwise or node.op.inference is not None):
            made_of = [i for i in node.inputs if i.ndim == node.ndim and i not in seen]
            seen.update(made_of)
            waiting += made_of[::-1]
    return None
