r"""Losses of numbers, distributions and margins as objects."""

from __future__ import annotations

from pellucid.nn.losses.base import MEAN, Loss
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
    r"""`mean_squared_error` as one number."""

    function = staticmethod(mean_squared_error)


class MeanAbsoluteError(Loss):
    r"""`mean_absolute_error` as one number."""

    function = staticmethod(mean_absolute_error)


class MeanAbsolutePercentageError(Loss):
    r"""`mean_absolute_percentage_error` as one number."""

    function = staticmethod(mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(Loss):
    r"""`mean_squared_logarithmic_error` as one number."""

    function = staticmethod(mean_squared_logarithmic_error)


class CosineSimilarity(Loss):
    r"""`cosine_similarity` as one number."""

    function = staticmethod(cosine_similarity)

    def __init__(self, axis: int = -1, reduction: str | None = MEAN, name: str | None = None) -> None:
        super().__init__(reduction, name, axis=axis)


class Huber(Loss):
    r"""`huber` as one number."""

    function = staticmethod(huber)

    def __init__(self, delta: float = 1.0, reduction: str | None = MEAN, name: str | None = None) -> None:
        super().__init__(reduction, name, delta=delta)


class LogCosh(Loss):
    r"""`log_cosh` as one number."""

    function = staticmethod(log_cosh)


class Poisson(Loss):
    r"""`poisson` as one number."""

    function = staticmethod(poisson)


class KLDivergence(Loss):
    r"""`kl_divergence` as one number."""

    function = staticmethod(kl_divergence)


class Hinge(Loss):
    r"""`hinge` as one number."""

    function = staticmethod(hinge)


class SquaredHinge(Loss):
    r"""`squared_hinge` as one number."""

    function = staticmethod(squared_hinge)


class CategoricalHinge(Loss):
    r"""`categorical_hinge` as one number."""

    function = staticmethod(categorical_hinge)
