r"""Cross-entropy losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, Operand
from pellucid.graph.ops.activations import sigmoid
from pellucid.graph.ops.exponentials import log
from pellucid.graph.ops.indexing import take_along_axis
from pellucid.graph.ops.reductions import mean, sum
from pellucid.graph.ops.reshape import expand_dims, size, squeeze
from pellucid.graph.ops.where import where
from pellucid.nn.activations import softmax
from pellucid.nn.losses.base import DEFAULT_REDUCTION, Loss
from pellucid.nn.losses.reduction import Reduction
from pellucid.nn.targets import align_columns, align_labels

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "categorical_generalized_cross_entropy",
    "sparse_categorical_crossentropy",
]


def sparse_categorical_crossentropy(
    y_true: Operand, y_pred: Operand, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Expr:
    r"""Cross-entropy of integer labels and probabilities, :math:`-\log p_y`.

    Parameters
    ----------
    y_true : Expr of integers, shape (...) or (..., 1)
        Class labels, starting at 0.
    y_pred : Expr, shape (..., classes)
        Probabilities, or logits with ``from_logits``.
    from_logits : bool
        Whether ``y_pred`` contains logits.
    ignore_class : int, optional
        Label with loss 0, such as that of unlabeled pixels. The mean of `SparseCategoricalCrossentropy` excludes it.
    axis : int
        Axis of the classes.

    Returns
    -------
    Expr, shape (...)
        Loss of each sample, in nats.

    Raises
    ------
    ShapeError, DtypeError
        If the shapes do not match, or the labels are not integers.

    Examples
    --------
    >>> y, z = pel.ivector("y", shape=("n",)), pel.matrix("z", shape=("n", 3))
    >>> pel.simplify(sparse_categorical_crossentropy(y, pel.softmax(z)))
    sparse_crossentropy(y, z)

    References
    ----------
    C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 4.3.4.
    """
    y_true, y_pred = align_labels(y_true, y_pred, "sparse_categorical_crossentropy", axis)
    p = softmax(y_pred) if from_logits else y_pred
    kept = None if ignore_class is None else y_true != ignore_class
    labels = y_true if kept is None else where(kept, y_true, 0)
    chosen = take_along_axis(p, expand_dims(labels, -1), axis=-1)
    result: Expr = -squeeze(log(chosen), axis=-1)
    return result if kept is None else where(kept, result, 0)


class SparseCategoricalCrossentropy(Loss):
    """Cross-entropy of integer labels: `sparse_categorical_crossentropy` of each sample, reduced to a scalar. The
    mean excludes the ignored class.

    Parameters
    ----------
    from_logits : bool
        Whether predictions are logits instead of probabilities.
    ignore_class : int, optional
        Label of samples that are ignored.
    reduction : str or None
        ``"sum_over_batch_size"`` (the mean), ``"sum"``, ``"mean_with_sample_weight"``, or None for one loss per sample.
    axis : int
        Axis of the classes.
    name : str, optional
        Name of the loss. By default the class name in snake case.

    Examples
    --------
    >>> y, z = pel.ivector("y", shape=("n",)), pel.matrix("z", shape=("n", 2))
    >>> loss = SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)(y, z)
    >>> pel.function([y, z], loss)([0, -1], [[0.0, 0.0], [5.0, -5.0]])
    np.float32(0.6931472)
    """

    function: ClassVar[Callable[..., Expr]] = staticmethod(sparse_categorical_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: Reduction | None = DEFAULT_REDUCTION,
        axis: int = -1,
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name, from_logits=from_logits, ignore_class=ignore_class, axis=axis)

    def mask(self, y_true: Expr, y_pred: Expr) -> Expr | None:
        """Return the prediction's mask without samples of the ignored class."""
        mask, ignored = super().mask(y_true, y_pred), self.settings["ignore_class"]
        if ignored is None:
            return mask
        kept: Expr = align_labels(y_true, y_pred, self.name, self.settings["axis"])[0] != ignored
        return kept if mask is None else kept & mask


def categorical_crossentropy(
    y_true: Operand, y_pred: Operand, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Expr:
    r"""Cross-entropy of two distributions, :math:`-\sum_k t_k \log p_k`.

    Unlike in Keras, probabilities are not divided by their sum first. After a softmax this makes no difference.

    Parameters
    ----------
    y_true : Expr, shape (..., classes)
        One-hot or soft labels :math:`t`.
    y_pred : Expr, shape (..., classes)
        Probabilities :math:`p`, or logits with ``from_logits``.
    from_logits : bool
        Whether ``y_pred`` contains logits.
    label_smoothing : float
        :math:`s` in [0, 1]. The targets become :math:`t (1 - s) + s / k` for :math:`k` classes.
    axis : int
        Axis of the classes.

    Returns
    -------
    Expr, shape (...)
        Loss of each sample, in nats.

    Raises
    ------
    ShapeError
        If the shapes differ.
    ValueError
        If ``label_smoothing`` is outside [0, 1].

    Examples
    --------
    >>> t, z = pel.matrix("t", shape=("n", 3)), pel.matrix("z", shape=("n", 3))
    >>> pel.simplify(categorical_crossentropy(t, pel.softmax(z)))
    -(t * log_softmax(z)).sum(axis=1)

    References
    ----------
    C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 4.3.4.
    """
    y_true, y_pred = align_columns(y_true, y_pred, "categorical_crossentropy")
    t = smooth_labels(y_true, label_smoothing, axis)
    result: Expr = -sum(t * log(softmax(y_pred, axis=axis) if from_logits else y_pred), axis=axis)
    return result


class CategoricalCrossentropy(Loss):
    """Cross-entropy of one-hot labels: `categorical_crossentropy` of each sample, reduced to a scalar.

    Parameters
    ----------
    from_logits : bool
        Whether predictions are logits instead of probabilities.
    label_smoothing : float
        Fraction of each target, in [0, 1], that is spread evenly over the classes.
    axis : int
        Axis of the classes.
    reduction : str or None
        ``"sum_over_batch_size"`` (the mean), ``"sum"``, ``"mean_with_sample_weight"``, or None for one loss per sample.
    name : str, optional
        Name of the loss. By default the class name in snake case.

    Examples
    --------
    >>> t, z = pel.matrix("t", shape=("n", 3)), pel.matrix("z", shape=("n", 3))
    >>> pel.simplify(CategoricalCrossentropy(from_logits=True)(t, z))
    -(t * log_softmax(z)).sum(axis=1).mean()
    """

    function: ClassVar[Callable[..., Expr]] = staticmethod(categorical_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction | None = DEFAULT_REDUCTION,
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)


def binary_crossentropy(
    y_true: Operand, y_pred: Operand, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Expr:
    r"""Binary cross-entropy, :math:`-\frac{1}{k} \sum_k t_k \log p_k + (1 - t_k) \log (1 - p_k)`.

    Parameters
    ----------
    y_true : Expr, shape (..., columns), or (n,) for one column
        Labels :math:`t`, 0 and 1 or probabilities.
    y_pred : Expr, shape (..., columns) or (n,)
        Probabilities :math:`p`, or logits with ``from_logits``.
    from_logits : bool
        Whether ``y_pred`` contains logits.
    label_smoothing : float
        :math:`s` in [0, 1]. The targets become :math:`t (1 - s) + s / 2`.
    axis : int
        Axis of the mean.

    Returns
    -------
    Expr, shape (...)
        Loss of each sample, in nats.

    Raises
    ------
    ShapeError
        If the shapes differ. Labels for two columns must be one-hot.
    ValueError
        If ``label_smoothing`` is outside [0, 1].

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
    y_true, y_pred = align_columns(y_true, y_pred, "binary_crossentropy")
    p = sigmoid(y_pred) if from_logits else y_pred
    t = smooth_labels(y_true, label_smoothing)
    result: Expr = -mean(t * log(p) + (1 - t) * log(1 - p), axis=axis)
    return result


class BinaryCrossentropy(Loss):
    """Binary cross-entropy of a batch: `binary_crossentropy` of each sample, reduced to a scalar.

    Parameters
    ----------
    from_logits : bool
        Whether predictions are logits instead of probabilities.
    label_smoothing : float
        Fraction of each target, in [0, 1], that is moved toward 1/2.
    axis : int
        Axis of the mean.
    reduction : str or None
        ``"sum_over_batch_size"`` (the mean), ``"sum"``, ``"mean_with_sample_weight"``, or None for one loss per sample.
    name : str, optional
        Name of the loss. By default the class name in snake case.

    Examples
    --------
    >>> t, z, w = (pel.vector(name, shape=("n",)) for name in "tzw")
    >>> loss = BinaryCrossentropy(from_logits=True)(t, z, sample_weight=w)
    >>> pel.function([t, z, w], loss)([0.0, 1.0], [0.0, 0.0], [1.0, 2.0])
    np.float32(1.0397208)
    """

    function: ClassVar[Callable[..., Expr]] = staticmethod(binary_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction | None = DEFAULT_REDUCTION,
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)


def categorical_generalized_cross_entropy(y_true: Operand, y_pred: Operand, q: float = 0.5) -> Expr:
    r"""Generalized cross-entropy for noisy labels, :math:`(1 - p_y^q) / q`, between the cross-entropy
    (:math:`q \to 0`) and the mean absolute error (:math:`q = 1`).

    Parameters
    ----------
    y_true, y_pred
        See `sparse_categorical_crossentropy`, also for the result.
    q : float
        Exponent in (0, 1].

    Raises
    ------
    ValueError
        If ``q`` is outside (0, 1].

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
    y_true, y_pred = align_labels(y_true, y_pred, "categorical_generalized_cross_entropy")
    p = squeeze(take_along_axis(y_pred, expand_dims(y_true, -1), axis=-1), axis=-1)
    result: Expr = (1 - p**q) / q
    return result


class CategoricalGeneralizedCrossEntropy(Loss):
    """Generalized cross-entropy for noisy labels: `categorical_generalized_cross_entropy` of each sample, reduced to
    a scalar.

    Parameters
    ----------
    q : float
        Exponent in (0, 1): toward 0 the cross-entropy, at 1 the mean absolute error.
    reduction : str or None
        ``"sum_over_batch_size"`` (the mean), ``"sum"``, ``"mean_with_sample_weight"``, or None for one loss per sample.
    name : str, optional
        Name of the loss. By default the class name in snake case.

    Examples
    --------
    >>> t, y = pel.ivector("t", shape=("n",)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], CategoricalGeneralizedCrossEntropy(q=0.5)(t, y))([1], [[0.75, 0.25]])
    np.float32(1.0)
    """

    function: ClassVar[Callable[..., Expr]] = staticmethod(categorical_generalized_cross_entropy)

    def __init__(
        self, q: float = 0.5, reduction: Reduction | None = DEFAULT_REDUCTION, name: str | None = None
    ) -> None:
        super().__init__(reduction, name, q=q)


def smooth_labels(t: Expr, smoothing: float, axis: int | None = None) -> Expr:
    """Mix targets with the uniform distribution over the classes of an axis, or over two classes without an axis."""
    if not 0 <= smoothing <= 1:
        raise OptionError(f"Expected label_smoothing to be in [0, 1]. Received: label_smoothing={smoothing!r}")
    if not smoothing:
        return t
    count = 2 if axis is None else t.shape[axis]
    result: Expr = t * (1 - smoothing) + smoothing / (
        count if isinstance(count, int) else size(t, axis=axis, dtype=t.dtype)
    )
    return result
