"""What layers are made with, held to what it must be when a layer is made, and told in the layer's name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, UseError, brief, near_miss
from pellucid.graph.expr import Expr


def real(layer: str, what: str, value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    """Return a setting as a number, or say in which range it must be.

    Examples
    --------
    >>> real("elu", "alpha", 1)
    1.0
    """
    given = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if given and low <= value <= high:
        return float(value)
    above = f" of {low:g} or more" if high == math.inf else f" from {low:g} to {high:g}"
    wanted = "a number" + ("" if low == -math.inf else above)
    raise OptionError(f"{layer}: expected {what} to be {wanted}. Received: {what}={value!r}")


def integer(value: Any) -> bool:
    """Tell whether a value is a whole number."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def one_axis(layer: str, what: str, value: Any) -> int:
    """Return a setting as the number of an axis, or say that it must be one.

    Examples
    --------
    >>> one_axis("concatenate", "axis", -1)
    -1
    """
    if integer(value):
        return int(value)
    raise OptionError(f"{layer}: expected {what} to be an integer. Received: {what}={value!r}")


def some_axes(layer: str, what: str, value: Any) -> int | tuple[int, ...]:
    """Return a setting as the number of an axis or of several, or say that it must be that.

    Examples
    --------
    >>> some_axes("softmax", "axis", -1), some_axes("softmax", "axis", [1, 2])
    (-1, (1, 2))
    """
    if integer(value):
        return int(value)
    if isinstance(value, (tuple, list)) and value and all(map(integer, value)):
        return tuple(int(v) for v in value)
    raise OptionError(f"{layer}: expected {what} to be an integer, or several. Received: {what}={value!r}")


def numbers(layer: str, what: str, value: Any, low: float = -math.inf) -> np.ndarray[Any, Any]:
    """Return a setting as an array of numbers, or say that it must be one.

    Examples
    --------
    >>> numbers("rescaling", "scale", [0.5, 2.0])
    array([0.5, 2. ])
    """
    try:
        found = np.asarray(value)
    except (ValueError, TypeError):
        found = np.asarray(None)
    if found.dtype.kind in "iuf" and bool(np.all(found >= low)):
        return found
    least = "" if low == -math.inf else f" of {low:g} or more"
    raise OptionError(
        f"{layer}: expected {what} to be a number{least}, or an array of them. Received: {what}={value!r}"
    )


def one_of(layer: str, what: str, value: Any, known: Sequence[str]) -> str:
    """Return one of several words, or say which there are.

    Examples
    --------
    >>> one_of("conv2d", "padding", "same", ("valid", "same"))
    'same'
    """
    if value in known:
        return str(value)
    raise OptionError(
        f"{layer}: expected {what} to be one of {', '.join(map(repr, known))}. "
        f"Received: {what}={value!r}.{near_miss(str(value), known)}"
    )


def positive(layer: str, name: str, value: Any) -> int:
    """Return a number of units, or say that it must be one."""
    if isinstance(value, Expr):
        raise UseError(
            f"{layer}: expected {name} to be an integer. Received: the expression {brief(value)}; make the layer and "
            "then call it, as in Dense(3)(x)"
        )
    if not hasattr(value, "__index__") or isinstance(value, bool) or int(value) < 1:
        raise OptionError(f"{layer}: expected {name} to be an integer of 1 or more. Received: {name}={value!r}")
    return int(value)
