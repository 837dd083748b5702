r"""Losses with Keras 3's names. A function returns one value per sample; take its mean or sum to train.

Losses are the textbook formulas, and probabilities are not clipped. They stay finite because simplification precedes
differentiation: :math:`\log \operatorname{softmax}(z)`, :math:`\log (1 - \sigma(z))` and similar forms are rewritten
to stable ones, so the cross-entropy of a softmax or sigmoid and its gradient are accurate for any logits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.errors import suggest_near_misses
from pellucid.graph.expr import Expr
from pellucid.nn.losses.base import (
    Loss,
)
from pellucid.nn.losses.classification_classes import (
    CTC,
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    Circle,
    Dice,
    SparseCategoricalCrossentropy,
    Tversky,
)
from pellucid.nn.losses.crossentropy import (
    binary_crossentropy,
    categorical_crossentropy,
    categorical_generalized_cross_entropy,
    sparse_categorical_crossentropy,
)
from pellucid.nn.losses.ctc import ctc
from pellucid.nn.losses.dice_tversky import (
    dice,
    tversky,
)
from pellucid.nn.losses.focal import (
    binary_focal_crossentropy,
    categorical_focal_crossentropy,
)
from pellucid.nn.losses.hinge import (
    binary_hinge,
    categorical_hinge,
    hinge,
    multiclass_hinge,
    squared_hinge,
)
from pellucid.nn.losses.probabilistic import (
    kl_divergence,
    poisson,
)
from pellucid.nn.losses.reduction import (
    aggregate,
    class_weight,
    reduce_values,
)
from pellucid.nn.losses.regression import (
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from pellucid.nn.losses.regression_classes import (
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SquaredHinge,
)
from pellucid.nn.losses.triplet import circle
from pellucid.nn.registry import get_by_name

__all__ = [
    "CTC",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunction",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "NAMED",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "aggregate",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "binary_hinge",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "class_weight",
    "cosine_similarity",
    "ctc",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "multiclass_hinge",
    "poisson",
    "reduce_values",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]

LossFunction = Callable[[Any, Any], Expr]

NAMED: dict[str, LossFunction] = {
    "bce": binary_crossentropy,
    "binary_crossentropy": binary_crossentropy,
    "binary_focal_crossentropy": binary_focal_crossentropy,
    "binary_hinge": binary_hinge,
    "categorical_crossentropy": categorical_crossentropy,
    "categorical_focal_crossentropy": categorical_focal_crossentropy,
    "categorical_generalized_cross_entropy": categorical_generalized_cross_entropy,
    "categorical_hinge": categorical_hinge,
    "circle": circle,
    "cosine_similarity": cosine_similarity,
    "ctc": ctc,
    "dice": dice,
    "hinge": hinge,
    "huber": huber,
    "kl_divergence": kl_divergence,
    "kld": kl_divergence,
    "log_cosh": log_cosh,
    "logcosh": log_cosh,
    "mae": mean_absolute_error,
    "mape": mean_absolute_percentage_error,
    "mean_absolute_error": mean_absolute_error,
    "mean_absolute_percentage_error": mean_absolute_percentage_error,
    "mean_squared_error": mean_squared_error,
    "mean_squared_logarithmic_error": mean_squared_logarithmic_error,
    "mse": mean_squared_error,
    "msle": mean_squared_logarithmic_error,
    "multiclass_hinge": multiclass_hinge,
    "poisson": poisson,
    "sparse_categorical_crossentropy": sparse_categorical_crossentropy,
    "squared_hinge": squared_hinge,
    "tversky": tversky,
}


def get(identifier: str | LossFunction) -> LossFunction:
    """Return a loss by name, or the given function.

    Raises
    ------
    ValueError
        If the name is unknown; the message suggests the nearest one.

    Examples
    --------
    >>> get("mse").__name__
    'mean_squared_error'
    """
    return get_by_name("loss", identifier, NAMED)


suggest_near_misses(globals(), "pel.losses")
