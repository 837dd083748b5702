"""Ctrl-C: held back while the state of a program is between two steps, and then told with what was finished."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, ClassVar

Handler = Callable[[int, FrameType | None], Any]


class Uninterrupted:
    """A ``with`` block that Ctrl-C cannot cut in two: it is heard when the block ends.

    A compiled step consumes the old state, so between starting it and keeping the new state there would be none.
    Threads other than the main one are never interrupted by Ctrl-C and need no protection. A block within another has
    nothing to do, for the outer one hears.
    """

    listening: ClassVar[bool] = False
    """Whether such a block is under way in the main thread."""

    def __init__(self) -> None:
        self.heard: tuple[int, FrameType | None] | None = None
        self.handler: Handler | None = None

    def note(self, number: int, frame: FrameType | None) -> None:
        """Remember that Ctrl-C was pressed."""
        self.heard = (number, frame)

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread() or Uninterrupted.listening:
            return
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler):
            self.handler = handler
            signal.signal(signal.SIGINT, self.note)
            Uninterrupted.listening = True  # not before: Ctrl-C may come until now

    def __exit__(self, *exception: object) -> None:
        if self.handler is None:
            return
        Uninterrupted.listening = False
        signal.signal(signal.SIGINT, self.handler)
        if self.heard is not None:
            self.handler(*self.heard)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a loop. Shared variables keep what the finished steps made of them.

    Attributes
    ----------
    history : array, list or dict
        The outputs of the finished steps, as the loop would have returned them.
    steps : int
        How many steps were finished.
    """

    def __init__(self, history: Any, steps: int) -> None:
        super().__init__(f"stopped after {steps} steps")
        self.history = history
        self.steps = steps
