"""Rows of numbers in a temporary file: samples that are larger than memory."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pellucid.atomic_write import explain_write_errors
from pellucid.data.errors import DataError
from pellucid.data.temporary_files import open_temporary_file
from pellucid.training.memmap_source import StreamedArray, release_pages
from pellucid.typing import Array

Rows = Array | range
"""Indices of samples; a range of those that are next to each other in a file."""

BLOCK_BYTES = 16 * 2**20
"""Bytes that are in memory at one time."""

MAXIMUM_BLOCKS = 256
"""Larger files are sorted in blocks of more bytes, because every row is compared with the ends of every block."""


class RowFile:
    """A temporary file of rows that all have one shape and dtype.

    Parameters
    ----------
    folder : Path, optional
        Folder of the file; by default that of the system for temporary files.
    shape : tuple of int
        Shape of a row.
    dtype : dtype
        Dtype of the numbers.

    Examples
    --------
    >>> file = RowFile(None, (2,), np.float32)
    >>> file.write(0, np.arange(6, dtype=np.float32).reshape(3, 2))
    >>> file.permute(np.array([2, 0, 1]))
    >>> file.map(3).tolist()
    [[4.0, 5.0], [0.0, 1.0], [2.0, 3.0]]
    """

    def __init__(self, folder: Path | None, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self.row_bytes: int = max(1, math.prod(shape) * self.dtype.itemsize)
        self.file, self.folder = open_temporary_file(folder)

    def write(self, start: int, rows: Array) -> None:
        """Write rows from one on."""
        data = np.ascontiguousarray(rows, self.dtype).reshape(-1).data.cast("B")
        with explain_write_errors(self.folder):
            self.file.seek(start * self.row_bytes)
            while data:
                data = data[self.file.write(data) :]

    def read(self, start: int, stop: int) -> Array:
        """Return copies of neighboring rows."""
        rows = np.empty((stop - start, *self.shape), self.dtype)
        data = rows.reshape(-1).data.cast("B")
        self.file.seek(start * self.row_bytes)
        while data:
            size = self.file.readinto(data)
            if not size:
                raise DataError(f"{self.folder}: the temporary file of samples is shorter than it was written.")
            data = data[size:]
        return rows

    def iter_blocks(self, count: int) -> Iterator[Array]:
        """Yield all rows in blocks."""
        size = max(1, BLOCK_BYTES // self.row_bytes)
        for start in range(0, count, size):
            yield self.read(start, min(start + size, count))

    def permute(self, order: Array) -> None:
        """Move rows, one at a time: row k becomes the one that was row ``order[k]``."""
        done = np.zeros(len(order), bool)
        for first in range(len(order)):
            if done[first] or order[first] == first:
                continue
            kept, place = self.read(first, first + 1), first
            while (source := int(order[place])) != first:
                self.write(place, self.read(source, source + 1))
                done[place] = True
                place = source
            self.write(place, kept)
            done[place] = True

    def map(self, count: int) -> Any:
        """Return the rows as an array that is read from the file piece by piece."""
        if not count:
            return np.empty((0, *self.shape), self.dtype)
        return StreamedArray(self.file, self.dtype, "r", shape=(count, *self.shape))


class ShuffledWriter:
    """Writes rows to other places than they come in, with few large reads and writes.

    Rows of neighboring places are collected in blocks of the file, and each block is sorted in the end.

    Parameters
    ----------
    file : RowFile
        The file.
    places : ndarray of int, shape (n,)
        The place of each row.

    Examples
    --------
    >>> file = RowFile(None, (), np.int32)
    >>> with shuffle_rows(file, np.array([2, 0, 1])) as writer:
    ...     writer.append(np.array([10, 11]))
    ...     writer.append(np.array([12]))
    >>> file.map(3).tolist()
    [11, 12, 10]
    """

    def __init__(self, file: RowFile, places: Array) -> None:
        self.file, self.places, self.done = file, places, 0
        self.block: int = max(1, BLOCK_BYTES // file.row_bytes, -(-len(places) // MAXIMUM_BLOCKS))
        self.next: Array = np.arange(0, len(places), self.block)

    def append(self, rows: Array) -> None:
        """Write the next rows."""
        blocks = self.places[self.done : self.done + len(rows)] // self.block
        self.done += len(rows)
        grouped, start = rows[np.argsort(blocks, kind="stable")], 0
        counts = np.bincount(blocks, minlength=len(self.next))
        for k in np.flatnonzero(counts).tolist():
            stop = start + int(counts[k])
            self.file.write(int(self.next[k]), grouped[start:stop])
            self.next[k] += stop - start
            start = stop

    def finish(self) -> None:
        """Sort the rows of each block."""
        for start in range(0, len(self.places), self.block):
            stop = min(start + self.block, len(self.places))
            places = self.places[(self.places >= start) & (self.places < stop)] - start
            rows = self.file.read(start, stop)
            ordered = np.empty_like(rows)
            ordered[places] = rows
            self.file.write(start, ordered)


@contextmanager
def shuffle_rows(file: RowFile, places: Array) -> Iterator[ShuffledWriter]:
    """Yield a writer, whose rows are in order at the end of the block."""
    writer = ShuffledWriter(file, places)
    yield writer
    writer.finish()


def take_rows(values: Array, rows: Rows) -> Array:
    """Return rows by their indices; of a range without a copy.

    Examples
    --------
    >>> take_rows(np.arange(5), range(1, 3)), take_rows(np.arange(5), np.array([4, 0]))
    (array([1, 2]), array([4, 0]))
    """
    return values[rows.start : rows.stop] if isinstance(rows, range) else values[rows]


def iter_row_blocks(values: Array, rows: Rows, size: int) -> Iterator[Array]:
    """Yield copies of rows in blocks, without keeping pages of a file in memory."""
    for start in range(0, len(rows), size):
        block = np.array(take_rows(values, rows[start : start + size]))
        release_pages(values)
        yield block


def store_blocks(blocks: Iterator[Array], folder: Path | None) -> Array:
    """Write blocks of rows to a file, and return them as one array that is read from it."""
    first = next(blocks)
    file, count = RowFile(folder, first.shape[1:], np.float32), 0
    for block in itertools.chain([first], blocks):
        file.write(count, block)
        count += len(block)
    stored: Array = file.map(count)
    return stored


def count_labels(labels: Array, rows: Rows, classes: int) -> Array:
    """Return how many rows each class has."""
    blocks = iter_row_blocks(labels, rows, BLOCK_BYTES // 8)
    total: Array = sum((np.bincount(block, minlength=classes) for block in blocks), np.zeros(classes, np.int64))
    return total


def compute_moments(y: Array, rows: Rows) -> tuple[Array, Array]:
    """Return mean and standard deviation of each column of some rows, float64."""
    if not isinstance(rows, range):
        return y[rows].mean(axis=0, dtype=np.float64), y[rows].std(axis=0, dtype=np.float64)
    size, zero = BLOCK_BYTES // y.itemsize, np.zeros(y.shape[1:])
    mean = sum((b.sum(axis=0, dtype=np.float64) for b in iter_row_blocks(y, rows, size)), zero) / len(rows)
    squares = sum((((b - mean) ** 2).sum(axis=0) for b in iter_row_blocks(y, rows, size)), zero)
    return mean, np.sqrt(squares / len(rows))


def standardize(y: Array, mean: Array, deviation: Array, folder: Path | None) -> Array:
    """Return values with mean 0 and variance 1, float32; those of a file in another file in the folder."""
    if not isinstance(y, StreamedArray):
        return ((y - mean) / deviation).astype(np.float32)
    file, start = RowFile(folder, y.shape[1:], np.float32), 0
    for block in iter_row_blocks(y, range(len(y)), BLOCK_BYTES // y.itemsize):
        file.write(start, (block - mean) / deviation)
        start += len(block)
    standardized: Array = file.map(len(y))
    return standardized
