"""Ctrl-C and SIGTERM: deferred while a program replaces its state, raised with the outputs of the finished steps."""

from __future__ import annotations

import importlib
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import FrameType
from typing import Any, ClassVar

Handler = Callable[[int, FrameType | None], Any]

TERMINATED = 143
"""Exit status of a process that SIGTERM ended: 128 and the number of the signal."""

handlers: Any = importlib.import_module("_signal" if find_spec("_signal") else "signal")
"""CPython's own functions where it has them: those of `signal` convert handlers to enums, which takes microseconds."""


class DeferSigint:
    """Context manager that defers Ctrl-C, and SIGTERM if Python handles it, to the end of its block.

    A compiled step consumes the old state, so between its start and the moment the new state is kept there is none.
    Only the main thread receives signals, so other threads need no protection. Inside another block this one does
    nothing.
    """

    current: ClassVar[DeferSigint | None] = None
    """The block that the main thread is in."""

    def __init__(self) -> None:
        self.received: dict[int, FrameType | None] = {}
        self.handlers: dict[int, Handler] = {}
        self.interrupts_at_exit = False

    def record(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGTERM and number in self.received:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.received[number] = frame

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread() or DeferSigint.current is not None:
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = handlers.getsignal(number)
            if callable(handler):
                self.handlers[number] = handler
                handlers.signal(number, self.record)
        DeferSigint.current = self  # last, because a signal may still raise before this line

    def __exit__(self, *exception: object) -> None:
        if DeferSigint.current is not self:
            return
        DeferSigint.current = None
        for number, handler in self.handlers.items():
            handlers.signal(number, handler)
        for number, frame in self.received.items():
            self.handlers[number](number, frame)
        if self.interrupts_at_exit:
            raise KeyboardInterrupt


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a loop. Shared variables keep the updates of the finished steps.

    Attributes
    ----------
    history : array, list or dict
        The outputs of the finished steps, as the loop would have returned them.
    steps : int
        Number of finished steps.

    Examples
    --------
    >>> try:
    ...     raise pel.Interrupted([0.5, 0.4], 2)
    ... except KeyboardInterrupt as stop:
    ...     print(stop, stop.history)
    stopped after 2 steps [0.5, 0.4]
    """

    def __init__(self, history: Any, steps: int) -> None:
        super().__init__(f"stopped after {steps} steps")
        self.history = history
        self.steps = steps


class SigtermHandler:
    """Handler of SIGTERM that interrupts like Ctrl-C; a second SIGTERM ends the process at once.

    Loops call `raise_if_received` between two steps: Python drops exceptions that are raised in callbacks of the
    garbage collector, and while ``is_deferred`` returns true, the handler raises none.
    """

    ends_process: ClassVar[bool] = False
    """Whether this process exits because of SIGTERM."""

    is_deferred: Callable[[], bool]

    def __init__(self, is_deferred: Callable[[], bool] = lambda: False) -> None:
        self.received, self.is_deferred = False, is_deferred

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.received = True
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if not self.is_deferred():
            raise KeyboardInterrupt

    def raise_if_received(self) -> None:
        if self.received:
            raise KeyboardInterrupt


@contextmanager
def interrupt_on_sigterm(handler: SigtermHandler, enabled: bool) -> Iterator[None]:
    """Turn SIGTERM into `KeyboardInterrupt` inside a ``with`` block, and then into the exit status `TERMINATED`.

    Only in the main thread, and only if nothing else handles SIGTERM.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not enabled or not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, handler)
    try:
        yield
        handler.raise_if_received()
    except KeyboardInterrupt as interrupt:
        if handler.received:
            SigtermHandler.ends_process = True
            exec("")  # an interrupt inside of exec() makes CPython exit by SIGINT, until another exec() runs
            raise SystemExit(TERMINATED) from interrupt
        raise
    finally:
        if signal.getsignal(signal.SIGTERM) is handler:  # not one that the user has set meanwhile
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
