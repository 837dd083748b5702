"""Differences of the logarithm of the gamma function, and likelihoods with its leading terms."""

from .case import case

X = (1e-6, 0.3, 2.5, 40, 1e4, 1e8, 1e12)

RATIOS = [
    case("lgamma(x + 2.5) - lgamma(x + 1)", x=X),
    case("lgamma(x / 3 + 1) - lgamma(x / 3)", x=X),
    case("lgamma(y) - lgamma(y + 3 * x)", x=(1e-3, 0.5, 2, 7, 1e5), y=(1e7, 20, 1e-4, 1e9, 3)),
    case("3 * lgamma(x + 0.75) - 3 * lgamma(x)", x=X),
    case("exp(lgamma(x - 0.25) - lgamma(x))", x=X[2:]),
    case("exp(lgamma(x + 0.5) - lgamma(x)) / sqrt(x)", x=X[1:]),
    case("lgamma(x + 0.25) - lgamma(x) - 0.25 * log(x)", x=X[1:5]),
    case("lgamma(x ** 2 + 1)", x=(1e-12, 1e-3, 0.5, 3, 100)),
    case("lgamma(x) + log(x) - x", x=(1e-12, 1e-3, 0.5, 3, 100)),
]

COUNTS = [
    case("lgamma(m + n + 1) - lgamma(m + 1) - lgamma(n + 1)", m=(0.5, 3, 1e7, 1e-5, 40), n=(1e6, 4, 2, 1e4, 1e5)),
    case("2 * (lgamma(m) + lgamma(n) - lgamma(m + n))", m=(0.5, 3, 1e7, 1e-5, 40), n=(1e6, 4, 2, 1e4, 1e5)),
    case("exp(lgamma(m + n) - (lgamma(m) + lgamma(n)))", m=(0.5, 3, 1e7, 1e-5), n=(1e6, 4, 2, 1e4)),
    case("lgamma(m + 1) + lgamma(n + 1) - lgamma(m + n + 1) - m * log(p) - n * log(1 - p)",
         p=(1e-6, 0.4, 0.7, 0.25), given={"m": (2, 3, 7e4, 1000), "n": (1e6, 4, 3e4, 3000)}),
    case("sum(lgamma(x), axis=-1) - lgamma(sum(x, axis=-1))", x=((1e5, 2, 0.5), (1, 1e7, 3), (1e-4, 2, 1e-3))),
    case("x * log(2 * m) - 2 * m - lgamma(x + 1)", m=(1.5, 5e3, 4e5, 1e-4), given={"x": (2, 1e4, 8e5, 0)}),
    case("lgamma(x) + x - x * log(x)", x=(0.5, 3, 100, 1e4, 1e8)),
]  # fmt: skip

CASES = [*RATIOS, *COUNTS]
