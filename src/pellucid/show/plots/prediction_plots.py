"""Plots of predictions: confusion matrix with images of a cell, and prediction errors of a regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import ArrayLike

from pellucid.graph.errors import OptionError
from pellucid.show.plots.plot_style import (
    INK,
    ON_DARK,
    ON_LIGHT,
    PALETTE,
    Canvas,
    compute_grid,
    draw_image,
    make_color_map,
    style_axes,
)
from pellucid.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_NUMBERED_CLASSES = 16
"""Number of classes up to which cells show their counts."""

MAX_NAMED_CLASSES = 40
"""Number of classes up to which rows and columns have names; of more, the most frequent errors are listed."""

MAX_PAIRS = 20
MAX_IMAGES = 12

MAX_PANELS = 6
"""Maximum number of targets in the figure. The description covers all."""


def count_confusions(labels: ArrayLike, predicted: ArrayLike, classes: int) -> Array:
    """Return the confusion matrix: samples by true class (row) and predicted class (column).

    Examples
    --------
    >>> count_confusions([0, 0, 1], [0, 1, 1], 2)
    array([[1, 1],
           [0, 1]])
    """
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (np.asarray(labels, int), np.asarray(predicted, int)), 1)
    return counts


def list_frequent_errors(counts: Array, limit: int) -> list[tuple[int, int]]:
    """Return the true and the predicted class of the most frequent errors.

    Examples
    --------
    >>> list_frequent_errors(np.array([[5, 1, 0], [3, 4, 0], [0, 0, 2]]), 3)
    [(1, 0), (0, 1)]
    """
    errors = counts - np.diag(np.diag(counts))
    order = np.argsort(-errors, axis=None, kind="stable")[:limit]
    cells = zip(*(axis.tolist() for axis in np.unravel_index(order, errors.shape)), strict=True)
    return [(row, column) for row, column in cells if errors[row, column]]


def find_most_frequent_error(counts: Array) -> tuple[int, int] | None:
    """Return the true and the predicted class of the most frequent error, or None if there are no errors."""
    return next(iter(list_frequent_errors(counts, 1)), None)


@overload
def confusion_matrix(
    counts: ArrayLike,
    names: Sequence[str] = (),
    title: str = "",
    *,
    images: ArrayLike | None = None,
    cell: tuple[int, int] | None = None,
    ax: None = None,
) -> Figure: ...
@overload
def confusion_matrix(
    counts: ArrayLike,
    names: Sequence[str] = (),
    title: str = "",
    *,
    images: ArrayLike | None = None,
    cell: tuple[int, int] | None = None,
    ax: Axes,
) -> Axes: ...
def confusion_matrix(
    counts: ArrayLike,
    names: Sequence[str] = (),
    title: str = "",
    *,
    images: ArrayLike | None = None,
    cell: tuple[int, int] | None = None,
    ax: Axes | None = None,
) -> Figure | Axes:
    """Plot a confusion matrix, with correct predictions in blue and errors in orange.

    Colors show fractions of the row, on separate scales. Of more than 40 classes, the most frequent errors are listed
    next to the matrix, instead of names and images.

    Parameters
    ----------
    counts : array
        Shape (classes, classes), rows are true classes.
    names : sequence of str
        Names of the classes; by default their numbers.
    images, cell : array and (int, int), optional
        A cell (row, column), and its images, shape (n, height, width) or (n, height, width, channels), to show next to
        the matrix.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, the picture is a new figure, which is returned.

    Examples
    --------
    >>> figure = confusion_matrix([[5, 1], [0, 4]], ["cat", "dog"])
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['cat', 'dog']
    """
    table = np.asarray(counts)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not len(table):
        raise OptionError(f"Expected counts of shape (classes, classes). Received: {table.shape}")
    if names and len(names) != len(table):
        raise OptionError(f"Expected a name for each of {len(table)} classes. Received: {len(names)}")
    labels = list(names) or [str(k) for k in range(len(table))]
    if len(table) > MAX_NAMED_CLASSES:
        canvas = Canvas(ax, 10, 5.6)
        left, right = canvas.divide(5.6, 4.4)
        draw_matrix(left.add_axes(), table, labels, title)
        draw_frequent_errors(right.add_axes(), table, labels)
        return canvas.result
    side = float(np.clip(0.46 * len(table) + 1.3 + 0.06 * max(map(len, labels)), 3.2, 8.5))
    if images is None or cell is None or not len(np.asarray(images)):
        canvas = Canvas(ax, side, side)
        draw_matrix(canvas.add_axes(), table, labels, title)
        return canvas.result
    canvas = Canvas(ax, side + 2.9, side)
    left, right = canvas.divide(side, 2.9)
    draw_matrix(left.add_axes(), table, labels, title, cell)
    draw_images(right, np.asarray(images), f"true {labels[cell[0]]}, predicted {labels[cell[1]]}", side)
    return canvas.result


def draw_matrix(
    axes: Axes, table: Array, names: Sequence[str], title: str, cell: tuple[int, int] | None = None
) -> None:
    """Draw the matrix, with a frame around a cell."""
    from matplotlib.patches import Rectangle

    totals = table.sum(axis=1, keepdims=True)
    fractions = table / np.where(totals, totals, 1)
    style_axes(axes, "predicted class", "true class", title).grid(visible=False)
    errors = fractions * (1 - np.eye(len(table)))
    correct = np.where(np.eye(len(table), dtype=bool), fractions, np.nan)
    axes.imshow(errors / (errors.max() or 1.0), cmap=make_color_map("white", PALETTE[1]), vmin=0, vmax=1.4)
    axes.imshow(correct, cmap=make_color_map("white", PALETTE[0]), vmin=0, vmax=1)
    if len(names) > MAX_NAMED_CLASSES:
        axes.set_xticks([])
        axes.set_yticks([])
    else:
        is_rotated = max(map(len, names)) > 3
        axes.set_xticks(range(len(names)), names, rotation=45 * is_rotated, ha="right" if is_rotated else "center")
        axes.set_yticks(range(len(names)), names)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if len(names) <= MAX_NUMBERED_CLASSES:
        size = 9 if len(names) <= 10 and table.max() < 1000 else 7
        for (row, column), count in np.ndenumerate(table):
            if count:
                color = ON_DARK if row == column and fractions[row, column] > 0.5 else ON_LIGHT
                axes.text(column, row, str(count), ha="center", va="center", fontsize=size, color=color)
    if cell is not None:
        corner = (cell[1] - 0.5, cell[0] - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=ON_LIGHT, linewidth=1.8, clip_on=False))


def draw_frequent_errors(axes: Axes, table: Array, names: Sequence[str]) -> None:
    """Draw bars with the numbers of the most frequent errors."""
    from matplotlib.ticker import MaxNLocator

    pairs = list_frequent_errors(table, MAX_PAIRS)
    style_axes(axes, "samples", "", f"{len(pairs)} of the most frequent errors" if pairs else "no errors", 9.5)
    axes.barh(range(len(pairs)), [table[pair] for pair in pairs], color=PALETTE[1], height=0.7)
    axes.set_yticks(range(len(pairs)), [f"{shorten(names[r])} as {shorten(names[c])}" for r, c in pairs])
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.tick_params(axis="y", labelsize=7.5, length=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.invert_yaxis()


def shorten(name: str, length: int = 18) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"


def draw_images(canvas: Canvas, images: Array, title: str, height: float) -> None:
    """Draw some of the images, three in a row."""
    columns = 3
    rows = max(1, int(height / 1.05))
    shown = images[: min(rows * columns, MAX_IMAGES)]
    more = f"\n{len(shown)} of {len(images)}" if len(images) > len(shown) else ""
    canvas.add_title(title + more, 9.5)
    for number in range(rows * columns):
        axes = canvas.add_image_panel(rows, columns, number)
        if number < len(shown):
            draw_image(axes, shown[number], float(shown.min()), float(shown.max()))


@overload
def prediction_errors(
    truth: ArrayLike, predicted: ArrayLike, names: Sequence[str] = (), *, ax: None = None
) -> Figure: ...
@overload
def prediction_errors(truth: ArrayLike, predicted: ArrayLike, names: Sequence[str] = (), *, ax: Axes) -> Axes: ...
def prediction_errors(
    truth: ArrayLike, predicted: ArrayLike, names: Sequence[str] = (), *, ax: Axes | None = None
) -> Figure | Axes:
    """Plot predicted over true values, one panel per target. Correct predictions are on the dashed line.

    Values have the shape (n,) or (n, targets); ``names`` are those of the targets.

    Parameters
    ----------
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, the picture is a new figure, which is returned.

    Examples
    --------
    >>> figure = prediction_errors([1.0, 2.0, 3.0], [1.5, 2.0, 2.5], ["price"])
    >>> figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()
    ('true price', 'predicted price')
    """
    x, y, labels = to_columns(truth, predicted, names)
    canvas, panels = add_panels(x.shape[1], ax)
    for k, axes in enumerate(panels):
        style_axes(axes, f"true {labels[k]}", f"predicted {labels[k]}")
        ends = [x[:, k].min(), x[:, k].max()]
        axes.plot(ends, ends, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.scatter(x[:, k], y[:, k], s=14, color=PALETTE[0], alpha=0.8, linewidths=0)
    return canvas.result


def add_panels(targets: int, ax: Axes | None) -> tuple[Canvas, list[Axes]]:
    """Return a canvas with a panel for each target, at most ``MAX_PANELS``."""
    count = min(targets, MAX_PANELS)
    columns, rows = compute_grid(count, 3)
    canvas = Canvas(ax, 4.6 if count == 1 else 3.4 * columns, 4.4 if count == 1 else 3.3 * rows)
    if count == 1:
        return canvas, [canvas.add_axes()]
    return canvas, [canvas.add_panel(rows, columns, k, gap=0.4) for k in range(count)]


def describe_prediction_errors(truth: ArrayLike, predicted: ArrayLike, names: Sequence[str] = ()) -> str:
    """Describe the size and the bias of prediction errors.

    Examples
    --------
    >>> print(describe_prediction_errors([1.0, 2.0, 3.0], [1.5, 2.0, 2.5], ["price"]))
    price: true values from 1 to 3, predicted values from 1.5 to 2.5, mean absolute error 0.3333. The slope of
    predicted over true values is 0.50 instead of 1.
    """
    x, y, labels = to_columns(truth, predicted, names)
    return " ".join(describe_target(labels[k], x[:, k], y[:, k]) for k in range(x.shape[1]))


@overload
def residuals(truth: ArrayLike, predicted: ArrayLike, names: Sequence[str] = (), *, ax: None = None) -> Figure: ...
@overload
def residuals(truth: ArrayLike, predicted: ArrayLike, names: Sequence[str] = (), *, ax: Axes) -> Axes: ...
def residuals(
    truth: ArrayLike, predicted: ArrayLike, names: Sequence[str] = (), *, ax: Axes | None = None
) -> Figure | Axes:
    """Plot residuals, true minus predicted values, over predicted values, one panel per target.

    Values have the shape (n,) or (n, targets); ``names`` are those of the targets.

    Parameters
    ----------
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, the picture is a new figure, which is returned.

    Examples
    --------
    >>> figure = residuals([1.0, 2.0, 3.0], [1.5, 2.0, 2.5], ["price"])
    >>> figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()
    ('predicted price', 'true minus predicted')
    """
    x, y, labels = to_columns(truth, predicted, names)
    canvas, panels = add_panels(x.shape[1], ax)
    for k, axes in enumerate(panels):
        style_axes(axes, f"predicted {labels[k]}", "true minus predicted")
        axes.axhline(0, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.scatter(y[:, k], x[:, k] - y[:, k], s=14, color=PALETTE[0], alpha=0.8, linewidths=0)
    return canvas.result


def describe_residuals(truth: ArrayLike, predicted: ArrayLike, names: Sequence[str] = ()) -> str:
    """Describe mean and spread of residuals, and whether the spread grows with the prediction.

    Examples
    --------
    >>> print(describe_residuals([1.0, 2.0, 3.0], [1.5, 2.0, 2.5], ["price"]))
    price: residuals from -0.5 to 0.5, mean 0, standard deviation 0.4082.
    """
    x, y, labels = to_columns(truth, predicted, names)
    return " ".join(describe_residual(labels[k], x[:, k] - y[:, k], y[:, k]) for k in range(x.shape[1]))


def describe_residual(name: str, residual: Array, predicted: Array) -> str:
    description = (
        f"{name}: residuals from {residual.min():.4g} to {residual.max():.4g}, mean {residual.mean():.4g}, standard "
        f"deviation {residual.std():.4g}."
    )
    low, high = (np.abs(residual[part]) for part in np.array_split(predicted.argsort(kind="stable"), 2))
    if len(low) < 2:
        return description
    error = np.sqrt(low.var(ddof=1) / len(low) + high.var(ddof=1) / len(high)) if len(high) > 1 else np.inf
    difference = high.mean() - low.mean()
    if abs(difference) <= 2 * error:
        return description
    side = "larger" if difference > 0 else "smaller"
    return (
        f"{description} They are {side} for the upper half of the predictions: mean size {high.mean():.4g} against "
        f"{low.mean():.4g}."
    )


def describe_target(name: str, truth: Array, predicted: Array) -> str:
    description = (
        f"{name}: true values from {truth.min():.4g} to {truth.max():.4g}, predicted values from "
        f"{predicted.min():.4g} to {predicted.max():.4g}, mean absolute error {np.abs(predicted - truth).mean():.4g}."
    )
    variation = ((truth - truth.mean()) ** 2).sum()
    if not variation:
        return description
    slope = float(((truth - truth.mean()) * (predicted - predicted.mean())).sum() / variation)
    if slope > 0.9:
        return description
    return f"{description} The slope of predicted over true values is {slope:.2f} instead of 1."


def to_columns(truth: ArrayLike, predicted: ArrayLike, names: Sequence[str]) -> tuple[Array, Array, list[str]]:
    """Return true and predicted values with one column per target, and the names of the targets."""
    x, y = (np.asarray(values, float) for values in (truth, predicted))
    if x.shape != y.shape or x.ndim not in (1, 2) or not len(x):
        raise OptionError(f"Expected true and predicted values of one shape. Received: {x.shape} and {y.shape}")
    x, y = x.reshape(len(x), -1), y.reshape(len(y), -1)
    return x, y, list(names) or [f"target {k}" for k in range(1, x.shape[1] + 1)]
