r"""Special functions: error functions, the normal distribution function, products with logarithms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.array_namespace import ArrayNamespace, JaxArray, NamespaceArray
from pellucid.graph.expr import Expr, Operand
from pellucid.graph.op_decorator import op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.elementwise import POSITIVE, evaluate_polynomial
from pellucid.graph.ops.exponentials import exp, log, log1p
from pellucid.graph.precedence import MULTIPLY
from pellucid.graph.range_rules import fixed

if TYPE_CHECKING:
    from pellucid.typing import Array


def get_scipy_function(name: str) -> Callable[..., Array]:
    """Wrap a function of SciPy, imported when it is first called, as the value of an op."""

    def value(xp: ArrayNamespace, *operands: Array) -> Array:
        import scipy.special

        return np.asarray(getattr(scipy.special, name)(*operands)).astype(operands[-1].dtype)

    return value


def get_jax_function(name: str) -> Callable[..., JaxArray]:
    """Wrap a function of JAX, imported when it is first called, as the XLA value of an op."""

    def value(xp: ArrayNamespace, *operands: JaxArray) -> JaxArray:
        import jax.scipy.special

        result: JaxArray = getattr(jax.scipy.special, name)(*operands)
        return result

    return value


def _make_times_log_grad(log: Callable[[Any], Any], get_divisor: Callable[[Any], Any]) -> Any:
    def grad(g: Expr, z: Expr, x: Expr, y: Expr) -> tuple[Expr, Expr]:
        is_zero = call_op("equal", x, 0)
        one = np.ones((), x.dtype)
        return g * log(y), g * call_op("where", is_zero, x, x / call_op("where", is_zero, one, get_divisor(y)))

    return grad


def _times_log(xp: ArrayNamespace, log: Callable[[Any], Any], x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    """Return x * log(y), and 0 where x is 0. Both branches of the where must be finite."""
    is_zero = xp.equal(x, 0)
    one = xp.ones_like(y)
    return xp.where(is_zero, xp.zeros_like(x), x * log(xp.where(is_zero, one, y)))


@op(
    tex=r"{0} \log({1:_})",
    tex_precedence=MULTIPLY,
    floats=True,
    composite=True,
    domain=((-3, 3), POSITIVE),
    edge=(1e-20, 1.0, 1e20),
    grad=_make_times_log_grad(log, lambda y: y),
    cost=12,
)
def xlogy(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Product with a logarithm, :math:`x \log y`, and 0 where :math:`x = 0`, even for :math:`y = 0`.

    Examples
    --------
    >>> pel.function([], pel.xlogy(0.0, 0.0))()
    np.float32(0.0)
    """
    return _times_log(xp, xp.log, x, y)


@op(
    tex=r"{0} \log(1 + {1:_})",
    tex_precedence=MULTIPLY,
    floats=True,
    composite=True,
    domain=((-3, 3), (-0.8, 3.0)),
    edge=(0.0, 1e-20, 1e20),
    grad=_make_times_log_grad(log1p, lambda y: 1 + y),
    cost=14,
)
def xlog1py(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Product with the logarithm of one plus a number, :math:`x \log(1 + y)`, and 0 where :math:`x = 0`.

    Examples
    --------
    >>> pel.function([], pel.xlog1py(0.0, -1.0))()
    np.float32(0.0)
    """
    return _times_log(xp, xp.log1p, x, y)


@op(
    tex=r"\operatorname{{logit}}({0:_})",
    floats=True,
    composite=True,
    domain=(0.1, 0.9),
    edge=(1e-20, 0.5),
    grad=lambda g, y, x: g / (x * (1 - x)),
    cost=25,
)
def logit(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Log-odds of a probability, :math:`\log \frac{x}{1 - x}`, the inverse of `sigmoid`.

    Examples
    --------
    >>> pel.function([], pel.logit(0.5))()
    np.float32(0.0)
    """
    return xp.log(x) - xp.log1p(-x)


SLOPE_AT_ZERO = 2 / math.sqrt(math.pi)
"""Derivative of the error function at 0."""

ERFCX_COEFFICIENTS = [(-1) ** k * math.prod(range(1, 2 * k, 2)) for k in range(13)]
"""Coefficients of the asymptotic series of sqrt(pi) x erfcx(x) in 1 / (2 x ** 2): 1, -1, 3, -15, 105, ..."""


@op(
    tex=r"\operatorname{{erf}}({0:_})",
    floats=True,
    edge=(0.0, 10.0),
    xla=get_jax_function("erf"),
    grad=lambda g, y, x: g * SLOPE_AT_ZERO * exp(-x * x),
    cost=20,
    value_range=fixed(-1, 1),
)
def erf(xp: ArrayNamespace, x: Array) -> Array:
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
    value_range=fixed(0, 2),
)
def erfc(xp: Array, x: Array) -> Array:
    r"""Complementary error function, :math:`1 - \operatorname{erf}(x)`, accurate for large :math:`x`.

    Examples
    --------
    >>> pel.function([], pel.erfc(0.0))()
    np.float32(1.0)
    """
    return get_scipy_function("erfc")(xp, x)


def _erfcx_xla(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    # JAX returns 0 in an interval below the point from which it uses a continued fraction.
    far = x > (26 if x.dtype.itemsize > 4 else 9)
    inverse = 0.5 * xp.square(1 / xp.where(far, x, 1))
    series = 0.5 * SLOPE_AT_ZERO / xp.where(far, x, 1) * evaluate_polynomial(ERFCX_COEFFICIENTS[:7], inverse)
    return xp.where(far, series, get_jax_function("erfcx")(xp, xp.where(far, 0, x))).astype(x.dtype)


def _erfcx_grad(g: Expr, y: Expr, x: Expr) -> Expr:
    # 2 x y - 2 / sqrt(pi) cancels for large x, where the asymptotic series is used instead.
    far = call_op("greater", x, 10 if x.dtype.itemsize > 4 else 5)
    inverse = 0.5 * call_op("square", 1 / call_op("where", far, x, 1))
    tail = evaluate_polynomial(ERFCX_COEFFICIENTS[1:], inverse)  # of 2 x y, without the first
    slope = call_op("where", far, SLOPE_AT_ZERO * inverse * tail, 2 * x * y - SLOPE_AT_ZERO)
    return g * slope


@op(
    tex=r"\operatorname{{erfcx}}({0:_})",
    floats=True,
    domain=(-1.5, 3.0),
    edge=(0.0, 1e4),
    xla=_erfcx_xla,
    grad=_erfcx_grad,
    cost=25,
    value_range=fixed(0, math.inf),
)
def erfcx(xp: Array, x: Array) -> Array:
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
def erfinv(xp: ArrayNamespace, x: Array) -> Array:
    r"""Elementwise inverse error function, :math:`\operatorname{erf}^{-1}(x)`.

    Examples
    --------
    >>> pel.function([], pel.erfinv(0.0))()
    np.float32(0.0)
    """
    return get_scipy_function("erfinv")(xp, x)


@register_function
def ndtr(x: Operand) -> Expr:
    r"""Standard normal cumulative distribution function, :math:`\Phi(x) = \operatorname{erfc}(-x / \sqrt{2}) / 2`.

    Parameters
    ----------
    x : Expr or array
        Any shape; integers are converted to `config.floatx`.

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
def ndtri(xp: ArrayNamespace, x: Array) -> Array:
    r"""Quantile function of the standard normal distribution, :math:`\Phi^{-1}(p)`.

    Examples
    --------
    >>> pel.function([], pel.ndtri(0.5))()
    np.float32(0.0)
    """
    return get_scipy_function("ndtri")(xp, x)


def _log_ndtr_xla(xp: ArrayNamespace, x: JaxArray) -> JaxArray:
    import jax.numpy as jnp
    from jax.scipy.special import erfc, erfcx

    # For x > 0 JAX's log_ndtr takes the logarithm of a probability rounded to 1; log1p of the other tail does not.
    distance = jnp.abs(x) * math.sqrt(0.5)
    return jnp.where(x < 0, jnp.log(erfcx(distance) / 2) - distance * distance, jnp.log1p(-erfc(distance) / 2))


def _log_ndtr_grad(g: Expr, y: Expr, x: Expr) -> Expr:
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
    value_range=fixed(-math.inf, 0),
)
def log_ndtr(xp: ArrayNamespace, x: Array) -> Array:
    r"""Logarithm of the standard normal distribution function, :math:`\log \Phi(x)`, finite where the probability
    underflows.

    Examples
    --------
    >>> pel.function([], pel.log_ndtr(0.0))()
    np.float32(-0.6931472)
    """
    return get_scipy_function("log_ndtr")(xp, x)
