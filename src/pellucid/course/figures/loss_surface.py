"""The loss as a surface over two weights, and gradient descent on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import pellucid as pel
from pellucid.live import Figure

__all__ = ["loss_surface"]

STEPS = 200


@dataclass(frozen=True)
class Surface:
    """A loss of two weights, where the training starts, and the ranges of the picture."""

    names: tuple[str, str]
    start: tuple[float, float]
    loss: Callable[[Any, Any], Any]
    x_range: tuple[float, float]
    y_range: tuple[float, float]


X = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
ON_LINE = np.array([-0.3, 0.2, 0.4, 1.0, 1.2])
FAR_X, FAR_ON_LINE = X + 2.5, ON_LINE + 0.5
"""The same points, moved."""
CLASS_X = np.array([-2.0, -1.5, -0.8, -0.2, 0.3, 0.4, 1.1, 1.6])
CLASSES = np.array([0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0])
ON_CURVE = np.array([-0.8, -0.5, 0.0, 0.5, 0.8])


def bowl(w: Any, b: Any) -> Any:
    """Mean squared error of a line on five points."""
    return ((X * w + b - ON_LINE) ** 2).mean()


def valley(w: Any, b: Any) -> Any:
    """The same with inputs that are far from zero: their mean is 2.5."""
    return ((FAR_X * w + b - FAR_ON_LINE) ** 2).mean()


def logistic(w: Any, b: Any) -> Any:
    """Cross-entropy of logistic regression with one input, on classes that overlap."""
    return pel.losses.binary_crossentropy(CLASSES, pel.sigmoid(CLASS_X * w + b)).mean()


def two_minima(w1: Any, w2: Any) -> Any:
    """A polynomial with two minima of different depth."""
    return (w1**2 - 1) ** 2 / 2 + 0.2 * w1 + w2**2 / 2 + 0.25


def saddle(w1: Any, w2: Any) -> Any:
    """Mean squared error of a network with one hidden unit: the weights (0, 0) are a saddle point."""
    return ((pel.tanh(X * w1) * w2 - ON_CURVE) ** 2).mean()


SURFACES = {
    "bowl: a line through points": Surface(("w", "b"), (-1.5, -1.2), bowl, (-2.0, 3.0), (-1.5, 2.5)),
    "valley: inputs far from 0": Surface(("w", "b"), (-0.6, 1.8), valley, (-1.0, 2.5), (-3.0, 3.0)),
    "logistic regression": Surface(("w", "b"), (-2.0, 3.0), logistic, (-3.0, 6.0), (-4.0, 4.0)),
    "two minima": Surface(("w1", "w2"), (1.6, 1.2), two_minima, (-2.0, 2.0), (-1.6, 1.6)),
    "saddle: one hidden unit": Surface(("w1", "w2"), (-1.2, 1.44), saddle, (-2.2, 2.2), (-2.2, 2.2)),
}


def loss_surface(rate: float = 0.1) -> Figure:
    """Loss of two weights as a surface, with the path of gradient descent.

    Parameters
    ----------
    rate : float
        Learning rate at the start, from 0.001 to 10.

    Returns
    -------
    Figure

    Examples
    --------
    >>> len(pel.course.figures.loss_surface().variants)
    5
    """
    options = {name: k for k, name in enumerate(SURFACES)}
    surfaces = list(SURFACES.values())

    def build(surface: int) -> Figure:
        return make_figure(surfaces[surface], rate)

    return pel.live.vary(build, pel.live.choice("surface", options))


def make_figure(surface: Surface, start_rate: float) -> Figure:
    weights = [pel.shared(np.float64(value), name) for value, name in zip(surface.start, surface.names, strict=True)]
    rate = pel.scalar("rate", dtype="float64")
    loss = surface.loss(weights[0], weights[1])
    step = pel.function([rate], loss, updates=pel.optimizers.SGD(rate).updates(loss, weights))
    view = pel.live.loss_surface(weights[0], weights[1], x_range=surface.x_range, y_range=surface.y_range, rate=rate)
    return Figure(
        train=step,
        steps=STEPS,
        controls=[pel.live.slider(rate, 0.001, 10, start_rate, scale="log", label="learning rate")],
        views=[view, pel.live.loss_curve(scale="log")],
        title="Going downhill",
        description="The loss is a surface over two weights. Gradient descent walks down from a start that you choose.",
    )
