"""Shared style of all plots: colors, axes, grids of panels, and labels of curves.

Each color has one meaning, the same as in live figures (``web/src/theme.ts``): those of Okabe and Ito (2008) are
classes, purple and green are negative and positive numbers, and the others are curves. People with any color vision can
distinguish them.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.graph.errors import OptionError
from pellucid.optional_packages import require_packages

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#B8568F", "#A67C00", "#3D8FC4", "#7A4A1E")
"""Colors of classes, which also differ in their `MARKERS`."""
MARKERS = ("o", "^", "s", "D", "v", "P", "X")
PROBABILITY = (PALETTE[0], "#f7f7f7", PALETTE[1])
"""Color map of the probability of the second of two classes; white is 1/2."""
SIGNED = ("#762A83", "#f7f7f7", "#1B7837")
"""Color map of negative and positive numbers, such as weights; white is 0."""
CURVES = ("#2F3B4C", "#8C5A00", "#0B7285", "#9C3667")
"""Colors of curves, which also differ in their `DASHES`."""
DASHES: "tuple[Any, ...]" = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
INK, FAINT, WRONG = "#333333", "#d9d9d9", "#B3261E"
MUTED, PAGE = "#666666", "#ffffff"
"""Colors of secondary text, and of the page around a figure."""
ON_LIGHT, ON_DARK = "#1c1c1e", "#fcfcfc"
"""Colors of text on colored areas, the same in light and dark mode."""
BOXES = {
    "input": ("#d6e6f2", "#0072B2"),
    "shared": ("#f9dfcd", "#D55E00"),
    "constant": ("#eeeeee", "#999999"),
    "op": (PAGE, "#444444"),
    "result": ("#d2ebe2", "#009E73"),
}
"""Fill and stroke of each kind of node in drawings of graphs."""
DARK_COLORS = {
    PAGE: "#111418",
    INK: "#e6e9ee",
    FAINT: "#363c45",
    MUTED: "#9aa4b2",
    WRONG.lower(): "#ff9a90",
    "#2f3b4c": "#c9d3e0",
    "#8c5a00": "#d9a441",
    "#0b7285": "#4fb3c4",
    "#9c3667": "#e08bb4",
    "#0072b2": "#4aa3e0",
    "#b8568f": "#d07fb0",
    "#3d8fc4": "#9ad0f0",
    "#7a4a1e": "#b98556",
    "#444444": "#9aa4b2",
    "#d6e6f2": "#123049",
    "#f9dfcd": "#4a2811",
    "#eeeeee": "#2a3038",
    "#d2ebe2": "#0c3a2d",
}
"""Colors in dark mode, as in ``web/src/theme.ts``. All others are the same: they are readable on both pages."""
PLAIN: "dict[str, Any]" = {"color": INK, "parse_math": False}
"""Style of texts with names, in which Matplotlib would read what is between two dollar signs as mathematics."""
DOTS_PER_INCH = 144


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure, white or as dark as the notebook that displays it; width and height are in inches."""
    with require_packages("Drawing"):
        from pellucid.show.themed_figure import ThemedFigure

    return ThemedFigure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained", facecolor=PAGE)


def style_axes(axes: "Axes", x_label: str, y_label: str, title: str = "", size: float = 11.5) -> "Axes":
    """Apply the shared style: two spines, a faint grid, and small labels."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.grid(color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", colors=INK, labelsize=9)
    axes.tick_params(length=3)
    axes.set_xlabel(x_label, fontsize=10, **PLAIN)
    axes.set_ylabel(y_label, fontsize=10, **PLAIN)
    axes.set_title(title, loc="left", fontsize=size, **PLAIN)
    return axes


def add_image_axes(figure: "Figure", rows: int, columns: int, index: int) -> "Axes":
    axes = figure.add_subplot(rows, columns, index + 1)
    axes.set_axis_off()
    return axes


def compute_grid(count: int, max_columns: int) -> tuple[int, int]:
    """Return the numbers of columns and rows for some panels, with rows of nearly equal length."""
    if count == 0:
        raise OptionError("Expected at least one panel to draw. Received: none")
    rows = math.ceil(count / max_columns)
    return math.ceil(count / rows), rows


def new_panels(count: int, max_columns: int) -> "tuple[Figure, list[Axes]]":
    """Return a figure of panels. Only the outer panels have tick labels."""
    columns, rows = compute_grid(count, max_columns)
    figure = new_figure(3.1 * columns, 2.6 * rows)
    panels = [figure.add_subplot(rows, columns, index + 1) for index in range(count)]
    for index, axes in enumerate(panels):
        axes.tick_params(labelbottom=index >= count - columns, labelleft=index % columns == 0)
    return figure, panels


def add_color_bar(figure: "Figure", image: Any, axes: "Axes | list[Axes]", label: str, **look: Any) -> None:
    bar = figure.colorbar(image, ax=axes, shrink=0.9, pad=0.02, **look)
    bar.set_label(label, fontsize=9, color=INK)
    bar.ax.tick_params(labelsize=8.5, colors=INK, length=2)
    bar.outline.set_visible(False)


def make_mesh(X: NDArray[Any], count: int = 240) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return a grid that covers the points X with a margin: x and y coordinates, and points in the dtype of X."""
    low, high = X.min(axis=0), X.max(axis=0)
    margin = 0.12 * max(float((high - low).max()), 1e-9)
    sides = (np.linspace(low[axis] - margin, high[axis] + margin, count) for axis in range(2))
    x, y = np.meshgrid(*sides)
    return x, y, np.column_stack([x.ravel(), y.ravel()]).astype(X.dtype)


def make_color_map(*colors: str) -> "Colormap":
    """Return a color map that interpolates between colors."""
    with require_packages("Drawing"):
        from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(" to ".join(colors), colors)


def draw_image(axes: "Axes", image: NDArray[Any], low: float, high: float) -> None:
    """Draw an RGB image, or the first channel of another, from ``low`` (black) to ``high``; uint8 from 0 to 255."""
    pixels = image[..., 0] if image.ndim == 3 and image.shape[-1] != 3 else image
    if pixels.dtype == np.uint8:
        low, high = 0, 255
    shown = np.clip((pixels - low) / ((high - low) or 1.0), 0, 1)
    axes.imshow(shown, cmap="gray", vmin=0, vmax=1, interpolation="nearest")


def label_curve_ends(axes: "Axes", ends: Sequence[tuple[float, str, str]]) -> None:
    """Write the name of each curve next to its end (y, name, color), without overlap."""
    gap = 0.065
    axes.get_ylim()  # updates the scale, on which the heights below depend
    to_height = axes.transData + axes.transAxes.inverted()
    height = -gap  # so that a zero on a logarithmic axis is labeled at the bottom
    for y, name, color in sorted(ends):
        height = max(float(to_height.transform((1, y))[1]), height + gap)
        axes.text(1.015, height, name, transform=axes.transAxes, fontsize=9, va="center", **PLAIN | {"color": color})
