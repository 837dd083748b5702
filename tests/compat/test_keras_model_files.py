"""Models that genuine Keras 1 saved, as JSON and as HDF5 files, built here as Keras 1.2.2 writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.compat.keras import layers, models

h5py = pytest.importorskip("h5py")
pytestmark = pytest.mark.usefixtures("engine")

rng = np.random.default_rng(0)
X = rng.normal(size=(5, 3)).astype("float32")
NONE = dict.fromkeys(["W_regularizer", "b_regularizer", "U_regularizer", "activity_regularizer", "W_constraint"])


def describe(kind: str, name: str, **options: Any) -> dict[str, Any]:
    """Return the description of a layer."""
    return {"class_name": kind, "config": {"name": name, "trainable": True, **options}}


def dense(name: str, units: int, activation: str = "linear", **options: Any) -> dict[str, Any]:
    given = {"output_dim": units, "init": "glorot_uniform", "activation": activation, "bias": True, "input_dim": None}
    return describe("Dense", name, **{**given, **NONE, "b_constraint": None, **options})


def connect(spec: dict[str, Any], *calls: list[list[Any]]) -> dict[str, Any]:
    """Return a layer of a graph, and the outputs that its calls take."""
    name = spec["name"] if "name" in spec else spec["config"]["name"]
    return {**spec, "name": name, "inbound_nodes": list(calls)}


def describe_input(name: str, size: int, dtype: str = "float32") -> dict[str, Any]:
    options = {"name": name, "batch_input_shape": [None, size], "input_dtype": dtype, "sparse": False}
    return connect({"class_name": "InputLayer", "config": options})


def describe_merge(name: str, **options: Any) -> dict[str, Any]:
    unused = {"output_shape": None, "output_shape_type": "raw", "output_mask": None, "output_mask_type": "raw"}
    config = {"name": name, "mode": "concat", "mode_type": "raw", "concat_axis": -1, "dot_axes": -1, "arguments": {}}
    return {"class_name": "Merge", "config": config | unused | options}


def describe_sequential(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": "Sequential", "keras_version": "1.2.2", "config": list(parts)}


FIRST = {"batch_input_shape": [None, 3], "input_dtype": "float32"}
PENALTY, BOUND = {"name": "L1L2Regularizer", "l1": 0.0, "l2": 0.5}, {"name": "MaxNorm", "m": 2, "axis": 0}
CHAIN = describe_sequential(
    dense("dense_1", 4, "tanh", **FIRST, W_regularizer=PENALTY, W_constraint=BOUND),
    describe("Dropout", "dropout_1", p=0.5),
    dense("dense_2", 2, "softmax"),
)
WEIGHTS = {"dense_1": [rng.normal(size=(3, 4)), rng.normal(size=4)], "dropout_1": []}
WEIGHTS["dense_2"] = [rng.normal(size=(4, 2)), rng.normal(size=2)]
SETTINGS = {
    "optimizer_config": {"class_name": "SGD", "config": {"lr": 0.5, "momentum": 0.0, "decay": 0.0, "nesterov": False}},
    "loss": "categorical_crossentropy", "metrics": ["accuracy"], "sample_weight_mode": None, "loss_weights": None,
}  # fmt: skip


def softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


def write(path: Path, model: Any, weights: dict[str, list[np.ndarray]], settings: Any = None) -> Path:
    """Write a file as ``model.save`` of Keras 1 did."""
    with h5py.File(path, "w") as store:
        store.attrs["keras_version"] = b"1.2.2"
        if model:
            store.attrs["model_config"] = json.dumps(model).encode()
        if settings:
            store.attrs["training_config"] = json.dumps(settings).encode()
        root = store.create_group("model_weights")
        root.attrs["layer_names"] = [name.encode() for name in weights]
        for name, arrays in weights.items():
            group = root.create_group(name)
            group.attrs["weight_names"] = [f"{name}_{i}:0".encode() for i in range(len(arrays))]
            for key, array in zip(group.attrs["weight_names"], arrays, strict=True):
                group[key] = array
    return path


def test_a_chain_is_loaded_and_compiled(tmp_path: Path) -> None:
    model = models.load_model(write(tmp_path / "model.h5", CHAIN, WEIGHTS, SETTINGS))
    (W, b), (V, c) = WEIGHTS["dense_1"], WEIGHTS["dense_2"]
    predicted = softmax(np.tanh(X @ W + b) @ V + c)
    np.testing.assert_allclose(model.predict(X), predicted, atol=1e-5)
    loss, accuracy = model.evaluate(X, np.eye(2)[[0, 1, 0, 1, 0]])
    expected = -np.log(predicted[range(5), [0, 1, 0, 1, 0]]).mean() + 0.5 * (W**2).sum()
    assert loss == pytest.approx(expected, rel=1e-5)
    assert accuracy == pytest.approx((predicted.argmax(1) == [0, 1, 0, 1, 0]).mean())
    assert (model.optimizer.lr.get_value(), model.layers[0].kernel.constraint.max_value) == (0.5, 2)
    model.fit(X, np.eye(2)[[0, 1, 0, 1, 0]], verbose=0)


def test_without_a_known_optimizer_a_model_is_not_compiled(tmp_path: Path) -> None:
    nadam = {**SETTINGS, "optimizer_config": {"class_name": "Nadam", "config": {}}}
    for settings in (None, nadam):
        assert not models.load_model(write(tmp_path / "model.h5", CHAIN, WEIGHTS, settings)).is_compiled


def test_images_and_sequences() -> None:
    lstm = {"return_sequences": True, "go_backwards": False, "stateful": False, "unroll": False, "consume_less": "cpu"}
    lstm |= {"output_dim": 5, "init": "glorot_uniform", "inner_init": "orthogonal", "forget_bias_init": "one"}
    lstm |= {"activation": "tanh", "inner_activation": "hard_sigmoid", "dropout_W": 0.0, "dropout_U": 0.0}
    image = {"nb_filter": 4, "nb_row": 3, "nb_col": 3, "init": "he_normal", "activation": "relu", "bias": True}
    image |= {"border_mode": "same", "subsample": [1, 1], "dim_ordering": "th", "batch_input_shape": [None, 1, 8, 8]}
    model = models.model_from_json(
        json.dumps(
            describe_sequential(
                describe("Convolution2D", "c", **image, **NONE, b_constraint=None, input_dtype="float32"),
                describe("MaxPooling2D", "p", pool_size=[2, 2], strides=[2, 2], border_mode="valid", dim_ordering="th"),
                describe("Cropping2D", "r", cropping=[[1, 1], [0, 0]], dim_ordering="th"),
                describe("BatchNormalization", "n", epsilon=1e-3, mode=0, axis=1, gamma_regularizer=None, momentum=0.9),
                describe("Reshape", "s", target_shape=[4, 8]),
                describe("Bidirectional", "b", merge_mode="concat", layer=describe("LSTM", "lstm_1", **lstm, **NONE)),
                describe("TimeDistributed", "t", layer=dense("d", 2)),
            )
        )
    )
    assert [layer.name for layer in model.layers] == list("cprnsbt")
    assert model.predict(np.ones((2, 1, 8, 8))).shape == (2, 4, 2)
    assert (model.get_weights()[0].shape, model.layers[3].momentum) == ((4, 1, 3, 3), 0.9)


def test_a_graph_with_shared_layers_and_models(tmp_path: Path) -> None:
    inner = {**describe_sequential(dense("inner", 3, **FIRST)), "name": "sequential_1"}
    words = {"batch_input_shape": [None, 2], "input_dtype": "int32", "input_dim": 9, "output_dim": 3, "dropout": 0.0}
    parts = [
        describe_input("rows", 3),
        describe_input("words", 2, "int32"),
        connect(describe("Embedding", "table", **words, init="uniform", input_length=2), [["words", 0, 0]]),
        connect(inner, [["rows", 0, 0]]),
        connect(describe("Flatten", "flat"), [["table", 0, 0]]),
        connect(dense("shared", 3, "tanh"), [["rows", 0, 0]], [["sequential_1", 1, 0]]),
        connect(describe_merge("merged"), [["shared", 0, 0], ["shared", 1, 0], ["flat", 0, 0]]),
        connect(dense("out", 2, "double"), [["merged", 0, 0]]),
    ]
    ends = {"input_layers": [["rows", 0, 0], ["words", 0, 0]], "output_layers": [["out", 0, 0]]}
    graph = {"class_name": "Model", "config": {"name": "model_1", "layers": parts, **ends}}
    # The order of the file is not that of the layers here, and shapes are equal.
    weights = {"table": [rng.normal(size=(9, 3))], "sequential_1": [np.eye(3) * 2, np.zeros(3)], "flat": []}
    weights |= {"shared": [rng.normal(size=(3, 3)), rng.normal(size=3)], "merged": []}
    weights["out"] = [rng.normal(size=(12, 2)), rng.normal(size=2)]
    path = write(tmp_path / "model.h5", graph, weights)
    model = models.load_model(path, {"double": lambda x: 2 * x})
    (W, b), (V, c), rows = weights["shared"], weights["out"], rng.integers(0, 9, (5, 2))
    h = np.hstack([np.tanh(X @ W + b), np.tanh(2 * X @ W + b), weights["table"][0][rows].reshape(5, 6)])
    np.testing.assert_allclose(model.predict([X, rows]), 2 * (h @ V + c), atol=1e-5)
    assert model.name == "model_1"


def test_a_chain_that_begins_with_merged_chains(tmp_path: Path) -> None:
    chains = [describe_sequential(dense(name, 4, **FIRST)) for name in ("left", "right")]
    merged = describe_sequential(describe_merge("m", mode="sum", layers=chains), dense("top", 2))
    weights = {name: [rng.normal(size=(3, 4)), rng.normal(size=4)] for name in ("left", "right")}
    weights["top"] = [rng.normal(size=(4, 2)), rng.normal(size=2)]
    model = models.load_model(write(tmp_path / "model.h5", merged, weights))
    h = sum(X @ W + b for W, b in (weights["left"], weights["right"]))
    np.testing.assert_allclose(model.predict([X, X]), h @ weights["top"][0] + weights["top"][1], atol=1e-5)


class Doubled(layers.Layer):
    """Layer of a script."""

    def call(self, x: Any, mask: Any = None) -> Any:
        return 2 * x


def test_layers_of_scripts_and_those_that_cannot_be_read(tmp_path: Path) -> None:
    text = json.dumps(describe_sequential(describe("Doubled", "d", **FIRST)))
    assert models.model_from_json(text, {"Doubled": Doubled}).predict(X).tolist() == (2 * X).tolist()
    advice = r"Write the model in Python and use model\.load_weights, or pass custom_objects"
    keras2 = describe("Dense", "d", units=3, kernel_initializer={"class_name": "VarianceScaling", "config": {}})
    for spec, name in [(describe("Doubled", "d"), "Doubled"), (describe("Lambda", "l", function="x"), "Lambda"),
                       (keras2, "VarianceScaling")]:  # fmt: skip
        with pytest.raises(pel.StorageError, match=rf"expected layers of Keras 1\. Received: {name}\. {advice}"):
            models.model_from_json(json.dumps(describe_sequential(spec)))
    with pytest.raises(pel.StorageError, match="Cannot read a model of Keras 1: its JSON text is damaged"):
        models.model_from_json("[")
    with pytest.raises(pel.StorageError, match=r"h5: it has weights and no model\. Read it with model\.load_weights"):
        models.load_model(write(tmp_path / "w.h5", None, WEIGHTS))
