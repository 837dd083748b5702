r"""Differences of two values of a function, accurate where both are nearly equal or near a limit of the function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.op_decorator import op
from pellucid.graph.ops.activations import sigmoid, sigmoid_slope
from pellucid.graph.ops.exponentials import exp
from pellucid.graph.ops.special import SLOPE_AT_ZERO, get_jax_function, get_scipy_function
from pellucid.graph.precedence import ADD


@op(
    tex=r"e^{{{0:_}}} - e^{{{1:_}}}",
    text="exp({0}) - exp({1})",
    precedence=ADD,
    tex_precedence=ADD,
    floats=True,
    composite=True,
    grad=lambda g, z, x, y: (g * exp(x), -(g * exp(y))),
    edge=(0.0, 80.0, -1000.0),
    cost=40,
    behind="exp",
)
def exp_difference(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Difference of exponentials, :math:`e^x - e^y`, computed as :math:`-e^x (e^{y - x} - 1)` if :math:`x` is larger.

    Examples
    --------
    >>> x, y = pel.scalar("x"), pel.scalar("y")
    >>> pel.simplify(pel.exp(x) - pel.exp(y)).eval({x: 1.0, y: 1.0 - 1e-6})
    np.float32(2.75e-06)
    """
    larger = xp.maximum(x, y)
    factor = xp.where(x > y, -xp.expm1(y - larger), xp.expm1(x - larger))
    return xp.where(xp.equal(x, y), xp.zeros_like(larger), xp.exp(larger) * factor)


def _sigmoid(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    small = xp.exp(-xp.abs(x))
    return xp.where(x > 0, xp.ones_like(x), small) / (1 + small)


@op(
    tex=r"\sigma({0:_}) - \sigma({1:_})",
    text="sigmoid({0}) - sigmoid({1})",
    precedence=ADD,
    tex_precedence=ADD,
    floats=True,
    composite=True,
    grad=lambda g, z, x, y: (g * sigmoid_slope(sigmoid(x), x), -(g * sigmoid_slope(sigmoid(y), y))),
    edge=(0.0, 1000.0, -1000.0),
    cost=40,
    behind="sigmoid",
)
def sigmoid_difference(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Difference of logistic functions, :math:`\sigma(x) - \sigma(y) = \sigma(x) \, \sigma(-y) \, (1 - e^{y - x})`.

    The operands are exchanged if :math:`y` is larger.

    Examples
    --------
    >>> x, y = pel.scalar("x"), pel.scalar("y")
    >>> pel.simplify(pel.sigmoid(x) - pel.sigmoid(y)).eval({x: 21.0, y: 20.0})
    np.float32(1.3029e-09)
    """
    larger, smaller = xp.maximum(x, y), xp.minimum(x, y)
    difference = xp.where(smaller < larger, smaller - larger, xp.zeros_like(larger))  # also of equal infinities
    size = _sigmoid(xp, larger) * _sigmoid(xp, -smaller) * -xp.expm1(difference)
    return xp.where(x > y, size, -size)


@op(
    tex=r"\arctan({0:_}) - \arctan({1:_})",
    text="arctan({0}) - arctan({1})",
    precedence=ADD,
    tex_precedence=ADD,
    floats=True,
    composite=True,
    grad=lambda g, z, x, y: (g / (1 + x * x), -(g / (1 + y * y))),
    edge=(0.0, 1e10, -1e10),
    cost=60,
    behind="arctan",
)
def arctan_difference(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Difference of inverse tangents, computed as the angle of the point :math:`(1 + x y, x - y)`.

    Examples
    --------
    >>> x, y = pel.scalar("x"), pel.scalar("y")
    >>> pel.simplify(pel.arctan(x) - pel.arctan(y)).eval({x: 2e8, y: 1e8})
    np.float32(5.0e-09)
    """
    # Both coordinates are divided by |y| where the product of large numbers would overflow.
    is_large = xp.logical_and(xp.abs(x) > 1, xp.abs(y) > 1)
    divisor = xp.where(is_large, xp.abs(y), xp.ones_like(y))
    near = xp.arctan2((x - y) / divisor, 1 / divisor + x * (y / divisor))
    is_finite = xp.logical_and(xp.abs(x) < np.inf, xp.abs(y) < np.inf)
    return xp.where(is_finite, near, xp.arctan(x) - xp.arctan(y))


def _erf_difference(get_function: Callable[[str], Callable[..., Any]]) -> Callable[..., NamespaceArray]:
    def value(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
        # Where both have one sign, the complements are small.
        same = ((x > 0) & (y > 0)) | ((x < 0) & (y < 0))
        sign = xp.where(x > 0, xp.ones_like(x), -xp.ones_like(x))
        erf, erfc = get_function("erf"), get_function("erfc")
        tails = sign * (erfc(xp, sign * y) - erfc(xp, sign * x))
        return xp.where(same & (xp.minimum(xp.abs(x), xp.abs(y)) > 0.5), tails, erf(xp, x) - erf(xp, y))

    return value


@op(
    tex=r"\operatorname{{erf}}({0:_}) - \operatorname{{erf}}({1:_})",
    text="erf({0}) - erf({1})",
    precedence=ADD,
    tex_precedence=ADD,
    floats=True,
    xla=_erf_difference(get_jax_function),
    grad=lambda g, z, x, y: (g * SLOPE_AT_ZERO * exp(-x * x), -(g * SLOPE_AT_ZERO * exp(-y * y))),
    edge=(0.0, 30.0, -30.0),
    cost=80,
    behind="erf",
)
def erf_difference(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Difference of error functions, computed from complementary ones where both operands are far from 0.

    Examples
    --------
    >>> x, y = pel.scalar("x"), pel.scalar("y")
    >>> pel.simplify(pel.erf(x) - pel.erf(y)).eval({x: 6.0, y: 5.0})
    np.float32(1.5374e-12)
    """
    return _erf_difference(get_scipy_function)(xp, x, y)
