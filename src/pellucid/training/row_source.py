"""Batches of rows that are read in pieces: memory-mapped files, sparse matrices, map-style data sets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from pellucid.graph.errors import PellucidError
from pellucid.model.interfaces import ModelLike
from pellucid.run.device_selection import DEFAULT_PLACEMENT, Placement
from pellucid.training.array_source import ArrayDataset, count_steps
from pellucid.training.epoch_program import BatchSource, Chunk, StepLimit, with_batch_sizes
from pellucid.training.iterator_source import END, Convert, Prefetcher, count_bytes
from pellucid.training.train_step import get_train_step
from pellucid.typing import Array

QUEUED_PIECES = 2


class RowOrder(Protocol):
    """Order in which an epoch reads rows."""

    def iter_pieces(self, seed: int, epoch: int, first: int = 0) -> Iterator[Any]: ...


class RowDataset(Protocol):
    """Samples of which any rows can be read; each data set has its own description of several rows."""

    def __len__(self) -> int: ...
    @property
    def bytes_per_row(self) -> int: ...  # 0 if only a converted sample tells it
    @property
    def piece_bytes(self) -> int: ...
    def slice(self, start: int, stop: int) -> Any: ...
    def make_order(self, piece: int, shuffle: bool) -> RowOrder: ...
    def get_span(self, start: int, stop: int) -> Any: ...
    def read_rows(self, rows: Any) -> tuple[Any, Any, Any]: ...
    def split_rows(self, rows: Any) -> Iterator[tuple[Any, str]]: ...


class RowSource(BatchSource):
    """Batches of rows; pieces are read and validated in the background, and run as compiled loops."""

    convert: Convert
    dataset: RowDataset
    model: ModelLike
    shuffle: bool
    training: bool

    steps: int
    batch_size: int

    def __init__(
        self,
        model: ModelLike,
        dataset: RowDataset,
        convert: Convert,
        batch_size: int,
        training: bool,
        shuffle: bool = False,
        steps: int | None = None,
        placement: Placement = DEFAULT_PLACEMENT,
    ) -> None:
        self.model, self.dataset, self.convert = model, dataset, convert
        self.training, self.shuffle, self.placement = training, shuffle, placement
        self.seconds_waited: float = 0.0
        self.batch_size = min(batch_size, len(dataset))
        self.steps = count_steps(len(dataset), self.batch_size, steps)
        first = self.read_piece(dataset.get_span(0, 1))
        bytes_per_row = dataset.bytes_per_row or max(1, count_bytes(first))
        available = -(-len(dataset) // self.batch_size)
        self.steps_per_piece: int = min(available, max(1, dataset.piece_bytes // (bytes_per_row * self.batch_size)))
        self.order: RowOrder = dataset.make_order(self.steps_per_piece * self.batch_size, shuffle)
        step = get_train_step(model, first)
        self.metrics = step.get_metrics(training)
        if training:  # the optimizer has its slots before a checkpoint is restored
            step.get_batch_program([a.dtype for a in first.arrays], training, placement)

    def run_steps(
        self, seed: int, epoch: int, first_step: int = 0, step_limit: StepLimit = None, epochs: int = 1
    ) -> Iterator[Chunk]:
        piece, skipped = divmod(first_step, self.steps_per_piece)
        done = first_step - skipped
        with Prefetcher(self.order.iter_pieces(seed, epoch, piece), self.read_piece, QUEUED_PIECES) as prefetched:
            while done < self.steps and (batch := self.wait_for_piece(prefetched)) is not END:
                yield from self.run_piece(batch, skipped, self.steps - done, step_limit)
                done, skipped = done + self.steps_per_piece, 0

    def wait_for_piece(self, prefetched: Prefetcher) -> Any:
        """Return the next piece, and count how long it was not ready."""
        start = time.perf_counter()
        try:
            return prefetched.get()
        finally:
            self.seconds_waited += time.perf_counter() - start

    def read_piece(self, rows: Any) -> ArrayDataset:
        """Read and validate the rows of a piece."""
        try:
            return self.convert(self.model, *self.dataset.read_rows(rows))
        except PellucidError:
            self.check_rows(rows)
            raise

    def check_rows(self, rows: Any) -> None:
        """Validate the parts of a piece one by one, so that the error names the place in the data."""
        for part, place in self.dataset.split_rows(rows):
            try:
                self.convert(self.model, *self.dataset.read_rows(part))
            except PellucidError as error:
                error.add_note(f"  {place}")
                raise

    def run_piece(self, piece: ArrayDataset, first: int, most: int, step_limit: StepLimit) -> Iterator[Chunk]:
        """Run up to ``most`` steps of a piece, from one on."""
        step = get_train_step(self.model, piece)
        program = step.get_batch_program([a.dtype for a in piece.arrays], self.training, self.placement)
        self.program = program
        batch_size = self.batch_size
        full = len(piece) // batch_size
        if first < min(full, most):
            stacked = [stack_batches(a[: full * batch_size], self.steps_per_piece, batch_size) for a in piece.arrays]
            yield from with_batch_sizes(program.run_steps(stacked, min(full, most), first, step_limit), batch_size)
        rest = len(piece) - full * batch_size
        if rest and full < most:
            last = [a[None, -rest:] for a in piece.arrays]
            yield from with_batch_sizes(program.run_steps(last, 1, 0, step_limit), rest)

    def rebind(self, model: ModelLike) -> RowSource:
        settings = self.batch_size, self.training, self.shuffle, self.steps, self.placement
        return RowSource(model, self.dataset, self.convert, *settings)


def stack_batches(rows: Array, capacity: int, batch_size: int) -> Array:
    """Return rows as batches, padded to a fixed number of batches, so that one program serves every piece."""
    full = len(rows) // batch_size
    if full == capacity:
        return rows.reshape(capacity, batch_size, *rows.shape[1:])
    stacked = np.zeros((capacity, batch_size, *rows.shape[1:]), rows.dtype)
    stacked[:full] = rows.reshape(full, batch_size, *rows.shape[1:])
    return stacked
