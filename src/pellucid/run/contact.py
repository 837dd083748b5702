"""What processes that compute together know of one another: how many there are, whether they agree, who is lost."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from pellucid.graph.errors import DistributionError
from pellucid.run.engine import jax

BROKEN = ("UNKNOWN", "UNAVAILABLE", "INTERNAL", "ABORTED", "CANCELLED", "DEADLINE_EXCEEDED", "FAILED_PRECONDITION")
"""What XLA calls it when others do not answer."""

_lost = False


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


def loss_of(error: Exception) -> DistributionError | None:
    """Return what to say of an error of XLA's that comes from the loss of a device or a process; None for any other."""
    global _lost
    if not isinstance(error, (RuntimeError, ValueError)) or not str(error).startswith(BROKEN):
        return None
    if num_processes() == 1:
        return DistributionError(f"A program that runs on several devices failed: {first_line(error)}")
    _lost = True
    return DistributionError(
        f"Process {process_id()} of {num_processes()} lost another one, a device of it, or the way to it: "
        f"{first_line(error)}"
    )


def first_line(error: Exception) -> str:
    """Return what an error says first."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def leave() -> None:
    """End a process that has lost others at once: JAX would wait for them, and then abort."""
    if _lost:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)
