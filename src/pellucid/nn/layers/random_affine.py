"""Random rotation, zoom and translation of images during training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr
from pellucid.graph.ops.affine_transform import affine_transform
from pellucid.graph.ops.concatenate import stack
from pellucid.graph.ops.creation import ones_like, zeros_like
from pellucid.graph.ops.trigonometry import cos, sin
from pellucid.nn.layers.random_augmentation import RandomImageLayer
from pellucid.nn.layers.validation import check_choice, check_real

__all__ = ["RandomRotation", "RandomZoom", "RandomTranslation"]

FillMode = Literal["constant", "nearest", "reflect", "wrap"]
Interpolation = Literal["bilinear", "nearest"]


class RandomAffine(RandomImageLayer):
    """Base of layers that resample images with a random affine transform for each image."""

    def __init__(
        self,
        fill_mode: FillMode = "reflect",
        interpolation: Interpolation = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        name: str | None = None,
    ) -> None:
        super().__init__(seed, name)
        self.fill_mode = check_choice(self.name, "fill_mode", fill_mode, get_args(FillMode))
        self.interpolation = check_choice(self.name, "interpolation", interpolation, get_args(Interpolation))
        self.fill_value: float = check_real(self.name, "fill_value", fill_value)

    def augment(self, x: Expr) -> Expr:
        transform = stack([stack(row, axis=-1) for row in self.get_transform(x, *self.get_known_sizes(x))], axis=1)
        result: Expr = affine_transform(x, transform, self.interpolation, self.fill_mode, self.fill_value)
        return result

    def get_transform(self, x: Expr, height: int, width: int) -> list[list[Expr]]:
        """Return the matrix from output to input pixels, for each image: two rows of three."""
        raise NotImplementedError(f"{type(self).__name__} does not implement get_transform")

    def draw(self, x: Expr, limits: tuple[float, float]) -> Expr:
        """Draw a number for each image, of shape (batch,)."""
        number: Expr = self.generator.uniform(*limits, like=x[:, 0, 0, 0], dtype=x.dtype)
        return number


class RandomRotation(RandomAffine):
    r"""Random rotation of images about their center during training, by an angle :math:`\theta = 2 \pi f` with
    :math:`f` uniform in a range. Positive angles are counterclockwise.

    Parameters
    ----------
    factor : float or (float, float)
        Range of :math:`f`, from -1 to 1, in full turns; a number ``a`` means ``(-a, a)``.
    fill_mode, interpolation, seed, fill_value, name
        As in `RandomTranslation`.

    Raises
    ------
    ShapeError
        If the input is not (batch, rows, columns, channels) of known size.
    ValueError
        If a factor is out of range, or a mode is unknown.

    Examples
    --------
    >>> x = pel.tensor4("x", shape=("n", 32, 32, 3))
    >>> pel.inference(RandomRotation(0.1)(x))
    x

    References
    ----------
    P. Y. Simard, D. Steinkraus and J. C. Platt, Best Practices for Convolutional Neural Networks Applied to Visual
    Document Analysis, ICDAR 2003.
    """

    def __init__(
        self,
        factor: float | Sequence[float],
        fill_mode: FillMode = "reflect",
        interpolation: Interpolation = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        name: str | None = None,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, name)
        self.factor: tuple[float, float] = self.check_range("factor", factor)

    def get_transform(self, x: Expr, height: int, width: int) -> list[list[Expr]]:
        angle = 2 * math.pi * self.draw(x, self.factor)
        c, s, row, column = cos(angle), sin(angle), (height - 1) / 2, (width - 1) / 2
        return [[c, s, row - row * c - column * s], [-s, c, column - column * c + row * s]]


class RandomZoom(RandomAffine):
    r"""Random zoom of images about their center during training: a pixel of the result covers :math:`1 + f` pixels of
    the image, with :math:`f` uniform in a range.

    Parameters
    ----------
    height_factor : float or (float, float)
        Range of :math:`f` for the rows, above -1 and up to 1. Positive values zoom out. A number ``a`` means
        ``(-a, a)``.
    width_factor : float or (float, float), optional
        Range for the columns. By default they have the factor of the rows, which keeps the aspect ratio.
    fill_mode, interpolation, seed, fill_value, name
        As in `RandomTranslation`.

    Raises
    ------
    ShapeError
        If the input is not (batch, rows, columns, channels) of known size.
    ValueError
        If a factor is out of range, or a mode is unknown.

    Examples
    --------
    >>> x = pel.tensor4("x", shape=("n", 32, 32, 3))
    >>> pel.inference(RandomZoom((-0.2, 0.1))(x))
    x

    References
    ----------
    P. Y. Simard, D. Steinkraus and J. C. Platt, Best Practices for Convolutional Neural Networks Applied to Visual
    Document Analysis, ICDAR 2003.
    """

    def __init__(
        self,
        height_factor: float | Sequence[float],
        width_factor: float | Sequence[float] | None = None,
        fill_mode: FillMode = "reflect",
        interpolation: Interpolation = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        name: str | None = None,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, name)
        self.height_factor: tuple[float, float] = self.check_scale("height_factor", height_factor)
        self.width_factor: tuple[float, float] | None = (
            None if width_factor is None else self.check_scale("width_factor", width_factor)
        )

    def check_scale(self, name: str, factor: float | Sequence[float]) -> tuple[float, float]:
        """Return the range of the scale, :math:`1 + f`."""
        low, high = self.check_range(name, factor)
        if low == -1:
            raise OptionError(f"{self.name}: expected {name} to stay above -1. Received: {name}={factor!r}")
        return 1 + low, 1 + high

    def get_transform(self, x: Expr, height: int, width: int) -> list[list[Expr]]:
        rows = self.draw(x, self.height_factor)
        columns = rows if self.width_factor is None else self.draw(x, self.width_factor)
        zero = zeros_like(rows)
        return [[rows, zero, (height - 1) / 2 * (1 - rows)], [zero, columns, (width - 1) / 2 * (1 - columns)]]


class RandomTranslation(RandomAffine):
    r"""Random translation of images during training, down by :math:`f h` rows and right by :math:`g w` columns, with
    :math:`f` and :math:`g` uniform in ranges.

    Parameters
    ----------
    height_factor, width_factor : float or (float, float)
        Ranges of :math:`f` and :math:`g`, from -1 to 1; a number ``a`` means ``(-a, a)``.
    fill_mode : {"reflect", "constant", "nearest", "wrap"}
        Values outside an image: its mirror image, ``fill_value``, its nearest pixel, its opposite side.
    interpolation : {"bilinear", "nearest"}
        Interpolation between pixels.
    seed : int, optional
        Seed of the random stream.
    fill_value : float
        Value for ``fill_mode="constant"``.
    name : str, optional
        Name of the layer. By default ``random_translation``, ``random_translation_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is not (batch, rows, columns, channels) of known size.
    ValueError
        If a factor is out of range, or a mode is unknown.

    Examples
    --------
    >>> x = pel.tensor4("x", shape=("n", 32, 32, 3))
    >>> pel.inference(RandomTranslation(0.1, 0.1, fill_mode="constant")(x))
    x

    References
    ----------
    P. Y. Simard, D. Steinkraus and J. C. Platt, Best Practices for Convolutional Neural Networks Applied to Visual
    Document Analysis, ICDAR 2003.
    """

    def __init__(
        self,
        height_factor: float | Sequence[float],
        width_factor: float | Sequence[float],
        fill_mode: FillMode = "reflect",
        interpolation: Interpolation = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        name: str | None = None,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, name)
        self.height_factor: tuple[float, float] = self.check_range("height_factor", height_factor)
        self.width_factor: tuple[float, float] = self.check_range("width_factor", width_factor)

    def get_transform(self, x: Expr, height: int, width: int) -> list[list[Expr]]:
        down, right = self.draw(x, self.height_factor) * height, self.draw(x, self.width_factor) * width
        one, zero = ones_like(down), zeros_like(down)
        return [[one, zero, -down], [zero, one, -right]]
