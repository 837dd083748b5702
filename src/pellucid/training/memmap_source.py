"""Batches from memory-mapped files, read in pieces, so that memory use does not grow with the files."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike
from pellucid.training.array_source import ArrayDataset, count_steps, list_arrays, map_arrays
from pellucid.training.epoch_program import BatchSource, Chunk, StepLimit, with_batch_sizes
from pellucid.training.iterator_source import END, Convert, Prefetcher
from pellucid.training.train_step import get_train_step

Array = np.ndarray[Any, Any]
Spans = list[tuple[int, int]]

PIECE_BYTES = 8 * 2**20
"""Bytes read at a time. Two pieces may be queued while one is read and one is in use."""

BLOCK_BYTES = 64 * 2**10
"""Bytes of neighboring rows that are read together when shuffling."""

QUEUED_PIECES = 2


class MemmapDataset:
    """Inputs, targets and weights as given, of which any rows can be read."""

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

    def iter_pieces(self, seed: int, epoch: int, first: int = 0) -> Iterator[tuple[Spans, Array | None]]:
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


class MemmapSource(BatchSource):
    """Batches from files; pieces are read and validated in the background, and run as compiled loops."""

    convert: Convert
    dataset: MemmapDataset
    model: ModelLike
    shuffle: bool
    training: bool

    steps: int
    batch_size: int

    def __init__(
        self,
        model: ModelLike,
        dataset: MemmapDataset,
        convert: Convert,
        batch_size: int,
        training: bool,
        shuffle: bool = False,
        steps: int | None = None,
        devices: Any = None,
    ) -> None:
        self.model, self.dataset, self.convert = model, dataset, convert
        self.training, self.shuffle, self.devices = training, shuffle, devices
        self.batch_size = min(batch_size, len(dataset))
        self.steps = count_steps(len(dataset), self.batch_size, steps)
        self.steps_per_piece: int = max(1, PIECE_BYTES // (dataset.bytes_per_row * self.batch_size))
        piece = self.steps_per_piece * self.batch_size
        block = min(piece, max(1, BLOCK_BYTES // dataset.bytes_per_row)) if shuffle else piece
        self.order: BlockShuffle = BlockShuffle(len(dataset), block, piece, shuffle)
        first = convert(model, *dataset.read([(0, 1)]).parts)
        self.metrics = get_train_step(model, first).get_metrics(training)

    def run_steps(
        self, seed: int, epoch: int, first_step: int = 0, step_limit: StepLimit = None, epochs: int = 1
    ) -> Iterator[Chunk]:
        piece, skipped = divmod(first_step, self.steps_per_piece)
        done = first_step - skipped
        with Prefetcher(self.order.iter_pieces(seed, epoch, piece), self.read_piece, QUEUED_PIECES) as prefetched:
            while done < self.steps and (batch := prefetched.get()) is not END:
                yield from self.run_piece(batch, skipped, self.steps - done, step_limit)
                done, skipped = done + self.steps_per_piece, 0

    def read_piece(self, piece: tuple[Spans, Array | None]) -> ArrayDataset:
        """Read, shuffle and validate the rows of a piece."""
        spans, order = piece
        rows = self.dataset.read(spans)
        try:
            return self.convert(self.model, *(rows if order is None else rows.map(lambda a: a[order])).parts)
        except ValueError:
            self.check_spans(spans)
            raise

    def check_spans(self, spans: Spans) -> None:
        """Validate each span by itself, so that the error names rows of the file and not of the shuffled piece."""
        for start, stop in spans:
            try:
                self.convert(self.model, *self.dataset.read([(start, stop)]).parts)
            except ValueError as error:
                error.add_note(f"  in rows {start} to {stop - 1} of the file, counted from row {start}")
                raise

    def run_piece(self, piece: ArrayDataset, first: int, most: int, step_limit: StepLimit) -> Iterator[Chunk]:
        """Run up to ``most`` steps of a piece, from one on."""
        step = get_train_step(self.model, piece)
        program = step.get_batch_program([a.dtype for a in piece.arrays], self.training, self.devices)
        batch_size = self.batch_size
        full = len(piece) // batch_size
        if first < min(full, most):
            stacked = [stack_batches(a[: full * batch_size], self.steps_per_piece, batch_size) for a in piece.arrays]
            yield from with_batch_sizes(program.run_steps(stacked, min(full, most), first, step_limit), batch_size)
        rest = len(piece) - full * batch_size
        if rest and full < most:
            last = [a[None, -rest:] for a in piece.arrays]
            yield from with_batch_sizes(program.run_steps(last, 1, 0, step_limit), rest)

    def rebind(self, model: ModelLike) -> MemmapSource:
        settings = self.batch_size, self.training, self.shuffle, self.steps, self.devices
        return MemmapSource(model, self.dataset, self.convert, *settings)


def stack_batches(rows: Array, capacity: int, batch_size: int) -> Array:
    """Return rows as batches, padded to a fixed number of batches, so that one program serves every piece."""
    full = len(rows) // batch_size
    if full == capacity:
        return rows.reshape(capacity, batch_size, *rows.shape[1:])
    stacked = np.zeros((capacity, batch_size, *rows.shape[1:]), rows.dtype)
    stacked[:full] = rows.reshape(full, batch_size, *rows.shape[1:])
    return stacked


def release_pages(array: Array) -> None:
    """Drop the pages of a memory-mapped file from this process; the page cache of the system keeps them."""
    if getattr(array, "mode", "c") == "c":  # changes to a private copy exist nowhere else
        return
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)
