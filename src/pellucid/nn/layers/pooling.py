"""Pooling layers: maximum and average, over windows and over all positions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

from pellucid.graph.expr import Expr
from pellucid.graph.ops.pooling import average_pool, max_pool
from pellucid.graph.ops.reductions import max_, mean, sum
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.ops.where import where
from pellucid.nn.casts import to_dtype, to_float
from pellucid.nn.layers.spatial_base import Sizes, SpatialLayer
from pellucid.nn.layers.validation import check_choice

__all__ = [
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
]

PoolPadding = Literal["valid", "same"]
"""No padding, or padding that keeps the size."""


class Pooling(SpatialLayer):
    """Base of pooling layers over windows."""

    pool: Callable[..., Expr]

    def __init__(
        self,
        pool_size: Sizes = 2,
        strides: Sizes | None = None,
        padding: PoolPadding = "valid",
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.pool_size: tuple[int, ...] = self.check_sizes("pool_size", pool_size)
        self.strides: tuple[int, ...] = self.pool_size if strides is None else self.check_sizes("strides", strides)
        self.padding = check_choice(self.name, "padding", padding, get_args(PoolPadding))

    def call(self, x: Expr) -> Expr:
        return self.pool(x, pool_size=self.pool_size, strides=self.strides, padding=self.padding)


class MaxPooling(Pooling):
    """Max pooling; see `MaxPooling2D`."""

    pool = staticmethod(max_pool)


class AveragePooling(Pooling):
    """Average pooling; see `AveragePooling2D`."""

    pool = staticmethod(average_pool)


class MaxPooling1D(MaxPooling):
    r"""1D max pooling layer, :math:`\max_k x_{s i + k}` over the windows of a sequence, for each channel.

    Parameters
    ----------
    pool_size, strides, padding, name
        As in `MaxPooling2D`, for inputs (batch, steps, channels).

    Examples
    --------
    >>> MaxPooling1D(2)(pel.tensor3("x", shape=("n", 9, 4))).shape
    ('n', 4, 4)
    """

    ndim: int = 3


class MaxPooling2D(MaxPooling):
    r"""2D max pooling layer, :math:`\max_k x_{s i + k}` over the windows of an image, for each channel.

    Parameters
    ----------
    pool_size : int or two
        Size of the window.
    strides : int or two, optional
        Stride of the window. Default: ``pool_size``.
    padding : {"valid", "same"}
        ``"valid"``: only windows inside the image. ``"same"``: the result has the size of the input divided by the
        strides.
    name : str, optional
        Name of the layer. By default ``max_pooling2d``, ``max_pooling2d_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is not (batch, rows, columns, channels), or smaller than the window.

    Examples
    --------
    >>> MaxPooling2D(3, strides=2)(pel.tensor4("x", shape=("n", 28, 28, 32))).shape
    ('n', 13, 13, 32)

    References
    ----------
    M. Riesenhuber and T. Poggio, Hierarchical Models of Object Recognition in Cortex, Nature Neuroscience 2 (1999).
    """

    ndim: int = 4


class MaxPooling3D(MaxPooling):
    r"""3D max pooling layer, :math:`\max_k x_{s i + k}` over the windows of a volume, for each channel.

    Parameters
    ----------
    pool_size, strides, padding, name
        As in `MaxPooling2D`, for inputs (batch, depth, rows, columns, channels).

    Examples
    --------
    >>> MaxPooling3D((1, 2, 2))(pel.tensor("x", shape=("n", 8, 8, 8, 4))).shape
    ('n', 8, 4, 4, 4)
    """

    ndim: int = 5


class AveragePooling1D(AveragePooling):
    r"""1D average pooling layer, :math:`\frac{1}{|K|} \sum_{k \in K} x_{s i + k}` over the windows of a
    sequence, for each channel.

    Parameters
    ----------
    pool_size, strides, padding, name
        As in `AveragePooling2D`, for inputs (batch, steps, channels).

    Examples
    --------
    >>> AveragePooling1D(3, strides=2, padding="same")(pel.tensor3("x", shape=("n", 9, 4))).shape
    ('n', 5, 4)
    """

    ndim: int = 3


class AveragePooling2D(AveragePooling):
    r"""2D average pooling layer, :math:`\frac{1}{|K|} \sum_{k \in K} x_{s i + k}` over the windows of an
    image, for each channel.

    Parameters
    ----------
    pool_size, strides, padding, name
        As in `MaxPooling2D`. Windows at the border average only pixels of the image.

    Raises
    ------
    ShapeError
        If the input is not (batch, rows, columns, channels), or smaller than the window.

    Examples
    --------
    >>> AveragePooling2D()(pel.tensor4("x", shape=("n", 28, 28, 32))).shape
    ('n', 14, 14, 32)

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-Based Learning Applied to Document Recognition,
    Proceedings of the IEEE 86 (1998).
    """

    ndim: int = 4


class AveragePooling3D(AveragePooling):
    r"""3D average pooling layer, :math:`\frac{1}{|K|} \sum_{k \in K} x_{s i + k}` over the windows of a
    volume, for each channel.

    Parameters
    ----------
    pool_size, strides, padding, name
        As in `AveragePooling2D`, for inputs (batch, depth, rows, columns, channels).

    Examples
    --------
    >>> AveragePooling3D(2)(pel.tensor("x", shape=("n", 8, 8, 8, 4))).shape
    ('n', 4, 4, 4, 4)
    """

    ndim: int = 5


class GlobalPooling(SpatialLayer):
    """Base of global pooling layers."""

    def __init__(self, keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name)
        self.keepdims = keepdims

    def reduce(self, op: Callable[..., Expr], x: Expr) -> Expr:
        """Apply a reduction over the spatial axes."""
        return op(x, axis=tuple(range(1, self.spatial_ndim + 1)), keepdims=self.keepdims)


class GlobalMaxPooling(GlobalPooling):
    """Global max pooling; see `GlobalMaxPooling2D`."""

    def call(self, x: Expr) -> Expr:
        return self.reduce(max_, x)


class GlobalAveragePooling(GlobalPooling):
    """Global average pooling; see `GlobalAveragePooling2D`."""

    def call(self, x: Expr) -> Expr:
        return self.reduce(mean, to_float(x))


class GlobalMaxPooling1D(GlobalMaxPooling):
    r"""1D global max pooling layer, :math:`\max_t x_{t c}` over the unmasked steps.

    Parameters
    ----------
    keepdims, name
        As in `GlobalMaxPooling2D`, for inputs (batch, steps, channels).

    Examples
    --------
    >>> GlobalMaxPooling1D()(pel.tensor3("x", shape=("n", "t", 8))).shape
    ('n', 8)
    """

    ndim: int = 3
    takes_mask = True

    def call(self, x: Expr, mask: Expr | None = None) -> Expr:
        if mask is not None:
            x = where(expand_dims(mask, -1), to_float(x), float("-inf"))
        return super().call(x)


class GlobalMaxPooling2D(GlobalMaxPooling):
    r"""2D global max pooling layer, :math:`\max_{ij} x_{ijc}`.

    Parameters
    ----------
    keepdims : bool
        Whether to keep the spatial axes, with length 1.
    name : str, optional
        Name of the layer. By default ``global_max_pooling2d``, ``global_max_pooling2d_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is not (batch, rows, columns, channels).

    Examples
    --------
    >>> GlobalMaxPooling2D(keepdims=True)(pel.tensor4("x", shape=("n", 7, 7, 512))).shape
    ('n', 1, 1, 512)
    """

    ndim: int = 4


class GlobalMaxPooling3D(GlobalMaxPooling):
    r"""3D global max pooling layer, :math:`\max_{ijk} x_{ijkc}`.

    Parameters
    ----------
    keepdims, name
        As in `GlobalMaxPooling2D`, for inputs (batch, depth, rows, columns, channels).

    Examples
    --------
    >>> GlobalMaxPooling3D()(pel.tensor("x", shape=("n", 4, 7, 7, 16))).shape
    ('n', 16)
    """

    ndim: int = 5


class GlobalAveragePooling1D(GlobalAveragePooling):
    r"""1D global average pooling layer, :math:`\sum_t m_t x_{t c} / \sum_t m_t` over the unmasked steps.

    Parameters
    ----------
    keepdims, name
        As in `GlobalAveragePooling2D`, for inputs (batch, steps, channels).

    Examples
    --------
    >>> GlobalAveragePooling1D()(pel.tensor3("x", shape=("n", "t", 8))).shape
    ('n', 8)
    """

    ndim: int = 3
    takes_mask = True

    def call(self, x: Expr, mask: Expr | None = None) -> Expr:
        if mask is None:
            return super().call(x)
        x = to_float(x)
        weights = expand_dims(to_dtype(mask, x.dtype), -1)
        return self.reduce(sum, weights * x) / self.reduce(sum, weights)


class GlobalAveragePooling2D(GlobalAveragePooling):
    r"""2D global average pooling layer, :math:`\frac{1}{h w} \sum_{ij} x_{ijc}`.

    Parameters
    ----------
    keepdims, name
        As in `GlobalMaxPooling2D`.

    Raises
    ------
    ShapeError
        If the input is not (batch, rows, columns, channels).

    Examples
    --------
    >>> GlobalAveragePooling2D()(pel.tensor4("x", shape=("n", 7, 7, 512))).shape
    ('n', 512)

    References
    ----------
    M. Lin, Q. Chen and S. Yan, Network In Network, arXiv:1312.4400.
    """

    ndim: int = 4


class GlobalAveragePooling3D(GlobalAveragePooling):
    r"""3D global average pooling layer, :math:`\frac{1}{d h w} \sum_{ijk} x_{ijkc}`.

    Parameters
    ----------
    keepdims, name
        As in `GlobalAveragePooling2D`, for inputs (batch, depth, rows, columns, channels).

    Examples
    --------
    >>> GlobalAveragePooling3D()(pel.tensor("x", shape=("n", 4, 7, 7, 16))).shape
    ('n', 16)
    """

    ndim: int = 5
