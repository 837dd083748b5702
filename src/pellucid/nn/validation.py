"""Settings that are numbers: what range each is held to, and how it is told."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError


def number(name: str, value: Any, low: float, below: float | None = None) -> float:
    """Return a setting as a number, or say in which range it must be.

    Examples
    --------
    >>> number("momentum", 0.9, low=0, below=1)
    0.9
    """
    given = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    real = float(value) if given else math.nan
    if not low <= real < (math.inf if below is None else below):
        wanted = f"of {low:g} or more" if below is None else f"from {low:g} up to but without {below:g}"
        raise OptionError(f"Expected {name} to be a number {wanted}. Received: {name}={value!r}")
    return real


def positive_number(name: str, value: Any) -> float:
    """Return a setting as a number above 0, or say that it must be one.

    Examples
    --------
    >>> positive_number("clipnorm", 1)
    1.0
    """
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and 0 < value < math.inf:
        return float(value)
    raise OptionError(f"Expected {name} to be a number above 0. Received: {name}={value!r}")


def count(name: str, value: Any, least: int = 1) -> int:
    """Return a setting as a whole number, or say which it must at least be.

    Examples
    --------
    >>> count("decay_steps", 1000)
    1000
    """
    if hasattr(value, "__index__") and not isinstance(value, bool) and int(value) >= least:
        return int(value)
    raise OptionError(f"Expected {name} to be an integer of {least} or more. Received: {name}={value!r}")
