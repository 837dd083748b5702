"""The names under which classes and functions stand in files, and which of them a file may name.

A file names pellucid's own layers, losses, optimizers and the like, functions on expressions, and, by
``custom_objects``, what its reader hands in. It can name nothing else, so that reading one runs nobody's code.
"""

from __future__ import annotations

import functools
import inspect
import re
from importlib import import_module
from typing import Any

from pellucid.graph.operators import FUNCTIONS

PUBLIC = (
    "pellucid.nn.layers",
    "pellucid.nn.activations",
    "pellucid.nn.initializers",
    "pellucid.nn.regularizers",
    "pellucid.nn.constraints",
    "pellucid.nn.losses",
    "pellucid.nn.metrics",
    "pellucid.nn.optimizers",
    "pellucid.nn.schedules",
)
"""Where users find what a model is made of: ``layers.Dense``, ``losses.mean_squared_error``."""

PLACES = ("pellucid.nn.", "pellucid.model.", "pellucid.graph.ops.")
"""How the modules begin whose classes may stand in a file under their full names."""


@functools.cache
def public_names() -> dict[Any, str]:
    """Return the short names of public classes and functions."""
    found: dict[Any, str] = {}
    for place in PUBLIC:
        module = import_module(place)
        for name, value in vars(module).items():
            own = (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__.startswith(place)
            if own and not name.startswith("_"):
                found.setdefault(value, f"{place.rpartition('.')[2]}.{name}")
    return found


@functools.cache
def by_public_name() -> dict[str, Any]:
    """Return public classes and functions by their short names."""
    return {name: value for value, name in public_names().items()}


def name_of(value: Any) -> str | None:
    """Return the name of a class or a function of pellucid's, or of an op that is registered; None for any other.

    Examples
    --------
    >>> from pellucid import nn
    >>> name_of(nn.Dense), name_of(nn.losses.get("mse")), name_of(pel.tanh), name_of(print)
    ('layers.Dense', 'losses.mean_squared_error', 'tanh', None)
    """
    known = getattr(value, "__name__", "")
    if FUNCTIONS.get(known) is value:
        return str(known)
    short = public_names().get(value)
    if short is not None:
        return short
    full = f"{getattr(value, '__module__', '')}:{getattr(value, '__qualname__', '')}"
    return full if found(full) is value else None


def found(name: Any) -> Any:
    """Return what stands in a file under a name, or None.

    Examples
    --------
    >>> found("layers.Dense").__name__, found("os.system"), found("pellucid.saving.container:write")
    ('Dense', None, None)
    """
    if not isinstance(name, str):
        return None
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    if re.fullmatch(r"[a-z]+\.\w+", name):
        return by_public_name().get(name)
    return under_full_name(name)


def under_full_name(name: str) -> Any:
    """Return a class, or a function of `pellucid.nn`, by its module and its name in there."""
    module, _, inside = name.partition(":")
    if not re.fullmatch(r"pellucid(\.[a-z_]+)+", module) or not module.startswith(PLACES) or not inside.isidentifier():
        return None
    try:
        value = getattr(import_module(module), inside, None)
    except ImportError:
        return None
    if inspect.isclass(value) or (inspect.isfunction(value) and module.startswith("pellucid.nn.")):
        return value if value.__module__ == module else None
    return None
