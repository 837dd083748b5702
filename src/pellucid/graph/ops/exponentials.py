r"""Exponentials and logarithms of every element, to every base, and sums of exponentials by their logarithms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.graph.op import op
from pellucid.graph.operators import call
from pellucid.graph.printing import POWER

POSITIVE = (0.2, 3.0)
LOG_2, LOG_10 = math.log(2), math.log(10)


@op(tex="e^{{{0:_}}}", tex_precedence=POWER, floats=True, edge=(0.0, -200.0), grad=lambda g, y, x: g * y, cost=10)
def exp(xp: Any, x: Any) -> Any:
    r"""Exponential of every element, :math:`e^x`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.exp(pel.vector("x"))
    exp(x)
    """
    return xp.exp(x)


@op(tex=r"\left(e^{{{0:_}}} - 1\right)", floats=True, edge=(0.0, -200.0), grad=lambda g, y, x: g * exp(x), cost=12)
def expm1(xp: Any, x: Any) -> Any:
    r"""Exponential less one, :math:`e^x - 1`, exact also for small :math:`x`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.simplify(pel.exp(pel.vector("x")) - 1)
    expm1(x)
    """
    return xp.expm1(x)


@op(tex=r"\log({0:_})", floats=True, domain=POSITIVE, edge=(1e-30, 1e30), grad=lambda g, y, x: g / x, cost=10)
def log(xp: Any, x: Any) -> Any:
    r"""Natural logarithm of every element, :math:`\log x`.

    Examples
    --------
    >>> import pellucid as pel
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
)
def log1p(xp: Any, x: Any) -> Any:
    r"""Logarithm of one more, :math:`\log(1 + x)`, exact also for small :math:`x`.

    Examples
    --------
    >>> import pellucid as pel
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
)
def exp2(xp: Any, x: Any) -> Any:
    r"""Two to the power of every element, :math:`2^x`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.exp2([3.0, -1.0]))()
    array([8. , 0.5], dtype=float32)
    """
    return xp.exp2(x)


@op(
    tex=r"\log_2({0:_})",
    floats=True,
    domain=POSITIVE,
    edge=(1e-30, 1e30),
    grad=lambda g, y, x: g / x * (1 / LOG_2),
    cost=10,
)
def log2(xp: Any, x: Any) -> Any:
    r"""Logarithm of every element to base 2, :math:`\log_2 x`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.log2(8.0))()
    np.float32(3.0)
    """
    return xp.log2(x)


@op(
    tex=r"\log_{{10}}({0:_})",
    floats=True,
    domain=POSITIVE,
    edge=(1e-30, 1e30),
    grad=lambda g, y, x: g / x * (1 / LOG_10),
    cost=10,
)
def log10(xp: Any, x: Any) -> Any:
    r"""Logarithm of every element to base 10, :math:`\log_{10} x`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.log10(1000.0))()
    np.float32(3.0)
    """
    return xp.log10(x)


def _shares(unit: float) -> Any:
    """Give each of two exponentials its share of the gradient of the logarithm of their sum."""

    def grad(g: Any, z: Any, x: Any, y: Any) -> Any:
        # Equal ones share it equally, also where both are infinite and have no difference.
        same = call("equal", x, y)
        zero = np.zeros((), z.dtype)
        above = unit * (call("where", same, zero, x) - call("where", same, zero, y))
        return g * call("sigmoid", above), g * call("sigmoid", -above)

    return grad


@op(
    tex=r"\log\left(e^{{{0:_}}} + e^{{{1:_}}}\right)",
    floats=True,
    commutative=True,
    edge=(0.0, 1e4, -1e4),
    grad=_shares(1.0),
    cost=25,
)
def logaddexp(xp: Any, x: Any, y: Any) -> Any:
    r"""Logarithm of the sum of two exponentials, :math:`\log(e^x + e^y)`, which neither overflows nor underflows.

    Parameters
    ----------
    x, y : Expr, array or number
        Of shapes that broadcast.

    Returns
    -------
    Expr
        Of the broadcast shape.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.logaddexp(1000.0, 0.0))()
    np.float32(1000.0)
    """
    return xp.logaddexp(x, y)


@op(
    tex=r"\log_2\left(2^{{{0:_}}} + 2^{{{1:_}}}\right)",
    floats=True,
    commutative=True,
    edge=(0.0, 1e4, -1e4),
    grad=_shares(LOG_2),
    cost=25,
)
def logaddexp2(xp: Any, x: Any, y: Any) -> Any:
    r"""Logarithm to base 2 of the sum of two powers of 2, :math:`\log_2(2^x + 2^y)`, which does not overflow either.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.logaddexp2(1000.0, 1000.0))()
    np.float32(1001.0)
    """
    return xp.logaddexp2(x, y)
