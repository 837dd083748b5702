"""Images changed at random while training: flipped, cropped, brighter or darker. Afterwards they are as they are."""

from __future__ import annotations

from typing import Any

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr
from pellucid.graph.ops.indexing import take
from pellucid.graph.ops.minmax_where import clip, where
from pellucid.graph.ops.permute import flip
from pellucid.graph.ops.ranges import arange
from pellucid.graph.ops.reductions import mean
from pellucid.graph.ops.resize import resize
from pellucid.graph.ops.train_eval import training_only
from pellucid.nn.dtypes import as_real
from pellucid.nn.layers.noise import Noise, first_along
from pellucid.nn.layers.resizing import ToSize
from pellucid.nn.layers.windows import Windowed

__all__ = ["RandomFlip", "RandomCrop", "RandomContrast", "RandomBrightness"]


class RandomImages(Noise, Windowed):
    """Images that are changed at random while training; a subclass says in `changed` how.

    Every image of a batch has draws of its own, and so has every step. `pellucid.inference` takes the layer out.
    """

    ndim = 4

    def call(self, x: Expr) -> Expr:
        """Return the images, changed while training; integers become `config.floatx`."""
        x = as_real(x)
        result: Expr = training_only(self.changed(x), x)
        return result

    def changed(self, x: Expr) -> Expr:
        """Return the images as they are while training."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it changes")

    def range_of(self, what: str, factor: Any, low: float, high: float) -> tuple[float, float]:
        """Return the two ends of what is drawn, of one number or two, or say in the layer's name what they must be."""
        ends = tuple(factor) if isinstance(factor, (tuple, list)) else (factor,)
        if len(ends) > 2 or not all(isinstance(e, (int, float)) and low <= e <= high for e in ends) or not ends:
            raise OptionError(
                f"{self.name}: expected {what} to be a number from {low:g} to {high:g}, or two of them. "
                f"Received: {what}={factor!r}"
            )
        return (min(ends), max(ends)) if len(ends) == 2 else (-abs(ends[0]), abs(ends[0]))

    def for_each(self, x: Expr, low: float, high: float) -> Expr:
        """Draw a number for each image, of shape (batch, 1, 1, 1)."""
        drawn: Expr = self.generator.uniform(low, high, like=first_along(x, (1, 2, 3)), dtype=x.dtype)
        return drawn

    def value_range_of(self, value_range: Any) -> tuple[float, float]:
        """Return the least and the greatest value of an image."""
        if not isinstance(value_range, (tuple, list)) or len(value_range) != 2 or value_range[0] == value_range[1]:
            raise OptionError(
                f"{self.name}: expected value_range to be the least and the greatest value, such as (0, 255). "
                f"Received: value_range={value_range!r}"
            )
        return min(value_range), max(value_range)


MODES = ("horizontal", "vertical", "horizontal_and_vertical")


class RandomFlip(RandomImages):
    r"""Images mirrored at random while training, each with probability :math:`1/2` in each direction.

    Parameters
    ----------
    mode : {"horizontal_and_vertical", "horizontal", "vertical"}
        Left to right, top to bottom, or both, independently of one another.
    seed : int, optional
        Of the stream of random numbers.
    name : str, optional
        Without it ``random_flip``, ``random_flip_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, rows, columns, channels).
    ValueError
        For an unknown mode.

    Examples
    --------
    >>> x = pel.tensor4("x", shape=("n", 32, 32, 3))
    >>> pel.inference(RandomFlip("horizontal")(x))
    x

    References
    ----------
    A. Krizhevsky, I. Sutskever and G. E. Hinton, ImageNet Classification with Deep Convolutional Neural Networks,
    NIPS 2012, section 4.1.
    """

    def __init__(self, mode: str = "horizontal_and_vertical", seed: int | None = None, name: str | None = None) -> None:
        super().__init__(seed, name)
        self.mode = self.one_of("mode", mode, MODES)

    def changed(self, x: Expr) -> Expr:
        """Return the images, half of them mirrored."""
        for axis, direction in ((1, "vertical"), (2, "horizontal")):
            if direction in self.mode:
                x = where(self.for_each(x, 0.0, 1.0) < 0.5, flip(x, axis=axis), x)
        return x


class RandomCrop(RandomImages, ToSize):
    r"""A part of images at a random place while training, :math:`y_{ij} = x_{i + r, j + c}` with :math:`r, c` drawn
    once for all images of a batch; afterwards the largest part in the middle that has the same ratio of width to
    height, resized.

    Parameters
    ----------
    height, width : int
        The size of the part. If the images are smaller, they are resized while training, too.
    seed : int, optional
        Of the stream of random numbers.
    name : str, optional
        Without it ``random_crop``, ``random_crop_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, rows, columns, channels) of known size.

    Examples
    --------
    >>> RandomCrop(24, 24)(pel.tensor4("x", shape=("n", 32, 32, 3))).shape
    ('n', 24, 24, 3)

    References
    ----------
    A. Krizhevsky, I. Sutskever and G. E. Hinton, ImageNet Classification with Deep Convolutional Neural Networks,
    NIPS 2012, section 4.1.
    """

    def __init__(self, height: int, width: int, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(seed, name)
        self.height, self.width = self.two_sizes(height, width)

    def call(self, x: Expr) -> Expr:
        """Return a part of the images."""
        x = as_real(x)
        resized = resize(self.cropped_to_ratio(x), (self.height, self.width))
        if any(n < wanted for n, wanted in zip(self.known_sizes(x), (self.height, self.width), strict=True)):
            return resized  # type: ignore[no-any-return]
        result: Expr = training_only(self.changed(x), resized)
        return result

    def changed(self, x: Expr) -> Expr:
        """Return the part at a random place."""
        for axis, size, wanted in zip((1, 2), self.known_sizes(x), (self.height, self.width), strict=True):
            x = take(x, self.generator.integers(size - wanted + 1) + arange(wanted), axis=axis)
        return x


class RandomContrast(RandomImages):
    r"""Images with more or less contrast at random while training, :math:`(x - \mu) f + \mu` with the mean :math:`\mu`
    of every channel of every image and :math:`f` uniform from :math:`1 - a` to :math:`1 + b`.

    Parameters
    ----------
    factor : float or (float, float)
        :math:`a` and :math:`b`, from 0 to 1; one number is both.
    value_range : (float, float)
        The least and the greatest value of an image, between which the result is kept.
    seed : int, optional
        Of the stream of random numbers.
    name : str, optional
        Without it ``random_contrast``, ``random_contrast_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, rows, columns, channels).
    ValueError
        For a factor or a range that is none.

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
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, name: str | None = None
    ) -> None:
        super().__init__(seed, name)
        self.range_of("factor", factor, 0, 1)
        less, more = factor if isinstance(factor, (tuple, list)) else (factor, factor)
        self.factor = (1.0 - less, 1.0 + more)
        self.value_range = self.value_range_of(value_range)

    def changed(self, x: Expr) -> Expr:
        """Return the images with another contrast."""
        grey = mean(x, axis=(1, 2), keepdims=True)
        result: Expr = clip((x - grey) * self.for_each(x, *self.factor) + grey, *self.value_range)
        return result


class RandomBrightness(RandomImages):
    r"""Images brighter or darker at random while training, :math:`x + f (b - a)` with :math:`f` uniform in a range and
    values from :math:`a` to :math:`b`.

    Parameters
    ----------
    factor : float or (float, float)
        The ends of the range of :math:`f`, from -1 to 1; one number stands for itself and its negative.
    value_range : (float, float)
        :math:`a` and :math:`b`, between which the result is kept.
    seed : int, optional
        Of the stream of random numbers.
    name : str, optional
        Without it ``random_brightness``, ``random_brightness_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, rows, columns, channels).
    ValueError
        For a factor or a range that is none.

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
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, name: str | None = None
    ) -> None:
        super().__init__(seed, name)
        self.factor = self.range_of("factor", factor, -1, 1)
        self.value_range = self.value_range_of(value_range)

    def changed(self, x: Expr) -> Expr:
        """Return the images, brighter or darker."""
        low, high = self.value_range
        result: Expr = clip(x + self.for_each(x, *self.factor) * (high - low), low, high)
        return result
