"""Progress displays of training and prediction."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from pellucid.graph.errors import OptionError
from pellucid.progress import create_progress_display, is_interactive
from pellucid.run.distributed.process_group import process_id
from pellucid.training.loop_progress import format_metric

if TYPE_CHECKING:
    from pellucid.progress import ProgressDisplay, Task
    from pellucid.show.costs.roofline import Utilization


def make_display(
    verbose: Any, epochs: int, steps: int | None, units: tuple[str, str] = ("Epoch", "step")
) -> LineProgress | None:
    """Return the display of a training run; None for no display."""
    check_verbose(verbose)
    if not verbose or process_id():
        return None
    if verbose != 2 and is_interactive():
        return BarProgress(epochs, steps, units)
    return None if verbose == "auto" else LineProgress(epochs)


def check_verbose(verbose: Any) -> None:
    if verbose not in ("auto", 0, 1, 2):
        raise OptionError(f"Expected verbose to be 'auto', 0, 1 or 2. Received: verbose={verbose!r}")


def make_prediction_display(verbose: Any, steps: int | None) -> BarProgress | None:
    """Return a progress bar if it is requested and would be seen; None for no display."""
    check_verbose(verbose)
    if verbose not in (1, "auto") or not is_interactive() or process_id():
        return None
    return BarProgress(1, steps, ("Prediction", "step"))


def format_epoch(epoch: int, epochs: int, metrics: Mapping[str, Any], seconds: float) -> str:
    """Format an epoch as one line.

    Examples
    --------
    >>> format_epoch(0, 10, {"loss": 0.69315, "accuracy": 0.5}, 0.25)
    'Epoch  1/10  0.25 s  loss 0.6931  accuracy 0.5000'
    """
    return f"Epoch {epoch + 1:>{len(str(epochs))}}/{epochs}  {seconds:.2f} s  {format_metrics(metrics)}"


def format_metrics(metrics: Mapping[str, Any]) -> str:
    """Format metrics side by side, in columns of equal width in every epoch."""
    return "  ".join(f"{name} {format_metric(value)}" for name, value in metrics.items())


class LineProgress:
    """One line per epoch on standard output; a context manager around the run."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None: ...

    def compilation(self, notice: str) -> None:
        """Show a notice of a compilation, on standard error."""
        print(f"{notice} ...", file=sys.stderr, flush=True)

    def step(self, epoch: int, done: int, latest: Mapping[str, Any]) -> None:
        """Show the number of steps done in an epoch, and the latest metrics."""

    def epoch(self, epoch: int, metrics: Mapping[str, Any], seconds: float) -> None:
        """Show a finished epoch."""
        print(format_epoch(epoch, self.epochs, metrics, seconds), flush=True)

    def rates(self, reached: Utilization) -> None:
        """Show the rates of the steps, after the last epoch."""
        print(f"Training steps: {reached}", flush=True)


class BarProgress(LineProgress):
    """A progress bar over all epochs with steps per second and remaining time, and a line above it per epoch.

    ``units`` are the names of an epoch and a step.
    """

    steps: int | None
    units: tuple[str, str]

    def __init__(self, epochs: int, steps: int | None, units: tuple[str, str] = ("Epoch", "step")) -> None:
        super().__init__(epochs)
        self.steps, self.units = steps, units
        self.progress: ProgressDisplay = create_progress_display(
            True, has_total=bool(steps), fields=("rate", "metrics")
        )
        total = epochs * steps if steps else None
        self.task: Task = self.progress.add_task(self.format_title(0), total, rate="", metrics="compiling")
        self.steps_before: int = 0  # in earlier epochs, if their length is unknown

    def format_title(self, epoch: int) -> str:
        return f"{self.units[0]} {epoch + 1}/{self.epochs}"

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.progress.stop()

    def compilation(self, notice: str) -> None:
        self.progress.update(self.task, metrics=f"{notice[0].lower()}{notice[1:]}")

    def step(self, epoch: int, done: int, latest: Mapping[str, Any]) -> None:
        self.move(epoch, done)
        self.progress.update(self.task, metrics=format_metrics(latest))

    def move(self, epoch: int, done: int) -> None:
        """Move the bar, and update the speed."""
        completed = epoch * self.steps + done if self.steps else self.steps_before + done
        self.task.move(completed)
        rate = format_speed(self.task.speed, self.units[1]) if self.task.speed else ""
        self.progress.update(self.task, description=self.format_title(min(epoch, self.epochs - 1)), rate=rate)

    def epoch(self, epoch: int, metrics: Mapping[str, Any], seconds: float) -> None:
        if self.steps:
            self.move(epoch + 1, 0)
        else:
            self.steps_before = int(self.task.completed)
        self.progress.update(self.task, metrics=format_metrics(metrics))
        self.progress.print(format_epoch(epoch, self.epochs, metrics, seconds))


def format_speed(steps: float, unit: str = "step") -> str:
    """Format steps per second, or seconds per step if a step takes longer than one.

    Examples
    --------
    >>> format_speed(12345.6), format_speed(3.21), format_speed(0.25)
    ('12,346 steps/s', '3.2 steps/s', '4.0 s/step')
    """
    if steps < 1:
        return f"{1 / steps:.1f} s/{unit}"
    return f"{steps:,.0f} {unit}s/s" if steps >= 10 else f"{steps:.1f} {unit}s/s"
