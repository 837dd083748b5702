"""Description of the machine, its arithmetic and memory rates, and the lower bounds that follow from them."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

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
    """Measure the peak rates of this machine per second, with the functions of the library.

    ``operations`` is the faster of multiply-adds in the registers of all cores and of pellucid's matrix product, which
    may use matrix units. ``loop_operations`` is that of the registers of one core, because each step of a small network
    needs the one before it. ``bytes`` is that of memory, and ``cache_bytes`` that of the caches, which hold
    ``cache_size`` bytes.
    """
    from pellucid.show import this_machine

    machine = this_machine()
    return {
        "operations": machine.peak,
        "loop_operations": machine.core_peak,
        "bytes": machine.bandwidth,
        "cache_bytes": machine.cache_bandwidth,
        "cache_size": machine.cache_bytes,
    }


def compute_floor(work: dict[str, float], rates: dict[str, float]) -> float:
    """Return a lower bound of the time in seconds: the longest of the times for each kind of work.

    ``bytes`` come from memory, unless all values that the steps use, ``working_set`` bytes, fit into the caches.
    """
    in_cache = work.get("working_set", 0) <= rates.get("cache_size", 0)
    kinds = {"bytes": "cache_bytes"} if in_cache else {}
    return max(amount / rates[kinds.get(kind, kind)] for kind, amount in work.items() if kind != "working_set")


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
