r"""Elementwise minimum, maximum and clipping."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.expr import as_expr
from pellucid.graph.op import op, register_function
from pellucid.graph.operators import call_op


def _extremum_grad(comparison: str, ignore_nan: bool = False) -> Any:
    """Route the gradient to the selected operand, and to the first of equal ones."""

    def grad(g: Any, z: Any, x: Any, y: Any) -> Any:
        first = call_op(comparison, x, y)
        if ignore_nan:
            first = first | call_op("isnan", y)
        zero = np.zeros((), z.dtype)
        return call_op("where", first, g, zero), call_op("where", first, zero, g)

    return grad


@op(tex=r"\max({0:_}, {1:_})", commutative=True, edge=(0.0,), grad=_extremum_grad("greater_equal"))
def maximum(xp: Any, x: Any, y: Any) -> Any:
    r"""Elementwise maximum, :math:`\max(x, y)`. For equal elements the gradient flows to the first.

    Examples
    --------
    >>> pel.maximum(pel.vector("x"), 0)
    maximum(x, 0)
    """
    return xp.maximum(x, y)


@op(tex=r"\min({0:_}, {1:_})", commutative=True, edge=(0.0,), grad=_extremum_grad("less_equal"))
def minimum(xp: Any, x: Any, y: Any) -> Any:
    r"""Elementwise minimum, :math:`\min(x, y)`. For equal elements the gradient flows to the first.

    Examples
    --------
    >>> pel.minimum(pel.vector("x"), 1)
    minimum(x, 1)
    """
    return xp.minimum(x, y)


@op(
    tex=r"\operatorname{{fmax}}({0:_}, {1:_})",
    commutative=True,
    edge=(0.0,),
    grad=_extremum_grad("greater_equal", ignore_nan=True),
)
def fmax(xp: Any, x: Any, y: Any) -> Any:
    r"""Elementwise maximum that ignores NaN, :math:`\max(x, y)`.

    Examples
    --------
    >>> pel.function([], pel.fmax([1.0, np.nan], 0.0))()
    array([1., 0.], dtype=float32)
    """
    return xp.fmax(x, y)


@op(
    tex=r"\operatorname{{fmin}}({0:_}, {1:_})",
    commutative=True,
    edge=(0.0,),
    grad=_extremum_grad("less_equal", ignore_nan=True),
)
def fmin(xp: Any, x: Any, y: Any) -> Any:
    r"""Elementwise minimum that ignores NaN, :math:`\min(x, y)`.

    Examples
    --------
    >>> pel.function([], pel.fmin([1.0, np.nan], 0.0))()
    array([0., 0.], dtype=float32)
    """
    return xp.fmin(x, y)


def _clip_grad(g: Any, z: Any, x: Any, low: Any, high: Any) -> Any:
    zero = np.zeros((), z.dtype)
    below, above = x < low, call_op("maximum", x, low) > high
    return (
        call_op("where", below | above, zero, g),
        call_op("where", below & ~above, g, zero),
        call_op("where", above, g, zero),
    )


@op(
    name="clip",
    tex=r"\operatorname{{clip}}({0:_}, {1:_}, {2:_})",
    domain=((-3, 3), (-2.0, -1.0), (1.0, 2.0)),
    grad=_clip_grad,
)
def clip_between(xp: Any, x: Any, low: Any, high: Any) -> Any:
    r"""Clip elements between two bounds, :math:`\min(\max(x, a), b)`; the op behind `clip`.

    Examples
    --------
    >>> pel.clip(pel.vector("x"), 0, 1)
    clip(x, 0, 1)
    """
    return xp.clip(x, low, high)


@register_function
def clip(x: Any, min: Any = None, max: Any = None) -> Any:
    r"""Clip elements between two bounds, :math:`\min(\max(x, a), b)`.

    Parameters
    ----------
    x : Expr, array or number
        Input of any shape.
    min, max : Expr, array or number, optional
        Lower and upper bound, of shapes that broadcast; None for no bound. Where ``min > max`` the result is ``max``.

    Returns
    -------
    Expr
        Broadcast shape and common dtype.

    Examples
    --------
    >>> pel.clip(pel.vector("x"), 0, 1)
    clip(x, 0, 1)
    >>> pel.clip(pel.vector("x"), None, 1)
    minimum(x, 1)
    """
    if min is None and max is None:
        return as_expr(x)
    if max is None:
        return maximum(x, min)
    return minimum(x, max) if min is None else clip_between(x, min, max)
