"""No file that pellucid writes is ever half-written: an interrupted write leaves the old content."""

import builtins
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.cli import main
from pellucid.course.tour import run_all
from pellucid.data import write_idx
from pellucid.show.plots.picture import Picture
from pellucid.show.plots.plots import learning_curves
from pellucid.tracking import ExperimentResult, RunContext, Score, experiment, run_experiment


def figure(version: int) -> Any:
    return learning_curves({"loss": [3.0, 2.0, float(version)]})


def network(version: int) -> Any:
    nn.set_random_seed(version)
    model = pel.Sequential([nn.Input((2,)), nn.Dense(2)])
    model.compile("sgd", "mse")
    return model


@experiment("tiny", "Something tiny", "x")
def minimal(run: RunContext) -> ExperimentResult:
    """It computes nothing. It has a result."""
    return ExperimentResult(Score("result", run.seed), Score("baseline", 0.0))


Writer = Callable[[Path, int], object]

WRITERS: dict[str, Writer] = {
    "record.json": lambda path, version: run_experiment(minimal, {}, path.parent, seed=version),
    "curve.png": lambda path, version: RunContext(path.parent).save_figure(
        "curve", "", figure(version), reading="It falls."
    ),
    "words.txt": lambda path, version: RunContext(path.parent).save_text("words", "", f"version {version}"),
    "proof.html": lambda path, version: RunContext(path.parent).save_page("proof", "", f"<p>version {version}</p>"),
    "experiment.toml": lambda path, version: RunContext(path.parent).save_config(path.name, f"seed = {version}\n"),
    "data.json": lambda path, version: RunContext(path.parent).save_config(path.name, f'{{"size": {version}}}\n'),
    "history.csv": lambda path, version: (
        network(0).fit(np.ones((4, 2)), np.ones((4, 2)), epochs=version, verbose=0).to_csv(path)
    ),
    "index.html": lambda path, version: run_all([minimal] * version, path),
    "picture.png": lambda path, version: Picture(figure(version), "It falls.").save(path),
    "picture.svg": lambda path, version: Picture(figure(version), "It falls.").save(path),
    "picture.html": lambda path, version: Picture(figure(version), "It falls.").save(path),
    "explanation.html": lambda path, version: network(version).explain().save(path),
    "model.pel": lambda path, version: network(version).save(path),
    "weights.npz": lambda path, version: network(version).save_weights(path),
    "weights.safetensors": lambda path, version: network(version).save_weights(path),
    "array.idx": lambda path, version: write_idx(path, np.full(5, version, "uint8")),
    "array.idx.gz": lambda path, version: write_idx(path, np.full(5, version, "uint8")),
}


class HalfWrite:
    """A file that writes the first half of its content and then fails."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def write(self, content: Any) -> int:
        self.file.write(content[: len(content) // 2])
        self.file.flush()
        raise OSError("no more power")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> "HalfWrite":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", WRITERS)
def test_an_interrupted_write_leaves_the_old_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, write, real_open = tmp_path / name, WRITERS[name], io.open
    write(path, 1)
    before = path.read_bytes()

    def open_half(file: Any, mode: str = "r", *more: Any, **options: Any) -> Any:
        opened = real_open(file, mode, *more, **options)
        is_ours = not isinstance(file, int) and tmp_path in Path(os.fsdecode(file)).parents
        return HalfWrite(opened) if is_ours and set(mode) & set("wxa+") else opened

    with monkeypatch.context() as interrupting:
        interrupting.setattr(io, "open", open_half)
        interrupting.setattr(builtins, "open", open_half)
        with pytest.raises(OSError, match="no more power"):
            write(path, 2)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    write(path, 2)
    assert (path.read_bytes() == before) == name.startswith("reference")  # the reference has one version


class WriteLog:
    """Names of the files in a folder that are opened for writing while it is set."""

    folder: Path | None = None
    names: set[str]

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or self.folder is None or not isinstance(arguments[0], str | bytes | os.PathLike):
            return
        path = Path(os.fsdecode(arguments[0])).absolute()
        flags = arguments[2] or 0
        if self.folder in path.parents and flags & (os.O_WRONLY | os.O_RDWR):
            self.names.add(path.name)


LOG = WriteLog()
sys.addaudithook(LOG.hook)


@pytest.fixture
def write_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    monkeypatch.chdir(tmp_path)
    LOG.names, LOG.folder = set(), tmp_path / "out"
    yield LOG.names
    LOG.folder = None


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("words", "files"),
    [
        pytest.param(
            ["train", "moons", "--model", "linear", "--epochs", "2"],
            {"model.pel", "experiment.toml", "data.json", "history.csv", "record.json", "loss.png", "confusion.png"},
            marks=pytest.mark.slow,
        ),
        (["run", "logistic"], {"boundary.png", "record.json"}),
        (["run", "symbols"], {"graphs.txt", "journal.txt", "record.json"}),
        (["tour", "logistic"], {"index.html"}),
    ],
)
def test_no_file_of_a_run_is_opened_for_writing_under_its_own_name(
    words: list[str], files: set[str], write_log: set[str], tmp_path: Path
) -> None:
    assert main([*words, "--out", "out"]) == 0
    assert files <= {file.name for file in (tmp_path / "out").iterdir()}
    assert len(write_log) >= len(files)
    assert [name for name in write_log if not name.endswith(".part")] == []
