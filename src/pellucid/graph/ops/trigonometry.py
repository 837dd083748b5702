r"""Trigonometric functions and their inverses, in radians."""

from __future__ import annotations

import functools
import math

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.expr import Expr, Operand
from pellucid.graph.op_decorator import alias, op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.elementwise import POSITIVE, evaluate_polynomial
from pellucid.graph.range_rules import decreasing, fixed, increasing


@op(
    tex=r"\sin({0:_})",
    floats=True,
    edge=(0.0,),
    grad=lambda g, y, x: g * call_op("cos", x),
    cost=10,
    value_range=fixed(-1, 1),
)
def sin(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Sine of every element, in radians, :math:`\sin x`.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.sin(x), x)
    cos(x)
    """
    return xp.sin(x)


@op(tex=r"\cos({0:_})", floats=True, edge=(0.0,), grad=lambda g, y, x: -g * sin(x), cost=10, value_range=fixed(-1, 1))
def cos(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Cosine of every element, in radians, :math:`\cos x`.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.cos(x), x)
    -sin(x)
    """
    return xp.cos(x)


@op(tex=r"\tan({0:_})", floats=True, domain=(-1.2, 1.2), edge=(0.0,), grad=lambda g, y, x: g * (1 + y * y), cost=12)
def tan(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Tangent of every element, in radians, :math:`\tan x = \sin x / \cos x`.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.tan(x), x)
    1 + tan(x) ** 2
    """
    return xp.tan(x)


def _cos_of_arcsin(x: Expr) -> Expr:
    """Return sqrt(1 - x ** 2) without the cancellation of 1 - x ** 2 near 1."""
    return call_op("sqrt", (1 - x) * (1 + x))


_inverse_op = functools.partial(op, floats=True, domain=(-0.9, 0.9), edge=(0.0, 0.99), cost=12)


def _arcsin_xla(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    return xp.where(xp.abs(x) <= 1e-30, x, xp.arcsin(x))  # XLA's arcsin of a subnormal number is NaN


@alias("asin")
@_inverse_op(
    tex=r"\arcsin({0:_})",
    xla=_arcsin_xla,
    grad=lambda g, y, x: g / _cos_of_arcsin(x),
    value_range=increasing(np.arcsin, -1, 1),
)
def arcsin(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Inverse sine of every element, :math:`\arcsin x`, from :math:`-\pi/2` to :math:`\pi/2`.

    Examples
    --------
    >>> pel.function([], pel.arcsin(1.0))()
    np.float32(1.5707964)
    """
    return xp.arcsin(x)


@alias("acos")
@_inverse_op(
    tex=r"\arccos({0:_})", grad=lambda g, y, x: -g / _cos_of_arcsin(x), value_range=decreasing(np.arccos, -1, 1)
)
def arccos(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Inverse cosine of every element, :math:`\arccos x`, from :math:`0` to :math:`\pi`.

    Examples
    --------
    >>> pel.function([], pel.arccos(-1.0))()
    np.float32(3.1415927)
    """
    return xp.arccos(x)


@alias("atan")
@op(
    tex=r"\arctan({0:_})",
    floats=True,
    edge=(0.0, 1e15),
    grad=lambda g, y, x: g / (1 + x * x),
    cost=12,
    value_range=increasing(np.arctan),
)
def arctan(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Inverse tangent of every element, :math:`\arctan x`, from :math:`-\pi/2` to :math:`\pi/2`.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.arctan(x), x)
    1 / (1 + x ** 2)
    """
    return xp.arctan(x)


def _replace_zero(x: Expr) -> Expr:
    """Replace 0 by 1, for a divisor whose numerator is 0 there."""
    return call_op("where", call_op("equal", x, 0), np.ones((), x.dtype), x)


def _arctan2_grad(g: Expr, z: Expr, y: Expr, x: Expr) -> tuple[Expr, Expr]:
    # Divide twice by the radius, because its square overflows or underflows.
    radius = _replace_zero(hypot(x, y))
    return g * (x / radius / radius), -g * (y / radius / radius)


def _arctan2_xla(xp: ArrayNamespace, y: NamespaceArray, x: NamespaceArray) -> NamespaceArray:
    # XLA's result for a subnormal y is NaN, or on the wrong side of the cut.
    is_subnormal = xp.abs(y) < xp.finfo(y.dtype).tiny
    return xp.arctan2(xp.where(is_subnormal, xp.copysign(xp.zeros((), y.dtype), y), y), x)


@alias("atan2")
@op(
    xla=_arctan2_xla,
    tex=r"\operatorname{{atan2}}({0:_}, {1:_})",
    floats=True,
    domain=(POSITIVE, (-3, 3)),
    edge=(0.0, 1e25),
    grad=_arctan2_grad,
    cost=15,
    value_range=fixed(-math.pi, math.pi),
)
def arctan2(xp: ArrayNamespace, y: NamespaceArray, x: NamespaceArray) -> NamespaceArray:
    r"""Angle of the point :math:`(x, y)`, from :math:`-\pi` to :math:`\pi`. The first operand is :math:`y`.

    Examples
    --------
    >>> pel.function([], pel.arctan2(1.0, -1.0))()
    np.float32(2.3561945)
    """
    return xp.arctan2(y, x)


def _hypot_grad(g: Expr, z: Expr, x: Expr, y: Expr) -> tuple[Expr, Expr]:
    radius = _replace_zero(z)
    return g * (x / radius), g * (y / radius)


@op(
    tex=r"\sqrt{{{0:^}^2 + {1:^}^2}}",
    floats=True,
    commutative=True,
    domain=(POSITIVE, (-3, 3)),
    edge=(0.0, 1e25),
    grad=_hypot_grad,
    cost=6,
    value_range=fixed(0, math.inf),
)
def hypot(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Length of the vector :math:`(x, y)`, :math:`\sqrt{x^2 + y^2}`, without overflow of the squares. The gradient at
    the origin is 0.

    Examples
    --------
    >>> pel.function([], pel.hypot(3.0, 4.0))()
    np.float32(5.0)
    """
    return xp.hypot(x, y)


def _sinc_grad(g: Expr, y: Expr, x: Expr) -> Expr:
    """Differentiate by the Taylor series near 0, where (cos - sinc) / x cancels."""
    angle = np.array(np.pi, x.dtype) * x
    small = call_op("abs", x) < 0.2
    near, far = call_op("where", small, angle, 0), call_op("where", small, 1, x)
    coefficients = [(-1) ** k * 2 * k / math.factorial(2 * k + 1) for k in range(1, 8)]
    by_series = np.pi * near * evaluate_polynomial(coefficients, near * near)
    return g * call_op("where", small, by_series, (cos(np.pi * far) - sinc(far)) / far)


@op(
    tex=r"\operatorname{{sinc}}({0:_})",
    floats=True,
    edge=(0.0, 1e-3),
    grad=_sinc_grad,
    cost=12,
    value_range=fixed(-0.2173, 1),
)
def sinc(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Normalized sinc function of every element, :math:`\sin(\pi x) / (\pi x)`, which is 1 at 0.

    Examples
    --------
    >>> pel.function([], pel.sinc([0.0, 0.5]))()
    array([1.       , 0.63661975], dtype=float32)
    """
    return xp.sinc(x)


@alias("radians")
@register_function
def deg2rad(x: Operand) -> Expr:
    r"""Convert degrees to radians, :math:`\pi x / 180`.

    Parameters
    ----------
    x : Expr, array or number
        Angles in degrees, any shape.

    Examples
    --------
    >>> pel.function([], pel.deg2rad(180.0))()
    np.float32(3.1415927)
    """
    return call_op("multiply", x, np.pi / 180)


@alias("degrees")
@register_function
def rad2deg(x: Operand) -> Expr:
    r"""Convert radians to degrees, :math:`180 \, x / \pi`.

    Parameters
    ----------
    x : Expr, array or number
        Angles in radians, any shape.

    Examples
    --------
    >>> pel.function([], pel.rad2deg(np.pi))()
    np.float32(180.0)
    """
    return call_op("multiply", x, 180 / np.pi)
