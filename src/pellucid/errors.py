"""Base class of all errors, free of graph imports so that commands can raise errors before they load the library."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

from pellucid.extension_points import expression_text

if TYPE_CHECKING:
    from pellucid.graph.source_location import Location

MAX_OPERANDS = 4
"""Number of operands that an error describes."""

MAX_COMPARED = 100
"""Number of characters of the longest names that are compared for a hint; the time is quadratic in it."""

MAX_BRIEF = 60
"""Number of characters of an expression in a message."""


class PellucidError(Exception):
    """Base class of the errors that pellucid raises. A note names the line of user code that raised it.

    Examples
    --------
    >>> try:
    ...     pel.reshape(pel.constant([1.0, 2.0, 3.0]), (2, 2))
    ... except pel.PellucidError as error:
    ...     print(str(error).split(". ")[0])
    reshape: [1, 2, 3], of shape (3,), does not have the number of elements of shape (2, 2)
    """

    def __init__(self, *args: object) -> None:
        from pellucid.graph.source_location import find_user_location, format_location

        super().__init__(*args)
        self.location: Location | None = find_user_location()
        self.names_operands: bool = False
        if self.location is not None:
            self.add_note(f"  at {format_location(self.location)}")

    def with_operands(self, operands: Iterable[Any]) -> Self:
        """Add a note for each operand: its type, and its source location if that is another line."""
        from pellucid.graph.source_location import format_location

        if self.names_operands:
            return self
        self.names_operands = True
        described = [e for e in dict.fromkeys(operands) if e.op is not None or e.name is not None]
        for e in described[:MAX_OPERANDS]:
            location = e.origin
            elsewhere = f", written at {format_location(location)}" if location not in (None, self.location) else ""
            self.add_note(f"  {brief(e)} is {e.type}{elsewhere}")
        return self


def brief(e: Any) -> str:
    """Return the text of an expression, cut to the length that fits a message.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> brief(pel.tanh(x)), brief(sum([x**i for i in range(9)]))
    ('tanh(x)', '0 + x ** 0 + x ** 1 + x ** 2 + x ** 3 + x ** 4 + x ** 5 + x…')
    """
    text = expression_text(e, MAX_BRIEF)
    return text if len(text) <= MAX_BRIEF else text[: MAX_BRIEF - 1] + "…"


class OptionError(PellucidError, ValueError):
    """An argument out of range, or a string that is not among the allowed ones.

    Examples
    --------
    >>> try:
    ...     pel.optimizers.SGD(-1.0)
    ... except pel.OptionError as error:
    ...     print(str(error).split(". ")[0])
    Expected learning_rate to be a number of 0 or more
    """


class NoSuchNameError(PellucidError, AttributeError):
    """An attribute that does not exist; the message names the nearest one that does.

    Examples
    --------
    >>> try:
    ...     pel.sofmax
    ... except pel.NoSuchNameError as error:
    ...     print(str(error).split(". ")[0])
    pellucid has no 'sofmax'
    """


def near_miss(name: str, candidates: Iterable[str]) -> str:
    """Return a space and ``Did you mean 'x'?`` for the nearest candidate; an empty string if none is similar.

    A candidate is similar if few letters differ, or if it begins with the name.

    Examples
    --------
    >>> near_miss("sofmax", ["softmax", "tanh"]), near_miss("max", ["max_value", "axis"])
    (" Did you mean 'softmax'?", " Did you mean 'max_value'?")
    """
    if len(name) > MAX_COMPARED:
        return ""
    names = [candidate for candidate in candidates if len(candidate) <= MAX_COMPARED]
    same = [candidate for candidate in names if candidate.lower() == name.lower() and candidate != name]
    close = same or difflib.get_close_matches(name, names, n=1)
    if not close and len(name) >= 3:
        close = sorted((candidate for candidate in names if candidate.startswith(name)), key=len)
    return f" Did you mean {close[0]!r}?" if close else ""


for _kind in (PellucidError, *PellucidError.__subclasses__()):
    _kind.__module__ = "pellucid"  # the public name, which tracebacks print
