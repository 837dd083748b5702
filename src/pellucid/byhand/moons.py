r"""The 2-3-2 network that tells two moons apart: tanh, softmax, full-batch gradient descent, in plain NumPy.

The network and its loss, for examples in the rows of X, true classes y and \hat y the probabilities it gives:

    a_1    = \tanh(X W_1 + b_1)
    \hat y = \mathrm{softmax}(a_1 W_2 + b_2)
    L      = -\sum_n \log \hat y_{n, y_n} + \frac{\lambda}{2} (\|W_1\|^2 + \|W_2\|^2)

Its gradient, backwards from the loss (Y has a one where the true class is, \odot is the elementwise product):

    \delta_3 = \hat y - Y
    \delta_2 = \delta_3 W_2^T \odot (1 - a_1^2)
    \partial L / \partial W_2 = a_1^T \delta_3 + \lambda W_2,   \partial L / \partial b_2 = \sum_n \delta_{3, n}
    \partial L / \partial W_1 = X^T \delta_2 + \lambda W_1,     \partial L / \partial b_1 = \sum_n \delta_{2, n}

Descent follows the gradient of L, a sum over the examples; the losses reported are L divided by their number.

**How far two runs can be compared.** On 200 moons at rate 0.01 this network trains at the edge of stability. Gradient
descent is stable where the largest eigenvalue of the Hessian of L is below 2 / rate = 200. Training drives it there:
171 at the start, 200 after 895 passes, 206.6 after 1,000. From then on each pass multiplies whatever lies along that
eigenvector, the last bit of rounding too, by 1 - 0.01 * 206.6 = -1.07; runs that differ by one rounding at the start
can differ in the third digit of their losses by pass 2,500. Each ends by jumping between the same two nearby solutions,
pass after pass (losses 0.070758 and 0.071316, eigenvalues 231 and 172), and rounding decides on which of the two it
stands after pass 20,000. Compare runs up to some 1,000 passes only.

Source: Denny Britz, "Implementing a Neural Network from Scratch in Python" (2015). Edge of stability: Cohen et al.,
"Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability" (2021).
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from pellucid.byhand import check
from pellucid.byhand.check import Array

__all__ = ["Parameters", "descend", "forward", "gradient", "initialize", "loss", "predict", "train"]


class Parameters(NamedTuple):
    """The weights and biases of the network; a gradient has the same four parts.

    Attributes
    ----------
    W1 : ndarray, shape (inputs, hidden)
    b1 : ndarray, shape (1, hidden)
    W2 : ndarray, shape (hidden, classes)
    b2 : ndarray, shape (1, classes)
    """

    W1: Array
    b1: Array
    W2: Array
    b2: Array


def initialize(inputs: int = 2, hidden: int = 3, classes: int = 2, seed: int = 0, dtype: Any = float) -> Parameters:
    r"""Normal weights scaled by the square root of their inputs, W \sim N(0, 1) / \sqrt{n}, and biases of zero.

    Parameters
    ----------
    inputs, hidden, classes : int
        The sizes of the three layers.
    seed : int
        Starts NumPy's legacy generator, as `np.random.seed` does: the workshop's very weights.
    dtype : dtype
        Of the parameters; the draws are the same in any.

    Returns
    -------
    start : Parameters
        What to train from.

    Raises
    ------
    ValueError
        When a size is below one.

    Examples
    --------
    >>> initialize().W1.round(3)
    array([[ 1.247,  0.283,  0.692],
           [ 1.585,  1.321, -0.691]])
    """
    check.at_least(1, inputs=inputs, hidden=hidden, classes=classes)
    random = np.random.RandomState(seed)
    W1 = random.randn(inputs, hidden) / np.sqrt(inputs)
    W2 = random.randn(hidden, classes) / np.sqrt(hidden)
    start = Parameters(W1, np.zeros((1, hidden)), W2, np.zeros((1, classes)))
    return Parameters(*(part.astype(dtype) for part in start))


def forward(parameters: Parameters, X: Array) -> tuple[Array, Array]:
    r"""From examples to log-probabilities: a_1 = \tanh(X W_1 + b_1), \log \hat y = z_2 - \log \sum_k e^{z_{2, k}}.

    `np.logaddexp` adds exponentials, two at a time, by their logarithms: none overflows. Class by class it is quicker
    than its own `reduce`, which goes example by example.

    Parameters
    ----------
    parameters : Parameters
    X : ndarray of float, shape (examples, inputs)

    Returns
    -------
    a1 : ndarray, shape (examples, hidden)
        The hidden layer.
    log_p : ndarray, shape (examples, classes)
        The logarithm of each class's probability.

    Examples
    --------
    >>> a1, log_p = forward(initialize(), np.array([[0.0, 0.0]]))
    >>> np.exp(log_p)
    array([[0.5, 0.5]])
    """
    a1 = np.tanh(X @ parameters.W1 + parameters.b1)
    z2 = a1 @ parameters.W2 + parameters.b2
    return a1, z2 - functools.reduce(np.logaddexp, z2.T)[:, None]


def loss(parameters: Parameters, log_p: Array, y: Array, strength: float = 0.01) -> float:
    r"""The summed loss, L = -\sum_n \log \hat y_{n, y_n} + \frac{\lambda}{2} (\|W_1\|^2 + \|W_2\|^2).

    Parameters
    ----------
    parameters : Parameters
    log_p : ndarray, shape (examples, classes)
        From `forward`.
    y : ndarray of int, shape (examples,)
        The true classes.
    strength : float
        \lambda, of the L2 regularization; biases are free of it.

    Returns
    -------
    float
        L; divide by the number of examples for the loss that is reported.

    Examples
    --------
    >>> X, y = np.array([[0.0, 0.0]]), np.array([1])
    >>> start = initialize()
    >>> round(loss(start, forward(start, X)[1], y, strength=0.0), 4)  # log 2
    0.6931
    """
    surprise = -log_p[np.arange(len(y)), y].sum()
    penalty = strength / 2 * ((parameters.W1**2).sum() + (parameters.W2**2).sum())
    return float(surprise + penalty)


def gradient(parameters: Parameters, X: Array, y: Array, a1: Array, log_p: Array, strength: float = 0.01) -> Parameters:
    r"""The gradient of the summed loss by backpropagation: \partial L / \partial \theta for each parameter.

    Parameters
    ----------
    parameters : Parameters
    X : ndarray of float, shape (examples, inputs)
    y : ndarray of int, shape (examples,)
        The true classes.
    a1, log_p : ndarray
        What `forward` gave for these parameters and examples.
    strength : float
        \lambda, of the L2 regularization.

    Returns
    -------
    slopes : Parameters
        The gradient with respect to each of them.

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
    return Parameters(dW1, db1, dW2, db2)


def descend(
    parameters: Parameters, X: Array, y: Array, passes: int = 20_000, rate: float = 0.01, strength: float = 0.01
) -> Iterator[tuple[Parameters, float]]:
    r"""Gradient descent, one pass at a time: \theta \leftarrow \theta - \eta \, \partial L / \partial \theta.

    Walk it yourself to look inside a run, or to keep what a run had reached when Ctrl-C ends it.

    Parameters
    ----------
    parameters : Parameters
        Where to start.
    X : ndarray of float, shape (examples, inputs)
    y : ndarray of int, shape (examples,)
        The true classes.
    passes : int
        Passes over all of the examples, one step each.
    rate : float
        \eta, the length of a step as a multiple of the gradient.
    strength : float
        \lambda, of the L2 regularization.

    Yields
    ------
    parameters : Parameters
        After 0, 1, ... passes: one more time than there are passes.
    loss : float
        Of these parameters, a mean over the examples.

    Raises
    ------
    FloatingPointError
        When the loss is no longer finite.

    Examples
    --------
    >>> X, y = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 1])
    >>> [round(value, 3) for parameters, value in descend(initialize(), X, y, passes=3, rate=0.1)]
    [0.556, 0.52, 0.487, 0.456]
    """
    for done in range(passes + 1):
        with np.errstate(over="ignore", invalid="ignore"):  # the next check says it better
            a1, log_p = forward(parameters, X)
            value = loss(parameters, log_p, y, strength) / len(X)
        if not np.isfinite(value):
            raise FloatingPointError(f"the loss is {value} after {done} passes at rate {rate}; take a smaller rate")
        yield parameters, value
        if done < passes:
            slopes = gradient(parameters, X, y, a1, log_p, strength)
            parameters = Parameters(*(part - rate * slope for part, slope in zip(parameters, slopes, strict=True)))


def train(
    X: Array,
    y: Array,
    hidden: int = 3,
    passes: int = 20_000,
    rate: float = 0.01,
    strength: float = 0.01,
    seed: int = 0,
    classes: int = 2,
    progress: Callable[[int, float], None] | None = None,
) -> tuple[Parameters, Array]:
    r"""Draw a network and train it by descent: \theta \leftarrow \theta - \eta \, \partial L / \partial \theta.

    Parameters
    ----------
    X : ndarray of float, shape (examples, inputs)
        The run computes in its dtype.
    y : ndarray of int, shape (examples,)
        The true classes, counted from 0.
    hidden : int
        Units in the hidden layer.
    passes : int
        Passes over all of the examples, one step each.
    rate : float
        \eta, the length of a step as a multiple of the gradient of the summed loss.
    strength : float
        \lambda, of the L2 regularization.
    seed : int
        Of the weights' draw.
    classes : int
        How many there are.
    progress : callable, optional
        Called as progress(passes done, loss) after each pass; keep it light. What it raises ends the run.

    Returns
    -------
    parameters : Parameters
        After the last pass.
    losses : ndarray, shape (passes + 1,)
        losses[k] is the mean loss after k passes; losses[0] is that of the drawn weights. The workshop counts passes
        from 0 and prints after the step, so that its "iteration 1000" is losses[1001].

    Raises
    ------
    TypeError
        When X is not floats or y not integers.
    ValueError
        When a shape, a class or a number is out of place.
    FloatingPointError
        When the rate is so large that the loss is no longer finite.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> X, y = make_moons(200, noise=0.20, random_state=0)
    >>> parameters, losses = train(X, y, passes=1001)
    >>> losses[[1, 1001]].round(6)
    array([0.432387, 0.068947])
    >>> float((predict(parameters, X) == y).mean())
    0.975
    """
    check.at_least(0, passes=passes, rate=rate, strength=strength)
    check.at_least(1, hidden=hidden, classes=classes)
    X = check.floats("X", X, ("examples", "inputs"))
    y = check.labels("y", y, len(X), classes)
    start = initialize(X.shape[1], hidden, classes, seed, X.dtype)
    losses = np.empty(passes + 1, X.dtype)
    for done, reached in enumerate(descend(start, X, y, passes, rate, strength)):
        parameters, losses[done] = reached
        if progress is not None and done > 0:
            progress(done, float(losses[done]))
    return parameters, losses


def predict(parameters: Parameters, X: Array) -> Array:
    r"""The most probable class of each example, \arg\max_k \hat y_{n, k}.

    Parameters
    ----------
    parameters : Parameters
    X : ndarray of float, shape (examples, inputs)

    Returns
    -------
    ndarray of int, shape (examples,)

    Raises
    ------
    TypeError
        When X is not floats.
    ValueError
        When its shape does not fit the parameters.

    Examples
    --------
    >>> predict(initialize(), np.array([[0.0, 1.0], [1.0, -1.0]]))
    array([0, 1])
    """
    X = check.floats("X", X, ("examples", len(parameters.W1)))
    classes: Array = forward(parameters, X)[1].argmax(axis=1)
    return classes
