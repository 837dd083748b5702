"""Tables of metrics for the terminal."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pellucid.show.pages.text_table import align_cells
from pellucid.train.evaluate.intervals import Interval
from pellucid.train.evaluate.metrics import Metrics, get_metric_name

if TYPE_CHECKING:
    from pellucid.train.evaluate.evaluated_predictions import ScoredPredictions
    from pellucid.train.prepare.prepared_run import PreparedRun

SHOWN_METRICS = (
    "accuracy", "balanced_accuracy", "macro_f1", "roc_auc", "average_precision", "log_loss", "calibration_error", "mae",
    "rmse", "median_absolute_error", "r2",
)  # fmt: skip
"""Metrics of the table in the terminal; the record has all."""

SHOWN_GROUPS = 10
"""Number of classes or targets in the table, those with the lowest F1 or R² first."""


def format_result(
    prepared: "PreparedRun", result: "ScoredPredictions", deviations: Mapping[str, float] | None = None
) -> list[str]:
    """Return the tables of metrics and of classes or targets."""
    found = result.evaluation
    columns = {f"this network ({prepared.name})": found.metrics, **result.baselines}
    return [f"on {result.source}:", *format_metrics(columns, found.intervals, deviations), *format_groups(found.groups)]


def format_metrics(
    columns: Mapping[str, Metrics],
    intervals: Mapping[str, Interval],
    deviations: Mapping[str, float] | None = None,
) -> list[str]:
    r"""Return a table with a row for each metric of the first column, whose intervals are given.

    Examples
    --------
    >>> columns = {"network": {"accuracy": 0.9, "roc_auc": 0.25}, "majority": {"accuracy": 0.5}}
    >>> print("\n".join(format_metrics(columns, {"accuracy": (0.8, 0.95)})))
              network  95% interval  majority
    accuracy      0.9   0.8 to 0.95       0.5
    ROC AUC      0.25
    """
    first, *others = columns
    cells = [["", first, *(["standard deviation"] if deviations else []), "95% interval", *others]]
    for key in SHOWN_METRICS:
        if key in columns[first]:
            ends = "{:.3g} to {:.3g}".format(*intervals[key]) if key in intervals else ""
            spread = [format_number(deviations.get(key))] if deviations else []
            values = [format_number(columns[name].get(key)) for name in columns]
            cells.append([get_metric_name(key), values[0], *spread, ends, *values[1:]])
    return align_cells(cells)


def format_groups(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a table of classes or targets, the worst first; empty for one target."""
    if not groups:
        return []
    columns = ("samples", "predicted", "precision", "recall", "f1") if "recall" in groups[0] else ("mae", "rmse", "r2")
    key = columns[-1]
    worst = sorted(groups, key=lambda group: group.get(key, 0.0))[:SHOWN_GROUPS]
    cells = [["class" if key == "f1" else "target", *map(get_metric_name, columns)]]
    cells += [[str(group["name"])[:40], *(format_number(group.get(name)) for name in columns)] for group in worst]
    hidden, last = len(groups) - len(worst), format_number(worst[-1].get(key))
    return [
        *align_cells(cells),
        *([f"and {hidden:,} more with {get_metric_name(key)} {last} or more"] if hidden else []),
    ]


def format_number(value: float | None) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
