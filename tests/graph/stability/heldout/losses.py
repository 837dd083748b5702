"""Loss functions of logits and residuals."""

from stability.case import case

LOGIT = (-1000, -50, -3, 0, 1e-6, 4, 30, 1000)
LABEL = (1, 0, 1, 0.5, 0.25, 0, 1, 0)
ROWS = ((1, 2, 0.5), (1000, 0, -3), (-1000, -999, -1002), (90, 88, 89), (0, 0, 0))
HOT = ((0, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 0), (0, 1, 0))
RESIDUAL = (-1e25, -1000, -0.5, 1e-5, 1e-12, 3, 1e20)
S = "(1 / (1 + exp(-x)))"
SOFTMAX = "(exp(x) / sum(exp(x), axis=-1, keepdims=True))"
X = (0.5, 100, -100, 30, -3)
Y = (1, 90, -90, -30, -3.01)

CLASSIFICATION = [
    case(f"-(1 - {S}) ** 2 * log{S}", x=LOGIT),
    case(f"-(1 - {S}) ** 2.5 * log{S}", x=LOGIT),
    case(f"-t * (1 - {S}) ** 2 * log{S} - (1 - t) * {S} ** 2 * log(1 - {S})", x=LOGIT, given={"t": LABEL}),
    case("-0.25 * t * (1 - sigmoid(x)) ** 2 * log(sigmoid(x)) - 0.75 * (1 - t) * sigmoid(x) ** 2 * log(1 - sigmoid(x))",
         x=LOGIT, given={"t": LABEL}),
    case(f"-(1 - sum(t * {SOFTMAX}, axis=-1)) ** 2 * log(sum(t * {SOFTMAX}, axis=-1))", x=ROWS, given={"t": HOT}),
    case(f"-sum((0.9 * t + 0.1 / 3) * log{SOFTMAX}, axis=-1)", x=ROWS, given={"t": HOT}),
    case(f"-(0.9 * sum(t * log{SOFTMAX}, axis=-1) + 0.1 * mean(log{SOFTMAX}, axis=-1))", x=ROWS, given={"t": HOT}),
    case(f"-((0.9 * t + 0.05) * log{S} + (0.95 - 0.9 * t) * log(1 - {S}))",
         x=LOGIT, given={"t": (1, 0, 1, 0.25, 0.25, 0, 1, 0)}),
    case(f"-log(t * {S} + (1 - t) * (1 - {S}))", x=LOGIT, given={"t": (1, 0, 1, 0, 1, 0, 1, 0)}),
    case(f"-({S} * log{S} + (1 - {S}) * log(1 - {S}))", x=LOGIT),
    case("sigmoid(x) * log(sigmoid(x) / sigmoid(y)) + (1 - sigmoid(x)) * log((1 - sigmoid(x)) / (1 - sigmoid(y)))",
         x=X, y=Y),
    case("-sigmoid(x) * log(sigmoid(y)) - (1 - sigmoid(x)) * log(1 - sigmoid(y))", x=X, y=Y),
    case(f"-log{S} + 1 - {S}", x=LOGIT),
    case("-log(1 / (1 + exp(-x))) - log(1 - 1 / (1 + exp(-y)))", x=X, y=Y),
    case(f"1 - sum(t * {SOFTMAX}, axis=-1)", x=ROWS, given={"t": HOT}),
    case(f"-log(1 - sum(t * {SOFTMAX}, axis=-1))",
         x=((1, 2, 0.5), (10, 60, -3), (-1000, -999, -1002)), given={"t": HOT[:3]}),
    case(f"sum(({SOFTMAX} - t) ** 2, axis=-1)",
         x=((1, 2, 0.5), (10, 30, -3), (-1000, -999, -1002)), given={"t": HOT[:3]}),
    case(f"({S} - t) ** 2", x=LOGIT, given={"t": (1, 0, 1, 0, 1, 1, 1, 0)}),
    case(f"1 - (2 * {S} * t + 1) / ({S} + t + 1)", x=LOGIT, given={"t": (1, 0, 1, 0, 1, 1, 1, 0)}),
    case(f"(1 - {S} ** 0.7) / 0.7", x=LOGIT),
    case(f"(1 - {SOFTMAX}[..., 0] ** 0.7) / 0.7", x=ROWS),
    case(f"exp(-mean(log{SOFTMAX}, axis=-1))", x=((1, 2, 0.5), (60, 0, -3), (-1000, -999, -1002))),
    case("log(1 + exp(-t * x)) / 0.6931472", x=LOGIT, given={"t": (1, -1, 1, -1, 1, 1, -1, -1)}),
    case("exp(x) * (1 - t) + exp(-x) * t", x=(-80, -3, 0, 3, 80), given={"t": (0, 1, 1, 0, 1)}),
    case("maximum(0, 1 - t * x) ** 2", x=(-1e10, -3, 0, 3, 80), given={"t": (-1, 1, 1, -1, 1)}),
    case("-log(exp(x) / (1 + exp(x)) * exp(y) / (1 + exp(y)) + 1 / (1 + exp(x)) / (1 + exp(y)))", x=X, y=Y),
]  # fmt: skip

SEQUENCES = [
    case("-log(exp(a) * exp(b) + exp(c) * exp(d))",
         a=(-1, -200, 500), b=(-2, -300, 400), c=(-3, -250, -5), d=(-1, -251, 3)),
    case("-log(exp(a + b) + exp(c + d) + exp(a + d))",
         a=(-1, -200, 500), b=(-2, -300, 400), c=(-3, -250, -5), d=(-1, -251, 3)),
    case("-log(softmax(x, axis=-1)[..., 0] * softmax(y, axis=-1)[..., 1] "
         "+ softmax(x, axis=-1)[..., 1] * softmax(y, axis=-1)[..., 0])",
         x=ROWS[:4], y=ROWS[3::-1]),
    case(f"-log{SOFTMAX}[..., 0] - log(1 - {SOFTMAX}[..., 1])", x=((1, 2, 0.5), (100, 0, -3), (-80, 3, -10))),
    case("log(exp(x[..., 0]) + exp(x[..., 1])) + log(exp(y[..., 0]) + exp(y[..., 2]))", x=ROWS, y=ROWS[::-1]),
    case("log(exp(a) * (exp(c) + exp(d)) + exp(b) * (exp(c) - exp(d)))",
         a=(-1, -200, 500), b=(-2, -300, 400), c=(3, -250, 5), d=(-1, -251, 3)),
]  # fmt: skip

REGRESSION = [
    case("sqrt(1 + (x / 2) ** 2) - 1", x=RESIDUAL),
    case("d ** 2 * (sqrt(1 + (x / d) ** 2) - 1)", x=(-1e15, -0.5, 1e-5, 3, 1e10), d=(1, 2, 10, 1e-3, 1e15)),
    case("d * sqrt(d ** 2 + x ** 2) - d ** 2", x=(-1e10, -0.5, 1e-5, 3, 1e10), d=(1, 2, 10, 1e-3, 1e15)),
    case("sqrt(x ** 2 + 1e-6)", x=RESIDUAL),
    case("log(1 + (x / c) ** 2)", x=(-1e25, -0.5, 1e-5, 3, 1e-15), c=(1, 2, 1e-3, 1e10, 1)),
    case("log((exp(x - y) + exp(y - x)) / 2)", x=(0.5, 1000, -1000, 1e-4, 3), y=(1, -1000, 3, 0, 3)),
    case("2 * (1 - exp(-x ** 2 / 4))", x=(-30, -1e-3, 1e-6, 1e-12, 3, 1e20)),
    case("1 - exp(-(x / c) ** 2)", x=(-30, -1e-3, 1e-6, 1e20, 3), c=(1, 2, 10, 1e24, 1e-3)),
    case("x ** 2 / (c ** 2 + x ** 2)", x=(-1e25, -0.5, 1e-25, 3), c=(1, 2, 1e-25, 1e25)),
    case("where(abs(x) < 1, 1 - (1 - x ** 2) ** 3, 1)", x=(-3, -0.5, 1e-3, 1e-6, 1e20)),
    case("(1 + x ** 2) ** 0.25 - 1", x=RESIDUAL),
    case("0.5 * log(s ** 2) + (x - y) ** 2 / (2 * s ** 2)",
         x=(0.5, 1e20, 1e-25, 3), y=(1, 2e20, 2e-25, -3), s=(1, 1e25, 1e-25, 1e-3)),
    case("-log(exp(-(x - y) ** 2 / (2 * s ** 2)) / (s * 2.5066283))",
         x=(0.5, 1e20, 1e-25, 3), y=(1, 2e20, 2e-25, -3), s=(1, 1e25, 1e-25, 1e-3)),
    case("-log(exp(-abs(x - y) / s) / (2 * s))",
         x=(0.5, 1e20, 1e-25, 3), y=(1, 2e20, 2e-25, -3), s=(1, 1e25, 1e-25, 1e-3)),
    case("log(3.1415927 * s * (1 + ((x - y) / s) ** 2))",
         x=(0.5, 1e20, 1e-25, 3), y=(1, 2e20, 2e-25, -3), s=(1, 1e-10, 1e-25, 1e10)),
    case("exp(-z) / (s * (1 + exp(-z)) ** 2)", z=(0.5, -1000, 1000, -80, 3), s=(1, 2, 3, 0.1, 10)),
    case("-log(exp(-z) / (s * (1 + exp(-z)) ** 2))", z=(0.5, -1000, 1000, -80, 3), s=(1, 2, 3, 0.1, 10)),
    case("-log(l * exp(-l * x))", l=(0.5, 1e-20, 1e20, 3), x=(1, 1e25, 1e-15, 1000)),
    case("-log(k / l * (x / l) ** (k - 1) * exp(-(x / l) ** k))",
         x=(0.5, 10, 1e15, 1e-10), l=(1, 0.5, 1e14, 1e-12), k=(2, 3, 1.5, 0.5)),
    case("(exp(y) - exp(x)) ** 2 / exp(x)", x=(0.5, -50, 60), y=(1, -49.999, 59)),
    case("(log(1 + x) - log(1 + y)) ** 2", x=(0.5, 1e-8, 1e20), y=(1, 3e-8, 1.01e20)),
    case("2 * (y * log(y / x) - (y - x))", x=(0.5, 1e-20, 1e20, 100), y=(1, 1e20, 1.0001e20, 100.5)),
    case("2 * (x / y - log(x / y) - 1)", x=(0.5, 1e-10, 1e20, 100), y=(1, 1e20, 1.0001e20, 100.5)),
]  # fmt: skip

HELDOUT = [*CLASSIFICATION, *SEQUENCES, *REGRESSION]
