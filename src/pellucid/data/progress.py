"""Progress bars on standard error, shown only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")


def create_progress_display(visible: bool | None = None) -> Progress:
    """Return a rich progress display on standard error; None shows it if standard error is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=visible is None,
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
    with create_progress_display(progress) as display:
        yield from display.track(items, total=total, description=description)
