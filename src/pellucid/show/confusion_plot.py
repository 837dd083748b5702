"""Plot of a confusion matrix, with the images behind one of its cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.graph.errors import OptionError
from pellucid.show.plot_style import INK, PALETTE, new_figure, style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

MAX_NUMBERED_CLASSES = 16
"""Number of classes up to which cells show their counts."""

MAX_IMAGES = 12


def count_confusions(labels: ArrayLike, predicted: ArrayLike, classes: int) -> NDArray[Any]:
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


def find_most_frequent_error(counts: NDArray[Any]) -> tuple[int, int] | None:
    """Return the true and the predicted class of the most frequent error, or None if there are no errors."""
    errors = counts - np.diag(np.diag(counts))
    if not errors.any():
        return None
    row, column = np.unravel_index(int(errors.argmax()), errors.shape)
    return int(row), int(column)


def confusion_matrix(
    counts: ArrayLike,
    names: Sequence[str] = (),
    title: str = "",
    *,
    images: ArrayLike | None = None,
    cell: tuple[int, int] | None = None,
) -> Figure:
    """Plot a confusion matrix, with correct predictions in blue and errors in orange.

    Colours show fractions of the row, on separate scales.

    Parameters
    ----------
    counts : array
        Shape (classes, classes), rows are true classes.
    names : sequence of str
        Names of the classes; by default their numbers.
    images, cell : array and (int, int), optional
        A cell (row, column), and its images, shape (n, height, width) or (n, height, width, channels), to show next to
        the matrix.

    Examples
    --------
    >>> figure = confusion_matrix([[5, 1], [0, 4]], ["cat", "dog"])
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['cat', 'dog']
    """
    table = np.asarray(counts)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not len(table):
        raise OptionError(f"expected counts of shape (classes, classes); received {table.shape}")
    if names and len(names) != len(table):
        raise OptionError(f"expected a name for each of {len(table)} classes; received {len(names)}")
    labels = list(names) or [str(k) for k in range(len(table))]
    side = float(np.clip(0.46 * len(table) + 1.3 + 0.06 * max(map(len, labels)), 3.2, 8.5))
    if images is None or cell is None or not len(np.asarray(images)):
        figure = new_figure(side, side)
        draw_matrix(figure.add_subplot(), table, labels, title)
        return figure
    figure = new_figure(side + 2.9, side)
    halves: Any = figure.subfigures(1, 2, width_ratios=(side, 2.9))
    draw_matrix(halves[0].add_subplot(), table, labels, title, cell)
    draw_images(halves[1], np.asarray(images), f"true {labels[cell[0]]}, predicted {labels[cell[1]]}", side)
    return figure


def draw_matrix(
    axes: Axes, table: NDArray[Any], names: Sequence[str], title: str, cell: tuple[int, int] | None = None
) -> None:
    """Draw the matrix, with a frame around a cell."""
    from matplotlib.patches import Rectangle

    totals = table.sum(axis=1, keepdims=True)
    fractions = table / np.where(totals, totals, 1)
    style_axes(axes, "predicted class", "true class", title).grid(visible=False)
    errors = fractions * (1 - np.eye(len(table)))
    correct = np.where(np.eye(len(table), dtype=bool), fractions, np.nan)
    axes.imshow(errors / (errors.max() or 1.0), cmap=make_white_to(PALETTE[1]), vmin=0, vmax=1.4)
    axes.imshow(correct, cmap=make_white_to(PALETTE[0]), vmin=0, vmax=1)
    is_rotated = max(map(len, names)) > 3
    axes.set_xticks(range(len(names)), names, rotation=45 * is_rotated, ha="right" if is_rotated else "center")
    axes.set_yticks(range(len(names)), names)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if len(names) <= MAX_NUMBERED_CLASSES:
        size = 9 if len(names) <= 10 and table.max() < 1000 else 7
        for (row, column), count in np.ndenumerate(table):
            if count:
                colour = "white" if row == column and fractions[row, column] > 0.5 else INK
                axes.text(column, row, str(count), ha="center", va="center", fontsize=size, color=colour)
    if cell is not None:
        corner = (cell[1] - 0.5, cell[0] - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=INK, linewidth=1.8, clip_on=False))


def draw_images(figure: Any, images: NDArray[Any], title: str, height: float) -> None:
    """Draw some of the images, three in a row."""
    columns = 3
    rows = max(1, int(height / 1.05))
    shown = images[: min(rows * columns, MAX_IMAGES)]
    more = f"\n{len(shown)} of {len(images)}" if len(images) > len(shown) else ""
    figure.suptitle(title + more, fontsize=9.5, color=INK)
    pixels = shown[..., 0] if shown.ndim == 4 and shown.shape[-1] == 1 else shown
    is_bytes = pixels.dtype == np.uint8
    low, high = (0, 255) if is_bytes else (float(pixels.min()), float(pixels.max()) or 1.0)
    for number in range(rows * columns):
        axes = figure.add_subplot(rows, columns, number + 1)
        axes.set_axis_off()
        if number < len(pixels):
            image = pixels[number] if is_bytes else (pixels[number] - low) / ((high - low) or 1.0)
            axes.imshow(image, cmap="gray", interpolation="nearest", vmin=0, vmax=255 if is_bytes else 1)


def make_white_to(colour: str) -> Colormap:
    """Return a colour map from white to a colour."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(f"white to {colour}", ["#ffffff", colour])
