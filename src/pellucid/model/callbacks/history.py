"""What a training run measured, epoch by epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pellucid.graph.errors import StateError
from pellucid.model.callbacks.base import Callback, Logs
from pellucid.nn.limits import number

if TYPE_CHECKING:
    from pellucid.model.model import Model
    from pellucid.model.recording import Recording


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

    unsaved: ClassVar[Mapping[str, Callable[[], Any]]] = {**Callback.unsaved, "recording": lambda: None}

    def __init__(self, snapshot_megabytes: float = 128.0) -> None:
        self.snapshot_megabytes = number("snapshot_megabytes", snapshot_megabytes, low=0.0)
        self.recording: Recording | None = None
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
        for epoch, measures in enumerate(results, first):
            self.append(measures, (now - self.clock) / len(results), epoch)
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
        from pellucid.model.branching import model_at

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
        from pellucid.model.branching import branched

        return branched(self, at, learning_rate, change, epochs, callbacks, verbose)

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
