"""Formats of table files: one reader for each, chosen by the first bytes and the suffix of a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pellucid.data.errors import DataError
from pellucid.data.tables.byte_streams import Content, open_bytes
from pellucid.data.tables.cells import Decimal, find_decimal_mark
from pellucid.data.tables.csv_dialect import DELIMITERS, Header, infer_dialect
from pellucid.data.tables.csv_format import read_csv_batches
from pellucid.data.tables.suffixes import SUFFIXES, get_table_suffix
from pellucid.data.tables.table import Table
from pellucid.data.tables.text_encodings import inspect_text
from pellucid.optional_packages import require_packages
from pellucid.typing import Array, FilePath
from pellucid.untrusted_files.budget import DEFAULT_MAX_BYTES, MemoryBudget
from pellucid.untrusted_files.reading import open_regular_file, report_damage

if TYPE_CHECKING:
    import pyarrow as pa

MAXIMUM_COLUMNS = 10_000


@dataclass(frozen=True)
class ReadOptions:
    """Arguments of `read_table`; None for what is to be inferred."""

    strict: bool = False
    table: str | None = None
    delimiter: str | None = None
    header: Header = "auto"
    decimal: Decimal | None = None
    max_bytes: int = DEFAULT_MAX_BYTES


@dataclass(frozen=True)
class TableFormat:
    """A format of tables.

    Attributes
    ----------
    name : str
        Name in messages, and in `SUFFIXES`.
    signature : bytes
        First bytes of its files; empty if they have none.
    read : function
        Reads a file: content, name for messages, options.
    """

    name: str
    signature: bytes
    read: Callable[[Content, str, ReadOptions], Table]


def read_table(
    path: FilePath,
    strict: bool = False,
    *,
    table: str | None = None,
    delimiter: str | None = None,
    header: Header = "auto",
    decimal: Decimal | None = None,
    max_bytes: int = DEFAULT_MAX_BYTES,
) -> Table:
    r"""Read a table: CSV, Parquet, Arrow, Excel, JSON, JSON lines, SQLite or DuckDB.

    Delimiter, header, decimal mark and encoding (UTF-8, UTF-16 or cp1252) of a CSV file are inferred; ``facts`` of the
    result has what was found. Files compressed by gzip, bzip2, xz, zstd or zip are read without unpacking them. Empty
    cells, NA, N/A, NaN, None, null, ?, - and "missing" are missing values.

    Parameters
    ----------
    path : str or Path
        The file.
    strict : bool
        Whether a line with too few or too many cells is an error; otherwise it is skipped with a warning.
    table : str, optional
        Table of a database, or sheet of a workbook. Needed if there are several.
    delimiter : str, optional
        Character between the cells of a CSV file.
    header : {"auto", "yes", "no"}
        Whether the first line of a CSV file has the names of the columns.
    decimal : {".", ","}, optional
        Decimal mark of numbers in text.
    max_bytes : int
        Memory budget. A small file can hold gigabytes of cells.

    Returns
    -------
    Table
        The columns.

    Raises
    ------
    DataError
        If the file does not exist, is damaged, has no rows, or has duplicate column names; the message names the file
        and, where possible, the line.
    MissingPackageError
        If the format needs a package that is not installed.

    Warns
    -----
    DataWarning
        If lines were skipped.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("flats.csv").write_text("rooms,place,price\n2,town,90\n3,,120\n")
    >>> table = read_table("flats.csv")
    >>> table.names, table.numbers("rooms"), table.strings("place").tolist(), table.is_numeric("place")
    (('rooms', 'place', 'price'), array([2., 3.]), ['town', ''], False)
    """
    path = Path(path)
    options = ReadOptions(strict, table, delimiter, header, decimal, max_bytes)
    check_options(options)
    return read_content(path, str(path), options)


def parse_table(content: bytes, name: str, strict: bool = False) -> Table:
    r"""Read the content of a table file as `read_table` does; messages call the file ``name``.

    Examples
    --------
    >>> parse_table(b"rooms,place\n2,town\n", "-").names
    ('rooms', 'place')
    """
    return read_content(content, name, ReadOptions(strict))


def read_content(content: Content, name: str, options: ReadOptions) -> Table:
    with require_packages("Reading tables"):
        import pyarrow  # noqa: F401
    with report_damage(DataError, name):
        form = find_format(content, name)
        table = form.read(content, name, options)
        if len(table.names) > MAXIMUM_COLUMNS:
            raise DataError(f"{name}: expected at most {MAXIMUM_COLUMNS:,} columns, received {len(table.names):,}.")
        if not len(table):
            raise DataError(f"{name}: expected rows, received only names of columns: {', '.join(table.names)[:200]}.")
        return table


def check_options(options: ReadOptions) -> None:
    from pellucid.errors import OptionError

    if options.delimiter is not None and len(options.delimiter) != 1:
        raise OptionError(f"delimiter: expected one character, received {options.delimiter!r}")
    if options.header not in ("auto", "yes", "no"):
        raise OptionError(f"header: expected 'auto', 'yes' or 'no', received {options.header!r}")
    if options.decimal not in (None, ".", ","):
        raise OptionError(f"decimal: expected '.' or ',', received {options.decimal!r}")


def find_format(content: Content, name: str) -> TableFormat:
    """Return the format of a file by its first bytes, else by its suffix; other files are taken as CSV."""
    if isinstance(content, bytes):
        head = content[:64]
    else:
        if not content.exists():
            raise DataError(f"{name}: no such file; expected a table.")
        with open_regular_file(content, DataError) as (file, _):
            head = file.read(64)
    suffix = get_table_suffix(Path(name))
    for form in FORMATS:
        size = len(form.signature)
        has_signature = size and form.signature in (head[:size], head[8 : 8 + size])  # DuckDB's follows a checksum
        if has_signature and (form.signature != ZIP or suffix in SUFFIXES[form.name]):
            return form
    return next((form for form in FORMATS if not form.signature and suffix in SUFFIXES[form.name]), FORMATS[-1])


def read_csv_file(content: Content, name: str, options: ReadOptions) -> Table:
    import pyarrow as pa

    text = inspect_text(content, name)
    dialect = infer_dialect(
        text.sample,
        name,
        is_complete=text.is_complete,
        delimiter=options.delimiter,
        header=options.header,
        decimal=options.decimal,
    )
    budget = MemoryBudget(options.max_bytes, DataError, name)
    chunks: dict[str, list[Any]] = {column: [] for column in dialect.names}
    lines: list[Array] = []
    for columns, batch_lines in read_csv_batches(text, dialect, strict=options.strict):
        budget.spend(sum(cells.nbytes for cells in columns.values()), "the table")
        for column, cells in columns.items():
            chunks[column] += cells.chunks
        lines.append(batch_lines)
    columns = {column: pa.chunked_array(parts, pa.string()) for column, parts in chunks.items()}
    decimal = options.decimal or find_decimal_mark(list(columns.values()), dialect.delimiter)
    header = f"header ({dialect.header_reason})" if dialect.header_reason else "header"
    if not dialect.has_header:
        header = f"no header ({dialect.header_reason})" if dialect.header_reason else "no header"
    facts = (
        "CSV",
        *([text.compression] if text.compression else []),
        text.encoding_name,
        f"delimiter {DELIMITERS.get(dialect.delimiter, dialect.delimiter)}",
        header,
        *(["decimal comma"] if decimal == "," else []),
    )
    return Table(name, columns, np.concatenate([np.zeros(0, np.int64), *lines]), facts, decimal)


def read_parquet_file(content: Content, name: str, options: ReadOptions) -> Table:
    import pyarrow.parquet as pq

    with open_bytes(content) as (stream, _):
        file = pq.ParquetFile(stream)
        size = sum(file.metadata.row_group(k).total_byte_size for k in range(file.num_row_groups))
        MemoryBudget(options.max_bytes, DataError, name).spend(size, "the table")
        return make_typed_table(file.read(), name, ("Parquet",))


def read_arrow_file(content: Content, name: str, options: ReadOptions) -> Table:
    import pyarrow as pa

    with open_bytes(content) as (stream, _):
        data = stream.read(options.max_bytes + 1)
    MemoryBudget(options.max_bytes, DataError, name).spend(len(data), "the file")
    reader = pa.ipc.open_file(data) if data.startswith(ARROW) else pa.ipc.open_stream(data)
    return make_typed_table(reader.read_all(), name, ("Arrow",))


def read_json_lines(content: Content, name: str, options: ReadOptions) -> Table:
    import pyarrow.json as pj

    with open_bytes(content) as (stream, compression):
        data = stream.read(options.max_bytes + 1)
    MemoryBudget(options.max_bytes, DataError, name).spend(len(data), "the file")
    facts = ("JSON lines", *([compression] if compression else []))
    import pyarrow as pa

    return make_typed_table(pj.read_json(pa.BufferReader(data)), name, facts)


def read_json_array(content: Content, name: str, options: ReadOptions) -> Table:
    import json

    import pyarrow as pa

    with open_bytes(content) as (stream, compression):
        data = stream.read(options.max_bytes + 1)
    MemoryBudget(options.max_bytes, DataError, name).spend(len(data), "the file")
    if data.lstrip()[:1] == b"{":
        return read_json_lines(content, name, options)
    rows = json.loads(data)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{name}: expected a JSON array of objects, one for each row, received other JSON.")
    columns = {column: [row.get(column) for row in rows] for column in dict.fromkeys(k for row in rows for k in row)}
    arrays = {column: make_column(values) for column, values in columns.items()}
    return make_typed_table(pa.table(arrays), name, ("JSON", *([compression] if compression else [])))


def read_workbook(content: Content, name: str, options: ReadOptions) -> Table:
    import io

    with require_packages("Reading Excel files"):
        import python_calamine

    check_unpacked_size(content, name, options)
    with open_bytes_of_zip(content) as stream:
        workbook = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(stream.read()))
    sheet = choose_table(workbook.sheet_names, options.table, name, "sheet", "sheets")
    rows = [row for row in workbook.get_sheet_by_name(sheet).to_python() if any(cell != "" for cell in row)]
    return make_table_of_rows(rows, name, ("Excel", f"sheet {sheet!r}"), options.header)


def read_sqlite_file(content: Content, name: str, options: ReadOptions) -> Table:
    import sqlite3
    from contextlib import closing
    from urllib.parse import quote

    path = need_path(content, name)
    with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1", uri=True)) as connection:
        connection.execute("PRAGMA trusted_schema = OFF")
        found = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        table = choose_table([row[0] for row in found], options.table, name, "table", "tables")
        cursor = connection.execute(f"SELECT * FROM {quote_identifier(table)}")
        names = [column[0] for column in cursor.description]
        budget = MemoryBudget(options.max_bytes, DataError, name)
        rows: list[Sequence[Any]] = []
        while part := cursor.fetchmany(10_000):
            budget.spend(sum(8 + len(v) if isinstance(v, str | bytes) else 8 for row in part for v in row), "the table")
            rows += part
    return make_table_of_rows([names, *rows], name, ("SQLite", f"table {table!r}"), "yes")


def read_duckdb_file(content: Content, name: str, options: ReadOptions) -> Table:
    with require_packages("Reading DuckDB files"):
        import duckdb

    path = need_path(content, name)
    limits = {"enable_external_access": "false", "memory_limit": f"{options.max_bytes}B"}
    with duckdb.connect(str(path), read_only=True, config=limits) as connection:
        found = connection.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal ORDER BY table_name")
        table = choose_table([row[0] for row in found.fetchall()], options.table, name, "table", "tables")
        rows = connection.sql(f"SELECT * FROM {quote_identifier(table)}").to_arrow_table()
    return make_typed_table(rows, name, ("DuckDB", f"table {table!r}"))


def need_path(content: Content, name: str) -> Path:
    if isinstance(content, bytes):
        raise DataError(f"{name}: a database cannot be read from standard input. Pass its path.")
    return content


def choose_table(found: Sequence[str], wanted: str | None, name: str, kind: str, kinds: str) -> str:
    """Return the table or sheet to read, or raise `DataError` with those that there are."""
    from pellucid.errors import near_miss

    listed = ", ".join(found[:20])
    if not found:
        raise DataError(f"{name}: expected a {kind}, received a file without {kinds}.")
    if wanted is None and len(found) > 1:
        raise DataError(f"{name}: expected the name of a {kind}: --table NAME, one of {listed}.")
    if wanted is not None and wanted not in found:
        raise DataError(f"{name}: no {kind} {wanted!a}.{near_miss(wanted, found) or f' The {kinds} are {listed}.'}")
    return wanted or found[0]


def quote_identifier(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def make_table_of_rows(rows: Sequence[Sequence[Any]], name: str, facts: tuple[str, ...], header: Header) -> Table:
    """Return a table of rows of Python values, the first of which may be the header."""
    from pellucid.data.tables.csv_dialect import find_header, name_columns

    if not rows:
        raise DataError(f"{name}: expected a header and rows, received an empty table.")
    cells = [[format_cell(cell) for cell in row] for row in rows[:200]]
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
    import datetime

    import pyarrow as pa

    from pellucid.data.tables.cells import clean_cells

    present = [value for value in values if value is not None and value != ""]
    kept = [None if value == "" else value for value in values]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in present):
        return pa.chunked_array([pa.array(kept, pa.float64())])
    if all(isinstance(value, bool) for value in present):
        return pa.chunked_array([pa.array(kept, pa.bool_())])
    if all(isinstance(value, datetime.date) for value in present):
        times = [v if v is None or isinstance(v, datetime.datetime) else datetime.datetime(v.year, v.month, v.day) for v in kept]
        return pa.chunked_array([pa.array(times, pa.timestamp("s"))])
    return clean_cells(pa.chunked_array([[format_cell(value) for value in kept]]))


def make_typed_table(table: pa.Table, name: str, facts: tuple[str, ...]) -> Table:
    """Return a table of typed columns; structures become one column for each field."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from pellucid.data.tables.cells import clean_cells
    from pellucid.data.tables.table import is_text

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
            columns[column] = pc.divide(cells.cast(pa.duration("ms"), safe=False).cast(pa.int64()).cast(pa.float64()), 1000.0)
        elif pa.types.is_time(kind) or pa.types.is_null(kind):
            columns[column] = cells.cast(pa.string())
        else:
            columns[column] = cells
    return Table(name, columns, np.arange(1, table.num_rows + 1), facts, unit="row")


def check_unpacked_size(content: Content, name: str, options: ReadOptions) -> None:
    """Take the unpacked size of a workbook from the budget; its reader would unpack anything."""
    import zipfile

    with open_bytes_of_zip(content) as stream:
        if zipfile.is_zipfile(stream):
            with zipfile.ZipFile(stream) as archive:
                size = sum(member.file_size for member in archive.infolist())
            MemoryBudget(options.max_bytes, DataError, name).spend(size, "the unpacked workbook")


def open_bytes_of_zip(content: Content) -> Any:
    import io
    from contextlib import nullcontext

    return nullcontext(io.BytesIO(content)) if isinstance(content, bytes) else content.open("rb")


ZIP, ARROW = b"PK\x03\x04", b"ARROW1"
FORMATS = (
    TableFormat("Parquet", b"PAR1", read_parquet_file),
    TableFormat("Arrow", ARROW, read_arrow_file),
    TableFormat("SQLite", b"SQLite format 3\0", read_sqlite_file),
    TableFormat("DuckDB", b"DUCK", read_duckdb_file),
    TableFormat("Excel", ZIP, read_workbook),
    TableFormat("Excel", b"\xd0\xcf\x11\xe0", read_workbook),  # before 2007
    TableFormat("JSON lines", b"", read_json_lines),
    TableFormat("JSON", b"", read_json_array),
    TableFormat("CSV", b"", read_csv_file),
)
"""All formats; the last one reads every file that no other recognizes."""
