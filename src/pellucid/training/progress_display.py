"""Progress displays of training and prediction."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from pellucid.graph.errors import OptionError
from pellucid.progress import create_progress_display
from pellucid.run.distributed.process_group import process_id
from pellucid.training.loop_progress import format_metric

VERBOSITIES = ("auto", 0, 1, 2)


class ProgressDisplay(Protocol):
    """Display of a run; a context manager around all of it."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def step(self, epoch: int, done: int, latest: Mapping[str, Any]) -> None:
        """Show the number of steps done in an epoch, and the latest metrics."""

    def epoch(self, epoch: int, metrics: Mapping[str, Any], seconds: float) -> None:
        """Show a finished epoch."""


def make_display(verbose: Any, epochs: int, steps: int | None) -> ProgressDisplay | None:
    """Return the display of a training run; None for no display."""
    check_verbose(verbose)
    if not verbose or process_id():
        return None
    if verbose != 2 and is_interactive():
        return BarProgress(epochs, steps)
    return None if verbose == "auto" else LineProgress(epochs)


def check_verbose(verbose: Any) -> None:
    if verbose not in VERBOSITIES:
        raise OptionError(f"Expected verbose to be 'auto', 0, 1 or 2. Received: verbose={verbose!r}")


def is_interactive() -> bool:
    """Whether a progress bar would be seen."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def make_prediction_display(verbose: Any, steps: int | None) -> ProgressDisplay | None:
    """Return a progress bar if it is requested and would be seen; None for no display."""
    check_verbose(verbose)
    return BarProgress(1, steps) if verbose in (1, "auto") and is_interactive() and not process_id() else None


def format_epoch(epoch: int, epochs: int, metrics: Mapping[str, Any], seconds: float) -> str:
    """Format an epoch as one line.

    Examples
    --------
    >>> format_epoch(0, 10, {"loss": 0.69315, "accuracy": 0.5}, 0.25)
    'Epoch  1/10  0.25 s  loss 0.6931  accuracy 0.5000'
    """
    head = f"Epoch {epoch + 1:>{len(str(epochs))}}/{epochs}  {seconds:.2f} s"
    return "  ".join([head, format_metrics(metrics)])


def format_metrics(metrics: Mapping[str, Any]) -> str:
    """Format metrics side by side, in columns of equal width in every epoch."""
    return "  ".join(f"{name} {format_metric(value)}" for name, value in metrics.items())


class LineProgress:
    """One line per epoch on standard output."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def step(self, epoch: int, done: int, latest: Mapping[str, Any]) -> None: ...

    def epoch(self, epoch: int, metrics: Mapping[str, Any], seconds: float) -> None:
        print(format_epoch(epoch, self.epochs, metrics, seconds), flush=True)


class BarProgress:
    """A progress bar over all epochs with steps per second and remaining time, and a line above it per epoch."""

    def __init__(self, epochs: int, steps: int | None) -> None:
        self.epochs, self.steps = epochs, steps
        self.progress = create_progress_display(True, has_total=bool(steps), fields=("rate", "metrics"))
        total = epochs * steps if steps else None
        self.task = self.progress.add_task(self.format_title(0), total=total, rate="", metrics="compiling")
        self.steps_before = 0  # in earlier epochs, if their length is unknown

    def format_title(self, epoch: int) -> str:
        return f"Epoch {epoch + 1}/{self.epochs}"

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def step(self, epoch: int, done: int, latest: Mapping[str, Any]) -> None:
        self.move(epoch, done)
        self.progress.update(self.task, metrics=format_metrics(latest))

    def move(self, epoch: int, done: int) -> None:
        """Move the bar, and update the speed."""
        completed = epoch * self.steps + done if self.steps else self.steps_before + done
        title = self.format_title(min(epoch, self.epochs - 1))
        self.progress.update(self.task, completed=completed, description=title)
        speed = self.progress.tasks[self.task].speed
        self.progress.update(self.task, rate=format_speed(speed) if speed else "")

    def epoch(self, epoch: int, metrics: Mapping[str, Any], seconds: float) -> None:
        if self.steps:
            self.move(epoch + 1, 0)
        else:
            self.steps_before = int(self.progress.tasks[self.task].completed)
        self.progress.console.print(
            format_epoch(epoch, self.epochs, metrics, seconds), highlight=False, markup=False, soft_wrap=True
        )


def format_speed(steps: float) -> str:
    """Format steps per second, or seconds per step if a step takes longer than one.

    Examples
    --------
    >>> format_speed(12345.6), format_speed(3.21), format_speed(0.25)
    ('12,346 steps/s', '3.2 steps/s', '4.0 s/step')
    """
    if steps < 1:
        return f"{1 / steps:.1f} s/step"
    return f"{steps:,.0f} steps/s" if steps >= 10 else f"{steps:.1f} steps/s"
