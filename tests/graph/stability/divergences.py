"""Divergences, means and distribution functions in which the leading terms cancel."""

from .case import case

RATIOS = (3, 1.0001, 1e10, 2e-10, 5, 1e15)
TO = (4, 1.0002, 1.000001e10, 1e-10, 5.0005, 1e-5)
SMALL = (-0.5, -0.001, -1e-8, 1e-8, 1e-4, 0.5, 3)
ROWS = ((0.25, 0.25, 0.5), (0.3, 0.3, 0.4), (0.1, 0.7, 0.2), (1, 2, 3))
NEAR = ((0.2501, 0.2499, 0.5), (0.30001, 0.29999, 0.4), (0.7, 0.1, 0.2), (1.001, 2, 2.999))

LOGARITHMS = [
    case("y - x + x * log(x / y)", x=RATIOS, y=TO),
    case("x * (log(x) - log(y)) + y - x", x=RATIOS, y=TO),
    case("2 * x * log(x / y) - 2 * x + 2 * y", x=RATIOS, y=TO),
    case("y / x - 1 + log(x / y)", x=RATIOS, y=TO),
    case("y / x - 1 + log(x) - log(y)", x=RATIOS, y=TO),
    case("x / y - 1 - log(x / y)", x=RATIOS, y=TO),
    case("x - 1 - log(x)", x=(1e-10, 0.5, 0.9999, 1.0001, 2, 1e10)),
    case("sum(y - x + x * log(x / y), axis=-1)", x=ROWS, y=NEAR),
    case("sum(x * log(x / ((x + y) / 2)) + y * log(y / ((x + y) / 2)), axis=-1)", x=ROWS, y=NEAR),
    case("sum(x * log(2 * x / (x + y)), axis=-1) + sum(y * log(2 * y / (x + y)), axis=-1)", x=ROWS, y=NEAR),
    case("(y - x) / log(y / x)", x=RATIOS, y=TO),
    case("(y - x) / (log(y) - log(x))", x=RATIOS, y=TO),
]

EXPONENTIALS = [
    case("exp(x) - x - 1", x=SMALL),
    case("(exp(x) - x - 1) / 2 + y ** 2", x=SMALL, y=(1, 1e-3, 1e-8, 0.5, 2, 1e-4, 3)),
    case("exp(x) + exp(-x) - 2", x=SMALL),
    case("1 - (1 + x) * exp(-x)", x=(1e-8, 0.001, 0.5, 3, 100, 1000)),
    case("1 - exp(-x) - exp(-x) * x", x=(1e-8, 0.001, 0.5, 3, 100, 1000)),
    case("tanh(x) - x", x=(-3, -0.01, -1e-6, 1e-8, 0.5, 20)),
    case("(exp(y) - exp(x)) / (y - x)", x=(3, 1, -50), y=(2.9999, 1.5, -49)),
]

ANGLES = [
    case("arctan(y) - arctan(x)", x=(1e8, 1000, -1e10, 0.5, -3), y=(2e8, 1001, -1e9, 0.50001, 4)),
    case("0.5 + arctan(x / 2) / 3.141592653589793", x=(-3000, -1000, -1, 0.5, 30)),
    case("0.5 - 0.3183098861837907 * arctan(x)", x=(3000, 1000, 1, -0.5, -30)),
]

POWERS = [
    case("x ** y / (2 ** y + x ** y)", x=(1e-10, 0.5, 1.999, 3, 1e10), y=(20, 300, 1000, 2.5, 40)),
    case("1 / (1 + x ** y)", x=(1e-10, 0.5, 1.001, 3, 1e10), y=(20, 300, 1000, 2.5, 40)),
    case("1 - (1 - x ** y) ** 10", x=(1e-8, 0.001, 0.25, 0.9), y=(2.5, 1.5, 3, 0.5)),
    case("log(1 - (1 - x) ** y)", x=(1e-8, 1e-6, 0.25, 0.9), y=(10, 1e7, 3, 0.5)),
    case("(1 + x) / (1 + y) - 1", x=(1e-8, 0.001, 0.25, -1e-6), y=(2e-8, 0.0011, 0.5, 1e-6)),
    case("sum(x ** 2, axis=-1) + sum(y ** 2, axis=-1) - sum(x * y, axis=-1) * 2", x=ROWS, y=NEAR),
]

CASES = [*LOGARITHMS, *EXPONENTIALS, *ANGLES, *POWERS]
