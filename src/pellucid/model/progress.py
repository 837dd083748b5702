"""What a person sees while a model trains."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from pellucid.graph.errors import OptionError

VERBOSITIES = ("auto", 0, 1, 2)


class Display(Protocol):
    """What shows a training run; a context manager around all of it."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def step(self, epoch: int, done: int, latest: Mapping[str, Any]) -> None:
        """Show how far an epoch is, with the measures of the latest batch."""

    def epoch(self, epoch: int, measures: Mapping[str, float], seconds: float) -> None:
        """Show what an epoch came to."""


def display(verbose: Any, epochs: int, steps: int | None) -> Display:
    """Choose how a training run is shown.

    Parameters
    ----------
    verbose : {"auto", 0, 1, 2}
        0 shows nothing; 1 a bar on standard error with a line an epoch, or the lines alone where standard error is
        no terminal; 2 one line an epoch on standard output. ``"auto"`` is 1 on a terminal or in a notebook and 0
        elsewhere, so that scripts and tests stay quiet.
    epochs, steps : int
        How many epochs there are, and steps in each.

    Raises
    ------
    ValueError
        For any other value.
    """
    if verbose not in VERBOSITIES:
        raise OptionError(f"Expected verbose to be 'auto', 0, 1 or 2. Received: verbose={verbose!r}")
    watched = sys.stderr.isatty() or "ipykernel" in sys.modules
    if verbose == "auto":
        verbose = int(watched)
    if verbose == 1 and watched:
        return Bar(epochs, steps)
    return Lines(epochs) if verbose else Silence()


def line(epoch: int, epochs: int, measures: Mapping[str, float], seconds: float) -> str:
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
    return "  ".join(f"{name} {value:{'.2e' if 0 < abs(value) < 1e-3 else '.4f'}}" for name, value in measures.items())


class Silence:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def step(self, epoch: int, done: int, latest: Mapping[str, Any]) -> None:
        """Show nothing."""

    def epoch(self, epoch: int, measures: Mapping[str, float], seconds: float) -> None:
        """Show nothing."""


class Lines(Silence):
    """One line an epoch on standard output."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def epoch(self, epoch: int, measures: Mapping[str, float], seconds: float) -> None:
        """Print the line of a finished epoch."""
        print(line(epoch, self.epochs, measures, seconds), flush=True)


class Bar(Silence):
    """A bar over all epochs with the time left, and above it a line for each finished one."""

    def __init__(self, epochs: int, steps: int | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.epochs, self.steps = epochs, steps
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TimeRemainingColumn(),
            TextColumn("{task.fields[measures]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self.task = self.progress.add_task(self.title(0), total=epochs * steps if steps else None, measures="compiling")

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
        self.progress.update(
            self.task,
            completed=epoch * (self.steps or 0) + done,
            description=self.title(epoch),
            measures=written(latest),
        )

    def epoch(self, epoch: int, measures: Mapping[str, float], seconds: float) -> None:
        """Print the line of a finished epoch above the bar."""
        self.progress.update(self.task, completed=(epoch + 1) * (self.steps or 0))
        self.progress.console.print(
            line(epoch, self.epochs, measures, seconds), highlight=False, markup=False, soft_wrap=True
        )
