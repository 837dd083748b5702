r"""Metrics that are means over samples: losses, cosine similarity and correlations."""

from __future__ import annotations

from pellucid.graph.expr import Expr, Operand
from pellucid.graph.ops.elementwise import square
from pellucid.graph.ops.norms import divide_no_nan
from pellucid.graph.ops.reductions import mean
from pellucid.nn import losses
from pellucid.nn.casts import to_dtype, to_float
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
    """Mean squared error of all samples: the mean of `pel.losses.mean_squared_error`.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], MeanSquaredError()(t, y))([[0.0, 1.0]], [[1.0, 3.0]])
    np.float32(2.5)
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(losses.mean_squared_error, name)


class MeanAbsoluteError(MeanMetricWrapper):
    """Mean absolute error of all samples: the mean of `pel.losses.mean_absolute_error`.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], MeanAbsoluteError()(t, y))([[0.0, 1.0]], [[1.0, 3.0]])
    np.float32(1.5)
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(losses.mean_absolute_error, name)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """Mean absolute percentage error of all samples: the mean of `pel.losses.mean_absolute_percentage_error`.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], MeanAbsolutePercentageError()(t, y))([[2.0, 4.0]], [[1.0, 4.0]])
    np.float32(25.0)
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(losses.mean_absolute_percentage_error, name)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """Mean squared logarithmic error of all samples: the mean of `pel.losses.mean_squared_logarithmic_error`.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], MeanSquaredLogarithmicError()(t, y))([[0.0, 1.0]], [[1.0, 1.0]])
    np.float32(0.2402265)
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(losses.mean_squared_logarithmic_error, name)


class LogCoshError(MeanMetricWrapper):
    """Log-cosh loss of all samples: the mean of `pel.losses.log_cosh`.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], LogCoshError()(t, y))([[0.0, 0.0]], [[1.0, 3.0]])
    np.float32(1.3715546)
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(losses.log_cosh, name)


class Hinge(MeanMetricWrapper):
    """Hinge loss of all samples: the mean of `pel.losses.hinge`.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], Hinge()(t, y))([1.0, -1.0], [0.5, 0.5])
    np.float32(1.0)
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(losses.hinge, name)


class SquaredHinge(MeanMetricWrapper):
    """Squared hinge loss of all samples: the mean of `pel.losses.squared_hinge`.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], SquaredHinge()(t, y))([1.0, -1.0], [0.5, 0.5])
    np.float32(1.25)
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(losses.squared_hinge, name)


class CategoricalHinge(MeanMetricWrapper):
    """Categorical hinge loss of all samples: the mean of `pel.losses.categorical_hinge`.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], CategoricalHinge()(t, y))([[0.0, 1.0]], [[0.5, 1.0]])
    np.float32(0.5)
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(losses.categorical_hinge, name)


class KLDivergence(MeanMetricWrapper):
    """Kullback-Leibler divergence of distributions: the mean of `pel.losses.kl_divergence`.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], KLDivergence()(t, y))([[0.5, 0.5]], [[0.75, 0.25]])
    np.float32(0.14384104)
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(losses.kl_divergence, name)


class Poisson(MeanMetricWrapper):
    """Poisson loss of all samples: the mean of `pel.losses.poisson`.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], Poisson()(t, y))([1.0, 3.0], [1.0, 2.0])
    np.float32(0.46027923)
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(losses.poisson, name)


class BinaryCrossentropy(MeanMetricWrapper):
    """Binary cross-entropy of all samples: the mean of `pel.losses.binary_crossentropy`.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.
    from_logits : bool
        Whether predictions are logits instead of probabilities.
    label_smoothing : float
        Fraction of each target, in [0, 1], that is moved toward 1/2.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], BinaryCrossentropy()(t, y))([0.0, 1.0], [0.5, 0.5])
    np.float32(0.6931472)
    """

    def __init__(self, name: str | None = None, from_logits: bool = False, label_smoothing: float = 0.0) -> None:
        super().__init__(losses.binary_crossentropy, name, from_logits=from_logits, label_smoothing=label_smoothing)


class CategoricalCrossentropy(MeanMetricWrapper):
    """Cross-entropy of one-hot labels: the mean of `pel.losses.categorical_crossentropy`.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.
    from_logits : bool
        Whether predictions are logits instead of probabilities.
    label_smoothing : float
        Fraction of each target, in [0, 1], that is spread evenly over the classes.
    axis : int
        Axis of the classes.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], CategoricalCrossentropy()(t, y))([[0.0, 1.0]], [[0.5, 0.5]])
    np.float32(0.6931472)
    """

    def __init__(
        self, name: str | None = None, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
    ) -> None:
        super().__init__(
            losses.categorical_crossentropy, name, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis
        )


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """Cross-entropy of integer labels: the mean of
    `pel.losses.sparse_categorical_crossentropy`, without samples of the ignored class.

    Keras includes them as 0 if there are no sample weights.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.
    from_logits : bool
        Whether predictions are logits instead of probabilities.
    ignore_class : int, optional
        Label of samples that are ignored.
    axis : int
        Axis of the classes.

    Examples
    --------
    >>> t, y = pel.ivector("t", shape=("n",)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], SparseCategoricalCrossentropy()(t, y))([0, 1], [[0.5, 0.5], [0.5, 0.5]])
    np.float32(0.6931472)
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

    Parameters
    ----------
    y_true, y_pred : Expr, shape (..., columns) or (n,)
        Targets and predictions, of equal shapes.
    axis : int
        Axis of the vectors.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], cosine_similarity(t, y))([[1.0, 0.0]], [[3.0, 0.0]])
    array([1.], dtype=float32)
    """
    result: Expr = -losses.cosine_similarity(y_true, y_pred, axis)
    return result


class CosineSimilarity(MeanMetricWrapper):
    """Cosine similarity of all samples: the mean of `cosine_similarity`.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.
    axis : int
        Axis of the vectors.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], CosineSimilarity()(t, y))([[0.0, 1.0]], [[1.0, 1.0]])
    np.float32(0.70710677)
    """

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
    """Pearson correlation of all samples: the mean of `pearson_correlation`.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.
    axis : int
        Axis of the correlation.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 3)), pel.matrix("y", shape=("n", 3))
    >>> pel.function([t, y], PearsonCorrelation()(t, y))([[1.0, 2.0, 3.0]], [[2.0, 4.0, 6.0]])
    np.float32(0.99999994)
    """

    def __init__(self, name: str | None = None, axis: int = -1) -> None:
        super().__init__(pearson_correlation, name, axis=axis)


def concordance_correlation(y_true: Operand, y_pred: Operand, axis: int = -1) -> Expr:
    r"""Concordance correlation coefficient,
    :math:`2 \operatorname{cov}(t, y) / (\sigma_t^2 + \sigma_y^2 + (\bar t - \bar y)^2)`.

    Parameters
    ----------
    y_true, y_pred : Expr, shape (..., columns) or (n,)
        Targets and predictions, of equal shapes.
    axis : int
        Axis of the correlation.

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
    """Concordance correlation coefficient of all samples: the mean of `concordance_correlation`.

    Parameters
    ----------
    name : str, optional
        Name in the training history. By default that of the class, in snake case.
    axis : int
        Axis of the correlation.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 3)), pel.matrix("y", shape=("n", 3))
    >>> pel.function([t, y], ConcordanceCorrelation()(t, y))([[1.0, 2.0, 3.0]], [[1.0, 2.0, 3.0]])
    np.float32(1.0)
    """

    def __init__(self, name: str | None = None, axis: int = -1) -> None:
        super().__init__(concordance_correlation, name, axis=axis)
