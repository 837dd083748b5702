r"""Crossentropies in which what is predicted well already counts less."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.ops.exponentials import log
from pellucid.graph.ops.reductions import mean, sum
from pellucid.graph.ops.softmax_sigmoid import sigmoid
from pellucid.nn.activations import softmax
from pellucid.nn.losses.crossentropy import smoothed
from pellucid.nn.targets import columns


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Expr:
    r"""Crossentropy weighted by what is missing to certainty,
    :math:`-\sum_k \alpha (1 - p_k)^\gamma \, t_k \log p_k`.

    Parameters
    ----------
    y_true : Expr, shape (..., classes)
        One-hot columns or probabilities :math:`t`.
    y_pred : Expr, shape (..., classes)
        Probabilities :math:`p`, or with ``from_logits`` the scores whose softmax they are.
    alpha : float or sequence of float
        The weight :math:`\alpha` of all classes, or one for each.
    gamma : float
        :math:`\gamma`, how much less; 0 is the crossentropy.
    from_logits : bool
        Which of the two.
    label_smoothing : float
        :math:`s`, from 0 to 1: the targets become :math:`t (1 - s) + s / k` for :math:`k` classes.
    axis : int
        Where the classes lie.

    Returns
    -------
    Expr, shape (...)
        One value a sample.

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> t, p = pel.matrix("t", shape=("n", 2)), pel.matrix("p", shape=("n", 2))
    >>> pel.function([t, p], categorical_focal_crossentropy(t, p))([[1.0, 0.0]], [[0.5, 0.5]])
    array([0.0433217], dtype=float32)

    References
    ----------
    T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollar, Focal Loss for Dense Object Detection, ICCV 2017.
    """
    y_true, y_pred = columns(y_true, y_pred, "categorical_focal_crossentropy")
    p = softmax(y_pred, axis=axis) if from_logits else y_pred
    t = smoothed(y_true, label_smoothing, axis)
    weight = np.asarray(alpha, y_pred.dtype)
    result: Expr = -sum(weight * ((1 - p) ** gamma * (t * log(p))), axis=axis)
    return result


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Expr:
    r"""Crossentropy of yes-or-no columns weighted by what is missing to certainty,
    :math:`-\frac{1}{k} \sum_k (1 - q_k)^\gamma (t_k \log p_k + (1 - t_k) \log (1 - p_k))` with
    :math:`q = t p + (1 - t) (1 - p)`.

    Parameters
    ----------
    y_true : Expr, shape (..., columns) or (n,)
        Zeros and ones :math:`t`.
    y_pred : Expr, shape (..., columns) or (n,)
        Probabilities :math:`p`, or with ``from_logits`` the scores whose sigmoid they are.
    apply_class_balancing : bool
        Whether yes is weighted by :math:`\alpha` and no by :math:`1 - \alpha`.
    alpha : float
        That weight.
    gamma : float
        :math:`\gamma`, how much less; 0 is the crossentropy.
    from_logits : bool
        Whether scores are given.
    label_smoothing : float
        :math:`s`, from 0 to 1: the targets become :math:`t (1 - s) + s / 2`.
    axis : int
        Along which the mean is taken.

    Returns
    -------
    Expr, shape (...)
        One value a sample.

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> t, p = pel.vector("t", shape=("n",)), pel.vector("p", shape=("n",))
    >>> pel.function([t, p], binary_focal_crossentropy(t, p))([1.0], [0.5])
    array([0.1732868], dtype=float32)

    References
    ----------
    T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollar, Focal Loss for Dense Object Detection, ICCV 2017.
    """
    y_true, y_pred = columns(y_true, y_pred, "binary_focal_crossentropy")
    p = sigmoid(y_pred) if from_logits else y_pred
    t = smoothed(y_true, label_smoothing)
    missing = t * (1 - p) + (1 - t) * p
    surprise = -(missing**gamma) * (t * log(p) + (1 - t) * log(1 - p))
    if apply_class_balancing:
        surprise = (t * alpha + (1 - t) * (1 - alpha)) * surprise
    result: Expr = mean(surprise, axis=axis)
    return result
