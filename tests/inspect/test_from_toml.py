"""TOML files describe models completely, and errors name the place in the file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.run.function_builder import function

GOOD = """
pellucid = 1
loss = "mse"

[model]
name = "small"

[input]
shape = [4]

[[layers]]
kind = "Dense"
units = 3
activation = "tanh"
kernel_regularizer = { kind = "L2", l2 = 0.1 }

[[layers]]
kind = "Dense"
units = 1

[optimizer]
kind = "SGD"
learning_rate = { kind = "ExponentialDecay", initial_learning_rate = 0.1, decay_steps = 10, decay_rate = 0.5 }
clipnorm = 1.0

[training]
epochs = 7
batch_size = 5
seed = 3
metrics = ["mae"]
"""


def test_round_trip_with_training_settings() -> None:
    model = pel.from_toml(GOOD)
    assert [type(layer).__name__ for layer in model.layers] == ["Dense", "Dense"]
    assert model.training == {"epochs": 7, "batch_size": 5, "seed": 3}
    assert repr(model.compile_config.optimizer).startswith(
        "SGD(learning_rate=ExponentialDecay(initial_learning_rate=0.1"
    )
    assert model.compile_config.optimizer.options["clipnorm"] == 1.0
    written = model.to_source("toml")
    assert pel.from_toml(written).to_source("toml") == written
    assert 'metrics = ["mean_absolute_error"]' in written or 'metrics = ["mae"]' in written


def test_round_trip_of_all_arguments(tmp_path: Path) -> None:
    model = pel.Sequential(
        [
            nn.Input((6, 6, 2), name="image"),
            nn.Conv2D(3, (2, 3), strides=2, padding="same", kernel_initializer=nn.initializers.HeNormal(seed=4)),
            nn.Dropout(0.25, noise_shape=(None, 1, 1, 3)),
            nn.Reshape((-1, 3)),
            nn.Bidirectional(nn.LSTM(2, recurrent_dropout=0.1) if False else nn.LSTM(2)),
            nn.Dense(2, kernel_constraint=nn.constraints.MaxNorm(2.0)) if False else nn.Dense(2),
        ],
        name='odd "name" \\ here\n',
    )
    loss = nn.losses.Huber(delta=0.5)
    model.compile(nn.optimizers.Adam(0.01, weight_decay=0.1, use_ema=True), loss)
    path = tmp_path / "model.toml"
    path.write_text(model.to_source("toml", epochs=2), "utf-8")
    again = pel.from_toml(path)
    assert again.name == model.name
    assert again.to_source("toml") == path.read_text("utf-8")
    assert [w.shape for w in again.get_weights()] == [w.shape for w in model.get_weights()]
    assert repr(again.compile_config.optimizer) == repr(model.compile_config.optimizer)


def replaced(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


WRONG: dict[str, tuple[Any, str]] = {
    "no TOML": ("a = \n", r"the text is not valid TOML: Invalid value \(at line 1"),
    "version": (
        replaced("pellucid = 1", "pellucid = 2"),
        r"the text: expected pellucid = 1, the version of the format",
    ),
    "key": (replaced("[training]", "[trainin]"), r"the text: unknown key 'trainin'\. Did you mean 'training'\?"),
    "kind": (
        replaced('"Dense"', '"Dence"'),
        r"layer 1 \(Dence\): unknown kind of layer 'Dence'\. Did you me",
    ),
    "user code": (replaced('kind = "Dense"', 'kind = "Lambda"'), r"unknown kind of layer 'Lambda'"),
    "argument": (replaced("units", "unit"), r"layer 1 \(Dense\): unknown key 'unit'\. Did you mean 'units'\?"),
    "range": (replaced("units = 3", "units = 0"), r"layer 1 \(Dense\): .*expected units to be .*Received: .*0"),
    "huge": (replaced("units = 3", "units = 99999999999"), r"expected units to be a finite number below 2,147,483,648"),
    "nan": (
        replaced("l2 = 0.1", "l2 = nan"),
        r"layer 1 \(Dense\), kernel_regularizer: expected l2 to be a finite number",
    ),
    "negative": (
        replaced("l2 = 0.1", "l2 = -1.0"),
        r"layer 1 \(Dense\), kernel_regularizer: Expected l2 to be a number of 0 or more",
    ),
    "truth": (
        replaced("units = 3", 'units = 3\nuse_bias = "no"'),
        r"expected use_bias to be true or false\. Received: 'no'",
    ),
    "activation": (
        replaced('"tanh"', '"tanth"'),
        r"layer 1 \(Dense\): There is no activation named 'tanth'\. Did you mean",
    ),
    "optimizer": (replaced('"SGD"', '"SDG"'), r"\[optimizer\]: unknown kind of optimizer 'SDG'"),
    "option": (
        replaced("clipnorm", "clipnrm"),
        r"\[optimizer\]: unknown key 'clipnrm'\. Did you mean 'clipnorm'\?",
    ),
    "rate": (
        replaced("initial_learning_rate = 0.1", "initial_learning_rate = -1.0"),
        r"\[optimizer\.learning_rate\]: .*Received",
    ),
    "schedule": (
        replaced('"ExponentialDecay"', '"ExponentialDeacy"'),
        r"\[optimizer\.learning_rate\]: unknown kind of schedule 'ExponentialDeacy'\. Did you mean 'ExponentialDecay'",
    ),
    "schedule without arguments": (
        replaced(", decay_steps = 10, decay_rate = 0.5", ""),
        r"\[optimizer\.learning_rate\]: expected decay_steps and decay_rate of ExponentialDecay",
    ),
    "no schedule": (
        replaced('kind = "ExponentialDecay", ', ""),
        r"\[optimizer\.learning_rate\]: expected a kind of schedule, such as kind = 'CosineDecay'\. Received: None",
    ),
    "loss": (replaced('"mse"', '"msw"'), r"\[training\]: There is no loss named 'msw'\. Did you mean"),
    "no loss": (replaced('loss = "mse"', ""), r"the text: expected a loss, such as loss = \"mse\"\. Received: None"),
    "epochs": (replaced("epochs = 7", "epochs = -7"), r"\[training\]: Expected epochs to be an integer of 1 or more"),
    "shape": (replaced("shape = [4]", "shape = 4"), r"\[input\]: expected the shape of one sample, such as"),
    "no layers": ("pellucid = 1\nlayers = 3\n", r"the text: expected at least one table \[\[layers\]\]"),
    "deep": (
        replaced("shape = [4]", f"shape = {'[' * 40}4{']' * 40}"),
        r"\[input\]: expected at most 10 levels of nesting",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_errors_name_their_place(case: str) -> None:
    text, message = WRONG[case]
    with pytest.raises(pel.ModelError, match=message):
        pel.from_toml(text)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(pel.ModelError, match=r"missing\.toml cannot be read: No such file"):
        pel.from_toml(tmp_path / "missing.toml")
    (tmp_path / "bytes.toml").write_bytes(b"a\n\xff")
    with pytest.raises(pel.ModelError, match=r"bytes\.toml is not UTF-8 text: byte 2 is 0xff"):
        pel.from_toml(tmp_path / "bytes.toml")
    (tmp_path / "large.toml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(pel.ModelError, match=r"large\.toml: expected at most 1,000,000 bytes\. Received: 1,000,001"):
        pel.from_toml(tmp_path / "large.toml")
    with pytest.raises(pel.ModelError, match=r"the text does not describe a network: its values are nested too deeply"):
        pel.from_toml("a = " + "[" * 100_000 + "\n")


def graph() -> pel.Model:
    """Return a model with two inputs and outputs, a layer that is called twice, and one with several results."""
    nn.set_random_seed(0)
    steps, age = nn.Input((5, 3), name="steps"), nn.Input((4,), name="age")
    out, h, c = nn.LSTM(4, return_sequences=True, return_state=True, name="lstm")(steps)
    last = nn.LSTM(4, name="second")(out, initial_state=[h, c])
    same = nn.Dense(4, activation="tanh", name="same")
    both = nn.Concatenate(name="both")([nn.Add(name="sum")([same(last), same(age)]), nn.Dropout(0.3, seed=4)(last)])
    kind, size = nn.Dense(3, activation="softmax", name="kind")(both), nn.Dense(1, name="size")(both)
    model = pel.Model([steps, age], [kind, size], name="two")
    losses = {"kind": "sparse_categorical_crossentropy", "size": nn.losses.Huber(0.5)}
    model.compile(nn.optimizers.Adam(0.01), losses, loss_weights={"size": 0.5}, metrics={"kind": ["accuracy"]})
    return model


def test_round_trip_of_a_functional_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.training.prediction.function", partial(function, mode="numpy"))
    model = graph()
    text = model.to_source("toml", epochs=3)
    made = pel.from_toml(text)
    assert made.to_source("toml") == text
    assert made.training["epochs"] == 3
    assert [layer.name for layer in made.layers] == [layer.name for layer in model.layers]
    made.set_weights(model.get_weights())
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(6, 5, 3)).astype("f4"), rng.normal(size=(6, 4)).astype("f4")]
    y = [np.arange(6) % 3, rng.normal(size=(6, 1)).astype("f4")]
    for a, b in zip(model.predict(x), made.predict(x), strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.evaluate(x, y) == made.evaluate(x, y)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'inputs = "age"',
            'inputs = "aeg"',
            r"layer 4 \(same\): expected the name of an input or an earlier layer.* Did you mean 'age'",
        ),
        ('inputs = "age"', "inputs = 3", r"expected the name of an input.* Received: 3"),
        ('again = "same"', 'again = "some"', r"expected again to name an earlier layer.* mean 'same'"),
        (
            'again = "same"',
            'again = "same"\nunits = 2',
            r"expected no settings for an earlier layer. Received: \['units'\]",
        ),
        ('as = "same_1"', 'as = "same"', r"expected a unique name; as = .* Received: 'same'"),
        (
            'inputs = "lstm:0"',
            'inputs = "lstm"',
            r"layer 2 \(LSTM\): expected the name of .* Did you mean 'lstm:\d'\? Received: 'lstm'",
        ),
        (
            'outputs = ["kind", "size"]',
            'outputs = ["kind", "six"]',
            r"\[model\] outputs: expected the name of an input.* Received: 'six'",
        ),
        ('name = "age"', "", r"input 2: expected a name, which layers have in their inputs"),
        (
            'kind = "Model"',
            'kind = "Modell"',
            r"expected kind = \"Sequential\" or kind = \"Model\". Did you mean 'Model'",
        ),
        ("by_output = { kind =", "by_outputs = { kind =", r"unknown key 'by_outputs'|expected a kind of loss"),
        ("weights = { size = 0.5 }", "weights = { six = 0.5 }", r"six"),
    ],
)
def test_errors_in_a_functional_model_name_their_place(old: str, new: str, message: str) -> None:
    text = graph().to_source("toml")
    assert old in text
    with pytest.raises(pel.ModelError, match=message):
        pel.from_toml(text.replace(old, new, 1))


def test_arguments_of_metrics_are_kept() -> None:
    model = pel.Sequential([nn.Input((2,)), nn.Dense(4, activation="softmax")])
    own = [nn.metrics.TopKCategoricalAccuracy(k=3), nn.metrics.AUC(num_thresholds=9), nn.metrics.Precision(top_k=2)]
    model.compile("sgd", "categorical_crossentropy", metrics=own)
    again = pel.from_toml(model.to_source("toml"))
    [output] = again.compile_config.for_outputs(again.output_names)
    found = [metric.arguments for metric in output.metrics.values()]
    assert found == [{"k": 3}, {"num_thresholds": 9}, {"top_k": 2}]
