"""The devices of this machine, and processes on several that compute together; ``pel.distribution``.

Every process runs the same script on the same data. `initialize`, called before anything is computed, brings them
together; training then divides each batch over the devices of all. What is written (checkpoints, logs, bars) the first
process writes; what is read, all read.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from pellucid.graph.errors import DistributionError, OptionError, UseError, tell_near_misses
from pellucid.run.choice import list_devices
from pellucid.run.contact import first_line, leave, num_processes, process_id
from pellucid.run.engine import jax, joining, started

__all__ = ["initialize", "list_devices", "num_processes", "process_id"]

HEARTBEAT_SECONDS = 100
"""After how long a process counts as lost that says nothing; JAX's own choice."""

TOO_LATE = (
    "pel.distribution.initialize: expected to be called once, before anything is computed. Received: a second call, or "
    "one after something was computed. Make it the first line after the imports"
)


def initialize(
    coordinator_address: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    *,
    cluster: str | None = None,
    heartbeat_seconds: int = HEARTBEAT_SECONDS,
    timeout_seconds: int = 300,
) -> None:
    """Bring the processes together that run this script; call it once, before anything is computed.

    Under SLURM, Open MPI 4, Kubernetes and on TPUs JAX finds the others by itself, and under any MPI through mpi4py.
    What is not found is given here, or as ``PELLUCID_COORDINATOR_ADDRESS``, ``PELLUCID_NUM_PROCESSES`` and
    ``PELLUCID_PROCESS_ID`` in the environment.

    Parameters
    ----------
    coordinator_address : str, optional
        ``"host:port"`` of the first process, at a port that is free there.
    num_processes : int, optional
        How many there are.
    process_id : int, optional
        Which one this is, from 0.
    cluster : str, optional
        How the others are found, in JAX's words: ``"mpi4py"`` for an MPI that JAX does not know by itself.
    heartbeat_seconds : int
        After how long a process counts as lost that says nothing. One that ends is missed at once.
    timeout_seconds : int
        How long to wait for the others.

    Raises
    ------
    OptionError
        If it is not known who the others are.
    UseError
        If something was computed before, or the processes are together already.
    DistributionError
        If the others do not come.

    Examples
    --------
    >>> pel.distribution.initialize("node1:1234", num_processes=4, process_id=0)  # doctest: +SKIP
    >>> pel.distribution.num_processes(), pel.distribution.process_id()
    (1, 0)
    """
    if started.cache_info().currsize:
        raise UseError(TOO_LATE)
    given = {
        "coordinator_address": coordinator_address or os.environ.get("PELLUCID_COORDINATOR_ADDRESS"),
        "num_processes": whole("num_processes", num_processes, "PELLUCID_NUM_PROCESSES"),
        "process_id": whole("process_id", process_id, "PELLUCID_PROCESS_ID"),
    }

    def join(found: ModuleType) -> None:
        connect(found, given, cluster, heartbeat_seconds, timeout_seconds)

    joining.append(join)
    try:
        jax()
    finally:
        joining.remove(join)
    atexit.register(leave)


def connect(
    found: ModuleType, given: Mapping[str, Any], cluster: str | None, heartbeat_seconds: int, timeout_seconds: int
) -> None:
    """Have JAX bring the processes together, and say in plain words why it does not."""
    told = ", ".join(f"{name}={value!r}" for name, value in given.items())
    try:
        found.distributed.initialize(
            **given,
            cluster_detection_method=cluster,
            initialization_timeout=timeout_seconds,
            heartbeat_timeout_seconds=heartbeat_seconds,
        )
    except (ValueError, TypeError) as error:
        raise OptionError(
            "pel.distribution.initialize: expected the address of the first process as 'host:port', how many processes "
            f"there are, and which one this is. Received: {told}, and no cluster that JAX knows ({error}). Start the "
            "script by srun or mpirun, or give all three; on one machine alone leave the call out"
        ) from error
    except RuntimeError as error:
        if "before any JAX" in str(error) or "only be called once" in str(error):
            raise UseError(TOO_LATE) from error
        raise DistributionError(
            f"The processes did not come together within {timeout_seconds} s. Received: {told}. All of them must be "
            f"started at about the same time, and reach the address of the first ({first_line(error)})"
        ) from error


def whole(name: str, value: Any, variable: str) -> int | None:
    """Return a number that was given, or that the environment has."""
    given = os.environ.get(variable) if value is None else value
    if given is None:
        return None
    try:
        if isinstance(given, bool):
            raise ValueError
        return int(given)
    except (TypeError, ValueError):
        where = f"{variable}={given!r} in the environment" if value is None else f"{name}={given!r}"
        raise OptionError(
            f"pel.distribution.initialize: expected {name} to be a whole number. Received: {where}"
        ) from None


tell_near_misses(globals(), "pel.distribution")
