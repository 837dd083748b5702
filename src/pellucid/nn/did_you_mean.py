"""Base class of objects with settings: errors for misspelled keyword arguments, and printing."""

from __future__ import annotations

import inspect
from typing import Any, Self

from pellucid.graph.errors import UseError
from pellucid.graph.unsupported_functions import suggest_argument


class StrictArguments:
    """Base class whose constructor suggests the nearest argument for a misspelled one.

    Raises
    ------
    TypeError
        If the class has no argument of that name.
    """

    def __new__(cls, *args: Any, **named: Any) -> Self:
        known = cls.get_argument_names() if named else None
        for key in named:
            if known is not None and key not in known:
                raise UseError(f"{cls.__name__} takes no argument {key!r}.{suggest_argument(key, known)}")
        return super().__new__(cls)

    @classmethod
    def get_argument_names(cls) -> list[str] | None:
        """Return the names of the constructor arguments, or None if it accepts any keyword."""
        if cls.__init__ is object.__init__:
            return []
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        if any(p.kind is p.VAR_KEYWORD for p in parameters):
            return None
        return [p.name for p in parameters]

    def __repr__(self) -> str:
        settings = [name for name in self.get_argument_names() or () if hasattr(self, name)]
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in settings)})"
