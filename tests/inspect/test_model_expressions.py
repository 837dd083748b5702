"""Functions that show formulas accept a model, with the symbols of its explanation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn


def make_moons(compiled: bool = True) -> Any:
    """Return a network with a layer that only training needs."""
    nn.set_random_seed(0)
    layers = [
        nn.Input((2,), name="point"),
        nn.Dense(3, activation="tanh", name="hidden"),
        nn.Dropout(0.5, seed=1, name="drop"),
        nn.Dense(2, activation="softmax", name="out"),
    ]
    model = pel.Sequential(layers, name="moons")
    if compiled:
        model.compile(nn.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    return model


X = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.25]], "float32")
Y = np.array([0, 1, 1], "int32")


def test_a_model_is_written_as_its_output_in_terms_of_its_layers() -> None:
    model = make_moons(compiled=False)
    assert str(pel.formula(model)) == "y_hat = softmax(h1 @ W3 + b3)\nwhere h1 = tanh(x @ W1 + b1)"
    assert "W1: float32 (2, 3)" in str(pel.formula(model, shapes=True))
    assert pel.latex(model) == pel.formula(model).latex()
    assert r"\hat{y} &= \operatorname{softmax}(h_{1} W_{3} + b_{3})" in pel.latex(model)
    assert r"h_{1} &= \tanh(x W_{1} + b_{1})" in pel.latex(model)


def test_the_symbols_are_those_of_the_explanation() -> None:
    model = make_moons()
    explained = str(model.explain())
    for line in str(pel.formula(model)).replace("where ", "").splitlines():
        name, _, right = line.partition(" = ")
        assert f"{name} = " in explained
        assert right.replace("h1 @", "h2 @") in explained  # in training, h2 is the dropout of h1


def test_the_tree_of_a_model_has_its_values() -> None:
    model = make_moons()
    written = str(pel.tree(model, values=X[:1]))
    assert written == str(pel.tree(model, values={"point": X[:1]}))
    assert "y_hat = softmax" in written
    assert "h1 = tanh" in written
    first = float(model.predict(X[:1])[0, 0])
    assert f"[[{first:.4f}" in written.splitlines()[0]


@pytest.mark.parametrize("order", ["index first", "inputs first", "by name"])
def test_why_explains_one_output(order: str) -> None:
    model = make_moons()
    arguments: Any = {
        "index first": ((1, 0), X),
        "inputs first": (X, (1, 0)),
        "by name": ((1, 0), {"x": X}),
    }[order]
    w = pel.why(model, *arguments)
    assert w.value == pytest.approx(model.predict(X)[1, 0], rel=1e-5)
    assert str(w).startswith("y_hat[1, 0] = ")
    assert "h1[1, 0] * W3[0, 0] + h1[1, 1] * W3[1, 0] + h1[1, 2] * W3[2, 0] + b3[0]" in str(w.expand(2))
    assert "dropout" not in str(w.expand(5))


@pytest.mark.parametrize("wrt", [None, "hidden", "W1", "hidden/kernel", "layer", "parameter", ["out", "W1"]], ids=str)
def test_derive_shows_the_gradient_of_the_training_loss(wrt: Any) -> None:
    model = make_moons()
    given = {"layer": model.layers[0], "parameter": model.layers[0].kernel}.get(wrt, wrt) if wrt.__hash__ else wrt
    derivation = pel.derive(model, given, {"x": X, "y": Y})
    names = {
        None: ["W1", "b1", "W3", "b3"],
        "hidden": ["W1", "b1"],
        "layer": ["W1", "b1"],
        "('out', 'W1')": ["W3", "b3", "W1"],
    }.get(str(tuple(wrt)) if isinstance(wrt, list) else wrt, ["W1"])
    assert [step.name for step in derivation.results] == names
    assert "L = sparse_crossentropy(y, " in str(derivation)
    assert "h1_bar" in str(derivation) or wrt == ["out"]
    assert derivation.max_error() < 1e-5


def test_derived_gradients_are_those_of_training() -> None:
    model = make_moons()
    loss = pel.losses.SparseCategoricalCrossentropy()(target := pel.ivector("y", shape=("n",)), model.outputs[0])
    [step] = pel.derive(model, "W1", (X, Y)).results  # first, because an evaluation draws the next dropout mask
    expected = pel.grad(loss, model.layers[0].kernel).eval({model.inputs[0]: X, target: Y})
    np.testing.assert_allclose(step.gradient_value, expected, rtol=1e-4, atol=1e-6)
    assert pel.derive(model, "point", (X, Y)).results[0].name == "x"


def test_later_training_does_not_change_what_was_shown() -> None:
    model = make_moons()
    w = pel.why(model, X, (0, 0))
    before = w.value
    model.layers[0].kernel.set_value(np.zeros((2, 3), "float32"))
    assert w.expand(3).value == before
    assert pel.why(model, X, (0, 0)).value != before


def test_several_outputs() -> None:
    x = nn.Input((2,), name="x")
    a, b = nn.Dense(1, name="a")(x), nn.Dense(2, name="b")(x)
    model = pel.Model(x, [a, b], name="two")
    assert "y_hat2 = +" in str(pel.tree(model))
    for show, arguments in ((pel.formula, ()), (pel.latex, ()), (pel.why, (X, (0, 0)))):
        with pytest.raises(TypeError, match=r"expected a model with one output\. Received: two, which has 2\. Choose"):
            show(model, *arguments)


def test_errors_say_what_to_do() -> None:
    unbuilt = pel.Sequential([nn.Dense(2)], name="new")
    for show in (pel.formula, pel.latex, pel.tree, pel.derive):
        with pytest.raises(ValueError, match=r"new is not built: .* Start its layers with nn\.Input\(shape\)"):
            show(unbuilt)
    with pytest.raises(ValueError, match=r"moons is not compiled\. Call model\.compile\(optimizer, loss"):
        pel.derive(make_moons(compiled=False))
    model = make_moons()
    with pytest.raises(pel.InputError, match=r"Received: 'hiden'\. Did you mean 'hidden'\? Known names: point"):
        pel.derive(model, "hiden")
    with pytest.raises(pel.InputError, match=r"pel\.why: no value was given for x\. Give \{'x': array\}"):
        pel.why(model, (0, 0))
    with pytest.raises(pel.InputError, match=r"expected a mapping \{'x': array, 'y': array\}\. Received: 1 arrays"):
        pel.derive(model, "W1", X)
    with pytest.raises(TypeError, match=r"pel\.derive: expected the variables to differentiate with respect to"):
        pel.derive(pel.scalar("c") ** 2)
    with pytest.raises(TypeError, match=r"Expected an expression or a model: pel\.formula\(x \+ y\)\. Received: 3"):
        pel.formula(3)
    with pytest.raises(TypeError, match=r"Expected an expression or a model: pel\.why"):
        pel.why(3)
