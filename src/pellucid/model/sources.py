"""Where batches come from: arrays that lie on the device, or batches that are streamed; both are run chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.model.errors import ModelError
from pellucid.model.measures import Measure
from pellucid.model.objective import Objective
from pellucid.model.prefetch import END, Batches, Prefetch
from pellucid.model.run import order_of
from pellucid.model.samples import Samples, samples_of
from pellucid.model.walk import Flow, Limit, Outputs, Walk
from pellucid.run.interrupts import Interrupted, Uninterrupted

if TYPE_CHECKING:
    from pellucid.model.model import Model

Array = np.ndarray[Any, Any]
Chunk = tuple[Outputs, Array]
"""What several steps put out, and how many samples each had."""

MANY = 2**30
"""More than anybody waits for."""

ROWS = 1024
"""How many steps of several short epochs are handed to the device at once."""

STACKED_BYTES = 4 * 2**20
MOST_STACKED = 256
"""How many streamed batches run as one compiled loop at most, in bytes and in number."""

WAITING_BYTES = 64 * 2**20
MOST_WAITING = 512
"""How many may wait, fetched before they are needed."""


class InMemory:
    """Samples in memory, with the compiled walk over them.

    Parameters
    ----------
    objective : Objective
        For these kinds of targets.
    samples : Samples
        The data.
    batch_size : int
        Samples a step; what is left over makes a last, smaller step.
    training : bool
        Whether steps change anything.
    shuffle : bool
        Whether each epoch has an order of its own.
    steps : int, optional
        How many steps an epoch has, if not all samples are to be met.
    """

    def __init__(
        self,
        objective: Objective,
        samples: Samples,
        batch_size: int,
        training: bool,
        shuffle: bool = False,
        steps: int | None = None,
    ) -> None:
        self.count = len(samples)
        self.batch_size = min(batch_size, self.count)
        self.samples, self.training, self.shuffle = samples, training, shuffle
        available = -(-self.count // self.batch_size)
        if steps is not None and steps > available:
            raise OptionError(
                f"{self.count} samples make {available} batches of {self.batch_size}. Received: {steps} steps"
            )
        self.steps: int | None = available if steps is None else steps
        whole = self.count // self.batch_size
        self.full = min(whole, self.steps)
        self.rest = self.count - whole * self.batch_size if self.steps > whole else 0
        self.measures: dict[str, Measure] = objective.measured(training)
        # The order within a batch of all samples makes no difference, so these are taken as they lie.
        self.walk: Walk | Flow = (
            objective.flow([a.dtype for a in samples.arrays], training)
            if self.batch_size == self.count
            else objective.walk(samples.arrays, training)
        )
        self.latest_order: tuple[Any, Array] = (None, np.empty(0, np.int32))
        self.together = 1
        if isinstance(self.walk, Flow):
            self.together = MANY
        elif training and not self.rest:
            self.together = max(1, ROWS // self.full)

    def held(self) -> AbstractContextManager[Any]:
        """Hold the data on the device."""
        return self.walk.over(self.samples.arrays)

    def chunks(self, seed: int, epoch: int, first: int = 0, limit: Limit = None, epochs: int = 1) -> Iterator[Chunk]:
        """Run the steps of an epoch, or of several in a row, and hand out what each chunk of them put out."""
        total = self.full * epochs
        if isinstance(self.walk, Flow):
            yield from sized(self.walk.again(first, total, limit), self.batch_size)
            return
        if first < total:
            batches = self.batches(seed, epoch, epochs)
            yield from sized(self.walk.steps(batches, first, total, limit), self.batch_size)
        if self.rest and first <= total:
            if limit:
                limit()
            order = self.order(seed, epoch)
            with Uninterrupted():  # until the step is entered where it belongs
                yield self.walk.last(order[-self.rest :]), np.array([self.rest])

    def order(self, seed: int, epoch: int) -> Array:
        """Return the order of an epoch, the latest of which is kept."""
        if self.latest_order[0] != (seed, epoch):
            self.latest_order = ((seed, epoch), order_of(seed, epoch, self.count, self.shuffle))
        return self.latest_order[1]

    def batches(self, seed: int, epoch: int, epochs: int) -> Array:
        """Return the numbers of the samples of every step, in an array of one shape however many epochs there are."""
        rows = np.zeros((self.full * self.together, self.batch_size), np.int32)
        for i in range(epochs):
            order = self.order(seed, epoch + i)
            rows[i * self.full : (i + 1) * self.full] = order[: self.full * self.batch_size].reshape(
                self.full, self.batch_size
            )
        return rows


class Streamed:
    """Batches from an iterable, checked and stacked in the background.

    Parameters
    ----------
    model : Model
        Whom they are for.
    given : iterable
        Of ``(x, y)`` or ``(x, y, sample_weight)``.
    training : bool
        Whether steps change anything.
    steps : int, optional
        How many batches make an epoch.
    class_weight : dict, optional
        As for `Model.fit`.
    prefix : str
        What stands before the names in messages.
    """

    together = 1

    def __init__(
        self,
        model: Model,
        given: Any,
        training: bool,
        steps: int | None = None,
        class_weight: Any = None,
        prefix: str = "",
    ) -> None:
        self.model, self.training, self.class_weight, self.prefix = model, training, class_weight, prefix
        self.source = Batches(given, steps)
        first = self.prepare(self.source.peek())
        self.measures: dict[str, Measure] = model.objective(first).measured(training)
        self.depth = int(np.clip(WAITING_BYTES // max(bytes_of(first), 1), 2, MOST_WAITING))

    @property
    def steps(self) -> int | None:
        """How many batches an epoch has, as far as is known."""
        return self.source.steps

    def held(self) -> AbstractContextManager[Any]:
        """Nothing is held."""
        return nullcontext()

    def prepare(self, batch: Any) -> Samples:
        """Hold a batch against the model."""
        if not isinstance(batch, (tuple, list)) or len(batch) not in (1, 2, 3):
            told = f"a {type(batch).__name__}" + (f" of {len(batch)}" if isinstance(batch, (tuple, list)) else "")
            raise ModelError(
                f"{self.prefix}x: expected batches (x, y) or (x, y, sample_weight) from the iterable. Received: {told}"
            )
        x, y, w = (*batch, None, None)[:3]
        return samples_of(self.model, x, y, w, self.class_weight, self.prefix)

    def chunks(self, seed: int, epoch: int, first: int = 0, limit: Limit = None, epochs: int = 1) -> Iterator[Chunk]:
        """Run the batches of an epoch, as many at once as there are ready, and hand out what they put out."""
        done = first
        with Prefetch(self.source.epoch(first), self.prepare, self.depth) as fetched:
            pending: Any = None
            while pending is not END:
                try:
                    group, pending = gathered(fetched, pending, limit)
                except Exception as error:
                    error.add_note(f"  in or after batch {done + 1} of epoch {epoch + 1}, from the iterable")
                    raise
                if group:
                    yield from self.run(group)
                    done += len(group)

    def run(self, group: Sequence[Samples]) -> Iterator[Chunk]:
        """Run batches of one shape."""
        flow = self.model.objective(group[0]).flow([a.dtype for a in group[0].arrays], self.training)
        capacity = room(group[0])
        stacked = []
        for arrays in zip(*(samples.arrays for samples in group), strict=True):
            room_for = np.empty((capacity, *arrays[0].shape), arrays[0].dtype)
            np.stack(arrays, out=room_for[: len(group)])
            room_for[len(group) :] = 0
            stacked.append(room_for)
        yield from sized(flow.steps(stacked, len(group)), len(group[0]))


Source = InMemory | Streamed


def sized(chunks: Iterator[Outputs], size: int) -> Iterator[Chunk]:
    """Hand out chunks with the number of samples of each of their steps, those that came before Ctrl-C included."""
    try:
        for outputs in chunks:
            yield outputs, np.full(len(outputs["loss"]), size)
    except Interrupted as stop:
        if stop.steps:
            yield stop.history, np.full(stop.steps, size)
        raise


def gathered(fetched: Prefetch, pending: Any, limit: Limit) -> tuple[list[Samples], Any]:
    """Return batches of one shape that are ready, one at least unless they are at an end, and what came after them."""
    first = fetched.get() if pending is None else pending
    if first is END:
        return [], END
    group, kind = [first], kind_of(first)
    most = min(room(first), limit() if limit else MANY)
    while len(group) < most:
        following = fetched.get(wait=False)
        if following is None or following is END or kind_of(following) != kind:
            return group, following
        group.append(following)
    return group, None


def room(samples: Samples) -> int:
    """Return how many batches of this size are stacked at most."""
    return int(np.clip(STACKED_BYTES // max(bytes_of(samples), 1), 1, MOST_STACKED))


def bytes_of(samples: Samples) -> int:
    """Return how much a batch takes."""
    return sum(a.nbytes for a in samples.arrays)


def kind_of(samples: Samples) -> Any:
    """Return what batches must have in common to be stacked."""
    return [(a.shape, a.dtype) for a in samples.arrays], samples.targets, samples.weights
