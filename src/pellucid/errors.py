"""What every error of pellucid's is, apart from the graph, so that a command need not have that to refuse something."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, Self

MOST_OPERANDS = 4
"""How many operands an error tells of."""


class PellucidError(Exception):
    """The base of every error that pellucid raises on purpose; a note says which line of the user's it came from."""

    def __init__(self, *args: object) -> None:
        from pellucid.graph.source_location import place_text, users_place

        super().__init__(*args)
        self.place = users_place()
        self.tells_operands = False
        if self.place is not None:
            self.add_note(f"  at {place_text(self.place)}")

    def about(self, operands: Iterable[Any]) -> Self:
        """Add what the operands are that did not fit, and where each was written, if not here."""
        from pellucid.graph.errors import brief
        from pellucid.graph.source_location import place_text

        if self.tells_operands:
            return self
        self.tells_operands = True
        told = [e for e in dict.fromkeys(operands) if e.op is not None or e.name is not None]
        for e in told[:MOST_OPERANDS]:
            elsewhere = e.origin is not None and e.origin != self.place
            written = f", written at {place_text(e.origin)}" if elsewhere and e.origin is not None else ""
            self.add_note(f"  {brief(e)} is {e.type}{written}")
        return self


class OptionError(PellucidError, ValueError):
    """A setting out of its range, or a word that is none of those expected."""


class NoSuchNameError(PellucidError, AttributeError):
    """A name that is not there; the nearest that is there is in the message."""


def near_miss(name: str, candidates: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the candidate nearest to a misspelt name, or an empty text.

    Parameters
    ----------
    name : str
        What was written.
    candidates : iterable of str
        What could have been meant.

    Returns
    -------
    str
        A sentence that begins with a space, or ``""`` where nothing is near.

    Examples
    --------
    >>> near_miss("sofmax", ["softmax", "tanh"])
    " Did you mean 'softmax'?"
    """
    close = difflib.get_close_matches(name, list(candidates), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


for _kind in (PellucidError, *PellucidError.__subclasses__()):
    _kind.__module__ = "pellucid"  # where users find it, and what a traceback says
