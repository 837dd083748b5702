"""Validation of arguments, kept out of the files with the formulas."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def check_floats(name: str, values: Any, shape: tuple[str | int, ...]) -> Array:
    """Return an array of finite floats; ``shape`` has a length for each axis, or a name if any length is allowed.

    Examples
    --------
    >>> check_floats("X", [[0.5, 1.0]], ("examples", "inputs")).shape
    (1, 2)
    >>> check_floats("X", [[1, 2]], ("examples", "inputs"))
    Traceback (most recent call last):
    TypeError: X: expected floats, received int64; the network computes in the dtype it is given: pass X.astype(float)
    """
    array = np.asarray(values)
    if not np.issubdtype(array.dtype, np.floating):
        raise TypeError(
            f"{name}: expected floats, received {array.dtype}; "
            f"the network computes in the dtype it is given: pass {name}.astype(float)"
        )
    fits = all(isinstance(want, str) or want == have for want, have in zip(shape, array.shape, strict=False))
    if array.ndim != len(shape) or not fits:
        expected = ", ".join(map(str, shape))
        raise ValueError(
            f"{name}: expected shape ({expected}), received {array.shape}; check the order and the number of its axes"
        )
    if array.size == 0:
        raise ValueError(f"{name}: expected at least one value along each axis, received shape {array.shape}")
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        place = tuple(int(i) for i in wrong[0])
        raise ValueError(f"{name}: expected finite values, received {array[place]} at {place}; remove or replace it")
    return array


def check_labels(name: str, values: Any, examples: int, classes: int) -> Array:
    """Return one integer class from 0 to classes - 1 for each example.

    Examples
    --------
    >>> check_labels("y", [0, 1, 2], examples=3, classes=2)
    Traceback (most recent call last):
    ValueError: y: expected classes from 0 to 1, received 2 at 2; count classes from 0, or pass classes=3
    """
    array = np.asarray(values)
    if array.ndim != 1 or len(array) != examples:
        raise ValueError(f"{name}: expected shape ({examples},), one label per example, received {array.shape}")
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"{name}: expected integers, received {array.dtype}; pass {name}.astype(int)")
    wrong = np.flatnonzero((array < 0) | (array >= classes))
    if len(wrong):
        received = int(array[wrong[0]])
        fix = f", or pass classes={int(array.max()) + 1}" if array.min() >= 0 else ""
        raise ValueError(
            f"{name}: expected classes from 0 to {classes - 1}, received {received} at {wrong[0]}; "
            f"count classes from 0{fix}"
        )
    return array


def check_at_least(low: float, **numbers: float) -> None:
    """Check that numbers, by the names of their arguments, are finite and at least ``low``.

    Examples
    --------
    >>> check_at_least(1, hidden=0)
    Traceback (most recent call last):
    ValueError: hidden: expected a finite number of at least 1, received 0
    """
    for name, number in numbers.items():
        if not low <= number < np.inf:
            raise ValueError(f"{name}: expected a finite number of at least {low}, received {number}")
