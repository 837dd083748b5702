"""What the networks ask of their arguments, kept here so that the formulas stand alone."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def floats(name: str, values: Any, shape: tuple[str | int, ...]) -> Array:
    """The values as an array of finite floats of the given shape.

    Parameters
    ----------
    name : str
        What the caller calls the array; it opens every message.
    values : array_like of float32 or float64
        What was received.
    shape : tuple of str and int
        One entry an axis: its length, or a name where any length will do.

    Returns
    -------
    ndarray
        The values, in the dtype they came in.

    Raises
    ------
    TypeError
        When the values are not floats.
    ValueError
        When the shape is another, the array is empty, or a value is not finite.

    Examples
    --------
    >>> floats("X", [[0.5, 1.0]], ("examples", "inputs")).shape
    (1, 2)
    >>> floats("X", [[1, 2]], ("examples", "inputs"))
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
            f"{name}: expected shape ({expected}), received {array.shape}; put the axes right with {name}.reshape(...)"
        )
    if array.size == 0:
        raise ValueError(f"{name}: expected at least one value along each axis, received shape {array.shape}")
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        place = tuple(int(i) for i in wrong[0])
        raise ValueError(f"{name}: expected finite values, received {array[place]} at {place}; remove or replace it")
    return array


def labels(name: str, values: Any, examples: int, classes: int) -> Array:
    """The values as one integer from 0 to classes - 1 for each example.

    Parameters
    ----------
    name : str
        What the caller calls the labels; it opens every message.
    values : array_like of int
        What was received.
    examples : int
        How many labels there must be.
    classes : int
        How many classes there are.

    Returns
    -------
    ndarray of int, shape (examples,)
        The values.

    Raises
    ------
    TypeError
        When the labels are not integers.
    ValueError
        When their number is not that of the examples, or one is not a class.

    Examples
    --------
    >>> labels("y", [0, 1, 1], examples=3, classes=2)
    array([0, 1, 1])
    >>> labels("y", [0, 1, 2], examples=3, classes=2)
    Traceback (most recent call last):
    ValueError: y: expected classes from 0 to 1, received 2 at 2; count classes from 0, or pass classes=3
    """
    array = np.asarray(values)
    if array.ndim != 1 or len(array) != examples:
        raise ValueError(f"{name}: expected shape ({examples},), one label an example, received {array.shape}")
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"{name}: expected integers, received {array.dtype}; pass {name}.astype(int)")
    wrong = np.flatnonzero((array < 0) | (array >= classes))
    if len(wrong):
        received = int(array[wrong[0]])
        cure = f", or pass classes={int(array.max()) + 1}" if array.min() >= 0 else ""
        raise ValueError(
            f"{name}: expected classes from 0 to {classes - 1}, received {received} at {wrong[0]}; "
            f"count classes from 0{cure}"
        )
    return array


def at_least(least: float, **numbers: float) -> None:
    """Refuse any of the named numbers that is below the least, or not finite.

    Parameters
    ----------
    least : float
        The smallest value allowed.
    **numbers : float
        The numbers, by the names their caller gives them.

    Raises
    ------
    ValueError
        When one is smaller, infinite or not a number.

    Examples
    --------
    >>> at_least(1, hidden=3)
    >>> at_least(1, hidden=0)
    Traceback (most recent call last):
    ValueError: hidden: expected a finite number of at least 1, received 0
    """
    for name, number in numbers.items():
        if not least <= number < np.inf:
            raise ValueError(f"{name}: expected a finite number of at least {least}, received {number}")
