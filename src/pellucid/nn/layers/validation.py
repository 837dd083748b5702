"""Validation of layer arguments. Messages start with the name of the layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from pellucid.graph.errors import OptionError, ShapeError, UseError, brief, near_miss
from pellucid.graph.expr import Expr
from pellucid.graph.types import format_shape
from pellucid.graph.validation import check_integer, is_integer, is_real
from pellucid.typing import Array, ArrayLike

Choice = TypeVar("Choice", bound=str)


def check_real(layer: str, name: str, value: float, low: float = -math.inf, high: float = math.inf) -> float:
    """Return an argument as a `float` in ``[low, high]``."""
    if is_real(value) and low <= value <= high:
        return float(value)
    limits = f" of {low:g} or more" if high == math.inf else f" from {low:g} to {high:g}"
    expected = "a number" + ("" if low == -math.inf else limits)
    raise OptionError(f"{layer}: expected {name} to be {expected}. Received: {name}={value!r}")


def check_axis(layer: str, name: str, value: int) -> int:
    """Return the number of an axis as an `int`."""
    if is_integer(value):
        return int(value)
    raise OptionError(f"{layer}: expected {name} to be an integer. Received: {name}={value!r}")


def check_axes(layer: str, name: str, value: Any) -> int | tuple[int, ...]:
    """Return the number of an axis as an `int`, or several as a tuple."""
    if is_integer(value):
        return int(value)
    if isinstance(value, (tuple, list)) and value and all(map(is_integer, value)):
        return tuple(int(v) for v in value)
    raise OptionError(f"{layer}: expected {name} to be an integer, or several. Received: {name}={value!r}")


def check_array(layer: str, name: str, value: ArrayLike, low: float = -math.inf) -> Array:
    """Return a number or array-like as an array of numbers of ``low`` or more."""
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        array = np.asarray(None)
    if array.dtype.kind in "iuf" and bool(np.all(array >= low)):
        return array
    limit = "" if low == -math.inf else f" of {low:g} or more"
    nan = "NaN in " if array.dtype.kind == "f" and np.isnan(array).any() else ""
    raise OptionError(
        f"{layer}: expected {name} to be a number{limit}, or an array of them. Received: {nan}{name}={value!r}"
    )


def check_choice(layer: str, name: str, value: Choice, choices: Sequence[Choice]) -> Choice:
    """Return an argument that must be one of several strings."""
    if value in choices:
        return choices[choices.index(value)]
    raise OptionError(
        f"{layer}: expected {name} to be one of {', '.join(map(repr, choices))}. "
        f"Received: {name}={value!r}.{near_miss(str(value), choices)}"
    )


def check_size(layer: str, name: str, value: int) -> int:
    """Return an argument as an `int` of 1 or more; explain the mistake of passing an expression, as in ``Dense(x)``."""
    if isinstance(value, Expr):
        raise UseError(
            f"{layer}: expected {name} to be an integer. Received: the expression {brief(value)}. Create the layer "
            "first, then call it, as in Dense(3)(x)"
        )
    return check_integer(name, value, owner=layer)


def make_shape_error(layer: str, expected: str, x: Sequence[Expr]) -> ShapeError:
    """Return an error whose message lists expressions with their shapes."""
    shapes = ", ".join(f"{brief(e)} of shape {format_shape(e.shape)}" for e in x)
    return ShapeError(f"{layer}: expected {expected}. Received: {shapes}").with_operands(list(x))
