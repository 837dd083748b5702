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
    "Shard",
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
"""Values that NumPy converts to an array: arrays, numbers, lists of numbers.

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
"""Values that NumPy converts to a dtype, such as ``"float32"``.

Examples
--------
>>> import pellucid.typing as pt
>>> def make_zeros(dtype: pt.DTypeLike) -> pel.Expr:
...     return pel.zeros(3, dtype)
"""

Sizes: TypeAlias = int | Sequence[int]
"""Sizes of a window, its strides or its dilation: one for all spatial axes, or one for each.

Examples
--------
>>> import pellucid.typing as pt
>>> def pool(x: pel.Expr, size: pt.Sizes = 2) -> pel.Expr:
...     return pel.max_pool(x, size)
>>> pool(pel.tensor4("x", shape=("n", 4, 4, 1)), (2, 1)).shape
('n', 2, 4, 1)
"""

ExplicitPadding: TypeAlias = int | Sequence[int] | Sequence[Sequence[int]]
"""Elements added to the spatial axes: one width, (before, after), or one such pair for each axis.

Examples
--------
>>> import pellucid.typing as pt
>>> def blur(x: pel.Expr, padding: pt.ExplicitPadding = 1) -> pel.Expr:
...     return pel.average_pool(x, 3, strides=1, padding=padding)
>>> blur(pel.tensor4("x", shape=("n", 4, 4, 1)), [(1, 1), (0, 0)]).shape
('n', 4, 2, 1)
"""

Padding: TypeAlias = Literal["valid", "same"] | ExplicitPadding
"""Padding of windows: no padding, padding that keeps the size, or widths.

Examples
--------
>>> import pellucid.typing as pt
>>> def pool(x: pel.Expr, padding: pt.Padding) -> pel.Expr:
...     return pel.max_pool(x, 2, padding=padding)
>>> pool(pel.tensor4("x", shape=("n", 5, 5, 1)), "same").shape
('n', 3, 3, 1)
"""

ConvPadding: TypeAlias = Literal["valid", "same", "full", "causal"] | ExplicitPadding
"""Padding of a convolution, which can also include every overlapping window, or only earlier positions.

Examples
--------
>>> import pellucid.typing as pt
>>> def smooth(x: pel.Expr, kernel: pel.Expr, padding: pt.ConvPadding) -> pel.Expr:
...     return pel.conv(x, kernel, padding=padding)
>>> x, kernel = pel.tensor3("x", shape=("n", 9, 1)), pel.constant(np.ones((3, 1, 1)))
>>> smooth(x, kernel, "causal").shape
('n', 9, 1)
"""

PadWidth: TypeAlias = ExplicitPadding | Mapping[int, int | Sequence[int]]
"""Elements added by `pellucid.pad`: for all axes, for each, or a dict from axis to width.

Examples
--------
>>> import pellucid.typing as pt
>>> def frame(x: pel.Expr, width: pt.PadWidth = 1) -> pel.Expr:
...     return pel.pad(x, width)
>>> frame(pel.matrix("x", shape=(2, 3)), {0: 1, 1: (0, 2)}).shape
(4, 5)
"""

Interpolation: TypeAlias = Literal["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]
"""Interpolation of resized images.

Examples
--------
>>> import pellucid.typing as pt
>>> def enlarge(x: pel.Expr, interpolation: pt.Interpolation = "bilinear") -> pel.Expr:
...     return pel.resize(x, (8, 8), interpolation)
>>> enlarge(pel.tensor4("x", shape=("n", 4, 4, 1)), "nearest").shape
('n', 8, 8, 1)
"""

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

Shard: TypeAlias = Literal["parameters"] | None
"""Whether devices divide the parameters and the optimizer state among them, or each has a copy of all (None).

Examples
--------
>>> import pellucid.typing as pt
>>> def train(model: pel.Model, x: pt.Array, y: pt.Array, shard: pt.Shard = "parameters") -> None:
...     model.fit(x, y, devices="all", shard=shard)
"""

Values: TypeAlias = ArrayLike | Sequence[ArrayLike] | Mapping[str, ArrayLike]
"""Values of all samples for one input or output, or for several by position or by name.

Examples
--------
>>> import pellucid.typing as pt
>>> def count_samples(x: pt.Values) -> int:
...     return len(next(iter(x.values()))) if isinstance(x, dict) else len(x)
>>> count_samples({"image": np.zeros((3, 8)), "age": np.zeros(3)})
3
"""


class BatchSequence(Protocol):
    """Batches by index, such as a ``PyDataset`` of Keras.

    Examples
    --------
    >>> import pellucid.typing as pt
    >>> def count_batches(batches: pt.BatchSequence) -> int:
    ...     return len(batches)
    >>> count_batches([(np.zeros((8, 2)), np.zeros(8))])
    1
    """

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> object: ...


Batches: TypeAlias = Iterable[Values | tuple[Values | None, ...]] | BatchSequence
"""Batches ``x``, ``(x, y)`` or ``(x, y, sample_weight)``.

Examples
--------
>>> import pellucid.typing as pt
>>> def draw_batches(steps: int) -> pt.Batches:
...     rng = np.random.default_rng(0)
...     return ((rng.normal(size=(8, 2)), rng.normal(size=(8, 1))) for _ in range(steps))
>>> len(list(draw_batches(3)))
3
"""

ClassWeights: TypeAlias = Mapping[int, float] | Mapping[str, Mapping[int, float]]
"""Weights of samples by class; for several outputs, by name and class.

Examples
--------
>>> import pellucid.typing as pt
>>> def balance(y: pt.Array) -> pt.ClassWeights:
...     return {k: len(y) / (2 * int(n)) for k, n in enumerate(np.bincount(y))}
>>> balance(np.array([0, 0, 0, 1]))
{0: 0.6666666666666666, 1: 2.0}
"""

Verbosity: TypeAlias = Literal["auto"] | int
"""Amount of printed progress: 0, 1 or 2, or ``"auto"``.

Examples
--------
>>> import pellucid.typing as pt
>>> def train(model: pel.Model, x: pt.Array, y: pt.Array, verbose: pt.Verbosity = "auto") -> None:
...     model.fit(x, y, epochs=2, verbose=verbose)
"""

FilePath: TypeAlias = str | PathLike[str]
"""Path of a file or folder.

Examples
--------
>>> import pellucid.typing as pt
>>> def save_all(models: list[pel.Model], folder: pt.FilePath) -> None:
...     for number, model in enumerate(models):
...         model.save(f"{folder}/{number}.pel")
"""

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""Value that JSON can hold.

Examples
--------
>>> import pellucid.typing as pt
>>> import json
>>> def write_settings(settings: pt.Json) -> str:
...     return json.dumps(settings)
>>> write_settings({"units": [8, 2], "rate": None})
'{"units": [8, 2], "rate": null}'
"""
