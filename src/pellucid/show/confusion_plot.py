"""The picture of what is taken for what, with the images behind one of its cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.graph.errors import OptionError
from pellucid.show.plot_style import INK, PALETTE, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

MOST_NUMBERED = 16
"""Up to so many classes, each cell says its number."""

SHOWN = 12
"""So many images behind a cell are drawn."""


def counts_of(labels: ArrayLike, answers: ArrayLike, classes: int) -> NDArray[Any]:
    """Return how many samples of each class, the rows, were taken for each, the columns.

    Examples
    --------
    >>> counts_of([0, 0, 1], [0, 1, 1], 2)
    array([[1, 1],
           [0, 1]])
    """
    table = np.zeros((classes, classes), int)
    np.add.at(table, (np.asarray(labels, int), np.asarray(answers, int)), 1)
    return table


def worst_cell(counts: NDArray[Any]) -> tuple[int, int] | None:
    """Return the class and what it is most often mistaken for, or None where there are no mistakes."""
    wrong = counts - np.diag(np.diag(counts))
    if not wrong.any():
        return None
    row, column = np.unravel_index(int(wrong.argmax()), wrong.shape)
    return int(row), int(column)


def confusion_matrix(
    counts: ArrayLike,
    names: Sequence[str] = (),
    title: str = "",
    *,
    images: ArrayLike | None = None,
    cell: tuple[int, int] | None = None,
) -> Figure:
    """Draw how often each class, a row, was taken for each, a column.

    What is right is blue, the deeper the greater its share of the row; mistakes are orange, on a scale of their own.

    Parameters
    ----------
    counts
        Shape (classes, classes).
    names
        Of the classes; their numbers without.
    title
        Stands above the picture.
    images, cell
        Images that lie behind a cell, (n, height, width) or (n, height, width, channels), and which cell, (row,
        column): they are drawn beside the matrix.

    Returns
    -------
    matplotlib.figure.Figure
        The picture.

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
    known = list(names) or [str(k) for k in range(len(table))]
    beside = images is not None and cell is not None and len(np.asarray(images)) > 0
    longest = max(map(len, known))
    side = float(np.clip(0.46 * len(table) + 1.3 + 0.06 * longest, 3.2, 8.5))
    figure = new_figure(side + 2.9 * beside, side)
    if not beside:
        draw_matrix(figure.add_subplot(), table, known, title)
        return figure
    halves: Any = figure.subfigures(1, 2, width_ratios=(side, 2.9))
    draw_matrix(halves[0].add_subplot(), table, known, title, cell)
    assert cell is not None
    draw_images(halves[1], np.asarray(images), f"{known[cell[0]]}, taken for {known[cell[1]]}", side)
    return figure


def draw_matrix(
    axes: Axes, table: NDArray[Any], names: Sequence[str], title: str, cell: tuple[int, int] | None = None
) -> None:
    """Draw the matrix; a cell that is looked into has a frame."""
    from matplotlib.patches import Rectangle

    totals = table.sum(axis=1, keepdims=True)
    shares = table / np.where(totals, totals, 1)
    plain_axes(axes, "taken for", "is", title).grid(visible=False)
    wrong = shares * (1 - np.eye(len(table)))
    right = np.where(np.eye(len(table), dtype=bool), shares, np.nan)
    axes.imshow(wrong / (wrong.max() or 1.0), cmap=whitened(PALETTE[1]), vmin=0, vmax=1.4)
    axes.imshow(right, cmap=whitened(PALETTE[0]), vmin=0, vmax=1)
    turned = max(map(len, names)) > 3
    axes.set_xticks(range(len(names)), names, rotation=45 if turned else 0, ha="right" if turned else "center")
    axes.set_yticks(range(len(names)), names)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if len(names) <= MOST_NUMBERED:
        size = 9 if len(names) <= 10 and table.max() < 1000 else 7
        for (row, column), count in np.ndenumerate(table):
            if count:
                colour = "white" if row == column and shares[row, column] > 0.5 else INK
                axes.text(column, row, str(count), ha="center", va="center", fontsize=size, color=colour)
    if cell is not None:
        corner = (cell[1] - 0.5, cell[0] - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=INK, linewidth=1.8, clip_on=False))


def draw_images(place: Any, images: NDArray[Any], title: str, height: float) -> None:
    """Draw some of the images behind a cell, three in a row."""
    columns = 3
    rows = max(1, int(height / 1.05))
    shown = images[: min(rows * columns, SHOWN)]
    more = f"\n{len(shown)} of {len(images)}" if len(images) > len(shown) else ""
    place.suptitle(title + more, fontsize=9.5, color=INK)
    pixels = shown[..., 0] if shown.ndim == 4 and shown.shape[-1] == 1 else shown
    low, high = (0, 255) if pixels.dtype == np.uint8 else (float(pixels.min()), float(pixels.max()) or 1.0)
    for number in range(rows * columns):
        axes = place.add_subplot(rows, columns, number + 1)
        axes.set_axis_off()
        if number < len(pixels):
            one = pixels[number]
            scaled = one if one.dtype == np.uint8 else (one - low) / ((high - low) or 1.0)
            limits = {"vmin": 0, "vmax": 255 if one.dtype == np.uint8 else 1}
            axes.imshow(scaled, cmap="gray", interpolation="nearest", **limits)


def whitened(colour: str) -> Colormap:
    """Return the colour map from white to a colour."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(f"white to {colour}", ["#ffffff", colour])
