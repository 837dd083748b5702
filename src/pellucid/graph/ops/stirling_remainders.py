r"""Remainders of Stirling's formula and of Poisson likelihoods, in which the leading terms are cancelled exactly."""

from __future__ import annotations

import math
from typing import Any

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.expr import Expr, OpSettings
from pellucid.graph.op import PrintedOperand, TemplatePiece
from pellucid.graph.op_decorator import op
from pellucid.graph.operators import call_op
from pellucid.graph.ops.activations import sigmoid, softplus
from pellucid.graph.ops.elementwise import POSITIVE, evaluate_polynomial
from pellucid.graph.ops.exponentials import log
from pellucid.graph.ops.gamma import digamma, digamma_derivative, gammaln, polygamma
from pellucid.graph.ops.gamma_ratios import (
    SHIFT,
    STIRLING,
    apply,
    digamma_difference,
    divide_difference,
    get_digamma_series,
    log_gamma_ratio,
)
from pellucid.graph.precedence import ADD, MULTIPLY

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def get_series_start(x: Any) -> float:
    """Return the argument from which the series is exact in the precision of a dtype."""
    return SHIFT if x.dtype.itemsize > 4 else 3


ATANH = [2 / (2 * k + 3) for k in range(14)]
r"""Coefficients of :math:`2 (\operatorname{artanh} r - r) / r^3` at even powers of :math:`r`."""


def subtract_log1p(xp: ArrayNamespace, t: NamespaceArray) -> NamespaceArray:
    r"""Return :math:`t - \log(1 + t)` without cancellation."""
    near = xp.abs(t) < 0.4
    s, far = xp.where(near, t, 0 * t), xp.where(near, 0 * t, t)
    r = s / (2 + s)
    return xp.where(near, r * (s - r * r * evaluate_polynomial(ATANH, r * r)), far - xp.log1p(far))


def compute_stirling_series(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    """Return the series of large arguments."""
    y = 1 / x
    return HALF_LOG_TWO_PI + y * evaluate_polynomial(STIRLING, y * y)


@op(
    tex=r"\left(\log \Gamma({0:_}) - ({0:_} - \frac{{1}}{{2}}) \log {0:^} + {0:_}\right)",
    floats=True,
    composite=True,
    domain=POSITIVE,
    edge=(1e-8, 1.0, 20.0, 1e15),
    grad=lambda g, y, x: g * call_op("digamma_remainder", x),
    cost=60,
    behind="gammaln",
)
def stirling_remainder(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Remainder of Stirling's formula, :math:`\log \Gamma(x) - (x - \frac{1}{2}) \log x + x`.

    It tends to :math:`\log \sqrt{2 \pi}` for large :math:`x`, where the three terms cancel.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.function([x], pel.gammaln(x) - (x - 0.5) * pel.log(x) + x)(1e8)
    np.float32(0.9189385)
    """
    one, start = xp.ones_like(x), get_series_start(x)
    small = xp.where(x < start, x, one)
    near = apply(xp, gammaln, small) - (small - 0.5) * xp.log(small) + small
    return xp.where(x < start, near, compute_stirling_series(xp, xp.maximum(x, start)))


def _digamma_remainder_text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    order = f", n={settings['n']}" if settings["n"] else ""
    return ["digamma_remainder(", (operands[0], 0), f"{order})"]


def _digamma_remainder_tex(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    (x,) = operands
    order = f"^{{({settings['n']})}}" if settings["n"] else ""
    return [
        rf"\left(\psi(t) - \log t + \frac{{1}}{{2 t}}\right){order}_{{t = ",
        (x, ADD),
        "}",
    ]


@op(
    tex=_digamma_remainder_tex,
    text=_digamma_remainder_text,
    floats=True,
    composite=True,
    normalize=lambda x, n=0: {"n": int(n)},
    domain=POSITIVE,
    edge=(1.0, 20.0, 1e8),
    grad=lambda g, y, x, n: g * call_op("digamma_remainder", x, n=n + 1),
    cost=60,
    behind="digamma",
)
def digamma_remainder(xp: ArrayNamespace, x: NamespaceArray, n: int = 0) -> NamespaceArray:
    r"""Derivative of order ``n`` of :math:`\psi(x) - \log x + \frac{1}{2 x}`, whose terms cancel for large :math:`x`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    n : int
        Order :math:`n` of the derivative; 0 is the function itself.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.stirling_remainder(x), x)
    digamma_remainder(x)
    """
    one, start = xp.ones_like(x), get_series_start(x)
    y = 1 / xp.maximum(x, start)
    series = get_digamma_series(n)
    series[n] = series[n + 1] = 0.0  # those of log x and of 1 / (2 x)
    near = xp.where(x < start, x, one)
    sign = (-1) ** n * math.factorial(n)
    if n:
        direct = apply(xp, digamma_derivative, near, n=n) + sign / n / near**n
    else:
        direct = apply(xp, digamma, near) - xp.log(near)
    return xp.where(x < start, direct + 0.5 * sign / near ** (n + 1), evaluate_polynomial(series, y))


def _log_factorial_remainder_grad(g: Expr, y: Expr, x: Expr) -> Expr:
    start = get_series_start(x)
    large, small = call_op("maximum", x, start), call_op("minimum", x, start)
    return g * call_op("where", x < start, digamma(1 + small) - log(small), digamma_remainder(large) + 0.5 / large)


@op(
    tex=r"\left(\log {0:^}! - {0:_} \log {0:^} + {0:_}\right)",
    floats=True,
    composite=True,
    domain=POSITIVE,
    edge=(1e-8, 1.0, 20.0, 1e15),
    grad=_log_factorial_remainder_grad,
    cost=80,
    behind="gammaln",
)
def log_factorial_remainder(xp: ArrayNamespace, x: NamespaceArray) -> NamespaceArray:
    r"""Remainder of Stirling's formula for factorials, :math:`\log \Gamma(1 + x) - x \log x + x`, and 0 at 0.

    Examples
    --------
    >>> pel.function([], pel.log_factorial_remainder(0.0))()
    np.float32(0.0)
    """
    one, start = xp.ones_like(x), get_series_start(x)
    small = xp.where(x < start, x, one)
    is_zero = xp.equal(small, 0)
    times_log = small * xp.log(xp.where(is_zero, one, small))
    near = apply(xp, log_gamma_ratio, one, small) - times_log + small
    large = xp.maximum(x, start)
    return xp.where(x < start, near, compute_stirling_series(xp, large) + 0.5 * xp.log(large))


def _kl_div_grad(g: Expr, y: Expr, k: Expr, m: Expr) -> tuple[Expr, Expr]:
    near = call_op("abs", k - m) < 0.5 * m
    far = 2 * log(call_op("sqrt", call_op("where", near, 1, k)) / call_op("sqrt", call_op("where", near, 1, m)))
    return g * call_op("where", near, call_op("log1p", (k - m) / m), far), g * ((m - k) / m)


@op(
    tex=r"\left({0:_} \log \frac{{{0:_}}}{{{1:_}}} - {0:_} + {1:>}\right)",
    floats=True,
    composite=True,
    domain=(POSITIVE, POSITIVE),
    edge=(1e-8, 1.0, 1e8),
    grad=_kl_div_grad,
    cost=50,
)
def kl_div(xp: ArrayNamespace, x: NamespaceArray, y: NamespaceArray) -> NamespaceArray:
    r"""Term of a Kullback-Leibler divergence, :math:`x \log \frac{x}{y} - x + y`, accurate where
    :math:`x \approx y`.

    Parameters
    ----------
    x, y : Expr, array or number
        Nonnegative numbers. They broadcast together.

    Returns
    -------
    Expr
        The broadcast shape.

    Examples
    --------
    >>> pel.function([], pel.kl_div(1.0, 1.0001))()
    np.float32(5.0e-09)
    """
    positive = x > 0
    base = xp.where(positive, x, xp.ones_like(x))
    t = xp.where(positive, (y - base) / base, xp.ones_like(x))
    far = xp.logical_or(t > 1e30, xp.equal(x, 0))
    # log1p(t) is log(y / x). The quotient of roots does not underflow.
    low = t < -0.5
    moderate = xp.where(xp.logical_or(far, low), 0 * t, t)
    logarithm = 2 * xp.log(xp.sqrt(xp.where(low, y, base)) / xp.sqrt(base))
    found = xp.where(far, y, base * xp.where(low, t - logarithm, subtract_log1p(xp, moderate)))
    return xp.where(xp.logical_or(x < 0, y < 0), 0 * x * y + math.nan, found)


@op(
    text="binomial_log_probability({0}, {1}, {2})",
    tex=r"\log \left(\binom{{{0:_} + {1:>}}}{{{0:_}}} \sigma({2:_})^{{{0:_}}} \sigma(-{2:>})^{{{1:_}}}\right)",
    floats=True,
    composite=True,
    domain=(POSITIVE, POSITIVE, (-3, 3)),
    edge=(1e-8, 1.0, 20.0),
    grad=lambda g, y, a, b, z: (
        g * (digamma_difference(1 + a, b) - softplus(-z)),
        g * (digamma_difference(1 + b, a) - softplus(z)),
        g * (a * sigmoid(-z) - b * sigmoid(z)),
    ),
    cost=400,
    behind="gammaln",
)
def binomial_log_probability(
    xp: ArrayNamespace, successes: NamespaceArray, failures: NamespaceArray, logit: NamespaceArray
) -> NamespaceArray:
    r"""Logarithm of the binomial distribution, :math:`\log \binom{a + b}{a} + a \log p + b \log (1 - p)`.

    It is accurate where the terms are large and nearly cancel.

    Parameters
    ----------
    successes, failures : Expr, array or number
        Nonnegative numbers :math:`a` and :math:`b`, not necessarily integers. All operands broadcast together.
    logit : Expr, array or number
        Log-odds of a success, :math:`\log p - \log (1 - p)`.

    Returns
    -------
    Expr
        The broadcast shape.

    Examples
    --------
    >>> pel.function([], pel.exp(pel.binomial_log_probability(1.0, 1.0, 0.0)))()
    np.float32(0.5)
    """
    a, b = successes, failures
    e = xp.exp(-xp.abs(logit))
    p, q = xp.where(logit < 0, e, 0 * e + 1) / (1 + e), xp.where(logit < 0, 0 * e + 1, e) / (1 + e)
    n = a + b
    remainders = [apply(xp, log_factorial_remainder, x) for x in (n, a, b)]
    smooth = remainders[0] - remainders[1] - remainders[2]
    return smooth - apply(xp, kl_div, a, n * p) - apply(xp, kl_div, b, n * q)


@op(
    tex=r"\log \frac{{\Gamma({0:_} + {1:>})}}{{\Gamma({0:_}) {0:^}^{{{1:_}}}}}",
    floats=True,
    composite=True,
    domain=(POSITIVE, POSITIVE),
    edge=(1e-8, 1.0, 20.0, 1e8),
    grad=lambda g, y, x, d: (g * call_op("digamma_difference_remainder", x, d), g * (digamma(x + d) - log(x))),
    cost=150,
    behind="gammaln",
)
def log_gamma_ratio_remainder(xp: ArrayNamespace, x: NamespaceArray, d: NamespaceArray) -> NamespaceArray:
    r"""Remainder of the ratio of gamma functions, :math:`\log \frac{\Gamma(x + d)}{\Gamma(x) \, x^d}`.

    It tends to 0 for large :math:`x`, as :math:`d (d - 1) / (2 x)`.

    Parameters
    ----------
    x : Expr, array or number
        Positive numbers.
    d : Expr, array or number
        Difference of the arguments. It broadcasts with ``x``.

    Returns
    -------
    Expr
        The broadcast shape.

    Examples
    --------
    >>> pel.function([], pel.log_gamma_ratio_remainder(1e4, 0.5))()
    np.float32(-1.25e-05)
    """
    start = get_series_start(x)
    is_large = xp.minimum(x, x + d) >= start
    one = xp.ones_like(x + d)
    base, step = xp.where(is_large, x, start * one), xp.where(is_large, d, 0 * one)
    small, rest = xp.where(is_large, one, x), xp.where(is_large, 0 * one, d)
    near = apply(xp, log_gamma_ratio, small, rest) - rest * xp.log(small)
    u = step / base
    y, z = 1 / base, 1 / (base + step)
    squares = (z + y) * divide_difference(STIRLING, z * z, y * y)
    remainder = -(u * z) * (evaluate_polynomial(STIRLING, z * z) + y * squares)
    far = (step - 0.5) * xp.log1p(u) - base * subtract_log1p(xp, u) + remainder
    return xp.where(is_large, far, near)


@op(
    tex=r"\left(\psi({0:_} + {1:>}) - \psi({0:_}) - \frac{{{1:_}}}{{{0:_}}}\right)",
    floats=True,
    composite=True,
    domain=(POSITIVE, POSITIVE),
    edge=(1e-3, 1.0, 20.0, 1e8),
    grad=lambda g, y, x, d: (
        g * (digamma_difference(x, d, n=1) + d / x / x),
        g * (polygamma(1, x + d) - 1 / x),
    ),
    cost=120,
    behind="digamma",
)
def digamma_difference_remainder(xp: ArrayNamespace, x: NamespaceArray, d: NamespaceArray) -> NamespaceArray:
    r"""Remainder of a difference of digamma functions, :math:`\psi(x + d) - \psi(x) - d / x`.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.log_gamma_ratio_remainder(x, 0.5), x)
    digamma_difference_remainder(x, 0.5)
    """
    start = get_series_start(x)
    is_large = xp.minimum(x, x + d) >= start
    one = xp.ones_like(x + d)
    base, step = xp.where(is_large, x, start * one), xp.where(is_large, d, 0 * one)
    small, rest = xp.where(is_large, one, x), xp.where(is_large, 0 * one, d)
    u = step / base
    y, z = 1 / base, 1 / (base + step)
    far = -(u * z) * divide_difference(get_digamma_series(0), z, y) - subtract_log1p(xp, u)
    return xp.where(is_large, far, apply(xp, digamma_difference, small, rest) - rest / small)


@op(
    tex=r"{0} \log\left(1 + \frac{{{1:_}}}{{{0:_}}}\right)",
    tex_precedence=MULTIPLY,
    floats=True,
    composite=True,
    domain=(POSITIVE, POSITIVE),
    edge=(1e-8, 1.0, 1e8),
    grad=lambda g, y, x, s: (g * call_op("log1p_minus_fraction", x, s), g * (x / (x + s))),
    cost=20,
    behind="log1p",
)
def scaled_log1p(xp: ArrayNamespace, x: NamespaceArray, s: NamespaceArray) -> NamespaceArray:
    r"""Product :math:`x \log(1 + s / x)`, which tends to :math:`s` for large :math:`x`.

    Its gradient with respect to :math:`x` does not cancel there.

    Examples
    --------
    >>> pel.function([], pel.scaled_log1p(1e8, 2.0))()
    np.float32(2.0)
    """
    return x * xp.log1p(s / x)


@op(
    tex=r"\left(\log\left(1 + \frac{{{1:_}}}{{{0:_}}}\right) - \frac{{{1:_}}}{{{0:_} + {1:>}}}\right)",
    floats=True,
    composite=True,
    domain=(POSITIVE, POSITIVE),
    edge=(1e-8, 1.0, 1e8),
    grad=lambda g, y, x, s: (-g * (s / x) * (s / (x + s)) / (x + s), g * (s / (x + s)) / (x + s)),
    cost=40,
    behind="log1p",
)
def log1p_minus_fraction(xp: ArrayNamespace, x: NamespaceArray, s: NamespaceArray) -> NamespaceArray:
    r"""Derivative of `scaled_log1p`, :math:`\log(1 + s / x) - s / (x + s)`.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.scaled_log1p(x, 2.0), x)
    log1p_minus_fraction(x, 2)
    """
    # log(1 + s / x) is -log(1 - s / (x + s)), whose terms cancel only for small s / x.
    fraction, is_large = s / (x + s), s > x
    series = subtract_log1p(xp, -xp.where(is_large, 0 * fraction, fraction))
    return xp.where(is_large, xp.log1p(s / x) - fraction, series)
