"""Power transforms and deformed exponentials near the exponent at which they become a logarithm or an exponential."""

from stability.case import case

X = (2, 0.5, 1e10, 1e-10, 3, 1.0001, 7)
L = (0.5, 1e-4, 1e-8, -1e-6, 2, 1e-3, -0.01)
POSITIVE = (0, 0.5, 3, 1e-8, 1e6, 20)
EXPONENT = (0.5, 1e-4, 1e-8, -1e-6, 1e-3, 2)
RATE = (1e-8, 0.5, 1e-20, 1e-4, 3)
TIME = (2, 3, 1e5, 0.25, 1)

BOX_COX = [
    case("(x ** l - 1) / l", x=X, l=L),
    case("(x ** l - 1.0) / l * 0.5", x=X, given={"l": L}),
    case("(exp(l * log(x)) - 1) / l", x=X, l=L),
    case("(x ** 0.001 - 1) / 0.001", x=(2, 0.5, 1e10, 1e-10, 1.0001)),
    case("where(l == 0, log(x), (x ** l - 1) / l)", "where(l == 0, log(x), (x ** l - 1) / where(l == 0, 1, l))",
         x=X, given={"l": (0.5, 0, 1e-8, 0, 2, 1e-3, -0.01)}),
    case("where(abs(l) < 1e-6, log(x), (x ** l - 1) / l)",
         "where(abs(l) < 1e-6, log(x), (x ** l - 1) / where(l == 0, 1, l))",
         x=X, given={"l": (0.5, 0, 1e-8, 1e-5, 2, 1e-3, -0.01)}),
    case("((x + 1) ** l - 1) / l", x=POSITIVE, l=EXPONENT),
    case("-((1 - x) ** (2 - l) - 1) / (2 - l)", x=(0, -0.5, -3, -1e-8, -1e6), l=(1.5, 1.9999, 2.0001, 1, 1.999)),
    case("where(x >= 0, ((x + 1) ** l - 1) / l, -((1 - x) ** (2 - l) - 1) / (2 - l))",
         "where(x >= 0, ((abs(x) + 1) ** l - 1) / l, -((1 + abs(x)) ** (2 - l) - 1) / (2 - l))",
         x=(0.5, 1e-8, -0.5, -1e-8, 100, -100), given={"l": (0.001, 0.5, 1.999, 0.5, 1e-5, 1.5)}),
    case("(x ** a - y ** a) / a", x=(2, 1e10, 3, 1e-5), y=(3, 1e-10, 2.9999, 1e5), a=(0.5, 1e-6, 2, -1e-4)),
    case("(c ** (1 - g) - 1) / (1 - g)", c=X[:5], g=(0.5, 1.0001, 0.9999, 2, 3)),
    case("log(x ** l) / l", x=(2, 0.5, 1e10, 1e-10, 3), given={"l": (0.5, 1e-4, 20, 30, -50)}),
]  # fmt: skip

INVERSES = [
    case("(l * y + 1) ** (1 / l)", y=(0.5, 3, -2, 1e-8, 10), l=(0.5, 1e-4, 1e-8, -1e-6, 1e-3)),
    case("exp(log(l * y + 1) / l)", y=(0.5, 3, -2, 1e-8, 10), l=(0.5, 1e-4, 1e-8, -1e-6, 1e-3)),
    case("(1 + (1 - q) * x) ** (1 / (1 - q))", x=(0.5, 3, -2, 1e-8), q=(0.5, 1.0001, 0.9999, 2)),
    case("(1 + x / n) ** n", x=(0.5, 3, -2, 1e-8), given={"n": (10, 1e5, 1e10, 1e6)}),
    case("(1 - x / n) ** n", x=(0.5, 3, -2, 1e-8), given={"n": (10, 1e5, 1e10, 1e6)}),
    case("exp(-(1 + k * x) ** (-1 / k))", x=(0.5, 3, -2, 1e-8), k=(0.5, 1e-4, 1e-8, -1e-6)),
    case("1 - (1 + k * x) ** (-1 / k)", x=(0.5, 3, 1e-10, 1e-8), k=(0.5, 1e-4, 1e-8, -1e-6)),
    case("-(v + 1) / 2 * log(1 + x ** 2 / v)", x=(0.5, 3, 1e10, 1e25), v=(3, 1e10, 1e4, 2)),
    case("(1 + x ** 2 / v) ** (-(v + 1) / 2)", x=(0.5, 3, 1e-3, 5), v=(3, 1e10, 1e6, 1e8)),
]  # fmt: skip

EXPONENTIALS = [
    case("(1 - exp(-k * t)) / k", k=RATE, t=TIME),
    case("(exp(k * t) - 1) / k", k=RATE, t=TIME),
    case("(exp(k * x) - exp(k * y)) / k", k=RATE, x=TIME, y=(1, 2.9999, 1e4, 0.2, 0)),
    case("(exp(-a * t) - exp(-b * t)) / (b - a)", a=(0.5, 1, 1e-5, 2), b=(1.5, 1.0001, 2e-5, 2.01), t=(1, 2, 3, 100)),
    case("log(1 + k * x) / k", k=RATE, x=TIME),
    case("(exp(x) - 1 - x) / x ** 2", x=(0.5, 1e-3, -1e-5, 3, -1000)),
]  # fmt: skip

HELDOUT = [*BOX_COX, *INVERSES, *EXPONENTIALS]
