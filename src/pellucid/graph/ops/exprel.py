r"""Quotients that are 0 / 0 at 0, where they have a value all the same, and a slope."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.graph.op import op
from pellucid.graph.operators import call
from pellucid.graph.ops.exponentials import exp


def _near_zero(x: Any, radius: float, coefficients: Sequence[float], far: Callable[[Any], Any]) -> Any:
    """Write a function as a series of powers near 0 and as a formula elsewhere."""
    small = call("abs", x) < radius
    near, away = call("where", small, x, np.zeros((), x.dtype)), call("where", small, np.ones((), x.dtype), x)
    series: Any = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        series = coefficient + near * series
    return call("where", small, series, far(away))


def _exprel_grad(g: Any, y: Any, x: Any) -> Any:
    series = [(k + 1) / math.factorial(k + 2) for k in range(14)]
    return g * _near_zero(x, 0.5, series, lambda a: (exp(a) - exprel(a)) / a)


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
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> pel.simplify((pel.exp(x) - 1) / x)
    exprel(x)
    """
    zero = xp.equal(x, 0)
    return xp.where(zero, xp.ones_like(x), xp.expm1(x) / xp.where(zero, xp.ones_like(x), x))


def _log1prel_grad(g: Any, y: Any, x: Any) -> Any:
    series = [(-1.0) ** (k + 1) * (k + 1) / (k + 2) for k in range(16)]
    return g * _near_zero(x, 0.1, series, lambda a: (1 / (1 + a) - log1prel(a)) / a)


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
    >>> import pellucid as pel
    >>> x = pel.vector("x")
    >>> pel.simplify(pel.log(1 + x) / x)
    log1prel(x)
    """
    zero = xp.equal(x, 0)
    return xp.where(zero, xp.ones_like(x), xp.log1p(x) / xp.where(zero, xp.ones_like(x), x))
