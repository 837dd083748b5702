"""Allow-list of the classes and functions that a file may name.

These are pellucid's layers, losses, optimizers and the like, functions on expressions, and the objects that the caller
passes as ``custom_objects``. A file can name nothing else, so loading it runs no foreign code.
"""

from __future__ import annotations

import functools
import inspect
import re
from importlib import import_module
from typing import Any

from pellucid.graph.operators import FUNCTIONS

PUBLIC_MODULES = (
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
"""Modules whose members have short names: ``layers.Dense``, ``losses.mean_squared_error``."""

ALLOWED_PREFIXES = ("pellucid.nn.", "pellucid.model.", "pellucid.training.", "pellucid.graph.ops.")
"""Modules whose classes a file may name as ``module:class``."""


@functools.cache
def get_short_names() -> dict[object, str]:
    names: dict[object, str] = {}
    for module_name in PUBLIC_MODULES:
        for name, value in vars(import_module(module_name)).items():
            is_member = inspect.isclass(value) or inspect.isfunction(value)
            if is_member and value.__module__.startswith(module_name) and not name.startswith("_"):
                names.setdefault(value, f"{module_name.rpartition('.')[2]}.{name}")
    return names


@functools.cache
def get_objects_by_short_name() -> dict[str, object]:
    return {name: value for value, name in get_short_names().items()}


def get_registered_name(value: object) -> str | None:
    """Return the name of a class or function in files, or None if files may not name it.

    Examples
    --------
    >>> from pellucid import nn
    >>> [get_registered_name(value) for value in (nn.Dense, nn.losses.get("mse"), pel.tanh, print)]
    ['layers.Dense', 'losses.mean_squared_error', 'tanh', None]
    """
    name = getattr(value, "__name__", "")
    if FUNCTIONS.get(name) is value:
        return str(name)
    short = get_short_names().get(value)
    if short is not None:
        return short
    full = f"{getattr(value, '__module__', '')}:{getattr(value, '__qualname__', '')}"
    return full if find_registered(full) is value else None


def find_registered(name: object) -> Any:
    """Return the class or function of a name in a file, or None.

    Examples
    --------
    >>> find_registered("layers.Dense").__name__, find_registered("os.system")
    ('Dense', None)
    """
    if not isinstance(name, str):
        return None
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    if re.fullmatch(r"[a-z]+\.\w+", name):
        return get_objects_by_short_name().get(name)
    return find_by_full_name(name)


def find_by_full_name(name: str) -> Any:
    """Return a class, or a function of `pellucid.nn`, named ``module:name``."""
    module, _, member = name.partition(":")
    is_allowed = re.fullmatch(r"pellucid(\.[a-z_]+)+", module) and module.startswith(ALLOWED_PREFIXES)
    if not is_allowed or not member.isidentifier():
        return None
    try:
        value = getattr(import_module(module), member, None)
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("pellucid."):
            raise  # an optional dependency is missing
        return None
    if inspect.isclass(value) or (inspect.isfunction(value) and module.startswith("pellucid.nn.")):
        return value if value.__module__ == module else None
    return None
