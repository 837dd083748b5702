"""A training in a process of its own: on the other core, while the run goes on."""

import mmap
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")
Follow = Callable[[int, float], None]
"""What a training calls after each of its steps: with their number so far, and the loss."""


def possible() -> bool:
    """Tell whether there is another core, and a process of one thread, which can be doubled as it is."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return sys.platform == "linux" and cores > 1 and "jax" not in sys.modules


class Losses:
    """The losses of a training, in memory that two processes share, and how many there are."""

    def __init__(self, most: int) -> None:
        self.shared = memoryview(mmap.mmap(-1, 8 * (most + 1))).cast("d")

    def note(self, done: int, loss: float) -> None:
        """Note the loss after some steps."""
        self.shared[done] = loss
        self.shared[0] = done

    def so_far(self) -> list[float]:
        """Return what was noted."""
        return [float(loss) for loss in self.shared[1 : self.count + 1]]

    @property
    def count(self) -> int:
        """How many steps were noted."""
        return int(self.shared[0])


class Beside(Generic[Result]):
    """What is computed by another process, and how far it is.

    Attributes
    ----------
    losses : Losses
        Of the steps it has finished.
    seconds : float
        How long it took, once it is there.
    """

    def __init__(self, work: Callable[[Follow], Result], steps: int) -> None:
        self.losses = Losses(steps)
        self.seconds = 0.0
        self.outcome: Any = None
        context = get_context("fork")
        self.here, there = context.Pipe(duplex=False)
        self.process = context.Process(target=carried_out, args=(work, self.losses, there), daemon=True)
        self.process.start()
        there.close()

    def arrives(self, timeout: float) -> bool:
        """Wait for what comes out, and tell whether it has."""
        if self.outcome is None and self.here.poll(timeout):
            try:
                self.outcome = self.here.recv()
            except EOFError:
                self.process.join()
                raise ChildProcessError(f"it was ended from outside, with {self.process.exitcode}") from None
        return self.outcome is not None

    def result(self) -> Result:
        """Return what came out, or raise what went wrong."""
        self.seconds, error, value = self.outcome
        if error is not None:
            raise error
        result: Result = value
        return result

    def end(self) -> None:
        """End the process, if it is not at its end."""
        self.process.kill()
        self.process.join()
        self.here.close()


def carried_out(work: Callable[[Follow], Any], losses: Losses, there: Connection) -> None:
    """Do the work of the other process, and send what comes out."""
    # Ctrl-C reaches both processes, and the first one ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    value, error, start = None, None, time.perf_counter()
    try:
        value = work(losses.note)
    except Exception as failure:
        error = failure
    there.send((time.perf_counter() - start, error, value))


@contextmanager
def beside(work: Callable[[Follow], Result], steps: int) -> Iterator[Beside[Result]]:
    """Have work done by another process until the end of the block."""
    other = Beside(work, steps)
    try:
        yield other
    finally:
        other.end()
