import csv
import json
import re
import shutil
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.cli import main
from pellucid.data import DataError, DataWarning
from pellucid.experiments.runner import UsageError
from pellucid.experiments.train import Settings, train
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
    """The folder of a run on images that tell themselves apart, one of which is broken."""
    place = tmp_path_factory.mktemp("run")
    draw_images(place / "photos")
    (place / "photos" / "dark" / "broken.png").write_bytes(b"no image")
    with pytest.MonkeyPatch.context() as here:
        here.chdir(place)
        words = ["train", "photos", "--model", "linear", "--size", "8", "--epochs", "4", "--rate", "0.05", "--quiet"]
        with warnings.catch_warnings():
            warnings.simplefilter("default", DataWarning)
            assert main([*words, "--batch-size", "4"]) == 0
    return place / "runs" / "1"


def weights(folder: Path) -> list[Any]:
    found: list[Any] = pel.load_model(folder / "model.pel").get_weights()
    return found


def test_a_folder_of_images_becomes_a_model_with_all_that_belongs_to_it(run: Path) -> None:
    assert sorted(file.name for file in run.iterdir()) == [
        "accuracy.png", "confusion.png", "data.json", "experiment.toml", "history.csv", "loss.png", "model.pel",
        "result.json",
    ]  # fmt: skip
    result = json.loads((run / "result.json").read_text())
    assert result["samples"] == {"training": 16, "validation": 4, "test": 4}
    assert result["test"]["accuracy"] == 1.0
    assert result["baselines"]["most frequent class"] == {"accuracy": 0.5}
    assert "Of 4 samples in 2 classes, 4 (100.0%)" in result["pictures"][2]["reading"]
    assert json.loads((run / "data.json").read_text())["class_names"] == ["dark", "light"]
    rows = list(csv.DictReader((run / "history.csv").read_text().splitlines()))
    assert len(rows) == result["epochs"] == 4
    assert float(rows[result["best_epoch"] - 1]["val_loss"]) == min(float(row["val_loss"]) for row in rows)


def test_the_model_takes_raw_images_and_is_scaled_by_the_training_part(run: Path) -> None:
    model = pel.load_model(run / "model.pel")
    images = np.array([np.full((8, 8, 3), 30), np.full((8, 8, 3), 220)], "uint8")
    assert model.predict(images).argmax(-1).tolist() == [0, 1]
    mean, variance = model.get_layer("standardized").get_weights()
    assert mean.shape == variance.shape == (3,)
    assert 100 < mean[0] < 155


def test_the_experiment_that_was_written_gives_the_same_bits(run: Path, folder: Path, capsys: Output) -> None:
    table = tomllib.loads((run / "experiment.toml").read_text())
    assert table["data"]["source"] == str(run.parents[1] / "photos")
    assert (table["data"]["size"], table["training"]["epochs"]) == ([8, 8], 4)
    assert table["optimizer"] == {"kind": "Adam", "learning_rate": 0.05}
    assert [layer["kind"] for layer in table["layers"]] == ["Flatten", "Dense"]
    warnings.simplefilter("default", DataWarning)
    assert main(["train", str(run / "experiment.toml"), "--json", "--out", "again"]) == 0
    output, errors = capsys.readouterr()
    assert "photos: skipped 1 of 25 files: 'dark/broken.png': not an image, whatever its name says" in errors
    again = json.loads(output)
    assert again["test"] == json.loads((run / "result.json").read_text())["test"]
    assert all((a == b).all() for a, b in zip(weights(run), weights(folder / "again"), strict=True))


def test_a_regression_predicts_in_the_units_of_its_targets(folder: Path, capsys: Output) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(5, 3, (80, 2)).astype("float32")
    np.savez("line.npz", x=x, y=1000 + 50 * x[:, 0])
    assert main(["train", "line.npz", "--model", "linear", "--epochs", "20", "--rate", "0.2", "--out", "here"]) == 0
    output, errors = capsys.readouterr()
    assert "line.npz: 80 samples of 2 numbers; regression, predicting target" in output
    assert "56 to learn from, 12 to choose the best epoch by, 12 to test on" in output
    assert "mean absolute error" in output
    assert "linear regression" in output
    assert "pellucid train here/experiment.toml" in output
    assert errors == ""
    result = json.loads((folder / "here" / "result.json").read_text())
    assert result["test"]["r2"] > 0.99
    assert result["test"]["mae"] < result["baselines"]["mean"]["mae"] / 10
    assert "target: from " in result["pictures"][1]["reading"]
    model = pel.load_model("here/model.pel")
    assert model.evaluate(x, 1000 + 50 * x[:, 0])[1] == pytest.approx(result["test"]["mae"], rel=0.5)
    said = model.predict(np.array([[5.0, 0.0]], "float32"))
    assert said[0, 0] == pytest.approx(1250, abs=30)


def test_a_table_has_numbers_categories_and_missing_cells(folder: Path, capsys: Output) -> None:
    rng = np.random.default_rng(0)
    rooms, places = rng.integers(1, 6, 90), rng.choice(["land", "town"], 90)
    prices = 20.0 * rooms + 50 * (places == "town") + 0.5
    lines = ["rooms,place,price,key,where"]
    lines += [f"{r},{p},{y},k{i},here" for i, (r, p, y) in enumerate(zip(rooms, places, prices, strict=True))]
    lines[5] = lines[5].replace(f"{rooms[4]},", ",", 1)
    lines[7] = lines[7].replace(f"{rooms[6]},", "many,", 1)
    lines[9] = lines[9].replace(f"{prices[8]}", "")
    lines += [f"3,town,,k{i},here" for i in range(90, 200)]
    Path("flats.csv").write_text("\n".join(lines))
    warnings.simplefilter("default", DataWarning)
    words = ["train", "flats.csv", "--target", "price", "--model", "linear", "--epochs", "20", "--rate", "0.2"]
    assert main([*words, "--out", "here"]) == 0
    output, errors = capsys.readouterr()
    assert "flats.csv: 89 rows of 5 columns, the target is 'price'; regression, predicting price" in output
    assert "flats.csv: left out 111 of 200 rows, which have no target: line 10, column 'price', is the first" in errors
    assert "flats.csv: took 1 cell for missing: line 8, column 'rooms': expected a number, received 'many'" in errors
    assert "flats.csv: left out 1 of 5 columns: 'where': always 'here'" in errors
    columns = json.loads((folder / "here" / "data.json").read_text())["columns"]
    assert columns[0] == {"name": "rooms", "kind": "number", "missing": 3.0}
    assert columns[1] == {"name": "place", "kind": "category", "values": ["land", "town"]}
    assert (folder / "here" / "predictions.png").exists()
    result = json.loads((folder / "here" / "result.json").read_text())
    assert result["test"]["mae"] < result["baselines"]["mean"]["mae"]


def test_the_images_behind_the_commonest_mistake_are_drawn(folder: Path) -> None:
    from pellucid.experiments.train.evaluation import confusion
    from pellucid.experiments.train.pipeline import prepare

    prepared = prepare(Settings(str(draw_images(folder / "photos")), model="linear", size=(8, 8)))
    truth = prepared.y[prepared.parts["test"]]
    right, wrong = confusion(prepared, truth, truth), confusion(prepared, np.zeros_like(truth), truth)
    assert not right.figure.subfigs
    assert wrong.figure.subfigs[1].get_suptitle() == "light, taken for dark"
    assert sum(bool(axes.images) for axes in wrong.figure.subfigs[1].axes) == 2
    assert "The commonest mistake: light taken for dark, 2 of 2." in wrong.reading


@pytest.mark.slow
def test_a_training_that_blows_up_keeps_the_epoch_before(folder: Path, capsys: Output) -> None:
    x = np.random.default_rng(0).normal(size=(300, 4))
    np.savez("steep.npz", x=x, y=3 * x[:, 0])
    warnings.simplefilter("default", pel.TrainingWarning)
    words = ["--model", "linear", "--optimizer", "sgd", "--rate", "1.5", "--patience", "0", "--epochs", "60"]
    assert main(["train", "steep.npz", *words, "--out", "here"]) == 0
    output, errors = capsys.readouterr()
    assert re.fullmatch(r"warning: The loss became inf in step .*\n", errors)
    assert "No better than mean, linear regression: " in output
    result = json.loads(Path("here/result.json").read_text())
    assert (result["best_epoch"], result["epochs"] < 20) == (1, True)
    assert np.isfinite(weights(folder / "here")[-1]).all()


def test_layers_of_a_file_are_trained(folder: Path, capsys: Output) -> None:
    Path("layers.toml").write_text(TINY)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    y = np.where(x[:, 0] > 0, "up", "down")
    np.savez("signs.npz", x_train=x[:50], y_train=y[:50], x_test=x[50:], y_test=y[50:])
    assert main(["train", "signs.npz", "--model", "layers.toml", "--epochs", "2", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["classes"] == ["down", "up"]
    assert result["samples"] == {"training": 42, "validation": 8, "test": 10}
    assert result["folder"] == "runs/1"
    assert result["weights"] == 8


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--devices", "7"], "error: Expected devices from 1 to "),
        (
            ["--optimizer", "sgd", "--rate", "1e30", "--epochs", "2", "--batch-size", "200"],
            "The loss never was a number, so nothing was learnt; take a smaller",
        ),
    ],
)
def test_a_run_that_comes_to_nothing_leaves_nothing(words: list[str], message: str, capsys: Output) -> None:
    warnings.simplefilter("default", pel.TrainingWarning)
    assert main(["train", "moons", *words]) == 1
    assert message in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_finished_run_is_not_resumed(run: Path, capsys: Output) -> None:
    assert main(["resume", str(run)]) == 2
    assert "this run is finished, see result.json" in capsys.readouterr().err


def test_a_finished_run_is_not_written_over_from_python(run: Path) -> None:
    with pytest.raises(UsageError, match="holds a run that is finished; choose another folder"):
        train(Settings("moons"), run)


def test_a_folder_with_files_in_it_is_left_alone(run: Path, capsys: Output) -> None:
    assert main(["train", "moons", "--out", str(run)]) == 2
    assert "holds files already" in capsys.readouterr().err


DOCUMENTATION = Path(__file__).parents[2] / "docs" / "train.md"


def test_the_experiments_that_the_documentation_shows_are_read(folder: Path) -> None:
    from pellucid.experiments.train.config_toml import read_file
    from pellucid.experiments.train.fit import prepare

    named, layers = re.findall(r"```toml\n(.*?)```", DOCUMENTATION.read_text("utf-8"), re.DOTALL)
    Path("flats.csv").write_text("\n".join(["rooms,price", *(f"{i},{10 * i}" for i in range(40))]))
    Path("named.toml").write_text(named)
    Path("layers.toml").write_text(re.sub(r"model = .*\n", "\n", named) + layers)
    for file, weights in (("named.toml", 8577), ("layers.toml", 49)):
        prepared = prepare(Settings(**read_file(Path(file))))
        assert (prepared.settings.seed, prepared.settings.patience, prepared.settings.epochs) == (3, 10, 50)
        assert len(prepared.parts["validation"]) == 8
        assert sum(np.prod(p.shape) for p in prepared.model.trainable_parameters) == weights
        assert type(prepared.model.optimizer).__name__ == "SGD"


@pytest.mark.slow
def test_the_program_that_the_documentation_shows_runs(folder: Path, capsys: Output) -> None:
    [program] = re.findall(r"```python\n(.*?)```", DOCUMENTATION.read_text("utf-8"), re.DOTALL)
    exec(compile(program, str(DOCUMENTATION), "exec"), {})
    assert 0.5 < float(capsys.readouterr().out) <= 1
    assert Path("runs/moons/model.pel").exists()


def test_help_and_mistakes_do_without_numpy_and_the_graph() -> None:
    program = "import sys, pellucid.cli.app; sys.exit(int(bool({'numpy', 'jax', 'pellucid.graph'} & set(sys.modules))))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_parts_of_folders_and_arrays_are_taken_as_they_are(folder: Path) -> None:
    from pellucid.experiments.train.fit import prepare

    for part, count in (("train", 6), ("val", 2), ("test", 3)):
        draw_images(folder / "photos" / part, count)
    archive = shutil.make_archive("photos", "zip", "photos")
    for data in ("photos", archive):
        prepared = prepare(Settings(data, model="linear", size=(4, 4)))
        assert {name: len(rows) for name, rows in prepared.parts.items()} == {
            "training": 12,
            "validation": 4,
            "test": 6,
        }
        assert np.array_equal(prepared.y[prepared.parts["test"]], [0] * 3 + [1] * 3)
        assert prepared.x.shape == (22, 4, 4, 3)
    shutil.rmtree("photos/train")
    with pytest.raises(
        DataError, match=r"photos: expected a part to learn from, such as train, received test, val alone"
    ):
        prepare(Settings("photos"))
    x = np.arange(24.0).reshape(12, 2)
    np.savez("parts.npz", x_train=x, y_train=x[:, 0], x_val=x[:2], y_val=x[:2, 0], x_test=x[:3], y_test=x[:3, 0])
    prepared = prepare(Settings("parts.npz"))
    assert {name: len(rows) for name, rows in prepared.parts.items()} == {"training": 12, "validation": 2, "test": 3}
    assert prepared.y[prepared.parts["training"]].mean() == pytest.approx(0, abs=1e-6)


def test_the_split_keeps_classes_and_follows_from_the_seed(folder: Path) -> None:
    from pellucid.experiments.train.dataset import divided
    from pellucid.experiments.train.loaders import read

    np.savez("uneven.npz", x=np.arange(103.0)[:, None], y=["a"] * 60 + ["b"] * 40 + ["c"] * 3)
    samples = read(Settings("uneven.npz"))
    parts = divided(samples, Settings("uneven.npz", seed=1))
    assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(103))
    counts = {name: np.bincount(samples.targets[rows]).tolist() for name, rows in parts.items()}
    assert counts == {"training": [42, 28, 1], "validation": [9, 6, 1], "test": [9, 6, 1]}
    again, other = (divided(samples, Settings("uneven.npz", seed=seed)) for seed in (1, 2))
    assert np.array_equal(parts["test"], again["test"])
    assert not np.array_equal(parts["test"], other["test"])
