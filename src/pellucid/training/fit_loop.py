"""The training loop: epochs over compiled programs, with who is told of them and what is kept if they are stopped."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.source_location import calls_to_user
from pellucid.model.errors import ModelError, TrainingWarning
from pellucid.run.distributed.process_group import advised
from pellucid.run.interrupts import Interrupted, Uninterrupted
from pellucid.training.callbacks.base import Callbacks, Logs, listed, overrides
from pellucid.training.callbacks.history import History
from pellucid.training.data_source import Source
from pellucid.training.distributed_checks import check_alike, way_on
from pellucid.training.epoch_program import MANY, Outputs
from pellucid.training.loop_progress import Run
from pellucid.training.metric_accumulator import Tally
from pellucid.training.progress_display import display
from pellucid.training.snapshots import Recording

if TYPE_CHECKING:
    from pellucid.model.model import Model

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Plan:
    """How to train.

    Attributes
    ----------
    epochs, initial_epoch : int
        Where it ends and begins.
    seed : int
        Of the orders.
    verbose
        What is shown.
    validation_freq : int or collection of int
        After every how many epochs it is validated, or after which, counted from 1.
    """

    epochs: int
    initial_epoch: int
    seed: int
    verbose: Any
    validation_freq: int | Collection[int]

    def validates(self, epoch: int) -> bool:
        """Tell whether an epoch, counted from 0, is followed by validation."""
        every = self.validation_freq
        return (epoch + 1) % every == 0 if isinstance(every, int) else epoch + 1 in every


class Training:
    """One run of `Model.fit`.

    Parameters
    ----------
    model : Model
        Who is trained.
    plan : Plan
        How.
    source, validation : Source
        On what, and on what it is measured after epochs.
    callbacks : list of Callback
        Who is told; a `History` is added unless there is one.
    """

    def __init__(self, model: Model, plan: Plan, source: Source, validation: Source | None, callbacks: Any) -> None:
        self.model, self.plan, self.source, self.validation = model, plan, source, validation
        given = listed(callbacks)
        self.history = next((c for c in given if isinstance(c, History)), None) or History()
        names = [*source.measures, *(f"val_{name}" for name in (validation.measures if validation else ()))]
        params = {"epochs": plan.epochs, "steps": source.steps, "verbose": plan.verbose, "metrics": names}
        model.history, model.stop_training = self.history, False
        model.run = Run(plan.seed, plan.initial_epoch, 0, model.run.step, Tally(source.measures))
        self.screen = display(plan.verbose, plan.epochs, source.steps)
        self.callbacks = Callbacks([*given, *([] if self.history in given else [self.history])], model, params)
        self.recording = self.history.recording = Recording(self, self.history.snapshot_megabytes * 2**20)
        intervals = [every for every in (c.batch_interval for c in self.callbacks.each) if every is not None]
        others = [c for c in given if not isinstance(c, History)]
        of_epochs = any(overrides(c, hook) for c in others for hook in ("on_epoch_begin", "on_epoch_end"))
        self.told = self.screen.shows or bool(intervals)
        self.limited = self.limit if any(intervals) else None
        self.apart = of_epochs or bool(intervals)
        self.warned = False
        self.latest: Logs = {}
        self.unshown: list[tuple[int, Logs]] = []

    @property
    def run(self) -> Run:
        """Where it stands."""
        return self.model.run

    def train(self) -> History:
        """Run all epochs.

        Raises
        ------
        Interrupted
            On Ctrl-C; weights, history and `Model.run` keep what was reached.
        DistributionError
            If devices or processes are lost; it says from where the run can go on.
        """
        before = self.run.step
        try:
            with (
                advised(lambda: way_on(self.callbacks.each)),
                self.screen,
                self.source.held(),
                self.validation.held() if self.validation else nullcontext(),
            ):
                self.callbacks("on_train_begin", {})
                check_alike(self.model, self.plan, [self.source, self.validation])
                self.recording.start()
                logs: Logs = {}
                while self.run.epoch < self.plan.epochs and not self.model.stop_training:
                    logs = self.epochs(self.together())
                    self.recording.after_steps()
                self.callbacks("on_train_end", logs)
                self.recording.after_steps()
        except KeyboardInterrupt:
            if self.run.batch and self.run.batch == self.source.steps:
                self.pass_on({name: [value] for name, value in self.run.tally.results().items()}, 1)
            raise Interrupted(self.history, self.run.step - before) from None
        return self.history

    def together(self) -> int:
        """Return how many epochs may run before anybody has to be asked."""
        if self.apart or self.run.batch or self.source.together == 1:
            return 1
        count = min(self.source.together, self.plan.epochs - self.run.epoch)
        if self.validation is not None:
            following = range(self.run.epoch, self.run.epoch + count)
            count = next((n for n, epoch in enumerate(following, 1) if self.plan.validates(epoch)), count)
        return count

    def epochs(self, count: int) -> Logs:
        """Run an epoch, or what is left of it, or several of which nobody is told before they are done.

        Returned is what the last one came to.
        """
        run, begun = self.run, self.run.batch
        last = run.epoch + count - 1
        if not run.batch:
            run.tally.reset()
        self.callbacks("on_epoch_begin", run.epoch, {})
        self.recording.after_steps()
        for outputs, sizes in self.source.chunks(run.seed, run.epoch, run.batch, self.limited, count):
            place = run.epoch, run.batch
            with Uninterrupted():
                run.step += len(sizes)
                self.add(outputs, sizes, last)
            self.warn_of_no_number(outputs["loss"], *place)
            self.show()
            if self.told:
                logs = run.tally.results() if run.batch else {name: plain(v) for name, v in self.latest.items()}
                self.screen.step(run.epoch, run.batch, logs)
                self.callbacks.batch_end(run.batch - 1, run.step, logs)
            self.recording.after_steps()
            if self.model.stop_training:
                break
        if not run.batch:
            raise ModelError(
                f"Epoch {run.epoch + 1} had no batches: the iterator is at its end. Give steps_per_epoch, or an "
                "iterable that begins anew in every epoch, such as a list, or an object whose __iter__ is a generator"
            )
        self.warn_of_few(begun)
        return self.finished()

    def show(self) -> None:
        """Show the epochs of which nobody else was told."""
        for number, measures in self.unshown:
            self.screen.epoch(number, measures, self.history.latest_seconds)
        self.unshown.clear()

    def add(self, outputs: Outputs, sizes: Array, last: int) -> None:
        """Enter the steps of a chunk, which may go over the ends of several epochs, but not over that of the last."""
        run, start, end = self.run, 0, len(sizes)
        steps = self.source.steps
        while steps and run.epoch < last and end - start >= steps - run.batch:
            # A whole number of epochs at once, unless one was begun before.
            count = min(last - run.epoch, (end - start) // steps) if not run.batch else 1
            stop = start + (count * steps if not run.batch else steps - run.batch)
            part = {name: values[start:stop] for name, values in outputs.items()}
            if run.batch:
                run.tally.add(part, sizes[start:stop])
                self.pass_on({name: [value] for name, value in run.tally.results().items()}, 1)
                run.tally.reset()
            else:
                self.pass_on(run.tally.of_epochs(part, sizes[start:stop], steps), count)
            start = stop
        if start < end:
            run.tally.add({name: values[start:] for name, values in outputs.items()}, sizes[start:])
            run.batch += end - start

    def pass_on(self, columns: Mapping[str, Sequence[Any]], count: int) -> None:
        """Enter epochs into the history of which nobody else is told."""
        self.history.extend(self.run.epoch, columns, count)
        if self.screen.shows:
            self.unshown += [
                (self.run.epoch + i, {name: plain(values[i]) for name, values in columns.items()}) for i in range(count)
            ]
        self.run.epoch += count
        self.run.batch = 0
        self.latest = {name: values[-1] for name, values in columns.items()}

    def limit(self) -> int:
        """Tell those who want to know that a batch begins, and return how many steps may run before anybody is due."""
        self.callbacks.batch_begin(self.run.batch)
        self.recording.after_steps()
        return self.callbacks.steps_until_due(self.run.step) or MANY

    def finished(self) -> Logs:
        """Validate after an epoch, tell everybody, and return what it came to."""
        number = self.run.epoch
        logs = dict(self.run.tally.results())
        if self.validation is not None and self.plan.validates(number):
            found = measured(self.validation, self.callbacks)
            logs |= {f"val_{name}": value for name, value in found.items()}
        self.run.epoch, self.run.batch = number + 1, 0
        self.callbacks("on_epoch_end", number, logs)
        self.screen.epoch(number, logs, self.history.latest_seconds)
        return logs

    def warn_of_no_number(self, losses: Array, epoch: int, batch: int) -> None:
        """Say so when the loss is no longer a number, for the first time."""
        finite = np.isfinite(losses)
        if self.warned or finite.all():
            return
        self.warned = True
        first, steps = int(np.argmin(finite)), self.source.steps
        step = batch + first
        epoch, step = (epoch + step // steps, step % steps) if steps else (epoch, step)
        warnings.warn(
            f"The loss became {losses[first]} in step {step + 1}{f' of {steps}' if steps else ''} of epoch "
            f"{epoch + 1}, and what is learned from it is of no use. A smaller learning rate, or data brought to the "
            "range of about -1 to 1, is the usual cure",
            TrainingWarning,
            stacklevel=calls_to_user(),
        )

    def warn_of_few(self, begun: int) -> None:
        """Say so and stop where an iterator ended before the epoch did."""
        run, steps = self.run, self.source.steps
        if steps is None or run.batch >= steps or self.model.stop_training:
            return
        self.model.stop_training = True
        warnings.warn(
            f"The iterator ended after {run.batch - begun} of {steps} batches of epoch {run.epoch + 1}, and training "
            "ends with it. Let it yield steps_per_epoch * epochs batches, or ask for fewer",
            TrainingWarning,
            stacklevel=calls_to_user(),
        )


def plain(value: Any) -> Any:
    """Return a measure as Python's number, where it is one."""
    return value.item() if isinstance(value, np.floating) else value


def measured(source: Source, callbacks: Callbacks) -> Logs:
    """Return the measures of data on which nothing is trained, and tell callbacks of it."""
    tally, done = Tally(source.measures), 0
    callbacks("on_test_begin", {})
    watched = callbacks.watch("on_test_batch_begin", "on_test_batch_end")

    def limit() -> int:
        callbacks("on_test_batch_begin", done, {})
        return 1

    for outputs, sizes in source.chunks(0, 0, 0, limit if watched else None):
        tally.add(outputs, sizes)
        done += len(sizes)
        if watched:
            callbacks("on_test_batch_end", done - 1, tally.results())
    if not done:
        raise ModelError("There is nothing to measure: the iterator is at its end")
    results = tally.results()
    callbacks("on_test_end", results)
    return results
