"""Selection of devices by number or name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pellucid.graph.errors import OptionError, near_miss
from pellucid.graph.validation import is_integer
from pellucid.run.jax_runtime import jax
from pellucid.typing import Devices, Shard

if TYPE_CHECKING:
    from jax import Device


class Placement(NamedTuple):
    """The devices of a program, and whether they divide its parameters."""

    devices: Devices = None
    shard: Shard = None


DEFAULT_PLACEMENT = Placement()


def check_shard(shard: Shard, devices: Devices) -> None:
    """Raise an error unless ``shard`` is valid and there are devices to divide the parameters over."""
    if shard is not None and shard != "parameters":
        hint = near_miss(str(shard), ["parameters"])
        raise OptionError(f"Expected shard to be 'parameters' or None. Received: shard={shard!r}.{hint}")
    if shard is not None and devices is None:
        raise OptionError(
            f"shard={shard!r} divides the parameters over devices. Expected devices, such as devices='all'. Received: "
            "none"
        )


def check_placement(devices: Devices, shard: Shard) -> Placement:
    """Return devices and ``shard`` after checking that they are valid and that the devices exist."""
    check_shard(shard, devices)
    choose_devices(devices)
    return Placement(devices, shard)


def list_devices() -> list[str]:
    """Return the names of this machine's devices that the process may use, such as ``"gpu:0"``.

    Examples
    --------
    >>> pel.distribution.list_devices()[:1]
    ['cpu:0']
    """
    return [f"{device.platform}:{number}" for number, device in enumerate(jax().local_devices())]


def choose_devices(devices: Devices) -> tuple[Device, ...] | None:
    """Return the selected devices of all processes; None for JAX's default device.

    ``devices`` selects devices of each process: all, the first ones, or those with these numbers or names.
    """
    if devices is None:
        return None
    numbers = find_devices(devices, list_devices())
    j = jax()
    by_process: dict[int, list[Device]] = {}
    for device in j.devices():
        by_process.setdefault(device.process_index, []).append(device)
    short = [f"process {n} has {len(own)}" for n, own in by_process.items() if len(own) <= max(numbers)]
    if short:
        raise OptionError(f"devices: expected devices of every process. Received: {devices!r}; {', '.join(short)}")
    chosen = tuple(own[number] for own in by_process.values() for number in numbers)
    return None if chosen == (j.devices()[0],) else chosen


def find_devices(devices: Any, names: Sequence[str]) -> list[int]:
    """Return the numbers of selected devices among those of a machine.

    Examples
    --------
    >>> names = ["gpu:0", "gpu:1", "gpu:2"]
    >>> find_devices("all", names), find_devices(2, names), find_devices(["gpu:2", 0], names)
    ([0, 1, 2], [0, 1], [2, 0])
    """
    available = f"This machine has {len(names)}: {', '.join(names)}"
    expected = "devices: expected 'all', a number of devices, or a list of numbers or names"
    if isinstance(devices, str):
        if devices == "all":
            return list(range(len(names)))
        if devices in names:
            return [names.index(devices)]
        raise OptionError(f"{expected}. Received: {devices!r}.{near_miss(devices, ['all', *names])} {available}")
    if is_integer(devices):
        if not 1 <= devices <= len(names):
            raise OptionError(
                f"devices: expected a number from 1 to {len(names)}. Received: {devices}. {available}{cpu_hint(names)}"
            )
        return list(range(devices))
    if not isinstance(devices, (list, tuple)) or not devices:
        raise OptionError(f"{expected}. Received: {devices!r}")
    numbers = [find_device(device, names, available) for device in devices]
    if len(set(numbers)) != len(numbers):
        raise OptionError(f"devices: expected each device once. Received: {devices!r}")
    return numbers


def find_device(device: Any, names: Sequence[str], available: str) -> int:
    if isinstance(device, str) and device in names:
        return names.index(device)
    if is_integer(device) and 0 <= device < len(names):
        return int(device)
    hint = near_miss(device, names) if isinstance(device, str) else cpu_hint(names)
    raise OptionError(f"There is no device {device!r}. {available}{'.' if isinstance(device, str) else ''}{hint}")


def cpu_hint(names: Sequence[str]) -> str:
    """Return how to divide a CPU into several devices."""
    if not names[0].startswith("cpu"):
        return ""
    return ". To divide the CPU into four, set XLA_FLAGS=--xla_force_host_platform_device_count=4 before Python starts"
