"""Measured rates of this machine: operations and bytes per second of one core and of all."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.graph.expr import Shared
from pellucid.graph.ops.matmul import matmul
from pellucid.run.function_builder import function
from pellucid.run.jax_runtime import count_cores, jax
from pellucid.run.native.compiler import load_library
from pellucid.run.native.errors import NotNative

MATRIX_ROWS = 1024
"""Size of the matrices whose product is timed."""

MULTIPLY_ADD_ROUNDS = 500_000
"""Rounds of multiply-adds of one measurement, which take about a millisecond."""

CACHED_ELEMENTS = 2**14
"""Elements of each of three float32 arrays that together fit into the private cache of a core."""

CACHED_REPEATS = 200
"""Number of sums of arrays in the cache of one measurement."""

SUMMED_BYTES = 96 * 2**20, 512 * 2**20
"""Minimum and maximum size of the arrays whose sum measures the memory."""

CACHE_FOLDER = Path("/sys/devices/system/cpu/cpu0/cache")


def measure_product_rate() -> float:
    """Measure the operations per second of a product of large float32 matrices, as pellucid compiles it.

    Raises
    ------
    RuntimeError
        If the result is wrong.
    """
    a, b = np.random.default_rng(0).standard_normal((2, MATRIX_ROWS, MATRIX_ROWS), dtype="float32")
    product = Shared(np.zeros_like(a), "product")
    run = function([], updates={product: matmul(Shared(a, "a"), Shared(b, "b"))})

    def run_and_wait() -> None:
        run()  # returns before the product is computed
        jax().block_until_ready(product.storage)

    seconds = measure_fastest(run_and_wait)
    check_equal(product.get_value(), a @ b)
    return 2 * MATRIX_ROWS**3 / seconds


def check_equal(found: Any, expected: Any) -> None:
    """Raise if a product that is timed is wrong, because its rate would be wrong too."""
    error = float(np.abs(found - expected).max() / np.abs(expected).max())
    if not error < 1e-4:
        raise RuntimeError(f"The matrix product that is timed is wrong by {error:.2g} of its largest element")


def measure_multiply_add_rate(cores: int) -> float | None:
    """Measure the operations per second of multiply-adds in vector registers on some cores; None without a compiler."""
    try:
        library = load_library(Path(__file__).with_name("core_rate.c").read_text("utf-8"))
    except NotNative:
        return None
    library.run.restype = ctypes.c_int64
    rounds, half = ctypes.c_int64(MULTIPLY_ADD_ROUNDS), ctypes.c_float(0.5)
    operations: int = library.run(rounds, half, half, ctypes.byref(ctypes.c_float()))

    def measure_core(_: int) -> float:
        total = ctypes.c_float()
        return operations / measure_fastest(lambda: library.run(rounds, half, half, ctypes.byref(total)), rounds=15)

    # Each thread keeps its own best time, because other processes rarely leave all cores alone at once.
    with ThreadPoolExecutor(cores) as threads:
        return sum(threads.map(measure_core, range(cores)))


def measure_memory_bandwidth(cache_bytes: int) -> float:
    """Measure the bytes per second of sums of arrays that are larger than the caches, with all cores."""
    if jax().default_backend() != "cpu":
        return measure_device_bandwidth()
    cores = count_cores()
    size = int(np.clip(4 * cache_bytes, *SUMMED_BYTES)) // (12 * cores)
    parts = [[np.ones(size, np.float32) for _ in range(3)] for _ in range(cores)]
    seconds = measure_on_cores(lambda part: np.add(part[0], part[1], out=part[2]), parts)
    return 12 * size * cores / seconds


def measure_device_bandwidth() -> float:
    """Measure the bytes per second of a sum of arrays on an accelerator."""
    j = jax()
    a = j.device_put(np.ones(SUMMED_BYTES[0] // 12, np.float32))
    add = j.jit(lambda x, y: x + y).lower(a, a).compile()
    b = j.device_put(np.full_like(a, 2))
    return 3 * float(a.nbytes) / measure_fastest(lambda: add(a, b).block_until_ready())


def measure_cache_bandwidth() -> float:
    """Measure the bytes per second of sums of arrays in the private cache of one core."""
    x, y, z = (np.ones(CACHED_ELEMENTS, np.float32) for _ in range(3))

    def run() -> None:
        for _ in range(CACHED_REPEATS):
            np.add(x, y, out=z)

    return CACHED_REPEATS * 3 * x.nbytes / measure_fastest(run)


def find_cache_bytes(folder: Path = CACHE_FOLDER) -> int:
    """Return the size of the last-level cache; 0 where the system does not tell it."""
    try:
        texts = [path.read_text("utf-8").strip() for path in folder.glob("index*/size")]
    except OSError:
        return 0
    units = {"K": 2**10, "M": 2**20, "G": 2**30}
    return max((int(text[:-1]) * units[text[-1]] for text in texts if text[-1:] in units), default=0)


def measure_on_cores(run: Callable[[Any], object], parts: Sequence[Any]) -> float:
    """Return the shortest time to run all parts, each in a thread."""
    with ThreadPoolExecutor(len(parts)) as threads:
        return measure_fastest(lambda: list(threads.map(run, parts)))


def measure_fastest(work: Callable[[], object], rounds: int = 7) -> float:
    """Return the shortest run time in seconds, after a first run that is not counted."""
    work()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)
