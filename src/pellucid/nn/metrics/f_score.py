r"""F-beta score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr
from pellucid.graph.ops.elementwise import absolute, cast
from pellucid.graph.ops.norms import divide_no_nan
from pellucid.graph.ops.reductions import max_, mean, sum
from pellucid.nn.losses.reduction import broadcast_weights
from pellucid.nn.metrics.base import Metric, Sums, get_sample_weight
from pellucid.nn.metrics.threshold_metrics import precision, recall
from pellucid.nn.targets import align_columns


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

    AVERAGES = (None, "micro", "macro", "weighted")

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = None,
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

    def updates(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Sums:
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

    def result(self, sums: Mapping[str, Expr]) -> Expr:
        p, r = precision(sums), recall(sums)
        score: Expr = (1 + self.beta**2) * divide_no_nan(p * r, self.beta**2 * p + r)
        if self.average == "macro":
            score = mean(score)
        elif self.average == "weighted":
            support = sums["true_positives"] + sums["false_negatives"]
            score = divide_no_nan(sum(score * support), sum(support))
        return score


class F1Score(FBetaScore):
    r"""F1 score, :math:`2 P R / (P + R)`; see `FBetaScore`."""

    def __init__(self, average: str | None = None, threshold: float | None = None, name: str | None = None) -> None:
        super().__init__(average, 1.0, threshold, name)
