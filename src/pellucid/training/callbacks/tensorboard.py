"""The callback that writes what TensorBoard shows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.run.distributed.process_group import process_id
from pellucid.training import data_validation
from pellucid.training.callbacks.base import Callback, Logs

Array = np.ndarray[Any, Any]


class TensorBoard(Callback):
    """Write the measures of a training run for TensorBoard, and its weights, graph and settings if that is asked for.

    The folder gets one for ``train`` and one for ``validation``, with measures named ``epoch_loss`` and so on, as
    Keras names them. ``tensorboard --logdir logs`` shows them while the run goes on.

    Parameters
    ----------
    log_dir : str or Path
        The folder; each run has one of its own.
    histogram_freq : int
        After every how many epochs the distributions of all parameters are written; 0 for never.
    write_graph : bool
        Whether the graph of the model is written, with a box for each layer.
    write_images : bool
        Whether parameters are written as images as well, whenever histograms are.
    write_steps_per_second : bool
        Whether to write how many steps were made in a second.
    update_freq : "epoch", "batch" or int
        After what measures are written: epochs; besides, every batch, or every so many, as ``batch_loss`` and so on.
    hyperparameters : mapping, optional
        What the run was set to, by which TensorBoard compares runs.

    Raises
    ------
    OptionError
        For a frequency that is none.
    UseError
        When training begins, if TensorBoard is not installed.

    Examples
    --------
    >>> from pathlib import Path
    >>> model = pel.Sequential([pel.nn.Input((1,)), pel.nn.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> board = pel.callbacks.TensorBoard("logs/first", histogram_freq=1)
    >>> history = model.fit(np.ones((8, 1)), np.ones(8), epochs=2, validation_split=0.5, callbacks=[board])
    >>> sorted(folder.name for folder in Path("logs/first").iterdir())
    ['train', 'validation']
    """

    unsaved: ClassVar[Mapping[str, Callable[[], Any]]] = {**Callback.unsaved, "writers": dict}

    def __init__(
        self,
        log_dir: str | Path = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        *,
        hyperparameters: Mapping[str, Any] | None = None,
    ) -> None:
        self.log_dir = Path(log_dir)
        self.histogram_freq = data_validation.whole("histogram_freq", histogram_freq)
        self.write_graph, self.write_images = write_graph, write_images
        self.write_steps_per_second = write_steps_per_second
        if update_freq not in ("epoch", "batch"):
            if isinstance(update_freq, str):
                raise OptionError(
                    f"Expected update_freq to be 'epoch', 'batch' or a number of batches. Received: {update_freq!r}"
                )
            data_validation.positive("update_freq", update_freq)
        self.update_freq = update_freq
        self.hyperparameters = hyperparameters
        self.writers: dict[str, Any] = {}
        self.training = False

    @property
    def batch_interval(self) -> int | None:
        """After every how many batches it is called."""
        if self.update_freq == "epoch":
            return None
        return 1 if self.update_freq == "batch" else int(self.update_freq)

    def writer(self, name: str) -> Any:
        """Return the `EventWriter` of one of the folders, opened when it is first asked for, in the first process."""
        from pellucid.interop.tensorboard.writer import EventWriter

        if name not in self.writers:
            self.writers[name] = Unwritten() if process_id() else EventWriter(self.log_dir / name)
        return self.writers[name]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Open the file, and write the graph and the settings."""
        self.training = True
        train = self.writer("train")
        if self.write_graph:
            train.graph(self.model)
        if self.hyperparameters is not None:
            self.writer(".").hyperparameters(self.hyperparameters)
        self.since = time.perf_counter(), self.model.step
        self.begun = self.since

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Write the measures of the epoch so far."""
        step = self.model.step
        train = self.writer("train")
        for name, value in (logs or {}).items():
            if not np.ndim(value):
                train.scalar(f"batch_{name}", value, step)
        if self.write_steps_per_second:
            now = time.perf_counter()
            train.scalar("batch_steps_per_second", (step - self.since[1]) / max(now - self.since[0], 1e-9), step)
            self.since = now, step

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Look at the clock."""
        self.begun = time.perf_counter(), self.model.step

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the measures of an epoch, and the parameters if it is time."""
        for name, value in (logs or {}).items():
            if not np.ndim(value):
                folder = "validation" if name.startswith("val_") else "train"
                self.writer(folder).scalar(f"epoch_{name.removeprefix('val_')}", value, epoch)
        train = self.writer("train")
        rate = self.model.optimizer.learning_rate
        if isinstance(rate, float):
            train.scalar("epoch_learning_rate", rate, epoch)
        if self.write_steps_per_second:
            seconds = max(time.perf_counter() - self.begun[0], 1e-9)
            train.scalar("epoch_steps_per_second", (self.model.step - self.begun[1]) / seconds, epoch)
        if self.histogram_freq and (epoch + 1) % self.histogram_freq == 0:
            self.write_parameters(train, epoch)
        for writer in self.writers.values():
            writer.flush()

    def write_parameters(self, train: Any, epoch: int) -> None:
        """Write how the parameters are distributed, and what they look like."""
        for path, shared in self.model.paths().items():
            value = shared.get_value()
            train.histogram(f"{path}/histogram", value, epoch)
            image = as_image(value)
            if self.write_images and image is not None:
                train.image(f"{path}/image", image, epoch)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Write what was measured over the steps made so far, as Keras does."""
        validation = self.writer("validation")
        for name, value in (logs or {}).items():
            if not np.ndim(value):
                validation.scalar(f"evaluation_{name}_vs_iterations", value, self.model.step)
        if not self.training:
            self.close()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the files."""
        self.training = False
        self.close()

    def close(self) -> None:
        """Close the files that are open."""
        for writer in self.writers.values():
            writer.close()
        self.writers.clear()


class Unwritten:
    """Takes what another process writes."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args, **settings: None


def as_image(value: Array) -> Array | None:
    """Return a parameter as images from black to white, one for each filter of a convolution; None for other shapes.

    Examples
    --------
    >>> as_image(np.array([[0.0, 1.0], [2.0, 4.0]]))[0, :, :, 0]
    array([[0.  , 0.25],
           [0.5 , 1.  ]])
    >>> as_image(np.zeros((5, 5, 3, 16))).shape
    (16, 5, 5, 1)
    """
    part = np.asarray(value, np.float64)
    if part.ndim == 1:
        part = part[None]
    if part.ndim == 4:
        part = np.moveaxis(part.mean(axis=2), -1, 0)
    elif part.ndim == 2:
        part = part[None]
    else:
        return None
    low, high = part.min(), part.max()
    return ((part - low) / (high - low) if high > low else np.zeros_like(part))[..., None]
