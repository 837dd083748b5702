import csv
import io
import json
import re
import shutil
import subprocess
import sys
import tomllib
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import pellucid as pel
from pellucid.cli import main
from pellucid.cli.train import merge_settings
from pellucid.data import DataError, DataWarning
from pellucid.tracking import RunContext, UsageError
from pellucid.train import Settings, train
from pellucid.train.prepare.prepared_run import prepare
from pellucid.train.settings.toml_reader import read_settings
from pellucid.train.training_run import save_settings
from tests.cli.photos import draw_images

Output = pytest.CaptureFixture[str]

TINY = """
pellucid = 1
[[layers]]
kind = "Flatten"
[[layers]]
kind = "Dense"
units = 2
activation = "softmax"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PELLUCID_DEBUG", raising=False)
    return tmp_path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on images that are easy to classify, one of which is damaged."""
    place = tmp_path_factory.mktemp("run")
    draw_images(place / "photos")
    (place / "photos" / "dark" / "broken.png").write_bytes(b"no image")
    with pytest.MonkeyPatch.context() as here:
        here.chdir(place)
        words = ["train", "photos", "--model", "linear", "--size", "8", "--epochs", "4", "--learning-rate", "0.05"]
        with warnings.catch_warnings():
            warnings.simplefilter("default", DataWarning)
            assert main([*words, "--batch-size", "4", "--quiet"]) == 0
    return place / "runs" / "1"


def weights(folder: Path) -> list[Any]:
    found: list[Any] = pel.load_model(folder / "model.pel").get_weights()
    return found


def test_a_run_on_images_saves_model_settings_history_and_results(run: Path) -> None:
    assert sorted(file.name for file in run.iterdir()) == [
        "accuracy.png", "calibration.png", "confusion.png", "data.json", "experiment.toml", "history.csv", "loss.png",
        "model.pel", "record.json", "report.html",
    ]  # fmt: skip
    record = json.loads((run / "record.json").read_text())
    result = record["measures"]
    assert result["samples"] == {"training": 16, "validation": 4, "test": 4}
    assert result["test"]["accuracy"] == 1.0
    assert result["baselines"]["most frequent class"]["accuracy"] == 0.5
    assert "Of 4 samples in 2 classes, 4 (100.0%)" in record["pictures"][2]["reading"]
    assert json.loads((run / "data.json").read_text())["class_names"] == ["dark", "light"]
    rows = list(csv.DictReader((run / "history.csv").read_text().splitlines()))
    assert len(rows) == result["epochs"] == 4
    assert float(rows[result["best_epoch"] - 1]["val_loss"]) == min(float(row["val_loss"]) for row in rows)


def test_the_model_takes_raw_images_and_standardizes_them_by_the_training_set(run: Path) -> None:
    model = pel.load_model(run / "model.pel")
    images = np.array([np.full((8, 8, 3), 30), np.full((8, 8, 3), 220)], "uint8")
    assert model.predict(images).argmax(-1).tolist() == [0, 1]
    mean, variance = model.get_layer("standardized").get_weights()
    assert mean.shape == variance.shape == (3,)
    assert 100 < mean[0] < 155


def test_a_run_repeated_from_its_experiment_file_is_bit_identical(run: Path, folder: Path, capsys: Output) -> None:
    table = tomllib.loads((run / "experiment.toml").read_text())
    assert table["data"]["source"] == str(run.parents[1] / "photos")
    assert (table["data"]["size"], table["training"]["epochs"]) == ([8, 8], 4)
    assert table["optimizer"] == {"kind": "Adam", "learning_rate": 0.05}
    assert [layer["kind"] for layer in table["layers"]] == ["Flatten", "Dense"]
    warnings.simplefilter("default", DataWarning)
    assert main(["train", str(run / "experiment.toml"), "--json", "--out", "again"]) == 0
    output, errors = capsys.readouterr()
    assert "photos: skipped 1 of 25 files: 'dark/broken.png': not an image" in errors
    again = json.loads(output)
    assert again["measures"] == json.loads((run / "record.json").read_text())["measures"]
    assert all((a == b).all() for a, b in zip(weights(run), weights(folder / "again"), strict=True))


class FlatsRun(NamedTuple):
    folder: Path
    output: str
    errors: str


@pytest.fixture(scope="module")
def flats(tmp_path_factory: pytest.TempPathFactory) -> FlatsRun:
    """A run on a table with categories, missing and invalid cells, and rows without a target; and what it printed."""
    place = tmp_path_factory.mktemp("flats")
    rng = np.random.default_rng(0)
    rooms, places = rng.integers(1, 6, 90), rng.choice(["land", "town"], 90)
    prices = 20.0 * rooms + 50 * (places == "town") + 0.5
    lines = ["rooms,place,price,key,where"]
    lines += [f"{r},{p},{y},k{i},here" for i, (r, p, y) in enumerate(zip(rooms, places, prices, strict=True))]
    lines[5] = lines[5].replace(f"{rooms[4]},", ",", 1)
    lines[7] = lines[7].replace(f"{rooms[6]},", "many,", 1)
    lines[9] = lines[9].replace(f"{prices[8]}", "")
    lines += [f"3,town,,k{i},here" for i in range(90, 200)]
    (place / "flats.csv").write_text("\n".join(lines))
    words = ["train", "flats.csv", "--target", "price", "--model", "linear", "--epochs", "60", "--learning-rate", "0.2"]
    output, errors = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as here, redirect_stdout(output), redirect_stderr(errors):
        here.chdir(place)
        with warnings.catch_warnings():
            warnings.simplefilter("default", DataWarning)
            assert main([*words, "--batch-size", "63", "--out", "here"]) == 0
    return FlatsRun(place / "here", output.getvalue(), errors.getvalue())


def test_a_regression_predicts_in_the_units_of_its_targets(flats: FlatsRun) -> None:
    assert "63 training, 13 validation and 13 test samples" in flats.output
    assert "mean absolute error" in flats.output
    assert "linear regression" in flats.output
    assert "pellucid train here/experiment.toml" in flats.output
    record = json.loads((flats.folder / "record.json").read_text())
    result = record["measures"]
    assert result["test"]["r2"] > 0.95
    assert result["test"]["mae"] < result["baselines"]["mean"]["mae"] / 5
    assert "price: true values from " in record["pictures"][1]["reading"]
    predicted = pel.load_model(flats.folder / "model.pel").predict(np.array([[1, 1, 0], [5, 0, 1]], "float32"))
    assert predicted[:, 0] == pytest.approx([20.5, 150.5], abs=5)


def test_a_csv_file_has_numbers_categories_and_missing_cells(flats: FlatsRun) -> None:
    output, errors = flats.output, flats.errors
    assert "flats.csv: 89 rows of 5 columns, the target is 'price'; regression, predicting price" in output
    assert "flats.csv: skipped 111 of 200 rows without a target; the first is line 10, column 'price'" in errors
    assert "flats.csv: treated 1 cell as missing: line 8, column 'rooms': expected a number, received 'many'" in errors
    assert re.search(r"where +- +always 'here'\n", output)
    assert re.search(r"key +- +an identifier: nearly every string is unique\n", output)
    assert re.search(r"rooms +number +numbers; 2 missing become the median 3\n", output)
    columns = json.loads((flats.folder / "data.json").read_text())["inputs"]
    assert columns[0] | {"limits": None} == {"name": "rooms", "kind": "number", "missing": 3.0, "limits": None}
    assert columns[1] == {"name": "place", "kind": "category", "values": ["land", "town"]}
    assert (flats.folder / "predictions.png").exists()


@pytest.mark.slow
def test_a_diverging_training_keeps_the_best_epoch(folder: Path, capsys: Output) -> None:
    x = np.random.default_rng(0).normal(size=(300, 4))
    np.savez("steep.npz", x=x, y=3 * x[:, 0])
    warnings.simplefilter("default", pel.TrainingWarning)
    words = ["--model", "linear", "--optimizer", "sgd", "--learning-rate", "1.5", "--patience", "0", "--epochs", "60"]
    assert main(["train", "steep.npz", *words, "--out", "here"]) == 0
    output, errors = capsys.readouterr()
    assert re.fullmatch(r"warning: The loss became inf in step .*\n", errors)
    assert "Linear regression is better than this network: mean absolute error" in output
    result = json.loads(Path("here/record.json").read_text())["measures"]
    assert (result["best_epoch"], result["epochs"] < 20) == (1, True)
    assert np.isfinite(weights(folder / "here")[-1]).all()


def test_layers_of_a_file_are_those_of_the_network(folder: Path) -> None:
    Path("layers.toml").write_text(TINY)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    y = np.where(x[:, 0] > 0, "up", "down")
    np.savez("signs.npz", x_train=x[:50], y_train=y[:50], x_test=x[50:], y_test=y[50:])
    prepared = prepare(Settings(**merge_settings("signs.npz", "layers.toml", {"epochs": 2})))
    assert list(prepared.dataset.class_names) == ["down", "up"]
    assert {name: len(rows) for name, rows in prepared.parts.items()} == {"training": 42, "validation": 8, "test": 10}
    assert [layer["kind"] for layer in prepared.layers] == ["Flatten", "Dense"]
    assert prepared.weights == 8
    assert prepared.settings.epochs == 2


def test_a_schedule_of_a_file_is_used_and_repeated(folder: Path) -> None:
    rate = '{ kind = "InverseDecay", initial_learning_rate = 0.01, decay_rate = 0.5 }'
    Path("layers.toml").write_text(f'{TINY}\n[optimizer]\nkind = "SGD"\nlearning_rate = {rate}\n')
    prepared = prepare(Settings(**merge_settings("moons", "layers.toml", {"epochs": 2})))
    assert "SGD, InverseDecay learning rate up to 0.01, at most 2 epochs" in prepared.network_summary
    save_settings(RunContext(folder), prepared, ())
    again = prepare(Settings(**read_settings(Path("experiment.toml"))))
    for each in (prepared, again):
        schedule: Any = each.model.optimizer.learning_rate
        assert type(schedule).__name__ == "InverseDecay"
        assert (schedule.initial_learning_rate, schedule.decay_rate) == (0.01, 0.5)


@pytest.mark.slow
def test_a_training_with_a_schedule_is_repeated_bit_for_bit(folder: Path, capsys: Output) -> None:
    rate = '{ kind = "InverseDecay", initial_learning_rate = 0.01, decay_rate = 0.5 }'
    Path("layers.toml").write_text(f'{TINY}\n[optimizer]\nkind = "SGD"\nlearning_rate = {rate}\n')
    assert main(["train", "moons", "--model", "layers.toml", "--epochs", "2", "--out", "here"]) == 0
    assert "SGD, InverseDecay learning rate up to 0.01, at most 2 epochs" in capsys.readouterr().out
    assert main(["train", "here/experiment.toml", "--quiet", "--out", "again"]) == 0
    for a, b in zip(weights(folder / "here"), weights(folder / "again"), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--devices", "7"], "error: devices: expected a number from 1 to "),
        (
            ["--optimizer", "sgd", "--learning-rate", "1e30", "--epochs", "2"],
            "The loss was never finite, so no weights were learned. Use a smaller --learning-rate",
        ),
    ],
)
def test_a_run_without_results_leaves_no_folder(words: list[str], message: str, capsys: Output) -> None:
    np.savez("line.npz", x=np.arange(80.0).reshape(40, 2), y=np.arange(40) / 7)
    warnings.simplefilter("default", pel.TrainingWarning)
    assert main(["train", "line.npz", "--model", "linear", *words]) == 1
    assert message in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_finished_run_is_not_resumed(run: Path, capsys: Output) -> None:
    assert main(["resume", str(run)]) == 2
    assert "this run is finished, see record.json" in capsys.readouterr().err


def test_a_finished_run_is_not_overwritten_from_python(run: Path) -> None:
    with pytest.raises(UsageError, match=r"this run is finished\. Choose another folder"):
        train(Settings("moons"), run)


def test_a_folder_that_is_not_empty_is_refused(run: Path, capsys: Output) -> None:
    assert main(["train", "moons", "--out", str(run)]) == 2
    assert "is not empty" in capsys.readouterr().err


DOCUMENTATION = Path(__file__).parents[2] / "src" / "pellucid" / "guides" / "train.md"


def test_the_experiment_files_of_the_documentation_are_valid(folder: Path) -> None:
    named, layers, *_ = re.findall(r"```toml\n(.*?)```", DOCUMENTATION.read_text("utf-8"), re.DOTALL)
    Path("flats.csv").write_text("\n".join(["rooms,price", *(f"{i},{10 * i}" for i in range(40))]))
    Path("named.toml").write_text(named)
    Path("layers.toml").write_text(re.sub(r"model = .*\n", "\n", named) + layers)
    for file, weights in (("named.toml", 8577), ("layers.toml", 49)):
        prepared = prepare(Settings(**read_settings(Path(file))))
        assert (prepared.settings.seed, prepared.settings.patience, prepared.settings.epochs) == (3, 10, 50)
        assert len(prepared.parts["validation"]) == 8
        assert sum(np.prod(p.shape) for p in prepared.model.trainable_parameters) == weights
        assert type(prepared.model.optimizer).__name__ == "SGD"


@pytest.mark.slow
def test_the_program_of_the_documentation_runs(folder: Path, capsys: Output) -> None:
    [program] = re.findall(r"```python\n(.*?)```", DOCUMENTATION.read_text("utf-8"), re.DOTALL)
    exec(compile(program, str(DOCUMENTATION), "exec"), {})
    assert 0.5 < float(capsys.readouterr().out) <= 1
    assert Path("runs/moons/model.pel").exists()


def test_help_imports_neither_numpy_nor_the_graph() -> None:
    program = "import sys, pellucid.cli.app; sys.exit(int(bool({'numpy', 'jax', 'pellucid.graph'} & set(sys.modules))))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_parts_of_folders_and_arrays_are_kept(folder: Path) -> None:
    for part, count in (("train", 6), ("val", 2), ("test", 3)):
        draw_images(folder / "photos" / part, count)
    archive = shutil.make_archive("photos", "zip", "photos")
    for data in ("photos", archive):
        prepared = prepare(Settings(data, model="linear", options={"size": (4, 4)}))
        assert {name: len(rows) for name, rows in prepared.parts.items()} == {
            "training": 12,
            "validation": 4,
            "test": 6,
        }
        assert np.array_equal(prepared.y[prepared.parts["test"]], [0] * 3 + [1] * 3)
        assert prepared.x.shape == (22, 4, 4, 3)
    shutil.rmtree("photos/train")
    with pytest.raises(DataError, match=r"photos: expected a training part, such as train, received only test, val"):
        prepare(Settings("photos"))
    x = np.arange(24.0).reshape(12, 2)
    np.savez("parts.npz", x_train=x, y_train=x[:, 0], x_val=x[:2], y_val=x[:2, 0], x_test=x[:3], y_test=x[:3, 0])
    prepared = prepare(Settings("parts.npz"))
    assert {name: len(rows) for name, rows in prepared.parts.items()} == {"training": 12, "validation": 2, "test": 3}
    assert prepared.y[prepared.parts["training"]].mean() == pytest.approx(0, abs=1e-6)


def test_the_split_is_stratified_and_depends_on_the_seed(folder: Path) -> None:
    from pellucid.train.read.dataset import split_dataset
    from pellucid.train.read.loaders import load_dataset

    np.savez("uneven.npz", x=np.arange(103.0)[:, None], y=["a"] * 60 + ["b"] * 40 + ["c"] * 3)
    samples = load_dataset(Settings("uneven.npz"))
    fractions = {"validation": 0.15, "test": 0.15}
    parts = split_dataset(samples, fractions, 1)
    assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(103))
    counts = {name: np.bincount(samples.targets[rows]).tolist() for name, rows in parts.items()}
    assert counts == {"training": [42, 28, 1], "validation": [9, 6, 1], "test": [9, 6, 1]}
    again, other = (split_dataset(samples, fractions, seed) for seed in (1, 2))
    assert np.array_equal(parts["test"], again["test"])
    assert not np.array_equal(parts["test"], other["test"])
