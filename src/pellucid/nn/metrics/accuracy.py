r"""Accuracy metrics."""

from __future__ import annotations

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, Operand, as_expr, is_compatible_shape
from pellucid.graph.ops.elementwise import cast
from pellucid.graph.ops.indexing import take_along_axis
from pellucid.graph.ops.logic import equal
from pellucid.graph.ops.reductions import argmax, mean, sum
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.types import as_float
from pellucid.nn.metrics.base import MeanMetricWrapper
from pellucid.nn.targets import align_columns, align_labels

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "accuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]


def accuracy(y_true: Operand, y_pred: Operand) -> Expr:
    r"""Accuracy, :math:`[\hat{y} = y]`, with the kind chosen from the shapes, as in Keras.

    One column means `binary_accuracy`, integer labels `sparse_categorical_accuracy`, columns of the same shape
    `categorical_accuracy`. Integer predictions are compared with the labels.

    Parameters
    ----------
    y_true : Expr
        Labels or one-hot labels.
    y_pred : Expr, shape (..., columns) or (n,)
        Probabilities or logits.

    Returns
    -------
    Expr, shape (...)
        1 if the prediction is correct, else 0.

    Examples
    --------
    >>> y, p = pel.ivector("y", shape=("n",)), pel.matrix("p", shape=("n", 3))
    >>> pel.function([y, p], accuracy(y, p).mean())([0, 1], [[0.8, 0.1, 0.1], [0.5, 0.2, 0.3]])
    np.float32(0.5)
    """
    y_true, y_pred = as_expr(y_true), as_expr(y_pred)
    if y_pred.dtype.kind in "iub" and is_compatible_shape(y_true.shape, y_pred.shape):
        return cast(equal(y_true, y_pred), dtype=as_float(y_pred.dtype))
    if y_pred.ndim <= 1 or y_pred.shape[-1] == 1:
        return binary_accuracy(y_true, y_pred)
    if y_true.ndim < y_pred.ndim or y_true.shape[-1] == 1:
        return sparse_categorical_accuracy(y_true, y_pred)
    return categorical_accuracy(y_true, y_pred)


def sparse_categorical_accuracy(y_true: Operand, y_pred: Operand) -> Expr:
    r"""Accuracy of integer labels, :math:`[\operatorname{argmax}_k p_k = y]`.

    Parameters
    ----------
    y_true : Expr of integers, shape (...) or (..., 1)
        Class labels, starting at 0.
    y_pred : Expr, shape (..., classes)
        Probabilities or logits.

    Returns
    -------
    Expr, shape (...)
        1 if correct, else 0.

    Examples
    --------
    >>> y, p = pel.ivector("y", shape=("n",)), pel.matrix("p", shape=("n", 3))
    >>> sparse_categorical_accuracy(y, p).shape
    ('n',)
    """
    y_true, y_pred = align_labels(y_true, y_pred, "sparse_categorical_accuracy")
    result: Expr = cast(equal(y_true, argmax(y_pred, axis=-1)), dtype=as_float(y_pred.dtype))
    return result


def categorical_accuracy(y_true: Operand, y_pred: Operand) -> Expr:
    r"""Accuracy of one-hot labels,
    :math:`[\operatorname{argmax}_k p_k = \operatorname{argmax}_k t_k]`.

    Parameters
    ----------
    y_true, y_pred : Expr, shape (..., classes)
        One-hot labels, and probabilities or logits.

    Returns
    -------
    Expr, shape (...)
        1 if correct, else 0.

    Examples
    --------
    >>> t, p = pel.matrix("t", shape=("n", 3)), pel.matrix("p", shape=("n", 3))
    >>> categorical_accuracy(t, p).shape
    ('n',)
    """
    y_true, y_pred = align_columns(y_true, y_pred, "categorical_accuracy")
    result: Expr = cast(equal(argmax(y_true, axis=-1), argmax(y_pred, axis=-1)), dtype=y_pred.dtype)
    return result


def binary_accuracy(y_true: Operand, y_pred: Operand, threshold: float = 0.5) -> Expr:
    r"""Fraction of columns on the correct side of a threshold, :math:`\frac{1}{k} \sum_k [t_k = [p_k > \theta]]`.

    Parameters
    ----------
    y_true : Expr, shape (..., columns) or (n,)
        Labels, 0 and 1.
    y_pred : Expr, shape (..., columns) or (n,)
        Probabilities.
    threshold : float
        :math:`\theta`.

    Returns
    -------
    Expr, shape (...)
        Values in [0, 1].

    Examples
    --------
    >>> t, p = pel.vector("t", shape=("n",)), pel.matrix("p", shape=("n", 1))
    >>> binary_accuracy(t, p).shape
    ('n',)
    """
    y_true, y_pred = align_columns(y_true, y_pred, "binary_accuracy")
    correct = equal(y_true, cast(y_pred > threshold, dtype=y_pred.dtype))
    result: Expr = mean(cast(correct, dtype=y_pred.dtype), axis=-1)
    return result


def sparse_top_k_categorical_accuracy(y_true: Operand, y_pred: Operand, k: int = 5) -> Expr:
    r"""Whether the label is among the ``k`` largest columns, :math:`[\#\{j : p_j > p_y\} < k]`.

    Parameters
    ----------
    y_true, y_pred
        See `sparse_categorical_accuracy`, also for the result.
    k : int
        Number of top classes, at least 1.

    Raises
    ------
    ValueError
        If ``k`` is less than 1.

    Examples
    --------
    >>> y, p = pel.ivector("y", shape=("n",)), pel.matrix("p", shape=("n", 3))
    >>> pel.function([y, p], sparse_top_k_categorical_accuracy(y, p, k=2))([0, 2], [[0.3, 0.1, 0.6]] * 2)
    array([1., 1.], dtype=float32)
    """
    if not k >= 1:
        raise OptionError(f"sparse_top_k_categorical_accuracy: expected k >= 1. Received: k={k!r}")
    y_true, y_pred = align_labels(y_true, y_pred, "sparse_top_k_categorical_accuracy")
    chosen = take_along_axis(y_pred, expand_dims(y_true, -1), axis=-1)
    greater = sum(cast(y_pred > chosen, dtype=as_float(y_pred.dtype)), axis=-1)
    result: Expr = cast(greater < k, dtype=as_float(y_pred.dtype))
    return result


def top_k_categorical_accuracy(y_true: Operand, y_pred: Operand, k: int = 5) -> Expr:
    """Whether the one-hot label is among the ``k`` largest columns; see `sparse_top_k_categorical_accuracy`.

    Parameters
    ----------
    y_true : Expr, shape (..., classes)
        One-hot labels.
    y_pred : Expr, shape (..., classes)
        Scores.
    k : int
        Number of largest scores among which the true class must be.

    Examples
    --------
    >>> t, p = pel.matrix("t", shape=("n", 3)), pel.matrix("p", shape=("n", 3))
    >>> top_k_categorical_accuracy(t, p, k=2).shape
    ('n',)
    """
    y_true, y_pred = align_columns(y_true, y_pred, "top_k_categorical_accuracy")
    return sparse_top_k_categorical_accuracy(argmax(y_true, axis=-1), y_pred, k)


class Accuracy(MeanMetricWrapper):
    """Fraction of correct predictions: the mean of `accuracy` of all samples.

    Keras's class of this name only compares labels with labels.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.ivector("t", shape=("n",)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], Accuracy()(t, y))([0, 1], [[0.9, 0.1], [0.8, 0.2]])
    np.float32(0.5)
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(accuracy, name)


class BinaryAccuracy(MeanMetricWrapper):
    """Accuracy of two classes: the mean of `binary_accuracy` of all samples.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.
    threshold : float
        Predictions above it are positive.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], BinaryAccuracy(threshold=0.5)(t, y))([0.0, 1.0, 1.0], [0.7, 0.8, 0.9])
    np.float32(0.6666667)
    """

    def __init__(self, name: str | None = None, threshold: float = 0.5) -> None:
        super().__init__(binary_accuracy, name, threshold=threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    """Accuracy of one-hot labels: the mean of `categorical_accuracy` of all samples.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], CategoricalAccuracy()(t, y))([[1.0, 0.0], [0.0, 1.0]], [[0.9, 0.1], [0.8, 0.2]])
    np.float32(0.5)
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(categorical_accuracy, name)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """Accuracy of integer labels: the mean of `sparse_categorical_accuracy` of all samples.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.ivector("t", shape=("n",)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], SparseCategoricalAccuracy()(t, y))([0, 1], [[0.9, 0.1], [0.8, 0.2]])
    np.float32(0.5)
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(sparse_categorical_accuracy, name)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """Top-k accuracy of one-hot labels: the mean of `top_k_categorical_accuracy` of all samples.

    Parameters
    ----------
    k : int
        Number of largest scores among which the true class must be.
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 3)), pel.matrix("y", shape=("n", 3))
    >>> pel.function([t, y], TopKCategoricalAccuracy(k=2)(t, y))([[1.0, 0.0, 0.0]], [[0.3, 0.5, 0.2]])
    np.float32(1.0)
    """

    def __init__(self, k: int = 5, name: str | None = None) -> None:
        super().__init__(top_k_categorical_accuracy, name, k=k)


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """Top-k accuracy of integer labels: the mean of `sparse_top_k_categorical_accuracy` of all samples.

    Parameters
    ----------
    k : int
        Number of largest scores among which the true class must be.
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.ivector("t", shape=("n",)), pel.matrix("y", shape=("n", 3))
    >>> pel.function([t, y], SparseTopKCategoricalAccuracy(k=2)(t, y))([0, 1], [[0.3, 0.5, 0.2], [0.5, 0.2, 0.3]])
    np.float32(0.5)
    """

    def __init__(self, k: int = 5, name: str | None = None) -> None:
        super().__init__(sparse_top_k_categorical_accuracy, name, k=k)
