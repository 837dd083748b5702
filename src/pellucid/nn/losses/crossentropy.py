r"""Crossentropies: the surprise at what is, to one who believes what is predicted."""

from __future__ import annotations

from typing import Any

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr
from pellucid.graph.ops.exponentials import log
from pellucid.graph.ops.indexing import take_along_axis
from pellucid.graph.ops.minmax_where import where
from pellucid.graph.ops.reductions import mean, sum
from pellucid.graph.ops.reshape import expand_dims, size, squeeze
from pellucid.graph.ops.softmax_sigmoid import sigmoid
from pellucid.nn.activations import softmax
from pellucid.nn.targets import columns, labels


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Expr:
    r"""Crossentropy of integer labels and probabilities, :math:`-\log p_y`.

    Parameters
    ----------
    y_true : Expr of integers, shape (...) or (..., 1)
        The classes, from 0.
    y_pred : Expr, shape (..., classes)
        Probabilities, or with ``from_logits`` the scores whose softmax they are.
    from_logits : bool
        Which of the two.
    ignore_class : int, optional
        A label whose loss is 0, such as that of pixels nobody named; see `SparseCategoricalCrossentropy` for a mean
        that leaves them out.
    axis : int
        Where the classes lie.

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
    y_true, y_pred = labels(y_true, y_pred, "sparse_categorical_crossentropy", axis)
    p = softmax(y_pred) if from_logits else y_pred
    kept = None if ignore_class is None else y_true != ignore_class
    named = y_true if kept is None else where(kept, y_true, 0)
    chosen = take_along_axis(p, expand_dims(named, -1), axis=-1)
    result: Expr = -squeeze(log(chosen), axis=-1)
    return result if kept is None else where(kept, result, 0)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Expr:
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
    label_smoothing : float
        :math:`s`, from 0 to 1: the targets become :math:`t (1 - s) + s / k` for :math:`k` classes.
    axis : int
        Where the classes lie.

    Returns
    -------
    Expr, shape (...)
        In nats.

    Raises
    ------
    ShapeError
        If the shapes differ.
    ValueError
        If the smoothing is out of its range.

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
    t = smoothed(y_true, label_smoothing, axis)
    result: Expr = -sum(t * log(softmax(y_pred, axis=axis) if from_logits else y_pred), axis=axis)
    return result


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Expr:
    r"""Crossentropy of yes-or-no columns, :math:`-\frac{1}{k} \sum_k t_k \log p_k + (1 - t_k) \log (1 - p_k)`.

    Parameters
    ----------
    y_true : Expr, shape (..., columns), or (n,) for one column
        Zeros and ones :math:`t`, or probabilities.
    y_pred : Expr, shape (..., columns) or (n,)
        Probabilities :math:`p`, or with ``from_logits`` the scores whose sigmoid they are.
    from_logits : bool
        Which of the two.
    label_smoothing : float
        :math:`s`, from 0 to 1: the targets become :math:`t (1 - s) + s / 2`.
    axis : int
        Along which the mean is taken.

    Returns
    -------
    Expr, shape (...)
        In nats.

    Raises
    ------
    ShapeError
        If the shapes differ; labels for two columns must be one-hot.
    ValueError
        If the smoothing is out of its range.

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
    t = smoothed(y_true, label_smoothing)
    result: Expr = -mean(t * log(p) + (1 - t) * log(1 - p), axis=axis)
    return result


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float = 0.5) -> Expr:
    r"""A loss between the crossentropy (:math:`q \to 0`) and the absolute error (:math:`q = 1`), for labels that may be
    wrong: :math:`(1 - p_y^q) / q`.

    Parameters
    ----------
    y_true : Expr of integers, shape (...) or (..., 1)
        The classes, from 0.
    y_pred : Expr, shape (..., classes)
        Probabilities.
    q : float
        Above 0 and at most 1.

    Returns
    -------
    Expr, shape (...)
        One value a sample.

    Raises
    ------
    ValueError
        If ``q`` is out of its range.

    Examples
    --------
    >>> y, p = pel.ivector("y", shape=("n",)), pel.matrix("p", shape=("n", 3))
    >>> pel.function([y, p], categorical_generalized_cross_entropy(y, p))([1], [[0.25, 0.25, 0.5]])
    array([1.], dtype=float32)

    References
    ----------
    Z. Zhang and M. Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels,
    NeurIPS 2018.
    """
    if not 0 < q <= 1:
        raise OptionError(f"categorical_generalized_cross_entropy: expected 0 < q <= 1. Received: q={q!r}")
    y_true, y_pred = labels(y_true, y_pred, "categorical_generalized_cross_entropy")
    p = squeeze(take_along_axis(y_pred, expand_dims(y_true, -1), axis=-1), axis=-1)
    result: Expr = (1 - p**q) / q
    return result


def smoothed(t: Expr, share: float, axis: int | None = None) -> Expr:
    """Return targets of which a share is dealt out evenly, to the classes along an axis or to yes and no."""
    if not 0 <= share <= 1:
        raise OptionError(f"Expected a label_smoothing from 0 to 1. Received: label_smoothing={share!r}")
    if not share:
        return t
    count = 2 if axis is None else t.shape[axis]
    result: Expr = t * (1 - share) + share / (count if isinstance(count, int) else size(t, axis=axis, dtype=t.dtype))
    return result
