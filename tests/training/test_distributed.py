"""Several processes train like one; when one is killed, the others stop with an error, and the run can be resumed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import callbacks, nn
from pellucid.run.distributed import process_group
from pellucid.run.distributed.process_group import add_recovery_hint, translate_losses
from pellucid.training import iterator_source
from pellucid.training.array_source import ArrayDataset
from pellucid.training.data_sources import opening
from pellucid.training.distributed_checks import compute_crc32, format_resume_hint
from pellucid.training.sweeps import sweep as sweep_module
from pellucid.training.sweeps.trials import Trial

pytestmark = pytest.mark.usefixtures("interpret_functions")

FORCED = "--xla_force_host_platform_device_count"

PROGRAM = """
import json, os, sys
import pellucid as pel
if os.environ.keys() & {"PELLUCID_PROCESS_ID", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK"}:
    pel.distribution.initialize()
import tests_of_processes as tests
found = {"process": pel.distribution.process_id(), "processes": pel.distribution.num_processes()}
print(json.dumps(found | getattr(tests, sys.argv[1])(*map(int, sys.argv[2:]))), flush=True)
"""


def data() -> tuple[np.ndarray, np.ndarray]:
    """Return 50 samples, which neither batches nor processes divide evenly."""
    x = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
    return x, (x.sum(axis=1) > 0).astype("int32") + (x[:, 0] > 1)


def make(seed: int = 1) -> pel.Sequential:
    """Return a model with dropout, batch normalization and momentum."""
    nn.set_random_seed(seed)
    layers = [nn.Input((4,)), nn.Dense(8, "tanh"), nn.Dropout(0.3), nn.BatchNormalization(), nn.Dense(3, "softmax")]
    model = pel.Sequential(layers)
    model.compile(pel.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fit(model: pel.Sequential, *given: Any, **settings: Any) -> dict[str, Any]:
    """Train a model, and return its values and history."""
    history = model.fit(*given, **{"epochs": 3, "batch_size": 9, "seed": 5, **settings})
    weights = [np.ravel(w).tolist() for w in model.get_weights()]
    return {"weights": weights, "history": history.history, "epochs": history.epoch}


def train_with_files() -> dict[str, Any]:
    """Train with all callbacks that write files."""
    x, y = data()
    model = make()
    saving = [callbacks.ModelCheckpoint("{epoch}.pel"), callbacks.CSVLogger("log.csv"), callbacks.BackupAndRestore("b")]
    found = fit(model, x, y, validation_split=0.2, callbacks=saving, verbose=2)
    return found | {"predicted": model.predict(x[:2]).ravel().tolist(), "loss": model.evaluate(x, y)[0]}


def train_until_stopped() -> dict[str, Any]:
    """Train until a callback stops it."""
    active = [callbacks.TensorBoard("board"), callbacks.EarlyStopping("loss", patience=0, verbose=1)]
    return fit(make(), *data(), epochs=50, callbacks=active)


class Batches:
    """Yields five batches of 10 samples."""

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        x, y = data()
        for first in range(0, 50, 10):
            yield x[first : first + 10], y[first : first + 10]


def train_on_stream() -> dict[str, Any]:
    """Train on batches from an iterable."""
    return fit(make(), Batches(), batch_size=None)


def train_on_memmap() -> dict[str, Any]:
    """Train on memory-mapped files."""
    x, y = data()
    for name, array in (("x.npy", x), ("y.npy", y)):
        if not Path(name).exists():
            np.save(name, array)
    opening.MIN_MEMMAP_BYTES = 0
    return fit(make(), np.load("x.npy", mmap_mode="r"), np.load("y.npy", mmap_mode="r"))


def train_on_devices() -> dict[str, Any]:
    """Train on 1, 2, 3 and 4 devices of one process, with every kind of data source."""
    found: dict[str, Any] = {}
    x, y = data()
    for devices in (None, 2, [3, 0, 1], "all"):
        model, at_once = make(), make()
        whole_batch = fit(at_once, x, y, batch_size=50, devices=devices)
        found[str(devices)] = {
            "batches": fit(model, x, y, validation_split=0.2, devices=devices),
            "whole": whole_batch,
            "stream": fit(make(), Batches(), batch_size=None, devices=devices),
            "evaluated": model.evaluate(x, y, batch_size=7, devices=devices),
            "entered": [np.ravel(w).tolist() for w in model.history.at(7).get_weights()],
            "branched": model.history.branch(at=7, learning_rate=0.05).history["loss"],
            "sweep": [float(v) for v in run_sweep(devices).table["loss"]],
        }
    return found


def run_sweep(devices: Any, epochs: int = 3) -> Any:
    """Train a sweep, with a smaller last batch."""

    def build(hidden: int, rate: float) -> pel.Sequential:
        layers = [nn.Input((4,)), nn.Dense(hidden, "tanh"), nn.Dropout(0.2), nn.Dense(3, "softmax")]
        model = pel.Sequential(layers)
        model.compile(pel.optimizers.SGD(rate), "sparse_categorical_crossentropy")
        return model

    return pel.sweep(build, *data(), hidden=[5], rate=[0.1, 0.2, 0.5], batch_size=9, epochs=epochs, devices=devices)


def resume_on_other_devices() -> dict[str, Any]:
    """Train half of the epochs on some devices, and resume from the checkpoint on others."""
    found = {}
    for first, second in ((4, None), (None, 3), (2, 4)):
        for epochs, devices in ((3, first), (6, second)):
            backup = [callbacks.BackupAndRestore(f"from {first} to {second}", delete_checkpoint=False)]
            found[f"{first} {second}"] = fit(make(), *data(), epochs=epochs, devices=devices, callbacks=backup)
    return found


def collect_errors_of_differing_processes() -> dict[str, Any]:
    """Return the errors if the processes differ."""
    me, (x, y) = pel.distribution.process_id(), data()
    trials: dict[str, Callable[[], Any]] = {
        "weights and random streams": lambda: fit(make(seed=1 + me), x, y),
        "data": lambda: fit(make(), x, y[::-1] if me else y),
        "settings of fit": lambda: fit(make(), x, y, epochs=3 + me),
        "seed of the sample orders": lambda: fit(make(), x, y, seed=me),
        "trials and settings of the sweep": lambda: run_sweep(None, epochs=2 + me),
    }
    found = {}
    for name, trial in trials.items():
        try:
            trial()
        except pel.DistributionError as error:
            found[name] = str(error)
    return found


class Sleep(callbacks.Callback):
    """Prints every epoch and sleeps after it; in one process, it sleeps for a minute after epoch 4."""

    def __init__(self, sleeper: int) -> None:
        self.sleeper = sleeper

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        print("epoch", epoch, flush=True)
        time.sleep(60 if (epoch, pel.distribution.process_id()) == (4, self.sleeper) else 0.1)


def train_slowly(epochs: int, sleeper: int = -1) -> dict[str, Any]:
    """Train with a checkpoint after every epoch."""
    active = [callbacks.BackupAndRestore("backup"), Sleep(sleeper)]
    return fit(make(), *data(), epochs=epochs, callbacks=active)


def train_and_fail() -> dict[str, Any]:
    """Fail in the second process while the first one continues."""
    return fit(make(), *data(), epochs=50, callbacks=[callbacks.BackupAndRestore("backup"), FailInSecondProcess()])


class FailInSecondProcess(callbacks.Callback):
    """Raises an error in the second process."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == 3 and pel.distribution.process_id() == 1:
            raise RuntimeError("a missing file")


def make_pellucid_variables(port: int, count: int, number: int) -> dict[str, Any]:
    """Return the environment variables for a process of a group."""
    address = f"127.0.0.1:{port}"
    found = {"COORDINATOR_ADDRESS": address, "NUM_PROCESSES": count, "PROCESS_ID": number}
    return {f"PELLUCID_{name}": value for name, value in found.items()}


def start_processes(
    folder: Path,
    count: int,
    *arguments: Any,
    devices: int = 1,
    make_variables: Callable[..., dict[str, Any]] | None = None,
    module: str = __file__,
) -> list[subprocess.Popen[str]]:
    """Start processes that form a group on this machine and call a function of a module; a single one forms none."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tests_of_processes.py").write_text(Path(module).read_text("utf-8"), "utf-8")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("XLA_", "PELLUCID_", "SLURM_", "OMPI_"))}
    kept |= {"PYTHONPATH": os.pathsep.join([str(folder), *sys.path]), "PELLUCID_CACHE": "0"}
    kept |= {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": f"--xla_backend_optimization_level=0 {FORCED}={devices}"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = []
    for number in range(count):
        own = (make_variables or make_pellucid_variables)(port, count, number) if count > 1 else {}
        environment = kept | {k: str(v) for k, v in own.items()}
        command = [sys.executable, "-u", "-c", PROGRAM, *map(str, arguments)]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen(command, cwd=folder, env=environment, **pipes))
    return processes


def make_slurm_variables(port: int, count: int, number: int) -> dict[str, Any]:
    """Return the environment variables that SLURM sets."""
    found = {"JOB_ID": port, "STEP_NODELIST": "localhost", "NTASKS": count, "PROCID": number, "LOCALID": number}
    return {f"SLURM_{name}": value for name, value in found.items()} | {"JAX_COORDINATOR_PORT": port}


def make_open_mpi_variables(port: int, count: int, number: int) -> dict[str, Any]:
    """Return the environment variables that Open MPI 4 sets."""
    found = {"SIZE": count, "RANK": number, "LOCAL_RANK": number}
    address = {"OMPI_MCA_orte_hnp_uri": f"{port * 2**12}.0;tcp://127.0.0.1:{port}", "JAX_COORDINATOR_PORT": port}
    return {f"OMPI_COMM_WORLD_{name}": value for name, value in found.items()} | address


def collect_results(processes: Sequence[subprocess.Popen[str]]) -> list[Any]:
    """Wait for processes, and return the last line that each has printed."""
    found = []
    try:
        for process in processes:
            out, err = process.communicate(timeout=300)
            assert process.returncode == 0, err
            found.append(json.loads(out.splitlines()[-1]) | {"printed": out})
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return found


def run(folder: Path, count: int, *arguments: Any, devices: int = 1) -> list[Any]:
    """Run processes until they end."""
    return collect_results(start_processes(folder, count, *arguments, devices=devices))


def check_same(found: Any, expected: Any, rtol: float = 5e-4) -> None:
    """Compare two trained models up to rounding."""
    assert found["epochs"] == expected["epochs"]
    for name, values in expected["history"].items():
        np.testing.assert_allclose(found["history"][name], values, rtol=rtol, atol=1e-6)
    for a, b in zip(found["weights"], expected["weights"], strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-5)


def make_small(seed: int = 1) -> pel.Sequential:
    """Return a model that compiles fast."""
    nn.set_random_seed(seed)
    model = pel.Sequential([nn.Input((4,)), nn.Dense(3, "softmax")])
    model.compile(pel.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train_as_rank(folder: Path) -> dict[str, Any]:
    """Train with every callback that writes or prints."""
    folder.mkdir()
    x, y = data()
    model = make_small()
    active = [
        callbacks.ModelCheckpoint(folder / "{epoch}.pel", verbose=1),
        callbacks.CSVLogger(folder / "log.csv"),
        callbacks.BackupAndRestore(folder / "backup", delete_checkpoint=False),
        callbacks.TensorBoard(folder / "board"),
        callbacks.EarlyStopping("loss", min_delta=10, patience=1, verbose=1),
    ]
    found = fit(model, x, y, batch_size=10, validation_split=0.2, epochs=9, callbacks=active, verbose=2)
    return found | {"loss": model.evaluate(x, y, batch_size=10, verbose=1)}


def list_files(folder: Path) -> set[str]:
    """Return the names of the files in a folder, without those that contain the time."""
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return {name.partition("events")[0] for name in names}


def test_only_rank_0_writes_and_prints(
    tmp_path: Path, join_group: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    alone = train_as_rank(tmp_path / "alone")
    capsys.readouterr()
    files, printed = {}, {}
    for rank in (0, 1):
        join_group(rank)
        assert train_as_rank(tmp_path / str(rank)) == alone  # and ranks divide nothing on their one device
        files[rank], printed[rank] = list_files(tmp_path / str(rank)), capsys.readouterr().out
    assert files[1] == set()
    assert files[0] == list_files(tmp_path / "alone")
    assert files[0] == {"1.pel", "2.pel", "log.csv", "backup/training.pel", "board/train/", "board/validation/"}
    assert printed[1] == ""
    for text in ("Epoch 1/9", "saved", "early stopping", "loss "):
        assert text in printed[0]


@pytest.mark.parametrize("rank", [0, 1])
def test_rank_0_deletes_the_checkpoint(tmp_path: Path, join_group: Callable[..., None], rank: int) -> None:
    backup = callbacks.BackupAndRestore(tmp_path)
    for path in (backup.path, backup.previous_path):
        path.write_bytes(b"")
    join_group(rank)
    backup.set_model(make_small())
    backup.model.history = callbacks.History()
    backup.on_train_end()
    assert [path.exists() for path in (backup.path, backup.previous_path)] == [bool(rank)] * 2


class Stop(Exception):
    """Ends a process of a group when it has told the others its values."""


def test_ranks_that_differ_are_refused(join_group: Callable[..., None]) -> None:
    (x, y), told = data(), []

    def tell(own: np.ndarray) -> np.ndarray:
        told.append(own)
        raise Stop

    def sweep(**options: Any) -> Any:
        return pel.sweep(lambda: make_small(), x, y, batch_size=25, **options)

    model_with_a_step = make_small()
    model_with_a_step.run.step = 1
    trials: dict[str, list[Callable[[], Any]]] = {
        "weights and random streams": [lambda: fit(make_small(2), x, y)],
        "data": [lambda: fit(make_small(), x, y[::-1]), lambda: fit(make_small(), x + 1, y)],
        "settings of fit": [
            lambda: fit(make_small(), x, y, epochs=4),
            lambda: fit(make_small(), x, y, batch_size=10),
            lambda: fit(make_small(), x, y, validation_freq=2),
        ],
        "seed of the sample orders": [lambda: fit(make_small(), x, y, seed=6)],
        "position in the run": [lambda: fit(model_with_a_step, x, y)],
    }
    join_group(0, gather=tell)
    with pytest.raises(Stop):
        fit(make_small(), x, y)
    join_group(1, gather=lambda own: np.stack([told[0], own]))
    for name, calls in trials.items():
        for call in calls:
            message = f"Expected the same {name} in all processes. Received: process 1 differs from process 0"
            with pytest.raises(pel.DistributionError, match=message):
                call()
    told.clear()
    join_group(0, gather=tell)
    with pytest.raises(Stop):
        sweep(epochs=2)
    join_group(1, gather=lambda own: np.stack([told[0], own]))
    for options in ({"epochs": 3}, {"epochs": 2, "seed": 1}, {"epochs": 2, "shuffle": False}):
        with pytest.raises(pel.DistributionError, match="the same trials and settings of the sweep in all processes"):
            sweep(**options)


def test_ranks_take_equal_batches_of_a_stream(join_group: Callable[..., None]) -> None:
    alone = fit(make_small(), Batches(), batch_size=None, epochs=2)
    join_group(1)
    assert fit(make_small(), Batches(), batch_size=None, epochs=2) == alone


def test_the_number_of_stacked_batches_does_not_depend_on_timing() -> None:
    batch = ArrayDataset([np.zeros((2, 3), "float32")], [], [], [])

    class Slow:
        """Has a batch ready only for those who wait."""

        def get(self, wait: bool = True) -> Any:
            return batch if wait else None

    count = iterator_source.MAX_STACKED_DISTRIBUTED
    assert len(iterator_source.take_equal_batches(Slow(), None, None, wait=False)[0]) == 1
    assert len(iterator_source.take_equal_batches(Slow(), None, None, wait=True)[0]) == count
    assert len(iterator_source.take_equal_batches(Slow(), batch, lambda: 3, wait=True)[0]) == 3


def test_ranks_that_divide_the_parameters_cannot_return_to_a_step(
    four_devices: None, join_group: Callable[..., None]
) -> None:
    join_group(0)
    model = make_small()
    model.fit(*data(), batch_size=25, verbose=0, devices=1, shard="parameters")
    with pytest.raises(pel.StateError, match="several processes divide the parameters, and each has its part only"):
        model.history.at(1)


@pytest.mark.slow
def test_two_processes_agree_with_one_and_only_rank_0_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    processes_of_two = start_processes(tmp_path, 2, "train_with_files")
    (tmp_path / "alone").mkdir()
    monkeypatch.chdir(tmp_path / "alone")
    alone = train_with_files()
    first, second = collect_results(processes_of_two)
    assert [(r["process"], r["processes"]) for r in (first, second)] == [(0, 2), (1, 2)]
    check_same(first, alone)
    for name in ("weights", "history", "predicted", "loss"):  # bit-identical
        assert first[name] == second[name]
    assert ("Epoch 1/3" in first["printed"], "Epoch" in second["printed"]) == (True, False)
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 4
    for number in (1, 2, 3):
        saved = [pel.load_model(folder / f"{number}.pel").get_weights() for folder in (tmp_path, Path())]
        for a, b in zip(*saved, strict=True):
            np.testing.assert_allclose(a, b, rtol=5e-4, atol=1e-5)


@pytest.mark.slow
def test_early_stopping_ends_all_processes_at_the_same_step(tmp_path: Path) -> None:
    first, second = run(tmp_path / "two", 2, "train_until_stopped")
    (alone,) = run(tmp_path / "one", 1, "train_until_stopped")
    check_same(first, alone)
    assert first["epochs"] == second["epochs"] != list(range(50))
    assert ("early stopping" in first["printed"], "early stopping" in second["printed"]) == (True, False)
    assert len(list((tmp_path / "two" / "board" / "train").iterdir())) == 1


@pytest.mark.slow
def test_three_processes_on_a_stream_agree_with_one(tmp_path: Path) -> None:
    alone = train_on_stream()
    for found in run(tmp_path, 3, "train_on_stream"):
        check_same(found, alone)


@pytest.mark.slow
@pytest.mark.parametrize("make_variables", [make_slurm_variables, make_open_mpi_variables])
def test_processes_connect_with_the_variables_of_clusters(tmp_path: Path, make_variables: Any) -> None:
    alone = train_on_stream()
    for number, found in enumerate(
        collect_results(start_processes(tmp_path, 2, "train_on_stream", make_variables=make_variables))
    ):
        assert (found["process"], found["processes"]) == (number, 2)
        check_same(found, alone)


@pytest.mark.slow
def test_initialize_has_a_timeout(tmp_path: Path) -> None:
    call = "initialize('127.0.0.1:9', 2, 1, timeout_seconds=2)"
    program = f"import pellucid as pel; pel.distribution.{call}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("DistributionError: The processes did not connect within 2 s. Received: coord")


@pytest.mark.slow
def test_two_processes_on_memmaps_agree_with_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(opening, "MIN_MEMMAP_BYTES", 0)
    alone = train_on_memmap()
    for found in run(tmp_path, 2, "train_on_memmap"):
        check_same(found, alone)


@pytest.mark.slow
def test_any_number_of_devices_agrees_with_one(tmp_path: Path) -> None:
    (found,) = run(tmp_path, 1, "train_on_devices", devices=4)
    one = found["None"]
    for devices in ("2", "[3, 0, 1]", "all"):
        several = found[devices]
        for source in ("batches", "whole", "stream"):
            check_same(several[source], one[source])
        for name in ("evaluated", "branched", "sweep"):
            np.testing.assert_allclose(several[name], one[name], rtol=5e-4)
        for a, b in zip(several["entered"], one["entered"], strict=True):
            np.testing.assert_allclose(a, b, rtol=5e-4, atol=1e-5)


@pytest.mark.slow
def test_a_checkpoint_can_be_resumed_on_other_devices(tmp_path: Path) -> None:
    (found,) = run(tmp_path, 1, "resume_on_other_devices", devices=4)
    uninterrupted = fit(make(), *data(), epochs=6)
    for devices in ("4 None", "None 3", "2 4"):
        check_same(found[devices], uninterrupted)


@pytest.mark.slow
def test_processes_that_differ_are_refused(tmp_path: Path) -> None:
    for found in run(tmp_path, 2, "collect_errors_of_differing_processes"):
        assert len(found) == 8
        for name in list(found)[2:-1]:
            assert f"Expected the same {name} in all processes. Received: process 1 differs" in found[name]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize(("victim", "signal_name", "process_count"), [(0, "KILL", 2), (1, "KILL", 1), (1, "TERM", 3)])
def test_a_killed_process_ends_the_others_and_the_run_can_be_resumed(
    tmp_path: Path, victim: int, signal_name: str, process_count: int
) -> None:
    output = kill_one_process(tmp_path, victim, signal_name)
    assert f"DistributionError: Process {1 - victim} of 2 lost " in output
    assert f"The last checkpoint is {Path('backup') / 'training.pel'}. Start the same script again" in output
    uninterrupted = (
        run(tmp_path / "uninterrupted", 2, "train_slowly", 15)[0]
        if process_count == 2
        else fit(make(), *data(), epochs=15)
    )
    for found in run(tmp_path, process_count, "train_slowly", 15):
        check_same(found, uninterrupted, 0.0 if process_count == 2 else 5e-4)
        assert "epoch 3\n" not in found["printed"]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("victim", [0, 1])
def test_a_busy_process_detects_the_lost_one(tmp_path: Path, victim: int) -> None:
    output = kill_one_process(tmp_path, victim, "KILL", 1 - victim)
    assert f"DistributionError: Process {1 - victim} of 2 lost process {victim}. The last checkpoint is " in output


@pytest.mark.slow
def test_a_failed_process_ends_the_others(tmp_path: Path) -> None:
    first, second = start_processes(tmp_path, 2, "train_and_fail")
    start_time = time.monotonic()
    (_, waiting), (_, failed) = first.communicate(timeout=300), second.communicate(timeout=300)
    assert time.monotonic() - start_time < 60
    assert (first.returncode, second.returncode) == (1, 1)
    assert "RuntimeError: a missing file" in failed
    assert "DistributionError: Process 0 of 2 lost" in waiting


def kill_one_process(folder: Path, victim: int, signal_name: str, *arguments: Any) -> str:
    """Kill one of two processes in the fifth epoch, check that the other ends, and return its error output."""
    processes = start_processes(folder, 2, "train_slowly", 15, *arguments)
    try:
        stdout = processes[victim].stdout
        assert stdout is not None
        for line in stdout:
            if line.startswith("epoch 4"):
                break
        processes[victim].send_signal(signal.Signals[f"SIG{signal_name}"])
        start_time = time.monotonic()
        _, output = processes[1 - victim].communicate(timeout=60)
        assert time.monotonic() - start_time < 45
        assert processes[1 - victim].returncode == 1
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return str(output)


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (
            [],
            r"There is no checkpoint: with callbacks=\[pel.callbacks.BackupAndRestore\(folder\)\] a run can be resumed",
        ),
        (
            [callbacks.BackupAndRestore("nowhere")],
            "nowhere has no checkpoint yet. Start the same script again, from",
        ),
    ],
)
def test_the_error_says_whether_there_is_a_checkpoint(given: Any, hint: str) -> None:
    lost = RuntimeError("UNAVAILABLE: Socket closed")
    with (
        add_recovery_hint(lambda: format_resume_hint(given)),
        pytest.raises(pel.DistributionError, match=f"Socket closed. {hint}"),
        translate_losses(),
    ):
        raise lost
    with pytest.raises(pel.DistributionError, match=r"Socket closed\n"), translate_losses():
        raise lost


def test_checksums_and_differing_data(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compute_crc32([np.zeros(2), np.ones(2)]) != compute_crc32([np.ones(2), np.zeros(2)])
    assert compute_crc32([np.zeros(2, "float32")]) != compute_crc32([np.zeros(2, "int32")])
    assert compute_crc32([np.array(1.0)]) != compute_crc32([np.array(2.0)])
    rows = np.array([[1, 2, 3], [1, 2, 3], [1, 9, 3]], np.uint32)
    monkeypatch.setattr("jax.experimental.multihost_utils.process_allgather", lambda own: rows)
    with pytest.raises(pel.DistributionError, match=r"the same data in all processes. Received: process 2 differs"):
        process_group.agree({"model": 1, "data": 2, "place": 3})
    assert process_group.num_processes() == 1


def test_settings_of_a_sweep_are_compared_by_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[dict[str, int]] = []
    monkeypatch.setattr(sweep_module, "num_processes", lambda: 2)
    monkeypatch.setattr(sweep_module, "agree", compared.append)
    model, samples = make(), ArrayDataset([np.zeros((3, 4), "float32")], [], [], [])
    for activation in ("tanh", "relu", lambda h: h, lambda h: 2 * h):  # functions compare equal
        sweep_module.check_trials_consistent([Trial({"activation": activation}, 0, None, None, model, samples)])
    tanh, relu, first, second = (each["trials and settings of the sweep"] for each in compared)
    assert tanh != relu != first == second
