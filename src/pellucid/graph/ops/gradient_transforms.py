r"""The value as it is, and a gradient that is not: stopped, clipped, scaled.

The simplifier leaves these ops where they stand, for what it simplifies may be differentiated afterwards. A program
lets go of them (`pellucid.graph.marker_removal`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import GradientError
from pellucid.graph.expr import Expr
from pellucid.graph.op import op
from pellucid.graph.operators import call
from pellucid.graph.printing import Piece


def _itself(x: Any, **settings: Any) -> Any:
    return x


def _with_numbers(name: str, *keys: str) -> Any:
    """Write the settings that are there as one would give them: ``clip_gradient(x, low=-1, high=1)``."""

    def text(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
        given = [f", {key}={settings[key]:g}" for key in keys if settings[key] is not None]
        return [f"{name}(", (operands[0], 0), *given, ")"]

    return text


@op(tex=r"\operatorname{{stop}}({0:_})", differentiable=False, folds=False, release=_itself, cost=0)
def stop_gradient(xp: Any, x: Any) -> Any:
    r"""The value itself, taken for a constant by every gradient: :math:`f(x) = x`, :math:`f'(x) = 0`.

    Theano calls it ``zero_grad``, ``disconnected_grad`` and ``consider_constant``.

    Parameters
    ----------
    x : Expr, array or number
        Of any shape.

    Returns
    -------
    Expr
        The same value.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.scalar("x")
    >>> pel.grad(x * pel.stop_gradient(x), x)
    stop_gradient(x)
    """
    return x


def _bounds(x: Expr, low: Any = None, high: Any = None) -> dict[str, Any]:
    low, high = (_number("clip_gradient", name, value) for name, value in (("low", low), ("high", high)))
    if low is not None and high is not None and low > high:
        raise GradientError(f"clip_gradient: expected low <= high. Received: low={low}, high={high}")
    return {"low": low, "high": high}


def _number(who: str, name: str, value: Any) -> float | None:
    """Refuse what is not a number, such as an expression, or None where it says nothing."""
    if value is None:
        return None
    if isinstance(value, Expr) or np.ndim(value) or not np.isreal(value) or np.isnan(value):
        raise GradientError(f"{who}: expected a number for {name}. Received: {name}={value!r}")
    return float(value)


def _clipped(g: Any, y: Any, x: Any, low: float | None, high: float | None) -> Any:
    g = g if low is None else call("maximum", g, low)
    return g if high is None else call("minimum", g, high)


@op(
    floats=True,
    folds=False,
    normalize=_bounds,
    release=_itself,
    grad=_clipped,
    text=_with_numbers("clip_gradient", "low", "high"),
    cost=0,
)
def clip_gradient(xp: Any, x: Any, low: Any = None, high: Any = None) -> Any:
    r"""The value itself, whose gradient is brought between two bounds: :math:`g \mapsto \min(\max(g, a), b)`.

    Each element is clipped by itself, once all that reaches it has been added up.

    Parameters
    ----------
    x : Expr, array or number
        Of any shape, of real numbers.
    low, high : number, optional
        The bounds; None for none.

    Returns
    -------
    Expr
        The same value.

    Raises
    ------
    GradientError
        If a bound is no number, or ``low`` is greater than ``high``.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.scalar("x")
    >>> pel.grad(5 * pel.clip_gradient(x, -1, 1), x)
    1
    """
    return x


def _factor(x: Expr, factor: Any = 1.0) -> dict[str, Any]:
    value = _number("scale_gradient", "factor", factor)
    if value is None:
        raise GradientError("scale_gradient: expected a number for factor. Received: factor=None")
    return {"factor": value}


@op(
    floats=True,
    folds=False,
    normalize=_factor,
    release=_itself,
    grad=lambda g, y, x, factor: g * factor,
    text=_with_numbers("scale_gradient", "factor"),
    cost=0,
)
def scale_gradient(xp: Any, x: Any, factor: Any = 1.0) -> Any:
    r"""The value itself, whose gradient is multiplied by a number, :math:`g \mapsto k g`.

    With a factor of -1 it is the gradient reversal layer of domain adaptation.

    Parameters
    ----------
    x : Expr, array or number
        Of any shape, of real numbers.
    factor : number
        What the gradient is multiplied by.

    Returns
    -------
    Expr
        The same value.

    Raises
    ------
    GradientError
        If the factor is no number.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.scalar("x")
    >>> pel.grad(5 * pel.scale_gradient(x, -1), x)
    -5

    References
    ----------
    Y. Ganin and V. Lempitsky, Unsupervised Domain Adaptation by Backpropagation, ICML 2015.
    """
    return x
