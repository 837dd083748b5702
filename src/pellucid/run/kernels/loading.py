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
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from pellucid.run.jax_runtime import count_cores, jax
from pellucid.run.kernels.source_assembly import read_source
from pellucid.run.native.compiler import check_compiler, load_library, require_compiler
from pellucid.run.native.errors import NotNative

Compiled = TypeVar("Compiled")

TARGET = "pellucid_kernel"
"""Name of the handler of all kernels."""

LOCK, DISPATCHER_LOCK = threading.Lock(), threading.Lock()

dispatchers: dict[str, ctypes.CDLL] = {}
"""The library of the common handler, by its name, once it is loaded."""

Request = Future[None]
"""The compilation of a kernel."""

requests: dict[str, Request] = {}
"""The kernels that this process has requested, by their code."""

recorded: ContextVar[list[Request] | None] = ContextVar("recorded", default=None)
"""Where the requests of the current code are recorded."""


@dataclass
class KernelUse:
    """The kernels of a program that is traced."""

    codes: dict[str, None] = field(default_factory=dict)  # an ordered set
    failed: bool = False  # whether XLA computes an op instead of a kernel that could not be selected or compiled


kernel_use: ContextVar[KernelUse | None] = ContextVar("kernel_use", default=None)


@contextmanager
def record_kernel_use() -> Iterator[KernelUse]:
    """Record the kernels that are requested inside a ``with`` block."""
    use = KernelUse()
    token = kernel_use.set(use)
    try:
        yield use
    finally:
        kernel_use.reset(token)


def note_failed_kernel() -> None:
    """Record that XLA computes an op instead of a kernel that failed."""
    use = kernel_use.get()
    if use is not None:
        use.failed = True


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


preparations: list[Future[None]] = []
"""Preparations that no request has waited for."""


def start_preparation() -> None:
    """Check the compiler, and compile what all kernels need, in the background: usually while JAX is imported."""
    if not (requests or preparations):
        preparations.append(get_executor().submit(prepare))


def prepare() -> None:
    check_compiler(require_compiler())
    load_dispatcher()


def finish_preparation() -> None:
    """Wait for the preparation, check the compiler unless that was done, and register the common handler.

    Raises `NotNative` if the compiler cannot be used.
    """
    while preparations:
        with suppress(NotNative):  # raised below
            preparations.pop().result()
    check_compiler(require_compiler())
    register_dispatcher()


def load_dispatcher() -> ctypes.CDLL:
    """Compile the common handler, or return it if it is loaded."""
    with DISPATCHER_LOCK:
        if TARGET not in dispatchers:
            library = load_library(read_dispatcher(), includes=(find_headers(),))
            library.add_kernel.argtypes = (ctypes.c_int64, ctypes.c_void_p)
            dispatchers[TARGET] = library
        return dispatchers[TARGET]


@functools.cache
def register_dispatcher() -> None:
    """Register the common handler with XLA."""
    jax().ffi.register_ffi_target(TARGET, jax().ffi.pycapsule(load_dispatcher().run), platform="cpu")


def read_dispatcher() -> str:
    return "\n".join(map(read_source, ("runtime.c", "thread_pool.c", "dispatch.c")))


@functools.cache
def find_headers() -> str:
    """Return the folder of XLA's headers, without importing JAX."""
    spec = find_spec("jaxlib")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).with_name("include"))


def make_key(code: str) -> int:
    """Return the key of a kernel, a hash of its code with 64 bits."""
    return int.from_bytes(hashlib.sha256(code.encode()).digest()[:8], "little", signed=True)


def request_kernel(code: str) -> int:
    """Start to compile a kernel, unless it was requested before, and return its key.

    Waits for the compiler outside of `compile_with_kernels`. Raises `NotNative` if it could not compile the kernel.
    """
    with LOCK:
        if code not in requests:
            finish_preparation()
            requests[code] = get_executor().submit(load_kernel, code)
        request = requests[code]
    register_dispatcher()
    use = kernel_use.get()
    if use is not None:
        use.codes[code] = None
    record = recorded.get()
    if record is None or request.done():
        request.result()
    else:
        record.append(request)
    return make_key(code)


def prefetch_kernel(code: str) -> None:
    """Start to compile a kernel that will probably be requested; if it cannot be compiled, the request will fail."""
    with LOCK:
        if code not in requests:
            requests[code] = get_executor().submit(load_kernel, code)


def load_kernel(code: str) -> None:
    """Compile a kernel, or a function that kernels call, and add it to those that the common handler finds."""
    library = load_library(code, includes=(find_headers(),))
    dispatcher = load_dispatcher()
    services = ctypes.addressof(ctypes.c_char.in_dll(dispatcher, "services"))
    ctypes.c_void_p.in_dll(library, "pellucid_services").value = services
    if dispatcher.add_kernel(make_key(code), ctypes.cast(library.run, ctypes.c_void_p)):
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
