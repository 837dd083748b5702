"""Cosine similarity, normalization and distances of tiny, huge, zero and nearly equal vectors."""

from stability.case import case

X = ((1, 2, 3), (1e-25, 2e-25, -1e-25), (1e25, -2e25, 1e24), (1e-20, 1, 2), (3e30, 1e30, 2e30))
Y = ((3, -1, 2), (2e-25, 1e-25, 3e-25), (1e-25, 2e-25, 1e-25), (2, 1e-20, 1), (1e-30, 2e-30, 0))
NEAR_X = ((1, 2, 3), (1, 0, 0), (100, 200, 300), (1e-20, 1e-20, 2e-20))
NEAR_Y = ((1.001, 2, 3), (1, 1e-4, 0), (100.5, 200.25, 300.25), (1e-20, 1.001e-20, 2e-20))
WITH_ZERO = (*X[:4], (0, 0, 0))
NORM_X, NORM_Y = "sqrt(sum(x ** 2, axis=-1))", "sqrt(sum(y ** 2, axis=-1))"
CENTERED_X, CENTERED_Y = (f"({name} - mean({name}, axis=-1, keepdims=True))" for name in "xy")

COSINES = [
    case(f"sum(x * y, axis=-1) / ({NORM_X} * {NORM_Y})", x=X, y=Y),
    case("sum(x * y, axis=-1) / sqrt(sum(x ** 2, axis=-1) * sum(y ** 2, axis=-1))", x=X, y=Y),
    case("sum(x * y, axis=-1) / sqrt(sum(x * x, axis=-1)) / sqrt(sum(y * y, axis=-1))", x=X, y=Y),
    case("sum(x / sqrt(sum(x ** 2, axis=-1, keepdims=True)) * y / sqrt(sum(y ** 2, axis=-1, keepdims=True)), axis=-1)",
         x=X, y=Y),
    case(f"1 - sum(x * y, axis=-1) / ({NORM_X} * {NORM_Y})", x=NEAR_X, y=NEAR_Y),
    case(f"sum(x * y, axis=-1) / ({NORM_X} * {NORM_Y} + 1e-8)", x=WITH_ZERO, y=Y),
    case(f"sum(x * y, axis=-1) / maximum({NORM_X} * {NORM_Y}, 1e-8)",
         x=(*X[:2], (0, 0, 0), (1e-3, 1e-4, 0)), y=(*Y[:2], (1, 2, 3), (1e-3, 1, 0))),
    case("(a * c + b * d) / (sqrt(a ** 2 + b ** 2) * sqrt(c ** 2 + d ** 2))",
         a=(1, 1e25, 1e-25, 1e30), b=(2, -1e25, 3e-25, 1), c=(3, 1e-20, 1e-22, 1e-30), d=(4, 2e-20, 1e-23, 1)),
    case("(a * c + b * d) / sqrt((a ** 2 + b ** 2) * (c ** 2 + d ** 2))",
         a=(1, 1e15, 1e-15, 1e20), b=(2, -1e15, 3e-15, 1), c=(3, 1e20, 1e-12, 1e-30), d=(4, 2e20, 1e-13, 1)),
    case(f"arccos(sum(x * y, axis=-1) / ({NORM_X} * {NORM_Y}))", x=(*NEAR_X, (1e25, 0, 1)), y=(*NEAR_Y, (1, 2, 3))),
    case(f"sum({CENTERED_X} * {CENTERED_Y}, axis=-1) / "
         f"sqrt(sum({CENTERED_X} ** 2, axis=-1) * sum({CENTERED_Y} ** 2, axis=-1))",
         x=((1, 2, 4), (1e15, 2e15, -1e15), (1e-15, 2e-15, 5e-15)),
         y=((3, 1, 2), (1e10, 3e10, 2e10), (1e-15, 3e-15, 4e-15))),
]  # fmt: skip

NORMALIZATION = [
    case("x / maximum(sqrt(sum(x ** 2, axis=-1, keepdims=True)), 1e-12)", x=(*X, (0, 0, 0))),
    case("x / (sqrt(sum(x ** 2, axis=-1, keepdims=True)) + 1e-8)", x=(*X, (0, 0, 0))),
    case("x / sqrt(sum(x ** 2, axis=-1, keepdims=True) + 1e-12)", x=X),
    case("x / sqrt(mean(x ** 2, axis=-1, keepdims=True) + 1e-6)", x=X),
    case("x / sqrt(mean(x * x, axis=-1, keepdims=True))", x=X),
    case("x / sum(x, axis=-1, keepdims=True)", x=((1, 2, 3), (1e38, 2e38, 3e38), (1e-30, 2e-30, 1e-31))),
    case("x ** 2 / sum(x ** 2, axis=-1, keepdims=True)", x=X),
    case("sum(x ** 2, axis=-1) ** 2 / sum(x ** 4, axis=-1)", x=X),
    case("x / hypot(x, y)", x=(3, 1e25, 1e-25, -1e30, 1e38), y=(4, 2e25, 1e-25, 1, 1e38)),
    case("x / sqrt(x ** 2 + y ** 2)", x=(3, 1e25, 1e-25, -1e30, 1e38), y=(4, 2e25, 1e-25, 1, 1e38)),
    case("x / sqrt(1 + x ** 2)", x=(-1e25, -3, 1e-25, 0, 0.5, 1e30)),
    case(f"({NORM_X} - 1) ** 2", x=(*X[:4], (0, 0, 0))),
    case(f"maximum({NORM_X} - {NORM_Y} + 1, 0)",
         x=((0, 0, 0), (3, 4, 12), (1e-25, 1e-26, 0)), y=((0.5, 0, 0), (0, 1, 0), (0, 0, 0))),
]  # fmt: skip

DISTANCES = [
    case("sum(x ** 2, axis=-1) + sum(y ** 2, axis=-1) - 2 * sum(x * y, axis=-1)", x=NEAR_X[:3], y=NEAR_Y[:3]),
    case("sqrt(sum(x ** 2, axis=-1) - 2 * sum(x * y, axis=-1) + sum(y ** 2, axis=-1))", x=NEAR_X, y=NEAR_Y),
    case("x ** 2 - 2 * x * y + y ** 2", x=(3, 1000, 1e10, 1), y=(4, 1000.5, 1.00001e10, 1.0001)),
    case("exp(-(x ** 2 - 2 * x * y + y ** 2) / 2)", x=(3, 1000, 1e10, 1e25), y=(4, 1000.5, 1e10, 1e25)),
    case("1 / (1 + sqrt(sum((x - y) ** 2, axis=-1)))",
         x=((1, 2, 3), (1e25, 0, 1), (1, 2, 3)), y=((3, 2, 1), (-1e25, 0, 1), (1, 2, 3))),
    case("exp(-sqrt(sum((x - y) ** 2, axis=-1)))",
         x=((1, 2, 3), (1e-25, 0, 0), (1, 2, 3)), y=((3, 2, 1), (0, 1e-25, 0), (1, 2, 3))),
    case("sqrt((a - c) ** 2 + (b - d) ** 2)",
         a=(1, 1e25, 1e-25, 2), b=(2, -1e25, 3e-25, 3), c=(3, -1e25, 1e-26, 2), d=(4, 2e25, 1e-25, 3)),
    case("log(1 + 2 * z + 2 * sqrt(z * (1 + z)))", z=(0.5, 1e-10, 1e-20, 1e25, 3)),
    case("arccosh(1 + 2 * (x - y) ** 2 / ((1 - x ** 2) * (1 - y ** 2)))",
         x=(0.5, 0.9, 1e-3, -0.999), y=(0.25, 0.9001, -1e-3, 0.999)),
]  # fmt: skip

HELDOUT = [*COSINES, *NORMALIZATION, *DISTANCES]
