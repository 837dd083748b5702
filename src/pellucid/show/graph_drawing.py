"""Graphs drawn: every expression a box with its shape, leaves coloured by what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pellucid.show.annotations import notes_of
from pellucid.show.graph_layout import Layout, Spot, arrange
from pellucid.show.graph_nodes import Node, nodes_of
from pellucid.show.input_values import outputs_of
from pellucid.show.plot_style import FAINT, INK, PALETTE, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT, STEP = 0.42, 0.78
"""The height of a box and from layer to layer, in inches."""

COLOURS = {
    "input": ("#d6e6f2", PALETTE[0]),
    "shared": ("#f9dfcd", PALETTE[1]),
    "constant": ("#f2f2f2", "#aaaaaa"),
    "op": ("#ffffff", "#666666"),
    "result": ("#d2ebe2", PALETTE[2]),
}
MEANINGS = {"input": "input", "shared": "shared variable", "constant": "constant", "op": "op", "result": "result"}


def draw_graph(
    expr: Any,
    names: Mapping[Any, str] | None = None,
    title: str = "",
    limit: int = 60,
    *,
    sizes: Mapping[str, int] | None = None,
    values: Mapping[Any, Any] | None = None,
) -> Figure:
    """Draw a graph from its leaves at the top to its results at the bottom.

    A subexpression that is used twice is one box with two lines from it.

    Parameters
    ----------
    expr : Expr, sequence of Expr, or Function
        What to draw.
    names : mapping from Expr to str, optional
        Names for expressions in between.
    title : str
        Stands above the picture.
    limit : int
        How many boxes there may be.
    sizes : mapping from str to int, optional
        The sizes that names stand for; with them, each box tells its arithmetic operations.
    values : mapping from Expr or str to array, optional
        Values for the inputs; with them, each box tells its value.

    Returns
    -------
    matplotlib.figure.Figure
        The picture.

    Raises
    ------
    ValueError
        If there are more boxes.

    Examples
    --------
    >>> import pellucid as pel
    >>> x = pel.vector("x", shape=("n",))
    >>> figure = draw_graph(pel.tanh(x).sum(), title="A sum")
    >>> figure.axes[0].get_title(loc="left")
    'A sum'
    """
    outputs = outputs_of(expr, "draw_graph")
    nodes = nodes_of(outputs, names, limit, notes_of(outputs, sizes, values))
    layout = arrange(nodes, box_width)
    width = max(s.x + s.width / 2 for row in layout.layers for s in row)
    height = STEP * (len(layout.layers) - 1) + HEIGHT
    figure = new_figure(max(width, 3.6) + 0.3, height + 0.75 + 0.25 * bool(title))
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_xlim(-0.05, max(width, 3.6) + 0.05)
    axes.set_ylim(-height + HEIGHT / 2 - 0.1, HEIGHT / 2 + 0.1)
    axes.set_aspect("equal")
    axes.set_title(title, loc="left", color=INK, fontsize=11.5)
    for spots, aside in zip(layout.lines, sideways(layout.lines), strict=True):
        draw_line(axes, spots, aside)
    for node in nodes:
        draw_box(axes, node, layout)
    add_legend(axes, nodes)
    return figure


def box_width(node: Node) -> float:
    """Return the width of a box for its text, in inches."""
    return max(0.42, 0.2 + max(0.083 * len(node.label), 0.058 * len(node.type)))


def draw_box(axes: Axes, node: Node, layout: Layout) -> None:
    """Draw one box with its label and type."""
    from matplotlib.patches import FancyBboxPatch

    spot = layout.spots[node]
    inside, edge = COLOURS[node.kind]
    left, bottom = spot.x - spot.width / 2, -STEP * spot.layer - HEIGHT / 2
    style = f"round,pad=0,rounding_size={0.2 if node.kind == 'input' else 0.07}"
    axes.add_patch(
        FancyBboxPatch(
            (left, bottom), spot.width, HEIGHT, style, facecolor=inside, edgecolor=edge, linewidth=1, zorder=2
        )
    )
    middle = bottom + HEIGHT / 2
    written: dict[str, Any] = {"ha": "center", "va": "center", "color": INK, "zorder": 3}
    axes.text(spot.x, middle + (0.08 if node.type else 0), node.label, fontsize=9.5, **written)
    axes.text(spot.x, middle - 0.1, node.type, fontsize=6.5, **{**written, "color": "#666666"})


def draw_line(axes: Axes, spots: Sequence[Spot], aside: float) -> None:
    """Draw the line from one box to another, vertical where it leaves, passes a layer and arrives."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    x = [spots[0].x + aside, *(s.x for s in spots[1:-1]), spots[-1].x + aside]
    y = [-STEP * s.layer for s in spots]
    corners, codes = [(x[0], y[0] - HEIGHT / 2)], [Path.MOVETO]
    for upper, lower in pairwise(range(len(spots))):
        start, end = y[upper] - HEIGHT / 2, y[lower] + HEIGHT / 2
        if upper:
            corners.append((x[upper], start))
            codes.append(Path.LINETO)
        middle = (start + end) / 2
        corners += [(x[upper], middle), (x[lower], middle), (x[lower], end)]
        codes += [Path.CURVE4] * 3
    path = Path(corners, codes)
    axes.add_patch(
        FancyArrowPatch(path=path, arrowstyle="-|>", mutation_scale=8, color="#888888", linewidth=0.9, zorder=1)
    )


def sideways(lines: Sequence[Sequence[Spot]]) -> list[float]:
    """Return how far each line stands aside, so that two between the same boxes are seen to be two."""
    ends = [(line[0], line[-1]) for line in lines]
    aside = []
    for number, pair in enumerate(ends):
        before, count = ends[:number].count(pair), ends.count(pair)
        aside.append(0.16 * (before - (count - 1) / 2))
    return aside


def add_legend(axes: Axes, nodes: Sequence[Node]) -> None:
    """Tell what the colours mean."""
    from matplotlib.patches import Patch

    used = {node.kind for node in nodes}
    axes.legend(
        handles=[
            Patch(facecolor=COLOURS[k][0], edgecolor=COLOURS[k][1], label=m) for k, m in MEANINGS.items() if k in used
        ],
        loc="upper left",
        bbox_to_anchor=(0, 0),
        ncols=len(used),
        fontsize=7.5,
        labelcolor=INK,
        edgecolor=FAINT,
        handlelength=1.0,
        columnspacing=1.0,
        borderaxespad=0.3,
    )
