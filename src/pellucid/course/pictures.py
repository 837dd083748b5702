"""Still pictures of the course: functions, layers, descents and classes, each with a description in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.show.plots.picture import Picture
from pellucid.show.plots.plot_style import (
    CURVES,
    DASHES,
    INK,
    MARKERS,
    PAGE,
    PALETTE,
    PLAIN,
    Canvas,
    make_mesh,
    new_figure,
    style_axes,
)
from pellucid.show.plots.plots import check_points, draw_boundary, draw_points
from pellucid.typing import Array, ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_activations", "draw_classes", "draw_descents", "draw_layers", "draw_surface"]

Function = Callable[[Any], Any]

LINES = PALETTE[2:5]
"""Colors of hidden units. The first two colors of the palette mean classes."""

ACTIVATIONS: dict[str, Function] = {
    "step": lambda z: np.where(z > 0, 1.0, 0.0),
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0.0),
    "gaussian": lambda z: np.exp(-(z**2)),
    "linear": lambda z: z,
}


def draw_activations(functions: Mapping[str, Function] = ACTIVATIONS) -> Picture:
    """Plot activation functions from -3 to 3, one panel each.

    Parameters
    ----------
    functions : dict from str to function
        Functions of an array, by title.

    Examples
    --------
    >>> draw_activations({"tanh": np.tanh}).reading
    'Activation functions for z from -3 to 3. tanh: from -1.00 to 1.00.'
    """
    z = np.linspace(-3, 3, 601)
    columns = min(2, len(functions))
    rows = -(-len(functions) // columns)
    figure = new_figure(2.3 * columns, 1.7 * rows)
    ranges = []
    for index, (name, function) in enumerate(functions.items()):
        axes = style_axes(figure.add_subplot(rows, columns, index + 1), "z", "a", name, size=10)
        a = np.asarray(function(z))
        jumps = np.abs(np.diff(a, append=a[-1])) > 0.5  # a jump is no vertical line
        axes.plot(z, np.where(jumps, np.nan, a), color=CURVES[0], linewidth=1.8)
        axes.set(ylim=(-1.3, 1.3) if np.abs(a).max() <= 1 else (-3.2, 3.2), xticks=[-3, 0, 3])
        ranges.append(f"{name}: from {a.min():.2f} to {a.max():.2f}")
    return Picture(figure, f"Activation functions for z from -3 to 3. {'; '.join(ranges)}.", "activation functions")


def draw_layers(sizes: Sequence[int] = (2, 3, 2), names: Sequence[str] = ("input", "hidden", "output")) -> Picture:
    """Draw a feedforward network with its layers, units, bias units and weights.

    Parameters
    ----------
    sizes : sequence of int
        Number of units of each layer.
    names : sequence of str
        Name of each layer.

    Examples
    --------
    >>> draw_layers((2, 3, 2)).reading[:70]
    'Input layer: 2 units; hidden layer: 3 units; output layer: 2 units. 12'
    """
    figure = new_figure(5.0, 3.2)
    axes = figure.add_subplot()
    axes.set_axis_off()
    tallest = max(sizes) + 1
    heights = [np.arange(size)[::-1] + (tallest - 1 - size) / 2 + 1 for size in sizes]
    for layer, (here, after) in enumerate(pairwise(heights)):
        for start in here:
            for end in after:
                axes.plot([layer, layer + 1], [start, end], color=INK, linewidth=0.9, zorder=1)
        for end in after:
            axes.plot([layer, layer + 1], [0, end], color=INK, linewidth=0.9, linestyle="--", zorder=1)
        axes.scatter([layer], [0], s=520, marker="s", facecolor=PAGE, edgecolor=INK, zorder=2)
        axes.text(layer, 0, "1", ha="center", va="center", fontsize=10, **PLAIN)
        axes.text(layer, -0.52, "bias unit", ha="center", va="center", fontsize=8.5, **PLAIN)
        label = f"W{layer + 1}: {sizes[layer]} x {sizes[layer + 1]},  b{layer + 1}: {sizes[layer + 1]}"
        axes.text(layer + 0.5, tallest - 0.15, label, ha="center", fontsize=8.5, **PLAIN)
    letters = ["x", *["a"] * (len(sizes) - 2), "p"]
    for layer, (name, letter, places) in enumerate(zip(names, letters, heights, strict=True)):
        axes.scatter([layer] * len(places), places, s=620, facecolor=PAGE, edgecolor=CURVES[0], linewidth=1.6, zorder=2)
        for unit, height in enumerate(places):
            axes.text(layer, height, f"{letter}{unit + 1}", ha="center", va="center", fontsize=10, **PLAIN)
        axes.text(layer, tallest + 0.25, f"{name} layer", ha="center", fontsize=10.5, **PLAIN)
    axes.set(xlim=(-0.4, len(sizes) - 0.6), ylim=(-0.8, tallest + 0.6))
    described = "; ".join(f"{name} layer: {size} units" for name, size in zip(names, sizes, strict=True))
    weights = sum(a * b for a, b in pairwise(sizes))
    biases = sum(sizes[1:])
    reading = (
        f"{described.capitalize()}. {weights} weights connect each unit with all units of the next layer. "
        f"{biases} biases (dashed) come from the bias units, which always are 1."
    )
    return Picture(figure, reading, "layers of a network")


def draw_descents(loss: Function, paths: Mapping[str, Sequence[float]], low: float, high: float) -> Picture:
    """Plot a loss of one weight and the steps of gradient descent on it, one panel for each path.

    Parameters
    ----------
    loss : function
        From an array of weights to their losses.
    paths : mapping from str to sequence of float
        The weights after 0, 1, ... steps, by panel title.
    low, high : float
        Range of the weight axis.

    Examples
    --------
    >>> draw_descents(lambda w: w**2, {"rate 0.25": [2.0, 1.0, 0.5]}, -2, 2).reading
    'Loss over w, with the steps of gradient descent. rate 0.25: from w = 2 to 0.5 in 2 steps.'
    """
    figure = new_figure(1.9 * len(paths) + 0.4, 2.4)
    w = np.linspace(low, high, 400)
    top = float(np.max(loss(w)))
    bottom = float(np.min(loss(w)))
    summaries = []
    for index, (title, path) in enumerate(paths.items()):
        axes = style_axes(figure.add_subplot(1, len(paths), index + 1), "w", "" if index else "loss", title, size=10)
        axes.plot(w, loss(w), color=INK, linewidth=1.5)
        steps = np.asarray(path, dtype=float)
        shown = steps[: int(np.argmax(np.append((steps < low) | (steps > high), True)))]  # up to the first step outside
        axes.plot(shown, loss(shown), color=CURVES[1], marker="o", markersize=4, linewidth=1)
        axes.plot(shown[:1], loss(shown[:1]), color=CURVES[2], marker="s", markersize=7)
        axes.set(xlim=(low, high), ylim=(bottom - 0.06 * (top - bottom), top))
        summaries.append(
            f"{title}: from w = {format_rounded(steps[0])} to {format_rounded(steps[-1])} in {len(steps) - 1} steps"
        )
    reading = f"Loss over w, with the steps of gradient descent. {'; '.join(summaries)}."
    return Picture(figure, reading, "gradient descent on one weight")


def draw_surface(
    loss: Callable[[Array, Array], Array],
    paths: Mapping[str, Array],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    names: tuple[str, str] = ("w", "b"),
) -> Picture:
    """Plot contours of a loss of two weights, and paths of gradient descent.

    Parameters
    ----------
    loss : function
        From two arrays of weights to their losses.
    paths : mapping from str to array, shape (steps, 2)
        The weights after each step, by name.
    x_range, y_range : (float, float)
        Ranges of the axes.
    names : (str, str)
        Names of the weights.

    Examples
    --------
    >>> draw_surface(lambda u, v: u**2 + v**2, {"path": [[1, 1], [0.5, 0.5]]}, (-1, 1), (-1, 1), ("u", "v")).reading
    'Contours of the loss over u and v. path: from (1, 1), loss 2, to (0.5, 0.5), loss 0.5, in 1 step.'
    """
    figure = new_figure(4.6, 3.9)
    axes = style_axes(figure.add_subplot(), *names)
    x, y = np.meshgrid(np.linspace(*x_range, 160), np.linspace(*y_range, 160))
    heights = loss(x, y)
    low, high = float(heights.min()), float(heights.max())
    levels = low + (high - low) * np.linspace(0, 1, 15)[1:] ** 2  # denser where the loss is low
    lines = axes.contour(x, y, heights, levels=levels, colors=INK, linewidths=0.8)
    axes.clabel(lines, fontsize=7, fmt="%.2g")
    summaries = []
    for (name, path), color, marker in zip(paths.items(), CURVES[1:], MARKERS, strict=False):
        steps = np.asarray(path, dtype=float)
        axes.plot(*steps.T, color=color, marker=marker, markersize=4, linewidth=1.2, label=name)
        start, end = (
            f"({format_rounded(u)}, {format_rounded(v)}), loss {format_rounded(loss(u, v))}" for u, v in steps[[0, -1]]
        )
        count = len(steps) - 1
        summaries.append(f"{name}: from {start}, to {end}, in {count} step{'s' * (count != 1)}")
    axes.set(xlim=x_range, ylim=y_range)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=8.5, labelcolor=INK)
    reading = f"Contours of the loss over {names[0]} and {names[1]}. {'; '.join(summaries)}."
    return Picture(figure, reading, "loss surface")


def draw_classes(
    X: ArrayLike,
    y: ArrayLike,
    predict: Function | None = None,
    lines: Mapping[str, Sequence[float]] | None = None,
    names: Sequence[str] = ("upper moon", "lower moon"),
) -> Picture:
    """Plot points of two classes, the probability of class 1, its boundary, and straight lines.

    Parameters
    ----------
    X, y : array
        Points, shape (n, 2), and their classes 0 and 1, shape (n,).
    predict : function, optional
        From points, shape (m, 2), to the probability of class 1, shape (m,).
    lines : mapping from str to (w1, w2, b), optional
        Lines w1 * x1 + w2 * x2 + b = 0, by name.
    names : sequence of str
        Names of the classes.

    Examples
    --------
    >>> draw_classes([[-1.0, 0.0], [1.0, 0.5]], [0, 1], lambda X: (X[:, 0] > 0) + 0.0, names=["left", "right"]).reading
    '1 point of the left and 1 point of the right. 2 of 2 points are on the correct side of the decision boundary.'
    """
    points, labels = check_points(X, y)
    canvas = Canvas(None, 4.9, 4.0)
    axes = canvas.add_axes()
    reading = (
        " and ".join(count_points(int((labels == k).sum()), f"of the {name}") for k, name in enumerate(names)) + "."
    )
    if predict is None:
        style_axes(axes, "", "").grid(visible=False)
        draw_points(axes, points, labels)
    else:
        draw_boundary(axes, lambda grid: stack_probabilities(predict(grid)), points, labels, "")
        correct = int(((np.asarray(predict(points)) > 0.5) == labels).sum())
        reading += f" {correct} of {len(labels)} points are on the correct side of the decision boundary."
    x_mesh, y_mesh, _ = make_mesh(points, 2)
    axes.set(xlim=(x_mesh.min(), x_mesh.max()), ylim=(y_mesh.min(), y_mesh.max()))
    axes.set_xlabel("x₁", **PLAIN)
    axes.set_ylabel("x₂", **PLAIN)
    if lines:
        draw_lines(axes, lines)
        reading += f" Lines: {', '.join(lines)}."
    canvas.add_legend(axes, names, columns=3)
    return Picture(canvas.figure, reading, "points of two classes")


def stack_probabilities(p: ArrayLike) -> Array:
    """Return the probabilities of both classes from those of class 1."""
    return np.stack([1 - np.asarray(p), p], axis=1)


def format_rounded(value: Any) -> str:
    """Return a number with at most 3 decimals."""
    return f"{round(float(value), 3) + 0.0:g}"


def count_points(count: int, what: str) -> str:
    return f"{count} point{'s' * (count != 1)} {what}"


def draw_lines(axes: Axes, lines: Mapping[str, Sequence[float]]) -> None:
    """Draw lines w1 * x1 + w2 * x2 + b = 0 within the limits of the axes."""
    x, heights = np.asarray(axes.get_xlim()), np.asarray(axes.get_ylim())
    for (name, (w1, w2, b)), color, style in zip(lines.items(), LINES, DASHES[1:], strict=False):
        ends = (x, -(w1 * x + b) / w2) if abs(w2) > 1e-9 else (np.full(2, -b / w1), heights)
        axes.plot(*ends, color=color, linestyle=style, linewidth=1.8, label=name)
