"""Loss classes of regression, distributions and margins."""

from __future__ import annotations

from pellucid.nn.losses.base import DEFAULT_REDUCTION, Loss
from pellucid.nn.losses.hinge import categorical_hinge, hinge, squared_hinge
from pellucid.nn.losses.probabilistic import kl_divergence, poisson
from pellucid.nn.losses.regression import (
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)


class MeanSquaredError(Loss):
    """`mean_squared_error` reduced over the batch."""

    function = staticmethod(mean_squared_error)


class MeanAbsoluteError(Loss):
    """`mean_absolute_error` reduced over the batch."""

    function = staticmethod(mean_absolute_error)


class MeanAbsolutePercentageError(Loss):
    """`mean_absolute_percentage_error` reduced over the batch."""

    function = staticmethod(mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(Loss):
    """`mean_squared_logarithmic_error` reduced over the batch."""

    function = staticmethod(mean_squared_logarithmic_error)


class CosineSimilarity(Loss):
    """`cosine_similarity` reduced over the batch."""

    function = staticmethod(cosine_similarity)

    def __init__(self, axis: int = -1, reduction: str | None = DEFAULT_REDUCTION, name: str | None = None) -> None:
        super().__init__(reduction, name, axis=axis)


class Huber(Loss):
    """`huber` reduced over the batch."""

    function = staticmethod(huber)

    def __init__(self, delta: float = 1.0, reduction: str | None = DEFAULT_REDUCTION, name: str | None = None) -> None:
        super().__init__(reduction, name, delta=delta)


class LogCosh(Loss):
    """`log_cosh` reduced over the batch."""

    function = staticmethod(log_cosh)


class Poisson(Loss):
    """`poisson` reduced over the batch."""

    function = staticmethod(poisson)


class KLDivergence(Loss):
    """`kl_divergence` reduced over the batch."""

    function = staticmethod(kl_divergence)


class Hinge(Loss):
    """`hinge` reduced over the batch."""

    function = staticmethod(hinge)


class SquaredHinge(Loss):
    """`squared_hinge` reduced over the batch."""

    function = staticmethod(squared_hinge)


class CategoricalHinge(Loss):
    """`categorical_hinge` reduced over the batch."""

    function = staticmethod(categorical_hinge)
