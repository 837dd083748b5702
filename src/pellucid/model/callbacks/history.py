"""What a training run measured, epoch by epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.model.callbacks.base import Callback, Logs


class History(Callback):
    """The measures of every finished epoch, as `Model.fit` returns them; a callback that every run has.

    Attributes
    ----------
    history : dict from str to list of float
        The mean over the samples of ``"loss"`` and of every metric, one number an epoch; those of the validation
        data begin with ``"val_"``.
    epoch : list of int
        The numbers of the finished epochs; the first is 0, or the ``initial_epoch``.
    rows : list of dict
        The same, an epoch each; one without validation has no measures of it.
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

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = {}
        self.rows: list[dict[str, Any]] = []
        self.epoch: list[int] = []
        self.seconds: list[float] = []
        self.clock = time.perf_counter()

    def append(self, measures: Mapping[str, Any], seconds: float, epoch: int | None = None) -> None:
        """Enter the measures of one more finished epoch."""
        for name, value in measures.items():
            self.history.setdefault(name, []).append(value)
        self.rows.append(dict(measures))
        self.epoch.append(len(self.epoch) if epoch is None else epoch)
        self.seconds.append(seconds)

    def extend(self, first: int, results: Sequence[Mapping[str, Any]]) -> None:
        """Enter several epochs, from a number on, which took equally long."""
        now = time.perf_counter()
        for number, measures in enumerate(results, first):
            self.append(measures, (now - self.clock) / len(results), number)
        self.clock = now

    def row(self, place: int) -> tuple[dict[str, Any], float]:
        """Return the measures of one of the finished epochs, and how long it took."""
        return self.rows[place], self.seconds[place]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Look at the clock."""
        self.clock = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Enter a finished epoch."""
        self.extend(epoch, [logs or {}])

    def get_state(self) -> dict[str, Any]:
        """Return all of it as arrays."""
        rows = {f"rows/{i}/{name}": np.asarray(v) for i, row in enumerate(self.rows) for name, v in row.items()}
        return {"epoch": np.array(self.epoch, np.int64), "seconds": np.array(self.seconds, np.float64), **rows}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on after the epochs that `get_state` returned."""
        self.history, self.rows, self.epoch, self.seconds = {}, [], [], []
        for i, (epoch, seconds) in enumerate(zip(state["epoch"], state["seconds"], strict=True)):
            prefix = f"rows/{i}/"
            row = {name.removeprefix(prefix): v for name, v in state.items() if name.startswith(prefix)}
            self.append({name: as_measured(v) for name, v in row.items()}, float(seconds), int(epoch))

    def __str__(self) -> str:
        count = len(self.epoch)
        if not count:
            return "no finished epoch"
        width = max(map(len, self.history))
        lines = [f"{count} epoch{'s' * (count != 1)} in {sum(self.seconds):.3g} s"]
        for name, values in self.history.items():
            lines.append(f"  {name:<{width}}  {values[0]:.4g} -> {values[-1]:.4g}{best(name, values)}")
        return "\n".join(lines)


def as_measured(value: Any) -> Any:
    """Return a measure from an array: Python's number where it can have been one."""
    return value.item() if value.dtype in (np.float64, np.int64, bool) and not value.ndim else value[()]


def best(name: str, values: Sequence[float]) -> str:
    """Say in which epoch a loss was least, or a metric greatest."""
    numbers = [value for value in values if math.isfinite(value)]
    if not numbers:
        return ""
    extreme, word = (min(numbers), "least") if name.endswith("loss") else (max(numbers), "greatest")
    return f"  ({word} {extreme:.4g} in epoch {values.index(extreme) + 1})"
