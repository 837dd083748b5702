"""Still pictures of images, weights and recurrent networks, each with a description in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from pellucid.show.pages.input_values import format_number
from pellucid.show.plots.picture import Picture
from pellucid.show.plots.plot_style import CURVES, FAINT, INK, PAGE, PLAIN, new_figure
from pellucid.show.plots.plots import filters, hidden_states, image_grid

__all__ = ["draw_images", "draw_states", "draw_unrolled", "draw_weights"]


def draw_images(images: ArrayLike, names: Sequence[str], columns: int = 5) -> Picture:
    """Plot images of shape (n, height, width) or (n, height, width, 3) in a grid, with their names.

    Examples
    --------
    >>> draw_images(np.zeros((2, 4, 6)), ["seven", "two"]).reading
    '2 images of 4 x 6 pixels: seven, two.'
    """
    pixels = np.asarray(images)
    count, height, width = pixels.shape[:3]
    figure = image_grid(pixels, names, columns)
    for axes in figure.axes:  # frames, because images of noise would run into one another
        axes.set(xticks=[], yticks=[])
        axes.set_axis_on()
        for spine in axes.spines.values():
            spine.set(color=FAINT, linewidth=1)
    reading = f"{count} images of {height} x {width} pixels: {', '.join(names)}."
    return Picture(figure, reading, "images")


def draw_weights(W: ArrayLike, image: tuple[int, int], names: Sequence[str], columns: int = 5) -> Picture:
    """Plot the weights of each unit, a column of W, as an image: positive ones green, negative ones purple.

    Examples
    --------
    >>> draw_weights(np.eye(4), (2, 2), ["a", "b", "c", "d"]).reading[:45]
    'Weights of 4 units as images of 2 x 2 pixels:'
    """
    weights = np.asarray(W, dtype=float)
    kernel = weights.reshape(*image, 1, weights.shape[1])
    low, high = format_number(weights.min(), 3), format_number(weights.max(), 3)
    reading = (
        f"Weights of {len(names)} units as images of {image[0]} x {image[1]} pixels: from {low} to {high}, "
        f"{(weights > 0).mean():.0%} positive. Units: {', '.join(names)}."
    )
    return Picture(filters(kernel, columns, names=names), reading, "weights as images")


def draw_states(states: ArrayLike, steps: Sequence[str]) -> Picture:
    """Plot hidden states from 0 to 1, shape (steps, units), a column for each step.

    Examples
    --------
    >>> draw_states([[0.0, 0.9], [0.2, 0.1]], ["0+1", "1+1"]).reading
    'States of 2 hidden units at 2 steps. Units above 0.5: 1 at 0+1, none at 1+1.'
    """
    values = np.asarray(states, dtype=float)
    figure = hidden_states(values, steps)
    counts = [f"{units or 'none'} at {step}" for units, step in zip((values > 0.5).sum(axis=1), steps, strict=True)]
    reading = f"States of {values.shape[1]} hidden units at {len(values)} steps. Units above 0.5: {', '.join(counts)}."
    return Picture(figure, reading, "hidden states")


def draw_unrolled(steps: int = 3) -> Picture:
    """Draw a recurrent network with its loop, and the same network with one copy for each time step.

    Examples
    --------
    >>> draw_unrolled(3).reading[:52]
    'Left: input x, hidden layer h with a loop, output o.'
    """
    figure = new_figure(1.1 + 1.3 * steps, 2.7)
    axes = figure.add_subplot()
    axes.set_axis_off()
    arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0}
    radius, places = 0.27, [0.0, *(1.9 + 1.3 * t for t in range(steps))]

    def connect(start: tuple[float, float], end: tuple[float, float], label: str, shift: tuple[float, float]) -> None:
        axes.annotate("", end, start, arrowprops=arrow)
        middle = (start[0] + end[0]) / 2 + shift[0], (start[1] + end[1]) / 2 + shift[1]
        axes.text(*middle, label, ha="center", va="center", fontsize=9, **PLAIN)

    for column, x in enumerate(places):
        for y, letter in enumerate("xho"):
            time = f"{letter}{'₀₁₂₃₄₅₆₇₈₉'[column - 1]}" if column else letter
            color = CURVES[0] if letter == "h" else INK
            axes.scatter([x], [y], s=640, facecolor=PAGE, edgecolor=color, linewidth=1.6, zorder=2)
            axes.text(x, y, time, ha="center", va="center", fontsize=11, **PLAIN)
        connect((x, radius), (x, 1 - radius), "Wx", (-0.2, 0))
        connect((x, 1 + radius), (x, 2 - radius), "Wo", (-0.2, 0))
        if column and x != places[-1]:
            connect((x + radius, 1), (places[column + 1] - radius, 1), "Wh", (0, 0.16))
    loop = arrow | {"connectionstyle": "arc3,rad=-1.7"}
    axes.annotate("", (0.2, 0.82), (0.2, 1.18), arrowprops=loop)
    axes.text(0.72, 1, "Wh", ha="center", va="center", fontsize=9, **PLAIN)
    connect((1.05, 1), (places[1] - radius, 1), "", (0, 0))
    axes.text(1.2, 1.16, "h before", ha="center", va="center", fontsize=8.5, **PLAIN)
    axes.set(xlim=(-0.45, places[-1] + 0.45), ylim=(-0.4, 2.4), aspect="equal")
    reading = (
        "Left: input x, hidden layer h with a loop, output o. Right: the same network unrolled over "
        f"{steps} time steps. Each copy reads its input through Wx, gets the hidden state of the copy before through "
        "Wh, and writes its output through Wo. All copies have the same three weight matrices."
    )
    return Picture(figure, reading, "an unrolled recurrent network")
