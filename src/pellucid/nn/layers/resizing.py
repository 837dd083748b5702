"""Arrays made larger or smaller."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Expr
from pellucid.graph.ops.minmax_where import clip
from pellucid.graph.ops.padding import pad
from pellucid.graph.ops.repeat import repeat
from pellucid.graph.ops.resize import METHODS, resize
from pellucid.graph.ops.rounding import round_
from pellucid.graph.types import is_float
from pellucid.nn.dtypes import as_real, to_dtype
from pellucid.nn.layers.validation import positive
from pellucid.nn.layers.windows import Sizes, Windowed

__all__ = ["UpSampling1D", "UpSampling2D", "UpSampling3D", "Resizing", "CenterCrop"]


class UpSampling(Windowed):
    """Every element several times along each axis; see `UpSampling2D`."""

    def __init__(self, size: Sizes = 2, name: str | None = None) -> None:
        super().__init__(name)
        self.size = self.sizes("size", size)

    def call(self, x: Expr) -> Expr:
        """Return every element several times."""
        for axis, times in enumerate(self.size, start=1):
            x = repeat(x, times, axis=axis)
        return x


class UpSampling1D(UpSampling):
    r"""Every step of a sequence :math:`s` times, :math:`y_i = x_{\lfloor i / s \rfloor}`.

    Parameters
    ----------
    size : int
        How many times.
    name : str, optional
        Without it ``up_sampling1d``, ``up_sampling1d_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, steps, channels).

    Examples
    --------
    >>> UpSampling1D(3)(pel.tensor3("x", shape=("n", 4, 2))).shape
    ('n', 12, 2)
    """

    ndim = 3


class UpSampling2D(UpSampling):
    r"""An image made :math:`s` times as large, :math:`y_{ij} = x_{\lfloor i / s \rfloor \lfloor j / s \rfloor}`, or
    with what lies between pixels made of those around it.

    Parameters
    ----------
    size : int or two
        How many times as many rows and columns.
    interpolation : {"nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"}
        How a pixel between others is made of them; see `pellucid.resize`.
    name : str, optional
        Without it ``up_sampling2d``, ``up_sampling2d_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, rows, columns, channels), or has sizes that are not known and not just repeated.
    ValueError
        For an unknown interpolation.

    Examples
    --------
    >>> UpSampling2D((2, 3), interpolation="bilinear")(pel.tensor4("x", shape=("n", 7, 7, 16))).shape
    ('n', 14, 21, 16)
    """

    ndim = 4

    def __init__(self, size: Sizes = 2, interpolation: str = "nearest", name: str | None = None) -> None:
        super().__init__(size, name)
        self.interpolation = self.one_of("interpolation", interpolation, METHODS)

    def call(self, x: Expr) -> Expr:
        """Return the larger image."""
        if self.interpolation == "nearest":
            return super().call(x)
        larger = [n * times for n, times in zip(self.known_sizes(x), self.size, strict=True)]
        made: Expr = resize(x, larger, self.interpolation)
        return made


class UpSampling3D(UpSampling):
    r"""Every element of a volume :math:`s` times along each axis, :math:`y_i = x_{\lfloor i / s \rfloor}`.

    Parameters
    ----------
    size, name
        As of `UpSampling2D`, for three axes.

    Raises
    ------
    ShapeError
        If the input is no (batch, depth, rows, columns, channels).

    Examples
    --------
    >>> UpSampling3D()(pel.tensor("x", shape=("n", 2, 3, 4, 1))).shape
    ('n', 4, 6, 8, 1)
    """

    ndim = 5


class ToSize(Windowed):
    """What layers share that return images of a given size."""

    ndim = 4
    height: int
    width: int

    def two_sizes(self, height: Any, width: Any) -> tuple[int, int]:
        """Return the height and the width, or say what they must be."""
        return positive(self.name, "height", height), positive(self.name, "width", width)

    def fitting(self, height: int, width: int) -> tuple[int, int]:
        """Return how large the image of a size would be that has the wanted ratio, once by its width and once by its
        height: more or fewer rows, more or fewer columns.
        """
        return width * self.height // self.width, height * self.width // self.height

    def cropped_to_ratio(self, x: Expr) -> Expr:
        """Return the largest part in the middle that has the wanted ratio."""
        sizes = self.known_sizes(x)
        kept = [max(1, min(n, fits)) for n, fits in zip(sizes, self.fitting(*sizes), strict=True)]
        return middle(x, sizes, kept)


def middle(x: Expr, sizes: list[int], kept: list[int]) -> Expr:
    """Return so many rows and columns in the middle of an image."""
    starts = [(n - k) // 2 for n, k in zip(sizes, kept, strict=True)]
    part: Expr = x[(slice(None), *(slice(s, s + k) for s, k in zip(starts, kept, strict=True)))]
    return part


class Resizing(ToSize):
    r"""Images of another size, :math:`y = A x B^\top` with weights :math:`A` for the rows and :math:`B` for the
    columns.

    Parameters
    ----------
    height, width : int
        The new size.
    interpolation : {"bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"}
        How a pixel between others is made of them.
    crop_to_aspect_ratio : bool
        Whether what does not fit the new ratio of width to height is cut off first, so that nothing is distorted.
    pad_to_aspect_ratio : bool
        Whether a border is put on first instead.
    fill_value : float
        What the border holds.
    antialias : bool
        Whether a smaller image takes the mean of what it leaves out, against moiré.
    name : str, optional
        Without it ``resizing``, ``resizing_1`` and so on.

    Returns
    -------
    Expr
        Of the dtype of the input; integers are rounded.

    Raises
    ------
    ShapeError
        If the input is no (batch, rows, columns, channels) of known size.
    ValueError
        For an unknown interpolation.
    TypeError
        If it shall crop and pad.

    Examples
    --------
    >>> Resizing(32, 48)(pel.tensor4("x", shape=("n", 100, 80, 3), dtype="uint8")).type
    Type(shape=('n', 32, 48, 3), dtype=dtype('uint8'))
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_value: float = 0.0,
        antialias: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.height, self.width = self.two_sizes(height, width)
        self.interpolation = self.one_of("interpolation", interpolation, METHODS)
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise UseError(f"{self.name}: expected one of crop_to_aspect_ratio and pad_to_aspect_ratio, not both")
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_value = fill_value
        self.antialias = antialias

    def call(self, x: Expr) -> Expr:
        """Return the images in the new size."""
        dtype = x.dtype
        if self.crop_to_aspect_ratio:
            x = self.cropped_to_ratio(x)
        elif self.pad_to_aspect_ratio:
            x = self.padded_to_ratio(x)
        self.known_sizes(x)
        resized: Expr = resize(x, (self.height, self.width), self.interpolation, self.antialias)
        if is_float(dtype) or resized.dtype == dtype:
            return resized
        limits = np.iinfo(dtype)
        return to_dtype(clip(round_(resized), float(limits.min), float(limits.max)), dtype)

    def padded_to_ratio(self, x: Expr) -> Expr:
        """Return the images in the middle of a border that gives them the wanted ratio."""
        sizes = self.known_sizes(x)
        before = [max(fits - n, 0) // 2 for n, fits in zip(sizes, self.fitting(*sizes), strict=True)]
        wider: Expr = pad(x, ((0, 0), *((b, b) for b in before), (0, 0)), constant_values=self.fill_value)
        return wider


class CenterCrop(ToSize):
    r"""The middle of images, :math:`h \times w` pixels of it; where an image is smaller, the largest part of the same
    ratio, resized.

    Parameters
    ----------
    height, width : int
        The new size.
    name : str, optional
        Without it ``center_crop``, ``center_crop_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, rows, columns, channels) of known size.

    Examples
    --------
    >>> CenterCrop(24, 24)(pel.tensor4("x", shape=("n", 32, 28, 3))).shape
    ('n', 24, 24, 3)
    """

    def __init__(self, height: int, width: int, name: str | None = None) -> None:
        super().__init__(name)
        self.height, self.width = self.two_sizes(height, width)

    def call(self, x: Expr) -> Expr:
        """Return the middle of the images."""
        x = as_real(x)
        sizes = self.known_sizes(x)
        if sizes[0] >= self.height and sizes[1] >= self.width:
            return middle(x, sizes, [self.height, self.width])
        made: Expr = resize(self.cropped_to_ratio(x), (self.height, self.width))
        return made
