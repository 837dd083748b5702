"""The machine that figures come from: what it is, and what its arithmetic and its memory allow."""

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


def described() -> dict[str, Any]:
    """Return the processor, the cores this process may use, the memory, the system and the Python."""
    return {
        "processor": processor(),
        "cores": count_cores(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def processor() -> str:
    """Return the name of the processor."""
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def rates() -> dict[str, float]:
    """Measure the best rates of this moment: operations a second of a large product, bytes a second of long sums.

    A product is NumPy's or ours, which may use other units of the processor; the quicker one counts. Each core adds
    numbers up that fit into the caches together, as the weights of networks do.
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
        added = best(lambda: list(threads.map(add, parts)))
    return {
        "operations": 2 * 1024**3 / min(best(lambda: np.matmul(a, b)), best(ours)),
        "bytes": 10 * sum(array.nbytes for part in parts for array in part) / added,
    }


def best(run: Callable[[], Any], times: int = 7) -> float:
    """Return the shortest of some times."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return min(found)


def floor_seconds(work: dict[str, float], rates: dict[str, float]) -> float:
    """Return how long work takes at least: the longer of what its arithmetic and its bytes take."""
    return max(work["operations"] / rates["operations"], work["bytes"] / rates["bytes"])
