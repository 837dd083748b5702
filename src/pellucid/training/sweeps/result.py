"""Result of a sweep: table, curves, best model, plot and summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from pellucid.graph.errors import NoSuchNameError, OptionError, near_miss
from pellucid.graph.validation import check_integer, is_integer
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike
from pellucid.training.data_adapter import convert_inputs
from pellucid.training.metric_mode import is_higher_better
from pellucid.training.sweeps.batched_trainer import make_predictor
from pellucid.training.sweeps.batching import TrialBatch
from pellucid.training.sweeps.trials import Trial
from pellucid.typing import Array, FilePath, Values

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


MAX_PRINTED_TRIALS = 12
"""Number of trials that are printed, best first."""


class Sweep:
    """Trials of a sweep, in the order of the settings, with their trained models and metrics.

    Attributes
    ----------
    trials : list of Trial
        Settings, seed, number of the subsample and trained model of each trial.
    curves : dict from str to array, shape (trials, epochs)
        The loss and the metrics of every epoch; those on validation data start with ``"val_"``.
    programs : int
        Number of compiled programs that train them.
    monitor : str
        The metric that ranks the trials.
    backends : list of str
        What computed the trials, as in `History`.
    """

    def __init__(self, trials: Sequence[Trial], batches: Sequence[TrialBatch], monitor: str) -> None:
        self.trials: list[Trial] = []
        self.curves: dict[str, Array] = {}
        self.seconds: Array = np.empty(0)
        self.programs: int = len(batches)
        self.monitor = monitor
        self.backends: list[str] = []
        self._all, self._batches = list(trials), list(batches)
        self._finished: dict[int, tuple[dict[str, Array], float]] = {}

    def add_batch(self, numbers: Sequence[int], curves: dict[str, Array], epochs: int, seconds: float = np.nan) -> None:
        """Add the curves of a batch of trials, padded with NaN if it was interrupted, and its time."""
        for i, number in enumerate(numbers):
            padded = {
                name: np.pad(v[i], (0, epochs - v.shape[1]), constant_values=np.nan) for name, v in curves.items()
            }
            self._finished[number] = padded, seconds / len(numbers)
        done = sorted(self._finished)
        self.trials = [self._all[i] for i in done]
        missing = np.full(epochs, np.nan)
        names = dict.fromkeys(name for i in done for name in self._finished[i][0])
        self.curves = {name: np.stack([self._finished[i][0].get(name, missing) for i in done]) for name in names}
        self.seconds = np.array([self._finished[i][1] for i in done])

    def __len__(self) -> int:
        return len(self.trials)

    @property
    def settings(self) -> dict[str, Array]:
        """The settings and seeds of all trials by name, and the numbers of the subsamples if there are any."""
        columns: dict[str, list[Any]] = {name: [t.settings[name] for t in self.trials] for name in self.names}
        columns["seed"] = [trial.seed for trial in self.trials]
        if any(trial.subsample is not None for trial in self.trials):
            columns["rows"] = [trial.subsample for trial in self.trials]
        return {name: make_column(values) for name, values in columns.items()}

    @property
    def names(self) -> list[str]:
        """The names of the settings."""
        return list(self._all[0].settings)

    @property
    def table(self) -> dict[str, Array]:
        """One row per trial: settings, last and best value of each metric, and the time, shared by a program's trials.

        A dict from column names to values; ``pandas.DataFrame(sweep.table)`` converts it.
        """
        columns = self.settings
        for name, values in self.curves.items():
            columns[name] = values[:, -1]
            columns[f"best_{name}"] = get_best_values(name, values)
        columns["seconds"] = self.seconds
        return columns

    @property
    def ranking(self) -> Array:
        """The numbers of the trials, best first, and last those that ended with NaN."""
        last = self.curves[self.monitor][:, -1]
        return np.argsort(-last if is_higher_better(self.monitor) else last, kind="stable")

    @property
    def best(self) -> int:
        """The number of the trial with the best last value."""
        return int(self.ranking[0])

    def model(self, trial: int | None = None) -> ModelLike:
        """Return the trained model of a trial.

        Parameters
        ----------
        trial : int, optional
            Row in the table. By default the best trial.

        Returns
        -------
        Model
            The trained model; it can be evaluated, saved or trained further.
        """
        number = self.best if trial is None else trial
        if not is_integer(number) or not -len(self) <= number < len(self):
            raise OptionError(f"Expected the number of a trial, from 0 to {len(self) - 1}. Received: trial={trial!r}")
        return self.trials[number].model

    def predict(self, x: Values, batch_size: int = 1024) -> Array:
        """Return the predictions of all models, computed by as many programs as trained them.

        Parameters
        ----------
        x : array, or list or dict of arrays
            As for `Sequential.fit`.
        batch_size : int
            Samples per call of a program.

        Returns
        -------
        array, shape (trials, samples, ...)
            Predictions of the first output, in the order of the table.

        Raises
        ------
        ModelError
            If the outputs of the models have different shapes.
        """
        size = check_integer("batch_size", batch_size)
        predictions: dict[int, Array] = {}
        for batch in self._batches:
            if batch.numbers[0] not in self._finished:
                continue
            arrays = convert_inputs(batch.trials[0].model, x)
            f = make_predictor(batch, [a.dtype for a in arrays])
            parts = [f(*(a[i : i + size] for a in arrays))["0"] for i in range(0, len(arrays[0]), size)]
            predictions |= dict(zip(batch.numbers, np.concatenate(parts, axis=1), strict=True))
        shapes = {p.shape for p in predictions.values()}
        if len(shapes) > 1:
            raise ModelError(f"sweep: expected outputs of one shape. Received: {sorted(shapes)}")
        return np.stack([predictions[i] for i in sorted(predictions)])

    @property
    def reading(self) -> str:
        """Summary of the sweep in words."""
        last = self.curves[self.monitor][:, -1]
        higher = bool(is_higher_better(self.monitor))
        return summarize_sweep(self.settings, last, self.monitor, self.best, higher, self.programs)

    @overload
    def plot(self, setting: str | None = None, metrics: Sequence[str] = (), *, ax: None = None) -> Figure: ...
    @overload
    def plot(self, setting: str | None = None, metrics: Sequence[str] = (), *, ax: Axes) -> Axes: ...
    def plot(self, setting: str | None = None, metrics: Sequence[str] = (), *, ax: Axes | None = None) -> Figure | Axes:
        """Plot the last metrics of all trials over a setting, and the mean learning curves for each of its values.

        Parameters
        ----------
        setting : str, optional
            Setting on the horizontal axis. By default the first with several values.
        metrics : sequence of str
            Metrics to plot. By default the monitored one, and the same metric on training data if it is on validation
            data.
        ax : matplotlib.axes.Axes, optional
            Axes to draw into and to return. By default, the picture is a new figure, which is returned.

        Returns
        -------
        matplotlib.figure.Figure
            The figure; `reading` describes it in words.

        Raises
        ------
        NoSuchNameError
            For an unknown setting or metric; the message suggests the nearest name.
        """
        from pellucid.show.plots.sweep_plot import plot_trials

        settings = self.settings
        varied = [name for name, column in settings.items() if len(get_distinct_values(column)) > 1]
        chosen = (varied or list(settings))[0] if setting is None else setting
        shown = list(metrics) or [self.monitor, *[self.monitor[4:]] * self.monitor.startswith("val_")]
        for kind, name, known in (("setting", chosen, settings), *(("metric", m, self.curves) for m in shown)):
            if name not in known:
                raise NoSuchNameError(
                    f"sweep: there is no {kind} {name!r}.{near_miss(name, known)} Known: {', '.join(known)}"
                )
        column = settings[chosen]
        if column.dtype.kind == "O":
            column = np.array([str(value) for value in column])
        last = {name: self.curves[name][:, -1] for name in shown}
        common = shown[0].removeprefix("val_")
        title = f"{len(self)} trials over {chosen}"
        return plot_trials(chosen, column, last, self.curves[shown[0]], common, title, ax=ax)

    def to_tensorboard(self, log_dir: FilePath, max_epochs: int = 200) -> list[Path]:
        """Write the settings (as hyperparameters) and the curves of each trial for TensorBoard.

        ``tensorboard --logdir LOG_DIR`` compares the trials under *HPARAMS*, as a table and as parallel coordinates.

        Parameters
        ----------
        log_dir : str or Path
            Folder for one subfolder per trial, named by its number.
        max_epochs : int
            Number of epochs to write of each curve, equally spaced, with the last one.

        Returns
        -------
        list of Path
            The subfolders, in the order of the table.

        Raises
        ------
        UseError
            If TensorBoard is not installed.
        """
        from pellucid.interop.tensorboard.writer import EventWriter

        epochs = next((curve.shape[1] for curve in self.curves.values()), 0)
        count = min(check_integer("max_epochs", max_epochs), epochs)
        shown = np.unique(np.linspace(epochs - 1, 0, count).round().astype(int))  # the last epoch is always shown
        settings = self.settings
        digits = len(str(len(self) - 1))
        folders = [Path(log_dir) / f"trial_{number:0{digits}}" for number in range(len(self))]
        for number, folder in enumerate(folders):
            values = {name: column[number] for name, column in settings.items()}
            with EventWriter(folder) as writer:
                writer.hyperparameters({n: v.item() if isinstance(v, np.generic) else v for n, v in values.items()})
                for epoch in shown.tolist():
                    writer.scalars({name: curve[number, epoch] for name, curve in self.curves.items()}, epoch)
        return folders

    def get_cells(self) -> tuple[list[str], list[list[str]]]:
        """Return the header and the cells of the best trials as text, best first."""
        columns = self.table
        order = self.ranking[:MAX_PRINTED_TRIALS]
        rows = [[str(i), *(format_cell(column[i]) for column in columns.values())] for i in order]
        return ["trial", *columns], rows

    def _repr_html_(self) -> str:
        from pellucid.show.pages.html_style import render_table, wrap_html
        from pellucid.show.plots.themed_figure import render_image

        if not self.trials:
            return wrap_html("<p>Sweep without a finished trial</p>")
        header, rows = self.get_cells()
        texts = [name for name, column in self.settings.items() if column.dtype.kind not in "iuf"]
        numbers = [k for k, name in enumerate(header) if name not in texts]
        table = render_table(header, rows, numbers, best=0)
        more = f"<p>and {len(self) - len(rows)} more, see sweep.table</p>" if len(rows) < len(self) else ""
        figure = f"<figure>{render_image(self.plot(), self.reading, 0.85)}</figure>"
        return wrap_html(f"<p>{escape(self.reading)}</p>{table}{more}{figure}")

    def __str__(self) -> str:
        if not self.trials:
            return "Sweep without a finished trial"
        header, rows = self.get_cells()
        widths = [max(len(row[k]) for row in (header, *rows)) for k in range(len(header))]
        lines = ["  ".join(f"{c:>{w}}" for c, w in zip(row, widths, strict=True)) for row in (header, *rows)]
        if len(rows) < len(self):
            lines.append(f"and {len(self) - len(rows)} more, see sweep.table")
        return "\n".join([*lines, self.reading])

    def __repr__(self) -> str:
        return f"<Sweep of {len(self)} trials over {', '.join(self.names) or 'seeds'}>"


def format_cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, (float, np.floating)) else str(value)


def make_column(values: Sequence[object]) -> Array:
    """Return a column as an array of numbers, strings or booleans, or else of objects."""
    if all(isinstance(v, (bool, int, float, str)) for v in values) and len({type(v) for v in values}) == 1:
        return np.array(values)
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        return np.array(values, float)
    column = np.empty(len(values), object)
    column[:] = values
    return column


def get_best_values(name: str, values: Array) -> Array:
    """Return the best finite value of each trial over the epochs; NaN if there is none."""
    worst = -np.inf if is_higher_better(name) else np.inf
    finite = np.where(np.isfinite(values), values, worst)
    best = finite.max(axis=1) if is_higher_better(name) else finite.min(axis=1)
    return np.where(np.isfinite(best), best, np.nan)


def summarize_sweep(
    settings: Mapping[str, Array], last: Array, monitor: str, best: int, higher_is_better: bool, programs: int
) -> str:
    """Describe the best trial, the effect of each setting on the last values, and the spread between seeds.

    Examples
    --------
    >>> settings = {"hidden": np.array([1, 3]), "seed": np.array([0, 0])}
    >>> summarize_sweep(settings, np.array([0.5, 0.2]), "loss", best=1, higher_is_better=False, programs=1)
    '2 trials, trained by 1 compiled program. Trial 1 has the lowest final loss, 0.2, with hidden=3. The mean loss is
    lowest for hidden=3 (0.2) and highest for hidden=1 (0.5).'
    """
    is_finite = np.isfinite(last)
    varied = {name: column for name, column in settings.items() if len(get_distinct_values(column)) > 1}
    chosen = ", ".join(f"{name}={column[best]}" for name, column in varied.items()) or "the only settings"
    first_word, last_word = ("highest", "lowest") if higher_is_better else ("lowest", "highest")
    count = len(last)
    trained = f"{programs} compiled program{'s' * (programs != 1)}"
    sentences = [f"{count} trial{'s' * (count != 1)}, trained by {trained}."]
    if not is_finite.any():
        return f"{sentences[0]} All trials ended with a {monitor} of NaN or infinity."
    sentences.append(f"Trial {best} has the {first_word} final {monitor}, {last[best]:.4g}, with {chosen}.")
    for name, column in varied.items():
        if name in ("seed", "rows"):
            continue
        labels = np.array([repr(value) for value in column.tolist()])
        by_value = {value: last[(labels == repr(value)) & is_finite] for value in get_distinct_values(column)}
        means = {value: part.mean() for value, part in by_value.items() if len(part)}
        if len(means) > 1:
            order = sorted(means, key=lambda value: -means[value] if higher_is_better else means[value])
            sentences.append(
                f"The mean {monitor} is {first_word} for {name}={order[0]} ({means[order[0]]:.4g}) and {last_word} for "
                f"{name}={order[-1]} ({means[order[-1]]:.4g})."
            )
    sentences += summarize_seed_spread(varied, last)
    if not is_finite.all():
        sentences.append(f"{np.sum(~is_finite)} of the trials ended with a {monitor} of NaN or infinity.")
    return " ".join(sentences)


def summarize_seed_spread(varied: Mapping[str, Array], last: Array) -> list[str]:
    """Describe the spread between trials that differ only in seed and subsample."""
    random = [name for name in ("seed", "rows") if name in varied]
    others = [column for name, column in varied.items() if name not in random]
    if not random:
        return []
    keys = [repr(values) for values in zip(*others, strict=True)] if others else [""] * len(last)
    groups = [last[[k == key for k in keys]] for key in dict.fromkeys(keys)]
    deviations = [group.std() for group in groups if np.isfinite(group).all()]
    if not deviations:
        return []
    words = {"seed": "the seed", "rows": "the subsample"}
    median = "a median standard deviation" if len(deviations) > 1 else "a standard deviation"
    return [
        f"Trials that differ only in {' and '.join(words[name] for name in random)} have {median} of "
        f"{np.median(deviations):.2g}."
    ]


def get_distinct_values(column: Array) -> list[Any]:
    """Return the distinct values of a column, in order of appearance. Compares by repr, since values can be objects."""
    return list({repr(value): value for value in column.tolist()}.values())
