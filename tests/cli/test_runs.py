"""The table of runs, and the comparison of two."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pellucid as pel
from pellucid.cli import main
from pellucid.tracking import Record, Score

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with copies of the trained runs, which tests may change."""
    shutil.copytree(trained / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)


def run_json(capsys: Output, *words: str) -> Any:
    assert main(["runs", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def change_record(run: str, **changes: Any) -> None:
    file = Path("runs") / run / "record.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_the_table_has_every_run_in_the_order_of_numbers(capsys: Output) -> None:
    found = run_json(capsys)
    assert [each["folder"] for each in found] == ["runs/1", "runs/2", "runs/10"]
    record = json.loads(Path("runs/1/record.json").read_text())
    first = found[0]
    assert (first["status"], first["data"], first["network"]) == ("finished", "flats.csv", "linear")
    assert (first["epochs"], first["seconds"]) == (record["measures"]["epochs"], record["seconds"])
    assert (first["score"], first["baseline"]) == (record["result"], record["baseline"])
    assert first["metrics"] == record["measures"]["test"]
    assert main(["runs"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["run", "data", "network", "epochs", "score", "baseline", "seconds", "date", "status"]
    assert [line.split()[0] for line in lines] == ["1", "2", "10"]
    assert f"test mean absolute error {record['result']['value']:.4g}" in lines[0]


def test_runs_are_sorted_by_a_metric_with_the_best_first(capsys: Output) -> None:
    for number, (mae, r2) in {"1": (3.0, 0.5), "2": (2.0, 0.9)}.items():
        record = json.loads((Path("runs") / number / "record.json").read_text())
        change_record(number, measures=record["measures"] | {"test": {"mae": mae, "r2": r2}})
    assert [each["folder"] for each in run_json(capsys, "--sort", "mae")] == ["runs/2", "runs/1", "runs/10"]
    assert [each["folder"] for each in run_json(capsys, "--sort", "r2")] == ["runs/2", "runs/1", "runs/10"]
    assert run_json(capsys, "--sort", "accuracy")[0]["folder"] == "runs/10"
    change_record("2", seconds=0.001)
    assert run_json(capsys, "--sort", "seconds")[0]["folder"] == "runs/2"
    assert main(["runs", "--sort", "mae"]) == 0
    assert capsys.readouterr().out.splitlines()[0].split()[4] == "mae"


def test_runs_without_a_record_and_damaged_ones_are_in_the_table(capsys: Output) -> None:
    Path("runs/1/record.json").unlink()
    Path("runs/2/record.json").write_text('{"status": [')
    change_record("10", status="failed", result=None, baseline=None, reason="no memory")
    (Path("runs") / "empty").mkdir()
    found = {each["folder"]: each for each in run_json(capsys)}
    assert {name: each["status"] for name, each in found.items()} == {
        "runs/1": "unfinished", "runs/2": "damaged", "runs/10": "failed",
    }  # fmt: skip
    assert found["runs/1"]["data"].endswith("flats.csv")
    assert (found["runs/1"]["network"], found["runs/1"]["epochs"]) == ("linear", 6)
    assert main(["runs", "--sort", "score"]) == 0
    assert "unfinished" in capsys.readouterr().out


@pytest.mark.parametrize(
    "content", ["[1]", '{"status": "finished", "measures": [], "result": 3}', "[" * 10_000, "\xff"]
)
def test_a_strange_record_is_a_damaged_run(content: str, capsys: Output) -> None:
    Path("runs/1/record.json").write_text(content, "latin-1")
    assert run_json(capsys)[0]["status"] == "damaged"


def test_experiments_of_the_course_are_runs(capsys: Output) -> None:
    folder = Path("course/first")
    folder.mkdir(parents=True)
    measures = {"weights": [1.0, 2.0], "training_accuracy": 0.85}
    score, baseline = Score("held-out accuracy", 0.875), Score("majority class", 0.5)
    record = Record(
        "logistic", "", "finished", None, 0, {"points": 40}, score, baseline, measures, (), 0.5, {}, (), (), {}, {}
    )
    (folder / "record.json").write_text(record.to_json())
    [found] = run_json(capsys, "course")
    assert (found["name"], found["status"], found["epochs"]) == ("logistic", "finished", None)
    assert main(["runs", "course"]) == 0
    assert "held-out accuracy 0.875  majority class 0.5" in capsys.readouterr().out


def test_two_runs_are_compared(capsys: Output) -> None:
    assert main(["runs", "runs/1", "runs/2", "--out", "curves.png"]) == 0
    output = capsys.readouterr().out
    assert "training.epochs       6       4\n" in output
    assert "training.seed         0       1\n" in output
    assert "The histories first differ in epoch 1: loss is " in output
    assert "The weights differ by up to " in output
    assert "runs/1: loss falls from" in output
    with Image.open("curves.png") as picture:
        assert "runs/2: loss falls from" in picture.info["Description"]
    found = run_json(capsys, "runs/1", "runs/2")
    assert {change["name"] for change in found["settings"]} == {"training.epochs", "training.seed"}
    with Path("runs/2/history.csv").open() as file:
        assert found["histories"][1]["loss"] == [float(row["loss"]) for row in csv.DictReader(file)]
    assert found["bit_identical"] is False
    weights = [pel.load_model(f"runs/{n}/model.pel").get_weights() for n in (1, 2)]
    largest = max(np.abs(a - b).max() for a, b in zip(*weights, strict=True))
    assert found["weights"] == f"The weights differ by up to {largest:.3g}."


def test_a_copy_is_bit_identical_and_the_first_difference_is_found(capsys: Output) -> None:
    shutil.copytree("runs/1", "copy")
    assert main(["runs", "runs/1", "copy"]) == 0
    output = capsys.readouterr().out
    assert "no setting differs" in output
    assert "The histories are bit-identical in all 6 epochs." in output
    assert "The weights are bit-identical." in output
    lines = Path("copy/history.csv").read_text().splitlines()
    Path("copy/history.csv").write_text("\n".join(lines[:-1]) + "\n")
    assert main(["runs", "runs/1", "copy"]) == 0
    assert "bit-identical in the 5 epochs that both have. The runs have 6 and 5 epochs." in capsys.readouterr().out
    cells = lines[4].split(",")
    cells[2] = f"{float(cells[2]) * (1 + 1e-15)!r}"  # the next number or so
    Path("copy/history.csv").write_text("\n".join([*lines[:4], ",".join(cells), *lines[5:]]) + "\n")
    difference = run_json(capsys, "runs/1", "copy")["first_difference"]
    assert (difference["epoch"], difference["metric"]) == (4, "loss")
    assert difference["first"] != difference["second"]


def test_other_backends_and_a_missing_history_are_said(capsys: Output) -> None:
    shutil.copytree("runs/1", "copy")
    record = json.loads(Path("copy/record.json").read_text())
    Path("copy/record.json").write_text(json.dumps(record | {"backends": ["NumPy"], "status": "interrupted"}))
    Path("copy/history.csv").unlink()
    assert main(["runs", "runs/1", "copy"]) == 0
    output = capsys.readouterr().out
    assert "The backends of the runs differ" in output
    assert "no history in copy" in output
    assert "status  copy: interrupted" in output
    assert main(["runs", "runs/1", "copy", "--out", "curves.png"]) == 2
    assert "--out: expected two runs with a history of the loss" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--sort", "acuracy"], 2, "--sort: no metric 'acuracy'. Did you mean 'accuracy'? Expected one of accuracy,"),
        (["rnus"], 2, "rnus: there is no such folder. Did you mean 'runs'?"),
        (["--out", "x.png"], 2, "--out: expected two runs to compare"),
        (["runs/1", "runs/2", "--sort", "mae"], 2, "--sort: expected a folder of runs, received two runs to compare"),
        (["runs/1", "runs/2", "--out", "x.jpg"], 1, "Expected a path that ends in .png"),
        (["runs/1", "broken"], 1, "broken/history.csv"),
    ],
)
def test_what_cannot_be_listed_or_compared(words: list[str], status: int, message: str, capsys: Output) -> None:
    shutil.copytree("runs/1", "broken")
    Path("broken/history.csv").write_text("epoch,loss\n0\n")
    assert main(["runs", *words]) == status
    assert message in capsys.readouterr().err


def test_a_folder_without_runs_says_how_to_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    (tmp_path / "nothing").mkdir()
    assert main(["runs", "nothing"]) == 0
    assert capsys.readouterr().out == "no runs in nothing. Train a network: pellucid train DATA\n"
    assert run_json(capsys, "nothing") == []
    monkeypatch.chdir("nothing")
    assert main(["runs"]) == 0
    assert capsys.readouterr().out.startswith("no runs in runs. Train")
