"""Training on several targets: columns of a table, and networks with several outputs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.cli import main
from pellucid.cli.train import merge_settings
from pellucid.data.errors import DataError, DataWarning, NoColumnError
from pellucid.tracking.errors import UsageError
from pellucid.train.check.column_checks import compute_predictive_power
from pellucid.train.fit.sweep_grid import scale_layers
from pellucid.train.prepare.prepared_run import PreparedRun, prepare
from pellucid.train.read.loaders import load_dataset
from pellucid.train.settings.settings import Settings
from pellucid.train.settings.toml_reader import read_settings
from pellucid.train.training_run import fit_model

Output = pytest.CaptureFixture[str]

QUICK = ["--epochs", "25", "--learning-rate", "0.05", "--quiet"]

GRAPH = """
pellucid = 1
[model]
outputs = ["price_out", "size_out"]
[data]
source = "flats.csv"
target = ["price", "size"]
[training]
epochs = 25
batch_size = 16
[optimizer]
learning_rate = 0.05
[[layers]]
name = "shared"
kind = "Dense"
units = 8
inputs = "input"
[[layers]]
name = "price_out"
kind = "Dense"
units = 1
inputs = "shared"
[[layers]]
name = "size_out"
kind = "Dense"
units = 1
inputs = "shared"
"""


def write_flats(path: Path, count: int = 160) -> None:
    """Write a table whose price depends on rooms and age, and whose size, in other units, on rooms and place."""
    rng = np.random.default_rng(0)
    rooms, age, place = rng.integers(1, 7, count), rng.normal(40, 9, count), rng.choice(["land", "town"], count)
    price = 50 + 30 * rooms - 2 * age + rng.normal(size=count)
    size = 0.02 * rooms + 0.03 * (place == "land") + 0.001 * rng.normal(size=count)
    rows = [f"{r},{a:.3f},{p},{y:.3f},{s:.5f}" for r, a, p, y, s in zip(rooms, age, place, price, size, strict=True)]
    path.write_text("\n".join(["rooms,age,place,price,size", *rows]) + "\n")


@pytest.fixture(scope="module")
def place(interpret_functions: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and two runs: a linear network, and a graph with two outputs."""
    place = tmp_path_factory.mktemp("targets")
    write_flats(place / "flats.csv")
    (place / "graph.toml").write_text(GRAPH)
    with pytest.MonkeyPatch.context() as here:
        here.chdir(place)
        linear = ["train", "flats.csv", "--target", "price,size", "--model", "linear", "--batch-size", "16"]
        assert main([*linear, *QUICK, "--out", "linear"]) == 0
        assert main(["train", "graph.toml", "--quiet", "--out", "graph"]) == 0
    return place


@pytest.fixture(autouse=True)
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


def prepare_run(data: str, *assignments: str, **options: Any) -> PreparedRun:
    return prepare(Settings(**merge_settings(data, None, options, assignments)))


def load(target: Any, data: str = "flats.csv", **options: Any) -> Any:
    return load_dataset(Settings(data, options={"target": target}, **options))


@pytest.mark.parametrize("run", ["linear", "graph"])
def test_both_targets_are_learned(run: str) -> None:
    record = json.loads(Path(run, "record.json").read_text())
    groups = {group["name"]: group for group in record["measures"]["per_target"]}
    assert set(groups) == {"price", "size"}
    table = pel.data.read_table("flats.csv")
    x = np.stack(
        [table.numbers("rooms"), table.numbers("age"), *(table.strings("place") == p for p in ("land", "town"))]
    )
    outputs = pel.load_model(f"{run}/model.pel").predict(x.T.astype(np.float32))
    for column, name in zip(outputs.T, ("price", "size"), strict=True):
        truth = table.numbers(name)
        r2 = 1 - ((column - truth) ** 2).sum() / ((truth - truth.mean()) ** 2).sum()
        assert r2 > 0.95
        assert groups[name]["r2"] > 0.9


@pytest.mark.parametrize("run", ["linear", "graph"])
def test_a_repeated_training_is_bit_identical(run: str, tmp_path: Path) -> None:
    text = Path(run, "experiment.toml").read_text()
    assert 'target = ["price", "size"]' in text
    assert ('outputs = ["price_out", "size_out"]' in text) == (run == "graph")
    again = prepare(Settings(**read_settings(Path(run, "experiment.toml"))))
    fit_model(again, tmp_path, 0)
    first = pel.load_model(f"{run}/model.pel").trainable_parameters
    assert len(again.model.trainable_parameters) == len(first) > 1
    assert all(
        np.array_equal(a.get_value(), b.get_value())
        for a, b in zip(again.model.trainable_parameters, first, strict=True)
    )


@pytest.mark.slow
@pytest.mark.parametrize("run", ["linear", "graph"])
def test_a_repeated_run_has_the_same_scores(run: str, tmp_path: Path) -> None:
    assert main(["train", f"{run}/experiment.toml", "--quiet", "--out", str(tmp_path / "again")]) == 0
    records = [json.loads((folder / "record.json").read_text()) for folder in (tmp_path / "again", Path(run))]
    assert records[0]["measures"]["test"] == records[1]["measures"]["test"]


@pytest.mark.parametrize("run", ["linear", "graph"])
def test_commands_name_each_target(run: str, tmp_path: Path, capsys: Output) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("rooms,age,place\n2,40,land\n5,30,town\n")
    assert main(["predict", run, str(rows), "--json"]) == 0
    [first, second] = [each["values"] for each in json.loads(capsys.readouterr().out)["predictions"]]
    assert list(first) == ["price", "size"]
    assert first["price"] == pytest.approx(30, abs=25)
    assert first["size"] == pytest.approx(0.07, abs=0.02)
    assert second["price"] == pytest.approx(140, abs=25)
    assert second["size"] == pytest.approx(0.1, abs=0.02)
    assert main(["explain", run, str(rows), "--target", "size"]) == 0
    text = capsys.readouterr().out
    assert "line 2: size 0.0" in text
    assert "price" not in text
    write_flats(tmp_path / "others.csv", 60)
    assert main(["test", run, str(tmp_path / "others.csv"), "--json"]) == 0
    assert {each["name"] for each in json.loads(capsys.readouterr().out)["per_target"]} == {"price", "size"}


def test_the_summary_shows_every_target() -> None:
    run = prepare_run("flats.csv", target="price,size")
    assert run.summary[0].endswith("the targets are 'price', 'size'; regression, predicting price, size")
    assert [line.split() for line in run.summary if line.endswith("target")] == [
        ["price", "target"],
        ["size", "target"],
    ]
    assert run.description["target"] == ["price", "size"]
    assert prepare_run("flats.csv", target="size").description["target"] == "size"
    assert prepare_run("graph.toml", target="size,price").dataset.target_names == ("size", "price")


def test_data_are_checked_against_every_target(tmp_path: Path, capsys: Output) -> None:
    assert main(["data", "flats.csv", "--target", "price,size"]) == 0
    text = capsys.readouterr().out
    assert [line.split()[0] for line in text.splitlines() if line.split()[1:2] == ["target"]] == ["price", "size"]
    noise = np.random.default_rng(0).normal(1000, 500, 80)
    rows = [f"{k / 7:.4f},{value:.3f},{k / 50:.4f}" for k, value in enumerate(noise)]
    (tmp_path / "leak.csv").write_text("\n".join(["copied,price,size", *rows]) + "\n")
    assert main(["data", str(tmp_path / "leak.csv"), "--target", "price,size"]) == 0
    assert "predicts one of the targets alone" in capsys.readouterr().out
    feature = np.arange(60.0)
    targets = np.stack([1000 * np.random.default_rng(0).normal(size=60), feature / 60], axis=1)
    assert compute_predictive_power(feature, targets) > 0.8  # of the second target, which is small
    assert compute_predictive_power(feature, targets[:, :1]) == 0


NOTE = "n" * 1_700
"""Text that makes few rows larger than a megabyte."""


def write_incomplete(path: Path, count: int, note: str = "note") -> None:
    rng = np.random.default_rng(1)
    cells = rng.normal(size=(count, 3)).round(6).astype(str)
    cells[3, 1] = cells[5, 2] = cells[7, 1] = cells[7, 2] = ""
    rows = (f"{','.join(row)},{note}" for row in cells)
    path.write_text("\n".join(["a,price,size,note", *rows]) + "\n")


def test_rows_without_one_of_the_targets_are_skipped(tmp_path: Path) -> None:
    write_incomplete(tmp_path / "holes.csv", 40)
    with pytest.warns(DataWarning, match=r"skipped 3 of 40 rows without a target; the first is line 5, column 'price'"):
        dataset = load("price,size", str(tmp_path / "holes.csv"))
    assert dataset.targets.shape == (37, 2)
    (tmp_path / "none.csv").write_text("a,b,c\n" + "1,2,\n3,,4\n" * 10)
    with pytest.raises(DataError, match=r"expected rows with all targets \('b', 'c'\), received none"):
        load("b,c", str(tmp_path / "none.csv"))


def test_a_table_larger_than_memory_has_the_same_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.data.tables.csv_dialect.SAMPLE_ROWS", 20)  # the rows are long
    path = str(tmp_path / "large.csv")
    write_incomplete(Path(path), 640, NOTE)
    with pytest.warns(DataWarning, match="skipped 3 of 640 rows without a target; the first is line 5"):
        stored = load("price,size", path, memory=1)
    with pytest.warns(DataWarning, match="skipped 3 of 640 rows"):
        loaded = load("price,size", path)
    assert stored.stored is not None
    assert stored.target_names == loaded.target_names
    np.testing.assert_array_equal(stored.targets, loaded.targets)
    with Path(path).open("a") as file:
        file.write(f"1,2,1e12,{NOTE}\n")
    with pytest.warns(DataWarning), pytest.raises(DataError, match="line 642, column 'size': expected a target from"):
        load("price,size", path, memory=1)
    text = "a,b,c,note\n" + f"0.123456,0.123,town,{NOTE}\n0.2,0.345,land,{NOTE}\n" * 320
    Path(path).write_text(text)
    with pytest.raises(DataError, match="column 'c': expected numbers, because there are several targets"):
        load("b,c", path, memory=1)


@pytest.mark.parametrize(
    ("target", "task", "kind", "message"),
    [
        ("price,sise", None, NoColumnError, "flats.csv: no column 'sise'. Did you mean 'size'?"),
        ("price,price", None, UsageError, "target: 'price' is given twice. Remove one of them"),
        ("price,", None, UsageError, "target: expected names of columns, such as price,size or"),
        (["price", 3], None, UsageError, "received ['price', 3]"),
        (
            "price,place",
            None,
            DataError,
            "flats.csv, column 'place': expected numbers, because there are several targets; received classes (the "
            "targets are text). Train one network per target, or train from Python a network with several outputs.",
        ),
        ("price,place", "regression", DataError, "flats.csv, column 'place': expected numbers, because"),
        (
            "rooms,price",
            None,
            DataError,
            "column 'rooms': expected numbers, because there are several targets; received classes (the targets are "
            "the integers 1 to 6). Train one network per target, or train from Python a network with several outputs, "
            "or add --task regression if they are numbers.",
        ),
        (
            "price,size",
            "classification",
            UsageError,
            "task: expected regression for several targets, price, size; received 'classification'. Train one network",
        ),
        (
            "rooms,age,place,price,size",
            None,
            DataError,
            "expected a feature besides the targets, received only 'rooms'",
        ),
    ],
)
def test_invalid_targets_are_refused(target: Any, task: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        load(target, task=task)
    assert message in str(caught.value)


def test_integers_are_targets_with_the_task() -> None:
    assert load("rooms,price", task="regression").targets.shape == (160, 2)


def test_a_target_cannot_be_a_feature_and_a_constant_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"columns: 'size' is a target\. Choose its kind with --task"):
        prepare_run("flats.csv", target="price,size", columns={"size": "skip"})
    path = tmp_path / "constant.csv"
    path.write_text("a,b,c\n" + "".join(f"{k / 7},{k / 3},2.5\n" for k in range(30)))
    with pytest.raises(DataError, match=r"column 'c': the target is always 2\.5"):
        load("b,c", str(path))


def test_a_column_with_a_comma_is_one_target(tmp_path: Path) -> None:
    path = tmp_path / "comma.csv"
    path.write_text('rooms,price,size,"price,size"\n' + "".join(f"{k},{k / 2},{k / 3},{k / 7}\n" for k in range(30)))
    assert load("price,size", str(path)).target_names == ("price,size",)
    assert load(["price", "size"], str(path)).target_names == ("price", "size")
    assert load("price, size", str(path)).target_names == ("price", "size")


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        (
            "layers.1.units=2",
            "graph.toml, [model] outputs: expected 2 numbers, one for each target in this order (price, size); "
            "received 3: 2 of 'price_out', 1 of 'size_out'. Change the units of these layers, or the outputs",
        ),
        ("data.target=size", "expected 1 number, one for each target in this order (size); received 2: 1 of"),
        (
            "data.target=place",
            "[model] outputs: expected the name of one layer for a classification; received ['price_out', 'size_out']. "
            "Join several with a layer of kind = 'Concatenate', or train from Python",
        ),
        ("model.outputs=['price_out', 'siz_out']", "earlier layer. Did you mean 'size_out'? Received: 'siz_out'"),
        ("model.outputs=['size_out', 'size_out']", "[model]: outputs: 'size_out' is given twice. Remove one of them"),
        (
            "model.outputs=['size_out', 2]",
            "outputs: expected the name of a layer, or a list of names; received ['size_",
        ),
    ],
)
def test_outputs_that_do_not_match_the_targets_are_refused(assignment: str, message: str) -> None:
    with pytest.raises((UsageError, pel.ModelError)) as caught:
        prepare_run("graph.toml", assignment)
    assert message in str(caught.value)


def test_outputs_are_in_the_order_of_the_file_and_stay_in_a_sweep() -> None:
    run = prepare_run("graph.toml", "layers.1.units=2", target="price,size,age")
    assert run.model.outputs[0].shape == ("n", 3)
    constants = [f"layers.{k}.bias_initializer={{kind='Constant', value={k}.0}}" for k in (1, 2)]
    run = prepare_run("graph.toml", *constants, *(f"layers.{k}.kernel_initializer=zeros" for k in (1, 2)))
    np.testing.assert_array_equal(run.model.predict(run.x[:2]), [[1, 2], [1, 2]])
    layers = [{"name": name, "kind": "Dense", "units": 8} for name in ("shared", "price_out", "size_out")]
    scaled = scale_layers(layers, {"units": 3}, ["price_out", "size_out"])
    assert [layer["units"] for layer in scaled] == [3, 8, 8]


def test_fine_tuning_keeps_several_targets_and_outputs(tmp_path: Path) -> None:
    run = prepare_run("flats.csv", weights="graph", epochs=1)
    assert run.dataset.target_names == ("price", "size")
    assert run.settings.outputs == ["price_out", "size_out"]
    assert run.description["target"] == ["price", "size"]
    with pytest.raises(UsageError, match="head: expected a network with one output layer, which can be replaced"):
        prepare_run("flats.csv", weights="graph", target="price")
    with pytest.raises(DataError, match="of which 'rooms' is a target here"):
        prepare_run("flats.csv", weights="linear", target="price,rooms", task="regression")
