"""Activation functions, their derivatives and differences, written with exponentials."""

from stability.case import case

REAL = (-1000, -90, -20, -3, -0.5, 0, 1e-6, 0.5, 3, 20, 90, 1000)
FAR = (-1000, -50, -3, -1e-4, 0, 1e-8, 0.5, 4, 50, 1000)
SMALL = (-3, -0.5, -1e-3, 1e-4, 1e-8, 0.5, 20, 1000)
X = (0.5, 100, -100, 1000, -1000, 30, 0)
Y = (1.5, 99, -101, 998, -1001, -5, 1e-6)
S = "(1 / (1 + exp(-x)))"

GATED = [
    case(f"{S} + x * exp(-x) / (1 + exp(-x)) ** 2", x=REAL),
    case(f"{S} * (1 + x * (1 - {S}))", x=REAL),
    case("0.5 * x * (1 + tanh(0.79788456 * (x + 0.044715 * x ** 3)))",
         x=(-1000, -5, -3, -1, 0, 1e-6, 0.5, 3, 1000, 1e15)),
    case("x / (1 + exp(-1.702 * x))", x=REAL),
    case("0.5 * (1 + erf(x / 1.4142135)) + x * exp(-x ** 2 / 2) * 0.39894228", x=(-5, -3, -1, 0, 0.5, 3, 1e20)),
    case("x * ((1 + exp(x)) ** 2 - 1) / ((1 + exp(x)) ** 2 + 1)", x=REAL),
    case("x * (exp(log(1 + exp(x))) - exp(-log(1 + exp(x)))) / (exp(log(1 + exp(x))) + exp(-log(1 + exp(x))))", x=FAR),
    case("x * exp(x) / (exp(x) + exp(y))", x=X, y=Y),
    case("x * y / (1 + exp(-y))", x=X, y=Y),
    case("(x + sqrt(x ** 2 + 4)) / 2", x=(-1e25, -1e4, -3, 0, 1e-6, 3, 1e25)),
    case("0.5 * (1 + x / sqrt(x ** 2 + 4))", x=(-1e25, -1e4, -3, 0, 1e-6, 3, 1e25)),
    case("where(x > 0, x, 1.6732632 * (exp(x) - 1))", x=(-1000, -3, -1e-6, 1e-6, 3, 1000)),
    case("maximum(x, 0) + minimum(0, 1.5 * (exp(x / 1.5) - 1))", x=(-1000, -3, -1e-6, 1e-6, 3, 1000)),
    case("x * sqrt(1 / (1 + exp(-x)))", x=FAR),
    case("x * (1 - tanh(x) ** 2)", x=(-40, -3, -1e-6, 1e-6, 3, 20, 40)),
    case("x - tanh(x)", x=SMALL),
]  # fmt: skip

SOFTPLUS = [
    case("log(1 + exp(b * x)) / b", x=X[:5], b=(1, 5, 20, 0.1, 3)),
    case("log(1 + exp(x)) - log(1 + exp(y))", x=X, y=Y),
    case("log((1 + exp(x)) / (1 + exp(y)))", x=X, y=Y),
    case("log(1 + exp(x)) - 0.6931471805599453", x=(-1000, -3, 0.5, 1e-2, 1000)),
    case("log(1 + exp(1 - t * x))", x=FAR, given={"t": (1, -1, 1, -1, 1, 1, -1, -1, 1, -1)}),
    case("log(exp(x) + exp(-x) + 1)", x=REAL),
    case("log(1 + exp(x) + exp(2 * x))", x=REAL),
    case("log(1 + exp(x)) / x", x=(-1000, -3, 1e-6, 0.5, 100, 1000)),
    case("1 / log(1 + exp(-x))", x=(-1000, -3, 0, 3, 30, 80)),
    case("log(log(1 + exp(x)))", x=(-1000, -30, -3, 1, 30, 1000)),
    case("-log(1 - exp(-log(1 + exp(x))))", x=FAR),
    case("exp(-exp(x)) * exp(x)", x=(-80, -3, 0, 1, 4, 100)),
]  # fmt: skip

LOGISTIC = [
    case("1 / (1 + exp(-k * (x - m)))", x=(0.5, 20, -20, 3), m=(1, 0, 5, 3), k=(2, 50, 100, 1e4)),
    case("exp(k * x) / (exp(k * x) + exp(k * m))", x=(0.5, 20, -20, 3), m=(1, 0, 5, 3), k=(2, 50, 100, 1e4)),
    case("exp(x) * (1 - 1 / (1 + exp(-x)))", x=REAL),
    case("1 - exp(x) / (exp(x) + exp(y))", x=X, y=Y),
    case("(exp(x) - exp(y)) / (exp(x) + exp(y))", x=X, y=Y),
    case("(exp(x) - 1) / (exp(x) + 1)", x=REAL),
    case("(1 - exp(-x)) / (1 + exp(-x))", x=REAL),
    case("1 / (1 + exp(-x)) - 0.5", x=REAL),
    case(f"{S} * (1 - {S}) * (1 - 2 * {S})", x=REAL),
    case("exp(-x) / (1 + exp(-x)) * exp(-y) / (1 + exp(-y))", x=X, y=Y),
    case("1 / ((1 + exp(-x)) * (1 + exp(-y)))", x=X, y=Y),
    case("1 / (1 + exp(x) + exp(y))", x=X, y=Y),
    case("1 / (1 + exp(-x)) ** 3", x=REAL),
    case("(1 + exp(x)) ** -0.5", x=REAL),
    case("1 / (2 + exp(x) + exp(-x))", x=REAL),
    case("exp(2 * x) / (1 + exp(x)) ** 2", x=REAL),
    case("1 / (1 + exp(-x)) / (1 - 1 / (1 + exp(-x)))", x=(-80, -20, -3, 0, 3, 20, 80)),
]  # fmt: skip

HYPERBOLIC = [
    case("sinh(x) / sinh(y)", x=X[:6], y=Y[:6]),
    case("cosh(x) / cosh(y)", x=X, y=Y),
    case("sinh(a * x) / cosh(x)", x=(0.5, 100, -1000, 1e-5), a=(0.5, 0.9, 1, 2)),
    case("cosh(x) / sinh(x) - 1 / x", x=SMALL),
    case("1 / tanh(x) - 1 / x", x=SMALL),
    case("(exp(x) + exp(-x)) / (exp(x) - exp(-x)) - 1 / x", x=SMALL),
    case("x / tanh(x)", x=SMALL),
    case("x / sinh(x)", x=SMALL),
    case("log(cosh(x)) / x", x=SMALL),
    case("log(cosh(x - y))", x=X, y=Y),
    case("log(sinh(x) / x)", x=(0.5, 1e-3, 1e-8, 30, 1000)),
    case("tanh(x) / x", x=SMALL),
    case("cosh(x) - sinh(x)", x=(-80, -3, 0, 0.5, 20, 1000)),
    case("(cosh(x) - 1) / sinh(x)", x=(-1000, -3, 1e-3, 1e-8, 0.5, 20)),
    case("exp(x) - 2 + exp(-x)", x=(-3, 1e-4, 1e-8, 0.5, 20)),
    case("a * (cosh(x / a) - 1)", x=(0.5, 1e-3, 100, 1e10), a=(1, 10, 1e6, 1e12)),
]  # fmt: skip

HELDOUT = [*GATED, *SOFTPLUS, *LOGISTIC, *HYPERBOLIC]
