"""The machine's C compiler: finding it, compiling and loading libraries, and keeping them on disk."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from pellucid.run.compilation_cache import LIBRARY_SUFFIX, cache_directory, ensure_writable, mark_used, processor, prune
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
    "-Werror=implicit-function-declaration",
)
"""Flags of every program. None of them lets the compiler ignore NaN, infinity or the sign of zero."""

RETRY_SECONDS = (0.5, 2.0)
"""Delays before a compiler runs again that was killed or ran out of memory or disk space."""

TEMPORARY_FAILURE = re.compile(
    r"signal|out of memory|memory exhausted|cannot allocate|no space left|temporarily|"
    r"(loaded|program\.\w+): .*no such file",
    re.I,
)
"""Messages of failures that may not repeat. They are retried, because XLA's results differ in the last bits."""

loaded_libraries: dict[str, Any] = {}
"""Libraries of this process by cache key, for when none are kept on disk."""


@functools.cache
def find_compiler() -> str | None:
    """Return the C compiler: ``CC`` from the environment, ``gcc``, ``cc`` or ``clang``; None if there is none."""
    for name in (os.environ.get("CC"), "gcc", "cc", "clang"):
        if name and (path := shutil.which(name)):
            return path
    return None


@functools.cache
def get_compiler_version() -> str:
    cc = find_compiler()
    assert cc is not None
    return subprocess.run([cc, "--version"], capture_output=True, text=True, check=False).stdout


@functools.cache
def get_flags() -> tuple[str, ...]:
    return (*FLAGS, "-mprefer-vector-width=512") if "avx512f" in processor().split() else FLAGS


def load_library(code: str, flags: tuple[str, ...] | None = None, includes: tuple[str, ...] = ()) -> Any:
    """Compile a C program, or find it in the cache, and load it.

    ``flags`` replaces the default flags. Raises `NotNative` if there is no compiler, it rejects the program, or the
    library cannot be loaded. Warns if the compiler was killed or ran out of memory or disk space at every try.
    """
    cc = find_compiler()
    if cc is None:
        raise NotNative("there is no C compiler on this machine")
    options = (*(get_flags() if flags is None else flags), *(f"-I{folder}" for folder in includes))
    delays = list(RETRY_SECONDS)
    while True:
        try:
            return compile_or_load_library(cc, code, options, includes)
        except NotNative as error:
            if not TEMPORARY_FAILURE.search(str(error)):
                raise
            if not delays:
                warnings.warn(
                    f"{error}. XLA computes the program this time, and its results differ in the last bits. To get the "
                    "usual bits, run it again when the compiler is not interrupted",
                    RuntimeWarning,
                    stacklevel=2,
                )
                raise
            time.sleep(delays.pop(0))


def compile_or_load_library(cc: str, code: str, options: tuple[str, ...], includes: tuple[str, ...]) -> Any:
    folder = ensure_writable(cache_directory())
    try:
        headers = [path.read_text("utf-8") for include in includes for path in sorted(Path(include).rglob("*.h"))]
        parts = [code, cc, get_compiler_version(), processor(), *options, *headers]
        key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
        if folder is None:
            if key not in loaded_libraries:
                with tempfile.TemporaryDirectory() as temporary:
                    path = compile_library(cc, code, Path(temporary), key, options)
                    loaded_libraries[key] = ctypes.CDLL(str(path))
            return loaded_libraries[key]
        cached = next((path for path in folder.glob(f"{key}-*{LIBRARY_SUFFIX}") if is_intact(path)), None)
        if cached is None:
            cached = compile_library(cc, code, folder, key, options)
            prune(folder)
        return ctypes.CDLL(str(cached))
    except OSError as error:  # the compiler or the library cannot be run, the disk is full, or a file was deleted
        raise NotNative(f"{cc} cannot be run, or its library cannot be saved or loaded: {error}") from error


def is_intact(path: Path) -> bool:
    """Whether the name of a library ends with the hash of its content. A damaged file is deleted."""
    try:
        if path.stem.rpartition("-")[2] == hash_file(path):
            mark_used(path)
            return True
        path.unlink()
    except FileNotFoundError:  # another process deleted it first
        pass
    return False


def hash_file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]


def compile_library(cc: str, code: str, folder: Path, key: str, options: tuple[str, ...]) -> Path:
    """Compile a program, and move the library into the folder atomically."""
    with tempfile.TemporaryDirectory(dir=folder, suffix=".part") as work:
        source, library = Path(work) / "program.c", Path(work) / "program.so"
        source.write_text(code, "utf-8")
        links = ["-lmvec", "-lm"] if "USE_MVEC" in code else ["-lm"]
        command = [cc, *options, str(source), "-o", str(library), *links]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
        if done.returncode:
            reason = f"killed by signal {-done.returncode}" if done.returncode < 0 else done.stderr.strip()[:2000]
            raise NotNative(f"{cc} cannot compile it: {reason}")
        return library.replace(folder / f"{key}-{hash_file(library)}{LIBRARY_SUFFIX}")
