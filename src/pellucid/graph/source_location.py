"""Places in a user's code: where an expression was written, where an error was met."""

from __future__ import annotations

import linecache
import re
import sys
import sysconfig
from contextvars import ContextVar
from pathlib import Path

Place = tuple[str, int]

LONGEST_LINE = 80
"""How many characters of a line of code are shown."""

standing_for: ContextVar[Place | None] = ContextVar("standing_for", default=None)
"""Where the expression was written that those stand for which are made now, as when one is simplified."""

_FOLDERS = (sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib", "scripts"))
_NOBODYS = ("<frozen", str(Path(__file__).resolve().parent.parent), *(folder for folder in _FOLDERS if folder))
"""How files begin whose code the user did not write: pellucid's, Python's, and that of installed packages."""

_is_users: dict[str, bool] = {}


def place_of_writing() -> Place | None:
    """Return where an expression that is written now counts as written."""
    return standing_for.get() or users_place()


def users_place() -> Place | None:
    """Return the file and line of the user's own code that is being run, which is where an expression is written."""
    frame = sys._getframe(1)
    while frame is not None:
        filename = frame.f_code.co_filename
        if is_users(filename):
            return filename, frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]
    return None


def calls_to_user() -> int:
    """Return how many calls up from the caller's the user's own code stands, so that a warning can name its line."""
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and not is_users(frame.f_code.co_filename):
        depth, frame = depth + 1, frame.f_back
    return depth


def is_users(filename: str) -> bool:
    """Tell whether a file is the user's own, and no part of pellucid, Python or an installed package."""
    known = _is_users.get(filename)
    if known is None:
        known = _is_users[filename] = not filename.startswith(_NOBODYS)
    return known


def place_text(place: Place) -> str:
    """Write a place as file, line and, where its source can be read, what stands there.

    Examples
    --------
    >>> place_text(("moons.py", 12))
    'moons.py:12'
    """
    filename, number = place
    code = linecache.getline(filename, number).strip()
    if len(code) > LONGEST_LINE:
        code = code[: LONGEST_LINE - 1] + "…"
    return f"{file_text(filename)}:{number}" + (f": {code}" if code else "")


def file_text(filename: str) -> str:
    """Write a file's name as short as it is clear: a cell by its number, a file in or below this folder without it.

    Examples
    --------
    >>> file_text("/tmp/marimo_7/__marimo__cell_Hbol_.py"), file_text("<stdin>")
    ('cell Hbol', '<stdin>')
    """
    marimo = re.search(r"__marimo__cell_(\w+?)_*\.py$", filename)
    if marimo:
        return f"cell {marimo[1]}"
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    cell = shell.compile.format_code_name(filename) if shell is not None else None
    if cell is not None:
        return " ".join(cell)
    path, folder = Path(filename), Path.cwd()
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)
