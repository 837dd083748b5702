r"""Scores that weigh precision against recall, class by class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr
from pellucid.graph.ops.elementwise import absolute, cast
from pellucid.graph.ops.norms import divide_no_nan
from pellucid.graph.ops.reductions import max_, mean, sum
from pellucid.nn.losses.reduction import along
from pellucid.nn.metrics.base import Metric, Sums, weight_of
from pellucid.nn.metrics.threshold_metrics import precision, recall
from pellucid.nn.targets import columns


class FBetaScore(Metric):
    r"""A mean of precision :math:`P` and recall :math:`R`, :math:`(1 + \beta^2) P R / (\beta^2 P + R)`.

    Parameters
    ----------
    average : {None, "micro", "macro", "weighted"}
        Of the classes: none, which gives one score for each; of all counts; the mean; the mean weighted by how often
        each class is.
    beta : float
        :math:`\beta`, how much more recall counts than precision, above 0.
    threshold : float, optional
        What is greater is yes; without it the greatest column is.
    name : str, optional
        Under which a history keeps it.

    Raises
    ------
    ValueError
        For another average, or numbers out of their range.

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
            raise OptionError(f"{self.name}: expected an average out of {self.AVERAGES}. Received: average={average!r}")
        if not beta > 0:
            raise OptionError(f"{self.name}: expected beta above 0. Received: beta={beta!r}")
        if threshold is not None and not 0 < threshold <= 1:
            raise OptionError(f"{self.name}: expected a threshold in (0, 1]. Received: threshold={threshold!r}")
        self.average, self.beta, self.threshold = average, beta, threshold

    def updates(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Sums:
        """Return the counts of every class, or of all together, weighted."""
        weight = weight_of(y_pred, sample_weight)
        y_true, y_pred = columns(y_true, y_pred, self.name)
        if self.threshold is None:
            said = (y_pred >= max_(y_pred, axis=-1, keepdims=True)) & (absolute(y_pred) > 1e-9)
        else:
            said = y_pred > self.threshold
        yes = cast(said, dtype=y_pred.dtype)
        each = 1 if weight is None else along(weight, y_pred, "sample_weight")
        axes = None if self.average == "micro" else tuple(range(y_pred.ndim - 1))
        return {
            "true_positives": sum(each * (yes * y_true), axis=axes),
            "false_positives": sum(each * (yes * (1 - y_true)), axis=axes),
            "false_negatives": sum(each * ((1 - yes) * y_true), axis=axes),
        }

    def result(self, sums: Mapping[str, Expr]) -> Expr:
        """Return the score, one for each class if none is averaged."""
        p, r = precision(sums), recall(sums)
        score: Expr = (1 + self.beta**2) * divide_no_nan(p * r, self.beta**2 * p + r)
        if self.average == "macro":
            score = mean(score)
        elif self.average == "weighted":
            often = sums["true_positives"] + sums["false_negatives"]
            score = divide_no_nan(sum(score * often), sum(often))
        return score


class F1Score(FBetaScore):
    r"""The harmonic mean of precision and recall, :math:`2 P R / (P + R)`; see `FBetaScore`."""

    def __init__(self, average: str | None = None, threshold: float | None = None, name: str | None = None) -> None:
        super().__init__(average, 1.0, threshold, name)
