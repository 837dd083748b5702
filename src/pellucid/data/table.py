"""CSV tables from untrusted sources, with columns of numbers or strings."""

from __future__ import annotations

import csv
import io
import math
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pellucid.data.errors import DataError, DataWarning, format_names, join_first
from pellucid.errors import near_miss
from pellucid.typing import Array, FilePath
from pellucid.untrusted_files.reading import read_regular_file, report_damage, shorten

MAXIMUM_FILE_BYTES = 2**30
MAXIMUM_COLUMNS = 10_000
SEPARATORS = ",;\t|"
MISSING = frozenset({"", "na", "n/a", "nan", "null", "?"})
MAXIMUM_INVALID_FRACTION = 0.2
"""A column with at most this fraction of invalid numbers is numeric; otherwise it is a column of strings."""


@dataclass(frozen=True, eq=False)
class Table:
    r"""The table that `read_csv` returns.

    Parameters
    ----------
    path : str
        The file.
    names : tuple of str
        Names of the columns.
    rows : list of list of str
        The cells, stripped of spaces; missing cells are empty.
    lines : list of int
        The line of the file where each row starts.

    Attributes
    ----------
    path : str
        The file.
    names : tuple of str
        Names of the columns.
    rows : list of list of str
        The cells, stripped of spaces; missing cells are empty.
    lines : list of int
        The line of the file where each row starts.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("flats.csv").write_text("city,size\nBonn,50\nKiel,\n", "utf-8")
    >>> table = pel.data.read_csv("flats.csv")
    >>> table.names, table.rows
    (('city', 'size'), [['Bonn', '50'], ['Kiel', '']])
    >>> table.strings("city"), table.numbers("size")
    (array(['Bonn', 'Kiel'], dtype='<U4'), array([50., nan]))
    >>> table.is_numeric("city"), table.column_index("size")
    (False, 1)
    >>> table.select_rows(table.strings("city") == "Bonn").rows
    [['Bonn', '50']]
    """

    path: str
    names: tuple[str, ...]
    rows: list[list[str]] = field(repr=False)
    lines: list[int] = field(repr=False)
    _parsed: dict[str, tuple[npt.NDArray[np.float64], list[int]]] = field(default_factory=dict, repr=False)

    def column_index(self, name: str) -> int:
        """Return the index of a column, or raise `DataError`.

        Parameters
        ----------
        name : str
            Name of the column.
        """
        if name not in self.names:
            hint = near_miss(name, self.names) or f" The columns are {format_names(self.names, 20)}."
            raise DataError(f"{self.path}: no column {name!a}.{hint}")
        return self.names.index(name)

    def strings(self, name: str) -> Array:
        """Return a column as strings; missing cells are empty.

        Parameters
        ----------
        name : str
            Name of the column.
        """
        return np.array(self._get_cells(name), dtype=str)

    def _get_cells(self, name: str) -> list[str]:
        index = self.column_index(name)
        return [row[index] for row in self.rows]

    def _parse(self, name: str) -> tuple[npt.NDArray[np.float64], list[int]]:
        """Return a column as numbers, nan where a cell is missing or invalid, and the rows of invalid cells."""
        if name not in self._parsed:
            self._parsed[name] = parse_numbers(self._get_cells(name))
        return self._parsed[name]

    def is_numeric(self, name: str) -> bool:
        """Tell whether at most one in five present cells of a column is not a number.

        Parameters
        ----------
        name : str
            Name of the column.
        """
        values, invalid = self._parse(name)
        present = int(np.isfinite(values).sum()) + len(invalid)
        return present > 0 and len(invalid) <= MAXIMUM_INVALID_FRACTION * present

    def numbers(self, name: str, strict: bool = False) -> npt.NDArray[np.float64]:
        """Return a column as numbers; missing cells are nan, and so are invalid cells, with a warning.

        Parameters
        ----------
        name : str
            Name of the column.
        strict : bool
            Whether an invalid cell is an error.

        Raises
        ------
        DataError
            If ``strict`` is set and a cell is invalid.
        """
        values, invalid = self._parse(name)
        index = self.column_index(name)
        messages = [
            f"line {self.lines[row]}, column {name!a}: expected a number, received {self.rows[row][index][:40]!a}"
            for row in invalid[:3]
        ]
        if invalid and strict:
            raise DataError(f"{self.path}, {messages[0]}. Correct or empty the cell.")
        if invalid:
            more = f" and {len(invalid) - 3} more" if len(invalid) > 3 else ""
            cells = f"{len(invalid)} cell{'s' * (len(invalid) > 1)}"
            text = f"{self.path}: treated {cells} as missing: {'; '.join(messages)}{more}"
            warnings.warn(text, DataWarning, stacklevel=2)
        return values.copy()

    def select_rows(self, mask: npt.NDArray[np.bool_]) -> Table:
        """Return a table of the rows where ``mask`` is true.

        Parameters
        ----------
        mask : array of bool, shape (rows,)
            The rows to keep.
        """
        chosen = np.flatnonzero(mask).tolist()
        return Table(self.path, self.names, [self.rows[i] for i in chosen], [self.lines[i] for i in chosen])


def parse_numbers(cells: list[str]) -> tuple[npt.NDArray[np.float64], list[int]]:
    """Parse cells as numbers; return nan for missing and invalid cells, and the indices of the invalid ones.

    Examples
    --------
    >>> parse_numbers(["1", "", "two"])
    (array([ 1., nan, nan]), [2])
    """
    present = sum(map(bool, cells))
    try:
        values = np.array([cell or "nan" for cell in cells], dtype=np.float64)
        if np.isfinite(values).sum() == present and not any("_" in cell for cell in cells):
            return values, []
    except ValueError:
        pass  # parse the cells one by one to find the invalid ones
    parsed = [parse_number(cell) for cell in cells]
    invalid = [row for row, value in enumerate(parsed) if value is None and cells[row]]
    return np.array([math.nan if value is None else value for value in parsed]), invalid


def parse_number(cell: str) -> float | None:
    """Return the finite number in a cell, or None.

    Examples
    --------
    >>> parse_number("1e3"), parse_number("1_000"), parse_number("inf"), parse_number("three")
    (1000.0, None, None, None)
    """
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in cell else None


def read_csv(path: FilePath, strict: bool = False) -> Table:
    r"""Read a CSV file whose first line has the column names.

    The separator is a comma, semicolon, tab or bar: the most frequent one in the first line. Empty cells, NA, N/A, NaN,
    null and ? are missing values.

    Parameters
    ----------
    path : str or Path
        The file, in UTF-8.
    strict : bool
        Whether a line with too few or too many cells is an error; otherwise it is skipped with a warning.

    Returns
    -------
    Table
        The cells as strings.

    Raises
    ------
    DataError
        If the file does not exist, is no text, has no header or no rows, or has duplicate column names; the message
        names the file and the line.

    Warns
    -----
    DataWarning
        If lines were skipped.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("flats.csv").write_text("rooms,place,price\n2,town,90\n3,,120\n")
    >>> table = read_csv("flats.csv")
    >>> table.names, table.numbers("rooms"), table.strings("place").tolist(), table.is_numeric("place")
    (('rooms', 'place', 'price'), array([2., 3.]), ['town', ''], False)
    """
    path = Path(path)
    with report_damage(DataError, path):
        return _parse_table(_decode(_read_content(path), path), path, strict)


def parse_csv(content: bytes, name: str, strict: bool = False) -> Table:
    r"""Parse the content of a CSV file as `read_csv` does; messages call the file ``name``.

    Examples
    --------
    >>> parse_csv(b"rooms,place\n2,town\n", "-").rows
    [['2', 'town']]
    """
    with report_damage(DataError, name):
        return _parse_table(_decode(content, Path(name)), Path(name), strict)


def _parse_table(text: str, path: Path, strict: bool) -> Table:
    lines = list(io.StringIO(text, newline=""))
    first = next((line for line in lines if line.strip()), "")
    separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(lines, delimiter=separator)
    rows: list[list[str]] = []
    starts: list[int] = []
    skipped: list[str] = []
    names: tuple[str, ...] = ()
    try:
        while True:
            start = reader.line_num + 1
            cells = next(reader, None)
            if cells is None:
                break
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if not names:
                names = _parse_header(cells, path, start)
            elif len(cells) != len(names):
                skipped.append(f"line {start}: expected {len(names)} cells, as in the header, received {len(cells)}")
                if strict:
                    raise DataError(f"{path}, {skipped[0]}. Correct or remove the line.")
            else:
                rows.append(["" if cell.lower() in MISSING else cell for cell in cells])
                starts.append(start)
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: the file is not valid CSV ({error}).") from error
    if skipped:
        message = f"{path}: skipped {len(skipped)} of {len(skipped) + len(rows)} lines: {join_first(skipped)}"
        warnings.warn(message, DataWarning, stacklevel=3)
    if not rows:
        received = "only a header" if names else "an empty file"
        raise DataError(f"{path}: expected a header and rows, received {received}.")
    return Table(str(path), names, rows, starts)


def _read_content(path: Path) -> bytes:
    if not path.is_file():
        raise DataError(f"{path}: no such file; expected a CSV file.")
    size = path.stat().st_size
    if size > MAXIMUM_FILE_BYTES:
        raise DataError(
            f"{path}: expected at most {MAXIMUM_FILE_BYTES:,} bytes, received {size:,}; use a part of the file."
        )
    try:
        return read_regular_file(path, DataError)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


def _decode(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: expected UTF-8 text, received the byte {content[error.start]:#04x}. "
            "Save the table as CSV in UTF-8."
        ) from error


def _parse_header(cells: list[str], path: Path, line: int) -> tuple[str, ...]:
    """Return the column names; an empty name becomes the number of the column."""
    if all(parse_number(cell) is not None for cell in cells):
        raise DataError(
            f"{path}, line {line}: expected a header with the column names, received numbers, such as "
            f"{shorten(ascii(cells[0]))}. "
            "Write the names into the first line."
        )
    if len(cells) > MAXIMUM_COLUMNS:
        raise DataError(f"{path}, line {line}: expected at most {MAXIMUM_COLUMNS} columns, received {len(cells)}.")
    names = tuple(cell or f"column {number}" for number, cell in enumerate(cells, 1))
    duplicate = next((name for index, name in enumerate(names) if name in names[:index]), None)
    if duplicate is not None:
        raise DataError(
            f"{path}, line {line}: expected unique column names, received {shorten(ascii(duplicate))} twice."
        )
    return names
