r"""Figures of numbers that a mean over samples does not make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr
from pellucid.graph.ops.creation import ones_like
from pellucid.graph.ops.elementwise import sqrt, square
from pellucid.graph.ops.minmax_where import where
from pellucid.graph.ops.norms import divide_no_nan
from pellucid.graph.ops.reductions import mean, sum
from pellucid.nn.losses.reduction import along
from pellucid.nn.metrics.base import Metric, Sums, ratio, total_and_count, weight_of
from pellucid.nn.targets import columns
from pellucid.nn.validation import count


class RootMeanSquaredError(Metric):
    r"""Root of the mean of squared differences, :math:`\sqrt{\frac{1}{n} \sum_i (t_i - y_i)^2}`.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], RootMeanSquaredError()(t, y))([0.0, 0.0], [3.0, 3.0])
    np.float32(3.0)
    """

    def updates(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Sums:
        """Return the sum of the squares, weighted, and of the weights."""
        weight = weight_of(y_pred, sample_weight)
        y_true, y_pred = columns(y_true, y_pred, self.name)
        return total_and_count(square(y_pred - y_true), weight)

    def result(self, sums: Mapping[str, Expr]) -> Expr:
        """Return the root."""
        result: Expr = sqrt(ratio(sums))
        return result


class R2Score(Metric):
    r"""How much of the spread of the targets is explained, :math:`1 - \sum_i (t_i - y_i)^2 / \sum_i (t_i - \bar t)^2`.

    Parameters
    ----------
    class_aggregation : {"uniform_average", "variance_weighted_average", None}
        Of the columns: their mean, the mean weighted by their spread, or one score for each.
    num_regressors : int
        How many numbers :math:`p` the predictions are made from. If given, the score is put right for chance,
        :math:`1 - (1 - R^2) (n - 1) / (n - p - 1)`, of :math:`n` samples, as long as that can be.
    name : str, optional
        Under which a history keeps it.

    Raises
    ------
    ValueError
        For another aggregation.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], R2Score()(t, y))([1.0, 2.0, 3.0], [1.0, 2.0, 2.0])
    np.float32(0.5)
    """

    AGGREGATIONS = ("uniform_average", "variance_weighted_average", None)

    def __init__(
        self, class_aggregation: str | None = "uniform_average", num_regressors: int = 0, name: str | None = None
    ) -> None:
        super().__init__("r2_score" if name is None else name)
        if class_aggregation not in self.AGGREGATIONS:
            raise OptionError(
                f"R2Score: expected an aggregation out of {self.AGGREGATIONS}. "
                f"Received: class_aggregation={class_aggregation!r}"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = count("num_regressors", num_regressors, least=0)

    def updates(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Sums:
        """Return what each column adds up to, weighted."""
        weight = weight_of(y_pred, sample_weight)
        y_true, y_pred = columns(y_true, y_pred, self.name)
        each = ones_like(y_pred) if weight is None else along(weight, y_pred, "sample_weight")
        axes = tuple(range(y_pred.ndim - 1))
        return {
            "total": sum(each * y_true, axis=axes),
            "squares": sum(each * square(y_true), axis=axes),
            "residual": sum(each * square(y_true - y_pred), axis=axes),
            "count": sum(each, axis=axes),
            "samples": sum(ones_like(y_pred[..., 0])),
        }

    def result(self, sums: Mapping[str, Expr]) -> Expr:
        """Return the score, one for each column if none is averaged."""
        score = self.share(sums)
        left = sums["samples"] - self.num_regressors - 1
        if not self.num_regressors:
            return score
        result: Expr = where(left > 0, 1 - divide_no_nan((1 - score) * (sums["samples"] - 1), left), score)
        return result

    def share(self, sums: Mapping[str, Expr]) -> Expr:
        """Return how much of the spread is explained."""
        spread = sums["squares"] - sums["total"] * divide_no_nan(sums["total"], sums["count"])
        # Of targets that are all the same nothing can be explained: 0 then, as in Keras.
        scores: Expr = where(spread > 0, 1 - divide_no_nan(sums["residual"], spread), 0)
        if self.class_aggregation == "uniform_average":
            return mean(scores)  # type: ignore[no-any-return]
        if self.class_aggregation is None:
            return scores
        result: Expr = divide_no_nan(sum(spread * scores), sum(spread))
        return result
