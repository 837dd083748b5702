"""Memory that lies free is handed back where keeping it is waste, and nowhere else."""

import sys
from pathlib import Path

import numpy as np
import pytest

import pellucid as pel
from pellucid.run import allocator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="malloc_trim is glibc's")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How often memory is handed back, with a process of made-up sizes."""
    handed: list[str] = []
    monkeypatch.setattr(allocator, "hand_back", lambda: handed.append("back"))
    return handed


def watched(sizes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Look after runs of a process that has so many MiB after each."""
    settled = allocator.Settled()
    for size in sizes:
        monkeypatch.setattr(allocator, "resident", lambda size=size: size * 2**20)
        settled.look()


@pytest.mark.parametrize(
    ("sizes", "times"),
    [
        ([300, 300, 310, 320, 320], 0),
        ([300, 400, 400], 1),  # a second place
        ([300, 400, 300, 300], 1),  # handed back, and taken once more in the same place
        ([300, 400, 300, 400, 300, 300], 1),  # once only, for what is handed back is faulted in anew
        ([300, 200, 300, 310], 0),
        ([0, 0, 0], 0),  # nobody tells
    ],
)
def test_a_program_that_takes_memory_anew_at_each_run_hands_the_old_one_back(
    sizes: list[int], times: int, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    watched(sizes, monkeypatch)
    assert len(told) == times


def test_where_nobody_tells_it_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(self: Path, encoding: str) -> str:
        raise FileNotFoundError(self)

    monkeypatch.setattr(allocator, "keeps_memory", lambda: True)
    monkeypatch.setattr(Path, "read_text", absent)
    assert allocator.resident() == 0


def test_what_lies_free_goes_back_to_the_system() -> None:
    if not allocator.keeps_memory():
        pytest.skip("the allocator is set up from outside")
    small = [np.ones(2**13) for _ in range(3000)]  # 190 MiB, in pieces that are not mapped
    kept, small = small[::100], []
    before = allocator.resident()
    allocator.hand_back()
    assert allocator.resident() < before
    assert sum(float(part.sum()) for part in kept) == len(kept) * 2**13


def test_compilers_leave_nothing_behind(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.run.compilation_cache.hand_back", lambda: told.append("compiled"))
    x = pel.vector("x")
    f = pel.function([x], 2 * x, mode="xla")
    f([1.0]), f([2.0]), f([1.0, 2.0])
    assert told == ["compiled", "compiled"]
