"""`.keras` files: whole models that Keras wrote are read, Keras reads ours, and hostile files are refused."""

from __future__ import annotations

import copy
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.interop.keras_files import keras_file
from pellucid.interop.keras_files.compile_config import NOT_IN_KERAS as PARTS_NOT_IN_KERAS
from pellucid.interop.keras_files.tables import NOT_IN_KERAS, OPERATION_SETTINGS, WRITTEN_AS_OPERATIONS, get_operation
from pellucid.model.object_config import get_classes
from pellucid.nn import layers
from pellucid.nn.optimizers import Optimizer
from tests.interop.keras_architectures import ARCHITECTURES, GOLDEN, randomize
from tests.nn.layer_rows import LAYERS, Row, make_data

pytestmark = pytest.mark.usefixtures("interpret_functions")

pytest.importorskip("h5py")
IDENTITY = SimpleNamespace(init=lambda params: (), update=lambda g, state, params: (g, state))
"""Gradient transformation of optax, which no file can hold."""

SAVED = Path(__file__).parents[1] / "saving" / "golden"

ROWS = {key: row for key, row in LAYERS.items() if type(row.make()) in get_classes(layers).values()}
ROWS = {key: row for key, row in ROWS.items() if type(row.make()).__name__ not in NOT_IN_KERAS}


def predict(model: Any, data: Any) -> list[np.ndarray]:
    """Return the outputs of a model, computed by the interpreter."""
    names = model.input_names
    values = [data[name] for name in names] if isinstance(data, dict) else data
    values = values if isinstance(values, list) else [values]
    found = pel.function(model.inputs, [pel.inference(e) for e in model.outputs], mode="numpy")(*values)
    return list(found)


def flatten(outputs: Any) -> list[np.ndarray]:
    return list(outputs.values()) if isinstance(outputs, dict) else outputs if isinstance(outputs, list) else [outputs]


def check_equal(found: Any, expected: Any, tolerance: float = 2e-5) -> None:
    for a, b in zip(flatten(found), flatten(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def make_model(row: Row) -> Any:
    """Return a model of one layer with random weights."""
    layer, rng = row.make(), np.random.default_rng(0)
    kind = "int32" if row.vocabulary else None
    inputs = [nn.Input(shape, dtype=kind, name=f"x{i}") for i, shape in enumerate(row.shapes)]
    x = [nn.Masking(-0.5)(inputs[0]) if row.masked else inputs[0], *inputs[1:]]
    y = layer(x if layer.merges else x[0], **row.kwargs)
    model = pel.Model(inputs if len(inputs) > 1 else inputs[0], list(y) if isinstance(y, (list, tuple)) else y)
    for p in model.parameters:
        value = rng.normal(0, 0.5, p.shape)
        p.set_value((abs(value) + 0.5 if "variance" in str(p.name) else value).astype("float32"))
    return model


def make_masked_data(row: Row) -> Any:
    data = make_data(row)
    if row.masked:
        data[0][0, -2:] = data[0][1, -1:] = -0.5
    return data if len(data) > 1 else data[0]


# Files that pellucid wrote


@pytest.mark.parametrize("key", ROWS)
def test_a_saved_layer_predicts_the_same(key: str, tmp_path: Path) -> None:
    model, data = make_model(ROWS[key]), make_masked_data(ROWS[key])
    model.save(tmp_path / "m.keras")
    again = pel.load_model(tmp_path / "m.keras")
    kept = [layer for layer in model.layers if type(layer).__name__ not in WRITTEN_AS_OPERATIONS]
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in kept]
    assert [layer.name for layer in again.layers[-1:]] == [layer.name for layer in kept[-1:]]
    check_equal(predict(again, data), predict(model, data), 1e-6)


def make_graph() -> Any:
    """Return a model of several inputs, a shared layer, a nested model and operations between layers."""
    a, b = nn.Input((5, 4), name="a"), nn.Input((3,), name="b")
    q = nn.Input((3,), name="q")
    nested = pel.Model(q, [nn.Dense(2, name="one")(q), nn.Dense(3, name="two")(q)], name="inner")
    shared = nn.Dense(3, activation="tanh", name="shared")
    h = nn.GRU(3, return_sequences=True, name="memory")(a)
    pooled = shared(pel.maximum(h[:, 0] - h[:, -1], -0.5)) + shared(b) * 2.0
    first, second = nested(pooled / 3)
    other, _ = nested(b)
    joined = pel.concatenate([first, pel.softmax(other), pel.exp(second).mean(axis=1, keepdims=True)], axis=1)
    chain = pel.Sequential([nn.Input((5,)), nn.BatchNormalization(), nn.Dropout(0.5), nn.Dense(2)], name="chain")
    return pel.Model([a, b], {"kind": chain(joined), "size": nn.Dense(1, name="size")(pel.reshape(h, (-1, 15)))})


def draw_inputs(model: Any) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(2, *e.shape[1:])).astype("float32") for e in model.inputs]


def test_a_functional_model_is_read_as_it_was(tmp_path: Path) -> None:
    model = make_graph()
    model.get_layer("memory").trainable = False
    model.save(tmp_path / "m.KERAS")
    again = pel.load_model(tmp_path / "m.KERAS")
    data = draw_inputs(model)
    check_equal(predict(again, data), predict(model, data), 1e-6)
    assert (again.input_names, again.output_names) == (["a", "b"], ["kind", "size"])
    assert {layer.name for layer in again.layers} == {layer.name for layer in model.layers}
    assert not again.get_layer("memory").trainable
    assert again.get_layer("shared").trainable
    assert not again.is_compiled
    again.save(tmp_path / "again.pel")
    check_equal(predict(pel.load_model(tmp_path / "again.pel"), data), predict(model, data), 1e-6)


def test_the_compile_configuration_and_the_state_of_the_optimizer_are_read(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 16, 3)).astype("float32")
    model = pel.Sequential([nn.Input((3,)), nn.Dense(4, activation="tanh"), nn.Dense(3)])
    model.compile(
        nn.optimizers.Adam(nn.schedules.ExponentialDecay(0.1, 2, 0.5), amsgrad=True, clipnorm=1.0),
        nn.losses.Huber(0.7),
        metrics=["mae", nn.metrics.RootMeanSquaredError(name="off"), nn.metrics.TopKCategoricalAccuracy(k=2)],
        weighted_metrics=["mse"],
    )
    model.fit(x, y, epochs=2, verbose=0, seed=0)
    model.save(tmp_path / "m.keras")
    again = pel.load_model(tmp_path / "m.keras")
    assert repr(again.optimizer) == repr(model.optimizer)
    assert repr(again.compile_config.loss) == "Huber(delta=0.7)"
    assert again.evaluate(x, y, return_dict=True) == pytest.approx(model.evaluate(x, y, return_dict=True))
    assert "off" in again.evaluate(x, y, return_dict=True)
    for each in (model, again):
        each.fit(x, y, epochs=1, shuffle=False, verbose=0)
    check_equal(again.get_weights(), model.get_weights(), 1e-6)


def test_losses_of_several_outputs_are_read(tmp_path: Path) -> None:
    model = make_graph()
    model.compile(
        nn.optimizers.SGD(0.25),
        {"kind": nn.losses.CategoricalCrossentropy(from_logits=True), "size": "mse"},
        {"kind": 0.5},
        metrics={"size": ["mae"], "kind": [nn.metrics.AUC(num_thresholds=10)]},
    )
    model.optimizer.learning_rate = 0.125
    model.save(tmp_path / "m.keras")
    again = pel.load_model(tmp_path / "m.keras")
    assert again.optimizer.learning_rate == 0.125
    found, expected = (m.compile_config.for_outputs(m.output_names) for m in (again, model))
    assert [(o.name, repr(o.loss), o.loss_weight, list(o.metrics)) for o in found] == [
        (o.name, repr(o.loss), o.loss_weight, list(o.metrics)) for o in expected
    ]
    assert found[0].metrics["auc"].arguments["num_thresholds"] == 10


def test_layers_of_equal_names_get_unique_ones(tmp_path: Path) -> None:
    x = nn.Input((3,), name="same")
    model = pel.Model(x, nn.Dense(2, name="same")(nn.Dense(4, name="a/b")(x)), name="some/thing")
    model.save(tmp_path / "m.keras")
    again = pel.load_model(tmp_path / "m.keras")
    assert [again.name, *(layer.name for layer in again.layers)] == ["some_thing", "a_b", "same_1"]
    data = draw_inputs(model)
    check_equal(predict(again, data), predict(model, data), 1e-6)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_dtypes_are_read(dtype: str, tmp_path: Path) -> None:
    x = nn.Input((3,), dtype=dtype)
    model = pel.Model(x, nn.Dense(2)(nn.ReLU()(x)))
    model.save(tmp_path / "m.keras")
    again = pel.load_model(tmp_path / "m.keras")
    assert [p.dtype.name for p in again.parameters] == [dtype] * 2
    for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_of_a_class_of_the_user_is_a_functional_model_in_keras(tmp_path: Path) -> None:
    class Mine(pel.Model):
        pass

    q, x = nn.Input((3,)), nn.Input((3,))
    model = Mine(x, Mine(q, nn.Dense(2)(q))(x))
    model.save(tmp_path / "m.keras")
    again = pel.load_model(tmp_path / "m.keras")
    assert [type(m) for m in (again, again.layers[0])] == [pel.Model] * 2
    data = draw_inputs(model)
    check_equal(predict(again, data), predict(model, data), 1e-6)


def refuse_to_save(model: Any, message: str, folder: Path) -> None:
    with pytest.raises(pel.ModelError, match=message):
        model.save(folder / "m.keras")
    assert not (folder / "m.keras").exists()


def test_models_that_keras_cannot_express_are_refused(tmp_path: Path) -> None:
    x = nn.Input((4,), name="x")
    refuse_to_save(
        pel.Sequential([x, nn.Maxout(2, name="most")]), "Keras has no layer Maxout, the class of m", tmp_path
    )
    own = pel.Sequential([x, nn.Lambda(lambda e: e * 2, name="twice")])
    refuse_to_save(own, r"Keras has no layer Lambda, the class of twice. model.save\('name.pel'\)", tmp_path)
    odd = pel.Sequential([x, nn.Dense(2, activation=lambda e: e**2, name="odd")])
    refuse_to_save(odd, "odd: activation=.* has no registered name", tmp_path)
    w = pel.shared(np.ones(4, "float32"), "w")
    refuse_to_save(pel.Model(x, x * w, name="net"), "net: a .keras file cannot hold the variable w between", tmp_path)
    sort = pel.Model(x, pel.sort(x), name="net")
    refuse_to_save(sort, r"net: a .keras file cannot hold the operation sort\(x.* between the layers", tmp_path)
    table = np.arange(120_000.0, dtype="float32").reshape(30_000, 4)
    large = pel.Model(x, pel.matmul(x, table.T), name="net")
    refuse_to_save(large, "net: a constant of 120,000 elements between the layers is too large", tmp_path)
    dense = nn.Dense(4, name="again")
    twice = pel.Sequential([x, dense, dense], name="net")
    refuse_to_save(twice, "again is twice in net, a Sequential, which Keras does not allow", tmp_path)
    with pytest.raises(pel.ModelError, match="is not built"):
        pel.Sequential([nn.Dense(2)]).save(tmp_path / "m.keras")


@pytest.mark.parametrize(
    ("optimizer", "loss", "reason"),
    [
        (nn.optimizers.SGD(nn.schedules.StepDecay(0.1, 2)), "mse", "Keras has no StepDecay, the optimizer of the mod"),
        (nn.optimizers.Optax(IDENTITY), "mse", "Keras has no Optax, the optimizer of the model"),
        (nn.optimizers.Nadam(0.1), "mse", "The state of Nadam cannot be written"),
        (nn.optimizers.SGD(0.1, multipliers={"w": 2.0}), "mse", "Keras's SGD has no multipliers"),
        ("sgd", lambda t, y: (t - y).mean(axis=-1), "loss=.* has no registered name"),
        ("sgd", "binary_hinge", "Keras has no binary_hinge, the loss of the model"),
    ],
)
def test_what_keras_cannot_compile_is_left_out(optimizer: Any, loss: Any, reason: str, tmp_path: Path) -> None:
    model = pel.Sequential([nn.Input((4,)), nn.Dense(1)])
    model.compile(optimizer, loss)
    with pytest.warns(pel.StorageWarning, match=rf"m\.keras: the compile configuration is left out\. .*{reason}"):
        model.save(tmp_path / "m.keras")
    again = pel.load_model(tmp_path / "m.keras")
    assert not again.is_compiled
    check_equal(again.get_weights(), model.get_weights(), 0)


def test_export_writes_the_same_file(tmp_path: Path) -> None:
    model = make_graph()
    model.export(tmp_path / "m.keras", "keras")
    data = draw_inputs(model)
    check_equal(predict(pel.load_model(tmp_path / "m.keras"), data), predict(model, data), 1e-6)


# Files that Keras wrote


@pytest.mark.parametrize("name", ["attention", "convolutional", "recurrent", "tangled"])
def test_models_of_keras_are_read_whole(name: str) -> None:
    model = pel.load_model(SAVED / f"{name}.keras")
    if name in ("attention", "tangled"):
        with np.load(SAVED / f"{name}.npz") as golden:
            check_equal(predict(model, golden["x"]), golden["y"])
        assert repr(model.optimizer).startswith("Adam(")
        assert int(model.optimizer.iterations.get_value()) == 1
    else:
        shape = {"convolutional": (3, 8, 6, 2), "recurrent": (3, 6)}[name]
        rng = np.random.default_rng(0)
        x = rng.integers(0, 7, shape).astype("int32") if name == "recurrent" else rng.normal(size=shape)
        check_equal(
            predict(model, np.asarray(x, "int32" if name == "recurrent" else "float32")), np.load(SAVED / f"{name}.npy")
        )


def test_a_trained_model_of_keras_goes_on_as_in_keras() -> None:
    model = pel.load_model(GOLDEN)
    with np.load(GOLDEN.with_suffix(".npz")) as golden:
        words, tags = golden["words"], golden["tags"]
        check_equal(model.predict(words), golden["predicted"])
        np.testing.assert_allclose(model.evaluate(words, tags), golden["metrics"], rtol=1e-5)
        model.fit(words, tags, verbose=0)
        check_equal(model.predict(words), golden["later"])
        assert np.abs(golden["later"] - golden["predicted"]).max() > 1e-3


# Custom code, and what pellucid does not have

CONFIG = json.loads(zipfile.ZipFile(SAVED / "convolutional.keras").read("config.json"))


def write_config(path: Path, config: Any, weights: bytes | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
        if weights is None:
            weights = zipfile.ZipFile(SAVED / "convolutional.keras").read("model.weights.h5")
        archive.writestr("model.weights.h5", weights)
    return path


def make_layer(class_name: str, **settings: Any) -> dict[str, Any]:
    return {"module": "keras.layers", "class_name": class_name, "config": {"name": "it", **settings}}


INPUT = make_layer("InputLayer", batch_shape=[None, 4], dtype="float32")


def make_sequential(*parts: Any) -> dict[str, Any]:
    return {"class_name": "Sequential", "config": {"name": "net", "layers": [INPUT, *parts]}}


def refuse(path: Path, config: Any, message: str, **options: Any) -> None:
    with pytest.raises(pel.StorageError, match=message):
        pel.load_model(write_config(path, config), **options)


SIGN = {"class_name": "__lambda__", "config": {"code": "4wEAAAAA", "defaults": None, "closure": None}}

LAYERS_TO_REFUSE: dict[str, tuple[dict[str, Any], str]] = {
    "unknown class": (
        make_layer("Dens", units=3),
        r"the layer 'it', a Dens: pellucid has no layer 'Dens'. Did you mea",
    ),
    "class of Keras": (make_layer("ConvLSTM2D"), "pellucid has no layer 'ConvLSTM2D'.*custom_objects={'ConvLSTM2D': "),
    "lambda": (make_layer("Lambda", function=SIGN), "'it' is a Lambda, whose Python code pellucid never runs"),
    "function": (make_layer("Activation", activation=SIGN), "activation contains '__lambda__', which pellucid never"),
    "option": (
        make_layer("Dense", units=3, activity_regularizer={"class_name": "L2", "config": {}}),
        r"the layer 'it', a Dense: pellucid's Dense has no option activity_regularizer=\{'class_name': 'L2'",
    ),
    "misspelled option": (make_layer("Dense", unit=3), r"has no option unit=3. Did you mean 'units'\?"),
    "channels first": (make_layer("Flatten", data_format="channels_first"), "no option data_format='channels_first'"),
    "stateful": (make_layer("LSTM", units=3, stateful=True), "pellucid's LSTM has no option stateful=True"),
    "policy": (
        make_layer("Dense", units=3, dtype="mixed_float16"),
        "the layer 'it', a Dense: its dtype is 'mixed_float16' in Keras. Here it is float32, that",
    ),
    "value": (make_layer("Dense", units=-3), "the layer 'it', a Dense: .*units"),
    "number": (make_layer("Dense", units=10**40), "expected units below 2,147,483,648"),
    "size": (make_layer("Dense", units=2**30), r"the parameter it/kernel takes .* bytes"),
    "function of Keras": (
        make_layer("Activation", activation={"class_name": "function", "config": "bent", "module": "builtins"}),
        "activation is the function 'bent', which pellucid does not have",
    ),
    "initializer": (
        make_layer(
            "Dense", units=2, kernel_initializer={"module": "keras.initializers", "class_name": "STFT", "config": {}}
        ),
        "pellucid has no initializer 'STFT'",
    ),
    "no config": ({"class_name": "Dense"}, "expected the config of a layer"),
    "no name": ({"class_name": "Dense", "config": {"units": 3}}, "expected the name of a layer. Received: None"),
    "own model": ({"class_name": "Mine", "config": {"name": "it"}}, "pellucid has no layer 'Mine'"),
    "input": (make_layer("InputLayer", batch_shape="wide"), "the input 'it': expected a batch_shape. Received: 'wide'"),
    "sparse": (make_layer("InputLayer", batch_shape=[2], sparse=True), "pellucid has no option sparse=True"),
}


@pytest.mark.parametrize("key", LAYERS_TO_REFUSE)
def test_layers_that_pellucid_does_not_have_are_named(key: str, tmp_path: Path) -> None:
    config, message = LAYERS_TO_REFUSE[key]
    refuse(tmp_path / "m.keras", make_sequential(config), rf"Cannot read .*m\.keras: .*{message}")


def test_custom_objects_replace_code(tmp_path: Path) -> None:
    class Twice(nn.Layer):
        def __init__(self, times: float = 2.0, name: str | None = None) -> None:
            super().__init__(name)
            self.times = times

        def call(self, x: Any) -> Any:
            return self.times * x

    twice = {
        "module": None,
        "class_name": "Twice",
        "config": {"name": "t", "times": 3.0},
        "registered_name": "own>Twice",
    }
    bent = {"class_name": "function", "config": "bent", "module": "builtins", "registered_name": "own>bent"}
    activation = make_layer("Activation", activation=bent)
    config = make_sequential(
        twice, {**make_layer("Lambda", function=SIGN), "config": {"name": "l", "function": SIGN}}, activation
    )
    path = write_config(tmp_path / "m.keras", config, make_empty_weights(tmp_path))
    known = {"own>Twice": Twice, "l": lambda x: x + 1, "own>bent": lambda x: x * 10}
    model = pel.load_model(path, custom_objects=known)
    check_equal(predict(model, np.ones((1, 4), "float32")), [np.full((1, 4), 40.0)])
    with pytest.raises(pel.StorageError, match="expected a layer class in custom_objects"):
        pel.load_model(path, custom_objects={**known, "own>Twice": 3})


def make_empty_weights(folder: Path) -> bytes:
    import h5py

    h5py.File(folder / "empty.h5", "w").close()
    return (folder / "empty.h5").read_bytes()


def test_an_optimizer_that_pellucid_does_not_have_leaves_the_model_uncompiled(tmp_path: Path) -> None:
    config = copy.deepcopy(CONFIG)
    muon = {"module": "keras.optimizers", "class_name": "Muon", "config": {"name": "muon"}}
    config["compile_config"] = {"optimizer": muon, "loss": "mse"}
    path = write_config(tmp_path / "m.keras", config)
    with pytest.warns(pel.StorageWarning, match=r"m\.keras: .*no optimizer 'Muon'.* The model is not compiled"):
        assert not pel.load_model(path).is_compiled
    own = type("Muon", (nn.optimizers.SGD,), {})
    model = pel.load_model(path, custom_objects={"Muon": own})
    assert isinstance(model.optimizer, own)


def test_state_of_another_optimizer_is_left_out(tmp_path: Path) -> None:
    config = json.loads(zipfile.ZipFile(GOLDEN).read("config.json"))
    weights = zipfile.ZipFile(GOLDEN).read("model.weights.h5")
    config["compile_config"]["optimizer"]["class_name"] = "Adadelta"
    del config["compile_config"]["optimizer"]["config"]["momentum"]
    del config["compile_config"]["optimizer"]["config"]["nesterov"]
    path = write_config(tmp_path / "m.keras", config, weights)
    with pytest.warns(
        pel.StorageWarning, match=r"expected the 14 variables of Adadelta\. Received: 8, .*starts without it"
    ):
        model = pel.load_model(path)
    assert isinstance(model.optimizer, nn.optimizers.Adadelta)


def change_tagger(change: Callable[[dict[str, Any]], Any]) -> Any:
    """Return the config of the tagger after a change to its layers by name."""
    config = json.loads(zipfile.ZipFile(GOLDEN).read("config.json"))
    change({layer["name"]: layer for layer in config["config"]["layers"]})
    return config


def get_history(layer: Any) -> list[Any]:
    history: list[Any] = layer["inbound_nodes"][0]["args"][0]["config"]["keras_history"]
    return history


GRAPHS_TO_REFUSE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "cycle": (lambda named: get_history(named["word"]).__setitem__(0, "tag"), "its layers form a cycle through"),
    "no layer": (
        lambda named: get_history(named["tag"]).__setitem__(0, "nowhere"),
        "there is no layer 'nowhere' with 1",
    ),
    "no call": (lambda named: get_history(named["tag"]).__setitem__(1, 3), "with 4 calls"),
    "no result": (lambda named: get_history(named["tag"]).__setitem__(2, 7), "there is no result 7 of call 0 of"),
    "history": (lambda named: get_history(named["tag"]).pop(), "expected the name of a layer and two numbers"),
    "old": (lambda named: named["tag"].update(inbound_nodes=[[["memory", 0, 0, {}]]]), "it was written by Keras 2"),
    "operation": (
        lambda named: named["multiply"].update(class_name="Multipy"),
        "cannot read the operation 'Multipy' b",
    ),
    "setting": (
        lambda named: named["multiply"]["config"].update(axis=3),
        "pellucid's Multiply has no option 'axis'=3",
    ),
    "arguments": (
        lambda named: named["tag"]["inbound_nodes"][0]["args"].append(3),
        "the layer 'tag', a Dense: expected one argument of its call. Received: 2",
    ),
    "mask": (
        lambda named: named["memory"]["inbound_nodes"][0]["kwargs"].update(mask=None),
        "its input has a mask in pellucid and none in Keras",
    ),
    "names": (lambda named: named["tag"].update(name="memory"), "two layers have the name 'memory'"),
}


@pytest.mark.parametrize("key", GRAPHS_TO_REFUSE)
def test_damaged_graphs_are_refused(key: str, tmp_path: Path) -> None:
    change, message = GRAPHS_TO_REFUSE[key]
    refuse(tmp_path / "m.keras", change_tagger(change), message)


def test_archives_that_hold_no_model_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.keras"
    model = pel.Sequential([nn.Input((4,)), nn.Dense(3)])
    model.save_weights(path)
    with pytest.raises(pel.StorageError, match=r"it has weights and no model. Read it with model.load_weights"):
        pel.load_model(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other", "")
    with pytest.raises(pel.StorageError, match="it has no model of Keras 3"):
        pel.load_model(path)
    refuse(path, "[" * 100_000, "its config is nested too deeply")
    refuse(path, "{", "its config is damaged")
    refuse(path, {"class_name": "Mine", "config": {}}, "expected a Sequential or a functional model. Received: 'Mine'")
    deep: Any = make_layer("Flatten")
    for _ in range(40):
        deep = make_sequential(deep)
    refuse(path, deep, "its layers are nested in more than 30 levels")
    monkeypatch.setattr(keras_file, "MAX_CONFIG_BYTES", 1000)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", " " * 10_000_000)
    with pytest.raises(
        pel.StorageError, match=r"its config\.json takes 10,000,000 bytes, more than the limit of 1,000"
    ):
        pel.load_model(path)
    with pytest.raises(FileNotFoundError):
        pel.load_model(tmp_path / "nowhere.keras")


def test_every_operation_in_the_table_is_a_function() -> None:
    assert [name for name in OPERATION_SETTINGS if get_operation(name) is None] == []


# Comparisons with Keras

KERAS_WARNINGS = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

DIFFERENT_IN_KERAS = {
    "RandomCrop": "in inference Keras does not crop",
    "MultiHeadAttention": "masked queries, whose results are of no use, attend to all keys in Keras and to others here",
}


@pytest.mark.peer
@KERAS_WARNINGS
@pytest.mark.parametrize("key", sorted(set(ROWS) - set(DIFFERENT_IN_KERAS)))
def test_every_layer_agrees_with_keras_in_both_directions(key: str, tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    model, data = make_model(ROWS[key]), make_masked_data(ROWS[key])
    model.save(tmp_path / "m.keras")
    theirs = keras.models.load_model(tmp_path / "m.keras")
    expected = theirs.predict(data, verbose=0)
    check_equal(predict(model, data), expected)
    theirs.save(tmp_path / "again.keras")
    check_equal(predict(pel.load_model(tmp_path / "again.keras"), data), expected)


@pytest.mark.peer
@KERAS_WARNINGS
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_whole_models_agree_with_keras_in_both_directions(name: str, tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    theirs, data = ARCHITECTURES[name](keras)
    randomize(theirs)
    expected = theirs.predict(data, verbose=0)
    theirs.save(tmp_path / "m.keras")
    model = pel.load_model(tmp_path / "m.keras")
    check_equal(predict(model, data), expected)
    model.save(tmp_path / "again.keras")
    again = keras.models.load_model(tmp_path / "again.keras")
    check_equal(again.predict(data, verbose=0), expected)
    check_equal(predict(pel.load_model(tmp_path / "again.keras"), data), expected)
    assert model.is_compiled == again.compiled == theirs.compiled
    if theirs.compiled:
        targets = [np.ones_like(y) if y.shape[-1] != 3 else np.zeros(len(y), int) for y in flatten(expected)]
        y = targets if len(targets) > 1 else targets[0]
        if name != "branches":  # Keras takes no targets for an output without a loss
            found = [m.evaluate(data, y, verbose=0) for m in (theirs, model, again)]
            np.testing.assert_allclose(found[1:], [found[0]] * 2, rtol=1e-4)
        assert [type(o).__name__ for o in (model.optimizer, again.optimizer)] == [type(theirs.optimizer).__name__] * 2


OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "SGD": ("SGD", {"learning_rate": 0.1}),
    "SGD, momentum": ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    "SGD, accumulation": ("SGD", {"learning_rate": 0.1, "gradient_accumulation_steps": 2}),
    "Adadelta": ("Adadelta", {"learning_rate": 0.1}),
    "Adagrad": ("Adagrad", {"learning_rate": 0.1}),
    "Adam": ("Adam", {"learning_rate": 0.01, "amsgrad": True}),
    "Adamax": ("Adamax", {"learning_rate": 0.01}),
    "AdamW": ("AdamW", {"learning_rate": 0.01, "weight_decay": 0.0}),
    "Ftrl": ("Ftrl", {"learning_rate": 0.1}),
    "Lamb": ("Lamb", {"learning_rate": 0.01}),
    "Lion": ("Lion", {"learning_rate": 0.01}),
    "RMSprop": ("RMSprop", {"learning_rate": 0.01, "momentum": 0.5, "centered": True}),
}


@pytest.mark.peer
@KERAS_WARNINGS
@pytest.mark.parametrize("key", OPTIMIZERS)
def test_training_continues_as_in_keras(key: str, tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    kind, settings = OPTIMIZERS[key]
    x, y = np.random.default_rng(0).normal(size=(2, 16, 3)).astype("float32")
    theirs = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(3)])
    theirs.compile(getattr(keras.optimizers, kind)(**settings), "mse")
    theirs.fit(x, y, batch_size=16, epochs=3, verbose=0)
    theirs.save(tmp_path / "m.keras")
    model = pel.load_model(tmp_path / "m.keras")
    for each in (theirs, model):
        each.fit(x, y, batch_size=16, epochs=2, verbose=0)
    check_equal(model.get_weights(), theirs.get_weights(), 1e-5)
    model.save(tmp_path / "again.keras")
    again = keras.models.load_model(tmp_path / "again.keras")
    for each in (theirs, again):
        each.fit(x, y, batch_size=16, verbose=0)
    check_equal(again.get_weights(), theirs.get_weights(), 1e-5)


@pytest.mark.peer
def test_names_that_keras_does_not_have() -> None:
    keras = pytest.importorskip("keras")
    assert {name for name in get_classes(layers) if not hasattr(keras.layers, name)} == NOT_IN_KERAS
    homes = {
        nn.metrics: keras.metrics,
        nn.losses: keras.losses,
        nn.initializers: keras.initializers,
        nn.regularizers: keras.regularizers,
        nn.constraints: keras.constraints,
        nn.optimizers: keras.optimizers,
        nn.schedules: keras.optimizers.schedules,
    }
    missing = {name for own, theirs in homes.items() for name in get_classes(own) if not hasattr(theirs, name)}
    missing |= {
        n
        for n in nn.losses.NAMED
        if n not in ("bce", "kld", "logcosh", "mae", "mape", "mse", "msle") and not hasattr(keras.losses, n)
    }
    missing |= {name for name in nn.activations.NAMED if not hasattr(keras.activations, name)} - {"hard_swish", "swish"}
    assert (
        missing - {"Schedule", "StreamingMetric", "ThresholdMetric", "Metric", Optimizer.__name__} == PARTS_NOT_IN_KERAS
    )
