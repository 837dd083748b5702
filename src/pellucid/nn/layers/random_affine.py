"""Images turned, stretched and moved at random while training. Afterwards they are as they are."""

from __future__ import annotations

import math
from typing import Any

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr
from pellucid.graph.ops.affine import FILL_MODES, METHODS, affine_transform
from pellucid.graph.ops.concatenate import stack
from pellucid.graph.ops.creation import ones_like, zeros_like
from pellucid.graph.ops.trigonometry import cos, sin
from pellucid.nn.layers.random_augmentation import RandomImages

__all__ = ["RandomRotation", "RandomZoom", "RandomTranslation"]


class RandomAffine(RandomImages):
    """Images sampled where a random affine map sends each place; a subclass says in `places` which map.

    Parameters
    ----------
    fill_mode : {"reflect", "constant", "nearest", "wrap"}
        What lies beside an image: its mirror image, a number, its last pixel, its other end.
    interpolation : {"bilinear", "nearest"}
        How a pixel between others is made of them.
    seed : int, optional
        Of the stream of random numbers.
    fill_value : float
        The number for ``"constant"``.
    name : str, optional
        Without it that of the class.
    """

    def __init__(
        self,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        name: str | None = None,
    ) -> None:
        super().__init__(seed, name)
        self.fill_mode = self.one_of("fill_mode", fill_mode, FILL_MODES)
        self.interpolation = self.one_of("interpolation", interpolation, METHODS)
        self.fill_value = fill_value

    def changed(self, x: Expr) -> Expr:
        """Return the images as the map has them."""
        transform = stack([stack(row, axis=-1) for row in self.places(x, *self.known_sizes(x))], axis=1)
        result: Expr = affine_transform(x, transform, self.interpolation, self.fill_mode, self.fill_value)
        return result

    def places(self, x: Expr, height: int, width: int) -> list[list[Expr]]:
        """Return the map from places in the result to places in the image, for each image: two rows of three."""
        raise NotImplementedError(f"{type(self).__name__} does not say which map it draws")

    def drawn(self, x: Expr, ends: tuple[float, float]) -> Expr:
        """Draw a number for each image, of shape (batch,)."""
        number: Expr = self.generator.uniform(*ends, like=x[:, 0, 0, 0], dtype=x.dtype)
        return number


class RandomRotation(RandomAffine):
    r"""Images turned about their middle by a random angle while training, :math:`\theta = 2 \pi f` with :math:`f`
    uniform in a range; counterclockwise if it is positive.

    Parameters
    ----------
    factor : float or (float, float)
        The ends of the range of :math:`f`, from -1 to 1, in full turns; one number stands for itself and its negative.
    fill_mode, interpolation, seed, fill_value, name
        As of `RandomTranslation`.

    Raises
    ------
    ShapeError
        If the input is no (batch, rows, columns, channels) of known size.
    ValueError
        For a factor out of range or an unknown word.

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
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        name: str | None = None,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, name)
        self.factor = self.range_of("factor", factor, -1, 1)

    def places(self, x: Expr, height: int, width: int) -> list[list[Expr]]:
        """Return a turn about the middle."""
        angle = 2 * math.pi * self.drawn(x, self.factor)
        c, s, row, column = cos(angle), sin(angle), (height - 1) / 2, (width - 1) / 2
        return [[c, s, row - row * c - column * s], [-s, c, column - column * c + row * s]]


class RandomZoom(RandomAffine):
    r"""Images made larger or smaller about their middle at random while training: a pixel of the result shows
    :math:`1 + f` of the image, with :math:`f` uniform in a range.

    Parameters
    ----------
    height_factor : float or (float, float)
        The ends of the range of :math:`f` for the rows, above -1 and up to 1; positive ones show more of the image, so
        that it looks smaller. One number stands for itself and its negative.
    width_factor : float or (float, float), optional
        The same for the columns; without it rows and columns are stretched alike.
    fill_mode, interpolation, seed, fill_value, name
        As of `RandomTranslation`.

    Raises
    ------
    ShapeError
        If the input is no (batch, rows, columns, channels) of known size.
    ValueError
        For a factor out of range or an unknown word.

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
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        name: str | None = None,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, name)
        self.height_factor = self.shares("height_factor", height_factor)
        self.width_factor = None if width_factor is None else self.shares("width_factor", width_factor)

    def shares(self, what: str, factor: Any) -> tuple[float, float]:
        """Return the ends of how much of an image is shown."""
        low, high = self.range_of(what, factor, -1, 1)
        if low == -1:
            raise OptionError(f"{self.name}: expected {what} to stay above -1. Received: {what}={factor!r}")
        return 1 + low, 1 + high

    def places(self, x: Expr, height: int, width: int) -> list[list[Expr]]:
        """Return a stretch about the middle."""
        rows = self.drawn(x, self.height_factor)
        columns = rows if self.width_factor is None else self.drawn(x, self.width_factor)
        none = zeros_like(rows)
        return [[rows, none, (height - 1) / 2 * (1 - rows)], [none, columns, (width - 1) / 2 * (1 - columns)]]


class RandomTranslation(RandomAffine):
    r"""Images moved at random while training, down by :math:`f h` rows and right by :math:`g w` columns, with :math:`f`
    and :math:`g` uniform in ranges.

    Parameters
    ----------
    height_factor, width_factor : float or (float, float)
        The ends of the ranges of :math:`f` and :math:`g`, from -1 to 1; one number stands for itself and its negative.
    fill_mode : {"reflect", "constant", "nearest", "wrap"}
        What comes in from beside an image: its mirror image, a number, its last pixel, its other end.
    interpolation : {"bilinear", "nearest"}
        How a pixel between others is made of them.
    seed : int, optional
        Of the stream of random numbers.
    fill_value : float
        The number for ``"constant"``.
    name : str, optional
        Without it ``random_translation``, ``random_translation_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, rows, columns, channels) of known size.
    ValueError
        For a factor out of range or an unknown word.

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
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        name: str | None = None,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, name)
        self.height_factor = self.range_of("height_factor", height_factor, -1, 1)
        self.width_factor = self.range_of("width_factor", width_factor, -1, 1)

    def places(self, x: Expr, height: int, width: int) -> list[list[Expr]]:
        """Return a step."""
        down, right = self.drawn(x, self.height_factor) * height, self.drawn(x, self.width_factor) * width
        one, none = ones_like(down), zeros_like(down)
        return [[one, none, -down], [none, one, -right]]
