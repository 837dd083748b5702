r"""Losses of probability distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pellucid.graph.expr import Expr, Operand
from pellucid.graph.ops.exponentials import log
from pellucid.graph.ops.reductions import mean, sum
from pellucid.graph.ops.special import xlogy
from pellucid.nn.losses.base import Loss
from pellucid.nn.targets import align_columns

__all__ = ["KLDivergence", "Poisson", "kl_divergence", "poisson"]


def kl_divergence(y_true: Operand, y_pred: Operand) -> Expr:
    r"""Kullback-Leibler divergence of two distributions, :math:`\sum_k t_k \log (t_k / p_k)`.

    Unlike in Keras, probabilities are not clipped to at least :math:`10^{-7}`.

    Parameters
    ----------
    y_true, y_pred : Expr, shape (..., classes)
        Probabilities :math:`t` and :math:`p`.

    Returns
    -------
    Expr, shape (...)
        Loss of each sample, in nats.

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> t, z = pel.matrix("t", shape=("n", 3)), pel.matrix("z", shape=("n", 3))
    >>> pel.simplify(kl_divergence(t, pel.softmax(z)))
    (xlogy(t, t) - t * log_softmax(z)).sum(axis=1)

    References
    ----------
    S. Kullback and R. A. Leibler, On Information and Sufficiency, Annals of Mathematical Statistics 22, 1951.
    """
    y_true, y_pred = align_columns(y_true, y_pred, "kl_divergence")
    result: Expr = sum(xlogy(y_true, y_true) - y_true * log(y_pred), axis=-1)
    return result


class KLDivergence(Loss):
    """Kullback-Leibler divergence of distributions: `kl_divergence` of each sample, reduced to a
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
    >>> pel.function([t, y], KLDivergence()(t, y))([[0.5, 0.5]], [[0.75, 0.25]])
    np.float32(0.14384104)
    """

    function: ClassVar[Callable[..., Expr]] = staticmethod(kl_divergence)


def poisson(y_true: Operand, y_pred: Operand) -> Expr:
    r"""Poisson loss, :math:`\frac{1}{k} \sum_k y_k - t_k \log y_k`: the negative log-likelihood of counts, up to a
    constant.

    Parameters
    ----------
    y_true, y_pred : Expr, shape (..., columns) or (n,)
        Counts :math:`t`, and predicted means :math:`y`, greater than 0.

    Returns
    -------
    Expr, shape (...)
        Loss of each sample, in nats.

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> t, z = pel.matrix("t", shape=("n", 3)), pel.matrix("z", shape=("n", 3))
    >>> pel.simplify(poisson(t, pel.exp(z)))
    (exp(z) - t * z).mean(axis=1)
    """
    y_true, y_pred = align_columns(y_true, y_pred, "poisson")
    result: Expr = mean(y_pred - xlogy(y_true, y_pred), axis=-1)
    return result


class Poisson(Loss):
    """Poisson loss of a batch: `poisson` of each sample, reduced to a scalar.

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
    >>> t, y = pel.vector("t", shape=("n",)), pel.vector("y", shape=("n",))
    >>> pel.function([t, y], Poisson()(t, y))([1.0, 3.0], [1.0, 2.0])
    np.float32(0.46027923)
    """

    function: ClassVar[Callable[..., Expr]] = staticmethod(poisson)
