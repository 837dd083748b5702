r"""Differences of numbers that are nearly equal, written so that nothing cancels."""

from __future__ import annotations

import math
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.ops.elementwise import absolute, multiply, sqrt, square
from pellucid.graph.ops.erf import erf, erfc
from pellucid.graph.ops.minmax_where import where
from pellucid.graph.ops.reductions import mean
from pellucid.graph.ops.statistics import var
from pellucid.graph.ops.trigonometry import cos, hypot, sin, sinc, tan
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import rule
from pellucid.graph.rules.predicates import number, positive, scores


def _one(rng: Any) -> Any:
    return (scores(rng),)


def _fraction(rng: Any) -> Any:
    return (rng.uniform(-0.9, 0.9, (3, 4)),)


def _above(rng: Any) -> Any:
    return (rng.uniform(1.2, 3, (3, 4)),)


def _next(rng: Any) -> Any:
    return 3.0, rng.uniform(0.5, 2, (3, 4))


# Roots: the difference of the squares over the sum.


@rule("stabilize", examples=_next)
def difference_of_roots(a: Number, x: Any) -> Any:
    def over_sum(a: Expr, x: Expr) -> Any:
        return number(a) / (sqrt(number(a) + x) + sqrt(x)) if positive(a) else None

    return sqrt(a + x) - sqrt(x), over_sum


@rule("stabilize", examples=_next)
def negative_difference_of_roots(a: Number, x: Any) -> Any:
    def over_sum(a: Expr, x: Expr) -> Any:
        return -number(a) / (sqrt(x) + sqrt(number(a) + x)) if positive(a) else None

    return sqrt(x) - sqrt(a + x), over_sum


@rule("stabilize", examples=lambda rng: (3.0, 1.0, rng.uniform(2, 3, (3, 4))))
def difference_of_roots_around(a: Number, b: Number, x: Any) -> Any:
    def over_sum(a: Expr, b: Expr, x: Expr) -> Any:
        if not (positive(a) and positive(b)):
            return None
        return (number(a) + number(b)) / (sqrt(number(a) + x) + sqrt(x - number(b)))

    return sqrt(a + x) - sqrt(x - b), over_sum


@rule("stabilize", examples=_fraction)
def root_minus_one(x: Any) -> Any:
    return sqrt(1 + x) - 1, x / (1 + sqrt(1 + x))


@rule("stabilize", examples=_fraction)
def one_minus_root(x: Any) -> Any:
    return 1 - sqrt(1 - x), x / (1 + sqrt(1 - x))


@rule("stabilize", examples=_fraction)
def one_minus_root_above(x: Any) -> Any:
    return 1 - sqrt(1 + x), -(x / (1 + sqrt(1 + x)))


@rule("stabilize", examples=_fraction)
def reciprocal_root_minus_one(x: Any) -> Any:
    return 1 / sqrt(1 + x) - 1, -(x / ((1 + x) + sqrt(1 + x)))


@rule("stabilize", examples=_one)
def hypot_minus_one(x: Any) -> Any:
    return hypot(x, 1) - 1, x * (x / (1 + hypot(x, 1)))


@rule("stabilize", examples=_one)
def hypot_minus_side(x: Any) -> Any:
    """On the side where both have one sign, the difference is the reciprocal of their sum."""
    total = hypot(x, 1) + absolute(x)
    return hypot(x, 1) - x, where(x > 0, 1 / total, total)


@rule("stabilize", examples=_above)
def side_minus_root(x: Any) -> Any:
    """On the side where both have one sign, the difference is the reciprocal of their sum."""
    root = sqrt(square(x) - 1)
    total = absolute(x) + root
    return x - root, where(x > 0, 1 / total, -total)


# Fractions: one numerator over both denominators.


@rule("stabilize", examples=_fraction)
def reciprocal_minus_one(x: Any) -> Any:
    return 1 / (1 + x) - 1, -(x / (1 + x))


@rule("stabilize", examples=_fraction)
def one_minus_reciprocal(x: Any) -> Any:
    return 1 - 1 / (1 + x), x / (1 + x)


@rule("stabilize", examples=_fraction)
def reciprocal_of_rest_minus_one(x: Any) -> Any:
    return 1 / (1 - x) - 1, x / (1 - x)


@rule("stabilize", examples=_fraction)
def one_minus_reciprocal_of_rest(x: Any) -> Any:
    return 1 - 1 / (1 - x), -(x / (1 - x))


@rule("stabilize", examples=_fraction)
def reciprocals_around_one(x: Any) -> Any:
    return 1 / (1 + x) - 1 / (1 - x), -2 * x / (1 + x) / (1 - x)


@rule("stabilize", examples=_next)
def difference_of_reciprocals(a: Number, x: Any) -> Any:
    return 1 / x - 1 / (a + x), lambda a, x: number(a) / x / (number(a) + x)


@rule("stabilize", examples=lambda rng: (1.0, 3.0, rng.uniform(2, 3, (3, 4))))
def difference_of_reciprocals_around(a: Number, b: Number, x: Any) -> Any:
    def over_both(a: Expr, b: Expr, x: Expr) -> Any:
        return (number(a) + number(b)) / (x - number(a)) / (number(b) + x)

    return 1 / (x - a) - 1 / (b + x), over_both


@rule("stabilize", examples=_next)
def fraction_minus_one(a: Number, x: Any) -> Any:
    return x / (a + x) - 1, lambda a, x: -number(a) / (number(a) + x)


@rule("stabilize", examples=_next)
def one_minus_fraction(a: Number, x: Any) -> Any:
    return 1 - x / (a + x), lambda a, x: number(a) / (number(a) + x)


# Squares.


@rule("stabilize", examples=lambda rng: (scores(rng), scores(rng)))
def difference_of_squares(x: Any, y: Any) -> Any:
    return square(x) - square(y), (x - y) * (x + y)


@rule("stabilize", examples=lambda rng: (rng.uniform(2, 3, (3, 4)), rng.uniform(1, 2, (3, 4))))
def root_of_difference_of_squares(x: Any, y: Any) -> Any:
    apart = sqrt(absolute(x) - absolute(y)) * sqrt(absolute(x) + absolute(y))
    return sqrt(multiply(x - y, x + y)), apart


@rule("stabilize", examples=_one)
def square_above_one(x: Any) -> Any:
    return square(1 + x) - 1, x * (2 + x)


# Angles.


@rule("stabilize", examples=_one)
def one_minus_cos(x: Any) -> Any:
    return 1 - cos(x), 2 * square(sin(x / 2))


@rule("stabilize", examples=_one)
def cos_minus_one(x: Any) -> Any:
    return cos(x) - 1, -2 * square(sin(x / 2))


@rule("stabilize", examples=_one)
def one_minus_square_of_cos(x: Any) -> Any:
    return 1 - square(cos(x)), square(sin(x))


@rule("stabilize", examples=_one)
def one_minus_square_of_sin(x: Any) -> Any:
    return 1 - square(sin(x)), square(cos(x))


@rule("stabilize", when="1 where x = 0", examples=_one)
def sin_over(x: Any) -> Any:
    return sin(x) / x, sinc(x / math.pi)


@rule("stabilize", when="1 / 2 where x = 0", examples=_one)
def one_minus_cos_over_square(x: Any) -> Any:
    return (2 * square(sin(x / 2))) / square(x), square(sinc(x / (2 * math.pi))) / 2


@rule("stabilize", when="0 where x = 0", examples=_one)
def one_minus_cos_over_sin(x: Any) -> Any:
    return (2 * square(sin(x / 2))) / sin(x), tan(x / 2)


# The error function.


@rule("stabilize", examples=_one)
def one_minus_erf(x: Any) -> Any:
    return 1 - erf(x), erfc(x)


@rule("stabilize", examples=_one)
def one_plus_erf(x: Any) -> Any:
    return 1 + erf(x), erfc(-x)


# Variances, as the mean square of what is left of the mean.


@rule("stabilize", examples=lambda rng: (scores(rng), (1,), True))
def mean_square_minus_square_mean(x: Any, axis: Any, keepdims: Any) -> Any:
    squares, middle = mean(square(x), axis=axis, keepdims=keepdims), mean(x, axis=axis, keepdims=keepdims)
    return squares - square(middle), lambda x, axis, keepdims: var(x, axis, 0, keepdims)


@rule("stabilize", examples=lambda rng: (scores(rng), scores(rng), (1,), True))
def mean_product_minus_product_of_means(x: Any, y: Any, axis: Any, keepdims: Any) -> Any:
    def covariance(x: Expr, y: Expr, axis: Any, keepdims: bool) -> Any:
        if x.shape != y.shape:
            return None
        return mean((x - mean(x, axis, True)) * (y - mean(y, axis, True)), axis, keepdims)

    means = mean(x, axis=axis, keepdims=keepdims) * mean(y, axis=axis, keepdims=keepdims)
    return mean(x * y, axis=axis, keepdims=keepdims) - means, covariance


@rule("stabilize", examples=lambda rng: (scores(rng), (1,), True))
def mean_square_of_deviation(x: Any, axis: Any, keepdims: Any) -> Any:
    deviation = square(x - mean(x, axis=axis, keepdims=True))
    return mean(deviation, axis=axis, keepdims=keepdims), lambda x, axis, keepdims: var(x, axis, 0, keepdims)
