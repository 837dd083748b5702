"""A callback that lets a run be taken up again, should the process end at any moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.graph.errors import StorageError
from pellucid.graph.types import shape_text
from pellucid.run.distributed.process_group import process_id
from pellucid.saving.container import read, write
from pellucid.training.callbacks.base import Callback, Logs
from pellucid.training.callbacks.checkpoint import frequency

Array = np.ndarray[Any, Any]

KIND = "a training state"


class BackupAndRestore(Callback):
    """Keep what training came to in a file, and go on from there when the same program is started again.

    The run that goes on ends with the same bits as one that was never stopped: weights, optimizer, random streams, the
    order of the samples, the measures of an epoch that was under way, the history, and what other callbacks remember.
    The file is whole or not there, whenever the process ends, and is deleted once training is done. Of several
    processes, the first writes it and all read it; it serves any number of devices, up to rounding.

    Parameters
    ----------
    backup_dir : str or path
        The folder of the file, made if need be; one for each run.
    save_freq : "epoch" or int
        When it is written: after every epoch, or after every so many batches, counted over all epochs.
    double_checkpoint : bool
        Whether the file before the last is kept too, and taken if the last is damaged.
    delete_checkpoint : bool
        Whether it is deleted when training is done.

    Raises
    ------
    StorageError
        When training begins: if the backup is that of another model or other data, or is damaged.

    Examples
    --------
    >>> from pellucid import nn
    >>> def train(epochs):
    ...     model = pel.Sequential([nn.Input((1,)), nn.Dense(1)])
    ...     model.compile("sgd", "mse")
    ...     keep = pel.callbacks.BackupAndRestore("backup", delete_checkpoint=False)
    ...     return model.fit(np.ones((8, 1)), np.ones(8), epochs=epochs, verbose=0, callbacks=[keep])
    >>> train(2).epoch
    [0, 1]
    >>> train(4).epoch  # begins where the first one ended
    [0, 1, 2, 3]
    """

    comes_last = True

    def __init__(
        self, backup_dir: Any, save_freq: Any = "epoch", double_checkpoint: bool = False, delete_checkpoint: bool = True
    ) -> None:
        self.folder = Path(backup_dir)
        self.save_freq = frequency(save_freq)
        self.double_checkpoint, self.delete_checkpoint = bool(double_checkpoint), bool(delete_checkpoint)

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / "training.pel"

    @property
    def path_before(self) -> Path:
        """The file before it."""
        return self.folder / "training-before.pel"

    @property
    def batch_interval(self) -> int | None:
        """After how many batches it is written, if not after epochs."""
        return self.save_freq

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Take up the run that the file is of, if there is one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.path.exists() or self.path_before.exists():
            self.restore(*self.found())

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Write the file after batches."""
        self.back_up()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the file after an epoch."""
        if self.save_freq is None:
            self.back_up()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Delete the file."""
        if self.delete_checkpoint and not process_id():
            self.path.unlink(missing_ok=True)
            self.path_before.unlink(missing_ok=True)

    def back_up(self) -> None:
        """Write the file, in the first process."""
        if process_id():
            return
        arrays = {f"state/{path}": p.get_value() for path, p in self.model.state().items()}
        arrays |= {f"run/{name}": value for name, value in self.model.run.get_state().items()}
        for name, callback in self.others():
            arrays |= {f"callbacks/{name}/{key}": np.asarray(v) for key, v in callback.get_state().items()}
        if self.double_checkpoint and self.path.exists():
            self.path.replace(self.path_before)
        told = {"steps": self.params["steps"], "stop_training": bool(self.model.stop_training)}
        write(self.path, KIND, told, arrays)

    def others(self) -> Iterator[tuple[str, Callback]]:
        """Go through the other callbacks, each with a name of its own."""
        counts: Counter[str] = Counter()
        for callback in self.company:
            kind = type(callback).__name__
            counts[kind] += 1
            yield f"{kind}#{counts[kind]}", callback

    def found(self) -> tuple[Mapping[str, Any], dict[str, Array]]:
        """Return what the last file holds, or the one before it."""
        paths = [path for path in (self.path, self.path_before) if path.exists()]
        try:
            return read(paths[0], KIND)
        except StorageError as error:
            if len(paths) > 1:
                return read(paths[1], KIND)
            raise StorageError(f"{error}. Delete {self.folder} to begin anew") from error

    def restore(self, told: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Go on from what a file holds, if it is of this run."""
        state = self.model.state()
        self.check(told, part(arrays, "state/"))
        for path, value in part(arrays, "state/").items():
            state[path].set_value(value)
        self.model.run.set_state(part(arrays, "run/"))
        for name, callback in self.others():
            remembered = part(arrays, f"callbacks/{name}/")
            if remembered:
                callback.set_state(remembered)
        self.model.stop_training = bool(told["stop_training"])

    def check(self, told: Mapping[str, Any], values: Mapping[str, Array]) -> None:
        """Refuse the state of another model, or of a run on other data."""
        state, problem = self.model.state(), ""
        differ = sorted(set(state) ^ set(values))
        if differ:
            problem = f"{differ[0]} is in {'the model' if differ[0] in state else 'the file'} alone"
        else:
            for path, p in state.items():
                if p.shape != values[path].shape or p.dtype != values[path].dtype:
                    old = f"{values[path].dtype} {shape_text(values[path].shape)}"
                    problem = f"{path} is {p.dtype} {shape_text(p.shape)}, and was {old}"
        if told["steps"] != self.params["steps"]:
            problem = f"an epoch has {self.params['steps']} steps, and had {told['steps']}"
        if problem:
            raise StorageError(f"{self.path} is not of this run: {problem}. Delete {self.folder} to begin anew")


def part(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    """Return the arrays whose names begin with a word, under what follows it."""
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
