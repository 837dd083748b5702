"""Random flip, crop, contrast and brightness of images during training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr
from pellucid.graph.ops.elementwise import clip
from pellucid.graph.ops.indexing import take
from pellucid.graph.ops.permute import flip
from pellucid.graph.ops.ranges import arange
from pellucid.graph.ops.reductions import mean
from pellucid.graph.ops.resize import resize
from pellucid.graph.ops.train_eval import training_only
from pellucid.graph.ops.where import where
from pellucid.graph.validation import is_real
from pellucid.nn.casts import to_float
from pellucid.nn.layers.dropout import RandomLayer, take_first
from pellucid.nn.layers.resizing import ResizeBase
from pellucid.nn.layers.spatial_base import SpatialLayer
from pellucid.nn.layers.validation import check_choice

__all__ = ["RandomFlip", "RandomCrop", "RandomContrast", "RandomBrightness"]

FlipMode = Literal["horizontal", "vertical", "horizontal_and_vertical"]


class RandomImageLayer(RandomLayer, SpatialLayer):
    """Base of random image augmentation, which `pellucid.inference` removes. Each image and step has its own draws."""

    ndim: int = 4

    def call(self, x: Expr) -> Expr:
        x = to_float(x)
        result: Expr = training_only(self.augment(x), x)
        return result

    def augment(self, x: Expr) -> Expr:
        """Return the images in training form."""
        raise NotImplementedError(f"{type(self).__name__} does not implement augment(x)")

    def check_pair(self, name: str, factor: float | Sequence[float], low: float, high: float) -> tuple[float, float]:
        """Return a pair of numbers in ``[low, high]``; a number ``a`` means ``(a, a)``."""
        pair = tuple(factor) if isinstance(factor, (tuple, list)) else (factor, factor)
        if len(pair) != 2 or not all(is_real(number) and low <= number <= high for number in pair):
            raise OptionError(
                f"{self.name}: expected {name} to be a number from {low:g} to {high:g}, or two of them. "
                f"Received: {name}={factor!r}"
            )
        return float(pair[0]), float(pair[1])

    def check_range(self, name: str, factor: float | Sequence[float]) -> tuple[float, float]:
        """Return a range within [-1, 1]; a number ``a`` means ``(-a, a)``."""
        low, high = sorted(self.check_pair(name, factor, -1, 1))
        return (low, high) if isinstance(factor, (tuple, list)) else (-abs(low), abs(low))

    def draw_per_image(self, x: Expr, low: float, high: float) -> Expr:
        """Draw a number for each image, of shape (batch, 1, 1, 1)."""
        numbers: Expr = self.generator.uniform(low, high, like=take_first(x, (1, 2, 3)), dtype=x.dtype)
        return numbers

    def check_value_range(self, value_range: Sequence[float]) -> tuple[float, float]:
        is_pair = isinstance(value_range, (tuple, list)) and len(value_range) == 2 and all(map(is_real, value_range))
        if not is_pair or value_range[0] == value_range[1]:
            raise OptionError(
                f"{self.name}: expected value_range to be the minimum and maximum of an image, such as (0, 255). "
                f"Received: value_range={value_range!r}"
            )
        return min(value_range), max(value_range)


class RandomFlip(RandomImageLayer):
    r"""Random flip of images during training, each with probability :math:`1/2` in each direction.

    Parameters
    ----------
    mode : {"horizontal_and_vertical", "horizontal", "vertical"}
        Direction of the flip, or both directions independently.
    seed : int, optional
        Seed of the random stream.
    name : str, optional
        Name of the layer. By default ``random_flip``, ``random_flip_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is not (batch, rows, columns, channels).
    ValueError
        If ``mode`` is unknown.

    Examples
    --------
    >>> x = pel.tensor4("x", shape=("n", 32, 32, 3))
    >>> pel.inference(RandomFlip("horizontal")(x))
    x

    References
    ----------
    A. Krizhevsky, I. Sutskever and G. E. Hinton, ImageNet Classification with Deep Convolutional Neural Networks,
    NeurIPS 2012, section 4.1.
    """

    def __init__(
        self, mode: FlipMode = "horizontal_and_vertical", seed: int | None = None, name: str | None = None
    ) -> None:
        super().__init__(seed, name)
        self.mode = check_choice(self.name, "mode", mode, get_args(FlipMode))

    def augment(self, x: Expr) -> Expr:
        for axis, direction in ((1, "vertical"), (2, "horizontal")):
            if direction in self.mode:
                x = where(self.draw_per_image(x, 0.0, 1.0) < 0.5, flip(x, axis=axis), x)
        return x


class RandomCrop(RandomImageLayer, ResizeBase):
    r"""Random crop of images during training, :math:`y_{ij} = x_{i + r, j + c}` with :math:`r, c` drawn once for all
    images of a batch. For inference it is the largest center crop with the same aspect ratio, resized.

    Parameters
    ----------
    height, width : int
        Size of the crop. Smaller images are resized during training, too.
    seed, name
        As in `RandomFlip`.

    Raises
    ------
    ShapeError
        If the input is not (batch, rows, columns, channels) of known size.

    Examples
    --------
    >>> RandomCrop(24, 24)(pel.tensor4("x", shape=("n", 32, 32, 3))).shape
    ('n', 24, 24, 3)

    References
    ----------
    A. Krizhevsky, I. Sutskever and G. E. Hinton, ImageNet Classification with Deep Convolutional Neural Networks,
    NeurIPS 2012, section 4.1.
    """

    def __init__(self, height: int, width: int, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(seed, name)
        self.set_size(height, width)

    def call(self, x: Expr) -> Expr:
        x = to_float(x)
        resized = resize(self.crop_to_ratio(x), (self.height, self.width))
        if any(n < target for n, target in zip(self.get_known_sizes(x), (self.height, self.width), strict=True)):
            return resized
        result: Expr = training_only(self.augment(x), resized)
        return result

    def augment(self, x: Expr) -> Expr:
        for axis, size, target in zip((1, 2), self.get_known_sizes(x), (self.height, self.width), strict=True):
            x = take(x, self.generator.integers(size - target + 1) + arange(target), axis=axis)
        return x


class RandomContrast(RandomImageLayer):
    r"""Random contrast of images during training, :math:`(x - \mu) f + \mu` with the mean :math:`\mu` of each channel
    of each image and :math:`f` uniform from :math:`1 - a` to :math:`1 + b`.

    Parameters
    ----------
    factor : float or (float, float)
        :math:`a` and :math:`b`, from 0 to 1, or one number for both.
    value_range : (float, float)
        Minimum and maximum of an image. The result is clipped to them.
    seed, name
        As in `RandomFlip`.

    Raises
    ------
    ShapeError
        If the input is not (batch, rows, columns, channels).
    ValueError
        If the factor or the value range is invalid.

    Examples
    --------
    >>> x = pel.tensor4("x", shape=("n", 32, 32, 3))
    >>> pel.inference(RandomContrast(0.2, value_range=(0, 1))(x))
    x

    References
    ----------
    A. G. Howard, Some Improvements on Deep Convolutional Neural Network Based Image Classification, arXiv:1312.5402.
    """

    def __init__(
        self,
        factor: float | Sequence[float],
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(seed, name)
        less, more = self.check_pair("factor", factor, 0, 1)
        self.factor: tuple[float, float] = (1 - less, 1 + more)
        self.value_range: tuple[float, float] = self.check_value_range(value_range)

    def augment(self, x: Expr) -> Expr:
        average = mean(x, axis=(1, 2), keepdims=True)
        result: Expr = clip((x - average) * self.draw_per_image(x, *self.factor) + average, *self.value_range)
        return result


class RandomBrightness(RandomImageLayer):
    r"""Random brightness of images during training, :math:`x + f (b - a)` with :math:`f` uniform in a range and values
    from :math:`a` to :math:`b`.

    Parameters
    ----------
    factor : float or (float, float)
        Range of :math:`f`, from -1 to 1; a number ``a`` means ``(-a, a)``.
    value_range : (float, float)
        :math:`a` and :math:`b`. The result is clipped to them.
    seed, name
        As in `RandomFlip`.

    Raises
    ------
    ShapeError
        If the input is not (batch, rows, columns, channels).
    ValueError
        If the factor or the value range is invalid.

    Examples
    --------
    >>> x = pel.tensor4("x", shape=("n", 32, 32, 3))
    >>> pel.inference(RandomBrightness(0.2)(x))
    x

    References
    ----------
    A. G. Howard, Some Improvements on Deep Convolutional Neural Network Based Image Classification, arXiv:1312.5402.
    """

    def __init__(
        self,
        factor: float | Sequence[float],
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(seed, name)
        self.factor: tuple[float, float] = self.check_range("factor", factor)
        self.value_range: tuple[float, float] = self.check_value_range(value_range)

    def augment(self, x: Expr) -> Expr:
        low, high = self.value_range
        result: Expr = clip(x + self.draw_per_image(x, *self.factor) * (high - low), low, high)
        return result
