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
from threadpoolctl import threadpool_limits

from pellucid.run.jax_runtime import count_cores

MAX_LOOP_RATIO = 20
"""How many times the floor a hand-written C loop may take."""

MAX_ACCURACY_DIFFERENCE = 0.02
"""By how much the accuracy of a C loop may differ from that of a library."""


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
    """Measure the rates of large products, of memory, and of the loops of small networks, per second.

    ``operations`` is the faster of NumPy's and pellucid's product, which may use matrix units. For ``bytes``, each core
    adds arrays of 4 MiB, the size of weights rather than of data sets. ``loop_operations`` and ``functions`` are those
    of one core, because each step of a small network needs the one before it: a product with vector registers, and
    exponentials in the cache, the faster of NumPy's and pellucid's.
    """
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((1024, 1024), dtype="float32") for _ in range(2))
    parts = [[np.ones(2**20, "float32") for _ in range(3)] for _ in range(count_cores())]

    def add(part: list[Any]) -> None:
        x, y, z = part
        for _ in range(10):
            np.add(x, y, out=z)

    with ThreadPoolExecutor(len(parts)) as threads:
        added = get_best_time(lambda: list(threads.map(add, parts)))
    with threadpool_limits(1):
        one_core = get_best_time(lambda: np.matmul(a[:512, :512], b[:512, :512]))
    return {
        "operations": 2 * 1024**3 / min(get_best_time(lambda: np.matmul(a, b)), time_product(a, b)),
        "bytes": 10 * sum(array.nbytes for part in parts for array in part) / added,
        "loop_operations": 2 * 512**3 / one_core,
        "functions": 1000 * 1024 / min(time_exponentials()),
    }


def time_product(a: Any, b: Any) -> float:
    """Return the shortest time of pellucid's matrix product, from the call until its result is computed."""
    import jax

    import pellucid as pel

    product = pel.shared(np.zeros_like(a), "product")
    run = pel.function([], updates={product: pel.shared(a, "a") @ pel.shared(b, "b")})

    def run_and_wait() -> None:
        run()  # returns before the product is computed
        jax.block_until_ready(product.storage)

    seconds = get_best_time(run_and_wait)
    check_equal("matrix product", product.get_value(), a @ b)
    return seconds


def time_exponentials() -> tuple[float, float]:
    """Return the shortest times of 1,000 times 1,024 exponentials in NumPy and in pellucid."""
    import pellucid as pel

    start = np.linspace(0, 1, 1024, dtype="float32")
    x = pel.shared(start, "x")
    loop = pel.function([], updates={x: pel.exp(-x)})
    loop.repeat(1)  # compiles
    check_equal("exponential", x.get_value(), np.exp(-start))

    def run_numpy() -> None:
        for _ in range(1000):
            np.exp(start, out=result)

    result = np.empty_like(start)
    return get_best_time(run_numpy), get_best_time(lambda: loop.repeat(1000))


def check_equal(name: str, found: Any, expected: Any) -> None:
    """Raise if a measured program did not compute the expected result."""
    error = float(np.abs(found - expected).max() / np.abs(expected).max())
    if not error < 1e-4:
        raise RuntimeError(f"The {name} that is timed is wrong by {error:.2g} of its largest element")


def get_best_time(run: Callable[[], Any], times: int = 7) -> float:
    """Return the shortest time of several calls."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return min(found)


def compute_floor(work: dict[str, float], rates: dict[str, float]) -> float:
    """Return a lower bound of the time in seconds: the longest of the times for each kind of work."""
    return max(amount / rates[kind] for kind, amount in work.items())


def check_floor(found: dict[str, Any]) -> list[str]:
    """Return the problems of the floor of a workload.

    It must not exceed any measured time, nor be less than 1/`MAX_LOOP_RATIO` of a hand-written C loop, which must
    compute the result of the libraries.
    """
    floor, problems = found["floor"], []
    libraries = {name: one for name, one in found["libraries"].items() if "error" not in one}
    loop = found.get("c_loop", {})
    times = {name: one["train_min"] for name, one in libraries.items()}
    if "train" in loop:
        times["C loop"] = loop["train"]
        ratio = loop["train"] / floor
        if ratio > MAX_LOOP_RATIO:
            problems.append(
                f"{found['title']}: the floor of {1000 * floor:.3g} ms is too low: a C loop takes {ratio:.0f} times as "
                f"long, and {MAX_LOOP_RATIO} times is allowed"
            )
        for name, one in libraries.items():
            if abs(loop["accuracy"] - one["accuracy"]) > MAX_ACCURACY_DIFFERENCE:
                problems.append(
                    f"{found['title']}: the C loop reaches accuracy {loop['accuracy']:.3f}, and {name} "
                    f"{one['accuracy']:.3f}"
                )
    for name, seconds in times.items():
        if seconds < floor:
            problems.append(
                f"{found['title']}: the floor of {1000 * floor:.3g} ms is no lower bound: {name} took "
                f"{1000 * seconds:.3g} ms"
            )
    return problems
