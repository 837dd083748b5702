"""Max pooling and average pooling layers."""

from __future__ import annotations

from pellucid.graph.expr import Expr
from pellucid.graph.ops.average_pooling import average_pool
from pellucid.graph.ops.pooling import max_pool
from pellucid.nn.layers.spatial import Sizes, SpatialLayer
from pellucid.nn.layers.validation import check_choice

__all__ = ["MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "AveragePooling1D", "AveragePooling2D", "AveragePooling3D"]


class Pooling(SpatialLayer):
    """Base of pooling layers."""

    def __init__(
        self, pool_size: Sizes = 2, strides: Sizes | None = None, padding: str = "valid", name: str | None = None
    ) -> None:
        super().__init__(name)
        self.pool_size = self.check_sizes("pool_size", pool_size)
        self.strides = self.pool_size if strides is None else self.check_sizes("strides", strides)
        self.padding = check_choice(self.name, "padding", padding, ("valid", "same"))


class MaxPooling(Pooling):
    """Max pooling; see `MaxPooling2D`."""

    def call(self, x: Expr) -> Expr:
        pooled: Expr = max_pool(x, pool_size=self.pool_size, strides=self.strides, padding=self.padding)
        return pooled


class AveragePooling(Pooling):
    """Average pooling; see `AveragePooling2D`."""

    def call(self, x: Expr) -> Expr:
        pooled: Expr = average_pool(x, pool_size=self.pool_size, strides=self.strides, padding=self.padding)
        return pooled


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

    ndim = 3


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

    ndim = 4


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

    ndim = 5


class AveragePooling1D(AveragePooling):
    r"""1D average pooling layer, :math:`\frac{1}{|K|} \sum_{k \in K} x_{s i + k}` over the windows of
    a sequence, for each channel.

    Parameters
    ----------
    pool_size, strides, padding, name
        As in `AveragePooling2D`, for inputs (batch, steps, channels).

    Examples
    --------
    >>> AveragePooling1D(3, strides=2, padding="same")(pel.tensor3("x", shape=("n", 9, 4))).shape
    ('n', 5, 4)
    """

    ndim = 3


class AveragePooling2D(AveragePooling):
    r"""2D average pooling layer, :math:`\frac{1}{|K|} \sum_{k \in K} x_{s i + k}` over the windows of
    an image, for each channel.

    Parameters
    ----------
    pool_size : int or two
        Size of the window.
    strides : int or two, optional
        Stride of the window. Default: ``pool_size``.
    padding : {"valid", "same"}
        ``"valid"``: only windows inside the image. ``"same"``: the result has the size of the input divided by the
        strides; windows at the border average only pixels of the image.
    name : str, optional
        Name of the layer. By default ``average_pooling2d``, ``average_pooling2d_1`` and so on.

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

    ndim = 4


class AveragePooling3D(AveragePooling):
    r"""3D average pooling layer, :math:`\frac{1}{|K|} \sum_{k \in K} x_{s i + k}` over the windows of
    a volume, for each channel.

    Parameters
    ----------
    pool_size, strides, padding, name
        As in `AveragePooling2D`, for inputs (batch, depth, rows, columns, channels).

    Examples
    --------
    >>> AveragePooling3D(2)(pel.tensor("x", shape=("n", 8, 8, 8, 4))).shape
    ('n', 4, 4, 4, 4)
    """

    ndim = 5
