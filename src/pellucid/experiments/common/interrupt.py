"""Ctrl-C that insists: it is raised again and again until the code that deals with it has heard it.

Python drops an exception that is raised inside a callback of the garbage collector or of a weak reference, and JAX has
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
"""How long a Ctrl-C may go unheard before it is raised again."""


class Insistence:
    """The handler of Ctrl-C while a command runs; it touches the alarm clock only between a Ctrl-C and its hearing."""

    def __init__(self) -> None:
        self.earlier: Any = None
        self.asked = False

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Raise ``KeyboardInterrupt``, and see to it that it is raised again."""
        if not self.asked and hasattr(signal, "setitimer"):
            self.asked = True
            self.earlier = signal.signal(signal.SIGALRM, self.ask_again), signal.getitimer(signal.ITIMER_REAL)
            signal.setitimer(signal.ITIMER_REAL, SECONDS_BETWEEN, SECONDS_BETWEEN)
        raise KeyboardInterrupt

    def ask_again(self, number: int, frame: FrameType | None) -> None:
        """Send another Ctrl-C, unless the last one is on its way up: what tidies up is not to be interrupted."""
        if not on_its_way():
            # By signal, since a loop may be holding Ctrl-C back for a moment.
            signal.raise_signal(signal.SIGINT)

    def rest(self) -> None:
        """Ask no more."""
        if not self.asked:
            return
        handler, timer = self.earlier
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)
        self.asked = False


def on_its_way() -> bool:
    """Return whether a ``KeyboardInterrupt`` is being dealt with by an ``except``, ``finally`` or ``with``."""
    error = sys.exception()
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


@contextmanager
def insisting() -> Iterator[None]:
    """Let Ctrl-C insist until `heard` is called; outside the main thread, or under another's handler, do nothing."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    insistence, complain = Insistence(), sys.unraisablehook

    def complain_of_others(dropped: "sys.UnraisableHookArgs") -> None:
        # A Ctrl-C that was dropped comes again, so there is nothing to complain of.
        if not isinstance(dropped.exc_value, KeyboardInterrupt):
            complain(dropped)

    sys.unraisablehook = complain_of_others
    signal.signal(signal.SIGINT, insistence.ask)
    try:
        yield
    finally:
        insistence.rest()
        sys.unraisablehook = complain
        signal.signal(signal.SIGINT, signal.default_int_handler)


def heard() -> None:
    """Say that Ctrl-C has reached the code that deals with it."""
    insistence = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
    if isinstance(insistence, Insistence):
        insistence.rest()
