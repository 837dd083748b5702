"""When memory that the allocator keeps is handed back after all: where keeping it is waste."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from pellucid.run.jax_runtime import keeps_memory

STRAY_BYTES = 32 * 2**20
"""By how much a process may grow while a program runs once more, before what lies free is handed back."""


def hand_back() -> None:
    """Hand back what lies free: what a compiler has left, or a place that is too small now for what was in it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if keeps_memory() else None
    if trim is not None:
        trim(0)


def resident() -> int:
    """Return how many bytes of memory the process has, or 0 where nobody tells."""
    if not keeps_memory():
        return 0
    try:
        pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


class Settled:
    """Watches over a program that runs again and again: it needs its memory once, and not each time in another place.

    What a run leaves free is taken apart by the next small array, and the next run takes new memory beside it. The old
    one is handed back when that shows, but once only: the memory of a run is faulted in anew each time.
    """

    def __init__(self) -> None:
        self.most, self.done = 0, False

    def look(self) -> None:
        """Look after a run whether the process has grown since those before."""
        if self.done:
            return
        now = resident()
        if self.most and now - self.most > STRAY_BYTES:
            hand_back()
            self.done = True
        else:
            self.most = max(self.most, now)
