"""Training loop: epochs of compiled steps, with callbacks, validation and display."""

from __future__ import annotations

import time
import warnings
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pellucid.graph.errors import TrainingWarning
from pellucid.graph.expr import Shared
from pellucid.graph.source_location import get_user_stacklevel
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike
from pellucid.nn.lint.linter import find_certain_mistakes
from pellucid.run.backends import record_backends
from pellucid.run.compilation_notice import listen_to_compilations
from pellucid.run.distributed.process_group import add_recovery_hint, num_processes
from pellucid.run.index_bounds import find_computed_index_error
from pellucid.run.interrupts import DeferSigint, Interrupted, SigtermHandler, interrupt_on_sigterm
from pellucid.training.callbacks.base import Callback, CallbackList, Logs
from pellucid.training.data_adapter import get_index_search
from pellucid.training.epoch_program import UNLIMITED, BatchSource, Outputs, ReadingTime
from pellucid.training.loop_progress import LoopProgress, MetricAccumulator, MetricValue
from pellucid.training.snapshots import RunRecorder
from pellucid.training.training_lock import lock_for_training

if TYPE_CHECKING:
    from pellucid.training.progress_display import LineProgress
    from pellucid.training.step_rate import StepMeter
from pellucid.typing import Array, Verbosity

MAX_DIAGNOSED_SAMPLES = 2**16
"""Number of samples whose indices are checked after the loss became NaN."""


@dataclass(frozen=True)
class FitConfig:
    """Settings of a run of `Model.fit`."""

    epochs: int  # number of the last epoch, counted from 1
    initial_epoch: int  # number of epochs done before
    seed: int  # of the sample orders
    verbose: Verbosity
    validation_freq: int | Collection[int]  # interval in epochs, or the epochs, counted from 1

    def validates_after(self, epoch: int) -> bool:
        """Whether an epoch, counted from 0, is followed by validation."""
        freq = self.validation_freq
        return (epoch + 1) % freq == 0 if isinstance(freq, int) else epoch + 1 in freq


class EpochHistory(Protocol):
    """Interface of the history, which is defined above the loop."""

    seconds: list[float]
    backends: Sequence[str]
    snapshot_megabytes: float
    recorder: Any
    reading: ReadingTime | None

    def extend(self, first: int, columns: Mapping[str, Sequence[MetricValue] | Array], count: int) -> None: ...


class FitLoop:
    """One run of `Model.fit`."""

    config: FitConfig
    model: ModelLike
    progress: LoopProgress
    recorder: RunRecorder
    source: BatchSource
    validation: BatchSource | None

    def __init__(
        self,
        model: ModelLike,
        config: FitConfig,
        source: BatchSource,
        validation: BatchSource | None,
        callbacks: Sequence[Callback],
        history: EpochHistory,
    ) -> None:
        self.model, self.config, self.source, self.validation = model, config, source, validation
        self.history = history
        names = [*source.metrics, *(f"val_{name}" for name in (validation.metrics if validation else ()))]
        params = {"epochs": config.epochs, "steps": source.steps, "verbose": config.verbose, "metrics": names}
        model.history, model.stop_training = history, False
        self.backends: list[str] = []
        history.backends = self.backends
        metrics = MetricAccumulator(source.metrics)
        self.progress = model.run = LoopProgress(config.seed, config.initial_epoch, 0, model.run.step, metrics)
        self.display: LineProgress | None = None
        if config.verbose != 0:
            from pellucid.training.progress_display import make_display

            self.display = make_display(config.verbose, config.epochs, source.steps)
        self.meter: StepMeter | None = None
        if config.verbose == 2 and self.display is not None and num_processes() == 1:
            from pellucid.training.step_rate import StepMeter

            self.meter = StepMeter(source)
        self.callbacks: CallbackList = CallbackList(callbacks, model, params)
        self.recorder = history.recorder = RunRecorder(
            model, config, source, validation, history.snapshot_megabytes * 2**20
        )
        intervals = [c.batch_interval for c in self.callbacks.callbacks if c.batch_interval is not None]
        self.reports_batches: bool = self.display is not None or bool(intervals)
        self.step_limit = self.begin_batch if any(intervals) else None
        # Without callbacks that need every epoch, several epochs run as one call.
        self.runs_single_epochs: bool = bool(intervals) or self.callbacks.any_overrides(
            "on_epoch_begin", "on_epoch_end", ignoring=history
        )
        # Steps that are not counted, and callbacks that have done a part of their work, cannot be saved.
        self.sigterm: SigtermHandler = SigtermHandler(
            is_deferred=lambda: self.has_uncounted_steps() or not self.callbacks.is_complete
        )
        self.has_warned: bool = False
        self.seconds_in_steps: float = 0.0
        self.variables: list[Shared] = []
        self.counted: list[Any] = []
        """The values of the variables after the last step that the progress counts."""
        self.latest: Logs = {}
        self.undisplayed: list[tuple[int, Logs]] = []

    def run(self) -> None:
        """Run all epochs."""
        first_step = self.progress.step
        saves = any(type(c).save_interrupted is not Callback.save_interrupted for c in self.callbacks.callbacks)
        with lock_for_training(self.model), interrupt_on_sigterm(self.sigterm, enabled=saves):
            self.run_interruptible(first_step)

    def run_interruptible(self, first_step: int) -> None:
        """Run all epochs; on Ctrl-C, save the run and raise `Interrupted`."""
        try:
            with (
                add_recovery_hint(self.get_resume_hint),
                self.display or nullcontext(),
                self.source.on_device(),
                self.validation.on_device() if self.validation else nullcontext(),
            ):
                self.callbacks("on_train_begin", {})
                state = self.model.state()
                self.variables = list(state.values())
                self.mark_counted()
                if num_processes() > 1:
                    from pellucid.training.distributed_checks import check_ranks_consistent

                    check_ranks_consistent(self.model, self.config, [self.source, self.validation])
                self.recorder.start(state)
                logs: Logs = {}
                while self.progress.epoch < self.config.epochs and not self.model.stop_training:
                    logs = self.run_epochs(self.get_epochs_per_call())
                    self.recorder.after_steps()
                    self.sigterm.raise_if_received()
                self.display_rates()
                self.callbacks("on_train_end", logs)
                self.recorder.after_steps()
        except KeyboardInterrupt:
            if self.is_consistent():
                for callback in self.callbacks.callbacks:
                    callback.save_interrupted()
            if self.progress.batch and self.progress.batch == self.source.steps:
                self.record_epochs({name: [value] for name, value in self.progress.metrics.compute().items()}, 1)
            raise Interrupted(self.history, self.progress.step - first_step) from None

    def display_rates(self) -> None:
        """Display the rates of the steps and their shares of the machine's peaks."""
        if self.display is None or self.meter is None:
            return
        reached = self.meter.get_utilization(self.backends)
        if reached is not None:
            self.display.rates(reached)

    def mark_counted(self) -> None:
        """Remember the values of the variables, whose steps the progress counts."""
        self.counted = [p.storage for p in self.variables]

    def is_consistent(self) -> bool:
        """Whether an interrupted run can be saved: its progress counts all steps, and no callback was interrupted."""
        return bool(self.variables) and self.callbacks.is_complete and not self.has_uncounted_steps()

    def has_uncounted_steps(self) -> bool:
        """Whether steps have changed the variables since they were last counted."""
        return any(p.storage is not value for p, value in zip(self.variables, self.counted, strict=False))

    def get_resume_hint(self) -> str:
        from pellucid.training.distributed_checks import format_resume_hint

        return format_resume_hint(self.callbacks.callbacks)

    def get_epochs_per_call(self) -> int:
        """Return how many epochs may run before a callback, a validation or the display needs the result."""
        progress = self.progress
        if self.runs_single_epochs or progress.batch or self.source.epochs_per_call == 1:
            return 1
        count = min(self.source.epochs_per_call, self.config.epochs - progress.epoch)
        if self.validation is not None:
            epochs = range(progress.epoch, progress.epoch + count)
            count = next((n for n, epoch in enumerate(epochs, 1) if self.config.validates_after(epoch)), count)
        return count

    def run_epochs(self, count: int) -> Logs:
        """Run an epoch, the rest of one, or several epochs; return the logs of the last."""
        progress, first_batch = self.progress, self.progress.batch
        last_epoch = progress.epoch + count - 1
        if not progress.batch:
            progress.metrics.reset()
        self.callbacks("on_epoch_begin", progress.epoch, {})
        self.mark_counted()
        self.recorder.after_steps()
        start = time.perf_counter()
        steps = self.source.run_steps(progress.seed, progress.epoch, progress.batch, self.step_limit, count)
        notices = listen_to_compilations(self.display.compilation if self.display else None)
        with notices, record_backends(self.backends):
            for outputs, batch_sizes in self.meter.measure(steps) if self.meter else steps:
                epoch, batch = progress.epoch, progress.batch
                with DeferSigint():
                    progress.step += len(batch_sizes)
                    self.add_steps(outputs, batch_sizes, last_epoch)
                    self.mark_counted()
                self.warn_if_not_finite(outputs["loss"], epoch, batch)
                self.report_batch()
                self.mark_counted()
                self.recorder.after_steps()
                self.sigterm.raise_if_received()
                if self.model.stop_training:
                    break
        self.seconds_in_steps += time.perf_counter() - start
        if self.source.seconds_waited is not None:
            self.history.reading = ReadingTime(self.source.seconds_waited, self.seconds_in_steps)
        if not progress.batch:
            raise ModelError(
                f"Epoch {progress.epoch + 1} had no batches: the iterator is exhausted. Give steps_per_epoch, or an "
                "iterable that restarts in every epoch, such as a list, or an object whose __iter__ is a generator"
            )
        self.warn_if_exhausted(first_batch)
        return self.end_epoch()

    def report_batch(self) -> None:
        """Display the epochs that have ended without callbacks, and report the batches so far."""
        if self.display is not None:
            for epoch, logs in self.undisplayed:
                self.display.epoch(epoch, logs, self.history.seconds[-1])
            self.undisplayed.clear()
        if self.reports_batches:
            progress = self.progress
            if progress.batch:
                logs = progress.metrics.compute()
            else:
                logs = {name: to_python(value) for name, value in self.latest.items()}
            if self.display is not None:
                self.display.step(progress.epoch, progress.batch, logs)
            self.callbacks.batch_end(progress.batch - 1, progress.step, logs)

    def add_steps(self, outputs: Outputs, batch_sizes: Array, last_epoch: int) -> None:
        """Add the steps of a chunk, which may span several epochs, to the metrics and the history."""
        progress, start, end = self.progress, 0, len(batch_sizes)
        steps = self.source.steps
        while steps and progress.epoch < last_epoch and end - start >= steps - progress.batch:
            # Whole epochs at once, unless one has already begun.
            count = min(last_epoch - progress.epoch, (end - start) // steps) if not progress.batch else 1
            stop = start + (count * steps if not progress.batch else steps - progress.batch)
            part = {name: values[start:stop] for name, values in outputs.items()}
            if progress.batch:
                progress.metrics.add(part, batch_sizes[start:stop])
                self.record_epochs({name: [value] for name, value in progress.metrics.compute().items()}, 1)
                progress.metrics.reset()
            else:
                self.record_epochs(progress.metrics.compute_epochs(part, batch_sizes[start:stop], steps), count)
            start = stop
        if start < end:
            progress.metrics.add({name: values[start:] for name, values in outputs.items()}, batch_sizes[start:])
            progress.batch += end - start

    def record_epochs(self, columns: Mapping[str, Sequence[MetricValue] | Array], count: int) -> None:
        """Add epochs to the history without calling callbacks."""
        self.history.extend(self.progress.epoch, columns, count)
        if self.display is not None:
            self.undisplayed += [
                (self.progress.epoch + i, {name: to_python(values[i]) for name, values in columns.items()})
                for i in range(count)
            ]
        self.progress.epoch += count
        self.progress.batch = 0
        self.latest = {name: values[-1] for name, values in columns.items()}

    def begin_batch(self) -> int:
        """Call the callbacks of a batch's begin, and return how many steps may run before the next call."""
        self.callbacks.batch_begin(self.progress.batch)
        self.mark_counted()
        self.recorder.after_steps()
        return self.callbacks.count_steps_until_due(self.progress.step) or UNLIMITED

    def end_epoch(self) -> Logs:
        """Validate, call the callbacks, and return the logs of the epoch."""
        epoch = self.progress.epoch
        logs = dict(self.progress.metrics.compute())
        if self.validation is not None and self.config.validates_after(epoch):
            metrics = evaluate_source(self.validation, self.callbacks)
            logs |= {f"val_{name}": value for name, value in metrics.items()}
        with self.callbacks.called_together():
            self.progress.epoch, self.progress.batch = epoch + 1, 0
            self.callbacks("on_epoch_end", epoch, logs)
            self.mark_counted()
        if self.display is not None:
            self.display.epoch(epoch, logs, self.history.seconds[-1])
        return logs

    def warn_if_not_finite(self, losses: Array, epoch: int, batch: int) -> None:
        """Warn the first time the loss is NaN or infinite."""
        finite = np.isfinite(losses)
        if self.has_warned or finite.all():
            return
        self.has_warned = True
        first, steps = int(np.argmin(finite)), self.source.steps
        step = batch + first
        epoch, step = (epoch + step // steps, step % steps) if steps else (epoch, step)
        warnings.warn(
            f"The loss became {losses[first]} in step {step + 1}{f' of {steps}' if steps else ''} of epoch "
            f"{epoch + 1}; training cannot recover. {suggest_nonfinite_fix(self.model, self.source.arrays)}",
            TrainingWarning,
            stacklevel=get_user_stacklevel(),
        )

    def warn_if_exhausted(self, first_batch: int) -> None:
        """Warn and stop if an iterator ended before the epoch did."""
        progress, steps = self.progress, self.source.steps
        if steps is None or progress.batch >= steps or self.model.stop_training:
            return
        self.model.stop_training = True
        warnings.warn(
            f"The iterator ended after {progress.batch - first_batch} of {steps} batches of epoch "
            f"{progress.epoch + 1}, and training stops there. Yield steps_per_epoch * epochs batches, or request fewer",
            TrainingWarning,
            stacklevel=get_user_stacklevel(),
        )


def suggest_nonfinite_fix(model: ModelLike, arrays: Sequence[Array]) -> str:
    """Return the probable reason for a loss that is NaN or infinite, and its fix; ``arrays`` are the data in memory."""
    mistakes = find_certain_mistakes(next(reversed(model.train_steps.values())).loss)
    if mistakes:
        return f"{mistakes[0].what} {mistakes[0].fix}"
    search = get_index_search(model)
    if search.unchecked and arrays:
        inputs = [a[:MAX_DIAGNOSED_SAMPLES].astype(e.dtype) for a, e in zip(arrays, model.inputs, strict=False)]
        wrong = find_computed_index_error(search, model.inputs, inputs)
        if wrong:
            return f"An index out of range gives nan. {wrong}"
    return "Try a smaller learning rate, or scale the inputs to about [-1, 1]"


def to_python(value: Any) -> Any:
    """Convert NumPy scalars to Python numbers."""
    return value.item() if isinstance(value, np.floating) else value


def evaluate_source(source: BatchSource, callbacks: CallbackList) -> Logs:
    """Return the metrics of all batches, without updates, and call the test hooks."""
    accumulator, done = MetricAccumulator(source.metrics), 0
    callbacks("on_test_begin", {})
    reports_batches = callbacks.any_overrides("on_test_batch_begin", "on_test_batch_end")

    def begin_batch() -> int:
        callbacks("on_test_batch_begin", done, {})
        return 1

    for outputs, batch_sizes in source.run_steps(0, 0, 0, begin_batch if reports_batches else None):
        accumulator.add(outputs, batch_sizes)
        done += len(batch_sizes)
        if reports_batches:
            callbacks("on_test_batch_end", done - 1, accumulator.compute())
    if not done:
        raise ModelError("There is nothing to evaluate: the iterator is exhausted")
    results = accumulator.compute()
    callbacks("on_test_end", results)
    return results
