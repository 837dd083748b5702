"""Callbacks with the arguments of Keras 1."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import pellucid as pel
from pellucid.callbacks import History, TensorBoard
from pellucid.compat.keras.arguments import bind, make_signature
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.graph.errors import TrainingWarning
from pellucid.graph.source_location import get_user_stacklevel
from pellucid.training.callbacks.base import Monitor

__all__ = ["History", "TensorBoard"]

Logs = dict[str, Any]


class Callback(pel.callbacks.Callback):
    """Base of callbacks; ``on_batch_end`` receives the loss and the metrics of its batch alone."""

    def __init_subclass__(cls) -> None:
        for name, function in (("begin", begin_batch), ("end", end_batch)):
            if f"on_batch_{name}" in vars(cls):
                setattr(cls, f"on_train_batch_{name}", function)

    def set_params(self, params: Any) -> None:
        super().set_params({**params, **getattr(self, "fit_params", {})})


def begin_batch(self: Any, batch: int, logs: Logs | None = None) -> None:
    """Call ``on_batch_begin``."""
    self.on_batch_begin(batch, {"batch": batch, "size": get_batch_length(self.params, batch)})


def end_batch(self: Any, batch: int, logs: Logs | None = None) -> None:
    """Call ``on_batch_end`` with the metrics of the batch, from the means of the epoch so far."""
    size, (seen, sums) = get_batch_length(self.params, batch), self.batch_totals if batch else (0, {})
    totals = {name: value * (seen + size) for name, value in (logs or {}).items()}
    self.batch_totals = (seen + size, totals)
    own = {name: (total - sums.get(name, 0.0)) / size for name, total in totals.items()}
    self.on_batch_end(batch, {"batch": batch, "size": size, **own})


def get_batch_length(params: Any, batch: int) -> int:
    """Return the number of samples of a batch."""
    size = params.get("batch_size") or 1
    return int(min(size, max((params.get("nb_sample") or sys.maxsize) - batch * size, 1)))


class LambdaCallback(Callback):
    """Call functions at hooks."""

    def __init__(self, **hooks: Callable[..., Any]) -> None:
        vars(self).update(hooks)
        for name, function in (("begin", begin_batch), ("end", end_batch)):
            if f"on_batch_{name}" in hooks:
                setattr(self, f"on_train_batch_{name}", function.__get__(self))


class ProgressPrinter(Callback):
    """Lines of ``verbose=1`` and ``verbose=2``, after each epoch."""

    def __init__(self, verbose: int, samples: int, epochs: int) -> None:
        self.verbose, self.samples, self.epochs = verbose, samples, epochs

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self.start = time.perf_counter()
        print(f"Epoch {epoch + 1}/{self.epochs}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        print_line(self.samples if self.verbose == 1 else None, self.start, logs or {})


def print_line(samples: int | None, start: float, logs: Logs) -> None:
    """Print the progress bar of a finished pass over the data, unless ``samples`` is None, and the metrics."""
    bar = "" if samples is None else f"{samples}/{samples} [{'=' * 30}] - "
    values = (f" - {name}: {value:{'.4f' if abs(value) > 1e-3 else '.4e'}}" for name, value in logs.items())
    print(f"{bar}{int(time.perf_counter() - start)}s{''.join(values)}")


class MonitorMixin(Monitor):
    """Comparison of a metric with its best value, which only warns if the metric is missing, as Keras 1 did."""

    def check_monitor(self) -> None:
        if self.monitor not in self.params["metrics"]:
            text = f"{type(self).__name__}: there is no metric {self.monitor!r}, so this callback does nothing"
            warnings.warn(text, TrainingWarning, stacklevel=get_user_stacklevel())

    def set_mode(self, mode: str) -> None:
        """Decide by the name of the metric as Keras 1 did: higher is better for accuracies and F measures."""
        higher = "acc" in self.monitor or self.monitor.startswith("fmeasure")
        self.mode: Any = ("max" if higher else "min") if mode == "auto" else mode
        self.higher_is_better: bool = self.mode == "max"


class EarlyStopping(MonitorMixin, pel.callbacks.EarlyStopping):
    """Stop training after more than ``patience`` epochs without improvement."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        a = bind(type(self), STOP, args, keywords)
        pel.callbacks.EarlyStopping.__init__(self, a["monitor"], a["min_delta"], a["patience"] + 1, a["verbose"])
        self.set_mode(a["mode"])


STOP = make_signature("monitor='val_loss' min_delta=0 patience=0 verbose=0 mode='auto'")


class ReduceLROnPlateau(MonitorMixin, pel.callbacks.ReduceLROnPlateau):
    """Multiply the learning rate by a factor after more than ``patience`` epochs without improvement."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        monitor, factor, patience, verbose, mode, *rest = bind(type(self), REDUCE, args, keywords).values()
        pel.callbacks.ReduceLROnPlateau.__init__(self, monitor, factor, patience + 1, verbose, "auto", *rest)
        self.set_mode(mode)

    def reduce(self, epoch: int) -> None:
        super().reduce(epoch)
        self.wait = 1  # Keras 1 counts the epoch of the reduction

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        if logs is not None:
            logs["lr"] = logs.pop("learning_rate")


REDUCE = make_signature(
    "monitor='val_loss' factor=0.1 patience=10 verbose=0 mode='auto' epsilon=1e-4 cooldown=0 min_lr=0.0"
)
CHECKPOINT = make_signature(
    "filepath monitor='val_loss' verbose=0 save_best_only=False save_weights_only=False mode='auto' period=1"
)


class ModelCheckpoint(MonitorMixin):
    """Save the model or its weights after epochs; the fields of the path are metrics and the epoch, from 0."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        self.options = bind(type(self), CHECKPOINT, args, keywords)
        super().__init__(self.options["monitor"])
        self.set_mode(self.options["mode"])

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if self.options["save_best_only"]:
            self.check_monitor()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        a, value, text = self.options, self.get_value(logs), ""
        if (epoch + 1) % a["period"] or (a["save_best_only"] and value is None):
            return
        path = str(a["filepath"]).format(epoch=epoch, **(logs or {}))
        if a["save_best_only"] and value is not None:
            if not self.is_better(value, self.best):
                print(f"Epoch {epoch:05d}: {self.monitor} did not improve\n" * bool(a["verbose"]), end="")
                return
            before = float("-inf" if self.higher_is_better else "inf") if self.best is None else self.best
            text, self.best = f"{self.monitor} improved from {before:0.5f} to {value:0.5f}, ", value
        print(f"Epoch {epoch:05d}: {text}saving model to {path}\n" * bool(a["verbose"]), end="")
        model: Any = self.model
        (model.save_weights if a["save_weights_only"] else model.save)(path)


class LearningRateScheduler(pel.callbacks.LearningRateScheduler):
    """Set the learning rate before every epoch by a function of its number."""

    def __init__(self, schedule: Callable[[int], float]) -> None:
        super().__init__(lambda epoch, _: schedule(epoch))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Leave the learning rate out of the history."""


class CSVLogger(pel.callbacks.CSVLogger):
    """Write the metrics of every epoch as a row of a CSV file, in the order of their names."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        super().on_epoch_end(epoch, dict(sorted((logs or {}).items())))


add_missing_name_errors(globals(), "keras.callbacks")
