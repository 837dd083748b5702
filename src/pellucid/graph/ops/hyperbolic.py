r"""Hyperbolic functions and their inverses."""

from __future__ import annotations

from typing import Any

from pellucid.graph.op import also, op
from pellucid.graph.operators import call


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


@op(tex=r"\sinh({0:_})", floats=True, edge=(0.0, 80.0, -80.0), grad=lambda g, y, x: g * call("cosh", x), cost=12)
def sinh(xp: Any, x: Any) -> Any:
    r"""Hyperbolic sine of every element, :math:`\sinh x = (e^x - e^{-x}) / 2`.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.sinh(x), x)
    cosh(x)
    """
    return xp.sinh(x)


@op(tex=r"\cosh({0:_})", floats=True, edge=(0.0, 80.0, -80.0), grad=lambda g, y, x: g * sinh(x), cost=12)
def cosh(xp: Any, x: Any) -> Any:
    r"""Hyperbolic cosine of every element, :math:`\cosh x = (e^x + e^{-x}) / 2`.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.cosh(x), x)
    sinh(x)
    """
    return xp.cosh(x)


@also("asinh")
@op(
    tex=r"\operatorname{{arsinh}}({0:_})",
    floats=True,
    edge=(0.0, 1e30, -1e30),
    grad=lambda g, y, x: g / call("hypot", x, 1),
    cost=12,
)
def arcsinh(xp: Any, x: Any) -> Any:
    r"""Number whose hyperbolic sine every element is, :math:`\log(x + \sqrt{x^2 + 1})`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.arcsinh(0.0))()
    np.float32(0.0)
    """
    return xp.arcsinh(x)


@also("acosh")
@op(
    tex=r"\operatorname{{arcosh}}({0:_})",
    floats=True,
    domain=(1.2, 3.0),
    edge=(1.001, 1e30),
    # The square root of the product would leave the range of numbers where the product of the roots does not.
    grad=lambda g, y, x: g / (call("sqrt", x - 1) * call("sqrt", x + 1)),
    cost=12,
)
def arccosh(xp: Any, x: Any) -> Any:
    r"""Number whose hyperbolic cosine every element is, :math:`\log(x + \sqrt{x^2 - 1})`, for :math:`x \ge 1`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.arccosh(1.0))()
    np.float32(0.0)
    """
    return xp.arccosh(x)


@also("atanh")
@op(
    tex=r"\operatorname{{artanh}}({0:_})",
    floats=True,
    domain=(-0.9, 0.9),
    edge=(0.0, 0.99),
    grad=lambda g, y, x: g / ((1 - x) * (1 + x)),
    cost=12,
)
def arctanh(xp: Any, x: Any) -> Any:
    r"""Number whose hyperbolic tangent every element is, :math:`\frac{1}{2} \log \frac{1 + x}{1 - x}`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.arctanh(0.0))()
    np.float32(0.0)
    """
    return xp.arctanh(x)
