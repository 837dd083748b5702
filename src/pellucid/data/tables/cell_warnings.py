"""Warnings of cells that cannot be used; those of a table that is read in chunks are reported once."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from pellucid.data.errors import DataWarning

SHOWN = 3


@dataclass
class InvalidCells:
    """Cells of one column that are treated as missing: their number, and messages about the first."""

    count: int = 0
    messages: list[str] = field(default_factory=list)
    hint: str = ""


Collected = dict[tuple[str, str, str], InvalidCells]

_collected: ContextVar[Collected | None] = ContextVar("collected_cells", default=None)


@contextmanager
def collect_cell_warnings() -> Iterator[None]:
    """Collect the warnings of the chunks of a table, and give one for each column at the end."""
    found: Collected = {}
    token = _collected.set(found)
    try:
        yield
    finally:
        _collected.reset(token)
    for (path, _, _), cells in found.items():
        warnings.warn(format_warning(path, cells), DataWarning, stacklevel=4)


def warn_of_cells(
    path: str, column: str, expected: str, count: int, messages: Sequence[str], hint: str = "", *, stacklevel: int
) -> None:
    """Warn of invalid cells, or add them to those of the chunks before; ``messages`` are about the first."""
    collected = _collected.get()
    if collected is None:
        cells = InvalidCells(count, list(messages[:SHOWN]), hint)
        warnings.warn(format_warning(path, cells), DataWarning, stacklevel=stacklevel + 1)
        return
    cells = collected.setdefault((path, column, expected), InvalidCells())
    cells.messages += messages[: SHOWN - len(cells.messages)]
    cells.count += count
    cells.hint = cells.hint or hint


def format_warning(path: str, cells: InvalidCells) -> str:
    """Return the text of a warning.

    Examples
    --------
    >>> format_warning("a.csv", InvalidCells(5, ["line 2: expected a number, received 'x'"]))
    "a.csv: treated 5 cells as missing: line 2: expected a number, received 'x' and 4 more"
    """
    more = f" and {cells.count - len(cells.messages)} more" if cells.count > len(cells.messages) else ""
    hint = f".{cells.hint}" if cells.hint else ""
    counted = f"{cells.count} cell{'s' * (cells.count > 1)}"
    return f"{path}: treated {counted} as missing: {'; '.join(cells.messages)}{more}{hint}"
