"""Tests of immutable expressions, and of the labels for names and layer calls."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.graph.expr import Expr
from pellucid.graph.naming import strip_labels
from pellucid.graph.traversal import topological

ATTRIBUTES = ("name", "op", "inputs", "types", "shape", "dtype", "origin", "call", "unlabeled", "note", "_settings")

MAKERS: dict[str, Callable[[], Expr]] = {
    "input": lambda: pel.vector("x"),
    "input of a model": lambda: nn.Input((3,)),
    "constant": lambda: pel.constant(2.0),
    "op": lambda: pel.tanh(pel.vector("x")),
    "one of several results": lambda: pel.scan(lambda x, s: [s + x, x], pel.vector("x"), pel.constant(0.0))[0],
    "named": lambda: pel.named("h", pel.tanh(pel.vector("x"))),
    "result of a layer": lambda: nn.Dense(2)(pel.matrix("x", shape=("n", 3))),
}


@pytest.fixture(params=[True, False], ids=["collected", "uncollected"])
def collected(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Run with and without the cyclic garbage collector."""
    gc.collect(1)
    if not request.param:
        gc.disable()
    yield request.param
    gc.enable()


@pytest.mark.parametrize("attribute", ATTRIBUTES)
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_no_attribute_can_be_assigned_or_deleted(make: Callable[[], Expr], attribute: str) -> None:
    e = make()
    with pytest.raises(pel.UseError, match=f"Expressions are immutable: {attribute} of .* cannot be assigned"):
        setattr(e, attribute, None)
    with pytest.raises(pel.UseError, match="immutable"):
        delattr(e, attribute)


def test_the_error_suggests_a_fix() -> None:
    x = pel.vector("x")
    with pytest.raises(TypeError, match=r"shape of x cannot be assigned. Write x = x.reshape\(shape\)"):
        x.shape = (3,)  # type: ignore[misc]
    with pytest.raises(TypeError, match=r"name of tanh\(x\) .* Write h = pel.named\('h', expression\)"):
        pel.tanh(x).name = "h"
    with pytest.raises(TypeError, match=r"Store your own data in a dictionary"):
        x.note = 1


def test_shared_variables_are_mutable() -> None:
    w = pel.shared(1.0)
    w.name, w.trainable = "w", False
    w.set_value(2.0)
    assert (str(w), w.trainable, float(w.get_value())) == ("w", False, 2.0)


@pytest.mark.usefixtures("collected")
def test_layer_calls_do_not_leak_between_models() -> None:
    a = pel.matrix("a", shape=("n", 3))
    h1 = nn.Activation("tanh", name="other")(a)
    m1 = pel.Model(a, nn.Dense(2, name="first")(h1))
    m2 = pel.Model(a, nn.Dense(2, name="second")(pel.tanh(a)))
    m3 = pel.Model(a, nn.Dense(2, name="third")(nn.Activation("tanh", name="own")(a)))
    assert [layer.name for layer in m1.layers] == ["other", "first"]
    assert [layer.name for layer in m2.layers] == ["second"]
    assert [layer.name for layer in m3.layers] == ["own", "third"]


@pytest.mark.usefixtures("collected")
def test_names_do_not_leak_between_expressions() -> None:
    x = pel.vector("x")
    w = pel.tanh(2 * x) + 1
    assert str(pel.simplify(pel.sin(pel.named("momentum", x + x)))) == "sin(momentum)"
    assert str(w) == "tanh(2 * x) + 1"
    kept = pel.named("kept", 2 * x)
    assert str(pel.simplify(pel.sin(x + x))) == "sin(2 * x)"
    assert str(pel.grad(pel.exp(2 * x).sum(), x)) == "2 * exp(2 * x)"
    assert str(kept * 3) == "kept * 3"


def test_different_names_make_different_expressions() -> None:
    x = pel.vector("x")
    a, b = pel.named("a", pel.tanh(x)), pel.named("b", pel.tanh(x))
    assert a is not b
    assert a is pel.named("a", pel.tanh(x))
    assert a.unlabeled is b.unlabeled is pel.tanh(x)
    assert str(pel.sin(a) * pel.cos(b)) == "sin(a) * cos(b)"
    assert str(pel.simplify(pel.sin(a * 1) * pel.cos(b + 0))) == "sin(a) * cos(b)"
    assert str(pel.simplify(a + b)) == "2 * a"
    assert pel.named("c", a).name == "c"


def test_a_rule_removes_only_the_names_that_it_consumes() -> None:
    z = pel.matrix("z", shape=("n", 3))
    p = pel.named("p", pel.softmax(z))
    assert str(pel.simplify(pel.log(p))) == "log_softmax(z)"
    assert str(pel.simplify(pel.log(p) + p)) == "log_softmax(z) + p"
    assert str(pel.simplify(pel.named("h", pel.named("k", z + 0) * 1))) == "z"
    journal = pel.Journal()
    pel.simplify(pel.log(p), journal=journal)
    assert "log(p)  →  log_softmax(z)" in str(journal)


def test_gradients_contain_names() -> None:
    z, w = pel.vector("z", shape=("n",)), pel.shared(1.0, "w")
    h = pel.named("h", pel.tanh(w * z))
    assert str(pel.grad(h.sum(), z)) == "(1 - h ** 2) * w"
    assert str(pel.grad(pel.named("c", (h**2).sum()), h)) == "2 * h"
    step = pel.function([z], h.sum(), updates={w: w - pel.grad(h.sum(), w)})
    assert str(step.program.updates[w]) == "w - ((1 - h ** 2) * z).sum()"


@pytest.mark.parametrize("key", [lambda h: h, lambda h: h.unlabeled], ids=["with the name", "without"])
@pytest.mark.parametrize("used", [lambda h: h, lambda h: h.unlabeled], ids=["of the name", "of the formula"])
def test_expressions_are_found_with_and_without_a_name(key: Callable[[Expr], Expr], used: Any) -> None:
    z = pel.vector("z", shape=(2,))
    h = pel.named("h", pel.tanh(z))
    inner, e = used(h), key(h)
    cost = (pel.sin(inner) * z).sum()
    assert str(pel.replace(cost, {e: 2 * z})) == "(sin(2 * z) * z).sum()"
    np.testing.assert_allclose(cost.eval({e: [1.0, 2.0], z: [1.0, 1.0]}), np.sin([1.0, 2.0]).sum(), rtol=1e-6)
    np.testing.assert_allclose(pel.function([z], cost, givens={e: z})([1.0, 2.0]), np.sin([1, 2]) @ [1, 2], rtol=1e-6)
    assert str(strip_labels([pel.grad(cost, e)])[0]) == "z * cos(tanh(z))"
    assert str(strip_labels([pel.grad(cost, z, consider_constant=e)])[0]) == "sin(tanh(z))"
    known = pel.grad(None, z, known_grads={e: z})
    assert str(strip_labels([known])[0]) == "z * (1 - tanh(z) ** 2)"
    assert len(pel.ancestors(cost, blockers=[e])) == 5
    values = pel.function([z], [inner, cost]).values([0.5, 1.0])
    np.testing.assert_allclose(values[e], np.tanh([0.5, 1.0]), rtol=1e-6)


def test_programs_have_no_labels() -> None:
    x = pel.matrix("x", shape=("n", 3))
    dense, act = nn.Dense(2, name="dense"), nn.Activation("tanh")
    by_layers = act(dense(nn.Dropout(0.0)(x)))
    by_hand = pel.tanh(x @ dense.kernel + dense.bias)
    both = pel.function([x], [(pel.named("h", by_layers) * by_hand).sum(), by_hand])
    plain = pel.function([x], [(by_hand * by_hand).sum(), by_hand])
    assert both.program.size == plain.program.size
    assert all(a is b for a, b in zip(strip_labels(both.program.results), plain.program.results, strict=True))
    value = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(both(value)[0], plain(value)[0])


def test_gradients_do_not_depend_on_labels() -> None:
    x = pel.matrix("x", shape=("n", 3))
    dense = nn.Dense(2)
    by_layer = dense(x)
    by_hand = x @ dense.kernel + dense.bias
    mixed = (pel.sin(by_layer) * pel.cos(pel.named("z", by_hand))).sum()
    plain = (pel.sin(by_hand) * pel.cos(by_hand)).sum()
    [labeled] = strip_labels([pel.grad(mixed, dense.kernel)])
    assert labeled is pel.grad(plain, dense.kernel)


def test_equal_layer_calls_return_the_same_expression() -> None:
    x = pel.matrix("x", shape=("n", 3))
    dense = nn.Dense(2, name="dense")
    assert dense(x) is dense(x)
    assert dense(x).unlabeled is x @ dense.kernel + dense.bias
    nothing = nn.Dropout(0.0, name="nothing")
    assert nothing(x) is nothing(x) is not x
    assert str(nothing(x + 1) + 1) == "x + 1 + 1"
    assert pel.simplify(nothing(x)) is x
    assert [layer.name for layer in pel.Model(x, dense(nothing(x))).layers] == ["nothing", "dense"]


def test_models_find_every_result_of_a_layer_call() -> None:
    x = pel.tensor3("x", shape=("n", 5, 3))
    lstm = nn.LSTM(4, return_state=True, name="lstm")
    outputs = lstm(x)
    model = pel.Model(x, lstm(x)[2] + outputs[0])
    [node] = model.functional_graph.nodes
    assert sorted(node.results) == [0, 2]
    assert [type(e) for e in outputs] == [Expr] * 3


@pytest.mark.usefixtures("collected")
def test_models_can_be_made_from_a_loaded_model(tmp_path: Any) -> None:
    x = nn.Input((3,))
    h = nn.Dense(4, activation="tanh", name="hidden")(nn.Dropout(0.0, name="nothing")(x))
    pel.Model(x, nn.Dense(2, name="out")(h)).save(tmp_path / "m.pel")
    loaded = pel.load_model(tmp_path / "m.pel")
    again = pel.Model(loaded.inputs[0], loaded.outputs[0])
    assert [layer.name for layer in again.layers] == ["nothing", "hidden", "out"]
    assert again.layers == loaded.layers
    inner = pel.Model(loaded.inputs[0], loaded.stages[2])
    assert [layer.name for layer in inner.layers] == ["nothing", "hidden"]


def test_names_are_kept_inside_loops_and_in_files(tmp_path: Any) -> None:
    x, w = pel.vector("x"), pel.shared(0.5, "w")
    states = pel.scan(lambda x_t, s: pel.named("s", pel.tanh(w * s + x_t)) * 2, x, pel.constant(0.0))
    for made in (states, pel.simplify(states), pel.grad(states.sum(), x)):
        names = {
            e.name
            for node in topological([made])
            for value in node.settings.values()
            if hasattr(value, "outputs")
            for e in topological(value.outputs)
            if e.op is not None
        }
        assert "s" in names
    pel.save(tmp_path / "e.pel", pel.named("loss", states.sum()) + 1)
    loaded = pel.load(tmp_path / "e.pel")
    assert str(loaded) == "loss + 1"
    f, g = (pel.function([x], e, mode="numpy") for e in (states.sum(), strip_labels([states.sum()])[0]))
    assert f([1.0, 2.0]) == g([1.0, 2.0])
    assert strip_labels(f.program.outputs)[0] is g.program.outputs[0]


def test_origin_is_the_latest_line_of_user_code() -> None:
    code = compile("\n" * 6 + "first = pel.tanh(2 * x)\nsecond = pel.tanh(2 * x)", "course.py", "exec")
    x = pel.vector("x")
    found: dict[str, Any] = {"pel": pel, "x": x}
    exec(code, found)
    assert found["first"] is found["second"]
    assert found["first"].origin == ("course.py", 8)
    pel.grad(found["first"].sum(), x)
    pel.simplify(pel.sin(found["first"]))
    assert found["first"].origin == ("course.py", 8)
    again = pel.tanh(2 * x)
    assert again.origin is not None
    assert os.path.basename(again.origin[0]) == "test_immutability.py"  # noqa: PTH119
