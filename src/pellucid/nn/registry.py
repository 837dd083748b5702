"""Lookup of objects by name, and automatic names."""

from __future__ import annotations

import functools
import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pellucid.graph.errors import OptionError, UseError, near_miss
from pellucid.graph.foreign_names import FOREIGN_VALUES

WRONG_VALUE_HINTS = {
    "activation": ". The size of the input is known at the first call: Dense(units) takes that of the output",
    "regularizer": ". Write nn.regularizers.L2(strength)",
    "constraint": ". Write nn.constraints.MaxNorm(max_value)",
}
"""Fixes for a number where an object is expected, by kind."""


def get_by_name(kind: str, identifier: Any, known: Mapping[str, Callable[..., Any]]) -> Any:
    """Return the function with a name, or the given one; a class is called without arguments.

    Class names work, too: ``"GlorotUniform"`` means ``"glorot_uniform"``.

    Raises
    ------
    ValueError
        If the name is unknown. The message contains the nearest match, or all known names.
    TypeError
        If ``identifier`` is neither a string nor callable.
    """
    found = identifier
    if isinstance(identifier, str):
        by_normalized = {normalize_name(name): name for name in known}
        name = identifier if identifier.islower() else by_normalized.get(normalize_name(identifier), identifier)
        if name not in known:
            ours, note = FOREIGN_VALUES.get(kind, {}).get(identifier.lower(), ("", ""))
            hint = f" Use {ours!r}{'. ' * bool(note)}{note}." if ours in known else near_miss(identifier, known)
            hint = hint or f" Known: {', '.join(sorted(known))}"
            raise OptionError(f"There is no {kind} named {identifier!r}.{hint}")
        found = known[name]
    if not callable(found):
        hint = WRONG_VALUE_HINTS.get(kind, "") if isinstance(identifier, (int, float)) else ""
        raise UseError(f"Expected a name or a function for the {kind}. Received: {identifier!r}{hint}")
    return found() if isinstance(found, type) else found


def list_own_names(module: Mapping[str, Any]) -> list[str]:
    """Return the names of the functions and classes that the files of a package define, from its globals."""
    package = module["__name__"]
    return [n for n, v in module.items() if str(getattr(v, "__module__", "")).startswith(package) and n[0] != "_"]


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
