"""Background compilation of kernels, and their registration with XLA.

XLA compiles a program while the C compiler compiles the kernels that it calls. XLA looks up a handler when it compiles
a call, so all kernels share one handler, `dispatch.c`, which finds a kernel by its key when the call runs.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from pellucid.run.jax_runtime import count_cores, jax
from pellucid.run.kernels.source_assembly import read_source
from pellucid.run.native.compiler import check_compiler, load_library, require_compiler
from pellucid.run.native.errors import NotNative

Compiled = TypeVar("Compiled")

TARGET = "pellucid_kernel"
"""Name of the handler of all kernels."""

LOCK = threading.Lock()

Request = Future[None]
"""The compilation of a kernel."""

requests: dict[str, Request] = {}
"""The kernels that this process has requested, by their code."""

recorded: ContextVar[list[Request] | None] = ContextVar("recorded", default=None)
"""Where the requests of the current code are recorded."""


@contextmanager
def record_requests() -> Iterator[list[Request]]:
    """Collect the kernels that are requested inside a ``with`` block."""
    record: list[Request] = []
    token = recorded.set(record)
    try:
        yield record
    finally:
        recorded.reset(token)


@functools.cache
def get_executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count_cores(), "pellucid-kernels")


@functools.cache
def load_dispatcher() -> ctypes.CDLL:
    """Compile the common handler, and register it with XLA."""
    code = "\n".join([read_source("runtime.c"), read_source("dispatch.c")])
    library = load_library(code, includes=(jax().ffi.include_dir(),))
    library.add_kernel.argtypes = (ctypes.c_int64, ctypes.c_void_p)
    jax().ffi.register_ffi_target(TARGET, jax().ffi.pycapsule(library.run), platform="cpu")
    return library


def make_key(code: str) -> int:
    """Return the key of a kernel, a hash of its code with 64 bits."""
    return int.from_bytes(hashlib.sha256(code.encode()).digest()[:8], "little", signed=True)


def request_kernel(code: str) -> int:
    """Start to compile a kernel, unless it was requested before, and return its key.

    Waits for the compiler outside of `compile_with_kernels`. Raises `NotNative` if it could not compile the kernel.
    """
    with LOCK:
        if code not in requests:
            check_compiler(require_compiler())
            load_dispatcher()
            requests[code] = get_executor().submit(load_kernel, code)
        request = requests[code]
    record = recorded.get()
    if record is None or request.done():
        request.result()
    else:
        record.append(request)
    return make_key(code)


def load_kernel(code: str) -> None:
    """Compile a kernel, and add it to those that the common handler finds."""
    library = load_library(code, includes=(jax().ffi.include_dir(),))
    if load_dispatcher().add_kernel(make_key(code), ctypes.cast(library.run, ctypes.c_void_p)):
        raise NotNative("there is no memory for another kernel")


def compile_with_kernels(compile_: Callable[[], Compiled]) -> Compiled:
    """Return the program that a function traces and compiles, when all kernels that it calls are loaded.

    If a kernel cannot be compiled, the function is called again. Lowerings then leave that op to XLA.
    """
    while True:
        with record_requests() as started:
            compiled = compile_()
        if all(request.exception() is None for request in started):
            return compiled
