"""Description of the machine, its arithmetic and memory rates, and the lower bounds that follow from them."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.run.jax_runtime import count_cores


def describe() -> dict[str, Any]:
    """Return the processor, the usable cores, the memory, the system, the Python version and the load."""
    return {
        "processor": get_processor_name(),
        "cores": count_cores(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def get_processor_name() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def measure_rates() -> dict[str, float]:
    """Measure operations per second of a large matrix product, and bytes per second of vector sums.

    The product is the faster of NumPy's and pellucid's, which may use matrix units. For the sums, each core adds arrays
    of 4 MiB, the size of weights rather than of data sets.
    """
    import pellucid as pel

    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((1024, 1024), dtype="float32") for _ in range(2))
    parts = [[np.ones(2**20, "float32") for _ in range(3)] for _ in range(count_cores())]
    made = pel.shared(a, "made")
    ours = pel.function([], updates={made: pel.shared(a, "a") @ pel.shared(b, "b")})

    def add(part: list[Any]) -> None:
        x, y, z = part
        for _ in range(10):
            np.add(x, y, out=z)

    with ThreadPoolExecutor(len(parts)) as threads:
        added = get_best_time(lambda: list(threads.map(add, parts)))
    return {
        "operations": 2 * 1024**3 / min(get_best_time(lambda: np.matmul(a, b)), get_best_time(ours)),
        "bytes": 10 * sum(array.nbytes for part in parts for array in part) / added,
    }


def get_best_time(run: Callable[[], Any], times: int = 7) -> float:
    """Return the shortest time of several calls."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return min(found)


def compute_floor(work: dict[str, float], rates: dict[str, float]) -> float:
    """Return a lower bound of the time in seconds: the longer of the times for the arithmetic and for the bytes."""
    return max(work["operations"] / rates["operations"], work["bytes"] / rates["bytes"])
