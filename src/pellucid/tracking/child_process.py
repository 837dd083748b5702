"""Training in a forked process, on another core, while the run continues."""

import ctypes
import mmap
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

PR_SET_PDEATHSIG = 1
"""Option of prctl(2)."""

Result = TypeVar("Result")
StepCallback = Callable[[int, float], None]
"""Called by a training after each step with the number of steps so far and the loss."""


def is_supported() -> bool:
    """Tell whether there is another core and this process may be forked: forking one with JAX's threads deadlocks."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return sys.platform == "linux" and cores > 1 and "jax" not in sys.modules


class SharedLosses:
    """Losses of a training in memory shared by two processes; element 0 is their number."""

    def __init__(self, capacity: int) -> None:
        self._memory = memoryview(mmap.mmap(-1, 8 * (capacity + 1))).cast("d")

    def append(self, step: int, loss: float) -> None:
        self._memory[step] = loss
        self._memory[0] = step

    def __iter__(self) -> Iterator[float]:
        return iter(self._memory[1 : len(self) + 1].tolist())

    def __len__(self) -> int:
        return int(self._memory[0])


class SubprocessTask(Generic[Result]):
    """A function that runs in another process, with the losses of its steps and, at the end, its duration."""

    def __init__(self, work: Callable[[StepCallback], Result], steps: int) -> None:
        self.losses: SharedLosses = SharedLosses(steps)
        self.seconds: float = 0.0
        self._message: Any = None
        context = get_context("fork")
        self._receiver, sender = context.Pipe(duplex=False)
        self.process = context.Process(target=_run_task, args=(work, self.losses, sender, os.getpid()), daemon=True)
        self.process.start()
        sender.close()

    def wait(self, timeout: float) -> bool:
        """Wait for the result; return whether it has arrived."""
        if self._message is None and self._receiver.poll(timeout):
            try:
                self._message = self._receiver.recv()
            except EOFError:
                self.process.join()
                raise ChildProcessError(
                    f"the training process ended without a result, exit code {self.process.exitcode}"
                ) from None
        return self._message is not None

    def get_result(self) -> Result:
        """Return the result, or raise the error of the other process."""
        self.seconds, error, value = self._message
        if error is not None:
            raise error
        result: Result = value
        return result

    def close(self) -> None:
        """Kill the process if it still runs."""
        self.process.kill()
        self.process.join()
        self._receiver.close()


def _end_with_parent(parent: int) -> None:
    """Make the system kill this process when its parent ends, also by a signal that no code can handle."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended already
        os._exit(1)


def _run_task(work: Callable[[StepCallback], object], losses: SharedLosses, sender: Connection, parent: int) -> None:
    _end_with_parent(parent)
    # Ctrl-C reaches both processes; the parent stops this one. SIGTERM may be meant for this one alone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    value, error, start = None, None, time.perf_counter()
    try:
        value = work(losses.append)
    except Exception as failure:
        error = failure
    sender.send((time.perf_counter() - start, error, value))
