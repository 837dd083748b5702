"""Types of arguments: arrays, axes, dtypes, modes and devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

__all__ = ["Array", "ArrayLike", "Axes", "DTypeLike", "Devices", "Mode"]

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
"""NumPy array of any shape and dtype."""

Axes: TypeAlias = int | Sequence[int] | None
"""Axes of a reduction: one, several, or None for all."""

Mode: TypeAlias = Literal["auto", "xla", "native", "numpy", "guard"]
"""How a compiled function runs; see `pellucid.function`."""

Devices: TypeAlias = Literal["all"] | int | Sequence[int | str] | None
"""Devices that share a batch: all, a number of them, a list of numbers or names, or None for one."""
