r"""Regression losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr, Operand
from pellucid.graph.ops import hyperbolic
from pellucid.graph.ops.elementwise import absolute, maximum, square
from pellucid.graph.ops.exponentials import log1p
from pellucid.graph.ops.norms import divide_no_nan, vector_norm
from pellucid.graph.ops.reductions import mean, sum
from pellucid.graph.ops.where import where
from pellucid.nn.losses.base import DEFAULT_REDUCTION, Loss
from pellucid.nn.losses.reduction import Reduction
from pellucid.nn.targets import align_columns

__all__ = [
    "CosineSimilarity",
    "Huber",
    "LogCosh",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "cosine_similarity",
    "huber",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
]

SMALLEST_TARGET = 1e-7
"""Lower bound of targets in percentage errors, as in Keras."""


def mean_squared_error(y_true: Operand, y_pred: Operand) -> Expr:
    r"""Mean squared error, :math:`\frac{1}{k} \sum_k (t_k - y_k)^2`.

    Parameters
    ----------
    y_true, y_pred : Expr, shape (..., columns) or (n,)
        Targets and predictions.

    Returns
    -------
    Expr, shape (...)
        Loss of each sample.

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> mean_squared_error(t, y)
    ((t - y) ** 2).mean(axis=1)
    """
    y_true, y_pred = align_columns(y_true, y_pred, "mean_squared_error")
    result: Expr = mean(square(y_true - y_pred), axis=-1)
    return result


class MeanSquaredError(Loss):
    """Mean squared error of a batch: `mean_squared_error` of each sample, reduced to a scalar.

    Parameters
    ----------
    reduction : str or None
        ``"sum_over_batch_size"`` (the mean), ``"sum"``, ``"mean_with_sample_weight"``, or None for one loss per sample.
    name : str, optional
        Name of the loss. By default the class name in snake case.
    **settings : keyword arguments
        Settings of the function, if it has any.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], MeanSquaredError()(t, y))([[0.0, 1.0]], [[1.0, 3.0]])
    np.float32(2.5)
    """

    function: ClassVar[Callable[..., Expr]] = staticmethod(mean_squared_error)


def mean_absolute_error(y_true: Operand, y_pred: Operand) -> Expr:
    r"""Mean absolute error, :math:`\frac{1}{k} \sum_k |t_k - y_k|`.

    Parameters
    ----------
    y_true, y_pred : Expr, shape (..., columns) or (n,)
        Targets and predictions, of equal shapes.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> mean_absolute_error(t, y)
    abs(t - y).mean(axis=1)
    """
    y_true, y_pred = align_columns(y_true, y_pred, "mean_absolute_error")
    result: Expr = mean(absolute(y_true - y_pred), axis=-1)
    return result


class MeanAbsoluteError(Loss):
    """Mean absolute error of a batch: `mean_absolute_error` of each sample, reduced to a scalar.

    Parameters
    ----------
    reduction : str or None
        ``"sum_over_batch_size"`` (the mean), ``"sum"``, ``"mean_with_sample_weight"``, or None for one loss per sample.
    name : str, optional
        Name of the loss. By default the class name in snake case.
    **settings : keyword arguments
        Settings of the function, if it has any.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], MeanAbsoluteError()(t, y))([[0.0, 1.0]], [[1.0, 3.0]])
    np.float32(1.5)
    """

    function: ClassVar[Callable[..., Expr]] = staticmethod(mean_absolute_error)


def mean_absolute_percentage_error(y_true: Operand, y_pred: Operand) -> Expr:
    r"""Mean absolute percentage error,
    :math:`\frac{100}{k} \sum_k |t_k - y_k| / \max(|t_k|, 10^{-7})`.

    Parameters
    ----------
    y_true, y_pred : Expr, shape (..., columns) or (n,)
        Targets and predictions, of equal shapes.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], mean_absolute_percentage_error(t, y))([[1.0, 2.0]], [[1.5, 1.0]])
    array([50.], dtype=float32)
    """
    y_true, y_pred = align_columns(y_true, y_pred, "mean_absolute_percentage_error")
    result: Expr = 100 * mean(absolute(y_true - y_pred) / maximum(absolute(y_true), SMALLEST_TARGET), axis=-1)
    return result


class MeanAbsolutePercentageError(Loss):
    """Mean absolute percentage error of a batch: `mean_absolute_percentage_error` of each sample, reduced to a
    scalar.

    Parameters
    ----------
    reduction : str or None
        ``"sum_over_batch_size"`` (the mean), ``"sum"``, ``"mean_with_sample_weight"``, or None for one loss per sample.
    name : str, optional
        Name of the loss. By default the class name in snake case.
    **settings : keyword arguments
        Settings of the function, if it has any.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], MeanAbsolutePercentageError()(t, y))([[2.0, 4.0]], [[1.0, 4.0]])
    np.float32(25.0)
    """

    function: ClassVar[Callable[..., Expr]] = staticmethod(mean_absolute_percentage_error)


def mean_squared_logarithmic_error(y_true: Operand, y_pred: Operand) -> Expr:
    r"""Mean squared logarithmic error,
    :math:`\frac{1}{k} \sum_k (\log(1 + t_k) - \log(1 + y_k))^2`, with negative values clipped to 0.

    Parameters
    ----------
    y_true, y_pred : Expr, shape (..., columns) or (n,)
        Targets and predictions, of equal shapes.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> mean_squared_logarithmic_error(t, y)
    ((log1p(maximum(t, 0)) - log1p(maximum(y, 0))) ** 2).mean(axis=1)
    """
    y_true, y_pred = align_columns(y_true, y_pred, "mean_squared_logarithmic_error")
    result: Expr = mean(square(log1p(maximum(y_true, 0)) - log1p(maximum(y_pred, 0))), axis=-1)
    return result


class MeanSquaredLogarithmicError(Loss):
    """Mean squared logarithmic error of a batch: `mean_squared_logarithmic_error` of each sample, reduced to a
    scalar.

    Parameters
    ----------
    reduction : str or None
        ``"sum_over_batch_size"`` (the mean), ``"sum"``, ``"mean_with_sample_weight"``, or None for one loss per sample.
    name : str, optional
        Name of the loss. By default the class name in snake case.
    **settings : keyword arguments
        Settings of the function, if it has any.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], MeanSquaredLogarithmicError()(t, y))([[0.0, 1.0]], [[1.0, 1.0]])
    np.float32(0.2402265)
    """

    function: ClassVar[Callable[..., Expr]] = staticmethod(mean_squared_logarithmic_error)


def huber(y_true: Operand, y_pred: Operand, delta: float = 1.0) -> Expr:
    r"""Huber loss, the mean of :math:`e^2 / 2` where :math:`|e| \le \delta` and of
    :math:`\delta |e| - \delta^2 / 2` elsewhere, with :math:`e = y - t`.

    Parameters
    ----------
    y_true, y_pred : Expr, shape (..., columns) or (n,)
        Targets and predictions.
    delta : float
        :math:`\delta`, greater than 0.

    Returns
    -------
    Expr, shape (...)
        Loss of each sample.

    Raises
    ------
    ShapeError
        If the shapes differ.
    ValueError
        If ``delta`` is not positive.

    Examples
    --------
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], huber(t, y))([0.0, 0.0], [0.5, 3.0])
    array([0.125, 2.5  ], dtype=float32)

    References
    ----------
    P. J. Huber, Robust Estimation of a Location Parameter, Annals of Mathematical Statistics 35, 1964.
    """
    if not delta > 0:
        raise OptionError(f"huber: expected delta > 0. Received: delta={delta!r}")
    y_true, y_pred = align_columns(y_true, y_pred, "huber")
    error = absolute(y_pred - y_true)
    result: Expr = mean(where(error <= delta, 0.5 * square(error), delta * error - 0.5 * delta**2), axis=-1)
    return result


class Huber(Loss):
    """Huber loss of a batch: `huber` of each sample, reduced to a scalar.

    Parameters
    ----------
    delta : float
        Largest error whose loss is quadratic.
    reduction : str or None
        ``"sum_over_batch_size"`` (the mean), ``"sum"``, ``"mean_with_sample_weight"``, or None for one loss per sample.
    name : str, optional
        Name of the loss. By default the class name in snake case.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], Huber(delta=1.0)(t, y))([[0.0, 0.0]], [[1.0, 3.0]])
    np.float32(1.5)
    """

    function: ClassVar[Callable[..., Expr]] = staticmethod(huber)

    def __init__(
        self, delta: float = 1.0, reduction: Reduction | None = DEFAULT_REDUCTION, name: str | None = None
    ) -> None:
        super().__init__(reduction, name, delta=delta)


def log_cosh(y_true: Operand, y_pred: Operand) -> Expr:
    r"""Log-cosh loss, the mean of :math:`\log \cosh(y_k - t_k)`: about half the squared error of small errors, and the
    absolute error minus :math:`\log 2` of large ones.

    Parameters
    ----------
    y_true, y_pred : Expr, shape (..., columns) or (n,)
        Targets and predictions, of equal shapes.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> log_cosh(t, y)
    log_cosh(y - t).mean(axis=1)
    """
    y_true, y_pred = align_columns(y_true, y_pred, "log_cosh")
    result: Expr = mean(hyperbolic.log_cosh(y_pred - y_true), axis=-1)
    return result


class LogCosh(Loss):
    """Log-cosh loss of a batch: `log_cosh` of each sample, reduced to a scalar.

    Parameters
    ----------
    reduction : str or None
        ``"sum_over_batch_size"`` (the mean), ``"sum"``, ``"mean_with_sample_weight"``, or None for one loss per sample.
    name : str, optional
        Name of the loss. By default the class name in snake case.
    **settings : keyword arguments
        Settings of the function, if it has any.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], LogCosh()(t, y))([[0.0, 0.0]], [[1.0, 3.0]])
    np.float32(1.3715546)
    """

    function: ClassVar[Callable[..., Expr]] = staticmethod(log_cosh)


def cosine_similarity(y_true: Operand, y_pred: Operand, axis: int = -1) -> Expr:
    r"""Negative cosine similarity,
    :math:`-\frac{t \cdot y}{\left\| t \right\| \left\| y \right\|}`, and 0 where either is 0.

    Parameters
    ----------
    y_true, y_pred : Expr, shape (..., columns)
        Targets and predictions.
    axis : int
        Axis of the vectors.

    Returns
    -------
    Expr, shape (...)
        Values from -1 (same direction) to 1.

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], cosine_similarity(t, y))([[1.0, 0.0]], [[3.0, 0.0]])
    array([-1.], dtype=float32)
    """
    y_true, y_pred = align_columns(y_true, y_pred, "cosine_similarity")
    result: Expr = -sum(normalize(y_true, axis) * normalize(y_pred, axis), axis=axis)
    return result


class CosineSimilarity(Loss):
    """Negative cosine similarity of a batch: `cosine_similarity` of each sample, reduced to a scalar.

    Parameters
    ----------
    axis : int
        Axis of the vectors.
    reduction : str or None
        ``"sum_over_batch_size"`` (the mean), ``"sum"``, ``"mean_with_sample_weight"``, or None for one loss per sample.
    name : str, optional
        Name of the loss. By default the class name in snake case.

    Examples
    --------
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> pel.function([t, y], CosineSimilarity()(t, y))([[0.0, 1.0]], [[1.0, 1.0]])
    np.float32(-0.70710677)
    """

    function: ClassVar[Callable[..., Expr]] = staticmethod(cosine_similarity)

    def __init__(
        self, axis: int = -1, reduction: Reduction | None = DEFAULT_REDUCTION, name: str | None = None
    ) -> None:
        super().__init__(reduction, name, axis=axis)


def normalize(x: Expr, axis: int) -> Expr:
    """Scale the vectors along an axis to unit length; zero vectors stay zero."""
    result: Expr = divide_no_nan(x, vector_norm(x, axis=axis, keepdims=True))
    return result
