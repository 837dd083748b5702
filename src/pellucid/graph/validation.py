"""Validation of numeric arguments."""

from __future__ import annotations

import math
import operator
from typing import Any, TypeVar

import numpy as np

from pellucid.errors import OptionError

Default = TypeVar("Default", int, None)


def is_integer(value: Any) -> bool:
    """Whether a value is a whole number of Python or NumPy; booleans are not."""
    if isinstance(value, (bool, np.bool_)):
        return False
    try:
        operator.index(value)
    except TypeError:
        return False
    return True


def check_integer(name: str, value: Any, minimum: int = 1, *, owner: str = "") -> int:
    """Return an argument as an `int`.

    Parameters
    ----------
    name : str
        Name of the argument.
    value : object
        Value of the argument.
    minimum : int
        Smallest allowed value.
    owner : str, optional
        Whose argument it is, such as the name of a layer; the message starts with it.

    Raises
    ------
    OptionError
        If the value is no integer, or is below the minimum.

    Examples
    --------
    >>> check_integer("decay_steps", 1000)
    1000
    """
    if is_integer(value) and operator.index(value) >= minimum:
        return operator.index(value)
    raise OptionError(
        f"{f'{owner}: expected' if owner else 'Expected'} {name} to be an integer of {minimum} or more. "
        f"Received: {name}={value!r}"
    )


def check_optional_integer(name: str, value: Any, default: Default) -> int | Default:
    """Return an argument as a positive `int`, or the default if it is None.

    Examples
    --------
    >>> check_optional_integer("batch_size", None, 32), check_optional_integer("steps", 5, None)
    (32, 5)
    """
    return default if value is None else check_integer(name, value)


def check_number(name: str, value: Any, minimum: float, below: float = math.inf) -> float:
    """Return an argument as a `float` in ``[minimum, below)``.

    Raises
    ------
    OptionError
        If the value is no real number, or is out of range.

    Examples
    --------
    >>> check_number("momentum", 0.9, minimum=0, below=1)
    0.9
    """
    if is_real(value) and minimum <= value < below:
        return float(value)
    limits = f"of {minimum:g} or more" if below == math.inf else f"in [{minimum:g}, {below:g})"
    raise OptionError(f"Expected {name} to be a number {limits}. Received: {name}={value!r}")


def check_positive_number(name: str, value: Any) -> float:
    """Return an argument as a `float` greater than 0.

    Raises
    ------
    OptionError
        If the value is no real number, or is not above 0 and finite.

    Examples
    --------
    >>> check_positive_number("clipnorm", 1)
    1.0
    """
    if is_real(value) and 0 < value < math.inf:
        return float(value)
    raise OptionError(f"Expected {name} to be a number above 0. Received: {name}={value!r}")


def is_real(value: Any) -> bool:
    """Whether a value is a real number of Python or NumPy; booleans are not."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
