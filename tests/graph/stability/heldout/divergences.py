"""Divergences and entropies of distributions that are close, far apart or concentrated."""

from stability.case import case

P = ((0.2, 0.3, 0.5), (0.25, 0.25, 0.5), (1e-20, 1e-10, 1), (0.3, 0.3, 0.4), (1e-30, 0.5, 0.5))
Q = ((0.5, 0.25, 0.25), (0.2501, 0.2499, 0.5), (1e-25, 1e-12, 1), (0.30001, 0.29999, 0.4), (1e-35, 0.4, 0.6))
SPARSE = ((0.2, 0.3, 0.5), (0.25, 0, 0.75), (1, 0, 0), (0, 0.5, 0.5))
DENSE = ((0.5, 0.25, 0.25), (0.25, 0.5, 0.25), (0.999, 5e-4, 5e-4), (0.25, 0.25, 0.5))
HALF = (0.3, 0.25, 1e-20, 0.999, 0.5)
OTHER = (0.6, 0.2501, 1e-25, 0.99, 0.50001)
LOGITS = ((1, 2, 0.5), (100, 0, -3), (-300, -301, 0), (0.5, 0.25, 0))
LOGITS_2 = ((0, 1, 2), (90, 1, 2), (-310, -290, 0), (0.501, 0.25, 0))
A = (0.5, 1.0001, 1e-10, 1e20, 3)
B = (2, 1, 1.001e-10, 2e20, 3.01)
X, Y = (f"exp({name}) / sum(exp({name}), axis=-1, keepdims=True)" for name in "xy")

KULLBACK_LEIBLER = [
    case("sum(p * log(p / q), axis=-1)", p=P, q=Q),
    case("sum(p * (log(p) - log(q)), axis=-1)", "sum(xlogy(p, p) - xlogy(p, q), axis=-1)", p=SPARSE, q=DENSE),
    case("sum(p * log(p / q) - p + q, axis=-1)", p=P, q=Q),
    case("sum((p - q) * log(p / q), axis=-1)", p=P, q=Q),
    case("p * log(p / q) + (1 - p) * log((1 - p) / (1 - q))", p=HALF, q=OTHER),
    case(f"sum({X} * log(({X}) / ({Y})), axis=-1)", x=LOGITS, y=LOGITS_2),
    case("log(s / r) + (r ** 2 + (x - y) ** 2) / (2 * s ** 2) - 0.5",
         x=(0, 1, 3, 1e20), y=(1, 1.001, 3, 1e20), r=(1, 1, 1e-20, 1e25), s=(2, 1.001, 1e-20, 2e25)),
    case("0.5 * (exp(v) + x ** 2 - 1 - v)", x=(0.5, 1e-3, 1e-8, 0, 3), v=(0.3, 1e-3, -1e-4, 1e-2, -1000)),
    case("-0.5 * (1 + v - x ** 2 - exp(v))", x=(0.5, 1e-3, 1e-8, 0, 3), v=(0.3, 1e-3, -1e-4, 1e-2, -1000)),
    case("log(a / b) + b / a - 1", a=A, b=B),
    case("a / b - log(a / b) - 1", a=A, b=B),
    case("a * log(a / b) - a + b", a=A, b=B),
    case("exp(x - y) - 1 - (x - y)", x=(1, 3, -1000, 1e-3), y=(0.5, 2.9999, 3, 0)),
]  # fmt: skip

RENYI = [
    case("log(sum(p ** 2 / q, axis=-1))", p=P, q=Q),
    case("log(sum(p ** 5 * q ** -4, axis=-1)) / 4", p=P, q=Q),
    case("-2 * log(sum(sqrt(p * q), axis=-1))", p=P, q=Q),
    case("log(sum(p ** 0.999 * q ** 0.001, axis=-1)) / -0.001", p=P[:2], q=Q[:2]),
    case("log(sum(p ** a * q ** (1 - a), axis=-1, keepdims=True)) / (a - 1)",
         p=P, q=Q, given={"a": ((0.5,), (2,), (3,), (1.01,), (20,))}),
    case("-log(sum(p ** 2, axis=-1))", p=((0.2, 0.3, 0.5), (1, 1e-10, 1e-20), (1e-25, 1e-26, 1e-30))),
    case("log(sum(p ** 10, axis=-1)) / -9", p=((0.2, 0.3, 0.5), (1e-4, 1e-5, 2e-5), (1, 1e-10, 1e-20))),
    case(f"-log(sum(({X}) ** 2, axis=-1))", x=LOGITS),
    case(f"-log(sum(sqrt(({X}) * ({Y})), axis=-1))", x=LOGITS, y=LOGITS_2),
    case("(1 - sum(p ** a, axis=-1, keepdims=True)) / (a - 1)",
         p=((0.2, 0.3, 0.5), (0.5, 0.25, 0.25), (0.999, 5e-4, 5e-4), (0.25, 0.25, 0.5)),
         given={"a": ((2,), (1.0001,), (30,), (0.999,))}),
]  # fmt: skip

JENSEN_SHANNON = [
    case("0.5 * sum(p * log(2 * p / (p + q)), axis=-1) + 0.5 * sum(q * log(2 * q / (p + q)), axis=-1)", p=P, q=Q),
    case("0.5 * sum(p * log(p / ((p + q) / 2)) + q * log(q / ((p + q) / 2)), axis=-1)", p=P, q=Q),
    case(
        "0.5 * sum(p * log(p) + q * log(q), axis=-1) - sum((p + q) / 2 * log((p + q) / 2), axis=-1)",
        "0.5 * sum(xlogy(p, p) + xlogy(q, q) - 2 * xlogy((p + q) / 2, (p + q) / 2), axis=-1)",
        p=SPARSE,
        q=DENSE,
    ),
    case(
        "0.5 * sum(p * log(p / (0.5 * p + 0.5 * q)), axis=-1) + 0.5 * sum(q * log(q / (0.5 * p + 0.5 * q)), axis=-1)",
        "0.5 * sum(xlogy(p, p) + xlogy(q, q) - 2 * xlogy((p + q) / 2, (p + q) / 2), axis=-1)",
        p=SPARSE,
        q=DENSE,
    ),
    case("sqrt(0.5 * sum(p * log(2 * p / (p + q)) + q * log(2 * q / (p + q)), axis=-1))", p=P, q=Q),
]  # fmt: skip

OTHERS = [
    case("1 - sum(sqrt(p * q), axis=-1)",
         p=P[:4], q=((0.5, 0.25, 0.25), (0.2501, 0.2499, 0.5), (0.5, 0.5, 1e-30), (0.30001, 0.29999, 0.4))),
    case("sqrt(sum((sqrt(p) - sqrt(q)) ** 2, axis=-1)) / 1.4142135",
         p=(*P, (0.5, 0.25, 0.25)), q=(*Q, (0.5, 0.25, 0.25))),
    case("1 - sqrt(2 * x * y / (x ** 2 + y ** 2)) * exp(-(a - b) ** 2 / (4 * (x ** 2 + y ** 2)))",
         x=(1, 1, 1e25, 1e-25), y=(2, 1.001, 1.5e25, 1e-24), a=(0, 1, 1e20, 1e-25), b=(1, 1.001, 1, 3e-25)),
    case("sum((p - q) ** 2 / q, axis=-1)", p=P, q=Q),
    case("sum(p ** 2 / q, axis=-1) - 1", p=((0.25, 0.25, 0.5), (0.375, 0.125, 0.5)),
         q=((0.250244140625, 0.249755859375, 0.5), (0.25, 0.5, 0.25))),
    case("exp(-sum(p * log(p), axis=-1))", "exp(-sum(xlogy(p, p), axis=-1))", p=SPARSE),
    case("-sum(p * log(q) + (1 - p) * log(1 - q), axis=-1)",
         p=(*P[:2], (1e-20, 1e-10, 0.9)), q=((0.5, 0.25, 0.25), (1e-30, 1e-10, 0.5), (1e-20, 0.9999999, 0.25))),
    case("-(x * log(x) + (1 - x) * log(1 - x)) / 0.69314718", "-(xlogy(x, x) + xlogy(1 - x, 1 - x)) / 0.69314718",
         x=(0.3, 0, 1, 1e-10, 1e-30, 0.9999)),
    case("-0.5 * log(1 - r ** 2)", r=(0.5, -1e-6, 1e-15, 0.9999999, 0)),
]  # fmt: skip

HELDOUT = [*KULLBACK_LEIBLER, *RENYI, *JENSEN_SHANNON, *OTHERS]
