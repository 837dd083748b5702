"""Softmax probabilities, attention and contrastive losses, written as ratios of exponentials."""

from stability.case import case

ROWS = ((1, 2, 0.5), (1000, 0, -3), (-1000, -999, -1002), (90, 88, 89), (-120, 3, 2), (0, 0, 0))
COSINES = ((0.9, 0.1, -0.2), (1, 0.99, -1), (-1, 0.5, 1), (0.3, 0.3, 0.3))
VALUES = ((1, 2, 4), (3, -2, 0.5), (0.1, 0.2, 0.3), (5, 6, 7), (1, 1e3, -1e3), (1, 2, 3))
A = (0.5, 100, -100, 3, 1000, -1000, 89)
B = (1.5, 99, -101, -200, 0, 0, 90)
C = (-1, 0, -103, 2, -1000, 5, 88)
P = "exp(x) / sum(exp(x), axis=-1, keepdims=True)"

PROBABILITIES = [
    case("exp(a) / (exp(a) + exp(b) + exp(c))", a=A, b=B, c=C),
    case("exp(a) / (exp(b) + exp(c) + exp(a))", a=A, b=B, c=C),
    case("exp(-a) / (exp(-a) + exp(-b) + exp(-c))", a=A, b=B, c=C),
    case("exp(x[..., 0]) / (exp(x[..., 0]) + exp(x[..., 1]) + exp(x[..., 2]))", x=ROWS),
    case("exp(x[..., 0]) / (exp(x[..., 0]) + sum(exp(x[..., 1:]), axis=-1))", x=ROWS),
    case("1 / (1 + exp(b - a) + exp(c - a))", a=A, b=B, c=C),
    case("1 - exp(a) / (exp(a) + exp(b) + exp(c))", a=A, b=B, c=C),
    case("(exp(b) + exp(c)) / (exp(a) + exp(b) + exp(c))", a=A, b=B, c=C),
    case("log(exp(a) + exp(b)) - log(exp(a) + exp(b) + exp(c))", a=A, b=B, c=C),
    case("exp(x) / (1 + sum(exp(x), axis=-1, keepdims=True))", x=ROWS),
    case("exp(x / t) / sum(exp(x / t), axis=-1, keepdims=True)",
         x=((0.9, 0.1, -0.2), (1, 0.99, 0.5), (3, 2, 1), (-1, -3, 2)),
         given={"t": ((0.07,), (0.001,), (1000,), (0.01,))}),
    case("m * exp(x) / sum(m * exp(x), axis=-1, keepdims=True)",
         x=ROWS[:5], given={"m": ((1, 1, 1), (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 0, 0))}),
    case(f"1 - sum(({P}) ** 2, axis=-1)", x=((1, 2, 0.5), (20, 0, -3), (-100, -999, -1002), (90, 60, 50))),
    case(f"-sum({P} * log({P}), axis=-1)", x=((1, 2, 0.5), (20, 0, -3), (90, 88, 89), (1000, 990, -1000))),
]  # fmt: skip

ATTENTION = [
    case("sum(exp(x) * v, axis=-1) / sum(exp(x), axis=-1)", x=ROWS, v=VALUES),
    case("sum(exp(x / 8) * v / sum(exp(x / 8), axis=-1, keepdims=True), axis=-1)",
         x=((1, 2, 0.5), (8000, 0, -3), (-8000, -7990, -8003)), v=VALUES[:3]),
    case("(exp(a) * x + exp(b) * y) / (exp(a) + exp(b))",
         a=A, b=B, x=(1, 2, 3, 4, 5, 6, 7), y=(-1, 2.5, 1, 1, 0, 2, -3)),
    case("sum(x * exp(x), axis=-1) / sum(exp(x), axis=-1)", x=ROWS[:5]),
    case("sum(x * exp(-5 * x), axis=-1) / sum(exp(-5 * x), axis=-1)", x=ROWS[:4]),
    case("sum(exp(x), axis=-1) ** 2 / sum(exp(x) ** 2, axis=-1)", x=ROWS[:5]),
    case(f"sum({P} * v ** 2, axis=-1) - sum({P} * v, axis=-1) ** 2",
         x=((1, 2, 0.5), (0, 1, 0), (100, 99, 98)), v=((1, 2, 4), (1001, 1002, 1000), (-3, -3.5, -3.25))),
]  # fmt: skip

CONTRASTIVE = [
    case("exp(a) / (exp(a) + sum(exp(x), axis=-1))", a=A[:6], x=ROWS),
    case("-log(exp(a) / (exp(a) + sum(exp(x), axis=-1)))", a=A[:6], x=ROWS),
    case("-log(exp(a / 0.07) / (exp(a / 0.07) + sum(exp(x / 0.07), axis=-1)))", a=(1, -1, 0.5, 0.9), x=COSINES),
    case("-log(exp(x[..., 0] / 0.01) / sum(exp(x / 0.01), axis=-1))", x=COSINES),
    case("-log(exp(a / 0.05) / (exp(a / 0.05) + exp(b / 0.05)))", a=(1, -1, 0.5, 10, -10), b=(0.9, 1, -0.5, -10, 10)),
    case("log(1 + exp(b - a) + exp(c - a))", a=A, b=B, c=C),
    case("log(1 + sum(exp(x), axis=-1) * sum(exp(y), axis=-1))", x=ROWS, y=ROWS[::-1]),
    case("log(1 + sum(exp(-x), axis=-1)) + log(1 + sum(exp(y), axis=-1))", x=ROWS, y=ROWS[::-1]),
    case("-log(exp(a) / (exp(a) + exp(b) + exp(c))) - log(exp(b) / (exp(b) + exp(c)))", a=A, b=B, c=C),
    case("log(exp(a) / (exp(a) + exp(b)) / (1 - exp(a) / (exp(a) + exp(b))))", a=A, b=B),
    case("-log(1 / (1 + exp(-0.1 * (a - b - (c - d)))))",
         a=(1, -1000, 1e5, 50), b=(0.5, 900, -1e5, 49), c=(0, 1, 3, 1), d=(2, 2, -3, 2)),
]  # fmt: skip

HELDOUT = [*PROBABILITIES, *ATTENTION, *CONTRASTIVE]
