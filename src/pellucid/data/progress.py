"""A progress bar that keeps quiet where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def track(items: Iterable[T], *, total: int, what: str, progress: bool | None = None) -> Iterator[T]:
    """Hand on items one by one while a bar on standard error shows how far the work is.

    Parameters
    ----------
    items : iterable
        The items, handed on unchanged.
    total : int
        How many there are.
    what : str
        The words in front of the bar.
    progress : bool or None
        Whether to show the bar; None shows it where standard error is a terminal.

    Yields
    ------
    object
        Each item in turn.

    Examples
    --------
    >>> list(track("abc", total=3, what="reading", progress=False))
    ['a', 'b', 'c']
    """
    if progress is None:
        progress = sys.stderr.isatty()
    if not progress:
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        yield from bar.track(items, total=total, description=what)
