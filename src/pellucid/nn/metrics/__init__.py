r"""Metrics with Keras 3's names.

A metric that is a mean over samples is a function that returns one value per sample. Others, such as precision or the
area under a curve, are `Metric` objects: functions of sums over batches. Both work in ``compile(metrics=[...])``, by
name or as objects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.errors import suggest_near_misses
from pellucid.nn import losses
from pellucid.nn.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from pellucid.nn.metrics.base import (
    Mean,
    MeanMetricWrapper,
    Metric,
    StreamingMetric,
    Sum,
)
from pellucid.nn.metrics.confusion import (
    BinaryIoU,
    ConfusionMatrix,
    IoU,
    MeanIoU,
    OneHotIoU,
    OneHotMeanIoU,
)
from pellucid.nn.metrics.curves import (
    AUC,
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from pellucid.nn.metrics.f_score import (
    F1Score,
    FBetaScore,
)
from pellucid.nn.metrics.mean_metrics import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    ConcordanceCorrelation,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    PearsonCorrelation,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    concordance_correlation,
    cosine_similarity,
    pearson_correlation,
)
from pellucid.nn.metrics.regression import (
    R2Score,
    RootMeanSquaredError,
)
from pellucid.nn.metrics.threshold_metrics import (
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    ThresholdMetric,
    TrueNegatives,
    TruePositives,
)
from pellucid.nn.registry import get_by_name

__all__ = [
    "AUC",
    "Accuracy",
    "ThresholdMetric",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "ConfusionMatrix",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "MetricFunction",
    "NAMED",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "StreamingMetric",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "accuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "concordance_correlation",
    "cosine_similarity",
    "get",
    "pearson_correlation",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]

MetricFunction = Callable[[Any, Any], Any]

NAMED: dict[str, Callable[..., Any]] = {
    **losses.NAMED,
    "acc": accuracy,
    "accuracy": accuracy,
    "auc": AUC,
    "binary_accuracy": binary_accuracy,
    "binary_iou": BinaryIoU,
    "categorical_accuracy": categorical_accuracy,
    "concordance_correlation": concordance_correlation,
    "cosine_similarity": cosine_similarity,
    "f1_score": F1Score,
    "false_negatives": FalseNegatives,
    "false_positives": FalsePositives,
    "fbeta_score": FBetaScore,
    "pearson_correlation": pearson_correlation,
    "precision": Precision,
    "r2_score": R2Score,
    "recall": Recall,
    "rmse": RootMeanSquaredError,
    "root_mean_squared_error": RootMeanSquaredError,
    "sparse_categorical_accuracy": sparse_categorical_accuracy,
    "sparse_top_k_categorical_accuracy": sparse_top_k_categorical_accuracy,
    "top_k_categorical_accuracy": top_k_categorical_accuracy,
    "true_negatives": TrueNegatives,
    "true_positives": TruePositives,
}


def get(identifier: str | MetricFunction) -> MetricFunction:
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
    found = get_by_name("metric", identifier, NAMED)
    return found() if isinstance(found, type) else found


suggest_near_misses(globals(), "nn.metrics")
