"""Rows of memory-mapped files, read in pieces, so that memory use does not grow with the files."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.model.errors import ModelError
from pellucid.training.array_source import list_arrays, map_arrays
from pellucid.typing import Array

Spans = list[tuple[int, int]]
Rows = tuple[Spans, Array | None]
"""Spans of neighboring rows, and the permutation of all rows, None to keep their order."""

PIECE_BYTES = 8 * 2**20
"""Bytes read at a time. Two pieces may be queued while one is read and one is in use."""

BLOCK_BYTES = 64 * 2**10
"""Bytes of neighboring rows that are read together when shuffling."""


class StreamedArray(np.memmap):
    """Memory-mapped file that is read in pieces, however small it is; other small ones are loaded.

    Its slices are the same.
    """


class MemmapDataset:
    """Inputs, targets and weights as given, of which any rows can be read."""

    sample_weight: Any
    x: Any
    y: Any

    def __init__(self, x: Any, y: Any = None, sample_weight: Any = None, prefix: str = "") -> None:
        self.x, self.y, self.sample_weight = (map_arrays(value, np.asanyarray) for value in (x, y, sample_weight))
        counts = [
            (len(a), name)
            for name, value in zip(("x", "y", "sample_weight"), self.parts, strict=True)
            for a in list_arrays(value)
            if a.ndim
        ]
        if len({count for count, _ in counts}) > 1:
            received = ", ".join(f"{count} in {prefix}{name}" for count, name in counts)
            raise ModelError(f"Expected a target and a weight for every sample. Received: {received}")
        self.count: int = counts[0][0]

    def __len__(self) -> int:
        return self.count

    @property
    def parts(self) -> tuple[Any, Any, Any]:
        return self.x, self.y, self.sample_weight

    @property
    def bytes_per_row(self) -> int:
        total: int = sum(a.nbytes for value in self.parts for a in list_arrays(value))
        return max(1, total // self.count)

    @property
    def piece_bytes(self) -> int:
        return PIECE_BYTES

    def map(self, function: Callable[[Array], Array]) -> MemmapDataset:
        """Apply a function to every array that has rows."""
        return MemmapDataset(*(map_arrays(value, lambda a: function(a) if a.ndim else a) for value in self.parts))

    def slice(self, start: int, stop: int) -> MemmapDataset:
        """Return the rows ``start`` to ``stop``, without reading them."""
        return self.map(lambda a: a[start:stop])

    def read(self, spans: Spans) -> MemmapDataset:
        """Return copies of rows, one span after the other."""

        def copy_rows(a: Array) -> Array:
            rows, at = np.empty((sum(len(a[slice(*span)]) for span in spans), *a.shape[1:]), a.dtype), 0
            for start, stop in spans:
                part = a[start:stop]
                rows[at : at + len(part)] = part
                at += len(part)
                release_pages(a)
            return rows

        return self.map(copy_rows)

    def make_order(self, piece: int, shuffle: bool) -> BlockShuffle:
        block = min(piece, max(1, BLOCK_BYTES // self.bytes_per_row)) if shuffle else piece
        return BlockShuffle(self.count, block, piece, shuffle)

    def get_span(self, start: int, stop: int) -> Rows:
        """Return a description of neighboring rows for `read_rows`."""
        return [(start, stop)], None

    def read_rows(self, rows: Rows) -> tuple[Any, Any, Any]:
        """Return copies of the rows of a piece, in its order."""
        spans, order = rows
        copied = self.read(spans)
        return (copied if order is None else copied.map(lambda a: a[order])).parts

    def split_rows(self, rows: Rows) -> Iterator[tuple[Rows, str]]:
        """Yield each span by itself, in the order of the file and not of the shuffled piece, with its name."""
        for start, stop in rows[0]:
            yield ([(start, stop)], None), f"in rows {start} to {stop - 1} of the file, counted from row {start}"


@dataclass(frozen=True)
class BlockShuffle:
    """Row order of an epoch: a function of seed and epoch that needs next to no memory.

    Neighboring rows are read together as a block. The blocks come in random order, and the rows of a piece, which holds
    blocks from everywhere, are shuffled.

    Examples
    --------
    >>> pieces = BlockShuffle(count=10, block=2, piece=4, shuffle=False).iter_pieces(seed=0, epoch=0, first=1)
    >>> next(pieces)
    ([(4, 6), (6, 8)], None)
    """

    count: int
    block: int
    piece: int
    shuffle: bool

    def iter_pieces(self, seed: int, epoch: int, first: int = 0) -> Iterator[Rows]:
        """Yield the row spans of each piece, from one on, and the permutation of its rows."""
        blocks = np.arange(-(-self.count // self.block))
        if self.shuffle:
            np.random.default_rng([seed, epoch]).shuffle(blocks)
        starts = blocks * self.block
        stops = np.minimum(starts + self.block, self.count)
        ends = np.cumsum(stops - starts)
        for number in range(first, -(-self.count // self.piece)):
            begin, end = number * self.piece, min((number + 1) * self.piece, self.count)
            spans = []
            # The blocks that overlap the piece; the first and the last may belong to two pieces.
            for i in range(int(np.searchsorted(ends, begin, "right")), int(np.searchsorted(ends, end, "left")) + 1):
                skipped = int(max(0, begin - (ends[i] - (stops[i] - starts[i]))))
                spans.append((int(starts[i]) + skipped, int(stops[i] - max(0, ends[i] - end))))
            order = np.random.default_rng([seed, epoch, number]).permutation(end - begin) if self.shuffle else None
            yield spans, order


def release_pages(array: Array) -> None:
    """Drop the pages of a memory-mapped file from this process; the page cache of the system keeps them."""
    if getattr(array, "mode", "c") == "c":  # changes to a private copy exist nowhere else
        return
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)
