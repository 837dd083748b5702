r"""The logarithm of the gamma function and its derivatives.

At poles and infinities all modes have the values of SciPy.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, JaxArray, NamespaceArray
from pellucid.graph.expr import Expr, Operand, OpSettings
from pellucid.graph.op import PrintedOperand, TemplatePiece
from pellucid.graph.op_decorator import alias, op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.elementwise import POSITIVE, evaluate_polynomial
from pellucid.graph.ops.formatters import settings_tex
from pellucid.graph.ops.special import get_scipy_function
from pellucid.graph.precedence import MULTIPLY
from pellucid.graph.validation import check_integer

if TYPE_CHECKING:
    from pellucid.typing import Array


def _polygamma_text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    return [f"polygamma({settings['n']}, ", (operands[0], 0), ")"]


def _gammaln_xla(xp: ArrayNamespace, x: Any) -> NamespaceArray:
    import jax.numpy as jnp
    from jax.lax import lgamma
    from scipy.special import zetac

    # Between 0.5 and 2.5 the logarithm has two zeros, around which JAX's function has an absolute accuracy only.
    near: Any = xp.logical_and(x >= 0.5, x <= 2.5)
    below = x < 1.5
    t = xp.where(near, x - xp.where(below, xp.ones_like(x), 2 * xp.ones_like(x)), xp.zeros_like(x))
    orders = range(2, 14 if x.dtype.itemsize <= 4 else 30)
    series = t * evaluate_polynomial([1 - np.euler_gamma, *((-1.0) ** k * float(zetac(k)) / k for k in orders)], t)
    elsewhere = xp.where(x == -math.inf, x, lgamma(jnp.where(near, jnp.ones_like(x), x)))  # SciPy has -inf at -inf
    return xp.where(near, xp.where(below, series - xp.log1p(t), series), elsewhere)


def _digamma_xla(xp: ArrayNamespace, x: JaxArray) -> NamespaceArray:
    from jax.lax import digamma

    return xp.where(x == 0, -1 / x, digamma(x))


def _polygamma_of_positive(xp: ArrayNamespace, x: NamespaceArray, n: int) -> NamespaceArray:
    """Return the derivative of order n of digamma, without its sign, by the zeta function or the asymptotic series."""
    from jax.scipy.special import zeta

    far = x > 1e3
    inverse = 1 / xp.where(far, x, xp.full_like(x, 1e3))
    rising = math.prod(range(n, n + 4))
    correction = [1.0, n / 2, n * (n + 1) / 12, 0.0, -rising / 720]
    # A product of powers underflows only where the result does; a power of 1 / x would be 0 in float32 from 1e20 on.
    asymptotic = math.factorial(n - 1) * inverse**n * evaluate_polynomial(correction, inverse)
    return xp.where(far, asymptotic, math.factorial(n) * zeta(n + 1.0, xp.where(far, xp.ones_like(x), x)))


def _differentiate_cotangent(n: int) -> list[float]:
    """Return the coefficients of the derivative of order n of cot(t), a polynomial in cot(t)."""
    coefficients = [0.0, 1.0]
    for _ in range(n):  # (c^k)' = -k c^(k - 1) (1 + c^2)
        slopes = [k * c for k, c in enumerate(coefficients)][1:]
        coefficients = [-a - b for a, b in zip([*slopes, 0.0, 0.0], [0.0, 0.0, *slopes], strict=True)]
    return coefficients


def _polygamma_xla(xp: ArrayNamespace, x: NamespaceArray, n: int) -> NamespaceArray:
    sign = (-1.0) ** (n + 1)
    is_pole = xp.logical_and(x <= 0, xp.floor(x) == x)
    negative = xp.logical_and(x < 0, xp.logical_not(is_pole))
    positive = sign * _polygamma_of_positive(xp, xp.where(negative, 1 - x, xp.where(is_pole, xp.ones_like(x), x)), n)
    # The reflection formula. The cotangent is exact at half-integers, where it is 0.
    rest = xp.where(negative, x - xp.round(x), 0.5 * xp.ones_like(x))
    cotangent = xp.sin(math.pi * (0.5 - xp.abs(rest))) / xp.sin(math.pi * rest)
    slope = evaluate_polynomial(_differentiate_cotangent(n), -cotangent)
    reflected = (-1.0) ** n * (positive + math.pi ** (n + 1) * slope)
    return xp.where(is_pole, xp.full_like(x, sign * math.inf), xp.where(negative, reflected, positive))


@alias("lgamma")
@op(
    tex=r"\log \Gamma({0:_})",
    tex_precedence=MULTIPLY,
    floats=True,
    domain=POSITIVE,
    edge=(1e-20, 1.0, 1e20),
    xla=_gammaln_xla,
    grad=lambda g, y, x: g * call_op("digamma", x),
    cost=30,
)
def gammaln(xp: ArrayNamespace, x: Array) -> Array:
    r"""Logarithm of the absolute value of the gamma function, :math:`\log |\Gamma(x)|`, where
    :math:`\Gamma(n) = (n - 1)!`.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.gammaln(x), x)
    digamma(x)
    """
    return get_scipy_function("gammaln")(xp, x)


@op(
    tex=r"\psi({0:_})",
    floats=True,
    domain=POSITIVE,
    edge=(1.0, 1e20),
    xla=_digamma_xla,
    grad=lambda g, y, x: g * call_op("polygamma", 1, x),
    cost=30,
)
def digamma(xp: Array, x: Array) -> Array:
    r"""Derivative of the logarithm of the gamma function, :math:`\psi(x) = \Gamma'(x) / \Gamma(x)`.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.digamma(x), x)
    polygamma(1, x)
    """
    return get_scipy_function("digamma")(xp, x)


@op(
    tex=settings_tex(r"\psi^{{({n})}}"),
    text=_polygamma_text,
    floats=True,
    normalize=lambda x, n=1: {"n": int(n)},
    domain=POSITIVE,
    edge=(1.0, 1e5),
    xla=_polygamma_xla,
    grad=lambda g, y, x, n: g * call_op("polygamma", n + 1, x),
    cost=50,
    behind="polygamma",
)
def digamma_derivative(xp: ArrayNamespace, x: Array, n: int = 1) -> Array:
    r"""Derivative of order ``n`` of `digamma`, :math:`\psi^{(n)}(x)` with :math:`n \ge 1`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    n : int
        Order :math:`n` of the derivative; 0 is the function itself.

    Examples
    --------
    >>> pel.digamma_derivative(pel.vector("x"), n=2)
    polygamma(2, x)
    """
    return get_scipy_function("polygamma")(xp, n, x)


@register_function
def polygamma(n: int, x: Operand) -> Expr:
    r"""Derivative of order ``n`` of `digamma`, :math:`\psi^{(n)}(x)`.

    Parameters
    ----------
    n : int
        Order of the derivative; 0 gives `digamma`.
    x : Expr, array or number
        Input of any shape.

    Returns
    -------
    Expr
        Same shape as ``x``.

    Raises
    ------
    ValueError
        If ``n`` is not an integer of 0 or more.

    Examples
    --------
    >>> pel.function([], pel.polygamma(1, 1.0))()
    np.float32(1.644934)
    """
    n = check_integer("n", n, 0, owner="polygamma")
    return digamma(x) if n == 0 else digamma_derivative(x, n=n)
