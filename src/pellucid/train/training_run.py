"""Training, checkpoints, and the files of a run."""

import importlib
import shlex
import shutil
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.atomic_write import atomic_write
from pellucid.data.errors import DataWarning
from pellucid.errors import PellucidError
from pellucid.graph.errors import DistributionError, NonFiniteError
from pellucid.optional_packages import require_packages
from pellucid.run.backends import compare_backends
from pellucid.run.distributed.divided_state import gathered, list_divided
from pellucid.run.interrupts import DeferSigint
from pellucid.tracking.context import RunContext
from pellucid.tracking.errors import UsageError
from pellucid.tracking.experiment import record_run
from pellucid.tracking.interrupt import (
    acknowledge_interrupt,
    receive_snapshot_requests,
    take_snapshot_request,
)
from pellucid.tracking.record import Record, is_finished, to_json
from pellucid.tracking.result import ExperimentResult
from pellucid.tracking.run_folder import CHECKPOINT, CONFIG, DATA, HISTORY, MODEL, RECORD
from pellucid.train.evaluate.decision import Decision
from pellucid.train.prepare.prepared_run import PreparedRun, prepare
from pellucid.train.settings import toml_reader
from pellucid.train.settings.settings import Settings
from pellucid.training.callbacks.checkpoint import BackupAndRestore
from pellucid.typing import Array, FilePath

if TYPE_CHECKING:
    from pellucid.model.interfaces import ModelLike
    from pellucid.training.callbacks.early_stopping import EarlyStopping
    from pellucid.training.callbacks.history import History
    from pellucid.typing import Verbosity

SECONDS_BETWEEN_CHECKPOINTS = 1.0
"""Epochs of small networks are shorter than a write to disk, so not every epoch is followed by a checkpoint."""


class ThrottledBackup(BackupAndRestore):
    """Backup after an epoch, at most once per `SECONDS_BETWEEN_CHECKPOINTS`; the file is kept after training.

    SIGHUP also writes one, between two steps, and then calls ``on_snapshot``.
    """

    def __init__(self, backup_dir: FilePath, on_snapshot: Callable[[], None] = lambda: None) -> None:
        super().__init__(backup_dir, delete_checkpoint=False)
        self.last_time: float = -SECONDS_BETWEEN_CHECKPOINTS
        self.on_snapshot = on_snapshot

    @property
    def batch_interval(self) -> int:
        """After every chunk of steps."""
        return 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        request = take_snapshot_request()
        if request is not None:
            self.write_backup()
            self.on_snapshot()
            epoch, step = self.model.run.epoch + 1, self.model.run.step
            request.report([f"SIGHUP: snapshot of step {step:,}, in epoch {epoch}, saved in {self.folder}"])

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        is_last = epoch + 1 == self.params["epochs"]
        if is_last or time.perf_counter() - self.last_time >= SECONDS_BETWEEN_CHECKPOINTS:
            self.write_backup()
            self.last_time = time.perf_counter()


def train(
    settings: Settings,
    folder: Path,
    *,
    verbose: "Verbosity" = "auto",
    report: Callable[[Sequence[str]], None] = lambda lines: None,
) -> Record | None:
    """Train a network, evaluate it, and save the run in a folder. An interrupted run in the folder is resumed.

    Parameters
    ----------
    settings : Settings
        The settings of the run.
    folder : Path
        A new or empty folder, or that of an interrupted run.
    verbose
        As in `Model.fit`.
    report : function
        Called with lines about data and network before training begins.

    Returns
    -------
    Record
        The content of ``record.json``; None in all but the first of several processes.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C. The run is saved, and the message says how to resume it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record, error = run_training(settings, folder, verbose=verbose, report=report)
    if error is not None:
        raise error
    return record


def run_training(
    settings: Settings,
    folder: Path,
    *,
    verbose: "Verbosity" = "auto",
    report: Callable[[Sequence[str]], None] = lambda lines: None,
    on_result: Callable[[ExperimentResult], None] | None = None,
) -> tuple[Record | None, BaseException | None]:
    """Train and record a run in an existing folder, like `train`; return the exception that ended it, if any."""
    from pellucid.run.distributed.process_group import num_processes, process_id
    from pellucid.train.evaluate.evaluation import evaluate
    from pellucid.train.fit.cross_validation import cross_validate, prepare_folds
    from pellucid.train.fit.sweep import STATE, read_result, run_sweep
    from pellucid.train.fit.sweep_grid import check_sweep
    from pellucid.train.report.run_report import save_run_page
    from pellucid.train.report.sweep_report import add_sweep

    if is_finished(folder):
        raise UsageError(f"{folder}: this run is finished. Choose another folder")
    if settings.folds and num_processes() > 1:
        raise UsageError("folds: not available with --distributed. Omit one of them")
    check_sweep(settings)
    run = RunContext(folder, settings.seed)
    trained: list[tuple[PreparedRun, ModelLike]] = []

    def work() -> ExperimentResult:
        with require_packages("The evaluation"):  # says so before training, not after it
            for module in ("sklearn", "threadpoolctl"):
                importlib.import_module(module)
        chosen, sweep = settings, None
        if settings.sweep is not None:
            chosen, sweep = run_sweep(run, settings, verbose, report)
        else:
            sweep = read_result(folder)  # of the winner whose training was interrupted
        resuming = has_checkpoint(folder)
        prepared = prepare(chosen, resuming, run.folder)
        folds = prepare_folds(prepared) if settings.folds else []
        run.parameters = vars(prepared.settings)
        failures, others = check_prepared_data(prepared, run.folder)
        resumed = ["resuming from the last checkpoint"] if resuming else []
        report([*failures, *prepared.summary, *others, *resumed])
        history = fit_and_save(run, prepared, verbose, resuming)
        model, decision = save_results(run, prepared, history)
        trained.append((prepared, model))
        validation = cross_validate(run, prepared, folds, verbose, report) if folds else None
        result = evaluate(run, prepared, model, decision, history, validation)
        return result if sweep is None else add_sweep(run, result, sweep)

    if process_id():  # only the first process writes and reports
        with receive_snapshot_requests(report):
            fit_model(prepare(settings, has_checkpoint(folder), folder), folder, verbose)
        return None, None
    with receive_snapshot_requests(report):
        title = f"A network trained on {settings.data}"
        record, error = record_run(
            run, "train", title, work, on_result, lambda record: save_run_page(run, *trained[0], record)
        )
    if error is None:
        shutil.rmtree(folder / CHECKPOINT)
        (folder / STATE).unlink(missing_ok=True)
    elif isinstance(error, OSError) and error.filename and has_checkpoint(folder):
        hint = f"{str(error.strerror).rstrip('.')}. To resume: pellucid resume {folder}"
        error = OSError(error.errno, hint, error.filename).with_traceback(error.__traceback__)
    elif isinstance(error, KeyboardInterrupt) and not str(error) and (folder / CONFIG).exists():
        error = KeyboardInterrupt(f"interrupted. To resume: pellucid resume {folder}")
    return record, error


def has_checkpoint(folder: Path) -> bool:
    return any((folder / CHECKPOINT).rglob("*.pel"))


def fit_and_save(run: RunContext, prepared: PreparedRun, verbose: "Verbosity", resuming: bool) -> "History":
    """Write the configuration, train, and return the history; a run that fails before a checkpoint leaves nothing."""
    folder = run.folder
    save_settings(run, prepared, ())
    run.save_config(DATA, format_description(prepared, Decision()))
    try:
        return fit_model(prepared, folder, verbose)
    except PellucidError as error:
        if not resuming and (isinstance(error, NonFiniteError) or not has_checkpoint(folder)):
            shutil.rmtree(folder / CHECKPOINT, ignore_errors=True)
        raise


def format_description(prepared: PreparedRun, decision: Decision) -> str:
    """Return the content of ``data.json``: how inputs are made, and what outputs mean."""
    dataset = prepared.dataset
    targets = {"task": dataset.task, "class_names": dataset.class_names, "target_names": dataset.target_names}
    return to_json({**prepared.description, **targets, "decision": decision.describe(dataset.class_names)}) + "\n"


def save_network(prepared: PreparedRun, folder: Path, history: "History") -> tuple["ModelLike", Decision]:
    """Save the network with its decision threshold, and the history; return both of the network."""
    from pellucid.train.evaluate.evaluated_predictions import predict_part

    model = prepared.make_final_model()

    def predict(part: str) -> Array:
        in_memory = prepared.arranged is None
        return model.predict(prepared.get_inputs(part)) if in_memory else predict_part(prepared, model, part)

    decision = prepared.choose_decision(predict)
    atomic_write(folder / DATA, format_description(prepared, decision))
    model.save(folder / MODEL)
    history.to_csv(folder / HISTORY)
    return model, decision


def check_prepared_data(prepared: PreparedRun, folder: Path) -> tuple[list[str], list[str]]:
    """Find the problems of the data, which the record will have; return lines about failures, and about the others."""
    from pellucid.train.check.check import find_problems, format_short
    from pellucid.train.check.checked_data import CheckedData

    start = time.perf_counter()
    if prepared.arranged is not None:
        checked = replace(prepared.arranged.checked, class_weights=prepared.class_weights)
    else:
        checked = CheckedData(
            prepared.dataset,
            {name: np.asarray(rows) for name, rows in prepared.parts.items()},
            prepared.x,
            prepared.description,
            prepared.class_weights,
            has_folds=prepared.settings.folds is not None,
        )
    prepared.data_findings = find_problems(checked)
    prepared.timings["checking"] = time.perf_counter() - start
    return format_short(prepared.data_findings, f"pellucid data {shlex.quote(str(folder / CONFIG))}")


def save_settings(run: RunContext, prepared: PreparedRun, backends: Sequence[str]) -> None:
    """Write the configuration, with what computed the run as far as that is known."""
    settings, shape = replace(prepared.settings, backends=backends), prepared.x.shape[1:]
    task = prepared.dataset.task
    run.save_config(CONFIG, toml_reader.format_settings(settings, prepared.name, prepared.layers, shape, task))


def warn_if_backends_differ(settings: Settings, backends: Sequence[str]) -> None:
    """Warn if the run that is repeated was computed by other backends."""
    difference = compare_backends(settings.backends, backends, (settings.layers_from, "This run"))
    if difference is not None:
        warnings.warn(difference, DataWarning, stacklevel=2)


def fit_model(prepared: PreparedRun, folder: Path, verbose: "Verbosity") -> "History":
    """Train with checkpoints, restore the weights of the best epoch, and return the history."""
    from pellucid.train.fit.fine_tuning_phases import PhasedStopping, iterate_phases
    from pellucid.training.callbacks.early_stopping import EarlyStopping, TerminateOnNaN
    from pellucid.training.callbacks.history import History

    settings, model = prepared.settings, prepared.model
    stopping = (EarlyStopping if prepared.fine_tuning is None else PhasedStopping)(restore_best_weights=True)
    history = History(snapshot_megabytes=0)
    start = time.perf_counter()
    try:
        for phase in iterate_phases(prepared, folder / CHECKPOINT):
            stopping.patience = phase.patience
            backup = ThrottledBackup(phase.checkpoint, lambda: save_snapshot(prepared, folder, history, stopping))
            model.fit(
                *prepared.get_part("training"),
                epochs=phase.end,
                initial_epoch=phase.start,
                batch_size=settings.batch_size,
                validation_data=prepared.get_validation_data(),
                class_weight=prepared.class_weights,
                callbacks=[history, stopping, TerminateOnNaN(), backup],
                seed=settings.seed,
                devices=settings.devices,
                shard=settings.shard,
                verbose=verbose,
            )
    except KeyboardInterrupt:
        acknowledge_interrupt()
        raise KeyboardInterrupt(save_interrupted_run(prepared, folder, history, stopping)) from None
    except DistributionError as error:
        raise DistributionError(f"{error}. On the command line: pellucid resume {folder}") from error
    prepared.timings["training"] = time.perf_counter() - start
    if stopping.best is None or not np.isfinite(stopping.best):
        raise NonFiniteError("The loss was never finite, so no weights were learned. Use a smaller --learning-rate")
    return history


def save_best_weights(prepared: PreparedRun, folder: Path, history: "History", stopping: "EarlyStopping") -> None:
    """Save the network with the weights of the best epoch so far, and the history; before the first epoch, nothing."""
    if stopping.best_weights is not None:
        prepared.model.set_weights(stopping.best_weights)
        save_network(prepared, folder, history)


def save_snapshot(prepared: PreparedRun, folder: Path, history: "History", stopping: "EarlyStopping") -> None:
    """Save the best weights so far next to the checkpoint, and keep the weights of the training as they are."""
    from pellucid.run.distributed.process_group import process_id

    with gathered(prepared.model.state().values()), DeferSigint():
        if process_id():
            return
        weights = prepared.model.get_weights()
        try:
            save_best_weights(prepared, folder, history, stopping)
        finally:
            prepared.model.set_weights(weights)


def save_interrupted_run(prepared: PreparedRun, folder: Path, history: "History", stopping: "EarlyStopping") -> str:
    """Save the best weights so far; return how to resume the run, whose checkpoint is written already."""
    from pellucid.run.distributed.process_group import process_id

    epochs = prepared.settings.epochs or 1
    message = f"interrupted in epoch {min(prepared.model.run.epoch + 1, epochs)} of {epochs}"
    if process_id():
        return message
    if list_divided(prepared.model.state().values()):  # which one process cannot save
        return f"{message}. To resume: pellucid resume {folder}"
    save_best_weights(prepared, folder, history, stopping)
    saved = (
        f"the weights of the best epoch so far, {stopping.best_epoch + 1}, are in {folder / MODEL}"
        if history.epoch
        else "no epoch is finished"
    )
    return f"{message}; {saved}. To resume: pellucid resume {folder}"


def save_results(run: RunContext, prepared: PreparedRun, history: "History") -> tuple["ModelLike", Decision]:
    """Save network, history and settings with what computed the run; return the network and its decision."""
    model, decision = save_network(prepared, run.folder, history)
    save_settings(run, prepared, history.backends)
    warn_if_backends_differ(prepared.settings, history.backends)
    return model, decision


def read_interrupted_run(folder: Path) -> Settings:
    """Return the settings of an interrupted run, which `train` in its folder resumes."""
    file = folder / CONFIG
    if not file.is_file():
        raise UsageError(f"{folder}: expected the folder of a run, with {CONFIG}; received another folder")
    if is_finished(folder):
        raise UsageError(f"{folder}: this run is finished, see {RECORD}. To repeat it: pellucid train {file}")
    settings = toml_reader.read_settings(file)
    if "data" not in settings:
        raise UsageError(f"{file}: expected the source of the data in [data]; received none")
    return Settings(**settings)
