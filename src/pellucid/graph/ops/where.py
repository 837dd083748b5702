r"""Selection of elements by conditions, and replacement of NaN and infinity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.errors import DtypeError, ShapeError
from pellucid.graph.expr import Constant, Expr, Operand
from pellucid.graph.op_decorator import op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.precedence import ADD
from pellucid.graph.range_rules import elements_of
from pellucid.graph.subgraph import Subgraph


def _where_grad(g: Expr, z: Expr, condition: Subgraph, x: Expr, y: Expr) -> tuple[None, Expr, Expr]:
    zero = np.zeros((), z.dtype)
    return None, call_op("where", condition, g, zero), call_op("where", condition, zero, g)


@op(
    conditions=1,
    tex=r"\begin{{cases}} {1:_} & {0:_} \\ {2:_} & \text{{otherwise}} \end{{cases}}",
    tex_precedence=ADD,
    grad=_where_grad,
    value_range=elements_of(1, 2),
)
def where(xp: ArrayNamespace, condition: NamespaceArray, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Elementwise selection by a condition: :math:`x` where it is true, :math:`y` elsewhere.

    Parameters
    ----------
    condition : Expr or array of bool
        Condition.
    x, y : Expr, array or number
        Values. All three operands broadcast.

    Returns
    -------
    Expr
        Broadcast shape.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.where(x > 0, x, 0.1 * x)
    where(x > 0, x, 0.1 * x)
    """
    return xp.where(condition, x, y)


@op(
    tex=r"\operatorname{{nan\_to\_num}}({0:_})",
    edge=(np.nan, np.inf, -np.inf),
    grad=lambda g, y, x, nan, posinf, neginf: where(call_op("isfinite", x), g, np.zeros((), x.dtype)),
)
def nan_to_num(
    xp: ArrayNamespace, x: NamespaceArray, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> NamespaceArray:
    r"""Replace NaN and infinities by finite numbers; other elements are unchanged, :math:`y = x`.

    Parameters
    ----------
    x : Expr, array or number
        Input of any shape.
    nan : float
        Replacement for NaN.
    posinf, neginf : float, optional
        Replacements for the infinities. By default the largest and smallest finite numbers of the dtype.

    Returns
    -------
    Expr
        Same shape and dtype as ``x``.

    Examples
    --------
    >>> pel.function([], pel.nan_to_num([1.0, np.nan]))()
    array([1., 0.], dtype=float32)
    """
    return xp.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


@register_function
def select(condlist: Sequence[Operand], choicelist: Sequence[Operand], default: Operand = 0) -> Expr:
    r"""Choice that belongs to the first true condition, :math:`x_k` for the smallest :math:`k` with :math:`c_k`.

    Parameters
    ----------
    condlist : sequence of Expr or array of bool
        Conditions.
    choicelist : sequence of Expr, array or number
        One choice for each condition.
    default : Expr, array or number
        Value where no condition is true.

    Returns
    -------
    Expr
        Broadcast shape of all operands.

    Raises
    ------
    ShapeError
        If the numbers of conditions and choices differ.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.select([x < 0, x > 1], [0.0, 1.0], x)
    where(x < 0, 0, where(x > 1, 1, x))
    """
    if len(condlist) != len(choicelist) or not condlist:
        raise ShapeError(
            f"select: expected one choice for each condition. Received: {len(condlist)} conditions and "
            f"{len(choicelist)} choices"
        )
    result: Any = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = call_op("where", condition, choice, result)
    selected: Expr = result
    return selected


@register_function
def compress(condition: Operand, a: Operand, axis: int | None = None) -> Expr:
    r"""Elements along an axis at which a constant condition is true.

    Parameters
    ----------
    condition : array or list of bool
        Vector, at most as long as the axis of ``a``. Its value must be known when the graph is built.
    a : Expr or array
        Array to select from.
    axis : int, optional
        Axis to select along. By default the array is flattened.

    Returns
    -------
    Expr
        Array with one element along the axis for each true condition.

    Raises
    ------
    DtypeError
        If the condition is computed in the graph.

    Examples
    --------
    >>> pel.compress([True, False, True], pel.matrix("x", shape=("n", 3)), axis=1).shape
    ('n', 2)
    """
    mask = condition.value if isinstance(condition, Constant) else condition
    if isinstance(mask, Expr):
        raise DtypeError(
            "compress: expected a condition that is known when the graph is built, because the shape of the result "
            f"depends on it. Received: {mask}. Use pel.where(condition, x, other), which keeps the shape"
        )
    return call_op("take", a, np.flatnonzero(np.asarray(mask, dtype=bool)), axis=axis)
