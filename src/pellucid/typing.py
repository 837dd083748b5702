"""Types of arguments: arrays, axes, dtypes, modes and devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

__all__ = [
    "Array",
    "ArrayLike",
    "Axes",
    "ConvPadding",
    "DTypeLike",
    "Devices",
    "Interpolation",
    "Mode",
    "PadWidth",
    "Padding",
    "Sizes",
]

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
"""NumPy array of any shape and dtype."""

Axes: TypeAlias = int | Sequence[int] | None
"""Axes of a reduction: one, several, or None for all."""

Sizes: TypeAlias = int | Sequence[int]
"""Sizes of a window, its strides or its dilation: one for all spatial axes, or one for each."""

ExplicitPadding: TypeAlias = int | Sequence[int] | Sequence[Sequence[int]]
"""Elements added to the spatial axes: one width, (before, after), or one such pair for each axis."""

Padding: TypeAlias = Literal["valid", "same"] | ExplicitPadding
"""Padding of windows: no padding, padding that keeps the size, or widths."""

ConvPadding: TypeAlias = Literal["valid", "same", "full", "causal"] | ExplicitPadding
"""Padding of a convolution, which can also include every overlapping window, or only earlier positions."""

PadWidth: TypeAlias = ExplicitPadding | Mapping[int, int | Sequence[int]]
"""Elements added by `pellucid.pad`: for all axes, for each, or a dict from axis to width."""

Interpolation: TypeAlias = Literal["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]
"""Interpolation of resized images."""

Mode: TypeAlias = Literal["auto", "xla", "native", "numpy", "guard"]
"""How a compiled function runs; see `pellucid.function`."""

Devices: TypeAlias = Literal["all"] | int | Sequence[int | str] | None
"""Devices that share a batch: all, a number of them, a list of numbers or names, or None for one."""
