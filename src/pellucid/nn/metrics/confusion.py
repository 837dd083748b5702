r"""Confusion matrix and intersection over union."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, Operand, as_expr
from pellucid.graph.ops.creation import one_hot
from pellucid.graph.ops.elementwise import cast
from pellucid.graph.ops.norms import divide_no_nan
from pellucid.graph.ops.reductions import argmax, sum
from pellucid.graph.ops.reshape import expand_dims, ravel
from pellucid.graph.ops.triangular import diagonal
from pellucid.graph.ops.where import where
from pellucid.graph.types import is_float
from pellucid.graph.validation import check_integer
from pellucid.nn.casts import to_dtype
from pellucid.nn.losses.reduction import broadcast_weights
from pellucid.nn.metrics.base import Metric, Sums, get_sample_weight

__all__ = ["BinaryIoU", "ConfusionMatrix", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"]


class ConfusionMatrix(Metric):
    r"""Confusion matrix, true classes by predicted classes, :math:`C_{ij} = \sum_n w_n [y_n = i] [\hat y_n = j]`.

    Parameters
    ----------
    num_classes : int
        Number of classes. Larger labels are ignored.
    ignore_class : int, optional
        Label to ignore.
    sparse_y_true, sparse_y_pred : bool
        Whether labels are integers. Otherwise the label is the argmax over ``axis``.
    axis : int
        Axis of the classes.
    name : str, optional
        Name in the training history.

    Raises
    ------
    ValueError
        If ``num_classes`` is less than 1.

    Examples
    --------
    >>> y, p = pel.ivector("y", shape=("n",)), pel.ivector("p", shape=("n",))
    >>> pel.function([y, p], ConfusionMatrix(2)(y, p))([0, 0, 1], [0, 1, 1])
    array([[1., 1.],
           [0., 1.]], dtype=float32)
    """

    axis: int
    ignore_class: int | None
    sparse_y_pred: bool
    sparse_y_true: bool

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(name)
        self.num_classes: int = check_integer("num_classes", num_classes, owner=self.name)
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred

    def updates(self, y_true: Operand, y_pred: Operand, sample_weight: Operand | None = None) -> Sums:
        weight = get_sample_weight(y_pred, sample_weight)
        true, predicted = self.to_labels(y_true, self.sparse_y_true), self.to_labels(y_pred, self.sparse_y_pred)
        rows = one_hot(ravel(true), self.num_classes)
        if self.ignore_class is not None:
            rows = where(expand_dims(ravel(true) != self.ignore_class, -1), rows, 0)
        if weight is not None:
            like = cast(true, dtype=rows.dtype)
            rows = rows * expand_dims(ravel(broadcast_weights(weight, like, "sample_weight")), -1)
        return {"matrix": rows.T @ one_hot(ravel(predicted), self.num_classes)}

    def to_labels(self, y: Operand, sparse: bool) -> Expr:
        """Convert labels or class scores to integer labels."""
        labels: Expr = as_expr(y) if sparse else argmax(y, axis=self.axis)
        return to_dtype(labels, np.dtype(np.int32)) if is_float(labels.dtype) else labels

    def compute(self, sums: Mapping[str, Expr]) -> Expr:
        return sums["matrix"]


class IoU(ConfusionMatrix):
    r"""Intersection over union, :math:`\mathrm{TP} / (\mathrm{TP} + \mathrm{FP} + \mathrm{FN})`, the mean over some
    classes. Classes that are neither true nor predicted are excluded.

    Parameters
    ----------
    num_classes : int
        Number of classes.
    target_class_ids : sequence of int
        Classes to average over.
    name, ignore_class, sparse_y_true, sparse_y_pred, axis
        See `ConfusionMatrix`.

    Raises
    ------
    ValueError
        If a class is out of range.

    Examples
    --------
    >>> y, p = pel.ivector("y", shape=("n",)), pel.ivector("p", shape=("n",))
    >>> pel.function([y, p], IoU(2, [0])(y, p))([0, 0, 1], [0, 1, 1])
    np.float32(0.5)
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, ignore_class, sparse_y_true, sparse_y_pred, axis)
        ids = list(target_class_ids)
        if not ids or not 0 <= min(ids) <= max(ids) < num_classes:
            raise OptionError(
                f"{self.name}: expected classes from 0 to {num_classes - 1}. "
                f"Received: target_class_ids={target_class_ids!r}"
            )
        self.target_class_ids = ids

    def compute(self, sums: Mapping[str, Expr]) -> Expr:
        matrix, ids = sums["matrix"], self.target_class_ids
        intersection = diagonal(matrix)[ids]
        union = sum(matrix, axis=0)[ids] + sum(matrix, axis=1)[ids] - intersection
        count = sum(cast(union > 0, dtype=matrix.dtype))
        result: Expr = divide_no_nan(sum(divide_no_nan(intersection, union)), count)
        return result


class MeanIoU(IoU):
    """Mean `IoU` of all classes.

    Parameters
    ----------
    num_classes : int
        Number of classes.
    name : str, optional
        Name in the training history. By default that of the class, in snake case.
    ignore_class : int, optional
        Label of samples that are ignored.
    sparse_y_true, sparse_y_pred : bool
        Whether labels are integers; otherwise the label is the largest score.
    axis : int
        Axis of the classes.

    Examples
    --------
    >>> t, y = pel.ivector("t", shape=("n",)), pel.ivector("y", shape=("n",))
    >>> pel.function([t, y], MeanIoU(2)(t, y))([0, 0, 1], [0, 1, 1])
    np.float32(0.5)
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, range(num_classes), name, ignore_class, sparse_y_true, sparse_y_pred, axis)


class BinaryIoU(IoU):
    """Mean `IoU` of two classes; predictions of at least the threshold are positive.

    Parameters
    ----------
    target_class_ids : sequence of int
        Classes to average over: 0, 1 or both.
    threshold : float
        Predictions above it are class 1.
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], BinaryIoU()(t, y))([0.0, 1.0, 1.0], [0.7, 0.8, 0.9])
    np.float32(0.33333334)
    """

    def __init__(
        self, target_class_ids: Sequence[int] = (0, 1), threshold: float = 0.5, name: str | None = None
    ) -> None:
        super().__init__(2, target_class_ids, name)
        self.threshold = threshold

    def updates(self, y_true: Operand, y_pred: Operand, sample_weight: Operand | None = None) -> Sums:
        predicted = cast(as_expr(y_pred) >= self.threshold, dtype=np.int32)
        return super().updates(y_true, predicted, get_sample_weight(y_pred, sample_weight))


class OneHotIoU(IoU):
    """`IoU` of one-hot labels and class scores.

    Parameters
    ----------
    num_classes : int
        Number of classes.
    target_class_ids : sequence of int
        Classes to average over.
    name : str, optional
        Name in the training history. By default that of the class, in snake case.
    ignore_class : int, optional
        Label of samples that are ignored.
    sparse_y_pred : bool
        Whether predictions are integers; otherwise the label is the largest score.
    axis : int
        Axis of the classes.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], OneHotIoU(2, [0])(t, y))([[1.0, 0.0], [0.0, 1.0]], [[0.9, 0.1], [0.8, 0.2]])
    np.float32(0.5)
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, ignore_class, False, sparse_y_pred, axis)


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` of one-hot labels and class scores.

    Parameters
    ----------
    num_classes : int
        Number of classes.
    name : str, optional
        Name in the training history. By default that of the class, in snake case.
    ignore_class : int, optional
        Label of samples that are ignored.
    sparse_y_pred : bool
        Whether predictions are integers; otherwise the label is the largest score.
    axis : int
        Axis of the classes.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], OneHotMeanIoU(2)(t, y))([[1.0, 0.0], [0.0, 1.0]], [[0.9, 0.1], [0.8, 0.2]])
    np.float32(0.25)
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, ignore_class, False, sparse_y_pred, axis)
