r"""Logistic regression by Newton's method, in plain NumPy.

The model and its loss, for examples in the rows of X and classes y of 0 and 1:

    p = \sigma(X w + b) = 1 / (1 + e^{-(X w + b)})
    L = -\sum_n \log p_n(y_n) + \frac{\lambda}{2} \|w\|^2

Its gradient and its Hessian, with A = [X, 1], \theta = (w, b), and \Lambda = \lambda I except for a 0 in the row of the
bias:

    \partial L / \partial \theta = A^T (p - y) + \Lambda \theta
    H = A^T \mathrm{diag}(p \odot (1 - p)) A + \Lambda

L is convex, so a zero of the gradient is the minimum. scikit-learn's `LogisticRegression(C=1 / \lambda)` finds the same
minimum.

Source: David Cox, "The Regression Analysis of Binary Sequences" (1958).
"""

from typing import Any

import numpy as np

from pellucid.byhand.check import Array, check_at_least, check_floats, check_labels

__all__ = ["loss", "predict", "train"]


def loss(theta: Array, A: Array, y: Array, strength: float) -> float:
    r"""The summed loss, :math:`L = \sum_n \log(1 + e^{z_n}) - y_n z_n + \frac{\lambda}{2} \|w\|^2` with
    :math:`z = A \theta`.

    Parameters
    ----------
    theta : ndarray, shape (inputs + 1,)
        The weights, followed by the bias.
    A : ndarray, shape (examples, inputs + 1)
        The examples, followed by a column of ones.
    y : ndarray of int, shape (examples,)
        The classes 0 and 1.
    strength : float
        :math:`\lambda`, the strength of the L2 regularization. It does not apply to the bias.

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
    r"""Minimize the loss by Newton's method: :math:`\theta \leftarrow \theta - s H^{-1} \partial L / \partial \theta`.

    The step size s starts at 1 and is halved until the step lowers the loss.

    Parameters
    ----------
    X : ndarray of float, shape (examples, inputs)
    y : ndarray of int, shape (examples,)
        The classes 0 and 1.
    strength : float
        :math:`\lambda`, the strength of the L2 regularization, above 0.
    tolerance : float
        Training stops when a step lowers the mean loss by no more than this.

    Returns
    -------
    theta : ndarray, shape (inputs + 1,)
        The weights, followed by the bias.

    Raises
    ------
    TypeError
        If X is not floats or y not integers.
    ValueError
        If a shape, a class or a number is invalid.

    Examples
    --------
    >>> X, y = np.array([[-2.0], [-1.0], [1.0], [2.0]]), np.array([0, 0, 1, 1])
    >>> train(X, y).round(3) + 0.0
    array([1.007, 0.   ])
    """
    check_at_least(np.finfo(float).tiny, strength=strength)
    X = check_floats("X", X, ("examples", "inputs")).astype(float)
    y = check_labels("y", y, len(X), 2)
    A = np.column_stack([X, np.ones(len(X))])
    theta, ridge = np.zeros(A.shape[1]), strength * np.diag([1.0] * X.shape[1] + [0.0])
    lowest, gain = loss(theta, A, y, strength), np.inf
    while gain > tolerance * len(X):
        p = np.exp(-np.logaddexp(0, -A @ theta))  # p = \sigma(A \theta), without overflow
        slope = A.T @ (p - y) + ridge @ theta  # \partial L / \partial \theta = A^T (p - y) + \Lambda \theta
        H = A.T @ (A * (p * (1 - p))[:, None]) + ridge  # H = A^T \mathrm{diag}(p \odot (1 - p)) A + \Lambda
        step = np.linalg.solve(H, slope)
        while (reached := loss(theta - step, A, y, strength)) > lowest:
            step = step / 2
        theta, lowest, gain = theta - step, reached, lowest - reached
    return theta


def predict(theta: Array, X: Any) -> Array:
    r"""Return the more probable class of each example: 1 if X w + b > 0, else 0.

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
    X = check_floats("X", X, ("examples", len(theta) - 1))
    classes: Array = (X @ theta[:-1] + theta[-1] > 0).astype(int)
    return classes
