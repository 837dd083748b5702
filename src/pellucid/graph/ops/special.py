r"""Special functions: log-gamma and its derivatives, products with logarithms, and the logit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.graph.op import alias, op, register_function
from pellucid.graph.operators import call_op
from pellucid.graph.ops.exponentials import log, log1p
from pellucid.graph.precedence import MULTIPLY, TemplatePiece

POSITIVE = (0.2, 3.0)


def _polygamma_tex(operands: tuple[Any, ...], settings: Any) -> list[TemplatePiece]:
    return [rf"\psi^{{({settings['n']})}}(", (operands[0], 0), ")"]


def _polygamma_text(operands: tuple[Any, ...], settings: Any) -> list[TemplatePiece]:
    return [f"polygamma({settings['n']}, ", (operands[0], 0), ")"]


def get_scipy_function(name: str) -> Callable[..., Any]:
    """Wrap a function of SciPy, imported when it is first called, as the value of an op."""

    def value(xp: Any, *operands: Any) -> Any:
        import scipy.special

        return np.asarray(getattr(scipy.special, name)(*operands)).astype(operands[-1].dtype)

    return value


def get_jax_function(name: str) -> Callable[..., Any]:
    """Wrap a function of JAX, imported when it is first called, as the XLA value of an op."""

    def value(xp: Any, *operands: Any) -> Any:
        import jax.scipy.special

        return getattr(jax.scipy.special, name)(*operands)

    return value


@alias("lgamma")
@op(
    tex=r"\log \Gamma({0:_})",
    tex_precedence=MULTIPLY,
    floats=True,
    domain=POSITIVE,
    edge=(1e-20, 1.0, 1e20),
    xla=get_jax_function("gammaln"),
    grad=lambda g, y, x: g * call_op("digamma", x),
    cost=30,
)
def gammaln(xp: Any, x: Any) -> Any:
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
    xla=get_jax_function("digamma"),
    grad=lambda g, y, x: g * call_op("polygamma", 1, x),
    cost=30,
)
def digamma(xp: Any, x: Any) -> Any:
    r"""Derivative of the logarithm of the gamma function, :math:`\psi(x) = \Gamma'(x) / \Gamma(x)`.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.digamma(x), x)
    polygamma(1, x)
    """
    return get_scipy_function("digamma")(xp, x)


@op(
    tex=_polygamma_tex,
    text=_polygamma_text,
    floats=True,
    normalize=lambda x, n=1: {"n": int(n)},
    domain=POSITIVE,
    edge=(1.0, 1e5),
    xla=lambda xp, x, n: get_jax_function("polygamma")(xp, n, x),
    grad=lambda g, y, x, n: g * call_op("polygamma", n + 1, x),
    cost=50,
    behind="polygamma",
)
def digamma_derivative(xp: Any, x: Any, n: Any = 1) -> Any:
    r"""Derivative of order ``n`` of `digamma`, :math:`\psi^{(n)}(x)` with :math:`n \ge 1`.

    Examples
    --------
    >>> pel.digamma_derivative(pel.vector("x"), n=2)
    polygamma(2, x)
    """
    return get_scipy_function("polygamma")(xp, n, x)


@register_function
def polygamma(n: int, x: Any) -> Any:
    r"""Derivative of order ``n`` of `digamma`, :math:`\psi^{(n)}(x)`.

    Parameters
    ----------
    n : int
        The order of the derivative; 0 gives `digamma`.
    x : Expr, array or number
        Of any shape.

    Returns
    -------
    Expr
        Of the shape of ``x``.

    Raises
    ------
    ValueError
        If ``n`` is negative.

    Examples
    --------
    >>> pel.function([], pel.polygamma(1, 1.0))()
    np.float32(1.644934)
    """
    if n < 0:
        raise OptionError(f"polygamma: expected a derivative of order 0 or more. Received: n={n}")
    return digamma(x) if n == 0 else digamma_derivative(x, n=n)


def _make_times_log_grad(log: Callable[[Any], Any], get_divisor: Callable[[Any], Any]) -> Any:
    def grad(g: Any, z: Any, x: Any, y: Any) -> Any:
        is_zero = call_op("equal", x, 0)
        one = np.ones((), x.dtype)
        return g * log(y), g * call_op("where", is_zero, x, x / call_op("where", is_zero, one, get_divisor(y)))

    return grad


def _times_log(xp: Any, log: Callable[[Any], Any], x: Any, y: Any) -> Any:
    """Return x * log(y), and 0 where x is 0. Both branches of the where must be finite."""
    is_zero = xp.equal(x, 0)
    one = xp.ones_like(y)
    return xp.where(is_zero, xp.zeros_like(x), x * log(xp.where(is_zero, one, y)))


@op(
    tex=r"{0} \log({1:_})",
    tex_precedence=MULTIPLY,
    floats=True,
    compound=True,
    domain=((-3, 3), POSITIVE),
    edge=(1e-20, 1.0, 1e20),
    grad=_make_times_log_grad(log, lambda y: y),
    cost=12,
)
def xlogy(xp: Any, x: Any, y: Any) -> Any:
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
    compound=True,
    domain=((-3, 3), (-0.8, 3.0)),
    edge=(0.0, 1e-20, 1e20),
    grad=_make_times_log_grad(log1p, lambda y: 1 + y),
    cost=14,
)
def xlog1py(xp: Any, x: Any, y: Any) -> Any:
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
    compound=True,
    domain=(0.1, 0.9),
    edge=(1e-20, 0.5),
    grad=lambda g, y, x: g / (x * (1 - x)),
    cost=25,
)
def logit(xp: Any, x: Any) -> Any:
    r"""Log-odds of a probability, :math:`\log \frac{x}{1 - x}`, the inverse of `sigmoid`.

    Examples
    --------
    >>> pel.function([], pel.logit(0.5))()
    np.float32(0.0)
    """
    return xp.log(x) - xp.log1p(-x)
