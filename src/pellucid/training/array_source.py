"""Batches from arrays that stay on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.model.interfaces import ModelLike
from pellucid.run.device_selection import DEFAULT_PLACEMENT, Placement
from pellucid.run.interrupts import DeferSigint
from pellucid.training.epoch_program import (
    UNLIMITED,
    ArrayEpochProgram,
    BatchEpochProgram,
    BatchSource,
    Chunk,
    ChunkSizer,
    StepLimit,
    with_batch_sizes,
)
from pellucid.training.train_step import SampleSpec, get_train_step
from pellucid.typing import Array

STEPS_PER_CALL = 1024
"""Up to how many steps of several short epochs one call covers."""


@dataclass(frozen=True)
class ArrayDataset:
    """Validated arrays, in the order of the model's inputs and outputs; None for an output without any."""

    x: list[Array]
    y: list[Array | None]
    sample_weight: list[Array | None]
    target_dtypes: list[np.dtype[Any] | None]  # in which the loss sees the targets

    def __len__(self) -> int:
        return len(self.x[0])

    @property
    def arrays(self) -> list[Array]:
        """All arrays, in the order of `TrainStep.inputs`."""
        return [*self.x, *(a for a in (*self.y, *self.sample_weight) if a is not None)]

    @property
    def target_specs(self) -> list[SampleSpec]:
        """Shape and dtype of one target, for every output."""
        return [
            None if a is None or dtype is None else (a.shape[1:], dtype)
            for a, dtype in zip(self.y, self.target_dtypes, strict=True)
        ]

    @property
    def weight_specs(self) -> list[SampleSpec]:
        """Shape and dtype of one weight, for every output."""
        return [None if a is None else (a.shape[1:], a.dtype) for a in self.sample_weight]

    def slice(self, start: int, stop: int) -> ArrayDataset:
        """Return the samples ``start`` to ``stop``."""

        def cut(arrays: Sequence[Array | None]) -> list[Any]:
            return [None if a is None else a[start:stop] for a in arrays]

        return ArrayDataset(cut(self.x), cut(self.y), cut(self.sample_weight), self.target_dtypes)


class ArraySource(BatchSource):
    """Batches of arrays on the device, with the compiled program over them."""

    count: int
    dataset: ArrayDataset
    shuffle: bool
    training: bool

    steps: int
    batch_size: int

    def __init__(
        self,
        model: ModelLike,
        dataset: ArrayDataset,
        batch_size: int,
        training: bool,
        shuffle: bool = False,
        steps: int | None = None,
        placement: Placement = DEFAULT_PLACEMENT,
    ) -> None:
        self.count, self.placement = len(dataset), placement
        self.batch_size = min(batch_size, self.count)
        self.dataset, self.training, self.shuffle = dataset, training, shuffle
        self.steps = count_steps(self.count, self.batch_size, steps)
        available = self.count // self.batch_size
        self.full_steps: int = min(available, self.steps)
        self.remainder: int = self.count - available * self.batch_size if self.steps > available else 0
        self.arrays = dataset.arrays
        step = get_train_step(model, dataset)
        self.metrics = step.get_metrics(training)
        self.program: ArrayEpochProgram | BatchEpochProgram
        if self.batch_size == self.count:
            # A batch of all samples needs no order.
            self.program = step.get_batch_program([a.dtype for a in self.arrays], training, placement)
            self.epochs_per_call: int = UNLIMITED
        else:
            self.program = step.get_array_program(self.arrays, training, placement)
            if training:
                self.epochs_per_call = max(1, STEPS_PER_CALL // self.steps)
        self.chunk_sizer: ChunkSizer = ChunkSizer()
        self.latest_order: tuple[Any, Array] = (None, np.empty(0, np.int32))

    def on_device(self) -> AbstractContextManager[Any]:
        return self.program.load(self.arrays)

    def run_steps(
        self, seed: int, epoch: int, first_step: int = 0, step_limit: StepLimit = None, epochs: int = 1
    ) -> Iterator[Chunk]:
        total = self.full_steps * epochs
        if isinstance(self.program, BatchEpochProgram):
            yield from with_batch_sizes(self.program.repeat(first_step, total, step_limit), self.batch_size)
            return
        if self.remainder and epochs > 1:
            yield from self.run_epochs(self.program, seed, epoch, epochs)
            return
        if first_step < total:
            indices = self.get_indices(seed, epoch, epochs)
            chunks = self.program.run_steps(indices, first_step, total, step_limit)
            yield from with_batch_sizes(chunks, self.batch_size)
        if self.remainder and first_step <= total:
            if step_limit:
                step_limit()
            order = self.get_order(seed, epoch)
            with DeferSigint():  # until the caller has counted the step
                yield self.program.run_remainder(order[-self.remainder :]), np.array([self.remainder])

    def run_epochs(self, program: ArrayEpochProgram, seed: int, epoch: int, epochs: int) -> Iterator[Chunk]:
        """Run whole epochs that end with a smaller step."""
        batch_sizes = [*[self.batch_size] * self.full_steps, self.remainder]
        for first, count in self.chunk_sizer.chunks(epochs):
            orders = [self.get_order(seed, epoch + first + i) for i in range(count)]
            indices = np.stack([order[: -self.remainder] for order in orders]).reshape(-1, self.batch_size)
            last = np.stack([order[-self.remainder :] for order in orders])
            with DeferSigint():  # until the caller has counted the steps
                yield program.run_epochs(indices, last), np.tile(batch_sizes, count)

    def get_order(self, seed: int, epoch: int) -> Array:
        """Return the sample order of an epoch; the latest is cached."""
        if self.latest_order[0] != (seed, epoch):
            self.latest_order = ((seed, epoch), get_epoch_order(seed, epoch, self.count, self.shuffle))
        return self.latest_order[1]

    def get_indices(self, seed: int, epoch: int, epochs: int) -> Array:
        """Return the sample indices of every full step, one row per step."""
        used = self.full_steps * self.batch_size
        orders = [self.get_order(seed, epoch + i)[:used] for i in range(epochs)]
        return np.concatenate(orders).reshape(-1, self.batch_size)

    def rebind(self, model: ModelLike) -> ArraySource:
        settings = self.batch_size, self.training, self.shuffle, self.steps, self.placement
        return ArraySource(model, self.dataset, *settings)


def count_steps(count: int, batch_size: int, steps: int | None) -> int:
    """Return the number of batches per epoch: as requested, or all that the samples make."""
    available = -(-count // batch_size)
    if steps is not None and steps > available:
        raise OptionError(f"{count} samples make {available} batches of {batch_size}. Received: {steps} steps")
    return available if steps is None else steps


def get_epoch_order(seed: int, epoch: int, count: int, shuffle: bool = True) -> Array:
    """Return the order of the samples in an epoch: a function of seed and epoch, so that any epoch can be resumed.

    Examples
    --------
    >>> bool((get_epoch_order(7, 3, 100) == get_epoch_order(7, 3, 100)).all())
    True
    """
    if not shuffle:
        return np.arange(count, dtype=np.int32)
    return np.random.default_rng([seed, epoch]).permutation(count).astype(np.int32)


def map_arrays(value: Any, function: Callable[[Any], Any]) -> Any:
    """Apply a function to an array, or to each array in a list or a dict."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {name: map_arrays(v, function) for name, v in value.items()}
    if isinstance(value, (list, tuple)) and all(v is None or isinstance(v, np.ndarray) for v in value):
        return [map_arrays(v, function) for v in value]
    return function(value)


def list_arrays(value: Any) -> list[Any]:
    """Return the arrays of a list or dict, or the one array."""
    found: list[Any] = []
    map_arrays(value, found.append)
    return found
