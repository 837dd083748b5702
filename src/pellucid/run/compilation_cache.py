"""Compiled programs kept on disk, so that the next process loads what this one compiled.

JAX serializes and loads them; here is where they lie, when one is the right one, and when one goes. JAX's own
persistent cache would serve every program of the process, the user's own ones too, and writes files that another
process may find half written. A program from the cache is machine code: the folder is as private as one's own programs.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shutil
import sys
import tempfile
import time
import warnings
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from pellucid.run.allocator import hand_back
from pellucid.run.jax_runtime import jax, started

SHORTEST_SECONDS = 0.1
"""What compiles faster than this is not kept."""

MOST_BYTES = 2**29
"""When the folder holds more than this, what was used least recently goes."""

SUFFIX = ".xla"

LIBRARY, KNOWN = ".so", ".json"
"""What a library that a C compiler made ends with, and what tells of one that it is some graph's."""


def cache_directory() -> Path | None:
    """Return the folder of compiled programs, or None where none are kept.

    ``PELLUCID_CACHE`` names another folder; ``PELLUCID_CACHE=0`` keeps none. Without it, it is ``pellucid`` in the
    folder that the platform has for such things: ``$XDG_CACHE_HOME`` or ``~/.cache``, ``~/Library/Caches``,
    ``%LOCALAPPDATA%``.

    Returns
    -------
    Path or None
        It may not exist yet, and is safe to delete at any time.

    Examples
    --------
    >>> import os
    >>> os.environ["PELLUCID_CACHE"] = "0"
    >>> print(cache_directory())
    None
    """
    own = os.environ.get("PELLUCID_CACHE")
    try:
        if own is None:
            return usual_directory()
        return None if own in ("", "0") else Path(own).expanduser().absolute()
    except RuntimeError:  # a user who has no home, as in some containers
        return None


def usual_directory() -> Path:
    """Return the folder of compiled programs where nobody named another."""
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        base = Path(local) if local else Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        chosen = os.environ.get("XDG_CACHE_HOME", "")
        base = Path(chosen) if Path(chosen).is_absolute() else Path.home() / ".cache"
    return base / "pellucid"


def compile_or_load(lowered: Any) -> Any:
    """Compile a lowered program, or load it if a process on such a machine has compiled it before.

    Parameters
    ----------
    lowered : jax.stages.Lowered
        What `jax.jit` makes of a function and its arguments.

    Returns
    -------
    jax.stages.Compiled
        Ready to be called.
    """
    try:
        return compiled_or_loaded(lowered)
    finally:
        hand_back()


def compiled_or_loaded(lowered: Any) -> Any:
    """Return the program, and leave the compiler's memory where it is."""
    folder = usable(cache_directory())
    # Programs are loaded onto the first device of a process that has all devices to itself.
    if folder is None or jax().process_count() > 1 or jax().config.jax_default_device is not None:
        return lowered.compile()
    text = lowered.as_text()
    if "callback" in text:  # an address in this process
        return lowered.compile()
    path = folder / f"{key(text, arguments(lowered))}{SUFFIX}"
    found = load(path, lowered)
    if found is not None:
        return found
    start = time.perf_counter()
    compiled = lowered.compile()
    if time.perf_counter() - start >= SHORTEST_SECONDS:
        save(path, compiled)
    return compiled


def usable(folder: Path | None) -> Path | None:
    """Return the folder, made if need be, or None (and warn, once) where nothing can be written into it."""
    if folder is None or not can_be_written(folder):
        return None
    with suppress(OSError):  # told by what cannot be written there
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it may have been deleted since
    return folder


@functools.cache
def can_be_written(folder: Path) -> bool:
    """Tell whether programs can be kept in a folder, which is made if need be, and say once why not."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name == "posix" and folder.stat().st_mode & 0o002:
            raise PermissionError("everybody may write into it, and what lies there is run")
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError as error:
        warn(folder, error)
        return False


def warn(folder: Path, error: OSError) -> None:
    """Say that programs are not kept, and what to do about it."""
    warnings.warn(
        f"Compiled programs cannot be kept in {folder} and are compiled anew in every process: {error}. "
        "Name another folder with PELLUCID_CACHE=folder, or keep none with PELLUCID_CACHE=0",
        RuntimeWarning,
        stacklevel=2,
    )


def key(text: str, given: str) -> str:
    """Return the name of a program on this machine: of its text, its arguments, the compiler, settings and devices."""
    return hashlib.sha256("\0".join([text, given, *circumstances()]).encode()).hexdigest()


def arguments(lowered: Any) -> str:
    """Return which arguments a program is given, and which of them it reads: its text has those alone."""
    read = lowered._lowering.compile_args["kept_var_idx"]  # no public name tells
    return f"{lowered.args_info} {sorted(read)}"


def circumstances() -> list[str]:
    """Return what the machine code of a program depends on besides its text."""
    j = jax()
    settings = sorted(f"{name}={value}" for name, value in j.config.values.items())
    flags = [started()[1], os.environ.get("LIBTPU_INIT_ARGS", "")]
    devices = [d.device_kind for d in j.devices()]
    return [j.__version__, j.devices()[0].client.platform_version, processor(), *devices, *flags, *settings]


@functools.cache
def processor() -> str:
    """Return what the processor is and can do, since machine code made for one may not run on another."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:  # not Linux
        return f"{platform.machine()} {platform.processor()}"
    wanted = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(wanted)}))


def load(path: Path, lowered: Any) -> Any:
    """Return the program in a file, or None where there is none that can be used."""
    from jax.experimental.serialize_executable import deserialize_and_load

    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, packed = content[:32], content[32:]
    if hashlib.sha256(packed).digest() != digest:
        return None
    try:
        devices = jax().devices()[:1]
        program = deserialize_and_load(
            zlib.decompress(packed), lowered.in_tree, lowered.out_tree, execution_devices=devices
        )
    except RuntimeError:  # made by a library that this one cannot read
        return None
    used(path)
    return program


def used(path: Path) -> None:
    """Say of a file that it was used, so that it goes later than others."""
    with suppress(OSError):  # deleted meanwhile, or somebody else's in a folder of several users
        os.utime(path)


def save(path: Path, compiled: Any) -> None:
    """Keep a program in a file."""
    from jax.experimental.serialize_executable import serialize

    try:
        packed = zlib.compress(serialize(compiled)[0], 1)
    except (ValueError, NotImplementedError, RuntimeError):  # JAX's words for a program that cannot leave its process
        return
    write(path, hashlib.sha256(packed).digest() + packed)


def write(path: Path, content: bytes) -> None:
    """Write a file in one go, so that nobody ever reads half of it, and make room if there is too much."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, suffix=".part") as work:
            made = Path(work) / path.name
            made.write_bytes(content)
            made.replace(path)
        prune(path.parent)
    except OSError as error:
        warn(path.parent, error)


def prune(folder: Path) -> None:
    """Delete what was used least recently until the folder is small enough, and what a killed process left behind."""
    files = []
    for path in folder.iterdir():
        try:
            status = path.stat()
        except FileNotFoundError:  # another process was quicker
            continue
        if path.suffix == ".part" and time.time() - status.st_mtime > 3600:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        elif path.suffix in (SUFFIX, LIBRARY, KNOWN):
            files.append((status.st_mtime, status.st_size, path))
    excess = sum(size for _, size, _ in files) - MOST_BYTES
    for _, size, path in sorted(files):
        if excess <= 0:
            return
        path.unlink(missing_ok=True)
        excess -= size
