"""Tests of warnings and errors for mistakes of a model: index ranges, axis orders, equal weights, NaN losses."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.training.array_source import ArrayDataset
from pellucid.training.data_adapter import get_index_search
from pellucid.training.data_adapter import make_dataset as adapt
from pellucid.training.fit_loop import suggest_nonfinite_fix
from pellucid.training.train_step import get_train_step

WORDS = np.arange(40).reshape(8, 5) % 30


def embed(words: Any = None, rows: int = 30) -> pel.Model:
    x = nn.Input((5,), "int32", name="words")
    h = nn.Embedding(rows, 4, name="e")(x if words is None else words(x))
    model = pel.Model(x, nn.Dense(1)(nn.Flatten()(h)))
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("dtype", ["int8", "int64", "float64"])
@pytest.mark.parametrize(
    "run",
    [
        lambda m, x: m.fit(x, np.zeros(8), batch_size=3, verbose=0),
        lambda m, x: m.fit(x, np.zeros(8), verbose=0),
        lambda m, x: m.evaluate(x, np.zeros(8)),
        lambda m, x: m.predict(x, batch_size=3),
        lambda m, x: m.predict_on_batch(x),
        lambda m, x: m.train_on_batch(x, np.zeros(8)),
        lambda m, x: m.fit(iter([(x, np.zeros(8))]), verbose=0),
        lambda m, x: pel.diagnose(m, x, np.zeros(8)),
    ],
)
def test_an_index_out_of_range_is_refused_before_anything_runs(run: Any, dtype: str) -> None:
    for wrong, advice in ((30, "needs input_dim=31 or more"), (-2, "no rows for negative indices")):
        x = WORDS.astype(dtype)
        x[6, 1] = wrong
        message = f"Expected x to be from 0 to 29, .*Received: {wrong}(.0)? at \\[6, 1\\].*The layer e has .*{advice}"
        with pytest.raises(pel.InputError, match=message if "diag" not in str(run) else advice):
            run(embed(), x)


def test_validation_data_are_named() -> None:
    x = WORDS.copy()
    x[0, 0] = 99
    with pytest.raises(pel.InputError, match="Expected validation x to be from 0 to 29"):
        embed().fit(WORDS, np.zeros(8), validation_data=(x, np.zeros(8)), verbose=0)


@pytest.mark.parametrize(
    ("words", "low", "high"),
    [
        (lambda x: x + 1, -1, 28),
        (lambda x: x - 2, 2, 31),
        (lambda x: 3 + x.reshape((-1, 5)), -3, 26),
        (lambda x: x.astype("int64"), 0, 29),
    ],
)
def test_the_range_follows_the_index_back_to_the_input(words: Any, low: int, high: int) -> None:
    model = embed(words)
    [[bound]] = get_index_search(model).bounds.values()
    assert (bound.low, bound.high) == (low, high)
    for value in (low - 1, high + 1):
        with pytest.raises(pel.InputError, match=f"from {low} to {high}.*Received: {value} at"):
            model.predict(np.full((2, 5), value))


def test_only_the_used_columns_are_checked() -> None:
    x = pel.tensor("x", ("n", 3), "int32")
    f = pel.function([x], nn.Embedding(4, 2)(x[:, 1:]).sum(), mode="numpy")
    value = np.array([[[99, 3, 0]], [[-9, 0, 3]]])
    assert len(f.over(value)) == 2
    value[1, 0, 2] = 4
    with pytest.raises(pel.InputError, match=re.escape("Received: 4 at [1, 0, 2]")):
        f.over(value)


def test_plain_indices_may_count_from_the_end() -> None:
    i = pel.ivector("i", ("n",))
    f = pel.function([i], pel.shared(np.arange(4.0))[i], mode="numpy")
    assert f([-1, -4]).tolist() == [3, 0]
    with pytest.raises(pel.InputError, match="from -4 to 3"):
        f([-5])


def test_negative_words_are_refused_after_loading_and_inside_layers(tmp_path: Any) -> None:
    class Bag(nn.Layer):
        def __init__(self, name: str | None = None) -> None:
            super().__init__(name)
            self.words = nn.Embedding(30, 4)

        def call(self, x: Any) -> Any:
            return self.words(x).mean(1)

    embed().save(tmp_path / "model.pel")
    inputs = nn.Input((5,), "int32")
    for model in (pel.load_model(tmp_path / "model.pel"), pel.Model(inputs, Bag()(inputs))):
        with pytest.raises(pel.InputError, match="no rows for negative indices"):
            model.predict(np.full((2, 5), -1))


def make_dataset(x: Any) -> ArrayDataset:
    return ArrayDataset([x], [np.zeros(len(x), "float32")], [None], [np.dtype("float32")])


def test_a_loss_that_is_not_finite_is_explained_by_computed_indices() -> None:
    model, data = embed(lambda x: 2 * x), make_dataset(WORDS.astype("int32"))
    get_train_step(model, data)
    advice = suggest_nonfinite_fix(model, data.arrays)
    assert advice.startswith(
        "An index out of range gives nan. Expected 2 * words to be from 0 to 29, because it is an "
    )
    assert "Received: 30 at [3, 0], the first of 15. The layer e has 30 rows; it needs input_dim=59" in advice
    healthy = make_dataset(np.zeros((2, 5), "int32"))
    assert suggest_nonfinite_fix(model, healthy.arrays).startswith("Try a smaller learning rate")


def test_a_loss_that_is_not_finite_is_explained_by_the_network() -> None:
    model = pel.Sequential([nn.Input((4,)), nn.Dense(3)])
    model.compile("sgd", "categorical_crossentropy")
    x = np.zeros((2, 4), "float32")
    get_train_step(model, ArrayDataset([x], [x[:, :3]], [None], [x.dtype]))
    assert "End the network with a softmax" in suggest_nonfinite_fix(model, [])


@pytest.mark.parametrize(
    ("expected", "received", "advice"),
    [
        ((32, 32, 3), (3, 32, 32), "x.transpose(0, 2, 3, 1)"),
        ((28, 20, 1), (1, 28, 20), "x.transpose(0, 2, 3, 1)"),
        ((4, 5, 6, 3), (3, 4, 5, 6), "x.transpose(0, 2, 3, 4, 1)"),
        ((10, 4), (4, 10), "x.transpose(0, 2, 1)"),
        ((20, 28, 3), (28, 20, 3), "x.transpose(0, 2, 1, 3)"),
        ((3, 32, 32), (32, 32, 3), "begin it with nn.Input((32, 32, 3))"),
        ((28, 28, 1), (28, 28), "x.reshape(-1, 28, 28, 1)"),
        ((784,), (28, 28), "x.reshape(-1, 784)"),
        ((28, 28, 1), (784,), "x.reshape(-1, 28, 28, 1)"),
        ((8, 4, 3), (96,), "x.reshape(-1, 3, 8, 4).transpose(0, 2, 3, 1)"),
    ],
)
def test_advice_for_samples_of_another_shape(expected: Any, received: Any, advice: str) -> None:
    model = pel.Sequential([nn.Input(expected), nn.Activation("relu")])
    data = np.random.default_rng(0).normal(size=(2, *received)).astype("float32")
    with pytest.raises(pel.ShapeError) as caught:
        model.predict(data)
    message = str(caught.value)
    assert advice in message
    assert ("reshape(" in message) == ("reshape" in advice)
    if advice.startswith("x."):
        assert eval(advice, {"x": data}).shape[1:] == expected  # the advised code works


@pytest.mark.parametrize("value", [0.0, 0.5])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", None])
def test_equal_weights_in_two_layers(value: float, activation: str | None) -> None:
    options: Any = {"kernel_initializer": nn.initializers.Constant(value)}
    layers = [nn.Input((4,)), nn.Dense(8, activation, name="a", **options), nn.Dense(3, "softmax", name="b", **options)]
    model = pel.Sequential(layers)
    model.compile("sgd", "sparse_categorical_crossentropy")
    x = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
    y = np.arange(40) % 3
    data = ArrayDataset([x], [y.astype("int32")], [None], [np.dtype("int32")])
    with pytest.warns(pel.TrainingWarning, match=f"All weights of a/kernel are {value:g}, and all weights of b/kernel"):
        _ = get_train_step(model, data).updates
    if activation == "relu" and not value:
        found = {f.name for f in pel.diagnose(model, x, y, curvature=False)}
        assert "symmetric weights" in found
        assert not {"vanishing gradient", "dead units"} & found
    model.layers[0].set_weights([x[:32].reshape(4, 32)[:, :8], np.zeros(8, "float32")])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.train_steps.clear()
        _ = get_train_step(model, data).updates


@pytest.mark.parametrize(
    ("metric", "loss", "y", "warns"),
    [
        ("accuracy", "mse", [0.2, 0.7], True),
        ("accuracy", "mse", [0, 5], True),
        ("binary_accuracy", "mse", [-1.0, 1.0], True),
        ("accuracy", "binary_crossentropy", [0, 1], False),
        ("accuracy", "binary_crossentropy", [0.1, 0.9], False),
        ("mae", "mse", [0.2, 5.0], False),
        ("accuracy", "mse", [0.0, 1.0], False),
    ],
)
def test_the_accuracy_of_numbers(metric: str, loss: str, y: Any, warns: bool) -> None:
    model = pel.Sequential([nn.Input((2,)), nn.Dense(1, "sigmoid" if loss == "binary_crossentropy" else None)])
    model.compile("sgd", loss, metrics=[metric])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        adapt(model, np.zeros((2, 2)), np.array(y))
    assert [w.category for w in caught] == [pel.TrainingWarning] * warns


@pytest.mark.parametrize("make", [nn.LSTM, nn.GRU, nn.SimpleRNN])
def test_a_sequence_after_a_last_step(make: Any) -> None:
    x = nn.Input((10, 4))
    h = nn.Dropout(0.5)(make(8, name="first")(x))
    for layer in (make(8), nn.Conv1D(4, 3), nn.MaxPooling1D(2), nn.Bidirectional(make(8))):
        message = (
            f"The layer first returned its last step only: create it as {make.__name__}(..., return_sequences=True)"
        )
        with pytest.raises(pel.ShapeError, match=re.escape(message)):
            layer(h)


@pytest.mark.parametrize(
    ("activation", "y", "warns"),
    [
        ("relu", [-1.0, 2.0], True),
        ("relu", [0.0, 1000.0], False),
        ("relu", [-0.05, 1.0], False),
        ("sigmoid", [0.0, 300.0], True),
        ("sigmoid", [-0.05, 1.05], False),
        ("tanh", [-1.0, 1.0], False),
        ("tanh", [-3.0, 1.0], True),
        (None, [-1000.0, 1000.0], False),
    ],
)
def test_targets_that_the_output_cannot_reach(activation: str | None, y: Any, warns: bool) -> None:
    model = pel.Sequential([nn.Input((2,)), nn.Dense(1, activation)])
    model.compile("sgd", "huber")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        adapt(model, np.zeros((2, 2)), np.array(y))
    assert [w.category for w in caught] == [pel.TrainingWarning] * warns
