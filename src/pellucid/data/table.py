"""Tables in CSV files: cells as they stand, read without trusting them, and told apart into numbers and texts."""

from __future__ import annotations

import csv
import io
import math
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pellucid.data.errors import DataError, DataWarning
from pellucid.errors import near_miss

MAXIMUM_FILE_BYTES = 2**30
MOST_COLUMNS = 10_000
SEPARATORS = ",;\t|"
MISSING = frozenset({"", "na", "n/a", "nan", "null", "?"})
ONE_BAD_IN = 5
"""A column of which at most one cell in so many is no number is one of numbers, and these cells are bad."""


@dataclass(frozen=True, eq=False)
class Table:
    """A table as `read_csv` read it.

    Attributes
    ----------
    where : str
        The file.
    names : tuple of str
        Of the columns.
    rows : list of list of str
        The cells, without spaces around them; missing ones are empty.
    lines : list of int
        The line of the file that each row begins in.
    read : dict
        Columns that were read as numbers.
    """

    where: str
    names: tuple[str, ...]
    rows: list[list[str]] = field(repr=False)
    lines: list[int] = field(repr=False)
    read: dict[str, tuple[npt.NDArray[np.float64], list[int]]] = field(default_factory=dict, repr=False)

    def place(self, name: str) -> int:
        """Return the place of a column, or say which there are."""
        if name not in self.names:
            hint = near_miss(name, self.names) or f" Its columns are {', '.join(map(repr, self.names[:20]))}."
            raise DataError(f"{self.where}: there is no column {name!a}.{hint}")
        return self.names.index(name)

    def cells(self, name: str) -> list[str]:
        """Return a column as it stands."""
        place = self.place(name)
        return [row[place] for row in self.rows]

    def texts(self, name: str) -> npt.NDArray[Any]:
        """Return a column as texts; missing ones are empty."""
        return np.array(self.cells(name), dtype=str)

    def parsed(self, name: str) -> tuple[npt.NDArray[np.float64], list[int]]:
        """Return a column as numbers, nan where there are none, and the rows in which something else stands."""
        if name not in self.read:
            self.read[name] = numbers_in(self.cells(name))
        return self.read[name]

    def holds_numbers(self, name: str) -> bool:
        """Tell whether nearly all cells of a column that are not missing are numbers."""
        values, bad = self.parsed(name)
        there = int(np.isfinite(values).sum()) + len(bad)
        return there > 0 and len(bad) * ONE_BAD_IN <= there

    def numbers(self, name: str, strict: bool = False) -> npt.NDArray[np.float64]:
        """Return a column as numbers; missing cells, and with a warning those that are no numbers, are nan.

        Raises
        ------
        DataError
            If strict, for the first cell that is no number.
        """
        values, bad = self.parsed(name)
        place = self.place(name)
        told = [
            f"line {self.lines[row]}, column {name!a}: expected a number, received {self.rows[row][place][:40]!a}"
            for row in bad[:3]
        ]
        if bad and strict:
            raise DataError(f"{self.where}, {told[0]}. Correct the cell or empty it.")
        if bad:
            more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
            cells = f"{len(bad)} cell{'s' * (len(bad) > 1)}"
            warnings.warn(f"{self.where}: took {cells} for missing: {'; '.join(told)}{more}", DataWarning, stacklevel=2)
        return values.copy()

    def only(self, kept: npt.NDArray[np.bool_]) -> Table:
        """Return some of the rows."""
        chosen = np.flatnonzero(kept).tolist()
        return Table(self.where, self.names, [self.rows[i] for i in chosen], [self.lines[i] for i in chosen])


def numbers_in(cells: list[str]) -> tuple[npt.NDArray[np.float64], list[int]]:
    """Return cells as numbers, nan where there are none, and the places of those that are neither number nor missing.

    Examples
    --------
    >>> numbers_in(["1", "", "two"])
    (array([ 1., nan, nan]), [2])
    """
    there = sum(map(bool, cells))
    try:
        values = np.array([cell or "nan" for cell in cells], dtype=np.float64)
        if np.isfinite(values).sum() == there and not any("_" in cell for cell in cells):
            return values, []
    except ValueError:
        pass  # one by one, to find those that are no numbers
    found = [number(cell) for cell in cells]
    bad = [row for row, value in enumerate(found) if value is None and cells[row]]
    return np.array([math.nan if value is None else value for value in found]), bad


def number(cell: str) -> float | None:
    """Return the finite number that a cell spells, or None.

    Examples
    --------
    >>> number("1e3"), number("1_000"), number("inf"), number("three")
    (1000.0, None, None, None)
    """
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in cell else None


def read_csv(path: str | Path, strict: bool = False) -> Table:
    r"""Read a table from a CSV file whose first line names the columns.

    Cells are separated by commas, semicolons, tabs or bars, whichever the first line has most of. Empty cells, and NA,
    N/A, NaN, null and ?, are missing.

    Parameters
    ----------
    path : str or Path
        The file, in UTF-8.
    strict : bool
        Whether a line with too few or too many cells is an error; otherwise it is left out, with a warning.

    Returns
    -------
    Table
        The cells as texts.

    Raises
    ------
    DataError
        Where there is no such file, it is no text, has no header or no rows, or columns without a name of their own;
        names the file and the line.

    Warns
    -----
    DataWarning
        Where lines were left out.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("flats.csv").write_text("rooms,place,price\n2,town,90\n3,,120\n")
    >>> table = read_csv("flats.csv")
    >>> table.names, table.numbers("rooms"), table.texts("place").tolist(), table.holds_numbers("place")
    (('rooms', 'place', 'price'), array([2., 3.]), ['town', ''], False)
    """
    path = Path(path)
    lines = list(io.StringIO(text_of(path), newline=""))
    first = next((line for line in lines if line.strip()), "")
    separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(lines, delimiter=separator)
    rows: list[list[str]] = []
    starts: list[int] = []
    bad: list[str] = []
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
                names = header(cells, path, start)
            elif len(cells) != len(names):
                bad.append(f"line {start}: expected {len(names)} cells, as in the header, received {len(cells)}")
                if strict:
                    raise DataError(f"{path}, {bad[0]}. Correct the line or take it out.")
            else:
                rows.append(["" if cell.lower() in MISSING else cell for cell in cells])
                starts.append(start)
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: the file is no CSV ({error}).") from error
    if bad:
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        told = f"{path}: left out {len(bad)} of {len(bad) + len(rows)} lines: {'; '.join(bad[:3])}{more}"
        warnings.warn(told, DataWarning, stacklevel=2)
    if not rows:
        what = "a header alone" if names else "an empty file"
        raise DataError(f"{path}: expected a header and lines below it, received {what}.")
    return Table(str(path), names, rows, starts)


def text_of(path: Path) -> str:
    """Return the text of a file of bounded size."""
    if not path.is_file():
        raise DataError(f"{path}: there is no such file; expected a CSV file.")
    size = path.stat().st_size
    if size > MAXIMUM_FILE_BYTES:
        raise DataError(f"{path}: expected at most {MAXIMUM_FILE_BYTES:,} bytes, received {size:,}; take a part of it.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: expected text in UTF-8, received the byte {content[error.start]:#04x}. "
            "Save the table as CSV in UTF-8."
        ) from error


def header(cells: list[str], path: Path, line: int) -> tuple[str, ...]:
    """Return the names of the columns, or say what is wrong with them; one that is empty gets its number."""
    if all(number(cell) is not None for cell in cells):
        raise DataError(
            f"{path}, line {line}: expected a header that names the columns, received numbers, such as {cells[0]!a}. "
            "Write their names into the first line."
        )
    if len(cells) > MOST_COLUMNS:
        raise DataError(f"{path}, line {line}: expected at most {MOST_COLUMNS} columns, received {len(cells)}.")
    names = tuple(cell or f"column {place}" for place, cell in enumerate(cells, 1))
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise DataError(f"{path}, line {line}: expected names of columns that differ, received {twice!a} twice.")
    return names
