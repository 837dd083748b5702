"""Layers, losses and optimizers as data: loaded objects produce the same formulas."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.graph.serialization import GraphReader, GraphWriter
from pellucid.nn.layers import Layer
from pellucid.saving.objects import ObjectReader, ObjectWriter
from tests.nn import layer_rows
from tests.nn.layer_rows import call_layer, make_inputs


def through_data(value: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Write a value to JSON and read it back."""
    writer = GraphWriter()
    objects = ObjectWriter(writer)
    root = objects.add(value)
    data = json.loads(json.dumps([writer.to_data(), objects.objects, root], allow_nan=False))
    return ObjectReader(data[1], GraphReader(data[0], writer.arrays), custom_objects).decode(data[2])


OWN = {"Gated": layer_rows.Gated, "Total": layer_rows.Total, "scaled_tanh": layer_rows.scaled_tanh}


@pytest.mark.parametrize("row", layer_rows.LAYERS.values(), ids=layer_rows.LAYERS)
def test_every_layer_writes_the_same_formula_again(row: layer_rows.Row) -> None:
    layer, x = row.make(), make_inputs(row, "n")
    before = call_layer(layer, x, row)
    back = through_data(layer, OWN)
    assert type(back) is type(layer)
    assert (back.name, back.built, repr(back)) == (layer.name, True, repr(layer))
    assert [p.name for p in back.parameters] == [p.name for p in layer.parameters]
    for a, b in zip(back.parameters, layer.parameters, strict=True):
        assert a is not b
        np.testing.assert_array_equal(a.get_value(), b.get_value())
    after, again = (
        call_layer(back, x, row),
        call_layer(layer, x, row),
    )  # a second call draws other numbers
    assert str(after) == str(again)
    assert str(pel.inference(after)) == str(pel.inference(before))
    assert set(back.config) == set(layer.config)


FAMILIES = [nn.losses, nn.metrics, nn.optimizers, nn.regularizers, nn.constraints, nn.initializers, nn.activations]
NAMED = [(family, name) for family in FAMILIES for name in family.NAMED]


@pytest.mark.parametrize(("family", "name"), NAMED, ids=[f"{f.__name__.rpartition('.')[2]}-{n}" for f, n in NAMED])
def test_every_named_object_comes_back(family: Any, name: str) -> None:
    thing = family.get(name)
    back = through_data([thing, thing])
    assert back[0] is back[1]
    if inspect.isfunction(thing):
        assert back[0] is thing
    else:
        assert (type(back[0]), repr(back[0])) == (type(thing), repr(thing)) or vars(thing).keys() == vars(
            back[0]
        ).keys()


def test_an_optimizer_resumes_from_its_state() -> None:
    w = pel.shared(1.0, "w")
    rate = pel.schedules.ExponentialDecay(0.1, 10, 0.5)
    optimizer = pel.optimizers.Adam(rate, clipnorm=1.0, multipliers={w: 2.0})
    updates = optimizer.updates(w**2)
    step = pel.function([], updates=updates, mode="numpy")
    step()
    v, again = through_data([w, optimizer])
    assert repr(again) == repr(optimizer)
    same = pel.function([], updates=again.updates(v**2), mode="numpy")
    for _ in range(3):
        step(), same()
        assert v.get_value() == w.get_value()


def test_plain_values_keep_their_kinds() -> None:
    values = {
        "a": [1, 1.5, True, None, "n", (2, (3,)), float("inf")], 3: np.float32(0.1), (1, "b"): np.dtype("int8"),
        "set": {1, 2}, "array": np.arange(3), "partial": functools.partial(nn.activations.relu, negative_slope=0.1),
        "class": nn.Dense,
    }  # fmt: skip
    back = through_data(values)
    assert list(back) == list(values)
    assert repr(back["a"]) == repr(values["a"])
    assert (type(back[3]), back[3], back[(1, "b")]) == (np.float32, np.float32(0.1), np.dtype("int8"))
    assert back["set"] == {1, 2}
    assert back["array"].tolist() == [0, 1, 2]
    assert back["class"] is nn.Dense
    assert (back["partial"].func, back["partial"].keywords) == (nn.activations.relu, {"negative_slope": 0.1})


class Scale(Layer):
    """Custom layer."""

    def build(self, x: Any) -> None:
        self.factor = self.parameter("factor", x.shape[-1:], np.ones, x)

    def call(self, x: Any) -> Any:
        return self.factor * x


def test_sets_are_written_in_one_order() -> None:
    names = {f"name {number}" for number in range(50)}
    data = ObjectWriter(GraphWriter()).encode(names)
    assert data == {"set": sorted(names)}


def test_custom_objects_are_passed_or_reported_missing() -> None:
    layer, x = Scale(name="scale"), pel.matrix("x", ("n", 2))
    layer(x)
    back = through_data(layer, {"Scale": Scale})
    assert (type(back), str(back(x))) == (Scale, "scale/factor * x")
    absent = through_data(layer)
    assert (repr(absent), len(absent.parameters), absent.built) == ("<Scale scale>", 1, True)
    with pytest.raises(pel.StorageError, match=r"Scale is custom code.*custom_objects=\{'Scale': Scale\}"):
        absent(x)
    assert type(through_data(absent, {"Scale": Scale})) is Scale

    def my_loss(y: Any, p: Any) -> Any:
        return y - p

    assert through_data(my_loss, {"my_loss": my_loss}) is my_loss
    with pytest.raises(pel.StorageError, match="my_loss is custom code"):
        through_data(through_data(my_loss))(x, x)

    class Rising(pel.schedules.base.Schedule):
        def formula(self, step: Any) -> Any:
            return step

    thing = through_data(Rising())
    assert repr(thing) == "<missing Rising>"
    with pytest.raises(pel.StorageError, match="Rising is custom code"):
        thing(3)
    with pytest.raises(pel.StorageError, match="Rising is custom code"):
        _ = thing.formula


def test_an_attribute_that_cannot_be_saved_is_named() -> None:
    layer = nn.Dense(2, name="d")
    layer.stream = iter([1])
    with pytest.raises(
        pel.StorageError, match=r"Dense d: its attribute stream cannot be saved. Expected a value, a fun"
    ):
        through_data(layer)


@pytest.mark.parametrize(
    ("objects", "root", "message"),
    [
        (3, None, "Expected a list of objects"),
        ([3], None, "Expected a list of objects"),
        ([{"class": "os.system", "state": {}}], None, "pellucid has no class 'os.system'"),
        ([{"class": "subprocess:Popen", "state": {}}], None, "pellucid has no class"),
        ([{"class": "pellucid.run.compilation_cache:os", "state": {}}], None, "pellucid has no class"),
        ([{"class": "tanh", "state": {}}], None, "pellucid has no class 'tanh'"),
        (
            [{"class": "layers.Dense", "state": {"__class__": 1}}],
            None,
            "Object 0, a Dense: Expected the name of an attr",
        ),
        ([{"class": "layers.Dense", "state": {"parameters": 1}}], None, "Its attribute 'parameters' cannot be set"),
        ([{"class": {"custom": "a\0", "base": "layers.Dense"}, "state": {}}], None, "Expected the name of a class"),
        ([], {"object": 0}, "number of an object, below 0. Received: 0"),
        ([], {"code": 1}, "Expected a value. Received: {'code': 1}"),
        ([], {"function": "layers.Dense"}, "Expected a function. Received: 'layers.Dense'"),
        ([], {"function": 3}, "Expected a name. Received: 3"),
        ([], {"array": "W"}, "Expected the name of an array. Received: 'W'"),
        ([], {"node": 3}, "number of an earlier entry"),
        ([], {"dict": [[[], 1]]}, "unhashable"),
        ([], {"float": "one"}, "Expected nan, inf or -inf. Received: 'one'"),
        ([], {"number": ["float32", [1]]}, r"Expected a number. Received: \[1\]"),
    ],
)
def test_invalid_data_are_refused(objects: Any, root: Any, message: str) -> None:
    with pytest.raises(pel.StorageError, match=message):
        ObjectReader(objects, GraphReader({"format": 1, "nodes": []}, {})).decode(root)


def test_an_error_in_the_code_is_not_reported_as_damaged_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: GraphReader, index: int) -> Any:
        raise AttributeError("a typo in the code")

    monkeypatch.setattr(GraphReader, "get_expr", fail)
    with pytest.raises(AttributeError, match="a typo"):
        ObjectReader([], GraphReader({"format": 1, "nodes": []}, {})).decode({"node": 0})


def test_a_file_can_name_only_registered_functions() -> None:
    for name in ("pellucid.atomic_write:atomic_write", "pellucid.nn.layers.base:np", "os:system", "builtins.eval"):
        found = ObjectReader([], GraphReader({"format": 1, "nodes": []}, {})).decode({"function": name})
        with pytest.raises(pel.StorageError, match="is custom code"):
            found("ls")
