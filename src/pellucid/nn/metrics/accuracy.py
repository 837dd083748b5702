r"""Accuracies: the share of what is right."""

from __future__ import annotations

from typing import Any

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, agree, as_expr
from pellucid.graph.ops.elementwise import cast
from pellucid.graph.ops.indexing import take_along_axis
from pellucid.graph.ops.logic import equal
from pellucid.graph.ops.reductions import argmax, mean, sum
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.types import as_float
from pellucid.nn.metrics.base import MeanOf
from pellucid.nn.targets import columns, labels


def accuracy(y_true: Any, y_pred: Any) -> Expr:
    r"""Share of predictions that are right, :math:`[\hat{y} = y]`, by what the shapes say, as Keras has it.

    One column is binary (`binary_accuracy`); columns and integer labels are `sparse_categorical_accuracy`; columns
    and as many columns are `categorical_accuracy`. Integers that are predicted are right where they are what is wanted.

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
    if y_pred.dtype.kind in "iub" and agree(y_true.shape, y_pred.shape):
        return cast(equal(y_true, y_pred), dtype=as_float(y_pred.dtype))  # type: ignore[no-any-return]
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


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Expr:
    r"""Whether the label is among the ``k`` greatest columns, :math:`[\#\{j : p_j > p_y\} < k]`.

    Parameters
    ----------
    y_true : Expr of integers, shape (...) or (..., 1)
        Classes, from 0.
    y_pred : Expr, shape (..., classes)
        Probabilities or scores.
    k : int
        How many count, 1 or more.

    Returns
    -------
    Expr, shape (...)
        1 or 0.

    Raises
    ------
    ValueError
        If ``k`` is below 1.

    Examples
    --------
    >>> y, p = pel.ivector("y", shape=("n",)), pel.matrix("p", shape=("n", 3))
    >>> pel.function([y, p], sparse_top_k_categorical_accuracy(y, p, k=2))([0, 2], [[0.3, 0.1, 0.6]] * 2)
    array([1., 1.], dtype=float32)
    """
    if not k >= 1:
        raise OptionError(f"top_k_categorical_accuracy: expected k to be 1 or more. Received: k={k!r}")
    y_true, y_pred = labels(y_true, y_pred, "sparse_top_k_categorical_accuracy")
    chosen = take_along_axis(y_pred, expand_dims(y_true, -1), axis=-1)
    greater = sum(cast(y_pred > chosen, dtype=as_float(y_pred.dtype)), axis=-1)
    result: Expr = cast(greater < k, dtype=as_float(y_pred.dtype))
    return result


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Expr:
    r"""Whether the column wanted is among the ``k`` greatest; see `sparse_top_k_categorical_accuracy`.

    Parameters
    ----------
    y_true : Expr, shape (..., classes)
        One-hot columns.
    y_pred : Expr, shape (..., classes)
        Probabilities or scores.
    k : int
        How many count, 1 or more.

    Returns
    -------
    Expr, shape (...)
        1 or 0.

    Examples
    --------
    >>> t, p = pel.matrix("t", shape=("n", 3)), pel.matrix("p", shape=("n", 3))
    >>> top_k_categorical_accuracy(t, p, k=2).shape
    ('n',)
    """
    y_true, y_pred = columns(y_true, y_pred, "top_k_categorical_accuracy")
    return sparse_top_k_categorical_accuracy(argmax(y_true, axis=-1), y_pred, k)


class Accuracy(MeanOf):
    r"""Mean of `accuracy`, which goes by the shapes; Keras's class of this name only compares labels with labels."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(accuracy, name)


class BinaryAccuracy(MeanOf):
    r"""Mean of `binary_accuracy`."""

    def __init__(self, name: str | None = None, threshold: float = 0.5) -> None:
        super().__init__(binary_accuracy, name, threshold=threshold)


class CategoricalAccuracy(MeanOf):
    r"""Mean of `categorical_accuracy`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(categorical_accuracy, name)


class SparseCategoricalAccuracy(MeanOf):
    r"""Mean of `sparse_categorical_accuracy`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(sparse_categorical_accuracy, name)


class TopKCategoricalAccuracy(MeanOf):
    r"""Mean of `top_k_categorical_accuracy`."""

    def __init__(self, k: int = 5, name: str | None = None) -> None:
        super().__init__(top_k_categorical_accuracy, name, k=k)


class SparseTopKCategoricalAccuracy(MeanOf):
    r"""Mean of `sparse_top_k_categorical_accuracy`."""

    def __init__(self, k: int = 5, name: str | None = None) -> None:
        super().__init__(sparse_top_k_categorical_accuracy, name, k=k)
