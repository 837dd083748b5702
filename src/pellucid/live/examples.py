"""Figures of the course's networks. Their compiled modules are in the package, so they need no compiler."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.live.controls import choice, seed, slider
from pellucid.live.interactive_figure import Figure, vary
from pellucid.live.views import View, decision_boundary, heat_map, image, loss_curve, network, numbers, sequence
from pellucid.run.function import Function
from pellucid.typing import Array

__all__ = ["adder", "digits", "digits_convolution", "moons", "moons_sizes"]


SIZES = (1, 2, 3, 4, 5, 20, 50)
POINTS = 200
SHOWN_DIGITS = 20


def moons(hidden: int = 3, *, steps: int = 20_000, rate: float = 0.01, dtype: str = "float32") -> Figure:
    r"""Two moons and a network with one hidden layer, :math:`p = \mathrm{softmax}(\tanh(X W_1 + b_1) W_2 + b_2)`.

    Its letters are those of the course: :math:`z_1`, :math:`a_1 = \tanh(z_1)`, scores :math:`s` and probabilities
    :math:`p`.

    Parameters
    ----------
    hidden : int
        Number of hidden units.
    steps : int
        Number of steps of gradient descent on all points.
    rate : float
        Learning rate at the start, from 0.0001 to 0.02.
    dtype : {"float32", "float64"}
        Precision of data and parameters.

    Returns
    -------
    Figure

    Examples
    --------
    >>> pel.live.examples.moons().title
    'Two moons'
    """
    import pellucid as pel

    points, classes = pel.data.moons(POINTS, dtype=dtype)
    held_out, held_out_classes = pel.data.moons(POINTS, seed=1, dtype=dtype)
    start = pel.byhand.moons.initialize(hidden=hidden, dtype=dtype)
    W1, W2 = pel.shared(start.W1, "W1"), pel.shared(start.W2, "W2")
    b1, b2 = pel.shared(start.b1[0], "b1"), pel.shared(start.b2[0], "b2")
    X, y = pel.matrix("X", shape=("n", 2), dtype=dtype), pel.ivector("y", shape=("n",))
    eta, strength = pel.scalar("rate", dtype=dtype), pel.scalar("strength", dtype=dtype)
    z1 = pel.named("z1", X @ W1 + b1)
    a1 = pel.named("a1", pel.tanh(z1))
    p = pel.named("p", pel.softmax(pel.named("s", a1 @ W2 + b2)))
    penalty = strength / 2 * ((W1**2).sum() + (W2**2).sum())
    loss = pel.losses.sparse_categorical_crossentropy(y, p).sum() + penalty
    updates = pel.optimizers.SGD(eta).updates(loss, [W1, b1, W2, b2])
    step = pel.function([X, y, eta, strength], loss / POINTS, updates=updates)
    return Figure(
        train=step,
        steps=steps,
        data={X: points, y: classes},
        controls=[
            slider(eta, 0.0001, 0.02, rate, scale="log", label="learning rate"),
            slider(strength, 0.0, 1.0, 0.01, step=0.01, label="L2 regularization"),
            seed(),
        ],
        views=[
            decision_boundary(pel.function([X], p)),
            loss_curve({X: held_out, y: held_out_classes}, scale="log"),
            network(),
            heat_map(),
            numbers(p),
        ],
        title="Two moons",
        description="A network with one hidden layer learns to separate two moons of points by gradient descent.",
        features=["x1", "x2"],
        classes=["upper moon", "lower moon"],
    )


def moons_sizes(*, steps: int = 20_000, rate: float = 0.01, dtype: str = "float32") -> Figure:
    """Two moons with 1 to 50 hidden units.

    Parameters
    ----------
    steps : int
        Number of steps of gradient descent.
    rate : float
        Learning rate at the start, from 0.0001 to 0.02.
    dtype : {"float32", "float64"}
        Precision of data and parameters.

    Returns
    -------
    Figure

    Examples
    --------
    >>> len(pel.live.examples.moons_sizes().variants)
    7
    """

    def build(hidden: int) -> Figure:
        figure = moons(hidden, steps=steps, rate=rate, dtype=dtype)
        figure.views = figure.views[:3]  # weights and numbers of 50 units are hard to read
        return figure

    return vary(build, choice("hidden", SIZES, 3, label="hidden units"))


def digits(images: int = 500, *, steps: int = 200, dtype: str = "float32") -> Figure:
    r"""Handwritten digits, classified by one softmax layer, :math:`p = \mathrm{softmax}(x W + b)`.

    Parameters
    ----------
    images : int
        Number of images of MNIST.
    steps : int
        Number of steps of gradient descent on batches of 50 images.
    dtype : {"float32", "float64"}
        Precision of the parameters.

    Returns
    -------
    Figure

    Examples
    --------
    >>> pel.live.examples.digits().title
    'Softmax on digits'
    """
    import pellucid as pel

    pixels, labels = (a[:images] for a in pel.data.mnist("train"))
    W, b = pel.shared(np.zeros((784, 10), dtype), "W"), pel.shared(np.zeros(10, dtype), "b")

    def predict(x: Expr) -> Expr:
        result: Expr = pel.named("p", pel.softmax(x.reshape((-1, 784)) @ W + b))
        return result

    x = pel.tensor3("x", shape=("n", 28, 28), dtype=dtype)
    views = [heat_map(W, image_shape=(28, 28)), show_digits(pel.function([x], predict(x)), pixels, labels)]
    return make_digits_figure(predict, pixels, labels, steps, dtype, 0.01, "Softmax on digits", views)


def digits_convolution(images: int = 250, *, steps: int = 100, dtype: str = "float32") -> Figure:
    """Handwritten digits, classified by a small convolutional network.

    Parameters
    ----------
    images : int
        Number of images of MNIST.
    steps : int
        Number of steps of gradient descent on batches of 50 images.
    dtype : {"float32", "float64"}
        Precision of the parameters.

    Returns
    -------
    Figure

    Examples
    --------
    >>> pel.live.examples.digits_convolution().title
    'A convolutional network on digits'
    """
    import pellucid as pel
    from pellucid import nn

    pixels, labels = (a[:images] for a in pel.data.mnist("train"))
    halved = pixels.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).astype("uint8")
    draw = nn.initializers.GlorotUniform
    convolution = nn.Conv2D(4, 3, activation="relu", kernel_initializer=draw(seed=0), name="convolution")
    dense = nn.Dense(10, kernel_initializer=draw(seed=1), name="dense")

    def predict(x: Expr) -> Expr:
        maps = nn.MaxPooling2D(2)(convolution(x.reshape((-1, 14, 14, 1))))
        result: Expr = pel.named("p", pel.softmax(dense(nn.Flatten()(maps))))
        return result

    x = pel.tensor3("x", shape=("n", 14, 14), dtype=dtype)
    views = [show_digits(pel.function([x], predict(x)), halved, labels)]
    title = "A convolutional network on digits"
    return make_digits_figure(predict, halved, labels, steps, dtype, 0.002, title, views)


def show_digits(predict: Function, pixels: Array, labels: Array) -> View:
    """Return a view of the first images, and a pad on which others are drawn."""
    images = pixels[:SHOWN_DIGITS].astype(predict.program.inputs[0].dtype) / 255
    return image(predict, images, labels[:SHOWN_DIGITS], pad=True)


def make_digits_figure(
    predict: Callable[[Expr], Expr],
    pixels: Array,
    labels: Array,
    steps: int,
    dtype: str,
    rate_at_start: float,
    title: str,
    views: list[View],
) -> Figure:
    import pellucid as pel

    all_images = pel.shared(pixels, "images", trainable=False)
    all_labels = pel.shared(labels.astype("int32"), "labels", trainable=False)
    batch, rate = pel.ivector("batch", shape=("n",)), pel.scalar("rate", dtype=dtype)
    p = predict(all_images[batch].astype(dtype) / 255)
    loss = pel.losses.sparse_categorical_crossentropy(all_labels[batch], p).sum()
    step = pel.function([batch, rate], loss, updates=pel.optimizers.SGD(rate).updates(loss))
    rows = np.arange(len(pixels), dtype="int32").reshape(-1, 50)
    return Figure(
        train=step,
        steps=steps,
        data={batch: rows},
        controls=[
            slider(rate, rate_at_start / 100, rate_at_start * 10, rate_at_start, scale="log", label="learning rate")
        ],
        views=[loss_curve(), *views],
        classes=[str(digit) for digit in range(10)],
        title=title,
        description=f"A network learns {len(pixels)} images of MNIST by gradient descent on batches of 50.",
    )


def adder(sums: int = 1000, *, steps: int = 10_000, bits: int = 8, hidden: int = 16, dtype: str = "float32") -> Figure:
    r"""A recurrent network that learns to add, :math:`h_t = \sigma(x_t W_x + h_{t-1} W_h)`.

    Parameters
    ----------
    sums : int
        Number of training sums.
    steps : int
        Number of steps of gradient descent, one sum each.
    bits : int
        Bits of each number.
    hidden : int
        Number of hidden units.
    dtype : {"float32", "float64"}
        Precision of data and parameters.

    Returns
    -------
    Figure

    Examples
    --------
    >>> pel.live.examples.adder().title
    'A network that adds'
    """
    import pellucid as pel

    inputs, targets = pel.data.binary_addition(sums, bits, 0, dtype)
    start = pel.byhand.adder.initialize(hidden, dtype=dtype)
    x, y = pel.matrix("x", (bits, 2), dtype), pel.matrix("y", (bits, 1), dtype)
    Wx, Wh, Wo = (pel.shared(value, name) for name, value in start._asdict().items())
    rate = pel.scalar("rate", dtype=dtype)
    h = pel.scan(lambda x_t, h: pel.sigmoid(x_t @ Wx + h @ Wh), x, np.zeros(hidden, dtype))
    o = pel.sigmoid(h @ Wo)
    error = ((y - o) ** 2).sum() / 2
    carry_out = pel.scan(lambda x_t, carry: pel.floor((x_t.sum() + carry) / 2), x, np.zeros((), dtype))
    carry_in = pel.concatenate([np.zeros(1, dtype), carry_out[:-1]])
    digit = x.sum(axis=1) + carry_in - 2 * carry_out
    view = sequence(
        pel.function([x], o),
        {"h": h},
        targets=digit,
        names=["first bit", "second bit"],
        marks={"carry in": carry_in, "carry out": carry_out},
        story="{first bit} + {second bit} + carry {carry in}: write {true output}, carry {carry out}. "
        "The network writes {output}.",
        integers=["first number", "second number"],
        title="A sum, bit by bit",
    )
    step = pel.function([x, y, rate], error, updates=pel.optimizers.SGD(rate).updates(error))
    return Figure(
        train=step,
        steps=steps,
        data={x: inputs, y: targets},
        controls=[slider(rate, 0.001, 1.0, 0.1, scale="log", label="learning rate"), seed()],
        views=[view, loss_curve(), heat_map()],
        title="A network that adds",
        description="A recurrent network reads two binary numbers bit by bit and learns to carry.",
    )
