"""Batches from iterators, generators and data loaders, prefetched in a background thread."""

from __future__ import annotations

import copy
import itertools
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike
from pellucid.run.device_selection import DEFAULT_PLACEMENT, Placement
from pellucid.run.distributed.process_group import num_processes
from pellucid.training.array_source import ArrayDataset
from pellucid.training.data_sources.columns import Parts
from pellucid.training.data_sources.items import ItemReader
from pellucid.training.data_sources.opening import ItemStream
from pellucid.training.epoch_program import UNLIMITED, BatchSource, Chunk, StepLimit, with_batch_sizes
from pellucid.training.train_step import get_train_step

if TYPE_CHECKING:
    from threading import Event, Thread

DEFAULT_BATCH_SIZE = 32

Convert = Callable[..., ArrayDataset]
"""``convert(model, x, y, sample_weight)``: validate data for a model."""

MAX_STACKED_BYTES = 4 * 2**20
MAX_STACKED = 256
"""Limits of the batches that run as one compiled loop, in bytes and in number."""

MAX_STACKED_DISTRIBUTED = 16
"""The limit with several processes, which wait for their batches so that all take equally many."""

MAX_QUEUED_BYTES = 64 * 2**20
MAX_QUEUED = 512
"""Limits of the prefetch queue."""


class SampleGroup(list[Any]):
    """Samples of an iterable that make one batch."""


class BatchStream:
    """Batches of an iterable, epoch by epoch; an iterable restarts in every epoch, an iterator continues.

    An object with a length and items but no iterator, such as Keras's ``PyDataset``, yields its items, and its
    ``on_epoch_end`` is called after each epoch. With ``restarts``, an epoch of fewer steps than there are batches
    begins with the first batch, too. Samples come in groups of ``batch_size``.
    """

    requested_restarts: bool
    requested_steps: int | None

    def __init__(self, items: Any, steps: int | None, restarts: bool = False) -> None:
        self.items: Any = items
        self.is_iterator: bool = isinstance(items, Iterator)
        self.length = None if self.is_iterator else get_length(items)
        self.requested_steps, self.requested_restarts = steps, restarts
        self.batch_size: int | None = None
        self.iterator: Iterator[Any] | None = items if self.is_iterator else None

    @property
    def steps(self) -> int | None:
        """Batches per epoch, None if the number is unknown."""
        return self.length if self.requested_steps is None else self.requested_steps

    @property
    def restarts(self) -> bool:
        return not self.is_iterator and (self.requested_restarts or self.length == self.steps)

    def peek(self) -> Any:
        """Return the first item, which the first epoch yields again."""
        iterator = self.get_iterator()
        try:
            first = next(iterator)
        except StopIteration:
            raise ModelError(
                "Expected batches. Received: an iterable without any; a generator that was iterated over before is "
                "exhausted"
            ) from None
        self.iterator = itertools.chain([first], iterator)
        return first

    def group_samples(self, batch_size: int) -> None:
        """Take items as samples, of which several make a batch; call it before the first epoch."""
        self.batch_size = batch_size
        if self.length is not None:
            self.length = -(-self.length // batch_size)
        if self.iterator is not None:
            self.iterator = iter_groups(self.iterator, batch_size)
        if self.is_iterator:
            self.items = self.iterator

    def get_iterator(self) -> Iterator[Any]:
        """Return the iterator in use, or a new one."""
        if self.iterator is not None:
            return self.iterator
        is_iterable = hasattr(self.items, "__iter__")
        items = iter(self.items) if is_iterable else (self.items[i] for i in range(len(self.items)))
        return items if self.batch_size is None else iter_groups(items, self.batch_size)

    def iter_epoch(self, first_step: int = 0) -> Iterator[Any]:
        """Yield the batches of an epoch from a step on.

        With a number of steps, an iterable that ends early restarts; an iterator cannot.
        """
        if self.steps is None:
            iterator = self.get_iterator()
            self.iterator = self.items if self.is_iterator else None
            yield from itertools.islice(iterator, first_step, None)
        else:
            for step in range(self.steps):
                batch = self.get_next()
                if batch is None:
                    break
                if step >= first_step:
                    yield batch[0]
            if self.restarts:
                self.iterator = None
        if hasattr(self.items, "on_epoch_end"):
            self.items.on_epoch_end()

    def get_next(self) -> tuple[Any] | None:
        """Return the next batch in a tuple, or None at the end."""
        for _ in range(1 if self.is_iterator else 2):  # an iterable restarts once
            self.iterator = self.get_iterator()
            for batch in self.iterator:
                return (batch,)
            self.iterator = self.items if self.is_iterator else None
        return None


def iter_groups(items: Iterator[Any], size: int) -> Iterator[SampleGroup]:
    """Yield groups of samples; the last may be smaller."""
    while group := SampleGroup(itertools.islice(items, size)):
        yield group


def get_length(items: Any) -> int | None:
    """Return the number of items, None if it is unknown."""
    try:
        return len(items)
    except TypeError:  # also raised by data sets and loaders that define `__len__` and do not know their length
        return None


END = object()


class Prefetcher:
    """Thread that prepares batches ahead of use; a context manager around one epoch."""

    batches: Iterable[Any]
    prepare: Callable[[Any], Any]

    def __init__(self, batches: Iterable[Any], prepare: Callable[[Any], Any], depth: int) -> None:
        self.batches, self.prepare = batches, prepare
        self.queue: queue.Queue[Any] = queue.Queue(depth)
        self.stopped: Event = threading.Event()
        self.error: BaseException | None = None
        self.thread: Thread = threading.Thread(target=self.fetch, name="pellucid prefetch", daemon=True)

    def fetch(self) -> None:
        """Fill the queue until the batches end or the consumer stops."""
        try:
            for batch in self.batches:
                if not self.put(self.prepare(batch)):
                    return
        except BaseException as error:  # `get` raises any error again, in the thread that asks for the batch
            self.error = error
        self.put(END)

    def put(self, item: Any) -> bool:
        """Queue an item; return False if the consumer has stopped."""
        while not self.stopped.is_set():
            try:
                self.queue.put(item, timeout=0.05)
            except queue.Full:
                continue
            return True
        return False

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stopped.set()
        self.thread.join(timeout=5)

    def get(self, wait: bool = True) -> Any:
        """Return the next batch, END, or None if none is ready and ``wait`` is False."""
        try:
            item = self.queue.get(block=wait)
        except queue.Empty:
            return None
        if item is END and self.error is not None:
            raise self.error
        return item


class IteratorSource(BatchSource):
    """Batches from an iterable, validated and stacked in the background."""

    convert: Convert

    model: ModelLike
    reader: ItemReader
    training: bool

    batch_size = None
    is_replayable = False

    def __init__(
        self,
        model: ModelLike,
        data: ItemStream,
        convert: Convert,
        training: bool,
        batch_size: int | None = None,
        steps: int | None = None,
        placement: Placement = DEFAULT_PLACEMENT,
        default_batch_size: int = DEFAULT_BATCH_SIZE,
    ) -> None:
        self.model, self.convert, self.training, self.reader = model, convert, training, data.reader
        self.placement = placement
        self.stream: BatchStream = BatchStream(data.items, steps, restarts=not training)
        first = open_stream(self.stream, data.reader, batch_size, default_batch_size)
        self.steps = self.stream.steps
        self.first: ArrayDataset = self.prepare(first)
        self.metrics = get_train_step(model, self.first).get_metrics(training)
        self.depth: int = int(np.clip(MAX_QUEUED_BYTES // max(count_bytes(self.first), 1), 2, MAX_QUEUED))

    def prepare(self, batch: Any) -> ArrayDataset:
        """Validate a batch."""
        return self.convert(self.model, *split_batch(self.reader, batch))

    def run_steps(
        self, seed: int, epoch: int, first_step: int = 0, step_limit: StepLimit = None, epochs: int = 1
    ) -> Iterator[Chunk]:
        step = first_step
        with Prefetcher(self.stream.iter_epoch(first_step), self.prepare, self.depth) as prefetched:
            pending: Any = None
            while pending is not END:
                try:
                    group, pending = take_equal_batches(prefetched, pending, step_limit, num_processes() > 1)
                except Exception as error:
                    error.add_note(f"  in or after batch {step + 1} of epoch {epoch + 1}, from the iterable")
                    raise
                if group:
                    yield from self.run_group(group)
                    step += len(group)

    def run_group(self, group: Sequence[ArrayDataset]) -> Iterator[Chunk]:
        """Run batches of equal shapes as one compiled loop."""
        step, first = get_train_step(self.model, group[0]), group[0]
        program = step.get_batch_program([a.dtype for a in first.arrays], self.training, self.placement)
        self.program = program
        capacity = get_stack_capacity(first)
        stacked = []
        for arrays in zip(*(batch.arrays for batch in group), strict=True):
            # Always of full capacity, so that one program serves every number of batches.
            stack = np.empty((capacity, *arrays[0].shape), arrays[0].dtype)
            np.stack(arrays, out=stack[: len(group)])
            stack[len(group) :] = 0
            stacked.append(stack)
        yield from with_batch_sizes(program.run_steps(stacked, len(group)), len(first))

    def rebind(self, model: ModelLike) -> IteratorSource:
        source = copy.copy(self)
        source.model = model
        source.metrics = get_train_step(model, self.first).get_metrics(self.training)
        return source


def open_stream(stream: BatchStream, reader: ItemReader, batch_size: int | None, default: int) -> Any:
    """Find out whether the items are samples or batches, and return the first batch, which will come again."""
    first = stream.peek()
    if reader.is_sample(first):
        stream.group_samples(default if batch_size is None else batch_size)
        return stream.peek()
    if batch_size is not None:
        raise OptionError(
            f"Expected no batch_size, since {reader.owner} already yields batches. Received: "
            f"batch_size={batch_size}. Leave it out, and set the size where the batches are made"
        )
    return first


def split_batch(reader: ItemReader, batch: Any) -> Parts:
    """Return inputs, targets and weights of a batch or a group of samples."""
    return reader.collate(batch) if isinstance(batch, SampleGroup) else reader.split(batch)


def take_equal_batches(
    prefetched: Prefetcher, pending: Any, step_limit: StepLimit, wait: bool = False
) -> tuple[list[ArrayDataset], Any]:
    """Return the batches of equal shapes that are ready, at least one, and the batch after them.

    With ``wait``, the number does not depend on timing, so that all processes take equally many.
    """
    first = prefetched.get() if pending is None else pending
    if first is END:
        return [], END
    group, layout = [first], get_layout(first)
    limits = step_limit() if step_limit else UNLIMITED, MAX_STACKED_DISTRIBUTED if wait else UNLIMITED
    most = min(get_stack_capacity(first), *limits)
    while len(group) < most:
        batch = prefetched.get(wait=wait)
        if batch is None or batch is END or get_layout(batch) != layout:
            return group, batch
        group.append(batch)
    return group, None


def get_stack_capacity(batch: ArrayDataset) -> int:
    """Return how many batches of this size are stacked at most."""
    return int(np.clip(MAX_STACKED_BYTES // max(count_bytes(batch), 1), 1, MAX_STACKED))


def count_bytes(batch: ArrayDataset) -> int:
    return sum(a.nbytes for a in batch.arrays)


def get_layout(batch: ArrayDataset) -> Any:
    """Return what batches must have in common to be stacked."""
    return [(a.shape, a.dtype) for a in batch.arrays], batch.target_specs, batch.weight_specs
