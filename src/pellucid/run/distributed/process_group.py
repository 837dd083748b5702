"""Process group: number of processes, rank, consistency checks between ranks, and reactions to the loss of a peer."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np

from pellucid.graph.errors import DistributionError
from pellucid.run.interrupts import TERMINATED, SigtermHandler
from pellucid.run.jax_runtime import get_first_line, jax
from pellucid.typing import Array

LOSS_STATUSES = (
    "UNKNOWN",
    "UNAVAILABLE",
    "INTERNAL",
    "ABORTED",
    "CANCELLED",
    "DEADLINE_EXCEEDED",
    "FAILED_PRECONDITION",
)
"""Status codes with which XLA's errors begin when a peer does not respond."""

NOTICE_SECONDS = 0.5
"""How long a process may take to notice the loss of a peer in a collective, before this module reports it."""

GRACE_SECONDS = 30.0
"""How long rank 0 waits before it exits, so that the others can exit by themselves."""

_peer_failed = threading.Event()
_recovery_hints: list[Callable[[], str]] = []


def num_processes() -> int:
    """Return the number of processes; 1 before `initialize`.

    Examples
    --------
    >>> pel.distribution.num_processes()
    1
    """
    return int(jax().process_count()) if "jax" in sys.modules else 1


def process_id() -> int:
    """Return the rank of this process. Rank 0 writes checkpoints and logs.

    Examples
    --------
    >>> pel.distribution.process_id()
    0
    """
    return int(jax().process_index()) if "jax" in sys.modules else 0


def agree(values: Mapping[str, int]) -> None:
    """Check that named values, each below 2**32, are the same in all processes."""
    rows = gather_values(list(values.values()))
    for name, column in zip(values, rows.T, strict=True):
        different = [str(n) for n, value in enumerate(column) if value != column[0]]
        if different:
            raise DistributionError(
                f"Expected the same {name} in all processes. Received: process {', '.join(different)} differs from "
                "process 0. All processes must run the same script on the same data and read the same folder"
            )


def is_equal_in_all_processes(value: int) -> bool:
    """Whether a value below 2**32 is the same in all processes, which must all call this."""
    return len(np.unique(gather_values([value]))) == 1


def gather_values(values: Sequence[int]) -> Array:
    """Return the values of all processes, each below 2**32: a row per process."""
    from jax.experimental.multihost_utils import process_allgather

    with translate_losses():
        return np.asarray(process_allgather(np.array(values, np.uint32))).reshape(-1, len(values))


@contextmanager
def translate_losses() -> Iterator[None]:
    """Turn XLA's errors about the loss of a device or peer into a `DistributionError`."""
    try:
        yield
    except Exception as error:
        loss = explain_loss(error)
        if loss is None:
            raise
        raise loss from error


@contextmanager
def add_recovery_hint(get_hint: Callable[[], str]) -> Iterator[None]:
    """Add a hint on how to continue to errors about lost peers."""
    _recovery_hints.append(get_hint)
    try:
        yield
    finally:
        _recovery_hints.pop()


def append_recovery_hint(message: str) -> str:
    return ". ".join([message, *(get_hint() for get_hint in _recovery_hints[-1:])])


def explain_loss(error: Exception) -> DistributionError | None:
    """Return an explanation of XLA's error about the loss of a device or peer; None for other errors."""
    if not isinstance(error, (RuntimeError, ValueError)) or not str(error).startswith(LOSS_STATUSES):
        return None
    if num_processes() == 1:
        what = "A program on several devices failed"
    else:
        _peer_failed.set()
        what = f"{format_rank()} lost contact with another process or its device"
    return DistributionError(append_recovery_hint(f"{what}: {get_first_line(error)}"))


def on_peer_lost(number: int) -> None:
    """Exit after the loss of a peer, unless a collective raises an error for it first.

    ``number`` is the rank of the peer. JAX aborts all processes without an explanation soon after rank 0 ends, because
    its coordinator runs there.
    """
    if number and _peer_failed.wait(NOTICE_SECONDS):
        return
    error = DistributionError(append_recovery_hint(f"{format_rank()} lost process {number}"))
    print(f"DistributionError: {error}", file=sys.stderr)
    _peer_failed.set()
    if number:
        time.sleep(GRACE_SECONDS)
    exit_now()


def format_rank() -> str:
    return f"Process {process_id()} of {num_processes()}"


def shutdown(close: Callable[[], None]) -> None:
    """Close the connections at exit. After an error or SIGTERM exit at once, as JAX would wait for the others."""
    failed = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    if SigtermHandler.ends_process:
        exit_now(TERMINATED)
    elif _peer_failed.is_set() or failed is not None:
        exit_now()
    else:
        close()


def exit_now(status: int = 1) -> None:
    """End the process without cleanup, after flushing its output."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
