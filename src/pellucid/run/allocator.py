"""Returning memory to the system that the allocator keeps, in the cases where keeping it is waste."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from pellucid.run.jax_runtime import keeps_memory

MAX_GROWTH_BYTES = 32 * 2**20
"""Growth of the process from one run of a program to the next after which free memory is returned."""


def trim_memory() -> None:
    """Return free memory to the system, such as the memory that a compiler has freed."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if keeps_memory() else None
    if trim is not None:
        trim(0)


def get_resident_bytes() -> int:
    """Return the resident memory of the process, or 0 if it is unknown."""
    if not keeps_memory():
        return 0
    try:
        pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


class TrimPolicy:
    """Trims memory once, when a program that runs repeatedly grows.

    Small arrays break up the memory that a run frees, so the next run may take new memory instead. Trimming then
    returns the old memory. It happens only once, because each trim makes the next run fault its memory in again.
    """

    def __init__(self) -> None:
        self.max_resident, self.trimmed = 0, False

    def check_growth(self) -> None:
        """Trim if the process has grown since the runs before. To be called after each run."""
        if self.trimmed:
            return
        now = get_resident_bytes()
        if self.max_resident and now - self.max_resident > MAX_GROWTH_BYTES:
            trim_memory()
            self.trimmed = True
        else:
            self.max_resident = max(self.max_resident, now)
