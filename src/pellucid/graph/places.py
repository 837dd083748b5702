"""Places in a user's code: where an expression was written, where an error was met."""

from __future__ import annotations

import linecache
import sys
from contextvars import ContextVar
from pathlib import Path

Place = tuple[str, int]

standing_for: ContextVar[Place | None] = ContextVar("standing_for", default=None)
"""Where the expression was written that those stand for which are made now, as when one is simplified."""

_PACKAGE = str(Path(__file__).resolve().parent.parent)


def place_of_writing() -> Place | None:
    """Return where an expression that is written now counts as written."""
    return standing_for.get() or users_place()


def users_place() -> Place | None:
    """Return the file and line outside pellucid that is being run, which is where the user wrote the expression."""
    frame = sys._getframe(1)
    while frame is not None:
        filename = frame.f_code.co_filename
        if not filename.startswith((_PACKAGE, "<frozen")):
            return filename, frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]
    return None


def place_text(place: Place) -> str:
    """Write a place as file, line and, where its source can be read, what stands there.

    Examples
    --------
    >>> place_text(("moons.py", 12))
    'moons.py:12'
    """
    filename, number = place
    code = linecache.getline(filename, number).strip()
    path = Path(filename)
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"{shown}:{number}" + (f": {code}" if code else "")
