"""Experiment files of `pellucid train`: schedules, branches, includes, environment variables and ``--set``."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.cli import main
from pellucid.cli.train import merge_settings
from pellucid.tracking import RunContext
from pellucid.tracking.errors import UsageError
from pellucid.train.prepare.prepared_run import PreparedRun, prepare
from pellucid.train.settings.settings import Settings
from pellucid.train.settings.toml_reader import read_settings
from pellucid.train.training_run import fit_model, save_network, save_settings
from tests.cli.conftest import save_untrained, stop_before_training

Output = pytest.CaptureFixture[str]

BASE = """
pellucid = 1
model = "linear"
[data]
source = "flats.csv"
target = "price"
[optimizer]
kind = "SGD"
momentum = 0.9
[training]
epochs = 2
batch_size = 16
seed = 4
"""

BRANCHES = """
pellucid = 1
include = "base.toml"

[[inputs]]
name = "size"
columns = ["rooms", "area"]

[[inputs]]
name = "where"
columns = ["place"]

[[layers]]
name = "a"
kind = "Dense"
units = 3
kernel_regularizer = { kind = "L2", l2 = 0.01 }
kernel_initializer = { kind = "HeNormal", seed = 7 }
inputs = "size"

[[layers]]
name = "b"
kind = "Dense"
units = 2
inputs = "where"

[[layers]]
kind = "Concatenate"
inputs = ["a", "b"]

[[layers]]
kind = "Dense"
units = 1
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    places = ["land", "sea", "town"]
    rows = [(rooms, 20 * rooms + rng.normal(), places[rooms % 3]) for rooms in rng.integers(1, 7, 60)]
    lines = ["rooms,area,place,price", *(f"{r},{a:.2f},{p},{3 * a + len(p):.2f}" for r, a, p in rows)]
    (tmp_path / "flats.csv").write_text("\n".join(lines))
    (tmp_path / "base.toml").write_text(BASE)
    (tmp_path / "branches.toml").write_text(BRANCHES)
    return tmp_path


def write(name: str, text: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)


def prepare_run(data: str, *assignments: str, model: str | None = None, **options: Any) -> PreparedRun:
    return prepare(Settings(**merge_settings(data, model, options, assignments)))


def error(data: str, *assignments: str, **options: Any) -> str:
    with pytest.raises((UsageError, pel.ModelError)) as caught:
        prepare_run(data, *assignments, **options)
    return str(caught.value)


def test_a_schedule_lasts_as_long_as_the_training() -> None:
    run = prepare_run("base.toml", "optimizer.learning_rate.kind=CosineDecay")
    steps = 2 * math.ceil(len(run.parts["training"]) / 16)
    rate: Any = run.model.optimizer.learning_rate
    assert (rate.initial_learning_rate, rate.decay_steps) == (0.01, steps)
    assert run.settings.optimizer == {
        "kind": "SGD",
        "learning_rate": {"kind": "CosineDecay", "initial_learning_rate": 0.01, "decay_steps": steps},
        "momentum": 0.9,
    }
    run = prepare_run("moons", "optimizer.learning_rate={kind='CosineDecay', warmup_steps=5}", epochs=1)
    rate = run.model.optimizer.learning_rate
    np.testing.assert_allclose(rate([0, 5, 22]), [0, 0.001, 0], atol=1e-9)
    run = prepare_run("moons", "optimizer.learning_rate={kind='WarmUp', warmup_steps=2, schedule='OneCycle'}", epochs=1)
    rate = run.model.optimizer.learning_rate
    assert (rate.warmup_steps, rate.schedule.total_steps, rate.schedule.max_learning_rate) == (2, 4, 0.001)
    text = error("base.toml", "optimizer.learning_rate.kind=ExponentialDecay")
    assert text.endswith("[optimizer.learning_rate]: expected decay_rate of ExponentialDecay")


def test_branches_of_a_table_train_and_repeat_bit_for_bit(capsys: Output) -> None:
    assignments = "optimizer.learning_rate.kind=CosineDecay", 'optimizer.multipliers={ "a/kernel" = 0.5 }'
    one = prepare_run("branches.toml", *assignments, epochs=1, batch_size=99)
    Path("one").mkdir()
    history = fit_model(one, Path("one"), 0)
    save_settings(RunContext(Path("one")), one, ())
    model, _ = save_network(one, Path("one"), history)
    two = prepare_run("one/experiment.toml")
    Path("two").mkdir()
    save_settings(RunContext(Path("two")), two, ())
    assert Path("two/experiment.toml").read_text() == Path("one/experiment.toml").read_text()
    fit_model(two, Path("two"), 0)
    assert all(map(np.array_equal, one.model.get_weights(), two.model.get_weights()))
    weights = {p.name: p.get_value() for p in one.model.trainable_parameters}
    assert {name: value.shape for name, value in weights.items() if name in ("a/kernel", "b/kernel")} == {
        "a/kernel": (2, 3),
        "b/kernel": (3, 2),  # one feature for each place
    }
    text = pel.load_model("one/model.pel").to_source("toml")
    assert 'kind = "SelectFeatures"\nname = "where_columns"\nindices = [2, 3, 4]' in text
    assert pel.from_toml(text).to_source("toml") == text
    assert main(["predict", "one", "flats.csv", "--json"]) == 0
    predicted = json.loads(capsys.readouterr().out)["predictions"]
    x = np.array([[float(cell) for cell in line.split(",")[:2]] for line in Path("flats.csv").read_text().split()[1:]])
    places = [line.split(",")[2] for line in Path("flats.csv").read_text().split()[1:]]
    features = np.concatenate([x, np.array([[p == q for q in ("land", "sea", "town")] for p in places])], axis=1)
    found = np.ravel([each["values"]["price"] for each in predicted])
    np.testing.assert_allclose(found, model.predict(features.astype("float32"))[:, 0], rtol=1e-5)


def test_a_residual_block_needs_names_only_where_it_branches() -> None:
    layers = '[[layers]]\nkind="Dense"\nunits=4\nname="h"\n[[layers]]\nkind="Dense"\nunits=4\n[[layers]]\n'
    layers += 'kind="Add"\ninputs=["h", "dense"]\n[[layers]]\nkind="Dense"\nunits=2\nactivation="softmax"'
    write(
        "block.toml",
        "pellucid = 1\n"
        + layers.replace('units=4\n[[layers]]\nkind="Add"', 'units=4\nname="dense"\n[[layers]]\nkind="Add"'),
    )
    run = prepare_run("moons", model="block.toml")
    assert [type(layer).__name__ for layer in run.model.layers] == ["Normalization", *["Dense"] * 2, "Add", "Dense"]
    write("block.toml", Path("block.toml").read_text() + "\n[model]\noutputs = 'h'\n")
    assert error("moons", model="block.toml").startswith(
        "block.toml, layer 4 (Dense): expected another layer or [model] outputs to use its result. Name"
    )


def test_includes_are_merged_and_paths_are_relative_to_their_file(folder: Path) -> None:
    write("a/one.toml", 'include = "deep/two.toml"\n[training]\nepochs = 9\n')
    write("a/deep/two.toml", '[data]\nsource = "../../flats.csv"\nchecksum = "old"\n[training]\nepochs = 8\nseed = 8\n')
    write("own.toml", 'pellucid = 1\ninclude = ["base.toml", "a/one.toml"]\n[optimizer]\nkind = "Adam"\n')
    settings = read_settings(Path("own.toml"))
    assert Path(settings["data"]).resolve() == folder / "flats.csv"
    assert [settings[key] for key in ("epochs", "seed", "batch_size", "model")] == [9, 8, 16, "linear"]
    assert settings["optimizer"] == {"kind": "Adam"}  # not the momentum of SGD
    write("a/one.toml", 'include = "deep/two.toml"\noptimizer = "sgd"\n')
    write("own.toml", 'pellucid = 1\ninclude = "a/one.toml"\n[optimizer]\nmomentum = 0.5\n')
    assert read_settings(Path("own.toml"))["optimizer"] == {"kind": "sgd", "momentum": 0.5}
    write("own.toml", 'pellucid = 1\ninclude = "a/one.toml"\n[data]\nsource = "moons"\n')
    assert "checksum" not in read_settings(Path("own.toml"))
    assert read_settings(Path("branches.toml"))["layers"][0]["name"] == "a"  # replaces model = "linear"


def test_environment_variables_are_replaced_in_strings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLATS", str(folder))
    write("own.toml", 'pellucid = 1\n[data]\nsource = "${FLATS}/flats.csv"\ntarget = "$$ or $, not $${FLATS}"\n')
    settings = read_settings(Path("own.toml"))
    assert (settings["data"], settings["options"]) == (f"{folder}/flats.csv", {"target": "$ or $, not ${FLATS}"})


def test_dollar_signs_survive_the_file_of_a_run(folder: Path) -> None:
    Path("flats.csv").rename("${flats}.csv")
    save_untrained(Settings("${flats}.csv", model="linear"), Path("run"))
    assert read_settings(Path("run/experiment.toml"))["data"] == str(folder / "${flats}.csv")


def test_values_of_set_are_toml() -> None:
    assignments = [
        "data.source=moons",
        "layers.-1.units=2",
        "layers.0={ kind = 'Dense', units = 5 }",
        "data.strict=true",
    ]
    found = merge_settings("branches.toml", None, {}, assignments)
    assert (found["data"], found["layers"][-1]["units"], found["layers"][0]["units"]) == ("moons", 2, 5)
    assert found["strict"] is True
    found = merge_settings("base.toml", None, {}, ["optimizer.nesterov=true", "optimizer.kind=sgd"])
    assert found["optimizer"] == {"kind": "sgd", "nesterov": True}  # kinds come first
    assert merge_settings("moons", None, {}, ["optimizer=adam"])["optimizer"] == "adam"
    found = merge_settings("moons", "branches.toml", {"epochs": 3}, ["training.seed=9"])
    assert (found["data"], found["epochs"], found["seed"], found["options"]) == ("moons", 3, 9, {})


def test_set_changes_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    found = stop_before_training(monkeypatch)
    assert main(["train", "base.toml", "--set", "training.epochs=1", "--set", "model=mlp", "--json"]) == 130
    assert (found[0].name, found[0].settings.epochs) == ("mlp", 1)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        (
            "layers.0.unit=3",
            "branches.toml with --set layers.0.unit=3, layer 1 (Dense): unknown key 'unit'. Did you mean 'units'?",
        ),
        ("layers.9.units=3", "--set layers.9.units=3: expected an index from 0 to 3 in layers; received '9'"),
        ("layers.first.units=3", "expected an index from 0 to 3 in layers; received 'first'"),
        ("training.epoch=3", "--set training.epoch=3, [training]: unknown key 'epoch'. Did you mean 'epochs'?"),
        ("training.epochs=many", "--set training.epochs=many, [training]: epochs: expected an integer, 1 or more; rec"),
        ("trainin.epochs=3", "--set trainin.epochs=3: unknown key 'trainin'. Did you mean 'training'?"),
        (
            "optimizer.kind=SDG",
            "--set optimizer.kind=SDG, [optimizer]: unknown kind of optimizer 'SDG'. Did you mean 'SGD'?",
        ),
        (
            "optimizer.momentun=0.5",
            "base.toml and --set optimizer.momentun=0.5, [optimizer]: unknown key 'momentun'. Did you",
        ),
        (
            "optimizer.learning_rate.kind=Cosine",
            "[optimizer.learning_rate]: unknown kind of schedule 'Cosine'. Did you mean",
        ),
        (
            "training.epochs.first=3",
            "training.epochs is 2, not a table. Replace it as a whole: --set 'training.epochs={",
        ),
        ("include=base.toml", "--set include=base.toml: only a file includes others. Write include = 'base.toml' in a"),
        ("epochs", "--set: expected KEY=VALUE with a TOML value, such as training.epochs=5; received 'epochs'"),
        ("training.epochs=[1", "--set: expected KEY=VALUE with a TOML value, such as training.epochs=5; received"),
        (
            "training.epochs=1\nseed=2",
            "--set: expected KEY=VALUE with a TOML value, such as training.epochs=5; received",
        ),
        ("inputs.0.columns=['room']", "input 1 (size): no feature of column 'room'. Did you mean 'rooms'?"),
        (
            "inputs.0.columns='rooms'",
            'input 1 (size): expected names of columns, such as columns = ["rooms"]; received',
        ),
        ("inputs.0.column=['rooms']", "input 1: unknown key 'column'. Did you mean 'columns'?"),
        ("inputs.1.name='size'", "input 2: expected a unique name; received 'size'"),
        (
            "layers.2.inputs=['a']",
            "layer 2 (Dense): expected another layer or [model] outputs to use its result. Name it",
        ),
        (
            "layers.0.inputs='sise'",
            "layer 1 (Dense): expected the name of an input or an earlier layer. Did you mean 'size'?",
        ),
        ("layers.0.kernel_regularizer.l3=1", "layer 1 (Dense), kernel_regularizer: unknown key 'l3'. Known: kind, l2"),
        (
            "layers.0.kernel_initializer.kind=HeNormall",
            "kernel_initializer: unknown kind of initializer 'HeNormall'. Did",
        ),
        ("model.outputs='a'", "layer 4 (Dense): expected another layer or [model] outputs to use its result"),
        (
            "model.outputs='c'",
            "[model] outputs: expected the name of an input or an earlier layer. Known: size, where, a",
        ),
        ("model.kind=Sequential", "layer 1 (Dense): unknown key 'inputs'"),
    ],
)
def test_errors_name_the_file_or_the_option_and_the_key(assignment: str, message: str) -> None:
    assert message in error("branches.toml", assignment)


def test_errors_of_set_on_the_command_line() -> None:
    assert "--epochs and --set training.epochs=1 set the same value. Remove one of them" in error(
        "base.toml", "training.epochs=1", epochs=2
    )
    assert "--set seed=1 and --set seed=2 set the same value. Remove one" in error("moons", "seed=1", "seed=2")
    assert error("moons", "layers.0.units=3").startswith(
        "--set layers.0.units=3: there are no [[layers]] to change. The experiment.toml of a run lists its layers"
    )
    assert "input 1 (size): columns: only for tables, whose columns have names. Omit it" in error(
        "branches.toml", "data.source=moons", "data={ source = 'moons' }"
    )
    assert "model.outputs=3, [model]: outputs: expected the name of a layer, or a list of names; received 3" in error(
        "branches.toml", "model.outputs=3"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("include = 'bas.toml'", "own.toml: include: bas.toml does not exist. Did you mean 'base.toml'?"),
        ("include = 'own.toml'", "own.toml, include: own.toml includes own.toml. Remove one of these lines"),
        ("include = 3", 'own.toml: include: expected a .toml file, such as "base.toml"; received 3'),
        ("include = 'flats.csv'", "include: expected a .toml file"),
        ("include = 'loop.toml'", "loop.toml, include: own.toml includes loop.toml includes own.toml"),
        ("include = 'wrong.toml'", "wrong.toml, [training]: unknown key 'epoch'. Did you mean 'epochs'?"),
        (f"include = {['base.toml'] * 60}", "own.toml: expected at most 50 files with those that it includes"),
        ("data.source = '${FLATZ}/x'", "data.source: the environment variable FLATZ is not set. Did you mean 'FLATS'?"),
        ("data.source = '${_}x'", "variable _ is not set. Set it, or write $${_} if it is text"),
        (
            "data.source = '${FLATS'",
            "own.toml: data.source: expected ${NAME}, an environment variable, or $$ for a dol",
        ),
    ],
)
def test_invalid_includes_and_variables_are_reported(text: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLATS", "here")
    monkeypatch.delenv("_", raising=False)
    write("loop.toml", "include = 'own.toml'")
    write("wrong.toml", "[training]\nepoch = 3\n")
    write("own.toml", f"pellucid = 1\n{text}\n")
    assert message in error("own.toml")


def test_a_linear_model_is_the_same_with_and_without_names() -> None:
    """A graph of one layer has the weights of the chain."""
    write("chain.toml", 'pellucid = 1\n[[layers]]\nkind = "Dense"\nunits = 2\nactivation = "softmax"\n')
    write("graph.toml", Path("chain.toml").read_text() + 'inputs = "input"\n')
    runs = [prepare_run("moons", model=name) for name in ("chain.toml", "graph.toml")]
    x = np.random.default_rng(0).normal(size=(5, 2)).astype("float32")
    chain, graph = [run.model for run in runs]
    graph.set_weights(chain.get_weights())
    np.testing.assert_array_equal(chain.predict(x), graph.predict(x))
    assert replace(runs[1].settings, layers=None).inputs == []
