"""Shared style of all plots: colors, axes, grids of panels, and labels of curves.

Each color has one meaning, the same as in live figures (``web/src/theme.ts``): those of Okabe and Ito (2008) are
classes, purple and green are negative and positive numbers, and the others are curves. People with any color vision can
distinguish them.
"""

import math
from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.graph.errors import OptionError
from pellucid.optional_packages import require_packages

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
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
"""Style of texts with names, in which Matplotlib would read text between two dollar signs as mathematics."""
DOTS_PER_INCH = 144


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure, white or as dark as the notebook that displays it; width and height are in inches."""
    with require_packages("Drawing"):
        from pellucid.show.plots.themed_figure import ThemedFigure

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


def compute_grid(count: int, max_columns: int) -> tuple[int, int]:
    """Return the numbers of columns and rows for some panels, with rows of nearly equal length."""
    if count == 0:
        raise OptionError("Expected at least one panel to draw. Received: none")
    rows = math.ceil(count / max_columns)
    return math.ceil(count / rows), rows


class Canvas:
    """Place of a picture: a new figure of some size in inches, or axes that the user gives.

    A picture of several panels divides the axes.

    Raises
    ------
    OptionError
        If ``ax`` is something else than axes.
    """

    def __init__(self, ax: "Axes | None", width: float, height: float) -> None:
        self.ax: Axes | None = None if ax is None else check_axes(ax)
        self.figure: Any = new_figure(width, height) if ax is None else ax.figure  # a Figure or a SubFigure

    @property
    def result(self) -> "Figure | Axes":
        """Result of a picture function: the new figure, or the user's axes."""
        return self.figure if self.ax is None else self.ax

    def add_axes(self) -> "Axes":
        """Return the axes of a picture of one panel."""
        axes: Axes = self.figure.add_subplot() if self.ax is None else self.ax
        return axes

    def add_panel(self, rows: int, columns: int, index: int, gap: float = 0.22) -> "Axes":
        """Return one panel of a grid. Panels in the user's axes have a gap, as a fraction of a panel, between them."""
        if self.ax is None:
            panel: Axes = self.figure.add_subplot(rows, columns, index + 1)
            return panel
        self.ax.set_axis_off()
        row, column = divmod(index, columns)
        width, height = 1 / (columns + (columns - 1) * gap), 1 / (rows + (rows - 1) * gap)
        x, y = column * width * (1 + gap), 1 - height - row * height * (1 + gap)
        return self.ax.inset_axes((x, y, width, height))

    def add_image_panel(self, rows: int, columns: int, index: int, gap: float = 0.1) -> "Axes":
        """Return one panel of a grid for an image, without axis lines."""
        panel = self.add_panel(rows, columns, index, gap)
        panel.set_axis_off()
        return panel

    def add_plane_panels(self, count: int, max_columns: int) -> "list[Axes]":
        """Return panels that show the same plane. Only the outer ones have tick labels."""
        columns, rows = compute_grid(count, max_columns)
        panels = [self.add_panel(rows, columns, index) for index in range(count)]
        for index, panel in enumerate(panels):
            panel.tick_params(labelbottom=index >= count - columns, labelleft=index % columns == 0)
        return panels

    def add_halves(self, upper: float, lower: float) -> "tuple[Axes, Axes]":
        """Return an upper and a lower panel with these relative heights."""
        if self.ax is None:
            first, second = self.figure.subplots(2, 1, height_ratios=(upper, lower))
            return first, second
        self.ax.set_axis_off()
        unit = 0.78 / (upper + lower)
        return self.ax.inset_axes((0, 1 - upper * unit, 1, upper * unit)), self.ax.inset_axes((0, 0, 1, lower * unit))

    def divide(self, left: float, right: float) -> "tuple[Canvas, Canvas]":
        """Return a left and a right part with these relative widths."""
        parts = copy(self), copy(self)
        if self.ax is None:
            parts[0].figure, parts[1].figure = self.figure.subfigures(1, 2, width_ratios=(left, right))
        else:
            self.ax.set_axis_off()
            unit = 0.92 / (left + right)
            parts[0].ax = self.ax.inset_axes((0, 0, left * unit, 1))
            parts[1].ax = self.ax.inset_axes((1 - right * unit, 0, right * unit, 0.85))
        return parts

    def add_title(self, title: str, size: float = 11) -> None:
        """Write a title above all panels."""
        if self.ax is None:
            self.figure.suptitle(title, fontsize=size, **PLAIN)
        elif title:
            self.ax.set_title(title, fontsize=size, pad=16, **PLAIN)

    def label_plane(self) -> None:
        """Name the axes of panels that show the same plane."""
        if self.ax is None:
            self.figure.supxlabel("x₁", fontsize=10, **PLAIN)
            self.figure.supylabel("x₂", fontsize=10, **PLAIN)

    def add_color_bar(self, image: Any, axes: "Axes | list[Axes]", label: str, **look: Any) -> None:
        """Draw the color bar of one panel or of several."""
        if self.ax is None or axes is self.ax:
            bar = self.figure.colorbar(image, ax=axes, shrink=0.9, pad=0.02, **look)
        else:
            bar = self.figure.colorbar(image, cax=self.ax.inset_axes((1.02, 0.05, 0.025, 0.9)))
        style_color_bar(bar, label)

    def add_legend(self, axes: "Axes", class_names: Sequence[str] = (), columns: int = 4) -> None:
        """Put the legend of a panel above a new figure, or into or below the user's axes.

        ``class_names`` replace "class 0", "class 1" and so on.
        """
        names = {f"class {label}": name for label, name in enumerate(class_names)}
        handles, labels = axes.get_legend_handles_labels()
        shown = [names.get(label, label) for label in labels]
        look: dict[str, Any] = {"fontsize": 9, "labelcolor": INK, "handletextpad": 0.4, "markerscale": 1.4}
        if self.ax is axes:
            legend = axes.legend(handles, shown, loc="best", facecolor=PAGE, edgecolor=FAINT, **look)
        else:
            look |= {"ncols": columns, "columnspacing": 1.4, "frameon": False}
            if self.ax is None:
                legend = self.figure.legend(handles, shown, loc="outside upper left", **look)
            else:
                legend = self.ax.legend(handles, shown, loc="upper center", bbox_to_anchor=(0.5, -0.02), **look)
        for handle in legend.legend_handles:
            if handle is not None:
                handle.set_alpha(1)


def check_axes(ax: object) -> "Axes":
    """Return axes, or raise an error for anything else."""
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

    if isinstance(ax, Axes):
        return ax
    fix = "figure, ax = plt.subplots()"
    if isinstance(ax, FigureBase):
        fix = "ax=figure.add_subplot()"
    elif isinstance(ax, np.ndarray | list | tuple):
        fix = "one of them, such as ax=axes.flat[0]"
    raise OptionError(f"Expected ax to be the axes of a Matplotlib figure: {fix}. Received: {type(ax).__name__}")


def add_color_bar(figure: "Figure", image: Any, axes: "Axes | list[Axes]", label: str) -> None:
    style_color_bar(figure.colorbar(image, ax=axes, shrink=0.9, pad=0.02), label)


def style_color_bar(bar: "Colorbar", label: str) -> None:
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
