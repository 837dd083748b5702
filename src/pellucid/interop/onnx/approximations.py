"""Approximations of special functions that ONNX lacks, with float32 precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from pellucid.graph.errors import DtypeError
from pellucid.graph.expr import Expr, constant
from pellucid.interop.onnx.symbolic import P

SHIFT = 8
"""Recurrence steps that shift an argument to where the asymptotic series has float32 precision."""

BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30)
"""The first Bernoulli numbers of even index."""


def number(x: Expr, value: float) -> Expr:
    """Return a constant of the dtype of ``x``."""
    return constant(np.asarray(value).astype(x.dtype))


def polynomial(x: Expr, coefficients: Sequence[float]) -> Expr:
    """Evaluate a polynomial by Horner's scheme, highest coefficient first."""
    total = number(x, coefficients[0])
    for c in coefficients[1:]:
        total = total * x + number(x, c)
    return total


def check_precision(name: str, x: Expr) -> None:
    """Reject float64, which is more precise than the approximation."""
    if x.dtype == np.float64:
        raise DtypeError(
            f"{name} is exported as an approximation with float32 precision. Cast its argument: pel.cast(x, 'float32')"
        )


def get_reduced_angle(x: Expr) -> Expr:
    """Return pi times the distance to the nearest integer; sines of it stay accurate near their zeros."""
    return number(x, math.pi) * (x - P.rint(x))


def gammaln(x: Expr) -> Expr:
    """Stirling's series of a shifted argument; reflection formula for x < 0.5."""
    check_precision("gammaln", x)
    left = x < number(x, 0.5)
    z = P.where(left, number(x, 1) - x, x)
    product = z
    for k in range(1, SHIFT):
        product = product * (z + number(x, k))
    large = z > number(x, 1000)
    up = P.where(large, z, z + number(x, SHIFT))
    inverse = number(x, 1) / up
    series = inverse * polynomial(inverse * inverse, (1 / 1260, -1 / 360, 1 / 12))
    stirling = (up - number(x, 0.5)) * P.log(up) - up + number(x, 0.5 * math.log(2 * math.pi)) + series
    right = stirling - P.log(P.where(large, number(x, 1), product))
    return P.where(left, number(x, math.log(math.pi)) - P.log(abs(P.sin(get_reduced_angle(x)))) - right, right)


def digamma(x: Expr) -> Expr:
    """Asymptotic series of a shifted argument; reflection formula for x < 0.5."""
    check_precision("digamma", x)
    left = x < number(x, 0.5)
    z = P.where(left, number(x, 1) - x, x)
    shifted: Expr = number(x, 0)
    for k in range(SHIFT):
        shifted = shifted + number(x, 1) / (z + number(x, k))
    up = z + number(x, SHIFT)
    inverse = number(x, 1) / up
    series = polynomial(inverse * inverse, (1 / 252, -1 / 120, 1 / 12, 0.0))
    right = P.log(up) - number(x, 0.5) * inverse - series - shifted
    return P.where(left, right - number(x, math.pi) * P.cos(get_reduced_angle(x)) / P.sin(get_reduced_angle(x)), right)


def digamma_derivative(x: Expr, n: int) -> Expr:
    """Asymptotic series of a shifted argument, for positive arguments."""
    check_precision("polygamma", x)
    sign = -1.0 if n % 2 == 0 else 1.0
    shifted: Expr = number(x, 0)
    for k in range(SHIFT):
        shifted = shifted + (x + number(x, k)) ** number(x, -(n + 1))
    up = x + number(x, SHIFT)
    series = number(x, math.factorial(n - 1)) * up ** number(x, -n)
    series = series + number(x, math.factorial(n) / 2) * up ** number(x, -(n + 1))
    for k, b in enumerate(BERNOULLI, 1):
        factor = b * math.factorial(2 * k + n - 1) / math.factorial(2 * k)
        series = series + number(x, factor) * up ** number(x, -(2 * k + n))
    return number(x, sign) * (number(x, math.factorial(n)) * shifted + series)


ERFC = (
    0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807,
    -0.18628806, 0.09678418, 0.37409196, 1.00002368, -1.26551223,
)  # fmt: skip
"""A fit of log(erfc(z) / t) + z^2 in t = 1 / (1 + z / 2), to 1.2e-7: W. H. Press et al., Numerical Recipes, 6.2."""


def erfcx(x: Expr) -> Expr:
    """Fit of erfc without its exponential factor; reflection formula for x < 0."""
    check_precision("erfcx", x)
    z = abs(x)
    t = number(x, 1) / (number(x, 1) + number(x, 0.5) * z)
    right = t * P.exp(polynomial(t, ERFC))
    return P.where(x < number(x, 0), number(x, 2) * P.exp(x * x) - right, right)


def log_ndtr(x: Expr) -> Expr:
    """Log of the normal CDF: by erfcx for x < 0, which does not underflow, by log1p otherwise."""
    check_precision("log_ndtr", x)
    z = x * number(x, math.sqrt(0.5))
    below = P.minimum(z, number(x, 0))
    left = P.log(number(x, 0.5) * erfcx(-below)) - below * below
    return P.where(x < number(x, 0), left, P.log1p(number(x, -0.5) * P.erfc(z)))


MIDDLE = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
    -0.00125372503, -0.00417768164, 0.246640727, 1.50140941,
)  # fmt: skip
TAIL = (
    -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
    -0.0076224613, 0.00943887047, 1.00167406, 2.83297682,
)  # fmt: skip
"""Fits of erfinv(x) / x in w = -log(1 - x^2), below 5 and above: M. Giles, Approximating the erfinv function, 2010."""


def erfinv_ratio(w: Expr) -> Expr:
    """Return erfinv(x) / x from -log(1 - x^2)."""
    near = polynomial(P.minimum(w, number(w, 5)) - number(w, 2.5), MIDDLE)
    far = polynomial(P.sqrt(P.maximum(w, number(w, 5))) - number(w, 3), TAIL)
    return P.where(w < number(w, 5), near, far)


def erfinv(x: Expr) -> Expr:
    """Fit of erfinv, with infinities at -1 and 1."""
    check_precision("erfinv", x)
    one = number(x, 1)
    inside = x * erfinv_ratio(-P.log((one - x) * (one + x)))
    return P.where(P.equal(abs(x), one), x * number(x, math.inf), inside)


def ndtri(x: Expr) -> Expr:
    """erfinv(2x - 1) with 1 - (2x - 1)^2 computed as 4x(1 - x), so that small probabilities stay accurate."""
    check_precision("ndtri", x)
    one, two = number(x, 1), number(x, 2)
    side = two * x - one
    inside = number(x, math.sqrt(2)) * side * erfinv_ratio(-P.log(number(x, 4) * x * (one - x)))
    return P.where(
        P.equal(abs(side), one) & (P.equal(x, number(x, 0)) | P.equal(x, one)), side * number(x, math.inf), inside
    )


APPROXIMATIONS: dict[str, Callable[..., Expr]] = {
    f.__name__: f for f in (gammaln, digamma, digamma_derivative, erfcx, erfinv, log_ndtr, ndtri)
}
"""Ops that are exported as approximations."""
