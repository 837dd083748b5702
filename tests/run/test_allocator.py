"""Trimming of memory that the allocator keeps."""

import sys
from pathlib import Path

import numpy as np
import pytest

import pellucid as pel
from pellucid.run import allocator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="malloc_trim is glibc's")


@pytest.fixture
def trims(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A log of the calls of `trim_memory`, which does nothing."""
    log: list[str] = []
    monkeypatch.setattr(allocator, "trim_memory", lambda: log.append("trim"))
    return log


def run_with_sizes(sizes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Apply the policy to a process that has these sizes in MiB after each run."""
    policy = allocator.TrimPolicy()
    for size in sizes:
        monkeypatch.setattr(allocator, "get_resident_bytes", lambda size=size: size * 2**20)
        policy.check_growth()


@pytest.mark.parametrize(
    ("sizes", "times"),
    [
        ([300, 300, 310, 320, 320], 0),
        ([300, 400, 400], 1),  # new memory for the second run
        ([300, 400, 300, 300], 1),  # trimmed, and taken again
        ([300, 400, 300, 400, 300, 300], 1),  # once only, because trimmed memory is faulted in again
        ([300, 200, 300, 310], 0),
        ([0, 0, 0], 0),  # the size is unknown
    ],
)
def test_memory_is_trimmed_once_if_the_process_grows(
    sizes: list[int], times: int, trims: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_with_sizes(sizes, monkeypatch)
    assert len(trims) == times


def test_the_size_is_zero_if_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, encoding: str) -> str:
        raise FileNotFoundError(self)

    monkeypatch.setattr(allocator, "keeps_memory", lambda: True)
    monkeypatch.setattr(Path, "read_text", fail)
    assert allocator.get_resident_bytes() == 0


@pytest.mark.slow
def test_trimming_returns_memory_to_the_system() -> None:
    if not allocator.keeps_memory():
        pytest.skip("the environment configures the allocator")
    small = [np.ones(2**13) for _ in range(3000)]  # 190 MiB, in pieces below the mmap threshold
    kept, small = small[::100], []
    before = allocator.get_resident_bytes()
    allocator.trim_memory()
    assert allocator.get_resident_bytes() < before
    assert sum(float(part.sum()) for part in kept) == len(kept) * 2**13


def test_memory_is_trimmed_after_compilation(trims: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.run.compilation_cache.trim_memory", lambda: trims.append("compiled"))
    x = pel.vector("x")
    f = pel.function([x], 2 * x, mode="xla")
    f([1.0]), f([2.0]), f([1.0, 2.0])
    assert trims == ["compiled", "compiled"]
