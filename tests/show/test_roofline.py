"""Rates and shares of a machine's peaks."""

import pytest

from pellucid.show.costs.roofline import Machine, Work, format_share, get_core_utilization

MACHINE = Machine(1e11, 1e10, peak=2e11, core_peak=1e11, cache_bandwidth=1e11, cache_bytes=2**20, cores=2)


def test_bytes_are_compared_with_the_caches_if_the_working_set_fits() -> None:
    inside, outside = (MACHINE.get_utilization(Work(10**8, 10**6, size), 0.001) for size in (2**20, 2**20 + 1))
    assert inside == (1e11, 0.5, 1e9, 0.01)
    assert outside == (1e11, 0.5, 1e9, 0.1)
    assert Machine(1e11, 1e10).get_utilization(Work(10**8, 10**6, 1), 0.001) == (1e11, 1.0, 1e9, 0.1)


@pytest.mark.parametrize(
    ("operations", "moved", "bound"),
    [(10**8, 10**6, "compute"), (10**7, 2 * 10**6, "memory"), (10**7 - 10**5, 10**5, "neither"), (0, 0, "neither")],
)
def test_the_higher_share_is_the_bound(operations: int, moved: int, bound: str) -> None:
    assert MACHINE.get_utilization(Work(operations, moved, 2**30), 0.001).bound == bound


def test_a_c_loop_is_compared_with_one_core() -> None:
    reached = get_core_utilization(Work(10**8, 10**6, 10**6), 0.002, MACHINE.core_peak)
    assert (reached.operations_share, reached.bytes_rate, reached.bound) == (0.5, None, "compute")
    assert str(reached) == "50 GFLOP/s, 50% of the peak of one core"


def test_rates_and_peaks_as_text() -> None:
    assert str(MACHINE.get_utilization(Work(10**8, 10**6, 10**6), 0.001)) == (
        "100 GFLOP/s, 50% of the peak; 1 GB/s, 1.0%"
    )
    assert MACHINE.describe_peaks() == (
        "Peaks of this machine: 200 GFLOP/s on 2 cores, 100 in a large product; 10 GB/s in memory, 100 for up to 1 MiB "
        "in the caches."
    )
    assert Machine(1e11, 1e10).describe_peaks() == (
        "Peaks of this machine: 100 GFLOP/s on 1 core, 100 in a large product; 10 GB/s in memory."
    )
    assert [format_share(share) for share in (1.5, 0.0996, 0.0994)] == ["150%", "10%", "9.9%"]
