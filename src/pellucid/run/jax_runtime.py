"""JAX, imported when the first program is compiled and not before."""

from __future__ import annotations

import ctypes
import functools
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from pellucid.graph.errors import PellucidError

SMALL_LOOPS = "xla_cpu_small_while_loop_byte_threshold"
SMALL_LOOP_BYTES = 131072
"""Loops on fewer bytes become one kernel. Much more, and matrix products inside a loop fall back to naive code."""

KEEP = ((-4, 0), (-1, 2**31 - 1), (-2, 64 << 20), (-8, 1))
"""What mallopt(3) is told: M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD and M_ARENA_MAX."""


@functools.cache
def jax() -> ModuleType:
    """Return JAX, setting up its process on the first call."""
    return started()[0]


joining: list[Callable[[ModuleType], None]] = []
"""What is done with JAX before it looks for devices."""


@functools.cache
def started() -> tuple[ModuleType, str]:
    """Start JAX and return it, with the flags that XLA was given.

    Nothing that the user has set is changed, and child processes inherit nothing. XLA reads its flags when it starts,
    so they are in vain where the user ran JAX before.
    """
    prepare_memory()
    before = os.environ.get("XLA_FLAGS")
    flags = before or ""
    if "xla_backend_extra_options" not in flags:
        flags = f"{flags} --xla_backend_extra_options={SMALL_LOOPS}={SMALL_LOOP_BYTES}".strip()
    os.environ["XLA_FLAGS"] = flags
    try:
        found = importlib.import_module("jax")
        for join in joining:
            join(found)
        found.devices()
    finally:
        if before is None:
            del os.environ["XLA_FLAGS"]
        else:
            os.environ["XLA_FLAGS"] = before
    return found, flags


def runs_on_cpu() -> bool:
    """Tell whether programs run on processors, without importing JAX where it could find nothing else."""
    if "jax" in sys.modules or may_find_accelerators():
        return bool(jax().default_backend() == "cpu")
    return True


@functools.cache
def may_find_accelerators() -> bool:
    """Tell whether JAX, which is not imported yet, has been given anything else to run on: it comes as plugins."""
    from importlib.metadata import entry_points

    if os.environ.get("JAX_PLATFORMS") == "cpu":
        return False
    packages = any(find_spec(name) is not None for name in ("jax_plugins", "libtpu"))
    return packages or bool(entry_points(group="jax_plugins"))


@contextmanager
def plain_errors() -> Iterator[None]:
    """Take JAX's notes about its own frames from pellucid's errors on their way through JAX."""
    try:
        yield
    except PellucidError as error:
        error.__notes__ = [note for note in error.__notes__ if "JAX has removed" not in note]
        raise


def prepare_memory() -> None:
    """Tell the allocator to keep large buffers, unless it is not to."""
    if keeps_memory():
        keep_memory()


@functools.cache
def keeps_memory() -> bool:
    """Tell whether the allocator is to keep memory: not where the user set it up, or ``PELLUCID_KEEP_MEMORY=0``."""
    own = any(k.startswith("MALLOC_") or k == "GLIBC_TUNABLES" for k in os.environ)
    return sys.platform == "linux" and not own and os.environ.get("PELLUCID_KEEP_MEMORY", "1") != "0"


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def keep_memory() -> None:
    """Ask glibc to keep large buffers instead of handing them back and faulting them in again at every step.

    A first touch of fresh memory is several times slower than the memory itself, and a convolutional training step
    touches hundreds of megabytes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in KEEP:
            mallopt(option, value)


def x64() -> Any:
    """Return the context in which JAX keeps the dtypes that the graph states, 64-bit ones included."""
    return jax().enable_x64(True)
