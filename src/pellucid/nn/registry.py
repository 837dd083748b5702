"""Lookup of objects by name, and automatic names."""

from __future__ import annotations

import functools
import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pellucid.graph.errors import OptionError, UseError, near_miss


def get_by_name(kind: str, identifier: Any, known: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    """Return the object with a name; return callables unchanged.

    Class names work, too: ``"GlorotUniform"`` means ``"glorot_uniform"``.

    Raises
    ------
    ValueError
        If the name is unknown. The message contains the nearest match, or all known names.
    TypeError
        If ``identifier`` is neither a string nor callable.
    """
    if isinstance(identifier, str):
        if identifier in known:
            return known[identifier]
        if not identifier.islower():
            by_normalized = {normalize_name(name): name for name in known}
            if normalize_name(identifier) in by_normalized:
                return known[by_normalized[normalize_name(identifier)]]
        hint = near_miss(identifier, known) or f" Known: {', '.join(sorted(known))}"
        raise OptionError(f"There is no {kind} named {identifier!r}.{hint}")
    if not callable(identifier):
        raise UseError(f"Expected a name or a function for the {kind}. Received: {identifier!r}")
    return identifier  # type: ignore[no-any-return]


@functools.cache
def snake_case(name: str) -> str:
    """Convert a class name to snake case.

    Examples
    --------
    >>> snake_case("MeanSquaredError"), snake_case("MyLayer2D")
    ('mean_squared_error', 'my_layer2d')
    """
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


def normalize_name(name: str) -> str:
    """Return a name in lower case without underscores, equal for a class name and its snake case.

    Examples
    --------
    >>> normalize_name("HeNormal") == normalize_name("he_normal")
    True
    """
    return name.replace("_", "").lower()


_counters: dict[str, Iterator[int]] = defaultdict(itertools.count)


def automatic_name(kind: str) -> str:
    """Return the next name for a class in this process: ``dense``, ``dense_1``, and so on.

    Examples
    --------
    >>> automatic_name("MyLayer2D"), automatic_name("MyLayer2D")
    ('my_layer2d', 'my_layer2d_1')
    """
    name = snake_case(kind)
    number = next(_counters[name])
    return f"{name}_{number}" if number else name
