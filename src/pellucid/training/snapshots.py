"""What is kept of a run so that it can be entered again at any step: snapshots, and what was set between steps.

The rest of a run follows from a snapshot, since the order of samples and all random numbers are functions of seeds and
steps: the same compiled program goes over the same batches again. What else can change a value is somebody who sets it
between two steps, such as a callback that lowers the learning rate; such values are kept as well.
"""

from __future__ import annotations

import functools
import time
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.errors import OptionError, StateError
from pellucid.graph.expr import Shared
from pellucid.training.iterator_source import Streamed
from pellucid.training.loop_progress import Run
from pellucid.training.metric_accumulator import Tally

if TYPE_CHECKING:
    from pellucid.training.fit_loop import Training

Array = np.ndarray[Any, Any]
Values = dict[str, Array]

MOST = 32
"""How many snapshots are kept; when there are more, every second one goes."""

PATIENCE = 200
"""How much longer training goes on between two snapshots than one takes."""


@dataclass(frozen=True)
class Snapshot:
    """A run between two steps.

    Attributes
    ----------
    step : int
        How many steps were made.
    changes : int
        How many changes from outside came before it.
    run : dict from str to array
        Where it stands.
    values : dict from str to array
        The model's state.
    """

    step: int
    changes: int
    run: Values
    values: Values

    @functools.cached_property
    def bytes(self) -> int:
        """How much it takes."""
        return sum(v.nbytes for v in (*self.values.values(), *self.run.values()))


class Recording:
    """What is kept of one run of `Model.fit`.

    Parameters
    ----------
    training : Training
        The run.
    most_bytes : float
        How much all that is kept may take.
    """

    def __init__(self, training: Training, most_bytes: float) -> None:
        self.model, self.plan, self.source = training.model, training.plan, training.source
        self.validation = training.validation
        self.most_bytes = most_bytes
        self.missing = ""
        self.state: dict[str, Shared] = {}
        self.seen: dict[str, int] = {}
        self.snapshots: list[Snapshot] = []
        self.changes: list[tuple[int, Values]] = []
        self.changed_bytes = 0
        self.spacing, self.due = 1, 0.0
        self.begin = self.end = 0

    def start(self) -> None:
        """Take the first snapshot, once the run stands where it begins."""
        self.begin = self.end = self.model.run.step
        if isinstance(self.source, Streamed):
            self.missing = "the batches came from an iterable, which cannot be walked again"
            return
        self.state = self.model.state()
        self.seen = {path: p.times_set for path, p in self.state.items()}
        size = sum(p.get_value().nbytes for p in self.state.values())
        if size > self.most_bytes:
            self.stop(f"the state of {self.model.name} takes {size} bytes, more than {self.most_bytes:.0f}")
            return
        self.take()

    def stop(self, reason: str) -> None:
        """Keep nothing any longer, and remember why."""
        self.missing = f"{reason}; give callbacks=[pel.callbacks.History(snapshot_megabytes=...)] to keep more"
        self.snapshots.clear()
        self.changes.clear()

    def after_steps(self) -> None:
        """Look at what there is between two chunks, or after an epoch."""
        self.end = self.model.run.step
        if self.missing:
            return
        self.notice()
        if self.end - self.snapshots[-1].step >= self.spacing and time.perf_counter() >= self.due:
            self.take()
        if len(self.snapshots) > MOST or self.bytes > self.most_bytes:
            self.thin()

    @property
    def bytes(self) -> int:
        """How much all that is kept takes; one snapshot takes as much as another."""
        return self.changed_bytes + (len(self.snapshots) * self.snapshots[0].bytes if self.snapshots else 0)

    def notice(self) -> None:
        """Keep what was set since the last time: a step leaves its results on the device, and whoever sets a value
        leaves an array of NumPy's.
        """
        values = {}
        for path, p in self.state.items():
            if p.times_set != self.seen[path]:
                self.seen[path] = p.times_set
                values[path] = p.get_value()
        if values:
            self.changes.append((self.model.run.step, values))
            self.changed_bytes += sum(v.nbytes for v in values.values())

    def take(self) -> None:
        """Take a snapshot."""
        begun = time.perf_counter()
        run, values = self.model.run.get_state(), {path: p.get_value() for path, p in self.state.items()}
        self.snapshots.append(Snapshot(self.model.run.step, len(self.changes), run, values))
        now = time.perf_counter()
        self.due = now + PATIENCE * (now - begun)

    def thin(self) -> None:
        """Let go of every second snapshot but the first."""
        self.spacing = max(2 * self.spacing, (self.end - self.begin) // MOST)
        while len(self.snapshots) > 1 and (len(self.snapshots) > MOST or self.bytes > self.most_bytes):
            self.snapshots[:] = self.snapshots[::2]
        if self.bytes > self.most_bytes:
            self.stop("what callbacks set while it trained takes too much")

    def at(self, step: int) -> tuple[Values, Run]:
        """Return the state after a step, and where the run stood then, by walking there from the snapshot before it.

        Raises
        ------
        OptionError
            For a step that the run has not.
        StateError
            If the run cannot be entered again; the reason is told.
        """
        if self.missing:
            raise StateError(f"This run cannot be entered again: {self.missing}")
        if not hasattr(step, "__index__") or isinstance(step, bool) or not self.begin <= step <= self.end:
            raise OptionError(f"The run went from step {self.begin} to {self.end}. Received: step={step!r}")
        known = self.snapshots[bisect_right(self.snapshots, int(step), key=lambda s: s.step) - 1]
        return self.ahead(known.values, self.run_of(known.run), int(step), known.changes)

    def run_of(self, state: Mapping[str, Array]) -> Run:
        """Return a run that stands where another stood."""
        made = Run(0, 0, 0, 0, Tally(self.source.measures))
        made.set_state(state)
        return made

    def ahead(self, values: Values, run: Run, step: int, changes: int) -> tuple[Values, Run]:
        """Walk from one state to a later step, with what was set on the way."""
        with self.borrowed(values):
            for at, new in self.changes[changes:]:
                if at > step:
                    break
                self.walk(run, at)
                for path, value in new.items():
                    self.state[path].set_value(value)
            self.walk(run, step)
            return {path: p.get_value() for path, p in self.state.items()}, run

    def each(self, begin: int, end: int) -> Iterator[tuple[int, Values]]:
        """Return the state after every step, from one on."""
        values, run = self.at(begin)
        yield begin, values
        for step in range(begin + 1, end + 1):
            changes = bisect_right(self.changes, step - 1, key=lambda change: change[0])
            values, run = self.ahead(values, run, step, changes)
            yield step, values

    @contextmanager
    def borrowed(self, values: Mapping[str, Array]) -> Iterator[None]:
        """Put values in the place of the model's, which it has again afterwards."""
        own = {path: p.get_value() for path, p in self.state.items()}
        try:
            with self.source.held():
                for path, value in values.items():
                    self.state[path].set_value(value)
                yield
        finally:
            for path, value in own.items():
                self.state[path].set_value(value)

    def walk(self, run: Run, step: int) -> None:
        """Make steps until so many are made; epochs that end before are run together where the data allow it."""
        steps = self.source.steps or 1  # data in memory always have some
        while run.step < step:
            if run.batch == steps:
                run.epoch, run.batch = run.epoch + 1, 0
                run.tally.reset()
            whole = 0 if run.batch else min(self.source.together, (step - run.step - 1) // steps)
            if whole > 1:
                for _ in self.source.chunks(run.seed, run.epoch, epochs=whole):
                    pass
                run.epoch, run.step = run.epoch + whole, run.step + whole * steps
                continue
            for outputs, sizes in self.source.chunks(run.seed, run.epoch, run.batch, lambda: step - run.step):
                run.tally.add(outputs, sizes)
                run.batch += len(sizes)
                run.step += len(sizes)
                if run.step == step:
                    break
