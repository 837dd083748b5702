r"""Losses: how far predictions are from what is wanted, one value a sample; take their mean or sum to train.

They are written as the formulas stand in books, and no probability is clipped. What keeps them finite is that a
graph is rewritten before it is differentiated: :math:`\log \operatorname{softmax}(z)`, :math:`\log (1 - \sigma(z))` and
their kin become forms that neither overflow nor lose digits, so that the crossentropy of a softmax or sigmoid is
right at any score, and so is its gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.errors import tell_near_misses
from pellucid.graph.expr import Expr
from pellucid.graph.ops.elementwise import absolute, square
from pellucid.graph.ops.exponentials import log
from pellucid.graph.ops.indexing import take_along_axis
from pellucid.graph.ops.neural import sigmoid
from pellucid.graph.ops.reductions import mean, sum
from pellucid.graph.ops.shapes import expand_dims, squeeze
from pellucid.nn.activations import softmax
from pellucid.nn.lookup import look_up
from pellucid.nn.targets import columns, labels

Loss = Callable[[Any, Any], Expr]


def sparse_categorical_crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False) -> Expr:
    r"""Crossentropy of integer labels and probabilities, :math:`-\log p_y`.

    Parameters
    ----------
    y_true : Expr of integers, shape (...) or (..., 1)
        The classes, from 0.
    y_pred : Expr, shape (..., classes)
        Probabilities, or with ``from_logits`` the scores whose softmax they are.
    from_logits : bool
        Which of the two.

    Returns
    -------
    Expr, shape (...)
        In nats.

    Raises
    ------
    ShapeError, DtypeError
        If shapes do not belong together, or labels are no integers.

    Examples
    --------
    >>> y, z = pel.ivector("y", shape=("n",)), pel.matrix("z", shape=("n", 3))
    >>> pel.simplify(sparse_categorical_crossentropy(y, pel.softmax(z)))
    sparse_crossentropy(y, z)

    References
    ----------
    C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 4.3.4.
    """
    y_true, y_pred = labels(y_true, y_pred, "sparse_categorical_crossentropy")
    p = softmax(y_pred) if from_logits else y_pred
    chosen = take_along_axis(p, expand_dims(y_true, -1), axis=-1)
    result: Expr = -squeeze(log(chosen), axis=-1)
    return result


def categorical_crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False) -> Expr:
    r"""Crossentropy of two distributions, :math:`-\sum_k t_k \log p_k`.

    Probabilities are taken as they are; Keras divides them by their sum first, which changes nothing after a softmax.

    Parameters
    ----------
    y_true : Expr, shape (..., classes)
        One-hot columns or probabilities :math:`t`.
    y_pred : Expr, shape (..., classes)
        Probabilities :math:`p`, or with ``from_logits`` the scores whose softmax they are.
    from_logits : bool
        Which of the two.

    Returns
    -------
    Expr, shape (...)
        In nats.

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> t, z = pel.matrix("t", shape=("n", 3)), pel.matrix("z", shape=("n", 3))
    >>> pel.simplify(categorical_crossentropy(t, pel.softmax(z)))
    -(t * log_softmax(z)).sum(axis=1)

    References
    ----------
    C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 4.3.4.
    """
    y_true, y_pred = columns(y_true, y_pred, "categorical_crossentropy")
    result: Expr = -sum(y_true * log(softmax(y_pred) if from_logits else y_pred), axis=-1)
    return result


def binary_crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False) -> Expr:
    r"""Crossentropy of yes-or-no columns, :math:`-\frac{1}{k} \sum_k t_k \log p_k + (1 - t_k) \log (1 - p_k)`.

    Parameters
    ----------
    y_true : Expr, shape (..., columns), or (n,) for one column
        Zeros and ones :math:`t`, or probabilities.
    y_pred : Expr, shape (..., columns) or (n,)
        Probabilities :math:`p`, or with ``from_logits`` the scores whose sigmoid they are.
    from_logits : bool
        Which of the two.

    Returns
    -------
    Expr, shape (...)
        In nats.

    Raises
    ------
    ShapeError
        If the shapes differ; labels for two columns must be one-hot.

    Examples
    --------
    >>> t, z = pel.matrix("t", shape=("n", 1)), pel.matrix("z", shape=("n", 1))
    >>> loss = binary_crossentropy(t, pel.sigmoid(z))
    >>> pel.function([t, z], loss)([[1.0], [1.0]], [[1000.0], [-1000.0]])
    array([   0., 1000.], dtype=float32)

    References
    ----------
    C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 4.3.2.
    """
    y_true, y_pred = columns(y_true, y_pred, "binary_crossentropy")
    p = sigmoid(y_pred) if from_logits else y_pred
    result: Expr = -mean(y_true * log(p) + (1 - y_true) * log(1 - p), axis=-1)
    return result


def mean_squared_error(y_true: Any, y_pred: Any) -> Expr:
    r"""Mean of squared differences, :math:`\frac{1}{k} \sum_k (t_k - y_k)^2`.

    Parameters
    ----------
    y_true, y_pred : Expr, shape (..., columns) or (n,)
        What is wanted and what is predicted.

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
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> mean_squared_error(t, y)
    ((t - y) ** 2).mean(axis=1)
    """
    y_true, y_pred = columns(y_true, y_pred, "mean_squared_error")
    result: Expr = mean(square(y_true - y_pred), axis=-1)
    return result


def mean_absolute_error(y_true: Any, y_pred: Any) -> Expr:
    r"""Mean of absolute differences, :math:`\frac{1}{k} \sum_k |t_k - y_k|`.

    Parameters and result are those of `mean_squared_error`.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> mean_absolute_error(t, y)
    abs(t - y).mean(axis=1)
    """
    y_true, y_pred = columns(y_true, y_pred, "mean_absolute_error")
    result: Expr = mean(absolute(y_true - y_pred), axis=-1)
    return result


NAMED: dict[str, Loss] = {
    "binary_crossentropy": binary_crossentropy,
    "categorical_crossentropy": categorical_crossentropy,
    "mae": mean_absolute_error,
    "mean_absolute_error": mean_absolute_error,
    "mean_squared_error": mean_squared_error,
    "mse": mean_squared_error,
    "sparse_categorical_crossentropy": sparse_categorical_crossentropy,
}


def get(identifier: str | Loss) -> Loss:
    """Return the loss of a name, or the function that was given.

    Raises
    ------
    ValueError
        For an unknown name; the nearest is named.

    Examples
    --------
    >>> get("mse").__name__
    'mean_squared_error'
    """
    return look_up("loss", identifier, NAMED)


tell_near_misses(globals(), "pel.losses")
