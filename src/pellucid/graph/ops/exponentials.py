r"""Exponentials and logarithms of every element, to every base, and sums of exponentials by their logarithms."""

from __future__ import annotations

from typing import Any

from pellucid.graph.op import op
from pellucid.graph.text import POWER

POSITIVE = (0.2, 3.0)


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
