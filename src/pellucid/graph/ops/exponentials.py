r"""Elementwise exponentials and logarithms, and their quotients with a removable singularity at 0."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.expr import Expr
from pellucid.graph.interval import Interval
from pellucid.graph.op_decorator import op
from pellucid.graph.operators import call_op
from pellucid.graph.ops.elementwise import POSITIVE, evaluate_polynomial
from pellucid.graph.precedence import MULTIPLY, POWER
from pellucid.graph.range_rules import fixed, increasing
from pellucid.graph.types import DType

LOG_2, LOG_10 = math.log(2), math.log(10)

_logarithm = functools.partial(op, floats=True, domain=POSITIVE, edge=(1e-30, 1e30), cost=10)


@op(
    tex="e^{{{0:_}}}",
    tex_precedence=POWER,
    floats=True,
    edge=(0.0, -200.0),
    grad=lambda g, y, x: g * y,
    cost=10,
    value_range=increasing(np.exp),
)
def exp(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise exponential, :math:`e^x`.

    Examples
    --------
    >>> pel.exp(pel.vector("x"))
    exp(x)
    """
    return xp.exp(x)


@op(
    tex=r"\left(e^{{{0:_}}} - 1\right)",
    floats=True,
    edge=(0.0, -200.0),
    grad=lambda g, y, x: g * exp(x),
    cost=12,
    value_range=increasing(np.expm1),
)
def expm1(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise :math:`e^x - 1`, accurate for small :math:`x`.

    Examples
    --------
    >>> pel.simplify(pel.exp(pel.vector("x")) - 1)
    expm1(x)
    """
    return xp.expm1(x)


@_logarithm(tex=r"\log({0:_})", grad=lambda g, y, x: g / x, value_range=increasing(np.log, 0))
def log(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise natural logarithm, :math:`\log x`.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.log(x), x)
    1 / x
    """
    return xp.log(x)


@op(
    tex=r"\log(1 + {0})",
    floats=True,
    domain=(-0.8, 3.0),
    edge=(0.0, 1e30),
    text="log1p({0})",
    grad=lambda g, y, x: g / (1 + x),
    cost=12,
    value_range=increasing(np.log1p, -1),
)
def log1p(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise :math:`\log(1 + x)`, accurate for small :math:`x`.

    Examples
    --------
    >>> pel.simplify(pel.log(1 + pel.vector("x")))
    log1p(x)
    """
    return xp.log1p(x)


@op(
    tex="2^{{{0:_}}}",
    tex_precedence=POWER,
    floats=True,
    edge=(0.0, -200.0),
    grad=lambda g, y, x: g * y * LOG_2,
    cost=10,
    value_range=increasing(np.exp2),
)
def exp2(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise power of two, :math:`2^x`.

    Examples
    --------
    >>> pel.function([], pel.exp2([3.0, -1.0]))()
    array([8. , 0.5], dtype=float32)
    """
    return xp.exp2(x)


@_logarithm(tex=r"\log_2({0:_})", grad=lambda g, y, x: g / x * (1 / LOG_2), value_range=increasing(np.log2, 0))
def log2(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise base-2 logarithm, :math:`\log_2 x`.

    Examples
    --------
    >>> pel.function([], pel.log2(8.0))()
    np.float32(3.0)
    """
    return xp.log2(x)


@_logarithm(tex=r"\log_{{10}}({0:_})", grad=lambda g, y, x: g / x * (1 / LOG_10), value_range=increasing(np.log10, 0))
def log10(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise base-10 logarithm, :math:`\log_{10} x`.

    Examples
    --------
    >>> pel.function([], pel.log10(1000.0))()
    np.float32(3.0)
    """
    return xp.log10(x)


def _logaddexp_grad(unit: float) -> Any:
    def grad(g: Expr, z: Expr, x: Expr, y: Expr) -> tuple[Expr, Expr]:
        # Equal operands get half the gradient each. Infinities are replaced by 1, because inf - inf is NaN.
        same = call_op("equal", x, y)
        one = np.ones((), z.dtype)
        difference = unit * (call_op("where", same, one, x) - call_op("where", same, one, y))
        return g * call_op("sigmoid", difference), g * call_op("sigmoid", -difference)

    return grad


@op(
    tex=r"\log\left(e^{{{0:_}}} + e^{{{1:_}}}\right)",
    floats=True,
    commutative=True,
    edge=(0.0, 1e4, -1e4),
    grad=_logaddexp_grad(1.0),
    cost=25,
    value_range=lambda node, x, y: Interval(float(np.logaddexp(x.low, y.low)), float(np.logaddexp(x.high, y.high))),
)
def logaddexp(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Logarithm of the sum of two exponentials, :math:`\log(e^x + e^y)`, without overflow or underflow.

    Parameters
    ----------
    x, y : Expr, array or number
        Operands whose shapes broadcast.

    Returns
    -------
    Expr
        Broadcast shape.

    Examples
    --------
    >>> pel.function([], pel.logaddexp(1000.0, 0.0))()
    np.float32(1000.0)
    """
    return xp.logaddexp(x, y)


@op(
    tex=r"\log_2\left(2^{{{0:_}}} + 2^{{{1:_}}}\right)",
    floats=True,
    commutative=True,
    edge=(0.0, 1e4, -1e4),
    grad=_logaddexp_grad(LOG_2),
    cost=25,
)
def logaddexp2(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Base-2 logarithm of the sum of two powers of two, :math:`\log_2(2^x + 2^y)`, without overflow or underflow.

    Examples
    --------
    >>> pel.function([], pel.logaddexp2(1000.0, 1000.0))()
    np.float32(1001.0)
    """
    return xp.logaddexp2(x, y)


@op(
    tex=r"\log(1 - e^{{{0:_}}})",
    floats=True,
    composite=True,
    domain=(-3.0, -0.2),
    edge=(-1e-30, -1000.0),
    grad=lambda g, y, x: g * (exp(x) / expm1(x)),
    cost=25,
    value_range=fixed(-math.inf, 0),
)
def log1mexp(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Logarithm of one minus an exponential, :math:`\log(1 - e^x)` for :math:`x < 0`, accurate near 0 and far from it.

    Examples
    --------
    >>> pel.simplify(pel.log(1 - pel.exp(pel.vector("x"))))
    log1mexp(x)

    References
    ----------
    M. Maechler, Accurately computing ``log(1 - exp(-|a|))``, vignette of the R package Rmpfr, 2012.
    """
    # expm1 is accurate near 0 and log1p far from it; the two forms meet at -log 2.
    near, middle = x > -LOG_2, xp.full_like(x, -LOG_2)
    small, large = xp.where(near & (x <= 0), x, middle), xp.where(near, middle, x)
    result = xp.where(near, xp.log(-xp.expm1(small)), xp.log1p(-xp.exp(large)))
    return xp.where(x > 0, xp.full_like(x, np.nan), result)


def _series_near_zero(x: Expr, radius: float, coefficients: Sequence[float], far: Callable[[Expr], Expr]) -> Expr:
    """Use a power series for abs(x) < radius, where the formula would cancel, and the formula elsewhere."""
    small = call_op("abs", x) < radius
    near, away = call_op("where", small, x, np.zeros((), x.dtype)), call_op("where", small, np.ones((), x.dtype), x)
    return call_op("where", small, evaluate_polynomial(coefficients, near), far(away))


def _is_limit(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    """Tell where a quotient by x is 0 / 0 or infinity / infinity. XLA divides by subnormal numbers as by 0."""
    return xp.logical_or(xp.abs(x) <= 1e-30, xp.equal(x, np.inf))


def _exprel_grad(g: Expr, y: Expr, x: Expr) -> Expr:
    series = [(k + 1) / math.factorial(k + 2) for k in range(14)]
    return g * _series_near_zero(x, 0.5, series, lambda a: (exp(a) - exprel(a)) / a)


@op(
    tex=r"\frac{{e^{{{0:_}}} - 1}}{{{0:_}}}",
    floats=True,
    composite=True,
    edge=(0.0, 1e-20, 1e-3, -1000.0),
    grad=_exprel_grad,
    cost=14,
    value_range=fixed(0, math.inf),
)
def exprel(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Relative exponential, :math:`(e^x - 1) / x`, which is 1 at 0 and infinity at infinity.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.simplify((pel.exp(x) - 1) / x)
    exprel(x)
    """
    limit = _is_limit(xp, x)
    return xp.where(limit, 1 + x, xp.expm1(x) / xp.where(limit, xp.ones_like(x), x))


@op(
    tex=r"\frac{{1}}{{e^{{{0:_}}} - 1}}",
    text="1 / (exp({0}) - 1)",
    precedence=MULTIPLY,
    floats=True,
    composite=True,
    domain=(0.2, 3.0),
    edge=(1e-10, 1e-3, 1000.0, -1000.0),
    grad=lambda g, y, x: g * y * call_op("reciprocal_expm1", -x),
    cost=12,
    behind="expm1",
)
def reciprocal_expm1(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Reciprocal of an exponential minus 1, :math:`y(x) = 1 / (e^x - 1)`, the Bose-Einstein distribution.

    The derivative :math:`-e^x / (e^x - 1)^2 = y(x) \, y(-x)` does not overflow.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.simplify(1 / (pel.exp(x) - 1)).eval({x: 50.0})
    np.float32(1.9287e-22)
    """
    small = xp.exp(-xp.abs(x))
    return xp.where(x > 0, small, xp.copysign(xp.ones_like(x), x)) / -xp.expm1(-xp.abs(x))


def get_exp_limit(dtype: DType) -> float:
    """Return a number of which the exponential is finite in a dtype, and near the largest one."""
    return {2: 10.0, 4: 88.0}.get(dtype.itemsize, 700.0)


@op(
    tex=r"e^{{{0:_} - {1:>}}}",
    tex_precedence=POWER,
    text="exp({0} - {1:>})",
    floats=True,
    composite=True,
    edge=(0.0, 1000.0, -1000.0),
    grad=lambda g, y, x, m: (g * y, -(g * y)),
    cost=12,
    behind="exp",
    value_range=fixed(0, math.inf),
)
def shifted_exp(xp: ArrayNamespace, x: NamespaceArray, m: NamespaceArray) -> NamespaceArray:
    r"""Exponential of a difference, :math:`e^{x - m}`, bounded by the largest number of the dtype.

    Rules use it for terms of a sum that is multiplied by :math:`e^m` afterwards. The result is bounded, because a term
    that is far larger than all others may have the weight 0. An infinite ``m``, of terms that are all 0 or of an
    infinite sum, counts as 0, because infinities have no difference.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.simplify(1 / (pel.exp(x) + 3 * pel.exp(-x))).eval({x: 50.0})
    np.float32(1.9287e-22)
    """
    shifted = x - xp.where(xp.isinf(m), xp.zeros_like(m), m)
    return xp.exp(xp.minimum(shifted, get_exp_limit(shifted.dtype)))


def _log1prel_grad(g: Expr, y: Expr, x: Expr) -> Expr:
    series = [(-1.0) ** (k + 1) * (k + 1) / (k + 2) for k in range(16)]
    return g * _series_near_zero(x, 0.1, series, lambda a: (1 / (1 + a) - log1prel(a)) / a)


@op(
    tex=r"\frac{{\log(1 + {0:_})}}{{{0:_}}}",
    floats=True,
    composite=True,
    domain=(-0.8, 3.0),
    edge=(0.0, 1e-20, 1e-3, 1e30),
    grad=_log1prel_grad,
    cost=14,
    value_range=fixed(0, math.inf),
)
def log1prel(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Relative logarithm, :math:`\log(1 + x) / x`, which is 1 at 0 and 0 at infinity.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.simplify(pel.log(1 + x) / x)
    log1prel(x)
    """
    limit = _is_limit(xp, x)
    return xp.where(limit, 1 / (1 + x), xp.log1p(x) / xp.where(limit, xp.ones_like(x), x))
