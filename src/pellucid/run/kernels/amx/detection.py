"""Detection of AMX, the matrix units of some x86 processors."""

from __future__ import annotations

import ctypes
import functools
import sys

from pellucid.run.native.compiler import get_instructions, load_library
from pellucid.run.native.errors import NotNative

SYS_ARCH_PRCTL, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA = 158, 0x1023, 18
"""Linux system call, operation and feature with which a process asks for permission to use tile registers."""

AMX_PROBE = 'void probe(void) { asm volatile("tilezero %tmm0; tdpbf16ps %tmm2, %tmm1, %tmm0; tilerelease"); }'
"""Instructions that older assemblers do not know."""


def has_amx() -> bool:
    """Whether processor, operating system and assembler support AMX with bfloat16."""
    return {"amx_tile", "amx_bf16", "avx512f", "avx512bw"} <= get_instructions() and can_use_amx()


@functools.cache
def can_use_amx() -> bool:
    """Whether the operating system lets this process use tile registers, and the assembler knows their instructions."""
    if sys.platform != "linux":
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
