r"""Logarithms of ratios of gamma functions, which do not cancel for large arguments.

A difference such as :math:`\log \Gamma(x + d) - \log \Gamma(x)` loses all digits where :math:`x` is large. These ops
take :math:`d` apart from :math:`x`, and compute differences of Stirling's series term by term. Recurrences shift small
arguments to where the series is accurate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.expr import Expr, OpSettings
from pellucid.graph.op import Function, PrintedOperand, TemplatePiece
from pellucid.graph.op_decorator import OpFunction, op
from pellucid.graph.operators import call_op
from pellucid.graph.ops.elementwise import POSITIVE, evaluate_polynomial
from pellucid.graph.ops.gamma import digamma, digamma_derivative, gammaln, polygamma
from pellucid.graph.precedence import MULTIPLY

SHIFT = 10
"""Stirling's series is used from here on; smaller arguments are shifted by as much."""

BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
"""Bernoulli numbers of even index."""

STIRLING = [b / (2 * k * (2 * k - 1)) for k, b in enumerate(BERNOULLI, 1)]
r"""Coefficients of :math:`\log \Gamma(x) - (x - 1/2) \log x + x - \log \sqrt{2 \pi}` at odd powers of :math:`1 / x`."""

Jet = tuple[Any, Any, Any, Any]
"""A function of two steps: its value without them, its differences along each, and its mixed second difference."""


def apply(
    xp: ArrayNamespace, function: Function | OpFunction[Expr], *operands: NamespaceArray, **settings: Any
) -> NamespaceArray:
    """Apply an op in an array namespace, which may lack it."""
    record = getattr(function, "op", None)
    if record is None or type(xp).__name__ != "module":  # in an exported script, or on expressions
        made: NamespaceArray = cast(Function, function)(*operands, **settings)
        return made
    compute: Callable[..., NamespaceArray] = (
        record.value if xp.__name__ == "numpy" or record.xla is None else record.xla
    )
    return compute(xp, *operands, **settings)


def get_digamma_series(n: int) -> list[float]:
    r"""Return the coefficients of :math:`\psi^{(n)}(x)`, without its logarithm, at powers of :math:`1 / x`."""
    series = [0.0] * (2 * len(BERNOULLI) + n + 1)
    if n:
        series[n] = math.factorial(n - 1)
    series[n + 1] = math.factorial(n) / 2
    for k, b in enumerate(BERNOULLI, 1):
        series[2 * k + n] = b * math.factorial(2 * k + n - 1) / math.factorial(2 * k)
    return [c if n % 2 else -c for c in series]


def divide_difference(coefficients: Sequence[float], a: NamespaceArray, b: NamespaceArray) -> NamespaceArray:
    """Return ``(p(a) - p(b)) / (a - b)`` of a polynomial without cancellation."""
    *rest, last = coefficients
    value: Any = last
    slope: Any = 0.0
    for c in reversed(rest):
        slope, value = value + b * slope, c + a * value
    result: NamespaceArray = slope
    return result


def compute_stirling_ratio(xp: ArrayNamespace, x: NamespaceArray, d: NamespaceArray) -> NamespaceArray:
    r"""Return :math:`\log \Gamma(x + d) - \log \Gamma(x)` for large :math:`x` and :math:`x + d`."""
    u = d / x
    tiny = xp.abs(u) < 1e-30
    growth = xp.where(tiny, 1.0 + 0 * u, xp.log1p(u) / xp.where(tiny, 1.0 + 0 * u, u))
    y, z = 1 / x, 1 / (x + d)
    squares = (z + y) * divide_difference(STIRLING, z * z, y * y)
    remainder = -(u * z) * (evaluate_polynomial(STIRLING, z * z) + y * squares)
    return d * (xp.log(x) + ((1 + u) * growth - 1)) - 0.5 * xp.log1p(u) + remainder


@op(
    tex=r"\log \frac{{\Gamma({0:_} + {1:>})}}{{\Gamma({0:_})}}",
    tex_precedence=MULTIPLY,
    floats=True,
    composite=True,
    domain=(POSITIVE, POSITIVE),
    edge=(1e-8, 1.0, 20.0, 1e20),
    grad=lambda g, z, x, d: (g * call_op("digamma_difference", x, d), g * digamma(x + d)),
    cost=120,
    behind="gammaln",
)
def log_gamma_ratio(xp: ArrayNamespace, x: NamespaceArray, d: NamespaceArray) -> NamespaceArray:
    r"""Logarithm of a ratio of gamma functions, :math:`\log |\Gamma(x + d) / \Gamma(x)|`.

    It is accurate where the two gamma functions differ little, and its gradients are as well.
    ``log_gamma_ratio(x, n)`` is the logarithm of the rising factorial :math:`x (x + 1) \cdots (x + n - 1)`, and
    ``log_gamma_ratio(1, x)`` is :math:`\log \Gamma(1 + x)`, accurate near 0.

    Parameters
    ----------
    x : Expr, array or number
        Argument of the denominator, any shape.
    d : Expr, array or number
        Difference of the arguments. It broadcasts with ``x``.

    Returns
    -------
    Expr
        The broadcast shape.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.function([x], pel.gammaln(x + 0.5) - pel.gammaln(x))(1e8)
    np.float32(9.21034)
    """
    low, step = xp.minimum(x, x + d), xp.abs(d)
    stable = xp.logical_and(low > 0, xp.logical_or(low >= SHIFT, step <= SHIFT))
    one = xp.ones_like(low)
    base, t = xp.where(stable, low, one), xp.where(stable, step, one)
    small = base < SHIFT
    series = compute_stirling_ratio(xp, xp.where(small, base + SHIFT, base), t)
    # log(1 + t / base) + ... + log(1 + t / (base + 9)), where the product of the last factors does not overflow.
    t, base = xp.where(small, t, 0 * one), xp.where(small, base, one)
    product = 0 * one
    for i in range(1, SHIFT):
        factor = t / (base + i)
        product = product + factor + product * factor
    series = series - (xp.log1p(t / base) + xp.log1p(product))
    difference = apply(xp, gammaln, xp.where(stable, one, x + d)) - apply(xp, gammaln, xp.where(stable, one, x))
    return xp.where(stable, xp.where(d < 0, -series, series), difference)


def _digamma_difference_text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    order = f", n={settings['n']}" if settings["n"] else ""
    return ["digamma_difference(", (operands[0], 0), ", ", (operands[1], 0), f"{order})"]


def _digamma_difference_tex(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    name = rf"\psi^{{({settings['n']})}}" if settings["n"] else r"\psi"
    x, d = operands
    return [rf"\left({name}(", (x, 0), " + ", (d, MULTIPLY), rf") - {name}(", (x, 0), r")\right)"]


@op(
    tex=_digamma_difference_tex,
    text=_digamma_difference_text,
    floats=True,
    composite=True,
    normalize=lambda x, d, n=0: {"n": int(n)},
    domain=(POSITIVE, POSITIVE),
    edge=(1e-8, 1.0, 20.0, 1e15),
    grad=lambda g, z, x, d, n: (
        g * call_op("digamma_difference", x, d, n=n + 1),
        g * polygamma(n + 1, x + d),
    ),
    cost=100,
    behind="digamma",
)
def digamma_difference(xp: ArrayNamespace, x: NamespaceArray, d: NamespaceArray, n: int = 0) -> NamespaceArray:
    r"""Difference of digamma functions, :math:`\psi^{(n)}(x + d) - \psi^{(n)}(x)`.

    It is accurate where both are nearly equal.

    Parameters
    ----------
    x, d : Expr or array
        Shapes that broadcast.
    n : int
        Order :math:`n` of the derivative; 0 is the function itself.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.log_gamma_ratio(x, 0.5), x)
    digamma_difference(x, 0.5)
    """
    low, step = xp.minimum(x, x + d), xp.abs(d)
    stable = low > 0
    one = xp.ones_like(low)
    base, t = xp.where(stable, low, one), xp.where(stable, step, one)
    small = base < SHIFT
    large = xp.where(small, base + SHIFT, base)
    u = t / large
    y, z = 1 / large, 1 / (large + t)
    series = -(u * z) * divide_difference(get_digamma_series(n), z, y)
    if n == 0:
        series = series + xp.log1p(u)
    # psi(x + 1) - psi(x) = 1 / x; each difference of these terms has the sign of the whole.
    t, base = xp.where(small, t, 0 * one), xp.where(small, base, one)
    total = 0 * one
    for i in range(SHIFT):
        p, q = 1 / (base + t + i), 1 / (base + i)
        powers = one
        for j in range(1, n + 1):
            powers = powers * p + (q**j)
        total = total + t * p * q * powers
    series = series + (-1) ** n * math.factorial(n) * total
    function, settings = (digamma_derivative, {"n": n}) if n else (digamma, {})
    above, below = (apply(xp, function, xp.where(stable, one, at), **settings) for at in (x + d, x))
    return xp.where(stable, xp.where(d < 0, -series, series), above - below)


def multiply_jets(f: Jet, g: Jet) -> Jet:
    f0, fu, fv, fuv = f
    g0, gu, gv, guv = g
    mixed = fuv * (g0 + gu + gv + guv) + fu * gv + fv * gu + guv * (f0 + fu + fv)
    return f0 * g0, fu * (g0 + gu) + f0 * gu, fv * (g0 + gv) + f0 * gv, mixed


def compute_mixed_difference(xp: ArrayNamespace, u: NamespaceArray, v: NamespaceArray) -> NamespaceArray:
    r"""Return :math:`\log \Gamma(1 + u + v) - \log \Gamma(1 + u) - \log \Gamma(1 + v)` for moderate arguments."""
    x = 1.0 + SHIFT
    a, b, c = x + u, x + v, x + u + v
    y: Jet = (1 / x, -u / (a * x), -v / (b * x), u * v * (a + b) / (a * b * c * x))
    square, series = multiply_jets(y, y), (STIRLING[-1], 0.0, 0.0, 0.0)
    for coefficient in STIRLING[-2::-1]:
        value, *differences = multiply_jets(series, square)
        series = (value + coefficient, *differences)
    total: NamespaceArray = multiply_jets(series, y)[3]
    total = total + (c - 0.5) * xp.log1p(-u * v / (a * b)) + v * xp.log1p(u / x) + u * xp.log1p(v / x)
    for i in range(1, SHIFT + 1):
        total = total - xp.log1p(-u / (u + i) * (v / (v + i)))
    return total


def compute_stirling_binomial(xp: ArrayNamespace, u: NamespaceArray, v: NamespaceArray) -> NamespaceArray:
    """Return the same for large arguments."""
    terms = [evaluate_polynomial(STIRLING, 1 / x / x) / x for x in (u + v, u, v)]
    smooth = u * xp.log1p(v / u) + v * xp.log1p(u / v) + 0.5 * xp.log((1 / u + 1 / v) / (2 * math.pi))
    return smooth + (terms[0] - terms[1] - terms[2])


@op(
    tex=r"\log \binom{{{0:_} + {1:>}}}{{{0:_}}}",
    tex_precedence=MULTIPLY,
    floats=True,
    composite=True,
    commutative=True,
    domain=(POSITIVE, POSITIVE),
    edge=(0.0, 1e-8, 1.0, 20.0, 1e20),
    grad=lambda g, z, a, b: (g * digamma_difference(1 + a, b), g * digamma_difference(1 + b, a)),
    cost=250,
    behind="gammaln",
)
def log_binomial(xp: ArrayNamespace, a: NamespaceArray, b: NamespaceArray) -> NamespaceArray:
    r"""Logarithm of a binomial coefficient, :math:`\log \binom{a + b}{a} = \log \frac{(a + b)!}{a! \, b!}`.

    Parameters
    ----------
    a, b : Expr, array or number
        Sizes of the two parts, not necessarily integers. They broadcast together.

    Returns
    -------
    Expr
        The broadcast shape.

    Examples
    --------
    >>> pel.function([], pel.exp(pel.log_binomial(2.0, 3.0)))().round(4)
    np.float32(10.0)
    """
    low, high = xp.minimum(a, b), xp.maximum(a, b)
    one = xp.ones_like(low)
    stable = xp.logical_and(low > -1, low + high > -1)
    low, high = xp.where(stable, low, one), xp.where(stable, high, one)
    both_small, both_large = high < SHIFT, low >= SHIFT
    result = compute_mixed_difference(xp, xp.minimum(low, SHIFT), xp.minimum(high, SHIFT))
    large = xp.maximum(high, SHIFT)
    small = xp.minimum(low, SHIFT)
    mixed = compute_stirling_ratio(xp, 1 + large, small) - apply(xp, log_gamma_ratio, one, small)
    result = xp.where(both_small, result, mixed)
    result = xp.where(both_large, compute_stirling_binomial(xp, xp.maximum(low, SHIFT), large), result)
    ends = [apply(xp, gammaln, xp.where(stable, one, 1 + x)) for x in (a + b, a, b)]
    return xp.where(stable, result, ends[0] - ends[1] - ends[2])


@op(
    tex=r"\log B({0:_}, {1:_})",
    tex_precedence=MULTIPLY,
    floats=True,
    composite=True,
    commutative=True,
    domain=(POSITIVE, POSITIVE),
    edge=(1e-8, 1.0, 20.0, 1e20),
    grad=lambda g, z, a, b: (-g * digamma_difference(a, b), -g * digamma_difference(b, a)),
    cost=270,
)
def betaln(xp: ArrayNamespace, a: NamespaceArray, b: NamespaceArray) -> NamespaceArray:
    r"""Logarithm of the beta function, :math:`\log B(a, b) = \log \frac{\Gamma(a) \Gamma(b)}{\Gamma(a + b)}`.

    Parameters
    ----------
    a, b : Expr, array or number
        Positive numbers. They broadcast together.

    Returns
    -------
    Expr
        The broadcast shape.

    Examples
    --------
    >>> pel.function([], pel.betaln(1.0, 1e8))()
    np.float32(-18.420681)
    """
    low, high = xp.minimum(a, b), xp.maximum(a, b)
    one = xp.ones_like(low)
    stable = low > 0
    low, high = xp.where(stable, low, one), xp.where(stable, high, one)
    result = xp.log1p(low / high) - xp.log(low) - apply(xp, log_binomial, low, high)
    ends = [apply(xp, gammaln, xp.where(stable, one, x)) for x in (a, b, a + b)]
    return xp.where(stable, result, ends[0] + ends[1] - ends[2])
