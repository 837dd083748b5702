"""Validation of numeric arguments."""

from __future__ import annotations

import math
import operator
from typing import Any, TypeVar

import numpy as np

from pellucid.errors import OptionError

Default = TypeVar("Default", int, None)


def is_integer(value: Any) -> bool:
    """Tell whether a value is an integer of Python or NumPy; booleans are not."""
    if isinstance(value, (bool, np.bool_)):
        return False
    try:
        operator.index(value)
    except TypeError:
        return False
    return True


def check_integer(name: str, value: Any, minimum: int = 1, *, owner: str = "") -> int:
    """Return an argument as an `int`, or raise an OptionError that names the argument and its owner."""
    if is_integer(value) and operator.index(value) >= minimum:
        return operator.index(value)
    raise _make_error(name, f"an integer of {minimum} or more", value, owner)


def check_optional_integer(name: str, value: Any, default: Default) -> int | Default:
    """Return an argument as a positive `int`, or the default if it is None."""
    return default if value is None else check_integer(name, value)


def check_number(name: str, value: Any, minimum: float, below: float = math.inf) -> float:
    """Return an argument as a `float` in ``[minimum, below)``, or raise an OptionError."""
    if is_real(value) and minimum <= value < below:
        return float(value)
    limits = f"of {minimum:g} or more" if below == math.inf else f"in [{minimum:g}, {below:g})"
    raise _make_error(name, f"a number {limits}", value)


def check_positive_number(name: str, value: Any, *, owner: str = "") -> float:
    """Return an argument as a finite `float` above 0, or raise an OptionError."""
    if is_real(value) and 0 < value < math.inf:
        return float(value)
    raise _make_error(name, "a number above 0", value, owner)


def _make_error(name: str, expected: str, value: Any, owner: str = "") -> OptionError:
    start = f"{owner}: expected" if owner else "Expected"
    return OptionError(f"{start} {name} to be {expected}. Received: {name}={value!r}")


def is_real(value: Any) -> bool:
    """Tell whether a value is a real number of Python or NumPy; booleans are not."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
