"""Softplus, the sigmoid, its logarithm, and cross-entropies built from them."""

from .case import case
from .points import REAL

FAR = (-1000, -30, -2, 0, 1e-6, 4, 30, 1000)
OTHER = (1000, 3, -2, 0, 0, -5, 80, -1000)
LABEL = (1, 0, 1, 0.5, 0.25, 0, 1, 0)

SOFTPLUS = [
    case("log(1 + exp(x))", "softplus(x)", x=REAL),
    case("log(exp(x) + 1)", "softplus(x)", x=REAL),
    case("log1p(exp(x))", "softplus(x)", x=REAL),
    case("log(1 + exp(-x))", "softplus(-x)", x=REAL),
    case("-log(1 + exp(-x))", "-softplus(-x)", x=REAL),
    case("log(1 + exp(x)) - x", "softplus(-x)", x=REAL),
    case("x + log(1 + exp(-x))", "softplus(x)", x=REAL),
    case("log(1 + 1 / exp(x))", "softplus(-x)", x=REAL),
    case("log((1 + exp(x)) / exp(x))", "softplus(-x)", x=REAL),
    case("-log(1 / (1 + exp(x)))", "softplus(x)", x=REAL),
    case("log(1 + exp(2 * x)) / 2", "softplus(2 * x) / 2", x=REAL),
    case("log(1 + exp(3 * x - 1))", "softplus(3 * x - 1)", x=REAL),
    case("log(1 + exp(x)) ** 2", "softplus(x) ** 2", x=FAR),
    case("sqrt(log(1 + exp(x)))", "sqrt(softplus(x))", x=FAR[1:]),
    case("log(1 + exp(-x ** 2))", "softplus(-x ** 2)", x=(-30, -5, -1, 0.5, 2, 8, 30)),
    case("log(2 + 2 * exp(x))", "log(2) + softplus(x)", x=(-1000, -20, 0, 3, 20, 1000)),
    case("log(1 + 3 * exp(x))", "softplus(x + log(3))", x=(-1000, -20, 0, 3, 20, 1000)),
    case("log(1 + exp(x)) + log(1 + exp(-x))", "softplus(x) + softplus(-x)", x=FAR),
    case("log(1 + exp(x - y))", "softplus(x - y)", x=FAR, y=OTHER),
    case("tanh(log(1 + exp(x)))", "tanh(softplus(x))", x=FAR),
    case("x * tanh(log(1 + exp(x)))", "x * tanh(softplus(x))", x=FAR),
    case("logaddexp(x, 0)", "softplus(x)", x=FAR),
]

SIGMOID = [
    case("1 / (1 + exp(-x))", "sigmoid(x)", x=REAL),
    case("1 / (exp(-x) + 1)", "sigmoid(x)", x=REAL),
    case("exp(x) / (1 + exp(x))", "sigmoid(x)", x=REAL),
    case("exp(x) / (exp(x) + 1)", "sigmoid(x)", x=REAL),
    case("(1 + exp(-x)) ** -1", "sigmoid(x)", x=REAL),
    case("1 / (1 + exp(x))", "sigmoid(-x)", x=REAL),
    case("exp(-x) / (1 + exp(-x))", "sigmoid(-x)", x=REAL),
    case("1 / (1 + 1 / exp(x))", "sigmoid(x)", x=REAL),
    case("sigmoid(x)", "sigmoid(x)", x=REAL),
    case("1 - sigmoid(x)", "sigmoid(-x)", x=REAL),
    case("1 - 1 / (1 + exp(-x))", "sigmoid(-x)", x=REAL),
    case("1 - 1 / (1 + exp(x))", "sigmoid(x)", x=REAL),
    case("1 - exp(x) / (1 + exp(x))", "sigmoid(-x)", x=REAL),
    case("(1 + tanh(x / 2)) / 2", "sigmoid(x)", x=REAL),
    case("0.5 * (tanh(0.5 * x) + 1)", "sigmoid(x)", x=REAL),
    case("0.5 + 0.5 * tanh(x / 2)", "sigmoid(x)", x=REAL),
    case("0.5 - 0.5 * tanh(x / 2)", "sigmoid(-x)", x=REAL),
    case("exp(-log(1 + exp(-x)))", "sigmoid(x)", x=REAL),
    case("exp(log(sigmoid(x)))", "sigmoid(x)", x=REAL),
    case("sigmoid(x) * (1 - sigmoid(x))", "sigmoid(x) * sigmoid(-x)", x=REAL),
    case("exp(-x) / (1 + exp(-x)) ** 2", "sigmoid(x) * sigmoid(-x)", x=REAL),
    case("exp(x) / (1 + exp(x)) ** 2", "sigmoid(x) * sigmoid(-x)", x=REAL),
    case("x / (1 + exp(-x))", "x * sigmoid(x)", x=REAL),
    case("x * exp(x) / (1 + exp(x))", "x * sigmoid(x)", x=REAL),
    case("x * sigmoid(x)", "x * sigmoid(x)", x=REAL),
    case("exp(x) / (exp(x) + exp(y))", "sigmoid(x - y)", x=FAR, y=OTHER),
    case("1 / (1 + exp(y - x))", "sigmoid(x - y)", x=FAR, y=OTHER),
    case("sigmoid(x) ** 2", "sigmoid(x) ** 2", x=FAR),
]

LOG_SIGMOID = [
    case("log(sigmoid(x))", "-softplus(-x)", x=REAL),
    case("log(1 / (1 + exp(-x)))", "-softplus(-x)", x=REAL),
    case("log(exp(x) / (1 + exp(x)))", "-softplus(-x)", x=REAL),
    case("x - log(1 + exp(x))", "-softplus(-x)", x=REAL),
    case("log(1 - sigmoid(x))", "-softplus(x)", x=REAL),
    case("log(1 - 1 / (1 + exp(-x)))", "-softplus(x)", x=REAL),
    case("log(1 / (1 + exp(x)))", "-softplus(x)", x=REAL),
    case("-log(1 - sigmoid(x))", "softplus(x)", x=REAL),
    case("log(sigmoid(x) / (1 - sigmoid(x)))", "x", x=REAL),
    case("log(sigmoid(x)) - log(1 - sigmoid(x))", "x", x=REAL),
    case("log(sigmoid(x)) + log(1 - sigmoid(x))", "-softplus(x) - softplus(-x)", x=REAL),
    case("log(exp(x) / (exp(x) + exp(y)))", "-softplus(y - x)", x=FAR, y=OTHER),
    case("-log(sigmoid(x - y))", "softplus(y - x)", x=FAR, y=OTHER),
    case("log(sigmoid(2 * x))", "-softplus(-2 * x)", x=REAL),
    case("log((1 + tanh(x / 2)) / 2)", "-softplus(-x)", x=REAL),
    case("log(sigmoid(x) ** 2)", "-2 * softplus(-x)", x=FAR),
    case("log(sigmoid(x) * sigmoid(y))", "-softplus(-x) - softplus(-y)", x=FAR, y=OTHER),
    case("log(x * sigmoid(x))", "log(x) - softplus(-x)", x=(1e-30, 1e-8, 0.5, 3, 80, 1000)),
]

CROSSENTROPY = [
    case("-(t * log(sigmoid(x)) + (1 - t) * log(1 - sigmoid(x)))", "t * softplus(-x) + (1 - t) * softplus(x)",
         x=FAR, given={"t": LABEL}),
    case("-t * log(sigmoid(x)) - (1 - t) * log(1 - sigmoid(x))", "t * softplus(-x) + (1 - t) * softplus(x)",
         x=FAR, given={"t": LABEL}),
    case("-(t * log(1 / (1 + exp(-x))) + (1 - t) * log(1 - 1 / (1 + exp(-x))))",
         "t * softplus(-x) + (1 - t) * softplus(x)", x=FAR, given={"t": LABEL}),
    case("-(t * log(exp(x) / (1 + exp(x))) + (1 - t) * log(1 / (1 + exp(x))))",
         "t * softplus(-x) + (1 - t) * softplus(x)", x=FAR, given={"t": LABEL}),
    case("t * log(1 + exp(-x)) + (1 - t) * log(1 + exp(x))", "t * softplus(-x) + (1 - t) * softplus(x)",
         x=FAR, given={"t": LABEL}),
    case("-(1 - sigmoid(x)) ** 2 * log(sigmoid(x))", "sigmoid(-x) ** 2 * softplus(-x)", x=FAR),
    case("-sigmoid(x) ** 2 * log(1 - sigmoid(x))", "sigmoid(x) ** 2 * softplus(x)", x=FAR),
    case("-(sigmoid(x) * log(sigmoid(x)) + (1 - sigmoid(x)) * log(1 - sigmoid(x)))",
         "sigmoid(x) * softplus(-x) + sigmoid(-x) * softplus(x)", x=(-1000, -30, -2, 1, 4, 30, 1000)),
    case("-(t * log(clip(sigmoid(x), 1e-7, 1)) + (1 - t) * log(clip(1 - sigmoid(x), 1e-7, 1)))",
         "-(t * log(clip(sigmoid(x), 1e-7, 1)) + (1 - t) * log(clip(sigmoid(-x), 1e-7, 1)))",
         x=(-1000, -2, 0, 1e-6, 1000), given={"t": (1, 0, 0.5, 0.25, 0)}),
    case("-(t * log(1 / (1 + exp(-x)) + 1e-7) + (1 - t) * log(1 - 1 / (1 + exp(-x)) + 1e-7))",
         "-(t * log(sigmoid(x) + 1e-7) + (1 - t) * log(sigmoid(-x) + 1e-7))",
         x=(-1000, -2, 0, 1e-6, 1000), given={"t": (1, 0, 0.5, 0.25, 0)}),
    case("log(1 + exp(-t * x))", "softplus(-t * x)", x=FAR, given={"t": (1, -1, 1, -1, 1, 1, -1, -1)}),
    case("-log(1 - sigmoid(x) * sigmoid(y))", "-log(1 - sigmoid(x) * sigmoid(y))",
         x=(-1000, -3, 0, 2, -1), y=(3, 1, 0, -1000, -1)),
]  # fmt: skip

MOVED = [
    case(f"-(t * log({p}) + (1 - t) * log(1 - {p}))", "t * softplus(-x) + (1 - t) * softplus(x)",
         x=FAR, given={"t": LABEL})
    for p in ("expand_dims(sigmoid(x), -1)[..., 0]", "expand_dims(sigmoid(expand_dims(x, -1))[..., 0], 0).T[..., 0]",
              "sigmoid(x).reshape((1, -1))[0]", "sigmoid(x).reshape((-1, 1)).T.reshape((-1,))")
] + [
    case("-t * log(sigmoid(x)) - (1 - t) * log1p(-sigmoid(x))", "t * softplus(-x) + (1 - t) * softplus(x)",
         x=FAR, given={"t": LABEL}),
    case("-log(where(t > 0.5, sigmoid(x), 1 - sigmoid(x)))", "where(t > 0.5, softplus(-x), softplus(x))",
         x=FAR, given={"t": LABEL}),
    case("-log(sigmoid(x) ** t * (1 - sigmoid(x)) ** (1 - t))", "t * softplus(-x) + (1 - t) * softplus(x)",
         x=FAR, given={"t": LABEL}),
    case("log2(sigmoid(x))", "-softplus(-x) / log(2)", x=FAR),
    case("log10(1 - sigmoid(x))", "-softplus(x) / log(10)", x=FAR),
]  # fmt: skip

CASES = [*SOFTPLUS, *SIGMOID, *LOG_SIGMOID, *CROSSENTROPY, *MOVED]
