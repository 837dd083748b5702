"""What a sweep came to: a table, curves, the best model, a picture, and a reading in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.errors import NoSuchNameError, OptionError, near_miss
from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.training import data_validation
from pellucid.training.data_adapter import inputs_of
from pellucid.training.metric_mode import better_when_great
from pellucid.training.sweeps.batched_trainer import predictor
from pellucid.training.sweeps.batching import Group
from pellucid.training.sweeps.runs import Run
from pellucid.training.sweeps.summary import distinct, read

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]

SHOWN = 12
"""How many runs are printed, the best first."""


class Sweep:
    """The runs of a sweep, in the order of the settings, and what they measured.

    Attributes
    ----------
    runs : list of Run
        Each with its settings, its seed, the number of its subsample, and its trained model.
    curves : dict from str to array, shape (runs, epochs)
        The loss and the metrics of every epoch; those of validation data begin with ``"val_"``.
    programs : int
        How many compiled programs trained them, or were to.
    monitor : str
        The measure that says which run is best.
    """

    def __init__(self, runs: Sequence[Run], groups: Sequence[Group], monitor: str) -> None:
        self.runs: list[Run] = []
        self.curves: dict[str, Array] = {}
        self.seconds = np.empty(0)
        self.programs = len(groups)
        self.monitor = monitor
        self._all, self._groups = list(runs), list(groups)
        self._finished: dict[int, tuple[dict[str, Array], float]] = {}

    def finish(self, numbers: Sequence[int], curves: dict[str, Array], epochs: int, seconds: float = np.nan) -> None:
        """Enter runs that were trained together, with NaN for epochs they did not come to, and what they took."""
        for place, number in enumerate(numbers):
            own = {
                name: np.pad(v[place], (0, epochs - v.shape[1]), constant_values=np.nan) for name, v in curves.items()
            }
            self._finished[number] = own, seconds / len(numbers)
        done = sorted(self._finished)
        self.runs = [self._all[i] for i in done]
        missing = np.full(epochs, np.nan)
        names = dict.fromkeys(name for i in done for name in self._finished[i][0])
        self.curves = {name: np.stack([self._finished[i][0].get(name, missing) for i in done]) for name in names}
        self.seconds = np.array([self._finished[i][1] for i in done])

    def __len__(self) -> int:
        return len(self.runs)

    @property
    def settings(self) -> dict[str, Array]:
        """The settings of all runs, one column each, with the seeds, and the numbers of the subsamples if there are."""
        columns: dict[str, list[Any]] = {name: [run.settings[name] for run in self.runs] for name in self.names}
        columns["seed"] = [run.seed for run in self.runs]
        if any(run.subsample is not None for run in self.runs):
            columns["rows"] = [run.subsample for run in self.runs]
        return {name: column_of(values) for name, values in columns.items()}

    @property
    def names(self) -> list[str]:
        """The names of the settings."""
        return list(self._all[0].settings)

    @property
    def table(self) -> dict[str, Array]:
        """One row a run: its settings, the last and the best of every measure, and seconds, shared among a program's.

        A dict from the name of a column to its values, of which ``pandas.DataFrame(sweep.table)`` makes a frame.
        """
        columns = self.settings
        for name, values in self.curves.items():
            columns[name] = values[:, -1]
            columns[f"best_{name}"] = best_of(name, values)
        columns["seconds"] = self.seconds
        return columns

    @property
    def ranking(self) -> Array:
        """The numbers of the runs, the best first; those that ended with no number come last."""
        last = self.curves[self.monitor][:, -1]
        return np.argsort(-last if is_greater_better(self.monitor) else last, kind="stable")

    @property
    def best(self) -> int:
        """The number of the run that ended best."""
        return int(self.ranking[0])

    def model(self, run: Any = None) -> Model:
        """Return the trained model of a run, the best one's without a number.

        Parameters
        ----------
        run : int, optional
            Its row in the table.

        Returns
        -------
        Model
            Ready to predict, to be evaluated, saved, or fitted further.
        """
        number = self.best if run is None else run
        if not isinstance(number, (int, np.integer)) or not -len(self) <= number < len(self):
            raise OptionError(f"Expected the number of a run, from 0 to {len(self) - 1}. Received: run={run!r}")
        return self.runs[number].model

    def predict(self, x: Any, batch_size: int = 1024) -> Array:
        """Return what the models of all runs say of samples, computed by as many programs as trained them.

        Parameters
        ----------
        x : array, or list or dict of arrays
            As for `Sequential.fit`.
        batch_size : int
            So many samples at once.

        Returns
        -------
        array, shape (runs, samples, ...)
            In the order of the table; of the first output, where models have several.

        Raises
        ------
        ModelError
            If the models put out values of different shapes.
        """
        size = data_validation.positive("batch_size", batch_size)
        done = sorted(self._finished)
        found: dict[int, Array] = {}
        for group in self._groups:
            if group.numbers[0] not in self._finished:
                continue
            arrays = inputs_of(group.runs[0].model, x)
            f = predictor(group, [a.dtype for a in arrays])
            parts = [f(*(a[i : i + size] for a in arrays))["0"] for i in range(0, len(arrays[0]), size)]
            found |= dict(zip(group.numbers, np.concatenate(parts, axis=1), strict=True))
        shapes = {found[i].shape for i in done}
        if len(shapes) > 1:
            raise ModelError(f"sweep: the models put out values of different shapes. Received: {sorted(shapes)}")
        return np.stack([found[i] for i in done])

    @property
    def reading(self) -> str:
        """What the sweep tells, in words."""
        last = self.curves[self.monitor][:, -1]
        return read(self.settings, last, self.monitor, self.best, is_greater_better(self.monitor), self.programs_text)

    @property
    def programs_text(self) -> str:
        """How many programs there were, in words."""
        return f"{self.programs} compiled program{'s' * (self.programs != 1)}"

    def plot(self, across: str | None = None, measures: Sequence[str] = ()) -> Figure:
        """Draw how the runs ended over one of the settings, and below it the mean curves of its values.

        Parameters
        ----------
        across : str, optional
            The setting along the axis; without it the first one that has several values.
        measures : sequence of str
            What is drawn; without it the measure that says which run is best, and its counterpart on the training
            data where it is of the validation data.

        Returns
        -------
        matplotlib.figure.Figure
            The picture; `reading` tells it in words.

        Raises
        ------
        NoSuchNameError
            For a setting or a measure that there is not; the nearest is named.
        """
        from pellucid.show.sweep_plot import runs_over

        settings = self.settings
        several = [name for name, column in settings.items() if len(distinct(column)) > 1]
        chosen = (several or list(settings))[0] if across is None else across
        shown = list(measures) or [self.monitor, *[self.monitor[4:]] * self.monitor.startswith("val_")]
        for kind, name, known in (("setting", chosen, settings), *(("measure", m, self.curves) for m in shown)):
            if name not in known:
                raise NoSuchNameError(
                    f"sweep: there is no {kind} {name!r}.{near_miss(name, known)} There are: {', '.join(known)}"
                )
        column = settings[chosen]
        if column.dtype.kind == "O":
            column = np.array([str(value) for value in column])
        ends = {name: self.curves[name][:, -1] for name in shown}
        common = shown[0].removeprefix("val_")
        return runs_over(chosen, column, ends, self.curves[shown[0]], common, f"{len(self)} runs over {chosen}")

    def to_tensorboard(self, log_dir: str | Path, most: int = 200) -> list[Path]:
        """Write every run for TensorBoard: its settings as hyperparameters, by which it compares runs, and its curves.

        ``tensorboard --logdir LOG_DIR`` shows them as a table, and along parallel axes, under *HPARAMS*.

        Parameters
        ----------
        log_dir : str or Path
            The folder; each run has one of its own in it, named after its number.
        most : int
            How many epochs of a curve are written; of more, as many that lie apart alike, the last among them.

        Returns
        -------
        list of Path
            The folders of the runs, in the order of the table.

        Raises
        ------
        UseError
            If TensorBoard is not installed.
        """
        from pellucid.interop.tensorboard.writer import EventWriter

        count = next((curve.shape[1] for curve in self.curves.values()), 0)
        shown = np.unique(
            np.linspace(0, count - 1, min(data_validation.positive("most", most), count)).astype(int)[::-1]
        )
        settings = self.settings
        folders = [Path(log_dir) / f"run_{number:0{len(str(len(self) - 1))}}" for number in range(len(self))]
        for number, folder in enumerate(folders):
            own = {name: column[number] for name, column in settings.items()}
            with EventWriter(folder) as writer:
                writer.hyperparameters({n: v.item() if isinstance(v, np.generic) else v for n, v in own.items()})
                for epoch in shown.tolist():
                    writer.scalars({name: curve[number, epoch] for name, curve in self.curves.items()}, epoch)
        return folders

    def __str__(self) -> str:
        if not self.runs:
            return "a sweep of which no run was finished"
        columns = self.table
        order = self.ranking[:SHOWN]
        header = ["run", *columns]
        rows = [[str(i), *(cell(column[i]) for column in columns.values())] for i in order]
        widths = [max(len(row[k]) for row in (header, *rows)) for k in range(len(header))]
        lines = ["  ".join(f"{c:>{w}}" for c, w in zip(row, widths, strict=True)) for row in (header, *rows)]
        if len(order) < len(self):
            lines.append(f"and {len(self) - len(order)} more, in sweep.table")
        return "\n".join([*lines, self.reading])

    def __repr__(self) -> str:
        return f"<Sweep of {len(self)} runs over {', '.join(self.names) or 'seeds'}>"


def cell(value: Any) -> str:
    """Write a value of the table."""
    return f"{value:.4g}" if isinstance(value, (float, np.floating)) else str(value)


def column_of(values: Sequence[Any]) -> Array:
    """Return a column as an array, of objects where they are no numbers, words or truths."""
    if all(isinstance(v, (bool, int, float, str)) for v in values) and len({type(v) for v in values}) == 1:
        return np.array(values)
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        return np.array(values, float)
    column = np.empty(len(values), object)
    column[:] = values
    return column


def is_greater_better(name: str) -> bool:
    """Tell whether a measure is the better the greater it is; one of which nobody knows is taken for an error."""
    return bool(better_when_great(name))


def best_of(name: str, values: Array) -> Array:
    """Return the best value of every run over its epochs; NaN where there was none."""
    numbers = np.where(np.isfinite(values), values, -np.inf if is_greater_better(name) else np.inf)
    found = numbers.max(axis=1) if is_greater_better(name) else numbers.min(axis=1)
    return np.where(np.isfinite(found), found, np.nan)
