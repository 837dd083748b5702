r"""Relative exponential and relative logarithm: quotients with a removable singularity at 0."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.graph.op import op
from pellucid.graph.operators import call_op
from pellucid.graph.ops.elementwise import evaluate_polynomial
from pellucid.graph.ops.exponentials import exp


def _series_near_zero(x: Any, radius: float, coefficients: Sequence[float], far: Callable[[Any], Any]) -> Any:
    """Use a power series for abs(x) < radius, where the formula would cancel, and the formula elsewhere."""
    small = call_op("abs", x) < radius
    near, away = call_op("where", small, x, np.zeros((), x.dtype)), call_op("where", small, np.ones((), x.dtype), x)
    return call_op("where", small, evaluate_polynomial(coefficients, near), far(away))


def _exprel_grad(g: Any, y: Any, x: Any) -> Any:
    series = [(k + 1) / math.factorial(k + 2) for k in range(14)]
    return g * _series_near_zero(x, 0.5, series, lambda a: (exp(a) - exprel(a)) / a)


@op(
    tex=r"\frac{{e^{{{0:_}}} - 1}}{{{0:_}}}",
    floats=True,
    compound=True,
    edge=(0.0, 1e-20, 1e-3, -1000.0),
    grad=_exprel_grad,
    cost=14,
)
def exprel(xp: Any, x: Any) -> Any:
    r"""Relative exponential, :math:`(e^x - 1) / x`, which is 1 at 0.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.simplify((pel.exp(x) - 1) / x)
    exprel(x)
    """
    zero = xp.equal(x, 0)
    return xp.where(zero, xp.ones_like(x), xp.expm1(x) / xp.where(zero, xp.ones_like(x), x))


def _log1prel_grad(g: Any, y: Any, x: Any) -> Any:
    series = [(-1.0) ** (k + 1) * (k + 1) / (k + 2) for k in range(16)]
    return g * _series_near_zero(x, 0.1, series, lambda a: (1 / (1 + a) - log1prel(a)) / a)


@op(
    tex=r"\frac{{\log(1 + {0:_})}}{{{0:_}}}",
    floats=True,
    compound=True,
    domain=(-0.8, 3.0),
    edge=(0.0, 1e-20, 1e-3, 1e30),
    grad=_log1prel_grad,
    cost=14,
)
def log1prel(xp: Any, x: Any) -> Any:
    r"""Relative logarithm, :math:`\log(1 + x) / x`, which is 1 at 0.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.simplify(pel.log(1 + x) / x)
    log1prel(x)
    """
    zero = xp.equal(x, 0)
    return xp.where(zero, xp.ones_like(x), xp.log1p(x) / xp.where(zero, xp.ones_like(x), x))
