"""Table of runs: sorted by a metric or a column, as text."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from pellucid.errors import near_miss
from pellucid.show.pages.text_table import align_cells
from pellucid.tracking.errors import UsageError
from pellucid.tracking.result import Score
from pellucid.tracking.saved_run import SavedRun
from pellucid.training.metric_mode import is_higher_better

MAXIMUM_TEXT = 28
"""Longer names of data are shortened at the beginning."""

COLUMNS: dict[str, Callable[[SavedRun], float | None]] = {
    "date": lambda run: run.date.timestamp(),
    "seconds": lambda run: run.seconds,
    "epochs": lambda run: run.epochs,
    "score": lambda run: get_number(run.score),
}
"""Columns by which runs can be sorted besides metrics, the largest first except for times and errors."""


def sort_runs(runs: Sequence[SavedRun], key: str | None) -> list[SavedRun]:
    """Return runs in another order: the best, latest or fastest first, and those without the value last.

    Raises
    ------
    UsageError
        If no run has such a metric.
    """
    if key is None:
        return list(runs)
    metrics = sorted({name for run in runs for name in run.metrics})
    if key in COLUMNS:
        get_value = COLUMNS[key]
    elif key in metrics:

        def get_value(run: SavedRun) -> float | None:
            return run.metrics.get(key)

    else:
        known = [*metrics, *COLUMNS]
        raise UsageError(f"--sort: no metric {key!r}.{near_miss(key, known)} Expected one of {', '.join(known)}")

    def make_key(run: SavedRun) -> tuple[bool, str, float]:
        value = get_value(run)
        group = run.score.label if key == "score" and run.score else ""
        sign = -1.0 if is_largest_first(key, group) else 1.0
        return value is None, group, 0.0 if value is None else sign * value

    return sorted(runs, key=make_key)


def is_largest_first(key: str, label: str = "") -> bool:
    """Tell whether high values come first.

    Examples
    --------
    >>> [is_largest_first(key) for key in ("accuracy", "r2", "rmse", "seconds", "date")]
    [True, True, False, False, True]
    >>> is_largest_first("score", "test mean absolute error"), is_largest_first("score", "test accuracy")
    (False, True)
    """
    if key in COLUMNS and key != "score":
        return key != "seconds"
    name = (label or key).replace(" ", "_").lower()
    higher = None if name == "r2" else is_higher_better(name)
    return not name.endswith(("error", "loss")) if higher is None else higher


def get_number(score: Score | None) -> float | None:
    value = None if score is None else score.value
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def format_runs(runs: Sequence[SavedRun], root: Path, sort: str | None = None) -> str:
    """Return the table as text; runs are named by their path in the folder."""
    extra = sort if sort is not None and sort not in COLUMNS else None
    header = ["run", "data", "network", "epochs", "score", "baseline", "seconds", "date", "status"]
    rows = [header[:4] + ([extra] if extra else []) + header[4:]]
    for run in runs:
        name = str(run.folder.relative_to(root)) if run.folder.is_relative_to(root) else str(run.folder)
        metric = [format_number(run.metrics.get(extra))] if extra else []
        rows.append(
            [
                name if name != "." else str(run.folder),
                shorten_start(run.data or run.name),
                run.network,
                "" if run.epochs is None else str(run.epochs),
                *metric,
                format_score(run.score),
                format_score(run.baseline),
                "" if run.seconds is None else f"{run.seconds:.1f}",
                run.date.strftime("%Y-%m-%d %H:%M"),
                run.status,
            ]
        )
    left = (0, 1, 2, *range(len(rows[0]) - 5, len(rows[0]) - 3), len(rows[0]) - 1)
    return "\n".join(align_cells(rows, left))


def format_score(score: Score | None) -> str:
    """Return a score without its interval."""
    return "" if score is None else f"{score.label} {score.value_text}"


def format_number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def shorten_start(text: str) -> str:
    """Return a path without its beginning if it is long.

    Examples
    --------
    >>> shorten_start("/home/someone/projects/flowers/iris.csv")
    '...projects/flowers/iris.csv'
    """
    return text if len(text) <= MAXIMUM_TEXT else "..." + text[3 - MAXIMUM_TEXT :]
