"""Reading of CSV files as columns of strings."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.data.errors import DataError, DataWarning, join_first
from pellucid.data.tables.byte_streams import Content, open_bytes
from pellucid.data.tables.cells import Decimal, clean_cells, find_decimal_mark
from pellucid.data.tables.csv_dialect import DELIMITERS, CsvDialect, infer_dialect, unlimited_cells
from pellucid.data.tables.read_options import ReadOptions
from pellucid.data.tables.table import Table
from pellucid.data.tables.text_encodings import TextFile, Utf8Stream, inspect_text
from pellucid.typing import Array

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 2**22
"""Bytes that are parsed at one time; a row may have at most this many."""


@dataclass
class LineCounter:
    """Lines of rows, whose cells may have line breaks, and the rows that are skipped.

    PyArrow numbers rows from 1, with the header and the lines before it.
    """

    strict: bool
    row: int
    breaks: int
    skipped: dict[int, int] = field(default_factory=dict)
    """Number of line breaks in each skipped row."""
    problems: dict[int, str] = field(default_factory=dict)
    """What is wrong with each skipped row."""
    refused: int | None = None
    """The row that ends the reading."""

    def skip(self, row: Any) -> str:
        """Handle an `InvalidRow` of PyArrow: one with too few or too many cells."""
        self.skipped[row.number] = row.text.count("\n")
        self.problems[row.number] = (
            f"expected {row.expected_columns} cells, as in the first line, received {row.actual_columns}"
        )
        is_open = row.text.count('"') % 2 == 1  # the row may have swallowed all that follow
        if is_open:
            self.problems[row.number] += ", because a quotation mark is not closed"
        if is_open or self.strict:
            self.refused = row.number
            return "error"
        return "skip"

    def count(self, breaks: Array) -> Array:
        """Return the lines of the next rows, given their numbers of line breaks."""
        pending = [row for row in self.skipped if row >= self.row]
        rows: Array = np.arange(self.row, self.row + len(breaks) + len(pending))
        rows = np.setdiff1d(rows, pending)[: len(breaks)]
        if not len(rows):
            return rows
        all_breaks = np.zeros(int(rows[-1]) - self.row + 1, np.int64)
        all_breaks[rows - self.row] = breaks
        for row in pending:
            if row <= rows[-1]:
                all_breaks[row - self.row] = self.skipped[row]
        ends = self.breaks + np.cumsum(all_breaks)
        lines: Array = rows + (ends - all_breaks)[rows - self.row]
        self.row, self.breaks = int(rows[-1]) + 1, int(ends[-1])
        return lines


def read_csv_file(content: Content, name: str, options: ReadOptions) -> Table:
    import pyarrow as pa

    text = inspect_text(content, name)
    dialect = infer_csv_dialect(text, options)
    budget = options.make_budget(name)
    chunks: dict[str, list[Any]] = {column: [] for column in dialect.names}
    lines: list[Array] = []
    for columns, batch_lines in read_csv_batches(text, dialect, strict=options.strict):
        budget.spend(sum(cells.nbytes for cells in columns.values()), "the table")
        for column, cells in columns.items():
            chunks[column] += cells.chunks
        lines.append(batch_lines)
    columns = {column: pa.chunked_array(parts, pa.string()) for column, parts in chunks.items()}
    decimal = options.decimal or find_decimal_mark(list(columns.values()), dialect.delimiter)
    facts = format_csv_facts(text, dialect, decimal)
    return Table(name, columns, np.concatenate([np.zeros(0, np.int64), *lines]), facts, decimal)


def infer_csv_dialect(text: TextFile, options: ReadOptions) -> CsvDialect:
    return infer_dialect(
        text.sample,
        text.name,
        is_complete=text.is_complete,
        delimiter=options.delimiter,
        header=options.header,
        decimal=options.decimal,
    )


def format_csv_facts(text: TextFile, dialect: CsvDialect, decimal: Decimal) -> tuple[str, ...]:
    """Return how a CSV file is read: compression, encoding, delimiter, header and decimal mark."""
    header = f"header ({dialect.header_reason})" if dialect.header_reason else "header"
    if not dialect.has_header:
        header = f"no header ({dialect.header_reason})" if dialect.header_reason else "no header"
    return (
        "CSV",
        *([text.compression] if text.compression else []),
        text.encoding_name,
        f"delimiter {DELIMITERS.get(dialect.delimiter, dialect.delimiter)}",
        header,
        *(["decimal comma"] if decimal == "," else []),
    )


def read_csv_batches(
    text: TextFile, dialect: CsvDialect, *, strict: bool
) -> Iterator[tuple[dict[str, pa.ChunkedArray], Array]]:
    """Yield batches of columns, strings with null for missing cells, and the line of each row.

    Rows without any cell are left out.

    Warns
    -----
    DataWarning
        At the end, if rows were skipped because they have too few or too many cells.

    Raises
    ------
    DataError
        If a quotation mark is not closed, a row has more than `BLOCK` bytes, or ``strict`` is set and a row has too few
        or too many cells.
    """
    import pyarrow as pa
    import pyarrow.csv as pc

    names = list(dialect.names)
    header_breaks = sum(name.count("\n") for name in names) if dialect.has_header else 0
    counter = LineCounter(strict, dialect.first_line + dialect.has_header, header_breaks)
    total = 0
    with open_bytes(text.content) as (stream, _):
        utf8 = Utf8Stream(stream, text.encoding)
        breaks: Array = np.zeros(0, np.int64)
        try:
            reader = pc.open_csv(
                io.BufferedReader(utf8),  # which reads whole blocks
                read_options=pc.ReadOptions(
                    use_threads=False,  # so that rows have numbers
                    block_size=BLOCK,
                    column_names=names,
                    skip_rows=dialect.first_line - 1,
                    skip_rows_after_names=int(dialect.has_header),
                ),
                parse_options=pc.ParseOptions(
                    delimiter=dialect.delimiter,
                    newlines_in_values=True,
                    ignore_empty_lines=False,  # which would change the numbers of rows
                    invalid_row_handler=counter.skip,
                ),
                convert_options=pc.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
                ),
            )
            for batch in reader:
                breaks = count_breaks(batch)
                lines = counter.count(breaks)
                columns = {name: clean_cells(pa.chunked_array([batch[name]])) for name in names}
                filled: Array = np.zeros(len(batch), bool)
                for cells in columns.values():
                    filled |= cells.is_valid().to_numpy()
                if filled.any():
                    total += int(filled.sum())
                    mask = pa.array(filled)
                    yield {name: cells.filter(mask) for name, cells in columns.items()}, lines[filled]
        except pa.ArrowInvalid as error:
            if counter.refused is not None:
                [message] = describe_problems(text, dialect, counter, [counter.refused])
                raise DataError(f"{text.name}, {message}. Correct or remove the line.") from error
            if "straddl" in str(error):
                raise DataError(
                    f"{text.name}: a row has more than {BLOCK:,} bytes. "
                    "Close its quotation marks, or shorten its cells."
                ) from error
            if "Empty CSV" not in str(error):
                raise
    if utf8.quotes % 2 and len(breaks) and breaks[-1]:  # the last row goes to the end of the file
        raise DataError(f"{text.name}, line {lines[-1]}: a quotation mark is not closed. Correct or remove the line.")
    if counter.problems:
        number = len(counter.problems)
        found = describe_problems(text, dialect, counter, list(counter.problems)[:3])
        messages = join_first([*found, *[""] * (number - len(found))])
        warnings.warn(f"{text.name}: skipped {number} of {number + total} lines: {messages}", DataWarning, stacklevel=5)


def count_breaks(batch: pa.RecordBatch) -> Array:
    """Return the number of line breaks in the cells of each row."""
    import pyarrow.compute as pc

    counts: Array = np.zeros(len(batch), np.int64)
    for cells in batch.columns:
        counts += pc.count_substring(cells, "\n").to_numpy()
    return counts


def describe_problems(text: TextFile, dialect: CsvDialect, counter: LineCounter, rows: Sequence[int]) -> list[str]:
    """Return the lines of rows with their problems. Lines are counted again: other rows may have line breaks."""
    starts, wanted = {}, set(rows)
    start = 1
    with open_bytes(text.content) as (stream, _), unlimited_cells():
        lines = io.TextIOWrapper(io.BufferedReader(Utf8Stream(stream, text.encoding)), "utf-8", newline="")
        reader = csv.reader(lines, delimiter=dialect.delimiter)
        for number, _ in zip(range(1, max(rows) + 1), reader, strict=False):
            if number in wanted:
                starts[number] = start
            start = reader.line_num + 1
    return [f"line {starts.get(row, row)}: {counter.problems[row]}" for row in rows]
