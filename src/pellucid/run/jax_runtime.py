"""JAX, configured and imported when the first program is compiled."""

from __future__ import annotations

import ctypes
import functools
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np

from pellucid.graph.errors import PellucidError
from pellucid.run.environment import is_enabled
from pellucid.run.interrupts import DeferSigint

SMALL_LOOP_OPTION = "xla_cpu_small_while_loop_byte_threshold"
SMALL_LOOP_BYTES = 131072
"""XLA compiles loops on fewer bytes into one kernel. With a much larger value, matrix products inside loops become
slow."""

MALLOC_OPTIONS = ((-4, 0), (-1, 2**31 - 1), (-2, 64 << 20), (-8, 1))
"""Options of mallopt(3): M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD and M_ARENA_MAX."""

before_devices: list[Callable[[ModuleType], None]] = []
"""Functions that are called with JAX after its import, before it looks for devices."""


@functools.cache
def jax() -> ModuleType:
    """Return JAX, importing it on the first call."""
    return start_jax()[0]


@functools.cache
def start_jax() -> tuple[ModuleType, str]:
    """Import and start JAX; return it and the flags of XLA.

    XLA reads its flags when it starts, so they have no effect if the user ran JAX before. Settings of the user are
    kept, and child processes inherit none of ours.
    """
    configure_allocator()
    is_first_import = "jax" not in sys.modules
    user_flags = os.environ.get("XLA_FLAGS")
    flags = user_flags or ""
    if "xla_backend_extra_options" not in flags:
        flags = f"{flags} --xla_backend_extra_options={SMALL_LOOP_OPTION}={SMALL_LOOP_BYTES}".strip()
    os.environ["XLA_FLAGS"] = flags
    try:
        with DeferSigint():  # jaxlib crashes if the import of one of its extension modules is interrupted
            module = import_without_draws("jax")
        if is_first_import:
            run_programs_inline(module)
        for call in before_devices:
            call(module)
        module.devices()
    finally:
        if user_flags is None:
            del os.environ["XLA_FLAGS"]
        else:
            os.environ["XLA_FLAGS"] = user_flags
    return module, flags


def import_without_draws(name: str) -> ModuleType:
    """Import a module and keep NumPy's global random state, from which the import of JAX draws.

    A program that seeds it must get the same numbers before and after its first compiled program.
    """
    get_state, set_state = np.random.get_state, np.random.set_state
    state = get_state()
    try:
        return importlib.import_module(name)
    finally:
        set_state(state)


def run_programs_inline(module: ModuleType) -> None:
    """Make JAX run CPU programs in the calling thread.

    pellucid waits for every result, and handing a small program to another thread takes longer than the program. Users
    who import JAX before pellucid starts it keep their own setting.
    """
    with suppress(AttributeError):  # a version of JAX without this option
        module.config.update("jax_cpu_enable_async_dispatch", False)


def runs_on_cpu() -> bool:
    """Whether JAX runs on the CPU. JAX is imported only if it might find an accelerator."""
    if "jax" in sys.modules or may_have_accelerator():
        return bool(jax().default_backend() == "cpu")
    return True


@functools.cache
def may_have_accelerator() -> bool:
    """Whether JAX, which is not imported yet, has a plugin for an accelerator."""
    from importlib.metadata import entry_points

    if os.environ.get("JAX_PLATFORMS") == "cpu":
        return False
    packages = any(find_spec(name) is not None for name in ("jax_plugins", "libtpu"))
    return packages or bool(entry_points(group="jax_plugins"))


@contextmanager
def without_jax_notes() -> Iterator[None]:
    """Remove JAX's notes about hidden frames from pellucid's errors that are raised inside JAX."""
    try:
        yield
    except PellucidError as error:
        error.__notes__ = [note for note in error.__notes__ if "JAX has removed" not in note]
        raise


def get_first_line(error: Exception) -> str:
    """Return the first line of an error's message, or the name of its type if it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]


@functools.cache
def keeps_memory() -> bool:
    """Whether glibc keeps freed memory; not with ``PELLUCID_KEEP_MEMORY=0``, or if the user configured malloc."""
    user_settings = any(k.startswith("MALLOC_") or k == "GLIBC_TUNABLES" for k in os.environ)
    return sys.platform == "linux" and not user_settings and is_enabled("PELLUCID_KEEP_MEMORY")


def configure_allocator() -> None:
    """Make glibc keep large buffers.

    By default it returns them to the system. The next step then faults them in again, which is several times slower
    than the memory itself, and a training step of a convolutional network uses hundreds of megabytes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if keeps_memory() else None
    if mallopt is not None:
        for option, value in MALLOC_OPTIONS:
            mallopt(option, value)


def count_cores() -> int:
    """Return how many cores this process may use: at most the environment variable ``NPROC``, which XLA reads too."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("NPROC", "")
    return max(1, min(cores, int(limit))) if limit.isdecimal() else cores


def x64() -> Any:
    """Return a context in which JAX keeps 64-bit dtypes, because the graph states every dtype."""
    return jax().enable_x64(True)
