"""Distribution functions, their differences and tails."""

from stability.case import case

LOW = (-0.5, 3, -8, 5, -1, 1, 0)
HIGH = (0.5, 3.5, -7.5, 5.001, -0.999, 8, 1e-6)
FAR_LOW = (-0.5, 30, -80, 5, 0, 1000, -1000)
FAR_HIGH = (0.5, 31, -79, 5.001, 1e-6, 1001, 3)
TAIL = (-12, -5, -1, 0, 0.5, 3, 5, 10)
NEGATIVE_TAIL = (-10, -5, -1, 0, 0.5, 3, 12)

NORMAL = [
    case("(erf(b / 1.4142135) - erf(a / 1.4142135)) / 2", a=LOW, b=HIGH),
    case("0.5 * (1 + erf(b / 1.4142135)) - 0.5 * (1 + erf(a / 1.4142135))", a=LOW, b=HIGH),
    case("erfc(a) - erfc(b)", a=(*LOW[:2], -3, 5, -1, 1, 0), b=(*HIGH[:2], -2.5, 5.001, -0.999, 8, 1e-6)),
    case("erf(x + h) - erf(x)", x=(0, 1, 3, -4, 5), h=(1e-6, 1e-3, 0.5, 0.5, 0.1)),
    case("log(erf(b) - erf(a))", a=(-0.5, 3, -6, 5, -1), b=(0.5, 3.5, -5.5, 5.1, 6)),
    case("-log(0.5 * (erf((x + 0.5) / s) - erf((x - 0.5) / s)))", x=(0, 3, -5, 20), s=(1, 0.7, 1.5, 4)),
    case("0.5 * erfc(-b / 1.4142135) - 0.5 * erfc(-a / 1.4142135)", a=LOW, b=HIGH),
    case("exp(-x ** 2 / 2) * 0.39894228 / (1 - 0.5 * (1 + erf(x / 1.4142135)))", x=NEGATIVE_TAIL),
    case("exp(-x ** 2 / 2) * 0.79788456 / erfc(x / 1.4142135)", x=NEGATIVE_TAIL),
    case("erfc(x) / exp(-x ** 2)", x=(-3, 0, 0.5, 3, 8, 12, 100)),
    case("exp(x ** 2) * erfc(x)", x=(-3, 0, 0.5, 3, 8, 12, 100)),
    case("log(0.5 * erfc(-x / 1.4142135))", x=TAIL),
    case("-(t * log(0.5 * (1 + erf(x / 1.4142135))) + (1 - t) * log(1 - 0.5 * (1 + erf(x / 1.4142135))))",
         x=(-12, -3, 0.5, 12, 3), given={"t": (1, 0, 1, 0, 0.5)}),
    case("x * 0.5 * (1 + erf(x / 1.4142135)) + 0.39894228 * exp(-x ** 2 / 2)", x=(-2, -1, 0, 0.5, 3, 12)),
    case("exp(-x ** 2 / 2) / (exp(-x ** 2 / 2) + exp(-y ** 2 / 2))", x=(0.5, 20, 3, 100), y=(1, 19, -3, 0)),
    case("(exp(-a ** 2 / 2) - exp(-b ** 2 / 2)) / (erf(b / 1.4142135) - erf(a / 1.4142135)) * 0.79788456",
         a=(-0.5, 2, 5, -8), b=(0.5, 2.5, 6, -7)),
]  # fmt: skip

LOGISTIC = [
    case("1 / (1 + exp(-b)) - 1 / (1 + exp(-a))", a=FAR_LOW, b=FAR_HIGH),
    case("sigmoid(b) - sigmoid(a)", a=FAR_LOW, b=FAR_HIGH),
    case("exp(b) / (1 + exp(b)) - exp(a) / (1 + exp(a))", a=FAR_LOW, b=FAR_HIGH),
    case("log(sigmoid(b) - sigmoid(a))", a=FAR_LOW, b=FAR_HIGH),
    case("log(1 / (1 + exp(-b)) - 1 / (1 + exp(-a)))", a=FAR_LOW, b=FAR_HIGH),
    case(
        "-log(1 / (1 + exp(-(x + 0.0039) / s)) - 1 / (1 + exp(-(x - 0.0039) / s)))",
        x=(0.5, -1, 0, 2, 0.001),
        s=(0.1, 1e-3, 1, 0.01, 1e-4),
    ),
    case("1 / (1 + exp(a)) - 1 / (1 + exp(b))", a=FAR_LOW, b=FAR_HIGH),
    case("tanh(b) - tanh(a)", a=FAR_LOW, b=FAR_HIGH),
    case(
        "log(1 / (1 + exp(-(t - x))) - 1 / (1 + exp(-(s - x))))", x=(0, 50, -100, 3), t=(1, 2, 5, 3.01), s=(-1, 1, 0, 3)
    ),
]  # fmt: skip

EXPONENTIAL = [
    case("exp(-a) - exp(-b)", a=(0.5, 1e-8, 30, 5, 0), b=(1, 3e-8, 31, 5.0001, 1000)),
    case("(1 - exp(-b)) - (1 - exp(-a))", a=(0.5, 1e-8, 30, 5, 0), b=(1, 3e-8, 31, 5.0001, 1000)),
    case("log(exp(-a) - exp(-b))", a=(0.5, 1e-8, 300, 5, 0), b=(1, 3e-8, 301, 5.0001, 1000)),
    case("log((1 - exp(-b)) - (1 - exp(-a)))", a=(0.5, 1e-8, 300, 5, 0), b=(1, 3e-8, 301, 5.0001, 1000)),
    case("exp(-l * a) - exp(-l * b)", a=(0.5, 1e-8, 30, 5), b=(1, 3e-8, 31, 5.0001), l=(1, 3, 2, 1e-3)),
    case("1 - exp(-(x / s) ** 2)", x=(0.5, 1e-10, 1e15, 3), s=(1, 1e-3, 1e18, 1e-20)),
    case("1 - exp(-x / s)", x=(0.5, 1e-10, 1e15, 3), s=(1, 1e-3, 1e25, 1e-20)),
    case("1 - (1 - exp(-x))", x=(1e-10, 0.5, 20, 80)),
    case("-log(1 - (1 - exp(-x)))", x=(1e-10, 0.5, 20, 1000)),
    case("exp(-exp(-b)) - exp(-exp(-a))", a=(-0.5, 10, -3, 20), b=(0.5, 11, -2.5, 20.001)),
    case("1 - exp(-x) * (1 + x)", x=(0.5, 1e-3, 1e-8, 3, 1000)),
    case("1 - exp(-x) - x * exp(-x)", x=(0.5, 1e-3, 1e-8, 3, 1000)),
    case("1 - 0.5 * exp(-x)", x=(-0.6931, 0, 3, 1000)),
    case("-log(-log(x))", x=(0.5, 1e-30, 0.999, 0.37)),
    case("log(-log(1 - x))", x=(0.5, 1e-30, 0.999, 1e-8)),
]  # fmt: skip

OTHERS = [
    case("(arctan(b) - arctan(a)) / 3.1415927", a=(-0.5, 1e8, -1e10, 3), b=(0.5, 2e8, -1e9, 3.0001)),
    case("0.5 + arctan(x) / 3.141592653589793", x=(-3, -1000, -1e7, 0, 3)),
    case("0.5 - arctan(x) / 3.141592653589793", x=(3, 1000, 1e7, 0, -3)),
    case("1 - (m / x) ** a", m=(1, 1, 1e-20, 3), x=(2, 1.0001, 1e20, 3.00001), a=(2, 0.5, 3, 1e-3)),
    case("1 - (1 - x ** a) ** b", x=(0.5, 1e-10, 0.9, 1e-3), a=(2, 1.5, 0.5, 3), b=(3, 0.5, 2, 10)),
    case("x ** -a - y ** -a", x=(2, 1e10, 3), y=(3, 1.001e10, 3.0003), a=(2, 0.5, 1e-3)),
    case("1 / (1 + (x / s) ** -3)", x=(2, 1e-15, 1e15, 1e30), s=(3, 1e-10, 1e20, 1e-5)),
]  # fmt: skip

HELDOUT = [*NORMAL, *LOGISTIC, *EXPONENTIAL, *OTHERS]
