"""Global max pooling and global average pooling layers."""

from __future__ import annotations

from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.ops.reductions import max_, mean, sum
from pellucid.graph.ops.reshape import expand_dims
from pellucid.graph.ops.where import where
from pellucid.nn.dtypes import to_dtype, to_float
from pellucid.nn.layers.spatial import SpatialLayer

__all__ = [
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
]


class GlobalPooling(SpatialLayer):
    """Base of global pooling layers."""

    def __init__(self, keepdims: bool = False, name: str | None = None) -> None:
        super().__init__(name)
        self.keepdims = keepdims

    @property
    def reduction(self) -> dict[str, Any]:
        """Arguments of the reduction over the spatial axes."""
        return {"axis": tuple(range(1, self.spatial_ndim + 1)), "keepdims": self.keepdims}


class GlobalMaxPooling(GlobalPooling):
    """Global max pooling; see `GlobalMaxPooling2D`."""

    def call(self, x: Expr) -> Expr:
        maximum: Expr = max_(x, **self.reduction)
        return maximum


class GlobalAveragePooling(GlobalPooling):
    """Global average pooling; see `GlobalAveragePooling2D`."""

    def call(self, x: Expr) -> Expr:
        average: Expr = mean(to_float(x), **self.reduction)
        return average


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

    ndim = 3
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

    ndim = 4


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

    ndim = 5


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

    ndim = 3
    takes_mask = True

    def call(self, x: Expr, mask: Expr | None = None) -> Expr:
        if mask is None:
            return super().call(x)
        x = to_float(x)
        weights = expand_dims(to_dtype(mask, x.dtype), -1)
        average: Expr = sum(weights * x, **self.reduction) / sum(weights, **self.reduction)
        return average


class GlobalAveragePooling2D(GlobalAveragePooling):
    r"""2D global average pooling layer, :math:`\frac{1}{h w} \sum_{ij} x_{ijc}`.

    Parameters
    ----------
    keepdims : bool
        Whether to keep the spatial axes, with length 1.
    name : str, optional
        Name of the layer. By default ``global_average_pooling2d``, ``global_average_pooling2d_1`` and so on.

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

    ndim = 4


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

    ndim = 5
