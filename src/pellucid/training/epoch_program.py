"""Compiled loops over one epoch: over arrays on the device, or over batches from the host."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.operators import call_op
from pellucid.graph.ops.index_spec import ARRAY
from pellucid.model.interfaces import ModelLike
from pellucid.run.device_selection import DEFAULT_PLACEMENT, Placement
from pellucid.run.epoch_loop import put_on_device, run_epochs, step_once
from pellucid.run.function_builder import function
from pellucid.run.interrupts import Interrupted
from pellucid.show.costs.costs import count_program_cost
from pellucid.show.costs.roofline import Work
from pellucid.training.loop_progress import StepMetric
from pellucid.typing import Array, DTypeLike

if TYPE_CHECKING:
    from pellucid.run.function import Function

Outputs = dict[str, Array]
StepLimit = Callable[[], int] | None
"""Called before a chunk: how many steps it may have."""
Chunk = tuple[Outputs, Array]
"""Outputs of several steps, and their batch sizes."""

UNLIMITED = 2**30
"""More steps or epochs than any run has."""

CHUNK_SECONDS = 0.1
"""Target duration of a chunk of whole epochs."""


class ReadingTime(NamedTuple):
    """Seconds that the steps of a training waited for data, and that they took in all, since its start or resumption.

    Examples
    --------
    >>> ReadingTime(3.0, 4.0).is_bottleneck
    True
    """

    waited: float
    total: float

    @property
    def is_bottleneck(self) -> bool:
        """Whether the steps waited for data for more than half of the time."""
        return 2 * self.waited > self.total


class BatchSource:
    """Base class of the sources of batches: arrays, memory maps and iterators."""

    steps: int | None  # batches per epoch, None if unknown
    batch_size: int | None  # None where the iterator decides
    metrics: dict[str, StepMetric]
    arrays: Sequence[Array] = ()  # data in memory
    placement: Placement
    epochs_per_call: int = 1  # maximum number of epochs of one call of `run_steps`
    is_replayable: bool = True  # whether an epoch can run again with the same batches
    seconds_waited: float | None = None  # for data, since the source was made; None if they are in memory
    program: ArrayEpochProgram | BatchEpochProgram | None = None  # that computed the latest steps

    def on_device(self) -> AbstractContextManager[None]:
        """Keep the data in memory on the device inside a ``with`` block."""
        return nullcontext()

    def run_steps(
        self, seed: int, epoch: int, first_step: int = 0, step_limit: StepLimit = None, epochs: int = 1
    ) -> Iterator[Chunk]:
        """Run one or more epochs from a step on, and yield the outputs of each chunk of steps."""
        raise NotImplementedError

    def rebind(self, model: ModelLike) -> BatchSource:
        """Return a source of the same data for another model."""
        raise NotImplementedError


class ChunkSizer:
    """Splits epochs into chunks of about `CHUNK_SECONDS` each, from the measured duration of earlier chunks."""

    def __init__(self) -> None:
        self.size: int = 1

    def chunks(self, epochs: int) -> Iterator[tuple[int, int]]:
        """Yield the first epoch of each chunk and the number of its epochs."""
        first = 0
        while first < epochs:
            count = min(self.size, epochs - first)
            start = time.perf_counter()
            yield first, count
            first += count
            fitting = int(count * min(8.0, CHUNK_SECONDS / max(time.perf_counter() - start, 1e-9)))
            # A last chunk that was cut short may not lower the size, unless it was too slow itself.
            self.size = max(1, fitting if count == self.size or fitting < count else max(self.size, fitting))


class ArrayEpochProgram:
    """A training step compiled for arrays on the device; each step takes the indices of its samples.

    The arrays have the dtypes of the inputs or narrower ones; with several devices, each holds all of them.
    """

    def __init__(
        self,
        outputs: Mapping[str, Expr],
        updates: Mapping[Shared, Expr],
        data: Mapping[Expr, Array],
        placement: Placement = DEFAULT_PLACEMENT,
    ) -> None:
        first = find_first_uses(list(data.values()))
        self.data: dict[int, Shared] = {
            k: Shared(array, f"all {e.name or 'inputs'}", trainable=False, regularizable=False)
            for k, (e, array) in enumerate(data.items())
            if first[k] == k
        }
        """The arrays on the device, by their position."""
        index = Input("index", (next(iter(data)).shape[0],), np.int32)
        # The order of the samples is a permutation, and a check of each index would copy the batch.
        rows = [call_op("gather", self.data[k], index, index=(ARRAY,), in_bounds=True) for k in first]
        batch = {e: row.astype(e.dtype) for e, row in zip(data, rows, strict=True)}
        self.function: Function = function(
            [index], dict(outputs), updates=updates, givens=batch, on_unused_input="ignore", **placement._asdict()
        )

    def count_work(self, batch_size: int) -> Work:
        """Count the operations and bytes of a step."""
        return count_program_cost(self.function.program, [(batch_size,)]).work

    def set_arrays(self, arrays: Sequence[Array]) -> None:
        """Set the arrays, which have the shapes of those that the program was made for."""
        for k, shared in self.data.items():
            shared.storage = arrays[k]

    @contextmanager
    def load(self, arrays: Sequence[Array]) -> Iterator[None]:
        """Keep arrays on the device while the program is in use."""
        self.set_arrays(arrays)
        try:
            yield
        finally:
            for shared in self.data.values():
                shared.storage = np.empty(0, shared.dtype)

    def run_steps(self, indices: Array, first: int, stop: int, step_limit: StepLimit = None) -> Iterator[Outputs]:
        """Run the steps from ``first`` to ``stop``; ``indices`` has one row per step, and may have more rows."""
        yield from self.function.run_chunks(
            self.function.bind_arguments([indices], {}, walk=True), stop, True, first, step_limit
        )

    def run_remainder(self, indices: Array) -> Outputs:
        """Run the smaller last step of an epoch."""
        return {name: np.asarray(value)[None] for name, value in step_once(self.function, indices).items()}

    def run_epochs(self, indices: Array, last_indices: Array) -> Outputs:
        """Run whole epochs: per row of ``last_indices`` the equal share of ``indices``, then the smaller last step."""
        outputs: Outputs = run_epochs(self.function, [indices], [last_indices], len(last_indices))
        return outputs


def find_first_uses(arrays: Sequence[Array]) -> list[int]:
    """Return, for each array, the position of the first one in the same memory: the targets may be the input.

    Examples
    --------
    >>> x, y = np.zeros(3), np.zeros(3)
    >>> find_first_uses([x, y, x])
    [0, 1, 0]
    """
    memory = [(a.__array_interface__["data"], a.shape, a.strides, a.dtype) for a in arrays]
    return [memory.index(each) for each in memory]


class BatchEpochProgram:
    """A training step compiled for batches that the caller passes, in these dtypes; the program casts them."""

    def __init__(
        self,
        outputs: Mapping[str, Expr],
        updates: Mapping[Shared, Expr],
        dtypes: Mapping[Expr, DTypeLike],
        placement: Placement = DEFAULT_PLACEMENT,
    ) -> None:
        raw = [Input(e.name, e.shape, dtype) for e, dtype in dtypes.items()]
        cast = {e: r.astype(e.dtype) for e, r in zip(dtypes, raw, strict=True)}
        self.function: Function = function(
            raw, dict(outputs), updates=updates, givens=cast, on_unused_input="ignore", **placement._asdict()
        )
        self.placed: list[Any] = []
        self.sample_shapes: list[tuple[int, ...]] = []

    def count_work(self, batch_size: int) -> Work:
        """Count the operations and bytes of a step on samples of the latest shapes."""
        return count_program_cost(self.function.program, [(batch_size, *shape) for shape in self.sample_shapes]).work

    def run_steps(
        self, stacked: Sequence[Array], stop: int, first: int = 0, step_limit: StepLimit = None
    ) -> Iterator[Outputs]:
        """Run the batches ``first`` to ``stop`` of arrays that hold one batch per row."""
        self.sample_shapes = [a.shape[2:] for a in stacked]
        arguments = self.function.bind_arguments(list(stacked), {}, walk=True)
        yield from self.function.run_chunks(arguments, stop, True, first, step_limit)

    @contextmanager
    def load(self, arrays: Sequence[Array]) -> Iterator[None]:
        """Keep one batch on the device, for `repeat`."""
        self.placed = put_on_device(self.function, arrays)
        self.sample_shapes = [a.shape[1:] for a in arrays]
        try:
            yield
        finally:
            self.placed = []

    def repeat(self, first: int, stop: int, step_limit: StepLimit = None) -> Iterator[Outputs]:
        """Run the steps from ``first`` to ``stop``, each on the loaded batch."""
        yield from self.function.run_chunks(self.placed, stop, False, first, step_limit)


def with_batch_sizes(chunks: Iterator[Outputs], batch_size: int) -> Iterator[Chunk]:
    """Add the batch sizes to chunks of equal batches; on Ctrl-C, the steps finished since the last chunk come too."""
    try:
        for outputs in chunks:
            yield outputs, np.broadcast_to(batch_size, len(outputs["loss"]))
    except Interrupted as stop:
        if stop.steps:
            yield stop.history, np.broadcast_to(batch_size, stop.steps)
        raise
