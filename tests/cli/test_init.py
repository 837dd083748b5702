"""The experiment file with every setting."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.cli import main
from pellucid.cli.train import merge_settings
from pellucid.train.prepare.prepared_run import prepare
from pellucid.train.read.loaders import get_options
from pellucid.train.settings.settings import PARAMETERS, Settings
from pellucid.train.settings.toml_reader import read_settings

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "flats.csv").write_bytes((trained / "flats.csv").read_bytes())
    monkeypatch.chdir(tmp_path)


def train(*words: str, capsys: Output) -> dict[str, Any]:
    assert main(["train", *words, "--epochs", "2", "--json"]) == 0
    record: dict[str, Any] = json.loads(capsys.readouterr().out)
    return record


def test_the_file_has_the_settings_and_the_network_of_the_data_without_it(capsys: Output) -> None:
    assert main(["init", "flats.csv"]) == 0
    assert capsys.readouterr().out == "Edit experiment.toml, then train: pellucid train experiment.toml\n"
    with_file, without = (
        prepare(Settings(**merge_settings(data, None, {"epochs": 2}))) for data in ("experiment.toml", "flats.csv")
    )
    assert replace(with_file.settings, data="flats.csv", layers_from="", sources={}) == replace(
        without.settings, data="flats.csv", layers_from="", sources={}
    )
    np.testing.assert_array_equal(with_file.x, without.x)
    np.testing.assert_array_equal(with_file.y, without.y)
    for one, other in zip(with_file.model.get_weights(), without.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_the_file_trains_like_the_data_without_it(capsys: Output) -> None:
    assert main(["init", "flats.csv"]) == 0
    assert capsys.readouterr().out == "Edit experiment.toml, then train: pellucid train experiment.toml\n"
    with_file, without = train("experiment.toml", capsys=capsys), train("flats.csv", capsys=capsys)
    for key in ("result", "baseline", "measures", "seed", "status"):
        assert with_file[key] == without[key], key
    histories = [Path(run["folder"], "history.csv").read_text().splitlines() for run in (with_file, without)]
    first, second = ([line.split(",")[2:] for line in lines] for lines in histories)
    assert first == second
    settings = [
        "\n".join(
            line for line in Path(run["folder"], "experiment.toml").read_text().splitlines() if "source" not in line
        )
        for run in (with_file, without)
    ]
    assert settings[0] == settings[1]


def test_every_setting_has_its_default_or_an_explanation() -> None:
    assert main(["init", "flats.csv"]) == 0
    text = Path("experiment.toml").read_text()
    table = tomllib.loads(text)
    written = {key for part in (table, table["data"], table["training"]) for key in part}
    for name, parameter in PARAMETERS.items():
        if name in ("checksum", "weights_checksum", "optimizer", "sweep"):
            continue
        if parameter.default is None:
            assert f"\n# {name} = ({parameter.expected})\n" in text, name
        else:
            assert name in written, name
        first_words = " ".join(parameter.description.split()[:3])
        assert first_words in text or name == "model", name
    for name in get_options():
        assert f"\n# {name} = (" in text, name
    assert table["data"]["validation_split"] == PARAMETERS["validation_split"].default
    assert table["optimizer"] == {}
    assert '\n# kind = "adam"\n' in text


def test_every_comment_can_become_a_setting() -> None:
    assert main(["init", "flats.csv"]) == 0
    text = Path("experiment.toml").read_text()
    values = {"model": '"linear"', "loss": '"mae"', "target": '"age"', "task": '"regression"', "patience": "3"}
    values |= {"metrics": '["mse"]', "devices": '"all"', "epochs": "2"}
    for name, value in values.items():
        lines = [f"{name} = {value}" if line.startswith(f"# {name} = (") else line for line in text.splitlines()]
        text = "\n".join(lines)
    Path("experiment.toml").write_text(text)
    prepared = prepare(Settings(**read_settings(Path("experiment.toml"))))
    settings = prepared.settings
    assert prepared.name == "linear"
    assert {k: v for k, v in settings.options.items() if v is not None} == {"target": "age"}
    assert (settings.loss, settings.metrics, settings.task, settings.devices) == ("mae", ["mse"], "regression", "all")
    assert (settings.patience, settings.epochs) == (3, 2)


def test_the_path_is_relative_to_the_file_and_other_data_have_their_options(trained: Path, capsys: Output) -> None:
    Path("files").mkdir()
    assert main(["init", str(trained / "squares"), "--out", "files/squares.toml"]) == 0
    table = tomllib.loads(Path("files/squares.toml").read_text())
    assert (Path("files") / table["data"]["source"]).resolve() == (trained / "squares").resolve()
    text = Path("files/squares.toml").read_text()
    assert "\n# Size to which images are resized" in text
    assert "\n# Only for a table: Column" in text
    assert main(["init", "--out", "example.toml"]) == 0
    assert tomllib.loads(Path("example.toml").read_text())["data"]["source"] == "moons"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["flats.cvs"], "flats.cvs: no such file or folder. Did you mean 'flats.csv'?"),
        (["flats.csv", "--out", "flats.txt"], "--out: expected a file that ends in .toml; received flats.txt"),
        (["flats.csv", "--out", "no/x.toml"], "--out: there is no folder no"),
        (["mine.toml"], "mine.toml: expected data, such as a folder of images or a table; received an experiment file"),
        (["flats.csv", "--out", "mine.toml"], "mine.toml exists. Choose another file, or replace it with --overwrite"),
    ],
)
def test_what_cannot_be_written(words: list[str], message: str, capsys: Output) -> None:
    Path("mine.toml").write_text("precious")
    assert main(["init", *words]) == 2
    assert message in capsys.readouterr().err
    assert Path("mine.toml").read_text() == "precious"


def test_a_file_is_replaced_on_request() -> None:
    Path("mine.toml").write_text("old")
    assert main(["init", "flats.csv", "--out", "mine.toml", "--overwrite"]) == 0
    assert tomllib.loads(Path("mine.toml").read_text())["pellucid"] == 1
