r"""Confusion counts at thresholds, precision, recall and F-beta score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, Operand
from pellucid.graph.ops.creation import one_hot
from pellucid.graph.ops.einsum import einsum
from pellucid.graph.ops.elementwise import absolute, cast
from pellucid.graph.ops.norms import divide_no_nan
from pellucid.graph.ops.reductions import max_, mean, sum
from pellucid.graph.ops.reshape import expand_dims, reshape
from pellucid.graph.ops.sorting import argtop_k
from pellucid.graph.ops.where import where
from pellucid.nn.losses.reduction import broadcast_weights
from pellucid.nn.metrics.base import Metric, Sums, get_sample_weight
from pellucid.nn.targets import align_columns
from pellucid.typing import Array

__all__ = [
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Precision",
    "Recall",
    "ThresholdMetric",
    "TrueNegatives",
    "TruePositives",
]

Thresholds = float | Sequence[float] | None

Average = Literal["micro", "macro", "weighted"]
"""Average over classes: of the counts, of the scores, or of the scores weighted by the number of samples."""


class ThresholdMetric(Metric):
    """Base class: a function of confusion counts at thresholds. Predictions above the threshold are positive.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        Thresholds in [0, 1]. By default 0.5, or none with ``top_k``. Several thresholds give one value each.
    top_k : int, optional
        Only the ``top_k`` largest columns of a sample can be positive.
    class_id : int, optional
        Column to evaluate. By default all.
    name : str, optional
        Name in the training history.

    Attributes
    ----------
    counted_names : tuple of str
        Names of the accumulated counts.
    by_label : bool
        Whether each column has separate counts.

    Raises
    ------
    ValueError
        If a threshold is outside [0, 1].

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], ThresholdMetric()(t, y))([0.0, 1.0, 1.0, 1.0], [0.7, 0.8, 0.9, 0.1])
    np.float32(2.0)
    """

    thresholds: Array

    class_id: int | None
    top_k: int | None

    by_label = False
    counted_names: tuple[str, ...] = ("true_positives", "false_positives", "true_negatives", "false_negatives")

    def __init__(
        self,
        thresholds: Thresholds = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        default = 0.5 if top_k is None else -np.inf
        values = np.atleast_1d(np.asarray(default if thresholds is None else thresholds, np.float64))
        if thresholds is not None and not ((values >= 0) & (values <= 1)).all():
            raise OptionError(f"{self.name}: expected thresholds in [0, 1]. Received: thresholds={thresholds!r}")
        self.thresholds, self.top_k, self.class_id = values, top_k, class_id

    def updates(self, y_true: Operand, y_pred: Operand, sample_weight: Operand | None = None) -> Sums:
        weight = get_sample_weight(y_pred, sample_weight)
        y_true, y_pred = align_columns(y_true, y_pred, self.name)
        if self.top_k is not None:
            y_pred = mask_below_top_k(y_pred, self.top_k)
        if self.class_id is not None:
            y_true, y_pred = (e[..., self.class_id : self.class_id + 1] for e in (y_true, y_pred))
        found = count_at_thresholds(y_true, y_pred, self.thresholds, weight, self.by_label)
        return {name: found[name] for name in self.counted_names}

    def compute(self, sums: Mapping[str, Expr]) -> Expr:
        value = self.compute_value(sums)
        result: Expr = value[0] if len(self.thresholds) == 1 else value
        return result

    def compute_value(self, sums: Mapping[str, Expr]) -> Expr:
        """Return the metric at each threshold; by default the first count."""
        return sums[self.counted_names[0]]


def count_at_thresholds(
    y_true: Expr, y_pred: Expr, thresholds: Array, weight: Expr | None, by_label: bool = False
) -> Sums:
    """Return the weighted confusion counts at every threshold, one for each column with ``by_label``."""
    dtype = y_pred.dtype
    positive = cast(y_true != 0, dtype=dtype)
    negative = 1 - positive
    if weight is not None:
        weights = broadcast_weights(weight, y_pred, "sample_weight")
        positive, negative = weights * positive, weights * negative
    columns = y_pred.shape[-1] if by_label else 1
    positive, negative, scores = (reshape(e, (-1, columns)) for e in (positive, negative, y_pred))
    predicted = cast(expand_dims(scores, -1) > thresholds.astype(dtype), dtype=dtype)
    true_positives, false_positives = (einsum("nl,nlt->tl", e, predicted) for e in (positive, negative))
    found = {
        "true_positives": true_positives,
        "false_positives": false_positives,
        "true_negatives": sum(negative, axis=0) - false_positives,
        "false_negatives": sum(positive, axis=0) - true_positives,
    }
    return found if by_label else {name: value[:, 0] for name, value in found.items()}


def mask_below_top_k(y_pred: Expr, k: int) -> Expr:
    """Set all but the ``k`` largest predictions of each sample to minus infinity."""
    chosen = sum(one_hot(argtop_k(y_pred, k=k, axis=-1), y_pred.shape[-1], dtype=y_pred.dtype), axis=-2)
    result: Expr = where(chosen > 0, y_pred, np.asarray(-np.inf, y_pred.dtype))
    return result


class CountMetric(ThresholdMetric):
    """A single count, at thresholds."""

    def __init__(self, thresholds: Thresholds = None, name: str | None = None) -> None:
        super().__init__(thresholds, name=name)


class TruePositives(CountMetric):
    """Number of positive labels that are predicted as positive.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        Thresholds in [0, 1], by default 0.5. Several thresholds give one value each.
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], TruePositives()(t, y))([0.0, 1.0, 1.0, 1.0], [0.7, 0.8, 0.9, 0.1])
    np.float32(2.0)
    """

    counted_names = ("true_positives",)


class FalsePositives(CountMetric):
    """Number of negative labels that are predicted as positive.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        Thresholds in [0, 1], by default 0.5. Several thresholds give one value each.
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], FalsePositives()(t, y))([0.0, 1.0, 1.0, 1.0], [0.7, 0.8, 0.9, 0.1])
    np.float32(1.0)
    """

    counted_names = ("false_positives",)


class TrueNegatives(CountMetric):
    """Number of negative labels that are predicted as negative.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        Thresholds in [0, 1], by default 0.5. Several thresholds give one value each.
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], TrueNegatives()(t, y))([0.0, 0.0, 1.0], [0.7, 0.2, 0.9])
    np.float32(1.0)
    """

    counted_names = ("true_negatives",)


class FalseNegatives(CountMetric):
    """Number of positive labels that are predicted as negative.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        Thresholds in [0, 1], by default 0.5. Several thresholds give one value each.
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], FalseNegatives()(t, y))([0.0, 1.0, 1.0, 1.0], [0.7, 0.8, 0.9, 0.1])
    np.float32(1.0)
    """

    counted_names = ("false_negatives",)


class Precision(ThresholdMetric):
    r"""Precision, :math:`\mathrm{TP} / (\mathrm{TP} + \mathrm{FP})`; 0 without positive predictions.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        Thresholds in [0, 1], by default 0.5. Several thresholds give one value each.
    top_k : int, optional
        Only the ``top_k`` largest columns of a sample can be positive.
    class_id : int, optional
        Column to evaluate. By default all.
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, p = pel.vector("t", shape=("n",)), pel.vector("p", shape=("n",))
    >>> pel.function([t, p], Precision()(t, p))([0.0, 1.0, 1.0, 1.0], [0.7, 0.8, 0.9, 0.1])
    np.float32(0.6666667)
    """

    counted_names = ("true_positives", "false_positives")

    def compute_value(self, sums: Mapping[str, Expr]) -> Expr:
        return precision(sums)


class Recall(ThresholdMetric):
    r"""Recall, :math:`\mathrm{TP} / (\mathrm{TP} + \mathrm{FN})`; 0 without positive labels.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        Thresholds in [0, 1], by default 0.5. Several thresholds give one value each.
    top_k : int, optional
        Only the ``top_k`` largest columns of a sample can be positive.
    class_id : int, optional
        Column to evaluate. By default all.
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, p = pel.vector("t", shape=("n",)), pel.vector("p", shape=("n",))
    >>> pel.function([t, p], Recall()(t, p))([0.0, 1.0, 1.0, 1.0], [0.7, 0.8, 0.9, 0.1])
    np.float32(0.6666667)
    """

    counted_names = ("true_positives", "false_negatives")

    def compute_value(self, sums: Mapping[str, Expr]) -> Expr:
        return recall(sums)


def precision(sums: Mapping[str, Expr]) -> Expr:
    result: Expr = divide_no_nan(sums["true_positives"], sums["true_positives"] + sums["false_positives"])
    return result


def recall(sums: Mapping[str, Expr]) -> Expr:
    result: Expr = divide_no_nan(sums["true_positives"], sums["true_positives"] + sums["false_negatives"])
    return result


def specificity(sums: Mapping[str, Expr]) -> Expr:
    result: Expr = divide_no_nan(sums["true_negatives"], sums["true_negatives"] + sums["false_positives"])
    return result


class FBetaScore(Metric):
    r"""F-beta score of precision :math:`P` and recall :math:`R`, :math:`(1 + \beta^2) P R / (\beta^2 P + R)`.

    Parameters
    ----------
    average : {None, "micro", "macro", "weighted"}
        Average over classes: none (one score per class), total counts, unweighted, or weighted by class frequency.
    beta : float
        :math:`\beta`, weight of recall relative to precision, greater than 0.
    threshold : float, optional
        Predictions above the threshold are positive. By default the largest column is.
    name : str, optional
        Name in the training history.

    Raises
    ------
    ValueError
        If the average is unknown, or a setting is out of range.

    Examples
    --------
    >>> t, p = pel.matrix("t", shape=("n", 2)), pel.matrix("p", shape=("n", 2))
    >>> score = FBetaScore(beta=2.0, threshold=0.5)(t, p)
    >>> pel.function([t, p], score)([[1.0, 1.0], [1.0, 0.0]], [[0.9, 0.2], [0.9, 0.8]])
    array([1., 0.], dtype=float32)

    References
    ----------
    C. J. van Rijsbergen, Information Retrieval, Butterworths 1979.
    """

    beta: float
    threshold: float | None

    AVERAGES = (None, *get_args(Average))

    def __init__(
        self, average: Average | None = None, beta: float = 1.0, threshold: float | None = None, name: str | None = None
    ) -> None:
        super().__init__(name)
        if average not in self.AVERAGES:
            raise OptionError(
                f"{self.name}: expected average to be one of {self.AVERAGES}. Received: average={average!r}"
            )
        if not beta > 0:
            raise OptionError(f"{self.name}: expected beta > 0. Received: beta={beta!r}")
        if threshold is not None and not 0 < threshold <= 1:
            raise OptionError(f"{self.name}: expected threshold in (0, 1]. Received: threshold={threshold!r}")
        self.average, self.beta, self.threshold = average, beta, threshold

    def updates(self, y_true: Operand, y_pred: Operand, sample_weight: Operand | None = None) -> Sums:
        weight = get_sample_weight(y_pred, sample_weight)
        y_true, y_pred = align_columns(y_true, y_pred, self.name)
        if self.threshold is None:
            positive = (y_pred >= max_(y_pred, axis=-1, keepdims=True)) & (absolute(y_pred) > 1e-9)
        else:
            positive = y_pred > self.threshold
        predicted = cast(positive, dtype=y_pred.dtype)
        weights = 1 if weight is None else broadcast_weights(weight, y_pred, "sample_weight")
        axes = None if self.average == "micro" else tuple(range(y_pred.ndim - 1))
        return {
            "true_positives": sum(weights * (predicted * y_true), axis=axes),
            "false_positives": sum(weights * (predicted * (1 - y_true)), axis=axes),
            "false_negatives": sum(weights * ((1 - predicted) * y_true), axis=axes),
        }

    def compute(self, sums: Mapping[str, Expr]) -> Expr:
        p, r = precision(sums), recall(sums)
        score: Expr = (1 + self.beta**2) * divide_no_nan(p * r, self.beta**2 * p + r)
        if self.average == "macro":
            score = mean(score)
        elif self.average == "weighted":
            support = sums["true_positives"] + sums["false_negatives"]
            score = divide_no_nan(sum(score * support), sum(support))
        return score


class F1Score(FBetaScore):
    """F1 score, :math:`2 P R / (P + R)`; see `FBetaScore`.

    Parameters
    ----------
    average : {None, "micro", "macro", "weighted"}
        Average over classes, as for `FBetaScore`.
    threshold : float, optional
        Predictions above the threshold are positive. By default the largest column is.
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], F1Score(threshold=0.5)(t, y))([[1.0, 1.0], [1.0, 0.0]], [[0.9, 0.2], [0.9, 0.8]])
    array([1., 0.], dtype=float32)
    """

    def __init__(self, average: Average | None = None, threshold: float | None = None, name: str | None = None) -> None:
        super().__init__(average, 1.0, threshold, name)
