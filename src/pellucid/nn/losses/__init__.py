r"""Losses: how far predictions are from what is wanted, one value a sample; take their mean or sum to train.

They are written as the formulas stand in books, and no probability is clipped. What keeps them finite is that a
graph is rewritten before it is differentiated: :math:`\log \operatorname{softmax}(z)`, :math:`\log (1 - \sigma(z))` and
their kin become forms that neither overflow nor lose digits, so that the crossentropy of a softmax or sigmoid is
right at any score, and so is its gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.graph.errors import tell_near_misses
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
from pellucid.nn.registry import look_up

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
    """Return the loss of a name, or the function that was given.

    Raises
    ------
    ValueError
        For an unknown name; the nearest is named.

    Examples
    --------
    >>> get("mse").__name__
    'mean_squared_error'
    """
    return look_up("loss", identifier, NAMED)


tell_near_misses(globals(), "pel.losses")
