"""``pel.distribution``: devices of this machine, and processes on several machines that train together.

Every process runs the same script on the same data. `initialize`, called before anything is computed, connects them.
Training then divides each batch over the devices of all processes. Only rank 0 writes checkpoints, logs and progress
bars; all read.
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

from pellucid.graph.errors import DistributionError, OptionError, UseError, suggest_near_misses
from pellucid.graph.source_location import get_user_stacklevel
from pellucid.graph.validation import check_integer, is_integer
from pellucid.run.device_selection import list_devices
from pellucid.run.distributed import process_group
from pellucid.run.distributed.peer_failure import PeerMonitor, is_loopback
from pellucid.run.distributed.process_group import num_processes, on_peer_lost, process_id, shutdown
from pellucid.run.jax_runtime import before_devices, get_first_line, jax, start_jax

__all__ = ["initialize", "list_devices", "num_processes", "process_id"]

HEARTBEAT_SECONDS = 100
"""JAX's default."""

OWNER = "pel.distribution.initialize"

TOO_LATE = (
    f"{OWNER}: expected one call before anything is computed. Received: a second call, or one after something was "
    "computed. Make it the first line after the imports"
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
    """Connect the processes that run this script. Call it once, before anything is computed.

    Under SLURM, Open MPI 4, Kubernetes and on TPUs JAX finds the other processes, and under any MPI through mpi4py.
    Elsewhere, pass their address, number and rank here, or set ``PELLUCID_COORDINATOR_ADDRESS``,
    ``PELLUCID_NUM_PROCESSES`` and ``PELLUCID_PROCESS_ID`` in the environment.

    Parameters
    ----------
    coordinator_address : str, optional
        ``"host:port"`` of rank 0, with a port that is free there.
    num_processes : int, optional
        Number of processes.
    process_id : int, optional
        Rank of this process, from 0.
    cluster : str, optional
        JAX's method for finding the others, such as ``"mpi4py"`` for an MPI that JAX does not detect.
    heartbeat_seconds : int
        Time without a heartbeat after which a process counts as lost. A process that ends is noticed at once.
    timeout_seconds : int
        How long to wait for the other processes.

    Raises
    ------
    OptionError
        If the other processes cannot be found.
    UseError
        If something was computed before, or the processes are connected already.
    DistributionError
        If the other processes do not connect in time.

    Examples
    --------
    >>> pel.distribution.initialize("node1:1234", num_processes=4, process_id=0)  # doctest: +SKIP
    >>> pel.distribution.num_processes(), pel.distribution.process_id()
    (1, 0)
    """
    if start_jax.cache_info().currsize:
        raise UseError(TOO_LATE)
    options: dict[str, Any] = {
        "coordinator_address": read_address(coordinator_address),
        "num_processes": read_integer("num_processes", num_processes),
        "process_id": read_integer("process_id", process_id),
    }
    count, rank = options["num_processes"], options["process_id"]
    if (count is not None and count < 1) or (rank is not None and not 0 <= rank < (count or rank + 1)):
        raise OptionError(
            f"{OWNER}: expected process_id to be at least 0 and less than num_processes. Received: "
            f"process_id={rank}, num_processes={count}"
        )
    heartbeat_seconds = check_integer("heartbeat_seconds", heartbeat_seconds, owner=OWNER)
    timeout_seconds = check_integer("timeout_seconds", timeout_seconds, owner=OWNER)

    def connect(module: ModuleType) -> None:
        connect_processes(module, options, cluster, heartbeat_seconds, timeout_seconds)

    before_devices.append(connect)
    try:
        jax()
    finally:
        before_devices.remove(connect)
    if process_group.num_processes() > 1:
        monitor = PeerMonitor(on_peer_lost)
        start_monitor(monitor)
        atexit.register(shutdown, monitor.close)


def connect_processes(
    module: ModuleType, options: Mapping[str, Any], cluster: str | None, heartbeat_seconds: int, timeout_seconds: int
) -> None:
    values = {**options, "cluster": cluster}
    received = ", ".join(f"{name}={value!r}" for name, value in values.items() if value is not None)
    address = options.get("coordinator_address")
    # At its own timeout, JAX would abort the process without an explanation.
    alarm = threading.Timer(timeout_seconds, exit_after_timeout, [timeout_seconds, received])
    alarm.daemon = True
    alarm.start()
    module.config.update("jax_enable_preemption_service", False)  # which would keep SIGTERM from ending the process
    try:
        module.distributed.initialize(
            **options,
            coordinator_bind_address=address if address and is_loopback(get_host(address)) else None,
            cluster_detection_method=cluster,
            initialization_timeout=timeout_seconds + 60,
            heartbeat_timeout_seconds=heartbeat_seconds,
        )
    except (ValueError, TypeError) as error:
        raise OptionError(
            f"{OWNER}: expected coordinator_address='host:port' of rank 0, num_processes, and process_id. "
            f"Received: {received or 'none of them'}, and JAX detected no cluster ({get_first_line(error)}). Start the "
            "script with srun or mpirun, or pass all three. On a single machine, leave the call out"
        ) from error
    except RuntimeError as error:
        if "before any JAX" not in str(error):
            raise
        raise UseError(TOO_LATE) from error
    finally:
        alarm.cancel()


def start_monitor(monitor: PeerMonitor) -> None:
    """Connect the monitors of all processes to that of rank 0."""
    from jax._src.distributed import global_state  # JAX has no public name for the address that it found
    from jax.experimental.multihost_utils import broadcast_one_to_all

    rank = process_group.process_id()
    host = get_host(str(global_state.coordinator_address))
    port_and_token = np.array(monitor.listen(host) if rank == 0 else (0, 0), np.int32)
    port, token = (int(n) for n in broadcast_one_to_all(port_and_token))
    if rank == 0:
        return
    try:
        monitor.connect(host, port, token, rank)
    except OSError as error:
        warnings.warn(
            f"Process {rank} cannot connect to port {port} of {host}, where process 0 runs: {error}. When another "
            "process is lost, JAX may end this one without explaining how to continue",
            RuntimeWarning,
            stacklevel=get_user_stacklevel(),
        )


def exit_after_timeout(seconds: float, received: str) -> None:
    """End the process while JAX waits for the others."""
    error = DistributionError(
        f"The processes did not connect within {seconds} s. Received: {received or 'the settings of the cluster'}. "
        "Start all processes at about the same time, and check that they can reach the address of rank 0"
    )
    print(f"DistributionError: {error}", file=sys.stderr, flush=True)
    os._exit(1)


def get_host(address: str) -> str:
    """Return an address without its port.

    Examples
    --------
    >>> get_host("node1:1234"), get_host("[::1]:1234")
    ('node1', '::1')
    """
    return address.rpartition(":")[0].strip("[]")


def read_address(value: str | None) -> str | None:
    address = value or os.environ.get("PELLUCID_COORDINATOR_ADDRESS")
    if address is None:
        return None
    host, _, port = str(address).rpartition(":")
    if not host or not port.isdecimal():
        raise OptionError(f"{OWNER}: expected coordinator_address='host:port'. Received: {address!r}")
    return str(address)


def read_integer(name: str, value: Any) -> int | None:
    variable = f"PELLUCID_{name.upper()}"
    text = os.environ.get(variable)
    if value is not None:
        if is_integer(value):
            return int(value)
        raise OptionError(f"{OWNER}: expected {name} to be an integer. Received: {name}={value!r}")
    if text is None:
        return None
    if not text.strip().lstrip("-").isdecimal():
        raise OptionError(f"{OWNER}: expected the environment variable {variable} to be an integer. Received: {text!r}")
    return int(text)


suggest_near_misses(globals(), "pel.distribution", f" It has {', '.join(__all__)}")
