"""Overview of data: columns with their values, classes with their samples, and small text histograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.show.pages.text_table import align_cells
from pellucid.train.check.checked_data import CheckedColumn, CheckedData
from pellucid.train.read.table_columns import shorten_name
from pellucid.typing import Array

BLOCKS = "▁▂▃▄▅▆▇█"
BINS = 12
FREQUENT = 3
SHOWN = 40
BAR_WIDTH = 20


def describe_parts(checked: CheckedData) -> dict[str, int]:
    return {part: checked.count_samples(part) for part in checked.parts}


def summarize_data(checked: CheckedData) -> dict[str, Any]:
    """Return the overview as plain values: columns, and classes or targets."""
    found: dict[str, Any] = {"columns": [summarize_column(column) for column in checked.columns]}
    if checked.dataset.class_names:
        return {**found, "classes": count_classes(checked)}
    targets = [
        summarize_column(CheckedColumn(name, "target", "", values.astype(np.float64)))
        for name, values in zip(checked.dataset.target_names, checked.dataset.targets.T, strict=True)
    ]
    return {**found, "targets": targets}


def count_classes(checked: CheckedData) -> list[dict[str, Any]]:
    names = checked.dataset.class_names
    parts = {part: checked.count_classes(part) for part in checked.parts}
    total = np.sum(list(parts.values()), axis=0)
    return [
        {"name": name, "samples": int(total[k]), **{part: int(counts[k]) for part, counts in parts.items()}}
        for k, name in enumerate(names)
    ]


def summarize_column(column: CheckedColumn) -> dict[str, Any]:
    """Return counts, range or most frequent values, and a histogram of a column as plain values.

    Examples
    --------
    >>> found = summarize_column(CheckedColumn("rooms", "number", "numbers", np.array([1.0, 2.0, 2.0, np.nan])))
    >>> found["missing"], found["range"], found["median"], found["distinct"]
    (1, [1.0, 2.0], 2.0, 2)
    """
    present = column.present
    found: dict[str, Any] = {
        "name": column.name,
        "used_as": column.used_as,
        "reason": column.reason,
        "count": len(present),
        "missing": int(column.is_missing.sum()),
    }
    distinct, counts = np.unique(present, return_counts=True)
    found["distinct"] = len(distinct)
    if present.dtype.kind == "U":
        order = np.argsort(-counts, kind="stable")[:FREQUENT]
        found["frequent"] = [[str(distinct[k]), int(counts[k])] for k in order]
    elif len(present):
        numbers = present.astype(np.float64)
        ends = [distinct[0], distinct[-1]]
        is_date = present.dtype.kind == "M"
        found["range"] = [str(end) for end in ends] if is_date else [float(end) for end in ends]
        if not is_date:
            found["median"] = float(np.median(numbers))
        found["histogram"] = count_bins(numbers).tolist()
    return found


def count_bins(values: Array) -> Array:
    """Return how many values each of equal bins has, from the lowest to the highest value."""
    scale = np.abs(values).max() or 1.0  # so that the range of very large numbers does not overflow
    return np.histogram(values / scale, bins=BINS)[0]


def draw_histogram(counts: Sequence[int]) -> str:
    """Return a histogram of one line; empty bins are spaces, and others are never empty.

    Examples
    --------
    >>> draw_histogram([0, 1, 4, 8])
    ' ▁▄█'
    """
    highest = max(counts)
    return "".join(BLOCKS[-(-8 * count // highest) - 1] if count else " " for count in counts)


def format_overview(checked: CheckedData) -> list[str]:
    """Return lines about the data: size, parts, columns, and classes or targets."""
    dataset = checked.dataset
    parts = ", ".join(f"{count:,} {part}" for part, count in describe_parts(checked).items())
    split = "as given" if "test" in dataset.parts else "split at random"
    reason = f" ({dataset.task_reason})" if dataset.task_reason else ""
    lines = [f"{dataset.where}: {dataset.summary}", f"{dataset.task}{reason}; samples: {parts}, {split}"]
    if dataset.table is not None:
        lines.append(f"read as {', '.join(dataset.table.facts)}")
    found = summarize_data(checked)
    if checked.columns:
        lines += ["", *format_columns(found["columns"])]
    if dataset.class_names:
        lines += ["", *format_classes(found["classes"])]
    elif dataset.table is None:
        lines += ["", *format_columns(found["targets"])]
    return lines


def format_columns(columns: Sequence[dict[str, Any]]) -> list[str]:
    rows = [("column", "used as", "count", "missing", "distribution", "values")]
    for each in columns[:SHOWN]:
        histogram = f"|{draw_histogram(each['histogram'])}|" if "histogram" in each else ""
        cells = (shorten_name(each["name"]), each["used_as"], f"{each['count']:,}", f"{each['missing']:,}", histogram)
        rows.append((*cells, describe_values(each)))
    return [*indent(align_cells(rows, left=(0, 1, 4, 5))), *count_others(len(columns), "columns")]


def describe_values(column: dict[str, Any]) -> str:
    """Return the range or the most frequent values of a column, and why it is left out."""
    why = f" ({column['reason']})" if column["used_as"] == "-" else ""
    if "frequent" in column:
        frequent = [f"{shorten_name(value)} ({count:,})" for value, count in column["frequent"]]
        more = column["distinct"] - len(frequent)
        return ", ".join([*frequent, *([f"{more:,} more"] if more > 0 else [])]) + why
    if "range" not in column:
        return f"no values{why}"
    low, high = (end if isinstance(end, str) else f"{end:.4g}" for end in column["range"])
    return f"{low} to {high}" + (f", median {column['median']:.4g}" if "median" in column else "") + why


def format_classes(classes: Sequence[dict[str, Any]]) -> list[str]:
    parts = [key for key in classes[0] if key != "name"]
    most = max(each["samples"] for each in classes)
    rows = [("class", *parts, "")]
    for each in classes[:SHOWN]:
        bar = "█" * max(1, round(BAR_WIDTH * each["samples"] / most))
        rows.append((shorten_name(each["name"]), *(f"{each[part]:,}" for part in parts), bar))
    return [*indent(align_cells(rows, left=(0, 1 + len(parts)))), *count_others(len(classes), "classes")]


def indent(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def count_others(count: int, things: str) -> list[str]:
    return [f"  and {count - SHOWN:,} more {things}"] if count > SHOWN else []
