r"""Which classes are taken for which, and how areas overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.ops.elementwise import cast
from pellucid.graph.ops.minmax_where import where
from pellucid.graph.ops.norms import divide_no_nan
from pellucid.graph.ops.reductions import argmax, sum
from pellucid.graph.ops.reshape import expand_dims, ravel
from pellucid.graph.ops.search_count import one_hot
from pellucid.graph.ops.triangular import diagonal
from pellucid.graph.types import is_float
from pellucid.nn.dtypes import to_dtype
from pellucid.nn.losses.reduction import along
from pellucid.nn.metrics.base import Metric, Sums, weight_of


class ConfusionMatrix(Metric):
    r"""How often a class is taken for another, :math:`C_{ij} = \sum_n w_n [y_n = i] [\hat y_n = j]`.

    Parameters
    ----------
    num_classes : int
        How many; labels beyond count nowhere.
    ignore_class : int, optional
        A label that counts nowhere.
    sparse_y_true, sparse_y_pred : bool
        Whether labels are given, or columns of which the greatest is the label.
    axis : int
        Where those columns lie.
    name : str, optional
        Under which a history keeps it.

    Raises
    ------
    ValueError
        If there is no class.

    Examples
    --------
    >>> y, p = pel.ivector("y", shape=("n",)), pel.ivector("p", shape=("n",))
    >>> pel.function([y, p], ConfusionMatrix(2)(y, p))([0, 0, 1], [0, 1, 1])
    array([[1., 1.],
           [0., 1.]], dtype=float32)
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
        super().__init__(name)
        if not num_classes >= 1:
            raise OptionError(f"{self.name}: expected 1 class or more. Received: num_classes={num_classes!r}")
        self.num_classes, self.ignore_class, self.axis = num_classes, ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred

    def updates(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Sums:
        """Return the matrix of a batch, weighted."""
        weight = weight_of(y_pred, sample_weight)
        wanted, found = self.classes(y_true, self.sparse_y_true), self.classes(y_pred, self.sparse_y_pred)
        rows = one_hot(ravel(wanted), self.num_classes)
        if self.ignore_class is not None:
            rows = where(expand_dims(ravel(wanted) != self.ignore_class, -1), rows, 0)
        if weight is not None:
            like = cast(wanted, dtype=rows.dtype)
            rows = rows * expand_dims(ravel(along(weight, like, "sample_weight")), -1)
        return {"matrix": rows.T @ one_hot(ravel(found), self.num_classes)}

    def classes(self, y: Any, sparse: bool) -> Expr:
        """Return labels as integers."""
        classes: Expr = as_expr(y) if sparse else argmax(y, axis=self.axis)
        return to_dtype(classes, np.dtype(np.int32)) if is_float(classes.dtype) else classes

    def result(self, sums: Mapping[str, Expr]) -> Expr:
        """Return the matrix."""
        return sums["matrix"]


class IoU(ConfusionMatrix):
    r"""Intersection over union, :math:`\mathrm{TP} / (\mathrm{TP} + \mathrm{FP} + \mathrm{FN})`, the mean over some
    classes; those that are neither wanted nor predicted are left out.

    Parameters
    ----------
    num_classes : int
        How many there are.
    target_class_ids : sequence of int
        Those whose mean is taken.
    name, ignore_class, sparse_y_true, sparse_y_pred, axis
        As for `ConfusionMatrix`.

    Raises
    ------
    ValueError
        If there is no such class.

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

    def result(self, sums: Mapping[str, Expr]) -> Expr:
        """Return the mean over the classes that there are."""
        matrix, ids = sums["matrix"], self.target_class_ids
        right = diagonal(matrix)[ids]
        either = sum(matrix, axis=0)[ids] + sum(matrix, axis=1)[ids] - right
        there = sum(cast(either > 0, dtype=matrix.dtype))
        result: Expr = divide_no_nan(sum(divide_no_nan(right, either)), there)
        return result


class MeanIoU(IoU):
    r"""The mean `IoU` of all classes."""

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
    r"""The mean `IoU` of no and yes, which is what is at least a threshold."""

    def __init__(
        self, target_class_ids: Sequence[int] = (0, 1), threshold: float = 0.5, name: str | None = None
    ) -> None:
        super().__init__(2, target_class_ids, name)
        self.threshold = threshold

    def updates(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Sums:
        """Return the matrix of a batch, weighted."""
        said = cast(as_expr(y_pred) >= self.threshold, dtype=np.int32)
        return super().updates(y_true, said, weight_of(y_pred, sample_weight))


class OneHotIoU(IoU):
    r"""The `IoU` of columns, of which the greatest is the class."""

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
    r"""The `MeanIoU` of columns, of which the greatest is the class."""

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, ignore_class, False, sparse_y_pred, axis)
