"""Plots of functions of two numbers: losses of two weights, and scores of two settings."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import ArrayLike

from pellucid.show.plots.plot_style import ON_DARK, ON_LIGHT, Canvas, style_axes
from pellucid.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@overload
def loss_contours(
    x: Array,
    y: Array,
    losses: Array,
    path: Array,
    labels: Sequence[str],
    title: str = "",
    *,
    ax: None = None,
) -> "Figure": ...
@overload
def loss_contours(
    x: Array,
    y: Array,
    losses: Array,
    path: Array,
    labels: Sequence[str],
    title: str = "",
    *,
    ax: "Axes",
) -> "Axes": ...
def loss_contours(
    x: Array,
    y: Array,
    losses: Array,
    path: Array,
    labels: Sequence[str],
    title: str = "",
    *,
    ax: "Axes | None" = None,
) -> "Figure | Axes":
    """Plot the contours of a loss of two weights, with the path of a training.

    Parameters
    ----------
    x, y : array, shapes (m,) and (n,)
        Values of the weights on the grid.
    losses : array, shape (n, m)
        The loss on the grid. Levels have equal differences of the square root of the height.
    path : array, shape (2, steps)
        The weights at each step.
    labels : sequence of str
        Names of the two weights.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, the picture is a new figure, which is returned.

    Examples
    --------
    >>> x = np.linspace(-1.0, 1.0, 5)
    >>> figure = loss_contours(x, x, x**2 + x[:, None] ** 2, np.array([[1.0, 0.5], [1.0, 0.5]]), ["w", "b"])
    >>> figure.axes[0].get_xlabel()
    'w'
    """
    canvas = Canvas(ax, 5.6, 4.2)
    axes = style_axes(canvas.add_axes(), labels[0], labels[1], title)
    low, high = losses.min(), np.quantile(losses, 0.97)
    levels = low + (high - low) * np.linspace(0.0, 1.0, 13) ** 2
    filled = axes.contourf(x, y, losses, levels=np.unique(levels), cmap="GnBu", extend="max")
    canvas.add_color_bar(filled, axes, "loss")
    axes.plot(path[0], path[1], color=ON_LIGHT, marker="o", markersize=2.5, linewidth=1)
    axes.plot(path[0][0], path[1][0], color=ON_LIGHT, marker="o", markersize=11, markerfacecolor="none")
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(y[0], y[-1])
    return canvas.result


@overload
def score_map(
    scores: ArrayLike,
    rows: Sequence[str],
    columns: Sequence[str],
    row_label: str,
    column_label: str,
    title: str = "",
    *,
    ax: None = None,
) -> "Figure": ...
@overload
def score_map(
    scores: ArrayLike,
    rows: Sequence[str],
    columns: Sequence[str],
    row_label: str,
    column_label: str,
    title: str = "",
    *,
    ax: "Axes",
) -> "Axes": ...
def score_map(
    scores: ArrayLike,
    rows: Sequence[str],
    columns: Sequence[str],
    row_label: str,
    column_label: str,
    title: str = "",
    *,
    ax: "Axes | None" = None,
) -> "Figure | Axes":
    """Plot scores of two settings as a table of colored cells with numbers.

    Parameters
    ----------
    scores : array, shape (rows, columns)
        A number for each cell.
    rows, columns : sequence of str
        Values of the settings.
    row_label, column_label : str
        Names of the settings.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, the picture is a new figure, which is returned.

    Examples
    --------
    >>> score_map([[0.1, 0.2]], ["0.01"], ["1", "3"], "strength", "hidden units").axes[0].get_ylabel()
    'strength'
    """
    values = np.asarray(scores, dtype=float)
    canvas = Canvas(ax, 5.6, 4.2)
    axes = style_axes(canvas.add_axes(), column_label, row_label, title)
    axes.grid(visible=False)
    shades = np.sqrt((values - values.min()) / (np.ptp(values) or 1.0))
    axes.imshow(shades, cmap="GnBu", aspect="auto")
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    for (i, j), value in np.ndenumerate(values):
        axes.text(j, i, f"{value:.2g}", ha="center", va="center", color=ON_DARK if shades[i, j] > 0.6 else ON_LIGHT)
    return canvas.result
