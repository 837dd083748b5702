"""Callback that makes a run resumable after the process ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.graph.errors import StorageError
from pellucid.graph.types import format_shape
from pellucid.run.distributed.process_group import process_id
from pellucid.saving.container import read_container, write_container
from pellucid.training.callbacks.base import Callback, Logs
from pellucid.training.callbacks.checkpoint import check_save_freq

Array = np.ndarray[Any, Any]

FILE_KIND = "a training state"


class BackupAndRestore(Callback):
    """Back up the training state to a file, and resume from it when the same program is started again.

    The result is bit-identical to an uninterrupted run: weights, optimizer, random streams, sample order, metrics of an
    unfinished epoch, history, and the state of other callbacks. The file is written atomically, and is deleted
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

    runs_last = True

    def __init__(
        self, backup_dir: Any, save_freq: Any = "epoch", double_checkpoint: bool = False, delete_checkpoint: bool = True
    ) -> None:
        self.folder = Path(backup_dir)
        self.save_freq = check_save_freq(save_freq)
        self.double_checkpoint, self.delete_checkpoint = bool(double_checkpoint), bool(delete_checkpoint)

    @property
    def path(self) -> Path:
        """Path of the backup."""
        return self.folder / "training.pel"

    @property
    def previous_path(self) -> Path:
        """Path of the previous backup."""
        return self.folder / "training-before.pel"

    @property
    def batch_interval(self) -> int | None:
        """Interval of batches, if it does not back up after epochs."""
        return self.save_freq

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.path.exists() or self.previous_path.exists():
            self.restore(*self.read_backup())

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.write_backup()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq is None:
            self.write_backup()

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.delete_checkpoint and not process_id():
            self.path.unlink(missing_ok=True)
            self.previous_path.unlink(missing_ok=True)

    def write_backup(self) -> None:
        """Write the file, in the first process."""
        if process_id():
            return
        arrays = {f"state/{path}": p.get_value() for path, p in self.model.state().items()}
        arrays |= {f"run/{name}": value for name, value in self.model.run.get_state().items()}
        for name, callback in self.iter_named_callbacks():
            arrays |= {f"callbacks/{name}/{key}": np.asarray(v) for key, v in callback.get_state().items()}
        if self.double_checkpoint and self.path.exists():
            self.path.replace(self.previous_path)
        header = {"steps": self.params["steps"], "stop_training": bool(self.model.stop_training)}
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
        self.check_matches(header, values)
        for path, value in values.items():
            state[path].set_value(value)
        self.model.run.set_state(select_prefix(arrays, "run/"))
        for name, callback in self.iter_named_callbacks():
            callback_state = select_prefix(arrays, f"callbacks/{name}/")
            if callback_state:
                callback.set_state(callback_state)
        self.model.stop_training = bool(header["stop_training"])

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


def select_prefix(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    """Return the arrays whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
