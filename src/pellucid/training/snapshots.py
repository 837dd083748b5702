"""Snapshots of a run, from which its state after any step can be recomputed.

The rest of a run follows from a snapshot: sample orders and random numbers are functions of seeds and step counts, so
the same compiled program runs over the same batches again. Only external writes between two steps, such as a callback
that lowers the learning rate, can change a value otherwise; these are recorded too.
"""

from __future__ import annotations

import functools
import time
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pellucid.graph.errors import OptionError, StateError
from pellucid.graph.expr import Shared
from pellucid.graph.validation import is_integer
from pellucid.model.interfaces import ModelLike
from pellucid.run.distributed.process_group import num_processes
from pellucid.training.epoch_program import BatchSource
from pellucid.training.loop_progress import LoopProgress, MetricAccumulator
from pellucid.typing import Array

Values = dict[str, Array]

MAX_SNAPSHOTS = 32
"""When there are more, every second one is evicted."""

MIN_TIME_RATIO = 200
"""Training time between two snapshots, in multiples of the time that one takes; it bounds the overhead to 0.5%."""


@dataclass(frozen=True)
class Snapshot:
    """State of a run between two steps."""

    step: int
    changes: int  # number of external writes before it
    progress: Values  # state of the loop progress
    values: Values  # state of the model

    @functools.cached_property
    def bytes(self) -> int:
        return sum(v.nbytes for v in (*self.values.values(), *self.progress.values()))


class RunRecorder:
    """Records snapshots and external writes of a run of `Model.fit`, in at most ``max_bytes`` of memory."""

    config: Any

    begin: int
    model: ModelLike
    source: BatchSource
    validation: BatchSource | None

    def __init__(
        self, model: ModelLike, config: Any, source: BatchSource, validation: BatchSource | None, max_bytes: float
    ) -> None:
        self.model, self.config, self.source, self.validation = model, config, source, validation
        self.max_bytes = max_bytes
        self.missing: str = ""  # why the run cannot be repeated
        self.state: dict[str, Shared] = {}
        self.set_count: dict[str, int] = {}
        self.snapshots: list[Snapshot] = []  # in order of their steps
        self.changes: list[tuple[int, Values]] = []  # external writes: the step, and the new values by path
        self.changed_bytes: int = 0
        self.spacing, self.earliest = 1, 0.0
        self.begin = self.end = 0

    def start(self, state: dict[str, Shared]) -> None:
        """Take the first snapshot of a state, after the callbacks have set the start of the run."""
        self.begin = self.end = self.model.run.step
        if not self.source.is_replayable:
            self.missing = "the batches came from an iterable, which cannot be repeated"
            return
        if self.source.placement.shard is not None and num_processes() > 1:
            self.missing = "several processes divide the parameters, and each has its part only"
            return
        self.state = state
        self.set_count = {path: p.set_count for path, p in self.state.items()}
        size = sum(p.storage.nbytes for p in self.state.values())
        if size > self.max_bytes:
            self.stop(f"the state of {self.model.name} takes {size} bytes, more than {self.max_bytes:.0f}")
            return
        self.take_snapshot()

    def stop(self, reason: str) -> None:
        """Record nothing from here on."""
        self.missing = f"{reason}; raise the limit with callbacks=[pel.callbacks.History(snapshot_megabytes=...)]"
        self.snapshots.clear()
        self.changes.clear()

    def after_steps(self) -> None:
        """Take a snapshot if it is due; called between two chunks, and after an epoch."""
        self.end = self.model.run.step
        if self.missing:
            return
        self.detect_external_writes()
        if self.end - self.snapshots[-1].step >= self.spacing and time.perf_counter() >= self.earliest:
            self.take_snapshot()
        if len(self.snapshots) > MAX_SNAPSHOTS or self.bytes > self.max_bytes:
            self.evict()

    @property
    def bytes(self) -> int:
        """Size of everything recorded; all snapshots have the same size."""
        return self.changed_bytes + (len(self.snapshots) * self.snapshots[0].bytes if self.snapshots else 0)

    def detect_external_writes(self) -> None:
        """Record values set since the last time; `Shared.set_count` does not count the updates of steps."""
        values = {}
        for path, p in self.state.items():
            if p.set_count != self.set_count[path]:
                self.set_count[path] = p.set_count
                values[path] = p.get_value()
        if values:
            self.changes.append((self.model.run.step, values))
            self.changed_bytes += sum(v.nbytes for v in values.values())

    def take_snapshot(self) -> None:
        start = time.perf_counter()
        values = {path: p.get_value() for path, p in self.state.items()}
        self.snapshots.append(Snapshot(self.model.run.step, len(self.changes), self.model.run.get_state(), values))
        now = time.perf_counter()
        self.earliest = now + MIN_TIME_RATIO * (now - start)

    def evict(self) -> None:
        """Drop every second snapshot but the first."""
        self.spacing = max(2 * self.spacing, (self.end - self.begin) // MAX_SNAPSHOTS)
        while len(self.snapshots) > 1 and (len(self.snapshots) > MAX_SNAPSHOTS or self.bytes > self.max_bytes):
            self.snapshots[:] = self.snapshots[::2]
        if self.bytes > self.max_bytes:
            self.stop("the values that callbacks set during training exceed the limit")

    def restore(self, step: int) -> tuple[Values, LoopProgress]:
        """Return the state after a step and the position of the run, recomputed from the snapshot before the step."""
        if self.missing:
            raise StateError(f"This run cannot be repeated: {self.missing}")
        if not is_integer(step) or not self.begin <= step <= self.end:
            raise OptionError(f"Expected a step from {self.begin} to {self.end}. Received: step={step!r}")
        snapshot = self.snapshots[bisect_right(self.snapshots, int(step), key=lambda s: s.step) - 1]
        progress = LoopProgress(0, 0, 0, 0, MetricAccumulator(self.source.metrics))
        progress.set_state(snapshot.progress)
        return self.replay(snapshot.values, progress, int(step), snapshot.changes)

    def replay(self, values: Values, progress: LoopProgress, step: int, changes: int) -> tuple[Values, LoopProgress]:
        """Run from a state to a later step, with the external writes in between, from number ``changes`` on."""
        with self.swap_state(values):
            for at, new in self.changes[changes:]:
                if at > step:
                    break
                self.run_until(progress, at)
                for path, value in new.items():
                    self.state[path].set_value(value)
            self.run_until(progress, step)
            return {path: p.get_value() for path, p in self.state.items()}, progress

    def iter_states(self, begin: int, end: int) -> Iterator[tuple[int, Values]]:
        """Yield every step and the state after it."""
        values, progress = self.restore(begin)
        yield begin, values
        for step in range(begin + 1, end + 1):
            changes = bisect_right(self.changes, step - 1, key=lambda change: change[0])
            values, progress = self.replay(values, progress, step, changes)
            yield step, values

    @contextmanager
    def swap_state(self, values: Mapping[str, Array]) -> Iterator[None]:
        """Set the state of the model inside a ``with`` block."""
        own = {path: p.get_value() for path, p in self.state.items()}
        try:
            with self.source.on_device():
                for path, value in values.items():
                    self.state[path].set_value(value)
                yield
        finally:
            for path, value in own.items():
                self.state[path].set_value(value)

    def run_until(self, progress: LoopProgress, step: int) -> None:
        """Run steps up to a step, in calls of several whole epochs where possible."""
        steps = self.source.steps or 1  # a source that can be repeated has at least one
        while progress.step < step:
            if progress.batch == steps:
                progress.epoch, progress.batch = progress.epoch + 1, 0
            if not progress.batch:
                progress.metrics.reset()  # also if the snapshot was taken between two epochs
            epochs = 0 if progress.batch else min(self.source.epochs_per_call, (step - progress.step - 1) // steps)
            if epochs > 1:
                for _ in self.source.run_steps(progress.seed, progress.epoch, epochs=epochs):
                    pass
                progress.epoch, progress.step = progress.epoch + epochs, progress.step + epochs * steps
                continue
            chunks = self.source.run_steps(progress.seed, progress.epoch, progress.batch, lambda: step - progress.step)
            for outputs, batch_sizes in chunks:
                progress.metrics.add(outputs, batch_sizes)
                progress.batch += len(batch_sizes)
                progress.step += len(batch_sizes)
                if progress.step == step:
                    break
