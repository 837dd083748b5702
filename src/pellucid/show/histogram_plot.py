"""The pictures of how numbers are spread: of weights, and of what layers put out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from pellucid.graph.errors import OptionError
from pellucid.show.plot_style import INK, PALETTE, grid, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 41
"""As many bars at most."""

MANY = 0.2
"""From this share of zeros on, they are told and not drawn."""


def histograms(parts: Mapping[str, ArrayLike], across: str = "value", columns: int = 3, title: str = "") -> Figure:
    """Draw the histogram of each of some arrays, a panel each, with lines at 0 and at the mean.

    Where many numbers are exactly 0, as behind a rectifier, the panel tells their share and draws the others.

    Parameters
    ----------
    parts
        Arrays by name. Numbers that are not finite are left out, and the panel says how many.
    across
        What the numbers are.
    columns
        Panels in a row.
    title
        Stands above the picture.

    Returns
    -------
    matplotlib.figure.Figure
        The picture; each panel has a scale of its own.

    Examples
    --------
    >>> figure = histograms({"kernel": np.linspace(-1, 1, 50), "bias": [0.0, 0.1]})
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['kernel', 'bias']
    """
    if not parts:
        raise OptionError("expected at least one array to draw; received none")
    columns, rows = grid(len(parts), columns)
    figure = new_figure(2.7 * columns + 0.3, 1.95 * rows + 0.45 * bool(title))
    figure.suptitle(title, fontsize=11, color=INK)
    for place, (name, value) in enumerate(parts.items()):
        numbers = np.asarray(value, dtype=float).ravel()
        finite = numbers[np.isfinite(numbers)]
        last_row = place >= len(parts) - columns
        axes = plain_axes(figure.add_subplot(rows, columns, place + 1), across if last_row else "", "", "", 9)
        axes.set_title(shortened(name), loc="left", color=INK, fontsize=9)
        axes.tick_params(labelsize=7.5)
        axes.yaxis.set_visible(False)
        axes.spines["left"].set_visible(False)
        axes.grid(visible=False)
        notes = [f"{len(numbers) - len(finite):,} not finite"] if len(finite) < len(numbers) else []
        if finite.size:
            zero = float((finite == 0).mean())
            drawn = finite[finite != 0] if MANY <= zero < 1 else finite
            notes += [f"{zero:.0%} are 0"] if MANY <= zero < 1 else []
            low, high = spread(drawn)
            bins = int(np.clip(2 * np.sqrt(len(drawn)), 8, BINS))
            axes.hist(drawn, bins=bins, range=(low, high), color=PALETTE[0], alpha=0.85, linewidth=0)
            if low < 0 < high:
                axes.axvline(0, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
            axes.axvline(float(finite.mean()), color=PALETTE[1], linewidth=1.4)
            axes.locator_params(axis="x", nbins=4)
        if notes:
            told = "\n".join(notes)
            axes.text(0.98, 0.97, told, transform=axes.transAxes, ha="right", va="top", fontsize=8, color=INK)
    return figure


def spread(numbers: ArrayLike) -> tuple[float, float]:
    """Return where a histogram begins and ends; equal numbers get some room.

    Examples
    --------
    >>> spread([1.0, 3.0]), spread([2.0, 2.0])
    ((1.0, 3.0), (1.5, 2.5))
    """
    low, high = float(np.min(numbers)), float(np.max(numbers))
    room = max(abs(low), 1.0) * 1e-6
    return (low, high) if high - low > room else (low - 0.5, high + 0.5)


def shortened(name: str, most: int = 30) -> str:
    """Cut a long name at its beginning, where names of layers are alike.

    Examples
    --------
    >>> shortened("a_very_long_name_of_some_layer/kernel", 20)
    '…of_some_layer/kernel'
    """
    return name if len(name) <= most else "…" + name[-most:]
