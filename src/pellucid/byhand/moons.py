r"""A 2-3-2 network that separates two moons, with full-batch gradient descent, in plain NumPy.

The network and its loss, for examples in the rows of X, true classes y and predicted probabilities \hat y:

    a_1    = \tanh(X W_1 + b_1)
    \hat y = \mathrm{softmax}(a_1 W_2 + b_2)
    L      = -\sum_n \log \hat y_{n, y_n} + \frac{\lambda}{2} (\|W_1\|^2 + \|W_2\|^2)

Its gradient, backwards from the loss (Y is y one-hot encoded, \odot is the elementwise product):

    \delta_3 = \hat y - Y
    \delta_2 = \delta_3 W_2^T \odot (1 - a_1^2)
    \partial L / \partial W_2 = a_1^T \delta_3 + \lambda W_2,   \partial L / \partial b_2 = \sum_n \delta_{3, n}
    \partial L / \partial W_1 = X^T \delta_2 + \lambda W_1,     \partial L / \partial b_1 = \sum_n \delta_{2, n}

Gradient descent follows the gradient of L, a sum over the examples. Reported losses are L divided by their number.

**Comparing two runs.** On 200 moons with learning rate 0.01 this network trains at the edge of stability. Gradient
descent is stable while the largest eigenvalue of the Hessian of L is below 2 / 0.01 = 200. Training increases it: 171
at the start, 200 after 895 epochs, 206.6 after 1,000. From then on each epoch multiplies a perturbation along that
eigenvector, including rounding errors, by 1 - 0.01 * 206.6 = -1.07. Two runs that differ by one rounding at the start
can differ in the third digit of their losses at epoch 2,500. Every run ends by alternating between two nearby solutions
(losses 0.070758 and 0.071316, eigenvalues 231 and 172), and rounding decides which of them epoch 20,000 reaches.
Compare runs only up to about 1,000 epochs.

Source: Denny Britz, "Implementing a Neural Network from Scratch in Python" (2015). Edge of stability: Cohen et al.,
"Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability" (2021).
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from pellucid.byhand.check import Array, check_at_least, check_floats, check_labels

__all__ = ["MoonsParameters", "descend", "forward", "gradient", "initialize", "loss", "predict", "train"]


class MoonsParameters(NamedTuple):
    """The weights and biases of the network, or the gradient with respect to them.

    Attributes
    ----------
    W1 : ndarray, shape (inputs, hidden)
    b1 : ndarray, shape (1, hidden)
    W2 : ndarray, shape (hidden, classes)
    b2 : ndarray, shape (1, classes)

    Examples
    --------
    >>> pel.byhand.moons.MoonsParameters(*[np.zeros(1)] * 4)._fields
    ('W1', 'b1', 'W2', 'b2')
    """

    W1: Array
    b1: Array
    W2: Array
    b2: Array


def initialize(
    inputs: int = 2, hidden: int = 3, classes: int = 2, seed: int = 0, dtype: Any = float
) -> MoonsParameters:
    r"""Draw normal weights, :math:`W \sim N(0, 1) / \sqrt{n}` for n inputs, and set the biases to zero.

    Parameters
    ----------
    inputs, hidden, classes : int
        Sizes of the three layers.
    seed : int
        Seed of NumPy's legacy generator, as in the tutorial.
    dtype : dtype
        Dtype of the parameters. The random numbers are the same for every dtype.

    Returns
    -------
    start : MoonsParameters
        The initial parameters.

    Raises
    ------
    ValueError
        If a size is below 1.

    Examples
    --------
    >>> initialize().W1.round(3)
    array([[ 1.247,  0.283,  0.692],
           [ 1.585,  1.321, -0.691]])
    """
    check_at_least(1, inputs=inputs, hidden=hidden, classes=classes)
    random = np.random.RandomState(seed)
    W1 = random.randn(inputs, hidden) / np.sqrt(inputs)
    W2 = random.randn(hidden, classes) / np.sqrt(hidden)
    start = MoonsParameters(W1, np.zeros((1, hidden)), W2, np.zeros((1, classes)))
    return MoonsParameters(*(part.astype(dtype) for part in start))


def forward(parameters: MoonsParameters, X: Array) -> tuple[Array, Array]:
    r"""Compute log-probabilities: :math:`a_1 = \tanh(X W_1 + b_1), \log \hat y = z_2 - \log \sum_k e^{z_{2, k}}`.

    `np.logaddexp` cannot overflow. Reducing over the classes, one column at a time, is faster than
    `np.logaddexp.reduce`, which loops over the examples.

    Parameters
    ----------
    parameters : MoonsParameters
    X : ndarray of float, shape (examples, inputs)

    Returns
    -------
    a1 : ndarray, shape (examples, hidden)
        The hidden layer.
    log_p : ndarray, shape (examples, classes)
        Logarithms of the class probabilities.

    Examples
    --------
    >>> a1, log_p = forward(initialize(), np.array([[0.0, 0.0]]))
    >>> np.exp(log_p)
    array([[0.5, 0.5]])
    """
    a1 = np.tanh(X @ parameters.W1 + parameters.b1)
    z2 = a1 @ parameters.W2 + parameters.b2
    return a1, z2 - functools.reduce(np.logaddexp, z2.T)[:, None]


def loss(parameters: MoonsParameters, log_p: Array, y: Array, strength: float = 0.01) -> float:
    r"""Loss, summed over the examples:
    :math:`L = -\sum_n \log \hat y_{n, y_n} + \frac{\lambda}{2} (\|W_1\|^2 + \|W_2\|^2)`.

    Parameters
    ----------
    parameters : MoonsParameters
    log_p : ndarray, shape (examples, classes)
        From `forward`.
    y : ndarray of int, shape (examples,)
        The true classes.
    strength : float
        :math:`\lambda`, the strength of the L2 regularization. It does not apply to the biases.

    Returns
    -------
    float
        L. Divide by the number of examples for the reported loss.

    Examples
    --------
    >>> X, y = np.array([[0.0, 0.0]]), np.array([1])
    >>> start = initialize()
    >>> round(loss(start, forward(start, X)[1], y, strength=0.0), 4)  # log 2
    0.6931
    """
    cross_entropy = -log_p[np.arange(len(y)), y].sum()
    penalty = strength / 2 * ((parameters.W1**2).sum() + (parameters.W2**2).sum())
    return float(cross_entropy + penalty)


def gradient(
    parameters: MoonsParameters, X: Array, y: Array, a1: Array, log_p: Array, strength: float = 0.01
) -> MoonsParameters:
    r"""Gradient of the summed loss by backpropagation: :math:`\partial L / \partial \theta` for each parameter.

    Parameters
    ----------
    parameters : MoonsParameters
    X : ndarray of float, shape (examples, inputs)
    y : ndarray of int, shape (examples,)
        The true classes.
    a1, log_p : ndarray
        The results of `forward` for these parameters and examples.
    strength : float
        :math:`\lambda`, the strength of the L2 regularization.

    Returns
    -------
    gradient : MoonsParameters
        The gradient with respect to each weight and bias.

    Examples
    --------
    >>> X, y = np.array([[0.0, 0.0]]), np.array([1])
    >>> start = initialize()
    >>> gradient(start, X, y, *forward(start, X)).b2
    array([[ 0.5, -0.5]])
    """
    delta3 = np.exp(log_p)
    delta3[np.arange(len(y)), y] -= 1  # \delta_3 = \hat y - Y
    dW2 = a1.T @ delta3 + strength * parameters.W2  # \partial L / \partial W_2 = a_1^T \delta_3 + \lambda W_2
    db2 = delta3.sum(axis=0, keepdims=True)  # \partial L / \partial b_2 = \sum_n \delta_{3, n}
    delta2 = delta3 @ parameters.W2.T * (1 - a1**2)  # \delta_2 = \delta_3 W_2^T \odot (1 - a_1^2)
    dW1 = X.T @ delta2 + strength * parameters.W1  # \partial L / \partial W_1 = X^T \delta_2 + \lambda W_1
    db1 = delta2.sum(axis=0, keepdims=True)  # \partial L / \partial b_1 = \sum_n \delta_{2, n}
    return MoonsParameters(dW1, db1, dW2, db2)


def descend(
    parameters: MoonsParameters,
    X: Array,
    y: Array,
    epochs: int = 20_000,
    learning_rate: float = 0.01,
    strength: float = 0.01,
) -> Iterator[tuple[MoonsParameters, float]]:
    r"""Full-batch gradient descent: :math:`\theta \leftarrow \theta - \eta \, \partial L / \partial \theta`.

    Iterate over this generator yourself to inspect a run, or to keep its parameters when you interrupt it.

    Parameters
    ----------
    parameters : MoonsParameters
        Initial parameters.
    X : ndarray of float, shape (examples, inputs)
    y : ndarray of int, shape (examples,)
        The true classes.
    epochs : int
        Number of epochs, one step each.
    learning_rate : float
        :math:`\eta`, the step size.
    strength : float
        :math:`\lambda`, the strength of the L2 regularization.

    Yields
    ------
    parameters : MoonsParameters
        Parameters after 0, 1, ..., ``epochs`` epochs.
    loss : float
        Mean loss of these parameters.

    Raises
    ------
    FloatingPointError
        If the loss becomes infinite or NaN.

    Examples
    --------
    >>> X, y = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 1])
    >>> [round(value, 3) for parameters, value in descend(initialize(), X, y, epochs=3, learning_rate=0.1)]
    [0.556, 0.52, 0.487, 0.456]
    """
    for epoch in range(epochs + 1):
        with np.errstate(over="ignore", invalid="ignore"):  # the check below reports it
            a1, log_p = forward(parameters, X)
            value = loss(parameters, log_p, y, strength) / len(X)
        if not np.isfinite(value):
            raise FloatingPointError(
                f"the loss is {value} in epoch {epoch}; use a smaller learning rate than {learning_rate}"
            )
        yield parameters, value
        if epoch < epochs:
            grads = gradient(parameters, X, y, a1, log_p, strength)
            parameters = MoonsParameters(*(p - learning_rate * g for p, g in zip(parameters, grads, strict=True)))


def train(
    X: Array,
    y: Array,
    hidden: int = 3,
    epochs: int = 20_000,
    learning_rate: float = 0.01,
    strength: float = 0.01,
    seed: int = 0,
    classes: int = 2,
    progress: Callable[[int, float], None] | None = None,
) -> tuple[MoonsParameters, Array]:
    r"""Initialize a network and train it: :math:`\theta \leftarrow \theta - \eta \, \partial L / \partial \theta`.

    Parameters
    ----------
    X : ndarray of float, shape (examples, inputs)
        Training uses this dtype.
    y : ndarray of int, shape (examples,)
        The true classes, counted from 0.
    hidden : int
        Number of hidden units.
    epochs : int
        Number of epochs, one step each.
    learning_rate : float
        :math:`\eta`, the step size for the gradient of the summed loss.
    strength : float
        :math:`\lambda`, the strength of the L2 regularization.
    seed : int
        Seed of the initial weights.
    classes : int
        Number of classes.
    progress : callable, optional
        Called as ``progress(epochs, loss)`` after each epoch. An exception in it ends the run.

    Returns
    -------
    parameters : MoonsParameters
        Parameters after the last epoch.
    losses : ndarray, shape (epochs + 1,)
        losses[k] is the mean loss after k epochs; losses[0] is the loss of the initial weights. The tutorial counts
        epochs from 0 and prints after the step, so its "iteration 1000" is losses[1001].

    Raises
    ------
    TypeError
        If X is not floats or y not integers.
    ValueError
        If a shape, a class or a number is invalid.
    FloatingPointError
        If the loss becomes infinite or NaN, because the learning rate is too large.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> X, y = make_moons(200, noise=0.20, random_state=0)
    >>> parameters, losses = train(X, y, epochs=1001)
    >>> losses[[1, 1001]].round(6)
    array([0.432387, 0.068947])
    >>> float((predict(parameters, X) == y).mean())
    0.975
    """
    check_at_least(0, epochs=epochs, learning_rate=learning_rate, strength=strength)
    check_at_least(1, hidden=hidden, classes=classes)
    X = check_floats("X", X, ("examples", "inputs"))
    y = check_labels("y", y, len(X), classes)
    start = initialize(X.shape[1], hidden, classes, seed, X.dtype)
    losses = np.empty(epochs + 1, X.dtype)
    for epoch, step in enumerate(descend(start, X, y, epochs, learning_rate, strength)):
        parameters, losses[epoch] = step
        if progress is not None and epoch > 0:
            progress(epoch, float(losses[epoch]))
    return parameters, losses


def predict(parameters: MoonsParameters, X: Array) -> Array:
    r"""Return the most probable class of each example: :math:`\operatorname{argmax}_k \hat y_{n, k}`.

    Parameters
    ----------
    parameters : MoonsParameters
    X : ndarray of float, shape (examples, inputs)

    Returns
    -------
    ndarray of int, shape (examples,)

    Raises
    ------
    TypeError
        If X is not floats.
    ValueError
        If its shape does not fit the parameters.

    Examples
    --------
    >>> predict(initialize(), np.array([[0.0, 1.0], [1.0, -1.0]]))
    array([0, 1])
    """
    X = check_floats("X", X, ("examples", len(parameters.W1)))
    classes: Array = forward(parameters, X)[1].argmax(axis=1)
    return classes
