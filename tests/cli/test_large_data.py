"""Data larger than memory: samples that are read from a temporary file."""

import errno
import gzip
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from functools import partial
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
from pellucid.data.tables.table_stream import is_larger
from pellucid.train import train
from pellucid.train.evaluate import baselines, evaluated_predictions, inference
from pellucid.train.evaluate.inference import evaluate_network
from pellucid.train.evaluate.trained_network import load_network
from pellucid.train.prepare.prepared_run import PreparedRun, prepare
from pellucid.train.read.dataset import split_dataset
from pellucid.train.read.loaders import load_dataset
from pellucid.train.read.out_of_core import table_rows
from pellucid.train.read.out_of_core.images import StoredImages
from pellucid.train.read.out_of_core.row_file import RowFile
from pellucid.train.read.out_of_core.samples import arrange_data
from pellucid.train.settings.settings import Settings
from pellucid.training.callbacks import TerminateOnNaN
from pellucid.training.memmap_source import StreamedArray

Output = pytest.CaptureFixture[str]

ROWS = 640
NOTE = "n" * 1_700
"""Text that makes few rows larger than a megabyte."""

QUICK = ["--model", "linear", "--epochs", "2", "--batch-size", "64", "--memory", "1"]
FLATS = ["train", "flats.csv", *QUICK, "--columns", "sold=skip"]  # dates take most of the time of a table


def write_table(path: Path, rows: int = ROWS, faults: bool = False, note: str = NOTE) -> None:
    """Write a table of more than a megabyte, with an identifier that counts the rows and missing values."""
    rng = np.random.default_rng(0)
    size, age = rng.normal(50, 20, rows).round(6), rng.integers(0, 90, rows)
    place = rng.choice(["land", "sea", "town"], rows)
    sold = np.datetime64("2020-01-01") + rng.integers(0, 900, rows)
    price = (3 * size - age + 20 * (place == "town") + rng.normal(size=rows)).round(6)
    lines = [
        f"{k},{'' if k % 50 == 7 else s},{p},{a},{d},{note},{y}"
        for k, (s, p, a, d, y) in enumerate(zip(size, place, age, sold, price, strict=True))
    ]
    if faults:
        for k in (100, 200, 450, 500):
            lines[k] = lines[k].replace(",", ",tiny", 1)
        lines[300] = lines[300].rpartition(",")[0] + ","
        lines[610] += ",7"
    path.write_text("\n".join(["number,size,place,age,sold,note,price", *lines]) + "\n", "utf-8")


def write_images(folder: Path, count: int = 20) -> None:
    """Write images that take a megabyte at 96 times 96 pixels."""
    rng = np.random.default_rng(1)
    for kind in ("dark", "light"):
        (folder / kind).mkdir(parents=True)
        for k in range(count):
            pixels = rng.integers(0, 120, (12, 12, 3), "uint8") + np.uint8(120 * (kind == "light"))
            Image.fromarray(pixels).save(folder / kind / f"{k}.png")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and images that are larger than a megabyte."""
    folder = tmp_path_factory.mktemp("large")
    write_table(folder / "flats.csv")
    write_images(folder / "photos")
    return folder


@pytest.fixture(scope="module", autouse=True)
def _dialects_are_inferred_from_few_rows() -> Iterator[None]:
    """The rows are long, and the dialect is not the subject here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pellucid.data.tables.csv_dialect.SAMPLE_ROWS", 20)
        yield


@contextmanager
def small_samples() -> Iterator[None]:
    """Checks see a sample of 300 rows, baselines see 200, and predictions are made in blocks of 64."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_rows, "SAMPLE_ROWS", 300)
        patch.setattr(baselines, "SAMPLED_ROWS", 200)
        patch.setattr(evaluated_predictions, "PREDICTED_ROWS", 64)
        yield


@pytest.fixture(scope="module")
def run(place: Path) -> Path:
    """A run on the table, whose output is in the file ``output``."""
    output = io.StringIO()
    with pytest.MonkeyPatch.context() as here, small_samples(), redirect_stdout(output):
        here.chdir(place)
        assert main([*FLATS, "--out", "run"]) == 0
    (place / "output").write_text(output.getvalue())
    return place / "run"


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
    settings = Settings("flats.csv", model="linear", options=options)
    runs = [prepare(replace(settings, memory=memory)) for memory in (1, 100)]
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
    settings = Settings("photos2", model="linear", options={"size": 96})
    with pytest.warns(DataWarning, match="skipped 1 of 41 files: 'dark/3a.png': not an image"):
        stored, loaded = (prepare(replace(settings, memory=memory)) for memory in (1, 100))
    for part in ("training", "validation", "test"):
        assert (sort_rows(stored, part) == sort_rows(loaded, part)).all()
    assert stored.dataset.checksum == loaded.dataset.checksum
    assert isinstance(stored.x, StreamedArray)
    assert len({int(k) for k in stored.get_targets("training")[:20]}) == 2  # not in the order of the folders


def test_parts_of_stored_images_are_kept() -> None:
    for part, numbers in (("train", range(15)), ("test", range(15, 20))):
        for kind in ("dark", "light"):
            Path("parts", part, kind).mkdir(parents=True)
            for k in numbers:
                Path("parts", part, kind, f"{k}.png").symlink_to(Path("photos", kind, f"{k}.png").resolve())
    settings = Settings("parts", model="linear", options={"size": 96})
    stored, loaded = (prepare(replace(settings, memory=memory)) for memory in (1, 100))
    assert (len(stored.parts["training"]), len(stored.parts["test"])) == (26, 10)
    for part in ("training", "validation", "test"):
        assert (sort_rows(stored, part) == sort_rows(loaded, part)).all()


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "jsonl", "csv.gz"])
def test_formats_are_converted_in_pieces(suffix: str) -> None:
    path, table = Path(f"flats.{suffix}"), pa.csv.read_csv("flats.csv")
    if suffix == "parquet":
        pq.write_table(table, path, row_group_size=200, use_dictionary=False)
    elif suffix == "arrow":
        pa.feather.write_feather(table, path, compression="uncompressed", chunksize=200)
    elif suffix == "jsonl":
        rows = table.to_pylist()
        path.write_text(
            "".join(json.dumps({k: str(v) if k == "sold" else v for k, v in r.items()}) + "\n" for r in rows)
        )
    else:
        path.write_bytes(gzip.compress(Path("flats.csv").read_bytes()))
    stored, loaded = (prepare(Settings(str(path), model="linear", memory=memory)) for memory in (1, 100))
    assert stored.arranged is not None
    for part in ("training", "test"):
        assert (sort_rows(stored, part) == sort_rows(loaded, part)).all()
    assert stored.description == loaded.description
    assert stored.dataset.checksum == loaded.dataset.checksum


def test_the_size_of_a_parquet_file_is_that_of_its_cells(tmp_path: Path) -> None:
    """Equal cells are encoded in a few bytes; in memory they take 8 each."""
    path = tmp_path / "equal.parquet"
    pq.write_table(pa.table({name: [1.0] * 10_000 for name in "abc"}), path)
    assert path.stat().st_size < 10_000
    assert is_larger(path, "Parquet", 239_999)
    assert not is_larger(path, "Parquet", 240_000)


def test_json_lines_of_another_type_name_the_remedy() -> None:
    rows = "".join(json.dumps({"a": k, "b": "x" * 2_000}) + "\n" for k in range(600))
    Path("odd.jsonl").write_text(rows + '{"a": "text", "b": "x"}\n')
    with pytest.raises(
        DataError, match=r"expected the types and the columns of the first rows in all others.*--memory"
    ):
        load_dataset(Settings("odd.jsonl", memory=1))


def test_invalid_cells_of_all_chunks_are_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(Path("faults.csv"), faults=True)
    monkeypatch.setattr("pellucid.data.tables.csv_format.BLOCK", 2**17)
    monkeypatch.setattr(table_rows, "ENCODED_BYTES", 2**14)
    messages = []
    for memory in (1, 100):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            prepare(Settings("faults.csv", model="linear", memory=memory, options={"columns": {"sold": "skip"}}))
        messages.append(sorted(str(each.message) for each in caught))
    assert messages[0] == messages[1]
    assert any(
        "treated 4 cells as missing: line 102, column 'size'" in each and "and 1 more" in each for each in messages[0]
    )
    assert any("skipped 1 of 639 rows without a target; the first is line 302" in each for each in messages[0])
    with pytest.raises(DataError, match="line 612: expected 7 cells, as in the first line, received 8"):
        load_dataset(Settings("faults.csv", memory=1, strict=True))


def read_run(folder: Path) -> Any:
    """Everything of a run that must be bit-identical."""
    record = json.loads((folder / "record.json").read_text())
    history = [line.split(",") for line in (folder / "history.csv").read_text().splitlines()]
    weights = [value.tobytes() for value in pel.load_model(folder / "model.pel").get_weights()]
    lines = [line for line in record["lines"] if " s" not in line]
    return weights, [row[:1] + row[2:] for row in history], record["measures"], lines, record["status"]


@pytest.mark.slow
def test_a_run_and_its_repetition_are_bit_identical(run: Path) -> None:
    assert "memory = 1\n" in (run / "experiment.toml").read_text()
    with small_samples():
        assert main(["train", str(run / "experiment.toml"), "--out", "two", "--quiet"]) == 0
    assert read_run(run) == read_run(Path("two"))


def test_the_output_and_the_report_say_where_the_data_are_and_how_long_steps_waited(run: Path) -> None:
    output = (run.parent / "output").read_text()
    assert "larger than 1 MB (--memory), so samples are read from a temporary file" in output
    assert "bottleneck: the network; the training steps waited " in output
    timings = json.loads((run / "record.json").read_text())["timings"]
    assert 0 <= timings["waiting for data"] <= timings["training steps"]
    assert "waiting for data" in (run / "report.html").read_text("utf-8")
    assert {path.suffix for path in run.iterdir()} <= {".png", ".html", ".json", ".toml", ".pel", ".csv"}


@pytest.mark.slow
def test_a_run_on_images_reads_them_from_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The images are small, and the loader expects more of them than there are."""
    monkeypatch.setattr("pellucid.data.images.count_images", lambda *_: 6_000)
    settings = Settings("photos", model="linear", epochs=1, memory=1, options={"size": 8})
    record = train(settings, Path("run"), verbose=0)
    assert record is not None
    assert "waiting for data" in record.timings
    one, other = prepare(settings), prepare(settings)
    assert isinstance(one.x, StreamedArray)
    np.testing.assert_array_equal(one.get_inputs("training"), other.get_inputs("training"))
    np.testing.assert_array_equal(one.get_targets("training"), other.get_targets("training"))


@pytest.mark.slow
def test_a_run_on_images_and_its_repetition_are_bit_identical() -> None:
    assert main(["train", "photos", *QUICK, "--size", "96", "--out", "one", "--quiet"]) == 0
    assert main(["train", "one/experiment.toml", "--out", "two", "--quiet"]) == 0
    assert read_run(Path("one")) == read_run(Path("two"))


@pytest.mark.slow
def test_an_interrupted_run_is_resumed_bit_identical(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    def stop(self: TerminateOnNaN, batch: int, logs: Any = None) -> None:
        if self.model.run.step == 10:  # in the middle of the second epoch
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
    words = ["train", "long.csv", "--model", "linear", "--epochs", "40", "--patience", "0", "--memory", "1", "--quiet"]
    write_table(Path("long.csv"), rows=24_000, note="")
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
    options = ["--size", "96"] if data == "photos" else ["--target", "price"]
    assert main(["train", data, *QUICK, *options, "--out", "run", "--quiet"]) == 1
    assert "run: cannot be written: the disk is full. Free some space and try again" in capsys.readouterr().err
    assert not [path for path in Path("run").rglob("*") if path.name != "record.json"]


class FullDisk:
    free = 2**28 + 1000


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (
            "photos",
            {"size": 96},
            r"40 images of 96x96 pixels take 1 MB in .* Choose a smaller --size, or free",
        ),
        ("flats.csv", {}, r"the next 640 rows take \d MB in .* Free some space, or use a part of the rows"),
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
    with pytest.raises(DataError, match=r"640 rows of \d+ features take 0 MB in .* where 0 MB can be used"):
        arrange_data(dataset, parts, 0, None)


def test_invalid_settings_are_refused(capsys: Output) -> None:
    assert main(["train", "flats.csv", "--memory", "0"]) == 2
    assert "memory: expected an integer, 1 or more; received 0" in capsys.readouterr().err


def test_options_that_need_all_samples_in_memory_are_refused(run: Path, capsys: Output) -> None:
    words = ["train", "flats.csv", "--model", "linear", "--epochs", "1", "--quiet", "--memory", "1"]
    for option in (["--folds", "3"], ["--weights", str(run)], ["--sweep", "learning_rate=0.1,0.2"]):
        assert main([*words, *option]) == 2
        expected = f"{option[0][2:]}: not available for data that are larger than memory; omit it, or give a larger"
        assert expected in capsys.readouterr().err


def test_what_sees_a_sample_says_so(run: Path, capsys: Output) -> None:
    output = (run.parent / "output").read_text()
    assert re.search(r"; checked a random sample of 3\d\d of 640 samples; statistics and missing values of", output)
    assert "baselines: trained on a random sample of 200 of 448 training samples\n" in output
    assert "an identifier: it counts the rows" in output
    report = (run / "report.html").read_text("utf-8")
    assert "checked a random sample of 3" in report
    assert "Baselines: trained on a random sample of 200 of 448 training samples" in report
    assert json.loads((run / "record.json").read_text())["measures"]["samples"]["test"] == 96
    with small_samples():
        assert main(["data", "flats.csv", "--memory", "1"]) == 0
    output = capsys.readouterr().out
    assert "Checked a random sample of 3" in output
    assert "samples: 448 training, 96 validation, 96 test" in output


def test_a_sample_shows_rare_categories_and_columns_that_vary(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{k % 7},same,{3 if k == 301 else 4},{NOTE},{k}.5" for k in range(640)]
    rows[400] = f"1,other,4,{NOTE},2.5"
    Path("rare.csv").write_text("\n".join(["a,kind,flag,note,y", *rows]) + "\n")
    monkeypatch.setattr(table_rows, "SAMPLE_ROWS", 20)
    stored = prepare(Settings("rare.csv", model="linear", memory=1, validation_split=0.01, test_split=0.01))
    kinds = {column["name"]: column for column in stored.description["inputs"]}
    assert kinds["kind"]["values"] == ["other", "same"]
    assert kinds["flag"]["kind"] == "number"


def test_other_large_data_are_evaluated_in_pieces(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(Path("others.csv"), rows=700)
    network = load_network(run)
    loaded = evaluate_network(network, "others.csv")
    monkeypatch.setattr("pellucid.data.tables.csv_format.BLOCK", 2**19)
    monkeypatch.setattr(table_rows, "ENCODED_BYTES", 2**14)
    monkeypatch.setattr(inference, "Settings", partial(Settings, memory=1))
    stored = evaluate_network(network, "others.csv")
    assert stored["samples"] == loaded["samples"] == 700
    assert stored["test"] == pytest.approx(loaded["test"], rel=1e-6)  # sums of batches have another order


def test_targets_of_stored_tables_are_checked() -> None:
    def write(name: str, targets: Iterable[object], note: str = NOTE) -> Settings:
        rows = (f"{k},{note},{target}" for k, target in enumerate(targets))
        Path(name).write_text("\n".join(["a,note,y", *rows]) + "\n")
        return Settings(name, memory=1)

    with pytest.raises(DataError, match="expected two or more classes, received only 'same'"):
        load_dataset(write("one.csv", ["same"] * 640))
    many = write("many.csv", (f"name{k}" for k in range(10_001)), "n" * 90)
    with pytest.raises(DataError, match="expected at most 10,000 classes in a table that is larger than memory"):
        load_dataset(many)
    with pytest.raises(DataError, match="line 642, column 'y': expected a target from "):
        load_dataset(write("far.csv", [*(f"{k % 9}.5" for k in range(640)), "1e30"]))
    with pytest.raises(DataError, match="no column 'z'"):
        load_dataset(replace(many, options={"target": "z"}))


def test_image_files_are_decoded_once_in_order() -> None:
    stored = StoredImages((8, 8), 3, None, "photos")
    for value in (5, 6, 7):
        stored.append(np.full((8, 8, 3), value, np.uint8))
    stored.flush()
    assert stored.arrange({}, np.array([2, 0, 1]))[:, 0, 0, 0].tolist() == [6, 7, 5]
