"""Differences of the logarithm of the gamma function: binomials, beta functions and likelihoods of counts."""

from stability.case import case

N = (10, 1e6, 1e8, 50, 1e4, 3)
K = (3, 2, 5, 25, 5000, 0)
A = (2, 1e6, 1e-5, 1e8, 0.5, 30)
B = (3, 2, 1e5, 0.25, 1e4, 40)
X = (0.5, 3, 1e4, 1e8, 1e-6)
COUNT = (3, 100, 0, 20, 1000)

BINOMIALS = [
    case("lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)", n=N[:5], k=K[:5]),
    case("lgamma(n + 1) - (lgamma(k + 1) + lgamma(n - k + 1))", n=N, given={"k": K}),
    case("exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1))", n=(10, 1e6, 1e8, 50), given={"k": (3, 2, 4, 25)}),
    case("lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log(1 - p)",
         p=(0.3, 1e-6, 1e-7, 0.5, 0.25), given={"n": N[:5], "k": K[:5]}),
    case("exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log(1 - p))",
         p=(0.3, 1e-6, 1e-7, 0.5), given={"n": N[:4], "k": K[:4]}),
    case("lgamma(n + 1) - lgamma(n - k + 1)", n=N[:5], given={"k": K[:5]}),
    case("lgamma(2 * n + 1) - 2 * lgamma(n + 1)", n=(3, 10, 1000, 1e6)),
    case("lgamma(sum(x, axis=-1) + 1) - sum(lgamma(x + 1), axis=-1)",
         x=((1, 2, 3), (1e6, 1, 2), (100, 200, 0), (1e5, 0, 0.5))),
]  # fmt: skip

BETA = [
    case("lgamma(a) + lgamma(b) - lgamma(a + b)", a=A, b=B),
    case("lgamma(a + b) - lgamma(a) - lgamma(b)", a=A[::-1], b=B[::-1]),
    case("exp(lgamma(a) + lgamma(b) - lgamma(a + b))", a=A[:5], b=(3, 2, 10, 0.25, 3)),
    case("(a - 1) * log(x) + (b - 1) * log(1 - x) - (lgamma(a) + lgamma(b) - lgamma(a + b))",
         x=(0.3, 0.5, 1e-6, 0.9), a=(2, 1e5, 3, 30), b=(3, 1e5, 1e6, 2)),
    case("lgamma(a + x) + lgamma(b + n - x) - lgamma(a + b + n) - lgamma(a) - lgamma(b) + lgamma(a + b)",
         a=(2, 1e5, 0.5), b=(3, 1e6, 1e4), given={"x": (1, 3, 2), "n": (4, 20, 2)}),
    case("lgamma(sum(x, axis=-1)) - sum(lgamma(x), axis=-1)",
         x=((1, 2, 3), (1e6, 1, 2), (1e-5, 0.5, 3), (100, 200, 300))),
]  # fmt: skip

RATIOS = [
    case("lgamma(x + 1) - lgamma(x)", x=X),
    case("lgamma(x) - lgamma(x + 1)", x=X),
    case("lgamma(x + 0.5) - lgamma(x)", x=X),
    case("exp(lgamma(x + 0.5) - lgamma(x))", x=X),
    case("exp(lgamma((n + 1) / 2) - lgamma(n / 2)) * sqrt(2 / n)", n=(3, 10, 1e4, 1e8)),
    case("lgamma(x + n) - lgamma(x)", x=X, given={"n": (5, 2, 3, 10, 1)}),
    case("lgamma(x + a) - lgamma(x + b)", x=X[:4], a=(0.5, 1, 2, 0.25), b=(0.25, 1.001, 1, 0.5)),
    case("exp(lgamma(x + a) - lgamma(x))", x=X[:4], a=(0.5, 1, 2, 0.25)),
    case("lgamma(1 + x)", x=(0.5, 1e-3, -1e-8, 1e-20, 3, 0)),
    case("log(x) + lgamma(x)", x=(0.5, 1e-3, 1e-8, 1e-20, 3)),
    case("lgamma(x) - (x - 0.5) * log(x) + x", x=(0.5, 3, 100, 1e4, 1e8)),
]  # fmt: skip

LIKELIHOODS = [
    case("lgamma((v + 1) / 2) - lgamma(v / 2) - 0.5 * log(3.1415927 * v) - (v + 1) / 2 * log(1 + x ** 2 / v)",
         x=(0.5, 3, 1e3, 1e-3), v=(3, 1e6, 2.5, 1e8)),
    case("-lgamma((v + 1) / 2) + lgamma(v / 2) + 0.5 * log(3.1415927 * v) + log(s) "
         "+ (v + 1) / 2 * log(1 + (x / s) ** 2 / v)",
         x=(0.5, 3, 1e25, 1e-25), v=(3, 1e6, 2.5, 1e8), s=(1, 2, 1e3, 1e-24)),
    case("lgamma(k + r) - lgamma(r) - lgamma(k + 1) + r * log(r / (r + m)) + k * log(m / (r + m))",
         r=(2, 1e6, 0.5, 1e8, 1e4), m=(3, 90, 1e-5, 20, 1000), given={"k": COUNT}),
    case("lgamma(k + r) - lgamma(r) - lgamma(k + 1) + r * log(1 - p) + k * log(p)",
         r=(2, 1e6, 0.5, 1e8, 1e4), p=(0.3, 1e-4, 1e-8, 2e-7, 0.1), given={"k": COUNT}),
    case("k * log(m) - m - lgamma(k + 1)", m=(3, 90, 1e-5, 20, 1000), given={"k": COUNT}),
    case("m - k * log(m) + lgamma(k + 1)", m=(3, 1e4, 1e6, 2), given={"k": (2, 1e4, 1e6, 0)}),
    case("exp(k * log(m) - m - lgamma(k + 1))", m=(3, 1e4, 1e6, 2), given={"k": (2, 1e4, 1e6, 0)}),
    case("a * log(b) - lgamma(a) + (a - 1) * log(x) - b * x",
         x=(0.5, 1e4, 1, 1e-5), a=(2, 1e4, 1e6, 0.5), b=(1, 1, 1e6, 3)),
]  # fmt: skip

HELDOUT = [*BINOMIALS, *BETA, *RATIOS, *LIKELIHOODS]
