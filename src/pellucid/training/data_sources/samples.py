"""Samples that are read by index, in any order: sparse matrices, map-style data sets, lists of pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.model.errors import ModelError
from pellucid.training.array_source import get_epoch_order
from pellucid.training.data_sources.columns import Parts
from pellucid.training.data_sources.conversion import Features, to_array
from pellucid.training.data_sources.items import ItemReader
from pellucid.training.data_sources.kinds import Form, LazyRows, LazyTable, find_kind
from pellucid.typing import Array

PIECE_BYTES = 2**20
"""Bytes read at a time: little, since the first step waits for it and each sample may be computed."""


@dataclass(frozen=True)
class SampleOrder:
    """Order of the samples of an epoch, the same as that of arrays in memory."""

    count: int
    piece: int
    shuffle: bool

    def iter_pieces(self, seed: int, epoch: int, first: int = 0) -> Iterator[Array]:
        """Yield the indices of the samples of each piece, from one on."""
        order = get_epoch_order(seed, epoch, self.count, self.shuffle)
        for start in range(first * self.piece, self.count, self.piece):
            yield order[start : start + self.piece]


class IndexedDataset:
    """Samples of which any can be read by index.

    Parameters
    ----------
    read : function
        From indices, an array of int, to inputs, targets and weights.
    count : int
        Number of samples.
    start : int
        Index of the first sample.
    """

    read: Callable[[Array], Parts]

    count: int
    start: int

    bytes_per_row = 0  # only a converted sample tells it
    piece_bytes = PIECE_BYTES

    def __init__(self, read: Callable[[Array], Parts], count: int, start: int = 0) -> None:
        self.read, self.count, self.start = read, count, start

    def __len__(self) -> int:
        return self.count

    def slice(self, start: int, stop: int) -> IndexedDataset:
        """Return the samples ``start`` to ``stop``, without reading them."""
        stop = min(stop, self.count)
        return IndexedDataset(self.read, stop - start, self.start + start)

    def make_order(self, piece: int, shuffle: bool) -> SampleOrder:
        return SampleOrder(self.count, piece, shuffle)

    def get_span(self, start: int, stop: int) -> Array:
        """Return the indices of neighboring samples."""
        return np.arange(start, min(stop, self.count))

    def read_rows(self, rows: Array) -> Parts:
        return self.read(rows + self.start)

    def split_rows(self, rows: Array) -> Iterator[tuple[Array, str]]:
        """Yield each sample by itself, with its name in a message."""
        for row in rows:
            yield np.array([row]), f"in sample {row + self.start} of the data set"


def read_map_style(source: Any, reader: ItemReader) -> IndexedDataset:
    """Return the samples of an object with ``__len__`` and ``__getitem__``."""

    def read(rows: Array) -> Parts:
        numbers = rows.tolist()
        return reader.collate([read_sample(source, number) for number in numbers], numbers)

    return IndexedDataset(read, len(source))


def read_sample(source: Any, number: int) -> Any:
    try:
        return source[number]
    except Exception as error:
        error.add_note(f"  in sample {number} of the data set")
        raise


def read_lazy_table(rows: LazyTable, reader: ItemReader, y: Any, sample_weight: Any) -> IndexedDataset:
    """Return the samples of a table that is read by rows; targets and weights may be separate arrays."""
    count, prefix = len(rows), reader.wanted.prefix
    if not count:
        raise ModelError(f"Expected {prefix}x to hold at least one sample. Received: none")
    plan = reader.get_plan(rows.read(np.arange(1)), 1)
    chosen = rows.select(plan.names)
    given = {
        part: LazyStructure(value, reader.output_count, f"{prefix}{name}")
        for part, value, name in ((1, y, "y"), (2, sample_weight, "sample_weight"))
        if value is not None
    }
    for each in given.values():
        each.check_length(count, f"{prefix}x")

    def read(indices: Array) -> Parts:
        parts = list(plan.select(chosen.read(indices)))
        for part, each in given.items():
            parts[part] = each.read(indices)
        x, targets, weights = parts
        return x, targets, weights

    return IndexedDataset(read, count)


def read_lazy_parts(parts: Parts, counts: tuple[int, int, int], prefix: str) -> IndexedDataset:
    """Return the samples of arrays of which at least one is read by rows."""
    names = ("x", "y", "sample_weight")
    structures = [
        None if value is None else LazyStructure(value, count, f"{prefix}{name}")
        for value, count, name in zip(parts, counts, names, strict=True)
    ]
    assert structures[0] is not None
    for each in structures[1:]:
        if each is not None:
            each.check_length(structures[0].count, f"{prefix}x")

    def read(indices: Array) -> Parts:
        x, y, weight = (None if each is None else each.read(indices) for each in structures)
        return x, y, weight

    return IndexedDataset(read, structures[0].count)


def map_leaves(value: Any, count: int, function: Callable[[Any], Any]) -> Any:
    """Apply a function to data, or to each of ``count`` arrays in a list, and to each in a dict."""
    if isinstance(value, Mapping):
        return {name: map_leaves(each, 1, function) for name, each in value.items()}
    if isinstance(value, Features):
        return Features({name: function(each) for name, each in value.columns.items()})
    if isinstance(value, (list, tuple)) and count > 1 and len(value) == count:
        return [None if each is None else function(each) for each in value]
    return function(value)


class ArrayRows:
    """Rows of an array in memory."""

    def __init__(self, array: Array) -> None:
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    def read(self, rows: Array) -> Array:
        return self.array[rows]


class LazyStructure:
    """Inputs, targets or weights, as an array, a list or a dict, whose rows are read by index."""

    array_count: int
    name: str

    def __init__(self, value: Any, count: int, name: str) -> None:
        self.name, self.array_count = name, count
        lengths: list[int] = []

        def open_rows(leaf: Any) -> LazyRows:
            kind = find_kind(leaf)
            is_lazy = kind is not None and kind.form is Form.LAZY_ARRAY
            rows: LazyRows = kind.convert(leaf) if kind is not None and is_lazy else ArrayRows(to_array(leaf, name))
            lengths.append(len(rows))
            return rows

        self.rows: Any = map_leaves(value, count, open_rows)
        if len(set(lengths)) != 1 or not lengths[0]:
            received = " and ".join(map(str, lengths)) or "none"
            raise ModelError(
                f"Expected the arrays of {name} to have equally many samples, 1 or more. Received: {received}"
            )
        self.count: int = lengths[0]

    def check_length(self, count: int, name: str) -> None:
        if self.count != count:
            kind = "weight" if self.name.endswith("sample_weight") else "target"
            raise ModelError(
                f"Expected a {kind} for every sample. Received: {count} in {name} and {self.count} in {self.name}"
            )

    def read(self, indices: Array) -> Any:
        return map_leaves(self.rows, self.array_count, lambda rows: rows.read(indices))
