"""Drawings of graphs: nodes, layers, edges, and Mermaid text."""

import itertools
import pkgutil

import numpy as np
import pytest

import pellucid as pel
from pellucid.show import draw_graph, mermaid
from pellucid.show.graphs.graph_drawing import get_box_width
from pellucid.show.graphs.graph_layout import compute_layout
from pellucid.show.graphs.graph_nodes import collect_nodes


@pytest.fixture
def network():
    X, y = pel.matrix("X", shape=("n", 2)), pel.ivector("y", shape=("n",))
    W1, b1 = pel.shared(np.ones((2, 3), "float32"), "W1"), pel.shared(np.zeros(3, "float32"), "b1")
    h = pel.tanh(X @ W1 + b1)
    loss = pel.sparse_crossentropy(y, h).sum() + 0.5 * (W1**2).sum()
    return h, loss, pel.grad(loss, [W1, b1])


def test_a_shared_expression_is_one_node_and_a_number_many():
    x = pel.vector("x", shape=("n",))
    s = x + 1
    nodes = collect_nodes(s * s + 1)
    assert [(node.kind, node.label) for node in nodes] == [
        ("input", "x"),
        ("constant", "1"),
        ("op", "+"),
        ("op", "×"),
        ("constant", "1"),
        ("result", "+"),
    ]
    assert nodes[3].parents == [nodes[2], nodes[2]]
    assert [node.type for node in nodes] == ["float32 (n,)", "", *["float32 (n,)"] * 2, "", "float32 (n,)"]


def test_unusual_settings_are_shown(network):
    h, loss, _ = network
    x = pel.tensor3("x", shape=(None, 4, 5))
    labels = [
        n.label for n in collect_nodes([x.sum(), x.sum(axis=1), pel.softmax(x), x[0, 1:], x.T, pel.cast(x, "int32")])
    ]
    assert labels == ["x", "sum", "sum axis=1", "softmax", "[0, 1:]", "transpose", "cast"]
    assert collect_nodes(x)[0].type == "float32 (?, 4, 5)"
    assert "h = tanh" in [n.label for n in collect_nodes(loss, {h: "h"})]


def test_layers_are_ordered_and_nodes_do_not_overlap(network):
    _, loss, gradients = network
    nodes = collect_nodes([loss, *gradients])
    layout = compute_layout(nodes, get_box_width, gap=0.2)
    for node in nodes:
        for parent in node.parents:
            assert layout.positions[parent].layer < layout.positions[node].layer
    for row in layout.layers:
        for left, right in itertools.pairwise(row):
            assert right.x - left.x >= (left.width + right.width) / 2 + 0.2 - 1e-9
    assert all([s.layer for s in line] == list(range(line[0].layer, line[-1].layer + 1)) for line in layout.edges)
    assert min(s.x - s.width / 2 for row in layout.layers for s in row) == pytest.approx(0)


def test_a_drawing_has_a_box_for_every_node_and_an_edge_for_every_operand(network, tmp_path):
    h, loss, _ = network
    nodes = collect_nodes(loss)
    figure = draw_graph(loss, {h: "h"}, "The loss")
    [axes] = figure.axes
    kinds = [type(patch).__name__ for patch in axes.patches]
    assert kinds.count("FancyBboxPatch") == len(nodes)
    assert kinds.count("FancyArrowPatch") == sum(len(node.parents) for node in nodes)
    assert {"h = tanh", "W1", "float32 (n, 3)"} <= {text.get_text() for text in axes.texts}
    figure.savefig(tmp_path / "graph.png")
    assert (tmp_path / "graph.png").stat().st_size > 10_000


def test_a_leaf_alone_can_be_drawn():
    assert draw_graph(pel.vector("x")).axes[0].texts[0].get_text() == "x"
    assert draw_graph(pel.constant(2.0)).axes[0].texts[0].get_text() == "2"


def test_a_repeated_operand_has_two_edges():
    x = pel.vector("x")
    arrows = [p for p in draw_graph(x + x).axes[0].patches if type(p).__name__ == "FancyArrowPatch"]
    assert len({tuple(p.get_path().vertices[0]) for p in arrows}) == 2


@pytest.mark.parametrize("picture", [draw_graph, mermaid])
def test_large_graphs_are_refused(picture):
    chain = [pel.vector("x")]
    for _ in range(300):
        chain.append(pel.tanh(chain[-1]))
    with pytest.raises(ValueError, match=r"at most \d+ nodes, which is readable\. Received: 301\. Draw a part of it"):
        picture(chain[300])
    with pytest.raises(ValueError, match=r"at most 20 nodes, which is readable\. Received: 21\."):
        picture(chain[20], limit=20)
    assert picture(chain[20], limit=21)


def test_mermaid_connects_named_boxes(network):
    h, loss, _ = network
    lines = mermaid(loss, {h: "h"}).splitlines()
    assert lines[0] == "flowchart TD"
    assert '    n0(["y<br/>int32 (n,)"]):::input' in lines
    assert any('[("W1<br/>float32 (2, 3)")]:::shared' in line for line in lines)
    assert any('("h = tanh<br/>float32 (n, 3)"):::op' in line for line in lines)
    assert sum("-->" in line for line in lines) == sum(len(node.parents) for node in collect_nodes(loss))


def test_mermaid_escapes_its_special_characters():
    x = pel.vector('a "quoted" #1')
    assert '(["a #quot;quoted#quot; #35;1<br/>' in mermaid(x > 0)
    assert '("#gt;<br/>bool (?,)"):::result' in mermaid(x > 0)


def test_mermaid_has_a_mime_type_and_functions_have_a_graph():
    x, w = pel.vector("x", shape=(3,)), pel.shared([1.0, 2.0, 3.0], "w")
    step = pel.function([x], (x * w).sum(), updates={w: w - x})
    written = mermaid(step)
    assert written == mermaid([*step.program.outputs, *step.program.updates.values()])
    assert written._repr_mimebundle_()["text/vnd.mermaid"] == written
    assert str(pel.tree(step)).count("[1]") == 0
    assert "w" in str(pel.tree(step))
    assert draw_graph(step).axes


def test_no_module_hides_a_function():
    assert not set(pel.show.__all__) & {module.name for module in pkgutil.iter_modules(pel.show.__path__)}


@pytest.mark.parametrize(
    "show", [pel.tree, pel.cost, mermaid, draw_graph, pel.ancestors, pel.inference, pel.parameters]
)
def test_other_objects_are_refused(show):
    with pytest.raises(pel.UseError, match=r"expected an expression, or several\. Received: 3, of type int"):
        show([3])


@pytest.mark.parametrize(("show", "name"), [(pel.simplify, "simplify"), (pel.expand, "expand")])
def test_other_objects_are_not_rewritten(show, name):
    with pytest.raises(pel.UseError, match=rf"Expected an expression: pel\.{name}\(.*Received: 3"):
        show(3)
