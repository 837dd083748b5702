"""One value of all there is: the mean or the greatest over every axis between the batch and the channels."""

from __future__ import annotations

from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.ops.minmax_where import where
from pellucid.graph.ops.reductions import max_, mean, sum
from pellucid.graph.ops.reshape import expand_dims
from pellucid.nn.dtypes import as_real, to_dtype
from pellucid.nn.layers.windows import Windowed

__all__ = [
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
]


class GlobalPooling(Windowed):
    """What all global pooling shares.

    Parameters
    ----------
    keepdims : bool
        Whether the axes stay, with one element each.
    name : str, optional
        Without it that of the class with a number, such as ``global_max_pooling2d_1``.
    """

    def __init__(self, keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name)
        self.keepdims = keepdims

    @property
    def over(self) -> dict[str, Any]:
        """The axes between the batch and the channels, and whether they stay."""
        return {"axis": tuple(range(1, self.axes + 1)), "keepdims": self.keepdims}


class GlobalMaxPooling(GlobalPooling):
    """The greatest value of every channel; see `GlobalMaxPooling2D`."""

    def call(self, x: Expr) -> Expr:
        """Return the greatest value of every channel."""
        greatest: Expr = max_(x, **self.over)
        return greatest


class GlobalAveragePooling(GlobalPooling):
    """The mean of every channel; see `GlobalAveragePooling2D`."""

    def call(self, x: Expr) -> Expr:
        """Return the mean of every channel."""
        average: Expr = mean(as_real(x), **self.over)
        return average


class GlobalMaxPooling1D(GlobalMaxPooling):
    r"""The greatest value that every channel of a sequence has, :math:`\max_t x_{t c}`, over the steps that count.

    Parameters
    ----------
    keepdims : bool
        Whether the axis of steps stays, with one element.
    name : str, optional
        Without it ``global_max_pooling1d``, ``global_max_pooling1d_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, steps, channels).

    Examples
    --------
    >>> GlobalMaxPooling1D()(pel.tensor3("x", shape=("n", "t", 8))).shape
    ('n', 8)
    """

    ndim = 3
    takes_mask = True

    def call(self, x: Expr, mask: Expr | None = None) -> Expr:
        """Return the greatest value of every channel."""
        if mask is not None:
            x = where(expand_dims(mask, -1), as_real(x), float("-inf"))
        return super().call(x)


class GlobalMaxPooling2D(GlobalMaxPooling):
    r"""The greatest value that every channel of an image has, :math:`\max_{ij} x_{ijc}`.

    Parameters
    ----------
    keepdims : bool
        Whether the axes of rows and columns stay, with one element each.
    name : str, optional
        Without it ``global_max_pooling2d``, ``global_max_pooling2d_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, rows, columns, channels).

    Examples
    --------
    >>> GlobalMaxPooling2D(keepdims=True)(pel.tensor4("x", shape=("n", 7, 7, 512))).shape
    ('n', 1, 1, 512)
    """

    ndim = 4


class GlobalMaxPooling3D(GlobalMaxPooling):
    r"""The greatest value that every channel of a volume has, :math:`\max_{ijk} x_{ijkc}`.

    Parameters
    ----------
    keepdims, name
        As of `GlobalMaxPooling2D`.

    Raises
    ------
    ShapeError
        If the input is no (batch, depth, rows, columns, channels).

    Examples
    --------
    >>> GlobalMaxPooling3D()(pel.tensor("x", shape=("n", 4, 7, 7, 16))).shape
    ('n', 16)
    """

    ndim = 5


class GlobalAveragePooling1D(GlobalAveragePooling):
    r"""The mean of every channel of a sequence over the steps that count, :math:`\sum_t m_t x_{t c} / \sum_t m_t`; all
    of them without a mask.

    Parameters
    ----------
    keepdims : bool
        Whether the axis of steps stays, with one element.
    name : str, optional
        Without it ``global_average_pooling1d``, ``global_average_pooling1d_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, steps, channels).

    Examples
    --------
    >>> GlobalAveragePooling1D()(pel.tensor3("x", shape=("n", "t", 8))).shape
    ('n', 8)

    References
    ----------
    M. Lin, Q. Chen and S. Yan, Network In Network, ICLR 2014.
    """

    ndim = 3
    takes_mask = True

    def call(self, x: Expr, mask: Expr | None = None) -> Expr:
        """Return the mean of every channel."""
        if mask is None:
            return super().call(x)
        x = as_real(x)
        counts = expand_dims(to_dtype(mask, x.dtype), -1)
        average: Expr = sum(counts * x, **self.over) / sum(counts, **self.over)
        return average


class GlobalAveragePooling2D(GlobalAveragePooling):
    r"""The mean of every channel of an image, :math:`\frac{1}{h w} \sum_{ij} x_{ijc}`.

    Parameters
    ----------
    keepdims : bool
        Whether the axes of rows and columns stay, with one element each.
    name : str, optional
        Without it ``global_average_pooling2d``, ``global_average_pooling2d_1`` and so on.

    Raises
    ------
    ShapeError
        If the input is no (batch, rows, columns, channels).

    Examples
    --------
    >>> GlobalAveragePooling2D()(pel.tensor4("x", shape=("n", 7, 7, 512))).shape
    ('n', 512)

    References
    ----------
    M. Lin, Q. Chen and S. Yan, Network In Network, arXiv:1312.4400.
    """

    ndim = 4


class GlobalAveragePooling3D(GlobalAveragePooling):
    r"""The mean of every channel of a volume, :math:`\frac{1}{d h w} \sum_{ijk} x_{ijkc}`.

    Parameters
    ----------
    keepdims, name
        As of `GlobalAveragePooling2D`.

    Raises
    ------
    ShapeError
        If the input is no (batch, depth, rows, columns, channels).

    Examples
    --------
    >>> GlobalAveragePooling3D()(pel.tensor("x", shape=("n", 4, 7, 7, 16))).shape
    ('n', 16)

    References
    ----------
    M. Lin, Q. Chen and S. Yan, Network In Network, ICLR 2014.
    """

    ndim = 5
