"""What a training run measured, epoch by epoch."""

from __future__ import annotations

import csv
import html
import io
import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pellucid.graph.errors import StateError
from pellucid.nn.validation import number
from pellucid.training.callbacks.base import Callback, Logs
from pellucid.training.metric_mode import better_when_great

if TYPE_CHECKING:
    from pellucid.model.model import Model
    from pellucid.training.snapshots import Recording


Entry = tuple[Mapping[str, Any], Sequence[int], float]
"""Measures of some epochs, their numbers, and how long each took."""


def settled(name: str) -> Any:
    """Return an attribute that is complete once somebody looks at it."""

    def look(self: History) -> Any:
        if self.waiting:
            self.settle()
        return self.__dict__[name]

    def put(self: History, value: Any) -> None:
        self.__dict__[name] = value

    return property(look, put)


class History(Callback):
    """The measures of every finished epoch, as `Model.fit` returns them; a callback that every run has.

    It keeps snapshots of the run here and there, and what it needs to enter it again at any step (`at`, `branch`):
    as much as is allowed, and the data, if they are in memory.

    Parameters
    ----------
    snapshot_megabytes : float
        How much snapshots may take; 0 for none. To say so, hand a history to ``fit`` as a callback.

    Attributes
    ----------
    history : dict from str to list of float
        The mean over the samples of ``"loss"`` and of every metric, one number an epoch; those of the validation
        data begin with ``"val_"``.
    epoch : list of int
        The numbers of the finished epochs; the first is 0, or the ``initial_epoch``.
    seconds : list of float
        How long each epoch took, compiling included.

    Examples
    --------
    >>> history = History()
    >>> history.append({"loss": 0.7}, seconds=0.1)
    >>> history.append({"loss": 0.5}, seconds=0.1)
    >>> history.history
    {'loss': [0.7, 0.5]}
    >>> print(history)
    2 epochs in 0.2 s
      loss  0.7 -> 0.5  (least 0.5 in epoch 2)
    """

    unsaved: ClassVar[Mapping[str, Callable[[], Any]]] = {
        **Callback.unsaved,
        "recording": lambda: None,
        "waiting": list,
    }
    history = settled("history")
    places = settled("places")
    epoch = settled("epoch")
    seconds = settled("seconds")

    def __init__(self, snapshot_megabytes: float = 128.0) -> None:
        self.snapshot_megabytes = number("snapshot_megabytes", snapshot_megabytes, low=0.0)
        self.recording: Recording | None = None
        self.begin()

    def begin(self) -> None:
        """Have no epochs yet."""
        self.waiting: list[Entry] = []
        self.history, self.places, self.epoch, self.seconds = {}, {}, [], []
        self.clock = time.perf_counter()

    def append(self, measures: Mapping[str, Any], seconds: float, epoch: int | None = None) -> None:
        """Enter the measures of one more finished epoch."""
        number = len(self.epoch) if epoch is None else epoch
        self.enter({name: [value] for name, value in measures.items()}, [number], seconds)

    def enter(self, columns: Mapping[str, Any], epochs: Sequence[int], seconds: float) -> None:
        """Enter the measures of several epochs, each of which took so long; lists are made once they are read."""
        self.waiting.append((columns, epochs, seconds))

    def settle(self) -> None:
        """Put what was entered into the lists."""
        entries, self.waiting = self.waiting, []
        for columns, epochs, seconds in entries:
            for name, values in columns.items():
                start, end = len(self.epoch), len(self.epoch) + len(values)
                self.history.setdefault(name, []).extend(values.tolist() if isinstance(values, np.ndarray) else values)
                spans = self.places.setdefault(name, [])
                if spans and spans[-1][1] == start:
                    start = spans.pop()[0]
                spans.append((start, end))
            self.epoch.extend(epochs)
            self.seconds.extend([seconds] * len(epochs))

    def __getstate__(self) -> dict[str, Any]:
        self.settle()
        return self.__dict__

    @property
    def latest_seconds(self) -> float:
        """How long the latest epoch took."""
        return float(self.waiting[-1][2] if self.waiting else self.seconds[-1])

    def extend(self, first: int, columns: Mapping[str, Sequence[Any]], count: int) -> None:
        """Enter several epochs, from a number on, which took equally long since the last one."""
        now = time.perf_counter()
        self.enter(columns, range(first, first + count), (now - self.clock) / count)
        self.clock = now

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The measures epoch by epoch; an epoch without validation has none of it."""
        rows: list[dict[str, Any]] = [{} for _ in self.epoch]
        for name, values in self.history.items():
            for place, value in zip(self.places_of(name), values, strict=False):
                rows[place][name] = value
        return rows

    def places_of(self, name: str) -> Iterator[int]:
        """Go through the rows that have a measure."""
        return itertools.chain(*(range(*span) for span in self.places.get(name, ())))

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Look at the clock."""
        self.clock = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Enter a finished epoch."""
        self.extend(epoch, {name: [value] for name, value in (logs or {}).items()}, 1)

    def get_state(self) -> dict[str, Any]:
        """Return all of it as arrays."""
        rows = {f"rows/{i}/{name}": np.asarray(v) for i, row in enumerate(self.rows) for name, v in row.items()}
        return {"epoch": np.array(self.epoch, np.int64), "seconds": np.array(self.seconds, np.float64), **rows}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on after the epochs that `get_state` returned."""
        self.begin()
        rows: list[dict[str, Any]] = [{} for _ in state["epoch"]]
        for key, value in state.items():
            if key.startswith("rows/"):
                _, place, name = key.split("/", 2)
                rows[int(place)][name] = as_measured(value)
        for row, epoch, seconds in zip(rows, state["epoch"], state["seconds"], strict=True):
            self.append(row, float(seconds), int(epoch))

    def table(self, most: int = 20) -> str:
        """Write the epochs as a table: their numbers from 1, seconds and measures.

        Parameters
        ----------
        most : int
            How many epochs are shown; of more, the first and the last.

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
        lines = self.cells(most)
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join("  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)

    def cells(self, most: int) -> list[list[str]]:
        """Return the texts of the table, the header first."""
        rows, count = self.rows, len(self.epoch)
        names = list(self.history)
        found = [["epoch", "seconds", *names]]
        for place in range(count):
            if most < count and most // 2 + most % 2 <= place < count - most // 2:
                if len(found[-1][0]) and found[-1][0] != "...":
                    found.append(["...", *[""] * (len(names) + 1)])
                continue
            measures = [figure(rows[place][name]) if name in rows[place] else "" for name in names]
            found.append([str(self.epoch[place] + 1), f"{self.seconds[place]:.2f}", *measures])
        return found

    def to_csv(self, path: str | Path | None = None) -> str:
        """Write the epochs as lines of a CSV file, every digit of every measure, and return the text.

        Parameters
        ----------
        path : str or Path, optional
            Where it is written too.
        """
        names = list(self.history)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["epoch", "seconds", *names])
        for epoch, seconds, row in zip(self.epoch, self.seconds, self.rows, strict=True):
            writer.writerow([epoch, seconds, *(row.get(name, "") for name in names)])
        if path is not None:
            Path(path).write_text(text.getvalue(), encoding="utf-8")
        return text.getvalue()

    def __rich__(self) -> Any:
        from rich.table import Table

        head, *lines = self.cells(20)
        table = Table(*head, box=None, header_style="bold")
        for column in table.columns:
            column.justify = "right"
        for line in lines:
            table.add_row(*line)
        return table

    def _repr_html_(self) -> str:
        head, *lines = self.cells(20)
        rows = [f"<tr>{''.join(f'<td>{html.escape(c)}</td>' for c in line)}</tr>" for line in lines]
        heads = "".join(f"<th>{html.escape(c)}</th>" for c in head)
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"

    def checked_recording(self) -> Recording:
        """Return what was kept of the run."""
        if self.recording is None:
            raise StateError(
                "This history has no run that can be entered again: it was loaded from a file, or belongs to no fit yet"
            )
        return self.recording

    def at(self, step: int) -> Model:
        """Return a model of its own that is as this one was after a step, to the last bit.

        The run is entered again at the snapshot before the step, and walked from there.

        Parameters
        ----------
        step : int
            How many steps were made, as ``model.step`` counts them.

        Returns
        -------
        Model
            With its weights, what its optimizer remembers and its random streams as they were before the next step,
            callbacks having been called; ``model.run`` says where in which epoch that was. It shares nothing with the
            model that was trained.

        Raises
        ------
        OptionError
            For a step that the run has not.
        StateError
            If the run cannot be entered again: its batches came from an iterable, or there was no room for snapshots.

        Examples
        --------
        >>> from pellucid import nn
        >>> model = pel.Sequential([nn.Input((1,)), nn.Dense(1, kernel_initializer="zeros")])
        >>> model.compile(pel.optimizers.SGD(0.25), "mse")
        >>> history = model.fit(np.ones((8, 1)), np.ones(8), batch_size=2, epochs=3, verbose=0)
        >>> [float(history.at(step).predict(np.ones((1, 1)))[0, 0]) for step in (0, 1, 2)]
        [0.0, 1.0, 1.0]
        """
        from pellucid.training.fork import model_at

        return model_at(self.checked_recording(), step)

    def branch(
        self,
        at: int,
        *,
        learning_rate: float | None = None,
        change: Callable[[Model], None] | None = None,
        epochs: int | None = None,
        callbacks: Any = None,
        verbose: Any = 0,
    ) -> History:
        """Train again from a step on, with something changed: the same samples in the same order, the same draws.

        Parameters
        ----------
        at : int
            From which step on.
        learning_rate : float, optional
            The rate from there on.
        change : function, optional
            Called with the model as it was then, to change what it likes.
        epochs : int, optional
            The number of the last epoch, counted from 1; that of the run without it.
        callbacks : list of Callback, optional
            Who is told of the new run; those of the first are not called again.
        verbose : {0, 1, 2}
            As in `Model.fit`.

        Returns
        -------
        History
            Of the new run, with the epochs that were finished before it. Its ``model`` is another one than the first.

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
        from pellucid.training.fork import branched

        return branched(self, at, learning_rate, change, epochs, callbacks, verbose)

    def __str__(self) -> str:
        count = len(self.epoch)
        if not count:
            return "no finished epoch"
        width = max(map(len, self.history))
        lines = [f"{count} epoch{'s' * (count != 1)} in {sum(self.seconds):.3g} s"]
        for name, values in self.history.items():
            first, last = (figure(v) if np.ndim(v) else f"{v:.4g}" for v in (values[0], values[-1]))
            epochs = [self.epoch[place] for place in self.places_of(name)]
            lines.append(f"  {name:<{width}}  {first} -> {last}{best(name, values, epochs)}")
        return "\n".join(lines)


def as_measured(value: Any) -> Any:
    """Return a measure from an array: Python's number where it can have been one."""
    return value.item() if value.dtype in (np.float64, np.int64, bool) and not value.ndim else value[()]


def figure(value: Any) -> str:
    """Write a measure briefly, small ones with their digits; one of several numbers in brackets.

    Examples
    --------
    >>> figure(0.5), figure(0.000012), figure(np.array([0.5, 1.0]))
    ('0.5000', '1.20e-05', '[0.5000 1.0000]')
    """
    if np.ndim(value):
        return f"[{' '.join(figure(v) for v in np.ravel(value))}]"
    return f"{value:{'.2e' if 0 < abs(value) < 1e-3 else '.4f'}}"


def best(name: str, values: Sequence[Any], epochs: Sequence[int]) -> str:
    """Say in which epoch a measure was best, if it is known what that is."""
    great = better_when_great(name)
    numbers = [
        (value, epoch)
        for value, epoch in zip(values, epochs, strict=False)
        if not np.ndim(value) and math.isfinite(value)
    ]
    if not numbers or great is None:
        return ""
    choose, word = (max, "greatest") if great else (min, "least")
    extreme, epoch = choose(numbers, key=lambda pair: pair[0])
    return f"  ({word} {extreme:.4g} in epoch {epoch + 1})"
