"""What can go wrong with data, and how it is worded."""

from __future__ import annotations

from pellucid.errors import PellucidError


class DataError(PellucidError, ValueError):
    """Data that cannot be used as they are: the message names the file, the place and the way out."""


class DataWarning(UserWarning):
    """Data that were used in part: the message names what was left out, and why."""


def shown(names: tuple[str, ...], limit: int = 3) -> str:
    """Write the first few of many names, quoted so that no control character of a name reaches a terminal.

    Parameters
    ----------
    names : tuple of str
        The names.
    limit : int
        How many are written out.

    Returns
    -------
    str
        The names, and how many more there are.

    Examples
    --------
    >>> shown(("a.jpg", "b.jpg"))
    "'a.jpg', 'b.jpg'"
    >>> shown(("a.jpg", "b.jpg", "c.jpg"), limit=1)
    "'a.jpg' and 2 more"
    """
    rest = len(names) - limit
    return ", ".join(ascii(name) for name in names[:limit]) + (f" and {rest} more" if rest > 0 else "")
