"""Source locations: the file and line of user code that built an expression or caused an error.

An expression is interned, so several lines may build it. Its location is the line that built it last, which is the line
that a user who reads an error is looking at. A location that differs from the first one is kept in a side table,
because the expression is immutable. Rewriting attributes new expressions to the lines of the old ones.
"""

from __future__ import annotations

import linecache
import re
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from pellucid.graph.weak_identity import WeakIdentityMap

Location = tuple[str, int]

MAX_LINE = 80
"""Number of characters of a line of code that messages show."""

inherited_location: ContextVar[Any] = ContextVar("inherited_location", default=None)
"""The expression or location whose location new expressions get, for example while a pass rewrites them."""

_FOLDERS = (sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib", "scripts"))
_LIBRARY_PREFIXES = ("<frozen", str(Path(__file__).resolve().parent.parent), *(folder for folder in _FOLDERS if folder))
_is_user_file: dict[str, bool] = {}

later_locations: WeakIdentityMap[Location] = WeakIdentityMap()
"""The latest location of the expressions that several lines built."""


def get_current_location() -> Location | None:
    source = inherited_location.get()
    if source is None:
        return find_user_location()
    return source if type(source) is tuple else source.origin


@contextmanager
def attribute_to_caller() -> Iterator[None]:
    """Attribute all expressions that are built in this context to the current line of user code."""
    token = inherited_location.set(get_current_location())
    try:
        yield
    finally:
        inherited_location.reset(token)


def record_location(e: object, first: Location | None) -> None:
    """Record that user code built an existing expression again."""
    if inherited_location.get() is None:
        location = find_user_location()
        if location is not None and (location != first or later_locations.get(e) is not None):
            later_locations[e] = location


def find_user_location() -> Location | None:
    """Return the innermost line of user code on the stack."""
    frame = sys._getframe(1)
    while frame is not None:
        filename = frame.f_code.co_filename
        known = _is_user_file.get(filename)
        if known or (known is None and is_user_file(filename)):
            return filename, frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]
    return None


def get_user_stacklevel() -> int:
    """Return the ``stacklevel`` with which a warning names the innermost line of user code."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and not is_user_file(frame.f_code.co_filename):
        level, frame = level + 1, frame.f_back
    return level


def is_user_file(filename: str) -> bool:
    """Tell whether a file belongs neither to pellucid, nor to Python, nor to an installed package."""
    known = _is_user_file.get(filename)
    if known is None:
        known = _is_user_file[filename] = not filename.startswith(_LIBRARY_PREFIXES)
    return known


def format_location(location: Location) -> str:
    """Return file, line number and, if the source is available, the line itself."""
    filename, number = location
    code = linecache.getline(filename, number).strip()
    if len(code) > MAX_LINE:
        code = code[: MAX_LINE - 1] + "…"
    return f"{format_filename(filename)}:{number}" + (f": {code}" if code else "")


def format_filename(filename: str) -> str:
    """Return a short name of a file: its path from the working directory, or the name of a notebook cell.

    Examples
    --------
    >>> format_filename("/tmp/marimo_7/__marimo__cell_Hbol_.py"), format_filename("<stdin>")
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
