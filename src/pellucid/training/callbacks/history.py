"""Metrics of a training run, epoch by epoch."""

from __future__ import annotations

import csv
import io
import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from pellucid.atomic_write import atomic_write
from pellucid.graph.errors import StateError
from pellucid.graph.validation import check_number
from pellucid.model.interfaces import ModelLike
from pellucid.training.callbacks.base import Callback, Logs
from pellucid.training.epoch_program import ReadingTime
from pellucid.training.loop_progress import MetricValue, format_metric
from pellucid.training.metric_mode import is_higher_better
from pellucid.training.snapshots import RunRecorder
from pellucid.typing import Array, ArrayLike, FilePath, Verbosity


class History(Callback):
    """Metrics of every finished epoch, as `Model.fit` returns them; a callback of every run.

    It keeps snapshots of the run and references to data in memory, from which `at` and `branch` reproduce the model
    after any step.

    Parameters
    ----------
    snapshot_megabytes : float
        Memory limit of the snapshots; 0 for none. To set it, pass a history to ``fit`` as a callback.

    Attributes
    ----------
    history : dict from str to list of float
        Mean over the samples of ``"loss"`` and of every metric, one number per epoch; the names for validation
        data begin with ``"val_"``.
    epoch : list of int
        Numbers of the finished epochs; the first is 0, or ``initial_epoch``.
    seconds : list of float
        Duration of each epoch, including compilation.
    backends : list of str
        What computed the training steps: C loops, C kernels or XLA, with version, flags and processor. Runs with
        different backends differ in the last bits.

    Examples
    --------
    >>> history = History()
    >>> history.append({"loss": 0.7}, seconds=0.1)
    >>> history.append({"loss": 0.5}, seconds=0.1)
    >>> history.history
    {'loss': [0.7, 0.5]}
    >>> print(history)
    2 epochs in 0.2 s
      loss  0.7 -> 0.5  (minimum 0.5 in epoch 2)
    """

    unsaved: ClassVar[Mapping[str, Callable[[], object]]] = {
        **Callback.unsaved,
        "recorder": lambda: None,
        "reading": lambda: None,
    }

    backends: Sequence[str] = ()  # of histories in old files
    reading: ReadingTime | None = None

    def __init__(self, snapshot_megabytes: float = 32.0) -> None:
        self.snapshot_megabytes: float = check_number("snapshot_megabytes", snapshot_megabytes, minimum=0.0)
        self.recorder: RunRecorder | None = None
        self.backends = []
        self.reset()

    def reset(self) -> None:
        """Remove all epochs."""
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []
        self.seconds: list[float] = []
        self.reading: ReadingTime | None = None
        # For each metric, the spans of rows that have it: not every epoch is validated.
        self.spans: dict[str, list[tuple[int, int]]] = {}
        self.clock: float = time.perf_counter()

    def append(self, metrics: Mapping[str, MetricValue], seconds: float, epoch: int | None = None) -> None:
        """Add the metrics of one finished epoch."""
        number = len(self.epoch) if epoch is None else epoch
        self.add_columns({name: [value] for name, value in metrics.items()}, [number], seconds)

    def extend(self, first: int, columns: Mapping[str, Sequence[MetricValue] | Array], count: int) -> None:
        """Add the metrics of several epochs, which share the time since the last one equally."""
        now = time.perf_counter()
        self.add_columns(columns, range(first, first + count), (now - self.clock) / count)
        self.clock = now

    def add_columns(self, columns: Mapping[str, Any], epochs: Sequence[int], seconds: float) -> None:
        """Add the metrics of several epochs that took ``seconds`` each."""
        start, end = len(self.epoch), len(self.epoch) + len(epochs)
        for name, values in columns.items():
            self.history.setdefault(name, []).extend(values.tolist() if isinstance(values, np.ndarray) else values)
            spans = self.spans.setdefault(name, [])
            begin = spans.pop()[0] if spans and spans[-1][1] == start else start
            spans.append((begin, end))
        self.epoch.extend(epochs)
        self.seconds.extend([seconds] * len(epochs))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Metrics by epoch; an epoch without validation has no validation metrics."""
        rows: list[dict[str, Any]] = [{} for _ in self.epoch]
        for name, values in self.history.items():
            for index, value in zip(self.iter_row_indices(name), values, strict=False):
                rows[index][name] = value
        return rows

    def iter_row_indices(self, name: str) -> Iterator[int]:
        """Yield the indices of the rows that have a metric."""
        return itertools.chain(*(range(*span) for span in self.spans.get(name, ())))

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.clock = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.extend(epoch, {name: [value] for name, value in (logs or {}).items()}, 1)

    def get_state(self) -> dict[str, ArrayLike]:
        rows = {f"rows/{i}/{name}": np.asarray(v) for i, row in enumerate(self.rows) for name, v in row.items()}
        return {"epoch": np.array(self.epoch, np.int64), "seconds": np.array(self.seconds, np.float64), **rows}

    def set_state(self, state: Mapping[str, Any]) -> None:
        self.reset()
        rows: list[dict[str, Any]] = [{} for _ in state["epoch"]]
        for key, value in state.items():
            if key.startswith("rows/"):
                _, index, name = key.split("/", 2)
                rows[int(index)][name] = from_array(value)
        for row, epoch, seconds in zip(rows, state["epoch"], state["seconds"], strict=True):
            self.append(row, float(seconds), int(epoch))

    def table(self, most: int = 20) -> str:
        """Return the epochs as a text table: their numbers from 1, seconds and metrics.

        Parameters
        ----------
        most : int
            Maximum number of epochs; of more, the first and the last are shown.

        Examples
        --------
        >>> history = History()
        >>> for loss in (0.7, 0.5, 0.25):
        ...     history.append({"loss": loss}, seconds=0.1)
        >>> print(history.table(most=2))
        epoch  seconds    loss
            1     0.10  0.7000
          ...
            3     0.10  0.2500
        """
        lines = self.get_cells(most)
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join("  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)

    def get_cells(self, most: int) -> list[list[str]]:
        """Return the cells of the table as text, the header first."""
        rows, count = self.rows, len(self.epoch)
        names = list(self.history)
        head, tail = (most + 1) // 2, most // 2
        cells = [["epoch", "seconds", *names]]
        for index in range(count):
            if most < count and head <= index < count - tail:
                if index == head:
                    cells.append(["...", *[""] * (len(names) + 1)])
                continue
            values = [format_metric(rows[index][name]) if name in rows[index] else "" for name in names]
            cells.append([str(self.epoch[index] + 1), f"{self.seconds[index]:.2f}", *values])
        return cells

    def to_csv(self, path: FilePath | None = None) -> str:
        """Return the epochs as the text of a CSV file, with all digits.

        Parameters
        ----------
        path : str or Path, optional
            File to write the text to.
        """
        names = list(self.history)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["epoch", "seconds", *names])
        for epoch, seconds, row in zip(self.epoch, self.seconds, self.rows, strict=True):
            writer.writerow([epoch, seconds, *(row.get(name, "") for name in names)])
        if path is not None:
            atomic_write(path, text.getvalue())
        return text.getvalue()

    def __rich__(self) -> Any:
        from rich.table import Table

        head, *lines = self.get_cells(20)
        table = Table(*head, box=None, header_style="bold")
        for column in table.columns:
            column.justify = "right"
        for line in lines:
            table.add_row(*line)
        return table

    def _repr_html_(self) -> str:
        from pellucid.training.callbacks.history_display import render_history

        return render_history(self)

    def find_best(self, name: str) -> tuple[float, int] | None:
        """Return the best finite value of a metric and its epoch, counted from 0; None if it has no direction."""
        higher = is_higher_better(name)
        epochs = (self.epoch[index] for index in self.iter_row_indices(name))
        numbers = [
            (value, epoch)
            for value, epoch in zip(self.history[name], epochs, strict=False)
            if not np.ndim(value) and math.isfinite(value)
        ]
        if not numbers or higher is None:
            return None
        return (max if higher else min)(numbers, key=lambda pair: pair[0])

    def get_recorder(self) -> RunRecorder:
        """Return the recorder of the run, or raise an error if there is none."""
        if self.recorder is None:
            raise StateError(
                "This history cannot reproduce a run: it was loaded from a file, or was not yet passed to fit"
            )
        return self.recorder

    def at(self, step: int) -> ModelLike:
        """Return a copy of the model as it was after a step, bit by bit.

        The run is repeated from the last snapshot before the step.

        Parameters
        ----------
        step : int
            Number of steps, as ``model.step`` counts them.

        Returns
        -------
        Model
            With weights, optimizer and random streams as they were before the next step, after all callbacks;
            ``model.run`` has the position in the run. It shares nothing with the trained model.

        Raises
        ------
        OptionError
            For a step outside the run.
        StateError
            If the run cannot be repeated: its batches came from an iterable, or the snapshots exceeded their limit.

        Examples
        --------
        >>> from pellucid import nn
        >>> model = pel.Sequential([nn.Input((1,)), nn.Dense(1, kernel_initializer="zeros")])
        >>> model.compile(pel.optimizers.SGD(0.25), "mse")
        >>> history = model.fit(np.ones((8, 1)), np.ones(8), batch_size=2, epochs=3, verbose=0)
        >>> [float(history.at(step).predict(np.ones((1, 1)))[0, 0]) for step in (0, 1, 2)]
        [0.0, 1.0, 1.0]
        """
        from pellucid.training.fork import restore_model

        return restore_model(self.get_recorder(), step)

    def branch(
        self,
        at: int,
        *,
        learning_rate: float | None = None,
        change: Callable[[ModelLike], None] | None = None,
        epochs: int | None = None,
        callbacks: Callback | Iterable[Callback] | None = None,
        verbose: Verbosity = 0,
    ) -> History:
        """Train a copy of the model again from a step on, with a change; samples, their order and random draws stay.

        Parameters
        ----------
        at : int
            Step to start from.
        learning_rate : float, optional
            New learning rate.
        change : function, optional
            Called with the copy of the model before training, to change it.
        epochs : int, optional
            Number of the last epoch, counted from 1; by default that of the run.
        callbacks : list of Callback, optional
            Callbacks of the new run; those of the first are not called again.
        verbose : {0, 1, 2}
            As in `Model.fit`.

        Returns
        -------
        History
            History of the new run, with the epochs finished before it. Its ``model`` is the copy.

        Raises
        ------
        OptionError, StateError
            As for `at`.

        Examples
        --------
        >>> from pellucid import nn
        >>> model = pel.Sequential([nn.Input((1,)), nn.Dense(1, kernel_initializer="zeros")])
        >>> model.compile(pel.optimizers.SGD(0.01), "mse")
        >>> history = model.fit(np.ones((8, 1)), np.ones(8), batch_size=2, epochs=3, verbose=0)
        >>> faster = history.branch(at=4, learning_rate=0.25)
        >>> faster.epoch, faster.history["loss"][0] == history.history["loss"][0]
        ([0, 1, 2], True)
        >>> faster.history["loss"][-1] < history.history["loss"][-1]
        True
        """
        from pellucid.training.fork import branch_run

        return branch_run(self, at, learning_rate, change, epochs, callbacks, verbose)

    def __str__(self) -> str:
        count = len(self.epoch)
        if not count:
            return "no finished epoch"
        width = max(map(len, self.history))
        lines = [f"{count} epoch{'s' * (count != 1)} in {sum(self.seconds):.3g} s"]
        for name, values in self.history.items():
            first, last = (format_metric(v) if np.ndim(v) else f"{v:.4g}" for v in (values[0], values[-1]))
            best = self.find_best(name)
            word = "maximum" if is_higher_better(name) else "minimum"
            note = "" if best is None else f"  ({word} {best[0]:.4g} in epoch {best[1] + 1})"
            lines.append(f"  {name:<{width}}  {first} -> {last}{note}")
        return "\n".join(lines)


def from_array(value: Array) -> MetricValue:
    """Return a metric as it was before `get_state`: a Python number where that was possible."""
    return value.item() if value.dtype in (np.float64, np.int64, bool) and not value.ndim else value[()]
