"""On-disk cache of compiled programs.

JAX serializes and loads the programs; this module decides where they are stored, when one applies, and when one is
deleted. JAX's own persistent cache would apply to all programs of the process, the user's included, and is not written
atomically. Entries are machine code, so the folder must be as private as executables.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shutil
import sys
import tempfile
import threading
import time
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.atomic_write import atomic_write
from pellucid.run.allocator import trim_memory
from pellucid.run.jax_runtime import jax, start_jax
from pellucid.run.reassociation_barriers import insert_reassociation_barriers

if TYPE_CHECKING:
    from jax.stages import Compiled, Lowered

MIN_COMPILE_SECONDS = 0.1
"""Programs that compile faster are not stored."""

MAX_CACHE_BYTES = 2**29
"""When the folder is larger, the least recently used files are deleted."""

XLA_SUFFIX, LIBRARY_SUFFIX, WASM_SUFFIX, INDEX_SUFFIX = ".xla", ".so", ".wasm", ".json"
"""Suffixes of XLA programs, compiled C libraries, WebAssembly modules, and indices that map graphs to the last two."""

ENTRY_MAGIC = "pellucid-entry-2"
"""First word of XLA programs, modules and index files."""

STDERR = 2
"""File descriptor of standard error, which compiled code writes to."""

MACHINE_WARNING = b"cpu_aot_loader"
"""Part of the warnings of some versions of XLA that a program was compiled for another machine. They list features that
no machine has, such as ``+prefer-no-scatter``; the cache key has the features of the processor."""

LAPACK_MARK = b"lapack_"
"""Part of the names of the functions of LAPACK in a serialized program."""

_log_lock = threading.Lock()

recorded_programs: ContextVar[list[Path] | None] = ContextVar("recorded_programs", default=None)
"""Where the files of the current code's XLA programs are recorded."""


def cache_directory() -> Path | None:
    """Return the folder of compiled programs, which may not exist yet, or None if the cache is off.

    ``PELLUCID_CACHE`` names another folder; ``PELLUCID_CACHE=0`` switches the cache off. By default it is ``pellucid``
    in the platform's cache folder: ``$XDG_CACHE_HOME`` or ``~/.cache``, ``~/Library/Caches``, ``%LOCALAPPDATA%``.
    """
    setting = os.environ.get("PELLUCID_CACHE")
    try:
        if setting is None:
            return get_default_directory()
        return None if setting in ("", "0") else Path(setting).expanduser().absolute()
    except RuntimeError:  # the user has no home folder, as in some containers
        return None


def get_default_directory() -> Path:
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        base = Path(local) if local else Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        chosen = os.environ.get("XDG_CACHE_HOME", "")
        base = Path(chosen) if Path(chosen).is_absolute() else Path.home() / ".cache"
    return base / "pellucid"


def compile_or_load(lowered: Lowered) -> Compiled:
    """Compile a lowered program (`jax.stages.Lowered`), or load it from the cache."""
    try:
        return _compile_or_load(insert_reassociation_barriers(lowered))
    finally:
        trim_memory()


def get_program_folder() -> Path | None:
    """Return the folder of XLA programs, or None if they cannot be stored."""
    folder = ensure_writable(cache_directory())
    # Programs are loaded onto the first device of a single process.
    if folder is None or jax().process_count() > 1 or jax().config.jax_default_device is not None:
        return None
    return folder


@contextmanager
def record_programs() -> Iterator[list[Path]]:
    """Collect the files of the XLA programs that are stored or loaded inside a ``with`` block."""
    record: list[Path] = []
    token = recorded_programs.set(record)
    try:
        yield record
    finally:
        recorded_programs.reset(token)


def _compile_or_load(lowered: Lowered) -> Compiled:
    folder = get_program_folder()
    if folder is None:
        return lowered.compile()
    text = lowered.as_text()
    if "callback" in text:  # contains an address that is valid in this process only
        return lowered.compile()
    path = folder / f"{make_key(text, describe_arguments(lowered))}{XLA_SUFFIX}"
    compiled = load_program(path, lowered.in_tree, lowered.out_tree)
    if compiled is None:
        start = time.perf_counter()
        compiled = lowered.compile()
        if time.perf_counter() - start < MIN_COMPILE_SECONDS:
            return compiled
        save_program(path, compiled)
    record = recorded_programs.get()
    if record is not None:
        record.append(path)
    return compiled


def ensure_writable(folder: Path | None) -> Path | None:
    """Create the folder if necessary and return it; warn once and return None if it cannot be written."""
    if folder is None or not can_write(folder):
        return None
    with suppress(OSError):  # writing a file will report the reason
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it may have been deleted since `can_write`
    return folder


@functools.cache
def can_write(folder: Path) -> bool:
    """Whether programs can be stored safely in a folder. Warns if not."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name == "posix" and folder.stat().st_mode & 0o002:
            raise PermissionError("every user can write to it, and its files are executed")
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError as error:
        warn_unwritable(folder, error)
        return False


def warn_unwritable(folder: Path, error: OSError) -> None:
    warnings.warn(
        f"Compiled programs cannot be stored in {folder}, so every process compiles them again: {error}. "
        "Set PELLUCID_CACHE to another folder, or to 0 to switch the cache off",
        RuntimeWarning,
        stacklevel=2,
    )


def make_key(text: str, arguments: str) -> str:
    """Return the cache key of a program: a hash of its text, its arguments and its environment."""
    return hashlib.sha256("\0".join([text, arguments, *describe_environment()]).encode()).hexdigest()


def describe_arguments(lowered: Lowered) -> str:
    """Return the arguments of a program, and which of them it reads. Its text contains only those."""
    kept = lowered._lowering.compile_args["kept_var_idx"]  # JAX has no public name for it
    return f"{lowered.args_info} {sorted(kept)}"


def describe_environment() -> list[str]:
    """Return everything but the program that its machine code depends on."""
    j = jax()
    settings = sorted(f"{name}={value}" for name, value in j.config.values.items())
    flags = [start_jax()[1], os.environ.get("LIBTPU_INIT_ARGS", "")]
    devices = [d.device_kind for d in j.devices()]
    return [j.__version__, j.devices()[0].client.platform_version, processor(), *devices, *flags, *settings]


@functools.cache
def processor() -> str:
    """Return the processor's model and features, because machine code for one may not run on another."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:  # not Linux
        return f"{platform.machine()} {platform.processor()}"
    fields = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(fields)}))


def load_program(path: Path, in_tree: Any, out_tree: Any) -> Compiled | None:
    """Return the program in a file, or None if there is none or it cannot be used.

    The trees are the structures of its arguments and results.
    """
    from jax.experimental.serialize_executable import deserialize_and_load

    try:
        packed = unpack_entry(path.read_bytes(), path.stem)
    except (OSError, ValueError):  # missing, damaged, or of another program
        return None
    try:
        devices, serialized = jax().devices()[:1], zlib.decompress(packed)
        if LAPACK_MARK in serialized:
            load_lapack()
        with drop_log_lines(MACHINE_WARNING):
            program = deserialize_and_load(serialized, in_tree, out_tree, execution_devices=devices)
    except RuntimeError:  # serialized by an incompatible library
        return None
    mark_used(path)
    result: Compiled | None = program
    return result


def load_lapack() -> None:
    """Load the functions of LAPACK, as JAX does when it lowers a program; a loaded program that calls them crashes."""
    lapack = import_module("jaxlib.lapack")
    lapack.prepare_lapack_call("getrf", np.dtype(np.float32))


@contextmanager
def drop_log_lines(part: bytes) -> Iterator[None]:
    """Drop the lines with ``part`` that compiled code writes to standard error in this block; pass on the others."""
    with _log_lock, tempfile.TemporaryFile() as captured:
        try:
            terminal = os.dup(STDERR)
        except OSError:  # standard error is closed
            yield
            return
        os.dup2(captured.fileno(), STDERR)
        try:
            yield
        finally:
            os.dup2(terminal, STDERR)
            os.close(terminal)
            captured.seek(0)
            for line in captured:
                if part not in line:
                    os.write(STDERR, line)


def mark_used(path: Path) -> None:
    """Update the modification time of a file, so that it is deleted later than others."""
    with suppress(OSError):  # deleted by another process, or owned by another user
        os.utime(path)


def save_program(path: Path, compiled: Compiled) -> None:
    from jax.experimental.serialize_executable import serialize

    try:
        packed = zlib.compress(serialize(compiled)[0], 1)
    except (ValueError, NotImplementedError, RuntimeError):  # JAX raises these for programs that it cannot serialize
        return
    write_entry(path, packed)


def pack_entry(content: bytes, key: str) -> bytes:
    """Return the file of an entry: a line with its key and the hash of key and content, and then the content."""
    return f"{ENTRY_MAGIC} {key} {hash_entry(content, key)}\n".encode() + content


def unpack_entry(file: bytes, key: str) -> bytes:
    """Return the content of an entry; raise ValueError if the file is damaged or the entry has another key."""
    header, _, content = file.partition(b"\n")
    if header != f"{ENTRY_MAGIC} {key} {hash_entry(content, key)}".encode():
        raise ValueError(f"not the entry {key}")
    return content


def hash_entry(content: bytes, key: str) -> str:
    return hashlib.sha256(key.encode() + b"\n" + content).hexdigest()


def write_entry(path: Path, content: bytes) -> None:
    """Write an entry of the cache atomically, under its key, and delete old files if there are too many."""
    try:
        atomic_write(path, pack_entry(content, path.stem), durable=False)
        prune(path.parent)
    except OSError as error:
        warn_unwritable(path.parent, error)


def prune(folder: Path) -> None:
    """Delete the least recently used files until the folder is small enough, and the leftovers of killed processes."""
    files = []
    for path in folder.iterdir():
        with suppress(OSError):  # deleted by another process, or owned by another user
            status = path.stat()
            if path.suffix == ".part" and time.time() - status.st_mtime > 3600:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
            elif path.suffix in (XLA_SUFFIX, LIBRARY_SUFFIX, WASM_SUFFIX, INDEX_SUFFIX):
                files.append((status.st_mtime, status.st_size, path))
    excess = sum(size for _, size, _ in files) - MAX_CACHE_BYTES
    for _, size, path in sorted(files):
        if excess <= 0:
            return
        with suppress(OSError):  # as above
            path.unlink(missing_ok=True)
            excess -= size
