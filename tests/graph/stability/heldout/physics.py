"""Formulas of physics and chemistry: occupation numbers, relativity, potentials, kinetics."""

from stability.case import case

SMALL = (0.5, 1e-3, 1e-8, 3, 100, 1000)
SPEED = (0.5, 1e-4, 1e-10, 0.9999, 0)
E = (0.5, 10, -300, 1e-3, 5)
M = (1, 9.999, 200, 1e-3, -5)
T = (0.025, 1e-3, 1, 10, 0.1)

OCCUPATION = [
    case("1 / (exp((e - m) / t) + 1)", e=E, m=M, t=T),
    case("1 - 1 / (exp((e - m) / t) + 1)", e=E, m=M, t=T),
    case("1 / (exp((e - m) / t) - 1)", e=(1, 10, 300, 1e-3), m=(0.5, 9.9999, -200, 1e-4), t=T[:4]),
    case("x ** 3 / (exp(x) - 1)", x=SMALL),
    case("x ** 2 * exp(x) / (exp(x) - 1) ** 2", x=SMALL),
    case("x ** 2 * exp(x) / (1 + exp(x)) ** 2", x=SMALL),
    case("x / 2 + x / (exp(x) - 1)", x=SMALL),
    case("x ** -5 / (exp(1 / x) - 1)", x=(0.5, 0.01, 1e5, 3, 1e-3)),
    case("log(2 * sinh(x / 2))", x=SMALL),
    case("-t * log(exp(-a / t) + exp(-b / t))", a=E, b=M, t=T),
    case("(a * exp(-a / t) + b * exp(-b / t)) / (exp(-a / t) + exp(-b / t))", a=E, b=M, t=T),
    case("exp(-a / t) / (exp(-a / t) + exp(-b / t))", a=E, b=M, t=T),
    case("t * log(1 + exp((m - e) / t))", e=E, m=M, t=T),
    case("log(1 - exp(-x / t))", x=(0.5, 1e-8, 30, 1000), t=(1, 3, 0.1, 1e5)),
    case("exp(x / 0.025) - 1", x=(-1, 1e-6, 0.5, -1e-9)),
    case("1e-12 * (exp(x / 0.025) - 1)", x=(-1, 1e-6, 0.5, 2, -1e-9)),
    case("x * (2 - 3 * exp(-x)) / (1 - exp(-x))", x=(0.5, 1e-3, -1e-8, 100, -1000)),
]  # fmt: skip

RELATIVITY = [
    case("1 / sqrt(1 - v ** 2) - 1", v=SPEED),
    case("(1 - v ** 2) ** -0.5 - 1", v=SPEED),
    case("sqrt(p ** 2 + m ** 2) - m", p=(0.5, 1e-5, 1e25, 1e-25, 3e20), m=(1, 1, 1e22, 1e-20, 1e25)),
    case("sqrt(p ** 2 + m ** 2) - p", p=(0.5, 1e5, 1e25, 1e-20, 3e20), m=(1, 1, 1e22, 1e-25, 1e15)),
    case("1 - (u + v) / (1 + u * v)", u=(0.5, 0.999, 0.9999999, 1e-5), v=(0.25, 0.999, 0.9, -1e-6)),
    case("sqrt((1 + b) / (1 - b)) - 1", b=SPEED),
    case("1 - sqrt(1 - r / x)", r=(1, 1e-9, 3, 1e-20), x=(2, 1, 1e10, 1e15)),
    case("0.5 * log((e + p) / (e - p))", e=(2, 1e25, 1, 1e4), p=(1, 1e20, 1e-6, 9.9999e3)),
    case("1 / (1 - b) - 1 / (1 + b)", b=SPEED),
    case("sqrt(1 + b) - sqrt(1 - b)", b=SPEED),
]  # fmt: skip

POTENTIALS = [
    case("(1 - exp(-a * x)) ** 2", a=(1, 1e-4, 2, 3), x=(0.5, 1e-3, 1e-8, 1000)),
    case("4 * ((s / r) ** 12 - (s / r) ** 6)", s=(1, 3, 1e10, 1e-20), r=(2, 3.1, 2e10, 1.5e-20)),
    case("4 * (s ** 12 / r ** 12 - s ** 6 / r ** 6)", s=(1, 3, 1e10, 1e-20), r=(2, 3.1, 2e10, 1.5e-20)),
    case("1 / r - 1 / (r + h)", r=(2, 6.4e6, 1e20, 1e-20), h=(1, 10, 1e15, 1e-25)),
    case("1 / r ** 2 - 1 / (r + h) ** 2", r=(2, 6.4e6, 1e10, 1e-10), h=(1, 10, 1e5, 1e-15)),
    case("(1 / (r - d) - 2 / r + 1 / (r + d))", r=(2, 1000, 1e4), d=(1, 1, 0.125)),
    case("exp(-r) / r - exp(-r)", r=(0.5, 1.001, 1e-5, 30)),
    case("m * n / (m + n) / 2", m=(1, 1e25, 1e-25, 2e38), n=(2, 1e20, 1e-30, 1e-10)),
    case("1 / (1 / f - 1 / d)", f=(1, 1e20, 1e-20, 1e-38), d=(3, 3e20, 2e-20, 1e-37)),
]  # fmt: skip

KINETICS = [
    case("x ** n / (k ** n + x ** n)", x=(2, 1e10, 1e-10, 3e15), k=(3, 2e10, 1e-9, 1), n=(2, 8, 6, 4)),
    case("1 / (1 + (k / x) ** n)", x=(2, 1e10, 1e-10, 3e15), k=(3, 2e10, 1e10, 1), n=(2, 8, 6, 4)),
    case("k * p / (1 + k * p)", k=(0.5, 1e25, 1e-25, 1e20), p=(3, 1e20, 1e-10, 1e-20)),
    case("c * p * exp(r * t) / (c + p * (exp(r * t) - 1))",
         c=(10, 100, 5, 3), p=(1, 1e-3, 4.999, 1e-30), r=(0.5, 1, 3, 2), t=(2, 200, 1e-8, 50)),
    case("c / (1 + (c - p) / p * exp(-r * t))",
         c=(10, 100, 5, 3), p=(1, 1e-3, 4.999, 1e-30), r=(0.5, 1, 3, 2), t=(2, 200, 1e-8, 30)),
    case("log(a / b)", a=(2, 1e30, 1e-30, 1), b=(3, 1e-30, 1e30, 1.0001)),
    case("log(a * b / (c * d))",
         a=(2, 1e30, 1e-30, 1), b=(3, 1e20, 1e-20, 2), c=(4, 1e-30, 1e10, 1), d=(5, 1, 1e30, 3)),
    case("a * b / c", a=(2, 1e30, 1e-30, 1e20), b=(3, 1e20, 1e-20, 1e-10), c=(4, 1e25, 1e-20, 1e5)),
    case("exp(-a / t) * exp(b / t)", a=E, b=M, t=(0.025, 0.1, 10, 10, 3)),
    case("exp(-a / t) / exp(-b / t)", a=E, b=M, t=(0.025, 0.1, 10, 10, 3)),
]  # fmt: skip

HELDOUT = [*OCCUPATION, *RELATIVITY, *POTENTIALS, *KINETICS]
