"""Plot of a sweep: final metrics over a setting, and mean learning curves."""

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import ArrayLike

from pellucid.show.plots.plot_style import INK, PALETTE, Canvas, label_curve_ends, style_axes
from pellucid.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOG_RATIO = 20.0
"""Ratio of the largest to the smallest value above which an axis is logarithmic."""

MAX_CURVES = 7
"""Maximum number of mean curves, for evenly spaced values of the setting."""


@overload
def plot_trials(
    setting: str,
    values: ArrayLike,
    final: Mapping[str, ArrayLike],
    curves: ArrayLike,
    y_label: str = "",
    title: str = "",
    *,
    ax: None = None,
) -> "Figure": ...
@overload
def plot_trials(
    setting: str,
    values: ArrayLike,
    final: Mapping[str, ArrayLike],
    curves: ArrayLike,
    y_label: str = "",
    title: str = "",
    *,
    ax: "Axes",
) -> "Axes": ...
def plot_trials(
    setting: str,
    values: ArrayLike,
    final: Mapping[str, ArrayLike],
    curves: ArrayLike,
    y_label: str = "",
    title: str = "",
    *,
    ax: "Axes | None" = None,
) -> "Figure | Axes":
    """Plot the final metrics of trials over a setting, and the curves of the first metric.

    Parameters
    ----------
    setting : str
        Name of the setting, for the x axis. The y axis has the name of the first metric, or ``y_label``.
    values : array
        Value of the setting in each trial, numbers or strings, shape (trials,).
    final : mapping from str to array
        Final metrics by name, shape (trials,). The first is the metric of the curves.
    curves : array
        The first metric after each epoch, shape (trials, epochs).
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, the picture is a new figure, which is returned.

    Returns
    -------
    matplotlib.figure.Figure
        Upper panel: a dot per trial, and mean and standard deviation per value. Lower panel: the mean curve per value.

    Examples
    --------
    >>> figure = plot_trials("hidden", [1, 1, 3, 3], {"loss": [0.5, 0.6, 0.2, 0.3]}, np.ones((4, 10)))
    >>> [axes.get_xlabel() for axes in figure.axes]
    ['hidden', 'epoch']
    """
    column = np.asarray(values)
    levels = np.array(sorted(set(column.tolist()), key=lambda v: (isinstance(v, str), v)), dtype=column.dtype)
    canvas = Canvas(ax, 6.4, 6.0)
    upper, lower = canvas.add_halves(1, 1)
    metric = next(iter(final))
    style_axes(upper, setting, y_label or metric, title)
    draw_final_metrics(upper, column, levels, final)
    style_axes(lower, "epoch", metric)
    draw_mean_curves(lower, column, levels, np.asarray(curves, float))
    return canvas.result


def draw_final_metrics(axes: "Axes", column: Array, levels: Array, final: Mapping[str, ArrayLike]) -> None:
    is_numeric = levels.dtype.kind in "iuf"
    positions = levels.astype(float) if is_numeric else np.arange(len(levels), dtype=float)
    is_log = is_numeric and positions.min() > 0 and positions.max() / positions.min() > LOG_RATIO
    axes.set_xscale("log" if is_log else "linear")
    if not is_numeric or len(levels) <= 12:
        axes.set_xticks(positions, [format_level(v) for v in levels])
        axes.minorticks_off()
    x = np.array([positions[np.flatnonzero(levels == value)[0]] for value in column])
    for (name, values), color in zip(final.items(), cycle(PALETTE), strict=False):
        y = np.asarray(values, float)
        groups = [y[(column == value) & np.isfinite(y)] for value in levels]
        axes.scatter(x, y, s=9, color=color, alpha=0.3, linewidths=0)
        axes.errorbar(
            positions,
            [group.mean() if len(group) else np.nan for group in groups],
            [group.std() if len(group) else np.nan for group in groups],
            color=color,
            marker="o",
            markersize=4.5,
            capsize=3,
            linewidth=1.6,
            label=name,
        )
    if len(final) > 1:
        for text in axes.legend(frameon=False, fontsize=8.5, labelcolor=INK).get_texts():
            text.set_parse_math(False)


def draw_mean_curves(axes: "Axes", column: Array, levels: Array, curves: Array) -> None:
    chosen = levels[np.unique(np.linspace(0, len(levels) - 1, min(len(levels), MAX_CURVES)).astype(int))]
    epochs = np.arange(1, curves.shape[1] + 1)
    axes.set_xscale("log" if len(epochs) > LOG_RATIO else "linear")
    ends = []
    for value, color in zip(chosen, cycle(PALETTE), strict=False):
        group = curves[column == value]
        group = group[np.isfinite(group).all(axis=1)]
        if not len(group):
            continue
        mean = group.mean(axis=0)
        axes.plot(epochs, mean, color=color, linewidth=1.6, marker="o" if len(epochs) == 1 else None)
        ends.append((float(mean[-1]), format_level(value), color))
    label_curve_ends(axes, ends)


def format_level(value: object) -> str:
    return f"{value:g}" if np.asarray(value).dtype.kind in "iuf" else str(value)
