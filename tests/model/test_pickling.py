"""Pickled, copied and deep-copied models predict and go on training bit by bit like the original."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest

import pellucid as pel
from pellucid import nn

pytestmark = pytest.mark.usefixtures("interpret_functions")

Data = tuple[np.ndarray, np.ndarray]
Duplicate = Callable[[Any], Any]
Make = Callable[..., pel.Sequential]


def get_bits(model: Any) -> list[bytes]:
    return [shared.get_value().tobytes() for shared in model.state().values()]


class Scale(nn.Layer):
    """A custom layer."""

    def build(self, x: Any) -> None:
        self.factor = self.parameter("factor", x.shape[-1:], np.ones, x)

    def call(self, x: Any) -> Any:
        return self.factor * x


def quartic_error(y_true: Any, y_pred: Any) -> Any:
    """A custom loss."""
    return ((y_true - y_pred) ** 4).mean(axis=-1)


X = np.random.default_rng(0).normal(size=(32, 2)).astype("float32")
Y = (X[:, 0] > X[:, 1]).astype("int32")


def fit(model: Any, seed: int) -> Any:
    return model.fit(X, Y, batch_size=16, epochs=2, seed=seed, verbose=0).history


@pytest.fixture(scope="module")
def trained() -> tuple[Any, dict[str, Any]]:
    """A trained model, and the results of a second one that goes on training."""
    models = []
    for _ in range(2):
        nn.set_random_seed(3)
        layers = [nn.Input((2,)), nn.Dense(3, "tanh"), nn.Dropout(0.3), nn.Dense(2, "softmax")]
        models.append(pel.Sequential(layers, name="trained"))
        models[-1].compile(nn.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
        fit(models[-1], 1)
    expected = {"predicted": models[1].predict(X), "history": fit(models[1], 2), "bits": get_bits(models[1])}
    return models[0], expected


def test_a_duplicate_goes_on_training_bit_identically(
    duplicate: Duplicate, trained: tuple[Any, dict[str, Any]]
) -> None:
    model, expected = trained
    before, copied = get_bits(model), duplicate(model)
    assert (type(copied), copied.name, copied.step) == (pel.Sequential, model.name, model.step) != (None, None, 0)
    assert copied.predict(X).tobytes() == expected["predicted"].tobytes()
    assert fit(copied, 2) == expected["history"]
    assert get_bits(copied) == expected["bits"]
    assert get_bits(model) == before != expected["bits"]


@pytest.fixture(scope="module")
def several_inputs() -> tuple[pel.Model, dict[str, np.ndarray], list[Any]]:
    """A model with two inputs, their values, and the predictions."""
    a, b = nn.Input((2,), name="a"), nn.Input((3,), name="b")
    h = nn.Dense(2, name="h")(a) + nn.Dense(2, kernel_constraint="non_neg")(b)
    model = pel.Model({"a": a, "b": b}, [h, nn.Dense(1)(h)])
    x = {"a": np.ones((2, 2), "float32"), "b": np.ones((2, 3), "float32")}
    return model, x, [p.tolist() for p in model.predict(x)]


def test_a_graph_with_several_inputs_can_be_pickled(duplicate: Duplicate, several_inputs: Any) -> None:
    model, x, predicted = several_inputs
    copied = duplicate(model)
    assert [p.tolist() for p in copied.predict(x)] == predicted
    assert (copied.input_names, [layer.name for layer in copied.layers]) == (
        model.input_names,
        [layer.name for layer in model.layers],
    )
    inner = pel.Model(copied.inputs, copied.get_layer("h").parameters[0] @ np.ones((2, 1), "float32"))
    assert inner.parameters == copied.get_layer("h").parameters[:1]


def test_an_unbuilt_model_can_be_pickled(duplicate: Duplicate) -> None:
    copied = duplicate(pel.Sequential([nn.Dense(3), nn.Dense(1)]))
    assert copied.predict(np.ones((2, 4))).shape == (2, 1)


def test_models_and_functions_keep_sharing_parameters(duplicate: Duplicate, make: Make, data: Data) -> None:
    model = make()
    predict = pel.function(model.inputs, model.outputs[0], mode="numpy")
    copied, copied_predict, kernel = duplicate((model, predict, model.parameters[0]))
    assert copied.parameters[0] is kernel is not model.parameters[0]
    copied.fit(*data, epochs=1, verbose=0)
    np.testing.assert_allclose(copied_predict(data[0]), copied.predict(data[0]), rtol=1e-6)
    assert not np.allclose(predict(data[0]), copied.predict(data[0]))


def test_a_deep_copy_is_independent(make: Make, data: Data) -> None:
    model = make(optimizer="adam")
    model.fit(*data, epochs=1, verbose=0)
    copied, layer, optimizer = copy.deepcopy((model, model.layers[0], model.optimizer))
    assert not set(copied.state().values()) & set(model.state().values())
    assert (copied.layers[0], copied.optimizer) == (layer, optimizer)
    copied.layers[0].trainable = False
    assert len(model.trainable_parameters) == 4
    assert len(copied.trainable_parameters) == 2


def test_a_shallow_copy_has_the_same_layers_and_optimizer(make: Make, data: Data) -> None:
    model = make(optimizer="adam")
    shallow = copy.copy(model)
    shallow.train_on_batch(*data)
    assert (model.step, shallow.step) == (0, 1)
    shallow.fit(*data, epochs=1, verbose=0)
    assert shallow.parameters == model.parameters
    assert shallow.optimizer is model.optimizer
    assert (model.step, shallow.step) == (0, 6)
    shallow.add(nn.Dense(1))
    assert len(model.layers) == len(shallow.layers) - 1 == len(pickle.loads(pickle.dumps(model)).layers)


def test_a_layer_alone_can_be_pickled(duplicate: Duplicate) -> None:
    x = pel.matrix("x", shape=("n", 3))
    layer = nn.Dense(2, "relu", kernel_regularizer="l2", bias_constraint="non_neg")
    y = layer(x)
    copied = duplicate(layer)
    assert (str(copied(x)), copied.config, copied.name) == (str(y), layer.config, layer.name)
    assert copied.kernel.get_value().tobytes() == layer.kernel.get_value().tobytes()
    assert copied.kernel is not layer.kernel


def test_an_optimizer_and_a_history_can_be_pickled(duplicate: Duplicate, make: Make, data: Data) -> None:
    model = make(optimizer=nn.optimizers.SGD(nn.schedules.ExponentialDecay(0.1, 10, 0.5), momentum=0.5))
    history = model.fit(*data, epochs=2, verbose=0)
    optimizer, copied = duplicate((model.optimizer, history))
    assert repr(optimizer) == repr(model.optimizer)
    assert {k: v.tobytes() for k, v in optimizer.get_state().items()} == {
        k: v.tobytes() for k, v in model.optimizer.get_state().items()
    }
    assert (copied.history, copied.model) == (history.history, None)


def test_custom_classes_and_functions_are_found_by_name(duplicate: Duplicate) -> None:
    model = pel.Sequential([nn.Input((2,)), Scale(name="scale"), nn.Dense(1)])
    model.compile("sgd", quartic_error)
    x = np.ones((4, 2), "float32")
    model.fit(x, x[:, :1], verbose=0)
    copied = duplicate(model)
    assert type(copied.layers[0]) is Scale
    assert copied.compile_config.loss is quartic_error
    assert copied.fit(x, x[:, :1], seed=1, verbose=0).history == model.fit(x, x[:, :1], seed=1, verbose=0).history


def test_custom_code_inside_a_function_needs_cloudpickle() -> None:
    model = pel.Sequential([nn.Input((2,)), nn.Lambda(lambda e: 3 * e)], name="tripled")
    with pytest.raises(
        pel.StorageError, match=r"tripled cannot be pickled: it uses .*<lambda>, and .* top level of a module\. Define"
    ):
        pickle.dumps(model)
    x = np.ones((1, 2), "float32")
    for copied in (copy.deepcopy(model), cloudpickle.loads(cloudpickle.dumps(model))):
        assert copied.predict(x).tolist() == [[3, 3]]
        assert copied(pel.constant(x)).eval().tolist() == [[3, 3]]


def test_functions_of_jax_are_copied_and_not_pickled() -> None:
    import jax.numpy as jnp

    one, two = (pel.from_jax(function, name="f") for function in (jnp.tanh, jnp.exp))
    x = nn.Input((2,))
    model = pel.Model(x, one(nn.Dense(2)(x)) + two(x) + one(x))
    values = np.ones((1, 2), "float32")
    assert copy.deepcopy(model).predict(values).tobytes() == model.predict(values).tobytes()
    with pytest.raises(pel.StorageError, match="The op f is not registered"):
        pickle.dumps(model)


def test_what_cannot_be_saved_is_named() -> None:
    layer = nn.Dense(2, name="d")
    layer.stream = (i for i in range(3))
    model = pel.Sequential([nn.Input((2,)), layer])
    for attempt in (pickle.dumps, copy.deepcopy):
        with pytest.raises(pel.StorageError, match=r"Dense d: its attribute stream cannot be saved\. .*unsaved"):
            attempt(model)


def test_a_model_without_its_custom_code_can_be_pickled(tmp_path: Path) -> None:
    model = pel.Sequential([nn.Input((2,)), Scale(name="scale")])
    model.save(tmp_path / "model.pel")
    loaded = pickle.loads(pickle.dumps(pel.load_model(tmp_path / "model.pel")))
    assert loaded.predict(np.ones((1, 2))).tolist() == [[1, 1]]
    with pytest.raises(pel.StorageError, match="Scale is custom code"):
        loaded(pel.matrix("x", shape=("n", 2)))


@pytest.mark.slow
def test_another_process_goes_on_training(make: Make, data: Data, tmp_path: Path) -> None:
    model = make(dropout=0.5, optimizer="adam")
    model.fit(*data, epochs=1, seed=1, verbose=0)
    (tmp_path / "before.pkl").write_bytes(pickle.dumps((model, data)))
    program = (
        "import pickle; model, data = pickle.load(open('before.pkl', 'rb'));"
        "model.fit(*data, epochs=1, seed=2, verbose=0); pickle.dump(model, open('after.pkl', 'wb'))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)
    model.fit(*data, epochs=1, seed=2, verbose=0)
    assert get_bits(pickle.loads((tmp_path / "after.pkl").read_bytes())) == get_bits(model)
