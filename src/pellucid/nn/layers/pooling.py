"""Windows that keep one value."""

from __future__ import annotations

from pellucid.graph.expr import Expr
from pellucid.graph.ops.average_pooling import average_pool
from pellucid.graph.ops.pooling import max_pool
from pellucid.nn.layers.windows import Sizes, Windowed

__all__ = ["MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "AveragePooling1D", "AveragePooling2D", "AveragePooling3D"]


class Pooling(Windowed):
    """What all pooling over windows shares: how windows move.

    Parameters
    ----------
    pool_size : int or one for each axis
        How far the window reaches along each axis.
    strides : int or one for each axis, optional
        How far it moves; by its size without it.
    padding : {"valid", "same"}
        Only whole windows, or as many as the strides make of the size; what lies beyond the array does not count.
    name : str, optional
        Without it that of the class with a number, such as ``max_pooling2d_1``.
    """

    def __init__(
        self, pool_size: Sizes = 2, strides: Sizes | None = None, padding: str = "valid", name: str | None = None
    ) -> None:
        super().__init__(name)
        self.pool_size = self.sizes("pool_size", pool_size)
        self.strides = self.pool_size if strides is None else self.sizes("strides", strides)
        self.padding = self.one_of("padding", padding, ("valid", "same"))


class MaxPooling(Pooling):
    """The greatest value of every window; see `MaxPooling2D`."""

    def call(self, x: Expr) -> Expr:
        """Return the greatest of every window."""
        pooled: Expr = max_pool(x, pool_size=self.pool_size, strides=self.strides, padding=self.padding)
        return pooled


class AveragePooling(Pooling):
    """The mean of every window; see `AveragePooling2D`."""

    def call(self, x: Expr) -> Expr:
        """Return the mean of every window."""
        pooled: Expr = average_pool(x, pool_size=self.pool_size, strides=self.strides, padding=self.padding)
        return pooled


class MaxPooling1D(MaxPooling):
    r"""The greatest value of every window of a sequence, :math:`\max_k x_{s i + k}`, channel by channel.

    Parameters
    ----------
    pool_size, strides, padding, name
        As of `MaxPooling2D`, for one axis.

    Raises
    ------
    ShapeError
        If the input is no (batch, steps, channels), or shorter than the window.

    Examples
    --------
    >>> MaxPooling1D(2)(pel.tensor3("x", shape=("n", 9, 4))).shape
    ('n', 4, 4)

    References
    ----------
    M. Riesenhuber and T. Poggio, Hierarchical Models of Object Recognition in Cortex, Nature Neuroscience 2 (1999).
    """

    ndim = 3


class MaxPooling2D(MaxPooling):
    r"""The greatest value of every window of an image, :math:`\max_k x_{s i + k}`, channel by channel.

    Parameters
    ----------
    pool_size : int or two
        The window's rows and columns.
    strides : int or two, optional
        How far it moves; by its size without it.
    padding : {"valid", "same"}
        Only whole windows, or as many as the strides make of the size.
    name : str, optional
        Without it ``max_pooling2d``, ``max_pooling2d_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, rows, columns, channels), or smaller than the window.

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
    r"""The greatest value of every window of a volume, :math:`\max_k x_{s i + k}`, channel by channel.

    Parameters
    ----------
    pool_size, strides, padding, name
        As of `MaxPooling2D`, for three axes.

    Raises
    ------
    ShapeError
        If the input is no (batch, depth, rows, columns, channels), or smaller than the window.

    Examples
    --------
    >>> MaxPooling3D((1, 2, 2))(pel.tensor("x", shape=("n", 8, 8, 8, 4))).shape
    ('n', 8, 4, 4, 4)

    References
    ----------
    M. Riesenhuber and T. Poggio, Hierarchical Models of Object Recognition in Cortex, Nature Neuroscience 2 (1999).
    """

    ndim = 5


class AveragePooling1D(AveragePooling):
    r"""The mean of every window of a sequence, :math:`\frac{1}{|K|} \sum_{k \in K} x_{s i + k}`, channel by channel.

    Parameters
    ----------
    pool_size, strides, padding, name
        As of `AveragePooling2D`, for one axis.

    Raises
    ------
    ShapeError
        If the input is no (batch, steps, channels), or shorter than the window.

    Examples
    --------
    >>> AveragePooling1D(3, strides=2, padding="same")(pel.tensor3("x", shape=("n", 9, 4))).shape
    ('n', 5, 4)

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-Based Learning Applied to Document Recognition,
    Proceedings of the IEEE 86 (1998).
    """

    ndim = 3


class AveragePooling2D(AveragePooling):
    r"""The mean of every window of an image, :math:`\frac{1}{|K|} \sum_{k \in K} x_{s i + k}`, channel by channel.

    Parameters
    ----------
    pool_size : int or two
        The window's rows and columns.
    strides : int or two, optional
        How far it moves; by its size without it.
    padding : {"valid", "same"}
        Only whole windows, or as many as the strides make of the size; only what the image has in a window is averaged.
    name : str, optional
        Without it ``average_pooling2d``, ``average_pooling2d_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, rows, columns, channels), or smaller than the window.

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
    r"""The mean of every window of a volume, :math:`\frac{1}{|K|} \sum_{k \in K} x_{s i + k}`, channel by channel.

    Parameters
    ----------
    pool_size, strides, padding, name
        As of `AveragePooling2D`, for three axes.

    Raises
    ------
    ShapeError
        If the input is no (batch, depth, rows, columns, channels), or smaller than the window.

    Examples
    --------
    >>> AveragePooling3D(2)(pel.tensor("x", shape=("n", 8, 8, 8, 4))).shape
    ('n', 4, 4, 4, 4)

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-Based Learning Applied to Document Recognition,
    Proceedings of the IEEE 86 (1998).
    """

    ndim = 5
