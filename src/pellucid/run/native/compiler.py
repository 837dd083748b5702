"""The C compiler of the machine: found, asked for a library, and its work kept on disk."""

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

from pellucid.run.compilation_cache import LIBRARY, cache_directory, processor, prune, usable, used
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
"""What every program is compiled with. Nothing that lets a compiler forget about nan, infinity or signs of zero."""

WAITS = (0.5, 2.0)
"""How many seconds pass before a compiler is asked again that was stopped, or had no room."""

PASSING = re.compile(
    r"signal|out of memory|memory exhausted|cannot allocate|no space left|temporarily|"
    r"(loaded|program\.\w+): .*no such file",
    re.I,
)
"""What is said of failures that may be over at the next try. XLA must not take over for those: it rounds otherwise."""

unkept: dict[str, Any] = {}
"""Libraries of this process by their key, where none is kept on disk."""


@functools.cache
def compiler() -> str | None:
    """Return the compiler: what ``CC`` names, or else ``cc``, ``gcc`` or ``clang``; None where there is none."""
    for name in (os.environ.get("CC"), "gcc", "cc", "clang"):
        if name and (found := shutil.which(name)):
            return found
    return None


@functools.cache
def version() -> str:
    """Return what the compiler says of itself."""
    cc = compiler()
    assert cc is not None
    return subprocess.run([cc, "--version"], capture_output=True, text=True, check=False).stdout


@functools.cache
def flags() -> tuple[str, ...]:
    """Return the flags for this machine."""
    return (*FLAGS, "-mprefer-vector-width=512") if "avx512f" in processor().split() else FLAGS


def library(code: str, given: tuple[str, ...] | None = None, includes: tuple[str, ...] = ()) -> Any:
    """Compile code, or find it compiled, and load it.

    Parameters
    ----------
    code : str
        A whole program.
    given : tuple of str, optional
        Other flags than the usual ones.
    includes : tuple of str
        Folders of headers.

    Raises
    ------
    NotNative
        If there is no compiler, it does not compile the code, or what it made cannot be loaded.

    Warns
    -----
    RuntimeWarning
        If it would, but was stopped or had no room, at every try.
    """
    cc = compiler()
    if cc is None:
        raise NotNative("there is no C compiler on this machine")
    told = (*(flags() if given is None else given), *(f"-I{folder}" for folder in includes))
    waits = list(WAITS)
    while True:
        try:
            return loaded(cc, code, told, includes)
        except NotNative as error:
            if not PASSING.search(str(error)):
                raise
            if not waits:
                warn(error)
                raise
            time.sleep(waits.pop(0))


def warn(error: NotNative) -> None:
    """Say that a program is not what it is at other times, and what to do about it."""
    warnings.warn(
        f"{error}. XLA has the program instead this time, and rounds otherwise. Run it again when nothing stops the "
        "compiler, for the bits that it has at other times",
        RuntimeWarning,
        stacklevel=3,
    )


def loaded(cc: str, code: str, told: tuple[str, ...], includes: tuple[str, ...]) -> Any:
    """Find code compiled, or compile it, and load it."""
    kept = usable(cache_directory())
    try:
        headers = [path.read_text("utf-8") for folder in includes for path in sorted(Path(folder).rglob("*.h"))]
        key = hashlib.sha256("\0".join([code, cc, version(), processor(), *told, *headers]).encode()).hexdigest()[:32]
        if kept is None:
            if key not in unkept:
                with tempfile.TemporaryDirectory() as other:
                    unkept[key] = ctypes.CDLL(str(build(cc, code, Path(other), key, told)))
            return unkept[key]
        path = found(kept, key)
        if path is None:
            path = build(cc, code, kept, key, told)
            prune(kept)
        return ctypes.CDLL(str(path))
    except OSError as error:  # no program, no room, no right to run what lies there, deleted meanwhile
        raise NotNative(f"{cc} cannot be run, or what it makes neither kept nor loaded: {error}") from error


def found(folder: Path, key: str) -> Path | None:
    """Return a library that was compiled before, if it is still what it was: its name ends with its own hash."""
    return next((path for path in folder.glob(f"{key}-*{LIBRARY}") if unharmed(path)), None)


def unharmed(path: Path) -> bool:
    """Tell whether a library is still what it was, and delete it if it is not."""
    try:
        if path.stem.rpartition("-")[2] == digest(path):
            used(path)
            return True
        path.unlink()
    except FileNotFoundError:  # another process was quicker
        pass
    return False


def digest(path: Path) -> str:
    """Return the hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]


def build(cc: str, code: str, folder: Path, key: str, told: tuple[str, ...]) -> Path:
    """Compile into a file, which is there whole or not at all."""
    with tempfile.TemporaryDirectory(dir=folder, suffix=".part") as work:
        source, made = Path(work) / "program.c", Path(work) / "program.so"
        source.write_text(code, "utf-8")
        links = ["-lmvec", "-lm"] if "USE_MVEC" in code else ["-lm"]
        command = [cc, *told, str(source), "-o", str(made), *links]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
        if done.returncode:
            reason = f"stopped by signal {-done.returncode}" if done.returncode < 0 else done.stderr.strip()[:2000]
            raise NotNative(f"{cc} does not compile it: {reason}")
        return made.replace(folder / f"{key}-{digest(made)}{LIBRARY}")
