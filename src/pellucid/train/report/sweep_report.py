"""Report of a sweep: table, picture and CSV file of its trials."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.atomic_write import atomic_write
from pellucid.show.pages.text_table import align_cells
from pellucid.show.plots.plot_style import FAINT, PALETTE, new_figure, style_axes
from pellucid.tracking.context import RunContext
from pellucid.tracking.document import render_table
from pellucid.tracking.result import ExperimentResult
from pellucid.train.fit.sweep_result import SweepResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TABLE = "sweep.csv"
SHOWN_TRIALS = 12
SHOWN_TICKS = 8
SHOWN_SETTINGS = 5
"""Number of settings in the picture."""


def save_table(result: SweepResult, folder: Path) -> None:
    """Write a line for each trial, the best first."""
    text = io.StringIO()
    keys = list(result.trials[0].values)
    writer = csv.writer(text, lineterminator="\n")
    columns = ("rung", "epochs", "best_epoch", "validation_loss", "validation_accuracy")
    writer.writerow(["trial", *keys, *columns])
    for each in result.ranking:
        described = each.describe()
        writer.writerow([each.number, *each.values.values(), *(described[name] for name in columns)])
    atomic_write(folder / TABLE, text.getvalue())


def add_sweep(run: RunContext, result: ExperimentResult, sweep: SweepResult) -> ExperimentResult:
    """Return the result of the winner with the table of the sweep; its picture is drawn with the others."""
    measures = sweep.describe()

    def draw() -> None:
        if result.draw is not None:
            result.draw()
        draw_sweep(run, sweep)

    lines = [*format_sweep(measures), *result.lines]
    return replace(result, measures={**result.measures, "sweep": measures}, lines=lines, draw=draw)


def describe_choice(measures: Mapping[str, Any]) -> str:
    """Return how the winner was chosen, and what that means for its scores."""
    best = measures["trials"][0]
    values = ", ".join(f"{key}={value}" for key, value in best["values"].items())
    return (
        f"Of {len(measures['trials'])} trials, the sweep chose {values} by its validation loss, "
        f"{best['validation_loss']:.4g}. That loss is optimistic, because it is the lowest of many; the test set was "
        "used once, for this network only."
    )


def list_cells(measures: Mapping[str, Any]) -> list[list[str]]:
    """Return the cells of the table of trials, the header first."""
    trials = measures["trials"]
    has_accuracy = any(each["validation_accuracy"] is not None for each in trials)
    head = ["trial", *trials[0]["values"], "epochs", "validation loss", *(["accuracy"] if has_accuracy else [])]
    rows = [head]
    for each in trials:
        scores = [each["validation_loss"], *([each["validation_accuracy"]] if has_accuracy else [])]
        texts = ["-" if value is None else f"{value:.4g}" for value in scores]
        rows.append([str(each["trial"]), *map(str, each["values"].values()), str(each["epochs"]), *texts])
    return rows


def format_sweep(measures: Mapping[str, Any]) -> list[str]:
    """Return the best trials as lines."""
    cells = list_cells(measures)
    hidden = len(cells) - 1 - SHOWN_TRIALS
    lines = align_cells(cells[: SHOWN_TRIALS + 1])
    return [describe_choice(measures), *lines, *([f"and {hidden} more trials in {TABLE}"] if hidden > 0 else [])]


def render_sweep(measures: Mapping[str, Any]) -> str:
    """Return the section of a report."""
    rungs = "; ".join(f"{each['trials']} trials up to epoch {each['end']}" for each in measures["rungs"])
    cells = list_cells(measures)
    table = render_table("Trials, the best first", cells[0], cells[1:], range(1, len(cells[0])))
    return (
        f"<p>{escape(describe_choice(measures))}</p>\n<p>Successive halving with factor {measures['factor']}: "
        f"{escape(rungs)}.</p>\n{table}"
    )


def draw_sweep(run: RunContext, result: SweepResult) -> None:
    """Save the scores against each setting, and the curves of all trials."""
    keys = list(result.trials[0].values)[:SHOWN_SETTINGS]
    figure = new_figure(3.4 * (len(keys) + 1), 3.2)
    axes = figure.subplots(1, len(keys) + 1)
    winner = result.ranking[0]
    for rung in result.rungs[:-1]:
        axes[0].axvline(rung.end, color=FAINT, linewidth=1, linestyle=":")
    for each in result.ranking[::-1]:
        color, width = (PALETTE[1], 2.2) if each is winner else (PALETTE[0], 0.9)
        losses = each.curves.get("val_loss", [])
        axes[0].plot(np.arange(1, len(losses) + 1), losses, color=color, linewidth=width)
    style_axes(axes[0], "epoch", "validation loss", "Curves by rung")
    for key, panel in zip(keys, axes[1:], strict=True):
        draw_setting(panel, key, result)
    best = ", ".join(f"{key}={value}" for key, value in winner.values.items())
    run.save_figure(
        "sweep",
        "Validation loss of the trials by epoch, and the lowest against each setting",
        figure,
        reading=(
            f"Validation losses of {len(result.trials)} trials. Dotted lines are rungs, at which the better half "
            f"continues. The best, the thick line and the other color, has a loss of {winner.loss:.4g} with {best}."
        ),
    )


def draw_setting(panel: Axes, key: str, result: SweepResult) -> None:
    """Draw the lowest loss of every trial against one of its settings; few values are ticks at equal distances."""
    values: list[Any] = list(dict.fromkeys(each.values[key] for each in result.trials))
    is_number = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    ordered = sorted(values) if is_number else values
    is_axis = is_number and len(values) > SHOWN_TICKS
    for each in result.ranking[::-1]:
        if math.isfinite(each.loss):
            x = each.values[key] if is_axis else ordered.index(each.values[key])
            panel.plot([x], [each.loss], "o", color=PALETTE[each is result.ranking[0]], markersize=5)
    if not is_axis:
        panel.set_xticks(range(len(ordered)), [str(value) for value in ordered])
    elif ordered[0] > 0 and ordered[-1] / ordered[0] >= SHOWN_TICKS:
        panel.set_xscale("log")
    style_axes(panel, key, "lowest validation loss")
