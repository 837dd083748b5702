r"""Hyperbolic functions and their inverses."""

from __future__ import annotations

from typing import Any

from pellucid.graph.op import op


@op(tex=r"\tanh({0:_})", floats=True, edge=(0.0, 50.0, -50.0), grad=lambda g, y, x: g * (1 - y * y), cost=10)
def tanh(xp: Any, x: Any) -> Any:
    r"""Hyperbolic tangent of every element, :math:`\tanh x = (e^x - e^{-x}) / (e^x + e^{-x})`.

    Parameters
    ----------
    x : Expr, array or number
        Of any shape.

    Returns
    -------
    Expr
        Of the shape of ``x``, between -1 and 1.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.tanh(x), x)
    1 - tanh(x) ** 2
    """
    return xp.tanh(x)
