"""Checksum of the cells of a table, which does not depend on how they are divided into chunks."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

    from pellucid.data.tables.table import Table


class TableChecksum:
    r"""SHA-256 checksum of names, types and cells, from chunks of rows.

    Examples
    --------
    >>> from pellucid.data.tables import parse_table
    >>> whole, parts = TableChecksum(), TableChecksum()
    >>> whole.update(parse_table(b"a\n1\n2\n", "a.csv"))
    >>> for part in (b"a\n1\n", b"a\n2\n"):
    ...     parts.update(parse_table(part, "a.csv"))
    >>> whole.hexdigest() == parts.hexdigest()
    True
    """

    def __init__(self) -> None:
        self.types: dict[str, str] = {}
        self.hashes: dict[str, list[Any]] = {}

    def update(self, table: Table) -> None:
        """Add the next rows."""
        for name, cells in table.columns.items():
            self.types[name] = str(cells.type)
            hashes = self.hashes.setdefault(name, [hashlib.sha256(), hashlib.sha256()])
            for chunk in cells.chunks:
                for checksum, content in zip(hashes, get_contents(chunk), strict=True):
                    checksum.update(content)

    def hexdigest(self) -> str:
        """Return the checksum of all rows so far."""
        total = hashlib.sha256(repr(self.types).encode())
        for hashes in self.hashes.values():
            for checksum in hashes:
                total.update(checksum.digest())
        return total.hexdigest()


def get_contents(cells: pa.Array) -> tuple[Any, Any]:
    """Return the lengths of cells, -1 where one is missing, and their content without separators, as bytes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string(cells.type):
        missing = cells.is_null().to_numpy(zero_copy_only=False)
        if pa.types.is_primitive(cells.type) and not pa.types.is_boolean(cells.type):
            values = np.frombuffer(cells.buffers()[1], f"u{cells.type.bit_width // 8}")
            values = np.where(missing, 0, values[cells.offset : cells.offset + len(cells)]) if len(cells) else values
            return missing, np.ascontiguousarray(values, f"u{cells.type.bit_width // 8}")
        return missing, b"".join(repr(cell).encode() + b"\0" for cell in cells.to_pylist())
    lengths = pc.fill_null(pc.binary_length(cells), -1)
    filled = pc.fill_null(cells, "")
    _, ends, content = filled.buffers()
    if content is None or not len(filled):
        return lengths.to_numpy(), b""
    offsets = np.frombuffer(ends, np.int32)[filled.offset : filled.offset + len(filled) + 1]
    return lengths.to_numpy(), memoryview(content)[offsets[0] : offsets[-1]]
