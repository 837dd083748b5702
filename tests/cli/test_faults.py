"""Commands under SIGTERM, kills, full disks, and with other backends than before."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pellucid as pel
from pellucid.cli import main
from pellucid.data import read_table
from pellucid.data.errors import DataWarning
from pellucid.run.native.compiler import find_compiler
from pellucid.saving.container import read_container
from pellucid.tracking.errors import UsageError
from pellucid.tracking.record import is_finished
from pellucid.train.settings.settings import Settings
from pellucid.train.settings.toml_reader import read_settings
from pellucid.train.training_run import ThrottledBackup, warn_if_backends_differ
from pellucid.training.callbacks.checkpoint import FILE_KIND

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")

Output = pytest.CaptureFixture[str]

WORDS = ["train", "moons", "--epochs", "60", "--patience", "0", "--quiet"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pellucid", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    while not path.exists() and process.poll() is None:
        time.sleep(0.01)
    assert process.poll() is None, process.communicate()


def read_history(run: Path) -> list[list[str]]:
    """The rows of the history without the durations."""
    rows = [line.split(",") for line in (run / "history.csv").read_text().splitlines()]
    return [row[:1] + row[2:] for row in rows]


def assert_same_runs(run: Path, other: Path) -> None:
    """Two runs have the same weights, history and report, bit for bit."""
    assert read_weights(run) == read_weights(other)
    assert read_history(run) == read_history(other)
    records = [json.loads((each / "record.json").read_text()) for each in (run, other)]
    assert records[0]["status"] == records[1]["status"] == "finished"
    assert records[0]["measures"] == records[1]["measures"]
    assert records[0]["lines"][:-1] == records[1]["lines"][:-1]  # the last line has the duration


def read_weights(run: Path) -> list[bytes]:
    return [value.tobytes() for value in pel.load_model(run / "model.pel").get_weights()]


def test_sigterm_saves_the_results_of_an_experiment_so_far(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr("pellucid.data.moons", lambda *_, **__: signal.raise_signal(signal.SIGTERM))
    earlier = signal.getsignal(signal.SIGTERM)
    assert main(["run", "logistic", "--out", "out"]) == 143
    assert capsys.readouterr().err == "interrupted; the results so far are in out\n"
    assert json.loads(Path("out/record.json").read_text())["status"] == "interrupted"
    assert signal.getsignal(signal.SIGTERM) is earlier


@pytest.mark.slow
def test_sigterm_ends_a_process_that_saves_its_results_so_far(folder: Path) -> None:
    process = start("run", "moons", "--set", "passes=100000000", "--out", "out")
    wait_for(folder / "out" / "derivation.html", process)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert errors == "interrupted; the results so far are in out\n"
    assert "by graph: stopped; passes finished: " in output or "by hand: stopped; passes finished: " in output
    assert json.loads((folder / "out" / "record.json").read_text())["status"] == "interrupted"


@pytest.mark.slow
def test_a_run_resumed_after_sigterm_is_bit_identical(folder: Path, capsys: Output) -> None:
    process = start(*WORDS, "--out", "run")
    wait_for(folder / "run" / "checkpoint" / "training.pel", process)
    process.send_signal(signal.SIGTERM)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 143, errors
    assert errors.startswith("interrupted in epoch ")
    assert errors.endswith("To resume: pellucid resume run\n")
    assert main(["resume", "run", "--quiet"]) == 0
    assert main([*WORDS, "--out", "through"]) == 0
    assert read_weights(folder / "run") == read_weights(folder / "through")
    for name in ("run", "through"):
        [backend, *_] = json.loads((folder / name / "record.json").read_text())["backends"]
        assert backend in (folder / name / "experiment.toml").read_text()


@pytest.mark.slow
def test_sigterm_works_where_ctrl_c_is_ignored(folder: Path) -> None:
    """As in a job that a shell has started in the background."""
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from pellucid.cli import main\nimport pellucid.data\n"
        "pellucid.data.moons = lambda *a, **k: signal.raise_signal(signal.SIGTERM)\n"
        "sys.exit(main(['run', 'logistic', '--out', 'out']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (143, "interrupted; the results so far are in out\n")


def read_checkpoint_step(run: Path) -> int:
    return int(read_container(run / "checkpoint" / "training.pel", FILE_KIND)[1]["run/step"])


SHORT = ["train", "moons", "--model", "linear", "--epochs", "4", "--patience", "0", "--out"]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of `SHORT` without any signal."""
    path = tmp_path_factory.mktemp("uninterrupted") / "run"
    assert main([*SHORT, str(path), "--quiet"]) == 0
    return path


@pytest.fixture(scope="module")
def hung_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that received SIGHUP in its second epoch, its output, and its files at that time."""
    place, output = tmp_path_factory.mktemp("hung-up"), io.StringIO()
    write = ThrottledBackup.on_train_batch_end

    def hang_up(self: ThrottledBackup, batch: int, logs: Any = None) -> None:
        is_time = self.model.run.step == 30
        if is_time:
            signal.raise_signal(signal.SIGHUP)
        write(self, batch, logs)
        if is_time:
            shutil.copytree("run", "killed")

    with pytest.MonkeyPatch.context() as patch, redirect_stdout(output):
        patch.chdir(place)
        patch.setattr(ThrottledBackup, "batch_interval", 1)
        patch.setattr(ThrottledBackup, "on_train_batch_end", hang_up)
        assert main([*SHORT, "run"]) == 0
    (place / "output").write_text(output.getvalue())
    return place


def test_sighup_writes_a_snapshot_and_training_continues_bit_for_bit(hung_up: Path, uninterrupted: Path) -> None:
    lines = (hung_up / "output").read_text().splitlines()
    message = "SIGHUP: snapshot of step 30, in epoch 2, saved in run/checkpoint"
    assert [line for line in lines if line.startswith("SIGHUP")] == [message]
    assert read_checkpoint_step(hung_up / "killed") == 30
    assert (hung_up / "killed" / "model.pel").exists()  # the best weights so far
    assert_same_runs(hung_up / "run", uninterrupted)


def test_a_run_killed_after_a_snapshot_is_resumed_bit_for_bit(hung_up: Path, uninterrupted: Path) -> None:
    """The files of a killed process are those that it had written."""
    shutil.copytree(hung_up / "killed", "run")
    assert main(["resume", "run", "--quiet"]) == 0
    assert_same_runs(Path("run"), uninterrupted)


LONG = ["train", "moons", "--model", "linear", "--epochs", "300", "--patience", "0", "--out"]


@pytest.mark.slow
def test_a_run_killed_twice_is_bit_identical_and_sighup_writes_a_snapshot(folder: Path) -> None:
    assert main([*LONG, "through", "--quiet"]) == 0
    process = start(*LONG, "run")
    wait_for(folder / "run" / "checkpoint" / "training.pel", process)
    process.send_signal(signal.SIGHUP)
    assert process.stdout is not None
    line = next(line for line in process.stdout if line.startswith("SIGHUP"))
    process.kill()
    process.communicate()
    step = read_checkpoint_step(folder / "run")
    assert line == f"SIGHUP: snapshot of step {step:,}, in epoch {(step - 1) // 22 + 1}, saved in run/checkpoint\n"
    assert (folder / "run" / "model.pel").exists()  # the best weights so far
    resumed = start("resume", "run", "--quiet")
    while read_checkpoint_step(folder / "run") == step:
        assert resumed.poll() is None, resumed.communicate()
        time.sleep(0.01)
    resumed.kill()
    resumed.communicate()
    assert main(["resume", "run", "--quiet"]) == 0
    assert_same_runs(folder / "run", folder / "through")
    assert not [*folder.rglob("*.part")]


CLOSED_TERMINAL = """
import os, pty, sys, time
process, terminal = pty.fork()
if not process:
    os.execv(sys.executable, [sys.executable, "-m", "pellucid", *sys.argv[1:]])
while not os.path.exists("run/checkpoint/training.pel"):
    time.sleep(0.01)
os.close(terminal)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
"""


@pytest.mark.slow
def test_a_run_outlives_its_terminal_and_is_bit_identical(folder: Path) -> None:
    assert main([*LONG, "through", "--quiet"]) == 0
    command = [sys.executable, "-c", CLOSED_TERMINAL, *LONG, "run"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert_same_runs(folder / "run", folder / "through")


def test_help_names_the_exit_statuses(capsys: Output) -> None:
    assert main(["--help"]) == 0
    assert "130 interrupted, 141 output closed by its reader, such as head, 143 terminated." in " ".join(
        capsys.readouterr().out.split()
    )


READERS: dict[str, Callable[[Path], object]] = {
    "experiment.toml": read_settings,
    "data.json": lambda path: json.loads(path.read_text()),
    "training.pel": lambda path: read_container(path, FILE_KIND),
    "model.pel": pel.load_model,
    "history.csv": read_table,
    "loss.png": lambda path: Image.open(path).load(),
}


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("writes", "name"),
    [
        (0, "experiment.toml"),
        (1, "data.json"),
        (2, "checkpoint/training.pel"),
        (4, "data.json"),
        (5, "model.pel"),
        (6, "history.csv"),
        (8, "loss.png"),
        pytest.param(9, "accuracy.png", marks=pytest.mark.slow),
    ],
)
def test_a_full_disk_leaves_no_damaged_file(
    writes: int, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """The disk is full after a number of files."""
    fsync = os.fsync
    written: list[int] = []

    def fill(descriptor: int) -> None:
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        if is_file and len(written) == writes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.extend([descriptor] * is_file)
        fsync(descriptor)

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", fill)
        assert main(["train", "moons", "--model", "linear", "--epochs", "2", "--quiet", "--out", "run"]) == 1
    errors = capsys.readouterr().err
    assert f"run/{name}: cannot be written: the disk is full. Free some space and try again" in errors
    left = [path for path in Path("run").rglob("*") if path.is_file()]
    assert len(left) <= writes
    for path in left:
        READERS[path.name](path)
    if writes > 2:
        assert errors.endswith("To resume: pellucid resume run\n")
    if name == "accuracy.png":
        assert main(["resume", "run", "--quiet"]) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "status", "exit_status"),
    [
        (OSError(errno.ENOSPC, "cannot be written: the disk is full", "report.html"), "failed", 1),
        (KeyboardInterrupt(), "interrupted", 130),
    ],
)
def test_a_run_whose_report_is_missing_is_not_finished(
    error: BaseException, status: str, exit_status: int, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    had_record: list[bool] = []

    def fail(*given: Any) -> None:
        had_record.append(Path("run/record.json").exists())
        raise error

    monkeypatch.setattr("pellucid.train.report.run_report.atomic_write", fail)
    assert main([*SHORT, "run", "--quiet"]) == exit_status
    assert had_record == [False]  # a run that is killed here is not finished
    assert capsys.readouterr().err.endswith("To resume: pellucid resume run\n")
    assert json.loads(Path("run/record.json").read_text())["status"] == status
    assert not Path("run/report.html").exists()
    assert (Path("run") / "checkpoint" / "training.pel").exists()


@pytest.mark.slow
def test_a_full_disk_keeps_the_checkpoint_and_says_how_to_resume(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    words = ["train", "moons", "--epochs", "6", "--quiet"]
    fsync = os.fsync
    monkeypatch.setattr("pellucid.train.training_run.SECONDS_BETWEEN_CHECKPOINTS", 0.0)

    def fill(descriptor: int) -> None:
        files = [path for path in folder.rglob("*.part") if path.parent.name == "checkpoint"]
        if files and len(written) >= 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.extend(files)
        fsync(descriptor)

    written: list[Path] = []
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", fill)
        assert main([*words, "--out", "run"]) == 1
    errors = capsys.readouterr().err
    assert "run/checkpoint/training.pel: cannot be written: the disk is full. Free some space and try again" in errors
    assert errors.endswith("To resume: pellucid resume run\n")
    assert [path.name for path in (folder / "run" / "checkpoint").iterdir()] == ["training.pel"]
    assert main(["resume", "run", "--quiet"]) == 0
    assert main([*words, "--out", "through"]) == 0
    assert read_weights(folder / "run") == read_weights(folder / "through")


def test_a_file_with_other_backends_warns(folder: Path) -> None:
    text = '[pellucid]\n[computed]\nbackends = ["C loops: gcc", "XLA: JAX"]\n[data]\nsource = "moons"\n'
    Path("experiment.toml").write_text(text.replace("[pellucid]", "pellucid = 1"))
    settings = Settings(**read_settings(Path("experiment.toml")))
    warn_if_backends_differ(settings, ["XLA: JAX", "C loops: gcc"])
    warn_if_backends_differ(Settings("moons"), ["XLA: JAX"])
    message = r"may differ too. experiment.toml: C loops: gcc. This run: nothing else$"
    with pytest.warns(DataWarning, match=message):
        warn_if_backends_differ(settings, ["XLA: JAX"])
    Path("wrong.toml").write_text("pellucid = 1\n[computed]\nbackends = 3\n")
    with pytest.raises(UsageError, match=r"wrong.toml, \[computed\]: backends: expected a list of strings; received 3"):
        read_settings(Path("wrong.toml"))


@pytest.mark.slow
@pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")
def test_a_run_repeated_with_another_backend_warns(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    words = ["--quiet", "--out"]
    assert main(["train", "moons", "--model", "mlp", "--epochs", "1", *words, "first"]) == 0
    text = Path("first/experiment.toml").read_text()
    assert '[computed]\nbackends = ["C loops: ' in text
    assert main(["train", "first/experiment.toml", *words, "same"]) == 0
    assert capsys.readouterr().err == ""
    assert Path("same/experiment.toml").read_text() == text
    monkeypatch.setenv("PELLUCID_NATIVE", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert main(["train", "first/experiment.toml", *words, "other"]) == 0
    errors = capsys.readouterr().err
    start = "warning: The backends of the runs differ, so their last bits may differ too. experiment.toml: C loops: "
    assert errors.startswith(start)
    this_run = errors.partition(". This run: ")[2]
    assert "XLA: JAX " in this_run
    assert "C loops: " not in this_run


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_trainings_ended_at_random_moments_are_bit_identical(kind: signal.Signals, folder: Path) -> None:
    """Twelve times, also before the first checkpoint and during evaluation; no temporary file is left."""
    rng = np.random.default_rng(int(kind))
    x = rng.normal(size=(600, 5))
    np.savez("data.npz", x=x, y=(x[:, 0] * x[:, 1] > 0).astype(int))
    words = ["train", "data.npz", "--model", "mlp", "--epochs", "6000", "--patience", "0", "--quiet"]
    through = start(*words, "--out", "through")
    assert through.communicate()[1] == ""
    ended, status = 0, None
    while status != 0 and ended < 12 and not is_finished(folder / "run"):  # it may be killed after its last file
        resumable = (folder / "run" / "experiment.toml").exists()
        if not resumable and (folder / "run").exists():
            for path in (folder / "run").iterdir():
                path.unlink()
        process = start("resume", "run", "--quiet") if resumable else start(*words, "--out", "run")
        time.sleep(float(rng.uniform(0.5, 3)))
        process.send_signal(kind)
        errors = process.communicate()[1]
        status = process.returncode
        assert status in (0, -int(kind), 128 + int(kind)), errors
        ended += status != 0
    assert ended == 12
    if not is_finished(folder / "run"):
        done: Any = start("resume", "run", "--quiet")
        assert done.communicate()[1] == ""
        assert done.returncode == 0
    assert_same_runs(folder / "run", folder / "through")
    assert not [*folder.rglob("*.part")]
