"""Probabilities of at least one event, of many events, and likelihoods of counts."""

from stability.case import case

P = (0.3, 1e-10, 1e-20, 1e-6, 0.999, 1e-4)
N = (5, 1e6, 10, 1e7, 3, 1000)
Q = (0.2, 1e-12, 1e-3, 0.5, 0.9999, 1e-30)
ROWS = ((0.1, 0.2, 0.3), (1e-10, 2e-10, 1e-12), (1e-30, 1e-20, 1e-25), (0.9, 1e-8, 0.5))
LIKELY = ((0.1, 0.2, 0.3), (1e-15, 1e-20, 1e-10), (1e-30, 1e-30, 1e-30), (0.9, 1e-37, 1e-5))
LOGITS = ((0.5, -1, 2), (-100, 3, -50), (-30, -30, -40), (100, 90, 200))

AT_LEAST_ONE = [
    case("1 - (1 - p) ** n", p=P, given={"n": N}),
    case("-(1 - p) ** n + 1", p=P, n=N),
    case("1 - (1 - p) ** 5", p=P),
    case("1 - (1 - p) ** 0.25", p=P),
    case("1 - (1 - p) * (1 - q)", p=P, q=Q),
    case("1 - prod(1 - x, axis=-1)", x=ROWS),
    case("1 - (1 - x[..., 0]) * (1 - x[..., 1]) * (1 - x[..., 2])", x=ROWS),
    case("log(1 - prod(1 - x, axis=-1))", x=ROWS),
    case("log(1 - (1 - p) ** n)", p=P, given={"n": N}),
    case("1 - exp(n * log(1 - p))", p=P, given={"n": N}),
    case("1 - prod(1 / (1 + exp(x)), axis=-1)", x=LOGITS),
    case("1 - prod(1 - sigmoid(x), axis=-1)", x=LOGITS),
    case("-log(1 - prod(1 - sigmoid(x), axis=-1))", x=LOGITS),
    case("(1 - (1 - p) ** n) / p", p=(0.3, 1e-10, 1e-20, 1e-6, 0.999), given={"n": N[:5]}),
    case("1 - (1 - 1 / m) ** k", m=(10, 1e6, 1e10, 365), given={"k": (3, 100, 1e5, 23)}),
    case("1 - (1 - (1 - exp(-k * n / m)) ** k)",
         m=(10, 1e3, 1e6, 100), given={"k": (3, 4, 2, 1), "n": (5, 100, 10, 1e-6)}),
    case("1 - (1 - x ** 4) ** 32", x=(0.5, 0.01, 1e-5, 0.9)),
]  # fmt: skip

MANY = [
    case("(1 - p) ** n", p=P, given={"n": N}),
    case("n * log(1 - p)", p=P, given={"n": N}),
    case("p * (1 - p) ** n", p=P, given={"n": N}),
    case("log(p * (1 - p) ** (n - 1))", p=P, given={"n": N}),
    case("p ** n / (p ** n + (1 - p) ** n)", p=(0.3, 1e-10, 0.5, 0.999), given={"n": (5, 10, 1000, 50)}),
    case("log(p ** k * (1 - p) ** (n - k))",
         p=(0.3, 1e-10, 0.5, 0.999), given={"k": (3, 10, 1000, 50), "n": (10, 1e6, 3000, 80)}),
    case("k * log(p) + (n - k) * log(1 - p)",
         p=(0.3, 1e-10, 0.5, 0.999), given={"k": (3, 10, 1000, 50), "n": (10, 1e6, 3000, 80)}),
    case("log(x ** (a - 1) * (1 - x) ** (b - 1))",
         x=(0.3, 1e-10, 0.5, 1e-20), given={"a": (2, 20, 300, 5), "b": (3, 1e6, 300, 1e8)}),
    case("log(prod(x, axis=-1))", x=LIKELY),
    case("-log(x[..., 0] * x[..., 1] * x[..., 2])", x=LIKELY),
    case("-log(prod(1 / (1 + exp(-x)), axis=-1))", x=LOGITS),
    case("log(prod(x ** 2, axis=-1)) / 2", x=(*LIKELY, (1e25, 1e20, 1e30))),
    case("log(abs(prod(x, axis=-1)))", x=((1, -2, 3), (1e25, -1e20, 1e30), (-1e-25, 1e-20, 1e-5))),
    case("prod(x, axis=-1) / prod(y, axis=-1)",
         x=LIKELY, y=((0.2, 0.1, 0.3), (1e-15, 2e-20, 1e-11), (1e-30, 2e-30, 1e-31), (0.5, 1e-36, 1e-6))),
    case("a * b / (a * b + c * d)",
         a=(0.3, 1e-25, 1e-30, 1e20), b=(0.2, 1e-20, 1, 1e25), c=(0.7, 1e-22, 1e-20, 1e30),
         d=(0.1, 3e-23, 1e-25, 1e-5)),
    case("-log(a * b + c * d)",
         a=(0.3, 1e-25, 1e-30, 0.9), b=(0.2, 1e-20, 1e-15, 0.5), c=(0.7, 1e-22, 1e-20, 0.5),
         d=(0.1, 3e-23, 1e-25, 0.1)),
]  # fmt: skip

ODDS = [
    case("log(p / (1 - p)) - log(q / (1 - q))", p=P[:5], q=Q[:5]),
    case("log(p) - log(1 - p)", p=(0.3, 1e-30, 0.5, 0.501, 0.9999999)),
    case("log(p * (1 - q) / (q * (1 - p)))", p=P[:5], q=Q[:5]),
    case("(p * (1 - q)) / (q * (1 - p))", p=P[:5], q=Q[:5]),
    case("p / (1 - p)", p=P),
    case("1 / (1 + (1 - p) / p)", p=P),
    case("1 / (1 + exp(-(log(p / (1 - p)) + x)))", p=P[:5], x=(1, 20, 50, -3, -200)),
]  # fmt: skip

HELDOUT = [*AT_LEAST_ONE, *MANY, *ODDS]
