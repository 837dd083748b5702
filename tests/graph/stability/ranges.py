"""Products, powers, norms and logarithms with overflowing intermediate values, and formulas guarded by `where`."""

from .case import case
from .points import ANY_SIZE, DATA, POSITIVE, VECTORS

FAR = (1000, -1000, 3, 0, 80, 1e-3)
BACK = (-999, 1001, -1, 0, -81, 0.5)
BASE = (-3, 0, 0.5, 1, 2, 10)
OFF = (-1, 0, 0.5, 2, 4, 1000)
ZERO = (*VECTORS, (0, 0, 0))

EXPONENTS = [
    case("exp(x) * exp(y)", "exp(x + y)", x=FAR, y=BACK),
    case("exp(x) / exp(y)", "exp(x - y)", x=FAR, y=(999, -1001, 1, 0, 81, -0.5)),
    case("1 / exp(x)", "exp(-x)", x=(-3, 0, 80, 1000)),
    case("exp(x) ** 2", "exp(2 * x)", x=(-1000, -3, 0, 3, 40)),
    case("1 / exp(x) ** 2", "exp(-2 * x)", x=(-3, 0, 20, 60, 1000)),
    case("sqrt(exp(x))", "exp(x / 2)", x=(-1000, -3, 0, 80, 100, 170)),
    case("exp(x) ** 0.5", "exp(x / 2)", x=(-1000, -3, 0, 80, 100, 170)),
    case("exp(x) * exp(-x)", "x / x", x=(-1000, -3, 0.5, 80, 1000)),
    case("exp(-x ** 2 / 2) / exp(-y ** 2 / 2)", "exp((y ** 2 - x ** 2) / 2)", x=(100, 3, 0.5), y=(100, 2.5, 1)),
    case("exp(-exp(-x))", "exp(-exp(-x))", x=(-1000, -100, -3, 0, 3, 80)),
    case("exp(x - exp(x))", "exp(x - exp(x))", x=(-80, -3, 0, 3, 4, 100, 1000)),
    case("x * exp(-x)", "x * exp(-x)", x=(-3, 0.5, 3, 80, 1000)),
    case("exp(2 * log(x))", "x ** 2", x=(1e-12, 0.5, 3, 1e12)),
    case("exp(log(x) / 2)", "sqrt(x)", x=POSITIVE),
    case("exp(-log(x))", "1 / x", x=POSITIVE),
    case("exp(log(x) + log(y))", "x * y", x=(1e20, 1e-15, 3), y=(1e10, 1e-10, 2)),
    case("exp(log(x) - log(y))", "x / y", x=(1e20, 1e-15, 3), y=(1e10, 1e-10, 2)),
    case("exp(log(x))", "x", x=POSITIVE),
]

LOGARITHMS = [
    case("log(exp(x))", "x", x=(-1000, -3, 1e-12, 0, 80, 1000)),
    case("log(exp(x) * y)", "x + log(y)", x=FAR, y=(3, 0.5, 1e10, 1e-10, 7, 2)),
    case("log(y / exp(x))", "log(y) - x", x=FAR, y=(3, 0.5, 1e10, 1e-10, 7, 2)),
    case("log(exp(x) / y)", "x - log(y)", x=FAR, y=(3, 0.5, 1e10, 1e-10, 7, 2)),
    case("log(exp(x) * exp(y))", "x + y", x=FAR, y=(1, 1, 2, 3, 4, 5)),
    case("log(exp(x) / exp(y))", "x - y", x=FAR, y=(1, 1, 2, 3, 4, 5)),
    case("log(exp(x) ** 2)", "2 * x", x=FAR),
    case("log(sqrt(exp(x)))", "x / 2", x=FAR),
    case("log(1 / exp(x))", "-x", x=FAR),
    case("log(x ** 2)", "2 * log(abs(x))", x=ANY_SIZE),
    case("log(x * x)", "2 * log(abs(x))", x=ANY_SIZE),
    case("log(x ** 3)", "3 * log(x)", x=POSITIVE),
    case("log(x ** 4)", "4 * log(abs(x))", x=ANY_SIZE),
    case("log(x ** -2)", "-2 * log(abs(x))", x=ANY_SIZE),
    case("log(x ** 2.5)", "2.5 * log(x)", x=POSITIVE),
    case("log(sqrt(x))", "log(x) / 2", x=POSITIVE),
    case("log(1 / x)", "-log(x)", x=(1e-37, *POSITIVE)),
    case("log(1 / x ** 2)", "-2 * log(abs(x))", x=ANY_SIZE),
    case("log(x ** 2 * y ** 2)", "2 * log(abs(x)) + 2 * log(abs(y))", x=(1e20, 1e-25, -3), y=(1e15, -1e-20, 2)),
    case("log(x ** 2 / y ** 2)", "2 * log(abs(x)) - 2 * log(abs(y))", x=(1e25, 1e-25, -3), y=(1e-15, -1e20, 2)),
    case("-log(exp(-x ** 2 / 2))", "x ** 2 / 2", x=(-100, -3, 1e-3, 20, 1000)),
    case("log(exp(-x ** 2 / 2) / y)", "-x ** 2 / 2 - log(y)", x=(-100, 0.5, 20, 1000), y=(2.5, 3, 0.5, 1e5)),
    case("log(sum(x ** 2, axis=-1))", "2 * log(sqrt(sum(x ** 2, axis=-1)))", x=VECTORS),
    case("log(sqrt(sum(x ** 2, axis=-1)))", "log(sqrt(sum(x ** 2, axis=-1)))", x=VECTORS),
]

NORMS = [
    case("sqrt(x ** 2)", "abs(x)", x=(*ANY_SIZE, 0)),
    case("sqrt(x * x)", "abs(x)", x=(*ANY_SIZE, 0)),
    case("(x ** 2) ** 0.5", "abs(x)", x=(*ANY_SIZE, 0)),
    case("sqrt(x) ** 2", "x", x=POSITIVE),
    case("sqrt(x ** 4)", "x ** 2", x=(-1e15, -3, 1e-15, 0.5, 1e12)),
    case("sqrt(sum(x ** 2, axis=-1))", "sqrt(sum(x ** 2, axis=-1))", x=ZERO),
    case("sqrt(sum(x * x, axis=-1))", "sqrt(sum(x ** 2, axis=-1))", x=ZERO),
    case("sum(x ** 2, axis=-1) ** 0.5", "sqrt(sum(x ** 2, axis=-1))", x=ZERO),
    case("sqrt(sum(abs(x) ** 2, axis=-1))", "sqrt(sum(x ** 2, axis=-1))", x=ZERO),
    case("sqrt(mean(x ** 2, axis=-1))", "sqrt(mean(x ** 2, axis=-1))", x=ZERO),
    case("sqrt(sum((x - y) ** 2, axis=-1))", "sqrt(sum((x - y) ** 2, axis=-1))",
         x=((3, 4, 12), (1e25, 0, 1), (1, 2, 3)), y=((0, 0, 0), (-1e25, 1, 1), (1, 2, 3))),
    case("x / sqrt(sum(x ** 2, axis=-1, keepdims=True))", "x / sqrt(sum(x ** 2, axis=-1, keepdims=True))",
         x=VECTORS[:3]),
    case("sqrt(x ** 2 + y ** 2)", "sqrt(x ** 2 + y ** 2)", x=(3, 1e25, 1e-25, 0, 1e30), y=(4, 1e25, -1e-25, 0, 1)),
    case("sqrt(x * x + y * y)", "sqrt(x ** 2 + y ** 2)", x=(3, 1e25, 1e-25, 0, 1e30), y=(4, 1e25, -1e-25, 0, 1)),
    case("hypot(x, y)", "sqrt(x ** 2 + y ** 2)", x=(3, 1e25, 1e-25, 0, 1e30), y=(4, 1e25, -1e-25, 0, 1)),
    case("sqrt(1 + x ** 2)", "sqrt(1 + x ** 2)", x=(*ANY_SIZE, 0)),
    case("sqrt(var(x, axis=-1))", "sqrt(var(x, axis=-1))", x=(*DATA[:4], (5, 5, 5))),
    case("sqrt(mean((x - mean(x, axis=-1, keepdims=True)) ** 2, axis=-1))", "sqrt(var(x, axis=-1))",
         x=(*DATA[:4], (5, 5, 5))),
]  # fmt: skip

VARIANCE = [
    case("mean(x ** 2, axis=-1) - mean(x, axis=-1) ** 2", "var(x, axis=-1)", x=DATA),
    case("mean(x * x, axis=-1) - mean(x, axis=-1) * mean(x, axis=-1)", "var(x, axis=-1)", x=DATA),
    case("mean(x ** 2, axis=-1, keepdims=True) - mean(x, axis=-1, keepdims=True) ** 2",
         "var(x, axis=-1, keepdims=True)", x=DATA),
    case("sum(x ** 2, axis=-1) / 3 - (sum(x, axis=-1) / 3) ** 2", "var(x, axis=-1)", x=DATA),
    case("mean(x * y, axis=-1) - mean(x, axis=-1) * mean(y, axis=-1)",
         "mean((x - mean(x, axis=-1, keepdims=True)) * (y - mean(y, axis=-1, keepdims=True)), axis=-1)",
         x=DATA[:3], y=DATA[2::-1]),
    case("sqrt(mean(x ** 2, axis=-1) - mean(x, axis=-1) ** 2)", "sqrt(var(x, axis=-1))", x=DATA),
    case("var(x, axis=-1)", "var(x, axis=-1)", x=DATA),
]  # fmt: skip

ENTROPY = [
    case("x * log(x)", "xlogy(x, x)", x=(0, 1e-30, 1e-10, 0.25, 1, 3)),
    case("-sum(x * log(x), axis=-1)", "-sum(xlogy(x, x), axis=-1)", x=((1, 0, 0), (0.5, 0.5, 0), (0.25, 0.25, 0.5))),
    case("(1 - x) * log(1 - x)", "xlogy(1 - x, 1 - x)", x=(0, 1e-20, 1e-5, 0.25, 0.5, 1)),
    case("x * log(x) + (1 - x) * log(1 - x)", "xlogy(x, x) + xlogy(1 - x, 1 - x)", x=(0, 1e-5, 0.25, 0.625, 1)),
    case("x ** 2 * log(x)", "x * xlogy(x, x)", x=(1e-15, 1e-10, 0.25, 3)),
]

GUARDED = [
    case("where(x > 1, log(x), 0)", "log(maximum(x, 1))", x=OFF),
    case("where(x > 1, sqrt(x), 1)", "sqrt(maximum(x, 1))", x=OFF),
    case("where(x > 1, 1 / x, 1)", "1 / maximum(x, 1)", x=OFF),
    case("where(x > 1, x ** 0.5, 1)", "sqrt(maximum(x, 1))", x=OFF),
    case("where(x > 1, x ** -2, 1)", "maximum(x, 1) ** -2", x=OFF),
    case("where(x > 1, x * log(x), 0)", "maximum(x, 1) * log(maximum(x, 1))", x=OFF),
    case("where(x > 1, log(x) / x, 0)", "log(maximum(x, 1)) / maximum(x, 1)", x=OFF),
    case("where(x < 1, exp(x), 3)", "where(x < 1, exp(minimum(x, 1)), 3)", x=(-1000, -3, 0.5, 2, 1000)),
    case("where(x > 1, x, exp(x) - 1)", "where(x > 1, x, expm1(minimum(x, 1)))", x=(-1000, -3, 1e-8, 2, 1000)),
    case("where(x < 20, log(1 + exp(x)), x)", "where(x < 20, softplus(x), x)", x=(-1000, -3, 0.5, 19, 30, 1000)),
    case("where(x > 0, 1 / (1 + exp(-x)), exp(x) / (1 + exp(x)))", "sigmoid(x)", x=(-1000, -80, -3, 3, 80, 1000)),
    case("where(abs(x) > 0.25, sin(x) / x, 1 - x ** 2 / 6)", "where(abs(x) > 0.25, sinc(x), 1 - x ** 2 / 6)",
         x=(-3, -0.125, 0, 1e-8, 0.5, 3)),
    case("where(x > 1.5, 1 / log(x), 0)", "where(x > 1.5, 1 / log(maximum(x, 1.5)), 0)", x=(-1, 0, 0.5, 1, 2, 4)),
    case("where(x > 1.5, sqrt(log(x)), 0)", "where(x > 1.5, sqrt(log(maximum(x, 1.5))), 0)", x=(-1, 0, 0.5, 1, 2, 4)),
    case("sqrt(maximum(x, 0))", "sqrt(maximum(x, 0))", x=(-1000, -1, 0.5, 2, 1e20)),
    case("maximum(x, 0) ** 1.5", "maximum(x, 0) ** 1.5", x=(-1000, -1, 0.5, 2, 1e20)),
    case("abs(x) ** 1.5", "abs(x) ** 1.5", x=(-1e20, -1, 0, 1e-20, 2)),
    case("x ** y", "x ** y", x=(0, 1e-10, 2, 3), y=(2, 2, 100, -50)),
    case("x / (1 + abs(x))", "x / (1 + abs(x))", x=(-1e25, -3, 1e-25, 1e-8, 2, 1e25)),
]  # fmt: skip

CASES = [*EXPONENTS, *LOGARITHMS, *NORMS, *VARIANCE, *ENTROPY, *GUARDED]
