"""Resumed runs are bit-identical to uninterrupted ones; checkpoints are written when they are due."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import callbacks, nn

PROGRAM = """
import sys, numpy as np, pellucid as pel
from pellucid import callbacks, nn
from tests_of_backup import make, train, digest
print(digest(train("backup", epochs=int(sys.argv[1]), save_freq=7)), flush=True)
"""


def make() -> pel.Sequential:
    """Return a model with batch normalization, dropout and momentum."""
    nn.set_random_seed(1)
    layers = [nn.Input((4,)), nn.BatchNormalization(), nn.Dropout(0.3), nn.Dense(3, "softmax")]
    model = pel.Sequential(layers)
    model.compile(pel.optimizers.SGD(0.05, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def data() -> tuple[np.ndarray, np.ndarray]:
    """Return samples of 11 batches of 16, and a batch to validate."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(192, 4)).astype("float32")
    return x, (x.sum(axis=1) > 0).astype("int32") + (x[:, 0] > 1)


def train(folder: Any = None, epochs: int = 6, save_freq: Any = 7, more: Any = (), **overrides: Any) -> pel.Sequential:
    """Train a model with callbacks that influence the run, resuming from a backup if there is one."""
    model, (x, y) = make(), data()
    settings = {"batch_size": 16, "epochs": epochs, "validation_split": 1 / 12, "seed": 5, "verbose": 0, **overrides}
    active: list[Any] = [
        callbacks.ReduceLROnPlateau("loss", factor=0.7, patience=1, min_delta=0.05),
        callbacks.EarlyStopping("val_loss", patience=max(100, epochs), restore_best_weights=True),
        *more,
    ]
    if folder is not None:
        active.insert(0, callbacks.BackupAndRestore(folder, save_freq))
    model.fit(x, y, callbacks=active, **settings)
    return model


def digest(model: pel.Sequential) -> str:
    """Return a checksum of all values of a trained model and its history."""
    checksum = hashlib.sha256()
    for path, value in model.state().items():
        checksum.update(path.encode() + value.get_value().tobytes())
    checksum.update(repr((model.history.epoch, model.history.history)).encode())
    return checksum.hexdigest()


class Crash(callbacks.Callback):
    """Raises an error after a number of steps."""

    def __init__(self, after: int) -> None:
        self.left = after

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.left -= 1
        if not self.left:
            raise RuntimeError("power failure")


class CountSteps(callbacks.Callback):
    """Counts the steps that a run takes after it was resumed."""

    def __init__(self) -> None:
        self.count = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.count += 1


def check_resumed(step: int, uninterrupted: str, folder: Path, **overrides: Any) -> None:
    """Train the rest of a run of 66 steps, and compare its end with that of a run without interruption."""
    counter = CountSteps()
    assert digest(train(folder, more=[counter], **overrides)) == uninterrupted
    assert counter.count == 66 - step
    assert list(folder.iterdir()) == []  # deleted when training ends


@pytest.fixture(scope="module")
def uninterrupted() -> str:
    """The checksum of an uninterrupted run."""
    return digest(train())


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that crashed in the fourth epoch, with the checkpoint of step 35 and the one before."""
    folder = tmp_path_factory.mktemp("crashed")
    keep = callbacks.BackupAndRestore(folder, save_freq=5, double_checkpoint=True)
    with pytest.raises(RuntimeError):
        train(more=[keep, Crash(37)])
    assert [read_step(folder / name) for name in ("training-before.pel", "training.pel")] == [30, 35]
    return folder


@pytest.fixture
def backup(crashed: Path, tmp_path: Path) -> Path:
    """A copy of that folder."""
    return Path(shutil.copytree(crashed, tmp_path / "backup"))


def read_step(path: Path) -> int:
    """Return the number of steps before a checkpoint."""
    return int(pel.saving.container.read_container(path, "a training state")[1]["run/step"])


@pytest.mark.parametrize(
    ("save_freq", "crashes", "last_saved"),
    [("epoch", [25], 22), (7, [38], 35), pytest.param(7, [20, 9, 25, 12], 49, marks=pytest.mark.slow)],
)
def test_a_run_that_crashes_is_bit_identical(
    save_freq: Any, crashes: list[int], last_saved: int, uninterrupted: str, tmp_path: Path
) -> None:
    for steps in crashes:
        with pytest.raises(RuntimeError):
            train(tmp_path / "backup", save_freq=save_freq, more=[Crash(steps)])
    check_resumed(last_saved, uninterrupted, tmp_path / "backup", save_freq=save_freq)


def test_a_backup_does_not_change_the_run(uninterrupted: str, tmp_path: Path) -> None:
    assert digest(train(tmp_path / "other", save_freq=5)) == uninterrupted


def test_a_backup_contains_the_seed(uninterrupted: str, backup: Path) -> None:
    check_resumed(35, uninterrupted, backup, seed=None)


def test_a_backup_of_another_run_is_refused(backup: Path) -> None:
    keep, file = backup, backup / "training.pel"
    (keep / "training-before.pel").unlink()
    content = file.read_bytes()
    with pytest.raises(
        pel.StorageError, match=r"belongs to another run: an epoch has 6 steps, and 11 in the file. Delete .*backup to"
    ):
        train(keep, batch_size=30)
    x, y = data()
    for layers, message in (
        ([nn.Dense(3)], "batch_normalization/beta is only in the file"),
        (
            [nn.BatchNormalization(), nn.Dropout(0.3), nn.Dense(2)],
            r"bias/momentum is float32 \(2,\) in the model and float32 \(3,\) in the file",
        ),
    ):
        other = pel.Sequential([nn.Input((4,)), *layers])
        other.compile(pel.optimizers.SGD(0.1, momentum=0.9), "mse")
        before = other.get_weights()
        with pytest.raises(pel.StorageError, match=message):
            other.fit(
                x[:176],
                np.eye(3)[y[:176]][:, : other.outputs[0].shape[1]],
                16,
                verbose=0,
                callbacks=[callbacks.BackupAndRestore(keep)],
            )
        assert all((a == b).all() for a, b in zip(before, other.get_weights(), strict=True))
    file.write_bytes(content[:-1])
    with pytest.raises(
        pel.StorageError,
        match=r"Cannot read .*training.pel: the file is truncated.*Delete .*backup to start from scratch",
    ):
        train(keep)


@pytest.mark.parametrize("is_damaged", [True, False], ids=["damaged", "missing"])
def test_the_previous_checkpoint_is_used_if_the_last_is_damaged(
    is_damaged: bool, uninterrupted: str, backup: Path
) -> None:
    (backup / "training.pel").write_bytes(b"damaged") if is_damaged else (backup / "training.pel").unlink()
    check_resumed(30, uninterrupted, backup)


def fit_with_losses(checkpoint: callbacks.Callback, values: Any = None, epochs: int = 3) -> pel.Sequential:
    """Fit a model of one weight whose loss follows a given sequence."""
    model = pel.Sequential([nn.Input((1,)), nn.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(pel.optimizers.SGD(0.0), "mse")
    more = (
        [callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(loss=values[epoch]))] if values else []
    )
    model.fit(np.ones((8, 1)), np.zeros(8), 2, epochs, verbose=0, callbacks=[*more, checkpoint])
    return model


def list_files(folder: Path) -> list[str]:
    """Return the names of the files in a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*"))


def test_checkpoints_are_written_when_they_are_due(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit_with_losses(callbacks.ModelCheckpoint(tmp_path / "every" / "m-{epoch:02}-{loss:.1f}.pel"))
    assert list_files(tmp_path / "every") == ["m-01-1.0.pel", "m-02-1.0.pel", "m-03-1.0.pel"]
    best = callbacks.ModelCheckpoint(tmp_path / "best-{epoch}.npz", "loss", 1, True, True)
    fit_with_losses(best, values=[3.0, 5.0, 2.0])
    assert list_files(tmp_path)[:2] == ["best-1.npz", "best-3.npz"]
    assert best.best == 2.0
    assert capsys.readouterr().out == (
        f"Epoch 1: saved {tmp_path / 'best-1.npz'} with the best loss so far, 3\n"
        f"Epoch 3: saved {tmp_path / 'best-3.npz'} with the best loss so far, 2\n"
    )
    fit_with_losses(
        callbacks.ModelCheckpoint(tmp_path / "b" / "{epoch}-{batch}.pel", save_freq=3)
    )  # an epoch has 4 batches
    assert list_files(tmp_path / "b") == ["1-3.pel", "2-2.pel", "3-1.pel", "3-4.pel"]
    late = callbacks.ModelCheckpoint(tmp_path / "l.pel", "loss", save_best_only=True, initial_value_threshold=2.5)
    fit_with_losses(late, values=[3.0, 2.6, 2.0])
    assert pel.load_model(tmp_path / "l.pel").history.epoch == [0, 1]


def test_a_metric_that_an_epoch_does_not_have_is_nan_in_the_path(tmp_path: Path) -> None:
    keep = callbacks.ModelCheckpoint(tmp_path / "{epoch}-{val_loss:.1f}.pel")
    model = pel.Sequential([nn.Input((1,)), nn.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(pel.optimizers.SGD(0.0), "mse")
    settings = {"validation_split": 0.5, "validation_freq": 2, "verbose": 0}
    model.fit(np.ones((8, 1)), np.zeros(8), epochs=2, callbacks=[keep], **settings)
    assert list_files(tmp_path) == ["1-nan.pel", "2-1.0.pel"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"filepath": "m.h5"}, r"ends in .pel. Received: 'm.h5'"),
        ({"filepath": "m.pel", "save_weights_only": True}, r"ends in .npz, .safetensors, .keras, .weights.h5"),
        (
            {"filepath": "m.pel", "save_freq": "batch"},
            "save_freq to be 'epoch' or a number of batches. Received: save_f",
        ),
        ({"filepath": "m.pel", "save_freq": 0}, "Expected save_freq to be an integer of 1 or more"),
        ({"filepath": "m.pel", "mode": "most"}, "expected mode to be 'auto', 'min' or 'max'"),
        ({"filepath": "{epok}.pel"}, "there is no value for {epok} in '{epok}.pel'. Did you mean 'epoch'"),
        ({"filepath": "{batch}.pel"}, r"there is no value for {batch} in '{batch}.pel'. Fields: epoch, loss"),
        ({"filepath": "{best}.pel", "save_freq": 2}, r"Fields: epoch, batch, loss(\n|$)"),
        ({"filepath": "m.pel", "save_best_only": True}, "there is no metric 'val_loss'"),
    ],
)
def test_invalid_checkpoints_are_refused(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_with_losses(callbacks.ModelCheckpoint(**overrides))


def run_and_kill(folder: Path, times: int, epochs: int) -> list[int]:
    """Kill a training process at random moments, then let it finish; return the saved step at each kill."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    (folder / "tests_of_backup.py").write_text(Path(__file__).read_text("utf-8"), "utf-8")
    rng, sizes = np.random.default_rng(0), []
    backup = folder / "backup" / "training.pel"
    for _ in range(times):
        before = backup.read_bytes() if backup.exists() else b""
        command = [sys.executable, "-c", PROGRAM, str(epochs)]
        with subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            while process.poll() is None and (not backup.exists() or backup.read_bytes() == before):
                time.sleep(0.005)
            time.sleep(float(rng.uniform(0, 0.3)))
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert process.returncode == -signal.SIGKILL, process.communicate()[1].decode()
        sizes.append(read_step(backup))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(epochs)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (folder / "digest").write_text(done.stdout.strip())
    return sizes


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_run_killed_twice_is_bit_identical(tmp_path: Path) -> None:
    steps = run_and_kill(tmp_path, times=2, epochs=200)
    assert steps == sorted(set(steps))
    assert (tmp_path / "digest").read_text() == digest(train(epochs=200))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_run_killed_twenty_times_is_bit_identical(tmp_path: Path) -> None:
    steps = run_and_kill(tmp_path, times=20, epochs=1500)
    assert len(steps) == 20
    assert steps == sorted(set(steps))
    assert (tmp_path / "digest").read_text() == digest(train(epochs=1500))
