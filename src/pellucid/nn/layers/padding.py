"""Borders put on, and borders cut off."""

from __future__ import annotations

from typing import Any

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.ops.padding import pad
from pellucid.graph.types import shape_text
from pellucid.nn.layers.windows import Windowed

__all__ = ["ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", "Cropping1D", "Cropping2D", "Cropping3D"]


class ZeroPadding(Windowed):
    """Zeros around an array; see `ZeroPadding2D`."""

    def __init__(self, padding: Any = 1, name: str | None = None) -> None:
        super().__init__(name)
        self.padding = self.pairs("padding", padding)

    def call(self, x: Expr) -> Expr:
        """Return the array with zeros around it."""
        wider: Expr = pad(x, ((0, 0), *self.padding, (0, 0)))
        return wider


class Cropping(Windowed):
    """An array without its border; see `Cropping2D`."""

    def __init__(self, cropping: Any = 1, name: str | None = None) -> None:
        super().__init__(name)
        self.cropping = self.pairs("cropping", cropping)

    def call(self, x: Expr) -> Expr:
        """Return what is inside the border."""
        for size, (before, after) in zip(x.shape[1:-1], self.cropping, strict=True):
            if isinstance(size, int) and before + after >= size:
                raise ShapeError(
                    f"{self.name}: cropping={self.cropping} leaves nothing of {x}, of shape {shape_text(x.shape)}"
                )
        inside: Expr = x[(slice(None), *(slice(before, -after or None) for before, after in self.cropping))]
        return inside


class ZeroPadding1D(ZeroPadding):
    r"""Zeros before and after a sequence, :math:`t \to a + t + b` steps.

    Parameters
    ----------
    padding : int or (int, int)
        How many on both sides, or before and after.
    name : str, optional
        Without it ``zero_padding1d``, ``zero_padding1d_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, steps, channels), or for widths that are none.

    Examples
    --------
    >>> ZeroPadding1D((2, 0))(pel.tensor3("x", shape=("n", 10, 4))).shape
    ('n', 12, 4)
    """

    ndim = 3


class ZeroPadding2D(ZeroPadding):
    r"""Zeros around an image, :math:`h \times w \to (a + h + b) \times (c + w + d)` pixels.

    Parameters
    ----------
    padding : int, two, or two pairs of int
        How many on all sides; above and below, and left and right; or ``((above, below), (left, right))``.
    name : str, optional
        Without it ``zero_padding2d``, ``zero_padding2d_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, rows, columns, channels), or for widths that are none.

    Examples
    --------
    >>> ZeroPadding2D(((1, 0), (2, 3)))(pel.tensor4("x", shape=("n", 10, 10, 4))).shape
    ('n', 11, 15, 4)
    """

    ndim = 4


class ZeroPadding3D(ZeroPadding):
    r"""Zeros around a volume, :math:`a + n + b` elements along each axis of :math:`n`.

    Parameters
    ----------
    padding, name
        As of `ZeroPadding2D`, for three axes.

    Raises
    ------
    ShapeError
        If the input is no (batch, depth, rows, columns, channels), or for widths that are none.

    Examples
    --------
    >>> ZeroPadding3D((0, 1, 1))(pel.tensor("x", shape=("n", 8, 8, 8, 4))).shape
    ('n', 8, 10, 10, 4)
    """

    ndim = 5


class Cropping1D(Cropping):
    r"""A sequence without its first and last steps, :math:`x_{a}, \ldots, x_{t - b - 1}`.

    Parameters
    ----------
    cropping : int or (int, int)
        How many on both sides, or before and after.
    name : str, optional
        Without it ``cropping1d``, ``cropping1d_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, steps, channels), or nothing is left of it.

    Examples
    --------
    >>> Cropping1D((2, 0))(pel.tensor3("x", shape=("n", 10, 4))).shape
    ('n', 8, 4)
    """

    ndim = 3


class Cropping2D(Cropping):
    r"""An image without its border, :math:`h \times w \to (h - a - b) \times (w - c - d)` pixels.

    Parameters
    ----------
    cropping : int, two, or two pairs of int
        How many on all sides; above and below, and left and right; or ``((above, below), (left, right))``.
    name : str, optional
        Without it ``cropping2d``, ``cropping2d_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, rows, columns, channels), or nothing is left of it.

    Examples
    --------
    >>> Cropping2D(((1, 0), (2, 3)))(pel.tensor4("x", shape=("n", 10, 10, 4))).shape
    ('n', 9, 5, 4)
    """

    ndim = 4

    def __init__(self, cropping: Any = 0, name: str | None = None) -> None:
        super().__init__(cropping, name)


class Cropping3D(Cropping):
    r"""A volume without its border, :math:`n - a - b` elements along each axis of :math:`n`.

    Parameters
    ----------
    cropping, name
        As of `Cropping2D`, for three axes; 1 without it.

    Raises
    ------
    ShapeError
        If the input is no (batch, depth, rows, columns, channels), or nothing is left of it.

    Examples
    --------
    >>> Cropping3D((0, 1, 1))(pel.tensor("x", shape=("n", 8, 8, 8, 4))).shape
    ('n', 8, 6, 6, 4)
    """

    ndim = 5
