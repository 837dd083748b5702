"""Roofline model of a machine: its arithmetic rate and memory bandwidth, measured once."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

MATRIX_ROWS = 1024
"""Size of the matrices whose product is timed."""

COPIED_BYTES = 64 * 2**20
"""Size of the array whose copy is timed. It is larger than most caches."""


class Machine(NamedTuple):
    """Arithmetic rate and memory bandwidth, which bound the speed of a program.

    Attributes
    ----------
    rate : float
        Arithmetic operations per second, in products of large float32 matrices.
    bandwidth : float
        Bytes read and written per second.

    Examples
    --------
    >>> machine = Machine(rate=1e11, bandwidth=1e10)
    >>> machine.seconds(operations=2_000_000, moved=1_000_000)
    0.0001
    >>> print(machine)
    a machine with 100 billion operations and 10 billion bytes per second
    """

    rate: float
    bandwidth: float

    def seconds(self, operations: float, moved: float) -> float:
        """Return the lower bound of the time for some operations and bytes: the maximum of both times.

        Parameters
        ----------
        operations : float
            Number of operations.
        moved : float
            Bytes that are read and written.
        """
        return max(operations / self.rate, moved / self.bandwidth)

    def __str__(self) -> str:
        rate, bandwidth = self.rate / 1e9, self.bandwidth / 1e9
        return f"a machine with {rate:.3g} billion operations and {bandwidth:.3g} billion bytes per second"


@functools.cache
def this_machine() -> Machine:
    """Measure this machine with NumPy's matrix product and array copy. The first call takes a moment.

    Examples
    --------
    >>> machine = this_machine()
    >>> machine.rate > 0, machine.bandwidth > 0
    (True, True)
    """
    a = np.ones((MATRIX_ROWS, MATRIX_ROWS), np.float32)
    source, target = np.ones(COPIED_BYTES, np.uint8), np.empty(COPIED_BYTES, np.uint8)
    product = np.empty_like(a)
    rate = 2 * MATRIX_ROWS**3 / measure_fastest(lambda: np.matmul(a, a, out=product))
    return Machine(rate, 2 * COPIED_BYTES / measure_fastest(lambda: np.copyto(target, source)))


def measure_fastest(work: Callable[[], object], rounds: int = 5) -> float:
    """Return the shortest run time in seconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)
