"""Saved models predict and train bit-identically, and damaged files are refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pellucid as pel
from pellucid import nn
from pellucid.saving import container

pytestmark = pytest.mark.usefixtures("interpret_functions")

Data = tuple[np.ndarray, np.ndarray]
Make = Callable[..., pel.Sequential]


def has_same_bits(a: Any, b: Any) -> bool:
    """Whether two models have bit-identical parameters and optimizer slots."""
    pairs = zip(
        [*a.parameters, *a.compile_config.optimizer.state],
        [*b.parameters, *b.compile_config.optimizer.state],
        strict=True,
    )
    return all(p.name == q.name and p.get_value().tobytes() == q.get_value().tobytes() for p, q in pairs)


KINDS: dict[str, tuple[tuple[int, ...], list[Callable[[], Any]]]] = {
    "dense": (
        (6,),
        [
            lambda: nn.Dense(4, "relu", kernel_regularizer=nn.regularizers.L2(0.01), name="hidden"),
            lambda: nn.BatchNormalization(),
        ],
    ),
    "random": ((6,), [lambda: nn.Dropout(0.5)]),
    "convolutional": ((6, 6, 1), [lambda: nn.Conv2D(2, 3), lambda: nn.MaxPooling2D(2), nn.Flatten]),
    "recurrent": ((4, 3), [lambda: nn.LSTM(2, return_sequences=True), lambda: nn.Bidirectional(nn.GRU(2))]),
    "nested": ((6,), [lambda: pel.Sequential([nn.Dense(3, "tanh"), nn.GaussianNoise(0.1)]), lambda: nn.Dense(3)]),
}


FAST = ("dense", "random")


@pytest.mark.parametrize("kind", [k if k in FAST else pytest.param(k, marks=pytest.mark.slow) for k in KINDS])
def test_a_loaded_model_predicts_and_trains_bit_identically(kind: str, tmp_path: Path) -> None:
    shape, makers = KINDS[kind]
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(24, *shape)).astype("float32"), rng.integers(0, 2, 24)
    model = pel.Sequential([nn.Input(shape), *(make() for make in makers), nn.Dense(2, "softmax")], name=kind)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=8, epochs=2, seed=1, verbose=0)

    model.save(tmp_path / "model.pel")
    loaded = pel.load_model(tmp_path / "model.pel")
    assert type(loaded) is pel.Sequential
    assert loaded.name == kind
    assert [repr(layer) for layer in loaded.layers] == [repr(layer) for layer in model.layers]
    assert loaded.history.history == model.history.history
    assert str(loaded.outputs) == str(model.outputs)
    assert loaded.predict(x).tobytes() == model.predict(x).tobytes()
    assert has_same_bits(loaded, model)
    before = model.get_weights()
    after = [m.fit(x, y, batch_size=8, epochs=2, seed=2, verbose=0).history for m in (model, loaded)]
    assert after[0] == after[1]
    assert has_same_bits(loaded, model)
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


def test_a_loaded_model_has_the_same_summary(make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = make(dropout=0.2)
    model.save(tmp_path / "model.pel")
    loaded = pel.load_model(tmp_path / "model.pel")
    for shown in (model, loaded):
        shown.summary()
    output = capsys.readouterr().out
    assert output[: len(output) // 2] == output[len(output) // 2 :]
    assert repr(loaded.compile_config.optimizer) == repr(model.compile_config.optimizer)


@pytest.mark.slow
def test_training_in_another_process_is_bit_identical(make: Make, data: Data, tmp_path: Path) -> None:
    x, y = data
    model = make(dropout=0.5, optimizer="adam")
    model.fit(x, y, epochs=1, seed=1, verbose=0)
    model.save(tmp_path / "model.pel")
    np.savez(tmp_path / "data.npz", x=x, y=y)
    program = (
        "import numpy as np, pellucid as pel; d = np.load('data.npz'); m = pel.load_model('model.pel');"
        "m.fit(d['x'], d['y'], epochs=2, seed=5, verbose=0); m.save('after.pel')"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)
    model.fit(x, y, epochs=2, seed=5, verbose=0)
    assert has_same_bits(pel.load_model(tmp_path / "after.pel"), model)


class Scale(nn.Layer):
    """A custom layer."""

    def build(self, x: Any) -> None:
        self.factor = self.parameter("factor", x.shape[-1:], np.ones, x)

    def call(self, x: Any) -> Any:
        return self.factor * x


def cubed_error(y_true: Any, y_pred: Any) -> Any:
    """A custom loss."""
    return ((y_true - y_pred) ** 4).mean(axis=-1)


def test_without_custom_code_a_model_predicts_and_names_the_missing_objects(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
    model = pel.Sequential([nn.Input((2,)), Scale(name="scale"), nn.Lambda(lambda e: e * 3, name="three"), nn.Dense(1)])
    model.compile("sgd", cubed_error)
    model.fit(x, x[:, :1], verbose=0)
    path = tmp_path / "model.pel"
    model.save(path)

    bare = pel.load_model(path)
    assert bare.predict(x).tobytes() == model.predict(x).tobytes()
    bare.summary()
    with pytest.raises(
        pel.StorageError, match=r"cubed_error is custom code.*custom_objects=\{'cubed_error': cubed_error\}"
    ):
        bare.fit(x, x[:, :1], verbose=0)
    with pytest.raises(pel.StorageError, match="Scale is custom code"):
        bare(pel.matrix("x", ("n", 2)))
    bare.compile("sgd", "mse")
    bare.fit(x, x[:, :1], verbose=0)

    whole = pel.load_model(path, custom_objects={"cubed_error": cubed_error, "Scale": Scale})
    assert type(whole.layers[0]) is Scale
    for m in (model, whole):
        m.fit(x, x[:, :1], seed=3, verbose=0)
    assert has_same_bits(model, whole)


def test_models_that_are_not_built_or_compiled_round_trip(tmp_path: Path) -> None:
    pel.Sequential([nn.Dense(2)]).save(tmp_path / "bare.pel")
    loaded = pel.load_model(tmp_path / "bare.pel")
    with pytest.raises(pel.ModelError, match="is not built"):
        loaded.get_weights()
    with pytest.raises(pel.ModelError, match="is not compiled"):
        loaded.fit(np.ones((2, 2)), np.ones(2))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of a small saved model."""
    path = tmp_path_factory.mktemp("models") / "model.pel"
    model = pel.Sequential([nn.Input((2,)), nn.Dense(3, "tanh"), nn.Dropout(0.5), nn.Dense(1)])
    model.compile("adam", "mse")
    model.save(path)
    return path


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_files_are_refused(saved: Path, data: Any) -> None:
    content, other = bytearray(saved.read_bytes()), saved.with_name("damaged.pel")
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[place:]
    else:
        content[place] ^= data.draw(st.integers(1, 255))
    other.write_bytes(content)
    with pytest.raises(pel.StorageError, match=r"Cannot read .*damaged.pel: "):
        pel.load_model(other)


def test_other_files_are_refused(saved: Path, tmp_path: Path) -> None:
    pel.save(tmp_path / "e.pel", pel.vector("x"))
    with pytest.raises(pel.StorageError, match=r"expected a model. Received: expressions. Read it with pel.load"):
        pel.load_model(tmp_path / "e.pel")
    data, arrays = container.read_container(saved, "a model")
    for changes, message in (
        ({"model": 3}, "Expected a model. Received: int"),
        ({"model": {"object": 1}}, "Expected a model. Received: "),
        ({"objects": [{"class": "os:system", "state": {}}]}, "pellucid has no class 'os:system'"),
        ({"graph": None}, "Expected the data of a graph"),
    ):
        blank = {**data, "checksum": container.BLANK_CHECKSUM}
        container.write_container(tmp_path / "wrong.pel", "a model", {**blank, **changes}, arrays)
        with pytest.raises(pel.StorageError, match=f"Cannot read .*wrong.pel: {message}"):
            pel.load_model(tmp_path / "wrong.pel")


@pytest.mark.parametrize("name", ["w.npz", "w.safetensors", "w.pel", "w.weights.h5", "w.keras"])
def test_weights_are_loaded_into_another_model_with_the_same_layers(name: str, make: Make, tmp_path: Path) -> None:
    one, other = make(), make()
    one.set_weights([w + 1 for w in one.get_weights()])
    path = tmp_path / name
    (one.save if name == "w.pel" else one.save_weights)(path)
    if name == "w.npz":
        with np.load(path) as stored:
            assert stored.files == ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"]
    other.load_weights(path)
    assert all((a == b).all() for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


@pytest.mark.parametrize("name", ["w.npz", "w.safetensors"])
def test_weights_that_do_not_match_are_named(name: str, make: Make, tmp_path: Path) -> None:
    path, model = tmp_path / name, make()
    model.save_weights(path)
    for layers, message in (
        ([nn.Dense(5), nn.Dense(2)], r"dense/kernel has shape \(2, 5\). Received: \(2, 4\), in .*w\."),
        (
            [nn.Dense(4)],
            "has values for dense_1/bias, dense_1/kernel, which the model does not have. Did you mean 'dense/bias",
        ),
        (
            [nn.Dense(4, name="a"), nn.Dense(2)],
            "has no value for a/kernel, a/bias.* It has dense_1/bias, dense_1/kernel",
        ),
    ):
        other = pel.Sequential([nn.Input((2,)), *layers])
        before = other.get_weights()
        with pytest.raises(pel.StorageError, match=message):
            other.load_weights(path)
        assert all((a == b).all() for a, b in zip(before, other.get_weights(), strict=True))
    content = path.read_bytes()
    for wrong in (b"", b"hello", content[:-9], content[:3] + b"\xff" * 9 + content[12:]):
        path.write_bytes(wrong)
        with pytest.raises(pel.StorageError, match="Cannot read"):
            model.load_weights(path)


def test_pickles_and_unknown_suffixes_are_refused(make: Make, tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", **{"dense/kernel": np.array([print], dtype=object)})
    np.save(tmp_path / "one.npy", np.ones(3))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    model = make()
    with pytest.raises(pel.StorageError, match="'dense/kernel' has Python objects"):
        model.load_weights(tmp_path / "evil.npz")
    with pytest.raises(pel.StorageError, match="Received: a single array"):
        model.load_weights(tmp_path / "one.npz")
    with pytest.raises(ValueError, match=r"ends in .npz, .safetensors, .keras, .weights.h5. Received: 'w.txt'"):
        model.save_weights("w.txt")
    with pytest.raises(pel.ModelError, match="is not built"):
        pel.Sequential([nn.Dense(2)]).save_weights("w.npz")
    half = pel.Sequential([nn.Input((2,), dtype="bfloat16"), nn.Dense(2)])
    with pytest.raises(pel.StorageError, match=r"dtype bfloat16, the dtype of dense/kernel. Write a .safetensors"):
        half.save_weights(tmp_path / "half.npz")
    half.save_weights(tmp_path / "half.safetensors")
    half.load_weights(tmp_path / "half.safetensors")
    assert half.get_weights()[0].dtype == "bfloat16"


def test_a_functional_model_with_shared_layers_and_expressions_round_trips(tmp_path: Path) -> None:
    a, b = nn.Input((6,), name="a"), nn.Input((3,), name="b")
    shared, scale = nn.Dense(4, "tanh", name="shared"), pel.shared(np.float32(2.0), "scale")
    h = nn.Dropout(0.0)(shared(a[:, :3]) + shared(b))
    model = pel.Model([a, b], {"kind": nn.Dense(3, "softmax", name="kind")(h * scale), "size": nn.Dense(1)(h)})
    model.compile("sgd", {"kind": "sparse_categorical_crossentropy", "size": "mse"})
    rng = np.random.default_rng(0)
    x = {"a": rng.normal(size=(9, 6)).astype("float32"), "b": rng.normal(size=(9, 3)).astype("float32")}
    y = {"kind": rng.integers(0, 3, 9), "size": rng.normal(size=(9, 1)).astype("float32")}
    model.save(tmp_path / "graph.pel")
    loaded = pel.load_model(tmp_path / "graph.pel")
    for m in (model, loaded):
        m.fit(x, y, batch_size=9, epochs=2, seed=1, verbose=0)
    assert has_same_bits(model, loaded)
    assert model.history.history == loaded.history.history
    assert loaded.layers.count(loaded.layers[0]) == 1
    assert [p.name for p in loaded.parameters] == [p.name for p in model.parameters]
    part = pel.Model(loaded.inputs, loaded.stages[-2])  # a part of a loaded model makes a model
    assert [layer.name for layer in part.layers] == ["shared", loaded.layers[1].name, "kind"]
    before, after = model.predict(x), loaded.predict(x)
    assert all(before[name].tobytes() == after[name].tobytes() for name in ("kind", "size"))
