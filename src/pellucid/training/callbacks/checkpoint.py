"""Callback that saves the model during training."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

from pellucid.graph.errors import OptionError, near_miss
from pellucid.graph.validation import check_integer
from pellucid.run.distributed.process_group import process_id
from pellucid.saving.weights import SUFFIXES, check_suffix
from pellucid.training.callbacks.base import Logs
from pellucid.training.callbacks.monitor import Monitor


class ModelCheckpoint(Monitor):
    """Save the model, or its weights, after every epoch, at intervals of batches, or whenever a metric improves.

    Files are written atomically. With several processes, the first one saves.

    Parameters
    ----------
    filepath : str or path
        Path of the file; ``{epoch}``, counted from 1, ``{batch}`` and metrics are filled in, with formats as in
        ``"cats-{epoch:02}-{val_loss:.3f}.pel"``. Missing folders are created.
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
        self.save_freq = check_save_freq(save_freq)
        self.best = initial_value_threshold

    @property
    def batch_interval(self) -> int | None:
        """Interval of batches, if it does not save after epochs."""
        return self.save_freq

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if self.save_best_only:
            self.check_monitor()
        known = ["epoch", "batch", *self.params["metrics"]]
        for field in (name for _, name, _, _ in string.Formatter().parse(self.filepath) if name is not None):
            if field not in known or (field == "batch" and self.save_freq is None):
                fields = known[: None if self.save_freq else 1] + known[2:]
                raise OptionError(
                    f"{self.class_name}: there is no value for {{{field}}} in {self.filepath!r}."
                    f"{near_miss(field, known)} Fields: {', '.join(fields)}"
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
        if process_id():
            return
        counters = {"epoch": epoch + 1} if batch is None else {"epoch": epoch + 1, "batch": batch + 1}
        path = Path(self.filepath.format(**{**(logs or {}), **counters}))
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)
        if self.verbose:
            best = f" with the best {self.monitor} so far, {self.best:.4g}" if self.save_best_only else ""
            print(f"Epoch {epoch + 1}: saved {path}{best}")


def check_save_freq(save_freq: Any) -> int | None:
    """Return the interval in batches; None for after every epoch."""
    if save_freq == "epoch":
        return None
    if isinstance(save_freq, str):
        raise OptionError(f"Expected save_freq to be 'epoch' or a number of batches. Received: save_freq={save_freq!r}")
    return check_integer("save_freq", save_freq)
