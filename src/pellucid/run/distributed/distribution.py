"""The devices of this machine, and processes on several that compute together; ``pel.distribution``.

Every process runs the same script on the same data. `initialize`, called before anything is computed, brings them
together; training then divides each batch over the devices of all. What is written (checkpoints, logs, bars) the first
process writes; what is read, all read.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import warnings
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from pellucid.graph.errors import DistributionError, OptionError, UseError, tell_near_misses
from pellucid.graph.source_location import calls_to_user
from pellucid.run.device_selection import is_whole, list_devices
from pellucid.run.distributed import process_group
from pellucid.run.distributed.peer_failure import Lifeline, is_here
from pellucid.run.distributed.process_group import first_line, leave, missed, num_processes, process_id
from pellucid.run.jax_runtime import jax, joining, started

__all__ = ["initialize", "list_devices", "num_processes", "process_id"]

HEARTBEAT_SECONDS = 100
"""After how long a process counts as lost that says nothing; JAX's own choice."""

HERE = "pel.distribution.initialize"

TOO_LATE = (
    f"{HERE}: expected to be called once, before anything is computed. Received: a second call, or "
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
    given: dict[str, Any] = {
        "coordinator_address": checked_address(coordinator_address),
        "num_processes": whole("num_processes", num_processes),
        "process_id": whole("process_id", process_id),
    }
    count, number = given["num_processes"], given["process_id"]
    if (count is not None and count < 1) or (number is not None and not 0 <= number < (count or number + 1)):
        raise OptionError(
            f"{HERE}: expected process_id from 0 up to but without num_processes. Received: process_id={number}, "
            f"num_processes={count}"
        )

    for name, seconds in (("heartbeat_seconds", heartbeat_seconds), ("timeout_seconds", timeout_seconds)):
        if not is_whole(seconds) or seconds < 1:
            raise OptionError(f"{HERE}: expected {name} to be a whole number from 1. Received: {name}={seconds!r}")

    def join(found: ModuleType) -> None:
        connect(found, given, cluster, heartbeat_seconds, timeout_seconds)

    joining.append(join)
    try:
        jax()
    finally:
        joining.remove(join)
    if process_group.num_processes() > 1:
        lifeline = Lifeline(missed)
        hold_on(lifeline)
        atexit.register(leave, lifeline.leave)


def connect(
    found: ModuleType, given: Mapping[str, Any], cluster: str | None, heartbeat_seconds: int, timeout_seconds: int
) -> None:
    """Have JAX bring the processes together, and say in plain words why it does not."""
    told = ", ".join(f"{name}={value!r}" for name, value in {**given, "cluster": cluster}.items() if value is not None)
    address = given.get("coordinator_address")
    # JAX would abort the process without a word that its user knows.
    alarm = threading.Timer(timeout_seconds, give_up, [timeout_seconds, told])
    alarm.daemon = True
    alarm.start()
    found.config.update("jax_enable_preemption_service", False)  # a process that is told to end by SIGTERM ends
    try:
        found.distributed.initialize(
            **given,
            coordinator_bind_address=address if address and is_here(host_of(address)) else None,
            cluster_detection_method=cluster,
            initialization_timeout=timeout_seconds + 60,
            heartbeat_timeout_seconds=heartbeat_seconds,
        )
    except (ValueError, TypeError) as error:
        raise OptionError(
            f"{HERE}: expected coordinator_address='host:port' of the first process, num_processes, and process_id. "
            f"Received: {told or 'none of them'}, and no cluster that JAX knows ({first_line(error)}). Start the "
            "script by srun or mpirun, or give all three; on one machine alone leave the call out"
        ) from error
    except RuntimeError as error:
        if "before any JAX" not in str(error):
            raise
        raise UseError(TOO_LATE) from error
    finally:
        alarm.cancel()


def hold_on(lifeline: Lifeline) -> None:
    """Connect the other processes with the first one."""
    from jax._src.distributed import global_state  # no public name tells the address that JAX has found
    from jax.experimental.multihost_utils import broadcast_one_to_all

    number = process_group.process_id()
    host = host_of(str(global_state.coordinator_address))
    told = np.array(lifeline.listen(host) if number == 0 else (0, 0), np.int32)
    port, token = (int(word) for word in broadcast_one_to_all(told))
    if number == 0:
        return
    try:
        lifeline.join(host, port, token, number)
    except OSError as error:
        warnings.warn(
            f"Process {number} cannot hold a connection to port {port} of {host}, where process 0 is: {error}. When "
            "another process is lost, JAX may end this one without saying how to go on",
            RuntimeWarning,
            stacklevel=calls_to_user(),
        )


def give_up(seconds: float, told: str) -> None:
    """End the process, which waits in JAX for others."""
    error = DistributionError(
        f"The processes did not come together within {seconds} s. Received: {told or 'what the cluster says'}. All of "
        "them must be started at about the same time, and reach the address of the first"
    )
    print(f"DistributionError: {error}", file=sys.stderr, flush=True)
    os._exit(1)


def host_of(address: str) -> str:
    """Return an address without its port.

    Examples
    --------
    >>> host_of("node1:1234"), host_of("[::1]:1234")
    ('node1', '::1')
    """
    return address.rpartition(":")[0].strip("[]")


def checked_address(given: str | None) -> str | None:
    """Return the address of the first process, as given here or in the environment."""
    address = given or os.environ.get("PELLUCID_COORDINATOR_ADDRESS")
    if address is None:
        return None
    host, _, port = str(address).rpartition(":")
    if not host or not port.isdecimal():
        raise OptionError(f"{HERE}: expected coordinator_address='host:port'. Received: {address!r}")
    return str(address)


def whole(name: str, value: Any) -> int | None:
    """Return a number, as given here or in the environment."""
    variable = f"PELLUCID_{name.upper()}"
    given = os.environ.get(variable) if value is None else value
    if given is None:
        return None
    try:
        if not isinstance(given, str) and not is_whole(given):
            raise ValueError
        return int(given)
    except ValueError:
        where = f"{variable}={given!r} in the environment" if value is None else f"{name}={given!r}"
        raise OptionError(f"{HERE}: expected {name} to be a whole number. Received: {where}") from None


tell_near_misses(globals(), "pel.distribution", f" It has {', '.join(__all__)}")
