"""Notices of compilations that take longer than a second, for progress displays."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

NOTICE_SECONDS = 1.0
"""Shorter compilations are not announced."""

Listener = Callable[[str], None]

listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listen_to_compilations(show: Listener | None) -> Iterator[None]:
    """Call a function with a sentence about each long compilation inside a ``with`` block, from another thread."""
    token = listener.set(show)
    try:
        yield
    finally:
        listener.reset(token)


@contextmanager
def announce_compilation(expressions: int, compiler: str) -> Iterator[None]:
    """Tell the listener about a compilation, the ``with`` block, if it takes long."""
    show = listener.get()
    if show is None:
        yield
        return
    size = f"{expressions:,} expression{'s' * (expressions != 1)}"
    timer = threading.Timer(NOTICE_SECONDS, show, [f"Compiling a step of {size} with {compiler}"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # so that no notice follows the compilation
