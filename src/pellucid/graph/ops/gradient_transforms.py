r"""Identity ops that stop, clip or scale the gradient.

The simplifier keeps these ops, because the simplified expression may still be differentiated. Compilation removes them
(`pellucid.graph.passes`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.errors import GradientError
from pellucid.graph.expr import Expr, OpSettings
from pellucid.graph.op import PrintedOperand, TemplatePiece
from pellucid.graph.op_decorator import op
from pellucid.graph.operators import call_op
from pellucid.graph.range_rules import elements_of


def _get_operand(x: Expr, **settings: Any) -> Expr:
    return x


def _call_text(name: str, *keys: str) -> Any:
    """Print as ``clip_gradient(x, low=-1, high=1)``, without settings that are None."""

    def text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
        arguments = [f", {key}={settings[key]:g}" for key in keys if settings[key] is not None]
        return [f"{name}(", (operands[0], 0), *arguments, ")"]

    return text


@op(
    tex=r"\operatorname{{stop}}({0:_})",
    differentiable=False,
    folds=False,
    release=_get_operand,
    cost=0,
    value_range=elements_of(0),
)
def stop_gradient(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Identity with zero gradient: :math:`f(x) = x`, :math:`f'(x) = 0`.

    Theano calls it ``zero_grad``, ``disconnected_grad`` and ``consider_constant``.

    Parameters
    ----------
    x : Expr, array or number
        Input of any shape.

    Returns
    -------
    Expr
        Same value as ``x``.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(x * pel.stop_gradient(x), x)
    stop_gradient(x)
    """
    return x


def _normalize_bounds(x: Expr, low: float | None = None, high: float | None = None) -> OpSettings:
    low, high = (_check_number("clip_gradient", name, value) for name, value in (("low", low), ("high", high)))
    if low is not None and high is not None and low > high:
        raise GradientError(f"clip_gradient: expected low <= high. Received: low={low}, high={high}")
    return {"low": low, "high": high}


def _check_number(op_name: str, name: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, Expr) or np.ndim(value) or not np.isreal(value) or np.isnan(value):
        raise GradientError(f"{op_name}: expected a number for {name}. Received: {name}={value!r}")
    return float(value)


def _clip_gradient_grad(g: Expr, y: Expr, x: Expr, low: float | None, high: float | None) -> Expr:
    g = g if low is None else call_op("maximum", g, low)
    return g if high is None else call_op("minimum", g, high)


@op(
    floats=True,
    folds=False,
    normalize=_normalize_bounds,
    release=_get_operand,
    grad=_clip_gradient_grad,
    text=_call_text("clip_gradient", "low", "high"),
    cost=0,
    value_range=elements_of(0),
)
def clip_gradient(
    xp: ArrayNamespace, x: NamespaceArray, low: float | None = None, high: float | None = None
) -> NamespaceArray:
    r"""Identity that clips the gradient elementwise: :math:`g \mapsto \min(\max(g, a), b)`.

    The clipping is applied to the total gradient of ``x``, after the contributions of all uses are summed.

    Parameters
    ----------
    x : Expr, array or number
        Floating-point input of any shape.
    low, high : number, optional
        Bounds; None for no bound.

    Returns
    -------
    Expr
        Same value as ``x``.

    Raises
    ------
    GradientError
        If a bound is not a number, or ``low`` is greater than ``high``.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(5 * pel.clip_gradient(x, -1, 1), x)
    1
    """
    return x


def _normalize_factor(x: Expr, factor: float = 1.0) -> OpSettings:
    value = _check_number("scale_gradient", "factor", factor)
    if value is None:
        raise GradientError("scale_gradient: expected a number for factor. Received: factor=None")
    return {"factor": value}


@op(
    floats=True,
    folds=False,
    normalize=_normalize_factor,
    release=_get_operand,
    grad=lambda g, y, x, factor: g * factor,
    text=_call_text("scale_gradient", "factor"),
    cost=0,
    value_range=elements_of(0),
)
def scale_gradient(xp: ArrayNamespace, x: NamespaceArray, factor: float = 1.0) -> NamespaceArray:
    r"""Identity that multiplies the gradient by a number, :math:`g \mapsto k g`.

    A factor of -1 gives the gradient reversal layer of domain adaptation.

    Parameters
    ----------
    x : Expr, array or number
        Floating-point input of any shape.
    factor : number
        Factor :math:`k`.

    Returns
    -------
    Expr
        Same value as ``x``.

    Raises
    ------
    GradientError
        If the factor is not a number.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(5 * pel.scale_gradient(x, -1), x)
    -5

    References
    ----------
    Y. Ganin and V. Lempitsky, Unsupervised Domain Adaptation by Backpropagation, ICML 2015.
    """
    return x
