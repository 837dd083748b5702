"""Differences of nearly equal numbers, which cancel."""

from .case import case
from .points import LARGE, NEAR_ZERO, SMALL

UNIT = (-0.5, -1e-3, -1e-8, -1e-20, 0, 1e-30, 1e-12, 1e-5, 1e-3, 0.1, 0.5)
ANGLES = (-2, -0.5, -1e-3, -1e-8, 1e-12, 1e-5, 1e-3, 0.1, 1, 2)
SQUARED = (-3, -0.5, -1e-4, 1e-10, 1e-6, 0.25, 2)

LOG1P = [
    case("log(1 + x)", "log1p(x)", x=SMALL),
    case("log(x + 1)", "log1p(x)", x=SMALL),
    case("log(1 - x)", "log1p(-x)", x=UNIT),
    case("-log(1 - x)", "-log1p(-x)", x=UNIT),
    case("log(1 + x ** 2)", "log1p(x ** 2)", x=(*SQUARED, 1e6, 1e12)),
    case("log(1 - x ** 2)", "log1p(-x ** 2)", x=(-0.5, -1e-4, 1e-10, 1e-6, 0.25, 0.75)),
    case("log(1 + x / 3)", "log1p(x / 3)", x=SMALL),
    case("log(1 + 1 / x)", "log1p(1 / x)", x=LARGE),
    case("log(x + 1) - log(x)", "log1p(1 / x)", x=LARGE),
    case("log((x + 1) / x)", "log1p(1 / x)", x=LARGE),
    case("log(1 + x) / x", "logrel(x)", x=NEAR_ZERO),
    case("log(1 + exp(x) - 1)", "x", x=(-30, -1, -1e-8, 0, 1e-6, 3, 1000)),
    case("log10(1 + x)", "log1p(x) / log(10)", x=SMALL),
    case("log2(1 + x)", "log1p(x) / log(2)", x=SMALL),
]

EXPM1 = [
    case("exp(x) - 1", "expm1(x)", x=SMALL),
    case("exp(-x) - 1", "expm1(-x)", x=SMALL),
    case("1 - exp(x)", "-expm1(x)", x=SMALL),
    case("1 - exp(-x)", "-expm1(-x)", x=(*SMALL, 80, 1000)),
    case("exp(2 * x) - 1", "expm1(2 * x)", x=SMALL),
    case("exp(x ** 2) - 1", "expm1(x ** 2)", x=SQUARED),
    case("1 - exp(-x ** 2 / 2)", "-expm1(-x ** 2 / 2)", x=(*SQUARED, 1e3)),
    case("(exp(x) - 1) / x", "exprel(x)", x=NEAR_ZERO),
    case("x / (exp(x) - 1)", "1 / exprel(x)", x=(-1000, -0.5, -1e-3, 1e-20, 1e-6, 0.5, 3, 30)),
    case("2 ** x - 1", "expm1(x * log(2))", x=SMALL),
    case("exp2(x) - 1", "expm1(x * log(2))", x=SMALL),
    case("log(1 - exp(-x))", "log1mexp(-x)", x=(1e-20, 1e-8, 1e-3, 0.5, 1, 3, 20, 80)),
    case("log(1 - exp(x))", "log1mexp(x)", x=(-80, -20, -3, -1, -0.5, -1e-3, -1e-8, -1e-20)),
    case("log(exp(x) - 1)", "x + log1mexp(-x)", x=(1e-20, 1e-8, 1e-3, 0.5, 1, 3, 20, 80, 1000)),
    case("1 - exp(-exp(x))", "-expm1(-exp(x))", x=(-80, -20, -3, 0, 1, 3, 20, 1000)),
    case("log(1 - exp(-exp(x)))", "log1mexp(-exp(x))", x=(-80, -20, -3, 0, 1, 3)),
    case("1 / (exp(x) - 1)", "1 / expm1(x)", x=(-3, -1e-3, 1e-12, 1e-5, 0.5, 3, 30)),
    case("1 - 2 ** -x", "-expm1(-x * log(2))", x=SMALL),
]

ROOTS = [
    case("sqrt(1 + x) - 1", "x / (sqrt(1 + x) + 1)", x=SMALL),
    case("sqrt(x + 1) - 1", "x / (sqrt(1 + x) + 1)", x=SMALL),
    case("1 - sqrt(1 - x)", "x / (1 + sqrt(1 - x))", x=UNIT),
    case("(1 + x) ** 0.5 - 1", "x / (sqrt(1 + x) + 1)", x=SMALL),
    case("sqrt(1 + x ** 2) - 1", "x ** 2 / (sqrt(1 + x ** 2) + 1)", x=(*SQUARED, 1e10)),
    case("1 - sqrt(1 - x ** 2)", "x ** 2 / (1 + sqrt(1 - x ** 2))", x=(-0.5, -1e-4, 1e-10, 1e-6, 0.25, 0.75)),
    case("sqrt(x + 1) - sqrt(x)", "1 / (sqrt(x + 1) + sqrt(x))", x=LARGE),
    case("sqrt(x) - sqrt(x + 1)", "-1 / (sqrt(x + 1) + sqrt(x))", x=LARGE),
    case("sqrt(x + 1) - sqrt(x - 1)", "2 / (sqrt(x + 1) + sqrt(x - 1))", x=(2, 3, 1000, 1e5, 1e8, 1e12)),
    case("sqrt(x ** 2 + 1) - x", "1 / (sqrt(x ** 2 + 1) + abs(x)) + abs(x) - x", x=(-1e10, -1000, -1, 1, 3, 1e3, 1e8)),
    case("x - sqrt(x ** 2 - 1)", "1 / (x + sqrt(x ** 2 - 1))", x=(1.5, 3, 1000, 1e5, 1e8)),
    case("1 / sqrt(1 + x) - 1", "-x / (1 + x + sqrt(1 + x))", x=SMALL),
]

FRACTIONS = [
    case("1 / (1 + x) - 1", "-x / (1 + x)", x=SMALL),
    case("1 - 1 / (1 + x)", "x / (1 + x)", x=SMALL),
    case("1 / (1 - x) - 1", "x / (1 - x)", x=UNIT),
    case("1 - 1 / (1 - x)", "-x / (1 - x)", x=UNIT),
    case("1 / (1 + x) - 1 / (1 - x)", "-2 * x / (1 - x ** 2)", x=UNIT),
    case("1 / x - 1 / (x + 1)", "1 / (x * (x + 1))", x=(1, 3, 1000, 1e5, 1e8, 1e12)),
    case("1 / (x - 1) - 1 / (x + 1)", "2 / (x - 1) / (x + 1)", x=(2, 3, 1000, 1e5, 1e8, 1e12)),
    case("x / (x + 1) - 1", "-1 / (x + 1)", x=LARGE),
    case("1 - x / (x + 1)", "1 / (x + 1)", x=LARGE),
    case("1 - x / (1 + x)", "1 / (x + 1)", x=LARGE),
]

POWERS = [
    case("x ** 2 - y ** 2", "(x - y) * (x + y)", x=(1e20, 3, 1e-8, 1e4), y=(0.9999999e20, 2.9999, 1.1e-8, 9999.9)),
    case("sqrt(x ** 2 - y ** 2)", "sqrt((x - y) * (x + y))", x=(1e25, 3, 1e-25), y=(0.5e25, 2.5, 0.5e-25)),
    case("(1 + x) ** 2 - 1", "x * (2 + x)", x=SMALL),
    case("(x + 1) ** 2 - x ** 2", "2 * x + 1", x=(0.25, 3, 1000, 1e6, 1e10)),
    case("(x + y) ** 2 - (x - y) ** 2", "4 * x * y", x=(1, 1e6, 3, 1e-8), y=(1e-6, 1, 2, 1e3)),
]

ANGLES_CASES = [
    case("1 - cos(x)", "2 * sin(x / 2) ** 2", x=ANGLES),
    case("cos(x) - 1", "-2 * sin(x / 2) ** 2", x=ANGLES),
    case("(1 - cos(x)) / x ** 2", "sinc(x / 2) ** 2 / 2", x=(-2, -0.5, -0.25, 0.125, 1, 2)),
    case("(1 - cos(x)) / sin(x)", "sin(x / 2) / cos(x / 2)", x=ANGLES),
    case("1 - cos(x) ** 2", "sin(x) ** 2", x=ANGLES),
    case("1 - sin(x) ** 2", "cos(x) ** 2", x=(-1.5703125, -0.5, 0, 1, 1.5703125, 1.57)),
    case("sqrt(1 - cos(x) ** 2)", "abs(sin(x))", x=ANGLES),
    case("sqrt(1 - sin(x) ** 2)", "abs(cos(x))", x=(-1.5703125, -0.5, 0.25, 1, 1.5703125)),
]

ERROR_FUNCTION = [
    case("1 - erf(x)", "erfc(x)", x=(-3, 0, 0.5, 1, 3, 5, 8)),
    case("erfc(x)", "erfc(x)", x=(-3, 0, 0.5, 1, 3, 5, 8)),
    case("1 + erf(x)", "erfc(-x)", x=(-8, -5, -3, -1, 0, 0.5, 3)),
    case("(1 + erf(x / 1.4142135)) / 2", "erfc(-x / 1.4142135) / 2", x=(-10, -5, -3, -1, 0, 0.5, 3)),
    case("x * (1 + erf(x / 1.4142135)) / 2", "x * erfc(-x / 1.4142135) / 2", x=(-10, -5, -3, -1, 0.5, 3)),
    case("log(1 - erf(x))", "log(erfc(x))", x=(-3, 0, 0.5, 1, 3, 5, 8, 30, 1000)),
    case("log(erfc(x))", "log(erfc(x))", x=(-3, 0, 0.5, 1, 3, 5, 8, 30, 1000)),
]

CASES = [*LOG1P, *EXPM1, *ROOTS, *FRACTIONS, *POWERS, *ANGLES_CASES, *ERROR_FUNCTION]
