"""Explanations: formulas, contributions that add up, and regions of images."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pellucid as pel
from pellucid.cli import main

pytestmark = pytest.mark.usefixtures("interpret_functions")

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)


def run_json(capsys: Output, *words: str) -> Any:
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_formulas_name_the_inputs_and_count_the_costs(tmp_path: Path, capsys: Output) -> None:
    assert main(["explain", "runs/1", "--out", str(tmp_path / "page")]) == 0
    output = capsys.readouterr().out
    assert output.startswith("x: rooms, place = land, place = sea, place = town, age\n")
    assert "h1 @ W2 + b2" in output
    assert "operations per sample" in output
    assert "<math" in (tmp_path / "page" / "formulas.html").read_text()
    found = run_json(capsys, "explain", "runs/1/model.pel")
    assert found["inputs"][1] == "place = land"
    assert found["parameters"] == pel.load_model("runs/1/model.pel").explain().parameter_count
    assert found["layers"][0]["layer"] == "standardized (Normalization)"


@pytest.mark.filterwarnings("ignore:.*expected a category of the training data, received .moon.")
def test_contributions_of_a_linear_network_are_its_slopes_times_the_distances(capsys: Output) -> None:
    Path("few.csv").write_text("place,age,rooms\ntown,10,6\nsea,80,1\nmoon,,2\n")
    found = run_json(capsys, "explain", "runs/1", "few.csv")
    predict = pel.load_model("runs/1/model.pel").predict
    mean = pel.load_model("runs/1/model.pel").layers[0].statistics["mean"].reshape(-1).astype("float32")
    slopes = np.array([predict((mean + step)[None])[0, 0] for step in np.eye(5, dtype="float32")]) - predict(mean[None])
    inputs = np.array([[6, 0, 0, 1, 10], [1, 0, 1, 0, 80]])
    for row, x in zip(found["predictions"], inputs, strict=False):
        parts = (slopes.ravel() * (x - mean)).astype(float)
        expected = {"rooms": parts[0], "place": parts[1:4].sum(), "age": parts[4]}
        received = {each["column"]: each["contribution"] for each in row["contributions"]}
        assert received == pytest.approx(expected, abs=0.02)
        assert row["output"] == "price"
        assert list(map(abs, received.values())) == sorted(map(abs, received.values()), reverse=True)
    values = [{each["column"]: each["value"] for each in row["contributions"]} for row in found["predictions"]]
    assert values[0] == {"rooms": "6", "place": "town", "age": "10"}
    assert values[2]["place"] == "another or none"
    sizes = found["mean_absolute_contributions"]
    assert sizes["rooms"] == pytest.approx(
        np.mean(
            [abs(c["contribution"]) for r in found["predictions"] for c in r["contributions"] if c["column"] == "rooms"]
        )
    )


@pytest.mark.filterwarnings("ignore:.*expected a category of the training data, received .moon.")
def test_contributions_add_up_to_the_difference(capsys: Output) -> None:
    found = run_json(capsys, "explain", "runs/1", "flats.csv")
    predictions = run_json(capsys, "predict", "runs/1", "flats.csv")["predictions"]
    assert len(found["predictions"]) == 80
    for row, predicted in zip(found["predictions"], predictions, strict=True):
        total = sum(each["contribution"] for each in row["contributions"])
        difference = row["prediction"] - row["baseline_prediction"]
        assert total == pytest.approx(difference, rel=2e-3, abs=0.01)
        assert row["error"] == pytest.approx(difference - total, abs=1e-9)
        assert row["prediction"] == pytest.approx(predicted["values"]["price"], rel=1e-5)
        assert row["line"] == predicted["line"]
    assert main(["explain", "runs/1", "few.csv"]) == 0
    output = capsys.readouterr().out
    assert "Integrated gradients (Sundararajan, Taly and Yan, 2017)" in output
    assert "few.csv, line 2: price" in output
    assert "mean size of the contributions over 3 predictions:" in output


def test_the_region_that_decides_is_found_in_images(tmp_path: Path, capsys: Output) -> None:
    pixels = np.full((13, 13, 3), 20, "uint8")
    pixels[1:6, 1:6] = 210
    Image.fromarray(pixels).save(tmp_path / "mine.png")
    out = tmp_path / "explained"
    assert main(["explain", "runs/10", str(tmp_path / "mine.png"), "--out", str(out)]) == 0
    output = capsys.readouterr().out
    assert "Occlusion (Zeiler and Fergus, 2014)" in output
    assert "mine.png: upper" in output
    assert "in the upper left, the score of upper falls most" in output
    assert sorted(file.name for file in out.iterdir()) == ["1-mine.png", "explanations.txt"]
    with Image.open(out / "1-mine.png") as picture:
        assert "in the upper left" in picture.info["Description"]
    [found] = run_json(capsys, "explain", "runs/10", str(tmp_path / "mine.png"), "--target", "lower")["predictions"]
    assert found["output"] == "lower"
    grid = np.array(found["scores_where_covered"])
    row, column = np.unravel_index(grid.argmax(), grid.shape)
    assert found["tops"][row] <= 5
    assert found["lefts"][column] <= 5


def test_an_image_covered_by_hand_gives_the_same_prediction(capsys: Output) -> None:
    [found] = run_json(capsys, "explain", "runs/10", "squares/upper/0.png")["predictions"]
    model = pel.load_model("runs/10/model.pel")
    image = np.asarray(Image.open("squares/upper/0.png")).copy()
    size = found["square"]
    top, left = found["tops"][2], found["lefts"][3]
    color = model.layers[0].statistics["mean"].reshape(-1)
    image[top : top + size, left : left + size] = color
    p = float(model.predict(image[None])[0, 1])
    assert found["predictions_where_covered"][2][3] == pytest.approx(p, abs=1e-6)
    other = float(model.predict(image[None])[0, 0])
    assert found["scores_where_covered"][2][3] == pytest.approx(np.log(p / other), rel=1e-3)


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (
            ["runs/1", "flats.csv", "--target", "rent"],
            2,
            "--target: the network has no output 'rent'. The outputs are price",
        ),
        (["runs/10", "squares", "--target", "uper"], 2, "has no output 'uper'. Did you mean 'upper'?"),
        (["runs/1", "--target", "price"], 2, "--target: expected files whose predictions to explain"),
        (["alone.pel", "flats.csv"], 2, "alone.pel: expected the folder of a run"),
        (["runs/3"], 2, "runs/3: no such file or folder. Did you mean"),
        (["flats.csv"], 2, "flats.csv: expected the folder of a run, a .pel or .keras file, or a .toml file"),
        (["runs/1", "--jsn"], 2, "explain: unknown option --jsn. Did you mean '--json'?"),
        (["runs/1", "nothing.csv"], 1, "nothing.csv"),
        (["runs/1", "flats.csv", "--out", "runs"], 2, "--out: expected a new or empty folder"),
    ],
)
def test_what_cannot_be_explained(words: list[str], status: int, message: str, capsys: Output) -> None:
    Path("alone.pel").write_bytes(Path("runs/1/model.pel").read_bytes())
    assert main(["explain", *words]) == status
    assert message in capsys.readouterr().err
