"""Signals of commands: Ctrl-C and SIGTERM, repeated until they are handled, and SIGHUP, a request for a snapshot.

Python drops exceptions that are raised in a callback of the garbage collector or of a weak reference, and JAX has
both. A signal that arrives there would be lost, and the run would go on. The handler of SIGHUP only sets a flag.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, ClassVar

from pellucid.run.interrupts import DeferSigint

Report = Callable[[Sequence[str]], None]

SECONDS_BETWEEN = 0.2
"""Delay before an unhandled Ctrl-C is raised again."""


class RepeatedInterrupt:
    """Handler of SIGINT and SIGTERM while a command runs.

    It uses the alarm timer only between a signal and its handling. ``terminated`` says whether there was a SIGTERM. A
    second one ends the process at once.
    """

    current: "ClassVar[RepeatedInterrupt | None]" = None

    def __init__(self) -> None:
        self._previous: Any = None
        self._active = False
        self.terminated: bool = False

    def on_terminate(self, number: int, frame: FrameType | None) -> None:
        """Interrupt as Ctrl-C does, and leave the next SIGTERM to the system."""
        self.terminated = True
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self.on_interrupt(number, frame)

    def on_interrupt(self, number: int, frame: FrameType | None) -> None:
        """Raise `KeyboardInterrupt`, and schedule its repetition."""
        if not self._active and hasattr(signal, "setitimer"):
            self._active = True
            self._previous = signal.signal(signal.SIGALRM, self._on_alarm), signal.getitimer(signal.ITIMER_REAL)
            signal.setitimer(signal.ITIMER_REAL, SECONDS_BETWEEN, SECONDS_BETWEEN)
        raise KeyboardInterrupt

    def _on_alarm(self, number: int, frame: FrameType | None) -> None:
        """Interrupt again, after a step that may not be interrupted.

        Not while the last interrupt is being handled: cleanup code must not be interrupted.
        """
        if is_handling_interrupt():
            return
        if DeferSigint.current is None:
            raise KeyboardInterrupt
        DeferSigint.current.interrupts_at_exit = True

    def stop(self) -> None:
        """Stop repeating, and restore the alarm timer."""
        if not self._active:
            return
        handler, timer = self._previous
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)
        self._active = False


class SnapshotRequest:
    """Handler of SIGHUP while a run trains: a snapshot is due, and the run continues. ``report`` prints lines.

    A terminal that is closed sends SIGHUP too. Output to it is then dropped, because writing would fail.
    """

    current: "ClassVar[SnapshotRequest | None]" = None

    def __init__(self, report: Report) -> None:
        self.received, self.report = False, report
        self.terminals: list[int] = [descriptor for descriptor in (1, 2) if os.isatty(descriptor)]

    def on_hangup(self, number: int, frame: FrameType | None) -> None:
        self.received = True
        for descriptor in self.terminals:
            if not os.isatty(descriptor):
                discard_output(descriptor)


def discard_output(descriptor: int) -> None:
    """Drop everything that is written to a file descriptor from now on."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


def take_snapshot_request() -> SnapshotRequest | None:
    """Return the request if there was a SIGHUP since the last call."""
    request = SnapshotRequest.current
    if request is None or not request.received:
        return None
    request.received = False
    return request


@contextmanager
def receive_snapshot_requests(report: Report) -> Iterator[None]:
    """Take SIGHUP as a request for a snapshot inside a ``with`` block.

    Only in the main thread, on systems that have the signal, and only if nothing else handles it. After ``nohup``,
    which ignores it, a hangup still does not end the process.
    """
    number, is_main = getattr(signal, "SIGHUP", None), threading.current_thread() is threading.main_thread()
    first = signal.getsignal(number) if number is not None and is_main else None
    if number is None or first not in (signal.SIG_DFL, signal.SIG_IGN):
        yield
        return
    request = SnapshotRequest(report)
    signal.signal(number, request.on_hangup)
    SnapshotRequest.current = request
    try:
        yield
    finally:
        SnapshotRequest.current = None
        signal.signal(number, first)


def is_handling_interrupt() -> bool:
    """Tell whether an ``except``, ``finally`` or ``with`` is handling a `KeyboardInterrupt`."""
    error = sys.exception()
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


@contextmanager
def repeat_interrupts() -> Iterator[RepeatedInterrupt]:
    """Repeat Ctrl-C and SIGTERM until `acknowledge_interrupt` is called.

    Only in the main thread, and only for signals that have their first handler: a command that was started in the
    background may ignore Ctrl-C.
    """
    interrupt, report = RepeatedInterrupt(), sys.unraisablehook
    first: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    ours: dict[int, Any] = {signal.SIGINT: interrupt.on_interrupt, signal.SIGTERM: interrupt.on_terminate}
    is_main = threading.current_thread() is threading.main_thread()
    numbers = [number for number in first if is_main and signal.getsignal(number) is first[number]]
    if not numbers:
        yield interrupt
        return

    def report_others(dropped: "sys.UnraisableHookArgs") -> None:
        # A dropped Ctrl-C is repeated, so it needs no report.
        if not isinstance(dropped.exc_value, KeyboardInterrupt):
            report(dropped)

    sys.unraisablehook = report_others
    for number in numbers:
        signal.signal(number, ours[number])
    RepeatedInterrupt.current = interrupt
    try:
        yield interrupt
    finally:
        RepeatedInterrupt.current = None
        interrupt.stop()
        sys.unraisablehook = report
        for number in numbers:
            signal.signal(number, first[number])


def acknowledge_interrupt() -> None:
    """Stop repeating a signal: it has reached the code that handles it."""
    # An interrupt inside of exec() makes CPython exit by SIGINT, whatever the status, until another exec() runs.
    exec("")
    if RepeatedInterrupt.current is not None:
        RepeatedInterrupt.current.stop()
