"""What computes programs: C compiled by a compiler, XLA or NumPy, with versions, flags and processor.

Results of different backends differ in the last bits, so runs record which ones computed them.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pellucid.run.compilation_cache import processor
from pellucid.run.jax_runtime import start_jax

ACTIVE: ContextVar[tuple[list[str], ...]] = ContextVar("backends", default=())
"""The records of the runs that surround the current code, the outermost first."""

FEATURES = ("amx_bf16", "avx512f", "avx2", "avx", "asimd")
"""Names of vector instruction sets in ``/proc/cpuinfo``, the widest first."""

C_LOOPS = "C loops: "
"""Start of the description of loops of steps that are compiled as C."""


@contextmanager
def record_backends(record: list[str]) -> Iterator[list[str]]:
    """Append to a list, once each, the descriptions of the backends that run inside a ``with`` block."""
    token = ACTIVE.set((*ACTIVE.get(), record))
    try:
        yield record
    finally:
        ACTIVE.reset(token)


def is_recording() -> bool:
    """Whether the current code runs inside of `record_backends`."""
    return bool(ACTIVE.get())


def note_backends(descriptions: Iterable[str]) -> None:
    """Add backends that are about to run to the surrounding records."""
    names = list(dict.fromkeys(descriptions)) if is_recording() else ()
    for record in ACTIVE.get():
        record.extend(name for name in names if name not in record)


def is_c_loop(description: str) -> bool:
    """Whether a recorded backend is a loop of steps in C, on one core."""
    return description.startswith(C_LOOPS)


@functools.cache
def describe_processor() -> str:
    """Return name and widest vector instructions of the processor, and a hash of everything known about it."""
    text = processor()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    words = set(text.split())
    width = next((feature for feature in FEATURES if feature in words), "")
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return " ".join(filter(None, [*names[:1], width, f"({digest})"]))


@functools.cache
def describe_xla() -> str:
    """Return version, device and flags of XLA."""
    jax, flags = start_jax()
    device = jax.devices()[0]
    target = describe_processor() if device.platform == "cpu" else device.device_kind
    version = " ".join(device.client.platform_version.split())
    return ", ".join(filter(None, [f"XLA: JAX {jax.__version__}, {version}", flags, target]))


def compare_backends(ours: Iterable[str], theirs: Iterable[str], names: tuple[str, str] = ("A", "B")) -> str | None:
    """Return a sentence about the backends of two runs, or None if they are equal or not recorded."""
    first, second = list(ours), list(theirs)
    if not first or not second or set(first) == set(second):
        return None
    only = [[each for each in one if each not in other] for one, other in ((first, second), (second, first))]
    named = [f"{name}: {'; '.join(each) or 'nothing else'}" for name, each in zip(names, only, strict=True)]
    return f"The backends of the runs differ, so their last bits may differ too. {'. '.join(named)}"
