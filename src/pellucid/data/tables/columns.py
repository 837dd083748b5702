"""Columns of tables, made of Python values or of typed Arrow columns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.data.errors import DataError
from pellucid.data.tables.cells import clean_cells
from pellucid.data.tables.csv_dialect import Header, find_header, name_columns
from pellucid.data.tables.table import Table, is_text

if TYPE_CHECKING:
    import pyarrow as pa

HEADER_ROWS = 200
"""Number of rows from which it is inferred whether the first one has the names of the columns."""


def make_table_of_rows(rows: Sequence[Sequence[Any]], name: str, facts: tuple[str, ...], header: Header) -> Table:
    """Return a table of rows of Python values, the first of which may be the header."""
    if not rows:
        raise DataError(f"{name}: expected a header and rows, received an empty table.")
    cells = [[format_cell(cell) for cell in row] for row in rows[:HEADER_ROWS]]
    has_header, reason = (header == "yes", "") if header != "auto" else find_header(cells)
    names = name_columns(cells[0], name, 1) if has_header else [f"column {k}" for k in range(1, len(rows[0]) + 1)]
    body = rows[1:] if has_header else rows
    columns = {column: make_column([row[k] for row in body]) for k, column in enumerate(names)}
    facts = (*facts, f"{'' if has_header else 'no '}header{f' ({reason})' if reason else ''}")
    lines = np.arange(1 + has_header, 1 + has_header + len(body))
    return Table(name, columns, lines, facts, unit="row")


def format_cell(value: Any) -> str:
    return "" if value is None else str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def make_column(values: Sequence[Any]) -> pa.ChunkedArray:
    """Return a column of Python values: of one type, or of strings if the types are mixed."""
    import pyarrow as pa

    present = [value for value in values if value is not None and value != ""]
    kept = [None if value == "" else value for value in values]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in present):
        return pa.chunked_array([pa.array(kept, pa.float64())])
    if all(isinstance(value, bool) for value in present):
        return pa.chunked_array([pa.array(kept, pa.bool_())])
    if all(isinstance(value, dt.date) for value in present):
        times = [v if v is None or isinstance(v, dt.datetime) else dt.datetime(v.year, v.month, v.day) for v in kept]
        return pa.chunked_array([pa.array(times, pa.timestamp("s"))])
    return clean_cells(pa.chunked_array([[format_cell(value) for value in kept]]))


def make_typed_table(table: pa.Table, name: str, facts: tuple[str, ...]) -> Table:
    """Return a table of typed columns; structures become one column for each field."""
    import pyarrow as pa
    import pyarrow.compute as pc

    while any(pa.types.is_struct(kind) for kind in table.schema.types):
        table = table.flatten()
    columns: dict[str, Any] = {}
    for column, cells in zip(table.column_names, table.columns, strict=True):
        kind = cells.type
        if pa.types.is_dictionary(kind):
            cells = cells.cast(kind.value_type)
            kind = cells.type
        if column in columns:
            raise DataError(f"{name}: expected unique column names, received {column[:60]!a} twice.")
        if is_text(kind):
            columns[column] = clean_cells(cells.cast(pa.string()))
        elif pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            columns[column] = pa.chunked_array([pa.nulls(len(cells), pa.string())])
        elif pa.types.is_duration(kind):
            columns[column] = pc.divide(
                cells.cast(pa.duration("ms"), safe=False).cast(pa.int64()).cast(pa.float64()), 1000.0
            )
        elif pa.types.is_time(kind) or pa.types.is_null(kind):
            columns[column] = cells.cast(pa.string())
        else:
            columns[column] = cells
    return Table(name, columns, np.arange(1, table.num_rows + 1), facts, unit="row")
