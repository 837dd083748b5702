"""Serialization of graphs: a round trip of every op and kind of network, and the refusal of invalid data."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pellucid as pel
from pellucid import nn
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.naming import strip_calls
from pellucid.graph.op import OPS, Op
from pellucid.graph.op_decorator import is_built_in
from pellucid.graph.serialization import GraphWriter, from_data, to_data
from pellucid.graph.types import Unknown, is_float

OWN = sorted(name for name, op in OPS.items() if is_built_in(op.value))


def serialize(outputs: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """Return the data of a graph after a trip through JSON."""
    data, arrays = to_data(outputs)
    return json.loads(json.dumps(data, allow_nan=False)), arrays


def reload_with_same_leaves(outputs: list[Expr]) -> list[Expr]:
    data, arrays = serialize(outputs)
    writer = GraphWriter()
    for e in outputs:
        writer.add(e)
    writer.to_data()
    return from_data(data, arrays, {index: e for e, index in writer.indices.items() if e.op is None})


def make_examples(op: Op) -> Iterator[tuple[list[np.ndarray], dict[str, Any]]]:
    """Return operands and settings for an op."""
    rng = np.random.default_rng(0)
    if op.examples is not None:
        yield from (([np.asarray(o) for o in operands], chosen) for operands, chosen in op.examples(rng))
        return
    domains = op.domain if isinstance(op.domain[0], tuple) else (op.domain,) * len(op.operands)
    values = [rng.uniform(*domain, (2, 3)) if "f" in op.accepts else np.ones((2, 3), "int32") for domain in domains]
    values[: op.conditions] = [np.ones((2, 3), bool)] * op.conditions
    yield values, {}


def build_with_gradients(op: Op, operands: list[np.ndarray], chosen: dict[str, Any], named: bool) -> list[Expr]:
    shapes = [(("n", *o.shape[1:]) if named and o.ndim else o.shape) for o in operands]
    inputs = [pel.tensor(f"x{i}", s, o.dtype) for i, (s, o) in enumerate(zip(shapes, operands, strict=True))]
    made = op.function(*inputs, **chosen)
    results = list(made) if isinstance(made, list) else [made]
    real, wrt = [r for r in results if is_float(r.dtype)], [x for x in inputs if is_float(x.dtype)]
    if real and wrt and op.differentiable:
        results += pel.grad(sum((r.sum() for r in real[1:]), real[0].sum()), wrt, disconnected="zero")
    return results


def has_unknown_settings(outputs: list[Expr]) -> bool:
    """Whether a setting contains an unknown dimension, such as that of ``x.reshape(-1)``."""
    settings = [value for e in pel.ancestors(outputs) for value in e.settings.values()]
    return any(isinstance(part, Unknown) for value in settings if isinstance(value, tuple) for part in value)


@pytest.mark.parametrize("name", OWN)
def test_every_op_and_its_gradients_are_read_back_as_the_same_objects(name: str) -> None:
    count = 0
    for operands, chosen in make_examples(OPS[name]):
        for named in (False, True):
            try:
                outputs = build_with_gradients(OPS[name], operands, chosen, named)
            except (pel.ShapeError, TypeError):
                assert named, f"{name} refuses its own example"
                continue
            if not has_unknown_settings(outputs):  # an unknown dimension equals no other
                assert all(a is b for a, b in zip(reload_with_same_leaves(outputs), outputs, strict=True))
            fresh = from_data(*serialize(outputs))
            assert [str(e) for e in fresh] == [str(e) for e in outputs]
            assert [str(e.type) for e in fresh] == [str(e.type) for e in outputs]
            count += 1
    assert count


def make_networks() -> dict[str, list[Any]]:
    """Return the shape of a sample and the layers of networks of all kinds."""
    return {
        "dense": [(6,), nn.Dense(4, activation="relu"), nn.Dropout(0.5), nn.Dense(2)],
        "convolutional": [(8, 8, 1), nn.Conv2D(3, 3), nn.BatchNormalization(), nn.MaxPooling2D(2), nn.Flatten()],
        "recurrent": [(5, 3), nn.LSTM(4, dropout=0.5, return_sequences=True), nn.Bidirectional(nn.GRU(2))],
        "masked": [(5, 3), nn.Masking(), nn.SimpleRNN(2, return_sequences=True), nn.TimeDistributed(nn.Dense(2))],
    }


@pytest.mark.parametrize("kind", make_networks())
def test_every_kind_of_network_is_read_back_with_its_updates(kind: str) -> None:
    shape, *layers = make_networks()[kind]
    x = h = pel.tensor("x", ("n", *shape))
    for layer in layers:
        h = layer(h)
    loss = (h**2).mean()
    updates = pel.optimizers.Adam(0.01).updates(loss)
    outputs = [h, pel.inference(h), loss, *updates, *updates.values()]
    assert not has_unknown_settings(outputs)
    expected, _ = strip_calls(outputs)  # layer calls are not written
    assert all(a is b for a, b in zip(reload_with_same_leaves(outputs), expected, strict=True))

    back = from_data(*serialize({"x": x, "loss": loss, "updates": updates}))
    assert list(map(str, back["updates"].values())) == list(map(str, updates.values()))
    values = np.random.default_rng(0).normal(size=(3, *shape)).astype("float32")
    train = pel.function([x], loss, updates=updates, mode="numpy")
    same = pel.function([back["x"]], back["loss"], updates=back["updates"], mode="numpy")
    for _ in range(3):  # dropout draws new numbers in each step, and batch normalization updates its averages
        assert train(values) == same(values)
    for a, b in zip(updates, back["updates"], strict=True):
        assert (a.get_value() == b.get_value()).all()
        assert (a.name, a.trainable, a.regularizable, a.trainable_by_default) == (
            b.name,
            b.trainable,
            b.regularizable,
            b.trainable_by_default,
        )


def test_nested_control_flow_is_read_back() -> None:
    x, w = pel.matrix("x", shape=("t", 2)), pel.shared([1.0, 2.0], "w")
    inner = pel.scan(lambda v, s: pel.cond(v.sum() > 0, lambda: s + v * w, lambda: s - 1), x, np.zeros(2, "float32"))
    outputs = [inner, pel.grad(inner.sum(), w)]
    assert all(a is b for a, b in zip(reload_with_same_leaves(outputs), outputs, strict=True))


def test_structure_names_and_leaves_are_read_back() -> None:
    x, W = pel.matrix("x", shape=("n", None)), pel.shared(np.ones((3, 2)), "W", regularizable=False)
    h = pel.named("h", pel.tanh(x @ W))
    back = from_data(*serialize({"all": [h, (h + 1, W)], "x": x}))
    assert back["all"][0].name == "h"
    assert isinstance(back["all"][1], tuple)
    assert isinstance(back["x"].shape[1], Unknown)
    again = back["all"][1][1]
    assert isinstance(again, Shared)
    assert (again.name, again.dtype, again.trainable, again.regularizable) == ("W", "float64", True, False)


@pytest.mark.parametrize(
    "value",
    [np.nan, -np.nan, -0.0, np.inf, 2**53 + 1, np.array([1, np.nan], "float16"), np.arange(40), True, [],
     np.array(1.1, ml_dtypes.bfloat16), np.array(2**63 + 1, "uint64"), np.float64(0.1)],
)  # fmt: skip
def test_constants_keep_every_bit(value: Any) -> None:
    constant = pel.constant(np.asarray(value))
    assert from_data(*serialize(constant)) is constant


def test_shared_variables_keep_their_random_state_and_constraint() -> None:
    rng = pel.random.Generator(3)
    y = rng.normal(size=(2,))
    f, g = pel.function([], y, mode="numpy"), pel.function([], from_data(*serialize(y)), mode="numpy")
    for _ in range(3):
        assert (f() == g()).all()

    w = pel.shared([3.0, 4.0], "w")
    w.constraint = nn.constraints.MaxNorm(1.0)
    back = from_data(*serialize(w))
    assert str(back.constraint(pel.vector("v", (2,)))) == str(w.constraint(pel.vector("v", (2,))))


def test_variables_and_large_constants_of_one_name_keep_their_values() -> None:
    variables = [pel.shared(np.full(3, float(i)), "w") for i in range(4)]
    constants = [pel.constant(np.full(5000, float(i))) for i in range(4)]
    back = from_data(*serialize([*variables, *constants]))
    assert [v.get_value()[0] for v in back[:4]] == [0, 1, 2, 3]
    assert [c.value[0] for c in back[4:]] == [0, 1, 2, 3]


def test_a_long_chain_of_ops() -> None:
    y = x = pel.vector("x")
    for _ in range(2_000):  # more ops than Python recurses
        y = pel.tanh(y) + 1
    assert reload_with_same_leaves([y])[0] is y
    assert x is not y


@pytest.fixture
def custom_op() -> Any:
    """A custom op."""

    @pel.composite()
    def swish_for_storage(x: Any, beta: float = 1.0) -> Any:
        return x * pel.sigmoid(beta * x)

    return swish_for_storage


def test_a_custom_op_must_be_defined_when_the_graph_is_read(custom_op: Any) -> None:
    y = custom_op(pel.vector("x"), beta=2.0)
    data, arrays = serialize(y)
    assert str(from_data(data, arrays)) == "swish_for_storage(x, beta=2.0)"
    del OPS["swish_for_storage"]
    with pytest.raises(
        pel.StorageError, match=r"no op named 'swish_for_storage'.*run the code that defines it, with pe"
    ):
        from_data(data, arrays)
    with pytest.raises(pel.StorageError, match="swish_for_storage is not registered"):
        to_data(y)


def test_values_other_than_expressions_are_refused() -> None:
    with pytest.raises(pel.StorageError, match=r"Expected expressions, or lists.*Received: 3, of type int"):
        to_data([3])
    with pytest.raises(pel.StorageError, match=r"a string or an expression as key of a dictionary. Received: 1"):
        to_data({1: pel.vector("x")})


DATA, ARRAYS = serialize([pel.tanh(pel.matrix("x", ("n", 2)) @ pel.shared(np.ones((2, 3)), "W"))[:, :2].sum(axis=0)])
INPUT, WEIGHT, OP = 0, 2, 4  # entries of DATA: entry 3 is the cast of the input


def with_changes(entry: int | str, **parts: Any) -> Any:
    """Return the data with parts of one entry, or a top-level value, replaced."""
    data = copy.deepcopy(DATA)
    if isinstance(entry, str):
        data[entry] = parts["to"]
    else:
        data["nodes"][entry].update(parts)
    return data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "Expected the data of a graph"),
        ([], "Expected the data of a graph"),
        ({"format": "1", "nodes": []}, "Expected the data of a graph"),
        (with_changes("format", to=2), "Received: format 2; a newer pellucid wrote it"),
        (with_changes("nodes", to=[7]), "Entry 0 of the graph: Expected an op or a leaf. Received: 7"),
        (with_changes("outputs", to=99), "below 7. Received: 99"),
        (with_changes("outputs", to={"list": 3}), "Expected a list of outputs"),
        (with_changes("outputs", to="x"), "Expected the outputs of a graph. Received: 'x'"),
        (with_changes("shared", to=[{"shared": 0}]), "Expected a shared variable. Received: x"),
        (with_changes("shared", to=[3]), "Expected the default update or constraint of a shared variable. Received: 3"),
        (with_changes(OP, op="os.system"), "Entry 4 of the graph: There is no op named 'os.system'"),
        (with_changes(OP, op="tanhh"), "no op named 'tanhh'. Did you mean 'tanh'"),
        (with_changes(OP, op=["tanh"]), "no op named"),
        (with_changes(OP, inputs=[]), "tanh takes 1 operands. Received: 0"),
        (with_changes(OP, inputs=[OP]), "number of an earlier entry, below 4. Received: 4"),
        (with_changes(OP, inputs=[-1]), "number of an earlier entry, below 4. Received: -1"),
        (with_changes(OP, inputs=[True]), "number of an earlier entry"),
        (with_changes(OP, inputs="0"), "Expected a list of inputs"),
        (with_changes(OP, settings={"code": 1}), "tanh has the settings none. Received: {'code': 1}"),
        (with_changes(OP, types=[["float32", [7]]]), "was float32 \\(7,\\), and is float64"),
        (with_changes(OP, types=[]), "and is float64"),
        (with_changes(OP, name=3), "Expected a name. Received: 3"),
        (with_changes(OP, more=3), "Expected inputs, op, types"),
        (with_changes(5, settings={"index": {"code": 1}}), "Expected a setting. Received: {'code': 1}"),
        (
            with_changes(5, settings={"index": [1, 1, 1]}),
            "Entry 5 of the graph: slice cannot be applied",
        ),
        (with_changes(5, settings={"index": {"body": 3}}), "Expected a subgraph"),
        (
            with_changes(5, settings={"index": {"body": {"inputs": [1], "outputs": [1]}}}),
            "Expected inputs of a subgraph",
        ),
        (with_changes(INPUT, type=["float32", ["n", -1]]), "Expected a dimension, a size or a name. Received: -1"),
        (with_changes(INPUT, type=["float32", ["n", 10**30]]), "Expected a dimension"),
        (with_changes(INPUT, type=["float32"]), "Expected a type"),
        (with_changes(INPUT, type=["object", []]), "Expected a dtype of real numbers"),
        (with_changes(INPUT, type=["f4, f8", []]), "Expected the name of a dtype"),
        (with_changes(INPUT, type=["floot32", []]), "Did you mean 'float32'"),
        (with_changes(INPUT, leaf="module"), "Expected an input, a shared variable or a constant. Received: 'module'"),
        (with_changes(WEIGHT, value="V"), "Its value, the array 'V', is missing"),
        (
            with_changes(WEIGHT, type=["float64", [2, 4]]),
            r"Expected a value that is float64 \(2, 4\). Received: float64 \(2, ",
        ),
        (
            with_changes(WEIGHT, tags=["evil"]),
            "Expected tags out of trainable, regularizable, trainable_by_default. Received: \\['evil'\\]",
        ),
    ],
)
def test_invalid_data_are_refused(data: Any, message: str) -> None:
    with pytest.raises(pel.StorageError, match=message):
        from_data(data, ARRAYS)


def test_deeply_nested_outputs_are_refused() -> None:
    deep: Any = 0
    for _ in range(100_000):
        deep = {"list": [deep]}
    with pytest.raises(pel.StorageError, match="nested too deeply"):
        from_data({**DATA, "outputs": deep}, ARRAYS)
    while isinstance(deep, dict):  # Python would free it recursively
        deep = deep.pop("list")[0]


def iterate_paths(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the paths to all values in nested data."""
    yield path
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in parts:
        yield from iterate_paths(value, (*path, key))


RICH, RICH_ARRAYS = serialize(
    pel.grad(pel.scan(lambda v, s: pel.tanh(s * 2 + v[1:]), pel.matrix("x", (3, 3)), pel.shared([1.0, 2.0], "s")).sum(),
             pel.shared(1.0, "w"), disconnected="zero")
)  # fmt: skip
PATHS = [path for path in iterate_paths(RICH) if path]
MARKS = ["op", "dtype", "slice", "number", "body", "unknown", "leaf", "list"]
WORDS = ["n", "", "tanh", "float64"]
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-3, 40)
    | st.integers()
    | st.floats(allow_subnormal=False)
    | st.sampled_from(WORDS)
)
ANYTHING = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MARKS), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from(PATHS), ANYTHING)
def test_data_with_any_change_are_read_or_refused(path: tuple[Any, ...], value: Any) -> None:
    data = copy.deepcopy(RICH)
    inside = data
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    with contextlib.suppress(pel.StorageError):
        from_data(data, RICH_ARRAYS)
