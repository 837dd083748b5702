"""What a benchmark's child process measures: the seconds of each phase, memory, and what came out."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


class Phases:
    """The seconds of a run, phase by phase.

    Attributes
    ----------
    seconds : dict from str to float
        ``"import"``, ``"build"`` (graphs, compiling, a first step) and ``"train"``.
    share : float
        What part of the work was done; the time of training is divided by it.
    peak_bytes : int
        The most memory that the process had had when training ended: what looks at the outcome is no part of it.
    """

    def __init__(self) -> None:
        self.seconds = {"import": 0.0, "build": 0.0, "train": 0.0}
        self.share = 1.0
        self.peak_bytes = 0

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time what is done meanwhile."""
        start = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - start
        self.peak_bytes = peak_bytes()

    def part(self, steps: int, share: float) -> int:
        """Return how many of the steps are done by a library that would take too long for all of them."""
        self.share = share
        return max(1, int(steps * share))


def measured(phases: Phases, results: Mapping[str, float]) -> dict[str, Any]:
    """Return everything that the parent wants to know."""
    seconds = dict(phases.seconds)
    seconds["train"] /= phases.share
    return {"seconds": seconds, "share": phases.share, "results": dict(results), "peak_bytes": phases.peak_bytes}


def peak_bytes() -> int:
    """Return the most memory that this program has had.

    Where Linux tells, by what it says of the program: ``getrusage`` counts the process that started it too.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM"))
        return 1024 * int(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def run(name: str, library: str) -> None:
    """Run one workload by one library in this process, and write what was measured as the last line."""
    sys.path.insert(0, str(Path(__file__).parent))
    from workloads import workload

    phases = Phases()
    results = getattr(workload(name), f"by_{library}")(phases)
    print("\n" + json.dumps(measured(phases, results)))


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    run(*sys.argv[1:])
