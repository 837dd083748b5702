"""Differences of functions of similar arguments, remainders of series, and sums of squares."""

from .case import case

X = (3, 1000, 1e10, 1)
H = (1, 1e-3, 1e3, 1e-6)
SMALL = (-0.5, -1e-3, 1e-6, 0.25, 0.75)

SIMILAR = [
    case("sqrt(x + y) - sqrt(x - y)", "2 * y / (sqrt(x + y) + sqrt(x - y))", x=X[:3], y=H[:3]),
    case("x - sqrt(x * x + y)", "-y / (x + sqrt(x * x + y))", x=(3, 1e4, 1e8), y=(2, 1e-3, 1)),
    case("1 / (x - y) - 1 / (x + y)", "2 * y / (x - y) / (x + y)", x=X[:3], y=H[:3]),
    case("x / (x - 1) - 1 - 1 / x", "1 / x / (x - 1)", x=(3, 100, 1e5)),
    case("(2 + x) * (2 - x) - 4", "-x ** 2", x=(0.5, 1e-3, -1e-8)),
    case("4 * x ** 2 - 4 * x * y + y ** 2", "(2 * x - y) ** 2", x=(3, 1e10, 1.0001), y=(5, 2.00001e10, 2)),
    case("log(x + y) - log(x - y)", x=X[:3], y=H[:3]),
    case("log((x - y) / (x + y))", x=X[:3], y=H[:3]),
    case("(x + 2) ** 0.3 - x ** 0.3", x=(3, 1000, 1e8)),
    case("sin(x) - sin(x - y)", x=X[:2], y=H[:2]),
    case("cos(x - y) - cos(x)", x=X[:2], y=H[:2]),
    case("tan(x) - tan(x - y)", x=(1, 0.5), y=(1e-3, 1e-6)),
]

REMAINDERS = [
    case("sin(x) - x", x=SMALL),
    case("x - tan(x)", x=SMALL),
    case("1 / tan(x) - 1 / x", x=SMALL),
    case("x - log1p(x)", x=SMALL),
    case("log(1 + x) / log(1 - x)", x=SMALL),
]

POINTS = [
    case("y / (x ** 2 + y ** 2)", x=(3, 1e25, -1e-15), y=(4, 2e25, 1e-16)),
    case("log(y ** 2 + x ** 2)", x=(3, 1e25, 1e-25), y=(4, 2e25, 3e-25)),
    case("arcsin(x / sqrt(x ** 2 + y ** 2))", x=(3, 1e3, -5), y=(4, 0.1, -12)),
    case("arccosh(1 + (x - y) ** 2 / (2 * z ** 2))", x=(1, 1.5, 3), y=(1.0001, 1.50001, -3), z=(1, 1, 1e-3)),
    case("arccos(1 - x ** 2)", x=(1e-15, 1e-5, 0.01, 1.2, 1.41)),
    case("arcsin(1 - x)", x=(1e-25, 1e-8, 0.9, 1.9)),
    case("sqrt(a * a + b * b - 2 * a * b * cos(c))", a=(3, 1), b=(4, 1.0001), c=(1, 1e-3)),
]

CASES = [*SIMILAR, *REMAINDERS, *POINTS]
