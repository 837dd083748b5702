"""Dialects of CSV files: delimiter, header and decimal mark, inferred from the beginning of a file."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from pellucid.data.errors import DataError
from pellucid.data.tables.cells import MISSING, Decimal

DELIMITERS = {
    ",": "comma",
    ";": "semicolon",
    "\t": "tab",
    "|": "bar",
    ":": "colon",
    "~": "tilde",
    "^": "caret",
    " ": "space",
}
"""Delimiters that are recognized, the likely ones first."""

USUAL_DELIMITERS = ",;\t|"
SAMPLE_ROWS = 500
NUMBER = re.compile(r"[-+−]?[\d.,'\u2019\s]*\d[\d.,]*(?:[eE][-+]?\d+)?\s*%?")
DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*")

Header = Literal["auto", "yes", "no"]


@dataclass(frozen=True)
class CsvDialect:
    """How a CSV file is written.

    Attributes
    ----------
    delimiter : str
        Character between cells.
    names : tuple of str
        Names of the columns.
    has_header : bool
        Whether the first line has the names.
    header_reason : str
        How that was inferred; empty if it was given.
    first_line : int
        Line of the first row or header, from 1.
    decimal : str or None
        Decimal mark, or None if it is to be inferred from the cells.
    """

    delimiter: str
    names: tuple[str, ...]
    has_header: bool
    header_reason: str = ""
    first_line: int = 1
    decimal: Decimal | None = None


def infer_dialect(
    sample: str, name: str, *, is_complete: bool, delimiter: str | None, header: Header, decimal: Decimal | None
) -> CsvDialect:
    """Infer what is not given from the beginning of a file.

    Raises
    ------
    DataError
        If the file is empty or two columns have the same name.
    """
    lines = list(io.StringIO(sample, newline=""))
    first = next((k for k, line in enumerate(lines) if line.strip()), None)
    if first is None:
        raise DataError(f"{name}: expected a header and rows, received an empty file.")
    lines = lines[first:]
    marked = re.fullmatch(r"sep=(.)\r?\n?", lines[0])  # which Excel reads and writes
    if marked and len(lines) > 1:
        lines, first, delimiter = lines[1:], first + 1, delimiter or marked[1]
    delimiter = delimiter or find_delimiter(lines)
    rows = parse_rows(lines, delimiter, is_complete=is_complete)
    width = Counter(map(len, rows[1:] or rows)).most_common(1)[0][0]
    has_header, reason = header == "yes", ""
    if header == "auto" and len(rows[0]) == width - 1:
        has_header, reason = True, "the first line has no name for the first column"  # as R writes row names
    elif header == "auto":
        has_header, reason = find_header(rows)
    if has_header:
        cells = ["row", *rows[0]] if len(rows[0]) == width - 1 else rows[0]
        names = name_columns(cells, name, first + 1)
    else:
        names = [f"column {k}" for k in range(1, width + 1)]
    return CsvDialect(delimiter, tuple(names), has_header, reason, first + 1, decimal)


def parse_rows(lines: Sequence[str], delimiter: str, *, is_complete: bool = True) -> list[list[str]]:
    """Return the cells of the first rows, without empty rows."""
    rows: list[list[str]] = []
    with unlimited_cells():
        for row in csv.reader(lines, delimiter=delimiter):
            if any(cell.strip() for cell in row):
                rows.append([cell.strip() for cell in row])
            if len(rows) > SAMPLE_ROWS:
                break
    return rows if is_complete or len(rows) < 3 else rows[:-1]


@contextmanager
def unlimited_cells() -> Iterator[None]:
    """Lift the limit of the module csv, 128 KiB for a cell, which applies to the whole process."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def find_delimiter(lines: Sequence[str]) -> str:
    """Return the delimiter that divides most rows into the same number of cells, two or more; else a comma.

    Of two that divide all rows alike, such as the comma and the semicolon of ``1,5;2,5``, it is the one that leaves
    more numbers.
    """
    scores = {}
    for order, delimiter in enumerate(DELIMITERS):
        widths = Counter(len(row) for row in parse_rows(lines, delimiter))
        width, count = max(widths.items(), key=lambda item: (item[0] > 1, item[1]))
        if width > 1:
            share = count / widths.total()
            # Sentences have spaces and times have colons, but rarely all rows the same number.
            score = share if delimiter in USUAL_DELIMITERS else float(share == 1) / 2
            scores[delimiter] = (round(score, 2), count_numbers(lines, delimiter), -order)
    return max(scores, key=scores.__getitem__) if scores else ","


def count_numbers(lines: Sequence[str], delimiter: str) -> float:
    """Return the fraction of cells that are numbers, with decimal commas or points."""
    cells = [cell for row in parse_rows(lines[:100], delimiter)[1:] for cell in row]
    return sum(bool(NUMBER.fullmatch(cell)) for cell in cells) / max(1, len(cells))


def find_header(rows: Sequence[Sequence[str]]) -> tuple[bool, str]:
    """Tell whether the first row has the names of the columns, and why.

    Names are no numbers, except such as years above columns of numbers; and they do not occur below.
    """
    first, body = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    if not body:
        return not all(map(is_value, first)), ""
    columns = [[row[k] for row in body] for k in range(len(first))]
    numeric = [k for k, cells in enumerate(columns) if is_value_column(cells)]
    texts = [k for k in range(len(first)) if k not in numeric]
    titled = [k for k in numeric if first[k] and not is_value(first[k]) and first[k].lower() not in MISSING]
    if titled:
        return True, f"{first[titled[0]]!a} stands above numbers"
    if not first[0] and all(columns[0]):
        return True, "its first cell is empty, as above the names of rows"
    numbers = [first[k] for k in numeric if is_value(first[k])]
    if are_consecutive(numbers):
        return True, f"{numbers[0]!a} to {numbers[-1]!a} are consecutive"
    if numbers:
        return False, f"{numbers[0]!a} is a number, like the cells below it"
    repeated = [k for k in texts if first[k] and first[k] in columns[k]]
    if repeated:
        return False, f"{first[repeated[0]]!a} occurs again below"
    if len(set(first)) < len(first) or not all(first):
        return False, "the first line has empty or equal cells"
    return True, "the first line has other words than the lines below"


def are_consecutive(cells: Sequence[str]) -> bool:
    """Tell whether cells count up by one, as years do in a header."""
    values = [int(cell) for cell in cells if cell.isdecimal()]
    return len(values) == len(cells) > 1 and all(b == a + 1 for a, b in pairwise(values))


def is_value(cell: str) -> bool:
    return bool(NUMBER.fullmatch(cell) or DATE.fullmatch(cell))


def is_value_column(cells: Sequence[str]) -> bool:
    present = [cell for cell in cells if cell.lower() not in MISSING]
    return bool(present) and sum(map(is_value, present)) >= 0.8 * len(present)


def name_columns(cells: Sequence[str], file: str, line: int) -> list[str]:
    """Return the column names of a header; an empty name becomes the number of the column."""
    names = [cell or f"column {number}" for number, cell in enumerate(cells, 1)]
    duplicate = next((name for name, count in Counter(names).items() if count > 1), None)
    if duplicate is not None:
        raise DataError(f"{file}, line {line}: expected unique column names, received {duplicate[:60]!a} twice.")
    return names
