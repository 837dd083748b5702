r"""The error function and the normal distribution: values by SciPy, named as there."""

from __future__ import annotations

import math
from typing import Any

from pellucid.graph.op import op, public
from pellucid.graph.operators import call
from pellucid.graph.ops.elementwise import polynomial
from pellucid.graph.ops.exponentials import exp
from pellucid.graph.ops.special import scipy_value, xla_value
from pellucid.graph.printing import MULTIPLY

SLOPE = 2 / math.sqrt(math.pi)
"""The slope of the error function at 0."""


@op(
    tex=r"\operatorname{{erf}}({0:_})",
    floats=True,
    edge=(0.0, 10.0),
    xla=xla_value("erf"),
    grad=lambda g, y, x: g * SLOPE * exp(-x * x),
    cost=20,
)
def erf(xp: Any, x: Any) -> Any:
    r"""Error function of every element, :math:`\frac{2}{\sqrt{\pi}} \int_0^x e^{-t^2} dt`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.erf(0.0))()
    np.float32(0.0)
    """
    return scipy_value("erf")(xp, x)


@op(
    tex=r"\operatorname{{erfc}}({0:_})",
    floats=True,
    edge=(0.0, 5.0, -10.0),
    xla=xla_value("erfc"),
    grad=lambda g, y, x: -g * SLOPE * exp(-x * x),
    cost=20,
)
def erfc(xp: Any, x: Any) -> Any:
    r"""Complement of the error function, :math:`1 - \operatorname{erf}(x)`, exact also where that is tiny.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.erfc(0.0))()
    np.float32(1.0)
    """
    return scipy_value("erfc")(xp, x)


def _erfcx_grad(g: Any, y: Any, x: Any) -> Any:
    r"""Differentiate as :math:`2 x y - 2 / \sqrt\pi`, and far out, where that cancels, by its series."""
    far = call("greater", x, 10 if x.dtype.itemsize > 4 else 5)
    inverse = 0.5 * call("square", 1 / call("where", far, x, 1))
    # The coefficients are those of 2 x y, without the first: -1, 3, -15, 105, ...
    coefficients = [(-1) ** k * math.prod(range(1, 2 * k, 2)) for k in range(1, 13)]
    slope = call("where", far, SLOPE * inverse * polynomial(coefficients, inverse), 2 * x * y - SLOPE)
    return g * slope


@op(
    tex=r"\operatorname{{erfcx}}({0:_})",
    floats=True,
    domain=(-1.5, 3.0),
    edge=(0.0, 1e4),
    xla=xla_value("erfcx"),
    grad=_erfcx_grad,
    cost=25,
)
def erfcx(xp: Any, x: Any) -> Any:
    r"""Complement of the error function without its decay, :math:`e^{x^2} \operatorname{erfc}(x)`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.erfcx(0.0))()
    np.float32(1.0)
    """
    return scipy_value("erfcx")(xp, x)


@op(
    tex=r"\operatorname{{erf}}^{{-1}}({0:_})",
    floats=True,
    domain=(-0.9, 0.9),
    edge=(0.0, 0.999),
    xla=xla_value("erfinv"),
    grad=lambda g, y, x: g * (1 / SLOPE) * exp(y * y),
    cost=20,
)
def erfinv(xp: Any, x: Any) -> Any:
    r"""Number whose error function every element is, :math:`\operatorname{erf}^{-1}(x)`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.erfinv(0.0))()
    np.float32(0.0)
    """
    return scipy_value("erfinv")(xp, x)


@public
def ndtr(x: Any) -> Any:
    r"""Probability that a standard normal number is less, :math:`\Phi(x) = \operatorname{erfc}(-x / \sqrt{2}) / 2`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.ndtr(0.0))()
    np.float32(0.5)
    """
    return 0.5 * erfc(call("multiply", x, -math.sqrt(0.5)))


@op(
    tex=r"\Phi^{{-1}}({0:_})",
    floats=True,
    domain=(0.1, 0.9),
    edge=(1e-30, 0.5),
    xla=xla_value("ndtri"),
    grad=lambda g, y, x: g * math.sqrt(2 * math.pi) * exp(0.5 * y * y),
    cost=20,
)
def ndtri(xp: Any, x: Any) -> Any:
    r"""Number that a standard normal one is less than with each probability, :math:`\Phi^{-1}(p)`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.ndtri(0.5))()
    np.float32(0.0)
    """
    return scipy_value("ndtri")(xp, x)


def _log_ndtr_xla(xp: Any, x: Any) -> Any:
    """Compute the logarithm of one less the other tail above 0, where JAX's own takes that of a rounded probability."""
    from jax.scipy.special import erfc, erfcx

    distance = xp.abs(x) * math.sqrt(0.5)
    return xp.where(x < 0, xp.log(erfcx(distance) / 2) - distance * distance, xp.log1p(-erfc(distance) / 2))


def _log_ndtr_grad(g: Any, y: Any, x: Any) -> Any:
    r"""Divide density by probability, :math:`\varphi(x) / \Phi(x)`, whose common decay the scaled complement lacks."""
    left, right = call("minimum", x, 0), call("maximum", x, 0)
    below = math.sqrt(2 / math.pi) / erfcx(-left * math.sqrt(0.5))
    above = exp(-0.5 * right * right) * math.sqrt(0.5 / math.pi) / ndtr(right)
    return g * call("where", x < 0, below, above)


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
    r"""Logarithm of the probability that a standard normal number is less, :math:`\log \Phi(x)`, finite also where the
    probability is too small to be a number.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.log_ndtr(0.0))()
    np.float32(-0.6931472)
    """
    return scipy_value("log_ndtr")(xp, x)
