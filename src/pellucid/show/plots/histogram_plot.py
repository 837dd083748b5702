"""Histograms of weights and activations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import ArrayLike

from pellucid.show.plots.plot_style import INK, PALETTE, PLAIN, Canvas, compute_grid, style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_BINS = 41

MANY_ZEROS = 0.2
"""Fraction of zeros above which a panel states it and omits the zeros."""


@overload
def histograms(
    parts: Mapping[str, ArrayLike], x_label: str = "value", columns: int = 3, title: str = "", *, ax: None = None
) -> Figure: ...
@overload
def histograms(
    parts: Mapping[str, ArrayLike], x_label: str = "value", columns: int = 3, title: str = "", *, ax: Axes
) -> Axes: ...
def histograms(
    parts: Mapping[str, ArrayLike], x_label: str = "value", columns: int = 3, title: str = "", *, ax: Axes | None = None
) -> Figure | Axes:
    """Plot a histogram of each array, with lines at zero and at the mean.

    If many elements are exactly 0, as after a ReLU, the panel states their fraction and shows the others.

    Parameters
    ----------
    parts : mapping from str to array
        Arrays by name. Elements that are not finite are omitted, and the panel states their number.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, the picture is a new figure, which is returned.

    Examples
    --------
    >>> figure = histograms({"kernel": np.linspace(-1, 1, 50), "bias": [0.0, 0.1]})
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['kernel', 'bias']
    """
    columns, rows = compute_grid(len(parts), columns)
    canvas = Canvas(ax, 2.7 * columns + 0.3, 1.95 * rows + 0.45 * bool(title))
    canvas.add_title(title)
    for index, (name, value) in enumerate(parts.items()):
        numbers = np.asarray(value, dtype=float).ravel()
        finite = numbers[np.isfinite(numbers)]
        is_last_row = index >= len(parts) - columns
        axes = style_axes(canvas.add_panel(rows, columns, index, gap=0.45), x_label if is_last_row else "", "", "", 9)
        axes.set_title(shorten_name(name), loc="left", fontsize=9, **PLAIN)
        axes.tick_params(labelsize=7.5)
        axes.yaxis.set_visible(False)
        axes.spines["left"].set_visible(False)
        axes.grid(visible=False)
        notes = [f"{len(numbers) - len(finite):,} not finite"] if len(finite) < len(numbers) else []
        if finite.size:
            zeros = float((finite == 0).mean())
            omits_zeros = MANY_ZEROS <= zeros < 1
            shown = finite[finite != 0] if omits_zeros else finite
            notes += [f"{zeros:.0%} are 0"] if omits_zeros else []
            low, high = get_range(shown)
            bins = int(np.clip(2 * np.sqrt(len(shown)), 8, MAX_BINS))
            axes.hist(shown, bins=bins, range=(low, high), color=PALETTE[0], alpha=0.85, linewidth=0)
            if low < 0 < high:
                axes.axvline(0, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
            axes.axvline(float(finite.mean()), color=PALETTE[1], linewidth=1.4)
            axes.locator_params(axis="x", nbins=4)
        if notes:
            note = "\n".join(notes)
            axes.text(0.98, 0.97, note, transform=axes.transAxes, ha="right", va="top", fontsize=8, color=INK)
    return canvas.result


def get_range(numbers: ArrayLike) -> tuple[float, float]:
    """Return the range of a histogram, which is widened if all numbers are equal.

    Examples
    --------
    >>> get_range([1.0, 3.0]), get_range([2.0, 2.0]), get_range([0.0, 1e-8])
    ((1.0, 3.0), (1.5, 2.5), (0.0, 1e-08))
    """
    low, high = float(np.min(numbers)), float(np.max(numbers))
    tolerance = max(abs(low), abs(high), float(np.finfo(np.float32).tiny)) * 1e-6
    return (low, high) if high - low > tolerance else (low - 0.5, high + 0.5)


def shorten_name(name: str, limit: int = 30) -> str:
    """Cut a long name at its start, because names of layers differ at the end.

    Examples
    --------
    >>> shorten_name("a_very_long_name_of_some_layer/kernel", 20)
    '…of_some_layer/kernel'
    """
    return name if len(name) <= limit else "…" + name[-limit:]
