r"""Forms that neither overflow nor lose their digits: for the value and, because gradients are taken after, for the
gradient.

The identities are those of the references in `logsumexp`, `log_softmax` and `softplus`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.ops.elementwise import exp, expm1, log, log1p
from pellucid.graph.ops.indexing import take_along_axis
from pellucid.graph.ops.neural import log1m_softmax, log_softmax, sigmoid, softmax, softplus, sparse_crossentropy
from pellucid.graph.ops.reductions import logsumexp, sum
from pellucid.graph.ops.shapes import expand_dims, squeeze
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
