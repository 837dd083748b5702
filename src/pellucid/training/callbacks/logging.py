"""Callbacks that write metrics to CSV files and TensorBoard."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TextIO

import numpy as np

from pellucid.atomic_write import explain_write_errors
from pellucid.graph.errors import OptionError, StorageError
from pellucid.graph.validation import check_integer
from pellucid.run.distributed.process_group import process_id
from pellucid.training.callbacks.base import Callback, Logs
from pellucid.training.loop_progress import MetricValue
from pellucid.typing import Array, FilePath
from pellucid.untrusted_files.reading import open_regular_file, report_damage

if TYPE_CHECKING:
    from pellucid.interop.tensorboard.writer import EventWriter


class CSVLogger(Callback):
    """Write the metrics of every epoch as a row of a CSV file.

    The columns are ``epoch``, from 0, and all metrics by name; a metric that an epoch does not have is ``NA``. Every
    row is flushed before the next epoch begins. With several processes, the first writes.

    Parameters
    ----------
    filename : str or Path
        Path of the file.
    separator : str
        Separator of the columns.
    append : bool
        Whether to append to an existing file instead of replacing it.

    Examples
    --------
    >>> from pathlib import Path
    >>> model = pel.Sequential([pel.nn.Input((1,)), pel.nn.Dense(1, kernel_initializer="ones")])
    >>> model.compile(pel.optimizers.SGD(0.0), "mse")
    >>> history = model.fit(np.ones((8, 1)), np.ones(8), epochs=2, callbacks=[pel.callbacks.CSVLogger("log.csv")])
    >>> print(Path("log.csv").read_text().strip())
    epoch,loss
    0,0.0
    1,0.0
    """

    append: bool
    filename: Path
    separator: str

    def __init__(self, filename: FilePath, separator: str = ",", append: bool = False) -> None:
        self.filename, self.separator, self.append = Path(filename), separator, append
        self.file: TextIO | None = None
        self.columns: list[str] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.close()
        self.columns = None
        if process_id():
            return
        if self.append and self.filename.exists():
            self.columns = self.read_columns()
        with explain_write_errors(self.filename):
            self.file = self.filename.open("a" if self.append else "w", newline="", encoding="utf-8")

    def read_columns(self) -> list[str] | None:
        """Return the names of the columns of an existing file, or None if it is empty."""
        with (
            report_damage(StorageError, self.filename),
            open_regular_file(self.filename, StorageError) as (file, _),
            io.TextIOWrapper(file, encoding="utf-8", newline="") as text,
        ):
            header = next(csv.reader(text, delimiter=self.separator), None)
        return header[1:] if header else None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.file is None:
            return
        writer = csv.writer(self.file, delimiter=self.separator, lineterminator="\n")
        values = dict(logs or {})
        with explain_write_errors(self.filename):
            if self.columns is None:
                self.columns = list(dict.fromkeys([*values, *self.params["metrics"]]))
                writer.writerow(["epoch", *self.columns])
            writer.writerow([epoch, *(format_csv_value(values.get(name)) for name in self.columns)])
            self.file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file if it is open."""
        if self.file is not None:
            file, self.file = self.file, None
            with explain_write_errors(self.filename):
                file.close()

    def __del__(self) -> None:
        if getattr(self, "file", None) is not None:
            with suppress(OSError):  # a row that could not be written was reported
                self.close()


def format_csv_value(value: MetricValue | None) -> object:
    if value is None:
        return "NA"
    return value if not np.ndim(value) else f"[{', '.join(map(str, np.ravel(value)))}]"


class TensorBoard(Callback):
    """Write metrics for TensorBoard, and optionally weights, the graph and hyperparameters.

    The folder gets a subfolder for ``train`` and one for ``validation``, with metrics named ``epoch_loss`` and so on,
    as in Keras. ``tensorboard --logdir logs`` shows them during the run.

    Parameters
    ----------
    log_dir : str or Path
        Folder of the event files, one for each run.
    histogram_freq : int
        Interval in epochs at which histograms of all parameters are written; 0 for never.
    write_graph : bool
        Whether to write the graph of the model, grouped by layers.
    write_images : bool
        Whether to write parameters as images, together with the histograms.
    write_steps_per_second : bool
        Whether to write the number of steps per second.
    update_freq : "epoch", "batch" or int
        Whether to write metrics after epochs only, or also after every batch, or after this number of batches, as
        ``batch_loss`` and so on.
    hyperparameters : mapping, optional
        Hyperparameters of the run, by which TensorBoard compares runs.

    Raises
    ------
    OptionError
        For an invalid frequency.
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

    write_graph: bool
    write_images: bool

    unsaved: ClassVar[Mapping[str, Callable[[], object]]] = {**Callback.unsaved, "writers": dict}

    def __init__(
        self,
        log_dir: FilePath = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: Literal["epoch", "batch"] | int = "epoch",
        *,
        hyperparameters: Mapping[str, bool | float | str] | None = None,
    ) -> None:
        self.log_dir: Path = Path(log_dir)
        self.histogram_freq: int = check_integer("histogram_freq", histogram_freq, minimum=0)
        self.write_graph, self.write_images = write_graph, write_images
        self.write_steps_per_second = write_steps_per_second
        if update_freq not in ("epoch", "batch"):
            if isinstance(update_freq, str):
                raise OptionError(
                    f"Expected update_freq to be 'epoch', 'batch' or a number of batches. Received: {update_freq!r}"
                )
            check_integer("update_freq", update_freq)
        self.update_freq = update_freq
        self.hyperparameters = hyperparameters
        self.writers: dict[str, EventWriter | NullEventWriter] = {}
        self.is_training: bool = False

    @property
    def batch_interval(self) -> int | None:
        if self.update_freq == "epoch":
            return None
        return 1 if self.update_freq == "batch" else int(self.update_freq)

    def get_writer(self, name: str) -> EventWriter | NullEventWriter:
        """Return the `EventWriter` of a subfolder, which is opened on first use, in the first process only."""
        from pellucid.interop.tensorboard.writer import EventWriter

        if name not in self.writers:
            self.writers[name] = NullEventWriter() if process_id() else EventWriter(self.log_dir / name)
        return self.writers[name]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.is_training = True
        train = self.get_writer("train")
        if self.write_graph:
            train.graph(self.model)
        if self.hyperparameters is not None:
            self.get_writer(".").hyperparameters(self.hyperparameters)
        self.batch_start = self.epoch_start = time.perf_counter(), self.model.step

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        step = self.model.step
        train = self.get_writer("train")
        for name, value in (logs or {}).items():
            if not np.ndim(value):
                train.scalar(f"batch_{name}", value, step)
        if self.write_steps_per_second:
            train.scalar("batch_steps_per_second", self.get_steps_per_second(self.batch_start), step)
            self.batch_start = time.perf_counter(), step

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch_start = time.perf_counter(), self.model.step

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        for name, value in (logs or {}).items():
            if not np.ndim(value):
                folder = "validation" if name.startswith("val_") else "train"
                self.get_writer(folder).scalar(f"epoch_{name.removeprefix('val_')}", value, epoch)
        train = self.get_writer("train")
        rate = self.model.optimizer.learning_rate
        if isinstance(rate, float) and "learning_rate" not in (logs or {}):
            train.scalar("epoch_learning_rate", rate, epoch)
        if self.write_steps_per_second:
            train.scalar("epoch_steps_per_second", self.get_steps_per_second(self.epoch_start), epoch)
        if self.histogram_freq and (epoch + 1) % self.histogram_freq == 0:
            self.write_parameters(train, epoch)
        for writer in self.writers.values():
            writer.flush()

    def get_steps_per_second(self, start: tuple[float, int]) -> float:
        """Return the speed since a time and a step."""
        return (self.model.step - start[1]) / max(time.perf_counter() - start[0], 1e-9)

    def write_parameters(self, train: Any, epoch: int) -> None:
        """Write histograms and images of the parameters."""
        for path, shared in self.model.paths().items():
            value = shared.get_value()
            train.histogram(f"{path}/histogram", value, epoch)
            images = to_images(value)
            if self.write_images and images is not None:
                train.image(f"{path}/image", images, epoch)

    def on_test_end(self, logs: Logs | None = None) -> None:
        validation = self.get_writer("validation")
        for name, value in (logs or {}).items():
            if not np.ndim(value):
                validation.scalar(f"evaluation_{name}_vs_iterations", value, self.model.step)
        if not self.is_training:
            self.close()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self.is_training = False
        self.close()

    def close(self) -> None:
        """Close all open files."""
        for writer in self.writers.values():
            writer.close()
        self.writers.clear()


class NullEventWriter:
    """Writer of the processes that do not write."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args, **settings: None


def to_images(value: Array) -> Array | None:
    """Return a parameter as grayscale images, one for each filter of a convolution; None for other shapes.

    Examples
    --------
    >>> to_images(np.array([[0.0, 1.0], [2.0, 4.0]]))[0, :, :, 0]
    array([[0.  , 0.25],
           [0.5 , 1.  ]])
    >>> to_images(np.zeros((5, 5, 3, 16))).shape
    (16, 5, 5, 1)
    """
    images = np.asarray(value, np.float64)
    if images.ndim == 1:
        images = images[None]
    if images.ndim == 4:
        images = np.moveaxis(images.mean(axis=2), -1, 0)
    elif images.ndim == 2:
        images = images[None]
    else:
        return None
    low, high = images.min(), images.max()
    return ((images - low) / (high - low) if high > low else np.zeros_like(images))[..., None]
