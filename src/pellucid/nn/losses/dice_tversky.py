r"""Dice and Tversky losses for segmentation."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pellucid.graph.expr import Expr, Operand
from pellucid.graph.ops.reductions import sum
from pellucid.nn.losses.base import DEFAULT_REDUCTION, Loss
from pellucid.nn.losses.reduction import Reduction
from pellucid.nn.targets import align_columns

__all__ = ["Dice", "Tversky", "dice", "tversky"]

EPSILON = 1e-7
"""Avoids 0 / 0 for two empty areas."""

Axis = int | tuple[int, ...] | None


def dice(y_true: Operand, y_pred: Operand, axis: Axis = None) -> Expr:
    r"""Dice loss, :math:`1 - 2 \sum t p / (\sum t + \sum p)`.

    Parameters
    ----------
    y_true, y_pred : Expr, of the same shape
        Targets and predictions in [0, 1].
    axis : int or tuple of int, optional
        Axes to sum over. By default all axes including the batch, and the result is a scalar.

    Returns
    -------
    Expr
        Loss over the other axes, in [0, 1].

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> t, p = pel.matrix("t", shape=("n", 3)), pel.matrix("p", shape=("n", 3))
    >>> pel.function([t, p], dice(t, p, axis=1))([[1.0, 1.0, 0.0]], [[1.0, 0.0, 1.0]])
    array([0.5], dtype=float32)

    References
    ----------
    F. Milletari, N. Navab and S.-A. Ahmadi, V-Net: Fully Convolutional Neural Networks for Volumetric Medical Image
    Segmentation, 3DV 2016.
    """
    y_true, y_pred = align_columns(y_true, y_pred, "dice")
    overlap = sum(y_true * y_pred, axis=axis)
    result: Expr = 1 - 2 * overlap / (sum(y_true, axis=axis) + sum(y_pred, axis=axis) + EPSILON)
    return result


class Dice(Loss):
    """Dice loss of a batch: `dice` of each sample, reduced to a scalar.

    Parameters
    ----------
    reduction : str or None
        ``"sum_over_batch_size"`` (the mean), ``"sum"``, ``"mean_with_sample_weight"``, or None for one loss per sample.
    name : str, optional
        Name of the loss. By default the class name in snake case.
    axis : int or tuple of int, optional
        Axes of the sums, by default all.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], Dice()(t, y))([[0.0, 1.0]], [[0.5, 0.5]])
    np.float32(0.5)
    """

    function: ClassVar[Callable[..., Expr]] = staticmethod(dice)

    def __init__(
        self, reduction: Reduction | None = DEFAULT_REDUCTION, name: str | None = None, axis: Axis = None
    ) -> None:
        super().__init__(reduction, name, axis=axis)


def tversky(y_true: Operand, y_pred: Operand, alpha: float = 0.5, beta: float = 0.5, axis: Axis = None) -> Expr:
    r"""Tversky loss,
    :math:`1 - \sum t p / (\sum t p + \alpha \sum t (1 - p) + \beta \sum (1 - t) p)`.

    Parameters
    ----------
    alpha : float
        :math:`\alpha`, weight of false negatives, as in Keras's code.
    beta : float
        :math:`\beta`, weight of false positives. With 1/2 for both the loss is `dice`.
    y_true, y_pred, axis
        See `dice`, also for the result and the errors.

    Examples
    --------
    >>> t, p = pel.matrix("t", shape=("n", 3)), pel.matrix("p", shape=("n", 3))
    >>> pel.function([t, p], tversky(t, p, alpha=1.0, axis=1))([[1.0, 1.0, 0.0]], [[1.0, 0.0, 1.0]])
    array([0.6], dtype=float32)

    References
    ----------
    S. S. M. Salehi, D. Erdogmus and A. Gholipour, Tversky loss function for image segmentation using 3D fully
    convolutional deep networks, MLMI 2017.
    """
    y_true, y_pred = align_columns(y_true, y_pred, "tversky")
    overlap = sum(y_true * y_pred, axis=axis)
    missed, extra = sum(y_true * (1 - y_pred), axis=axis), sum((1 - y_true) * y_pred, axis=axis)
    result: Expr = 1 - overlap / (overlap + alpha * missed + beta * extra + EPSILON)
    return result


class Tversky(Loss):
    """Tversky loss of a batch: `tversky` of each sample, reduced to a scalar.

    Parameters
    ----------
    alpha, beta : float
        Weights of false negatives and of false positives.
    reduction : str or None
        ``"sum_over_batch_size"`` (the mean), ``"sum"``, ``"mean_with_sample_weight"``, or None for one loss per sample.
    name : str, optional
        Name of the loss. By default the class name in snake case.
    axis : int or tuple of int, optional
        Axes of the sums, by default all.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], Tversky(alpha=0.3, beta=0.7)(t, y))([[0.0, 1.0]], [[0.5, 0.5]])
    np.float32(0.50000006)
    """

    function: ClassVar[Callable[..., Expr]] = staticmethod(tversky)

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: Reduction | None = DEFAULT_REDUCTION,
        name: str | None = None,
        axis: Axis = None,
    ) -> None:
        super().__init__(reduction, name, alpha=alpha, beta=beta, axis=axis)
