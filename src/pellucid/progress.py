"""Progress displays for terminals, notebooks and logs.

In a notebook a display is one output that is updated in place, by IPython's display handles or by marimo. These need no
widgets, so the output looks the same everywhere and stays in the saved notebook.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

T = TypeVar("T")
Clock = Callable[[], float]

SPEED_SECONDS = 30.0
"""Time over which the speed of a task is measured."""

NOTEBOOK_SECONDS = 0.1
"""Minimum time between two updates of an output in a notebook."""

LINE_SECONDS = 10.0
"""Minimum time between two lines in a log."""

BAR_STYLE = "width: 16em; max-width: 40%; height: .8em; vertical-align: baseline; accent-color: #3d8fc4"


def is_interactive() -> bool:
    """Return whether a progress bar would be seen: on a terminal, or in a notebook."""
    return is_terminal() or is_notebook()


def is_terminal() -> bool:
    """Return whether standard error is a terminal that can move its cursor."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def is_notebook() -> bool:
    """Return whether the code runs in a cell of a notebook."""
    return is_jupyter_kernel() or is_marimo_kernel()


def is_jupyter_kernel() -> bool:
    """Return whether this process is a Jupyter kernel; a process that starts kernels imports ipykernel, too."""
    application = sys.modules.get("ipykernel.kernelapp")
    return application is not None and bool(application.IPKernelApp.initialized())


def is_marimo_kernel() -> bool:
    marimo = sys.modules.get("marimo")
    return marimo is not None and bool(marimo.running_in_notebook())


@dataclass(eq=False)
class Task:
    """A number of steps to count; ``total`` is None if it is unknown."""

    description: str
    total: float | None
    fields: dict[str, str]
    clock: Clock = time.perf_counter
    completed: float = 0.0
    samples: deque[tuple[float, float]] = field(default_factory=deque)

    def move(self, completed: float) -> None:
        self.completed = completed
        now = self.clock()
        self.samples.append((now, completed))
        while len(self.samples) > 2 and (now - self.samples[1][0] > SPEED_SECONDS or len(self.samples) > 1000):
            self.samples.popleft()

    @property
    def speed(self) -> float | None:
        """Steps per second; None before the second report."""
        if len(self.samples) < 2:
            return None
        (start, first), (end, last) = self.samples[0], self.samples[-1]
        return (last - first) / (end - start) if end > start and last > first else None

    @property
    def seconds_left(self) -> float | None:
        return None if self.total is None or self.speed is None else (self.total - self.completed) / self.speed

    @property
    def is_finished(self) -> bool:
        return self.total is not None and self.completed >= self.total

    def format_count(self) -> str:
        """Return the number of completed steps and the total.

        Examples
        --------
        >>> Task("reading", 1200, {}, completed=30).format_count()
        '30/1,200'
        """
        return f"{self.completed:,.0f}" + ("" if self.total is None else f"/{self.total:,.0f}")

    def format_fields(self) -> list[str]:
        return [text for text in self.fields.values() if text]


class ProgressDisplay:
    """Tasks and their progress, shown between `start` and `stop`. This class shows nothing; its subclasses do.

    A display is a context manager.
    """

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def add_task(self, description: str, total: float | None = None, **fields: str) -> Task:
        """Show another task, with text fields after its bar."""
        task = Task(description, total, fields)
        self.tasks.append(task)
        self.show(task)
        return task

    def update(
        self, task: Task, *, completed: float | None = None, description: str | None = None, **fields: str
    ) -> None:
        """Change a task."""
        if completed is not None:
            task.move(completed)
        task.description = task.description if description is None else description
        task.fields |= fields
        self.show(task)

    def advance(self, task: Task, steps: float = 1) -> None:
        """Count steps of a task."""
        self.update(task, completed=task.completed + steps)

    def remove_task(self, task: Task) -> None:
        """Remove a task."""
        self.tasks.remove(task)

    def track(self, items: Iterable[T], *, total: int, description: str) -> Iterator[T]:
        """Yield items and count them."""
        task = self.add_task(description, total)
        for item in items:
            yield item
            self.advance(task)

    def print(self, line: str) -> None:
        """Show a line that describes a finished part."""

    def show(self, task: Task) -> None:
        """Show the state of a task that has changed."""

    def start(self) -> None:
        """Begin to show the tasks."""

    def stop(self) -> None:
        """Show the final state of the tasks."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()


class TerminalDisplay(ProgressDisplay):
    """Progress bars of Rich on standard error.

    Parameters
    ----------
    keep : bool
        Whether the bars remain when the display ends.
    has_total : bool
        Whether to show the remaining time, which needs a total number, or the elapsed time.
    fields : sequence of str
        Names of the text fields of the tasks.
    """

    def __init__(self, *, keep: bool, has_total: bool, fields: Sequence[str]) -> None:
        super().__init__()
        self.bars: Progress = create_rich_progress(keep, has_total, fields)
        self.ids: dict[Task, TaskID] = {}

    def show(self, task: Task) -> None:
        if task not in self.ids:
            self.ids[task] = self.bars.add_task(task.description, total=task.total, **dict[str, Any](task.fields))
        state: dict[str, Any] = {"completed": task.completed, "description": task.description, **task.fields}
        self.bars.update(self.ids[task], **state)

    def remove_task(self, task: Task) -> None:
        super().remove_task(task)
        self.bars.remove_task(self.ids.pop(task))

    def print(self, line: str) -> None:
        self.bars.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def start(self) -> None:
        self.bars.start()

    def stop(self) -> None:
        self.bars.stop()


def create_rich_progress(keep: bool, has_total: bool, fields: Sequence[str]) -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn() if has_total else TimeElapsedColumn(),
        *(TextColumn(f"{{task.fields[{name}]}}", markup=False) for name in fields),
        console=Console(stderr=True),
        transient=not keep,
    )


class NotebookDisplay(ProgressDisplay):
    """One output of a notebook's cell, updated in place. It remains when the display ends."""

    started: float

    def __init__(self) -> None:
        super().__init__()
        self.write: Callable[[str, str], None] | None = None
        self.is_running: bool = False
        self.started = self.next_time = 0.0
        self.last_removed: list[Task] = []

    def start(self) -> None:
        self.is_running, self.started = True, time.perf_counter()
        self.refresh()

    def stop(self) -> None:
        self.refresh(is_final=True)
        self.is_running = False

    def remove_task(self, task: Task) -> None:
        super().remove_task(task)
        self.last_removed = [task]

    def show(self, task: Task) -> None:
        if time.perf_counter() >= self.next_time:
            self.refresh()

    def refresh(self, is_final: bool = False) -> None:
        """Write the state of the tasks into the output, which appears with the first task."""
        if not self.is_running or not (self.tasks or self.last_removed):
            return
        html, text = self.to_html(is_final), self.to_text()
        if self.write is None:
            self.write = open_notebook_output(html, text)
        else:
            self.write(html, text)
        self.next_time = time.perf_counter() + NOTEBOOK_SECONDS

    def to_text(self) -> str:
        """Return the state of the tasks as plain text."""
        shown = self.tasks or self.last_removed
        return "\n".join("  ".join([t.description, t.format_count(), *t.format_fields()]) for t in shown)

    def to_html(self, is_final: bool = False) -> str:
        """Return the state of the tasks as HTML, in the notebook's own font and colors."""
        rows = []
        for task in self.tasks or self.last_removed:
            left = None if is_final else task.seconds_left
            seconds = f"{time.perf_counter() - self.started:.1f} s" if left is None else f"{left:.0f} s left"
            bar = "" if is_final and task.total is None else render_bar(task)
            texts = "".join(f" &nbsp;{escape(text)}" for text in [seconds, *task.format_fields()])
            rows.append(f"<div>{escape(task.description)} {bar} {task.format_count()}{texts}</div>")
        style = "font-family: var(--jp-code-font-family, var(--vscode-editor-font-family, ui-monospace, monospace))"
        return f'<div style="{style}; font-size: 13px; line-height: 1.6">{"".join(rows)}</div>'


def render_bar(task: Task) -> str:
    """Return a progress bar as HTML; without a total it has no value."""
    value = "" if task.total is None else f' value="{min(task.completed, task.total):g}" max="{task.total:g}"'
    return f'<progress aria-label="{escape(task.description, quote=True)}"{value} style="{BAR_STYLE}"></progress>'


def open_notebook_output(html: str, text: str) -> Callable[[str, str], None]:
    """Show an output in the running cell, and return a function that replaces its HTML and its plain text."""
    if is_marimo_kernel():
        import marimo

        marimo.output.replace(marimo.Html(html))
        return lambda html, text: marimo.output.replace(marimo.Html(html))
    from IPython.display import display

    def to_bundle(html: str, text: str) -> dict[str, str]:
        return {"text/html": html, "text/plain": text}

    show: Callable[..., Any] = display
    handle = show(to_bundle(html, text), raw=True, display_id=True)
    return lambda html, text: handle.update(to_bundle(html, text), raw=True)


class LineDisplay(ProgressDisplay):
    """Plain lines on standard error, for pipes and logs: when a task ends, and every ten seconds before."""

    def __init__(self) -> None:
        super().__init__()
        self.next_times: dict[Task, float] = {}

    def show(self, task: Task) -> None:
        now = time.perf_counter()
        if now >= self.next_times.setdefault(task, now + LINE_SECONDS) or task.is_finished:
            self.next_times[task] = math.inf if task.is_finished else now + LINE_SECONDS
            self.print("  ".join([task.description, task.format_count(), *task.format_fields()]))

    def print(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


def create_progress_display(
    visible: bool | None = None, *, keep: bool = False, has_total: bool = True, fields: Sequence[str] = ()
) -> ProgressDisplay:
    """Return a progress display for a terminal, a notebook or a log.

    Parameters
    ----------
    visible : bool, optional
        Whether it is shown; by default on a terminal and in a notebook. If it is requested elsewhere, it writes
        plain lines.
    keep : bool
        Whether the bar remains on a terminal when the display ends.
    has_total : bool
        Whether to show the remaining time on a terminal, which needs a total number, or the elapsed time.
    fields : sequence of str
        Names of text fields of the tasks, shown after the bar.
    """
    if not (is_interactive() if visible is None else visible):
        return ProgressDisplay()
    if is_notebook():
        return NotebookDisplay()
    return TerminalDisplay(keep=keep, has_total=has_total, fields=fields) if is_terminal() else LineDisplay()


def track(items: Iterable[T], *, total: int, description: str, progress: bool | None = None) -> Iterator[T]:
    """Yield items while a progress bar counts them; None shows it on a terminal, where it disappears at the end.

    Examples
    --------
    >>> list(track("abc", total=3, description="reading", progress=False))
    ['a', 'b', 'c']
    """
    visible = is_terminal() if progress is None else progress
    with create_progress_display(visible, keep=progress is True) as display:
        yield from display.track(items, total=total, description=description)
