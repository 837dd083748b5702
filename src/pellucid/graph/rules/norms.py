r"""Square roots of sums of squares as norms, which do not overflow and have a gradient of 0 at 0."""

from __future__ import annotations

import math
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.ops.elementwise import absolute, power, sqrt, square
from pellucid.graph.ops.norms import vector_norm
from pellucid.graph.ops.reductions import mean, sum
from pellucid.graph.ops.reshape import size
from pellucid.graph.ops.statistics import std, var
from pellucid.graph.ops.trigonometry import hypot
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import rule
from pellucid.graph.rules.example_operands import draw_normal, draw_two
from pellucid.graph.rules.predicates import as_number, is_positive


@rule("stabilize", examples=lambda rng: (draw_normal(rng), (1,), True))
def root_of_sum_of_squares(x: Any, axis: Any, keepdims: Any) -> Any:
    squares = sum(square(x), axis=axis, keepdims=keepdims)
    return sqrt(squares), lambda x, axis, keepdims: vector_norm(x, axis, 2, keepdims)


@rule("stabilize", examples=lambda rng: (draw_normal(rng), (1,), True))
def root_of_mean_of_squares(x: Any, axis: Any, keepdims: Any) -> Any:
    def to_norm(x: Expr, axis: Any, keepdims: bool) -> Any:
        return vector_norm(x, axis, 2, keepdims) / sqrt(size(x, axis=axis, dtype=x.dtype))

    return sqrt(mean(square(x), axis=axis, keepdims=keepdims)), to_norm


@rule("stabilize", examples=lambda rng: (draw_normal(rng), (1,), 1, True))
def root_of_variance(x: Any, axis: Any, ddof: Any, keepdims: Any) -> Any:
    return sqrt(var(x, axis=axis, ddof=ddof, keepdims=keepdims)), std(x, axis=axis, ddof=ddof, keepdims=keepdims)


@rule("stabilize", examples=draw_two)
def root_of_two_squares(x: Any, y: Any) -> Any:
    return sqrt(square(x) + square(y)), hypot(x, y)


@rule("stabilize", examples=lambda rng: (4.0, draw_normal(rng)))
def root_of_number_and_square(a: Number, x: Any) -> Any:
    return sqrt(a + square(x)), lambda a, x: hypot(x, math.sqrt(as_number(a))) if is_positive(a) else None


@rule("stabilize", examples=lambda rng: (draw_normal(rng), 4.0))
def root_of_even_power(x: Any, a: Number) -> Any:
    def halve_exponent(x: Expr, a: Expr) -> Any:
        n = as_number(a) / 2
        return power(x if n % 2 == 0 else absolute(x), n) if n.is_integer() and x.dtype.kind == "f" else None

    return sqrt(power(x, a)), halve_exponent
