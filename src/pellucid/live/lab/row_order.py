"""Order and padding of the rows, so that the page divides them without further random numbers.

The page holds out consecutive rows, and mini-batches are consecutive training rows. Rows are therefore stored in random
order, with the classes evenly spread: every part has nearly the same fraction of each class.
"""

from __future__ import annotations

import bisect

import numpy as np

from pellucid.typing import Array

SIZES: tuple[int, ...] = tuple(2**k for k in range(6, 16))
"""Numbers of places for rows. Compiled modules depend on it, so few sizes make the cache useful."""

FREE = 8
"""Minimum number of free places, for points that a reader adds."""

MAX_ROWS = SIZES[-1] - FREE


def count_places(rows: int) -> int:
    """Return the number of places for rows.

    Examples
    --------
    >>> count_places(50), count_places(60)
    (64, 128)
    """
    return SIZES[bisect.bisect_left(SIZES, rows + FREE)]


def order_rows(classes: Array | None, count: int) -> Array:
    """Return a random order of the rows with the members of each class at equal distances."""
    rng = np.random.default_rng(0)
    labels = np.zeros(count, int) if classes is None else classes
    position = np.empty(count)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        position[members] = (np.arange(len(members)) + rng.random()) / len(members)
    return np.argsort(position)
