"""What a person sees while a model trains."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from pellucid.graph.errors import OptionError
from pellucid.run.distributed.process_group import process_id
from pellucid.training.callbacks.history import figure

VERBOSITIES = ("auto", 0, 1, 2)


class Display(Protocol):
    """What shows a training run; a context manager around all of it."""

    shows: bool

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def step(self, epoch: int, done: int, latest: Mapping[str, Any]) -> None:
        """Show how far an epoch is, with the measures of the latest batch."""

    def epoch(self, epoch: int, measures: Mapping[str, Any], seconds: float) -> None:
        """Show what an epoch came to."""


def display(verbose: Any, epochs: int, steps: int | None) -> Display:
    """Choose how a training run is shown.

    Parameters
    ----------
    verbose : {"auto", 0, 1, 2}
        0 shows nothing; 1 a bar on standard error with a line an epoch, or the lines alone where standard error is
        no terminal; 2 one line an epoch on standard output. ``"auto"`` is 1 on a terminal or in a notebook and 0
        elsewhere, so that scripts and tests stay quiet. Of several processes, the first shows it.
    epochs, steps : int
        How many epochs there are, and steps in each.

    Raises
    ------
    ValueError
        For any other value.
    """
    check_verbose(verbose)
    if not verbose or process_id():
        return Silence()
    if verbose != 2 and is_watched():
        return Bar(epochs, steps)
    return Silence() if verbose == "auto" else Lines(epochs)


def check_verbose(verbose: Any) -> None:
    """Refuse a ``verbose`` that there is not."""
    if verbose not in VERBOSITIES:
        raise OptionError(f"Expected verbose to be 'auto', 0, 1 or 2. Received: verbose={verbose!r}")


def is_watched() -> bool:
    """Tell whether somebody is there to see a bar."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def passing(verbose: Any, steps: int | None) -> Display:
    """Choose how a pass is shown that measures nothing: by a bar, if it is asked for and somebody is there."""
    check_verbose(verbose)
    return Bar(1, steps) if verbose in (1, "auto") and is_watched() and not process_id() else Silence()


def line(epoch: int, epochs: int, measures: Mapping[str, Any], seconds: float) -> str:
    """Write an epoch in one line.

    Examples
    --------
    >>> line(0, 10, {"loss": 0.69315, "accuracy": 0.5}, 0.25)
    'Epoch  1/10  0.25 s  loss 0.6931  accuracy 0.5000'
    """
    head = f"Epoch {epoch + 1:>{len(str(epochs))}}/{epochs}  {seconds:.2f} s"
    return "  ".join([head, written(measures)])


def written(measures: Mapping[str, Any]) -> str:
    """Write measures side by side, in as many columns from epoch to epoch."""
    return "  ".join(f"{name} {figure(value)}" for name, value in measures.items())


class Silence:
    """Shows nothing."""

    shows = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def step(self, epoch: int, done: int, latest: Mapping[str, Any]) -> None:
        """Show nothing."""

    def epoch(self, epoch: int, measures: Mapping[str, Any], seconds: float) -> None:
        """Show nothing."""


class Lines(Silence):
    """One line an epoch on standard output."""

    shows = True

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def epoch(self, epoch: int, measures: Mapping[str, Any], seconds: float) -> None:
        """Print the line of a finished epoch."""
        print(line(epoch, self.epochs, measures, seconds), flush=True)


class Bar(Silence):
    """A bar over all epochs with steps a second and the time left, and above it a line for each finished one."""

    shows = True

    def __init__(self, epochs: int, steps: int | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self.epochs, self.steps = epochs, steps
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn() if steps else TimeElapsedColumn(),
            TextColumn("{task.fields[measures]}"),
            console=Console(stderr=True),
            transient=True,
        )
        total = epochs * steps if steps else None
        self.task = self.progress.add_task(self.title(0), total=total, rate="", measures="compiling")
        self.before = 0

    def title(self, epoch: int) -> str:
        """Say which epoch it is."""
        return f"Epoch {epoch + 1}/{self.epochs}"

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def step(self, epoch: int, done: int, latest: Mapping[str, Any]) -> None:
        """Move the bar."""
        self.move(epoch, done)
        self.progress.update(self.task, measures=written(latest))

    def move(self, epoch: int, done: int) -> None:
        """Move the bar to so many steps of an epoch, and say how fast it moves."""
        completed = epoch * self.steps + done if self.steps else self.before + done
        self.progress.update(self.task, completed=completed, description=self.title(min(epoch, self.epochs - 1)))
        speed = self.progress.tasks[self.task].speed
        self.progress.update(self.task, rate=rate(speed) if speed else "")

    def epoch(self, epoch: int, measures: Mapping[str, Any], seconds: float) -> None:
        """Print the line of a finished epoch above the bar."""
        if self.steps:
            self.move(epoch + 1, 0)
        else:
            self.before = int(self.progress.tasks[self.task].completed)
        self.progress.console.print(
            line(epoch, self.epochs, measures, seconds), highlight=False, markup=False, soft_wrap=True
        )


def rate(steps: float) -> str:
    """Write steps a second, or seconds a step where it takes longer than one.

    Examples
    --------
    >>> rate(12345.6), rate(3.21), rate(0.25)
    ('12,346 steps/s', '3.2 steps/s', '4.0 s/step')
    """
    if steps < 1:
        return f"{1 / steps:.1f} s/step"
    return f"{steps:,.0f} steps/s" if steps >= 10 else f"{steps:.1f} steps/s"
