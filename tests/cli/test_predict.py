import io
import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pellucid.cli import main
from pellucid.data import DataWarning

Output = pytest.CaptureFixture[str]

QUICK = ["--model", "linear", "--epochs", "20", "--learning-rate", "0.2", "--quiet"]


def images(folder: Path, name: str, low: int, count: int) -> None:
    rng = np.random.default_rng(low)
    (folder / name).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        Image.fromarray(rng.integers(low, low + 100, (8, 8, 3), "uint8")).save(folder / name / f"{i}.png")


@pytest.fixture(scope="module")
def place(interpret_functions: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three runs: on images, on rows of a table and on arrays."""
    place = tmp_path_factory.mktemp("answers")
    for name, low in (("dark", 0), ("light", 150)):
        images(place / "photos", name, low, 12)
        images(place / "others", name, low, 2)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    up = np.where(x[:, 0] > 0, "up", "down")
    write(place / "rows.csv", ["a,kind,b,way", *(f"{a},{w[0]},{b},{w}" for (a, b), w in zip(x, up, strict=True))])
    write(place / "asked.csv", ["kind,b,a", "u,0.5,2", "?,,oops", "d,0.1,-2"])
    write(place / "later.csv", ["way,a,b,kind", "up,2,0,u", "down,-2,0,d", "down,2,0,u"])
    np.savez(place / "line.npz", x=x, y=100 + 10 * x[:, 0])
    np.savez(place / "asked.npz", x=np.array([[0.0, 0.0], [1.0, 0.0]]))
    np.savez(place / "two.npz", x=x, y=x)
    np.savez(place / "scalar.npz", x=1.0)
    np.savez(place / "wide.npz", x=np.zeros((2, 3)), y=np.arange(2.0))
    with pytest.MonkeyPatch.context() as here:
        here.chdir(place)
        assert main(["train", "photos", "--size", "8", "--out", "on-images", *QUICK]) == 0
        assert main(["train", "rows.csv", "--out", "on-rows", *QUICK]) == 0
        assert main(["train", "line.npz", "--out", "on-arrays", *QUICK]) == 0
    return place


def write(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(autouse=True)
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


def run_json(capsys: Output, *words: str) -> Any:
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_images_are_classified(capsys: Output) -> None:
    assert main(["predict", "on-images", "others/light/0.png", "others/dark"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.rpartition("  ")[0] for line in lines] == [
        "others/light/0.png: light", "others/dark/0.png: dark", "others/dark/1.png: dark",
    ]  # fmt: skip
    [predictions] = run_json(capsys, "predict", "on-images", "others/light/1.png")["predictions"]
    assert (predictions["file"], predictions["class"]) == ("others/light/1.png", "light")
    assert predictions["probability"] == predictions["probabilities"]["light"] > 0.5
    assert sum(predictions["probabilities"].values()) == pytest.approx(1)


def test_a_damaged_image_is_skipped_or_an_error(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "bad.png").write_bytes(b"nothing")
    warnings.simplefilter("default", DataWarning)
    assert main(["predict", "on-images", str(tmp_path)]) == 1
    output, errors = capsys.readouterr()
    assert (output, errors.endswith("bad.png: skipped, not an image\n")) == ("", True)
    assert main(["predict", "on-images", str(tmp_path), "--strict"]) == 1
    assert "bad.png: not an image; repair or remove it" in capsys.readouterr().err


def test_columns_are_found_by_name_with_missing_and_invalid_cells(capsys: Output) -> None:
    warnings.simplefilter("default", DataWarning)
    assert main(["predict", "on-rows", "asked.csv"]) == 0
    output, errors = capsys.readouterr()
    assert output.startswith("asked.csv, line 2: up  ")
    assert [line[:16] for line in output.splitlines()] == [f"asked.csv, line {n}"[:16] for n in (2, 3, 4)]
    assert "asked.csv, line 4: down" in output
    assert "treated 1 cell as missing: line 3, column 'a': expected a number, received 'oops'" in errors


def test_predictions_have_the_units_of_the_targets(capsys: Output) -> None:
    predictions = run_json(capsys, "predict", "on-arrays", "asked.npz")["predictions"]
    assert [each["row"] for each in predictions] == [0, 1]
    assert predictions[0]["values"]["target"] == pytest.approx(100, abs=3)
    assert predictions[1]["values"]["target"] == pytest.approx(110, abs=3)
    assert main(["predict", "on-arrays", "asked.npz"]) == 0
    assert capsys.readouterr().out.startswith("asked.npz, row 0: target ")


def test_networks_are_evaluated_on_other_data(capsys: Output) -> None:
    found = run_json(capsys, "test", "on-images", "others")
    assert (found["samples"], found["test"]["accuracy"]) == (4, 1.0)
    found = run_json(capsys, "test", "on-rows", "later.csv")
    assert (found["samples"], found["test"]["accuracy"]) == (3, pytest.approx(2 / 3))
    warnings.simplefilter("default", DataWarning)
    assert main(["test", "on-arrays", "line.npz"]) == 0
    output, errors = capsys.readouterr()
    assert "line.npz: 60 samples" in output
    assert "mean absolute error" in output
    assert "line.npz: the network was trained on most of these samples" in errors


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["predict", "on-images"], 2, "predict: expected files"),
        (["predict", "nowhere", "a.png"], 2, "nowhere: expected the folder of a run, with model.pel and data.json"),
        (["predict", "on-images", "none.png"], 1, "none.png: no such file or folder"),
        (["predict", "on-images", "asked.csv"], 1, "asked.csv: expected an image, or a folder or zip archive"),
        (["predict", "on-rows", "asked.npz"], 1, "asked.npz: expected a table, like the training data"),
        (["predict", "on-rows", "later.csv", "--strict"], 0, ""),
        (
            ["predict", "on-rows", "rows.csv", "asked.csv", "--strict"],
            1,
            "asked.csv, line 3, column 'a': expected a num",
        ),
        (
            ["predict", "on-arrays", "wide.npz"],
            1,
            "wide.npz: expected samples of shape (2,), as in training",
        ),
        (["test", "on-arrays", "wide.npz"], 1, "wide.npz: expected samples of shape (2,)"),
        (
            ["test", "on-arrays", "two.npz"],
            1,
            "two.npz: expected 1 target per sample, like the training data",
        ),
        (["predict", "on-arrays", "scalar.npz"], 1, "scalar.npz: expected samples of shape (2,), as in training"),
        (["test", "on-rows", "line.npz"], 1, "line.npz: expected a table, like the training data"),
        (
            ["test", "on-rows", "strange.csv"],
            1,
            "strange.csv: expected the classes of the training data (down, up)",
        ),
        (["test", "on-rows", "lacking.csv"], 1, "lacking.csv: no column 'way'"),
        (["test", "broken", "later.csv"], 1, "broken/data.json: expected the description that pellucid train wrote"),
    ],
)
def test_data_that_do_not_fit_are_an_error(
    words: list[str], status: int, message: str, place: Path, capsys: Output
) -> None:
    write(place / "strange.csv", ["a,b,kind,way", "1,1,u,up", "1,1,d,sideways"])
    write(place / "lacking.csv", ["a,b,kind", "1,1,u"])
    (place / "broken").mkdir(exist_ok=True)
    (place / "broken" / "model.pel").touch()
    (place / "broken" / "data.json").write_text('{"kind": "row"}')
    assert main(words) == status
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("run", "change"),
    [
        ("on-images", {"size": [8, 10**9]}),
        ("on-images", {"shape": "8"}),
        ("on-rows", {"inputs": [{"name": "a", "kind": "number", "missing": "none", "limits": None}]}),
        ("on-rows", {"inputs": [{"name": "a", "kind": "number", "missing": 0, "limits": [1]}]}),
        ("on-rows", {"inputs": [{"name": "a", "kind": "category", "values": [1]}]}),
        ("on-rows", {"inputs": [{"name": "a", "kind": "date", "start": "then", "format": "%d"}]}),
        ("on-rows", {"class_names": ["up", 2]}),
        ("on-arrays", {"task": "guessing"}),
        ("on-arrays", {"kind": ["array"]}),
        ("on-arrays", {"target_names": ["one", "two"]}),
    ],
)
def test_an_invalid_description_is_an_error(
    run: str, change: dict[str, Any], place: Path, tmp_path: Path, capsys: Output
) -> None:
    described = json.loads((place / run / "data.json").read_text()) | change
    (tmp_path / "model.pel").write_bytes((place / run / "model.pel").read_bytes())
    (tmp_path / "data.json").write_text(json.dumps(described))
    assert main(["predict", str(tmp_path), "any"]) == 1
    assert re.search(
        r"(data.json: expected the description|expected a network with 2 outputs)", capsys.readouterr().err
    )


def give_standard_input(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_standard_input_is_a_table(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warnings, "showwarning", lambda *_: None)
    warnings.simplefilter("ignore", DataWarning)
    assert main(["predict", "on-rows", "asked.csv"]) == 0
    from_file = capsys.readouterr().out
    give_standard_input(monkeypatch, Path("asked.csv").read_bytes())
    assert main(["predict", "on-rows", "-"]) == 0
    assert capsys.readouterr().out == from_file.replace("asked.csv", "-")
    assert from_file.startswith("asked.csv, line 2: up")


def test_standard_input_is_a_list_of_images(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    give_standard_input(monkeypatch, b"others/light/0.png\n\nothers/dark\r\n")
    assert main(["predict", "on-images", "-"]) == 0
    given = capsys.readouterr().out
    assert main(["predict", "on-images", "others/light/0.png", "others/dark"]) == 0
    assert capsys.readouterr().out == given
    assert len(given.splitlines()) == 3


@pytest.mark.parametrize(
    ("words", "content", "status", "message"),
    [
        (["on-rows", "-"], b"", 1, "-: expected a header and rows, received an empty file"),
        (["on-rows", "-"], b"a,b\n1,\x81\n", 1, "-: expected a text file, received bytes that are neither UTF-8"),
        (["on-images", "-"], b"nowhere.png\n", 1, "nowhere.png: no such file or folder"),
        (["on-arrays", "-"], b"", 2, "-: expected the path of an NPZ file, which is not read from"),
        (["on-rows", "--jsn", "asked.csv"], b"", 2, "predict: unknown option --jsn. Did you mean '--json'?"),
        (["on-rows", "-", "-"], b"", 2, "predict: expected - once: standard input can be read only once"),
    ],
)
def test_standard_input_that_cannot_be_used(
    words: list[str], content: bytes, status: int, message: str, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_standard_input(monkeypatch, content)
    assert main(["predict", *words]) == status
    assert message in capsys.readouterr().err


def test_standard_input_has_a_limit(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.train.evaluate.inference.MAXIMUM_FILE_BYTES", 20)
    give_standard_input(monkeypatch, b"others/dark\n" * 2)
    assert main(["predict", "on-images", "-"]) == 1
    assert "-: expected at most 20 bytes, received more" in capsys.readouterr().err
