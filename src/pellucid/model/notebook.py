"""Display of a model in a notebook: table and drawing of its layers."""

from __future__ import annotations

from html import escape

from pellucid.graph.traversal import topological
from pellucid.graph.types import format_shape
from pellucid.model.interfaces import ModelLike
from pellucid.model.summary import describe_size, get_cells
from pellucid.show.graphs.graph_drawing import draw_nodes
from pellucid.show.graphs.graph_nodes import GraphNode
from pellucid.show.pages.html_style import render_table, wrap_html

MAX_DRAWN_LAYERS = 40
"""Number of layers above which there is only the table."""

KIND_NAMES = {"input": "input", "op": "layer", "result": "output layer"}


def render_model(model: ModelLike) -> str:
    """Return the layers of a model as HTML; those of a model that is not built have no shapes yet."""
    title = f"<p><b>{escape(type(model).__name__)} {escape(model.name)}</b></p>"
    if not model.built:
        rows = [[layer.name, type(layer).__name__] for layer in model.layers]
        note = "<p>The model is not built: shapes and parameters follow from its first input.</p>"
        return wrap_html(title + (render_table(["layer", "class"], rows) if rows else "") + note)
    header, rows = get_cells(model)
    table = f"<div>{render_table(header, rows, numbers=(2, 3))}<p>{escape(describe_size(model))}</p></div>"
    return wrap_html(f'{title}<div class="side-by-side">{table}{render_drawing(model)}</div>')


def render_drawing(model: ModelLike) -> str:
    """Return a drawing of the layers as HTML; nothing for very many."""
    from pellucid.show.plots.themed_figure import render_image

    nodes = collect_layer_nodes(model)
    if len(nodes) > MAX_DRAWN_LAYERS:
        return ""
    calls = [f"{node.label} from {' and '.join(p.label for p in node.parents)}" for node in nodes if node.parents]
    drawing = draw_nodes(nodes, kind_names=KIND_NAMES)
    return f"<figure>{render_image(drawing, 'Layers: ' + ', '.join(calls))}</figure>"


def collect_layer_nodes(model: ModelLike) -> list[GraphNode]:
    """Return the inputs and the layer calls of a model as nodes of a drawing."""
    drawn = {e: GraphNode("input", str(e), f"{e.dtype} {format_shape(e.shape)}") for e in model.inputs}
    nodes = list(drawn.values())
    results = set(model.outputs)
    for call in model.functional_graph.nodes:
        nearest = [e for e in topological(call.call.get_operands(), stop=drawn) if e in drawn]
        parents = list(dict.fromkeys(drawn[e] for e in nearest))
        shapes = ", ".join(format_shape(e.shape) for e in call.outputs)
        kind = "op" if results.isdisjoint(call.outputs) else "result"
        nodes.append(GraphNode(kind, call.layer.name, f"{type(call.layer).__name__} {shapes}", parents))
        drawn |= dict.fromkeys(call.outputs, nodes[-1])
    return nodes
