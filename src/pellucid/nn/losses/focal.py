r"""Focal losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from pellucid.graph.expr import Expr, Operand
from pellucid.graph.ops.activations import sigmoid
from pellucid.graph.ops.exponentials import log
from pellucid.graph.ops.reductions import mean, sum
from pellucid.nn.activations import softmax
from pellucid.nn.losses.base import DEFAULT_REDUCTION, Loss
from pellucid.nn.losses.crossentropy import smooth_labels
from pellucid.nn.losses.reduction import Reduction
from pellucid.nn.targets import align_columns

__all__ = [
    "BinaryFocalCrossentropy",
    "CategoricalFocalCrossentropy",
    "binary_focal_crossentropy",
    "categorical_focal_crossentropy",
]


def categorical_focal_crossentropy(
    y_true: Operand,
    y_pred: Operand,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Expr:
    r"""Focal loss of several classes,
    :math:`-\sum_k \alpha (1 - p_k)^\gamma \, t_k \log p_k`.

    Parameters
    ----------
    alpha : float or sequence of float
        Weight :math:`\alpha` of all classes, or one per class.
    gamma : float
        Focusing parameter :math:`\gamma`; 0 gives the cross-entropy.
    y_true, y_pred, from_logits, label_smoothing, axis
        See `categorical_crossentropy`, also for the result and the errors.

    Examples
    --------
    >>> t, p = pel.matrix("t", shape=("n", 2)), pel.matrix("p", shape=("n", 2))
    >>> pel.function([t, p], categorical_focal_crossentropy(t, p))([[1.0, 0.0]], [[0.5, 0.5]])
    array([0.0433217], dtype=float32)

    References
    ----------
    T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollar, Focal Loss for Dense Object Detection, ICCV 2017.
    """
    y_true, y_pred = align_columns(y_true, y_pred, "categorical_focal_crossentropy")
    p = softmax(y_pred, axis=axis) if from_logits else y_pred
    t = smooth_labels(y_true, label_smoothing, axis)
    weight = np.asarray(alpha, y_pred.dtype)
    result: Expr = -sum(weight * ((1 - p) ** gamma * (t * log(p))), axis=axis)
    return result


class CategoricalFocalCrossentropy(Loss):
    """Focal loss of several classes: `categorical_focal_crossentropy` of each sample, reduced to a
    scalar.

    Parameters
    ----------
    alpha : float or sequence of float
        Weight of each class.
    gamma : float
        Exponent that reduces the loss of well classified samples.
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
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], CategoricalFocalCrossentropy(gamma=2.0)(t, y))([[0.0, 1.0]], [[0.5, 0.5]])
    np.float32(0.0433217)
    """

    function: ClassVar[Callable[..., Expr]] = staticmethod(categorical_focal_crossentropy)

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction | None = DEFAULT_REDUCTION,
        name: str | None = None,
    ) -> None:
        super().__init__(
            reduction,
            name,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


def binary_focal_crossentropy(
    y_true: Operand,
    y_pred: Operand,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Expr:
    r"""Binary focal loss,
    :math:`-\frac{1}{k} \sum_k (1 - q_k)^\gamma (t_k \log p_k + (1 - t_k) \log (1 - p_k))` with
    :math:`q = t p + (1 - t) (1 - p)`.

    Parameters
    ----------
    apply_class_balancing : bool
        Whether to weight positive labels by :math:`\alpha` and negative ones by :math:`1 - \alpha`.
    alpha : float
        Weight of the positive class.
    gamma : float
        Focusing parameter :math:`\gamma`; 0 gives the cross-entropy.
    y_true, y_pred, from_logits, label_smoothing, axis
        See `binary_crossentropy`, also for the result and the errors.

    Examples
    --------
    >>> t, p = pel.vector("t", shape=("n",)), pel.vector("p", shape=("n",))
    >>> pel.function([t, p], binary_focal_crossentropy(t, p))([1.0], [0.5])
    array([0.1732868], dtype=float32)

    References
    ----------
    T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollar, Focal Loss for Dense Object Detection, ICCV 2017.
    """
    y_true, y_pred = align_columns(y_true, y_pred, "binary_focal_crossentropy")
    p = sigmoid(y_pred) if from_logits else y_pred
    t = smooth_labels(y_true, label_smoothing)
    error = t * (1 - p) + (1 - t) * p
    loss = -(error**gamma) * (t * log(p) + (1 - t) * log(1 - p))
    if apply_class_balancing:
        loss = (t * alpha + (1 - t) * (1 - alpha)) * loss
    result: Expr = mean(loss, axis=axis)
    return result


class BinaryFocalCrossentropy(Loss):
    """Binary focal loss of a batch: `binary_focal_crossentropy` of each sample, reduced to a scalar.

    Parameters
    ----------
    apply_class_balancing : bool
        Whether to weight the classes with ``alpha``.
    alpha : float
        Weight of class 1; that of class 0 is ``1 - alpha``.
    gamma : float
        Exponent that reduces the loss of well classified samples.
    from_logits : bool
        Whether predictions are logits instead of probabilities.
    label_smoothing : float
        Fraction of each target, in [0, 1], that is spread evenly over the classes.
    axis : int
        Axis of the mean.
    reduction : str or None
        ``"sum_over_batch_size"`` (the mean), ``"sum"``, ``"mean_with_sample_weight"``, or None for one loss per sample.
    name : str, optional
        Name of the loss. By default the class name in snake case.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], BinaryFocalCrossentropy(gamma=2.0)(t, y))([[0.0, 1.0]], [[0.5, 0.5]])
    np.float32(0.1732868)
    """

    function: ClassVar[Callable[..., Expr]] = staticmethod(binary_focal_crossentropy)

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction | None = DEFAULT_REDUCTION,
        name: str | None = None,
    ) -> None:
        super().__init__(
            reduction,
            name,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
