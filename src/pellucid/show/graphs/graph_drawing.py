"""Drawings of graphs: `draw_graph` as a Matplotlib figure, and `mermaid` as a flowchart for Markdown pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any, overload

from pellucid.show.graphs.graph_layout import GraphLayout, NodePosition, compute_layout
from pellucid.show.graphs.graph_nodes import GraphNode, annotate, collect_nodes
from pellucid.show.pages.html_style import wrap_html
from pellucid.show.pages.input_values import collect_outputs
from pellucid.show.plots.plot_style import BOXES, FAINT, INK, MUTED, PAGE, PLAIN, Canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BOX_HEIGHT, LAYER_HEIGHT = 0.42, 0.78
"""In inches."""

SHAPES = {
    "input": '(["{0}"])',
    "shared": '[("{0}")]',
    "constant": '["{0}"]',
    "op": '("{0}")',
    "result": '("{0}")',
}
KIND_NAMES = {"input": "input", "shared": "shared variable", "constant": "constant", "op": "op", "result": "result"}


@overload
def draw_graph(
    expr: Any,
    names: Mapping[Any, str] | None = None,
    title: str = "",
    limit: int = 60,
    *,
    sizes: Mapping[str, int] | None = None,
    values: Mapping[Any, Any] | None = None,
    ax: None = None,
) -> Figure: ...
@overload
def draw_graph(
    expr: Any,
    names: Mapping[Any, str] | None = None,
    title: str = "",
    limit: int = 60,
    *,
    sizes: Mapping[str, int] | None = None,
    values: Mapping[Any, Any] | None = None,
    ax: Axes,
) -> Axes: ...
def draw_graph(
    expr: Any,
    names: Mapping[Any, str] | None = None,
    title: str = "",
    limit: int = 60,
    *,
    sizes: Mapping[str, int] | None = None,
    values: Mapping[Any, Any] | None = None,
    ax: Axes | None = None,
) -> Figure | Axes:
    """Draw a graph from its leaves at the top to its results at the bottom.

    A subexpression that is used twice is one box with two outgoing edges.

    Parameters
    ----------
    expr : Expr, sequence of Expr, or Function
        The graph.
    names : mapping from Expr to str, optional
        Names for expressions, in addition to names by `named`.
    title : str
        Title of the figure.
    limit : int
        Maximum number of boxes.
    sizes : mapping from str to int, optional
        Sizes of named dimensions. With them, each box shows its arithmetic operations.
    values : mapping from Expr or str to array, optional
        Values of inputs. With them, each box shows its value.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, the picture is a new figure, which is returned.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there are more boxes than ``limit``.

    Examples
    --------
    >>> x = pel.vector("x", shape=("n",))
    >>> figure = draw_graph(pel.tanh(x).sum(), title="A sum")
    >>> figure.axes[0].get_title(loc="left")
    'A sum'
    """
    outputs, names = collect_outputs(expr, "draw_graph", names)
    return draw_nodes(collect_nodes(outputs, names, limit, annotate(outputs, sizes, values)), title, ax=ax)


@overload
def draw_nodes(
    nodes: Sequence[GraphNode], title: str = "", kind_names: Mapping[str, str] = KIND_NAMES, *, ax: None = None
) -> Figure: ...
@overload
def draw_nodes(
    nodes: Sequence[GraphNode], title: str = "", kind_names: Mapping[str, str] = KIND_NAMES, *, ax: Axes
) -> Axes: ...
def draw_nodes(
    nodes: Sequence[GraphNode], title: str = "", kind_names: Mapping[str, str] = KIND_NAMES, *, ax: Axes | None = None
) -> Figure | Axes:
    """Draw nodes in topological order, with a legend of their kinds.

    Parameters
    ----------
    nodes : sequence of GraphNode
    title : str
    kind_names : mapping from str to str
        Texts of the legend by kind of node.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into and to return. By default, the picture is a new figure, which is returned.
    """
    layout = compute_layout(nodes, get_box_width)
    width = max(p.x + p.width / 2 for row in layout.layers for p in row)
    height = LAYER_HEIGHT * (len(layout.layers) - 1) + BOX_HEIGHT
    canvas = Canvas(ax, max(width, 3.6) + 0.3, height + 0.75 + 0.25 * bool(title))
    axes = canvas.add_axes()
    axes.set_axis_off()
    axes.set_xlim(-0.05, max(width, 3.6) + 0.05)
    axes.set_ylim(-height + BOX_HEIGHT / 2 - 0.1, BOX_HEIGHT / 2 + 0.1)
    axes.set_aspect("equal")
    axes.set_title(title, loc="left", fontsize=11.5, **PLAIN)
    for edge, offset in zip(layout.edges, compute_edge_offsets(layout.edges), strict=True):
        draw_edge(axes, edge, offset)
    for node in nodes:
        draw_box(axes, node, layout)
    add_legend(axes, nodes, kind_names)
    return canvas.result


def get_box_width(node: GraphNode) -> float:
    """Return the width of a box in inches, estimated from its text."""
    return max(0.42, 0.2 + max(0.083 * len(node.label), 0.058 * len(node.type)))


def draw_box(axes: Axes, node: GraphNode, layout: GraphLayout) -> None:
    from matplotlib.patches import FancyBboxPatch

    position = layout.positions[node]
    inside, edge = BOXES[node.kind]
    left, bottom = position.x - position.width / 2, -LAYER_HEIGHT * position.layer - BOX_HEIGHT / 2
    style = f"round,pad=0,rounding_size={0.2 if node.kind == 'input' else 0.07}"
    axes.add_patch(
        FancyBboxPatch(
            (left, bottom), position.width, BOX_HEIGHT, style, facecolor=inside, edgecolor=edge, linewidth=1, zorder=2
        )
    )
    middle = bottom + BOX_HEIGHT / 2
    look: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 3, **PLAIN}
    axes.text(position.x, middle + (0.08 if node.type else 0), node.label, fontsize=9.5, **look)
    axes.text(position.x, middle - 0.1, node.type, fontsize=6.5, **{**look, "color": MUTED})


def draw_edge(axes: Axes, edge: Sequence[NodePosition], offset: float) -> None:
    """Draw an edge that is vertical at its ends and where it passes a layer."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    x = [edge[0].x + offset, *(p.x for p in edge[1:-1]), edge[-1].x + offset]
    y = [-LAYER_HEIGHT * p.layer for p in edge]
    corners, codes = [(x[0], y[0] - BOX_HEIGHT / 2)], [Path.MOVETO]
    for upper, lower in pairwise(range(len(edge))):
        start, end = y[upper] - BOX_HEIGHT / 2, y[lower] + BOX_HEIGHT / 2
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


def compute_edge_offsets(edges: Sequence[Sequence[NodePosition]]) -> list[float]:
    """Return horizontal offsets that separate edges between the same boxes."""
    ends = [(edge[0], edge[-1]) for edge in edges]
    return [0.16 * (ends[:number].count(pair) - (ends.count(pair) - 1) / 2) for number, pair in enumerate(ends)]


def add_legend(axes: Axes, nodes: Sequence[GraphNode], kind_names: Mapping[str, str]) -> None:
    from matplotlib.patches import Patch

    used = {node.kind for node in nodes}
    axes.legend(
        handles=[
            Patch(facecolor=BOXES[k][0], edgecolor=BOXES[k][1], label=m) for k, m in kind_names.items() if k in used
        ],
        loc="upper left",
        bbox_to_anchor=(0, 0),
        ncols=len(used),
        fontsize=7.5,
        labelcolor=INK,
        edgecolor=FAINT,
        facecolor=PAGE,
        handlelength=1.0,
        columnspacing=1.0,
        borderaxespad=0.3,
    )


class Mermaid(str):
    """A flowchart as text. JupyterLab draws it; other notebooks show `draw_graph`'s drawing of the same nodes."""

    nodes: Sequence[GraphNode] = ()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from pellucid.show.plots.themed_figure import render_svg

        # JupyterLab prefers Mermaid to SVG, but HTML to Mermaid.
        drawing = {"image/svg+xml": render_svg(draw_nodes(self.nodes))} if self.nodes else {}
        return {"text/vnd.mermaid": str(self), **drawing, "text/plain": str(self)}

    def _mime_(self) -> tuple[str, str]:
        """Return the output of a marimo cell."""
        from pellucid.show.plots.themed_figure import render_image

        alt_text = "Drawing of a graph"
        return "text/html", wrap_html(render_image(draw_nodes(self.nodes), alt_text)) if self.nodes else escape(self)


def mermaid(
    expr: Any,
    names: Mapping[Any, str] | None = None,
    limit: int = 200,
    *,
    sizes: Mapping[str, int] | None = None,
    values: Mapping[Any, Any] | None = None,
) -> Mermaid:
    """Write a graph as a Mermaid flowchart with a box for each expression.

    Parameters
    ----------
    expr : Expr, sequence of Expr, or Function
        The graph.
    names : mapping from Expr to str, optional
        Names for expressions, in addition to names by `named`.
    limit : int
        Maximum number of boxes.
    sizes : mapping from str to int, optional
        Sizes of named dimensions. With them, each box shows its arithmetic operations.
    values : mapping from Expr or str to array, optional
        Values of inputs. With them, each box shows its value.

    Returns
    -------
    str
        For a Markdown block of the language ``mermaid``, or for ``mo.mermaid`` in marimo. JupyterLab draws it; other
        notebooks show the same boxes as an image.

    Raises
    ------
    ValueError
        If there are more boxes than ``limit``.

    Examples
    --------
    >>> print(mermaid(2 * pel.vector("x", shape=("n",))))
    flowchart TD
        n0(["x<br/>float32 (n,)"]):::input
        n1["2"]:::constant
        n2("×<br/>float32 (n,)"):::result
        n1 --> n2
        n0 --> n2
        classDef input fill:#d6e6f2,stroke:#0072B2
        classDef constant fill:#eeeeee,stroke:#999999
        classDef result fill:#d2ebe2,stroke:#009E73
    """
    outputs, names = collect_outputs(expr, "mermaid", names)
    nodes = collect_nodes(outputs, names, limit, annotate(outputs, sizes, values))
    ids = {node: f"n{number}" for number, node in enumerate(nodes)}
    lines = ["flowchart TD"]
    for node in nodes:
        lines.append(f"    {ids[node]}{SHAPES[node.kind].format(escape_label(node))}:::{node.kind}")
        lines += [f"    {ids[parent]} --> {ids[node]}" for parent in node.parents]
    used = {node.kind for node in nodes}
    lines += [f"    classDef {kind} fill:{fill},stroke:{line}" for kind, (fill, line) in BOXES.items() if kind in used]
    chart = Mermaid("\n".join(lines))
    chart.nodes = nodes
    return chart


def escape_label(node: GraphNode) -> str:
    entities = str.maketrans({"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "`": "#96;"})
    return "<br/>".join(" ".join(line.translate(entities).split("\n")) for line in (node.label, node.type) if line)
