r"""Elementwise hyperbolic functions and their inverses."""

from __future__ import annotations

import math

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.op_decorator import alias, op
from pellucid.graph.operators import call_op
from pellucid.graph.precedence import ADD
from pellucid.graph.range_rules import even, fixed, increasing


@op(
    tex=r"\tanh({0:_})",
    floats=True,
    edge=(0.0, 50.0, -50.0),
    grad=lambda g, y, x: g * (1 - y * y),
    cost=10,
    value_range=increasing(np.tanh),
)
def tanh(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise hyperbolic tangent, :math:`\tanh x = (e^x - e^{-x}) / (e^x + e^{-x})`.

    Parameters
    ----------
    x : Expr, array or number
        Input of any shape.

    Returns
    -------
    Expr
        Same shape as ``x``, with values between -1 and 1.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.tanh(x), x)
    1 - tanh(x) ** 2
    """
    return xp.tanh(x)


@op(
    tex=r"\sinh({0:_})",
    floats=True,
    edge=(0.0, 80.0, -80.0),
    grad=lambda g, y, x: g * call_op("cosh", x),
    cost=12,
    value_range=increasing(np.sinh),
)
def sinh(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise hyperbolic sine, :math:`\sinh x = (e^x - e^{-x}) / 2`.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.sinh(x), x)
    cosh(x)
    """
    return xp.sinh(x)


@op(
    tex=r"\cosh({0:_})",
    floats=True,
    edge=(0.0, 80.0, -80.0),
    grad=lambda g, y, x: g * sinh(x),
    cost=12,
    value_range=even(np.cosh),
)
def cosh(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise hyperbolic cosine, :math:`\cosh x = (e^x + e^{-x}) / 2`.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.cosh(x), x)
    sinh(x)
    """
    return xp.cosh(x)


@alias("asinh")
@op(
    tex=r"\operatorname{{arsinh}}({0:_})",
    floats=True,
    edge=(0.0, 1e30, -1e30),
    grad=lambda g, y, x: g / call_op("hypot", x, 1),
    cost=12,
    value_range=increasing(np.arcsinh),
)
def arcsinh(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise inverse hyperbolic sine, :math:`\log(x + \sqrt{x^2 + 1})`.

    Examples
    --------
    >>> pel.function([], pel.arcsinh(0.0))()
    np.float32(0.0)
    """
    return xp.arcsinh(x)


@alias("acosh")
@op(
    tex=r"\operatorname{{arcosh}}({0:_})",
    floats=True,
    domain=(1.2, 3.0),
    edge=(1.001, 1e30),
    # Two square roots, because (x - 1) * (x + 1) overflows for large x.
    grad=lambda g, y, x: g / (call_op("sqrt", x - 1) * call_op("sqrt", x + 1)),
    cost=12,
    value_range=increasing(np.arccosh, 1),
)
def arccosh(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise inverse hyperbolic cosine, :math:`\log(x + \sqrt{x^2 - 1})`, for :math:`x \ge 1`.

    Examples
    --------
    >>> pel.function([], pel.arccosh(1.0))()
    np.float32(0.0)
    """
    return xp.arccosh(x)


@alias("atanh")
@op(
    tex=r"\operatorname{{artanh}}({0:_})",
    floats=True,
    domain=(-0.9, 0.9),
    edge=(0.0, 0.99),
    grad=lambda g, y, x: g / ((1 - x) * (1 + x)),
    cost=12,
    value_range=increasing(np.arctanh, -1, 1),
)
def arctanh(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise inverse hyperbolic tangent, :math:`\frac{1}{2} \log \frac{1 + x}{1 - x}`.

    Examples
    --------
    >>> pel.function([], pel.arctanh(0.0))()
    np.float32(0.0)
    """
    return xp.arctanh(x)


@op(
    tex=r"1 - {0:^}^2",
    tex_precedence=ADD,
    text="1 - {0:^} ** 2",
    precedence=ADD,
    floats=True,
    edge=(0.0, 40.0, -40.0, 1e5),
    grad=lambda g, z, y, x: (None, g * (-2 * (z * tanh(x)))),
    cost=16,
    behind="tanh",
    value_range=fixed(0, 1),
)
def tanh_slope(xp: ArrayNamespace, y: NamespaceArray, x: NamespaceArray) -> NamespaceArray:
    r"""Derivative of the hyperbolic tangent, :math:`1 - y^2` where :math:`y = \tanh x`.

    Computed as :math:`4 e / (1 + e)^2` with :math:`e = e^{-2|x|}`, because :math:`1 - y^2` loses its digits where
    :math:`y` is nearly 1.

    ``y`` appears in the printed formula; only its shape enters the value.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> slope = pel.grad(pel.tanh(x), x)
    >>> slope
    1 - tanh(x) ** 2
    >>> slope.eval({x: 12.0})
    np.float32(1.51005e-10)
    """
    small = xp.exp(-2 * xp.abs(x))
    return xp.broadcast_to(4 * small / xp.square(1 + small), np.broadcast_shapes(np.shape(x), np.shape(y)))


@op(
    tex=r"\operatorname{{sech}}({0:_})",
    floats=True,
    composite=True,
    edge=(0.0, 100.0, -100.0, 1e5),
    grad=lambda g, y, x: -g * (y * tanh(x)),
    cost=16,
    value_range=fixed(0, 1),
)
def sech(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Elementwise hyperbolic secant, :math:`1 / \cosh x = 2 / (e^x + e^{-x})`.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.simplify(2 / (pel.exp(x) + pel.exp(-x)))
    sech(x)
    """
    small = xp.exp(-xp.abs(x))
    return 2 * small / (1 + small * small)


@op(
    tex=r"\log(\cosh({0:_}))",
    floats=True,
    composite=True,
    edge=(0.0, 1000.0, -1000.0),
    grad=lambda g, y, x: g * tanh(x),
    cost=40,
    value_range=even(lambda x: x + np.log1p(np.exp(-2 * x)) - np.log(2)),
)
def log_cosh(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Logarithm of the hyperbolic cosine, :math:`\log \cosh x`, which does not overflow for large :math:`|x|`.

    Examples
    --------
    >>> pel.simplify(pel.log(pel.cosh(pel.vector("x"))))
    log_cosh(x)
    """
    # Near 0 the result is about x^2 / 2, which |x| - log 2 + log1p(...) would lose: cosh x = 1 + 2 sinh^2(x / 2).
    size = xp.abs(x)
    near = xp.log1p(2 * xp.square(xp.sinh(xp.minimum(size, 1) / 2)))
    return xp.where(size < 1, near, size + xp.log1p(xp.exp(-2 * size)) - math.log(2))
