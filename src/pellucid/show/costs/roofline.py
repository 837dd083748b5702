"""Roofline model of a machine: its rates of operations and bytes, measured once."""

from __future__ import annotations

import functools
from typing import NamedTuple

MINIMUM_SHARE = 0.05
"""Neither operations nor bytes bound a program that reaches less than this share of both peaks."""


class Work(NamedTuple):
    """Operations and bytes of a program.

    Attributes
    ----------
    operations : int
        Arithmetic operations.
    moved : int
        Bytes read and written, with fusion.
    working_set : int
        Bytes of the values that are read or written.
    """

    operations: int
    moved: int
    working_set: int


class Utilization(NamedTuple):
    """Rates that a program reaches on a machine, and their shares of its peaks.

    Attributes
    ----------
    operations_rate, operations_share : float
        Operations per second, and their share of the peak.
    bytes_rate, bytes_share : float or None
        Bytes per second, and their share of the peak of the caches or of memory; None for C loops, which keep values
        in registers.

    Examples
    --------
    >>> machine = Machine(rate=1e11, bandwidth=1e10, peak=2e11)
    >>> reached = machine.get_utilization(Work(10**9, 10**7, 10**7), seconds=0.01)
    >>> reached.bound
    'compute'
    >>> print(reached)
    100 GFLOP/s, 50% of the peak; 1 GB/s, 10%
    """

    operations_rate: float
    operations_share: float
    bytes_rate: float | None
    bytes_share: float | None

    @property
    def bound(self) -> str:
        """``"compute"`` or ``"memory"``, the higher share, or ``"neither"`` if both are below 5 %."""
        share = self.bytes_share or 0.0
        if max(self.operations_share, share) < MINIMUM_SHARE:
            return "neither"
        return "compute" if self.operations_share >= share else "memory"

    def __str__(self) -> str:
        text = f"{self.operations_rate / 1e9:.3g} GFLOP/s, {format_share(self.operations_share)} of the peak"
        if self.bytes_rate is None or self.bytes_share is None:
            return f"{text} of one core"
        return f"{text}; {self.bytes_rate / 1e9:.3g} GB/s, {format_share(self.bytes_share)}"


def format_share(share: float) -> str:
    """Return a share in percent, with a digit more below ten.

    Examples
    --------
    >>> format_share(0.27), format_share(0.0123)
    ('27%', '1.2%')
    """
    return f"{share:.0%}" if share >= 0.0995 else f"{share:.1%}"


class Machine(NamedTuple):
    """Rates of operations and bytes, which bound the speed of a program.

    Attributes
    ----------
    rate : float
        Arithmetic operations per second, in products of large float32 matrices.
    bandwidth : float
        Bytes read and written per second, in memory.
    peak : float
        Operations per second of all cores, in multiply-adds of float32 without memory, or ``rate`` if that is higher,
        as with matrix units. 0 if it was not measured.
    core_peak : float
        The same of the vector registers of one core. 0 if it was not measured.
    cache_bandwidth : float
        Bytes read and written per second in the private caches of all cores. 0 if it was not measured.
    cache_bytes : int
        Size of the last-level cache. 0 if it is unknown.
    cores : int
        Number of cores that this process may use.

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
    peak: float = 0.0
    core_peak: float = 0.0
    cache_bandwidth: float = 0.0
    cache_bytes: int = 0
    cores: int = 1

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

    def get_bandwidth(self, working_set: float) -> float:
        """Return the peak bytes per second for data of this size: those of the caches if the data fit, else of memory.

        Parameters
        ----------
        working_set : float
            Bytes that a program reads and writes again and again.

        Examples
        --------
        >>> machine = Machine(rate=1e11, bandwidth=1e10, cache_bandwidth=1e11, cache_bytes=2**20)
        >>> machine.get_bandwidth(2**18), machine.get_bandwidth(2**22)
        (100000000000.0, 10000000000.0)
        """
        return max(self.bandwidth, self.cache_bandwidth) if working_set <= self.cache_bytes else self.bandwidth

    def get_utilization(self, work: Work, seconds: float) -> Utilization:
        """Compare the rates of a program with the peaks of all cores.

        Parameters
        ----------
        work : Work
            Operations and bytes of the program.
        seconds : float
            Its time.
        """
        rate, moved = work.operations / seconds, work.moved / seconds
        share = moved / self.get_bandwidth(work.working_set)
        return Utilization(rate, rate / (self.peak or self.rate), moved, share)

    def describe_peaks(self) -> str:
        """Return the peaks as a sentence."""
        cores = f"{self.cores} core{'s' * (self.cores != 1)}"
        operations = (
            f"{(self.peak or self.rate) / 1e9:.3g} GFLOP/s on {cores}, {self.rate / 1e9:.3g} in a large product"
        )
        caches = ""
        if self.cache_bytes:
            caches = f", {self.cache_bandwidth / 1e9:.3g} for up to {self.cache_bytes / 2**20:.0f} MiB in the caches"
        return f"Peaks of this machine: {operations}; {self.bandwidth / 1e9:.3g} GB/s in memory{caches}."

    def __str__(self) -> str:
        rate, bandwidth = self.rate / 1e9, self.bandwidth / 1e9
        return f"a machine with {rate:.3g} billion operations and {bandwidth:.3g} billion bytes per second"


def get_core_utilization(work: Work, seconds: float, peak: float) -> Utilization:
    """Compare the operations per second of a C loop with the peak of one core."""
    return Utilization(work.operations / seconds, work.operations / seconds / peak, None, None)


@functools.cache
def measure_core_peak() -> float | None:
    """Measure the operations per second of one core in multiply-adds; None without a C compiler."""
    from pellucid.run.machine_rates import measure_multiply_add_rate

    return measure_multiply_add_rate(1)


@functools.cache
def this_machine() -> Machine:
    """Measure this machine. The first call takes about half a second.

    Operations are those of a matrix product as pellucid compiles it, and of multiply-adds in registers, written in C;
    without a C compiler, the peaks are those of the matrix product. Bytes are those of sums of arrays. Each rate is the
    best of several runs, because other processes can only lower it.

    Examples
    --------
    >>> machine = this_machine()
    >>> 0 < machine.rate <= machine.peak, machine.bandwidth > 0
    (True, True)
    """
    from pellucid.run.jax_runtime import count_cores, jax
    from pellucid.run.machine_rates import (
        find_cache_bytes,
        measure_cache_bandwidth,
        measure_memory_bandwidth,
        measure_multiply_add_rate,
        measure_product_rate,
    )

    rate, cores = measure_product_rate(), count_cores()
    if jax().default_backend() != "cpu":
        bandwidth = measure_memory_bandwidth(0)
        return Machine(rate, bandwidth, rate, rate, bandwidth, 0, cores)
    one, all_cores, cache_bytes = measure_core_peak(), measure_multiply_add_rate(cores), find_cache_bytes()
    return Machine(
        rate,
        measure_memory_bandwidth(cache_bytes),
        peak=max(rate, all_cores or 0.0, one or 0.0),
        core_peak=one or rate / cores,
        cache_bandwidth=cores * measure_cache_bandwidth(),
        cache_bytes=cache_bytes,
        cores=cores,
    )
