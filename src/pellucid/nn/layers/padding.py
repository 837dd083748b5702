"""Zero padding and cropping layers."""

from __future__ import annotations

from pellucid.graph.errors import ShapeError, brief
from pellucid.graph.expr import Expr
from pellucid.graph.ops.padding import pad
from pellucid.graph.types import format_shape
from pellucid.nn.layers.spatial_base import Pairs, SpatialLayer

__all__ = ["ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", "Cropping1D", "Cropping2D", "Cropping3D"]


class ZeroPadding(SpatialLayer):
    """Zero padding; see `ZeroPadding2D`."""

    def __init__(self, padding: Pairs = 1, name: str | None = None) -> None:
        super().__init__(name)
        self.padding: tuple[tuple[int, int], ...] = self.check_pairs("padding", padding)

    def call(self, x: Expr) -> Expr:
        padded: Expr = pad(x, ((0, 0), *self.padding, (0, 0)))
        return padded


class Cropping(SpatialLayer):
    """Cropping; see `Cropping2D`."""

    def __init__(self, cropping: Pairs = 1, name: str | None = None) -> None:
        super().__init__(name)
        self.cropping: tuple[tuple[int, int], ...] = self.check_pairs("cropping", cropping)

    def call(self, x: Expr) -> Expr:
        for size, (before, after) in zip(x.shape[1:-1], self.cropping, strict=True):
            if isinstance(size, int) and before + after >= size:
                raise ShapeError(
                    f"{self.name}: cropping={self.cropping} leaves nothing of {brief(x)}, of shape "
                    f"{format_shape(x.shape)}"
                ).with_operands([x])
        cropped: Expr = x[(slice(None), *(slice(before, -after or None) for before, after in self.cropping))]
        return cropped


class ZeroPadding1D(ZeroPadding):
    r"""Zero padding of a sequence, :math:`t \to a + t + b` steps.

    Parameters
    ----------
    padding : int or (int, int)
        Number of steps on both sides, or before and after.
    name : str, optional
        Name of the layer. By default ``zero_padding1d``, ``zero_padding1d_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is not (batch, steps, channels), or a width is invalid.

    Examples
    --------
    >>> ZeroPadding1D((2, 0))(pel.tensor3("x", shape=("n", 10, 4))).shape
    ('n', 12, 4)
    """

    ndim: int = 3


class ZeroPadding2D(ZeroPadding):
    r"""Zero padding of an image, :math:`h \times w \to (a + h + b) \times (c + w + d)` pixels.

    Parameters
    ----------
    padding : int, two, or two pairs of int
        Number of pixels on all sides; above and below, and left and right; or ``((above, below), (left, right))``.
    name : str, optional
        Name of the layer. By default ``zero_padding2d``, ``zero_padding2d_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is not (batch, rows, columns, channels), or a width is invalid.

    Examples
    --------
    >>> ZeroPadding2D(((1, 0), (2, 3)))(pel.tensor4("x", shape=("n", 10, 10, 4))).shape
    ('n', 11, 15, 4)
    """

    ndim: int = 4


class ZeroPadding3D(ZeroPadding):
    r"""Zero padding of a volume, :math:`a + n + b` elements along each axis of :math:`n`.

    Parameters
    ----------
    padding, name
        As in `ZeroPadding2D`, for inputs (batch, depth, rows, columns, channels).

    Examples
    --------
    >>> ZeroPadding3D((0, 1, 1))(pel.tensor("x", shape=("n", 8, 8, 8, 4))).shape
    ('n', 8, 10, 10, 4)
    """

    ndim: int = 5


class Cropping1D(Cropping):
    r"""Cropping of the first and last steps of a sequence, :math:`x_{a}, \ldots, x_{t - b - 1}`.

    Parameters
    ----------
    cropping : int or (int, int)
        Number of steps on both sides, or before and after.
    name : str, optional
        Name of the layer. By default ``cropping1d``, ``cropping1d_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is not (batch, steps, channels), or nothing is left.

    Examples
    --------
    >>> Cropping1D((2, 0))(pel.tensor3("x", shape=("n", 10, 4))).shape
    ('n', 8, 4)
    """

    ndim: int = 3


class Cropping2D(Cropping):
    r"""Cropping of the border of an image, :math:`h \times w \to (h - a - b) \times (w - c - d)` pixels.

    Parameters
    ----------
    cropping, name
        As ``padding`` and ``name`` in `ZeroPadding2D`. Default: 0.

    Raises
    ------
    ShapeError
        If the input is not (batch, rows, columns, channels), or nothing is left.

    Examples
    --------
    >>> Cropping2D(((1, 0), (2, 3)))(pel.tensor4("x", shape=("n", 10, 10, 4))).shape
    ('n', 9, 5, 4)
    """

    ndim: int = 4

    def __init__(self, cropping: Pairs = 0, name: str | None = None) -> None:
        super().__init__(cropping, name)


class Cropping3D(Cropping):
    r"""Cropping of the border of a volume, :math:`n - a - b` elements along each axis of :math:`n`.

    Parameters
    ----------
    cropping, name
        As in `Cropping2D`, for inputs (batch, depth, rows, columns, channels). Default: 1.

    Examples
    --------
    >>> Cropping3D((0, 1, 1))(pel.tensor("x", shape=("n", 8, 8, 8, 4))).shape
    ('n', 8, 6, 6, 4)
    """

    ndim: int = 5
