"""Loss classes of classification, segmentation and metric learning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.nn.losses.base import DEFAULT_REDUCTION, Loss
from pellucid.nn.losses.crossentropy import (
    binary_crossentropy,
    categorical_crossentropy,
    categorical_generalized_cross_entropy,
    sparse_categorical_crossentropy,
)
from pellucid.nn.losses.ctc import ctc
from pellucid.nn.losses.dice_tversky import Axis, dice, tversky
from pellucid.nn.losses.focal import binary_focal_crossentropy, categorical_focal_crossentropy
from pellucid.nn.losses.triplet import circle
from pellucid.nn.targets import align_labels


class BinaryCrossentropy(Loss):
    """`binary_crossentropy` reduced over the batch.

    Examples
    --------
    >>> t, z, w = (pel.vector(name, shape=("n",)) for name in "tzw")
    >>> loss = BinaryCrossentropy(from_logits=True)(t, z, sample_weight=w)
    >>> pel.function([t, z, w], loss)([0.0, 1.0], [0.0, 0.0], [1.0, 2.0])
    np.float32(1.0397208)
    """

    function = staticmethod(binary_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = DEFAULT_REDUCTION,
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)


class BinaryFocalCrossentropy(Loss):
    """`binary_focal_crossentropy` reduced over the batch."""

    function = staticmethod(binary_focal_crossentropy)

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = DEFAULT_REDUCTION,
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


class CategoricalCrossentropy(Loss):
    """`categorical_crossentropy` reduced over the batch.

    Examples
    --------
    >>> t, z = pel.matrix("t", shape=("n", 3)), pel.matrix("z", shape=("n", 3))
    >>> pel.simplify(CategoricalCrossentropy(from_logits=True)(t, z))
    -(t * log_softmax(z)).sum(axis=1).mean()
    """

    function = staticmethod(categorical_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = DEFAULT_REDUCTION,
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)


class CategoricalFocalCrossentropy(Loss):
    """`categorical_focal_crossentropy` reduced over the batch."""

    function = staticmethod(categorical_focal_crossentropy)

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = DEFAULT_REDUCTION,
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


class CategoricalGeneralizedCrossEntropy(Loss):
    """`categorical_generalized_cross_entropy` reduced over the batch."""

    function = staticmethod(categorical_generalized_cross_entropy)

    def __init__(self, q: float = 0.5, reduction: str | None = DEFAULT_REDUCTION, name: str | None = None) -> None:
        super().__init__(reduction, name, q=q)


class SparseCategoricalCrossentropy(Loss):
    """`sparse_categorical_crossentropy` reduced over the batch; the mean excludes the ignored class.

    Examples
    --------
    >>> y, z = pel.ivector("y", shape=("n",)), pel.matrix("z", shape=("n", 2))
    >>> loss = SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)(y, z)
    >>> pel.function([y, z], loss)([0, -1], [[0.0, 0.0], [5.0, -5.0]])
    np.float32(0.6931472)
    """

    function = staticmethod(sparse_categorical_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = DEFAULT_REDUCTION,
        axis: int = -1,
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name, from_logits=from_logits, ignore_class=ignore_class, axis=axis)

    def mask(self, y_true: Any, y_pred: Any) -> Expr | None:
        """Return the prediction's mask without samples of the ignored class."""
        mask, ignored = super().mask(y_true, y_pred), self.settings["ignore_class"]
        if ignored is None:
            return mask
        kept: Expr = align_labels(y_true, y_pred, self.name, self.settings["axis"])[0] != ignored
        return kept if mask is None else kept & mask


class Dice(Loss):
    """`dice` reduced over the batch."""

    function = staticmethod(dice)

    def __init__(self, reduction: str | None = DEFAULT_REDUCTION, name: str | None = None, axis: Axis = None) -> None:
        super().__init__(reduction, name, axis=axis)


class Tversky(Loss):
    """`tversky` reduced over the batch."""

    function = staticmethod(tversky)

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = DEFAULT_REDUCTION,
        name: str | None = None,
        axis: Axis = None,
    ) -> None:
        super().__init__(reduction, name, alpha=alpha, beta=beta, axis=axis)


class CTC(Loss):
    """`ctc` reduced over the batch."""

    function = staticmethod(ctc)

    def __init__(self, reduction: str | None = DEFAULT_REDUCTION, name: str | None = None) -> None:
        super().__init__(reduction, name)


class Circle(Loss):
    """`circle` reduced over the batch; the mean excludes samples with loss 0."""

    function = staticmethod(circle)

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = DEFAULT_REDUCTION,
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name, gamma=gamma, margin=margin, remove_diagonal=remove_diagonal)

    def mask(self, y_true: Any, y_pred: Any) -> Expr | None:
        """Return the samples with non-zero loss."""
        mask: Expr = self.call(y_true, y_pred) > 0
        return mask
