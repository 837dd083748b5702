r"""Metrics: what a person wants to know of a model, one value a sample; their mean is the figure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.errors import tell_near_misses
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.ops.elementwise import cast
from pellucid.graph.ops.logic import equal
from pellucid.graph.ops.reductions import argmax, mean
from pellucid.graph.types import as_float
from pellucid.nn import losses
from pellucid.nn.lookup import look_up
from pellucid.nn.targets import columns, labels

Metric = Callable[[Any, Any], Expr]


def accuracy(y_true: Any, y_pred: Any) -> Expr:
    r"""Share of predictions that are right, :math:`[\hat{y} = y]`, by what the shapes say, as Keras has it.

    One column is binary (`binary_accuracy`); columns and integer labels are `sparse_categorical_accuracy`; columns
    and as many columns are `categorical_accuracy`.

    Parameters
    ----------
    y_true : Expr
        Labels or columns.
    y_pred : Expr, shape (..., columns) or (n,)
        Probabilities or scores.

    Returns
    -------
    Expr, shape (...)
        1 where a sample is right and 0 where not.

    Examples
    --------
    >>> y, p = pel.ivector("y", shape=("n",)), pel.matrix("p", shape=("n", 3))
    >>> pel.function([y, p], accuracy(y, p).mean())([0, 1], [[0.8, 0.1, 0.1], [0.5, 0.2, 0.3]])
    np.float32(0.5)
    """
    y_true, y_pred = as_expr(y_true), as_expr(y_pred)
    if y_pred.ndim <= 1 or y_pred.shape[-1] == 1:
        return binary_accuracy(y_true, y_pred)
    if y_true.ndim < y_pred.ndim or y_true.shape[-1] == 1:
        return sparse_categorical_accuracy(y_true, y_pred)
    return categorical_accuracy(y_true, y_pred)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Expr:
    r"""Whether the greatest column is the label, :math:`[\operatorname{argmax}_k p_k = y]`.

    Parameters
    ----------
    y_true : Expr of integers, shape (...) or (..., 1)
        Classes, from 0.
    y_pred : Expr, shape (..., classes)
        Probabilities or scores.

    Returns
    -------
    Expr, shape (...)
        1 or 0.

    Examples
    --------
    >>> y, p = pel.ivector("y", shape=("n",)), pel.matrix("p", shape=("n", 3))
    >>> sparse_categorical_accuracy(y, p).shape
    ('n',)
    """
    y_true, y_pred = labels(y_true, y_pred, "sparse_categorical_accuracy")
    result: Expr = cast(equal(y_true, argmax(y_pred, axis=-1)), dtype=as_float(y_pred.dtype))
    return result


def categorical_accuracy(y_true: Any, y_pred: Any) -> Expr:
    r"""Whether the greatest column is the one wanted,
    :math:`[\operatorname{argmax}_k p_k = \operatorname{argmax}_k t_k]`.

    Parameters
    ----------
    y_true : Expr, shape (..., classes)
        One-hot columns.
    y_pred : Expr, shape (..., classes)
        Probabilities or scores.

    Returns
    -------
    Expr, shape (...)
        1 or 0.

    Examples
    --------
    >>> t, p = pel.matrix("t", shape=("n", 3)), pel.matrix("p", shape=("n", 3))
    >>> categorical_accuracy(t, p).shape
    ('n',)
    """
    y_true, y_pred = columns(y_true, y_pred, "categorical_accuracy")
    result: Expr = cast(equal(argmax(y_true, axis=-1), argmax(y_pred, axis=-1)), dtype=y_pred.dtype)
    return result


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Expr:
    r"""Share of columns on the right side of a threshold, :math:`\frac{1}{k} \sum_k [t_k = [p_k > \theta]]`.

    Parameters
    ----------
    y_true : Expr, shape (..., columns) or (n,)
        Zeros and ones.
    y_pred : Expr, shape (..., columns) or (n,)
        Probabilities.
    threshold : float
        :math:`\theta`.

    Returns
    -------
    Expr, shape (...)
        From 0 to 1.

    Examples
    --------
    >>> t, p = pel.vector("t", shape=("n",)), pel.matrix("p", shape=("n", 1))
    >>> binary_accuracy(t, p).shape
    ('n',)
    """
    y_true, y_pred = columns(y_true, y_pred, "binary_accuracy")
    right = equal(y_true, cast(y_pred > threshold, dtype=y_pred.dtype))
    result: Expr = mean(cast(right, dtype=y_pred.dtype), axis=-1)
    return result


NAMED: dict[str, Metric] = {
    **losses.NAMED,
    "acc": accuracy,
    "accuracy": accuracy,
    "binary_accuracy": binary_accuracy,
    "categorical_accuracy": categorical_accuracy,
    "sparse_categorical_accuracy": sparse_categorical_accuracy,
}


def get(identifier: str | Metric) -> Metric:
    """Return the metric of a name, the losses among them, or the function that was given.

    Raises
    ------
    ValueError
        For an unknown name; the nearest is named.

    Examples
    --------
    >>> get("acc").__name__
    'accuracy'
    """
    return look_up("metric", identifier, NAMED)


tell_near_misses(globals(), "nn.metrics")
