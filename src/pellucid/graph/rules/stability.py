r"""Stable forms of softmax, logsumexp and cross-entropy, for values and gradients.

The identities are those of the references in `logsumexp` and `softmax`.
"""

from __future__ import annotations

import math

import numpy as np

from pellucid.graph.expr import Expr, constant, is_compatible_shape
from pellucid.graph.ops.activations import sigmoid, softplus
from pellucid.graph.ops.exponentials import exp, expm1, log, log1p, logaddexp
from pellucid.graph.ops.index_spec import ARRAY, Index
from pellucid.graph.ops.indexing import gather, take_along_axis
from pellucid.graph.ops.reductions import max_, mean, sum
from pellucid.graph.ops.reshape import broadcast_like, expand_dims, size, squeeze
from pellucid.graph.ops.softmax import (
    log1m_softmax,
    log_softmax,
    logsumexp,
    logsumexp_weighted,
    softmax,
    sparse_crossentropy,
)
from pellucid.graph.pattern import Number
from pellucid.graph.rewrite_rule import RulePair, rule
from pellucid.graph.rules.example_operands import draw_normal, draw_one, draw_positive
from pellucid.graph.rules.predicates import are_row_numbers, as_number, has_stable_log, is_positive
from pellucid.graph.types import ShapeMismatch, broadcast


@rule("stabilize")
def log_one_plus(x: Expr) -> RulePair:
    return log(1 + x), log1p(x)


@rule("stabilize")
def log_one_plus_two_terms(x: Expr, y: Expr) -> RulePair:
    return log((1 + x) + y), log1p(x + y)


@rule("stabilize")
def exp_minus_one(x: Expr) -> RulePair:
    return exp(x) - 1, expm1(x)


@rule("stabilize", examples=draw_one)
def log1p_exp(x: Expr) -> RulePair:
    return log1p(exp(x)), softplus(x)


@rule("stabilize", examples=draw_one)
def log_sigmoid(x: Expr) -> RulePair:
    return log(sigmoid(x)), -softplus(-x)


@rule("stabilize", examples=lambda rng: (draw_normal(rng), (1,), True))
def log_sum_exp(x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    return log(sum(exp(x), axis=axis, keepdims=keepdims)), logsumexp(x, axis=axis, keepdims=keepdims)


@rule("stabilize", examples=lambda rng: (draw_normal(rng), (1,)))
def softmax_of_exp(x: Expr, axis: tuple[int, ...]) -> RulePair:
    return exp(x) / sum(exp(x), axis=axis, keepdims=True), softmax(x, axis=axis)


@rule("stabilize", examples=lambda rng: (rng.normal(size=4), (0,)))
def softmax_of_all(x: Expr, axis: tuple[int, ...]) -> RulePair:
    pattern = exp(x) / sum(exp(x), axis=axis, keepdims=False)
    return pattern, lambda x, axis: softmax(x, axis) if len(axis) == x.ndim else None


@rule("stabilize", examples=lambda rng: (draw_normal(rng), (1,)))
def log_of_softmax(x: Expr, axis: tuple[int, ...]) -> RulePair:
    return log(softmax(x, axis=axis)), log_softmax(x, axis=axis)


@rule("stabilize", examples=lambda rng: (draw_normal(rng), (1,)))
def log_one_minus_softmax(x: Expr, axis: tuple[int, ...]) -> RulePair:
    return log(1 - softmax(x, axis=axis)), log1m_softmax(x, axis=axis)


@rule("stabilize", examples=lambda rng: (draw_normal(rng), (1,)))
def minus_logsumexp(x: Expr, axis: tuple[int, ...]) -> RulePair:
    return x - logsumexp(x, axis=axis, keepdims=True), log_softmax(x, axis=axis)


@rule("stabilize", examples=lambda rng: (draw_normal(rng), (0, 1)))
def minus_logsumexp_of_all(x: Expr, axis: tuple[int, ...]) -> RulePair:
    pattern = x - logsumexp(x, axis=axis, keepdims=False)
    return pattern, lambda x, axis: log_softmax(x, axis) if len(axis) == x.ndim else None


@rule("stabilize", examples=lambda rng: (draw_normal(rng), np.array([[1], [0], [3]]), (1,), 1))
def log_of_taken_softmax(x: Expr, i: Expr, axis: tuple[int, ...], along: int) -> RulePair:
    pattern = log(take_along_axis(softmax(x, axis=axis), i, axis=along))
    return pattern, lambda x, i, axis, along: take_along_axis(log_softmax(x, axis), i, axis=along)


@rule("stabilize", examples=lambda rng: (draw_normal(rng), np.array([1, 0, 3]), (1,), (1,), 1, (1,)))
def crossentropy_of_taken_log_softmax(
    x: Expr, y: Expr, new_axis: tuple[int, ...], axis: tuple[int, ...], index_axis: int, squeezed: tuple[int, ...]
) -> RulePair:
    def crossentropy(
        x: Expr, y: Expr, new_axis: tuple[int, ...], axis: tuple[int, ...], index_axis: int, squeezed: tuple[int, ...]
    ) -> Expr | None:
        last = (x.ndim - 1,)
        is_crossentropy = (index_axis,) == last == axis == new_axis == squeezed
        # `take_along_axis` broadcasts the labels, `sparse_crossentropy` does not.
        return -sparse_crossentropy(y, x) if is_crossentropy and is_compatible_shape(y.shape, x.shape[:-1]) else None

    target = take_along_axis(log_softmax(x, axis=axis), expand_dims(y, axis=new_axis), axis=index_axis)
    return squeeze(target, axis=squeezed), crossentropy


def _draw_indexed_scores(rng: np.random.Generator) -> tuple[object, ...]:
    return draw_normal(rng), constant(np.arange(3)), np.array([1, 0, 3]), (1,), (ARRAY, ARRAY)


@rule("stabilize", examples=_draw_indexed_scores)
def crossentropy_of_indexed_log_softmax(x: Expr, i: Expr, y: Expr, axis: tuple[int, ...], index: Index) -> RulePair:
    """``p[arange(n), y]`` takes one probability of each row."""

    def crossentropy(x: Expr, i: Expr, y: Expr, axis: tuple[int, ...], index: Index) -> Expr | None:
        fits = x.ndim == 2 and axis == (1,) and index == (ARRAY, ARRAY) and is_compatible_shape(y.shape, x.shape[:1])
        return -sparse_crossentropy(y, x) if fits and are_row_numbers(i, x) else None

    return gather(log_softmax(x, axis=axis), i, y, index=index), crossentropy


@rule("stabilize", examples=lambda rng: (draw_normal(rng), (1,), True))
def log_mean_exp(x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    def shift(x: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr:
        return logsumexp(x, axis, keepdims) - log(size(x, axis=axis, dtype=x.dtype))

    return log(mean(exp(x), axis=axis, keepdims=keepdims)), shift


# Other spellings of the softmax.


@rule("stabilize", examples=lambda rng: (draw_normal(rng), draw_normal(rng), (1,)))
def weighted_softmax_of_exp(w: Expr, x: Expr, axis: tuple[int, ...]) -> RulePair:
    return (w * exp(x)) / sum(exp(x), axis=axis, keepdims=True), w * softmax(x, axis=axis)


@rule("stabilize", examples=lambda rng: (draw_normal(rng), draw_normal(rng), (1,), False))
def weighted_sum_over_sum(w: Expr, x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    """An average weighted by exponentials is an average weighted by a softmax."""

    def average(w: Expr, x: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr | None:
        return sum(w * softmax(x, axis), axis, keepdims) if len(w.shape) <= len(x.shape) else None

    weighted = sum(w * exp(x), axis=axis, keepdims=keepdims)
    return weighted / sum(exp(x), axis=axis, keepdims=keepdims), average


@rule("stabilize", examples=lambda rng: (draw_normal(rng), rng.normal(size=3), (1,), False))
def exp_over_sum_of_exp(x: Expr, y: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    total = sum(exp(x), axis=axis, keepdims=keepdims)
    return exp(y) / total, lambda x, y, axis, keepdims: exp(y - logsumexp(x, axis, keepdims))


@rule("stabilize", examples=lambda rng: (3.0, draw_normal(rng), (1,), False))
def number_over_sum_of_exp(a: Number, x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    total = sum(exp(x), axis=axis, keepdims=keepdims)
    return a / total, lambda a, x, axis, keepdims: as_number(a) * exp(-logsumexp(x, axis, keepdims))


@rule("stabilize", examples=lambda rng: (0.5, draw_normal(rng), (1,), False))
def log_of_number_and_sum_of_exp(a: Number, x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    def combine(a: Expr, x: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr | None:
        return logaddexp(logsumexp(x, axis, keepdims), math.log(as_number(a))) if is_positive(a) else None

    return log(a + sum(exp(x), axis=axis, keepdims=keepdims)), combine


@rule("stabilize", examples=lambda rng: (0.5, draw_normal(rng), draw_normal(rng), (1,), True))
def exp_over_number_and_sum_of_exp(a: Number, x: Expr, y: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    def combine(a: Expr, x: Expr, y: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr | None:
        return exp(y - logaddexp(logsumexp(x, axis, keepdims), math.log(as_number(a)))) if is_positive(a) else None

    return exp(y) / (a + sum(exp(x), axis=axis, keepdims=keepdims)), combine


@rule("stabilize", examples=lambda rng: (draw_normal(rng), (1,)))
def exp_of_log_softmax(x: Expr, axis: tuple[int, ...]) -> RulePair:
    return exp(log_softmax(x, axis=axis)), softmax(x, axis=axis)


@rule("stabilize", examples=lambda rng: (draw_normal(rng), (1,)))
def logsumexp_minus(x: Expr, axis: tuple[int, ...]) -> RulePair:
    return logsumexp(x, axis=axis, keepdims=True) - x, -log_softmax(x, axis=axis)


@rule("stabilize", examples=lambda rng: (draw_normal(rng), (1,)))
def softmax_of_shifted(x: Expr, axis: tuple[int, ...]) -> RulePair:
    return softmax(x - max_(x, axis=axis, keepdims=True), axis=axis), softmax(x, axis=axis)


@rule("stabilize", examples=lambda rng: (draw_normal(rng), (1,)))
def log_softmax_of_shifted(x: Expr, axis: tuple[int, ...]) -> RulePair:
    return log_softmax(x - max_(x, axis=axis, keepdims=True), axis=axis), log_softmax(x, axis=axis)


@rule("stabilize", examples=lambda rng: (3.0, draw_normal(rng), (1,)))
def softmax_plus_number(a: Number, x: Expr, axis: tuple[int, ...]) -> RulePair:
    return softmax(a + x, axis=axis), softmax(x, axis=axis)


def _draw_weighted(rng: np.random.Generator) -> tuple[object, ...]:
    return draw_positive(rng), draw_normal(rng), (1,), True


def _broadcast_weights(w: Expr, x: Expr) -> Expr | None:
    """Broadcast weights to the shape of ``x``; return None if they would broadcast ``x``."""
    shape = broadcast([w.shape, x.shape])
    if isinstance(shape, ShapeMismatch) or not is_compatible_shape(shape, x.shape):
        return None
    return w if w.shape == x.shape else broadcast_like(w, x)


@rule("stabilize", examples=_draw_weighted)
def log_of_weighted_sum_of_exp(w: Expr, x: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    def shift(w: Expr, x: Expr, axis: tuple[int, ...], keepdims: bool) -> Expr | None:
        weights = _broadcast_weights(w, x)
        if weights is None:
            return None
        return (
            logsumexp(log(w) + x, axis, keepdims)
            if has_stable_log(w)
            else logsumexp_weighted(x, weights, axis, keepdims)
        )

    return log(sum(w * exp(x), axis=axis, keepdims=keepdims)), shift


@rule("stabilize", examples=lambda rng: (*_draw_weighted(rng), (1,)))
def log_of_weighted_sum_of_softmax(
    w: Expr, x: Expr, axis: tuple[int, ...], keepdims: bool, along: tuple[int, ...]
) -> RulePair:
    def shift(w: Expr, x: Expr, axis: tuple[int, ...], keepdims: bool, along: tuple[int, ...]) -> Expr | None:
        weights = _broadcast_weights(w, x)
        if axis != along or weights is None:
            return None
        # The difference of two logsumexp of x would cancel where x is large.
        return logsumexp_weighted(log_softmax(x, axis=along), weights, axis, keepdims)

    return log(sum(w * softmax(x, axis=along), axis=axis, keepdims=keepdims)), shift
