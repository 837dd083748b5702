"""Times of layers and of the whole step."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.cli import main
from pellucid.inspect.layer_timing import LayerTime, TimeSpread, summarize, time_model
from pellucid.model.errors import ModelError
from pellucid.show.roofline import Work

Output = pytest.CaptureFixture[str]

NETWORK = """
pellucid = 1
loss = "mse"
[input]
shape = [300]
[[layers]]
kind = "Dense"
name = "wide"
units = 600
activation = "relu"
[[layers]]
kind = "Dropout"
name = "dropout"
rate = 0.5
[[layers]]
kind = "Dense"
name = "narrow"
units = 1
"""


@pytest.fixture(autouse=True)
def here(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)


def test_each_layer_and_the_step_are_measured(capsys: Output) -> None:
    Path("network.toml").write_text(NETWORK)
    assert main(["time", "network.toml", "--batch-size", "64", "--iterations", "5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    layers = {each["layer"].split()[0]: each for each in found["layers"]}
    assert list(layers) == ["wide", "dropout", "narrow"]
    assert (layers["wide"]["parameters"], layers["narrow"]["parameters"]) == (300 * 600 + 600, 601)
    assert layers["wide"]["operations"] == 2 * 300 * 600 + 600 + 600  # product, bias, activation
    assert sum(each["share"] for each in found["layers"]) == pytest.approx(1)
    assert layers["wide"]["share"] > layers["narrow"]["share"]
    for each in found["layers"]:
        assert 0 < each["forward"]["lower"] <= each["forward"]["median"] <= each["forward"]["upper"] < 5
    step = found["training_step"]
    assert 0 < step["lower"] <= step["median"] <= step["upper"] < 5
    assert any("XLA" in name for name in found["backends"]["layers"])
    assert found["backends"]["training_step"]
    assert (found["batch_size"], found["iterations"]) == (64, 5)


def test_the_table_compares_the_sum_of_the_layers_with_the_whole(capsys: Output) -> None:
    assert main(["time", "runs/1", "--iterations", "3"]) == 0
    output = capsys.readouterr().out
    assert re.search(r"^standardized \(Normalization\) +\S+ .s ± \d+% +- ", output, re.MULTILINE)
    assert re.search(r"^sum of the layers .* 100\.0%$", output, re.MULTILINE)
    ratio = re.search(r"Added up, the layers take (\S+ \S+), ([\d.]+) times the (\S+ \S+) of the whole\.", output)
    assert ratio is not None
    units = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}
    layers, whole = (float(text.split()[0]) * units[text.split()[1]] for text in (ratio[1], ratio[3]))
    assert layers / whole == pytest.approx(float(ratio[2]), rel=0.02, abs=0.006)
    assert "samples per second" in output
    assert "step run by" in output


def test_a_model_without_a_loss_has_no_step() -> None:
    model = pel.Sequential([nn.Input((4,)), nn.Dense(3), nn.Dense(2)])
    found = time_model(model, batch_size=8, iterations=2)
    assert found.step is None
    assert found.backward is not None
    assert "no training step: the model has no loss" in str(found)
    for layer in model.layers:
        layer.trainable = False
    frozen = time_model(model, batch_size=8, iterations=2)
    assert [each.backward for each in frozen.layers] == [None, None]
    assert frozen.backward is None


def test_gradients_flow_to_every_operand_of_a_functional_model() -> None:
    x = nn.Input((6,), name="x")
    left, right = nn.Dense(4, name="left")(x), nn.Dense(4, name="right")(x)
    model = pel.Model(x, nn.Dense(3, activation="softmax", name="top")(nn.Add(name="sum")([left, right])))
    model.compile("adam", "sparse_categorical_crossentropy")
    before = [w.copy() for w in model.get_weights()]
    found = time_model(model, batch_size=8, iterations=2)
    assert [each.layer.split()[0] for each in found.layers] == ["left", "right", "sum", "top"]
    assert all(each.backward is not None for each in found.layers)
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))  # the step has run


def test_an_experiment_file_is_built_for_its_data(capsys: Output) -> None:
    Path("experiment.toml").write_text('pellucid = 1\nmodel = "linear"\n[data]\nsource = "flats.csv"\n')
    assert main(["time", "experiment.toml", "--iterations", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["layers"][1]["parameters"] == 5 + 1


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["runs/1", "--batch-size", "0"], 2, "--batch-size: expected 1 or more; received 0"),
        (["runs/1", "--iterations", "-1"], 2, "--iterations: expected 1 or more; received -1"),
        (["runs/4"], 2, "runs/4: no such file or folder. Did you mean 'runs/"),
        (["flats.csv"], 2, "a .toml file of a network; received a .csv file"),
        (["runs"], 2, "runs: expected the folder of a run, with model.pel and data.json"),
        (["wrong.toml"], 1, "wrong.toml: expected pellucid = 1"),
        (["without.toml"], 2, "without.toml: expected [data] with source"),
    ],
)
def test_what_cannot_be_measured(words: list[str], status: int, message: str, capsys: Output) -> None:
    Path("wrong.toml").write_text("[model]\n")
    Path("without.toml").write_text('pellucid = 1\nmodel = "mlp"\n[data]\nstrict = true\n')
    assert main(["time", *words]) == status
    assert message in capsys.readouterr().err


def test_inputs_of_unknown_size_are_an_error() -> None:
    model = pel.Sequential([nn.Input((None, 3)), nn.LSTM(2)])
    with pytest.raises(ModelError, match="expected inputs of known sizes"):
        time_model(model)


def test_the_time_of_a_layer_is_that_of_both_passes() -> None:
    model = pel.Sequential([nn.Input((4,)), nn.Dense(3)])
    [forward, backward, noise] = (TimeSpread(m, m, m) for m in (2.0, 3.0, -1.0))
    none = Work(0, 0, 0)
    layers = [LayerTime("a", forward, backward, 0, 0, none), LayerTime("b", forward, noise, 0, 0, none)]
    layers.append(LayerTime("c", TimeSpread(1.0, 1.0, 1.0), None, 0, 0, none))
    found = replace(time_model(model, 2, 1), layers=layers, forward=forward, backward=backward)
    assert [each.seconds for each in layers] == [5.0, 2.0, 1.0]
    assert [each["share"] for each in found.to_json()["layers"]] == [0.625, 0.25, 0.125]
    assert (found.layer_seconds, found.whole_seconds) == (8.0, 5.0)
    assert "Added up, the layers take 8 s, 1.60 times the 5 s of the whole." in str(found)


def test_the_spread_is_that_of_the_quartiles() -> None:
    values = list(np.random.default_rng(0).random(101))
    spread = summarize(values)
    assert spread.median == pytest.approx(np.median(values))
    assert (spread.lower, spread.upper) == pytest.approx(tuple(np.percentile(values, [25, 75])))
    assert TimeSpread(0.002, 0.0019, 0.0021).text == "2 ms ± 5%"
    assert TimeSpread(1e-6, -1e-6, 3e-6).text == "below noise"
