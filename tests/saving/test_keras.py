"""Keras 3 weight files: golden files give the same predictions, and mismatches are named."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.saving import keras_weights
from pellucid.saving.keras_weights import read_keras, write_keras

h5py = pytest.importorskip("h5py")
PLACE = Path(__file__).with_name("keras_models.py")
keras_models: Any = importlib.util.module_from_spec(
    spec := importlib.util.spec_from_file_location("keras_models", PLACE)
)
spec.loader.exec_module(keras_models)
GOLDEN = keras_models.FOLDER


def sequential(name: str) -> pel.Sequential:
    """Return pellucid's model of a golden file."""
    shape, layers = keras_models.MODELS[name]
    given = nn.Input(shape, dtype="int32" if name == "recurrent" else "float32")
    return pel.Sequential([given, *layers(nn, pel.Sequential)])


@pytest.mark.parametrize("name", keras_models.MODELS)
def test_a_model_with_the_weights_of_keras_predicts_as_it_does(name: str) -> None:
    model = sequential(name)
    read_keras(GOLDEN / f"{name}.keras", model)
    expected = np.load(GOLDEN / f"{name}.npy")
    x = keras_models.samples(name)
    predicted = pel.function(model.inputs, pel.inference(model.outputs[0]), mode="numpy")(x)
    np.testing.assert_allclose(predicted, expected, rtol=2e-5, atol=2e-6)
    assert np.ptp(expected) > 1e-3


def graph(name: str) -> pel.Model:
    """Return pellucid's model with branches."""
    x = nn.Input((5, 4))
    return pel.Model(x, keras_models.GRAPHS[name](nn, x))


@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
@pytest.mark.parametrize("name", keras_models.GRAPHS)
def test_layers_are_matched_by_name_or_position(name: str, ending: str) -> None:
    model = graph(name)
    model.load_weights(GOLDEN / f"{name}{ending}")
    with np.load(GOLDEN / f"{name}.npz") as golden:
        predicted = pel.function(model.inputs, pel.inference(model.outputs[0]), mode="numpy")(golden["x"])
        np.testing.assert_allclose(predicted, golden["y"], rtol=2e-5, atol=2e-6)


def test_an_identity_layer_hides_no_other_layer(tmp_path: Path) -> None:
    models = [pel.Sequential([nn.Input((4,)), nn.Dense(3), nn.Dropout(0.0), nn.Dense(2)]) for _ in range(2)]
    models[0].save_weights(tmp_path / "a.keras")
    models[1].load_weights(tmp_path / "a.keras")
    assert all((a == b).all() for a, b in zip(*(m.get_weights() for m in models), strict=True))


@pytest.mark.parametrize("file", ["a.keras", "a.weights.h5"])
def test_written_weights_are_read(file: str, tmp_path: Path) -> None:
    one, other = sequential("recurrent"), sequential("recurrent")
    write_keras(tmp_path / file, one)
    read_keras(tmp_path / file, other)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def refused(path: Path, model: Any, message: str) -> None:
    """Check that a file is refused and the model unchanged."""
    before = model.get_weights()
    with pytest.raises(pel.StorageError, match=message):
        read_keras(path, model)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_a_mismatch_is_named_with_its_shapes(tmp_path: Path) -> None:
    path = tmp_path / "cats.keras"
    write_keras(path, pel.Sequential([nn.Input((4,)), nn.Dense(3), nn.Dense(2)]))
    wide = pel.Sequential([nn.Input((4,)), nn.Dense(3), nn.Dense(5, name="out")])
    refused(
        path,
        wide,
        r"Cannot read .*cats.keras: out/kernel has shape \(3, 5\). Received: a value of shape \(3, 2\), at lay",
    )
    deep = pel.Sequential([nn.Input((4,)), nn.Dense(3), nn.Dense(2), nn.Dense(2, name="third")])
    refused(
        path, deep, r"third/kernel, of shape \(2, 2\), has no value in the file. Expected one at layers/dense_2/vars/0"
    )
    short = pel.Sequential([nn.Input((4,)), nn.Dense(3)])
    refused(
        path,
        short,
        r"it has weights that the model does not have: layers/dense_1/vars/0, of shape \(3, 2\), layers/dense_1/",
    )
    other = pel.Sequential([nn.Input((8, 6, 2)), nn.Conv2D(3, 3, name="see")])
    refused(
        GOLDEN / "recurrent.keras",
        other,
        r"see/kernel, of shape \(3, 3, 2, 3\), has no value in the file. Expected one at layers/conv2d/vars/0",
    )
    refused(
        GOLDEN / "convolutional.keras",
        other,
        "it has weights that the model does not have: .*of Keras layer 'dense",
    )


def test_files_from_elsewhere_are_refused(tmp_path: Path) -> None:
    model, path = pel.Sequential([nn.Input((4,)), nn.Dense(3)]), tmp_path / "x.keras"
    write_keras(path, model)
    content = path.read_bytes()
    for wrong, reason in ((b"", "it is damaged"), (b"hello", "it is damaged"), (content[:-30], "it is damaged")):
        path.write_bytes(wrong)
        refused(path, model, reason)
    for place in range(0, len(content), 97):
        path.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
        with contextlib.suppress(pel.StorageError):
            read_keras(path, model)  # a zip archive has unused bytes
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other", "")
    refused(path, model, "it is not a Keras 3 file. It does not contain model.weights.h5")
    with pytest.raises(FileNotFoundError):
        read_keras(tmp_path / "nowhere.keras", model)


def test_an_error_in_the_code_is_not_reported_as_a_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, path = pel.Sequential([nn.Input((4,)), nn.Dense(3)]), tmp_path / "x.keras"
    write_keras(path, model)

    def fail(*args: Any) -> Any:
        raise KeyError("a typo in the code")

    monkeypatch.setattr(keras_weights, "walk_layer", fail)
    with pytest.raises(KeyError, match="a typo"):
        read_keras(path, model)


def test_links_and_oversized_files_are_refused(tmp_path: Path) -> None:
    model, path = pel.Sequential([nn.Input((4,)), nn.Dense(3)]), tmp_path / "x.weights.h5"
    secret = tmp_path / "secret"
    secret.write_bytes(b"x" * 48)
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = h5py.ExternalLink("other.h5", "/a")
    refused(path, model, "layers/dense/vars/0 is a link to another file, which Keras never writes")
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/1"] = np.zeros(3, "float32")
        file.create_dataset("layers/dense/vars/0", (4, 3), "float32", external=[(str(secret), 0, 48)])
    refused(path, model, "layers/dense/vars/0 is not an array of numbers inside the file")
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/1"] = np.zeros(3, "float32")
        file.create_dataset("layers/dense/vars/0", (2**20, 2**20, 2**10), "float32")
    refused(path, model, r"dense.*/kernel has shape \(4, 3\). Received: a value of shape \(1048576, 1048576, 1024\)")
    path = tmp_path / "x.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.weights.h5", b"x")
        archive.getinfo("model.weights.h5").file_size = 101_000_000  # in the table of contents
    refused(path, model, "its weights take 101000000 bytes, more than .* and any optimizer state of it can take")


READ_ALL = """
import keras_models as k, numpy as np
for name in k.MODELS:
    made = k.make(name)
    np.save(f"{name}.npy", made.predict(k.samples(name), verbose=0))
    for suffix in (".keras", ".weights.h5"):
        made.set_weights([w * 0 for w in made.get_weights()])
        made.load_weights(name + suffix)
        np.save(f"{name}{suffix}.npy", made.predict(k.samples(name), verbose=0))
"""


@pytest.mark.peer
@pytest.mark.timeout(600)
def test_keras_reads_written_weights_and_predicts_the_same(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    shutil.copy(PLACE, tmp_path)
    for name in keras_models.MODELS:
        model = sequential(name)
        read_keras(GOLDEN / f"{name}.keras", model)
        for suffix in (".keras", ".weights.h5"):
            write_keras(tmp_path / f"{name}{suffix}", model)
    subprocess.run([sys.executable, "-c", READ_ALL], check=True, cwd=tmp_path)
    for name in keras_models.MODELS:
        golden = np.load(GOLDEN / f"{name}.npy")
        for suffix in ("", ".keras", ".weights.h5"):
            np.testing.assert_allclose(np.load(tmp_path / f"{name}{suffix}.npy"), golden, rtol=1e-5, atol=1e-6)


def several() -> pel.Sequential:
    """Return a model with arguments of every kind that a config holds."""
    nn.set_random_seed(0)
    layers = [
        nn.Input((8, 6, 2), name="image"),
        nn.Rescaling(0.5),
        nn.Conv2D(3, 3, padding="same", kernel_regularizer=nn.regularizers.L2(0.1), name="see"),
        nn.BatchNormalization(momentum=0.9),
        nn.LeakyReLU(0.1),
        nn.MaxPooling2D(2),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Dense(4, activation="relu", kernel_initializer=nn.initializers.TruncatedNormal(stddev=0.2)),
        nn.Dense(2, activation="softmax", bias_constraint=nn.constraints.MaxNorm(2.0)),
    ]
    return pel.Sequential(layers, name="several")


def test_an_exported_keras_file_contains_the_model(tmp_path: Path) -> None:
    model = several()
    model.export(tmp_path / "m.keras", format="keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        config = json.loads(archive.read("config.json"))
    kinds = [layer["class_name"] for layer in config["config"]["layers"]]
    assert kinds == ["InputLayer", *(type(layer).__name__ for layer in model.layers)]
    see = config["config"]["layers"][2]
    assert see["module"] == "keras.layers"
    assert (see["config"]["name"], see["config"]["filters"], see["config"]["padding"]) == ("see", 3, "same")
    assert see["config"]["kernel_regularizer"] == {
        "module": "keras.regularizers",
        "class_name": "L2",
        "config": {"l2": 0.1},
        "registered_name": None,
    }
    other = several()
    other.set_weights([w * 0 for w in other.get_weights()])
    other.load_weights(tmp_path / "m.keras")
    for a, b in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_other_arguments_of_a_keras_export_are_refused(tmp_path: Path) -> None:
    with pytest.raises(pel.ModelError, match=r"A \.keras file holds no description"):
        several().export(tmp_path / "m.keras", format="keras", description="mine")
    with pytest.raises(pel.OptionError, match=r"a file name that ends in \.keras. Received: .*m\.weights\.h5"):
        several().export(tmp_path / "m.weights.h5", format="keras")
    assert list(tmp_path.iterdir()) == []


OPEN_ALL = """
import keras, keras_models as k, numpy as np
for name in [*k.MODELS, "several"]:
    made = keras.saving.load_model(f"{name}.keras")
    np.save(f"{name}.npy", made.predict(np.load(f"{name}.x.npy"), verbose=0))
"""


@pytest.mark.peer
@pytest.mark.timeout(600)
def test_keras_opens_what_is_exported_and_predicts_the_same(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    shutil.copy(PLACE, tmp_path)
    models = {name: sequential(name) for name in keras_models.MODELS} | {"several": several()}
    x = {name: keras_models.samples(name) for name in keras_models.MODELS}
    x["several"] = np.random.default_rng(0).normal(size=(3, 8, 6, 2)).astype("f4")
    for name, model in models.items():
        model.export(tmp_path / f"{name}.keras", format="keras")
        np.save(tmp_path / f"{name}.x.npy", x[name])
    subprocess.run([sys.executable, "-c", OPEN_ALL], check=True, cwd=tmp_path)
    for name, model in models.items():
        found = np.load(tmp_path / f"{name}.npy")
        np.testing.assert_allclose(found, model.predict(x[name]), rtol=2e-5, atol=2e-6)
