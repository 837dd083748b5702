r"""Angles, in radians: sines and their kin, and the angles that have them."""

from __future__ import annotations

from typing import Any

from pellucid.graph.op import op
from pellucid.graph.operators import call


@op(tex=r"\sin({0:_})", floats=True, edge=(0.0,), grad=lambda g, y, x: g * call("cos", x), cost=10)
def sin(xp: Any, x: Any) -> Any:
    r"""Sine of every element, in radians, :math:`\sin x`.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.sin(x), x)
    cos(x)
    """
    return xp.sin(x)


@op(tex=r"\cos({0:_})", floats=True, edge=(0.0,), grad=lambda g, y, x: -g * sin(x), cost=10)
def cos(xp: Any, x: Any) -> Any:
    r"""Cosine of every element, in radians, :math:`\cos x`.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.cos(x), x)
    -sin(x)
    """
    return xp.cos(x)
