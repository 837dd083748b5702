"""Things that may be named: how a name becomes what it stands for."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

from pellucid.graph.errors import OptionError, UseError, near_miss


def look_up(kind: str, identifier: Any, known: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    """Return what a name stands for, or what was given if it can be called.

    A name may also be spelt as the class of that name is: ``"GlorotUniform"`` is ``"glorot_uniform"``.

    Raises
    ------
    ValueError
        For a name that nothing has; the message names the nearest, or all there are.
    TypeError
        For anything else that cannot be called.
    """
    if isinstance(identifier, str):
        if identifier in known:
            return known[identifier]
        if not identifier.islower():
            spelt = {bare(name): name for name in known}
            if bare(identifier) in spelt:
                return known[spelt[bare(identifier)]]
        hint = near_miss(identifier, known) or f" Known: {', '.join(sorted(known))}"
        raise OptionError(f"There is no {kind} named {identifier!r}.{hint}")
    if not callable(identifier):
        raise UseError(f"Expected a name or a function for the {kind}. Received: {identifier!r}")
    return identifier  # type: ignore[no-any-return]


@functools.cache
def snake_case(name: str) -> str:
    """Return the name of a class as that of a function or a thing.

    Examples
    --------
    >>> snake_case("MeanSquaredError"), snake_case("MyLayer2D")
    ('mean_squared_error', 'my_layer2d')
    """
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


def bare(name: str) -> str:
    """Return a name without what tells the spelling of a class from that of a function.

    Examples
    --------
    >>> bare("HeNormal") == bare("he_normal")
    True
    """
    return name.replace("_", "").lower()
