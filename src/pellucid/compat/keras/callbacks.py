"""Callbacks of Keras 1 over those of pellucid."""

import sys
import time
import warnings

from pellucid import callbacks as ours
from pellucid.callbacks import History, TensorBoard
from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.graph.errors import TrainingWarning
from pellucid.graph.source_location import get_user_stacklevel

__all__ = ["History", "TensorBoard"]


class Callback(ours.Callback):
    """Base of callbacks; ``on_batch_end`` receives the loss and the metrics of its batch alone."""

    def __init_subclass__(cls):
        for when in ("begin", "end"):
            if f"on_batch_{when}" in vars(cls):
                setattr(cls, f"on_train_batch_{when}", getattr(Callback, f"call_on_batch_{when}"))

    def set_params(self, params):
        super().set_params({**params, **getattr(self, "fit_params", {})})

    def call_on_batch_begin(self, batch, logs=None):
        self.on_batch_begin(batch, {"batch": batch, "size": self.get_batch_length(batch)})

    def call_on_batch_end(self, batch, logs):  # whose values are means of the epoch so far
        size, (seen, sums) = self.get_batch_length(batch), self.batch_totals if batch else (0, {})
        totals = {name: value * (seen + size) for name, value in logs.items()}
        self.batch_totals = (seen + size, totals)
        own = {name: (total - sums.get(name, 0.0)) / size for name, total in totals.items()}
        self.on_batch_end(batch, {"batch": batch, "size": size, **own})

    def get_batch_length(self, batch):
        size = self.params.get("batch_size") or 1
        return int(min(size, max((self.params.get("nb_sample") or sys.maxsize) - batch * size, 1)))


LambdaCallback = lambda **hooks: type("LambdaCallback", (Callback,), {k: staticmethod(f) for k, f in hooks.items()})()


class ProgressPrinter(Callback):
    """Lines of ``verbose=1`` and ``verbose=2``, after each epoch."""

    def __init__(self, verbose, samples, epochs):
        self.samples, self.epochs = samples if verbose == 1 else None, epochs

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()
        print(f"Epoch {epoch + 1}/{self.epochs}")

    def on_epoch_end(self, epoch, logs):
        print_line(self.samples, self.start, logs)


def print_line(samples, start, logs):
    """Print the progress bar of a finished pass over the data, unless ``samples`` is None, and the metrics."""
    bar = "" if samples is None else f"{samples}/{samples} [{'=' * 30}] - "
    values = (f" - {name}: {value:{'.4f' if abs(value) > 1e-3 else '.4e'}}" for name, value in logs.items())
    print(f"{bar}{int(time.perf_counter() - start)}s{''.join(values)}")


class OldMonitor:
    """Comparison of a metric with its best value, which only warns if the metric is missing, as Keras 1 did."""

    def check_monitor(self):
        if self.monitor not in self.params["metrics"]:
            text = f"{type(self).__name__}: there is no metric {self.monitor!r}, so this callback does nothing"
            warnings.warn(text, TrainingWarning, stacklevel=get_user_stacklevel())

    def find_mode(self, monitor, mode):
        return ("max" if "acc" in monitor or monitor.startswith("fmeasure") else "min") if mode == "auto" else mode


class EarlyStopping(OldMonitor, ours.EarlyStopping):
    def __init__(self, monitor="val_loss", min_delta=0, patience=0, verbose=0, mode="auto"):
        super().__init__(monitor, min_delta, patience + 1, verbose, self.find_mode(monitor, mode))


class ReduceLROnPlateau(OldMonitor, ours.ReduceLROnPlateau):
    def __init__(
        self, monitor="val_loss", factor=0.1, patience=10, verbose=0, mode="auto", epsilon=1e-4, *rest, **more
    ):
        mode = self.find_mode(monitor, mode)
        super().__init__(monitor, factor, patience + 1, verbose, mode, epsilon, *rest, **more)

    def reduce(self, epoch):
        super().reduce(epoch)
        self.wait = 1  # Keras 1 counts the epoch of the reduction

    def on_epoch_end(self, epoch, logs):
        super().on_epoch_end(epoch, logs)
        logs["lr"] = logs.pop("learning_rate")


class ModelCheckpoint(OldMonitor, ours.ModelCheckpoint):
    """Save the model or its weights; the fields of the path are metrics and the epoch, from 0."""

    def __init__(self, filepath, monitor="val_loss", verbose=0, save_best_only=False, save_weights_only=False,
                 mode="auto", period=1):  # fmt: skip
        super().__init__("model.pel", monitor, verbose, save_best_only, False, self.find_mode(monitor, mode))
        self.filepath, self.save_weights_only, self.period = str(filepath), save_weights_only, period

    def save_if_best(self, epoch, batch, logs):
        super().save_if_best(epoch, batch, logs) if (epoch + 1) % self.period == 0 else None

    def save(self, epoch, batch, logs):
        super().save(epoch - 1, batch, logs)


class LearningRateScheduler(ours.LearningRateScheduler):
    def __init__(self, schedule):
        super().__init__(lambda epoch, _: schedule(epoch))

    def on_epoch_end(self, epoch, logs):
        """Leave the learning rate out of the history."""


class CSVLogger(ours.CSVLogger):
    def on_epoch_end(self, epoch, logs):
        super().on_epoch_end(epoch, dict(sorted(logs.items())))


add_missing_name_errors(globals(), "keras.callbacks")
