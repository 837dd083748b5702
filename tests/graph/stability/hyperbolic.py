"""Hyperbolic functions and their inverses, written with exponentials, logarithms and roots."""

from .case import case
from .points import MODERATE, REAL, SIGNED, SMALL

SIDES = (-1000, -80, -3, -0.5, 0.25, 3, 80, 1000)
POSITIVE = (1e-20, 1e-8, 1e-3, 0.5, 3, 30, 80)

TANH = [
    case("(exp(x) - exp(-x)) / (exp(x) + exp(-x))", "tanh(x)", x=REAL),
    case("(exp(2 * x) - 1) / (exp(2 * x) + 1)", "tanh(x)", x=REAL),
    case("(1 - exp(-2 * x)) / (1 + exp(-2 * x))", "tanh(x)", x=REAL),
    case("1 - 2 / (exp(2 * x) + 1)", "tanh(x)", x=REAL),
    case("2 / (1 + exp(-2 * x)) - 1", "tanh(x)", x=REAL),
    case("2 * sigmoid(2 * x) - 1", "tanh(x)", x=REAL),
    case("sinh(x) / cosh(x)", "tanh(x)", x=REAL),
    case("tanh(x)", "tanh(x)", x=REAL),
    case("1 - tanh(x) ** 2", "1 / cosh(x) ** 2", x=REAL),
    case("(1 - tanh(x)) * (1 + tanh(x))", "1 / cosh(x) ** 2", x=REAL),
    case("1 - tanh(x)", "2 * sigmoid(-2 * x)", x=REAL),
    case("1 + tanh(x)", "2 * sigmoid(2 * x)", x=REAL),
    case("log(1 - tanh(x))", "log(2) - softplus(2 * x)", x=SIDES),
    case("log(1 - tanh(x) ** 2)", "log(4) - 2 * softplus(2 * x) + 2 * x", x=(-1000, -80, -3, 3, 80, 1000)),
    case("tanh(x) ** 2", "tanh(x) ** 2", x=MODERATE),
]

COSH = [
    case("(exp(x) - exp(-x)) / 2", "sinh(x)", x=MODERATE),
    case("0.5 * (exp(x) - exp(-x))", "sinh(x)", x=MODERATE),
    case("exp(x) / 2 - exp(-x) / 2", "sinh(x)", x=MODERATE),
    case("exp(x) - exp(-x)", "2 * sinh(x)", x=MODERATE),
    case("(exp(x) + exp(-x)) / 2", "cosh(x)", x=(*MODERATE, 88.9)),
    case("cosh(x) - 1", "2 * sinh(x / 2) ** 2", x=MODERATE),
    case("1 / cosh(x)", "1 / cosh(x)", x=REAL),
    case("2 / (exp(x) + exp(-x))", "1 / cosh(x)", x=REAL),
    case("1 / cosh(x) ** 2", "1 / cosh(x) ** 2", x=REAL),
    case("4 / (exp(x) + exp(-x)) ** 2", "1 / cosh(x) ** 2", x=REAL),
    case("log(cosh(x))", "abs(x) + log1p(exp(-2 * abs(x))) - log(2)", x=SIDES),
    case("log((exp(x) + exp(-x)) / 2)", "abs(x) + log1p(exp(-2 * abs(x))) - log(2)", x=SIDES),
    case("log(exp(x) + exp(-x))", "abs(x) + log1p(exp(-2 * abs(x)))", x=SIDES),
    case("log(2 * cosh(x))", "abs(x) + log1p(exp(-2 * abs(x)))", x=SIDES),
    case("log(sinh(x))", "x + log1mexp(-2 * x) - log(2)", x=(1e-20, 1e-3, 0.5, 3, 80, 1000)),
    case("log((exp(x) - exp(-x)) / 2)", "x + log1mexp(-2 * x) - log(2)", x=(1e-20, 1e-3, 0.5, 3, 80, 1000)),
    case("log(tanh(x))", "log(tanh(x))", x=POSITIVE),
]

INVERSES = [
    case("log(x + sqrt(x ** 2 + 1))", "asinh(x)", x=(-1e25, -1e6, *SIGNED, 1e25)),
    case("log(x + sqrt(1 + x * x))", "asinh(x)", x=(-1e25, -1e6, *SIGNED, 1e25)),
    case("log(x + sqrt(x ** 2 - 1))", "acosh(x)", x=(1.125, 1.5, 3, 1000, 1e10, 1e25)),
    case("log((1 + x) / (1 - x)) / 2", "atanh(x)", x=SMALL),
    case("0.5 * log((1 + x) / (1 - x))", "atanh(x)", x=SMALL),
    case("0.5 * (log(1 + x) - log(1 - x))", "atanh(x)", x=SMALL),
    case("log((1 + x) / (1 - x))", "2 * atanh(x)", x=SMALL),
    case("log(1 + x) - log(1 - x)", "2 * atanh(x)", x=SMALL),
    case("arcsinh(x)", "asinh(x)", x=(-1e25, *SIGNED, 1e25)),
    case("arctanh(x)", "atanh(x)", x=SMALL),
]

CASES = [*TANH, *COSH, *INVERSES]
