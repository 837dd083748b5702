"""Division of parameters and optimizer state over devices: fully sharded data parallelism (FSDP, ZeRO-3)."""

from __future__ import annotations

import math

MIN_SHARDED_ELEMENTS = 4096
"""Smaller values are replicated: collecting them in every step costs more than the memory of the copies is worth."""


def choose_sharded_axis(shape: tuple[int, ...], device_count: int) -> int | None:
    """Return the largest axis that the devices divide evenly; None if the value is replicated.

    Examples
    --------
    >>> choose_sharded_axis((512, 768), 8), choose_sharded_axis((768, 1000), 3), choose_sharded_axis((1001, 1001), 8)
    (1, 0, None)
    """
    if math.prod(shape) < MIN_SHARDED_ELEMENTS:
        return None
    divisible = [axis for axis, size in enumerate(shape) if size % device_count == 0]
    return max(divisible, key=lambda axis: shape[axis], default=None)
