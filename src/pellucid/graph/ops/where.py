r"""Elementwise selection by a condition, and replacement of NaN and infinity."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.op import op
from pellucid.graph.operators import call_op
from pellucid.graph.precedence import ADD


def _where_grad(g: Any, z: Any, condition: Any, x: Any, y: Any) -> Any:
    zero = np.zeros((), z.dtype)
    return None, call_op("where", condition, g, zero), call_op("where", condition, zero, g)


@op(
    conditions=1,
    tex=r"\begin{{cases}} {1:_} & {0:_} \\ {2:_} & \text{{otherwise}} \end{{cases}}",
    tex_precedence=ADD,
    grad=_where_grad,
)
def where(xp: Any, condition: Any, x: Any, y: Any) -> Any:
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
def nan_to_num(xp: Any, x: Any, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
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
