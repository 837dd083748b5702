"""Batches that somebody else makes, stacked and run several at once."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.model.errors import ModelError
from pellucid.run.distributed.process_group import num_processes
from pellucid.training.data_adapter import Samples, samples_of
from pellucid.training.epoch_program import MANY, Chunk, Limit, sized
from pellucid.training.metric_accumulator import Measure
from pellucid.training.prefetch import END, Batches, Prefetch

if TYPE_CHECKING:
    from pellucid.model.model import Model

STACKED_BYTES = 4 * 2**20
MOST_STACKED = 256
"""How many streamed batches run as one compiled loop at most, in bytes and in number."""

MOST_ALIKE = 16
"""How many in each of several processes, which wait for them so that all take as many."""

WAITING_BYTES = 64 * 2**20
MOST_WAITING = 512
"""How many may wait, fetched before they are needed."""


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
    devices : "all", int or list, optional
        Those that divide every batch among them.
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
        devices: Any = None,
    ) -> None:
        self.model, self.training, self.class_weight, self.prefix = model, training, class_weight, prefix
        self.devices = devices
        self.source = Batches(given, steps)
        self.first = self.prepare(self.source.peek())
        self.measures: dict[str, Measure] = model.objective(self.first).measured(training)
        self.depth = int(np.clip(WAITING_BYTES // max(bytes_of(self.first), 1), 2, MOST_WAITING))

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
                    group, pending = gathered(fetched, pending, limit, num_processes() > 1)
                except Exception as error:
                    error.add_note(f"  in or after batch {done + 1} of epoch {epoch + 1}, from the iterable")
                    raise
                if group:
                    yield from self.run(group)
                    done += len(group)

    def run(self, group: Sequence[Samples]) -> Iterator[Chunk]:
        """Run batches of one shape."""
        flow = self.model.objective(group[0]).flow([a.dtype for a in group[0].arrays], self.training, self.devices)
        capacity = room(group[0])
        stacked = []
        for arrays in zip(*(samples.arrays for samples in group), strict=True):
            room_for = np.empty((capacity, *arrays[0].shape), arrays[0].dtype)
            np.stack(arrays, out=room_for[: len(group)])
            room_for[len(group) :] = 0
            stacked.append(room_for)
        yield from sized(flow.steps(stacked, len(group)), len(group[0]))

    def on(self, model: Model) -> Streamed:
        """Return what comes from the same iterable, for another model."""
        made = copy.copy(self)
        made.model, made.measures = model, model.objective(self.first).measured(self.training)
        return made


def gathered(fetched: Prefetch, pending: Any, limit: Limit, alike: bool = False) -> tuple[list[Samples], Any]:
    """Return batches of one shape that are ready, one at least unless they are at an end, and what came after them.

    With ``alike``, they are as many as another process takes of the same batches, and waited for.
    """
    first = fetched.get() if pending is None else pending
    if first is END:
        return [], END
    group, kind = [first], kind_of(first)
    most = min(room(first), limit() if limit else MANY, MOST_ALIKE if alike else MANY)
    while len(group) < most:
        following = fetched.get(wait=alike)
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
