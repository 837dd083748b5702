"""Rates of the training steps of a run, compared with the peaks of the machine."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pellucid.graph.errors import ShapeError
from pellucid.run.backends import is_c_loop
from pellucid.show.costs.roofline import (
    Utilization,
    Work,
    get_core_utilization,
    measure_core_peak,
    this_machine,
)

if TYPE_CHECKING:
    from pellucid.training.epoch_program import BatchSource, Chunk


class StepMeter:
    """Counts the training steps of a run and their seconds, without chunks during which a program was compiled."""

    def __init__(self, source: BatchSource) -> None:
        self.source = source
        self.compile_seconds: float = self.get_compile_seconds()
        self.steps: Counter[int] = Counter()
        """For each batch size, the number of steps."""
        self.seconds: float = 0.0

    def get_compile_seconds(self) -> float:
        """Return how long the current program has been compiled so far."""
        program = self.source.program
        return program.function.backend.compile_seconds if program else 0.0

    def measure(self, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        """Yield the chunks of a run, and count them."""
        start = time.perf_counter()
        for outputs, batch_sizes in chunks:
            self.add(batch_sizes.tolist(), time.perf_counter() - start)
            yield outputs, batch_sizes
            start = time.perf_counter()

    def add(self, batch_sizes: Sequence[int], seconds: float) -> None:
        """Count the steps of a chunk, unless it was compiled first."""
        compile_seconds = self.get_compile_seconds()
        if compile_seconds == self.compile_seconds:
            self.steps.update(batch_sizes)
            self.seconds += seconds
        self.compile_seconds = compile_seconds

    def get_utilization(self, backends: Sequence[str]) -> Utilization | None:
        """Return the rates of the steps and their shares of the peaks.

        None if all steps were in chunks that were compiled first, or a size inside the program depends on values.
        """
        program = self.source.program
        if program is None or not self.steps:
            return None
        try:
            works = [(program.count_work(size), count) for size, count in self.steps.items()]
        except ShapeError:
            return None
        total = Work(
            sum(work.operations * count for work, count in works),
            sum(work.moved * count for work, count in works),
            max(work.working_set for work, _ in works),
        )
        core_peak = measure_core_peak() if backends and all(map(is_c_loop, backends)) else None
        if core_peak is not None:
            return get_core_utilization(total, self.seconds, core_peak)
        return this_machine().get_utilization(total, self.seconds)
