r"""A 2-16-1 recurrent network that learns to add, with backpropagation through time, in plain NumPy.

The network reads two numbers bit by bit, least significant bit first, and outputs one bit of their sum at each step.
Only the hidden layer can hold the carry. x_t are the two bits of step t, y_t is the true bit of the sum, h_{-1} = 0,
and \sigma is the logistic sigmoid:

    h_t = \sigma(x_t W_x + h_{t-1} W_h)
    o_t = \sigma(h_t W_o)
    E   = \frac{1}{2} \sum_t (y_t - o_t)^2

Its gradient, backwards through the steps (\sigma' = \sigma (1 - \sigma), \odot is the elementwise product, and
\delta^h is zero after the last step):

    \delta^o_t = (o_t - y_t) \, o_t (1 - o_t)
    \delta^h_t = (\delta^o_t W_o^T + \delta^h_{t+1} W_h^T) \odot h_t (1 - h_t)
    \partial E / \partial W_o = \sum_t h_t^T \delta^o_t
    \partial E / \partial W_h = \sum_t h_{t-1}^T \delta^h_t
    \partial E / \partial W_x = \sum_t x_t^T \delta^h_t

There are no biases. Each sum is one step of gradient descent. The original tutorial uses -\delta and adds its updates,
which gives the same weights.

Source: Andrew Trask, "Anyone Can Learn To Code an LSTM-RNN in Python (Part 1: RNN)" (2015).
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from pellucid.byhand.check import Array, check_at_least, check_floats

__all__ = ["AdderParameters", "descend", "forward", "gradient", "initialize", "loss", "predict", "sigmoid", "train"]


class AdderParameters(NamedTuple):
    """The weights of the network, or the gradient with respect to them.

    Attributes
    ----------
    Wx : ndarray, shape (2, hidden)
        From the two bits to the hidden layer (synapse_0 in the tutorial).
    Wh : ndarray, shape (hidden, hidden)
        From the hidden layer to itself, one step later (synapse_h).
    Wo : ndarray, shape (hidden, 1)
        From the hidden layer to the output bit (synapse_1).

    Examples
    --------
    >>> pel.byhand.adder.AdderParameters(*[np.zeros(1)] * 3)._fields
    ('Wx', 'Wh', 'Wo')
    """

    Wx: Array
    Wh: Array
    Wo: Array


def initialize(hidden: int = 16, seed: int = 0, dtype: Any = float) -> AdderParameters:
    r"""Draw weights uniformly from [-1, 1): :math:`W = 2 u - 1, u \sim U[0, 1)`.

    Parameters
    ----------
    hidden : int
        Number of hidden units.
    seed : int
        Seed of NumPy's legacy generator. The weights are drawn in the order of the tutorial: W_x, W_o, W_h.
    dtype : dtype
        Dtype of the parameters. The random numbers are the same for every dtype.

    Returns
    -------
    start : AdderParameters
        The initial weights.

    Raises
    ------
    ValueError
        If ``hidden`` is below 1.

    Examples
    --------
    >>> initialize(hidden=3).Wx.round(3)
    array([[ 0.098,  0.43 ,  0.206],
           [ 0.09 , -0.153,  0.292]])
    """
    check_at_least(1, hidden=hidden)
    random = np.random.RandomState(seed)
    Wx = 2 * random.random_sample((2, hidden)) - 1
    Wo = 2 * random.random_sample((hidden, 1)) - 1
    Wh = 2 * random.random_sample((hidden, hidden)) - 1
    return AdderParameters(Wx.astype(dtype), Wh.astype(dtype), Wo.astype(dtype))


def sigmoid(z: Array) -> Array:
    r"""Logistic sigmoid, :math:`\sigma(z) = 1 / (1 + e^{-z}) = (1 + \tanh(z / 2)) / 2`. The second form cannot
    overflow.

    Parameters
    ----------
    z : ndarray of float, any shape

    Returns
    -------
    ndarray of float, shape of z

    Examples
    --------
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    return (1 + np.tanh(z / 2)) / 2


def forward(parameters: AdderParameters, x: Array) -> tuple[Array, Array]:
    r"""Run the network on one sum: :math:`h_t = \sigma(x_t W_x + h_{t-1} W_h), o_t = \sigma(h_t W_o)`.

    Parameters
    ----------
    parameters : AdderParameters
    x : ndarray of float, shape (bits, 2)
        The two numbers, least significant bit first.

    Returns
    -------
    h : ndarray, shape (bits + 1, hidden)
        The hidden layer. h[0] is the initial zero state, h[t + 1] is h_t.
    o : ndarray, shape (bits, 1)
        The outputs, between 0 and 1.

    Examples
    --------
    >>> h, o = forward(initialize(), np.zeros((8, 2)))
    >>> h.shape, o.shape
    ((9, 16), (8, 1))
    """
    Wx, Wh, Wo = parameters
    h = np.zeros((len(x) + 1, len(Wh)), x.dtype)
    for t in range(len(x)):
        h[t + 1] = sigmoid(x[t] @ Wx + h[t] @ Wh)
    return h, sigmoid(h[1:] @ Wo)


def loss(o: Array, y: Array) -> float:
    r"""Half the squared error of one sum: :math:`E = \frac{1}{2} \sum_t (y_t - o_t)^2`.

    Parameters
    ----------
    o : ndarray, shape (bits, 1)
        The outputs, from `forward`.
    y : ndarray of float, shape (bits, 1)
        The true bits.

    Returns
    -------
    float

    Examples
    --------
    >>> loss(np.array([[0.5], [1.0]]), np.array([[1.0], [1.0]]))
    0.125
    """
    return float(np.sum((y - o) ** 2) / 2)


def gradient(parameters: AdderParameters, x: Array, y: Array, h: Array, o: Array) -> AdderParameters:
    r"""Gradient of the error of one sum by backpropagation through time: :math:`\partial E / \partial W` for each W.

    Parameters
    ----------
    parameters : AdderParameters
    x : ndarray of float, shape (bits, 2)
        The two numbers, least significant bit first.
    y : ndarray of float, shape (bits, 1)
        The true bits of their sum.
    h, o : ndarray
        The results of `forward` for these parameters and bits.

    Returns
    -------
    gradient : AdderParameters
        The gradient with respect to each weight matrix.

    Examples
    --------
    >>> start, x, y = initialize(), np.zeros((8, 2)), np.zeros((8, 1))
    >>> gradient(start, x, y, *forward(start, x)).Wx.any()  # all inputs are 0
    np.False_
    """
    delta_o = (o - y) * o * (1 - o)  # \delta^o_t = (o_t - y_t) o_t (1 - o_t)
    delta_h = np.zeros_like(h)  # one more row than bits: \delta^h is zero after the last step
    for t in reversed(range(len(x))):
        # \delta^h_t = (\delta^o_t W_o^T + \delta^h_{t+1} W_h^T) \odot h_t (1 - h_t)
        delta_h[t] = (delta_o[t] @ parameters.Wo.T + delta_h[t + 1] @ parameters.Wh.T) * h[t + 1] * (1 - h[t + 1])
    dWo = h[1:].T @ delta_o  # \partial E / \partial W_o = \sum_t h_t^T \delta^o_t
    dWh = h[:-1].T @ delta_h[:-1]  # \partial E / \partial W_h = \sum_t h_{t-1}^T \delta^h_t
    dWx = x.T @ delta_h[:-1]  # \partial E / \partial W_x = \sum_t x_t^T \delta^h_t
    return AdderParameters(dWx, dWh, dWo)


def descend(
    parameters: AdderParameters, inputs: Array, targets: Array, learning_rate: float = 0.1
) -> Iterator[tuple[AdderParameters, Array]]:
    r"""Gradient descent, one sum per step: :math:`W \leftarrow W - \alpha \, \partial E / \partial W`.

    Iterate over this generator yourself to inspect a run, or to keep its weights when you interrupt it.

    Parameters
    ----------
    parameters : AdderParameters
        Initial weights.
    inputs : ndarray of float, shape (sums, bits, 2)
        The two numbers of each sum, least significant bit first.
    targets : ndarray of float, shape (sums, bits, 1)
        The true bits of each sum.
    learning_rate : float
        :math:`\alpha`, the step size.

    Yields
    ------
    parameters : AdderParameters
        Weights after the step for this sum.
    o : ndarray, shape (bits, 1)
        Outputs for this sum before the step.

    Examples
    --------
    >>> inputs, targets = np.ones((3, 8, 2)), np.array(3 * [[[0.0]] + 7 * [[1.0]]])  # 255 + 255, in eight bits
    >>> start = initialize()
    >>> [round(loss(o, y), 2) for (_, o), y in zip(descend(start, inputs, targets), targets)]
    [1.52, 1.02, 0.73]
    """
    for x, y in zip(inputs, targets, strict=True):
        h, o = forward(parameters, x)
        grads = gradient(parameters, x, y, h, o)
        parameters = AdderParameters(*(W - learning_rate * dW for W, dW in zip(parameters, grads, strict=True)))
        yield parameters, o


def train(
    inputs: Array,
    targets: Array,
    hidden: int = 16,
    learning_rate: float = 0.1,
    seed: int = 0,
    progress: Callable[[int, float], None] | None = None,
) -> tuple[AdderParameters, Array, Array]:
    r"""Initialize a network and train it once on each sum: :math:`W \leftarrow W - \alpha \, \partial E / \partial W`.

    Parameters
    ----------
    inputs : ndarray of float, shape (sums, bits, 2)
        The two numbers of each sum, least significant bit first. Training uses this dtype.
    targets : ndarray, shape (sums, bits, 1)
        The true bits of each sum, 0 or 1.
    hidden : int
        Number of hidden units.
    learning_rate : float
        :math:`\alpha`, the step size.
    seed : int
        Seed of the initial weights.
    progress : callable, optional
        Called as ``progress(sums, error)`` after each sum. An exception in it ends the run.

    Returns
    -------
    parameters : AdderParameters
        Weights after the last sum.
    bits : ndarray of int, shape (sums, bits)
        Predicted bits of each sum, before the step on it.
    errors : ndarray, shape (sums,)
        :math:`\sum_t |y_t - o_t|` of these predictions, as in the tutorial.

    Raises
    ------
    TypeError
        If the inputs are not floats.
    ValueError
        If a shape, a bit or a number is invalid.

    Examples
    --------
    >>> numbers = np.random.RandomState(0).randint(128, size=(10_000, 2))
    >>> inputs = (numbers[:, None, :] >> np.arange(8)[:, None] & 1).astype(float)
    >>> targets = (numbers.sum(axis=1)[:, None, None] >> np.arange(8)[:, None] & 1).astype(float)
    >>> parameters, bits, errors = train(inputs, targets)
    >>> exact = (bits == targets[..., 0]).all(axis=1)
    >>> bool(exact[-1000:].mean() >= 0.99)
    True
    """
    check_at_least(0, learning_rate=learning_rate)
    inputs = check_floats("inputs", inputs, ("sums", "bits", 2))
    targets = check_bits(targets, inputs)
    start = initialize(hidden, seed, inputs.dtype)
    bits = np.empty(inputs.shape[:2], int)
    errors = np.empty(len(inputs), inputs.dtype)
    for i, step in enumerate(descend(start, inputs, targets, learning_rate)):
        parameters, o = step
        bits[i] = o[:, 0] > 0.5
        errors[i] = np.abs(targets[i] - o).sum()
        if progress is not None:
            progress(i + 1, float(errors[i]))
    return parameters, bits, errors


def predict(parameters: AdderParameters, inputs: Array) -> Array:
    r"""Predict the bits of each sum: 1 if o_t > 1/2, else 0.

    Parameters
    ----------
    parameters : AdderParameters
    inputs : ndarray of float, shape (sums, bits, 2)
        The two numbers of each sum, least significant bit first. The number of bits may differ from training.

    Returns
    -------
    ndarray of int, shape (sums, bits)

    Raises
    ------
    TypeError
        If the inputs are not floats.
    ValueError
        If their shape differs.

    Examples
    --------
    >>> predict(initialize(), np.zeros((1, 8, 2))).shape
    (1, 8)
    """
    inputs = check_floats("inputs", inputs, ("sums", "bits", 2))
    return np.array([forward(parameters, x)[1][:, 0] > 0.5 for x in inputs]).astype(int)


def check_bits(targets: Array, inputs: Array) -> Array:
    """Return targets in the dtype of the inputs after checking that they are bits."""
    targets = np.asarray(targets)
    expected = (*inputs.shape[:2], 1)
    if targets.shape != expected:
        raise ValueError(
            f"targets: expected shape {expected}, one bit per pair in inputs, received {targets.shape}; "
            "pass targets[..., None] if only the last axis is missing"
        )
    wrong = np.argwhere((targets != 0) & (targets != 1))
    if len(wrong):
        place = tuple(int(i) for i in wrong[0])
        raise ValueError(f"targets: expected bits, 0 or 1, received {targets[place]} at {place}")
    return targets.astype(inputs.dtype)
