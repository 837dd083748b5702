r"""Error functions and the cumulative distribution function of the standard normal distribution."""

from __future__ import annotations

import math
from typing import Any

from pellucid.graph.op import op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.elementwise import evaluate_polynomial
from pellucid.graph.ops.exponentials import exp
from pellucid.graph.ops.special import get_jax_function, get_scipy_function
from pellucid.graph.precedence import MULTIPLY

SLOPE_AT_ZERO = 2 / math.sqrt(math.pi)
"""Derivative of the error function at 0."""


@op(
    tex=r"\operatorname{{erf}}({0:_})",
    floats=True,
    edge=(0.0, 10.0),
    xla=get_jax_function("erf"),
    grad=lambda g, y, x: g * SLOPE_AT_ZERO * exp(-x * x),
    cost=20,
)
def erf(xp: Any, x: Any) -> Any:
    r"""Elementwise error function, :math:`\frac{2}{\sqrt{\pi}} \int_0^x e^{-t^2} dt`.

    Examples
    --------
    >>> pel.function([], pel.erf(0.0))()
    np.float32(0.0)
    """
    return get_scipy_function("erf")(xp, x)


@op(
    tex=r"\operatorname{{erfc}}({0:_})",
    floats=True,
    edge=(0.0, 5.0, -10.0),
    xla=get_jax_function("erfc"),
    grad=lambda g, y, x: -g * SLOPE_AT_ZERO * exp(-x * x),
    cost=20,
)
def erfc(xp: Any, x: Any) -> Any:
    r"""Complementary error function, :math:`1 - \operatorname{erf}(x)`, accurate for large :math:`x`.

    Examples
    --------
    >>> pel.function([], pel.erfc(0.0))()
    np.float32(1.0)
    """
    return get_scipy_function("erfc")(xp, x)


def _erfcx_grad(g: Any, y: Any, x: Any) -> Any:
    # 2 x y - 2 / sqrt(pi) cancels for large x, where the asymptotic series is used instead.
    far = call_op("greater", x, 10 if x.dtype.itemsize > 4 else 5)
    inverse = 0.5 * call_op("square", 1 / call_op("where", far, x, 1))
    # The coefficients of 2 x y without the first: -1, 3, -15, 105, ...
    coefficients = [(-1) ** k * math.prod(range(1, 2 * k, 2)) for k in range(1, 13)]
    slope = call_op(
        "where", far, SLOPE_AT_ZERO * inverse * evaluate_polynomial(coefficients, inverse), 2 * x * y - SLOPE_AT_ZERO
    )
    return g * slope


@op(
    tex=r"\operatorname{{erfcx}}({0:_})",
    floats=True,
    domain=(-1.5, 3.0),
    edge=(0.0, 1e4),
    xla=get_jax_function("erfcx"),
    grad=_erfcx_grad,
    cost=25,
)
def erfcx(xp: Any, x: Any) -> Any:
    r"""Scaled complementary error function, :math:`e^{x^2} \operatorname{erfc}(x)`.

    Examples
    --------
    >>> pel.function([], pel.erfcx(0.0))()
    np.float32(1.0)
    """
    return get_scipy_function("erfcx")(xp, x)


@op(
    tex=r"\operatorname{{erf}}^{{-1}}({0:_})",
    floats=True,
    domain=(-0.9, 0.9),
    edge=(0.0, 0.999),
    xla=get_jax_function("erfinv"),
    grad=lambda g, y, x: g * (1 / SLOPE_AT_ZERO) * exp(y * y),
    cost=20,
)
def erfinv(xp: Any, x: Any) -> Any:
    r"""Elementwise inverse error function, :math:`\operatorname{erf}^{-1}(x)`.

    Examples
    --------
    >>> pel.function([], pel.erfinv(0.0))()
    np.float32(0.0)
    """
    return get_scipy_function("erfinv")(xp, x)


@register_function
def ndtr(x: Any) -> Any:
    r"""Standard normal cumulative distribution function, :math:`\Phi(x) = \operatorname{erfc}(-x / \sqrt{2}) / 2`.

    Examples
    --------
    >>> pel.function([], pel.ndtr(0.0))()
    np.float32(0.5)
    """
    return 0.5 * erfc(call_op("multiply", x, -math.sqrt(0.5)))


@op(
    tex=r"\Phi^{{-1}}({0:_})",
    floats=True,
    domain=(0.1, 0.9),
    edge=(1e-30, 0.5),
    xla=get_jax_function("ndtri"),
    grad=lambda g, y, x: g * math.sqrt(2 * math.pi) * exp(0.5 * y * y),
    cost=20,
)
def ndtri(xp: Any, x: Any) -> Any:
    r"""Quantile function of the standard normal distribution, :math:`\Phi^{-1}(p)`.

    Examples
    --------
    >>> pel.function([], pel.ndtri(0.5))()
    np.float32(0.0)
    """
    return get_scipy_function("ndtri")(xp, x)


def _log_ndtr_xla(xp: Any, x: Any) -> Any:
    from jax.scipy.special import erfc, erfcx

    # For x > 0 JAX's log_ndtr takes the logarithm of a probability rounded to 1; log1p of the other tail does not.
    distance = xp.abs(x) * math.sqrt(0.5)
    return xp.where(x < 0, xp.log(erfcx(distance) / 2) - distance * distance, xp.log1p(-erfc(distance) / 2))


def _log_ndtr_grad(g: Any, y: Any, x: Any) -> Any:
    # Density / probability. For x < 0 both underflow; erfcx is the probability without their common factor.
    left, right = call_op("minimum", x, 0), call_op("maximum", x, 0)
    below = math.sqrt(2 / math.pi) / erfcx(-left * math.sqrt(0.5))
    above = exp(-0.5 * right * right) * math.sqrt(0.5 / math.pi) / ndtr(right)
    return g * call_op("where", x < 0, below, above)


@op(
    tex=r"\log \Phi({0:_})",
    tex_precedence=MULTIPLY,
    floats=True,
    edge=(0.0, 30.0, -1e4),
    xla=_log_ndtr_xla,
    grad=_log_ndtr_grad,
    cost=30,
)
def log_ndtr(xp: Any, x: Any) -> Any:
    r"""Logarithm of the standard normal distribution function, :math:`\log \Phi(x)`, finite where the probability
    underflows.

    Examples
    --------
    >>> pel.function([], pel.log_ndtr(0.0))()
    np.float32(-0.6931472)
    """
    return get_scipy_function("log_ndtr")(xp, x)
