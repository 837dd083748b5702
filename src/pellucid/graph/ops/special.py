r"""The gamma function and its kin, and products with logarithms: values by SciPy, named as there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.graph.op import also, op, public
from pellucid.graph.operators import call
from pellucid.graph.ops.exponentials import log, log1p
from pellucid.graph.printing import MULTIPLY, Piece

POSITIVE = (0.2, 3.0)


def scipy_value(name: str) -> Callable[..., Any]:
    """Return SciPy's function of this name, which is imported when it is first used, in the operands' dtype."""

    def value(xp: Any, *operands: Any) -> Any:
        import scipy.special

        found = np.asarray(getattr(scipy.special, name)(*operands))
        return found.astype(operands[-1].dtype)

    return value


def xla_value(name: str) -> Callable[..., Any]:
    """Return JAX's function of this name."""

    def value(xp: Any, *operands: Any) -> Any:
        import jax.scipy.special

        return getattr(jax.scipy.special, name)(*operands)

    return value


@also("lgamma")
@op(
    tex=r"\log \Gamma({0:_})",
    tex_precedence=MULTIPLY,
    floats=True,
    domain=POSITIVE,
    edge=(1e-20, 1.0, 1e20),
    xla=xla_value("gammaln"),
    grad=lambda g, y, x: g * call("digamma", x),
    cost=30,
)
def gammaln(xp: Any, x: Any) -> Any:
    r"""Logarithm of the magnitude of the gamma function, :math:`\log |\Gamma(x)|`; :math:`\Gamma(n) = (n - 1)!`.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.gammaln(x), x)
    digamma(x)
    """
    return scipy_value("gammaln")(xp, x)


@op(
    tex=r"\psi({0:_})",
    floats=True,
    domain=POSITIVE,
    edge=(1.0, 1e20),
    xla=xla_value("digamma"),
    grad=lambda g, y, x: g * call("polygamma", 1, x),
    cost=30,
)
def digamma(xp: Any, x: Any) -> Any:
    r"""Derivative of the logarithm of the gamma function, :math:`\psi(x) = \Gamma'(x) / \Gamma(x)`.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.digamma(x), x)
    polygamma(1, x)
    """
    return scipy_value("digamma")(xp, x)


def _polygamma_tex(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
    return [rf"\psi^{{({settings['n']})}}(", (operands[0], 0), ")"]


def _polygamma_text(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
    return [f"polygamma({settings['n']}, ", (operands[0], 0), ")"]


@op(
    tex=_polygamma_tex,
    text=_polygamma_text,
    floats=True,
    normalize=lambda x, n=1: {"n": int(n)},
    domain=POSITIVE,
    edge=(1.0, 1e5),
    xla=lambda xp, x, n: xla_value("polygamma")(xp, n, x),
    grad=lambda g, y, x, n: g * call("polygamma", n + 1, x),
    cost=50,
    behind="polygamma",
)
def digamma_derivative(xp: Any, x: Any, n: Any = 1) -> Any:
    r"""Derivative of `digamma` of every element, taken ``n`` times, :math:`\psi^{(n)}(x)` with :math:`n \ge 1`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.digamma_derivative(pel.vector("x"), n=2)
    polygamma(2, x)
    """
    return scipy_value("polygamma")(xp, n, x)


@public
def polygamma(n: int, x: Any) -> Any:
    r"""Derivative of `digamma`, taken ``n`` times, :math:`\psi^{(n)}(x)`.

    Parameters
    ----------
    n : int
        How many times; 0 for `digamma` itself.
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
    >>> import pellucid as pel
    >>> pel.function([], pel.polygamma(1, 1.0))()
    np.float32(1.644934)
    """
    if n < 0:
        raise OptionError(f"polygamma: expected how many derivatives, 0 or more. Received: n={n}")
    return digamma(x) if n == 0 else digamma_derivative(x, n=n)


def _times_log(log_of: Callable[[Any], Any], divisor: Callable[[Any], Any]) -> Any:
    def grad(g: Any, z: Any, x: Any, y: Any) -> Any:
        nothing = call("equal", x, 0)
        one = np.ones((), x.dtype)
        return g * log_of(y), g * call("where", nothing, x, x / call("where", nothing, one, divisor(y)))

    return grad


def _product_with_log(xp: Any, log_of: Callable[[Any], Any], x: Any, y: Any) -> Any:
    """Multiply by a logarithm that is only taken where it counts."""
    nothing = xp.equal(x, 0)
    one = xp.ones_like(y)
    return xp.where(nothing, xp.zeros_like(x), x * log_of(xp.where(nothing, one, y)))


@op(
    tex=r"{0} \log({1:_})",
    tex_precedence=MULTIPLY,
    floats=True,
    compound=True,
    domain=((-3, 3), POSITIVE),
    edge=(1e-20, 1.0, 1e20),
    grad=_times_log(log, lambda y: y),
    cost=12,
)
def xlogy(xp: Any, x: Any, y: Any) -> Any:
    r"""Product with a logarithm, :math:`x \log y`, which is 0 where :math:`x` is, also at :math:`y = 0`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.xlogy(0.0, 0.0))()
    np.float32(0.0)
    """
    return _product_with_log(xp, xp.log, x, y)


@op(
    tex=r"{0} \log(1 + {1:_})",
    tex_precedence=MULTIPLY,
    floats=True,
    compound=True,
    domain=((-3, 3), (-0.8, 3.0)),
    edge=(0.0, 1e-20, 1e20),
    grad=_times_log(log1p, lambda y: 1 + y),
    cost=14,
)
def xlog1py(xp: Any, x: Any, y: Any) -> Any:
    r"""Product with the logarithm of one more, :math:`x \log(1 + y)`, which is 0 where :math:`x` is.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.xlog1py(0.0, -1.0))()
    np.float32(0.0)
    """
    return _product_with_log(xp, xp.log1p, x, y)


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
    r"""Logarithm of the odds of a probability, :math:`\log \frac{x}{1 - x}`, which undoes `sigmoid`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.function([], pel.logit(0.5))()
    np.float32(0.0)
    """
    return xp.log(x) - xp.log1p(-x)
