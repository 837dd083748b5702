"""Expressions as trees, and what a notebook shows of them."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest

import pellucid as pel
from pellucid.show.notebook import expression_html


def test_what_stands_twice_is_opened_once():
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


def test_costs_and_values_are_told_where_sizes_and_values_are_given():
    X, W = pel.matrix("X", shape=("n", 2)), pel.shared([[1.0], [2.0]], "W")
    told = str(pel.tree(X @ W, sizes={"n": 3}, values={"X": np.ones((3, 2), "float32")}))
    assert "12 operations  = [[3] [3] [3]]" in told
    assert "W  float32 (2, 1)  = [[1] [2]]" in told
    assert "operations" not in str(pel.tree(X @ W, values={X: np.ones((3, 2), "float32")}))


def test_names_are_told():
    x = pel.vector("x")
    h = pel.named("h_tree", pel.tanh(3 * x))
    assert "h_tree = tanh" in str(pel.tree(h.sum()))
    assert "again = tanh" in str(pel.tree(h.sum(), names={h: "again"}))


def test_a_chain_of_any_length_is_cut_short():
    e = pel.scalar("x")
    for _ in range(5000):
        e = pel.sin(e)
    told = str(pel.tree(e, limit=10)).splitlines()
    assert len(told) == 11
    assert told[-1] == "… and 4,991 more"
    assert "… and 4,991 more" in pel.tree(e, limit=10)._repr_html_()
    assert "<code>" in e._repr_html_()


@pytest.mark.parametrize("values", [{}, {"y": 1.0}])
def test_a_value_that_is_missing_is_asked_for(values):
    with pytest.raises(pel.InputError, match="values: no value was given for x"):
        pel.tree(pel.sin(pel.scalar("x")), values=values)


def test_a_notebook_shows_a_formula_and_a_tree_without_script_or_network():
    X, W = pel.matrix("X<b>", shape=("n", 2)), pel.shared([[1.0], [2.0]], "W")
    for shown in (expression_html(pel.tanh(X @ W)), pel.tanh(X @ W)._repr_html_(), X._repr_html_()):
        root = ET.fromstring(shown.replace("&nbsp;", " "))
        assert root.find(".//math") is not None or root.find(".//{*}math") is not None
        assert "<script" not in shown
        assert "http" not in shown.replace("http://www.w3.org/1998/Math/MathML", "")
        assert "<b>" not in shown.replace("<b style", "")


def test_pictures_tell_the_same():
    x, W = pel.vector("x", shape=(2,)), pel.shared([0.2, 0.7], name="W")
    y = (x * W).sum()
    assert "= 0.9" in pel.mermaid(y, values={"x": [1.0, 1.0]})
    assert "2 operations" in pel.mermaid(y, sizes={})
    figure = pel.show.draw_graph(y, sizes={}, values={x: [1.0, 1.0]})
    assert any("= 0.9" in t.get_text() for t in figure.axes[0].texts)
