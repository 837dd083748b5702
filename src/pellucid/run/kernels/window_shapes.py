"""Shapes of images and windows, with one spatial axis seen as two."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pellucid.run.kernels.source_assembly import Pair

if TYPE_CHECKING:
    from jax import Array as JaxArray

Padding = Sequence[tuple[int, int]]
"""Zeros before and after each spatial axis."""


@dataclass(frozen=True)
class Placeholder:
    """An array of which only shape and dtype are known."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def reshape(self, *shape: Any) -> Placeholder:
        return Placeholder(tuple(shape[0] if isinstance(shape[0], tuple) else shape), self.dtype)


def as_images(x: JaxArray) -> JaxArray:
    """Reshape one-dimensional inputs to images with one row."""
    return x if x.ndim == 4 else x.reshape(x.shape[0], 1, *x.shape[1:])


def as_2d_kernel(kernel: JaxArray) -> JaxArray:
    """Reshape a one-dimensional kernel to a two-dimensional one with one row."""
    return kernel if kernel.ndim == 4 else kernel.reshape(1, *kernel.shape)


def as_pair(setting: Any, row: Any) -> Any:
    """Return a setting for two axes; ``row`` is the first if there is only one axis."""
    return tuple(setting) if len(setting) == 2 else (row, *setting)


def describe_windows(
    images: JaxArray, window: Sequence[int], strides: Pair, padding: Padding, dilation: Pair = (1, 1)
) -> dict[str, Any]:
    """Return the fields of a `WindowSpec`."""
    output_size = tuple(
        (n + low + high - (k - 1) * d - 1) // s + 1
        for n, (low, high), k, d, s in zip(images.shape[1:3], padding, window, dilation, strides, strict=True)
    )
    return {
        "input_size": images.shape[1:3],
        "window": window,
        "output_size": output_size,
        "channels": images.shape[3],
        "strides": strides,
        "dilation": dilation,
        "padding": tuple(low for low, _ in padding),
        "dtype": str(images.dtype),
    }
