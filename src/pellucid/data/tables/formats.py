"""Formats of table files: one reader for each, chosen by the first bytes and the suffix of a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from pellucid.data.errors import DataError
from pellucid.data.tables.byte_streams import Content
from pellucid.data.tables.cells import Decimal
from pellucid.data.tables.csv_dialect import Header
from pellucid.data.tables.csv_format import read_csv_file
from pellucid.data.tables.databases import read_duckdb_file, read_sqlite_file
from pellucid.data.tables.read_options import ReadOptions
from pellucid.data.tables.suffixes import SUFFIXES, get_table_suffix
from pellucid.data.tables.table import Table
from pellucid.data.tables.typed_formats import (
    ARROW,
    read_arrow_file,
    read_json_array,
    read_json_lines,
    read_parquet_file,
)
from pellucid.data.tables.workbooks import read_workbook
from pellucid.optional_packages import require_packages
from pellucid.typing import FilePath
from pellucid.untrusted_files.budget import DEFAULT_MAX_BYTES
from pellucid.untrusted_files.reading import open_regular_file, report_damage

MAXIMUM_COLUMNS = 10_000


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
        import_module("pyarrow")
    with report_damage(DataError, name):
        form = find_format(content, name)
        table = form.read(content, name, options)
        check_size(name, table.names, len(table))
        return table


def check_size(name: str, columns: Sequence[str], rows: int) -> None:
    """Raise if a table has too many columns, or no rows."""
    if len(columns) > MAXIMUM_COLUMNS:
        raise DataError(f"{name}: expected at most {MAXIMUM_COLUMNS:,} columns, received {len(columns):,}.")
    if not rows:
        raise DataError(f"{name}: expected rows, received only names of columns: {', '.join(columns)[:200]}.")


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


ZIP = b"PK\x03\x04"
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
