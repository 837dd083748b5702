"""Formulas for the branches of rules that are functions, by the rule that must fire."""

from __future__ import annotations

import math
from collections.abc import Callable

from rule_instances import Operands

import pellucid as pel
from pellucid.graph.expr import Expr
from pellucid.graph.ops.gamma import gammaln
from pellucid.graph.ops.softmax import softmax

Formula = Callable[[Operands], Expr]


def unknown_power(o: Operands) -> float:
    return float(o.rng.choice([0.3, 2.5, -0.5, -1.5]))


def over(n: Expr, *others: Expr) -> Expr:
    """Return a quotient of a term and a sum with it."""
    total = n
    for other in others:
        total = total + other
    return n / total


def mix(x: Expr, y: Expr) -> Expr:
    return (x + y) / 2


def double(build: Callable[[Expr, Expr], Expr]) -> Formula:
    """Return a formula of two positive operands."""
    return lambda o: build(o.draw_positive(), o.draw_positive())


def triple(build: Callable[[Expr, Expr, Expr], Expr]) -> Formula:
    return lambda o: build(o.draw_positive(), o.draw_positive(), o.draw_positive())


def similar(build: Callable[[Expr, Expr], Expr]) -> Formula:
    """Return a formula of a positive operand and one that is close or far from it."""

    def draw(o: Operands) -> Expr:
        x = o.draw_positive()
        return build(x + o.draw(-0.4, 3), x)

    return draw


def signed(build: Callable[[Expr, Expr], Expr]) -> Formula:
    return lambda o: build(o.draw(), o.draw())


def signed_triple(build: Callable[[Expr, Expr, Expr], Expr]) -> Formula:
    return lambda o: build(o.draw(), o.draw(), o.draw())


def likelihood(build: Callable[[Expr, Expr, Expr], Expr]) -> Formula:
    """Return a formula of two positive operands and a probability."""
    return lambda o: build(o.draw_positive(), o.draw_positive(), o.draw(0.1, 0.9))


def log_binomial(a: Expr, b: Expr) -> Expr:
    return gammaln(a + b + 1) - gammaln(a + 1) - gammaln(b + 1)


def fractions(build: Callable[[Expr, Expr], Expr]) -> Formula:
    """Return a formula of two operands between 0 and 1."""
    return lambda o: build(o.draw(0.1, 0.9), o.draw(0.1, 0.9))


FORMULAS: dict[str, list[Formula]] = {
    # canonicalization
    "multiply_numbers": [lambda o: 2 * (3 * o.make_input(o.rng.integers(-5, 5, 4)))],
    # algebraic_differences
    "difference_of_similar_powers": [
        similar(lambda x, y: x**3 - y**3),
        signed(lambda x, y: x**3 - y**3),
        lambda o: similar(lambda x, y: x ** (p := unknown_power(o)) - y**p)(o),
    ],
    "root_minus_similar": [
        signed(lambda x, h: pel.sqrt(x**2 + h**4) - x),
        signed(lambda x, h: pel.sqrt(x**2 + pel.exp(h)) - pel.abs(x)),
        signed(lambda x, h: pel.sqrt(pel.softplus(x) ** 2 + pel.exp(h)) - pel.softplus(x)),
    ],
    "similar_minus_root": [signed(lambda x, h: x - pel.sqrt(x**2 + pel.exp(h)))],
    "root_plus_similar": [signed(lambda x, h: pel.sqrt(x**2 + pel.exp(h)) + x)],
    "difference_with_equal_terms": [
        similar(lambda x, y: 1 / x - 1 / y),
        similar(lambda x, y: 3 / x - 3 / y),
        similar(lambda x, y: 1 / x**2 - 1 / y**2),
        similar(lambda x, y: 1 / (2 * x) - 1 / (2 * y)),
        similar(lambda x, y: x**-1 - y**-1),
        similar(lambda x, y: 3 * x**-2 - 3 * y**-2),
        similar(lambda x, y: x / (1 + x) - y / (1 + y)),
        double(lambda x, y: (x + y) ** 2 - 4 * (x * y)),
        triple(lambda x, y, z: x * (y + z) - x * y),
        triple(lambda x, y, z: 1 / (x * y) - 1 / (x * (y + z))),
        triple(lambda x, y, z: x / (y * -3) - (x + z) / (y * -3)),
        triple(lambda x, y, z: x / (x + y) - x / (x + y + z)),
        signed(lambda x, y: pel.abs(x) * (pel.abs(x) + y) - x**2),
        double(lambda x, y: pel.sqrt(x) * (pel.sqrt(x) + y) - x),
    ],
    "sum_with_opposite_terms": [
        signed(lambda x, y: (x**2 - 2 * (x * y)) + y**2),
        triple(lambda x, y, z: (x * y - x * z) + x * (z + 3)),
    ],
    "product_over_own_factor": [
        triple(lambda x, y, z: (x * 3 / y * z) / x),
        triple(lambda x, y, z: -(x / y) * z / (2 * x)),
        signed(lambda x, y: 3 * (pel.sigmoid(x) * y) / pel.sigmoid(x)),
    ],
    # angles
    "cauchy_distribution": [lambda o: 0.5 + (1 / math.pi) * pel.arctan(o.draw() / o.draw_positive())],
    "cauchy_survival": [lambda o: 0.5 - (1 / math.pi) * pel.arctan(o.draw() / o.draw_positive())],
    "cauchy_distribution_over_pi": [lambda o: 0.5 + pel.arctan(o.draw() / o.draw_positive()) / math.pi],
    "cauchy_survival_over_pi": [lambda o: 0.5 - pel.arctan(o.draw() / o.draw_positive()) / math.pi],
    "arctan_of_quotient": [signed(lambda x, y: pel.arctan(x / y))],
    "arcsin_of_leg": [signed(lambda x, y: pel.arcsin(y / pel.sqrt(x**2 + y**2)))],
    "arccos_of_leg": [signed(lambda x, y: pel.arccos(x / pel.sqrt(x**2 + y**2)))],
    # count_likelihoods
    "difference_of_count_terms": [
        double(lambda k, m: k * pel.log(m) - m - gammaln(k + 1)),
        double(lambda k, m: pel.xlogy(k, m) - m - gammaln(1 + k)),
        double(lambda k, m: 3 * (k * pel.log(m) - m - gammaln(1 + k))),
        triple(lambda k, m, n: k * pel.log(m * n) - m * n - gammaln(k + 1)),
        triple(lambda k, m, n: k * pel.log(m) + k * pel.log(n) - m * n - gammaln(k + 1)),
        triple(lambda k, m, n: k * pel.log(2 * m) - 2 * m - gammaln(k + 1) + n),
        double(lambda k, m: (k - 1) * pel.log(m) - m - gammaln(k)),
        lambda o: (k := o.draw_positive()) * pel.log(k) - k - gammaln(k + 1),
        lambda o: (k := o.draw_positive()) * pel.log(k) - k - gammaln(k + 1) + 2 * pel.log(k),
        lambda o: ((k := o.draw_positive()) + 0.5) * pel.log(k) - k - gammaln(k + 1),
        lambda o: ((k := o.draw_positive()) - 0.5) * pel.log(k) - k - gammaln(k),
        lambda o: gammaln((x := o.draw_positive()) + 0.5) - gammaln(x) - 0.5 * pel.log(x),
        lambda o: gammaln(((x := o.draw_positive()) + 1) / 2) - gammaln(x / 2) - 0.5 * pel.log(math.pi * x),
        lambda o: pel.log(x := o.draw_positive()) - 2 * (gammaln(x + 0.5) - gammaln(x)),
        likelihood(
            lambda a, b, p: (a - 1) * pel.log(p) + (b - 1) * pel.log(1 - p) + (gammaln(a + b) - gammaln(a) - gammaln(b))
        ),
    ],
    "sum_of_count_terms": [
        triple(lambda k, m, n: (gammaln(1 + m) - m * pel.log(k)) + k),
        double(lambda x, y: gammaln(3 / x + 0.5) - gammaln(3 / x) + 0.5 * pel.log(x)),
        double(lambda x, y: gammaln(x + 0.5) - gammaln(x) + 0.5 * pel.log(3 / x)),
        likelihood(lambda a, b, p: log_binomial(a, b) + (a * pel.log(p) + b * pel.log(1 - p))),
        likelihood(lambda a, b, p: log_binomial(a, b) + (a * pel.log(p) + b * pel.log1p(-p))),
        likelihood(lambda a, b, p: log_binomial(a, b) + ((a + 1) * pel.log(p) + (b - 1) * pel.log(1 - p))),
    ],
    # differences
    "difference_of_multiples": [
        signed_triple(lambda a, x, y: a * pel.exp(x) - a * pel.exp(y)),
        signed_triple(lambda a, x, y: a * pel.erf(x) - a * pel.erf(y)),
        signed_triple(lambda a, x, y: a * pel.tanh(x) - a * pel.tanh(y)),
    ],
    "exp_over_erfc": [
        signed(lambda n, z: n * pel.exp(-(z**2) / 2) / pel.erfc(z * 0.7071068)),
        triple(lambda n, z, s: n * pel.exp(-((z / s) ** 2)) / pel.erfc(z / s)),
        triple(lambda n, z, s: pel.exp(-(z**2) / s**2) * 3 / (n * pel.erfc(z / s))),
    ],
    "exp_times_erfc": [triple(lambda n, z, s: pel.exp((2 * z / s) ** 2) * pel.erfc(2 * z / s) * n)],
    "log_of_erf_difference": [
        lambda o: pel.log(pel.erf((y := o.draw(-3, -2)) + o.draw(0.1, 1)) - pel.erf(y)),
        lambda o: pel.log(pel.erf((y := o.draw(-1, 0.4)) + o.draw(0.1, 1)) - pel.erf(y)),
        lambda o: pel.log(pel.erf((y := o.draw(0.6, 2)) + o.draw(0.1, 1)) - pel.erf(y)),
    ],
    # divergences
    "sum_of_cancelling_terms": [
        double(lambda x, y: x * pel.log(x / y) + (y - x)),
        double(lambda x, y: pel.exp(x) + (y - x - 1)),
        double(lambda x, y: x * pel.log(y / x) + (x - y)),
        triple(lambda x, y, z: 3 * (x * pel.log(x / y)) + (3 * y - 3 * x + z)),
        signed(lambda x, y: pel.expm1(x) + (y - x)),
        signed_triple(lambda x, y, z: (y - pel.expm1(x)) + (x + z)),
        double(lambda p, q: p * pel.log(p / mix(p, q)) + q * pel.log(q / mix(p, q))),
        double(lambda p, q: (p * pel.log(p / mix(p, q))).sum() + (q * pel.log(q / mix(p, q))).sum()),
        double(lambda p, q: (p * pel.log(p / mix(p, q))).mean(axis=1) + (q * pel.log(q / mix(p, q))).mean(axis=1)),
        double(lambda p, q: p * pel.log(2 * p / (p + q)) + q * pel.log(2 * q / (p + q))),
    ],
    "difference_of_cancelling_terms": [
        double(lambda x, y: x * (pel.log(y) - pel.log(x)) + x - y),
        signed_triple(lambda x, y, z: z - (pel.expm1(x) - x)),
        double(lambda x, y: x / y - pel.log(x / y) - 1),
        double(lambda x, y: x / y + pel.log(y / x) - 1),
        double(lambda x, y: x / y - pel.log(x) + pel.log(y) - 1),
        double(lambda x, y: x - pel.log(x) + y - 1),
        signed(lambda x, y: pel.exp(x) - x + y - 1),
        signed(lambda x, y: (pel.exp(x) + (pel.exp(-x) + y)) - 2),
        signed(lambda x, y: (pel.cosh(x) + y) - 1),
        signed(lambda x, y: y - 2 * (pel.expm1(x) - x)),
        signed(lambda x, y: ((x**2).sum() + (y**2).sum()) - 2 * (x * y).sum()),
    ],
    # exponential_sums
    "over_exponential_sum": [
        signed(lambda x, y: y / (pel.exp(x) + pel.exp(y) + 3)),
        signed(lambda x, y: 3 / (pel.exp(x) - 2 * pel.sinh(y) + 8)),
        signed(lambda x, y: y / (pel.exp(x) * (pel.exp(2 * x) - pel.exp(y)) + 1000)),
        signed(lambda x, y: y / (pel.expm1(x) + 2 + pel.exp(y))),
        signed(lambda x, y: (2 + x) / (pel.exp(y) * (x * pel.expm1(x) + 3))),
        signed(lambda x, y: pel.exp(y) / (pel.cosh(x) ** 2 + pel.exp(-y))),
        signed(lambda x, y: y[:, 0] / (pel.exp(x)[:, 1] + pel.exp(y)[:, 2])),
        signed(lambda x, y: x / pel.sqrt(pel.exp(x) + pel.exp(y))),
        signed(lambda x, y: x / (pel.exp(x) + pel.exp(y)) ** 1.5),
        signed(lambda x, y: x / (x**2 * pel.exp(x)).mean(axis=1, keepdims=True)),
        signed(lambda x, y: x / (pel.sigmoid(y) * pel.exp(x) + pel.exp(y))),
        signed(lambda x, y: x / (pel.exp(x) + pel.exp(y)).sum(axis=0)),
        signed(lambda x, y: x[:, None] / (pel.exp(x)[:, None] + pel.exp(y)[:, None]).sum(axis=2, keepdims=True)),
        signed(lambda x, y: y / (pel.exp(-1 / x**2) + 3 + pel.exp(y))),
        lambda o: o.draw(shape=(3,)) / ((pel.exp(o.draw()) * o.draw(1, 2, (4,)))[:, 1] + pel.exp(o.draw(shape=(3,)))),
    ],
    "log_of_exponential_sum": [
        signed(lambda x, y: pel.log(3 * pel.exp(x) + y**2 * pel.exp(-x))),
        signed(lambda x, y: pel.log(pel.cosh(x) + pel.exp(y))),
        signed(lambda x, y: pel.log((y**2 * pel.exp(x)).mean(axis=1) + 0.25)),
    ],
    "log1p_of_exponential": [
        signed(lambda x, y: pel.log1p(y**2 * pel.exp(x))),
        signed(lambda x, y: pel.log1p(pel.exp(x) + pel.exp(y))),
        signed(lambda x, y: pel.log1p(pel.cosh(x) * y**2)),
    ],
    "exp_times_exponential_sum": [signed_triple(lambda x, y, z: pel.exp(x) * (pel.exp(y) - 3 * pel.exp(z)))],
    # fractions
    "over_own_exponential_sum": [
        signed(lambda x, y: (2 * pel.exp(x) - 3 * pel.exp(y)) / (pel.exp(x) + pel.exp(y))),
        signed(lambda x, y: (pel.exp(x) - pel.exp(y)) / (pel.exp(x) + pel.exp(y))),
        signed_triple(lambda x, y, z: z * pel.exp(x) / (3 * pel.exp(x) + pel.exp(y))),
        signed_triple(lambda x, y, z: over(pel.exp(x), pel.exp(y), pel.exp(z))),
        signed_triple(lambda x, y, z: over(pel.exp(x), pel.exp(y), z**2)),
        signed(lambda x, y: pel.exp(x) / (2 * pel.cosh(x) + pel.exp(y))),
        signed_triple(lambda x, y, z: (x * pel.exp(y) + z * pel.exp(x)) / (pel.exp(x) + pel.exp(y))),
    ],
    "multiple_over_own_sum": [triple(lambda x, y, z: 3 * (x * z) / (x + y)), triple(lambda x, y, z: x * z / (y + x))],
    "reciprocal_of_one_plus_power": [
        double(lambda x, n: 1 / (1 + x**n)),
        lambda o: 1 / (1 + o.draw(-2, 2) ** o.make_input(o.rng.integers(1, 4, (3, 4)).astype(float))),
    ],
    "fraction_of_powers": [
        lambda o: over(o.draw(-2, 2) ** (n := o.make_input(o.rng.integers(1, 4, (3, 4)) * 2.0)), o.draw(-2, 2) ** n),
    ],
    # gamma_differences
    "sum_of_gammaln": [
        double(lambda x, y: gammaln(x) + (y - gammaln(x + 0.5))),
        triple(lambda x, y, z: (z - gammaln(x + 1)) + (gammaln(x + y + 1) - gammaln(y + 1))),
        triple(lambda x, y, z: gammaln(x + 0.5) - 2 * (gammaln(x) + y) + (gammaln(x) - z)),
    ],
    "difference_of_gammaln": [
        double(lambda n, k: gammaln(n + k + 1) - gammaln(n + 1) - gammaln(k + 1)),
        double(lambda n, k: gammaln(n + k) - gammaln(n) - gammaln(k)),
        double(lambda n, k: gammaln(n + k) - gammaln(n) - gammaln(k + 1)),
        double(lambda n, k: gammaln(n + k) - gammaln(k + 1) - gammaln(n)),
        triple(lambda a, b, k: log_binomial(a, b) + k - log_binomial(a + k, b)),
        triple(lambda a, b, k: log_binomial(a, b) - gammaln(a + b + k)),
        double(lambda n, k: gammaln(n + k + 2) - gammaln(n + 2) - gammaln(k + 1)),
        double(lambda n, k: 2 * (gammaln(n + k) - gammaln(n) - gammaln(k)) + n),
        triple(lambda a, b, k: gammaln(a + k) - gammaln(a) - (gammaln(a + b + k) - gammaln(a + b))),
        triple(
            lambda a, b, k: (
                (gammaln(a) + gammaln(b) - gammaln(a + b)) - (gammaln(a + k) + gammaln(b) - gammaln(a + b + k))
            )
        ),
        double(lambda x, y: gammaln(3 * x - y / 2 + 4) - gammaln(3 * x - y / 2 + 1.5)),
        double(lambda x, y: gammaln(2 * x + 1) - 2 * gammaln(x + 1)),
        double(lambda x, y: gammaln(3.5 * x) - gammaln(x + 2.5 * x)),
    ],
    # homogeneous_scaling
    "homogeneous_quotient": [
        signed(lambda x, y: (x * y).sum(axis=1) / pel.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))),
        double(lambda x, y: (x**3 + y**3) / (x**2 + y**2)),
        double(lambda x, y: (1 / x**2 + 1 / y**2) / (1 / x + 1 / y)),
        signed(lambda x, y: x.var(axis=1) / (x**2).mean(axis=1)),
        signed(lambda x, y: x.sum(axis=1) ** 2 / (x**2).sum(axis=1)),
    ],
    "homogeneous_root": [
        signed(lambda x, y: pel.sqrt(3 * x**2 + 2 * y**2)),
        double(lambda x, y: pel.sqrt((3 * x**4 + y**4) * x)),
    ],
    "homogeneous_power": [
        signed(lambda x, y: (x**4 + y**4) ** 0.25),
        signed(lambda x, y: (pel.abs(x) ** 3).sum(axis=1, keepdims=True) ** (1 / 3)),
        double(lambda x, y: (1 / x**2 + 1 / y**2) ** -0.5),
        signed(lambda x, y: (pel.abs(x) ** 3).mean(axis=1) ** (1 / 3)),
    ],
    "log_of_homogeneous": [
        signed(lambda x, y: pel.log(3 * x**2 + y**2)),
        double(lambda x, y: pel.log(x**3 + 2 * y**3)),
        signed(lambda x, y: pel.log((x**4).sum(axis=1))),
        signed(lambda x, y: pel.log(x.var(axis=1))),
        lambda o: pel.log(pel.squeeze(o.draw(0.5, 2, (3, 1)), 1) ** 3 + (o.draw_positive() ** 3).sum(axis=1)),
    ],
    "log_of_any_prod": [
        signed(lambda x, y: pel.log(x.prod(axis=1))),
        signed(lambda x, y: pel.log((1 + x).prod(axis=1))),
        double(lambda x, y: pel.log((x * y).prod())),
    ],
    "root_of_prod": [
        double(lambda x, y: x.prod(axis=1) ** 0.25),
        signed(lambda x, y: pel.abs(x).prod() ** (1 / 12)),
        signed(lambda x, y: (x**2).prod(axis=0) ** -0.5),
    ],
    # logarithms
    "log_of_quotient": [
        lambda o: pel.log(3 / o.draw_positive()),
        signed(lambda x, y: pel.log(x**2 / pel.exp(y))),
        signed(lambda x, y: pel.log(pel.exp(y) / pel.abs(x))),
    ],
    "log_of_probability_power": [signed(lambda x, y: pel.log(softmax(x).T ** y.T))],
    "log_of_slice": [signed(lambda x, y: pel.log(pel.sigmoid(x).T[1])), signed(lambda x, y: pel.log(softmax(x).T[1:]))],
    "log_of_product": [signed(lambda x, y: pel.log(pel.exp(x) * y)), signed(lambda x, y: pel.log(5 * pel.cosh(x)))],
    "log_of_power": [
        signed(lambda x, y: pel.log(x**4)),
        signed(lambda x, y: pel.log(x**-2)),
        signed(lambda x, y: pel.log(x**3)),
        double(lambda x, y: pel.log(x**1.5)),
    ],
    "log_of_square": [signed(lambda x, y: pel.log(x**2)), double(lambda x, y: pel.log(pel.softplus(x) ** 2))],
    "log_of_product_of_powers": [
        triple(lambda x, y, z: pel.log(x**y * z)),
        triple(lambda x, y, z: pel.log(3 * (1 + x) ** y * z**x)),
    ],
    "times_log_of_own_multiple": [
        double(lambda x, y: x * pel.log(3 * (x / y))),
        double(lambda x, y: x * pel.log(3 * (x / (x + y)))),
    ],
    # logistic
    "over_square_of_one_plus_exp": [
        signed(lambda x, y: pel.exp(x) / (1 + pel.exp(x)) ** 2),
        signed(lambda x, y: 3 * y * pel.exp(x) / (1 + pel.exp(x)) ** 2),
        signed(lambda x, y: y * pel.exp(2 * x) / (1 + pel.exp(x)) ** 2),
        signed(lambda x, y: (y + 3) / (1 + pel.exp(x)) ** 2),
    ],
    # norms
    "root_of_even_power": [signed(lambda x, y: pel.sqrt(x**4)), signed(lambda x, y: pel.sqrt(x**6))],
    "root_of_more_squares": [
        signed_triple(lambda x, y, z: pel.sqrt(x**2 + y**2 + z**2)),
        signed_triple(lambda x, y, z: pel.sqrt(x**2 + (y**2 + 3) + z**2)),
        signed(lambda x, y: pel.sqrt((x**2).sum(axis=1) + (y**2).sum(axis=1))),
        signed(lambda x, y: pel.sqrt((x**2).sum(axis=1, keepdims=True) + y**2)),
    ],
    "power_of_squares": [signed(lambda x, y: (x**2 + y**2) ** 1.5), signed(lambda x, y: (x**2 + y**2) ** -0.5)],
    "over_squares": [
        signed_triple(lambda x, y, z: z**2 / (x**2 + y**2)),
        signed_triple(lambda x, y, z: 3 * z / (x**2 + y**2)),
        signed(lambda x, y: -5 / (x**2 + y**2)),
    ],
    # powers_near_one
    "compound_of_quotient": [
        double(lambda x, n: (1 + x / n) ** n),
        double(lambda x, n: (1 - x / (3 * n)) ** (3 * n)),
        triple(lambda x, n, z: (1 + x * z) ** (n / x)),
        triple(lambda x, n, z: (1 + x / z) ** (n / x)),
        triple(lambda x, n, z: (1 - x * z / 9) ** (n / x)),
        double(lambda x, n: (1 + x) ** (n / x)),
    ],
    "compound_over_compound_minus_one": [
        triple(lambda x, n, z: z * (1 + x) ** n / ((1 + x) ** n - 1)),
        triple(lambda x, n, z: (1 + x) ** n / ((1 + x) ** n - 1)),
        triple(lambda x, n, z: -(z * (1 + x) ** n) / ((1 + x) ** n - 1)),
        triple(lambda x, n, z: ((1 + x) ** n / z) / ((1 + x) ** n - 1)),
    ],
    "power_of_one_minus_power_minus_one": [
        triple(lambda x, y, n: (1 - (x / 3) ** y) ** n - 1),
        lambda o: (1 - o.draw(0.1, 0.9) ** o.draw(0.5, 4)) ** o.draw_positive() - 1,
    ],
    "box_cox": [double(lambda x, y: (x**y - 1) / y)],
    "box_cox_of_one_plus": [
        double(lambda x, y: ((1 + x) ** y - 1) / y),
        lambda o: ((1 + o.draw(-4, 2)) ** (n := o.make_input(o.rng.integers(1, 4, (3, 4)).astype(float))) - 1) / n,
    ],
    "function_over_factor_of_argument": [
        double(lambda x, n: ((1 + x) ** n - 1) / x),
        lambda o: ((1 + (x := o.draw(-4, 2))) ** o.make_input(o.rng.integers(1, 4, (3, 4)).astype(float)) - 1) / x,
        triple(lambda x, y, z: x * y / pel.log1p(x * z)),
        triple(lambda x, y, z: pel.log1p(3 * x * z) / (2 * y * x)),
        triple(lambda x, y, z: (pel.expm1(x / z) * y) / x),
        triple(lambda x, y, z: (1 - pel.exp(-x * z)) / x),
    ],
    "one_minus_prod": [
        lambda o: 1 - (1 - o.draw(0.1, 0.4)).prod(axis=1),
        lambda o: 1 - (1 - o.draw(-2, 2)).prod(axis=1),
    ],
    "prod_minus_one": [
        lambda o: (1 + o.draw(-0.4, 0.4)).prod(axis=1) - 1,
        lambda o: (1 + o.draw(-2, 2)).prod(axis=1, keepdims=True) - 1,
    ],
    # remainders
    "one_minus_truncated_exponential": [lambda o: 1 - pel.exp(-(x := o.draw(-2, 3))) * (1 + x)],
    "terms_of_exponential_minus_one": [lambda o: pel.expm1(-(x := o.draw(-2, 3))) + x * pel.exp(-x)],
    "times_reciprocal_expm1": [signed(lambda x, y: x / pel.expm1(x))],
    # scaled exponentials, in the sums of other rules
    "normalized_positive_product": [
        signed(lambda x, y: (e := pel.exp(x) * pel.sigmoid(y)) / e.sum(axis=1, keepdims=True)),
        signed(lambda x, y: (e := pel.exp(x) * softmax(y)) / e.sum(axis=0, keepdims=True)),
    ],
    # stability
    "log_of_weighted_sum_of_exp": [
        signed(lambda w, x: pel.log((w**2 * pel.exp(x)).sum(axis=1))),
        lambda o: pel.log((o.draw(0.5, 2, (4,)) * pel.exp(o.draw())).sum(axis=1)),
        signed(lambda w, x: pel.log((pel.sigmoid(w) * pel.exp(x)).sum(axis=1))),
    ],
    "crossentropy_of_indexed_log_softmax": [
        lambda o: pel.log(softmax(x := o.draw())[pel.arange_like(x, axis=0), o.make_input(o.rng.integers(0, 4, 3))])
    ],
    "log_of_number_and_exp": [lambda o: pel.log(3 + pel.exp(o.draw())), lambda o: pel.log(0.25 + pel.exp(o.draw()))],
}
"""Formulas of each family of rules whose replacement is a function, for its branches."""
