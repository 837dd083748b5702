r"""Masks: which steps of a sequence count, as part of the graph, so that one can see where a mask comes from."""

from __future__ import annotations

from typing import Any

from pellucid.graph.errors import DtypeError, ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.op import op
from pellucid.graph.types import shape_text, unify


def _checked(x: Expr, mask: Expr) -> Any:
    dims = zip(x.shape, mask.shape, strict=False)
    fits = x.ndim >= 2 and mask.ndim == 2 and all(unify(a, b) is not None for a, b in dims)
    if not fits:
        raise ShapeError(
            f"A mask says of every sample which steps count: (batch, time). Received: {mask}, of shape "
            f"{shape_text(mask.shape)}, for {x}, of shape {shape_text(x.shape)}"
        )
    if mask.dtype != bool:
        raise DtypeError(f"A mask is of booleans: x != 0, say. Received: {mask}, which is {mask.dtype}")
    return x.type


@op(
    tex="{0:_}",
    text="masked({0:_}, {1:_})",
    infer=_checked,
    grad=lambda g, y, x, mask: (g, None),
    examples=lambda rng: [((rng.normal(size=(2, 3)), rng.random((2, 3)) > 0.5), {})],
    cost=0,
)
def masked(xp: Any, x: Any, mask: Any) -> Any:
    r"""The value itself, :math:`x`, with a mask that says which of its steps count.

    Parameters
    ----------
    x : Expr, shape (batch, time, ...)
        A sequence.
    mask : Expr of booleans, shape (batch, time)
        True where a step counts.

    Returns
    -------
    Expr
        Of the same value; layers that go along sequences, and losses, leave out the steps that do not count.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.matrix("x", shape=("n", 5))
    >>> pel.nn.mask_of(pel.masked(x, x != 0))
    x != 0
    """
    return x
