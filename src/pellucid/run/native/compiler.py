"""The C compiler of the machine: found, asked for a library, and its work kept on disk."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from pellucid.run.native.errors import NotNative

FLAGS = (
    "-O3",
    "-march=native",
    "-std=gnu11",
    "-shared",
    "-fPIC",
    "-fopenmp-simd",
    "-fwrapv",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-w",
)
"""What every program is compiled with. Nothing that lets a compiler forget about nan, infinity or signs of zero."""


@functools.cache
def compiler() -> str | None:
    """Return the compiler: what ``CC`` names, or else ``cc``, ``gcc`` or ``clang``; None where there is none."""
    for name in (os.environ.get("CC"), "gcc", "cc", "clang"):
        if name and (found := shutil.which(name)):
            return found
    return None


@functools.cache
def version() -> str:
    """Return what the compiler says of itself, and the processor it compiles for."""
    cc = compiler()
    assert cc is not None
    told = subprocess.run([cc, "-march=native", "-Q", "--help=target"], capture_output=True, text=True, check=False)
    return subprocess.run([cc, "--version"], capture_output=True, text=True, check=False).stdout + told.stdout


@functools.cache
def flags() -> tuple[str, ...]:
    """Return the flags that this compiler takes."""
    wide = ("-mprefer-vector-width=512",) if "avx512f" in Path("/proc/cpuinfo").read_text("utf-8") else ()
    return (*FLAGS, *wide)


def library(code: str, given: tuple[str, ...] | None = None) -> Any:
    """Compile code, or find it compiled, and load it.

    Parameters
    ----------
    code : str
        A whole program.
    given : tuple of str, optional
        Other flags than the usual ones.

    Raises
    ------
    NotNative
        If there is no compiler, or it does not compile the code.
    """
    cc = compiler()
    if cc is None:
        raise NotNative("there is no C compiler on this machine")
    from pellucid.run.cache import cache_directory, usable

    told = flags() if given is None else given
    kept = usable(cache_directory())
    key = hashlib.sha256("\0".join([code, version(), *told]).encode()).hexdigest()[:32]
    if kept is not None:
        path = kept / f"{key}.so"
        if not path.exists():
            build(cc, code, path, told)
        return ctypes.CDLL(str(path))
    with tempfile.TemporaryDirectory() as other:
        path = Path(other) / f"{key}.so"
        build(cc, code, path, told)
        return ctypes.CDLL(str(path))


def build(cc: str, code: str, path: Path, told: tuple[str, ...]) -> None:
    """Compile into a file, which is there whole or not at all."""
    with tempfile.TemporaryDirectory(dir=path.parent) as work:
        source, made = Path(work) / "program.c", Path(work) / "program.so"
        source.write_text(code, "utf-8")
        links = ["-lmvec", "-lm"] if "USE_MVEC" in code else ["-lm"]
        done = subprocess.run(
            [cc, *told, str(source), "-o", str(made), *links], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NotNative(f"{cc} does not compile it: {done.stderr.strip()[:2000]}")
        made.replace(path)
