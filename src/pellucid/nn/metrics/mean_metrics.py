r"""Losses as metrics, and other figures that are means over samples."""

from __future__ import annotations

from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.ops.elementwise import square
from pellucid.graph.ops.norms import divide_no_nan
from pellucid.graph.ops.reductions import mean
from pellucid.nn import losses
from pellucid.nn.dtypes import as_real, to_dtype
from pellucid.nn.losses import (
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    hinge,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from pellucid.nn.losses.reduction import along
from pellucid.nn.metrics.base import MeanOf, Sums
from pellucid.nn.targets import columns, labels


class MeanSquaredError(MeanOf):
    r"""Mean of `mean_squared_error`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(mean_squared_error, name)


class MeanAbsoluteError(MeanOf):
    r"""Mean of `mean_absolute_error`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(mean_absolute_error, name)


class MeanAbsolutePercentageError(MeanOf):
    r"""Mean of `mean_absolute_percentage_error`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(mean_absolute_percentage_error, name)


class MeanSquaredLogarithmicError(MeanOf):
    r"""Mean of `mean_squared_logarithmic_error`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(mean_squared_logarithmic_error, name)


class LogCoshError(MeanOf):
    r"""Mean of `log_cosh`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(log_cosh, name)


class Hinge(MeanOf):
    r"""Mean of `hinge`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(hinge, name)


class SquaredHinge(MeanOf):
    r"""Mean of `squared_hinge`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(squared_hinge, name)


class CategoricalHinge(MeanOf):
    r"""Mean of `categorical_hinge`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(categorical_hinge, name)


class KLDivergence(MeanOf):
    r"""Mean of `kl_divergence`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(kl_divergence, name)


class Poisson(MeanOf):
    r"""Mean of `poisson`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(poisson, name)


class BinaryCrossentropy(MeanOf):
    r"""Mean of `binary_crossentropy`."""

    def __init__(self, name: str | None = None, from_logits: bool = False, label_smoothing: float = 0.0) -> None:
        super().__init__(binary_crossentropy, name, from_logits=from_logits, label_smoothing=label_smoothing)


class CategoricalCrossentropy(MeanOf):
    r"""Mean of `categorical_crossentropy`."""

    def __init__(
        self, name: str | None = None, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
    ) -> None:
        super().__init__(
            categorical_crossentropy, name, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis
        )


class SparseCategoricalCrossentropy(MeanOf):
    r"""Mean of `sparse_categorical_crossentropy`; samples of the class that is ignored leave it, as they do the loss.

    Keras counts them as 0 where no weights are given.
    """

    def __init__(
        self, name: str | None = None, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
    ) -> None:
        settings = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(sparse_categorical_crossentropy, name, **settings)

    def updates(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Sums:
        """Return the sum of the values of what is not ignored, weighted, and of the weights."""
        ignored = self.settings["ignore_class"]
        if ignored is not None:
            classes, scores = labels(y_true, y_pred, self.name, self.settings["axis"])
            kept = to_dtype(classes != ignored, as_real(scores).dtype)
            sample_weight = kept if sample_weight is None else along(sample_weight, kept, "sample_weight") * kept
        return super().updates(y_true, y_pred, sample_weight)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Expr:
    r"""The cosine of the angle between what is wanted and what is predicted,
    :math:`\frac{t \cdot y}{\left\| t \right\| \left\| y \right\|}`: the loss of this name without its minus sign.

    Parameters and result are otherwise those of the loss.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], cosine_similarity(t, y))([[1.0, 0.0]], [[3.0, 0.0]])
    array([1.], dtype=float32)
    """
    result: Expr = -losses.cosine_similarity(y_true, y_pred, axis)
    return result


class CosineSimilarity(MeanOf):
    r"""Mean of `cosine_similarity`."""

    def __init__(self, name: str | None = None, axis: int = -1) -> None:
        super().__init__(cosine_similarity, name, axis=axis)


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Expr:
    r"""The correlation of what is wanted and what is predicted, :math:`\operatorname{cov}(t, y) / (\sigma_t \sigma_y)`.

    Parameters
    ----------
    y_true, y_pred : Expr, shape (..., columns)
        What is wanted and what is predicted.
    axis : int
        Along which they are correlated.

    Returns
    -------
    Expr, shape (...)
        From -1 to 1, and 0 where one of them is always the same.

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 3)), pel.matrix("y", shape=("n", 3))
    >>> pel.function([t, y], pearson_correlation(t, y))([[1.0, 2.0, 3.0]], [[2.0, 4.0, 6.0]])
    array([1.], dtype=float32)
    """
    y_true, y_pred = columns(y_true, y_pred, "pearson_correlation")
    t, y = (e - mean(e, axis=axis, keepdims=True) for e in (y_true, y_pred))
    return cosine_similarity(t, y, axis)


class PearsonCorrelation(MeanOf):
    r"""Mean of `pearson_correlation`."""

    def __init__(self, name: str | None = None, axis: int = -1) -> None:
        super().__init__(pearson_correlation, name, axis=axis)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Expr:
    r"""How near what is wanted and what is predicted are to being the same,
    :math:`2 \operatorname{cov}(t, y) / (\sigma_t^2 + \sigma_y^2 + (\bar t - \bar y)^2)`.

    Parameters are those of `pearson_correlation`.

    Returns
    -------
    Expr, shape (...)
        From -1 to 1.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 3)), pel.matrix("y", shape=("n", 3))
    >>> pel.function([t, y], concordance_correlation(t, y))([[1.0, 2.0, 3.0]], [[1.0, 2.0, 3.0]])
    array([1.], dtype=float32)

    References
    ----------
    L. I.-K. Lin, A Concordance Correlation Coefficient to Evaluate Reproducibility, Biometrics 45, 1989.
    """
    y_true, y_pred = columns(y_true, y_pred, "concordance_correlation")
    mean_t, mean_y = (mean(e, axis=axis, keepdims=True) for e in (y_true, y_pred))
    t, y = y_true - mean_t, y_pred - mean_y
    spread = mean(square(t) + square(y), axis=axis) + square(mean(y_true - y_pred, axis=axis))
    result: Expr = divide_no_nan(2 * mean(t * y, axis=axis), spread)
    return result


class ConcordanceCorrelation(MeanOf):
    r"""Mean of `concordance_correlation`."""

    def __init__(self, name: str | None = None, axis: int = -1) -> None:
        super().__init__(concordance_correlation, name, axis=axis)
