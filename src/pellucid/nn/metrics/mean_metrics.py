r"""Metrics that are means over samples: losses, cosine similarity and correlations."""

from __future__ import annotations

from pellucid.graph.expr import Expr, Operand
from pellucid.graph.ops.elementwise import square
from pellucid.graph.ops.norms import divide_no_nan
from pellucid.graph.ops.reductions import mean
from pellucid.nn import losses
from pellucid.nn.dtypes import to_dtype, to_float
from pellucid.nn.losses.reduction import broadcast_weights
from pellucid.nn.metrics.base import MeanMetricWrapper, Sums
from pellucid.nn.targets import align_columns, align_labels

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "PearsonCorrelation",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "concordance_correlation",
    "cosine_similarity",
    "pearson_correlation",
]


class MeanSquaredError(MeanMetricWrapper):
    r"""Mean of `mean_squared_error`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(losses.mean_squared_error, name)


class MeanAbsoluteError(MeanMetricWrapper):
    r"""Mean of `mean_absolute_error`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(losses.mean_absolute_error, name)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    r"""Mean of `mean_absolute_percentage_error`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(losses.mean_absolute_percentage_error, name)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    r"""Mean of `mean_squared_logarithmic_error`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(losses.mean_squared_logarithmic_error, name)


class LogCoshError(MeanMetricWrapper):
    r"""Mean of `log_cosh`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(losses.log_cosh, name)


class Hinge(MeanMetricWrapper):
    r"""Mean of `hinge`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(losses.hinge, name)


class SquaredHinge(MeanMetricWrapper):
    r"""Mean of `squared_hinge`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(losses.squared_hinge, name)


class CategoricalHinge(MeanMetricWrapper):
    r"""Mean of `categorical_hinge`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(losses.categorical_hinge, name)


class KLDivergence(MeanMetricWrapper):
    r"""Mean of `kl_divergence`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(losses.kl_divergence, name)


class Poisson(MeanMetricWrapper):
    r"""Mean of `poisson`."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(losses.poisson, name)


class BinaryCrossentropy(MeanMetricWrapper):
    r"""Mean of `binary_crossentropy`."""

    def __init__(self, name: str | None = None, from_logits: bool = False, label_smoothing: float = 0.0) -> None:
        super().__init__(losses.binary_crossentropy, name, from_logits=from_logits, label_smoothing=label_smoothing)


class CategoricalCrossentropy(MeanMetricWrapper):
    r"""Mean of `categorical_crossentropy`."""

    def __init__(
        self, name: str | None = None, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
    ) -> None:
        super().__init__(
            losses.categorical_crossentropy, name, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis
        )


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    r"""Mean of `sparse_categorical_crossentropy`, without samples of the ignored class.

    Keras includes them as 0 if there are no sample weights.
    """

    def __init__(
        self, name: str | None = None, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
    ) -> None:
        settings = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(losses.sparse_categorical_crossentropy, name, **settings)

    def updates(self, y_true: Operand, y_pred: Operand, sample_weight: Operand | None = None) -> Sums:
        ignored = self.settings["ignore_class"]
        if ignored is not None:
            classes, scores = align_labels(y_true, y_pred, self.name, self.settings["axis"])
            kept = to_dtype(classes != ignored, to_float(scores).dtype)
            if sample_weight is not None:
                kept = broadcast_weights(sample_weight, kept, "sample_weight") * kept
            sample_weight = kept
        return super().updates(y_true, y_pred, sample_weight)


def cosine_similarity(y_true: Operand, y_pred: Operand, axis: int = -1) -> Expr:
    r"""Cosine similarity,
    :math:`\frac{t \cdot y}{\left\| t \right\| \left\| y \right\|}`; the loss of this name is its negative.

    Parameters and result are otherwise those of the loss.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], cosine_similarity(t, y))([[1.0, 0.0]], [[3.0, 0.0]])
    array([1.], dtype=float32)
    """
    result: Expr = -losses.cosine_similarity(y_true, y_pred, axis)
    return result


class CosineSimilarity(MeanMetricWrapper):
    r"""Mean of `cosine_similarity`."""

    def __init__(self, name: str | None = None, axis: int = -1) -> None:
        super().__init__(cosine_similarity, name, axis=axis)


def pearson_correlation(y_true: Operand, y_pred: Operand, axis: int = -1) -> Expr:
    r"""Pearson correlation, :math:`\operatorname{cov}(t, y) / (\sigma_t \sigma_y)`.

    Parameters
    ----------
    y_true, y_pred : Expr, shape (..., columns)
        Targets and predictions.
    axis : int
        Axis of the correlation.

    Returns
    -------
    Expr, shape (...)
        Values in [-1, 1]; 0 if either is constant.

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
    y_true, y_pred = align_columns(y_true, y_pred, "pearson_correlation")
    t, y = (e - mean(e, axis=axis, keepdims=True) for e in (y_true, y_pred))
    return cosine_similarity(t, y, axis)


class PearsonCorrelation(MeanMetricWrapper):
    r"""Mean of `pearson_correlation`."""

    def __init__(self, name: str | None = None, axis: int = -1) -> None:
        super().__init__(pearson_correlation, name, axis=axis)


def concordance_correlation(y_true: Operand, y_pred: Operand, axis: int = -1) -> Expr:
    r"""Concordance correlation coefficient,
    :math:`2 \operatorname{cov}(t, y) / (\sigma_t^2 + \sigma_y^2 + (\bar t - \bar y)^2)`.

    Parameters are those of `pearson_correlation`.

    Returns
    -------
    Expr, shape (...)
        Values in [-1, 1].

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 3)), pel.matrix("y", shape=("n", 3))
    >>> pel.function([t, y], concordance_correlation(t, y))([[1.0, 2.0, 3.0]], [[1.0, 2.0, 3.0]])
    array([1.], dtype=float32)

    References
    ----------
    L. I.-K. Lin, A Concordance Correlation Coefficient to Evaluate Reproducibility, Biometrics 45, 1989.
    """
    y_true, y_pred = align_columns(y_true, y_pred, "concordance_correlation")
    mean_t, mean_y = (mean(e, axis=axis, keepdims=True) for e in (y_true, y_pred))
    t, y = y_true - mean_t, y_pred - mean_y
    spread = mean(square(t) + square(y), axis=axis) + square(mean(y_true - y_pred, axis=axis))
    result: Expr = divide_no_nan(2 * mean(t * y, axis=axis), spread)
    return result


class ConcordanceCorrelation(MeanMetricWrapper):
    r"""Mean of `concordance_correlation`."""

    def __init__(self, name: str | None = None, axis: int = -1) -> None:
        super().__init__(concordance_correlation, name, axis=axis)
