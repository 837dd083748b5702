r"""Sequence masks, attached to expressions as part of the graph."""

from __future__ import annotations

from typing import Any

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.errors import DtypeError, ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.op_decorator import op
from pellucid.graph.ops.formatters import format_operand
from pellucid.graph.range_rules import elements_of
from pellucid.graph.types import unify_shapes


def _infer_type(x: Expr, mask: Expr) -> Any:
    if x.ndim < 2 or unify_shapes(x.shape[:2], mask.shape) is None:
        raise ShapeError(
            f"Expected a mask of shape (batch, time). Received: {format_operand(mask)}, for {format_operand(x)}"
        )
    if mask.dtype != bool:
        raise DtypeError(f"Expected a boolean mask, such as x != 0. Received: {mask}, which is {mask.dtype}")
    return x.type


@op(
    tex="{0:_}",
    text="attach_mask({0:_}, {1:_})",
    infer=_infer_type,
    grad=lambda g, y, x, mask: (g, None),
    examples=lambda rng: [((rng.normal(size=(2, 3)), rng.random((2, 3)) > 0.5), {})],
    cost=0,
    value_range=elements_of(0),
)
def attach_mask(xp: ArrayNamespace, x: NamespaceArray, mask: NamespaceArray) -> NamespaceArray:
    r"""Identity, :math:`x`, that attaches a mask of valid time steps.

    Parameters
    ----------
    x : Expr, shape (batch, time, ...)
        Sequences.
    mask : Expr of bool, shape (batch, time)
        True for the steps to use.

    Returns
    -------
    Expr
        Same value as ``x``. Sequence layers and losses skip the masked steps.

    Examples
    --------
    >>> x = pel.matrix("x", shape=("n", 5))
    >>> pel.nn.find_mask(pel.attach_mask(x, x != 0))
    x != 0
    """
    return x
