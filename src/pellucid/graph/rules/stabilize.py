r"""Forms that neither overflow nor lose their digits: for the value and, because gradients are taken after, for the
gradient.

The identities are those of the references in `logsumexp`, `log_softmax` and `softplus`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.expr import Constant, Expr, Input
from pellucid.graph.ops.choosing import where
from pellucid.graph.ops.exponentials import exp, expm1, log, log1p
from pellucid.graph.ops.indexing import gather, slice_, take_along_axis
from pellucid.graph.ops.indices import ARRAY, WHOLE, Slice
from pellucid.graph.ops.neural import log1m_softmax, log_softmax, sigmoid, softmax, softplus, sparse_crossentropy
from pellucid.graph.ops.reductions import logsumexp, mean, sum
from pellucid.graph.ops.shapes import expand_dims, size, squeeze
from pellucid.graph.rule import rule


def scores(rng: Any) -> Any:
    """Draw scores for the generated test of a rule."""
    return rng.normal(size=(3, 4))


@rule("stabilize")
def log_one_plus(x: Any) -> Any:
    return log(1 + x), log1p(x)


@rule("stabilize")
def exp_minus_one(x: Any) -> Any:
    return exp(x) - 1, expm1(x)


@rule("stabilize", examples=lambda rng: (scores(rng),))
def log1p_exp(x: Any) -> Any:
    return log1p(exp(x)), softplus(x)


@rule("stabilize", examples=lambda rng: (scores(rng),))
def logistic(x: Any) -> Any:
    return 1 / (1 + exp(-x)), sigmoid(x)


@rule("stabilize", examples=lambda rng: (scores(rng),))
def logistic_of_exp(x: Any) -> Any:
    return exp(x) / (1 + exp(x)), sigmoid(x)


@rule("stabilize", examples=lambda rng: (scores(rng),))
def log_sigmoid(x: Any) -> Any:
    return log(sigmoid(x)), -softplus(-x)


@rule("stabilize", examples=lambda rng: (scores(rng),))
def log_one_minus_sigmoid(x: Any) -> Any:
    return log(1 - sigmoid(x)), -softplus(x)


@rule("stabilize", examples=lambda rng: (scores(rng), (1,), True))
def log_sum_exp(x: Any, axis: Any, keepdims: Any) -> Any:
    return log(sum(exp(x), axis=axis, keepdims=keepdims)), logsumexp(x, axis=axis, keepdims=keepdims)


@rule("stabilize", examples=lambda rng: (scores(rng), (1,)))
def softmax_of_exp(x: Any, axis: Any) -> Any:
    return exp(x) / sum(exp(x), axis=axis, keepdims=True), softmax(x, axis=axis)


@rule("stabilize", examples=lambda rng: (rng.normal(size=4), (0,)))
def softmax_of_all(x: Any, axis: Any) -> Any:
    return exp(x) / sum(
        exp(x), axis=axis, keepdims=False
    ), lambda x, axis: softmax(x, axis) if len(axis) == x.ndim else None


@rule("stabilize", examples=lambda rng: (scores(rng), (1,)))
def log_of_softmax(x: Any, axis: Any) -> Any:
    return log(softmax(x, axis=axis)), log_softmax(x, axis=axis)


@rule("stabilize", examples=lambda rng: (scores(rng), (1,)))
def log_one_minus_softmax(x: Any, axis: Any) -> Any:
    return log(1 - softmax(x, axis=axis)), log1m_softmax(x, axis=axis)


@rule("stabilize", examples=lambda rng: (scores(rng), (1,)))
def minus_logsumexp(x: Any, axis: Any) -> Any:
    return x - logsumexp(x, axis=axis, keepdims=True), log_softmax(x, axis=axis)


@rule("stabilize", examples=lambda rng: (scores(rng), (0, 1)))
def minus_logsumexp_of_all(x: Any, axis: Any) -> Any:
    return x - logsumexp(
        x, axis=axis, keepdims=False
    ), lambda x, axis: log_softmax(x, axis) if len(axis) == x.ndim else None


@rule("stabilize", examples=lambda rng: (scores(rng), np.array([[1], [0], [3]]), (1,), 1))
def log_of_chosen(x: Any, i: Any, axis: Any, along: Any) -> Any:
    pattern = log(take_along_axis(softmax(x, axis=axis), i, axis=along))
    return pattern, lambda x, i, axis, along: take_along_axis(log_softmax(x, axis), i, axis=along)


@rule("stabilize", examples=lambda rng: (rng.uniform(1, 2, (3, 1)), (1,)))
def log_of_squeezed(x: Any, axis: Any) -> Any:
    return log(squeeze(x, axis=axis)), lambda x, axis: squeeze(log(x), axis=axis)


@rule("stabilize", examples=lambda rng: (scores(rng), np.array([1, 0, 3]), (1,), (1,), 1, (1,)))
def crossentropy_of_chosen(x: Any, y: Any, new: Any, axis: Any, along: Any, taken: Any) -> Any:
    def crossentropy(x: Expr, y: Expr, new: Any, axis: Any, along: int, taken: Any) -> Expr | None:
        last = (x.ndim - 1,)
        return -sparse_crossentropy(y, x) if (along,) == last == axis == new == taken else None

    chosen = take_along_axis(log_softmax(x, axis=axis), expand_dims(y, axis=new), axis=along)
    return squeeze(chosen, axis=taken), crossentropy


SATURATING = {softmax.op, sigmoid.op}
"""Ops of which the logarithm has a form of its own, so that it is taken before a part is chosen."""


@rule("stabilize", examples=lambda rng: (softmax(Input("z", (3, 4), "float64")), (Slice(None, None, None), 1)))
def log_of_part(p: Any, index: Any) -> Any:
    return log(slice_(p, index=index)), lambda p, index: slice_(log(p), index) if p.op in SATURATING else None


@rule("stabilize", examples=lambda rng: (softmax(Input("z", (3, 4), "float64")), (Slice(None, None, None), 1)))
def log_of_rest_of_part(p: Any, index: Any) -> Any:
    return log(1 - slice_(p, index=index)), lambda p, index: slice_(log(1 - p), index) if p.op in SATURATING else None


@rule("stabilize", examples=lambda rng: (softmax(Input("z", (3, 4), "float64")), np.array([2, 0]), (ARRAY, WHOLE)))
def log_of_gathered(p: Any, i: Any, index: Any) -> Any:
    chosen = log(gather(p, i, index=index))
    return chosen, lambda p, i, index: gather(log(p), i, index=index) if p.op in SATURATING else None


@rule(
    "stabilize",
    examples=lambda rng: (softmax(Input("z", (3, 4), "float64")), np.array([2, 0]), np.array([1, 3]), (ARRAY, ARRAY)),
)
def log_of_gathered_pairs(p: Any, i: Any, j: Any, index: Any) -> Any:
    chosen = log(gather(p, i, j, index=index))
    return chosen, lambda p, i, j, index: gather(log(p), i, j, index=index) if p.op in SATURATING else None


@rule("stabilize", examples=lambda rng: (sigmoid(Input("z", (3, 4), "float64")), np.array([[1], [0], [3]]), 1))
def log_of_taken_along(p: Any, i: Any, axis: Any) -> Any:
    chosen = log(take_along_axis(p, i, axis=axis))
    return chosen, lambda p, i, axis: take_along_axis(log(p), i, axis) if p.op in SATURATING else None


@rule("stabilize", examples=lambda rng: (scores(rng), (1,), True))
def log_mean_exp(x: Any, axis: Any, keepdims: Any) -> Any:
    def shifted(x: Expr, axis: Any, keepdims: bool) -> Any:
        return logsumexp(x, axis, keepdims) - log(size(x, axis=axis, dtype=x.dtype))

    return log(mean(exp(x), axis=axis, keepdims=keepdims)), shifted


@rule("stabilize", examples=lambda rng: (3.0, scores(rng), (1,), True))
def log_sum_scaled_exp(a: Any, x: Any, axis: Any, keepdims: Any) -> Any:
    def shifted(a: Expr, x: Expr, axis: Any, keepdims: bool) -> Any:
        positive = isinstance(a, Constant) and a.ndim == 0 and a.value > 0
        return logsumexp(x, axis, keepdims) + log(a) if positive else None

    return log(sum(a * exp(x), axis=axis, keepdims=keepdims)), shifted


@rule("stabilize", when="y is finite where c fails", examples=lambda rng: (scores(rng) > 0, scores(rng), scores(rng)))
def multiply_where(c: Any, x: Any, y: Any) -> Any:
    """Choose last, so that what a condition keeps out cannot make the product not a number."""
    return where(c, x, 0) * y, lambda c, x, y: where(c, x * y, np.zeros((), y.dtype))


@rule("stabilize", when="y != 0 where c fails", examples=lambda rng: (scores(rng) > 0, scores(rng), scores(rng)))
def divide_where(c: Any, x: Any, y: Any) -> Any:
    """Choose last, so that what a condition keeps out cannot make the quotient not a number."""
    return where(c, x, 0) / y, lambda c, x, y: where(c, x / y, np.zeros((), y.dtype))
