"""Samples that lie in files mapped into memory, read piece by piece, so that memory does not grow with the files."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.model.errors import ModelError
from pellucid.training.array_source import batches_of_epoch
from pellucid.training.data_adapter import Samples, samples_of
from pellucid.training.epoch_program import Chunk, Limit, sized
from pellucid.training.metric_accumulator import Measure
from pellucid.training.prefetch import END, Prefetch

if TYPE_CHECKING:
    from pellucid.model.model import Model

Array = np.ndarray[Any, Any]
Spans = list[tuple[int, int]]

WHOLE_BYTES = 64 * 2**20
"""Files that are no larger are taken as data in memory."""

PIECE_BYTES = 8 * 2**20
"""How much is read at once. Two pieces may wait, one is being read, and one is at work."""

BLOCK_BYTES = 64 * 2**10
"""How much lies together in the file and is read together, in whatever order."""

WAITING = 2


def is_mapped(*values: Any) -> bool:
    """Tell whether so much of the data lies in mapped files that they are not loaded whole."""
    arrays = [a for value in values for a in leaves(value) if isinstance(a, np.memmap)]
    return sum(a.nbytes for a in arrays) > WHOLE_BYTES


class Rows:
    """Samples, targets and weights as they were given, of which any rows can be read.

    Parameters
    ----------
    x, y, w
        As for `Model.fit`.
    class_weight : dict, optional
        As for `Model.fit`.
    prefix : str
        What stands before the names in messages.
    """

    def __init__(self, x: Any, y: Any = None, w: Any = None, class_weight: Any = None, prefix: str = "") -> None:
        self.x, self.y, self.w = (each(value, np.asanyarray) for value in (x, y, w))
        self.class_weight, self.prefix = class_weight, prefix
        counts = {
            f"{prefix}{name}": len(a)
            for name, value in (("x", self.x), ("y", self.y), ("sample_weight", self.w))
            for a in leaves(value)
            if a.ndim
        }
        if len(set(counts.values())) > 1:
            told = ", ".join(f"{count} in {name}" for name, count in counts.items())
            raise ModelError(f"Expected a target and a weight for every sample. Received: {told}")
        self.count = max(counts.values())

    def __len__(self) -> int:
        return self.count

    @property
    def bytes(self) -> int:
        """How much a row takes."""
        total: int = sum(a.nbytes for value in (self.x, self.y, self.w) for a in leaves(value))
        return max(1, total // self.count)

    def changed(self, change: Callable[[Array], Array]) -> Rows:
        """Return what something makes of every array."""
        x, y, w = (each(value, lambda a: change(a) if a.ndim else a) for value in (self.x, self.y, self.w))
        return Rows(x, y, w, self.class_weight, self.prefix)

    def between(self, start: int, stop: int) -> Rows:
        """Return the rows from one number up to but without another, still in their files."""
        return self.changed(lambda a: a[start:stop])

    def read(self, spans: Spans) -> Rows:
        """Return copies of rows, one span after the other."""

        def copied(a: Array) -> Array:
            found, at = np.empty((sum(len(a[slice(*span)]) for span in spans), *a.shape[1:]), a.dtype), 0
            for start, stop in spans:
                part = a[start:stop]
                found[at : at + len(part)] = part
                at += len(part)
                forget(a)
            return found

        return self.changed(copied)

    def samples(self, model: Model) -> Samples:
        """Hold all of them against a model."""
        return samples_of(model, self.x, self.y, self.w, self.class_weight, self.prefix)


@dataclass(frozen=True)
class Order:
    """The order in which an epoch takes rows, a function of seed and epoch that needs next to no memory.

    Rows that lie together are read together, as a block. The blocks come in a new order, and the rows of a piece, which
    has blocks from everywhere, are mixed.

    Attributes
    ----------
    count : int
        How many rows there are.
    block, piece : int
        How many rows a block and a piece have.
    shuffle : bool
        Whether each epoch has an order of its own.

    Examples
    --------
    >>> spans, mixed = next(Order(count=10, block=2, piece=4, shuffle=False).pieces(seed=0, epoch=0, first=1))
    >>> spans, mixed
    ([(4, 6), (6, 8)], None)
    """

    count: int
    block: int
    piece: int
    shuffle: bool

    def pieces(self, seed: int, epoch: int, first: int = 0) -> Iterator[tuple[Spans, Array | None]]:
        """Go through an epoch from one of its pieces on: what is to be read, and how it is mixed."""
        blocks = np.arange(-(-self.count // self.block))
        if self.shuffle:
            np.random.default_rng([seed, epoch]).shuffle(blocks)
        starts = blocks * self.block
        stops = np.minimum(starts + self.block, self.count)
        ends = np.cumsum(stops - starts)
        for number in range(first, -(-self.count // self.piece)):
            begin, end = number * self.piece, min((number + 1) * self.piece, self.count)
            spans = []
            for i in range(int(np.searchsorted(ends, begin, "right")), int(np.searchsorted(ends, end, "left")) + 1):
                skipped = int(max(0, begin - (ends[i] - (stops[i] - starts[i]))))
                spans.append((int(starts[i]) + skipped, int(stops[i] - max(0, ends[i] - end))))
            mixed = np.random.default_rng([seed, epoch, number]).permutation(end - begin) if self.shuffle else None
            yield spans, mixed


class Mapped:
    """Batches from files: pieces of them are read and checked in the background, and run as compiled loops.

    Parameters
    ----------
    model : Model
        Whom they are for.
    rows : Rows
        The data.
    batch_size : int
        Samples a step; what is left over makes a last, smaller step.
    training : bool
        Whether steps change anything.
    shuffle : bool
        Whether each epoch has an order of its own.
    steps : int, optional
        How many steps an epoch has, if not all samples are to be met.
    devices : "all", int or list, optional
        Those that divide every batch among them.
    """

    together = 1

    def __init__(
        self,
        model: Model,
        rows: Rows,
        batch_size: int,
        training: bool,
        shuffle: bool = False,
        steps: int | None = None,
        devices: Any = None,
    ) -> None:
        self.model, self.rows, self.training, self.shuffle = model, rows, training, shuffle
        self.devices = devices
        self.batch_size = min(batch_size, len(rows))
        self.steps: int | None = batches_of_epoch(len(rows), self.batch_size, steps)
        self.together_in_piece = max(1, PIECE_BYTES // (rows.bytes * self.batch_size))
        piece = self.together_in_piece * self.batch_size
        block = min(piece, max(1, BLOCK_BYTES // rows.bytes)) if shuffle else piece
        self.order = Order(len(rows), block, piece, shuffle)
        self.first = rows.read([(0, 1)]).samples(model)
        self.measures: dict[str, Measure] = model.objective(self.first).measured(training)

    def held(self) -> AbstractContextManager[Any]:
        """Nothing is held."""
        return nullcontext()

    def chunks(self, seed: int, epoch: int, first: int = 0, limit: Limit = None, epochs: int = 1) -> Iterator[Chunk]:
        """Run the steps of an epoch, and hand out what each chunk of them put out."""
        number, skipped = divmod(first, self.together_in_piece)
        done, steps = first - skipped, self.steps or 0
        with Prefetch(self.order.pieces(seed, epoch, number), self.read, WAITING) as fetched:
            while done < steps and (samples := fetched.get()) is not END:
                yield from self.run(samples, skipped, steps - done, limit)
                done, skipped = done + self.together_in_piece, 0

    def read(self, piece: tuple[Spans, Array | None]) -> Samples:
        """Read rows, mix them, and hold them against the model."""
        spans, mixed = piece
        rows = self.rows.read(spans)
        try:
            return (rows if mixed is None else rows.changed(lambda a: a[mixed])).samples(self.model)
        except ValueError:
            self.find(spans)
            raise

    def find(self, spans: Spans) -> None:
        """Say in which rows something is wrong, by looking at them as they lie in the file."""
        for start, stop in spans:
            try:
                self.rows.read([(start, stop)]).samples(self.model)
            except ValueError as error:
                error.add_note(f"  in rows {start} to {stop - 1} of the file, counted from row {start}")
                raise

    def run(self, samples: Samples, first: int, most: int, limit: Limit) -> Iterator[Chunk]:
        """Run the steps of a piece from one of them on, no more than are left of the epoch."""
        flow = self.model.objective(samples).flow([a.dtype for a in samples.arrays], self.training, self.devices)
        size, capacity = self.batch_size, self.together_in_piece
        full = len(samples) // size
        if first < min(full, most):
            stacked = [stack(a[: full * size], capacity, size) for a in samples.arrays]
            yield from sized(flow.steps(stacked, min(full, most), first, limit), size)
        rest = len(samples) - full * size
        if rest and full < most:
            yield from sized(flow.steps([a[None, -rest:] for a in samples.arrays], 1, 0, limit), rest)

    def on(self, model: Model) -> Mapped:
        """Return the same rows for another model."""
        return Mapped(model, self.rows, self.batch_size, self.training, self.shuffle, self.steps, self.devices)


def stack(array: Array, capacity: int, size: int) -> Array:
    """Return rows as batches, as many as there may be at most, so that one program serves every piece."""
    full = len(array) // size
    if full == capacity:
        return array.reshape(capacity, size, *array.shape[1:])
    stacked = np.zeros((capacity, size, *array.shape[1:]), array.dtype)
    stacked[:full] = array.reshape(full, size, *array.shape[1:])
    return stacked


def each(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return what something makes of data: of one array, or of those in a list or a dict."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {name: each(v, change) for name, v in value.items()}
    if isinstance(value, (list, tuple)) and all(v is None or isinstance(v, np.ndarray) for v in value):
        return [each(v, change) for v in value]
    return change(value)


def leaves(value: Any) -> list[Any]:
    """Return the arrays of data."""
    found: list[Any] = []
    each(value, found.append)
    return found


def forget(array: Array) -> None:
    """Let go of the pages of a mapped file that were read, which stay in the system's cache, not in this process."""
    if getattr(array, "mode", "c") == "c":  # what was written to a private copy is nowhere else
        return
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)
