r"""The 2-16-1 recurrent network that learns to add, by backpropagation through time, in plain NumPy.

It reads two numbers bit by bit, the least significant first, and writes their sum's bit at each step; only its hidden
layer can carry. With x_t the two bits read at step t, y_t the true bit, h_{-1} = 0, and \sigma the logistic sigmoid:

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

There are no biases, and each sum makes one step of gradient descent. The workshop writes \delta with the other sign and
adds its updates; the weights come out the same.

Source: Andrew Trask, "Anyone Can Learn To Code an LSTM-RNN in Python (Part 1: RNN)" (2015).
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from pellucid.byhand import check
from pellucid.byhand.check import Array

__all__ = ["Parameters", "descend", "forward", "gradient", "initialize", "loss", "predict", "sigmoid", "train"]


class Parameters(NamedTuple):
    """The weights of the network; a gradient has the same three parts.

    Attributes
    ----------
    Wx : ndarray, shape (2, hidden)
        From the two bits to the hidden layer (the workshop's synapse_0).
    Wh : ndarray, shape (hidden, hidden)
        From the hidden layer to itself, one step later (synapse_h).
    Wo : ndarray, shape (hidden, 1)
        From the hidden layer to the sum's bit (synapse_1).
    """

    Wx: Array
    Wh: Array
    Wo: Array


def initialize(hidden: int = 16, seed: int = 0, dtype: Any = float) -> Parameters:
    r"""Weights drawn evenly from [-1, 1): W = 2 u - 1, u \sim U[0, 1).

    Parameters
    ----------
    hidden : int
        Units in the hidden layer.
    seed : int
        Starts NumPy's legacy generator, as `np.random.seed` does; drawn in the workshop's order, W_x, W_o, W_h.
    dtype : dtype
        Of the parameters; the draws are the same in any.

    Returns
    -------
    start : Parameters
        The weights to train from.

    Raises
    ------
    ValueError
        When there is no hidden unit.

    Examples
    --------
    >>> initialize(hidden=3).Wx.round(3)
    array([[ 0.098,  0.43 ,  0.206],
           [ 0.09 , -0.153,  0.292]])
    """
    check.at_least(1, hidden=hidden)
    random = np.random.RandomState(seed)
    Wx = 2 * random.random_sample((2, hidden)) - 1
    Wo = 2 * random.random_sample((hidden, 1)) - 1
    Wh = 2 * random.random_sample((hidden, hidden)) - 1
    return Parameters(Wx.astype(dtype), Wh.astype(dtype), Wo.astype(dtype))


def sigmoid(z: Array) -> Array:
    r"""The logistic sigmoid, \sigma(z) = 1 / (1 + e^{-z}) = (1 + \tanh(z / 2)) / 2; the second form never overflows.

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


def forward(parameters: Parameters, x: Array) -> tuple[Array, Array]:
    r"""One sum, bit by bit: h_t = \sigma(x_t W_x + h_{t-1} W_h), o_t = \sigma(h_t W_o).

    Parameters
    ----------
    parameters : Parameters
    x : ndarray of float, shape (bits, 2)
        The two numbers, least significant bit first.

    Returns
    -------
    h : ndarray, shape (bits + 1, hidden)
        The hidden layer; h[0] is the zeros it starts from, h[t + 1] is h_t.
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
    r"""Half the squared error of one sum, E = \frac{1}{2} \sum_t (y_t - o_t)^2.

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


def gradient(parameters: Parameters, x: Array, y: Array, h: Array, o: Array) -> Parameters:
    r"""The gradient of one sum's error by backpropagation through time: \partial E / \partial W for each W.

    Parameters
    ----------
    parameters : Parameters
    x : ndarray of float, shape (bits, 2)
        The two numbers, least significant bit first.
    y : ndarray of float, shape (bits, 1)
        The true bits of their sum.
    h, o : ndarray
        What `forward` gave for these parameters and bits.

    Returns
    -------
    slopes : Parameters
        The gradient with respect to each of them.

    Examples
    --------
    >>> start, x, y = initialize(), np.zeros((8, 2)), np.zeros((8, 1))
    >>> gradient(start, x, y, *forward(start, x)).Wx.any()  # no bit was set: nothing reached W_x
    np.False_
    """
    delta_o = (o - y) * o * (1 - o)  # \delta^o_t = (o_t - y_t) o_t (1 - o_t)
    delta_h = np.zeros_like(h)  # one row more than bits: the last stays zero, for there is no step after the last
    for t in reversed(range(len(x))):
        # \delta^h_t = (\delta^o_t W_o^T + \delta^h_{t+1} W_h^T) \odot h_t (1 - h_t)
        delta_h[t] = (delta_o[t] @ parameters.Wo.T + delta_h[t + 1] @ parameters.Wh.T) * h[t + 1] * (1 - h[t + 1])
    dWo = h[1:].T @ delta_o  # \partial E / \partial W_o = \sum_t h_t^T \delta^o_t
    dWh = h[:-1].T @ delta_h[:-1]  # \partial E / \partial W_h = \sum_t h_{t-1}^T \delta^h_t
    dWx = x.T @ delta_h[:-1]  # \partial E / \partial W_x = \sum_t x_t^T \delta^h_t
    return Parameters(dWx, dWh, dWo)


def descend(
    parameters: Parameters, inputs: Array, targets: Array, rate: float = 0.1
) -> Iterator[tuple[Parameters, Array]]:
    r"""Gradient descent, one sum at a time: W \leftarrow W - \alpha \, \partial E / \partial W.

    Walk it yourself to look inside a run, or to keep what a run had reached when Ctrl-C ends it.

    Parameters
    ----------
    parameters : Parameters
        Where to start.
    inputs : ndarray of float, shape (sums, bits, 2)
        The two numbers of each sum, least significant bit first.
    targets : ndarray of float, shape (sums, bits, 1)
        The true bits of each sum.
    rate : float
        \alpha, the length of a step as a multiple of the gradient.

    Yields
    ------
    parameters : Parameters
        After the step that this sum made.
    o : ndarray, shape (bits, 1)
        The outputs before that step: what the network said of a sum it had yet to learn from.

    Examples
    --------
    >>> inputs, targets = np.ones((3, 8, 2)), np.array(3 * [[[0.0]] + 7 * [[1.0]]])  # 255 + 255, in eight bits
    >>> start = initialize()
    >>> [round(loss(o, y), 2) for (_, o), y in zip(descend(start, inputs, targets), targets)]
    [1.52, 1.02, 0.73]
    """
    for x, y in zip(inputs, targets, strict=True):
        h, o = forward(parameters, x)
        slopes = gradient(parameters, x, y, h, o)
        parameters = Parameters(*(part - rate * slope for part, slope in zip(parameters, slopes, strict=True)))
        yield parameters, o


def train(
    inputs: Array,
    targets: Array,
    hidden: int = 16,
    rate: float = 0.1,
    seed: int = 0,
    progress: Callable[[int, float], None] | None = None,
) -> tuple[Parameters, Array, Array]:
    r"""Draw a network and train it on each sum once, in order: W \leftarrow W - \alpha \, \partial E / \partial W.

    Parameters
    ----------
    inputs : ndarray of float, shape (sums, bits, 2)
        The two numbers of each sum, least significant bit first. The run computes in its dtype.
    targets : ndarray, shape (sums, bits, 1)
        The true bits of each sum, 0 or 1.
    hidden : int
        Units in the hidden layer.
    rate : float
        \alpha, the length of a step as a multiple of the gradient.
    seed : int
        Of the weights' draw.
    progress : callable, optional
        Called as progress(sums done, error) after each sum; keep it light. What it raises ends the run.

    Returns
    -------
    parameters : Parameters
        After the last sum.
    bits : ndarray of int, shape (sums, bits)
        What the network answered to each sum, before it learned from it.
    errors : ndarray, shape (sums,)
        \sum_t |y_t - o_t| of these answers, as the workshop prints it.

    Raises
    ------
    TypeError
        When the inputs are not floats.
    ValueError
        When a shape, a bit or a number is out of place.

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
    check.at_least(0, rate=rate)
    inputs = check.floats("inputs", inputs, ("sums", "bits", 2))
    targets = true_bits(targets, inputs)
    start = initialize(hidden, seed, inputs.dtype)
    bits = np.empty(inputs.shape[:2], int)
    errors = np.empty(len(inputs), inputs.dtype)
    for done, reached in enumerate(descend(start, inputs, targets, rate)):
        parameters, o = reached
        bits[done] = o[:, 0] > 0.5
        errors[done] = np.abs(targets[done] - o).sum()
        if progress is not None:
            progress(done + 1, float(errors[done]))
    return parameters, bits, errors


def predict(parameters: Parameters, inputs: Array) -> Array:
    r"""The bits of each sum as the network has learned them, [o_t > 1/2].

    Parameters
    ----------
    parameters : Parameters
    inputs : ndarray of float, shape (sums, bits, 2)
        The two numbers of each sum, least significant bit first; any number of bits, whatever it was trained on.

    Returns
    -------
    ndarray of int, shape (sums, bits)

    Raises
    ------
    TypeError
        When the inputs are not floats.
    ValueError
        When their shape is another.

    Examples
    --------
    >>> predict(initialize(), np.zeros((1, 8, 2))).shape
    (1, 8)
    """
    inputs = check.floats("inputs", inputs, ("sums", "bits", 2))
    return np.array([forward(parameters, x)[1][:, 0] > 0.5 for x in inputs]).astype(int)


def true_bits(targets: Array, inputs: Array) -> Array:
    """The targets in the dtype of the inputs, once they are known to be one bit for each pair of bits."""
    targets = np.asarray(targets)
    expected = (*inputs.shape[:2], 1)
    if targets.shape != expected:
        raise ValueError(
            f"targets: expected shape {expected}, one bit for each pair in inputs, received {targets.shape}; "
            "pass targets[..., None] if only the last axis is missing"
        )
    wrong = np.argwhere((targets != 0) & (targets != 1))
    if len(wrong):
        place = tuple(int(i) for i in wrong[0])
        raise ValueError(f"targets: expected bits, 0 or 1, received {targets[place]} at {place}")
    return targets.astype(inputs.dtype)
