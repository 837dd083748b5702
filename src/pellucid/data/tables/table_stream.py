"""Tables that are read in chunks of rows: CSV, Parquet, Arrow and JSON lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pellucid.data.errors import DataError
from pellucid.data.tables.byte_streams import CHUNK, Content, open_bytes
from pellucid.data.tables.cells import DECIMAL_SAMPLE, Decimal, find_decimal_mark
from pellucid.data.tables.columns import make_typed_table
from pellucid.data.tables.csv_format import format_csv_facts, infer_csv_dialect, read_csv_batches
from pellucid.data.tables.read_options import ReadOptions
from pellucid.data.tables.table import Table
from pellucid.data.tables.text_encodings import inspect_text
from pellucid.data.tables.typed_formats import ARROW

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 2**16
"""Number of rows of a chunk of typed columns."""

CELL_BYTES = 8
"""Bytes that a cell of a Parquet file takes at least when it is decoded."""

LATER_SAMPLE = 200
"""Number of cells of a column that later chunks add to the sample from which the decimal mark is inferred."""


@dataclass
class TableStream:
    """A table in chunks of rows.

    Attributes
    ----------
    chunks : iterator of Table
        The rows, with their lines in the file.
    get_properties : function
        Returns the facts and the decimal mark, after the last chunk.
    """

    chunks: Iterator[Table]
    get_properties: Callable[[], tuple[tuple[str, ...], Decimal]]


def is_larger(content: Content, form: str, limit: int) -> bool:
    """Tell whether a file has more than this many bytes when it is decompressed."""
    import pyarrow.parquet as pq

    with open_bytes(content) as (stream, compression):
        if form == "Parquet":
            metadata = pq.ParquetFile(stream).metadata
            size = sum(metadata.row_group(k).total_byte_size for k in range(metadata.num_row_groups))
            # Encoded columns may be far smaller than their cells.
            return bool(max(size, CELL_BYTES * metadata.num_rows * metadata.num_columns) > limit)
        if not compression and not isinstance(content, bytes):
            return content.stat().st_size > limit
        size = 0
        while size <= limit and (chunk := stream.read(CHUNK)):
            size += len(chunk)
        return size > limit


def stream_csv(content: Content, name: str, options: ReadOptions) -> TableStream:
    """Return the rows of a CSV file."""
    import pyarrow as pa

    text = inspect_text(content, name)
    dialect = infer_csv_dialect(text, options)
    samples: dict[str, list[Any]] = {column: [] for column in dialect.names}

    def read_chunks() -> Iterator[Table]:
        count = 0
        for columns, lines in read_csv_batches(text, dialect, strict=options.strict):
            size = max(LATER_SAMPLE, DECIMAL_SAMPLE - count)
            for column, cells in columns.items():
                samples[column].append(cells.take(pa.array(range(0, len(cells), 1 + len(cells) // size))))
            count += len(lines)
            yield Table(name, columns, lines)

    def get_properties() -> tuple[tuple[str, ...], Decimal]:
        drawn = [
            pa.chunked_array([chunk for cells in parts for chunk in cells.chunks], pa.string())
            for parts in samples.values()
        ]
        decimal = options.decimal or find_decimal_mark(drawn, dialect.delimiter)
        return format_csv_facts(text, dialect, decimal), decimal

    return TableStream(read_chunks(), get_properties)


def stream_typed(content: Content, name: str, form: str) -> TableStream:
    """Return the rows of a file of typed columns."""
    facts = [form]

    def read_chunks() -> Iterator[Table]:
        count = 0
        with open_bytes(content) as (stream, compression):
            facts.extend([compression] if compression else [])
            for piece in READERS[form](stream, name):
                table = make_typed_table(piece, name, ())
                yield replace(table, lines=table.lines + count)
                count += len(table)

    return TableStream(read_chunks(), lambda: (tuple(facts), "."))


def read_parquet_pieces(stream: Any, name: str) -> Iterator[pa.Table]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(stream)
    for batch in file.iter_batches(ROWS, use_threads=False):
        yield pa.Table.from_batches([batch])


def read_arrow_pieces(stream: Any, name: str) -> Iterator[pa.Table]:
    import pyarrow as pa

    is_file = stream.read(len(ARROW)) == ARROW
    stream.seek(0)
    if is_file:
        reader = pa.ipc.open_file(stream)
        batches = (reader.get_batch(k) for k in range(reader.num_record_batches))
    else:
        batches = iter(pa.ipc.open_stream(stream))
    for batch in batches:
        for start in range(0, len(batch), ROWS):
            yield pa.Table.from_batches([batch.slice(start, ROWS)])


def read_json_pieces(stream: Any, name: str) -> Iterator[pa.Table]:
    import pyarrow as pa
    import pyarrow.json as pj

    try:
        for batch in pj.open_json(stream, pj.ReadOptions(use_threads=False, block_size=2**22)):
            yield pa.Table.from_batches([batch])
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{name}: expected the types and the columns of the first rows in all others, because the file is read in "
            f"pieces ({' '.join(str(error).split())[:200]}). Correct the rows, or read it as a whole with a larger "
            "--memory."
        ) from error


READERS: dict[str, Callable[[Any, str], Iterator[Any]]] = {
    "Parquet": read_parquet_pieces,
    "Arrow": read_arrow_pieces,
    "JSON lines": read_json_pieces,
}
