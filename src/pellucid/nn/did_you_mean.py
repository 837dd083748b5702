"""Arguments that are misspelt, told with the name that was meant."""

from __future__ import annotations

import inspect
from typing import Any, Self

from pellucid.graph.errors import UseError, near_miss


class Spelt:
    """What is made with arguments by name: one that it does not take is told with its near miss.

    Raises
    ------
    TypeError
        For a name that the class does not take.
    """

    def __new__(cls, *args: Any, **named: Any) -> Self:
        """Make it, once it takes every name."""
        known = cls.takes()
        for key in named:
            if known is not None and key not in known:
                told = near_miss(key, known) or (f" It takes: {', '.join(known)}" if known else " It takes none")
                raise UseError(f"{cls.__name__} takes no argument {key!r}.{told}")
        return super().__new__(cls)

    @classmethod
    def takes(cls) -> list[str] | None:
        """Return the names of the arguments, or None where any is taken."""
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        if cls.__init__ is object.__init__:
            return []
        if any(p.kind is p.VAR_KEYWORD for p in parameters):
            return None
        return [p.name for p in parameters]
