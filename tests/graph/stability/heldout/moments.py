"""Moments, correlations and normalization of data with a large mean or an extreme scale."""

from stability.case import case

DATA = ((1, 2, 4), (10001, 10002, 10004), (-4095, -4096, -4098), (1e-3, 2e-3, 5e-3))
OTHER = ((2, 1, 3), (5003, 5001, 5002), (1e4, 10003, 10001), (101, 102, 100))
SCALES = ((1, 2, 4), (1e25, 2e25, -1e25), (1e-25, 2e-25, 5e-25), (1e30, -1e30, 0))
FOUR = ((1, 2, 4, 3.5), (1e25, 2e25, -1e25, 0), (1e-25, 2e-25, 5e-25, 3e-25))
MEAN = "mean(x, axis=-1, keepdims=True)"
VARIANCE = "(mean(x ** 2, axis=-1, keepdims=True) - mean(x, axis=-1, keepdims=True) ** 2)"

MOMENTS = [
    case("sum(x ** 2, axis=-1) - sum(x, axis=-1) ** 2 / 3", x=DATA),
    case("(sum(x ** 2, axis=-1) - 3 * mean(x, axis=-1) ** 2) / 2", x=DATA),
    case("sum(x * y, axis=-1) - sum(x, axis=-1) * sum(y, axis=-1) / 3", x=DATA, y=OTHER),
    case("(sum(x * y, axis=-1) - 3 * mean(x, axis=-1) * mean(y, axis=-1)) / 2", x=DATA, y=OTHER),
    case("(mean(x * y, axis=-1) - mean(x, axis=-1) * mean(y, axis=-1)) "
         "/ (mean(x ** 2, axis=-1) - mean(x, axis=-1) ** 2)",
         x=DATA, y=OTHER),
    case("(mean(x * y, axis=-1) - mean(x, axis=-1) * mean(y, axis=-1)) "
         "/ sqrt((mean(x ** 2, axis=-1) - mean(x, axis=-1) ** 2) "
         "* (mean(y ** 2, axis=-1) - mean(y, axis=-1) ** 2))", x=DATA, y=OTHER),
    case("sum(w * x ** 2, axis=-1) - sum(w * x, axis=-1) ** 2", x=DATA, given={"w": ((0.25, 0.25, 0.5),) * 4}),
    case("((x ** 2 + y ** 2) / 2 - ((x + y) / 2) ** 2)", x=(1, 10001, 1e-8, 1e6), y=(3, 10002, 2e-8, 1.00001e6)),
    case("sqrt(mean(x ** 2, axis=-1) - mean(x, axis=-1) ** 2) / mean(x, axis=-1)", x=DATA),
    case("mean(x ** 3, axis=-1) - 3 * mean(x, axis=-1) * mean(x ** 2, axis=-1) + 2 * mean(x, axis=-1) ** 3", x=DATA),
    case(f"mean((x - {MEAN}) ** 3, axis=-1) / mean((x - {MEAN}) ** 2, axis=-1) ** 1.5", x=SCALES),
    case(f"mean((x - {MEAN}) ** 4, axis=-1) / mean((x - {MEAN}) ** 2, axis=-1) ** 2", x=FOUR),
    case("mean(x, axis=-1) ** 2 / (mean(x ** 2, axis=-1) - mean(x, axis=-1) ** 2)", x=DATA),
    case("max(x, axis=-1) - log(sum(exp(x), axis=-1))", x=((1, 2, 4), (1000, 0, -5), (-1000, -999, -990), (3, 3, 3.5))),
]  # fmt: skip

NORMALIZATION = [
    case(f"(x - {MEAN}) / sqrt(mean((x - {MEAN}) ** 2, axis=-1, keepdims=True))", x=SCALES),
    case(f"(x - {MEAN}) / sqrt(mean((x - {MEAN}) ** 2, axis=-1, keepdims=True) + 1e-5)", x=SCALES),
    case(f"(x - {MEAN}) / (sqrt(mean((x - {MEAN}) ** 2, axis=-1, keepdims=True)) + 1e-8)", x=(*SCALES, (5, 5, 5))),
    case(f"(x - {MEAN}) / sqrt({VARIANCE} + 1e-5)", x=DATA),
    case(f"(x - {MEAN}) / sqrt({VARIANCE})", x=(*DATA, SCALES[1])),
    case("x / sqrt(mean(x ** 2, axis=-1, keepdims=True) + 1e-8)", x=SCALES),
    case("x * (mean(x ** 2, axis=-1, keepdims=True) + 1e-5) ** -0.5", x=SCALES),
    case("x / mean(x, axis=-1, keepdims=True)", x=((1, 2, 4), (2e38, 3e38, 1e38), (1e-37, 2e-37, 5e-37))),
    case("(x - min(x, axis=-1, keepdims=True)) / (max(x, axis=-1, keepdims=True) - min(x, axis=-1, keepdims=True))",
         x=((1, 2, 4), (1e25, 2e25, -1e25), (1e-25, 2e-25, 5e-25))),
    case("x / sum(abs(x), axis=-1, keepdims=True)", x=((1, -2, 4), (2e38, -3e38, 1e38), (1e-30, 2e-30, -5e-30))),
]  # fmt: skip

HELDOUT = [*MOMENTS, *NORMALIZATION]
