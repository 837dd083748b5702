"""Tables from untrusted sources, with columns of numbers, strings or dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from pellucid.data.errors import DataError, NoColumnError, format_names
from pellucid.data.tables.cell_warnings import warn_of_cells
from pellucid.data.tables.cells import (
    MAXIMUM_INVALID_FRACTION,
    Decimal,
    find_date_format,
    keep_finite,
    parse_dates,
    parse_numbers,
)
from pellucid.errors import near_miss
from pellucid.typing import Array

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Table:
    r"""The table that `read_table` returns.

    Attributes
    ----------
    path : str
        The file.
    columns : mapping from str to pyarrow.ChunkedArray
        Cells of each column, null where one is missing.
    lines : ndarray of int, shape (rows,)
        The line of the file where each row starts; in files without lines, the number of the row from 1.
    facts : tuple of str
        How the file was read: format, compression, encoding, delimiter, header, decimal mark.
    decimal : {".", ","}
        Decimal mark of numbers in text.
    unit : str
        ``"line"``, or ``"row"`` in files without lines.
    sampled_from : int, optional
        Number of rows of the table of which these are a random sample.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("flats.csv").write_text("city;size;sold\nBonn;50,5;1.12.2024\nKiel;;3.12.2024\n", "utf-8")
    >>> table = pel.data.read_table("flats.csv")
    >>> table.facts
    ('CSV', 'UTF-8', 'delimiter semicolon', "header ('size' stands above numbers)", 'decimal comma')
    >>> table.names, len(table)
    (('city', 'size', 'sold'), 2)
    >>> table.strings("city"), table.numbers("size"), table.dates("sold")[0]
    (array(['Bonn', 'Kiel'], dtype='<U4'), array([50.5,  nan]), np.datetime64('2024-12-01T00:00:00'))
    >>> table.is_numeric("city"), table.is_date("sold"), table.column_index("size")
    (False, True, 1)
    >>> table.select_rows(table.strings("city") == "Bonn").lines
    array([2])
    """

    path: str
    columns: Mapping[str, pa.ChunkedArray] = field(repr=False)
    lines: npt.NDArray[np.int64] = field(repr=False)
    facts: tuple[str, ...] = ()
    decimal: Decimal = "."
    unit: str = "line"
    sampled_from: int | None = None
    _parsed: dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]] = field(default_factory=dict, repr=False)
    _date_formats: dict[str, tuple[str, str] | None] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.columns)

    def __len__(self) -> int:
        return len(self.lines)

    def column_index(self, name: str) -> int:
        """Return the index of a column, or raise `DataError`.

        Parameters
        ----------
        name : str
            Name of the column.
        """
        if name not in self.columns:
            hint = near_miss(name, self.names) or f" The columns are {format_names(self.names, 20)}."
            raise NoColumnError(f"{self.path}: no column {name!a}.{hint}")
        return self.names.index(name)

    def _get_cells(self, name: str) -> pa.ChunkedArray:
        self.column_index(name)
        return self.columns[name]

    def strings(self, name: str) -> Array:
        """Return a column as strings; missing cells are empty.

        Parameters
        ----------
        name : str
            Name of the column.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        cells = self._get_cells(name)
        if not is_text(cells.type):
            cells = pc.replace_substring_regex(cells.cast(pa.string()), r"^(-?\d+)\.0$", r"\1")  # 3.0 is the class 3
        return np.array(pc.fill_null(cells, "").to_pylist(), dtype=str)

    def _parse(self, name: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Return a column as numbers, nan where a cell is missing or invalid, and the rows of invalid cells."""
        if name not in self._parsed:
            cells = self._get_cells(name)
            values = parse_numbers(cells, self.decimal) if is_text(cells.type) else to_numbers(cells)
            invalid = np.flatnonzero(cells.is_valid().to_numpy() & ~values.is_valid().to_numpy())
            self._parsed[name] = values.to_numpy().astype(np.float64), invalid
        return self._parsed[name]

    def is_numeric(self, name: str) -> bool:
        """Tell whether at most one in five present cells of a column is not a number.

        Parameters
        ----------
        name : str
            Name of the column.
        """
        kind = self._get_cells(name).type
        if is_temporal(kind) or is_boolean(kind):
            return False
        values, invalid = self._parse(name)
        present = int(np.isfinite(values).sum()) + len(invalid)
        return present > 0 and len(invalid) <= MAXIMUM_INVALID_FRACTION * present

    def is_date(self, name: str) -> bool:
        """Tell whether at most one in five present cells of a column is not a date.

        Parameters
        ----------
        name : str
            Name of the column.
        """
        return is_temporal(self._get_cells(name).type) or self.find_date_format(name) is not None

    def find_date_format(self, name: str) -> tuple[str, str] | None:
        """Return the format of a column of dates, and another one that fits as well; None for other columns."""
        if name not in self._date_formats:
            cells = self._get_cells(name)
            self._date_formats[name] = find_date_format(cells) if is_text(cells.type) else None
        return self._date_formats[name]

    def infer_kind(self, name: str) -> Literal["number", "date", "text", "empty"]:
        """Return what the cells of a column are.

        Parameters
        ----------
        name : str
            Name of the column.
        """
        if self._get_cells(name).null_count == len(self):
            return "empty"
        if self.is_numeric(name):
            return "number"
        return "date" if self.is_date(name) else "text"

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
        self._report_invalid(name, invalid, "a number", strict)
        return values.copy()

    def dates(self, name: str, strict: bool = False, form: str | None = None) -> npt.NDArray[np.datetime64]:
        """Return a column as dates with times; missing cells are NaT, and so are invalid cells, with a warning.

        Parameters
        ----------
        name : str
            Name of the column.
        strict : bool
            Whether an invalid cell is an error.
        form : str, optional
            Format of the dates, as in `datetime.strptime`. By default the one that most cells fit.

        Raises
        ------
        DataError
            If the column has no dates, or ``strict`` is set and a cell is invalid.
        """
        cells = self._get_cells(name)
        if form is not None and cells.null_count == len(cells):  # the type of an empty column says nothing
            return np.full(len(cells), np.datetime64("NaT", "s"))
        if is_text(cells.type):
            found = self.find_date_format(name)
            form = form or (found and found[0])
            if form is None:
                raise DataError(f"{self.path}: expected dates in the column {name!a}, received other cells.")
            dates = parse_dates(cells, form)
        else:
            dates = to_dates(cells, self.path, name)
        self._report_invalid(
            name, np.flatnonzero(cells.is_valid().to_numpy() & ~dates.is_valid().to_numpy()), "a date", strict
        )
        result: npt.NDArray[np.datetime64] = dates.to_numpy().astype("datetime64[s]")
        return result

    def _report_invalid(self, name: str, invalid: npt.NDArray[np.int64], expected: str, strict: bool) -> None:
        cells = self.columns[name]
        messages = [
            f"{self.unit} {self.lines[row]}, column {name!a}: expected {expected}, "
            f"received {str(cells[row].as_py())[:40]!a}"
            for row in invalid[:3].tolist()
        ]
        if messages and strict:
            raise DataError(f"{self.path}, {messages[0]}. Correct or empty the cell.")
        if messages:
            warn_of_cells(self.path, name, expected, len(invalid), messages, stacklevel=3)

    def select_rows(self, mask: npt.NDArray[np.bool_]) -> Table:
        """Return a table of the rows where ``mask`` is true.

        Parameters
        ----------
        mask : array of bool, shape (rows,)
            The rows to keep.
        """
        import pyarrow as pa

        kept = pa.array(mask)
        columns = {name: cells.filter(kept) for name, cells in self.columns.items()}
        return Table(self.path, columns, self.lines[mask], self.facts, self.decimal, self.unit, self.sampled_from)


def parse_column(table: Table, name: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return a column as numbers, nan where a cell is missing or invalid, and the rows of invalid cells."""
    return table._parse(name)


def is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_boolean(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_boolean(kind))


def is_temporal(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def to_numbers(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Convert a typed column to float64; values that are no finite numbers are null."""
    import pyarrow as pa

    if is_temporal(cells.type):
        return pa.chunked_array([pa.nulls(len(cells), pa.float64())])
    return keep_finite(cells.cast(pa.float64(), safe=False))


def to_dates(cells: pa.ChunkedArray, path: str, name: str) -> pa.ChunkedArray:
    import pyarrow as pa

    if not is_temporal(cells.type):
        raise DataError(f"{path}: expected dates in the column {name!a}, received {cells.type}.")
    return cells.cast(pa.timestamp("s"), safe=False)
