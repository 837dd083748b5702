"""Expressions as trees, and their display in notebooks."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest

import pellucid as pel
from pellucid.show.pages.notebook import expression_html


def test_shared_subexpressions_are_expanded_once():
    x = pel.vector("x", shape=("n",))
    s = pel.sin(x)
    assert str(pel.tree(s * s + 1)).splitlines() == [
        "+                      float32 (n,)",
        "├─ ×                   float32 (n,)",
        "│  ├─ [1] sin          float32 (n,)",
        "│  │  └─ x             float32 (n,)",
        "│  └─ [1] sin (above)  float32 (n,)",
        "└─ 1",
    ]


def test_sizes_and_values_add_costs_and_values():
    X, W = pel.matrix("X", shape=("n", 2)), pel.shared([[1.0], [2.0]], "W")
    shown = str(pel.tree(X @ W, sizes={"n": 3}, values={"X": np.ones((3, 2), "float32")}))
    assert "12 operations  = [[3] [3] [3]]" in shown
    assert "W  float32 (2, 1)  = [[1] [2]]" in shown
    assert "operations" not in str(pel.tree(X @ W, values={X: np.ones((3, 2), "float32")}))


def test_names_are_shown():
    x = pel.vector("x")
    h = pel.named("h_tree", pel.tanh(3 * x))
    assert "h_tree = tanh" in str(pel.tree(h.sum()))
    assert "again = tanh" in str(pel.tree(h.sum(), names={h: "again"}))


def test_a_long_chain_is_truncated():
    e = pel.scalar("x")
    for _ in range(5000):
        e = pel.sin(e)
    shown = str(pel.tree(e, limit=10)).splitlines()
    assert len(shown) == 11
    assert shown[-1] == "… and 4,991 more"
    assert "… and 4,991 more" in pel.tree(e, limit=10)._repr_html_()
    assert "<code>" in e._repr_html_()
    x = pel.vector("x")
    assert str(pel.tree(x + x, limit=2)).splitlines()[-1] == "… and 1 more"


@pytest.mark.parametrize("values", [{}, {"y": 1.0}])
def test_a_missing_value_is_reported(values):
    with pytest.raises(pel.InputError, match="values: no value was given for x"):
        pel.tree(pel.sin(pel.scalar("x")), values=values)


def test_a_notebook_shows_a_formula_and_a_tree_without_scripts():
    X, W = pel.matrix("X<b>", shape=("n", 2)), pel.shared([[1.0], [2.0]], "W")
    for shown in (expression_html(pel.tanh(X @ W)), pel.tanh(X @ W)._repr_html_(), X._repr_html_()):
        root = ET.fromstring(shown.replace("&nbsp;", " "))
        assert root.find(".//math") is not None or root.find(".//{*}math") is not None
        assert "<script" not in shown
        assert "http" not in shown.replace("http://www.w3.org/1998/Math/MathML", "")
        assert "<b>" not in shown.replace("<b style", "")


def test_drawings_show_costs_and_values_too():
    x, W = pel.vector("x", shape=(2,)), pel.shared([0.2, 0.7], name="W")
    y = (x * W).sum()
    assert "= 0.9" in pel.mermaid(y, values={"x": [1.0, 1.0]})
    assert "2 operations" in pel.mermaid(y, sizes={})
    figure = pel.show.draw_graph(y, sizes={}, values={x: [1.0, 1.0]})
    assert any("= 0.9" in t.get_text() for t in figure.axes[0].texts)
