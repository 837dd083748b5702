"""Logarithms of sums of exponentials, softmaxes, and cross-entropies built from them."""

from .case import case
from .points import MILD_ROWS, ROWS

HOT = ((0, 1, 0), (1, 0, 0), (0, 0, 1), (1, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
SOFT = ((0.25, 0.5, 0.25), (1, 0, 0), (0.5, 0.25, 0.25), (0, 0.5, 0.5), (1, 0, 0), (0, 1, 0), (0.5, 0, 0.5))
FAR = (1000, -1000, 3, 0, 700, -30, 1e-3)
NEAR = (999, -1001, -1, 0, -1000, 50, 0.5)
ABOVE = (1000, -1000, 3, 1, 80, 30, 0.5)
BELOW = (999, -1001, -1, -1000, 79.5, -50, 1e-3)

LOG_SUM = [
    case("log(sum(exp(x), axis=-1))", "logsumexp(x)", x=ROWS),
    case("log(sum(exp(x), axis=-1, keepdims=True))", "logsumexp(x, -1, True)", x=ROWS),
    case("log(mean(exp(x), axis=-1))", "logsumexp(x) - log(3)", x=ROWS),
    case("log(sum(exp(x), axis=-1) / 3)", "logsumexp(x) - log(3)", x=ROWS),
    case("-log(sum(exp(-x), axis=-1))", "-logsumexp(-x)", x=ROWS),
    case("2 * log(sum(exp(x / 2), axis=-1))", "2 * logsumexp(x / 2)", x=ROWS),
    case("log(mean(exp(4 * x), axis=-1)) / 4", "(logsumexp(4 * x) - log(3)) / 4", x=ROWS),
    case("log(sum(2 * exp(x), axis=-1))", "logsumexp(x) + log(2)", x=ROWS),
    case("log(2 * sum(exp(x), axis=-1))", "logsumexp(x) + log(2)", x=ROWS),
    case("log(sum(w * exp(x), axis=-1))", "log(sum(w * exp(x), axis=-1))", x=ROWS[1:], given={"w": SOFT[1:]}),
    case("log(sum(exp(x) ** 2, axis=-1))", "logsumexp(2 * x)", x=ROWS),
    case("log(sum(exp(2 * x), axis=-1))", "logsumexp(2 * x)", x=ROWS),
    case("log(sum(exp(x - max(x, axis=-1, keepdims=True)), axis=-1)) + max(x, axis=-1)", "logsumexp(x)",
         x=(ROWS[0], ROWS[1], ROWS[4], ROWS[5], ROWS[6])),
    case("1 / sum(exp(x), axis=-1)", "exp(-logsumexp(x))", x=((-3, 0, 3), (80, 85, 88), (-80, -60, -85))),
    case("log(1 / sum(exp(x), axis=-1))", "-logsumexp(x)", x=ROWS),
    case("log(prod(exp(x), axis=-1))", "sum(x, axis=-1)", x=ROWS[:3]),
    case("log(exp(x) + exp(y))", "logaddexp(x, y)", x=FAR, y=NEAR),
    case("logaddexp(x, y)", "logaddexp(x, y)", x=FAR, y=NEAR),
    case("log((exp(x) + exp(y)) / 2)", "logaddexp(x, y) - log(2)", x=FAR, y=NEAR),
    case("log(exp(-x) + exp(-y))", "logaddexp(-x, -y)", x=FAR, y=NEAR),
    case("log(0.25 * exp(x) + 0.75 * exp(y))", "logaddexp(x + log(0.25), y + log(0.75))", x=FAR[:3], y=NEAR[:3]),
    case("log(exp(x) + exp(y) + exp(x + y))", "logaddexp(logaddexp(x, y), x + y)", x=FAR, y=NEAR),
    case("log(0.5 * exp(-(x - 1) ** 2 / 2) + 0.5 * exp(-(x + 1) ** 2 / 2))",
         "logaddexp(-(x - 1) ** 2 / 2, -(x + 1) ** 2 / 2) - log(2)", x=(-100, -30, -2, 0, 0.5, 40, 1000)),
    case("log(exp(x) - exp(y))", "x + log1mexp(y - x)", x=ABOVE, y=BELOW),
    case("log(1e-6 + sum(exp(x), axis=-1))", "logaddexp(logsumexp(x), log(1e-6))", x=ROWS),
    case("sqrt(exp(x) + exp(y))", "exp(logaddexp(x, y) / 2)", x=(-3, 80, 0), y=(-80, 1, 0)),
]  # fmt: skip

SOFTMAX = [
    case("exp(x) / sum(exp(x), axis=-1, keepdims=True)", "softmax(x)", x=ROWS),
    case("softmax(x, axis=-1)", "softmax(x)", x=ROWS),
    case("exp(x) * (1 / sum(exp(x), axis=-1, keepdims=True))", "softmax(x)", x=ROWS),
    case("exp(x) / expand_dims(sum(exp(x), axis=-1), -1)", "softmax(x)", x=ROWS),
    case("exp(x - max(x, axis=-1, keepdims=True)) / "
         "sum(exp(x - max(x, axis=-1, keepdims=True)), axis=-1, keepdims=True)",
         "softmax(x)", x=(ROWS[0], ROWS[1], ROWS[4], ROWS[5], ROWS[6])),
    case("exp(x - log(sum(exp(x), axis=-1, keepdims=True)))", "softmax(x)", x=ROWS),
    case("exp(-x) / sum(exp(-x), axis=-1, keepdims=True)", "softmax(-x)", x=ROWS),
    case("exp(x / 2) / sum(exp(x / 2), axis=-1, keepdims=True)", "softmax(x / 2)", x=ROWS),
    case("exp(x) ** 2 / sum(exp(x) ** 2, axis=-1, keepdims=True)", "softmax(2 * x)", x=ROWS),
    case("exp(log(exp(x) / sum(exp(x), axis=-1, keepdims=True)))", "softmax(x)", x=ROWS),
    case("exp(x[..., 0]) / sum(exp(x), axis=-1)", "softmax(x)[..., 0]", x=ROWS),
    case("exp(x[..., 0]) / (exp(x[..., 0]) + exp(x[..., 1]))", "sigmoid(x[..., 0] - x[..., 1])", x=ROWS),
    case("sum(w * exp(x), axis=-1) / sum(exp(x), axis=-1)", "sum(w * softmax(x), axis=-1)",
         x=ROWS, given={"w": ((1, 2, 4),) * 7}),
    case("sum(w * exp(x) / sum(exp(x), axis=-1, keepdims=True), axis=-1)", "sum(w * softmax(x), axis=-1)",
         x=ROWS, given={"w": ((1, 2, 4),) * 7}),
    case("1 / sum(exp(x - x[..., :1]), axis=-1)", "softmax(x)[..., 0]", x=ROWS),
]  # fmt: skip

LOG_SOFTMAX = [
    case("log(exp(x) / sum(exp(x), axis=-1, keepdims=True))", "log_softmax(x)", x=ROWS),
    case("log(softmax(x, axis=-1))", "log_softmax(x)", x=ROWS),
    case("x - log(sum(exp(x), axis=-1, keepdims=True))", "log_softmax(x)", x=ROWS),
    case("-log(sum(exp(x), axis=-1, keepdims=True) / exp(x))", "log_softmax(x)", x=ROWS),
    case("log(exp(x - max(x, axis=-1, keepdims=True)) / "
         "sum(exp(x - max(x, axis=-1, keepdims=True)), axis=-1, keepdims=True))",
         "log_softmax(x)", x=(ROWS[0], ROWS[1], ROWS[4], ROWS[5], ROWS[6])),
    case("log(exp(x)) - log(sum(exp(x), axis=-1, keepdims=True))", "log_softmax(x)", x=ROWS),
    case("log(softmax(x, axis=-1) ** 2)", "2 * log_softmax(x)", x=ROWS),
    case("log(sqrt(softmax(x, axis=-1)))", "log_softmax(x) / 2", x=ROWS),
    case("log(1 - softmax(x, axis=-1))", x=MILD_ROWS),
    case("log(softmax(x, axis=-1) * w)", "log_softmax(x) + log(w)", x=ROWS, given={"w": ((1, 2, 4),) * 7}),
]  # fmt: skip

CROSSENTROPY = [
    case("-sum(t * log(softmax(x, axis=-1)), axis=-1)", "-sum(t * log_softmax(x), axis=-1)", x=ROWS, given={"t": HOT}),
    case("-sum(log(softmax(x, axis=-1)) * t, axis=-1)", "-sum(t * log_softmax(x), axis=-1)", x=ROWS, given={"t": SOFT}),
    case("-sum(t * log(exp(x) / sum(exp(x), axis=-1, keepdims=True)), axis=-1)", "-sum(t * log_softmax(x), axis=-1)",
         x=ROWS, given={"t": HOT}),
    case("log(sum(exp(x), axis=-1)) - sum(t * x, axis=-1)", "logsumexp(x) - sum(t * x, axis=-1)",
         x=ROWS[:4], given={"t": HOT[:4]}),
    case("-log(sum(t * softmax(x, axis=-1), axis=-1))", "logsumexp(x) - sum(t * x, axis=-1)",
         x=ROWS[:4], given={"t": HOT[:4]}),
    case("-log(softmax(x, axis=-1)[..., 1])", "-log_softmax(x)[..., 1]", x=ROWS),
    case("-log(softmax(x, axis=-1))[..., 2]", "-log_softmax(x)[..., 2]", x=ROWS),
    case("-log(exp(x[..., 0]) / sum(exp(x), axis=-1))", "-log_softmax(x)[..., 0]", x=ROWS[:4]),
    case("-sum(softmax(x, axis=-1) * log(softmax(x, axis=-1)), axis=-1)", "-sum(softmax(x) * log_softmax(x), axis=-1)",
         x=(ROWS[1], ROWS[0], ROWS[4], ROWS[5])),
    case("sum(softmax(x, axis=-1) * (log(softmax(x, axis=-1)) - log(softmax(y, axis=-1))), axis=-1)",
         "sum(softmax(x) * (log_softmax(x) - log_softmax(y)), axis=-1)",
         x=((1, -200, 0.5), (0, -1000, 1)), y=((0.5, -150, -3), (1, -900, -1))),
    case("sum(softmax(x, axis=-1) * log(softmax(x, axis=-1) / softmax(y, axis=-1)), axis=-1)",
         "sum(softmax(x) * (log_softmax(x) - log_softmax(y)), axis=-1)",
         x=((1, -200, 0.5), (0, -1000, 1)), y=((0.5, -150, -3), (1, -900, -1))),
    case("exp(-sum(t * log(softmax(x, axis=-1)), axis=-1))", "exp(-sum(t * log_softmax(x), axis=-1))",
         x=(ROWS[0], *ROWS[2:6]), given={"t": ((1, 0, 0), *HOT[2:6])}),
    case("-sum((1 - softmax(x, axis=-1)) ** 2 * t * log(softmax(x, axis=-1)), axis=-1)",
         "-sum((1 - softmax(x)) ** 2 * t * log_softmax(x), axis=-1)", x=(ROWS[0], ROWS[5], ROWS[2]),
         given={"t": ((0, 1, 0), (0, 1, 0), (0, 0, 1))}),
    case("-sum(t * log(clip(softmax(x, axis=-1), 1e-7, 1)), axis=-1)",
         "-sum(t * log(clip(softmax(x), 1e-7, 1)), axis=-1)", x=ROWS[1:], given={"t": HOT[1:]}),
    case("-sum(t * log(softmax(x, axis=-1) + 1e-7), axis=-1)", "-sum(t * log(softmax(x) + 1e-7), axis=-1)",
         x=ROWS, given={"t": HOT}),
    case("-sum(t * log(exp(x) / sum(exp(x), axis=-1, keepdims=True) + 1e-7), axis=-1)",
         "-sum(t * log(softmax(x) + 1e-7), axis=-1)", x=ROWS, given={"t": HOT}),
    case("-mean(log(softmax(x, axis=-1)), axis=-1)", "-mean(log_softmax(x), axis=-1)", x=ROWS),
]  # fmt: skip

CASES = [*LOG_SUM, *SOFTMAX, *LOG_SOFTMAX, *CROSSENTROPY]
