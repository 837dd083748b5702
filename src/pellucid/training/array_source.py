"""Samples that lie on the device, of which every step takes its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.run.interrupts import Uninterrupted
from pellucid.training.data_adapter import Samples
from pellucid.training.epoch_program import MANY, Chunk, Flow, Limit, Moments, Walk, sized
from pellucid.training.loop_progress import order_of
from pellucid.training.metric_accumulator import Measure
from pellucid.training.train_step import Objective

if TYPE_CHECKING:
    from pellucid.model.model import Model

Array = np.ndarray[Any, Any]

ROWS = 1024
"""How many steps of several short epochs are handed to the device at once."""


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
    devices : "all", int or list, optional
        Those that divide every batch among them.
    """

    def __init__(
        self,
        objective: Objective,
        samples: Samples,
        batch_size: int,
        training: bool,
        shuffle: bool = False,
        steps: int | None = None,
        devices: Any = None,
    ) -> None:
        self.count, self.devices = len(samples), devices
        self.batch_size = min(batch_size, self.count)
        self.samples, self.training, self.shuffle = samples, training, shuffle
        self.steps: int | None = batches_of_epoch(self.count, self.batch_size, steps)
        whole = self.count // self.batch_size
        self.full = min(whole, self.steps)
        self.rest = self.count - whole * self.batch_size if self.steps > whole else 0
        self.measures: dict[str, Measure] = objective.measured(training)
        # The order within a batch of all samples makes no difference, so these are taken as they lie.
        self.walk: Walk | Flow = (
            objective.flow([a.dtype for a in samples.arrays], training, devices)
            if self.batch_size == self.count
            else objective.walk(samples.arrays, training, devices)
        )
        self.moments = Moments()
        self.latest_order: tuple[Any, Array] = (None, np.empty(0, np.int32))
        self.together = 1
        if isinstance(self.walk, Flow):
            self.together = MANY
        elif training:
            self.together = max(1, ROWS // self.steps)

    def held(self) -> AbstractContextManager[Any]:
        """Hold the data on the device."""
        return self.walk.over(self.samples.arrays)

    def chunks(self, seed: int, epoch: int, first: int = 0, limit: Limit = None, epochs: int = 1) -> Iterator[Chunk]:
        """Run the steps of an epoch, or of several in a row, and hand out what each chunk of them put out."""
        total = self.full * epochs
        if isinstance(self.walk, Flow):
            yield from sized(self.walk.again(first, total, limit), self.batch_size)
            return
        if self.rest and epochs > 1:
            yield from self.several(self.walk, seed, epoch, epochs)
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

    def several(self, walk: Walk, seed: int, epoch: int, epochs: int) -> Iterator[Chunk]:
        """Run whole epochs that end with a smaller step, and hand out as many at once as take a moment."""
        sizes = [*[self.batch_size] * self.full, self.rest]
        for first, count in self.moments.spans(epochs):
            orders = [self.order(seed, epoch + first + i) for i in range(count)]
            batches = np.stack([order[: -self.rest] for order in orders]).reshape(-1, self.batch_size)
            with Uninterrupted():  # until the steps are entered where they belong
                yield walk.rounds(batches, np.stack([order[-self.rest :] for order in orders])), np.tile(sizes, count)

    def order(self, seed: int, epoch: int) -> Array:
        """Return the order of an epoch, the latest of which is kept."""
        if self.latest_order[0] != (seed, epoch):
            self.latest_order = ((seed, epoch), order_of(seed, epoch, self.count, self.shuffle))
        return self.latest_order[1]

    def batches(self, seed: int, epoch: int, epochs: int) -> Array:
        """Return the numbers of the samples of every step, in an array of one shape however many epochs there are."""
        rows = np.zeros((self.full * (1 if self.rest else self.together), self.batch_size), np.int32)
        for i in range(epochs):
            order = self.order(seed, epoch + i)
            rows[i * self.full : (i + 1) * self.full] = order[: self.full * self.batch_size].reshape(
                self.full, self.batch_size
            )
        return rows

    def on(self, model: Model) -> InMemory:
        """Return the same samples for another model."""
        objective = model.objective(self.samples)
        settings = self.batch_size, self.training, self.shuffle, self.steps, self.devices
        return InMemory(objective, self.samples, *settings)


def batches_of_epoch(count: int, size: int, asked: int | None) -> int:
    """Return how many batches an epoch has: as many as are asked for, or all that there are."""
    available = -(-count // size)
    if asked is not None and asked > available:
        raise OptionError(f"{count} samples make {available} batches of {size}. Received: {asked} steps")
    return available if asked is None else asked
