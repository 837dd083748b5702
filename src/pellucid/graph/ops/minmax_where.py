r"""One element or another: the greater, the lesser, one within bounds, or as a condition says."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.expr import as_expr
from pellucid.graph.op import op, public
from pellucid.graph.operators import call
from pellucid.graph.printing import ADD


def _first_wins(chooses: str) -> Any:
    def grad(g: Any, z: Any, x: Any, y: Any) -> Any:
        first = call(chooses, x, y)
        zero = np.zeros((), z.dtype)
        return call("where", first, g, zero), call("where", first, zero, g)

    return grad


@op(tex=r"\max({0:_}, {1:_})", commutative=True, edge=(0.0,), grad=_first_wins("greater_equal"))
def maximum(xp: Any, x: Any, y: Any) -> Any:
    r"""Greater of every pair of elements, :math:`\max(x, y)`; of equal ones the first has the gradient.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.maximum(pel.vector("x"), 0)
    maximum(x, 0)
    """
    return xp.maximum(x, y)


@op(tex=r"\min({0:_}, {1:_})", commutative=True, edge=(0.0,), grad=_first_wins("less_equal"))
def minimum(xp: Any, x: Any, y: Any) -> Any:
    r"""Lesser of every pair of elements, :math:`\min(x, y)`; of equal ones the first has the gradient.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.minimum(pel.vector("x"), 1)
    minimum(x, 1)
    """
    return xp.minimum(x, y)


def _first_wins_or_is_alone(chooses: str) -> Any:
    def grad(g: Any, z: Any, x: Any, y: Any) -> Any:
        first = call(chooses, x, y) | call("isnan", y)
        zero = np.zeros((), z.dtype)
        return call("where", first, g, zero), call("where", first, zero, g)

    return grad


@op(
    tex=r"\operatorname{{fmax}}({0:_}, {1:_})",
    commutative=True,
    edge=(0.0,),
    grad=_first_wins_or_is_alone("greater_equal"),
)
def fmax(xp: Any, x: Any, y: Any) -> Any:
    r"""Greater of every pair of elements, :math:`\max(x, y)`, the other one where one is not a number.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.fmax([1.0, np.nan], 0.0))()
    array([1., 0.], dtype=float32)
    """
    return xp.fmax(x, y)


@op(
    tex=r"\operatorname{{fmin}}({0:_}, {1:_})",
    commutative=True,
    edge=(0.0,),
    grad=_first_wins_or_is_alone("less_equal"),
)
def fmin(xp: Any, x: Any, y: Any) -> Any:
    r"""Lesser of every pair of elements, :math:`\min(x, y)`, the other one where one is not a number.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.fmin([1.0, np.nan], 0.0))()
    array([0., 0.], dtype=float32)
    """
    return xp.fmin(x, y)


def _clip_grad(g: Any, z: Any, x: Any, low: Any, high: Any) -> Any:
    zero = np.zeros((), z.dtype)
    below, above = x < low, call("maximum", x, low) > high
    return (
        call("where", below | above, zero, g),
        call("where", below & ~above, g, zero),
        call("where", above, g, zero),
    )


@op(
    name="clip",
    tex=r"\operatorname{{clip}}({0:_}, {1:_}, {2:_})",
    domain=((-3, 3), (-2.0, -1.0), (1.0, 2.0)),
    grad=_clip_grad,
)
def clip_between(xp: Any, x: Any, low: Any, high: Any) -> Any:
    r"""Every element brought between two bounds, :math:`\min(\max(x, a), b)`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.clip(pel.vector("x"), 0, 1)
    clip(x, 0, 1)
    """
    return xp.clip(x, low, high)


@public
def clip(x: Any, min: Any = None, max: Any = None) -> Any:
    r"""Every element brought between two bounds, :math:`\min(\max(x, a), b)`.

    Parameters
    ----------
    x : Expr, array or number
        Of any shape.
    min, max : Expr, array or number, optional
        The least and the greatest value, of shapes that broadcast; no bound without one. Where the least is
        above the greatest, the greatest holds.

    Returns
    -------
    Expr
        Of the broadcast shape and the common dtype.

    Examples
    --------
    >>> import pellucid as pel
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


def _where_grad(g: Any, z: Any, condition: Any, x: Any, y: Any) -> Any:
    zero = np.zeros((), z.dtype)
    return None, call("where", condition, g, zero), call("where", condition, zero, g)


@op(
    conditions=1,
    tex=r"\begin{{cases}} {1:_} & {0:_} \\ {2:_} & \text{{otherwise}} \end{{cases}}",
    tex_precedence=ADD,
    grad=_where_grad,
)
def where(xp: Any, condition: Any, x: Any, y: Any) -> Any:
    r"""One element or the other, as a condition says: :math:`x` where it holds, :math:`y` elsewhere.

    Parameters
    ----------
    condition : Expr or array of bool
        Which to take.
    x, y : Expr, array or number
        What to take. All three broadcast.

    Returns
    -------
    Expr
        Of the broadcast shape.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> pel.where(x > 0, x, 0.1 * x)
    where(x > 0, x, 0.1 * x)
    """
    return xp.where(condition, x, y)


def _not_infinite(x: Any, g: Any) -> Any:
    return call("where", call("isfinite", x), g, np.zeros((), x.dtype))


@op(
    tex=r"\operatorname{{nan\_to\_num}}({0:_})",
    edge=(np.nan, np.inf, -np.inf),
    grad=lambda g, y, x, nan, posinf, neginf: _not_infinite(x, g),
)
def nan_to_num(xp: Any, x: Any, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    r"""Every element that is a number, :math:`y = x`; others in the place of what is not a number and of infinities.

    Parameters
    ----------
    x : Expr, array or number
        Of any shape.
    nan : float
        What takes the place of what is not a number.
    posinf, neginf : float, optional
        What takes the place of infinities: the greatest and the least number of the dtype without them.

    Returns
    -------
    Expr
        Of the shape and dtype of ``x``.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.nan_to_num([1.0, np.nan]))()
    array([1., 0.], dtype=float32)
    """
    return xp.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)
