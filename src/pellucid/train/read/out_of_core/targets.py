"""Targets of a table that is larger than memory."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.errors import DataError
from pellucid.data.tables.cell_warnings import collect_cell_warnings
from pellucid.data.tables.cells import MAXIMUM_INVALID_FRACTION
from pellucid.data.tables.stored_table import StoredTable
from pellucid.data.tables.table import Table, is_boolean, is_temporal, parse_column
from pellucid.train.read.dataset import Task, encode_targets, infer_integer_task, infer_task
from pellucid.train.read.loaders.table_loader import (
    check_numbers,
    check_present,
    check_task,
    make_outlier_error,
)
from pellucid.train.read.out_of_core.row_file import RowFile
from pellucid.train.read.out_of_core.storage import SAMPLE_ROWS, draw_rows
from pellucid.train.read.table_columns import find_limits
from pellucid.train.settings.settings import Settings
from pellucid.typing import Array

MAXIMUM_DISTINCT = 10_000
"""Number of distinct values that are counted: more cannot be classes."""


class TargetCounter:
    """Distinct targets with their numbers, while they are not too many, and whether all are integers."""

    def __init__(self) -> None:
        self.counts: Counter[Any] = Counter()
        self.are_whole: bool = True
        self.is_full: bool = False

    def add(self, values: Array) -> None:
        if values.dtype.kind == "f":
            self.are_whole &= bool((values == np.rint(values)).all())
        if not self.is_full:
            distinct, counts = np.unique(values, return_counts=True)
            self.counts.update(dict(zip(distinct.tolist(), counts.tolist(), strict=True)))
            self.is_full = len(self.counts) > MAXIMUM_DISTINCT

    @property
    def distinct(self) -> Array:
        """The distinct values, sorted."""
        return np.array(sorted(self.counts))

    def infer_task(self) -> tuple[Task, str]:
        """Return the task that all targets suggest, and why, as `dataset.infer_task`."""
        distinct = self.distinct
        if distinct.dtype.kind != "f":
            return infer_task(distinct)
        if not self.are_whole:
            return "regression", "the targets have decimals"
        if self.is_full:
            return "regression", f"the targets are more than {MAXIMUM_DISTINCT:,} different integers"
        return infer_integer_task(distinct, np.array([self.counts[value] for value in distinct.tolist()]))


def read_targets(
    table: StoredTable, names: Sequence[str], settings: Settings, folder: Path | None
) -> tuple[StoredTable, dict[str, Any]]:
    """Return the rows that have all targets, and targets, class names and the reason for the task, by name.

    Raises
    ------
    DataError
        If the targets cannot be used, or there are more classes than `MAXIMUM_DISTINCT`.
    """
    check_task(names, settings)
    for name in names:
        if name not in table.names:
            next(table.iter_chunks()).column_index(name)  # raises an error with the columns
    counters, masks = dict[str, TargetCounter](), dict[str, Array]()
    are_numeric = {name: has_numbers(table, name) for name in names}
    for name, is_numeric in are_numeric.items():
        counters[name], masks[name] = count_targets(table, name, is_numeric, settings.strict)
        if len(names) > 1 and masks[name].any():
            check_numbers(table.path, name, settings.task, counters[name].infer_task(), is_numeric)
    present = check_present(table.path, masks, lambda row: locate(table, row))
    kept = table if present.all() else table.select_rows(present)
    task, reason = settings.task or "regression", ""
    if settings.task is None and len(names) == 1:
        task, reason = counters[names[0]].infer_task()
    if task == "regression":
        for name, counter in counters.items():
            encode_targets(counter.distinct, task, f"{table.path}, column {name!a}")  # raises for strings or one value
        return kept, {"targets": encode_numbers(kept, names, folder), "class_names": (), "task_reason": reason}
    [(name, counter)] = counters.items()
    found = encode_classes(kept, name, counter, are_numeric[name], folder)
    return kept, {**found, "task_reason": reason}


def count_targets(table: StoredTable, target: str, is_numeric: bool, strict: bool) -> tuple[TargetCounter, Array]:
    """Return the distinct targets of a column, and which rows have one."""
    counter, present, start = TargetCounter(), np.zeros(len(table), bool), 0
    with collect_cell_warnings():
        for chunk, values in iter_targets(table, target, is_numeric):
            if is_numeric:
                chunk.numbers(target, strict)  # reports invalid cells
            has_target = np.isfinite(values) if is_numeric else values != ""
            present[start : start + len(chunk)] = has_target
            counter.add(values[has_target])
            start += len(chunk)
    return counter, present


def encode_classes(
    table: StoredTable, target: str, counter: TargetCounter, is_numeric: bool, folder: Path | None
) -> dict[str, Any]:
    """Return class indices, int32, shape (n,), and class names, by name."""
    where = f"{table.path}, column {target!a}"
    if counter.is_full:
        raise DataError(
            f"{where}: expected at most {MAXIMUM_DISTINCT:,} classes in a table that is larger than memory, received "
            "more. Choose another column with --target, or --task regression if they are numbers."
        )
    _, names = encode_targets(counter.distinct, "classification", where)
    file, start = RowFile(folder, (), np.int32), 0
    for chunk, values in iter_targets(table, target, is_numeric):
        file.write(start, np.searchsorted(counter.distinct, values))
        start += len(chunk)
    return {"targets": file.map(len(table)), "class_names": names}


def has_numbers(table: StoredTable, name: str) -> bool:
    """Tell whether at most one in five present cells of a column is not a number, as `Table.is_numeric`."""
    present = invalid = 0
    for chunk in table.iter_chunks([name]):
        kind = chunk.columns[name].type
        if is_temporal(kind) or is_boolean(kind):
            return False
        numbers, wrong = parse_column(chunk, name)
        present += int(np.isfinite(numbers).sum()) + len(wrong)
        invalid += len(wrong)
    return present > 0 and invalid <= MAXIMUM_INVALID_FRACTION * present


def iter_targets(table: StoredTable, name: str, is_numeric: bool) -> Iterator[tuple[Table, Array]]:
    for chunk in table.iter_chunks([name]):
        yield chunk, parse_column(chunk, name)[0] if is_numeric else chunk.strings(name)


def encode_numbers(table: StoredTable, targets: Sequence[str], folder: Path | None) -> Array:
    """Return the k targets of a regression, float32, shape (n, k); raise `DataError` if one hides all others."""
    drawn, count = draw_rows(len(table), SAMPLE_ROWS), len(targets)
    file, sample, start = RowFile(folder, (count,), np.float32), list[Array](), 0
    ends: list[dict[int, float]] = [{} for _ in targets]
    for chunk in table.iter_chunks([*targets]):
        numbers = np.stack([parse_column(chunk, name)[0] for name in targets], axis=1)
        stop = start + len(chunk)
        file.write(start, numbers)
        sample.append(numbers[drawn[np.searchsorted(drawn, start) : np.searchsorted(drawn, stop)] - start])
        for k, column in enumerate(numbers.T):
            ends[k] |= {start + int(row): float(column[row]) for row in (column.argmin(), column.argmax())}
        start = stop
    for name, values, found in zip(targets, np.concatenate(sample).T, ends, strict=True):
        limits = find_limits(values)
        if limits is not None:
            for row, value in sorted(found.items()):
                if not limits[0] <= value <= limits[1]:
                    raise make_outlier_error(table.path, locate(table, row), name, limits, value)
    encoded: Array = file.map(len(table))
    return encoded


def locate(table: StoredTable, row: int) -> str:
    """Return the line of a row."""
    return f"{table.unit} {table.take(np.array([row])).lines[0]}"
