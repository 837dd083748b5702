"""TOML files: what is written is read again, and what is wrong is said with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pellucid as pel
from pellucid import nn

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


def test_what_is_read_can_be_trained_and_is_written_again() -> None:
    model = pel.from_toml(GOOD)
    assert [type(layer).__name__ for layer in model.layers] == ["Dense", "Dense"]
    assert model.training == {"epochs": 7, "batch_size": 5, "seed": 3}
    assert repr(model.goal.optimizer).startswith("SGD(learning_rate=ExponentialDecay(initial_learning_rate=0.1")
    assert model.goal.optimizer.options["clipnorm"] == 1.0
    written = model.peel("toml")
    assert pel.from_toml(written).peel("toml") == written
    assert 'metrics = ["mean_absolute_error"]' in written or 'metrics = ["mae"]' in written


def test_every_setting_survives(tmp_path: Path) -> None:
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
    path.write_text(model.peel("toml", epochs=2), "utf-8")
    again = pel.from_toml(path)
    assert again.name == model.name
    assert again.peel("toml") == path.read_text("utf-8")
    assert [w.shape for w in again.get_weights()] == [w.shape for w in model.get_weights()]
    assert repr(again.goal.optimizer) == repr(model.goal.optimizer)


def replaced(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


WRONG: dict[str, tuple[Any, str]] = {
    "no TOML": ("a = \n", r"the text is no TOML: Invalid value \(at line 1"),
    "version": (
        replaced("pellucid = 1", "pellucid = 2"),
        r"the text: expected pellucid = 1, the version of the format",
    ),
    "key": (replaced("[training]", "[trainin]"), r"the text: there is no key 'trainin'\. Did you mean 'training'\?"),
    "kind": (
        replaced('"Dense"', '"Dence"'),
        r"layer 1 \(Dence\): there is no kind of layer named 'Dence'\. Did you me",
    ),
    "user code": (replaced('kind = "Dense"', 'kind = "Lambda"'), r"there is no kind of layer named 'Lambda'"),
    "argument": (replaced("units", "unit"), r"layer 1 \(Dense\): there is no key 'unit'\. Did you mean 'units'\?"),
    "range": (replaced("units = 3", "units = 0"), r"layer 1 \(Dense\): .*expected units to be .*Received: .*0"),
    "huge": (replaced("units = 3", "units = 99999999999"), r"expected units to be a finite number below 2,147,483,648"),
    "nan": (replaced("l2 = 0.1", "l2 = nan"), r"layer 1 \(Dense\): expected l2 to be a finite number"),
    "negative": (replaced("l2 = 0.1", "l2 = -1.0"), r"layer 1 \(Dense\): Expected a strength of 0 or more"),
    "truth": (
        replaced("units = 3", 'units = 3\nuse_bias = "no"'),
        r"expected use_bias to be true or false\. Received: 'no'",
    ),
    "activation": (
        replaced('"tanh"', '"tanth"'),
        r"layer 1 \(Dense\): There is no activation named 'tanth'\. Did you mean",
    ),
    "optimizer": (replaced('"SGD"', '"SDG"'), r"\[optimizer\]: there is no kind of optimizer named 'SDG'"),
    "option": (
        replaced("clipnorm", "clipnrm"),
        r"\[optimizer\]: there is no key 'clipnrm'\. Did you mean 'clipnorm'\?",
    ),
    "rate": (replaced("initial_learning_rate = 0.1", "initial_learning_rate = -1.0"), r"\[optimizer\]: .*Received"),
    "loss": (replaced('"mse"', '"msw"'), r"\[training\]: There is no loss named 'msw'\. Did you mean"),
    "no loss": (replaced('loss = "mse"', ""), r"the text: expected a loss, such as loss = \"mse\"\. Received: None"),
    "epochs": (replaced("epochs = 7", "epochs = -7"), r"\[training\]: Expected epochs to be an integer of 1 or more"),
    "shape": (replaced("shape = [4]", "shape = 4"), r"\[input\]: expected the shape of one sample, such as"),
    "no layers": ("pellucid = 1\nlayers = 3\n", r"the text: expected \[\[layers\]\] tables, one for each layer"),
    "deep": (replaced("shape = [4]", f"shape = {'[' * 40}4{']' * 40}"), r"\[input\]: expected nothing nested deeper"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_with_its_place(case: str) -> None:
    text, message = WRONG[case]
    with pytest.raises(pel.ModelError, match=message):
        pel.from_toml(text)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(pel.ModelError, match=r"missing\.toml cannot be read: No such file"):
        pel.from_toml(tmp_path / "missing.toml")
    (tmp_path / "bytes.toml").write_bytes(b"a\n\xff")
    with pytest.raises(pel.ModelError, match=r"bytes\.toml is no text in UTF-8: byte 2 is 0xff"):
        pel.from_toml(tmp_path / "bytes.toml")
    (tmp_path / "large.toml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(pel.ModelError, match=r"large\.toml: expected at most 1,000,000 bytes\. Received: 1,000,001"):
        pel.from_toml(tmp_path / "large.toml")
    with pytest.raises(pel.ModelError, match=r"the text is no TOML"):
        pel.from_toml("a = " + "[" * 100_000 + "\n")
