"""Times of layers and of the whole step."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.cli import main
from pellucid.inspect import layer_timing
from pellucid.inspect.layer_timing import LayerTime, ModelTime, TimeSpread, summarize, time_model
from pellucid.model.errors import ModelError
from pellucid.show.costs.roofline import Work

Output = pytest.CaptureFixture[str]


class Measured(NamedTuple):
    model: pel.Model
    times: ModelTime
    weights_before: list[Any]


@pytest.fixture(scope="module")
def measured() -> Measured:
    """A network with branches and a wide layer, its times, and its weights before."""
    nn.set_random_seed(0)
    x = nn.Input((300,), name="x")
    normalization = nn.Normalization(name="scaled")
    normalization.adapt(np.random.default_rng(0).normal(size=(20, 300)).astype("float32"))
    wide = nn.Dense(600, activation="relu", name="wide")(normalization(x))
    branches = [nn.Dense(1, name=name)(wide) for name in ("left", "right")]
    model = pel.Model(x, nn.Dropout(0.5, name="dropped")(nn.Add(name="sum")(branches)))
    model.compile("adam", "mse")
    before = [w.copy() for w in model.get_weights()]
    return Measured(model, time_model(model, 64, 5), before)


@pytest.fixture
def asked(measured: Measured, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the command measures, which is not measured again: models, batch sizes and iterations."""
    found: list[Any] = []

    def time_model(model: pel.Model, batch_size: int, iterations: int, **options: Any) -> ModelTime:
        found.extend([model, batch_size, iterations])
        return measured.times

    monkeypatch.setattr(layer_timing, "time_model", time_model)
    return found


@pytest.fixture(autouse=True)
def here(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)


def test_each_layer_and_the_step_are_measured(asked: list[Any], capsys: Output) -> None:
    assert main(["time", "runs/1", "--batch-size", "64", "--iterations", "5", "--json"]) == 0
    assert asked[1:] == [64, 5]
    found = json.loads(capsys.readouterr().out)
    layers = {each["layer"].split()[0]: each for each in found["layers"]}
    assert list(layers) == ["scaled", "wide", "left", "right", "sum", "dropped"]
    assert (layers["wide"]["parameters"], layers["left"]["parameters"]) == (300 * 600 + 600, 601)
    assert layers["wide"]["operations"] == 2 * 300 * 600 + 600 + 600  # product, bias, activation
    assert sum(each["share"] for each in found["layers"]) == pytest.approx(1)
    assert layers["wide"]["share"] > layers["left"]["share"]
    for each in found["layers"]:
        assert 0 < each["forward"]["lower"] <= each["forward"]["median"] <= each["forward"]["upper"] < 5
    step = found["training_step"]
    assert 0 < step["lower"] <= step["median"] <= step["upper"] < 5
    assert any("XLA" in name for name in found["backends"]["layers"])
    assert found["backends"]["training_step"]
    assert (found["batch_size"], found["iterations"]) == (64, 5)


def test_gradients_flow_to_every_operand_of_a_functional_model(measured: Measured) -> None:
    layers = {each.layer.split()[0]: each for each in measured.times.layers}
    assert all(layers[name].backward is not None for name in ("wide", "left", "right", "sum", "dropped"))
    assert layers["scaled"].backward is None  # it has no trainable weights, and its input no gradient
    changed = [(a != b).any() for a, b in zip(measured.weights_before, measured.model.get_weights(), strict=True)]
    assert any(changed)  # the step has run


def test_the_table_compares_the_sum_of_the_layers_with_the_whole(asked: list[Any], capsys: Output) -> None:
    assert main(["time", "runs/1"]) == 0
    assert asked[1:] == [32, 50]
    output = capsys.readouterr().out
    assert re.search(r"^scaled \(Normalization\) +\S+ .s ± \d+% +- ", output, re.MULTILINE)
    assert re.search(r"^sum of the layers .* 100\.0%$", output, re.MULTILINE)
    ratio = re.search(r"Added up, the layers take (\S+ \S+), ([\d.]+) times the (\S+ \S+) of the whole\.", output)
    assert ratio is not None
    units = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}
    layers, whole = (float(text.split()[0]) * units[text.split()[1]] for text in (ratio[1], ratio[3]))
    assert layers / whole == pytest.approx(float(ratio[2]), rel=0.02, abs=0.006)
    assert "samples per second" in output
    assert "step run by" in output


def test_a_model_without_a_loss_has_no_step() -> None:
    model = pel.Sequential([nn.Input((4,)), nn.Dense(3)])
    found = time_model(model, batch_size=8, iterations=2)
    assert found.step is None
    assert found.backward is not None
    assert "no training step: the model has no loss" in str(found)
    for layer in model.layers:
        layer.trainable = False
    frozen = time_model(model, batch_size=8, iterations=2)
    assert [each.backward for each in frozen.layers] == [None]
    assert frozen.backward is None


def test_an_experiment_file_is_built_for_its_data(asked: list[Any]) -> None:
    Path("experiment.toml").write_text('pellucid = 1\nmodel = "linear"\n[data]\nsource = "flats.csv"\n')
    assert main(["time", "experiment.toml"]) == 0
    assert [p.get_value().size for p in asked[0].trainable_parameters] == [5, 1]


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


def test_the_time_of_a_layer_is_that_of_both_passes(measured: Measured) -> None:
    [forward, backward, noise] = (TimeSpread(m, m, m) for m in (2.0, 3.0, -1.0))
    none = Work(0, 0, 0)
    layers = [LayerTime("a", forward, backward, 0, 0, none), LayerTime("b", forward, noise, 0, 0, none)]
    layers.append(LayerTime("c", TimeSpread(1.0, 1.0, 1.0), None, 0, 0, none))
    found = replace(measured.times, layers=layers, forward=forward, backward=backward)
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
