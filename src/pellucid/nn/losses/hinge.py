r"""Hinge losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from pellucid.graph.expr import Expr, Operand
from pellucid.graph.ops.activations import relu
from pellucid.graph.ops.elementwise import square
from pellucid.graph.ops.indexing import take_along_axis
from pellucid.graph.ops.logic import all_, equal
from pellucid.graph.ops.ranges import arange_like
from pellucid.graph.ops.reductions import max_, mean, sum
from pellucid.graph.ops.reshape import expand_dims, squeeze
from pellucid.graph.ops.special import logit
from pellucid.graph.ops.where import where
from pellucid.nn.losses.base import Loss
from pellucid.nn.targets import align_columns, align_labels

__all__ = [
    "CategoricalHinge",
    "Hinge",
    "SquaredHinge",
    "binary_hinge",
    "categorical_hinge",
    "hinge",
    "multiclass_hinge",
    "squared_hinge",
]


def hinge(y_true: Operand, y_pred: Operand) -> Expr:
    r"""Hinge loss, :math:`\frac{1}{k} \sum_k \max(1 - t_k y_k, 0)`.

    Parameters
    ----------
    y_true : Expr, shape (..., columns) or (n,)
        Labels :math:`t`, -1 and 1. If all are 0 or 1, they are converted.
    y_pred : Expr, shape (..., columns) or (n,)
        Scores :math:`y`.

    Returns
    -------
    Expr, shape (...)
        Loss of each sample.

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], hinge(t, y))([1.0, -1.0], [0.25, -3.0])
    array([0.75, 0.  ], dtype=float32)

    References
    ----------
    C. Cortes and V. Vapnik, Support-Vector Networks, Machine Learning 20, 1995.
    """
    y_true, y_pred = align_columns(y_true, y_pred, "hinge")
    result: Expr = mean(relu(1 - to_signs(y_true) * y_pred), axis=-1)
    return result


class Hinge(Loss):
    """Hinge loss of a batch: `hinge` of each sample, reduced to a scalar.

    Parameters
    ----------
    reduction : str or None
        ``"sum_over_batch_size"`` (the mean), ``"sum"``, ``"mean_with_sample_weight"``, or None for one loss per sample.
    name : str, optional
        Name of the loss. By default the class name in snake case.
    **settings : keyword arguments
        Settings of the function, if it has any.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], Hinge()(t, y))([1.0, -1.0], [0.5, 0.5])
    np.float32(1.0)
    """

    function: ClassVar[Callable[..., Expr]] = staticmethod(hinge)


def squared_hinge(y_true: Operand, y_pred: Operand) -> Expr:
    r"""Squared hinge loss, :math:`\frac{1}{k} \sum_k \max(1 - t_k y_k, 0)^2`.

    Parameters
    ----------
    y_true, y_pred : Expr, shape (..., columns) or (n,)
        Labels, -1 and 1 or 0 and 1, and scores.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], squared_hinge(t, y))([1.0, -1.0], [0.5, -3.0])
    array([0.25, 0.  ], dtype=float32)
    """
    y_true, y_pred = align_columns(y_true, y_pred, "squared_hinge")
    result: Expr = mean(square(relu(1 - to_signs(y_true) * y_pred)), axis=-1)
    return result


class SquaredHinge(Loss):
    """Squared hinge loss of a batch: `squared_hinge` of each sample, reduced to a scalar.

    Parameters
    ----------
    reduction : str or None
        ``"sum_over_batch_size"`` (the mean), ``"sum"``, ``"mean_with_sample_weight"``, or None for one loss per sample.
    name : str, optional
        Name of the loss. By default the class name in snake case.
    **settings : keyword arguments
        Settings of the function, if it has any.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], SquaredHinge()(t, y))([1.0, -1.0], [0.5, 0.5])
    np.float32(1.25)
    """

    function: ClassVar[Callable[..., Expr]] = staticmethod(squared_hinge)


def to_signs(t: Expr) -> Expr:
    """Convert labels 0 and 1 to -1 and 1; return other labels unchanged."""
    result: Expr = where(all_(equal(t, 0) | equal(t, 1)), 2 * t - 1, t)
    return result


def binary_hinge(y_true: Operand, y_pred: Operand, delta: float = 1.0, log_odds: bool = True) -> Expr:
    r"""Hinge loss with a margin, :math:`\frac{1}{k} \sum_k \max(\delta - (2 t_k - 1) y_k, 0)`, as in
    Lasagne.

    Parameters
    ----------
    y_true, y_pred
        See `hinge`, also for the result and the errors; the labels :math:`t` are 0 and 1.
    delta : float
        Margin :math:`\delta`.
    log_odds : bool
        Whether ``y_pred`` contains log-odds. Otherwise it contains probabilities.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], binary_hinge(t, y))([1.0, 0.0], [0.25, -3.0])
    array([0.75, 0.  ], dtype=float32)
    """
    y_true, y_pred = align_columns(y_true, y_pred, "binary_hinge")
    score = y_pred if log_odds else logit(y_pred)
    result: Expr = mean(relu(delta - (2 * y_true - 1) * score), axis=-1)
    return result


def categorical_hinge(y_true: Operand, y_pred: Operand) -> Expr:
    r"""Categorical hinge loss,
    :math:`\max(\max_k (1 - t_k) y_k - \sum_k t_k y_k + 1, 0)`.

    Parameters
    ----------
    y_true : Expr, shape (..., classes)
        One-hot labels :math:`t`.
    y_pred : Expr, shape (..., classes)
        Scores :math:`y`.

    Returns
    -------
    Expr, shape (...)
        Loss of each sample.

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 3)), pel.matrix("y", shape=("n", 3))
    >>> pel.function([t, y], categorical_hinge(t, y))([[0.0, 1.0, 0.0]], [[0.5, 1.0, 0.0]])
    array([0.5], dtype=float32)
    """
    y_true, y_pred = align_columns(y_true, y_pred, "categorical_hinge")
    wrong, right = max_((1 - y_true) * y_pred, axis=-1), sum(y_true * y_pred, axis=-1)
    result: Expr = relu(wrong - right + 1)
    return result


class CategoricalHinge(Loss):
    """Categorical hinge loss of a batch: `categorical_hinge` of each sample, reduced to a scalar.

    Parameters
    ----------
    reduction : str or None
        ``"sum_over_batch_size"`` (the mean), ``"sum"``, ``"mean_with_sample_weight"``, or None for one loss per sample.
    name : str, optional
        Name of the loss. By default the class name in snake case.
    **settings : keyword arguments
        Settings of the function, if it has any.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], CategoricalHinge()(t, y))([[0.0, 1.0]], [[0.5, 1.0]])
    np.float32(0.5)
    """

    function: ClassVar[Callable[..., Expr]] = staticmethod(categorical_hinge)


def multiclass_hinge(y_true: Operand, y_pred: Operand, delta: float = 1.0) -> Expr:
    r"""Multiclass hinge loss,
    :math:`\max(\max_{k \ne y} s_k - s_y + \delta, 0)`, as in Lasagne.

    Parameters
    ----------
    y_true : Expr of integers, shape (...) or (..., 1)
        Class labels, starting at 0.
    y_pred : Expr, shape (..., classes)
        Scores :math:`s`.
    delta : float
        Margin :math:`\delta`.

    Returns
    -------
    Expr, shape (...)
        Loss of each sample.

    Raises
    ------
    ShapeError, DtypeError
        If the shapes do not match, or the labels are not integers.

    Examples
    --------
    >>> y, s = pel.ivector("y", shape=("n",)), pel.matrix("s", shape=("n", 3))
    >>> pel.function([y, s], multiclass_hinge(y, s))([1], [[-3.0, -1.0, -1.5]])
    array([0.5], dtype=float32)

    References
    ----------
    K. Crammer and Y. Singer, On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines, JMLR 2001.
    """
    y_true, y_pred = align_labels(y_true, y_pred, "multiclass_hinge")
    label = expand_dims(y_true, -1)
    right = squeeze(take_along_axis(y_pred, label, axis=-1), axis=-1)
    others = where(equal(arange_like(y_pred, axis=-1), label), np.asarray(-np.inf, y_pred.dtype), y_pred)
    result: Expr = relu(max_(others, axis=-1) - right + delta)
    return result
