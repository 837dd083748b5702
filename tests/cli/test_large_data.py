"""Data larger than memory: samples that are read from a temporary file."""

import errno
import gzip
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from PIL import Image

import pellucid as pel
from pellucid.cli import main
from pellucid.data.errors import DataError, DataWarning
from pellucid.experiments.user_data import stored_rows
from pellucid.experiments.user_data.dataset import split_dataset
from pellucid.experiments.user_data.loaders import load_dataset
from pellucid.experiments.user_data.pipeline import PreparedRun, prepare
from pellucid.experiments.user_data.row_file import RowFile
from pellucid.experiments.user_data.settings import Settings
from pellucid.experiments.user_data.stored_images import StoredImages
from pellucid.experiments.user_data.stored_samples import arrange_data
from pellucid.training.callbacks import TerminateOnNaN
from pellucid.training.memmap_source import StreamedArray

Output = pytest.CaptureFixture[str]

ROWS = 24_000
QUICK = ["--model", "linear", "--epochs", "2", "--batch-size", "256", "--memory", "1"]


def write_table(path: Path, rows: int = ROWS, faults: bool = False) -> None:
    """Write a table of more than a megabyte, with an identifier that counts the rows and missing values."""
    rng = np.random.default_rng(0)
    size, age = rng.normal(50, 20, rows).round(6), rng.integers(0, 90, rows)
    place = rng.choice(["land", "sea", "town"], rows)
    sold = np.datetime64("2020-01-01") + rng.integers(0, 900, rows)
    price = (3 * size - age + 20 * (place == "town") + rng.normal(size=rows)).round(6)
    lines = [
        f"{k},{'' if k % 50 == 7 else s},{p},{a},{d},{y}"
        for k, (s, p, a, d, y) in enumerate(zip(size, place, age, sold, price, strict=True))
    ]
    if faults:
        for k in (100, 200, 15_000, 20_000):
            lines[k] = lines[k].replace(",", ",tiny", 1)
        lines[300] = lines[300].rpartition(",")[0] + ","
        lines[21_000] += ",7"
    path.write_text("\n".join(["number,size,place,age,sold,price", *lines]) + "\n", "utf-8")


def write_images(folder: Path, count: int = 60) -> None:
    rng = np.random.default_rng(1)
    for kind in ("dark", "light"):
        (folder / kind).mkdir(parents=True)
        for k in range(count):
            pixels = rng.integers(0, 120, (90, 90, 3), "uint8") + np.uint8(120 * (kind == "light"))
            Image.fromarray(pixels).save(folder / kind / f"{k}.png")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and images that are larger than a megabyte."""
    folder = tmp_path_factory.mktemp("large")
    write_table(folder / "flats.csv")
    write_images(folder / "photos")
    return folder


@pytest.fixture(autouse=True)
def folder(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("flats.csv", "photos"):
        Path(name).symlink_to(place / name)
    return tmp_path


def sort_rows(prepared: PreparedRun, part: str) -> Any:
    """Inputs and targets of a part, in an order that does not depend on the file."""
    x, y = prepared.get_inputs(part), prepared.get_targets(part)
    table = np.concatenate([x.reshape(len(x), -1), y.reshape(len(y), -1)], axis=1)
    return table[np.lexsort(table.T)]


@pytest.mark.parametrize(
    "options",
    [
        {"target": "price"},
        pytest.param({"target": "place"}, marks=pytest.mark.slow),
        pytest.param({"target": "age"}, marks=pytest.mark.slow),
    ],
)
def test_a_stored_table_has_the_inputs_and_the_split_of_one_in_memory(options: dict[str, str]) -> None:
    runs = [prepare(Settings("flats.csv", memory=memory, options=options)) for memory in (1, 100)]
    stored, loaded = runs
    assert stored.arranged is not None
    assert loaded.arranged is None
    assert isinstance(stored.x, StreamedArray)
    for part in ("training", "validation", "test"):
        assert (sort_rows(stored, part) == sort_rows(loaded, part)).all()
    assert stored.description == loaded.description
    assert stored.dataset.checksum == loaded.dataset.checksum
    assert stored.summary == [*loaded.summary[:-2], *stored.storage_notes, *loaded.summary[-2:]]
    assert stored.target_mean == pytest.approx(loaded.target_mean)
    assert stored.target_deviation == pytest.approx(loaded.target_deviation)
    first = stored.get_targets("training")[:50].reshape(50, -1)
    assert len(np.unique(first, axis=0)) > 1 or options["target"] == "age"


def test_stored_images_have_the_inputs_and_the_split_of_those_in_memory() -> None:
    Path("photos2/dark").mkdir(parents=True)
    for kind in ("dark", "light"):
        for file in Path("photos", kind).iterdir():
            Path("photos2", kind).mkdir(exist_ok=True)
            Path("photos2", kind, file.name).symlink_to(file.resolve())
    Path("photos2/dark/3a.png").write_bytes(b"no image")
    settings = Settings("photos2", options={"size": 64})
    with pytest.warns(DataWarning, match="skipped 1 of 121 files: 'dark/3a.png': not an image"):
        stored, loaded = (prepare(Settings(**{**vars(settings), "memory": memory})) for memory in (1, 100))
    for part in ("training", "validation", "test"):
        assert (sort_rows(stored, part) == sort_rows(loaded, part)).all()
    assert stored.dataset.checksum == loaded.dataset.checksum
    assert isinstance(stored.x, StreamedArray)
    assert len({int(k) for k in stored.get_targets("training")[:20]}) == 2  # not in the order of the folders


def test_parts_of_stored_images_are_kept() -> None:
    for part, count in (("train", 50), ("test", 20)):
        for kind in ("dark", "light"):
            Path("parts", part, kind).mkdir(parents=True)
            for k in range(count):
                Path("parts", part, kind, f"{k}.png").symlink_to(Path("photos", kind, f"{k}.png").resolve())
    stored, loaded = (prepare(Settings("parts", memory=memory, options={"size": 64})) for memory in (1, 100))
    for part in ("training", "validation", "test"):
        assert (sort_rows(stored, part) == sort_rows(loaded, part)).all()


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "jsonl", "csv.gz"])
def test_formats_are_converted_in_pieces(suffix: str) -> None:
    path, table = Path(f"flats.{suffix}"), pa.csv.read_csv("flats.csv")
    if suffix == "parquet":
        pq.write_table(table, path, row_group_size=7_000)
    elif suffix == "arrow":
        pa.feather.write_feather(table, path, compression="uncompressed", chunksize=7_000)
    elif suffix == "jsonl":
        rows = table.to_pylist()
        path.write_text(
            "".join(json.dumps({k: str(v) if k == "sold" else v for k, v in r.items()}) + "\n" for r in rows)
        )
    else:
        path.write_bytes(gzip.compress(Path("flats.csv").read_bytes()))
    stored, loaded = (prepare(Settings(str(path), memory=memory)) for memory in (1, 100))
    assert stored.arranged is not None
    for part in ("training", "test"):
        assert (sort_rows(stored, part) == sort_rows(loaded, part)).all()
    assert stored.description == loaded.description
    assert stored.dataset.checksum == loaded.dataset.checksum


def test_json_lines_of_another_type_name_the_remedy() -> None:
    rows = "".join(json.dumps({"a": k, "b": "x" * 50}) + "\n" for k in range(100_000))
    Path("odd.jsonl").write_text(rows + '{"a": "text", "b": "x"}\n')
    with pytest.raises(
        DataError, match=r"expected the types and the columns of the first rows in all others.*--memory"
    ):
        load_dataset(Settings("odd.jsonl", memory=1))


def test_invalid_cells_of_all_chunks_are_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(Path("faults.csv"), faults=True)
    monkeypatch.setattr("pellucid.data.tables.csv_format.BLOCK", 2**18)
    monkeypatch.setattr(stored_rows, "ENCODED_BYTES", 2**18)
    messages = []
    for memory in (1, 100):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            prepare(Settings("faults.csv", memory=memory))
        messages.append(sorted(str(each.message) for each in caught))
    assert messages[0] == messages[1]
    assert any(
        "treated 4 cells as missing: line 102, column 'size'" in each and "and 1 more" in each for each in messages[0]
    )
    assert any("skipped 1 of 23999 rows without a target; the first is line 302" in each for each in messages[0])
    with pytest.raises(DataError, match="line 21002: expected 6 cells, as in the first line, received 7"):
        prepare(Settings("faults.csv", memory=1, strict=True, options={"columns": {"number": "skip"}}))


def read_run(folder: Path) -> Any:
    """Everything of a run that must be bit-identical."""
    record = json.loads((folder / "record.json").read_text())
    history = [line.split(",") for line in (folder / "history.csv").read_text().splitlines()]
    weights = [value.tobytes() for value in pel.load_model(folder / "model.pel").get_weights()]
    lines = [line for line in record["lines"] if " s" not in line]
    return weights, [row[:1] + row[2:] for row in history], record["measures"], lines, record["status"]


@pytest.mark.parametrize(("data", "options"), [("flats.csv", []), ("photos", ["--size", "64"])])
def test_a_run_and_its_repetition_are_bit_identical(data: str, options: list[str], capsys: Output) -> None:
    assert main(["train", data, *QUICK, *options, "--out", "one"]) == 0
    output = capsys.readouterr().out
    assert main(["train", "one/experiment.toml", "--out", "two", "--quiet"]) == 0
    assert read_run(Path("one")) == read_run(Path("two"))
    assert "memory = 1\n" in Path("one/experiment.toml").read_text()
    assert "larger than 1 MB (--memory), so samples are read from a temporary file" in output
    assert "bottleneck: the network; the training steps waited " in output
    timings = json.loads(Path("one/record.json").read_text())["timings"]
    assert 0 <= timings["waiting for data"] <= timings["training steps"]
    assert "waiting for data" in Path("one/report.html").read_text("utf-8")
    assert not [
        path
        for path in Path("one").rglob("*")
        if path.suffix not in (".png", ".html", ".json", ".toml", ".pel", ".csv")
    ]


@pytest.mark.slow
def test_an_interrupted_run_is_resumed_bit_identical(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    def stop(self: TerminateOnNaN, batch: int, logs: Any = None) -> None:
        if self.model.run.step == 90:  # in the middle of the second epoch
            raise KeyboardInterrupt

    with monkeypatch.context() as stopping:
        stopping.setattr(TerminateOnNaN, "batch_interval", 1)
        stopping.setattr(TerminateOnNaN, "on_train_batch_end", stop)
        assert main(["train", "flats.csv", *QUICK, "--out", "stopped", "--quiet"]) == 130
    assert capsys.readouterr().err.endswith("To resume: pellucid resume stopped\n")
    assert main(["resume", "stopped", "--quiet"]) == 0
    assert main(["train", "flats.csv", *QUICK, "--out", "through", "--quiet"]) == 0
    assert read_run(Path("stopped")) == read_run(Path("through"))
    pages = [Path(name, "report.html").read_text("utf-8").splitlines() for name in ("stopped", "through")]
    assert len(pages[0]) == len(pages[1])


@pytest.mark.slow
def test_memory_is_bounded(folder: Path) -> None:
    """The peak of the whole process; about 340 MB of it are the libraries."""
    script = Path(__file__).parents[2] / "benchmarks" / "large_data.py"
    words = [
        "--images",
        "10000",
        "--megabytes",
        "200",
        "--memory",
        "10",
        "--epochs",
        "1",
        "--bound",
        "750",
        "--folder",
        ".",
    ]
    done = subprocess.run([sys.executable, str(script), *words, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert [row["waiting_share"] is None for row in rows] == [False, True, False, True]
    assert not list(folder.glob("tmp*"))


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_killed_run_leaves_no_file_and_is_resumed_bit_identical(folder: Path) -> None:
    words = ["train", "flats.csv", "--model", "linear", "--epochs", "40", "--patience", "0", "--memory", "1", "--quiet"]
    process = subprocess.Popen([sys.executable, "-m", "pellucid", *words, "--out", "killed"])
    while not Path("killed/checkpoint/training.pel").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert all(path.stat().st_size < 10**6 for path in Path("killed").rglob("*") if path.is_file())
    assert main(["resume", "killed", "--quiet"]) == 0
    assert main([*words, "--out", "through"]) == 0
    assert read_run(Path("killed")) == read_run(Path("through"))


@pytest.mark.parametrize("data", ["flats.csv", "photos"])
def test_a_full_disk_names_the_folder_and_leaves_nothing(
    data: str, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    def fail(self: RowFile, start: int, rows: Any) -> None:
        with pel.atomic_write.explain_write_errors(self.folder):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(RowFile, "write", fail)
    assert (
        main(
            [
                "train",
                data,
                *QUICK,
                "--size" if data == "photos" else "--target",
                "64" if data == "photos" else "price",
                "--out",
                "run",
                "--quiet",
            ]
        )
        == 1
    )
    assert "run: cannot be written: the disk is full. Free some space and try again" in capsys.readouterr().err
    assert not [path for path in Path("run").rglob("*") if path.name != "record.json"]


class FullDisk:
    free = 2**28 + 1000


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (
            "photos",
            {"size": 64},
            r"120 images of 64x64 pixels take 1 MB in .* Choose a smaller --size, or free",
        ),
        ("flats.csv", {}, r"the next 24,000 rows take \d MB in .* Free some space, or use a part of the rows"),
    ],
)
def test_data_that_do_not_fit_on_the_disk_are_refused(
    data: str, options: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: FullDisk)
    with pytest.raises(DataError, match=message):
        prepare(Settings(data, memory=1, options=options))


def test_features_that_do_not_fit_on_the_disk_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = load_dataset(Settings("flats.csv", memory=1))
    parts = split_dataset(dataset, {"validation": 0.15, "test": 0.15}, 0)
    monkeypatch.setattr("shutil.disk_usage", lambda path: FullDisk)
    with pytest.raises(DataError, match=r"24,000 rows of \d+ features take 1 MB in .* where 0 MB can be used"):
        arrange_data(dataset, parts, 0, None)


def test_invalid_settings_are_refused(capsys: Output) -> None:
    assert main(["train", "flats.csv", "--memory", "0"]) == 2
    assert "memory: expected an integer, 1 or more; received 0" in capsys.readouterr().err


def test_options_that_need_all_samples_in_memory_are_refused(capsys: Output) -> None:
    words = ["train", "flats.csv", "--model", "linear", "--epochs", "1", "--quiet"]
    assert main([*words, "--out", "small"]) == 0
    options = (["--folds", "3"], ["--weights", "small"], ["--sweep", "learning_rate=0.1,0.2"])
    for option in options:
        assert main([*words, "--memory", "1", *option]) == 2
        expected = f"{option[0][2:]}: not available for data that are larger than memory; omit it, or give a larger"
        assert expected in capsys.readouterr().err


def test_what_sees_a_sample_says_so(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr(stored_rows, "SAMPLE_ROWS", 3_000)
    monkeypatch.setattr("pellucid.experiments.user_data.baselines.SAMPLED_ROWS", 2_000)
    assert main(["train", "flats.csv", *QUICK, "--out", "run"]) == 0
    output = capsys.readouterr().out
    assert "; checked a random sample of 3," in output
    assert " of 24,000 samples; statistics and missing values of columns are those of the sample\n" in output
    assert "baselines: trained on a random sample of 2,000 of 16,800 training samples\n" in output
    assert "an identifier: it counts the rows" in output
    report = Path("run/report.html").read_text("utf-8")
    assert "checked a random sample of 3," in report
    assert "Baselines: trained on a random sample of 2,000 of 16,800 training samples" in report
    assert main(["data", "flats.csv", "--memory", "1"]) == 0
    output = capsys.readouterr().out
    assert "Checked a random sample of 3," in output
    assert "samples: 16,800 training, 3,600 validation, 3,600 test" in output
    assert json.loads(Path("run/record.json").read_text())["measures"]["samples"]["test"] == 3_600


def test_a_sample_shows_rare_categories_and_columns_that_vary(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{k % 7},same,{3 if k == 15_001 else 4},{k}.5" for k in range(60_000)]
    rows[40_000] = "1,other,4,2.5"
    Path("rare.csv").write_text("\n".join(["a,kind,flag,y", *rows]) + "\n")
    monkeypatch.setattr(stored_rows, "SAMPLE_ROWS", 500)
    stored = prepare(Settings("rare.csv", memory=1, validation_split=0.001, test_split=0.001))
    kinds = {column["name"]: column for column in stored.description["inputs"]}
    assert kinds["kind"]["values"] == ["other", "same"]
    assert kinds["flag"]["kind"] == "number"


def test_other_large_data_are_evaluated(capsys: Output) -> None:
    assert main(["train", "flats.csv", *QUICK, "--out", "run", "--quiet"]) == 0
    write_table(Path("others.csv"), rows=30_000)
    results = []
    for _ in range(2):
        assert main(["test", "run", "others.csv", "--json"]) == 0
        results.append(json.loads(capsys.readouterr().out))
    assert results[0] == results[1]
    assert results[0]["samples"] == 30_000


def test_targets_of_stored_tables_are_checked() -> None:
    lines = [f"{k},same" for k in range(200_000)]
    Path("one.csv").write_text("\n".join(["a,y", *lines]) + "\n")
    with pytest.raises(DataError, match="expected two or more classes, received only 'same'"):
        load_dataset(Settings("one.csv", memory=1))
    Path("many.csv").write_text("\n".join(["a,y", *(f"{k},name{k}" for k in range(200_000))]) + "\n")
    with pytest.raises(DataError, match="expected at most 10,000 classes in a table that is larger than memory"):
        load_dataset(Settings("many.csv", memory=1))
    Path("far.csv").write_text("\n".join(["a,y", *(f"{k},{k % 9}.5" for k in range(200_000)), "1,1e30"]) + "\n")
    with pytest.raises(DataError, match="line 200002, column 'y': expected a target from "):
        load_dataset(Settings("far.csv", memory=1))
    with pytest.raises(DataError, match="no column 'z'"):
        load_dataset(Settings("many.csv", memory=1, options={"target": "z"}))


def test_image_files_are_decoded_once_in_order() -> None:
    stored = StoredImages((8, 8), 3, None, "photos")
    for value in (5, 6, 7):
        stored.append(np.full((8, 8, 3), value, np.uint8))
    stored.flush()
    assert stored.arrange({}, np.array([2, 0, 1]))[:, 0, 0, 0].tolist() == [6, 7, 5]
