"""Types of arguments: arrays, data sets, axes, dtypes, modes, devices and files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

__all__ = [
    "Array",
    "ArrayLike",
    "Axes",
    "Batches",
    "BatchSequence",
    "ClassWeights",
    "DTypeLike",
    "Devices",
    "FilePath",
    "Json",
    "Mode",
    "Values",
    "Verbosity",
]

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
"""NumPy array of any shape and dtype."""

Axes: TypeAlias = int | Sequence[int] | None
"""Axes of a reduction: one, several, or None for all."""

Mode: TypeAlias = Literal["auto", "xla", "native", "numpy", "guard"]
"""How a compiled function runs; see `pellucid.function`."""

Devices: TypeAlias = Literal["all"] | int | Sequence[int | str] | None
"""Devices that share a batch: all, a number of them, a list of numbers or names, or None for one."""

Values: TypeAlias = ArrayLike | Sequence[ArrayLike] | Mapping[str, ArrayLike]
"""Values of all samples for one input or output, or for several by position or by name."""


class BatchSequence(Protocol):
    """Batches by index, such as a ``PyDataset`` of Keras."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> object: ...


Batches: TypeAlias = Iterable[Values | tuple[Values | None, ...]] | BatchSequence
"""Batches ``x``, ``(x, y)`` or ``(x, y, sample_weight)``."""

ClassWeights: TypeAlias = Mapping[int, float] | Mapping[str, Mapping[int, float]]
"""Weights of samples by class; for several outputs, by name and class."""

Verbosity: TypeAlias = Literal["auto"] | int
"""Amount of printed progress: 0, 1 or 2, or ``"auto"``."""

FilePath: TypeAlias = str | PathLike[str]
"""Path of a file or folder."""

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""Value that JSON can hold."""
