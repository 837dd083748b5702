"""Vector instructions that compiled C may use: those of this machine, or of a processor that the user names."""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path

from pellucid.graph.errors import OptionError
from pellucid.run.compilation_cache import processor
from pellucid.run.native.compiler_process import SHORT_TIMEOUT, Command, describe_command, get_timeout, run_compiler
from pellucid.run.native.errors import NotNative

VARIABLE = "PELLUCID_MARCH"

MACRO = re.compile(r"^#define __(\w+?)__ 1$", re.MULTILINE)
"""Macros with which compilers say what instructions they use, such as ``__AVX512F__`` and ``__aarch64__``."""

THIS_MACHINE = "native"


def get_architecture() -> str:
    """Return the processor that C is compiled for, as a value of the compiler's option ``-march``."""
    return os.environ.get(VARIABLE) or THIS_MACHINE


@functools.cache
def find_instructions(architecture: str, compiler: Command) -> frozenset[str]:
    """Return the names of instruction sets, such as ``avx2`` and ``aarch64``, that a compiler may use.

    For this machine they are those that Linux lists, which needs no run of the compiler.
    """
    if architecture == THIS_MACHINE and Path("/proc/cpuinfo").exists():
        machine = ["aarch64"] if os.uname().machine in ("aarch64", "arm64") else []
        return frozenset([*processor().lower().split(), *machine])
    timeout, options = min(SHORT_TIMEOUT, get_timeout()), ["-dM", "-E", "-x", "c", os.devnull]
    done = run_compiler(compiler, [f"-march={architecture}", *options], timeout)
    if done.status and run_compiler(compiler, options, timeout).status:
        raise NotNative(f"{describe_command(compiler)} does not say which instructions it uses: {done.reason}")
    if done.status:
        raise OptionError(
            f"Environment variable {VARIABLE}: expected a processor that the compiler's option -march accepts, such as "
            f"x86-64-v3. Received: {architecture!r}. {(done.reason.splitlines() or ['The compiler rejects it'])[0]}"
        )
    return frozenset(name.lower() for name in MACRO.findall(done.stdout))
