r"""Figures of the curves that a threshold draws as it moves from 0 to 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.ops.creation import ones_like
from pellucid.graph.ops.exponentials import log
from pellucid.graph.ops.minmax_where import maximum, minimum, where
from pellucid.graph.ops.norms import divide_no_nan
from pellucid.graph.ops.reductions import max_, mean, sum
from pellucid.graph.ops.softmax_sigmoid import sigmoid
from pellucid.graph.ops.statistics import average
from pellucid.nn.losses.reduction import along
from pellucid.nn.metrics.base import Sums
from pellucid.nn.metrics.threshold_metrics import AtThresholds, precision, recall, specificity

EDGE = 1e-7
"""How far the outermost thresholds lie outside of 0 and 1, so that all is yes at the first and nothing at the last."""


class AUC(AtThresholds):
    r"""Area under a curve: the share of yes that is found over the share of no that is not (ROC), or the precision over
    the recall (PR), approximated at thresholds.

    Parameters
    ----------
    num_thresholds : int
        At how many, evenly from 0 to 1; 2 or more.
    curve : {"ROC", "PR"}
        Which curve.
    summation_method : {"interpolation", "minoring", "majoring"}
        Between thresholds the curve is a straight line (or for PR what Davis and Goadrich put in its place), the lower
        of its ends or the higher.
    name : str, optional
        Under which a history keeps it.
    thresholds : sequence of float, optional
        Others than the even ones, between 0 and 1.
    multi_label : bool
        Whether the columns have curves of their own, of whose areas the mean is taken; else all columns make one curve.
    label_weights : sequence of float, optional
        What each column weighs.
    from_logits : bool
        Whether scores are given, whose sigmoid the probabilities are.

    Raises
    ------
    ValueError
        For another curve or method, too few thresholds, or weights below 0.

    Examples
    --------
    >>> t, p = pel.vector("t", shape=("n",)), pel.vector("p", shape=("n",))
    >>> pel.function([t, p], AUC(num_thresholds=3)(t, p))([0.0, 0.0, 1.0, 1.0], [0.0, 0.5, 0.3, 0.9])
    np.float32(0.75)

    References
    ----------
    J. Davis and M. Goadrich, The Relationship Between Precision-Recall and ROC Curves, ICML 2006.
    """

    CURVES = ("ROC", "PR")
    METHODS = ("interpolation", "minoring", "majoring")

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        if num_thresholds < 2:
            raise OptionError(f"AUC: expected 2 thresholds or more. Received: num_thresholds={num_thresholds}")
        if curve.upper() not in self.CURVES:
            raise OptionError(f"AUC: expected a curve out of {self.CURVES}. Received: curve={curve!r}")
        if summation_method not in self.METHODS:
            raise OptionError(
                f"AUC: expected a method out of {self.METHODS}. Received: summation_method={summation_method!r}"
            )
        even = np.linspace(0, 1, num_thresholds)[1:-1].tolist()
        inner = even if thresholds is None else sorted(thresholds)
        super().__init__(inner or None, name=name)
        self.thresholds = np.array([-EDGE, *inner, 1 + EDGE])
        self.curve, self.summation_method, self.from_logits = curve.upper(), summation_method, from_logits
        self.by_label = self.multi_label = bool(multi_label)
        self.label_weights = None if label_weights is None else np.asarray(label_weights, np.float32)
        if self.label_weights is not None and not (self.label_weights >= 0).all():
            raise OptionError(f"AUC: expected label_weights of 0 or more. Received: label_weights={label_weights!r}")

    def updates(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Sums:
        """Return the counts of a batch at every threshold, weighted."""
        if self.label_weights is not None and not self.multi_label:
            y_pred = as_expr(y_pred)
            each = ones_like(y_pred) if sample_weight is None else along(sample_weight, y_pred, "sample_weight")
            sample_weight = each * self.label_weights
        return super().updates(y_true, sigmoid(y_pred) if self.from_logits else y_pred, sample_weight)

    def result(self, sums: Mapping[str, Expr]) -> Expr:
        """Return the area, or the mean of those of all columns."""
        areas = self.areas(sums)
        if not self.multi_label:
            return areas
        result: Expr = mean(areas) if self.label_weights is None else average(areas, weights=self.label_weights)
        return result

    def areas(self, sums: Mapping[str, Expr]) -> Expr:
        """Return the area, of each column if they have curves of their own."""
        if self.curve == "PR" and self.summation_method == "interpolation":
            return interpolated(sums)
        wrong = divide_no_nan(sums["false_positives"], sums["false_positives"] + sums["true_negatives"])
        x, y = (wrong, recall(sums)) if self.curve == "ROC" else (recall(sums), precision(sums))
        left, right = y[:-1], y[1:]
        heights = {
            "interpolation": (left + right) / 2,
            "minoring": minimum(left, right),
            "majoring": maximum(left, right),
        }
        areas: Expr = sum((x[:-1] - x[1:]) * heights[self.summation_method], axis=0)
        return areas


def interpolated(sums: Mapping[str, Expr]) -> Expr:
    """Return the area under precision over recall, where right and wrong grow in proportion between thresholds."""
    right = sums["true_positives"]
    said = right + sums["false_positives"]
    more_right, more_said = right[:-1] - right[1:], maximum(said[:-1] - said[1:], 0)
    slope = divide_no_nan(more_right, more_said)
    start = right[1:] - slope * said[1:]
    both = (said[:-1] > 0) & (said[1:] > 0)
    ratio = where(both, divide_no_nan(said[:-1], maximum(said[1:], 0)), 1)
    of_yes = maximum(right[1:] + sums["false_negatives"][1:], 0)
    result: Expr = sum(divide_no_nan(slope * (more_right + start * log(ratio)), of_yes), axis=0)
    return result


class BestWhere(AtThresholds):
    """The greatest that one share gets at any threshold at which another is great enough."""

    def __init__(self, least: float, num_thresholds: int, class_id: int | None, name: str | None) -> None:
        if num_thresholds < 1:
            raise OptionError(f"{type(self).__name__}: expected 1 threshold or more. Received: {num_thresholds}")
        if not 0 <= least <= 1:
            raise OptionError(f"{type(self).__name__}: expected a share from 0 to 1. Received: {least!r}")
        even = np.linspace(0, 1, num_thresholds).tolist() if num_thresholds > 1 else None
        super().__init__(even, class_id=class_id, name=name)
        self.least = least

    def shares(self, sums: Mapping[str, Expr]) -> tuple[Any, Any]:
        """Return what is to be great and what must be great enough, at every threshold."""
        raise NotImplementedError

    def result(self, sums: Mapping[str, Expr]) -> Expr:
        """Return the greatest, 0 where the other is great enough nowhere."""
        wanted, given = self.shares(sums)
        result: Expr = max_(where(given >= self.least, wanted, 0))
        return result


class SensitivityAtSpecificity(BestWhere):
    r"""The greatest recall where the share of no that is said to be is at least so much.

    Parameters
    ----------
    specificity : float
        That share.
    num_thresholds : int
        How many thresholds, evenly from 0 to 1.
    class_id : int, optional
        The one column that counts.
    name : str, optional
        Under which a history keeps it.

    Raises
    ------
    ValueError
        If one is out of its range.

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

    def shares(self, sums: Mapping[str, Expr]) -> tuple[Any, Any]:
        """Return recall and specificity."""
        return recall(sums), specificity(sums)


class SpecificityAtSensitivity(BestWhere):
    r"""The greatest share of no that is said to be where the recall is at least so much; see
    `SensitivityAtSpecificity`.
    """

    def __init__(
        self, sensitivity: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name)

    def shares(self, sums: Mapping[str, Expr]) -> tuple[Any, Any]:
        """Return specificity and recall."""
        return specificity(sums), recall(sums)


class PrecisionAtRecall(BestWhere):
    r"""The greatest precision where the recall is at least so much; see
    `SensitivityAtSpecificity`.
    """

    def __init__(
        self, recall: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name)

    def shares(self, sums: Mapping[str, Expr]) -> tuple[Any, Any]:
        """Return precision and recall."""
        return precision(sums), recall(sums)


class RecallAtPrecision(BestWhere):
    r"""The greatest recall where the precision is at least so much; see
    `SensitivityAtSpecificity`.
    """

    def __init__(
        self, precision: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name)

    def shares(self, sums: Mapping[str, Expr]) -> tuple[Any, Any]:
        """Return recall and precision."""
        return recall(sums), precision(sums)
