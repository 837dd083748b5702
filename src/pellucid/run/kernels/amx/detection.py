"""Units for matrices, which some processors have beside those for vectors."""

from __future__ import annotations

import ctypes
import functools
import platform
import sys

from pellucid.run.compilation_cache import processor
from pellucid.run.native.compiler import library
from pellucid.run.native.errors import NotNative

ARCH_PRCTL, ASK_FOR_STATE, TILES = 158, 0x1023, 18
"""The call of Linux by which a process asks for more registers, what it asks, and for which: those that hold tiles."""

PROBE = 'void probe(void) { asm volatile("tilezero %tmm0; tdpbf16ps %tmm2, %tmm1, %tmm0; tilerelease"); }'
"""What an older assembler does not know."""


@functools.cache
def matrix_units() -> bool:
    """Tell whether the processor multiplies tiles of numbers of sixteen bits, and the system lets us."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return False
    able = processor().split()
    if not {"amx_tile", "amx_bf16", "avx512f", "avx512bw"} <= set(able):
        return False
    asked: int = ctypes.CDLL(None).syscall(ARCH_PRCTL, ASK_FOR_STATE, TILES)
    return asked == 0 and is_assembled(PROBE)


def is_assembled(code: str) -> bool:
    """Tell whether the compiler of this machine makes something of code."""
    try:
        library(code)
    except NotNative:
        return False
    return True
