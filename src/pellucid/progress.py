"""Progress bars on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")


def create_progress_display(
    visible: bool | None = None, *, keep: bool = False, has_total: bool = True, fields: Sequence[str] = ()
) -> Progress:
    """Return a rich progress display on standard error.

    Parameters
    ----------
    visible : bool, optional
        Whether it is shown; by default if standard error is a terminal.
    keep : bool
        Whether the bar remains when the display ends.
    has_total : bool
        Whether to show the remaining time, which needs a total number, or the elapsed time.
    fields : sequence of str
        Names of text fields of the tasks, shown after the bar.
    """
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
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn() if has_total else TimeElapsedColumn(),
        *(TextColumn(f"{{task.fields[{name}]}}") for name in fields),
        console=Console(stderr=True),
        transient=not keep,
        disable=not (sys.stderr.isatty() if visible is None else visible),
    )


def track(items: Iterable[T], *, total: int, description: str, progress: bool | None = None) -> Iterator[T]:
    """Yield items while a progress bar counts them; None shows it if standard error is a terminal.

    Examples
    --------
    >>> list(track("abc", total=3, description="reading", progress=False))
    ['a', 'b', 'c']
    """
    if not (sys.stderr.isatty() if progress is None else progress):
        yield from items
        return
    with create_progress_display(progress, keep=progress is True) as display:
        yield from display.track(items, total=total, description=description)
