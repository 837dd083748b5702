"""`fit` under SIGTERM, kills, full disks, several threads, and other backends than before."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import callbacks, nn
from pellucid.graph.errors import TrainingWarning
from pellucid.run.interrupts import SigtermHandler
from pellucid.run.native.compiler import find_compiler
from pellucid.saving.container import read_container
from pellucid.training.array_source import ArraySource

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")


@pytest.fixture(autouse=True)
def default_sigterm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start with the default handler: after a test of several processes, JAX's handler is in place."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    monkeypatch.setattr(SigtermHandler, "ends_process", False)  # restored at the end


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from test_faults import train
said = lambda epoch, logs: epoch == 2 and print("third epoch", flush=True)
options = {"save_freq": eval(sys.argv[3]), "slow": float(sys.argv[4]), "on_epoch_end": said}
print("digest", train("backup", epochs=int(sys.argv[2]), **options))
"""


def train(folder: Any = None, epochs: int = 4, save_freq: Any = "epoch", slow: float = 0.0, **hooks: Any) -> str:
    """Train a small model with dropout, and return the bits of its weights. Validation takes ``slow`` seconds more."""
    nn.set_random_seed(1)
    model = pel.Sequential([nn.Input((4,)), nn.Dense(6, "tanh"), nn.Dropout(0.2), nn.Dense(1)])
    model.compile(pel.optimizers.SGD(0.02, momentum=0.9), "mse")
    x = np.random.default_rng(0).normal(size=(160, 4)).astype("float32")
    used: list[Any] = [callbacks.BackupAndRestore(folder, save_freq)] if folder else []
    used.append(callbacks.LambdaCallback(on_test_end=lambda logs: time.sleep(slow), **hooks))
    model.fit(x, x[:, :1], batch_size=16, epochs=epochs, seed=3, verbose=0, callbacks=used, validation_split=0.2)
    return b"".join(value.tobytes() for value in model.get_weights()).hex()


def start(folder: Path, epochs: int, save_freq: Any = "epoch", slow: float = 0.0) -> subprocess.Popen[str]:
    """Start a process that trains with backups."""
    command = [sys.executable, "-c", PROGRAM, str(Path(__file__).parent), str(epochs), repr(save_freq), str(slow)]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def read_step(folder: Path) -> int:
    return int(read_container(folder / "backup" / "training.pel", "a training state")[1]["run/step"])


def list_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def uninterrupted() -> str:
    """The weights after four epochs without interruption."""
    return train()


def check_sigterm(folder: Path, uninterrupted: str, **hooks: Any) -> None:
    """Train until SIGTERM comes, when no backup is due, and resume from the backup that it has caused."""
    with pytest.raises(SystemExit) as ended:
        train(folder / "backup", save_freq=10**9, **hooks)
    assert ended.value.code == 143
    assert SigtermHandler.ends_process
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert list_files(folder / "backup") == ["training.pel"]
    check_resumed(folder / "backup", uninterrupted)
    assert list_files(folder / "backup") == []


def check_resumed(backup: Path, uninterrupted: str) -> None:
    """Train the steps that the backup lacks, of four epochs of eight steps."""
    saved = int(read_container(backup / "training.pel", "a training state")[1]["run/step"])
    rest: list[int] = []
    assert train(backup, on_train_batch_end=lambda batch, logs: rest.append(batch)) == uninterrupted
    assert 0 < len(rest) == 32 - saved < 32


def test_sigterm_in_an_epoch_saves_a_last_snapshot(tmp_path: Path, uninterrupted: str) -> None:
    steps = []

    def end(batch: int, logs: Any) -> None:
        steps.append(batch)
        if len(steps) == 11:
            signal.raise_signal(signal.SIGTERM)

    check_sigterm(tmp_path, uninterrupted, on_train_batch_end=end)
    assert steps[:11] == [*range(8), 0, 1, 2]


def test_sigterm_between_a_step_and_its_count_waits_for_the_count(
    tmp_path: Path, uninterrupted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_steps = ArraySource.run_steps

    def run_with_signals(self: Any, *args: Any) -> Any:
        for number, steps in enumerate(run_steps(self, *args)):
            if not SigtermHandler.ends_process and number == 0:
                signal.raise_signal(signal.SIGTERM)
            yield steps

    with monkeypatch.context() as patch:
        patch.setattr(ArraySource, "run_steps", run_with_signals)
        check_sigterm(tmp_path, uninterrupted)


def test_a_second_sigterm_during_the_last_snapshot_is_not_handled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it ends the process at once."""
    handlers = []

    def save(self: Any) -> None:
        handlers.append(signal.getsignal(signal.SIGTERM))

    monkeypatch.setattr(callbacks.BackupAndRestore, "save_interrupted", save)
    with pytest.raises(SystemExit):
        train(tmp_path, on_train_batch_end=lambda batch, logs: signal.raise_signal(signal.SIGTERM))
    assert handlers == [signal.SIG_DFL]


@pytest.mark.slow
def test_sigterm_saves_a_last_snapshot(tmp_path: Path) -> None:
    """No epoch and no batch is due before the signal: the only backup is that of the signal."""
    with start(tmp_path, 2_000_000, save_freq=10**9) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "third epoch\n"
        time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        errors = process.communicate(timeout=60)[1]
    assert process.returncode == 143, errors
    assert "Traceback" not in errors
    assert list_files(tmp_path / "backup") == ["training.pel"]
    step = read_step(tmp_path)
    assert step >= 24
    epochs = step // 8 + 2  # an epoch has eight batches
    assert train(tmp_path / "backup", epochs) == train(None, epochs)
    assert list_files(tmp_path / "backup") == []


@pytest.mark.slow
def test_sigterm_between_a_step_and_its_count_saves_a_snapshot(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; sys.path.insert(0, sys.argv[1]); import test_faults as t\n"
        "from pellucid.training.array_source import ArraySource\n"
        "run_steps = ArraySource.run_steps\n"
        "def run_with_signals(self, *args):\n"
        "    for steps in run_steps(self, *args):\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        yield steps\n"
        "ArraySource.run_steps = run_with_signals\n"
        "t.train('backup', 3, 10**9)"
    )
    command = [sys.executable, "-c", program, str(Path(__file__).parent)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 143, done.stderr
    assert list_files(tmp_path / "backup") == ["training.pel"]
    assert train(tmp_path / "backup", 3) == train(None, 3)


@pytest.mark.slow
def test_a_second_sigterm_ends_at_once(tmp_path: Path) -> None:
    """Cleanup after the first signal takes a minute here; the second one does not wait for it."""
    program = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); import test_faults as t; from pellucid import callbacks\n"
        "def save(self):\n    print('saving', flush=True)\n    time.sleep(60)\n"
        "callbacks.BackupAndRestore.save_interrupted = save\n"
        "said = lambda epoch, logs: epoch == 2 and print('third epoch', flush=True)\n"
        "t.train('backup', 2_000_000, 10**9, on_epoch_end=said)"
    )
    command = [sys.executable, "-c", program, str(Path(__file__).parent)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "third epoch\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "saving\n"
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    assert process.returncode == -signal.SIGTERM
    assert time.monotonic() - begin < 30


def test_sigterm_during_callbacks_waits_for_them(tmp_path: Path) -> None:
    """All callbacks of the epoch see its end, and then the run is saved."""
    done = []
    used = [
        callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: signal.raise_signal(signal.SIGTERM)),
        callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: done.append(epoch)),
        callbacks.BackupAndRestore(tmp_path, save_freq=10**9),
    ]
    model = pel.Sequential([nn.Input((1,)), nn.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(SystemExit) as ended:
        model.fit(np.ones((8, 1)), np.ones(8), epochs=3, batch_size=4, verbose=0, callbacks=used)
    assert ended.value.code == 143
    assert done == [0]
    arrays = read_container(tmp_path / "training.pel", "a training state")[1]
    assert arrays["callbacks/History#1/epoch"].tolist() == [0]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_ctrl_c_during_callbacks_keeps_the_last_consistent_backup(tmp_path: Path) -> None:
    """A callback that was interrupted may have done a part of its work, so this moment is not saved."""
    path = tmp_path / "backup" / "training.pel"

    def interrupt(epoch: int, logs: Any) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    nn.set_random_seed(1)
    model = pel.Sequential([nn.Input((1,)), nn.Dense(1)])
    model.compile("sgd", "mse")
    used = [callbacks.LambdaCallback(on_epoch_end=interrupt), callbacks.BackupAndRestore(tmp_path / "backup")]
    with pytest.raises(KeyboardInterrupt):
        model.fit(np.ones((8, 1)), np.ones(8), epochs=5, batch_size=4, verbose=0, callbacks=used)
    arrays = read_container(path, "a training state")[1]
    assert arrays["callbacks/History#1/epoch"].tolist() == [0, 1]
    assert int(arrays["run/step"]) == 4


def test_sigterm_without_backups_ends_as_before(tmp_path: Path) -> None:
    """Without something to save, `fit` leaves SIGTERM alone; and it restores the handler in any case."""
    seen = []
    see = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(signal.getsignal(signal.SIGTERM)))
    model = pel.Sequential([nn.Input((1,)), nn.Dense(1)])
    model.compile("sgd", "mse")
    for backups in ([], [callbacks.BackupAndRestore(tmp_path)]):
        model.fit(np.ones((8, 1)), np.ones(8), verbose=0, callbacks=[see, *backups])
    assert seen[0] is signal.SIG_DFL
    assert callable(seen[1])
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_handler_of_the_user_stays(tmp_path: Path) -> None:
    def handle(number: int, frame: Any) -> None:
        raise ValueError("of the user")

    signal.signal(signal.SIGTERM, handle)
    try:
        stop = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: signal.raise_signal(signal.SIGTERM))
        model = pel.Sequential([nn.Input((1,)), nn.Dense(1)])
        model.compile("sgd", "mse")
        with pytest.raises(ValueError, match="of the user"):
            model.fit(np.ones((8, 1)), np.ones(8), verbose=0, callbacks=[stop, callbacks.BackupAndRestore(tmp_path)])
        assert signal.getsignal(signal.SIGTERM) is handle
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_a_full_disk_stops_fit_with_path_and_advice_and_keeps_the_last_backup(
    tmp_path: Path, uninterrupted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync, writes = os.fsync, []

    def fill(descriptor: int) -> None:
        writes.append(descriptor)
        if len(writes) > 4:  # a file and its folder for each of two backups
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", fill)
        with pytest.raises(OSError, match=r"cannot be written: the disk is full. Free some space .*training.pel'"):
            train(tmp_path)
    assert list_files(tmp_path) == ["training.pel"]
    assert int(read_container(tmp_path / "training.pel", "a training state")[1]["run/step"]) == 16
    check_resumed(tmp_path, uninterrupted)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_log_on_a_full_disk_is_named() -> None:
    model = pel.Sequential([nn.Input((1,)), nn.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(
        OSError, match=r"cannot be written: the disk is full. Free some space and try again: '/dev/full'"
    ):
        model.fit(np.ones((8, 1)), np.ones(8), verbose=0, callbacks=[callbacks.CSVLogger("/dev/full")])


def run_in_thread(work: Callable[[], Any]) -> list[BaseException]:
    """Run a function in another thread, and return the errors that it raised."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # checked by the test
            errors.append(error)

    thread = threading.Thread(target=run, name="second")
    thread.start()
    thread.join()
    return errors


def test_a_model_is_trained_by_one_thread_at_a_time() -> None:
    x, errors = np.ones((8, 1)), []
    shared = nn.Dense(1, name="shared")
    inside = nn.Input((1,))
    model, other = (pel.Model(inside, shared(inside), name=name) for name in ("first", "other"))
    for each in (model, other):
        each.compile("sgd", "mse")
    attempts: list[Callable[[], Any]] = [
        lambda: model.fit(x, x, verbose=0),
        lambda: model.train_on_batch(x, x),
        lambda: other.fit(x, x, verbose=0),
    ]

    def try_all(epoch: int, logs: Any) -> None:
        errors.extend(error for attempt in attempts for error in run_in_thread(attempt))

    model.fit(x, x, verbose=0, callbacks=[callbacks.LambdaCallback(on_epoch_end=try_all)])
    texts = [str(error) for error in errors]
    assert [type(error) for error in errors] == [pel.StateError] * 3
    end = (
        "being trained in another thread, 'MainThread'. A model can be trained by one thread at a time: each step "
        "replaces its parameters. Wait for that thread, or train a copy in each: model.clone(weights=True)"
    )
    assert texts[:2] == [f"first is {end}"] * 2
    assert texts[2] == f"other shares shared/kernel with first, which is {end}" or "other shares" in texts[2]
    assert [run_in_thread(attempt) for attempt in attempts] == [[], [], []]  # after the training


def test_a_model_that_is_not_built_is_built_by_one_thread(make: Callable[..., Any]) -> None:
    model = pel.Sequential([nn.Dense(3, "tanh"), nn.Dense(1)])
    model.compile("sgd", "mse")
    x, results, barrier = np.ones((64, 2), "float32"), [], threading.Barrier(4)

    def fit() -> None:
        barrier.wait()
        try:
            model.fit(x, x[:, :1], epochs=30, batch_size=4, verbose=0)
            results.append("")
        except pel.StateError as error:
            results.append(str(error))

    threads = [threading.Thread(target=fit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert "" in results
    assert all(not each or "is being trained in another thread" in each for each in results)
    assert len(model.parameters) == 4


def test_reading_a_model_that_another_thread_trains_is_explained() -> None:
    """The values are not marked as lost: the other thread is about to store new ones."""
    w = pel.shared(1.0, "w")
    read = pel.function([], 2 * w, mode="xla")
    read()
    value = w.storage
    value.delete()  # as at the start of a step in another thread
    with pytest.raises(pel.StateError, match=r"The values of w were replaced while they were read: another thread is"):
        read()
    assert w.storage is value


@pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")
def test_a_run_resumed_with_another_backend_warns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(epochs: int) -> Any:
        nn.set_random_seed(1)
        model = pel.Sequential([nn.Input((1,)), nn.Dense(1)])
        model.compile("sgd", "mse")
        backup = callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
        return model.fit(np.ones((8, 1)), np.ones(8), epochs=epochs, batch_size=4, verbose=0, callbacks=[backup])

    first = fit(1)
    assert fit(2).backends == first.backends  # the same backend: no warning
    monkeypatch.setenv("PELLUCID_NATIVE", "0")
    with pytest.warns(
        TrainingWarning, match=r"resumed with other backends, so its .*Before: C loops: .*then: XLA: JAX"
    ):
        resumed = fit(3)
    assert [each.partition(":")[0] for each in resumed.backends] == ["C loops", "XLA"]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGTERM])
def test_runs_ended_at_random_moments_are_bit_identical(kind: signal.Signals, tmp_path: Path) -> None:
    """Twelve times; also in the middle of a write, of validation and of the import."""
    rng, epochs, digest = np.random.default_rng(int(kind)), 300, ""
    for _ in range(12):
        with start(tmp_path, epochs, 3, 0.005) as process:
            time.sleep(float(rng.uniform(0.2, 4)))
            process.send_signal(kind)
            digest = process.communicate()[0]
            assert process.returncode in (-kind, 143, 0)
    if "digest" not in digest:
        with start(tmp_path, epochs, 3) as process:
            digest = process.communicate()[0]
    assert digest.split()[-1] == train(None, epochs)
    assert list_files(tmp_path / "backup") == []
