"""Callbacks of Keras 1 over those of pellucid."""

from pellucid.training import callbacks as ours
from pellucid.training.callbacks import CSVLogger, History, TensorBoard

__all__ = ["CSVLogger", "History", "TensorBoard"]


class Callback(ours.Callback):
    """Base of callbacks; ``on_batch_end`` receives the loss and the metrics of its batch alone."""

    def __init_subclass__(cls):
        if "on_batch_begin" in vars(cls):
            cls.on_train_batch_begin = lambda self, batch, logs=None: self.on_batch_begin(batch, {"batch": batch})
        if "on_batch_end" in vars(cls):
            cls.on_train_batch_end = Callback.call_on_batch_end

    def set_params(self, params):
        super().set_params({**params, **getattr(self, "fit_params", {})})

    def call_on_batch_end(self, batch, logs):  # whose values are means of the epoch so far
        size = self.params["batch_size"]
        size, (seen, sums) = min(size, self.params["nb_sample"] - batch * size), self.batch_totals if batch else (0, {})
        totals = {name: value * (seen + size) for name, value in logs.items()}
        self.batch_totals = (seen + size, totals)
        own = {name: (total - sums.get(name, 0.0)) / size for name, total in totals.items()}
        self.on_batch_end(batch, {"batch": batch, "size": size, **own})


def find_mode(monitor, mode):
    """Return "min" or "max", by the name of the metric as in Keras 1."""
    return ("max" if "acc" in monitor or monitor.startswith("fmeasure") else "min") if mode == "auto" else mode


class EarlyStopping(ours.EarlyStopping):
    def __init__(self, monitor="val_loss", min_delta=0, patience=0, verbose=0, mode="auto"):
        super().__init__(monitor, min_delta, patience + 1, verbose, find_mode(monitor, mode))


class ModelCheckpoint(ours.ModelCheckpoint):
    """Save the model or its weights; the fields of the path are metrics and the epoch, from 0."""

    def __init__(self, filepath, monitor="val_loss", verbose=0, save_best_only=False, save_weights_only=False,
                 mode="auto", period=1):  # fmt: skip
        super().__init__("model.pel", monitor, verbose, save_best_only, False, find_mode(monitor, mode))
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


ADVICE = {"LambdaCallback": "Subclass keras.callbacks.Callback"}
ADVICE["ReduceLROnPlateau"] = "pel.callbacks.ReduceLROnPlateau reduces after one epoch less"
