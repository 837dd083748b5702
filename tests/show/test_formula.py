"""Formulas with definitions of names, and the LaTeX of names."""

import numpy as np
import pytest

import pellucid as pel
from pellucid.show import latex
from pellucid.show.formulas.latex_names import domain_to_latex, name_to_latex, shape_to_latex
from pellucid.show.pages.input_values import value_to_latex

X, W1, W2 = pel.matrix("X", shape=("n", 2)), pel.matrix("W1", shape=(2, 3)), pel.matrix("W2", shape=(3, 2))


def network():
    return pel.named("h", pel.tanh(X @ W1))


def test_a_formula_stops_at_names_and_defines_them():
    h = network()
    p = pel.softmax(h @ W2)
    assert str(p) == "softmax(h @ W2)"
    assert str(h) == "tanh(X @ W1)"
    assert str(pel.formula(p)).splitlines() == ["softmax(h @ W2)", "where h = tanh(X @ W1)"]
    assert pel.formula(p).latex().splitlines()[1:-1] == [
        r"& \operatorname{softmax}(h W_{2}) \\",
        r"\text{where } &  \\",
        r"h &= \tanh(X W_{1})",
    ]
    assert pel.formula(X @ W1).latex() == "X W_{1}"


def test_nested_names_are_defined_from_the_outside_in():
    z = X @ W1
    written = str(pel.formula(pel.softmax(pel.tanh(z) @ W2), names={pel.tanh(z): "a", z: "z"}))
    assert written.splitlines() == ["softmax(a @ W2)", "where a = tanh(z)", "      z = X @ W1"]


def test_a_named_expression_is_an_equation():
    E = pel.named("E_formula", (network() ** 2).sum())
    assert str(pel.formula(E)).splitlines() == ["E_formula = (h ** 2).sum()", "where h = tanh(X @ W1)"]
    assert pel.formula(E).latex().splitlines()[1] == r"E_{\mathrm{formula}} &= \sum h^{2} \\"
    assert pel.formula(network()).latex() == r"h = \tanh(X W_{1})"


def test_a_loop_is_written_as_its_recurrence():
    x, w = pel.vector("x"), pel.scalar("w")
    states = pel.scan(lambda x_t, h: pel.tanh(w * h + x_t), x, 0.0)
    recurrence = ["h[0] = 0", "h[t] = tanh(w * h[t-1] + x[t])"]
    assert str(pel.formula(states)).splitlines() == recurrence
    assert str(pel.formula(states[-1] ** 2)).splitlines() == [
        "h[-1] ** 2",
        f"where {recurrence[0]}",
        f"      {recurrence[1]}",
    ]
    lines = str(pel.formula((states**2).sum(), {states: "s"}, shapes=True)).splitlines()
    assert lines[:3] == ["(s ** 2).sum()", "where s[0] = 0", "      s[t] = tanh(w * s[t-1] + x[t])    float32 (?,)"]
    assert pel.formula(states).latex().splitlines()[1:3] == [r"h_{0} &= 0 \\", r"h_{t} &= \tanh(w \, h_{t-1} + x_{t})"]


def test_a_name_changes_neither_value_nor_gradient_nor_the_formula_written_elsewhere():
    y = pel.vector("y")
    plain = pel.exp(y * 3)
    before = str(pel.grad(plain.sum(), y))
    u = pel.named("u", plain)
    assert u is pel.named("u", plain)
    assert pel.exp(y * 3) is plain is u.unlabeled
    assert str(plain + 1) == "exp(y * 3) + 1"
    assert pel.function([y], u + 1)([0.0]) == pytest.approx(2.0)
    assert str(pel.grad(plain.sum(), y)) == before
    assert str(pel.grad(u.sum(), y)) == before.replace("exp(3 * y)", "u").replace("exp(y * 3)", "u")


def test_shapes_are_shown_on_request():
    h = network()
    lines = str(pel.formula(pel.softmax(h @ W2), shapes=True)).splitlines()
    assert lines[1] == "where h = tanh(X @ W1)    float32 (n, 3)"
    assert "  X: float32 (n, 2)" in lines
    assert r"X &\in \mathbb{R}^{n \times 2}" in pel.formula(h, shapes=True).latex()
    assert latex(X @ W1, shapes=True) == r"\underset{n \times 2}{X} \underset{2 \times 3}{W_{1}}"
    assert latex(pel.scalar("a") + 1, shapes=True) == "a + 1"
    assert domain_to_latex((), np.dtype("int32")) == r"\mathbb{Z}"
    assert shape_to_latex(pel.matrix("A").shape) == r"? \times ?"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, r"\mathrm{true}"),
        ([1e-9, -0.5], r"\begin{bmatrix} 10^{-9} & -0.5 \end{bmatrix}"),
        ([[True], [False]], r"\begin{bmatrix} \mathrm{true} \\ \mathrm{false} \end{bmatrix}"),
        (np.zeros((3, 20)), r"\text{shape (3, 20), from 0 to 0, mean 0}"),
    ],
)
def test_values_are_written_as_latex(value, written):
    assert value_to_latex(np.array(value)) == written


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("W_1", "W_{1}"),
        ("h__2", r"\mathrm{h\_\_2}"),
        ("loss%", r"\mathrm{loss\%}"),
        ("größe", r"\mathrm{größe}"),
        ("θ₁", r"\theta_{1}"),
        ("Λ", r"\Lambda"),
        ("a{b", r"\mathrm{a\{b}"),
        ("x^", r"\mathrm{x\wedge }"),
        ("learning rate", r"\mathrm{learning\ rate}"),
        ("3", "3"),
        ("h^{(1)}", "h^{(1)}"),
    ],
)
def test_unusual_names_are_escaped(name, written):
    from latex2mathml.converter import convert

    assert name_to_latex(name) == written
    x = pel.vector(name)
    assert convert(latex(pel.named(name, x * 2) ** 2 + x[0] ** 2)).startswith("<math")


def test_pages_are_self_contained():
    f = pel.formula(pel.softmax(network() @ W2))
    page = f.html("A <network>")
    assert "A &lt;network&gt;" in page
    assert "<math" in page
    assert "http:" not in page.replace("http://www.w3.org/1998/Math/MathML", "")
    assert f._repr_latex_().startswith("$")
    assert r"h &= \tanh(X W_{1})" in f.expr._repr_latex_()
    assert f._repr_html_().startswith("<math")


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: pel.named(X @ W1, "h"), TypeError, r"name and then the expression.*Received: X @ W1"),
        (lambda: pel.named("h", 3.0), TypeError, "Only an expression can be named.*Received: 3.0"),
        (lambda: pel.named("h", X), TypeError, "Received: X, a input|Received: X, an input"),
        (lambda: pel.named("c", pel.constant(2.0)), TypeError, "a constant; to name it, pass names="),
        (lambda: pel.formula(3.0), TypeError, r"pel.formula\(x \+ y\). Received: 3.0"),
        (
            lambda: pel.formula(X @ W1, names={W2: "V"}),
            ValueError,
            "The name 'V' is for W2, which is not part of the expression",
        ),
    ],
)
def test_invalid_arguments_are_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()
