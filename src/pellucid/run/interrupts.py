"""Ctrl-C: deferred while a program replaces its state, and raised with the outputs of the finished steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, ClassVar

Handler = Callable[[int, FrameType | None], Any]


class DeferSigint:
    """Context manager that defers Ctrl-C to the end of its block.

    A compiled step consumes the old state, so between its start and the moment the new state is kept there is none.
    Only the main thread receives Ctrl-C, so other threads need no protection. Inside another block this one does
    nothing.
    """

    active: ClassVar[bool] = False
    """Whether the main thread is inside such a block."""

    def __init__(self) -> None:
        self.received: tuple[int, FrameType | None] | None = None
        self.handler: Handler | None = None

    def record(self, number: int, frame: FrameType | None) -> None:
        self.received = (number, frame)

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread() or DeferSigint.active:
            return
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler):
            self.handler = handler
            signal.signal(signal.SIGINT, self.record)
            DeferSigint.active = True  # last, because Ctrl-C may still raise before this line

    def __exit__(self, *exception: object) -> None:
        if self.handler is None:
            return
        DeferSigint.active = False
        signal.signal(signal.SIGINT, self.handler)
        if self.received is not None:
            self.handler(*self.received)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a loop. Shared variables keep the updates of the finished steps.

    Attributes
    ----------
    history : array, list or dict
        The outputs of the finished steps, as the loop would have returned them.
    steps : int
        Number of finished steps.
    """

    def __init__(self, history: Any, steps: int) -> None:
        super().__init__(f"stopped after {steps} steps")
        self.history = history
        self.steps = steps
