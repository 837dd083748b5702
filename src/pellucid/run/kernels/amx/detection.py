"""Detection of AMX, the matrix units of some x86 processors."""

from __future__ import annotations

import ctypes
import functools
import platform
import sys

from pellucid.run.compilation_cache import processor
from pellucid.run.native.compiler import load_library
from pellucid.run.native.errors import NotNative

SYS_ARCH_PRCTL, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA = 158, 0x1023, 18
"""Linux system call, operation and feature with which a process asks for permission to use tile registers."""

AMX_PROBE = 'void probe(void) { asm volatile("tilezero %tmm0; tdpbf16ps %tmm2, %tmm1, %tmm0; tilerelease"); }'
"""Instructions that older assemblers do not know."""


@functools.cache
def has_amx() -> bool:
    """Whether processor, operating system and assembler support AMX with bfloat16."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return False
    if not {"amx_tile", "amx_bf16", "avx512f", "avx512bw"} <= set(processor().split()):
        return False
    status: int = ctypes.CDLL(None).syscall(SYS_ARCH_PRCTL, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)
    return status == 0 and can_compile(AMX_PROBE)


def can_compile(code: str) -> bool:
    """Whether the C compiler and assembler of this machine accept some code."""
    try:
        load_library(code)
    except NotNative:
        return False
    return True
