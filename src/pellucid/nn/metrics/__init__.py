r"""Metrics with Keras 3's names.

A metric that is a mean over samples is a function that returns one value per sample. Others, such as precision or the
area under a curve, are `Metric` objects: functions of sums over batches. Both work in ``compile(metrics=[...])``, by
name or as objects.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import isfunction
from typing import Any

from pellucid.graph.errors import suggest_near_misses
from pellucid.graph.expr import Expr
from pellucid.nn import losses
from pellucid.nn.metrics.accuracy import *
from pellucid.nn.metrics.base import *
from pellucid.nn.metrics.confusion import *
from pellucid.nn.metrics.curves import *
from pellucid.nn.metrics.mean_metrics import *
from pellucid.nn.metrics.regression import *
from pellucid.nn.metrics.threshold_metrics import *
from pellucid.nn.registry import get_by_name, list_own_names

MetricFunction = Callable[[Expr, Expr], Expr]
"""Function from targets and predictions to the metric of each sample, as an expression.

Examples
--------
>>> def largest_error(y_true: pel.Expr, y_pred: pel.Expr) -> pel.Expr:
...     return abs(y_true - y_pred).max(axis=-1)
>>> model = pel.Sequential([pel.nn.Input((2,)), pel.nn.Dense(1)])
>>> model.compile("sgd", "mse", metrics=[largest_error])
"""

NAMED: dict[str, Callable[..., Expr] | type[Metric]] = {
    **losses.NAMED,
    **{name: globals()[name] for name in list_own_names(globals()) if isfunction(globals()[name])},
    "acc": accuracy,
    "auc": AUC,
    "binary_iou": BinaryIoU,
    "f1_score": F1Score,
    "false_negatives": FalseNegatives,
    "false_positives": FalsePositives,
    "fbeta_score": FBetaScore,
    "precision": Precision,
    "r2_score": R2Score,
    "recall": Recall,
    "rmse": RootMeanSquaredError,
    "root_mean_squared_error": RootMeanSquaredError,
    "true_negatives": TrueNegatives,
    "true_positives": TruePositives,
}


def get(identifier: str | MetricFunction | Metric | type[Metric]) -> MetricFunction | Metric:
    """Return a metric or loss by name, or the given function or metric.

    Parameters
    ----------
    identifier : str, function or Metric
        A name in snake case or as a class name, a function of targets and predictions, or a metric.

    Returns
    -------
    function or Metric
        The function or a metric with default settings.

    Raises
    ------
    ValueError
        If the name is unknown; the message suggests the nearest one.

    Examples
    --------
    >>> get("acc").__name__, get("AUC")
    ('accuracy', <AUC auc>)
    """
    found: MetricFunction | Metric = get_by_name("metric", identifier, NAMED)
    return found


# Set without a static name, as in nn/layers: a type checker takes a computed list for an empty one.
globals()["__all__"] = [*list_own_names(globals()), "MetricFunction"]

suggest_near_misses(globals(), "nn.metrics")
