"""Readers of formats with typed columns: Parquet, Arrow and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.data.errors import DataError
from pellucid.data.tables.byte_streams import Content, open_bytes
from pellucid.data.tables.columns import make_column, make_typed_table
from pellucid.data.tables.read_options import ReadOptions
from pellucid.data.tables.table import Table

ARROW = b"ARROW1"
"""First bytes of an Arrow file; a stream has none."""


def read_parquet_file(content: Content, name: str, options: ReadOptions) -> Table:
    import pyarrow.parquet as pq

    with open_bytes(content) as (stream, _):
        file = pq.ParquetFile(stream)
        size = sum(file.metadata.row_group(k).total_byte_size for k in range(file.num_row_groups))
        options.make_budget(name).spend(size, "the table")
        return make_typed_table(file.read(), name, ("Parquet",))


def read_arrow_file(content: Content, name: str, options: ReadOptions) -> Table:
    import pyarrow as pa

    data, _ = read_all(content, name, options)
    reader = pa.ipc.open_file(data) if data.startswith(ARROW) else pa.ipc.open_stream(data)
    return make_typed_table(reader.read_all(), name, ("Arrow",))


def read_json_lines(content: Content, name: str, options: ReadOptions) -> Table:
    import pyarrow as pa
    import pyarrow.json as pj

    data, facts = read_all(content, name, options)
    return make_typed_table(pj.read_json(pa.BufferReader(data)), name, ("JSON lines", *facts))


def read_json_array(content: Content, name: str, options: ReadOptions) -> Table:
    """Read an array of objects; a file of one object a line is read as JSON lines."""
    data, facts = read_all(content, name, options)
    if data.lstrip()[:1] == b"{":
        return read_json_lines(content, name, options)
    rows = json.loads(data)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{name}: expected a JSON array of objects, one for each row, received other JSON.")
    return make_table_of_objects(rows, name, facts)


def make_table_of_objects(rows: Sequence[Mapping[str, Any]], name: str, facts: tuple[str, ...] = ()) -> Table:
    """Return a table of mappings from column names to cells; a missing key is a missing cell."""
    import pyarrow as pa

    names = dict.fromkeys(key for row in rows for key in row)
    columns = {column: make_column([row.get(column) for row in rows]) for column in names}
    return make_typed_table(pa.table(columns), name, ("JSON", *facts))


def read_all(content: Content, name: str, options: ReadOptions) -> tuple[bytes, tuple[str, ...]]:
    """Return the decompressed bytes of a file, at most those of the budget, and its compression if it has one."""
    with open_bytes(content) as (stream, compression):
        data = stream.read(options.max_bytes + 1)
    options.make_budget(name).spend(len(data), "the file")
    return data, (compression,) if compression else ()
