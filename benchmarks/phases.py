"""Measurements of a benchmark process: seconds of each phase, peak memory, and the result of training."""

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
    """Times the phases of a run.

    Attributes
    ----------
    seconds : dict from str to float
        ``"import"``, ``"build"`` (graphs, compilation, a first step) and ``"train"``.
    fraction : float
        Fraction of the work that was done; the training time is divided by it.
    peak_bytes : int
        Peak memory of the process up to the end of the last phase, so that evaluation does not count.
    """

    def __init__(self) -> None:
        self.seconds = {"import": 0.0, "build": 0.0, "train": 0.0}
        self.fraction = 1.0
        self.peak_bytes = 0

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Add the time of a ``with`` block to a phase."""
        start = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - start
        self.peak_bytes = get_peak_bytes()

    def shorten(self, steps: int, fraction: float) -> int:
        """Return the number of steps for a fraction of the work, and record the fraction."""
        self.fraction = fraction
        return max(1, int(steps * fraction))


def collect_measurements(phases: Phases, results: Mapping[str, float]) -> dict[str, Any]:
    """Return the measurements for the parent process."""
    seconds = dict(phases.seconds)
    seconds["train"] /= phases.fraction
    return {
        "seconds": seconds,
        "fraction": phases.fraction,
        "results": dict(results),
        "peak_bytes": phases.peak_bytes,
    }


def get_peak_bytes() -> int:
    """Return the peak memory of this process.

    On Linux it is read from ``/proc``, because ``getrusage`` includes the memory of the parent before ``exec``.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM"))
        return 1024 * int(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def run(name: str, library: str) -> None:
    """Run one workload with one library in this process, and print the measurements as the last line."""
    sys.path.insert(0, str(Path(__file__).parent))
    from workloads import load_workload

    phases = Phases()
    results = getattr(load_workload(name), f"by_{library}")(phases)
    print("\n" + json.dumps(collect_measurements(phases, results)))


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    run(*sys.argv[1:])
