"""``theano.tensor.nnet``: functions of networks, with channels first."""

from __future__ import annotations

from typing import Any

import numpy as np

import pellucid as pel
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano.tensor.elementwise import FUNCTIONS, apply_float, switch
from pellucid.compat.theano.tensor.nnet import abstract_conv, bn, conv, neighbours  # noqa: F401
from pellucid.compat.theano.tensor.nnet.abstract_conv import conv2d, conv2d_transpose, conv3d  # noqa: F401
from pellucid.compat.theano.tensor.nnet.bn import (  # noqa: F401
    batch_normalization,
    batch_normalization_test,
    batch_normalization_train,
)
from pellucid.compat.theano.variables import TensorVariable, as_tensor_variable, cast_expr, upcast, wrap
from pellucid.graph.errors import ShapeError

sigmoid = FUNCTIONS["sigmoid"]
softplus = FUNCTIONS["softplus"]


def softmax(c: Any) -> TensorVariable:
    """Softmax of each row; a vector is one row."""
    return apply_float(lambda x: pel.softmax(x if x.ndim > 1 else x[None, :], axis=-1), c)


def logsoftmax(c: Any) -> TensorVariable:
    """Logarithm of the softmax of each row."""
    return apply_float(lambda x: pel.log_softmax(x if x.ndim > 1 else x[None, :], axis=-1), c)


def softmax_with_bias(x: Any, b: Any) -> TensorVariable:
    """Softmax of each row of ``x + b``."""
    return softmax(as_tensor_variable(x) + b)  # type: ignore[operator]


softmax_op = softmax


def hard_sigmoid(x: Any) -> TensorVariable:
    """Sigmoid of three straight lines."""
    return apply_float(lambda x: pel.clip(0.2 * x + 0.5, 0, 1), x)


def ultra_fast_sigmoid(x: Any) -> TensorVariable:
    """Approximation of the sigmoid by a rational function."""

    def approximate(x: Any) -> Any:
        z = 0.5 * pel.abs(x)
        near = 1.5 * z / (1 + z)
        middle = 0.935409070603099 + 0.0458812946797165 * (z - 1.7)
        curve = pel.where(z < 1.7, near, pel.where(z < 3, middle, 0.99505475368673))
        return 0.5 * (pel.where(x >= 0, curve, -curve) + 1)

    return apply_float(approximate, x)


def relu(x: Any, alpha: Any = 0) -> TensorVariable:
    """Rectifier; ``alpha`` is the slope for negative numbers. Arrays of NumPy stay arrays."""
    if isinstance(x, np.ndarray):
        return np.maximum(x, 0) + alpha * np.minimum(x, 0)  # type: ignore[no-any-return]
    if isinstance(alpha, int | float) and alpha == 0:
        return (
            apply_float(pel.relu, x) if as_tensor_variable(x).dtype.startswith("float") else FUNCTIONS["maximum"](x, 0)
        )  # type: ignore[no-any-return]
    x = as_tensor_variable(x)
    return switch(x > 0, x, x * alpha)


def elu(x: Any, alpha: Any = 1) -> TensorVariable:
    """Exponential linear unit."""
    x = as_tensor_variable(x)
    return switch(x > 0, x, alpha * FUNCTIONS["expm1"](FUNCTIONS["minimum"](x, 0)))


def selu(x: Any) -> TensorVariable:
    """Scaled exponential linear unit."""
    return 1.0507009873554805 * elu(x, 1.6732632423543772)  # type: ignore[operator, no-any-return]


def softsign(x: Any) -> TensorVariable:
    """Quotient of a number and 1 plus its magnitude."""
    return apply_float(pel.softsign, x)


def binary_crossentropy(output: Any, target: Any) -> TensorVariable:
    """Cross-entropy of probabilities and targets, for each element."""
    p, t = as_tensor_variable(output), as_tensor_variable(target)
    dtype = upcast(p.dtype, t.dtype) if p.dtype.startswith("float") else "float64"
    a, b = cast_expr(p, dtype), cast_expr(t, dtype)
    return wrap(-(b * pel.log(a) + (1 - b) * pel.log(1 - a)))


def sigmoid_binary_crossentropy(output: Any, target: Any) -> TensorVariable:
    """Binary cross-entropy of the sigmoid of logits."""
    return binary_crossentropy(sigmoid(output), target)


def categorical_crossentropy(coding_dist: Any, true_dist: Any) -> TensorVariable:
    """Cross-entropy of each row of probabilities with labels or distributions."""
    p, t = as_tensor_variable(coding_dist), as_tensor_variable(true_dist)
    if t.ndim == p.ndim:
        return wrap(-pel.sum(cast_expr(t, p.dtype) * pel.log(p.expr), axis=-1))
    if t.ndim != p.ndim - 1:
        raise ShapeError(
            "categorical_crossentropy: rank mismatch between coding and true distributions. Expected labels, or a "
            f"distribution for each row. Received: {p.ndim} and {t.ndim} dimensions"
        )
    picked = pel.take_along_axis(pel.log(p.expr), pel.cast(t.expr, "int64")[..., None], axis=-1)
    return wrap(-picked[..., 0])


crossentropy_categorical_1hot = categorical_crossentropy


def crossentropy_softmax_1hot_with_bias(x: Any, b: Any, y_idx: Any) -> list[TensorVariable]:
    """Cross-entropy of labels with the softmax of ``x + b``, and that softmax."""
    p = softmax_with_bias(x, b)
    return [categorical_crossentropy(p, y_idx), p]


crossentropy_softmax_argmax_1hot_with_bias = crossentropy_softmax_1hot_with_bias


def crossentropy_softmax_1hot(x: Any, y_idx: Any) -> list[TensorVariable]:
    """Cross-entropy of labels with a softmax, and that softmax."""
    p = softmax(x)
    return [categorical_crossentropy(p, y_idx), p]


def confusion_matrix(actual: Any, pred: Any) -> list[TensorVariable]:
    """Numbers of each pair of actual and predicted labels, and the labels."""
    from pellucid.compat.theano.tensor import basic

    labels = basic.unique(basic.concatenate([actual, pred]))
    rows, columns = (
        basic.cast(FUNCTIONS["eq"](as_tensor_variable(v).dimshuffle(0, "x"), labels.dimshuffle("x", 0)), "int64")
        for v in (actual, pred)
    )
    return [basic.dot(rows.T, columns), labels]


def h_softmax(*arguments: Any, **options: Any) -> TensorVariable:
    """Refused: a two-level softmax has no counterpart."""
    raise ShapeError("h_softmax is not in pellucid.compat. Use softmax, which XLA computes fast for many classes too")


add_missing_name_errors(globals(), "theano.tensor.nnet")
