"""Difference of two runs: settings, scores, histories and weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pellucid.errors import PellucidError
from pellucid.run.backends import compare_backends
from pellucid.show.pages.text_table import align_cells
from pellucid.tracking.errors import UsageError
from pellucid.tracking.run_folder import MODEL
from pellucid.tracking.saved_run import SavedRun

if TYPE_CHECKING:
    from pellucid.show.plots.picture import Picture

MISSING = "(none)"
"""Text for a setting that only the other run has."""

MOST_EPOCHS = 10
"""Number of epochs in the table of the curves; the picture has all."""

NOT_COMPARED = ("epoch", "seconds")
"""Columns of a history that say nothing about the computation."""


class Change(NamedTuple):
    """A value that differs between two runs."""

    name: str
    first: Any
    second: Any


class HistoryChange(NamedTuple):
    """The first value at which two histories differ; epochs count from 1."""

    epoch: int
    metric: str
    first: str
    second: str


@dataclass(frozen=True)
class RunDifference:
    """Differences between two runs.

    Attributes
    ----------
    runs : (SavedRun, SavedRun)
        The runs.
    settings : list of Change
        Settings that differ.
    metrics : list of Change
        All metrics on the test set, and the score.
    histories : (dict, dict)
        Columns of the histories, as text with all digits.
    first_change : HistoryChange or None
        The first difference of the epochs that both have.
    weights : str
        Whether the saved weights are bit-identical, as a sentence.
    backends : str or None
        A sentence about different backends.
    """

    runs: tuple[SavedRun, SavedRun]
    settings: list[Change]
    metrics: list[Change]
    histories: tuple[Mapping[str, list[str]], Mapping[str, list[str]]]
    first_change: HistoryChange | None
    weights: str
    backends: str | None

    @property
    def is_bit_identical(self) -> bool:
        """Whether both have the same history, number of epochs and columns included."""
        first, second = ({k: v for k, v in h.items() if k != "seconds"} for h in self.histories)
        return bool(first) and first == second

    def to_json(self) -> dict[str, Any]:
        return {
            "runs": [run.to_json() for run in self.runs],
            "settings": [change._asdict() for change in self.settings],
            "metrics": [change._asdict() for change in self.metrics],
            "histories": [
                {name: [parse_number(value) for value in column] for name, column in history.items()}
                for history in self.histories
            ],
            "bit_identical": self.is_bit_identical,
            "first_difference": self.first_change._asdict() if self.first_change else None,
            "weights": self.weights,
            "backends": self.backends,
        }

    def __str__(self) -> str:
        names = [str(run.folder) for run in self.runs]
        status = [f"status  {run.folder}: {run.status}" for run in self.runs if run.status != "finished"]
        settings = [[change.name, format_value(change.first), format_value(change.second)] for change in self.settings]
        metrics = [[change.name, format_value(change.first), format_value(change.second)] for change in self.metrics]
        blocks = [
            status,
            align_cells([["settings that differ", *names], *settings], (0, 1, 2))
            if settings
            else ["no setting differs"],
            align_cells([["score", *names], *metrics]) if metrics else ["no score"],
            self.format_history(),
            self.format_curves(),
            [line for line in (self.weights, self.backends) if line],
        ]
        return "\n\n".join("\n".join(block) for block in blocks if block)

    def format_history(self) -> list[str]:
        """Return whether the histories are bit-identical, and where they first differ."""
        first, second = self.histories
        if not first or not second:
            without = [str(run.folder) for run, h in zip(self.runs, self.histories, strict=True) if not h]
            return [f"no history in {' and '.join(without)}"]
        counts = [len(history["epoch"]) for history in self.histories]
        if self.is_bit_identical:
            return [f"The histories are bit-identical in all {counts[0]} epochs."]
        if self.first_change is None:
            return [
                f"The histories are bit-identical in the {min(counts)} epochs that both have. The runs have "
                f"{counts[0]} and {counts[1]} epochs."
            ]
        change = self.first_change
        values = f"{change.first} and {change.second}"
        return [f"The histories first differ in epoch {change.epoch}: {change.metric} is {values}."]

    def format_curves(self) -> list[str]:
        """Return the losses of some epochs side by side."""
        columns = [
            (f"{run.folder} {name}", history[name])
            for run, history in zip(self.runs, self.histories, strict=True)
            for name in ("loss", "val_loss")
            if name in history
        ]
        count = max((len(values) for _, values in columns), default=0)
        if not count:
            return []
        chosen = sorted({round(i) for i in np.linspace(0, count - 1, min(count, MOST_EPOCHS))})
        rows = [["epoch", *(name for name, _ in columns)]]
        for epoch in chosen:
            cells = [format_number(values[epoch]) if epoch < len(values) else "" for _, values in columns]
            rows.append([str(epoch + 1), *cells])
        return align_cells(rows, ())

    def make_picture(self) -> Picture:
        """Return the curves of both runs side by side, with one scale, and their description."""
        from pellucid.show.plots.alt_text import describe_curves
        from pellucid.show.plots.picture import Picture
        from pellucid.show.plots.plot_style import Canvas
        from pellucid.show.plots.plots import learning_curves

        if not all("loss" in history for history in self.histories):
            raise UsageError("--out: expected two runs with a history of the loss")
        curves = [
            {name: parse_curve(history[name]) for name in ("loss", "val_loss") if name in history}
            for history in self.histories
        ]
        canvas = Canvas(None, 9.0, 3.6)
        x_limits, y_limits = find_limits([values for each in curves for values in each.values()])
        readings = []
        for number, (run, each) in enumerate(zip(self.runs, curves, strict=True)):
            panel = canvas.add_panel(1, 2, number)
            panel.set(xlim=x_limits, ylim=y_limits)
            named = {"training" if name == "loss" else "validation": values for name, values in each.items()}
            learning_curves(named, title=str(run.folder), ax=panel)
            readings.append(f"{run.folder}: {describe_curves(each)}")
        return Picture(canvas.figure, " ".join(readings), f"{self.runs[0].folder} and {self.runs[1].folder}")


def find_limits(curves: Sequence[Sequence[float]]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return limits of both axes that show all curves, with a margin.

    Examples
    --------
    >>> find_limits([[1.0, 0.0], [0.5, 0.5, math.nan]])
    ((0.9, 3.1), (-0.05, 1.05))
    """
    finite = [value for curve in curves for value in curve if math.isfinite(value)] or [0.0, 1.0]
    epochs, low, high = max(map(len, curves), default=1), min(finite), max(finite)
    margins = [max(0.05 * span, 1e-9) for span in (epochs - 1, high - low)]
    return (1 - margins[0], epochs + margins[0]), (low - margins[1], high + margins[1])


def compare_saved_runs(first: SavedRun, second: SavedRun) -> RunDifference:
    """Compare two runs by their files."""
    settings = list_changes(first.read_settings(), second.read_settings())
    histories = first.read_history(), second.read_history()
    backends = compare_backends(
        first.record.get("backends", ()), second.record.get("backends", ()), (str(first.folder), str(second.folder))
    )
    return RunDifference(
        (first, second),
        settings,
        list_metrics(first, second),
        histories,
        find_first_change(*histories),
        compare_weights(first, second),
        backends,
    )


def list_changes(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Change]:
    """Return the values that differ, with those that only one has.

    Examples
    --------
    >>> list_changes({"seed": 0, "epochs": 5}, {"seed": 1, "epochs": 5, "size": 8})
    [Change(name='seed', first=0, second=1), Change(name='size', first='(none)', second=8)]
    """
    names = dict.fromkeys([*first, *second])
    pairs = [Change(name, first.get(name, MISSING), second.get(name, MISSING)) for name in names]
    return [change for change in pairs if change.first != change.second]


def list_metrics(first: SavedRun, second: SavedRun) -> list[Change]:
    names = dict.fromkeys([*first.metrics, *second.metrics])
    found = [Change(name, first.metrics.get(name, MISSING), second.metrics.get(name, MISSING)) for name in names]
    if not found:
        scores = [run.score.value if run.score else MISSING for run in (first, second)]
        labels = dict.fromkeys(run.score.label for run in (first, second) if run.score)
        found = [Change(" / ".join(labels), *scores)] if labels else []
    return found


def find_first_change(first: Mapping[str, list[str]], second: Mapping[str, list[str]]) -> HistoryChange | None:
    """Return the first value that differs in the epochs and metrics that both histories have.

    Examples
    --------
    >>> find_first_change({"loss": ["0.5", "0.25"]}, {"loss": ["0.5", "0.26"]})
    HistoryChange(epoch=2, metric='loss', first='0.25', second='0.26')
    """
    names = [name for name in first if name in second and name not in NOT_COMPARED]
    count = min((len(history[name]) for history in (first, second) for name in names), default=0)
    for epoch in range(count):
        for name in names:
            if first[name][epoch] != second[name][epoch]:
                return HistoryChange(epoch + 1, name, first[name][epoch], second[name][epoch])
    return None


def compare_weights(first: SavedRun, second: SavedRun) -> str:
    """Return whether the weights of the saved networks are bit-identical, or how far they are apart."""
    from pellucid.model.model import load_model

    paths = [run.folder / MODEL for run in (first, second)]
    if not all(path.is_file() for path in paths):
        return ""
    try:
        weights = [load_model(path).get_weights() for path in paths]
    except PellucidError as error:
        return f"The weights were not compared: {error}"
    if [w.shape for w in weights[0]] != [w.shape for w in weights[1]]:
        return "The networks have weights of different shapes."
    if all(a.tobytes() == b.tobytes() for a, b in zip(*weights, strict=True)):
        return "The weights are bit-identical."
    largest = max(
        float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max())
        for a, b in zip(*weights, strict=True)
        if a.size
    )
    return f"The weights differ by up to {largest:.3g}."


def parse_number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def parse_curve(column: Sequence[str]) -> list[float]:
    return [value if isinstance(value := parse_number(text), float) else math.nan for text in column]


def format_number(text: str) -> str:
    value = parse_number(text)
    return f"{value:.4g}" if isinstance(value, float) else value


def format_value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
