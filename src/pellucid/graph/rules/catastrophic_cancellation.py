r"""Differences of nearly equal numbers, rewritten without cancellation."""

from __future__ import annotations

import math

import numpy as np

from pellucid.graph.expr import Expr, is_compatible_shape
from pellucid.graph.ops.elementwise import absolute, fraction_of_sum, multiply, sqrt, square
from pellucid.graph.ops.exponentials import log, log1prel
from pellucid.graph.ops.reductions import mean, sum
from pellucid.graph.ops.special import erf, erfc
from pellucid.graph.ops.statistics import var
from pellucid.graph.ops.trigonometry import cos, hypot, sin, sinc, tan
from pellucid.graph.ops.where import where
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import RulePair, rule
from pellucid.graph.rules.example_operands import (
    draw_above_one,
    draw_fraction,
    draw_normal,
    draw_one,
    draw_positive,
    draw_two,
)
from pellucid.graph.rules.predicates import as_number, is_positive, limit_at_infinity


def _draw_three_and_positive(rng: np.random.Generator) -> tuple[object, ...]:
    return 3.0, draw_positive(rng)


# Differences of square roots: multiply and divide by their sum.


@rule("stabilize", examples=_draw_three_and_positive)
def difference_of_roots(a: Number, x: Expr) -> RulePair:
    def divide_by_sum(a: Expr, x: Expr) -> Expr | None:
        return as_number(a) / (sqrt(as_number(a) + x) + sqrt(x)) if is_positive(a) else None

    return sqrt(a + x) - sqrt(x), divide_by_sum


@rule("stabilize", examples=_draw_three_and_positive)
def negative_difference_of_roots(a: Number, x: Expr) -> RulePair:
    def divide_by_sum(a: Expr, x: Expr) -> Expr | None:
        return -as_number(a) / (sqrt(x) + sqrt(as_number(a) + x)) if is_positive(a) else None

    return sqrt(x) - sqrt(a + x), divide_by_sum


@rule("stabilize", examples=lambda rng: (3.0, 1.0, rng.uniform(2, 3, (3, 4))))
def difference_of_roots_around(a: Number, b: Number, x: Expr) -> RulePair:
    def divide_by_sum(a: Expr, b: Expr, x: Expr) -> Expr | None:
        if not (is_positive(a) and is_positive(b)):
            return None
        return (as_number(a) + as_number(b)) / (sqrt(as_number(a) + x) + sqrt(x - as_number(b)))

    return sqrt(a + x) - sqrt(x - b), divide_by_sum


@rule("stabilize", examples=draw_fraction)
def root_minus_one(x: Expr) -> RulePair:
    return sqrt(1 + x) - 1, lambda x: limit_at_infinity(x, x, x / (1 + sqrt(1 + x)))


@rule("stabilize", examples=draw_fraction)
def one_minus_root(x: Expr) -> RulePair:
    return 1 - sqrt(1 - x), lambda x: limit_at_infinity(x, x, x / (1 + sqrt(1 - x)))


@rule("stabilize", examples=draw_fraction)
def one_minus_root_above(x: Expr) -> RulePair:
    return 1 - sqrt(1 + x), lambda x: limit_at_infinity(x, -x, -(x / (1 + sqrt(1 + x))))


@rule("stabilize", examples=draw_fraction)
def reciprocal_root_minus_one(x: Expr) -> RulePair:
    return 1 / sqrt(1 + x) - 1, lambda x: limit_at_infinity(x, -1, -(x / ((1 + x) + sqrt(1 + x))))


@rule("stabilize", examples=draw_one)
def hypot_minus_one(x: Expr) -> RulePair:
    return hypot(x, 1) - 1, lambda x: limit_at_infinity(x, absolute(x), x * (x / (1 + hypot(x, 1))))


@rule("stabilize", examples=draw_one)
def hypot_minus_x(x: Expr) -> RulePair:
    """The difference cancels for x > 0, where it equals the reciprocal of the sum."""
    total = hypot(x, 1) + absolute(x)
    return hypot(x, 1) - x, where(x > 0, 1 / total, total)


@rule("stabilize", examples=draw_above_one)
def x_minus_root(x: Expr) -> RulePair:
    """The difference cancels for x > 0, where it equals the reciprocal of the sum."""
    root = sqrt(square(x) - 1)
    total = absolute(x) + root
    return x - root, where(x > 0, 1 / total, -total)


# Differences of fractions: use a common denominator.


@rule("stabilize", examples=draw_fraction)
def reciprocal_minus_one(x: Expr) -> RulePair:
    return 1 / (1 + x) - 1, lambda x: limit_at_infinity(x, -1, -(x / (1 + x)))


@rule("stabilize", examples=draw_fraction)
def one_minus_reciprocal(x: Expr) -> RulePair:
    return 1 - 1 / (1 + x), lambda x: limit_at_infinity(x, 1, x / (1 + x))


@rule("stabilize", examples=draw_fraction)
def reciprocal_of_one_minus_minus_one(x: Expr) -> RulePair:
    return 1 / (1 - x) - 1, lambda x: limit_at_infinity(x, -1, x / (1 - x))


@rule("stabilize", examples=draw_fraction)
def one_minus_reciprocal_of_one_minus(x: Expr) -> RulePair:
    return 1 - 1 / (1 - x), lambda x: limit_at_infinity(x, 1, -(x / (1 - x)))


@rule("stabilize", examples=draw_fraction)
def reciprocals_around_one(x: Expr) -> RulePair:
    return 1 / (1 + x) - 1 / (1 - x), lambda x: limit_at_infinity(x, 0, -2 * x / (1 + x) / (1 - x))


@rule("stabilize", examples=_draw_three_and_positive)
def difference_of_reciprocals(a: Number, x: Expr) -> RulePair:
    return 1 / x - 1 / (a + x), lambda a, x: as_number(a) / x / (as_number(a) + x)


@rule("stabilize", examples=lambda rng: (1.0, 3.0, rng.uniform(2, 3, (3, 4))))
def difference_of_reciprocals_around(a: Number, b: Number, x: Expr) -> RulePair:
    def divide_twice(a: Expr, b: Expr, x: Expr) -> Expr:
        return (as_number(a) + as_number(b)) / (x - as_number(a)) / (as_number(b) + x)

    return 1 / (x - a) - 1 / (b + x), divide_twice


@rule("stabilize", examples=_draw_three_and_positive)
def fraction_minus_one(a: Number, x: Expr) -> RulePair:
    return fraction_of_sum(x, a) - 1, lambda a, x: -as_number(a) / (as_number(a) + x)


@rule("stabilize", examples=_draw_three_and_positive)
def one_minus_fraction(a: Number, x: Expr) -> RulePair:
    return 1 - fraction_of_sum(x, a), lambda a, x: as_number(a) / (as_number(a) + x)


@rule("stabilize", examples=lambda rng: (*draw_fraction(rng), *draw_fraction(rng)))
def ratio_of_growth_minus_one(x: Expr, y: Expr) -> RulePair:
    return (1 + x) / (1 + y) - 1, lambda x, y: limit_at_infinity(y, -1, (x - y) / (1 + y))


def get_logarithmic_mean(x: Expr, y: Expr) -> Expr | None:
    r"""Return :math:`(x - y) / (\log x - \log y)`, which is :math:`y t / \log(1 + t)` with :math:`t = (x - y) / y`."""
    if x.op is where.op:  # this rule has been applied
        return None
    near = absolute(x - y) < absolute(y) / 2
    t = where(near, x - y, 0) / where(near, y, 1)
    a, b = where(near, 2, x), where(near, 1, y)
    return where(near, y / log1prel(t), (a - b) / (log(a) - log(b)))


@rule("stabilize", examples=lambda rng: (draw_positive(rng), draw_positive(rng)))
def difference_over_log_of_ratio(x: Expr, y: Expr) -> RulePair:
    return (x - y) / log(x / y), get_logarithmic_mean


@rule("stabilize", examples=lambda rng: (draw_positive(rng), draw_positive(rng)))
def difference_over_difference_of_logs(x: Expr, y: Expr) -> RulePair:
    return (x - y) / (log(x) - log(y)), get_logarithmic_mean


# Differences of squares.


@rule("stabilize", examples=draw_two)
def difference_of_squares(x: Expr, y: Expr) -> RulePair:
    return square(x) - square(y), (x - y) * (x + y)


@rule("stabilize", examples=lambda rng: (rng.uniform(2, 3, (3, 4)), rng.uniform(1, 2, (3, 4))))
def root_of_difference_of_squares(x: Expr, y: Expr) -> RulePair:
    apart = sqrt(absolute(x) - absolute(y)) * sqrt(absolute(x) + absolute(y))
    return sqrt(multiply(x - y, x + y)), apart


@rule("stabilize", examples=draw_one)
def square_above_one(x: Expr) -> RulePair:
    return square(1 + x) - 1, x * (2 + x)


# Trigonometric functions.


@rule("stabilize", examples=draw_one)
def one_minus_cos(x: Expr) -> RulePair:
    return 1 - cos(x), 2 * square(sin(x / 2))


@rule("stabilize", examples=draw_one)
def cos_minus_one(x: Expr) -> RulePair:
    return cos(x) - 1, -2 * square(sin(x / 2))


@rule("stabilize", examples=draw_one)
def one_minus_square_of_cos(x: Expr) -> RulePair:
    return 1 - square(cos(x)), square(sin(x))


@rule("stabilize", examples=draw_one)
def one_minus_square_of_sin(x: Expr) -> RulePair:
    return 1 - square(sin(x)), square(cos(x))


@rule("stabilize", when="1 where x = 0", examples=draw_one)
def sin_over(x: Expr) -> RulePair:
    return sin(x) / x, sinc(x / math.pi)


@rule("stabilize", when="1 / 2 where x = 0", examples=draw_one)
def one_minus_cos_over_square(x: Expr) -> RulePair:
    return (2 * square(sin(x / 2))) / square(x), square(sinc(x / (2 * math.pi))) / 2


@rule("stabilize", when="0 where x = 0", examples=draw_one)
def one_minus_cos_over_sin(x: Expr) -> RulePair:
    return (2 * square(sin(x / 2))) / sin(x), tan(x / 2)


# Error function.


@rule("stabilize", examples=draw_one)
def one_minus_erf(x: Expr) -> RulePair:
    return 1 - erf(x), erfc(x)


@rule("stabilize", examples=draw_one)
def one_plus_erf(x: Expr) -> RulePair:
    return 1 + erf(x), erfc(-x)


# Variances and covariances: subtract the mean first.


@rule("stabilize", examples=lambda rng: (draw_normal(rng), (1,), True))
def mean_square_minus_square_mean(x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    squares, middle = mean(square(x), axis=axis, keepdims=keepdims), mean(x, axis=axis, keepdims=keepdims)
    return squares - square(middle), lambda x, axis, keepdims: var(x, axis, 0, keepdims)


@rule("stabilize", examples=lambda rng: (draw_normal(rng), draw_normal(rng), (1,), True))
def mean_product_minus_product_of_means(x: Expr, y: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    def center_factors(x: Expr, y: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr | None:
        if not is_compatible_shape(x.shape, y.shape):
            return None
        return mean((x - mean(x, axis, True)) * (y - mean(y, axis, True)), axis, keepdims)

    means = mean(x, axis=axis, keepdims=keepdims) * mean(y, axis=axis, keepdims=keepdims)
    return mean(x * y, axis=axis, keepdims=keepdims) - means, center_factors


def is_size(n: Expr, x: Expr, axis: tuple[int, ...]) -> bool:
    """Whether a number is the number of elements along axes of known size."""
    sizes = [x.shape[i] for i in axis]
    return all(isinstance(size, int) for size in sizes) and math.prod(sizes) == as_number(n)


@rule("stabilize", examples=lambda rng: (draw_normal(rng), draw_normal(rng), 4.0, (1,), True))
def sum_product_minus_product_of_sums(x: Expr, y: Expr, n: Number, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    def center_factors(x: Expr, y: Expr, n: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr | None:
        if not is_compatible_shape(x.shape, y.shape) or not is_size(n, x, axis):
            return None
        return sum((x - mean(x, axis, True)) * (y - mean(y, axis, True)), axis, keepdims)

    sums = sum(x, axis=axis, keepdims=keepdims) * sum(y, axis=axis, keepdims=keepdims)
    return sum(x * y, axis=axis, keepdims=keepdims) - sums / n, center_factors


def sum_squared_deviations(x: Expr, n: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr | None:
    return sum(square(x - mean(x, axis, True)), axis, keepdims) if is_size(n, x, axis) else None


@rule("stabilize", examples=lambda rng: (draw_normal(rng), 4.0, (1,), True))
def sum_square_minus_square_of_sum(x: Expr, n: Number, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    squares = square(sum(x, axis=axis, keepdims=keepdims))
    return sum(square(x), axis=axis, keepdims=keepdims) - squares / n, sum_squared_deviations


@rule("stabilize", examples=lambda rng: (draw_normal(rng), 4.0, (1,), True))
def sum_square_minus_square_of_mean(x: Expr, n: Number, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    squares = square(mean(x, axis=axis, keepdims=keepdims))
    return sum(square(x), axis=axis, keepdims=keepdims) - n * squares, sum_squared_deviations


@rule("stabilize", examples=lambda rng: (draw_normal(rng), (1,), True))
def mean_square_of_deviation(x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    deviation = square(x - mean(x, axis=axis, keepdims=True))
    return mean(deviation, axis=axis, keepdims=keepdims), lambda x, axis, keepdims: var(x, axis, 0, keepdims)
