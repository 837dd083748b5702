"""What this machine can do: arithmetic operations and bytes a second, measured once."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

MATRIX = 1024
"""Rows of the matrices whose product is timed."""

COPIED = 64 * 2**20
"""Bytes of the array that is copied, more than a cache holds."""


class Machine(NamedTuple):
    """Two numbers that bound how fast a program can be.

    Attributes
    ----------
    rate : float
        Arithmetic operations a second, in products of large float32 matrices.
    bandwidth : float
        Bytes read and written a second.

    Examples
    --------
    >>> machine = Machine(rate=1e11, bandwidth=1e10)
    >>> machine.seconds(operations=2_000_000, moved=1_000_000)
    0.0001
    >>> print(machine)
    a machine of 100 billion operations and 10 billion bytes a second
    """

    rate: float
    bandwidth: float

    def seconds(self, operations: float, moved: float) -> float:
        """Return the least time that so many operations and bytes take: the longer of the two."""
        return max(operations / self.rate, moved / self.bandwidth)

    def __str__(self) -> str:
        rate, bandwidth = self.rate / 1e9, self.bandwidth / 1e9
        return f"a machine of {rate:.3g} billion operations and {bandwidth:.3g} billion bytes a second"


@functools.cache
def this_machine() -> Machine:
    """Measure this machine, which takes a moment the first time.

    Returns
    -------
    Machine
        By NumPy's product of matrices and copy of an array, the best of several.
    """
    a = np.ones((MATRIX, MATRIX), np.float32)
    source, target = np.ones(COPIED, np.uint8), np.empty(COPIED, np.uint8)
    product = np.empty_like(a)
    rate = 2 * MATRIX**3 / best(lambda: np.matmul(a, a, out=product))
    return Machine(rate, 2 * COPIED / best(lambda: np.copyto(target, source)))


def best(work: Callable[[], Any], rounds: int = 5) -> float:
    """Return the shortest of the times that something takes, in seconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def duration(seconds: float) -> str:
    """Write a time in the unit that suits it.

    Examples
    --------
    >>> duration(2.5), duration(0.0012), duration(3.4e-6)
    ('2.5 s', '1.2 ms', '3.4 µs')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
