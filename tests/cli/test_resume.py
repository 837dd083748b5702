import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.cli import main
from pellucid.train.evaluate import evaluation
from pellucid.train.evaluate.evaluation import draw_pictures
from pellucid.training.callbacks import TerminateOnNaN
from tests.cli.conftest import stop_before_training

Output = pytest.CaptureFixture[str]

LAYERS = """
pellucid = 1
[[layers]]
kind = "Dropout"
rate = 0.25
[[layers]]
kind = "Dense"
units = 2
activation = "softmax"
[training]
epochs = 4
batch_size = 8
seed = 3
"""
WORDS = ["train", "signs.npz", "--model", "layers.toml"]


def prepare(place: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    np.savez(place / "signs.npz", x=x, y=(x[:, 0] > 0).astype(int))
    (place / "layers.toml").write_text(LAYERS)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    prepare(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run; the folder ``trained`` beside it has its files after the training."""
    place = tmp_path_factory.mktemp("whole")
    prepare(place)

    def copy_files(*given: Any) -> None:
        shutil.copytree("run", "trained")
        draw_pictures(*given)

    with pytest.MonkeyPatch.context() as here:
        here.chdir(place)
        here.setattr(evaluation, "draw_pictures", copy_files)
        assert main([*WORDS, "--quiet", "--out", "run"]) == 0
    return place / "run"


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that Ctrl-C ended in the middle of its third epoch; ``errors`` beside it has its errors.

    An epoch has six steps.
    """
    place, errors = tmp_path_factory.mktemp("interrupted"), io.StringIO()
    prepare(place)
    with pytest.MonkeyPatch.context() as here, redirect_stderr(errors):
        here.chdir(place)
        stop_at_step(15, here)
        assert main([*WORDS, "--quiet"]) == 130
    (place / "errors").write_text(errors.getvalue())
    return place / "runs" / "1"


def stop_at_step(step: int, patch: pytest.MonkeyPatch) -> None:
    def stop(self: TerminateOnNaN, batch: int, logs: Any = None) -> None:
        if self.model.run.step == step:
            raise KeyboardInterrupt

    patch.setattr(TerminateOnNaN, "batch_interval", 1)
    patch.setattr(TerminateOnNaN, "on_train_batch_end", stop)


def weights(folder: Path) -> list[Any]:
    found: list[Any] = pel.load_model(folder / "model.pel").get_weights()
    return found


def read_measures(folder: Path) -> Any:
    return json.loads((folder / "record.json").read_text())["measures"]


def history(folder: Path) -> list[str]:
    """The lines of the history without the durations."""
    lines = [line.split(",") for line in (folder / "history.csv").read_text().splitlines()]
    return [",".join(line[:1] + line[2:]) for line in lines]


def same(one: Path, other: Path) -> bool:
    alike = all((a == b).all() for a, b in zip(weights(one), weights(other), strict=True))
    return alike and history(one) == history(other)


def test_a_run_interrupted_by_ctrl_c_says_what_is_saved_and_how_to_resume(interrupted: Path) -> None:
    errors = (interrupted.parents[1] / "errors").read_text()
    assert "interrupted in epoch 3 of 4" in errors
    assert "the best epoch so far" in errors
    assert errors.endswith("To resume: pellucid resume runs/1\n")
    assert json.loads((interrupted / "record.json").read_text())["status"] == "interrupted"


def test_a_run_resumed_after_ctrl_c_is_bit_identical(
    interrupted: Path, uninterrupted: Path, folder: Path, capsys: Output
) -> None:
    shutil.copytree(interrupted, "runs/1")
    assert main(["resume", "runs/1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["measures"] == read_measures(uninterrupted)
    assert same(folder / "runs" / "1", uninterrupted)
    assert not Path("runs/1/checkpoint").exists()


# In the first epoch, and at the end of one.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "epoch", "kept"), [(2, 1, "no epoch is finished"), (12, 3, "the best epoch so far, ")]
)
def test_a_run_is_resumed_from_any_step(
    step: int, epoch: int, kept: str, uninterrupted: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    with monkeypatch.context() as stopping:
        stop_at_step(step, stopping)
        assert main([*WORDS, "--quiet"]) == 130
    errors = capsys.readouterr().err
    assert f"interrupted in epoch {epoch} of 4" in errors
    assert kept in errors
    assert main(["resume", "runs/1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["measures"] == read_measures(uninterrupted)
    assert same(folder / "runs" / "1", uninterrupted)


def test_a_run_that_ended_after_training_is_completed(uninterrupted: Path, folder: Path, capsys: Output) -> None:
    shutil.copytree(uninterrupted.parent / "trained", "run")
    assert not Path("run/confusion.png").exists()
    assert main(["resume", "run"]) == 0
    assert "resuming from the last checkpoint" in capsys.readouterr().out
    assert same(Path("run"), uninterrupted)
    assert Path("run/confusion.png").exists()


@pytest.mark.slow
def test_a_run_interrupted_after_training_is_completed(
    uninterrupted: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    def stop(*given: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopping:
        stopping.setattr(evaluation, "draw_pictures", stop)
        assert main([*WORDS, "--quiet"]) == 130
    assert capsys.readouterr().err == "interrupted. To resume: pellucid resume runs/1\n"
    assert main(["resume", "runs/1"]) == 0
    assert same(folder / "runs" / "1", uninterrupted)


def test_ctrl_c_while_a_resumed_run_reads_its_data_says_how_to_resume(
    uninterrupted: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    Path("run/checkpoint").mkdir(parents=True)
    Path("run/experiment.toml").write_text((uninterrupted / "experiment.toml").read_text())

    def stop(*given: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pellucid.train.prepare.prepared_run.load_dataset", stop)
    assert main(["resume", "run", "--quiet"]) == 130
    assert capsys.readouterr().err == "interrupted. To resume: pellucid resume run\n"


def test_ctrl_c_before_the_first_step_says_how_to_resume(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    def stop(*given: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pellucid.train.prepare.prepared_run.PreparedRun.get_part", stop)
    assert main([*WORDS, "--quiet"]) == 130
    expected = "interrupted in epoch 1 of 4; no epoch is finished. To resume: pellucid resume runs/1\n"
    assert capsys.readouterr().err == expected


def test_changed_data_are_an_error_when_resuming(uninterrupted: Path, folder: Path, capsys: Output) -> None:
    text = (uninterrupted / "experiment.toml").read_text()
    source = str(uninterrupted.parent / "signs.npz")
    assert source in text
    Path("run/checkpoint").mkdir(parents=True)
    Path("run/checkpoint/training.pel").touch()
    Path("run/experiment.toml").write_text(text.replace(source, "../signs.npz"))
    np.savez("signs.npz", x=np.arange(120.0).reshape(60, 2), y=np.arange(60) % 2)
    assert main(["resume", "run"]) == 1
    assert "run/../signs.npz: the data have changed since the experiment was written" in capsys.readouterr().err


def test_options_override_an_experiment_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("mine").mkdir()
    Path("mine/short.toml").write_text(
        'pellucid = 1\nmodel = "linear"\noptimizer = "sgd"\n[data]\nsource = "../signs.npz"\n[training]\nepochs = 1\n'
    )
    words = ["train", "mine/short.toml", "--epochs", "2", "--devices", "all", "--shard", "parameters"]
    found = stop_before_training(monkeypatch)
    assert main([*words, "--json", "--out", "here"]) == 130
    assert (found[0].name, found[0].settings.epochs) == ("linear", 2)
    text = Path("here/experiment.toml").read_text()
    assert 'kind = "SGD"\nlearning_rate = 0.01' in text
    assert 'devices = "all"\nshard = "parameters"' in text


@pytest.mark.slow
def test_a_run_with_options_of_devices_has_their_results(folder: Path, capsys: Output) -> None:
    words = [*WORDS, "--epochs", "2", "--devices", "all", "--shard", "parameters", "--json", "--out", "here"]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["measures"]["epochs"] == 2


def start(*words: str, env: dict[str, str]) -> subprocess.Popen[str]:
    program = "import sys; from pellucid.cli import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", program, *words],
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_devices_and_processes_train_as_one(uninterrupted: Path, folder: Path) -> None:
    flags = "--xla_backend_optimization_level=0 --xla_force_host_platform_device_count=2"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    alone = start(*WORDS, "--devices", "all", "--quiet", "--out", "two", env={"XLA_FLAGS": flags})
    assert (alone.communicate()[0], alone.returncode) == ("", 0)
    variables = {"PELLUCID_COORDINATOR_ADDRESS": f"127.0.0.1:{port}", "PELLUCID_NUM_PROCESSES": "2"}
    words = [*WORDS, "--devices", "all", "--distributed", "--json", "--out", "joined"]
    both = [start(*words, env={**variables, "PELLUCID_PROCESS_ID": str(number)}) for number in range(2)]
    outputs = [process.communicate(timeout=100) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert outputs[1][0] == ""
    assert json.loads(outputs[0][0])["measures"]["test"]["accuracy"] == read_measures(uninterrupted)["test"]["accuracy"]
    for other in ("two", "joined"):
        for a, b in zip(weights(folder / other), weights(uninterrupted), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_a_run_resumed_after_a_signal_is_bit_identical(folder: Path, uninterrupted: Path) -> None:
    long = [*WORDS, "--epochs", "100", "--patience", "0", "--quiet"]
    through = start(*long, "--out", "through", env={})
    assert (through.communicate()[0], through.returncode) == ("", 0)
    for kind, status in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        out = kind.name
        process = start(*long, "--out", out, env={})
        while not Path(out, "checkpoint", "training.pel").exists():
            time.sleep(0.01)
        time.sleep(0.2)
        process.send_signal(kind)
        process.communicate()
        assert process.returncode == status
        assert main(["resume", out, "--quiet"]) == 0
        assert same(folder / out, folder / "through")
