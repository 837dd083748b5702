"""Types of arguments: arrays, data sets, axes, dtypes, modes, devices and files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = [
    "Array",
    "ArrayLike",
    "Axes",
    "BatchSequence",
    "Batches",
    "ClassWeights",
    "ConvPadding",
    "DTypeLike",
    "Devices",
    "ExplicitPadding",
    "FilePath",
    "Interpolation",
    "Json",
    "Mode",
    "PadWidth",
    "Padding",
    "Sizes",
    "Values",
    "Verbosity",
]

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
"""NumPy array of any shape and dtype.

Examples
--------
>>> import pellucid.typing as pt
>>> def center(x: pt.Array) -> pt.Array:
...     return x - x.mean(axis=0)
"""

ArrayLike: TypeAlias = npt.ArrayLike
"""What NumPy converts to an array: arrays, numbers, lists of numbers.

Examples
--------
>>> import pellucid.typing as pt
>>> def count(x: pt.ArrayLike) -> int:
...     return np.asarray(x).size
>>> count([[1, 2], [3, 4]])
4
"""

Axes: TypeAlias = int | Sequence[int] | None
"""Axes of a reduction: one, several, or None for all.

Examples
--------
>>> import pellucid.typing as pt
>>> def norm(x: pel.Expr, axis: pt.Axes = None) -> pel.Expr:
...     return pel.sqrt((x**2).sum(axis=axis))
"""

DTypeLike: TypeAlias = npt.DTypeLike
"""What NumPy converts to a dtype, such as ``"float32"``.

Examples
--------
>>> import pellucid.typing as pt
>>> def make_zeros(dtype: pt.DTypeLike) -> pel.Expr:
...     return pel.zeros(3, dtype)
"""

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
"""How a compiled function runs; see `pellucid.function`.

Examples
--------
>>> import pellucid.typing as pt
>>> def compile_square(mode: pt.Mode) -> pel.Function:
...     x = pel.scalar("x")
...     return pel.function([x], x**2, mode=mode)
>>> compile_square("numpy")(3.0)
np.float32(9.0)
"""

Devices: TypeAlias = Literal["all"] | int | Sequence[int | str] | None
"""Devices that share a batch: all, a number of them, a list of numbers or names, or None for one.

Examples
--------
>>> import pellucid.typing as pt
>>> def evaluate(model: pel.Model, x: pt.Array, y: pt.Array, devices: pt.Devices = None) -> float:
...     return model.evaluate(x, y, devices=devices)
"""

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
