r"""The loss of samples that should lie near those of their own class, and far from all others."""

from __future__ import annotations

from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.ops.iota import arange_like
from pellucid.graph.ops.minmax_where import maximum, where
from pellucid.graph.ops.reductions import logsumexp
from pellucid.graph.ops.softmax_sigmoid import softplus
from pellucid.nn.targets import labels
from pellucid.nn.validation import number

NONE = -1e9
"""What counts for nothing in a sum of exponentials."""


def circle(y_true: Any, y_pred: Any, gamma: float = 80.0, margin: float = 0.4, remove_diagonal: bool = True) -> Expr:
    r"""How far samples are from those of their own class, and how near to others:
    :math:`\log(1 + \sum_p e^{-\gamma a_p (m - d_p)} \sum_n e^{\gamma a_n (1 - m - d_n)})`, with the distances
    :math:`d = \max(1 - y_i \cdot y_j, 0)` to the :math:`p` of its class and to the :math:`n` of others, and the weights
    :math:`a_p = m + d_p` and :math:`a_n = \max(1 + m - d_n, 0)`.

    Parameters
    ----------
    y_true : Expr of integers, shape (n,) or (n, 1)
        Classes.
    y_pred : Expr, shape (n, size)
        Where the samples lie: vectors of length 1, as `UnitNormalization` makes them.
    gamma : float
        :math:`\gamma`, how much the farthest and the nearest count before others.
    margin : float
        :math:`m`, from 0 to 1.
    remove_diagonal : bool
        Whether a sample is none of the others of its class.

    Returns
    -------
    Expr, shape (n,)
        Of 0 or more.

    Raises
    ------
    ValueError
        For numbers out of range.
    ShapeError, DtypeError
        If the labels are no integers, or the shapes do not belong together.

    Examples
    --------
    >>> y, x = pel.ivector("y", shape=("n",)), pel.matrix("x", shape=("n", 2))
    >>> f = pel.function([y, x], circle(y, x))
    >>> f([0, 0, 1], [[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]]).round(3)
    array([0., 0., 0.], dtype=float32)

    References
    ----------
    Y. Sun et al., Circle Loss: A Unified Perspective of Pair Similarity Optimization, CVPR 2020.
    """
    gamma, margin = number("gamma", gamma, low=0.0), number("margin", margin, low=0.0)
    y_true, y_pred = labels(y_true, y_pred, "circle")
    distance = maximum(1 - y_pred @ y_pred.T, 0)
    same = y_true[:, None] == y_true[None, :]
    place = arange_like(y_true, axis=0)
    mates = same & (place[:, None] != place[None, :]) if remove_diagonal else same
    near = -gamma * (margin + distance) * (margin - distance)
    far = gamma * maximum(1 + margin - distance, 0) * (1 - margin - distance)
    both = logsumexp(where(mates, near, NONE), axis=1) + logsumexp(where(same, NONE, far), axis=1)
    result: Expr = softplus(both)
    return result
