"""Quadratic roots, differences of roots, fractions and logarithms, and remainders of series."""

from stability.case import case

A = (1, 1e-3, 1, 2, 1e-20)
B = (5, 1e4, 1e25, -7, 3)
C = (3, 1, 1e20, 3, 1e-10)
LARGE = (3, 1000, 1e6, 1e12, 1e20)
SMALL = (0.5, 1e-3, -1e-4, 1e-8, -1e-12)

QUADRATIC = [
    case("(-b + sqrt(b ** 2 - 4 * a * c)) / (2 * a)", a=A, b=B, c=C),
    case("(-b - sqrt(b ** 2 - 4 * a * c)) / (2 * a)", a=A[:4], b=(-5, -1e4, -1e25, 7), c=C[:4]),
    case("2 * c / (-b - sqrt(b ** 2 - 4 * a * c))", a=A, b=B, c=C),
    case("-p / 2 + sqrt((p / 2) ** 2 - q)", p=(5, 1e4, 1e25, -6), q=(3, 1, 1e20, 5)),
    case("x - sqrt(x ** 2 - y)", x=(3, 1e4, 1e25, -3), y=(2, 1e-3, 1e20, 2)),
    case("sqrt(x ** 2 + y) - x", x=(3, 1e4, 1e25, -3), y=(2, 1e-3, 1e20, 2)),
    case("x * (sqrt(1 + y / x ** 2) - 1)", x=(3, 1e4, 1e15, -3), y=(2, 1e-3, 1e20, 2)),
    case("(sqrt(1 + 4 * x) - 1) / 2", x=(0.5, 1e-8, 1e-20, 1e10, 0)),
    case("(-1 + sqrt(1 + 8 * x * y)) / (4 * x)", x=(0.5, 1e-8, 1e-20, 10), y=(3, 1, 1e5, 1e10)),
]  # fmt: skip

ROOTS = [
    case("sqrt(x + h) - sqrt(x)", x=(3, 1000, 1e20, 1), h=(1, 1e-3, 1e10, 1e-6)),
    case("(x + 1) ** (1 / 3) - x ** (1 / 3)", x=LARGE),
    case("(x + 1) ** 0.25 - x ** 0.25", x=LARGE),
    case("1 / sqrt(x) - 1 / sqrt(x + 1)", x=LARGE),
    case("sqrt(x) * (sqrt(x + 1) - sqrt(x))", x=LARGE),
    case("1 / (sqrt(1 + x) - 1)", x=(0.5, 1e-3, 1e-8, 1e-20)),
    case("(sqrt(1 + x) - sqrt(1 - x)) / x", x=(0.5, 1e-3, -1e-8, 1e-20)),
    case("(1 + x) ** 1.5 - 1", x=SMALL),
    case("sqrt(x ** 2 + x) - x", x=LARGE),
    case("sqrt(x ** 2 + 1e-6) - 1e-3", x=(0.5, 1e-3, 1e-5, -1e-7)),
]  # fmt: skip

FRACTIONS = [
    case("1 / (x + 1) - 2 / x + 1 / (x - 1)", x=(3, 100, 1e4, 1e6)),
    case("1 / x - 1 / y", x=(3, 1000, 1e20), y=(4, 1000.5, 1.0001e20)),
    case("x / (x + 1) - (x - 1) / x", x=(3, 1000, 1e8)),
    case("(x + 1) / x - 1", x=LARGE),
    case("x ** 2 / (1 + x ** 2)", x=(0.5, 1e-25, 1e25, -3)),
    case("1 - x ** 2 / (1 + x ** 2)", x=(0.5, 1e-25, 1e15, -3, 0)),
    case("1 - 1 / (1 + x ** 2)", x=(0.5, 1e-5, 1e-15, -3, 1e25)),
    case("x ** 3 / (1 + x ** 3)", x=(0.5, 1e-10, 1e20, 3)),
    case("(x ** 2 - y ** 2) / (x - y)", x=(3, 1e25, 1.0001, 1e-25), y=(2, 0.9e25, 1, 1.1e-25)),
    case("x ** 3 - y ** 3", x=(3, 1e10, 1.0001, 1e-8), y=(2, 1.00001e10, 1, 1.001e-8)),
    case("(x + h) ** 3 - x ** 3", x=(3, 1000, 1), h=(1, 1e-3, 1e-6)),
    case("((x + h) ** 2 - x ** 2) / h", x=(3, 1000, 1), h=(1, 1e-3, 1e-6)),
    case("1 / (1 - x) - 1 - x", x=SMALL),
    case("(1 + x) * (1 - x) - 1", x=SMALL),
    case("1 - 1 / (1 + exp(x)) - 1 / (1 + exp(-y))", x=(1, 2, 3), y=(0.5, 1.999, -3)),
]  # fmt: skip

LOGARITHMS = [
    case("log(x + 1) - log(x - 1)", x=LARGE),
    case("log((x + 1) / (x - 1))", x=LARGE),
    case("log(x + h) - log(x)", x=(3, 1000, 1e20), h=(1, 1e-3, 1e10)),
    case("log((x + h) / x)", x=(3, 1000, 1e20), h=(1, 1e-3, 1e10)),
    case("(x + 1) * log(x + 1) - x * log(x) - 1", x=(3, 1000, 1e6, 1e10)),
    case("log(1 + x) - x", x=SMALL),
    case("(1 + x) * log(1 + x) - x", x=SMALL),
    case("x - log(1 + x)", x=(0.5, 1e-3, 1e-8, 1e-12, 1e10)),
    case("log(1 + x + x ** 2)", x=(0.5, 1e-3, -1e-8, 1e-20, 1e25)),
    case("log(1 - x) / log(1 + x)", x=SMALL),
    case("log(1 + exp(x) * y)", x=(0.5, -50, 100, 1000), y=(1, 1e-3, 1e-20, 1e10)),
    case("log(1 + x * y)", x=(0.5, 1e-10, 1e20, 1e25), y=(1, 1e-3, 1e15, 1e25)),
    case("log(x ** 2 + y ** 2 + 1)", x=(0.5, 1e-10, 1e25, 3), y=(1, 1e-3, 1e20, 4)),
    case("log(x + y) - log(x)", x=(3, 1, 1e30, 1e-30), y=(2, 1e-10, 1e20, 1)),
]  # fmt: skip

EXPONENTIALS = [
    case("exp(x) - exp(y)", x=(1, 3, -50, 1e-8), y=(0.5, 2.9999, -51, -1e-8)),
    case("(exp(x) - exp(y)) / (x - y)", x=(1, 3, -50, 1e-8), y=(0.5, 2.9999, -51, -1e-8)),
    case("exp(x) - 1 - x", x=SMALL),
    case("exp(x) - 1 - x - x ** 2 / 2", x=(0.5, 1e-2, -1e-3, 3)),
    case("x * exp(x) - exp(x) + 1", x=SMALL),
    case("exp(a * x) - exp(b * x)", x=(1e-8, 0.5, 3), a=(1, 2, 1.0001), b=(2, 1, 1)),
    case("(exp(a * x) - 1) / (exp(b * x) - 1)", x=(1e-8, 0.5, 100, -3), a=(1, 2, 3, 1.0001), b=(2, 1, 3.1, 1)),
    case("exp(x) / (exp(x) - 1)", x=(0.5, 1e-8, -1e-3, 100, 1000)),
    case("x ** x", x=(0.5, 1e-30, 3, 20)),
    case("10 ** x - 1", x=SMALL),
    case("3 ** x / (1 + 3 ** x)", x=(-500, -3, 0, 2, 500)),
    case("exp(x) / x - 1 / x", x=SMALL),
]  # fmt: skip

HELDOUT = [*QUADRATIC, *ROOTS, *FRACTIONS, *LOGARITHMS, *EXPONENTIALS]
