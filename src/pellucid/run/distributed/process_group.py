"""What processes that compute together know of one another: how many there are, whether they agree, who is lost."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from pellucid.graph.errors import DistributionError
from pellucid.run.jax_runtime import jax

BROKEN = ("UNKNOWN", "UNAVAILABLE", "INTERNAL", "ABORTED", "CANCELLED", "DEADLINE_EXCEEDED", "FAILED_PRECONDITION")
"""What XLA calls it when others do not answer."""

MOMENT_SECONDS = 0.5
"""How long a process has to find out by itself that another is lost, before it is told."""

GRACE_SECONDS = 30.0
"""How long it then has to end in good order."""

_broken = threading.Event()
_advice: list[Callable[[], str]] = []


def num_processes() -> int:
    """Return how many processes compute together; 1 before `initialize`."""
    return int(jax().process_count()) if "jax" in sys.modules else 1


def process_id() -> int:
    """Return which of the processes this is: 0 for the first, which writes what is to be written."""
    return int(jax().process_index()) if "jax" in sys.modules else 0


def agree(what: Mapping[str, int]) -> None:
    """Hold against one another what all processes must have in common, each thing as a number below 2**32.

    Raises
    ------
    DistributionError
        If one has another.
    """
    from jax.experimental.multihost_utils import process_allgather

    with together():
        rows = np.asarray(process_allgather(np.array(list(what.values()), np.uint32)))
    for name, column in zip(what, rows.T, strict=True):
        others = [str(n) for n, value in enumerate(column) if value != column[0]]
        if others:
            raise DistributionError(
                f"Expected the same {name} in every process. Received: another in process {', '.join(others)} than in "
                "process 0. All run the same script on the same data and read the same folder"
            )


@contextmanager
def together() -> Iterator[None]:
    """Tell what goes wrong when other processes are lost from what goes wrong here."""
    try:
        yield
    except Exception as error:
        found = loss_of(error)
        if found is None:
            raise
        raise found from error


@contextmanager
def advised(way_on: Callable[[], str]) -> Iterator[None]:
    """Say meanwhile, when others are lost, what to do next."""
    _advice.append(way_on)
    try:
        yield
    finally:
        _advice.pop()


def with_advice(told: str) -> str:
    """Return what has happened, and what to do next if anybody knows."""
    return ". ".join([told, *(way_on() for way_on in _advice[-1:])])


def loss_of(error: Exception) -> DistributionError | None:
    """Return what to say of an error of XLA's that comes from the loss of a device or a process; None for any other."""
    if not isinstance(error, (RuntimeError, ValueError)) or not str(error).startswith(BROKEN):
        return None
    if num_processes() == 1:
        return DistributionError(with_advice(f"A program that runs on several devices failed: {first_line(error)}"))
    _broken.set()
    return DistributionError(
        with_advice(f"{who()} lost another one, a device of it, or the way to it: {first_line(error)}")
    )


def missed(number: int) -> None:
    """End this process, which another one has left, unless it finds that out by itself and ends in good order."""
    # JAX, whose coordinator lives in the first process, aborts this one as soon as it misses that.
    if number and _broken.wait(MOMENT_SECONDS):
        return
    error = DistributionError(with_advice(f"{who()} lost process {number}"))
    print(f"DistributionError: {error}", file=sys.stderr)
    _broken.set()
    if number:
        time.sleep(GRACE_SECONDS)
    end()


def who() -> str:
    """Return which process this is."""
    return f"Process {process_id()} of {num_processes()}"


def first_line(error: Exception) -> str:
    """Return what an error says first."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def leave(goodbye: Callable[[], None]) -> None:
    """Say goodbye, or end a process at once that has failed: JAX would have it wait for the others, and then abort."""
    failed = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    if _broken.is_set() or failed is not None:
        end()
    goodbye()


def end() -> None:
    """End the process at once, with all that it has printed."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)
