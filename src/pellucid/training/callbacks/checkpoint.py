"""Callbacks that save the model, or everything that a run needs to be resumed."""

from __future__ import annotations

import string
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pellucid.atomic_write import explain_write_errors, remove_leftovers
from pellucid.graph.errors import OptionError, StorageError, TrainingWarning, near_miss
from pellucid.graph.source_location import get_user_stacklevel
from pellucid.graph.types import format_shape
from pellucid.graph.validation import check_integer
from pellucid.run.distributed.divided_state import gathered, list_divided
from pellucid.run.distributed.process_group import process_id
from pellucid.saving.container import read_container, write_container
from pellucid.saving.weights import SUFFIXES, check_suffix
from pellucid.training.callbacks.base import Callback, Logs, Monitor, MonitorMode
from pellucid.typing import Array, FilePath
from pellucid.untrusted_files.reading import report_damage

FILE_KIND = "a training state"


class ModelCheckpoint(Monitor):
    """Save the model, or its weights, after every epoch, at intervals of batches, or whenever a metric improves.

    Files are written atomically. With several processes, the first one saves.

    Parameters
    ----------
    filepath : str or path
        Path of the file; ``{epoch}``, counted from 1, ``{batch}`` and metrics are filled in, with formats as in
        ``"cats-{epoch:02}-{val_loss:.3f}.pel"``; a metric that an epoch does not have is ``nan``. Missing folders are
        created.
    monitor : str
        Metric that determines the best model.
    verbose : {0, 1}
        Whether to print a message.
    save_best_only : bool
        Whether to save only when the metric is better than ever before.
    save_weights_only : bool
        Whether to save the weights, in a file as for `Model.save_weights`, instead of the model.
    mode : {"auto", "min", "max"}
        Whether lower or higher is better; ``"auto"`` follows from the name of the metric.
    save_freq : "epoch" or int
        After every epoch, or after this number of batches, counted over all epochs.
    initial_value_threshold : float, optional
        Value that the first saved model must improve on, with ``save_best_only``.

    Attributes
    ----------
    best : float or None
        Best value of the metric so far.

    Raises
    ------
    OptionError
        For an unknown file extension, mode, or field of the path.
    ModelError
        When training begins: for an unknown metric.

    Examples
    --------
    >>> model = pel.Sequential([pel.nn.Input((1,)), pel.nn.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> best = pel.callbacks.ModelCheckpoint("best.pel", monitor="loss", save_best_only=True)
    >>> history = model.fit(np.ones((8, 1)), np.ones(8), epochs=3, verbose=0, callbacks=[best])
    >>> pel.load_model("best.pel").history.epoch
    [0, 1]
    """

    save_best_only: bool
    save_weights_only: bool

    def __init__(
        self,
        filepath: FilePath,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: MonitorMode = "auto",
        save_freq: Literal["epoch"] | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        self.filepath: str = str(check_suffix(filepath, SUFFIXES if save_weights_only else (".pel",)))
        self.verbose = verbose
        self.save_best_only, self.save_weights_only = bool(save_best_only), bool(save_weights_only)
        self.save_freq: int | None = check_save_freq(save_freq)
        self.best = initial_value_threshold

    @property
    def batch_interval(self) -> int | None:
        return self.save_freq

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if self.save_best_only:
            self.check_monitor()
        known = ["epoch", *(["batch"] if self.save_freq else []), *self.params["metrics"]]
        for field in (name for _, name, _, _ in string.Formatter().parse(self.filepath) if name is not None):
            if field not in known:
                raise OptionError(
                    f"{self.class_name}: there is no value for {{{field}}} in {self.filepath!r}."
                    f"{near_miss(field, known)} Fields: {', '.join(known)}"
                )
            if self.save_freq is not None:
                self.check_is_batch_metric(field)
        if self.save_best_only and self.save_freq is not None:
            self.check_is_batch_metric(self.monitor)

    def check_is_batch_metric(self, name: str) -> None:
        """Refuse a metric of the validation data, which batches do not have."""
        if name.startswith("val_"):
            raise OptionError(f"{self.class_name}: {name} is computed after epochs only. Give save_freq='epoch'")

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.save_if_best(self.model.run.epoch, batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq is None:
            self.save_if_best(epoch, None, logs)

    def save_if_best(self, epoch: int, batch: int | None, logs: Logs | None) -> None:
        """Save, unless only improvements are saved and this is none."""
        if self.save_best_only:
            value = self.get_value(logs)
            if value is None or not self.is_better(value, self.best):
                return
            self.best = value
        with gathered(self.model.state().values()):
            if not process_id():
                self.save(epoch, batch, logs)

    def save(self, epoch: int, batch: int | None, logs: Logs | None) -> None:
        """Save the model or its weights."""
        counters = {"epoch": epoch + 1, "batch": None if batch is None else batch + 1}
        path = Path(self.filepath.format(**dict.fromkeys(self.params["metrics"], np.nan) | (logs or {}) | counters))
        with explain_write_errors(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)
        if self.verbose:
            best = f" with the best {self.monitor} so far, {self.best:.4g}" if self.save_best_only else ""
            print(f"Epoch {epoch + 1}: saved {path}{best}")


class BackupAndRestore(Callback):
    """Back up the training state to a file, and resume from it when the same program is started again.

    The result is bit-identical to an uninterrupted run: weights, optimizer, random streams, sample order, metrics of an
    unfinished epoch, history, and the state of other callbacks. The file is written atomically, also on Ctrl-C and on
    SIGTERM, which ends the process with status 143 after a last backup (at once, if it is sent twice). It is deleted
    when training ends. With several processes, the first writes it and all read it; the number of devices may change,
    with results equal up to rounding.

    Parameters
    ----------
    backup_dir : str or path
        Folder of the file, one for each run; it is created if missing.
    save_freq : "epoch" or int
        After every epoch, or after this number of batches, counted over all epochs.
    double_checkpoint : bool
        Whether to keep the previous file too, which is used if the last is damaged.
    delete_checkpoint : bool
        Whether to delete the file when training ends.

    Raises
    ------
    StorageError
        When training begins: if the backup belongs to another model or other data, or is damaged.

    Examples
    --------
    >>> from pellucid import nn
    >>> def train(epochs):
    ...     model = pel.Sequential([nn.Input((1,)), nn.Dense(1)])
    ...     model.compile("sgd", "mse")
    ...     backup = pel.callbacks.BackupAndRestore("backup", delete_checkpoint=False)
    ...     return model.fit(np.ones((8, 1)), np.ones(8), epochs=epochs, verbose=0, callbacks=[backup])
    >>> train(2).epoch
    [0, 1]
    >>> train(4).epoch  # resumes after epoch 1
    [0, 1, 2, 3]
    """

    delete_checkpoint: bool
    double_checkpoint: bool
    path: Path
    previous_path: Path

    runs_last = True

    def __init__(
        self,
        backup_dir: FilePath,
        save_freq: Literal["epoch"] | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        self.folder: Path = Path(backup_dir)
        self.path, self.previous_path = self.folder / "training.pel", self.folder / "training-before.pel"
        self.save_freq: int | None = check_save_freq(save_freq)
        self.double_checkpoint, self.delete_checkpoint = bool(double_checkpoint), bool(delete_checkpoint)
        self.earlier_backends: list[str] = []

    @property
    def batch_interval(self) -> int | None:
        return self.save_freq

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.earlier_backends = []
        with explain_write_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.folder)
        if self.path.exists() or self.previous_path.exists():
            self.restore(*self.read_backup())

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.write_backup()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq is None:
            self.write_backup()

    def save_interrupted(self) -> None:
        # Processes are interrupted at different steps, so they cannot gather a state that they have divided.
        if not list_divided(self.model.state().values()):
            self.write_backup()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self.warn_if_backends_differ()
        if self.delete_checkpoint and not process_id():
            self.path.unlink(missing_ok=True)
            self.previous_path.unlink(missing_ok=True)

    def write_backup(self) -> None:
        """Write the file, in the first process."""
        with gathered(self.model.state().values()):
            if process_id():
                return
            arrays = {f"state/{path}": p.get_value() for path, p in self.model.state().items()}
        arrays |= {f"run/{name}": value for name, value in self.model.run.get_state().items()}
        for name, callback in self.iter_named_callbacks():
            arrays |= {f"callbacks/{name}/{key}": np.asarray(v) for key, v in callback.get_state().items()}
        if self.double_checkpoint and self.path.exists():
            self.path.replace(self.previous_path)
        backends = [] if self.model.history is None else self.model.history.backends
        header = {
            "steps": self.params["steps"],
            "stop_training": bool(self.model.stop_training),
            "backends": list(dict.fromkeys([*self.earlier_backends, *backends])),
        }
        write_container(self.path, FILE_KIND, header, arrays)

    def iter_named_callbacks(self) -> Iterator[tuple[str, Callback]]:
        """Yield the other callbacks with unique names."""
        counts: Counter[str] = Counter()
        for callback in self.other_callbacks:
            kind = type(callback).__name__
            counts[kind] += 1
            yield f"{kind}#{counts[kind]}", callback

    def read_backup(self) -> tuple[Mapping[str, Any], dict[str, Array]]:
        """Read the last backup, or the previous one if the last is missing or damaged."""
        paths = [path for path in (self.path, self.previous_path) if path.exists()]
        try:
            return read_container(paths[0], FILE_KIND)
        except StorageError as error:
            if len(paths) > 1:
                return read_container(paths[1], FILE_KIND)
            raise StorageError(f"{error}. Delete {self.folder} to start from scratch") from error

    def restore(self, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Continue from the content of a file, if it belongs to this run."""
        state, values = self.model.state(), select_prefix(arrays, "state/")
        with report_damage(StorageError, f"{self.path} cannot be restored. Delete {self.folder} to start from scratch"):
            self.check_matches(header, values)
            self.restore_values(header, arrays, state, values)

    def restore_values(
        self,
        header: Mapping[str, Any],
        arrays: Mapping[str, Array],
        state: Mapping[str, Any],
        values: Mapping[str, Array],
    ) -> None:
        """Set the model, the position of the run and the state of the callbacks."""
        for path, value in values.items():
            state[path].set_value(value)
        self.model.run.set_state(select_prefix(arrays, "run/"))
        for name, callback in self.iter_named_callbacks():
            callback_state = select_prefix(arrays, f"callbacks/{name}/")
            if callback_state:
                callback.set_state(callback_state)
        self.model.stop_training = bool(header["stop_training"])
        self.earlier_backends = [str(each) for each in header.get("backends", ())]

    def warn_if_backends_differ(self) -> None:
        """Warn if the run was resumed on another machine, or with another compiler, and keep both in the history."""
        history = self.model.history
        unused = [each for each in self.earlier_backends if each not in history.backends]
        if unused and history.backends:
            warnings.warn(
                "This run was resumed with other backends, so its last bits differ from those of an uninterrupted "
                f"run. Before: {'; '.join(self.earlier_backends)}. Since then: {'; '.join(history.backends)}",
                TrainingWarning,
                stacklevel=get_user_stacklevel(),
            )
        history.backends = [*unused, *history.backends]

    def check_matches(self, header: Mapping[str, Any], values: Mapping[str, Array]) -> None:
        """Refuse the state of another model, or of a run on other data."""
        state, problem = self.model.state(), ""
        unmatched = sorted(set(state) ^ set(values))
        if unmatched:
            problem = f"{unmatched[0]} is only in {'the model' if unmatched[0] in state else 'the file'}"
        else:
            for path, p in state.items():
                if p.shape != values[path].shape or p.dtype != values[path].dtype:
                    saved = f"{values[path].dtype} {format_shape(values[path].shape)}"
                    problem = f"{path} is {p.dtype} {format_shape(p.shape)} in the model and {saved} in the file"
        if header["steps"] != self.params["steps"]:
            problem = f"an epoch has {self.params['steps']} steps, and {header['steps']} in the file"
        if problem:
            raise StorageError(
                f"{self.path} belongs to another run: {problem}. Delete {self.folder} to start from scratch"
            )


def check_save_freq(save_freq: Literal["epoch"] | int) -> int | None:
    """Return the interval in batches; None for after every epoch."""
    if save_freq == "epoch":
        return None
    if isinstance(save_freq, str):
        raise OptionError(f"Expected save_freq to be 'epoch' or a number of batches. Received: save_freq={save_freq!r}")
    return check_integer("save_freq", save_freq)


def select_prefix(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    """Return the arrays whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
