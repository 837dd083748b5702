"""The picture of a sweep: how many runs ended over one of their settings, and how they came there."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.show.plot_style import INK, PALETTE, cycle, name_ends, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE = 20.0
"""Positive values further apart than this factor stand on a logarithmic axis."""

MOST_CURVES = 7
"""So many mean curves are drawn at most, evenly chosen among the values of the setting."""


def runs_over(
    setting: str, values: ArrayLike, ends: Mapping[str, ArrayLike], curves: ArrayLike, up: str = "", title: str = ""
) -> "Figure":
    """Draw how runs ended over a setting, and the course of what they were judged by.

    Parameters
    ----------
    setting
        The name of the setting.
    values
        Its value in each run, numbers or words, shape (runs,).
    ends
        Measures by name, each as it was at the end of every run, shape (runs,). The first is that of the curves.
    curves
        The first measure, epoch by epoch, shape (runs, epochs).
    up
        What the measures are, along the upright axis; the name of the first without it.
    title
        Stands above the picture.

    Returns
    -------
    matplotlib.figure.Figure
        Above, a dot for each run, with the means and standard deviations of the runs of each value; below, the mean
        curve of each value.

    Examples
    --------
    >>> figure = runs_over("hidden", [1, 1, 3, 3], {"loss": [0.5, 0.6, 0.2, 0.3]}, np.ones((4, 10)))
    >>> [axes.get_xlabel() for axes in figure.axes]
    ['hidden', 'epoch']
    """
    column = np.asarray(values)
    levels = np.array(sorted(set(column.tolist()), key=lambda v: (isinstance(v, str), v)), dtype=column.dtype)
    places = _places(levels)
    figure = new_figure(6.4, 6.0)
    above, below = figure.subplots(2, 1, height_ratios=(1, 1))
    name = up or next(iter(ends))
    plain_axes(above, setting, name, title)
    _draw_ends(above, column, levels, places, ends)
    plain_axes(below, "epoch", next(iter(ends)))
    _draw_curves(below, column, levels, np.asarray(curves, float))
    return figure


def _places(levels: NDArray[Any]) -> NDArray[Any]:
    """Return where values stand along the axis: where they are, or one beside the other for words."""
    return levels.astype(float) if levels.dtype.kind in "iuf" else np.arange(len(levels), dtype=float)


def _draw_ends(
    axes: "Axes", column: NDArray[Any], levels: NDArray[Any], places: NDArray[Any], ends: Mapping[str, ArrayLike]
) -> None:
    """Draw a dot for each run, and the means with their deviations."""
    wide = levels.dtype.kind in "iuf" and places.min() > 0 and places.max() / places.min() > WIDE
    axes.set_xscale("log" if wide else "linear")
    if levels.dtype.kind not in "iuf" or len(levels) <= 12:
        axes.set_xticks(places, [f"{v:g}" if levels.dtype.kind in "iuf" else str(v) for v in levels])
        axes.minorticks_off()
    here = np.array([places[np.flatnonzero(levels == value)[0]] for value in column])
    for (name, found), colour in zip(ends.items(), cycle(PALETTE), strict=False):
        last = np.asarray(found, float)
        parts = [last[(column == value) & np.isfinite(last)] for value in levels]
        axes.scatter(here, last, s=9, color=colour, alpha=0.3, linewidths=0)
        axes.errorbar(
            places,
            [part.mean() if len(part) else np.nan for part in parts],
            [part.std() if len(part) else np.nan for part in parts],
            color=colour,
            marker="o",
            markersize=4.5,
            capsize=3,
            linewidth=1.6,
            label=name,
        )
    if len(ends) > 1:
        axes.legend(frameon=False, fontsize=8.5, labelcolor=INK)


def _draw_curves(axes: "Axes", column: NDArray[Any], levels: NDArray[Any], curves: NDArray[Any]) -> None:
    """Draw the mean curve of each value, named at its end."""
    chosen = levels[np.unique(np.linspace(0, len(levels) - 1, min(len(levels), MOST_CURVES)).astype(int))]
    epochs = np.arange(1, curves.shape[1] + 1)
    axes.set_xscale("log" if len(epochs) > WIDE else "linear")
    names = []
    for value, colour in zip(chosen, cycle(PALETTE), strict=False):
        own = curves[column == value]
        own = own[np.isfinite(own).all(axis=1)]
        if not len(own):
            continue
        mean = own.mean(axis=0)
        axes.plot(epochs, mean, color=colour, linewidth=1.6, marker="o" if len(epochs) == 1 else None)
        label = f"{value:g}" if levels.dtype.kind in "iuf" else str(value)
        names.append((float(epochs[-1]), float(mean[-1]), label, colour))
    if names:
        name_ends(axes, names)
