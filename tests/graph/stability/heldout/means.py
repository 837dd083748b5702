"""Means, sums and norms of powers, whose products and powers overflow or underflow."""

from stability.case import case

ROWS = ((1, 2, 3), (1e15, 2e15, 3e14), (1e-15, 3e-15, 2e-16), (1e30, 1e-30, 1), (2e-25, 1e-25, 1e-26), (7, 7, 7))
MILD = ((1, 2, 3), (1e10, 2e10, 3e9), (1e-10, 3e-10, 2e-11), (0.9999, 1, 1.0001))
SIGNED = ((1, -2, 3), (-1e15, 2e15, 3e14), (1e-15, -3e-15, 0), (1e25, 1, -1e24))
X = (3, 1e25, 1e-25, 1e30, 1e-30, 0.5)
Y = (4, 2e25, 3e-25, 1e20, 1e-20, 0.5)
Z = (5, 1.5e25, 2e-25, 1e25, 1e-25, 0.25)
CLOSE = (3, 1.0001, 1e20, 2e-30, 5, 1e30)
TO = (4, 1.0002, 1.000001e20, 1e-30, 5.00001, 1e-5)

POWER_MEANS = [
    case("mean(x ** 20, axis=-1) ** (1 / 20)", x=ROWS),
    case("mean(x ** 3, axis=-1) ** (1 / 3)", x=ROWS),
    case("(sum(x ** 6, axis=-1) / 3) ** (1 / 6)", x=ROWS),
    case("mean(x ** -8, axis=-1) ** (-1 / 8)", x=ROWS),
    case("mean(x ** 0.01, axis=-1) ** 100", x=MILD),
    case("mean(x ** p, axis=-1, keepdims=True) ** (1 / p)",
         x=MILD, given={"p": ((10,), (30,), (-20,), (0.001,))}),
    case("sum(w * x ** 4, axis=-1) ** 0.25", x=ROWS[:5], given={"w": ((0.25, 0.5, 0.25),) * 5}),
    case("sqrt((x ** 2 + y ** 2) / 2)", x=X, y=Y),
    case("sqrt((x ** 2 + y ** 2 + z ** 2) / 3)", x=X, y=Y, z=Z),
    case("sum(x ** 2, axis=-1) / sum(x, axis=-1)", x=ROWS),
    case("(x ** 2 + y ** 2) / (x + y)", x=X, y=Y),
    case("sum(x ** 5, axis=-1) / sum(x ** 4, axis=-1)", x=ROWS),
]  # fmt: skip

GEOMETRIC_MEANS = [
    case("prod(x, axis=-1) ** (1 / 3)", x=ROWS),
    case("(x * y * z) ** (1 / 3)", x=X, y=Y, z=Z),
    case("sqrt(x * y)", x=X, y=Y),
    case("sqrt(x) * sqrt(y)", x=X, y=Y),
    case("(x * y) ** 0.5", x=X, y=Y),
    case("prod(x ** w, axis=-1)", x=ROWS, given={"w": ((0.2, 0.3, 0.5),) * 6}),
    case("exp(log(prod(x, axis=-1)) / 3)", x=ROWS),
    case("(x + y) / 2 - sqrt(x * y)", x=CLOSE, y=TO),
    case("log(mean(x, axis=-1)) - mean(log(x), axis=-1)", x=(*MILD, (1e30, 1e31, 1e32))),
    case("(x - y) / (log(x) - log(y))", x=CLOSE, y=TO),
    case("(x - y) / log(x / y)", x=CLOSE, y=TO),
]  # fmt: skip

HARMONIC_MEANS = [
    case("3 / sum(1 / x, axis=-1)", x=((1, 2, 3), (1e30, 2e30, 3e30), (1e-38, 2e-38, 1), (1e-30, 1e30, 1))),
    case("1 / mean(1 / x, axis=-1)", x=((1, 2, 3), (1e38, 2e38, 3e38), (1e-38, 2e-38, 1), (1e-30, 1e30, 1))),
    case("2 * x * y / (x + y)", x=X, y=Y),
    case("x * y / (x + y)", x=X, y=Y),
    case("1 / (1 / x + 1 / y)", x=(3, 1e30, 1e-38, 2e38), y=(4, 1e-30, 1e-38, 2e38)),
    case("2 / (1 / x + 1 / y)", x=(3, 1e30, 1e-38, 2e38), y=(4, 1e-30, 1e-38, 2e38)),
    case("x * y * z / (x * y + y * z + x * z)", x=X, y=Y, z=Z),
]  # fmt: skip

POWER_NORMS = [
    case("sum(abs(x) ** 8, axis=-1) ** (1 / 8)", x=SIGNED),
    case("sum(abs(x) ** 3, axis=-1) ** (1 / 3)", x=SIGNED),
    case("sum(abs(x) ** 50, axis=-1) ** 0.02", x=((1, -2, 3), (100, 99, -98), (0.01, 0.02, -0.01))),
    case("(x ** 4 + y ** 4) ** 0.25", x=X, y=Y),
    case("(abs(x) ** 3 + abs(y) ** 3) ** (1 / 3)", x=X, y=Y),
    case("log(sum(x ** 10, axis=-1)) / 10", x=ROWS),
    case("sum(sqrt(x), axis=-1) ** 2", x=ROWS),
]  # fmt: skip

HELDOUT = [*POWER_MEANS, *GEOMETRIC_MEANS, *HARMONIC_MEANS, *POWER_NORMS]
