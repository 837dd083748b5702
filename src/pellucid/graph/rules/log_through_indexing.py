r"""Logarithms taken before elements are moved or chosen: of a softmax or a sigmoid they have a form of their own.

Whoever writes :math:`\log \sigma(z)` with a column of it, its transpose, or a part of it in between gets the same form.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, Input
from pellucid.graph.ops.concatenate import join
from pellucid.graph.ops.elementwise import power
from pellucid.graph.ops.exponentials import log, log1p, log2, log10
from pellucid.graph.ops.index_spec import ARRAY, WHOLE, Slice
from pellucid.graph.ops.indexing import gather, slice_, take_along_axis
from pellucid.graph.ops.minmax_where import where
from pellucid.graph.ops.permute import transpose
from pellucid.graph.ops.reductions import max_, min_
from pellucid.graph.ops.reshape import expand_dims, reshape, squeeze
from pellucid.graph.ops.softmax_sigmoid import sigmoid, softmax
from pellucid.graph.ops.special import xlog1py
from pellucid.graph.rewrite_rule import Rule, rule
from pellucid.graph.rules.predicates import saturates


def _p() -> Expr:
    """Return what the generated tests of these rules choose from."""
    made: Expr = softmax(Input("z", (3, 4), "float64"))
    return made


def _first(move: Callable[..., Any], name: str, key: str, value: Any) -> tuple[Rule, Rule]:
    """Make the rules that the logarithms of what is moved, and of the rest to 1, are taken first."""

    def of_moved(p: Any, how: Any) -> Any:
        moved = log(move(p, **{key: how}))
        return moved, lambda p, how: move(log(p), **{key: how}) if saturates(p) else None

    def of_rest(p: Any, how: Any) -> Any:
        moved = log(1 - move(p, **{key: how}))
        return moved, lambda p, how: move(log(1 - p), **{key: how}) if saturates(p) else None

    of_moved.__name__, of_rest.__name__ = f"log_of_{name}", f"log_of_rest_of_{name}"
    made = rule("stabilize", examples=lambda rng: (_p(), value))
    return made(of_moved), made(of_rest)


log_of_part, log_of_rest_of_part = _first(slice_, "part", "index", (Slice(None, None, None), 1))
log_of_expanded, log_of_rest_of_expanded = _first(expand_dims, "expanded", "axis", (1,))
log_of_transpose, log_of_rest_of_transpose = _first(transpose, "transpose", "axes", (1, 0))
log_of_reshaped, log_of_rest_of_reshaped = _first(reshape, "reshaped", "shape", (12,))


@rule("stabilize", examples=lambda rng: (rng.uniform(1, 2, (3, 1)), (1,)))
def log_of_squeezed(x: Any, axis: Any) -> Any:
    return log(squeeze(x, axis=axis)), lambda x, axis: squeeze(log(x), axis=axis)


@rule("stabilize", examples=lambda rng: (sigmoid(Input("z", (3, 1), "float64")), (1,)))
def log_of_rest_of_squeezed(p: Any, axis: Any) -> Any:
    rest = log(1 - squeeze(p, axis=axis))
    return rest, lambda p, axis: squeeze(log(1 - p), axis=axis) if saturates(p) else None


@rule("stabilize", examples=lambda rng: (_p(), np.array([2, 0]), (ARRAY, WHOLE)))
def log_of_gathered(p: Any, i: Any, index: Any) -> Any:
    chosen = log(gather(p, i, index=index))
    return chosen, lambda p, i, index: gather(log(p), i, index=index) if saturates(p) else None


@rule("stabilize", examples=lambda rng: (_p(), np.array([2, 0]), (ARRAY, WHOLE)))
def log_of_rest_of_gathered(p: Any, i: Any, index: Any) -> Any:
    chosen = log(1 - gather(p, i, index=index))
    return chosen, lambda p, i, index: gather(log(1 - p), i, index=index) if saturates(p) else None


@rule("stabilize", examples=lambda rng: (_p(), np.array([2, 0]), np.array([1, 3]), (ARRAY, ARRAY)))
def log_of_gathered_pairs(p: Any, i: Any, j: Any, index: Any) -> Any:
    chosen = log(gather(p, i, j, index=index))
    return chosen, lambda p, i, j, index: gather(log(p), i, j, index=index) if saturates(p) else None


@rule("stabilize", examples=lambda rng: (_p(), np.array([2, 0]), np.array([1, 3]), (ARRAY, ARRAY)))
def log_of_rest_of_gathered_pairs(p: Any, i: Any, j: Any, index: Any) -> Any:
    chosen = log(1 - gather(p, i, j, index=index))
    return chosen, lambda p, i, j, index: gather(log(1 - p), i, j, index=index) if saturates(p) else None


@rule("stabilize", examples=lambda rng: (sigmoid(Input("z", (3, 4), "float64")), np.array([[1], [0], [3]]), 1))
def log_of_taken_along(p: Any, i: Any, axis: Any) -> Any:
    chosen = log(take_along_axis(p, i, axis=axis))
    return chosen, lambda p, i, axis: take_along_axis(log(p), i, axis) if saturates(p) else None


@rule("stabilize", examples=lambda rng: (_p(), np.array([[1], [0], [3]]), 1))
def log_of_rest_of_taken_along(p: Any, i: Any, axis: Any) -> Any:
    chosen = log(1 - take_along_axis(p, i, axis=axis))
    return chosen, lambda p, i, axis: take_along_axis(log(1 - p), i, axis) if saturates(p) else None


@rule("stabilize", examples=lambda rng: (_p(), sigmoid(Input("w", (3, 4), "float64")), 1))
def log_of_joined(p: Any, q: Any, axis: Any) -> Any:
    joined = log(join(p, q, axis=axis))
    return joined, lambda p, q, axis: join(log(p), log(q), axis=axis) if saturates(p) and saturates(q) else None


@rule("stabilize", examples=lambda rng: (_p(), sigmoid(Input("w", (3, 4), "float64")), 1))
def log_of_rest_of_joined(p: Any, q: Any, axis: Any) -> Any:
    def apart(p: Expr, q: Expr, axis: int) -> Any:
        return join(log(1 - p), log(1 - q), axis=axis) if saturates(p) and saturates(q) else None

    return log(1 - join(p, q, axis=axis)), apart


@rule("stabilize", examples=lambda rng: (rng.normal(size=(3, 4)) > 0, _p(), sigmoid(Input("w", (3, 4), "float64"))))
def log_of_either(c: Any, p: Any, q: Any) -> Any:
    return log(where(c, p, q)), lambda c, p, q: where(c, log(p), log(q)) if saturates(p) and saturates(q) else None


@rule("stabilize", examples=lambda rng: (_p(), (1,), False))
def log_of_greatest(p: Any, axis: Any, keepdims: Any) -> Any:
    greatest = log(max_(p, axis=axis, keepdims=keepdims))
    return greatest, lambda p, axis, keepdims: max_(log(p), axis, keepdims) if saturates(p) else None


@rule("stabilize", examples=lambda rng: (_p(), (1,), False))
def log_of_least(p: Any, axis: Any, keepdims: Any) -> Any:
    least = log(min_(p, axis=axis, keepdims=keepdims))
    return least, lambda p, axis, keepdims: min_(log(p), axis, keepdims) if saturates(p) else None


# Other names of the logarithm.


@rule("stabilize", examples=lambda rng: (_p(), rng.uniform(0, 1, (3, 4))))
def log_of_chosen_power(p: Any, t: Any) -> Any:
    """Take the exponent, which is often a label, out of the logarithm."""
    return log(power(p, t)), lambda p, t: t * log(p) if saturates(p) else None


@rule("stabilize", examples=lambda rng: (_p(),))
def log1p_of_minus(p: Any) -> Any:
    return log1p(-p), lambda p: log(1 - p) if saturates(p) else None


@rule("stabilize", examples=lambda rng: (_p(),))
def log2_of_saturating(p: Any) -> Any:
    return log2(p), lambda p: log(p) / math.log(2) if saturates(p) else None


@rule("stabilize", examples=lambda rng: (_p(),))
def log10_of_saturating(p: Any) -> Any:
    return log10(p), lambda p: log(p) / math.log(10) if saturates(p) else None


@rule("stabilize", when="p < 1", examples=lambda rng: (rng.uniform(0, 1, (3, 4)), _p()))
def xlog1py_of_saturating(t: Any, p: Any) -> Any:
    return xlog1py(t, -p), lambda t, p: t * log(1 - p) if saturates(p) else None
