r"""Losses of metric learning."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pellucid.graph.expr import Expr, Operand
from pellucid.graph.ops.activations import softplus
from pellucid.graph.ops.elementwise import maximum
from pellucid.graph.ops.ranges import arange_like
from pellucid.graph.ops.softmax import logsumexp
from pellucid.graph.ops.where import where
from pellucid.graph.validation import check_number
from pellucid.nn.losses.base import DEFAULT_REDUCTION, Loss
from pellucid.nn.losses.reduction import Reduction
from pellucid.nn.targets import align_labels

__all__ = ["Circle", "circle"]

MASKED = -1e9
"""Exponent of excluded pairs."""


def circle(
    y_true: Operand, y_pred: Operand, gamma: float = 80.0, margin: float = 0.4, remove_diagonal: bool = True
) -> Expr:
    r"""Circle loss of embeddings,
    :math:`\log(1 + \sum_p e^{-\gamma a_p (m - d_p)} \sum_n e^{\gamma a_n (1 - m - d_n)})` with the distances
    :math:`d = \max(1 - y_i \cdot y_j, 0)` to positives :math:`p` (same class) and negatives :math:`n`, and the weights
    :math:`a_p = m + d_p` and :math:`a_n = \max(1 + m - d_n, 0)`.

    Parameters
    ----------
    y_true : Expr of integers, shape (n,) or (n, 1)
        Class labels.
    y_pred : Expr, shape (n, size)
        Embeddings of unit length, such as the output of `UnitNormalization`.
    gamma : float
        Scale :math:`\gamma`.
    margin : float
        Margin :math:`m`, 0 or more.
    remove_diagonal : bool
        Whether to exclude the pair of a sample with itself.

    Returns
    -------
    Expr, shape (n,)
        Non-negative loss of each sample.

    Raises
    ------
    ValueError
        If a setting is out of range.
    ShapeError, DtypeError
        If the labels are not integers, or the shapes do not match.

    Examples
    --------
    >>> y, x = pel.ivector("y", shape=("n",)), pel.matrix("x", shape=("n", 2))
    >>> f = pel.function([y, x], circle(y, x))
    >>> f([0, 0, 1], [[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]]).round(3)
    array([0., 0., 0.], dtype=float32)

    References
    ----------
    Y. Sun et al., Circle Loss: A Unified Perspective of Pair Similarity Optimization, CVPR 2020.
    """
    gamma, margin = check_number("gamma", gamma, minimum=0.0), check_number("margin", margin, minimum=0.0)
    y_true, y_pred = align_labels(y_true, y_pred, "circle")
    distance = maximum(1 - y_pred @ y_pred.T, 0)
    same = y_true[:, None] == y_true[None, :]
    index = arange_like(y_true, axis=0)
    positive = same & (index[:, None] != index[None, :]) if remove_diagonal else same
    near = -gamma * (margin + distance) * (margin - distance)
    far = gamma * maximum(1 + margin - distance, 0) * (1 - margin - distance)
    both = logsumexp(where(positive, near, MASKED), axis=1) + logsumexp(where(same, MASKED, far), axis=1)
    result: Expr = softplus(both)
    return result


class Circle(Loss):
    """Circle loss of embeddings: `circle` of each sample, reduced to a scalar. The mean excludes samples with loss 0.

    Parameters
    ----------
    gamma : float
        Scale of the similarities.
    margin : float
        Relaxation of the similarities that samples of a class must reach.
    remove_diagonal : bool
        Whether a sample is no partner of itself.
    reduction : str or None
        ``"sum_over_batch_size"`` (the mean), ``"sum"``, ``"mean_with_sample_weight"``, or None for one loss per sample.
    name : str, optional
        Name of the loss. By default the class name in snake case.

    Examples
    --------
    >>> t, y = pel.ivector("t", shape=("n",)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], Circle(gamma=1.0)(t, y))([0, 0, 1], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    np.float32(0.54589295)
    """

    function: ClassVar[Callable[..., Expr]] = staticmethod(circle)

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: Reduction | None = DEFAULT_REDUCTION,
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name, gamma=gamma, margin=margin, remove_diagonal=remove_diagonal)

    def mask(self, y_true: Expr, y_pred: Expr) -> Expr | None:
        """Return the samples with non-zero loss."""
        mask: Expr = self.call(y_true, y_pred) > 0
        return mask
