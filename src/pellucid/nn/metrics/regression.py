r"""Root mean squared error and R2 score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, Operand
from pellucid.graph.ops.creation import ones_like
from pellucid.graph.ops.elementwise import sqrt, square
from pellucid.graph.ops.norms import divide_no_nan
from pellucid.graph.ops.reductions import mean, sum
from pellucid.graph.ops.where import where
from pellucid.graph.validation import check_integer
from pellucid.nn.losses.reduction import broadcast_weights
from pellucid.nn.metrics.base import Metric, Sums, compute_total_and_count, divide_total_by_count, get_sample_weight
from pellucid.nn.targets import align_columns

__all__ = ["R2Score", "RootMeanSquaredError"]

ClassAggregation = Literal["uniform_average", "variance_weighted_average"]
"""Average over the columns; weighted by the variance of the targets, or not."""


class RootMeanSquaredError(Metric):
    r"""Root mean squared error, :math:`\sqrt{\frac{1}{n} \sum_i (t_i - y_i)^2}`.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], RootMeanSquaredError()(t, y))([0.0, 0.0], [3.0, 3.0])
    np.float32(3.0)
    """

    def updates(self, y_true: Operand, y_pred: Operand, sample_weight: Operand | None = None) -> Sums:
        weight = get_sample_weight(y_pred, sample_weight)
        y_true, y_pred = align_columns(y_true, y_pred, self.name)
        return compute_total_and_count(square(y_pred - y_true), weight)

    def compute(self, sums: Mapping[str, Expr]) -> Expr:
        result: Expr = sqrt(divide_total_by_count(sums))
        return result


class R2Score(Metric):
    r"""Coefficient of determination, :math:`1 - \sum_i (t_i - y_i)^2 / \sum_i (t_i - \bar t)^2`.

    Parameters
    ----------
    class_aggregation : {"uniform_average", "variance_weighted_average", None}
        Average over columns: unweighted, weighted by variance, or none (one score per column).
    num_regressors : int
        Number of regressors :math:`p`. If positive, the adjusted score
        :math:`1 - (1 - R^2) (n - 1) / (n - p - 1)` of :math:`n` samples is computed, if :math:`n > p + 1`.
    name : str, optional
        Name in the training history.

    Raises
    ------
    ValueError
        If the aggregation is unknown.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], R2Score()(t, y))([1.0, 2.0, 3.0], [1.0, 2.0, 2.0])
    np.float32(0.5)
    """

    AGGREGATIONS = (*get_args(ClassAggregation), None)

    def __init__(
        self,
        class_aggregation: ClassAggregation | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        if class_aggregation not in self.AGGREGATIONS:
            raise OptionError(
                f"R2Score: expected class_aggregation to be one of {self.AGGREGATIONS}. "
                f"Received: class_aggregation={class_aggregation!r}"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors: int = check_integer("num_regressors", num_regressors, minimum=0)

    def updates(self, y_true: Operand, y_pred: Operand, sample_weight: Operand | None = None) -> Sums:
        weight = get_sample_weight(y_pred, sample_weight)
        y_true, y_pred = align_columns(y_true, y_pred, self.name)
        weights = ones_like(y_pred) if weight is None else broadcast_weights(weight, y_pred, "sample_weight")
        axes = tuple(range(y_pred.ndim - 1))
        return {
            "total": sum(weights * y_true, axis=axes),
            "squares": sum(weights * square(y_true), axis=axes),
            "residual": sum(weights * square(y_true - y_pred), axis=axes),
            "count": sum(weights, axis=axes),
            "samples": sum(ones_like(y_pred[..., 0])),
        }

    def compute(self, sums: Mapping[str, Expr]) -> Expr:
        score = self.compute_score(sums)
        freedom = sums["samples"] - self.num_regressors - 1
        if not self.num_regressors:
            return score
        result: Expr = where(freedom > 0, 1 - divide_no_nan((1 - score) * (sums["samples"] - 1), freedom), score)
        return result

    def compute_score(self, sums: Mapping[str, Expr]) -> Expr:
        """Return the unadjusted score."""
        variation = sums["squares"] - sums["total"] * divide_no_nan(sums["total"], sums["count"])
        # Constant targets have no variation to explain: the score is 0, as in Keras.
        scores: Expr = where(variation > 0, 1 - divide_no_nan(sums["residual"], variation), 0)
        if self.class_aggregation == "uniform_average":
            return mean(scores)
        if self.class_aggregation is None:
            return scores
        result: Expr = divide_no_nan(sum(variation * scores), sum(variation))
        return result
