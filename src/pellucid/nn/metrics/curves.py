r"""Metrics of ROC and precision-recall curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, Operand, as_expr
from pellucid.graph.ops.activations import sigmoid
from pellucid.graph.ops.creation import ones_like
from pellucid.graph.ops.elementwise import maximum, minimum
from pellucid.graph.ops.exponentials import log
from pellucid.graph.ops.norms import divide_no_nan
from pellucid.graph.ops.reductions import max_, mean, sum
from pellucid.graph.ops.statistics import average
from pellucid.graph.ops.where import where
from pellucid.graph.validation import check_integer
from pellucid.nn.losses.reduction import broadcast_weights
from pellucid.nn.metrics.base import Sums
from pellucid.nn.metrics.threshold_metrics import ThresholdMetric, precision, recall, specificity

if TYPE_CHECKING:
    from pellucid.typing import Array

__all__ = ["AUC", "PrecisionAtRecall", "RecallAtPrecision", "SensitivityAtSpecificity", "SpecificityAtSensitivity"]

EDGE = 1e-7
"""Distance of the outer thresholds from 0 and 1: at the first everything is positive, at the last nothing."""

SummationMethod = Literal["interpolation", "minoring", "majoring"]
"""Value of a curve between two thresholds: interpolated, the minimum or the maximum of both."""


class AUC(ThresholdMetric):
    """Area under the ROC curve or the precision-recall curve, approximated at thresholds.

    Parameters
    ----------
    num_thresholds : int
        Number of evenly spaced thresholds, at least 2.
    curve : {"ROC", "PR"}
        Kind of curve.
    summation_method : {"interpolation", "minoring", "majoring"}
        Between thresholds the curve is interpolated (for PR by the formula of Davis and Goadrich), or the minimum or
        maximum of both ends.
    name : str, optional
        Name in the training history.
    thresholds : sequence of float, optional
        Thresholds in (0, 1) to use instead of evenly spaced ones.
    multi_label : bool
        Whether to average the areas of the columns. By default all columns form one curve.
    label_weights : sequence of float, optional
        Weight of each column.
    from_logits : bool
        Whether predictions are logits.

    Raises
    ------
    ValueError
        If the curve or method is unknown, or a setting is out of range.

    Examples
    --------
    >>> t, p = pel.vector("t", shape=("n",)), pel.vector("p", shape=("n",))
    >>> pel.function([t, p], AUC(num_thresholds=3)(t, p))([0.0, 0.0, 1.0, 1.0], [0.0, 0.5, 0.3, 0.9])
    np.float32(0.75)

    References
    ----------
    J. Davis and M. Goadrich, The Relationship Between Precision-Recall and ROC Curves, ICML 2006.
    """

    by_label: bool
    curve: str
    from_logits: bool
    multi_label: bool

    CURVES = ("ROC", "PR")
    METHODS = get_args(SummationMethod)

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: SummationMethod = "interpolation",
        name: str | None = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        check_integer("num_thresholds", num_thresholds, minimum=2, owner="AUC")
        if curve.upper() not in self.CURVES:
            raise OptionError(f"AUC: expected curve to be one of {self.CURVES}. Received: curve={curve!r}")
        if summation_method not in self.METHODS:
            raise OptionError(
                f"AUC: expected summation_method to be one of {self.METHODS}. "
                f"Received: summation_method={summation_method!r}"
            )
        even = np.linspace(0, 1, num_thresholds)[1:-1].tolist()
        inner = even if thresholds is None else sorted(thresholds)
        super().__init__(inner or None, name=name)
        self.thresholds: Array = np.array([-EDGE, *inner, 1 + EDGE])
        self.curve, self.summation_method, self.from_logits = curve.upper(), summation_method, from_logits
        self.by_label = self.multi_label = bool(multi_label)
        self.label_weights = None if label_weights is None else np.asarray(label_weights, np.float32)
        if self.label_weights is not None and not (self.label_weights >= 0).all():
            raise OptionError(f"AUC: expected label_weights >= 0. Received: label_weights={label_weights!r}")

    def updates(self, y_true: Operand, y_pred: Operand, sample_weight: Operand | None = None) -> Sums:
        if self.label_weights is not None and not self.multi_label:
            y_pred = as_expr(y_pred)
            sample_weight = ones_like(y_pred) if sample_weight is None else sample_weight
            sample_weight = broadcast_weights(sample_weight, y_pred, "sample_weight") * self.label_weights
        return super().updates(y_true, sigmoid(y_pred) if self.from_logits else y_pred, sample_weight)

    def compute(self, sums: Mapping[str, Expr]) -> Expr:
        areas = self.compute_areas(sums)
        if not self.multi_label:
            return areas
        result: Expr = mean(areas) if self.label_weights is None else average(areas, weights=self.label_weights)
        return result

    def compute_areas(self, sums: Mapping[str, Expr]) -> Expr:
        """Return the area under the curve, one per column with ``multi_label``."""
        if self.curve == "PR" and self.summation_method == "interpolation":
            return integrate_pr_curve(sums)
        fallout = divide_no_nan(sums["false_positives"], sums["false_positives"] + sums["true_negatives"])
        x, y = (fallout, recall(sums)) if self.curve == "ROC" else (recall(sums), precision(sums))
        left, right = y[:-1], y[1:]
        heights = {
            "interpolation": (left + right) / 2,
            "minoring": minimum(left, right),
            "majoring": maximum(left, right),
        }
        areas: Expr = sum((x[:-1] - x[1:]) * heights[self.summation_method], axis=0)
        return areas


def integrate_pr_curve(sums: Mapping[str, Expr]) -> Expr:
    """Return the area under the precision-recall curve.

    Between thresholds, true and false positives change in proportion to each other.
    """
    true_positives = sums["true_positives"]
    predicted = true_positives + sums["false_positives"]
    d_true, d_predicted = true_positives[:-1] - true_positives[1:], maximum(predicted[:-1] - predicted[1:], 0)
    slope = divide_no_nan(d_true, d_predicted)
    intercept = true_positives[1:] - slope * predicted[1:]
    both = (predicted[:-1] > 0) & (predicted[1:] > 0)
    ratio = where(both, divide_no_nan(predicted[:-1], maximum(predicted[1:], 0)), 1)
    positives = maximum(true_positives[1:] + sums["false_negatives"][1:], 0)
    result: Expr = sum(divide_no_nan(slope * (d_true + intercept * log(ratio)), positives), axis=0)
    return result


class ConstrainedMetric(ThresholdMetric):
    """Base class: the maximum of one metric over thresholds at which another reaches a minimum."""

    def __init__(self, minimum: float, num_thresholds: int, class_id: int | None, name: str | None) -> None:
        check_integer("num_thresholds", num_thresholds, owner=type(self).__name__)
        if not 0 <= minimum <= 1:
            raise OptionError(f"{type(self).__name__}: expected a value in [0, 1]. Received: {minimum!r}")
        even = np.linspace(0, 1, num_thresholds).tolist() if num_thresholds > 1 else None
        super().__init__(even, class_id=class_id, name=name)
        self.minimum = minimum

    def compute_curve(self, sums: Mapping[str, Expr]) -> tuple[Expr, Expr]:
        """Return the metric to maximize and the constrained metric at each threshold."""
        raise NotImplementedError

    def compute(self, sums: Mapping[str, Expr]) -> Expr:
        metric, constraint = self.compute_curve(sums)
        result: Expr = max_(where(constraint >= self.minimum, metric, 0))
        return result


class SensitivityAtSpecificity(ConstrainedMetric):
    """Maximum recall at a minimum specificity.

    Parameters
    ----------
    specificity : float
        Minimum specificity.
    num_thresholds : int
        Number of evenly spaced thresholds.
    class_id : int, optional
        Column to evaluate. By default all.
    name : str, optional
        Name in the training history.

    Raises
    ------
    ValueError
        If a setting is out of range.

    Examples
    --------
    >>> t, p = pel.vector("t", shape=("n",)), pel.vector("p", shape=("n",))
    >>> f = pel.function([t, p], SensitivityAtSpecificity(0.5)(t, p))
    >>> f([0.0, 0.0, 0.0, 1.0, 1.0], [0.0, 0.3, 0.8, 0.3, 0.8])
    np.float32(0.5)
    """

    def __init__(
        self, specificity: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name)

    def compute_curve(self, sums: Mapping[str, Expr]) -> tuple[Expr, Expr]:
        return recall(sums), specificity(sums)


class SpecificityAtSensitivity(ConstrainedMetric):
    """Maximum specificity at a minimum recall; see `SensitivityAtSpecificity`.

    Parameters
    ----------
    sensitivity : float
        Minimum recall, in [0, 1].
    num_thresholds : int
        Number of evenly spaced thresholds.
    class_id : int, optional
        Column to evaluate. By default all.
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], SpecificityAtSensitivity(0.5)(t, y))([0.0, 0.0, 0.0, 1.0, 1.0], [0.0, 0.3, 0.8, 0.3, 0.8])
    np.float32(0.6666667)
    """

    def __init__(
        self, sensitivity: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name)

    def compute_curve(self, sums: Mapping[str, Expr]) -> tuple[Expr, Expr]:
        return specificity(sums), recall(sums)


class PrecisionAtRecall(ConstrainedMetric):
    """Maximum precision at a minimum recall; see `SensitivityAtSpecificity`.

    Parameters
    ----------
    recall : float
        Minimum recall, in [0, 1].
    num_thresholds : int
        Number of evenly spaced thresholds.
    class_id : int, optional
        Column to evaluate. By default all.
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], PrecisionAtRecall(0.5)(t, y))([0.0, 0.0, 0.0, 1.0, 1.0], [0.0, 0.3, 0.8, 0.3, 0.9])
    np.float32(1.0)
    """

    def __init__(
        self, recall: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name)

    def compute_curve(self, sums: Mapping[str, Expr]) -> tuple[Expr, Expr]:
        return precision(sums), recall(sums)


class RecallAtPrecision(ConstrainedMetric):
    """Maximum recall at a minimum precision; see `SensitivityAtSpecificity`.

    Parameters
    ----------
    precision : float
        Minimum precision, in [0, 1].
    num_thresholds : int
        Number of evenly spaced thresholds.
    class_id : int, optional
        Column to evaluate. By default all.
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], RecallAtPrecision(0.6)(t, y))([0.0, 0.0, 0.0, 1.0, 1.0], [0.0, 0.3, 0.8, 0.3, 0.9])
    np.float32(0.5)
    """

    def __init__(
        self, precision: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name)

    def compute_curve(self, sums: Mapping[str, Expr]) -> tuple[Expr, Expr]:
        return recall(sums), precision(sums)
