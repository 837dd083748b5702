"""Windows that keep one value."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.graph.expr import Expr
from pellucid.graph.ops.pooling import max_pool
from pellucid.graph.ops.windows import as_tuple
from pellucid.nn.layers.base import Layer


class MaxPooling2D(Layer):
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
    """

    ndim = 4

    def __init__(
        self,
        pool_size: int | Sequence[int] = (2, 2),
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.pool_size = as_tuple(pool_size, 2, "pool_size")
        self.strides = self.pool_size if strides is None else as_tuple(strides, 2, "strides")
        self.padding = padding

    def call(self, x: Expr) -> Expr:
        """Return the greatest of every window."""
        pooled: Expr = max_pool(x, pool_size=self.pool_size, strides=self.strides, padding=self.padding)
        return pooled
