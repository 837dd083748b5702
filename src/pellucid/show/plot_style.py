"""What all pictures share: colours, paper, axes, and names at the ends of curves.

The colours are those of Okabe and Ito (2008), which people with any colour vision tell apart.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#444444")
MARKERS = ("o", "^", "s", "D", "v", "P", "X")
INK, FAINT = "#333333", "#d9d9d9"
DOTS_PER_INCH = 144


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty white figure; width and height are in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained", facecolor="white")


def plain_axes(axes: "Axes", across: str, up: str, title: str = "", size: float = 11.5) -> "Axes":
    """Give ``axes`` the look of the house: two thin lines, a faint grid, quiet labels."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.grid(color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=8.5, length=3)
    axes.set_xlabel(across, color=INK, fontsize=9.5)
    axes.set_ylabel(up, color=INK, fontsize=9.5)
    axes.set_title(title, loc="left", color=INK, fontsize=size)
    return axes


def bare_axes(figure: "Figure", rows: int, columns: int, place: int) -> "Axes":
    """Return axes for a picture, without lines and ticks, at a place counted from zero."""
    axes = figure.add_subplot(rows, columns, place + 1)
    axes.set_axis_off()
    return axes


def grid(count: int, columns: int) -> tuple[int, int]:
    """Return columns and rows for ``count`` panels, at most ``columns`` in a row, and all rows about as full."""
    if count == 0:
        raise ValueError("expected at least one panel to draw; received none")
    rows = math.ceil(count / columns)
    return math.ceil(count / rows), rows


def panels(count: int, columns: int) -> "tuple[Figure, list[Axes]]":
    """Return a figure of ``count`` panels that share their scales, so that only those on the edge say numbers."""
    columns, rows = grid(count, columns)
    figure = new_figure(3.1 * columns, 2.6 * rows)
    drawn = [figure.add_subplot(rows, columns, place + 1) for place in range(count)]
    for place, axes in enumerate(drawn):
        axes.tick_params(labelbottom=place >= count - columns, labelleft=place % columns == 0)
    return figure, drawn


def colour_scale(figure: "Figure", image: Any, axes: "Axes | list[Axes]", **look: Any) -> None:
    """Say beside ``axes`` which value each colour of an image stands for."""
    scale = figure.colorbar(image, ax=axes, shrink=0.9, pad=0.02, **look)
    scale.ax.tick_params(labelsize=7.5, colors=INK, length=2)
    scale.outline.set_visible(False)


def mesh(X: NDArray[Any], count: int = 240) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a grid that covers the points with a margin, as two arrays of coordinates."""
    low, high = X.min(axis=0), X.max(axis=0)
    margin = 0.12 * max(float((high - low).max()), 1e-9)
    sides = (np.linspace(low[axis] - margin, high[axis] + margin, count) for axis in range(2))
    across, up = np.meshgrid(*sides)
    return across, up


def cycle(colours: Sequence[str], count: int = 1000) -> list[str]:
    """Return as many colours as are asked for, the same again once all are used."""
    return [colours[place % len(colours)] for place in range(count)]


def diverging() -> "Colormap":
    """Return the colour map from blue through near-white to orange."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("blue to orange", [PALETTE[0], "#f7f7f7", PALETTE[1]])


def name_ends(axes: "Axes", ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Write each curve's name to the right of its end, pushed apart where two would touch."""
    gap = 0.065
    axes.get_ylim()  # settles the scale that the heights below are read from
    to_height = axes.transData + axes.transAxes.inverted()
    heights = [float(to_height.transform((across, up))[1]) for across, up, _, _ in ends]
    taken = -math.inf
    for place in sorted(range(len(ends)), key=heights.__getitem__):
        taken = max(heights[place], taken + gap)
        _, _, name, colour = ends[place]
        axes.text(1.015, taken, name, transform=axes.transAxes, color=colour, fontsize=9, va="center")
