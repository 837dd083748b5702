"""Compound interest, annuities, returns and option prices."""

from stability.case import case

R = (0.05, 1e-6, 1e-10, 0.5, 1e-4)
N = (10, 360, 1e6, 1000, 12)
RETURNS = ((0.01, -0.02, 0.03), (1e-8, 2e-8, -1e-9), (1e-4, 1e-12, -1e-4), (0.5, 1, -0.25))

INTEREST = [
    case("(1 + r) ** n", r=(0.05, 1e-6, 1e-9, 1e-4), given={"n": (10, 360, 1e9, 1e5)}),
    case("(1 + r / n) ** n", r=(0.05, 1, -0.5, 3), given={"n": (12, 365, 1e8, 1e6)}),
    case("(1 + r / n) ** n - 1", r=(0.05, 1e-8, -0.5, 3), given={"n": (12, 365, 1e8, 1e6)}),
    case("p * (1 + r / n) ** (n * t)", p=(100, 1, 1e6), r=(0.05, 1e-3, 0.5), t=(10, 3, 2), given={"n": (12, 365, 1e7)}),
    case("(1 + r) ** (1 / 12) - 1", r=(0.05, 1e-6, 1e-10, 3)),
    case("(1 + r) ** n - 1", r=(*R[:3], 1e-12), given={"n": (10, 360, 1e6, 3)}),
    case("(a / b) ** (1 / n) - 1", a=(200, 100.5, 1e30, 3), b=(100, 100, 1e-5, 2), given={"n": (10, 1e4, 1000, 1e6)}),
    case("(1 + a) / (1 + b) - 1", a=(0.05, 1e-6, 0.5), b=(0.02, 2e-6, 0.4999)),
    case("0.6931472 / log(1 + r)", r=(0.05, 1e-6, 1e-10, 3)),
    case("exp(r * t) - (1 + r * t)", r=(0.05, 1e-4, 1), t=(10, 1, 3)),
    case("1 - 1 / (1 + r) ** n", r=R[:3], given={"n": (10, 360, 3)}),
    case("log((1 + r) ** n)", r=R, given={"n": N}),
]  # fmt: skip

ANNUITIES = [
    case("((1 + r) ** n - 1) / r", r=(*R[:3], 1e-4), given={"n": (10, 360, 1e6, 12)}),
    case("(1 - (1 + r) ** -n) / r", r=R, given={"n": N}),
    case("(1 - 1 / (1 + r) ** n) / r", r=R, given={"n": N}),
    case("p * r / (1 - (1 + r) ** -n)", p=(100, 1e5, 1, 3, 5), r=R, given={"n": N}),
    case("p * r * (1 + r) ** n / ((1 + r) ** n - 1)", p=(100, 1e5, 1, 3, 5), r=R, given={"n": N}),
    case("r / ((1 + r) ** n - 1)", r=(*R[:3], 1e-4), given={"n": (10, 360, 1e6, 12)}),
    case("(1 - ((1 + g) / (1 + r)) ** n) / (r - g)",
         r=(0.05, 0.0300001, 1e-3), g=(0.02, 0.03, 1e-4), given={"n": (10, 30, 360)}),
    case("(1 - exp(-r * t)) / (r * t)", r=R, t=(10, 1, 3, 1e4, 0.25)),
    case("(1 - exp(-r * t)) / (r * t) - exp(-r * t)", r=R, t=(10, 100, 3, 1e3, 0.25)),
]  # fmt: skip

RETURNS_AND_RISK = [
    case("prod(1 + x, axis=-1) - 1", x=RETURNS),
    case("prod(1 + x, axis=-1) ** (1 / 3) - 1", x=RETURNS),
    case("log(prod(1 + x, axis=-1))", x=RETURNS),
    case("(1 + a) * (1 + b) - 1", a=(0.05, 1e-8, -1e-10), b=(0.02, 2e-9, 3e-12)),
    case("(1 - exp(-a * x)) / a", a=(0.5, 1e-8, 3, 1e-3), x=(1, 3, 1000, 1e-5)),
    case("-log(mean(exp(-a * x), axis=-1, keepdims=True)) / a",
         x=((1, 2, 3), (100, -200, 3), (1e-3, 2e-3, -1e-3), (5, 5.5, 6)), given={"a": ((1,), (3,), (0.01,), (1000,))}),
    case("log(x) - log(y)", x=(3, 100.01, 1e-30, 1e30), y=(2, 100, 1e-29, 1.0001e30)),
    case("(x - y) / y", x=(3, 1.7e38, 1e-30), y=(2, 1e38, 2e-30)),
    case("x / y - 1", x=(3, 100.01, 1e-30, 1.001e30), y=(2, 100, 1.0001e-30, 1e30)),
    case("0.5 * erfc(-(log(s / k) + (r + v ** 2 / 2) * t) / (v * sqrt(t)) / 1.4142135)",
         s=(100, 1e20, 50), k=(90, 1e-20, 100), r=(0.05, 0.01, 0.02), v=(0.2, 3, 0.1), t=(1, 2, 0.5)),
]  # fmt: skip

HELDOUT = [*INTEREST, *ANNUITIES, *RETURNS_AND_RISK]
