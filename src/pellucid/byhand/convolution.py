r"""A small convolutional network that classifies digits, with mini-batch gradient descent, in plain NumPy.

One convolution with several filters, relu, 2 x 2 max pooling and one dense layer. X has the images of a batch, one row
i and column j of pixels with channels c; K has one k x l window of weights for each channel c and each filter f:

    z_{n,i,j,f} = b_f + \sum_{k,l,c} X_{n,\, i+k,\, j+l,\, c} \, K_{k,l,c,f}
    a_{n,i,j,f} = \max(z_{n,i,j,f}, 0)
    m_{n,i,j,f} = \max_{k,l \in \{0,1\}} a_{n,\, 2i+k,\, 2j+l,\, f},   v_n = m_n as one row
    \hat y      = \mathrm{softmax}(v W_2 + b_2)
    L           = -\frac{1}{N} \sum_n \log \hat y_{n, y_n}

The first formula is a cross-correlation: the kernel is not flipped. Deep learning calls it a convolution. Only windows
that are inside the image count ("valid"), so the output has k - 1 rows and l - 1 columns fewer than the image.

Its gradient, backwards from the loss (Y is y one-hot encoded, \odot is the elementwise product, [\cdot] is 1 or 0):

    \delta_2 = (\hat y - Y) / N
    \partial L / \partial W_2 = v^T \delta_2,   \partial L / \partial b_2 = \sum_n \delta_{2, n}
    \partial L / \partial v = \delta_2 W_2^T
    \partial L / \partial a = \partial L / \partial m at the first maximum of each 2 x 2 window, 0 elsewhere
    \delta_1 = \partial L / \partial a \odot [a > 0]
    \partial L / \partial K_{k,l,c,f} = \sum_{n,i,j} X_{n,\, i+k,\, j+l,\, c} \, \delta_{1,n,i,j,f}
    \partial L / \partial b_f = \sum_{n,i,j} \delta_{1,n,i,j,f}
    \partial L / \partial X_{n,i,j,c} = \sum_{k,l,f} \delta_{1,\, n,\, i-k,\, j-l,\, f} \, K_{k,l,c,f}

The first layer of a network does not need the last line; a convolution above another one does.

Sources: Yann LeCun et al., "Gradient-Based Learning Applied to Document Recognition" (1998), for convolutions, pooling
and backpropagation through shared weights; Vincent Dumoulin and Francesco Visin, "A Guide to Convolution Arithmetic for
Deep Learning" (2016), for the gradient by the input; Kaiming He et al., "Delving Deep into Rectifiers" (2015), for the
initial weights.
"""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pellucid.byhand.check import Array, check_at_least, check_floats, check_labels

__all__ = [
    "ConvolutionParameters",
    "convolve",
    "descend",
    "draw_batches",
    "forward",
    "gradient",
    "initialize",
    "input_gradient",
    "kernel_gradient",
    "loss",
    "pool",
    "pool_gradient",
    "predict",
    "train",
]

AXES = "examples", "rows", "columns", "channels"


class ConvolutionParameters(NamedTuple):
    """The kernel, weights and biases of the network, or the gradient with respect to them.

    Attributes
    ----------
    K : ndarray, shape (size, size, channels, filters)
    b1 : ndarray, shape (filters,)
    W2 : ndarray, shape (features, classes)
    b2 : ndarray, shape (classes,)

    Examples
    --------
    >>> pel.byhand.convolution.ConvolutionParameters(*[np.zeros(1)] * 4)._fields
    ('K', 'b1', 'W2', 'b2')
    """

    K: Array
    b1: Array
    W2: Array
    b2: Array


def initialize(
    image: tuple[int, int, int] = (14, 14, 1),
    filters: int = 8,
    size: int = 5,
    classes: int = 10,
    seed: int = 0,
    dtype: Any = float,
) -> ConvolutionParameters:
    r"""Draw normal weights, :math:`K \sim N(0, 2 / n)` and :math:`W_2 \sim N(0, 1 / n)` for n inputs, and zero biases.

    Relu sets half of its inputs to zero; the 2 makes up for it.

    Parameters
    ----------
    image : (int, int, int)
        Rows, columns and channels of the images.
    filters : int
        Number of filters.
    size : int
        Rows and columns of each filter.
    classes : int
        Number of classes.
    seed : int
        Seed of NumPy's legacy generator.
    dtype : dtype
        Dtype of the parameters. The random numbers are the same for every dtype.

    Returns
    -------
    start : ConvolutionParameters
        The initial parameters.

    Raises
    ------
    ValueError
        If a number is below 1, or the images are too small for the filters and the pooling.

    Examples
    --------
    >>> start = initialize()
    >>> start.K.shape, start.W2.shape  # 14 - 5 + 1 = 10 rows of windows, pooled to 5: 5 * 5 * 8 features
    ((5, 5, 1, 8), (200, 10))
    """
    rows, columns, channels = image
    check_at_least(1, filters=filters, size=size, classes=classes, channels=channels)
    check_at_least(size + 1, rows=rows, columns=columns)  # so that one 2 x 2 window is left to pool
    features = (rows - size + 1) // 2 * ((columns - size + 1) // 2) * filters
    random = np.random.RandomState(seed)
    K = random.randn(size, size, channels, filters) * np.sqrt(2 / (size * size * channels))
    W2 = random.randn(features, classes) / np.sqrt(features)
    start = ConvolutionParameters(K, np.zeros(filters), W2, np.zeros(classes))
    return ConvolutionParameters(*(part.astype(dtype) for part in start))


def convolve(X: Array, K: Array, b: Array) -> Array:
    r"""Cross-correlate images with filters: :math:`z_{n,i,j,f} = b_f + \sum_{k,l,c} X_{n, i+k, j+l, c} K_{k,l,c,f}`.

    Parameters
    ----------
    X : ndarray of float, shape (examples, rows, columns, channels)
    K : ndarray, shape (k, l, channels, filters)
    b : ndarray, shape (filters,)

    Returns
    -------
    z : ndarray, shape (examples, rows - k + 1, columns - l + 1, filters)

    Examples
    --------
    >>> X = np.array([[0.0, 0.0, 1.0, 1.0]]).reshape(1, 1, 4, 1)
    >>> edge = np.array([-1.0, 1.0]).reshape(1, 2, 1, 1)
    >>> convolve(X, edge, np.zeros(1)).ravel()
    array([0., 1., 0.])
    """
    windows = sliding_window_view(X, K.shape[:2], axis=(1, 2))  # [n, i, j, c, k, l] is X[n, i + k, j + l, c]
    return np.tensordot(windows, K, axes=((4, 5, 3), (0, 1, 2))) + b


def kernel_gradient(X: Array, delta: Array) -> Array:
    r"""Gradient by the kernel:
    :math:`\partial L / \partial K_{k,l,c,f} = \sum_{n,i,j} X_{n, i+k, j+l, c} \delta_{n,i,j,f}`.

    It is a cross-correlation too: of the images with :math:`\delta`.

    Parameters
    ----------
    X : ndarray of float, shape (examples, rows, columns, channels)
    delta : ndarray, shape (examples, rows - k + 1, columns - l + 1, filters)
        :math:`\partial L / \partial z`, the gradient by the result of `convolve`.

    Returns
    -------
    ndarray, shape (k, l, channels, filters)

    Examples
    --------
    >>> X, delta = np.array([3.0, 5.0, 7.0]).reshape(1, 1, 3, 1), np.array([1.0, 10.0]).reshape(1, 1, 2, 1)
    >>> kernel_gradient(X, delta).ravel()  # 3 * 1 + 5 * 10 and 5 * 1 + 7 * 10
    array([53., 75.])
    """
    windows = sliding_window_view(X, delta.shape[1:3], axis=(1, 2))  # [n, k, l, c, i, j] is X[n, i + k, j + l, c]
    return np.tensordot(windows, delta, axes=((0, 4, 5), (0, 1, 2)))


def input_gradient(K: Array, delta: Array) -> Array:
    r"""Gradient by the images:
    :math:`\partial L / \partial X_{n,i,j,c} = \sum_{k,l,f} \delta_{n, i-k, j-l, f} K_{k,l,c,f}`.

    Each output adds its :math:`\delta` times the kernel to the pixels of its window. Nothing is flipped here. The same
    sum, read as a cross-correlation of :math:`\delta` padded by k - 1 and l - 1 zeros, has the kernel flipped in both
    axes.

    Parameters
    ----------
    K : ndarray, shape (k, l, channels, filters)
    delta : ndarray, shape (examples, rows - k + 1, columns - l + 1, filters)
        :math:`\partial L / \partial z`, the gradient by the result of `convolve`.

    Returns
    -------
    ndarray, shape (examples, rows, columns, channels)

    Examples
    --------
    >>> K, delta = np.array([2.0, 3.0]).reshape(1, 2, 1, 1), np.array([1.0, 10.0]).reshape(1, 1, 2, 1)
    >>> input_gradient(K, delta).ravel()  # 1 * (2, 3, -) + 10 * (-, 2, 3)
    array([ 2., 23., 30.])
    """
    examples, rows, columns, _ = delta.shape
    dX = np.zeros((examples, rows + K.shape[0] - 1, columns + K.shape[1] - 1, K.shape[2]), delta.dtype)
    for k, l in np.ndindex(K.shape[:2]):  # noqa: E741 (the letter of the formula)
        dX[:, k : k + rows, l : l + columns] += delta @ K[k, l].T
    return dX


def pool(a: Array) -> Array:
    r"""Maximum of each 2 x 2 window: :math:`m_{n,i,j,f} = \max_{k,l \in \{0,1\}} a_{n, 2i+k, 2j+l, f}`.

    The last row or column of an odd number is ignored.

    Parameters
    ----------
    a : ndarray, shape (examples, rows, columns, filters)

    Returns
    -------
    m : ndarray, shape (examples, rows // 2, columns // 2, filters)

    Examples
    --------
    >>> pool(np.array([[1.0, 5.0, 0.0], [2.0, 3.0, 9.0]]).reshape(1, 2, 3, 1)).ravel()
    array([5.])
    """
    maximum: Array = split_windows(a).max(axis=-1)
    return maximum


def pool_gradient(a: Array, dm: Array) -> Array:
    r"""Gradient by the pooled values: :math:`\partial L / \partial m` at the maximum of each window, and 0 elsewhere.

    Of several equal maxima the first, by rows, receives the gradient, as in `pellucid.max_pool`.

    Parameters
    ----------
    a : ndarray, shape (examples, rows, columns, filters)
        The values before pooling.
    dm : ndarray, shape (examples, rows // 2, columns // 2, filters)
        :math:`\partial L / \partial m`, the gradient by the result of `pool`.

    Returns
    -------
    ndarray, shape of a

    Examples
    --------
    >>> a = np.array([[1.0, 5.0], [5.0, 3.0]]).reshape(1, 2, 2, 1)
    >>> pool_gradient(a, np.array([[[[7.0]]]]))[0, :, :, 0]
    array([[0., 7.],
           [0., 0.]])
    """
    examples, rows, columns, filters = dm.shape
    first = split_windows(a).argmax(axis=-1)  # argmax returns the first maximum
    parts = np.where(first[..., np.newaxis] == np.arange(4), dm[..., np.newaxis], 0)
    windows = parts.reshape(examples, rows, columns, filters, 2, 2).transpose(0, 1, 4, 2, 5, 3)
    da = np.zeros_like(a)
    da[:, : 2 * rows, : 2 * columns] = windows.reshape(examples, 2 * rows, 2 * columns, filters)
    return da


def split_windows(a: Array) -> Array:
    """Return the four values of each 2 x 2 window in the last axis: (examples, rows // 2, columns // 2, filters, 4)."""
    examples, rows, columns, filters = a.shape[0], a.shape[1] // 2, a.shape[2] // 2, a.shape[3]
    windows = a[:, : 2 * rows, : 2 * columns].reshape(examples, rows, 2, columns, 2, filters)
    return windows.transpose(0, 1, 3, 5, 2, 4).reshape(examples, rows, columns, filters, 4)


def forward(parameters: ConvolutionParameters, X: Array) -> tuple[Array, Array, Array]:
    r"""Compute log-probabilities: :math:`a = \max(z, 0)`, v is the pooled a,
    :math:`\log \hat y = s - \log \sum_k e^{s_k}`.

    Parameters
    ----------
    parameters : ConvolutionParameters
    X : ndarray of float, shape (examples, rows, columns, channels)

    Returns
    -------
    a : ndarray, shape (examples, rows - size + 1, columns - size + 1, filters)
        The feature maps.
    v : ndarray, shape (examples, features)
        The pooled feature maps of each image, as one row.
    log_p : ndarray, shape (examples, classes)
        Logarithms of the class probabilities.

    Examples
    --------
    >>> a, v, log_p = forward(initialize(), np.zeros((1, 14, 14, 1)))
    >>> a.shape, v.shape
    ((1, 10, 10, 8), (1, 200))
    >>> np.exp(log_p).round(2)  # without ink, all digits have the same probability
    array([[0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]])
    """
    a = np.maximum(convolve(X, parameters.K, parameters.b1), 0)
    v = pool(a).reshape(len(X), -1)
    s = v @ parameters.W2 + parameters.b2
    return a, v, s - functools.reduce(np.logaddexp, s.T)[:, np.newaxis]


def loss(log_p: Array, y: Array) -> float:
    r"""Mean cross-entropy of the examples: :math:`L = -\frac{1}{N} \sum_n \log \hat y_{n, y_n}`.

    Parameters
    ----------
    log_p : ndarray, shape (examples, classes)
        From `forward`.
    y : ndarray of int, shape (examples,)
        The true classes.

    Returns
    -------
    float

    Examples
    --------
    >>> round(loss(np.log([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 1])), 4)
    0.4904
    """
    return float(-log_p[np.arange(len(y)), y].mean())


def gradient(
    parameters: ConvolutionParameters, X: Array, y: Array, a: Array, v: Array, log_p: Array
) -> tuple[ConvolutionParameters, Array]:
    r"""Gradient of the mean loss by backpropagation: :math:`\partial L / \partial \theta` for each parameter.

    Parameters
    ----------
    parameters : ConvolutionParameters
    X : ndarray of float, shape (examples, rows, columns, channels)
    y : ndarray of int, shape (examples,)
        The true classes.
    a, v, log_p : ndarray
        The results of `forward` for these parameters and examples.

    Returns
    -------
    gradient : ConvolutionParameters
        The gradient with respect to the kernel, each weight and each bias.
    delta1 : ndarray, shape of a
        :math:`\delta_1`, from which ``input_gradient(parameters.K, delta1)`` computes the gradient with respect to the
        images.

    Examples
    --------
    >>> X, y = np.zeros((1, 14, 14, 1)), np.array([3])
    >>> start = initialize()
    >>> grads, delta1 = gradient(start, X, y, *forward(start, X))
    >>> grads.b2.round(1)
    array([ 0.1,  0.1,  0.1, -0.9,  0.1,  0.1,  0.1,  0.1,  0.1,  0.1])
    """
    delta2 = np.exp(log_p)
    delta2[np.arange(len(y)), y] -= 1
    delta2 /= len(y)  # \delta_2 = (\hat y - Y) / N
    dW2 = v.T @ delta2  # \partial L / \partial W_2 = v^T \delta_2
    db2 = delta2.sum(axis=0)  # \partial L / \partial b_2 = \sum_n \delta_{2, n}
    dv = delta2 @ parameters.W2.T  # \partial L / \partial v = \delta_2 W_2^T
    dm = dv.reshape(len(y), a.shape[1] // 2, a.shape[2] // 2, a.shape[3])
    delta1 = pool_gradient(a, dm) * (a > 0)  # \delta_1 = \partial L / \partial a \odot [a > 0]
    dK = kernel_gradient(X, delta1)  # \partial L / \partial K = \sum_{n,i,j} X_{n, i+k, j+l, c} \delta_{1, n,i,j,f}
    db1 = delta1.sum(axis=(0, 1, 2))  # \partial L / \partial b_f = \sum_{n,i,j} \delta_{1, n,i,j,f}
    return ConvolutionParameters(dK, db1, dW2, db2), delta1


def draw_batches(examples: int, batch: int, epochs: int, seed: int = 0) -> Iterator[Array]:
    """Draw the mini-batches of all epochs: each epoch has every example once, in random order.

    Parameters
    ----------
    examples, batch, epochs : int
        Number of examples, size of a mini-batch (the last one of an epoch may be smaller), and number of epochs.
    seed : int
        Seed of NumPy's legacy generator.

    Yields
    ------
    rows : ndarray of int, shape (batch,)
        The examples of a mini-batch.

    Examples
    --------
    >>> [rows.tolist() for rows in draw_batches(5, batch=2, epochs=1)]
    [[2, 0], [1, 3], [4]]
    """
    random = np.random.RandomState(seed)
    for _ in range(epochs):
        order = random.permutation(examples)
        yield from (order[i : i + batch] for i in range(0, examples, batch))


def descend(
    parameters: ConvolutionParameters, X: Array, y: Array, batches: Iterable[Array], learning_rate: float = 0.2
) -> Iterator[tuple[ConvolutionParameters, float]]:
    r"""Gradient descent, one mini-batch per step:
    :math:`\theta \leftarrow \theta - \eta \, \partial L / \partial \theta`.

    Iterate over this generator yourself to inspect a run, or to keep its parameters when you interrupt it.

    Parameters
    ----------
    parameters : ConvolutionParameters
        Initial parameters.
    X : ndarray of float, shape (examples, rows, columns, channels)
    y : ndarray of int, shape (examples,)
        The true classes.
    batches : iterable of ndarray of int
        The examples of each mini-batch, such as those of `draw_batches`.
    learning_rate : float
        :math:`\eta`, the step size.

    Yields
    ------
    parameters : ConvolutionParameters
        Parameters after the step on this mini-batch.
    loss : float
        Mean loss of the mini-batch before the step.

    Raises
    ------
    FloatingPointError
        If the loss becomes infinite or NaN.

    Examples
    --------
    >>> X, y = np.random.RandomState(0).rand(2, 14, 14, 1), np.array([0, 1])
    >>> [round(value, 2) for parameters, value in descend(initialize(), X, y, 3 * [np.arange(2)], 0.05)]
    [3.19, 0.8, 0.53]
    """
    for step, rows in enumerate(batches):
        with np.errstate(over="ignore", invalid="ignore"):  # the check below reports it
            a, v, log_p = forward(parameters, X[rows])
            value = loss(log_p, y[rows])
        if not np.isfinite(value):
            raise FloatingPointError(
                f"the loss is {value} in step {step}; use a smaller learning rate than {learning_rate}"
            )
        grads, _ = gradient(parameters, X[rows], y[rows], a, v, log_p)
        parameters = ConvolutionParameters(*(p - learning_rate * g for p, g in zip(parameters, grads, strict=True)))
        yield parameters, value


def train(
    X: Array,
    y: Array,
    filters: int = 8,
    size: int = 5,
    epochs: int = 5,
    batch: int = 20,
    learning_rate: float = 0.2,
    seed: int = 0,
    classes: int = 10,
    progress: Callable[[int, float], None] | None = None,
) -> tuple[ConvolutionParameters, Array]:
    r"""Initialize a network and train it: :math:`\theta \leftarrow \theta - \eta \, \partial L / \partial \theta`.

    Parameters
    ----------
    X : ndarray of float, shape (examples, rows, columns, channels)
        Images, best with values from 0 to 1. Training uses this dtype.
    y : ndarray of int, shape (examples,)
        The true classes, counted from 0.
    filters : int
        Number of filters.
    size : int
        Rows and columns of each filter.
    epochs : int
        Number of epochs.
    batch : int
        Number of examples in a mini-batch. The last one of an epoch may be smaller.
    learning_rate : float
        :math:`\eta`, the step size for the gradient of the mean loss.
    seed : int
        Seed of the initial weights and of the order of the examples.
    classes : int
        Number of classes.
    progress : callable, optional
        Called as ``progress(steps, loss)`` after each step. An exception in it ends the run.

    Returns
    -------
    parameters : ConvolutionParameters
        Parameters after the last step.
    losses : ndarray, shape (steps,)
        Mean loss of each mini-batch, before the step on it.

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
    >>> from sklearn.datasets import load_digits
    >>> digits = load_digits()  # 8 x 8 pixels from 0 to 16
    >>> X, y = digits.images[..., np.newaxis] / 16, digits.target
    >>> parameters, losses = train(X[:1200], y[:1200], size=3)
    >>> len(losses)  # 5 epochs of 60 batches
    300
    >>> bool((predict(parameters, X[1200:]) == y[1200:]).mean() > 0.9)
    True
    """
    check_at_least(0, epochs=epochs, learning_rate=learning_rate)
    check_at_least(1, batch=batch)
    X = check_floats("X", X, AXES)
    y = check_labels("y", y, len(X), classes)
    parameters = start = initialize((X.shape[1], X.shape[2], X.shape[3]), filters, size, classes, seed, X.dtype)
    batches = draw_batches(len(X), batch, epochs, seed)
    losses = []
    for step in descend(start, X, y, batches, learning_rate):
        parameters, value = step
        losses.append(value)
        if progress is not None:
            progress(len(losses), value)
    return parameters, np.array(losses, X.dtype)


def predict(parameters: ConvolutionParameters, X: Array) -> Array:
    r"""Return the most probable class of each example: :math:`\operatorname{argmax}_k \hat y_{n, k}`.

    Parameters
    ----------
    parameters : ConvolutionParameters
    X : ndarray of float, shape (examples, rows, columns, channels)
        Images of the size of the training images.

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
    >>> predict(initialize(), np.random.RandomState(1).rand(3, 14, 14, 1)).shape
    (3,)
    """
    size, _, channels, filters = parameters.K.shape
    X = check_floats("X", X, (*AXES[:3], channels))
    features = (X.shape[1] - size + 1) // 2 * ((X.shape[2] - size + 1) // 2) * filters
    if features != len(parameters.W2):
        raise ValueError(
            f"X: expected images that give {len(parameters.W2)} features, received images of {X.shape[1]} x "
            f"{X.shape[2]} pixels, which give {features}; pass images of the size that the network was trained on"
        )
    classes: Array = forward(parameters, X)[2].argmax(axis=1)
    return classes
