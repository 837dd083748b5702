"""Cost model of data-parallel training: time and memory of a step on any number of devices.

It has the formulas of the guide to devices. Devices either have their own processor, memory and link, or are parts of
one CPU, which share its cores and its memory.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Workload(NamedTuple):
    """One training step, as measured or computed for a single device."""

    batch: int
    sample_seconds: float  # forward and backward pass, for each sample
    fixed_seconds: float  # of a step, for any batch: reading the parameters, starting the program
    update_seconds: float  # of all parameters and optimizer slots
    parameter_bytes: float
    slots: int  # optimizer slots per parameter
    sample_bytes: float  # activations that the backward pass needs, for each sample
    kernels: int = 1  # parameters that devices divide; each is gathered by one collective


class Devices(NamedTuple):
    """Devices that train together."""

    bandwidth: float  # bytes per second that a device sends and receives
    latency: float  # seconds of a message
    are_cpu_parts: bool = False  # share its cores and memory; XLA has no reduce-scatter of gradients for them


def predict_seconds(work: Workload, devices: Devices, count: int, shard: bool = False) -> float:
    """Return the time of a step on a number of devices."""
    # Parts of a CPU compute and send one after the other.
    turns = count if devices.are_cpu_parts else 1
    update = work.update_seconds / (count if shard else 1)
    compute = work.batch / count * work.sample_seconds + work.fixed_seconds + update
    return turns * (compute + predict_transfer_seconds(work, devices, count, shard)) + (
        devices.latency * math.log2(count) * count_collective_phases(work, devices, shard)
    )


def predict_transfer_seconds(work: Workload, devices: Devices, count: int, shard: bool) -> float:
    """Return the time in which a device sends its parts of parameters and gradients.

    An all-reduce has two phases, a reduce-scatter and an all-gather. In each, a device sends all parts but its own.
    """
    phases = 3 if shard and devices.are_cpu_parts else 2
    return phases * (count - 1) / count * work.parameter_bytes / devices.bandwidth


def count_collective_phases(work: Workload, devices: Devices, shard: bool) -> int:
    """Return the number of phases of collectives, each of which takes a latency for every doubling of the devices.

    XLA combines the all-reduces of all gradients. Parameters are gathered one by one.
    """
    return (2 if devices.are_cpu_parts else 1) + work.kernels if shard else 2


def predict_bytes(work: Workload, devices: Devices, count: int, shard: bool = False) -> float:
    """Return the memory of a device: parameters and slots, a gathered copy, gradients and activations.

    On a CPU, the sums of the gradients are another copy.
    """
    state = (1 + work.slots) * work.parameter_bytes
    gradients = (2 if devices.are_cpu_parts else 1) * work.parameter_bytes
    activations = work.batch / count * work.sample_bytes
    return (state / count + work.parameter_bytes if shard else state) + gradients + activations
