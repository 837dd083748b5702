r"""Logistic regression by Newton's method: one straight line, and the best there is, in plain NumPy.

The model and its loss, for examples in the rows of X and classes y of 0 and 1:

    p = \sigma(X w + b) = 1 / (1 + e^{-(X w + b)})
    L = -\sum_n \log p_n(y_n) + \frac{\lambda}{2} \|w\|^2

Its gradient and its Hessian, with A = [X, 1], so that \theta = (w, b), and \Lambda = \lambda but for the bias:

    \partial L / \partial \theta = A^T (p - y) + \Lambda \theta
    H = A^T \mathrm{diag}(p \odot (1 - p)) A + \Lambda

L is convex, so where the gradient is zero it is least. scikit-learn's `LogisticRegression(C=1 / \lambda)` finds the
same minimum.

Source: David Cox, "The Regression Analysis of Binary Sequences" (1958).
"""

from typing import Any

import numpy as np

from pellucid.byhand import check
from pellucid.byhand.check import Array

__all__ = ["loss", "predict", "train"]


def loss(theta: Array, A: Array, y: Array, strength: float) -> float:
    r"""The summed loss, L = \sum_n \log(1 + e^{z_n}) - y_n z_n + \frac{\lambda}{2} \|w\|^2 with z = A \theta.

    Parameters
    ----------
    theta : ndarray, shape (inputs + 1,)
        The weights, and last the bias.
    A : ndarray, shape (examples, inputs + 1)
        The examples, and a column of ones.
    y : ndarray of int, shape (examples,)
        The classes 0 and 1.
    strength : float
        \lambda, of the L2 regularization; the bias is free of it.

    Returns
    -------
    float

    Examples
    --------
    >>> round(loss(np.zeros(2), np.array([[3.0, 1.0]]), np.array([1]), 1.0), 4)  # log 2
    0.6931
    """
    z = A @ theta
    return float((np.logaddexp(0, z) - y * z).sum() + strength / 2 * (theta[:-1] ** 2).sum())


def train(X: Any, y: Any, strength: float = 1.0, tolerance: float = 1e-12) -> Array:
    r"""The line of the least loss by Newton's method, \theta \leftarrow \theta - s H^{-1} \partial L / \partial \theta.

    A step that would not lower the loss is halved, s = 1, 1/2, ..., until it does.

    Parameters
    ----------
    X : ndarray of float, shape (examples, inputs)
    y : ndarray of int, shape (examples,)
        The classes 0 and 1.
    strength : float
        \lambda, of the L2 regularization, above 0.
    tolerance : float
        The step that lowers the loss by no more than this, a mean over the examples, is the last.

    Returns
    -------
    theta : ndarray, shape (inputs + 1,)
        The weights, and last the bias.

    Raises
    ------
    TypeError
        When X is not floats or y not integers.
    ValueError
        When a shape, a class or a number is out of place.

    Examples
    --------
    >>> X, y = np.array([[-2.0], [-1.0], [1.0], [2.0]]), np.array([0, 0, 1, 1])
    >>> train(X, y).round(3) + 0.0
    array([1.007, 0.   ])
    """
    check.at_least(np.finfo(float).tiny, strength=strength)
    X = check.floats("X", X, ("examples", "inputs")).astype(float)
    y = check.labels("y", y, len(X), 2)
    A = np.column_stack([X, np.ones(len(X))])
    theta, ridge = np.zeros(A.shape[1]), strength * np.diag([1.0] * X.shape[1] + [0.0])
    least, gain = loss(theta, A, y, strength), np.inf
    while gain > tolerance * len(X):
        p = np.exp(-np.logaddexp(0, -A @ theta))
        slope = A.T @ (p - y) + ridge @ theta
        step = np.linalg.solve(A.T @ (A * (p * (1 - p))[:, None]) + ridge, slope)
        while (reached := loss(theta - step, A, y, strength)) > least:
            step = step / 2
        theta, least, gain = theta - step, reached, least - reached
    return theta


def predict(theta: Array, X: Any) -> Array:
    r"""The more probable class of each example: 1 where X w + b is above 0.

    Parameters
    ----------
    theta : ndarray, shape (inputs + 1,)
        From `train`.
    X : ndarray of float, shape (examples, inputs)

    Returns
    -------
    ndarray of int, shape (examples,)

    Examples
    --------
    >>> predict(np.array([1.0, -0.5]), np.array([[0.0], [1.0]]))
    array([0, 1])
    """
    X = check.floats("X", X, ("examples", len(theta) - 1))
    classes: Array = (X @ theta[:-1] + theta[-1] > 0).astype(int)
    return classes
