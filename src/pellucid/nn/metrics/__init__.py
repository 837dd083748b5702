r"""Metrics: what a person wants to know of a model.

Those that are a mean over samples are functions that return one value a sample. Those that are not, such as a precision
or the area under a curve, are a `Metric`: sums over batches, and what is made of them. Either goes into
``compile(metrics=[...])``, by name or as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.errors import tell_near_misses
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
    MeanOf,
    Metric,
    Running,
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
    AtThresholds,
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
)
from pellucid.nn.registry import look_up

__all__ = [
    "AUC",
    "Accuracy",
    "AtThresholds",
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
    "MeanOf",
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
    "Running",
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
    """Return the metric of a name, the losses among them, or the function or metric that was given.

    Parameters
    ----------
    identifier : str, function or Metric
        A name, also as a class of that name is spelt; a function of targets and predictions; a metric.

    Returns
    -------
    function or Metric
        What the name stands for: a function, or a metric with its defaults.

    Raises
    ------
    ValueError
        For an unknown name; the nearest is named.

    Examples
    --------
    >>> get("acc").__name__, get("AUC")
    ('accuracy', <AUC auc>)
    """
    found = look_up("metric", identifier, NAMED)
    return found() if isinstance(found, type) else found


tell_near_misses(globals(), "nn.metrics")
