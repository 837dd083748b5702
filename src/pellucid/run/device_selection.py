"""Which devices are asked for: all, so many, or some by number or name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, near_miss
from pellucid.run.jax_runtime import jax


def list_devices() -> list[str]:
    """Return the names of this machine's devices, such as ``"gpu:0"``, as far as this process may use them.

    Examples
    --------
    >>> pel.distribution.list_devices()[:1]
    ['cpu:0']
    """
    return [f"{device.platform}:{number}" for number, device in enumerate(jax().local_devices())]


def chosen_devices(devices: Any) -> tuple[Any, ...] | None:
    """Return the devices that are asked for, those of the other processes too; None for the one that JAX takes.

    Parameters
    ----------
    devices : None, "all", int, or list of int or str
        Of each process: all, so many, or those of these numbers or names.

    Raises
    ------
    OptionError
        If there are none such.
    """
    if devices is None:
        return None
    places = places_of(devices, list_devices())
    j = jax()
    by_process: dict[int, list[Any]] = {}
    for device in j.devices():
        by_process.setdefault(device.process_index, []).append(device)
    few = [f"process {n} has {len(own)}" for n, own in by_process.items() if len(own) <= max(places)]
    if few:
        raise OptionError(f"Expected devices that every process has. Received: devices={devices!r}; {', '.join(few)}")
    found = tuple(own[place] for own in by_process.values() for place in places)
    return None if found == (j.devices()[0],) else found


def places_of(devices: Any, names: Sequence[str]) -> list[int]:
    """Return the places among a machine's devices of those that are asked for.

    Examples
    --------
    >>> names = ["gpu:0", "gpu:1", "gpu:2"]
    >>> places_of("all", names), places_of(2, names), places_of(["gpu:2", 0], names)
    ([0, 1, 2], [0, 1], [2, 0])
    """
    there = f"this machine has {len(names)}: {', '.join(names)}"
    if isinstance(devices, str):
        if devices == "all":
            return list(range(len(names)))
        if devices in names:
            return [names.index(devices)]
        raise OptionError(
            f"Expected devices to be 'all', a number of devices, or a list of them. Received: devices={devices!r}."
            f"{near_miss(devices, ['all', *names])} Here {there}"
        )
    if is_whole(devices):
        if not 1 <= devices <= len(names):
            raise OptionError(
                f"Expected devices from 1 to {len(names)}. Received: devices={devices}, and {there}"
                f"{more_of_a_cpu(names)}"
            )
        return list(range(devices))
    if not isinstance(devices, (list, tuple)) or not devices:
        raise OptionError(
            f"Expected devices to be 'all', a number of devices, or a list of them. Received: devices={devices!r}"
        )
    places = [place_of(device, names, there) for device in devices]
    if len(set(places)) != len(places):
        raise OptionError(f"Expected every device once. Received: devices={devices!r}")
    return places


def place_of(device: Any, names: Sequence[str], there: str) -> int:
    """Return the place of one device, by its number or name."""
    if isinstance(device, str) and device in names:
        return names.index(device)
    if is_whole(device) and 0 <= device < len(names):
        return int(device)
    hint = f".{near_miss(device, names)}" if isinstance(device, str) else more_of_a_cpu(names)
    raise OptionError(f"There is no device {device!r}: {there}{hint}")


def is_whole(value: Any) -> bool:
    """Tell whether something is a whole number, and none of Python's truths."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def more_of_a_cpu(names: Sequence[str]) -> str:
    """Say how a processor becomes several devices."""
    if not names[0].startswith("cpu"):
        return ""
    return ". A processor is one device, unless XLA_FLAGS=--xla_force_host_platform_device_count=4 is set before Python"
