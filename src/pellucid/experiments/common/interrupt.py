"""Ctrl-C that is repeated until the code that handles it has received it.

Python drops exceptions that are raised in a callback of the garbage collector or of a weak reference, and JAX has
both. A Ctrl-C that arrives there would be lost, and the run would go on.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SECONDS_BETWEEN = 0.2
"""Delay before an unhandled Ctrl-C is raised again."""


class RepeatedInterrupt:
    """Handler of SIGINT while a command runs; it uses the alarm timer only between a Ctrl-C and its handling."""

    def __init__(self) -> None:
        self._previous: Any = None
        self._active = False

    def on_interrupt(self, number: int, frame: FrameType | None) -> None:
        """Raise `KeyboardInterrupt`, and schedule its repetition."""
        if not self._active and hasattr(signal, "setitimer"):
            self._active = True
            self._previous = signal.signal(signal.SIGALRM, self._on_alarm), signal.getitimer(signal.ITIMER_REAL)
            signal.setitimer(signal.ITIMER_REAL, SECONDS_BETWEEN, SECONDS_BETWEEN)
        raise KeyboardInterrupt

    def _on_alarm(self, number: int, frame: FrameType | None) -> None:
        """Send SIGINT again, unless the last one is being handled: cleanup code must not be interrupted."""
        if not is_handling_interrupt():
            # As a signal, because a loop may have blocked SIGINT for a moment.
            signal.raise_signal(signal.SIGINT)

    def stop(self) -> None:
        """Stop repeating, and restore the alarm timer."""
        if not self._active:
            return
        handler, timer = self._previous
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)
        self._active = False


def is_handling_interrupt() -> bool:
    """Tell whether an ``except``, ``finally`` or ``with`` is handling a `KeyboardInterrupt`."""
    error = sys.exception()
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


@contextmanager
def repeat_interrupts() -> Iterator[None]:
    """Repeat Ctrl-C until `acknowledge_interrupt` is called; only in the main thread, under Python's own handler."""
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    interrupt, report = RepeatedInterrupt(), sys.unraisablehook

    def report_others(dropped: "sys.UnraisableHookArgs") -> None:
        # A dropped Ctrl-C is repeated, so it needs no report.
        if not isinstance(dropped.exc_value, KeyboardInterrupt):
            report(dropped)

    sys.unraisablehook = report_others
    signal.signal(signal.SIGINT, interrupt.on_interrupt)
    try:
        yield
    finally:
        interrupt.stop()
        sys.unraisablehook = report
        signal.signal(signal.SIGINT, signal.default_int_handler)


def acknowledge_interrupt() -> None:
    """Stop repeating Ctrl-C: it has reached the code that handles it."""
    interrupt = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
    if isinstance(interrupt, RepeatedInterrupt):
        interrupt.stop()
