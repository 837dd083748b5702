"""A callback that saves the model while it trains."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

from pellucid.graph.errors import OptionError, near_miss
from pellucid.nn.validation import count
from pellucid.run.distributed.process_group import process_id
from pellucid.saving.weights import SUFFIXES, check_suffix
from pellucid.training.callbacks.base import Logs
from pellucid.training.callbacks.monitor import Monitor


class ModelCheckpoint(Monitor):
    """Save the model, or its weights, after every epoch, after every so many batches, or when it is the best so far.

    A file is whole or not there, whenever the process ends. Of several processes, the first saves.

    Parameters
    ----------
    filepath : str or path
        Where to; ``{epoch}``, counted from 1, ``{batch}`` and measures in it are filled in, with formats as in
        ``"cats-{epoch:02}-{val_loss:.3f}.pel"``. Folders are made.
    monitor : str
        The measure that says what is best.
    verbose : {0, 1}
        Whether to say what is saved.
    save_best_only : bool
        Whether to save only what is better than everything before.
    save_weights_only : bool
        Whether to save weights, to a file as `Model.save_weights` takes it, and not the model.
    mode : {"auto", "min", "max"}
        What is better; ``"auto"`` follows from what the measure is.
    save_freq : "epoch" or int
        When: after every epoch, or after every so many batches, counted over all epochs.
    initial_value_threshold : float, optional
        What the first must be better than to be saved, with ``save_best_only``.

    Attributes
    ----------
    best : float or None
        The measure of the best so far.

    Raises
    ------
    OptionError
        For an ending that says nothing, a mode that there is not, a field that nothing fills.
    ModelError
        When training begins: for a measure that there is not.

    Examples
    --------
    >>> model = pel.Sequential([pel.nn.Input((1,)), pel.nn.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> best = pel.callbacks.ModelCheckpoint("best.pel", monitor="loss", save_best_only=True)
    >>> history = model.fit(np.ones((8, 1)), np.ones(8), epochs=3, verbose=0, callbacks=[best])
    >>> pel.load_model("best.pel").history.epoch
    [0, 1]
    """

    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        self.filepath = str(check_suffix(filepath, SUFFIXES if save_weights_only else (".pel",)))
        self.verbose = verbose
        self.save_best_only, self.save_weights_only = bool(save_best_only), bool(save_weights_only)
        self.save_freq = frequency(save_freq)
        self.best = initial_value_threshold

    @property
    def batch_interval(self) -> int | None:
        """After how many batches it saves, if not after epochs."""
        return self.save_freq

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Hold the measure, and the fields in the path, against what there will be."""
        if self.save_best_only:
            self.look_up()
        known = ["epoch", "batch", *self.params["metrics"]]
        for field in (name for _, name, _, _ in string.Formatter().parse(self.filepath) if name is not None):
            if field not in known or (field == "batch" and self.save_freq is None):
                raise OptionError(
                    f"{self.kind}: nothing fills {{{field}}} in {self.filepath!r}.{near_miss(field, known)} "
                    f"There are {', '.join(known[: None if self.save_freq else 1] + known[2:])}"
                )
            if self.save_freq is not None and field.startswith("val_"):
                raise OptionError(f"{self.kind}: {field} is measured after epochs. Give save_freq='epoch'")
        if self.save_best_only and self.save_freq is not None and self.monitor.startswith("val_"):
            raise OptionError(f"{self.kind}: {self.monitor} is measured after epochs. Give save_freq='epoch'")

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Save after batches."""
        self.consider(self.model.run.epoch, batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save after an epoch."""
        if self.save_freq is None:
            self.consider(epoch, None, logs)

    def consider(self, epoch: int, batch: int | None, logs: Logs | None) -> None:
        """Save, unless something better was saved before."""
        if self.save_best_only:
            value = self.current(logs)
            if value is None or not self.is_better(value, self.best):
                return
            self.best = value
        if process_id():
            return
        place = {"epoch": epoch + 1} if batch is None else {"epoch": epoch + 1, "batch": batch + 1}
        path = Path(self.filepath.format(**{**(logs or {}), **place}))
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)
        if self.verbose:
            told = f", whose {self.monitor} is {self.best:.4g}, the best so far" if self.save_best_only else ""
            print(f"Epoch {epoch + 1}{told}: saved in {path}")


def frequency(save_freq: Any) -> int | None:
    """Return after how many batches to save; None for after every epoch."""
    if save_freq == "epoch":
        return None
    if isinstance(save_freq, str):
        raise OptionError(f"Expected save_freq to be 'epoch' or a number of batches. Received: save_freq={save_freq!r}")
    return count("save_freq", save_freq)
