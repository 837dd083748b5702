"""Errors and warnings about data."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.errors import PellucidError
from pellucid.untrusted_files.reading import shorten

MAX_NAME = 60
"""Maximum number of characters of a file's name in a message that lists several."""


class DataError(PellucidError, ValueError):
    """Data that cannot be used; the message names the file, the position in it and a remedy.

    Examples
    --------
    >>> try:
    ...     pel.data.read_table("flats.csv")
    ... except pel.data.DataError as error:
    ...     print(str(error)[:9])
    flats.csv
    """


class NoColumnError(DataError):
    """A table has no column of a name."""


class DataWarning(UserWarning):
    r"""Data that were used in part; the message names the skipped parts and the reasons.

    Examples
    --------
    >>> import warnings
    >>> from pathlib import Path
    >>> _ = Path("flats.csv").write_text("size\n50\n60\n70\n80\nlarge\n90\n", "utf-8")
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     sizes = pel.data.read_table("flats.csv").numbers("size")
    >>> print(caught[0].message)
    flats.csv: treated 1 cell as missing: line 6, column 'size': expected a number, received 'large'
    """


def format_names(names: Sequence[str], limit: int = 3) -> str:
    """Format the first names of a list, quoted so that no control character in a name reaches a terminal.

    Examples
    --------
    >>> format_names(("a.jpg", "b.jpg"))
    "'a.jpg', 'b.jpg'"
    >>> format_names(("a.jpg", "b.jpg", "c.jpg"), limit=1)
    "'a.jpg' and 2 more"
    """
    return join_first([shorten(ascii(name), MAX_NAME) for name in names], limit, ", ")


def join_first(texts: Sequence[str], limit: int = 3, separator: str = "; ") -> str:
    """Join the first texts and count the others.

    Examples
    --------
    >>> join_first(["line 2", "line 3", "line 7"], limit=2)
    'line 2; line 3 and 1 more'
    """
    rest = len(texts) - limit
    return separator.join(texts[:limit]) + (f" and {rest} more" if rest > 0 else "")
