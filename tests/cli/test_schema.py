"""The JSON Schema of experiment files accepts the files that the library reads and writes, and refuses mistakes."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

import pellucid as pel
from pellucid import nn
from pellucid.cli import main
from pellucid.model.object_config import get_classes, layer_to_config
from pellucid.train.prepare.prepared_run import prepare
from pellucid.train.settings import schema
from pellucid.train.settings.settings import Settings
from pellucid.train.settings.toml_reader import format_settings
from tests.cli.test_experiment_files import BASE, BRANCHES
from tests.inspect.test_from_toml import GOOD, graph
from tests.nn.layer_rows import LAYERS

SCHEMA = json.loads(schema.FILE.read_text("utf-8"))
VALIDATOR = Draft7Validator(SCHEMA)
PAGES = Path(pel.__file__).parent.rglob("*.md")
EXAMPLES = [text for page in PAGES for text in re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.S)]


def find_mistakes(text: str) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors(tomllib.loads(text))]


def test_the_file_is_that_of_the_code() -> None:
    assert schema.FILE.read_text("utf-8") == schema.render_schema(), "run `make stubs`"
    Draft7Validator.check_schema(SCHEMA)


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == SCHEMA


@pytest.mark.parametrize("text", [BASE, BRANCHES, GOOD, *EXAMPLES])
def test_examples_are_valid(text: str) -> None:
    assert find_mistakes(text) == []


def test_files_that_the_library_writes_are_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_mistakes(graph().to_source("toml")) == []
    schedule = {"kind": "CosineDecay", "warmup_steps": 3}
    runs = [
        Settings("moons"),
        Settings("circles", model="linear", optimizer={"kind": "SGD", "learning_rate": schedule}, devices="all"),
    ]
    for settings in runs:
        run = prepare(settings)
        shape = run.x.shape[1:]
        text = format_settings(run.settings, run.name, run.layers, shape, run.dataset.task)
        assert find_mistakes(text) == []
        assert find_mistakes(run.make_final_model().to_source("toml")) == []


def test_every_layer_is_valid_with_all_arguments_of_a_file() -> None:
    """The settings that a model writes for each layer of the library."""
    names = set()
    for name, row in LAYERS.items():
        layer = row.make()
        if type(layer).__name__ not in get_classes(nn.layers):
            continue
        try:
            table = layer_to_config(layer)
        except pel.ModelError:  # an array that is too large for a file
            continue
        names.add(name)
        errors = [*VALIDATOR.iter_errors({"layers": [table]})]
        assert errors == [], (name, table, [each.message for each in errors])
    assert len(names) > 60


def test_optimizers_losses_and_metrics_are_valid() -> None:
    model = pel.Sequential([nn.Input((2,)), nn.Dense(3, activation="softmax", kernel_regularizer="l2")])
    for name in nn.optimizers.NAMED:
        model.compile(nn.optimizers.get(name), nn.losses.Huber(0.5), metrics=["accuracy", nn.metrics.AUC(curve="PR")])
        assert find_mistakes(model.to_source("toml")) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[training]", "[trainin]"),
        ("units = 3", "unit = 3"),
        ("units = 3", 'units = "many"'),
        ("units = 3", "units = 2.5"),
        ("units = 3", ""),
        ('"Dense"', '"Dence"'),
        ('"tanh"', '"tanth"'),
        ("l2 = 0.1", "l3 = 0.1"),
        ('"L2"', '"L3"'),
        ('"SGD"', '"SDG"'),
        ("clipnorm", "clipnrm"),
        ("clipnorm = 1.0", "momentum = 1.5"),
        ('"ExponentialDecay"', '"ExponentialDeacy"'),
        ("decay_rate = 0.5", "decay_rte = 0.5"),
        ("decay_rate = 0.5", "decay_rate = true"),
        ('loss = "mse"', 'loss = "msw"'),
        ('["mae"]', '["mea"]'),
        ("epochs = 7", "epochs = 0"),
        ("epochs = 7", 'epochs = "7"'),
        ("seed = 3", "seed = 4294967296"),
        ("seed = 3", "augment = 1"),
        ("pellucid = 1", "pellucid = 2"),
        ("[model]", "[model]\nkind = 'Modle'"),
        ("[model]", "[data]\ntask = 'regresion'\n[model]"),
        ("[model]", "[data]\ntest_split = 1\n[model]"),
        ("[model]", "[[inputs]]\ncolumn = ['a']\n[model]"),
    ],
)
def test_mistakes_are_found(old: str, new: str) -> None:
    assert old in GOOD
    assert find_mistakes(GOOD.replace(old, new, 1)) != []


def test_every_argument_has_a_description_and_a_type() -> None:
    for name, table in SCHEMA["definitions"].items():
        properties: dict[str, Any] = table.get("properties", {})
        for key, described in properties.items():
            assert {"type", "enum", "anyOf", "allOf", "$ref"} & set(described), (name, key)
            assert "$ref" in described or described["description"], (name, key)
