"""Likelihoods and responsibilities of mixtures, whose components and weights underflow."""

from stability.case import case

X = (0.5, -30, 100, 1000, 0, 2)
M = (1, 2, 3, 10, 50, 2.5)
W = (0.3, 1e-30, 0.999999, 0.5, 0.25, 1e-10)
LOGITS = ((0, 1, 2), (-1000, 0, 1), (-200, -300, 0), (500, 0, -500), (3, 3, 3))
SCORES = ((1, 0, -1), (2000, 0, -5), (150, 160, -100), (-900, 20, 400), (-500, -501, -502))
CENTERS = ((-1, 0, 1), (-100, 0, 100), (1000, 1001, 1002), (5, 6, 30), (0, 0, 0))
AT = ((0.5,), (60,), (-1000,), (-80,), (3,))
WEIGHTS = ((0.2, 0.3, 0.5), (0.999, 1e-3, 1e-30), (1e-20, 0.5, 0.5), (1, 0, 0), (1e-35, 1e-36, 1e-37))
SOFTMAX = "exp(a) / sum(exp(a), axis=-1, keepdims=True)"
NEAR, FAR = "w * exp(-(x - m) ** 2 / 2)", "(1 - w) * exp(-(x + m) ** 2 / 2)"

LIKELIHOODS = [
    case(f"log({NEAR} + {FAR})", x=X, m=M, given={"w": W}),
    case("log(sum(w * exp(-(x - m) ** 2 / 2), axis=-1))", x=AT, m=CENTERS, given={"w": WEIGHTS}),
    case("-log(sum(w * exp(-(x - m) ** 2 / (2 * s ** 2)) / (2.5066283 * s), axis=-1))",
         x=AT, m=CENTERS, s=((1, 2, 1), (0.1, 3, 0.5), (1, 1, 2), (1e-3, 1e-2, 1), (1e-5, 1, 1e5)),
         given={"w": WEIGHTS}),
    case(f"log(sum({SOFTMAX} * exp(x), axis=-1))", a=LOGITS, x=SCORES),
    case("log(sum(softmax(a, axis=-1) * exp(x), axis=-1))", a=LOGITS, x=SCORES),
    case("log(sum(softmax(a, axis=-1) * exp(-(x - m) ** 2 / 2), axis=-1))", a=LOGITS, x=AT, m=CENTERS),
    case("log(sum(exp(a) * exp(x), axis=-1))", a=LOGITS, x=SCORES),
    case("log(sum(exp(a) * exp(x), axis=-1) / sum(exp(a), axis=-1))", a=LOGITS, x=SCORES),
    case("log(w * exp(-a) + (1 - w) * exp(-b))", a=(1, 1000, 2, 300, -500), b=(2, 999, 1000, -300, 500),
         w=(0.3, 0.5, 1e-30, 1e-20, 0.999)),
    case("log(1 / (1 + exp(-z)) * exp(a) + (1 - 1 / (1 + exp(-z))) * exp(b))",
         z=(0.5, -200, 300, -1000, 2), a=(1, 250, -100, 5, -400), b=(2, 3, 400, 0, -402)),
    case("log(sigmoid(z) * exp(-a) + sigmoid(-z) * exp(-b))",
         z=(0.5, -200, 300, -1000, 2), a=(1, -250, 100, 5, 400), b=(2, 3, -400, 0, 402)),
    case("log(w + (1 - w) * exp(-x))", x=(0.5, 1e-6, 1000, 30, 3), w=(0.3, 1e-10, 1e-30, 1e-12, 0.999)),
    case("log(sigmoid(z) + (1 - sigmoid(z)) * exp(-x))", x=(0.5, 1e-6, 1000, 30, 3), z=(0.5, -30, -200, -1000, 100)),
    case("log(0.3 * a ** k * exp(-a) + 0.7 * b ** k * exp(-b))",
         a=(2, 100, 1e-3, 500), b=(3, 120, 0.5, 30), given={"k": (4, 110, 20, 400)}),
    case("log(0.9 * exp(-x ** 2 / 2) + 0.1 * exp(-x ** 2 / 200) / 10)", x=(0.5, -3, 30, -500, 2000)),
    case("log(0.5 * exp(-abs(x - m)) + 0.5 * exp(-abs(x + m)))", x=X, m=M),
    case("log(exp(a) * p + exp(b) * q)", a=(1, 500, -1000, 20), b=(2, -500, -990, -20),
         given={"p": (0.3, 1e-30, 0.5, 0), "q": (0.7, 1, 1e-20, 1)}),
    case("log(mean(exp(-(x - m) ** 2 / 0.02), axis=-1))", x=AT, m=CENTERS),
    case("log(0.7 * exp(x) - 0.2 * exp(y))", x=(1, 500, -1000, 0), y=(0, 499, -1002, -800)),
]  # fmt: skip

RESPONSIBILITIES = [
    case(f"{NEAR} / ({NEAR} + {FAR})", x=X, m=M, given={"w": W}),
    case("w * exp(-(x - m) ** 2 / 2) / sum(w * exp(-(x - m) ** 2 / 2), axis=-1, keepdims=True)",
         x=AT, m=CENTERS, given={"w": WEIGHTS}),
    case("exp(-(x - m) ** 2) / (exp(-(x - m) ** 2) + exp(-(x + m) ** 2))", x=X, m=M),
    case("softmax(a, axis=-1) * exp(x) / sum(softmax(a, axis=-1) * exp(x), axis=-1, keepdims=True)",
         a=LOGITS, x=SCORES),
    case("sum(exp(x - y) * v, axis=-1) / sum(exp(x - y), axis=-1)",
         x=SCORES, y=LOGITS, given={"v": ((1, 2, 3), (3, 4, 5), (-1, 0, 2), (5, 5, 6), (1, 0, 0))}),
]  # fmt: skip

HELDOUT = [*LIKELIHOODS, *RESPONSIBILITIES]
