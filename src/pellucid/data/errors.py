"""Errors and warnings about data."""

from __future__ import annotations

from pellucid.errors import PellucidError


class DataError(PellucidError, ValueError):
    """Data that cannot be used; the message names the file, the position in it and a remedy."""


class DataWarning(UserWarning):
    """Data that were used in part; the message names the skipped parts and the reasons."""


def format_names(names: tuple[str, ...], limit: int = 3) -> str:
    """Format the first names of a list, quoted so that no control character in a name reaches a terminal.

    Examples
    --------
    >>> format_names(("a.jpg", "b.jpg"))
    "'a.jpg', 'b.jpg'"
    >>> format_names(("a.jpg", "b.jpg", "c.jpg"), limit=1)
    "'a.jpg' and 2 more"
    """
    rest = len(names) - limit
    return ", ".join(ascii(name) for name in names[:limit]) + (f" and {rest} more" if rest > 0 else "")
