"""Columns of a table as inputs of a network: kinds of columns, their statistics, and the encoding of rows.

Statistics are computed on training rows only. A description is a mapping of plain values, which ``data.json`` holds.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pellucid.data.errors import DataError, DataWarning, join_first
from pellucid.data.tables import Table
from pellucid.data.tables.cell_warnings import warn_of_cells
from pellucid.errors import near_miss
from pellucid.tracking.errors import UsageError
from pellucid.train.read.dataset import ColumnUse, is_list_of
from pellucid.typing import Array

Kind = Literal["number", "category", "date", "skip"]
KINDS: tuple[Kind, ...] = ("number", "category", "date", "skip")

MAXIMUM_CATEGORIES = 100
"""A string column with more distinct values is skipped: it identifies rows instead of describing them."""

MINIMUM_ROWS_OF_IDENTIFIERS = 20
MINIMUM_UNIQUE_FRACTION = 0.95
IDENTIFIER_NAME = re.compile(
    r"(?i)(^|[\s_.-])(id|ids|uuid|guid|index|idx|row|rowid|key)$|^(index|unnamed.*|.*[a-z]Id|column 1)$"
)
TIME_NAME = re.compile(r"(?i)year|month|day|date|time|hour|week|step|age")
MINIMUM_WORDS_OF_TEXT = 5

MAXIMUM_DEVIATION = 1e6
"""Largest distance of a number from the median, in interquartile ranges.

float32 has seven digits: beside a number farther away, all others would become equal.
"""

FLOAT32_RANGE = (-float(np.finfo(np.float32).max), float(np.finfo(np.float32).max))

DATE_PARTS = ("days", "year", "month", "weekday", "hour")
PERIODS = {"month": 12, "weekday": 7, "hour": 24}
"""Parts of a date that return: they become a sine and a cosine, so that December is next to January."""

SHOWN_COLUMNS = 40
DAY = 86_400


@dataclass(frozen=True)
class Skipped:
    """The reason to leave a column out; an identifier is used if there is nothing else."""

    reason: str
    is_identifier: bool = False


def describe_columns(
    table: Table, training: Array, targets: Sequence[str], chosen: Mapping[str, str], *, strict: bool
) -> dict[str, Any]:
    """Return how columns become numbers: the kind of each, with the statistics of the training rows.

    Parameters
    ----------
    table : Table
        All rows.
    training : ndarray of int
        The training rows.
    targets : sequence of str
        Names of the target columns.
    chosen : mapping from str to str
        Kinds of columns that the user has chosen; others are inferred.
    strict : bool
        Whether an invalid cell is an error.

    Raises
    ------
    UsageError
        If a chosen column does not exist, or has another kind of cells.
    DataError
        If no column is left.
    """
    check_chosen(table, targets, chosen)
    names = [name for name in table.names if name not in targets]
    described = {name: describe_column(table, name, training, chosen.get(name), strict=strict) for name in names}
    if all(isinstance(column, Skipped) for column in described.values()):
        for name, column in described.items():
            if isinstance(column, Skipped) and column.is_identifier and table.infer_kind(name) == "number":
                described[name] = describe_column(table, name, training, "number", strict=strict)
    columns = [{"name": name, **column} for name, column in described.items() if not isinstance(column, Skipped)]
    skipped = {name: column.reason for name, column in described.items() if isinstance(column, Skipped)}
    if not columns:
        reasons = join_first([f"{name!a}: {reason}" for name, reason in skipped.items()], limit=4)
        raise DataError(
            f"{table.path}: expected at least one feature for {', '.join(map(ascii, targets))}, received none: "
            f"{reasons}. Choose columns with --columns NAME=KIND."
        )
    return {"target": targets[0] if len(targets) == 1 else [*targets], "inputs": columns, "skipped": skipped}


def check_chosen(table: Table, targets: Sequence[str], chosen: Mapping[str, str]) -> None:
    for name, kind in chosen.items():
        if name not in table.names:
            raise UsageError(f"columns: {table.path} has no column {name!r}.{near_miss(name, table.names)}")
        if name in targets:
            raise UsageError(
                f"columns: {name!r} is {'the' if len(targets) == 1 else 'a'} target. Choose its kind with --task"
            )
        if kind not in KINDS:
            raise UsageError(
                f"columns: expected one of {', '.join(KINDS)} for {name!r}; received {kind!r}.{near_miss(kind, KINDS)}"
            )


def describe_column(
    table: Table, name: str, training: Array, kind: str | None, *, strict: bool
) -> dict[str, Any] | Skipped:
    """Return the kind of a column with its statistics, or the reason to skip it."""
    if kind == "skip":
        return Skipped("as chosen")
    inferred = table.infer_kind(name)
    if kind in ("number", "date") and inferred == "empty":
        return Skipped("no values")
    if kind == "date" and inferred != "date":
        raise UsageError(f"columns: {name!r} has no dates. Choose category, or skip it")
    if kind == "number" and inferred != "number":
        raise UsageError(f"columns: {name!r} has no numbers. Choose category, or skip it")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # `encode` warns of the invalid cells
        if inferred == "number" and kind != "category":
            return describe_numbers(table, name, training, is_chosen=kind is not None, strict=strict)
        if inferred == "date" and kind != "category":
            return describe_dates(table, name, training, strict=strict)
        return describe_categories(table, name, training, is_chosen=kind is not None)


def describe_numbers(
    table: Table, name: str, training: Array, *, is_chosen: bool, strict: bool
) -> dict[str, Any] | Skipped:
    values = table.numbers(name, strict)
    if not is_chosen and (reason := find_identifier(name, values, table.sampled_from)):
        return Skipped(reason, is_identifier=True)
    known = values[training]
    present = known[np.isfinite(known)]
    if not len(present):
        return Skipped("no values")
    if len(present) == len(known) and (present == present[0]).all():
        return Skipped(f"always {present[0]:g}")
    return {"kind": "number", "missing": float(np.median(present)), "limits": find_limits(present)}


def find_limits(values: Array) -> list[float] | None:
    """Return the range outside of which a number hides all others, or None if half of the values are equal."""
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
    reach = MAXIMUM_DEVIATION * (high - low)
    return [float(median - reach), float(median + reach)] if high > low else None


def find_identifier(name: str, values: Array, sampled_from: int | None = None) -> str:
    """Return why numbers identify rows instead of describing them, or an empty string.

    A sample of ``sampled_from`` values has the lowest and the highest of all.
    """
    present = values[np.isfinite(values)]
    if len(present) < max(MINIMUM_ROWS_OF_IDENTIFIERS, MINIMUM_UNIQUE_FRACTION * len(values)):
        return ""
    whole = (present == np.rint(present)).all()
    unique = np.unique(present)
    if not whole or len(unique) < MINIMUM_UNIQUE_FRACTION * len(present):
        return ""
    counts_rows = len(unique) == len(present) and unique[-1] - unique[0] == (sampled_from or len(unique)) - 1
    if counts_rows and not TIME_NAME.search(name):
        return "an identifier: it counts the rows"
    return "an identifier: nearly every value is unique" if IDENTIFIER_NAME.search(name) else ""


def describe_dates(table: Table, name: str, training: Array, *, strict: bool) -> dict[str, Any] | Skipped:
    dates = table.dates(name, strict)
    known = dates[training]
    present = known[~np.isnat(known)]
    if not len(present):
        return Skipped("no values")
    if len(present) == len(known) and (present == present[0]).all():
        return Skipped(f"always {present[0]}")
    start = present.min()
    values = compute_date_parts(present, start)
    parts = [part for part in DATE_PARTS if np.ptp(values[part]) > 0]
    form, other = table.find_date_format(name) or (None, "")
    missing = {part: float(np.median(values[part])) for part in parts}
    return {
        "kind": "date",
        "format": form,
        "ambiguous": other,
        "start": str(start.astype("datetime64[s]")),
        "parts": parts,
        "missing": missing,
    }


def compute_date_parts(dates: Array, start: Any) -> dict[str, Array]:
    """Return the parts of dates as numbers; nan where a date is missing."""
    seconds = np.where(np.isnat(dates), np.nan, (dates - start).astype("timedelta64[s]").astype(float))
    days = dates.astype("datetime64[D]")
    months = dates.astype("datetime64[M]").astype(float)
    is_missing = np.isnat(dates)
    found = {
        "days": seconds / DAY,
        "year": 1970 + np.floor(months / 12),
        "month": months % 12,
        "weekday": (days.astype(float) + 3) % 7,  # the first of January 1970 was a Thursday; 0 is Monday
        "hour": (dates - days).astype("timedelta64[s]").astype(float) / 3600,
    }
    return {part: np.where(is_missing, np.nan, values) for part, values in found.items()}


def describe_categories(table: Table, name: str, training: Array, *, is_chosen: bool) -> dict[str, Any] | Skipped:
    strings = table.strings(name)
    values = strings[training]
    categories = sorted({str(value) for value in values} - {""})
    if not categories:
        return Skipped("no values")
    if len(categories) == 1 and (values != "").all():
        return Skipped(f"always {categories[0][:40]!a}")
    if is_chosen:
        return {"kind": "category", "values": categories}
    if len(categories) > MAXIMUM_CATEGORIES:
        return Skipped(f"{len(categories)} distinct strings in {len(values)} rows")
    present = strings[strings != ""]
    if len(present) >= MINIMUM_ROWS_OF_IDENTIFIERS and len(set(present)) >= MINIMUM_UNIQUE_FRACTION * len(present):
        words = np.mean([len(text.split()) for text in present[:200]])
        return Skipped(
            "free text" if words >= MINIMUM_WORDS_OF_TEXT else "an identifier: nearly every string is unique"
        )
    return {"kind": "category", "values": categories}


def encode(table: Table, columns: Sequence[Mapping[str, Any]], *, strict: bool, is_new: bool = False) -> Array:
    r"""Return rows as numbers, shape (rows, features), float32.

    Parameters
    ----------
    table : Table
        The rows.
    columns : sequence of mapping
        Descriptions of `describe_columns`.
    strict : bool
        Whether an invalid cell is an error.
    is_new : bool
        Whether the rows are other data than those of training. Categories that were not in the training data are then
        reported.

    Examples
    --------
    >>> from pellucid.data.tables import parse_table
    >>> table = parse_table(b"rooms,place\n2,town\n,moon\n", "flats.csv")
    >>> rooms = {"name": "rooms", "kind": "number", "missing": 3.0, "limits": None}
    >>> place = {"name": "place", "kind": "category", "values": ["land", "town"]}
    >>> encode(table, [rooms, place], strict=True)
    array([[2., 0., 1.],
           [3., 0., 0.]], dtype=float32)
    """
    encoded = [encode_column(table, column, strict=strict, is_new=is_new) for column in columns]
    return np.concatenate(encoded, axis=1).astype(np.float32)


def encode_column(table: Table, column: Mapping[str, Any], *, strict: bool, is_new: bool) -> Array:
    name = column["name"]
    if column["kind"] == "number":
        values = table.numbers(name, strict)
        low, high = column["limits"] or FLOAT32_RANGE
        too_far = np.flatnonzero((values < low) | (values > high))
        report_cells(table, name, too_far, f"a number from {low:.4g} to {high:.4g}", strict=strict)
        values[too_far] = np.nan
        return np.where(np.isfinite(values), values, column["missing"])[:, None]
    if column["kind"] == "date":
        return encode_dates(table, column, strict=strict)
    strings = table.strings(name)
    encoded: Array = strings[:, None] == np.array(column["values"])[None, :]
    if is_new:
        unknown = np.flatnonzero(~encoded.any(axis=1) & (strings != ""))
        expected = "a category of the training data"
        hint = near_miss(str(strings[unknown[0]]), column["values"]) if len(unknown) else ""
        report_cells(table, name, unknown, expected, strict=strict, hint=hint)
    return encoded


def encode_dates(table: Table, column: Mapping[str, Any], *, strict: bool) -> Array:
    dates = table.dates(column["name"], strict, column["format"])
    values = compute_date_parts(dates, np.datetime64(column["start"]))
    encoded = []
    for part in column["parts"]:
        filled = np.where(np.isfinite(values[part]), values[part], column["missing"][part])
        if part in PERIODS:
            angle = 2 * np.pi * filled / PERIODS[part]
            encoded += [np.sin(angle), np.cos(angle)]
        else:
            encoded.append(filled)
    return np.stack(encoded, axis=1)


def report_cells(table: Table, name: str, rows: Array, expected: str, *, strict: bool, hint: str = "") -> None:
    """Warn of cells that cannot be used, or raise `DataError` if ``strict`` is set."""
    if not len(rows):
        return
    cells = table.strings(name)
    messages = [
        f"{table.unit} {table.lines[row]}, column {name!a}: expected {expected}, received {str(cells[row])[:40]!a}"
        for row in rows[:3].tolist()
    ]
    if strict:
        raise DataError(f"{table.path}, {messages[0]}.{hint} Correct or empty the cell.")
    warn_of_cells(table.path, name, expected, len(rows), messages, hint, stacklevel=4)


def list_features(columns: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a name for each feature of `encode`."""
    names: list[str] = []
    for column in columns:
        if column["kind"] == "number":
            names.append(column["name"])
        elif column["kind"] == "category":
            names += [f"{column['name']} = {value}" for value in column["values"]]
        else:
            for part in column["parts"]:
                waves = [f" ({wave})" for wave in ("sine", "cosine")] if part in PERIODS else [""]
                names += [f"{column['name']}: {part}{wave}" for wave in waves]
    return names


def list_column_uses(table: Table, description: Mapping[str, Any], targets: Sequence[str]) -> list[ColumnUse]:
    """Return how each column of a table is used, and why."""
    described = {column["name"]: column for column in description["inputs"]}

    def explain(name: str) -> ColumnUse:
        if name in targets:
            return ColumnUse(name, "target", "")
        if name in described:
            return ColumnUse(name, described[name]["kind"], explain_column(table, described[name]))
        return ColumnUse(name, "-", description["skipped"][name])

    return [explain(name) for name in table.names]


def format_columns(table: Table, description: Mapping[str, Any], targets: Sequence[str]) -> list[str]:
    """Return lines that say how each column is used, to be shown before training."""
    uses = list_column_uses(table, description, targets)
    shown = [ColumnUse("column", "used as", "because"), *uses[:SHOWN_COLUMNS]]
    cells = [(shorten_name(name), used, why) for name, used, why in shown]
    widths = [max(len(row[k]) for row in cells) for k in range(2)]
    lines = [f"  {name.ljust(widths[0])}  {used.ljust(widths[1])}  {why}".rstrip() for name, used, why in cells]
    if len(uses) > SHOWN_COLUMNS:
        skipped = len(description["skipped"])
        lines.append(f"  and {len(uses) - SHOWN_COLUMNS} more columns; {skipped} of all are left out")
    return lines


def shorten_name(name: str) -> str:
    text = ascii(name)[1:-1]
    return text if len(text) <= 30 else f"{text[:29]}…"


def explain_column(table: Table, column: Mapping[str, Any]) -> str:
    """Return what the values of a column are, and what replaces missing ones."""
    name = column["name"]
    if column["kind"] == "category":
        values = column["values"]
        shown = ", ".join(shorten_name(value) for value in values[:4])
        missing = int((table.strings(name) == "").sum())
        return f"{len(values)} values: {shown}{', ...' * (len(values) > 4)}{format_missing(missing, 'no value')}"
    if column["kind"] == "date":
        form, other = column["format"], column["ambiguous"]
        doubt = f", could also be {to_words(other)}" if other else ""
        written = f"{to_words(form)}{doubt}; " if form else ""
        missing = int(np.isnat(silence(table.dates, name)).sum())
        return f"{written}features: {', '.join(column['parts'])}{format_missing(missing, 'the median')}"
    missing = int((~np.isfinite(silence(table.numbers, name))).sum())
    return "numbers" + format_missing(missing, f"the median {column['missing']:.4g}")


def format_missing(count: int, replacement: str) -> str:
    return f"; {count:,} missing become {replacement}" if count else ""


def silence(read: Any, name: str) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        values: Array = read(name)
    return values


def to_words(form: str) -> str:
    """Return the format of dates as people write it.

    Examples
    --------
    >>> to_words("%d.%m.%Y"), to_words("%Y-%m-%d %H:%M")
    ('day.month.year', 'year-month-day hour:minute')
    """
    words = {"%d": "day", "%m": "month", "%Y": "year", "%y": "year", "%b": "month", "%B": "month"}
    words |= {"%H": "hour", "%I": "hour", "%M": "minute", "%S": "second", "%p": "am"}
    return re.sub(r"%\w", lambda code: words[code[0]], form)


def is_valid_column(column: Mapping[str, Any]) -> bool:
    """Tell whether a description read from a file is complete and well-typed."""
    if not isinstance(column["name"], str):
        return False
    if column["kind"] == "number":
        limits = column["limits"]
        return is_finite(column["missing"]) and (
            limits is None or (isinstance(limits, list) and len(limits) == 2 and all(map(is_finite, limits)))
        )
    if column["kind"] == "date":
        np.datetime64(column["start"])
        return (
            isinstance(column["format"], str | None)
            and is_list_of(str, column["parts"])
            and set(column["parts"]) <= set(DATE_PARTS)
            and all(is_finite(column["missing"][part]) for part in column["parts"])
        )
    return column["kind"] == "category" and is_list_of(str, column["values"])


def is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
