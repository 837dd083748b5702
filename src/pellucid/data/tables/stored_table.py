"""Tables that are larger than memory: a temporary file of columns, which is read in chunks of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import numpy as np

from pellucid.atomic_write import explain_write_errors
from pellucid.data.errors import DataError
from pellucid.data.tables.byte_streams import Content
from pellucid.data.tables.cells import Decimal
from pellucid.data.tables.checksum import TableChecksum
from pellucid.data.tables.formats import check_size, find_format
from pellucid.data.tables.read_options import ReadOptions
from pellucid.data.tables.table import Table
from pellucid.data.tables.table_stream import READERS, is_larger, stream_csv, stream_typed
from pellucid.data.temporary_files import check_free_space, open_temporary_file
from pellucid.optional_packages import require_packages
from pellucid.typing import Array
from pellucid.untrusted_files.reading import report_damage

LINES = "lines"

REMEDY = "Free some space, or use a part of the rows."

CHUNKS_BETWEEN_RELEASES = 64
"""Number of chunks after which freed memory is returned to the system."""


@dataclass(frozen=True, eq=False)
class StoredTable:
    """A table in a temporary Parquet file.

    Attributes
    ----------
    path : str
        The file from which it was read.
    names : tuple of str
        Names of the columns.
    file : file
        The temporary file.
    count : int
        Number of rows.
    facts, decimal, unit
        As those of a `Table`.
    checksum : str
        Checksum of all cells.
    kept : ndarray of bool, optional
        Which rows of the file the table has.
    """

    path: str
    names: tuple[str, ...]
    file: IO[bytes] = field(repr=False)
    count: int
    facts: tuple[str, ...]
    decimal: Decimal
    unit: str
    checksum: str
    kept: Array | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return self.count

    def iter_chunks(self, names: Sequence[str] | None = None) -> Iterator[Table]:
        """Yield the rows in chunks, with all columns or some."""
        import pyarrow.parquet as pq

        chosen = self.names if names is None else tuple(names)
        columns = [name_column(self.names.index(name)) for name in chosen]
        self.file.seek(0)
        parquet, start = pq.ParquetFile(self.file), 0
        for k in range(parquet.num_row_groups):
            piece = parquet.read_row_group(k, [*columns, LINES], use_threads=False)
            cells = dict(zip(chosen, piece.columns[:-1], strict=True))
            lines = piece.column(LINES).to_numpy()
            table = Table(self.path, cells, lines, self.facts, self.decimal, self.unit)
            stop = start + len(lines)
            if self.kept is not None:
                table = table.select_rows(self.kept[start:stop])
            start = stop
            if len(table):
                yield table
            del piece, cells, table
            if k % CHUNKS_BETWEEN_RELEASES == 0:
                release_memory()

    def select_rows(self, kept: Array) -> StoredTable:
        """Return the table without some of its rows; ``kept`` has one value for each row of the file."""
        assert self.kept is None
        return replace(self, kept=kept, count=int(kept.sum()))

    def take(self, rows: Array) -> Table:
        """Return rows as a table in memory; their indices are sorted."""
        start, parts = 0, []
        for chunk in self.iter_chunks():
            stop = start + len(chunk)
            inside = rows[np.searchsorted(rows, start) : np.searchsorted(rows, stop)] - start
            if len(inside):
                mask = np.zeros(len(chunk), bool)
                mask[inside] = True
                parts.append(chunk.select_rows(mask))
            start = stop
        return concatenate_tables(parts)


def name_column(index: int) -> str:
    """Return the name of a column in the temporary file, where names have no dots."""
    return f"column{index}"


def concatenate_tables(parts: Sequence[Table]) -> Table:
    import pyarrow as pa

    columns = {
        name: pa.chunked_array([chunk for part in parts for chunk in part.columns[name].chunks], cells.type)
        for name, cells in parts[0].columns.items()
    }
    lines = np.concatenate([part.lines for part in parts])
    return replace(parts[0], columns=columns, lines=lines, _parsed={}, _date_formats={})


def slice_table(table: Table, start: int, stop: int) -> Table:
    """Return neighboring rows."""
    columns = {name: cells.slice(start, stop - start) for name, cells in table.columns.items()}
    return replace(table, columns=columns, lines=table.lines[start:stop], _parsed={}, _date_formats={})


def store_table(
    content: Content, name: str, options: ReadOptions, limit: int, folder: Path | None
) -> StoredTable | None:
    """Convert a table to a temporary file if it has more than ``limit`` bytes; otherwise return None.

    Only formats that can be read in pieces are converted: CSV, Parquet, Arrow and JSON lines.
    """
    with require_packages("Reading tables"):
        import_module("pyarrow")
    with report_damage(DataError, name):
        form = find_format(content, name).name
        if (form != "CSV" and form not in READERS) or not is_larger(content, form, limit):
            return None
        use_system_memory()
        stream = stream_csv(content, name, options) if form == "CSV" else stream_typed(content, name, form)
        file, place = open_temporary_file(folder)
        checksum, writer = TableChecksum(), ColumnWriter(file, place, name)
        names: tuple[str, ...] = ()
        unit = ""
        for chunk in stream.chunks:
            names, unit = chunk.names, chunk.unit
            checksum.update(chunk)
            writer.write(chunk)
        writer.close()
        release_memory()
        check_size(name, names, writer.count)
        facts, decimal = stream.get_properties()
        return StoredTable(name, names, file, writer.count, facts, decimal, unit, checksum.hexdigest())


def use_system_memory() -> None:
    """Let PyArrow allocate as the system does; its own allocators keep 150 MB after a file of 400 MB was read."""
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())


def release_memory() -> None:
    """Return freed memory to the system."""
    import pyarrow as pa

    pa.system_memory_pool().release_unused()


class ColumnWriter:
    """Writer of chunks of a table to a Parquet file."""

    def __init__(self, file: IO[bytes], folder: Path, name: str) -> None:
        self.file, self.folder, self.name, self.count = file, folder, name, 0
        self.writer: Any = None

    def write(self, chunk: Table) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = {name_column(k): cells for k, cells in enumerate(chunk.columns.values())}
        table = pa.table({**columns, LINES: chunk.lines})
        check_free_space(self.folder, table.nbytes, f"{self.name}: the next {len(table):,} rows", REMEDY)
        with explain_write_errors(self.folder):
            if self.writer is None:
                self.writer = pq.ParquetWriter(
                    self.file, table.schema, compression="lz4", use_dictionary=False, write_statistics=False
                )
            self.writer.write_table(table, row_group_size=max(1, len(table)))
        self.count += len(table)

    def close(self) -> None:
        if self.writer is not None:
            with explain_write_errors(self.folder):
                self.writer.close()
