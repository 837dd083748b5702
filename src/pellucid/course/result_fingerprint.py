"""Fingerprints of arrays: three numbers by which a page recognizes the result of a wrong answer."""

from __future__ import annotations

import numpy as np

from pellucid.typing import ArrayLike

FREQUENCY = 0.7390851332151607
TOLERANCE = 1e-6


def compute_fingerprint(values: ArrayLike) -> tuple[float, float, float]:
    r"""Return three weighted sums of the elements, :math:`f_k = \sum_i v_i \cos(c (k+1) (i+1))`.

    The weights :math:`c (k+1) (i+1)` differ between positions, so arrays with exchanged elements differ too.

    Parameters
    ----------
    values : array-like
        Any shape; elements count in row-major order from 0.

    Returns
    -------
    tuple of 3 floats

    Examples
    --------
    >>> compute_fingerprint([1.0, 0.0]) == compute_fingerprint([0.0, 1.0])
    False
    """
    flat = np.asarray(values, dtype=np.float64).ravel()
    positions = np.arange(1, flat.size + 1)
    first, second, third = (float(flat @ np.cos(k * positions * FREQUENCY)) for k in (1, 2, 3))
    return first, second, third


def have_equal_fingerprints(left: ArrayLike, right: ArrayLike) -> bool:
    """Check whether two arrays are taken as equal: their shapes, apart from outer axes of length 1, and fingerprints.

    Examples
    --------
    >>> have_equal_fingerprints([[1.0, 2.0]], [1.0, 2.0 + 1e-9]), have_equal_fingerprints([1.0, 2.0], [2.0, 1.0])
    (True, False)
    """
    a, b = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if strip_shape(a.shape) != strip_shape(b.shape) or not np.isfinite(a).all():
        return False
    tolerance = TOLERANCE * (1 + float(np.abs(a).sum()))
    pairs = zip(compute_fingerprint(a), compute_fingerprint(b), strict=True)
    return all(abs(f - g) <= tolerance for f, g in pairs)


def strip_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without leading and trailing axes of length 1.

    Examples
    --------
    >>> strip_shape((1, 3)), strip_shape((3, 1, 2, 1)), strip_shape((1, 1))
    ((3,), (3, 1, 2), ())
    """
    first, last = 0, len(shape)
    while first < last and shape[first] == 1:
        first += 1
    while last > first and shape[last - 1] == 1:
        last -= 1
    return shape[first:last]
