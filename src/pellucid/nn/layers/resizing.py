"""Upsampling, resizing and center crop layers."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Expr
from pellucid.graph.ops.elementwise import clip
from pellucid.graph.ops.padding import pad
from pellucid.graph.ops.repeat import repeat
from pellucid.graph.ops.resize import resize
from pellucid.graph.ops.rounding import round_
from pellucid.graph.types import is_float
from pellucid.nn.casts import to_dtype, to_float
from pellucid.nn.layers.spatial_base import Sizes, SpatialLayer
from pellucid.nn.layers.validation import check_choice, check_real, check_size

__all__ = ["UpSampling1D", "UpSampling2D", "UpSampling3D", "Resizing", "CenterCrop"]

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]


class UpSampling(SpatialLayer):
    """Upsampling by repetition; see `UpSampling2D`."""

    def __init__(self, size: Sizes = 2, name: str | None = None) -> None:
        super().__init__(name)
        self.size: tuple[int, ...] = self.check_sizes("size", size)

    def call(self, x: Expr) -> Expr:
        for axis, times in enumerate(self.size, start=1):
            x = repeat(x, times, axis=axis)
        return x


class UpSampling1D(UpSampling):
    r"""Upsampling of a sequence by repetition, :math:`y_i = x_{\lfloor i / s \rfloor}`.

    Parameters
    ----------
    size, name
        As in `UpSampling2D`, for inputs (batch, steps, channels).

    Examples
    --------
    >>> UpSampling1D(3)(pel.tensor3("x", shape=("n", 4, 2))).shape
    ('n', 12, 2)
    """

    ndim: int = 3


class UpSampling2D(UpSampling):
    r"""Upsampling of an image by repetition, :math:`y_{ij} = x_{\lfloor i / s \rfloor \lfloor j / s \rfloor}`, or by
    interpolation.

    Parameters
    ----------
    size : int or two
        Upsampling factors :math:`s` of rows and columns.
    interpolation : {"nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"}
        Interpolation between pixels; see `pellucid.resize`.
    name : str, optional
        Name of the layer. By default ``up_sampling2d``, ``up_sampling2d_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is not (batch, rows, columns, channels), or its size is unknown and ``interpolation`` is not
        ``"nearest"``.
    ValueError
        If the interpolation is unknown.

    Examples
    --------
    >>> UpSampling2D((2, 3), interpolation="bilinear")(pel.tensor4("x", shape=("n", 7, 7, 16))).shape
    ('n', 14, 21, 16)
    """

    ndim: int = 4

    def __init__(self, size: Sizes = 2, interpolation: Interpolation = "nearest", name: str | None = None) -> None:
        super().__init__(size, name)
        self.interpolation = check_choice(self.name, "interpolation", interpolation, get_args(Interpolation))

    def call(self, x: Expr) -> Expr:
        if self.interpolation == "nearest":
            return super().call(x)
        larger = [n * times for n, times in zip(self.get_known_sizes(x), self.size, strict=True)]
        resized: Expr = resize(x, larger, self.interpolation)
        return resized


class UpSampling3D(UpSampling):
    r"""Upsampling of a volume by repetition along each axis, :math:`y_i = x_{\lfloor i / s \rfloor}`.

    Parameters
    ----------
    size, name
        As in `UpSampling2D`, for inputs (batch, depth, rows, columns, channels).

    Examples
    --------
    >>> UpSampling3D()(pel.tensor("x", shape=("n", 2, 3, 4, 1))).shape
    ('n', 4, 6, 8, 1)
    """

    ndim: int = 5


class ResizeBase(SpatialLayer):
    """Base of layers that return images of a given size."""

    ndim: int = 4
    height: int
    width: int

    def set_size(self, height: int, width: int) -> None:
        self.height = check_size(self.name, "height", height)
        self.width = check_size(self.name, "width", width)

    def match_aspect_ratio(self, height: int, width: int) -> tuple[int, int]:
        """Return the height that fits ``width`` at the target aspect ratio, and the width that fits ``height``."""
        return width * self.height // self.width, height * self.width // self.height

    def crop_to_ratio(self, x: Expr) -> Expr:
        """Return the largest center crop with the target aspect ratio."""
        sizes = self.get_known_sizes(x)
        cropped = [max(1, min(n, m)) for n, m in zip(sizes, self.match_aspect_ratio(*sizes), strict=True)]
        return crop_center(x, sizes, cropped)


def crop_center(x: Expr, sizes: list[int], new_sizes: list[int]) -> Expr:
    starts = [(n - k) // 2 for n, k in zip(sizes, new_sizes, strict=True)]
    cropped: Expr = x[(slice(None), *(slice(s, s + k) for s, k in zip(starts, new_sizes, strict=True)))]
    return cropped


class Resizing(ResizeBase):
    r"""Resizing of images, :math:`y = A x B^\top` with interpolation weights :math:`A` for the rows and :math:`B`
    for the columns.

    Parameters
    ----------
    height, width : int
        The new size.
    interpolation : {"bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"}
        Interpolation between pixels.
    crop_to_aspect_ratio : bool
        Whether to crop the image to the new aspect ratio first, which avoids distortion.
    pad_to_aspect_ratio : bool
        Whether to pad the image to the new aspect ratio first.
    fill_value : float
        Value of the padding.
    antialias : bool
        Whether to average pixels when downsampling, which avoids aliasing.
    name : str, optional
        Name of the layer. By default ``resizing``, ``resizing_1`` and so on.

    Returns
    -------
    Expr
        Images in the dtype of the input. Integers are rounded.

    Raises
    ------
    ShapeError
        If the input is not (batch, rows, columns, channels) of known size.
    ValueError
        If the interpolation is unknown.
    TypeError
        If both cropping and padding are requested.

    Examples
    --------
    >>> Resizing(32, 48)(pel.tensor4("x", shape=("n", 100, 80, 3), dtype="uint8")).type
    Type(shape=('n', 32, 48, 3), dtype=dtype('uint8'))
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: Interpolation = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_value: float = 0.0,
        antialias: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.set_size(height, width)
        self.interpolation = check_choice(self.name, "interpolation", interpolation, get_args(Interpolation))
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise UseError(f"{self.name}: expected one of crop_to_aspect_ratio and pad_to_aspect_ratio, not both")
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_value: float = check_real(self.name, "fill_value", fill_value)
        self.antialias = antialias

    def call(self, x: Expr) -> Expr:
        dtype = x.dtype
        if self.crop_to_aspect_ratio:
            x = self.crop_to_ratio(x)
        elif self.pad_to_aspect_ratio:
            x = self.pad_to_ratio(x)
        self.get_known_sizes(x)
        resized: Expr = resize(x, (self.height, self.width), self.interpolation, self.antialias)
        if is_float(dtype) or resized.dtype == dtype:
            return resized
        limits = np.iinfo(dtype)
        return to_dtype(clip(round_(resized), float(limits.min), float(limits.max)), dtype)

    def pad_to_ratio(self, x: Expr) -> Expr:
        """Return the images centered in a border that gives them the target aspect ratio."""
        sizes = self.get_known_sizes(x)
        widths = [max(m - n, 0) // 2 for n, m in zip(sizes, self.match_aspect_ratio(*sizes), strict=True)]
        padded: Expr = pad(x, ((0, 0), *((w, w) for w in widths), (0, 0)), constant_values=self.fill_value)
        return padded


class CenterCrop(ResizeBase):
    r"""Center crop of images, :math:`h \times w` pixels. Smaller images are cropped to the aspect ratio and resized.

    Parameters
    ----------
    height, width : int
        The new size.
    name : str, optional
        Name of the layer. By default ``center_crop``, ``center_crop_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is not (batch, rows, columns, channels) of known size.

    Examples
    --------
    >>> CenterCrop(24, 24)(pel.tensor4("x", shape=("n", 32, 28, 3))).shape
    ('n', 24, 24, 3)
    """

    def __init__(self, height: int, width: int, name: str | None = None) -> None:
        super().__init__(name)
        self.set_size(height, width)

    def call(self, x: Expr) -> Expr:
        x = to_float(x)
        sizes = self.get_known_sizes(x)
        if sizes[0] >= self.height and sizes[1] >= self.width:
            return crop_center(x, sizes, [self.height, self.width])
        resized: Expr = resize(self.crop_to_ratio(x), (self.height, self.width))
        return resized
