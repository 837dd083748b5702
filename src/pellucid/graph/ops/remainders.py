r"""Functions less the first terms of their Taylor series, such as :math:`x - \sin x`, without cancellation near 0."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.expr import Expr
from pellucid.graph.op_decorator import op
from pellucid.graph.operators import call_op
from pellucid.graph.ops.elementwise import ArrayOrExpr, evaluate_polynomial
from pellucid.graph.ops.exponentials import expm1
from pellucid.graph.ops.hyperbolic import tanh
from pellucid.graph.ops.trigonometry import sin
from pellucid.graph.precedence import ADD

TERMS = range(9)
"""Terms of series, enough for float64 where |x| < 1."""

SIN_COEFFICIENTS = [(-1) ** k / math.factorial(2 * k + 3) for k in TERMS]
SIN_COS_COEFFICIENTS = [(-1) ** k * (2 * k + 2) / math.factorial(2 * k + 3) for k in TERMS]
TANH_COEFFICIENTS = [(2 * k + 2) / math.factorial(2 * k + 3) for k in TERMS]
EXP_COEFFICIENTS = [1 / math.factorial(k + 2) for k in range(17)]
LOG_COEFFICIENTS = [2 / (2 * k + 3) for k in range(17)]


def use_series_near_zero(
    xp: ArrayNamespace, x: NamespaceArray, bound: float, series: Callable[[Any], Any], direct: Callable[[Any], Any]
) -> NamespaceArray:
    """Return a series where |x| is below a bound, and a formula elsewhere. Both get finite operands everywhere."""
    small = xp.abs(x) < bound
    near, far = xp.where(small, x, xp.zeros_like(x)), xp.where(small, xp.ones_like(x), x)
    return xp.where(small, series(near), direct(far))


def cube_times_series(coefficients: Sequence[float], x: ArrayOrExpr) -> ArrayOrExpr:
    return x * (x * x) * evaluate_polynomial(coefficients, x * x)


@op(
    tex=r"{0:_} - \sin({0:_})",
    text="{0} - sin({0})",
    precedence=ADD,
    floats=True,
    composite=True,
    edge=(0.0, 1e-3),
    grad=lambda g, y, x: g * (2 * call_op("square", sin(x / 2))),
    cost=12,
    behind="sin",
)
def x_minus_sin(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Difference of a number and its sine, :math:`x - \sin x`, which is about :math:`x^3 / 6` near 0.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.function([x], x - pel.sin(x))(1e-6)
    np.float32(1.6666667e-19)
    """
    return use_series_near_zero(xp, x, 1, lambda x: cube_times_series(SIN_COEFFICIENTS, x), lambda x: x - xp.sin(x))


@op(
    tex=r"\sin({0:_}) - {0:>} \cos({0:_})",
    text="sin({0}) - {0:>} * cos({0})",
    precedence=ADD,
    floats=True,
    composite=True,
    edge=(0.0, 1e-3),
    grad=lambda g, y, x: g * (x * sin(x)),
    cost=22,
    behind="sin",
)
def sin_minus_x_cos(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Numerator of a spherical Bessel function, :math:`\sin x - x \cos x`, which is about :math:`x^3 / 3` near 0.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.function([x], pel.sin(x) - x * pel.cos(x))(1e-6)
    np.float32(3.3333e-19)
    """
    return use_series_near_zero(
        xp, x, 1, lambda x: cube_times_series(SIN_COS_COEFFICIENTS, x), lambda x: xp.sin(x) - x * xp.cos(x)
    )


def _log_series(x: Expr) -> Expr:
    r"""Use :math:`\log(1 + x) = 2 \operatorname{artanh} s` and :math:`x - 2 s = x s` with :math:`s = x / (2 + x)`."""
    s = x / (2 + x)
    return x * s - cube_times_series(LOG_COEFFICIENTS, s)


@op(
    tex=r"{0:_} - \log(1 + {0:>})",
    text="{0} - log1p({0})",
    precedence=ADD,
    floats=True,
    composite=True,
    domain=(-0.9, 3.0),
    edge=(0.0, 1e-3),
    grad=lambda g, y, x: g * (x / (1 + x)),
    cost=12,
    behind="log1p",
)
def x_minus_log1p(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Difference of a number and its logarithm plus one, :math:`x - \log(1 + x)`, about :math:`x^2 / 2` near 0.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.function([x], x - pel.log(1 + x))(1e-6)
    np.float32(4.9999967e-13)
    """
    return use_series_near_zero(xp, x, 0.5, _log_series, lambda x: x - xp.log1p(x))


@op(
    tex=r"e^{{{0:_}}} - 1 - {0:>}",
    text="expm1({0}) - {0:>}",
    precedence=ADD,
    floats=True,
    composite=True,
    edge=(0.0, 1e-3, -1000.0),
    grad=lambda g, y, x: g * expm1(x),
    cost=14,
    behind="expm1",
)
def expm1_minus_x(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Exponential without the first terms of its series, :math:`e^x - 1 - x`, which is about :math:`x^2 / 2` near 0.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.function([x], pel.exp(x) - 1 - x)(1e-6)
    np.float32(5.0000016e-13)
    """
    return use_series_near_zero(
        xp, x, 1, lambda x: x * x * evaluate_polynomial(EXP_COEFFICIENTS, x), lambda x: xp.expm1(x) - x
    )


@op(
    tex=r"{0:_} - \tanh({0:_})",
    text="{0} - tanh({0})",
    precedence=ADD,
    floats=True,
    composite=True,
    edge=(0.0, 1e-3, 1000.0),
    grad=lambda g, y, x: g * call_op("square", tanh(x)),
    cost=22,
    behind="tanh",
)
def x_minus_tanh(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Difference of a number and its hyperbolic tangent, :math:`x - \tanh x`, which is about :math:`x^3 / 3` near 0.

    Computed as :math:`(x \cosh x - \sinh x) / \cosh x` near 0.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.function([x], x - pel.tanh(x))(1e-6)
    np.float32(3.3333331e-19)
    """
    return use_series_near_zero(
        xp, x, 1, lambda x: cube_times_series(TANH_COEFFICIENTS, x) / xp.cosh(x), lambda x: x - xp.tanh(x)
    )
